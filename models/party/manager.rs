//! A replica manager of a model: the protocol's node, its disk and its ghosts.

use super::{Disk, Life, Part, Sent, broken};
use crate::application::Application;
use chinwag::{
    Change, Destination, Effects, Event, Input, LogRecord, ManagerState, Message, RecordKey,
    Replica, ReplicaManager, RequestId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A replica manager of a model.
#[derive(Clone, Debug)]
pub struct Manager {
    /// The protocol's node.
    pub node: ReplicaManager,
    /// How often it may crash; [`FOREVER`] for any number of times.
    pub crashes: u8,
    /// Records that fit in one message.
    pub records_per_gossip_max: usize,
    /// Is it noted when an update that was forgotten is requested once more?
    pub watches_late: bool,
    /// What it writes to.
    pub disk: Disk,
    /// What it is to a replacement.
    pub part: Part,
}

/// A budget that is never used up.
pub const FOREVER: u8 = u8::MAX;

/// All that a replica manager of a model is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManagerLocal {
    /// What the protocol knows.
    pub state: ManagerState<Application>,
    /// What is on its disk: the journal, folded.
    pub disk: Replica<Application>,
    /// What its driver has yet to journal (only a hasty one has).
    pub unwritten: Vec<Change<Application>>,
    /// Crashes left.
    pub crashes: u8,
    /// Where it stands in a replacement.
    pub life: Life,
    /// A copy of its disk that may come back.
    pub backup: Option<Box<Replica<Application>>>,
    /// Ghost: peers to which it has sent all that it would send them now. Where nothing is lost, or what is
    /// sent stays under way, saying it again adds nothing.
    pub said: u16,
    /// Ghost: every record that it ever logged.
    pub received: BTreeMap<RecordKey, Arc<LogRecord<Application>>>,
    /// Ghost: identifiers that left its executed table.
    pub forgotten: BTreeSet<RequestId>,
    /// Ghost: an update that it had forgotten was requested once more, and refused.
    pub late: bool,
    /// Ghost: promises broken in a step.
    pub broken: u16,
}

impl ManagerLocal {
    /// Brings the ghosts up to date after a step from `before` that journalled these changes.
    pub fn observe<'a>(
        &mut self,
        before: &Self,
        journal: impl IntoIterator<Item = &'a Change<Application>>,
    ) {
        for change in journal {
            let Change::Log { records, .. } = change else { continue };
            for record in records {
                if before.forgotten.contains(&record.update.id) {
                    self.broken |= broken::FORGOTTEN;
                }
                if self.received.insert(record.key(), Arc::clone(record)).is_some() {
                    self.broken |= broken::TWICE;
                }
            }
        }
        let (was, is) = (&before.state.replica, &self.state.replica);
        let forgotten = was.executed().keys().filter(|id| !is.executed().contains_key(id));
        self.forgotten.extend(forgotten.copied());
        let rows = before.state.table.iter().zip(&self.state.table);
        let monotone = is.replica_ts().covers(was.replica_ts())
            && is.value_ts().covers(was.value_ts())
            && rows.into_iter().all(|(was, is)| is.covers(was));
        if !monotone {
            self.broken |= broken::MONOTONE;
        }
    }
}

impl Manager {
    /// The first state.
    pub fn start(&self) -> ManagerLocal {
        let empty = Replica::empty(self.node.group.updatable.into());
        ManagerLocal {
            state: self.node.start(empty.clone(), &mut Effects::default()),
            disk: empty,
            unwritten: Vec::new(),
            crashes: self.crashes,
            life: match self.part {
                Part::New => Life::Waits { confirmed: 0, asked: false },
                Part::None | Part::Old | Part::Stays(_) => Life::Up,
            },
            backup: None,
            said: 0,
            received: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            late: false,
            broken: 0,
        }
    }

    /// One handler, its journal and its sends: one atomic step.
    pub fn step(
        &self,
        local: &ManagerLocal,
        input: Input<Application>,
    ) -> (ManagerLocal, Vec<Sent>) {
        if let Some(done) = self.apart(local, &input) {
            return done;
        }
        let mut next = local.clone();
        let mut fx = Effects::default();
        next.late |= self.watches_late && is_late(local, &input);
        self.node_of(local).handle(&mut next.state, input.clone(), &mut fx);
        let found_out = fx.events.iter().any(|event| matches!(event, Event::StateLost { .. }));
        if local.life == Life::Restored && found_out {
            next.life = Life::Lost;
        }
        self.journal(&mut next, &fx.journal);
        if local.life == Life::Restored {
            fx.sends.retain(|(_, message)| !matches!(message, Message::Gossip(_)));
        }
        let sends = self.cut(fx.sends);
        next.observe(local, &fx.journal);
        next.broken |= self.judge_sends(local, &next, &input, &sends);
        next.said = self.said(local, &next, &input, &sends);
        (next, sends)
    }

    /// The node stops at any point between two steps and starts again with what its disk holds.
    ///
    /// How long it is down does not matter: messages wait, or never come.
    pub fn crash(&self, local: &ManagerLocal) -> ManagerLocal {
        let mut next = local.clone();
        next.unwritten.clear();
        next.said = 0;
        next.state = self.node.start(local.disk.clone(), &mut Effects::default());
        if local.crashes != FOREVER {
            next.crashes -= 1;
        }
        next
    }

    fn said(
        &self,
        before: &ManagerLocal,
        next: &ManagerLocal,
        input: &Input<Application>,
        sends: &[Sent],
    ) -> u16 {
        let (was, is) = (&before.state, &next.state);
        let timer = |to| *input == Input::Timer(chinwag::Timer::Gossip { to });
        let sent = |to| {
            sends
                .iter()
                .any(|(d, m)| *d == Destination::Replica(to) && matches!(m, Message::Gossip(_)))
        };
        let pulled = matches!(input, Input::Message(_, Message::Pull { .. }));
        let same = |to: usize| {
            was.replica.replica_ts() == is.replica.replica_ts()
                && was.table[to] == is.table[to]
                && (!self.node.relays || was.table == is.table)
                && was.owed[to] >= is.owed[to]
        };
        let peers = self.node.group.places();
        peers.fold(0, |said, to| {
            let (index, says) = (to.index(), timer(to) || sent(to) && !pulled);
            let keeps = before.said >> index & 1 == 1 && same(index);
            said | u16::from(says || keeps) << index
        })
    }

    /// Folds the journal into the disk: what the handler wrote, not what memory holds.
    fn journal(&self, next: &mut ManagerLocal, journal: &[Change<Application>]) {
        let rules = self.node.rules();
        for change in std::mem::take(&mut next.unwritten) {
            next.disk.commit(rules, &change);
        }
        for change in journal {
            let from_gossip = |r: &Arc<LogRecord<_>>| r.origin != self.node.id;
            let dropped = match (self.disk, change) {
                (Disk::Lying, Change::Log { records, .. }) => records.len() == 1,
                (Disk::Forgetful, Change::Log { records, .. }) => records.iter().any(from_gossip),
                _ => false,
            };
            match self.disk {
                Disk::Hasty => next.unwritten.push(change.clone()),
                _ if dropped => {}
                _ => next.disk.commit(rules, change),
            }
        }
    }

    fn cut(&self, sends: Vec<Sent>) -> Vec<Sent> {
        let whole = |(to, message)| match message {
            Message::Gossip(gossip) => {
                let cut = gossip.fragments(self.records_per_gossip_max, |_| 1);
                cut.into_iter().map(|g| (to, Message::Gossip(g))).collect()
            }
            other => vec![(to, other)],
        };
        sends.into_iter().flat_map(whole).collect()
    }

    fn judge_sends(
        &self,
        before: &ManagerLocal,
        next: &ManagerLocal,
        input: &Input<Application>,
        sends: &[Sent],
    ) -> u16 {
        let mut found = 0;
        let durable = next.disk.replica_ts();
        for (_, message) in sends {
            match message {
                Message::UpdateReply { id, ts } => {
                    let mut records = next.received.values().filter(|r| r.update.id == *id);
                    if !records.all(|r| ts.covers(&r.ts)) {
                        found |= broken::REPLY;
                    }
                    if !self.node.group.is_updatable(self.node.id)
                        && !before.state.replica.known(*id).executed
                        && !before.state.replica.known(*id).waiting
                    {
                        found |= broken::READ_ONLY;
                    }
                    if next.disk.count_of(self.node.id) < next.state.replica.count_of(self.node.id)
                    {
                        found |= broken::DURABLE;
                    }
                }
                Message::Gossip(gossip) if !durable.covers(&gossip.ts) => found |= broken::DURABLE,
                _ => {}
            }
        }
        if !self.serves(before, input, sends) {
            found |= broken::AVAILABLE;
        }
        found
    }

    /// Does it do what it can do alone? (S44, P23)
    fn serves(&self, before: &ManagerLocal, input: &Input<Application>, sends: &[Sent]) -> bool {
        let replica = &before.state.replica;
        match input {
            Input::Message(_, Message::Update(update)) => {
                let finished = replica.known(update.id).finished;
                finished
                    || sends.iter().any(|(_, m)| {
                        matches!(m, Message::UpdateReply { .. } | Message::Refused { .. })
                    })
            }
            Input::Message(_, Message::Query { prev, .. }) if replica.value_ts().covers(prev) => {
                sends.iter().any(|(_, m)| matches!(m, Message::QueryReply { .. }))
            }
            _ => true,
        }
    }
}

fn is_late(local: &ManagerLocal, input: &Input<Application>) -> bool {
    match input {
        Input::Message(_, Message::Update(update)) => local.forgotten.contains(&update.id),
        _ => false,
    }
}
