//! The parties of a model: the protocol's own nodes, with a script for the client and ghosts for the judge.
//!
//! A ghost is what a property needs to know and no handler may read: which records ever came, what a client
//! had seen when it asked. Ghosts are functions of what a node has met, kept as small as they can be, since
//! every one of them is part of the state that the checker enumerates.

use crate::application::{Answer, Application, Op, Tag, Tags};
use chinwag::{
    Change, Destination, Effects, Event, FrontEnd, FrontEndState, Input, LogRecord, ManagerState,
    Message, RecordKey, Replica, ReplicaManager, Request, RequestId, Rules, Sender, Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What travels in a model.
pub type Sent = (Destination, Message<Application>);

/// A broken promise that shows only in the step that breaks it: a bit of `broken`.
pub mod broken {
    /// A reply to an update does not cover a record of it that the replier holds (P20).
    pub const REPLY: u16 = 1;
    /// A timestamp of a node went down (P12).
    pub const MONOTONE: u16 = 1 << 1;
    /// A message left that claims more than was durable (P22).
    pub const DURABLE: u16 = 1 << 2;
    /// A record was journalled twice (C16).
    pub const TWICE: u16 = 1 << 3;
    /// A record of a forgotten identifier came in (P26).
    pub const FORGOTTEN: u16 = 1 << 4;
    /// A replica manager did not answer what it could have answered alone (P23).
    pub const AVAILABLE: u16 = 1 << 5;
    /// A client did not read its own write (P10).
    pub const OWN_WRITES: u16 = 1 << 6;
    /// A client saw less than it had seen (P10).
    pub const READS: u16 = 1 << 7;
    /// A client did not see what another one told it of (P8).
    pub const HEARSAY: u16 = 1 << 8;
    /// An answer's timestamp does not cover what was asked for (P11).
    pub const FRESH: u16 = 1 << 9;
    /// A read-only replica took an update (P21).
    pub const READ_ONLY: u16 = 1 << 10;
}

/// How well a replica manager's disk and driver keep the driver's law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disk {
    /// What is journalled is durable before anything is sent.
    #[default]
    Honest,
    /// The driver sends first and journals with the next step.
    Hasty,
    /// The disk drops what it has acknowledged once in a while: every change with exactly one record.
    Lying,
    /// A handler forgets to journal what gossip brought.
    Forgetful,
}

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

impl Manager {
    /// The first state.
    pub fn start(&self) -> ManagerLocal {
        let empty = Replica::empty(self.node.group.updatable.into());
        ManagerLocal {
            state: self.node.start(empty.clone(), &mut Effects::default()),
            disk: empty,
            unwritten: Vec::new(),
            crashes: self.crashes,
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
        let mut next = local.clone();
        let mut fx = Effects::default();
        next.late |= self.watches_late && is_late(local, &input);
        self.node.handle(&mut next.state, input.clone(), &mut fx);
        self.journal(&mut next, &fx.journal);
        let sends = self.cut(fx.sends);
        self.observe(local, &mut next, &fx.journal);
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
        let peers = self.node.group.members();
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
        let fits = |log: &[Arc<LogRecord<_>>]| log.len() <= self.records_per_gossip_max;
        let whole = |(to, message)| match message {
            Message::Gossip(gossip) => {
                gossip.fragments(fits).into_iter().map(|g| (to, Message::Gossip(g))).collect()
            }
            other => vec![(to, other)],
        };
        sends.into_iter().flat_map(whole).collect()
    }

    /// Brings the ghosts up to date.
    fn observe(
        &self,
        before: &ManagerLocal,
        next: &mut ManagerLocal,
        journal: &[Change<Application>],
    ) {
        for change in journal {
            let Change::Log { records, .. } = change else { continue };
            for record in records {
                if before.forgotten.contains(&record.update.id) {
                    next.broken |= broken::FORGOTTEN;
                }
                if next.received.insert(record.key(), Arc::clone(record)).is_some() {
                    next.broken |= broken::TWICE;
                }
            }
        }
        let (was, is) = (&before.state.replica, &next.state.replica);
        let forgotten = was.executed().keys().filter(|id| !is.executed().contains_key(id));
        next.forgotten.extend(forgotten.copied());
        let rows = before.state.table.iter().zip(&next.state.table);
        let monotone = is.replica_ts().covers(was.replica_ts())
            && is.value_ts().covers(was.value_ts())
            && rows.into_iter().all(|(was, is)| is.covers(was));
        if !monotone {
            next.broken |= broken::MONOTONE;
        }
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

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Ask for an update.
    Update(Tag),
    /// Ask for one that does not build on what is still under way.
    Independent(Tag),
    /// Ask a question, and wait for the answer.
    Query,
    /// Tell another client all that this one knows of.
    Tell(u64),
    /// Wait until another client has told something.
    Wait,
}

/// A client with its front end.
#[derive(Clone, Debug)]
pub struct Client {
    /// The protocol's node.
    pub node: FrontEnd,
    /// What the client does, in order.
    pub script: Vec<Line>,
    /// Where its requests go, by their numbers; anywhere if it has no route.
    pub route: Option<&'static [u16]>,
    /// How often it may lose patience.
    pub retries: u8,
    /// What the client claims to have seen at the start: more than nothing for a liar.
    pub seen: Timestamp,
    /// What the service does with each tag.
    pub op: fn(Tag) -> Op,
    /// Does it keep its whole history, for the testers that judge nothing else?
    pub keeps_history: bool,
}

/// What an update followed, in its client's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// The update.
    pub tag: Tag,
    /// The client's own earlier updates that it builds on.
    pub own: Tags,
    /// What the client had read.
    pub read: Tags,
    /// What others had told the client of.
    pub told: Tags,
}

/// An answer as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// What it was said to reflect.
    pub ts: Timestamp,
    /// The answer.
    pub answer: Answer,
}

/// One thing that a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// It asked for an update.
    Updated(Tag),
    /// It read these updates, in this order.
    Read(Vec<Tag>),
    /// It told another client.
    Told(u64),
    /// It heard from another client, which had told this many times before.
    Heard(u64),
}

/// All that a client of a model is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientLocal {
    /// What the protocol knows.
    pub state: FrontEndState<Application>,
    /// The next line of the script.
    pub at: usize,
    /// Retries left.
    pub retries: u8,
    /// Ghost: updates asked for.
    pub own: Tags,
    /// Ghost: of these, the ones that have a timestamp.
    pub stamped: Tags,
    /// Ghost: updates seen in answers.
    pub read: Tags,
    /// Ghost: updates that others told of.
    pub told: Tags,
    /// Ghost: who has told something.
    pub heard: u32,
    /// Ghost: what each update followed.
    pub causes: Vec<Cause>,
    /// Ghost: what the question under way must see.
    pub must: Option<Cause>,
    /// Ghost: the last answer.
    pub last: Option<Seen>,
    /// Ghost: everything, if the model asks for it.
    pub history: Vec<Happening>,
    /// Ghost: promises broken in a step.
    pub broken: u16,
}

impl Client {
    /// The first state, and the first requests.
    pub fn start(&self) -> (ClientLocal, Vec<Sent>) {
        let mut local = ClientLocal {
            state: self.node.start(self.seen.clone()),
            at: 0,
            retries: self.retries,
            own: Tags::default(),
            stamped: Tags::default(),
            read: Tags::default(),
            told: Tags::default(),
            heard: 0,
            causes: Vec::new(),
            must: None,
            last: None,
            history: Vec::new(),
            broken: 0,
        };
        let mut fx = Effects::default();
        self.go_on(&mut local, &mut fx);
        (local, self.routed(fx.sends))
    }

    /// One handler, and what the client does upon it.
    pub fn step(&self, local: &ClientLocal, input: Input<Application>) -> (ClientLocal, Vec<Sent>) {
        let mut next = local.clone();
        let mut fx = Effects::default();
        if let Input::Timer(_) = input {
            next.retries = next.retries.saturating_sub(1);
        }
        if let Input::Message(Sender::FrontEnd(from), Message::Tell { body, .. }) = &input {
            self.hear(&mut next, from.0, body);
        }
        self.node.handle(&mut next.state, input, &mut fx);
        for event in std::mem::take(&mut fx.events) {
            self.observe(local, &mut next, event);
        }
        if !next.state.ts.covers(&local.state.ts) {
            next.broken |= broken::MONOTONE;
        }
        self.go_on(&mut next, &mut fx);
        (next, self.routed(fx.sends))
    }

    /// Replaces "any" by the manager that the client's route names.
    fn routed(&self, sends: Vec<Sent>) -> Vec<Sent> {
        let Some(route) = self.route else { return sends };
        let to = |id: RequestId| {
            Destination::Replica(chinwag::ReplicaId(route[id.serial.number as usize]))
        };
        let along = |(destination, message)| match &message {
            Message::Update(update) => (to(update.id), message),
            Message::Query { id, .. } => (to(*id), message),
            _ => (destination, message),
        };
        sends.into_iter().map(along).collect()
    }

    fn hear(&self, next: &mut ClientLocal, from: u64, body: &[u8]) {
        let word: [u8; 4] = body.try_into().expect("clients of a model tell four bytes");
        next.told = next.told.or(Tags(u32::from_le_bytes(word)));
        if next.heard >> from & 1 == 0 {
            next.heard |= 1 << from;
            self.record(next, Happening::Heard(from));
        }
    }

    fn observe(&self, before: &ClientLocal, next: &mut ClientLocal, event: Event<Application>) {
        match event {
            Event::Stamped { id, .. } => {
                let request = before.state.in_flight.get(&id.serial.number).map(|r| &r.request);
                if let Some(Request::Update(op) | Request::Independent(op)) = request {
                    next.stamped = next.stamped.with(op.tag);
                }
            }
            Event::Answered { id, answer, ts } => {
                let must = next.must.take().unwrap_or(NOTHING);
                let order: Tags = answer.order.iter().copied().collect();
                let asked = &before.state.in_flight[&id.serial.number].prev;
                for (holds, promise) in [
                    (must.own.within(order), broken::OWN_WRITES),
                    (must.read.within(order), broken::READS),
                    (must.told.within(order), broken::HEARSAY),
                    (ts.covers(asked), broken::FRESH),
                ] {
                    next.broken |= if holds { 0 } else { promise };
                }
                next.read = next.read.or(order);
                self.record(next, Happening::Read(answer.order.clone()));
                next.last = Some(Seen { ts, answer });
            }
            Event::Told { .. } | Event::StateLost { .. } => {}
        }
    }

    /// The client does all that it can do without waiting.
    fn go_on(&self, local: &mut ClientLocal, fx: &mut Effects<Application>) {
        while let Some(line) = self.script.get(local.at) {
            let unheard = local.heard.count_ones() < self.waits_before(local.at + 1);
            if local.must.is_some() || *line == Line::Wait && unheard {
                return;
            }
            local.at += 1;
            if let Some(request) = self.request(local, *line) {
                self.node.on_request(&mut local.state, request, fx);
            }
        }
    }

    fn waits_before(&self, at: usize) -> u32 {
        self.script[..at].iter().filter(|line| **line == Line::Wait).count() as u32
    }

    fn request(&self, local: &mut ClientLocal, line: Line) -> Option<Request<Application>> {
        let cause = |tag, own| Cause { tag, own, read: local.read, told: local.told };
        match line {
            Line::Update(tag) => {
                local.causes.push(cause(tag, local.own));
                local.own = local.own.with(tag);
                self.record(local, Happening::Updated(tag));
                Some(Request::Update((self.op)(tag)))
            }
            Line::Independent(tag) => {
                local.causes.push(cause(tag, local.stamped));
                local.own = local.own.with(tag);
                self.record(local, Happening::Updated(tag));
                Some(Request::Independent((self.op)(tag)))
            }
            Line::Query => {
                local.must = Some(cause(0, local.own));
                Some(Request::Query(()))
            }
            Line::Tell(to) => {
                let knows = local.own.or(local.read).or(local.told);
                self.record(local, Happening::Told(to));
                let body = knows.0.to_le_bytes().to_vec();
                Some(Request::Tell { to: chinwag::FrontEndId(to), body })
            }
            Line::Wait => None,
        }
    }

    fn record(&self, local: &mut ClientLocal, happening: Happening) {
        if self.keeps_history {
            local.history.push(happening);
        }
    }
}

const NOTHING: Cause = Cause { tag: 0, own: Tags(0), read: Tags(0), told: Tags(0) };

/// A party of a model.
#[derive(Clone, Debug)]
pub enum Party {
    /// A replica manager.
    Manager(Manager),
    /// A client with its front end.
    Client(Client),
}

/// All that a party is at a moment.
#[allow(clippy::large_enum_variant, reason = "one value a node: a box would only add a step")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// A replica manager's.
    Manager(ManagerLocal),
    /// A client's.
    Client(ClientLocal),
}

impl Party {
    /// The first state and messages.
    pub fn start(&self) -> (Local, Vec<Sent>) {
        match self {
            Party::Manager(manager) => (Local::Manager(manager.start()), Vec::new()),
            Party::Client(client) => {
                let (local, sends) = client.start();
                (Local::Client(local), sends)
            }
        }
    }

    /// One atomic step.
    pub fn step(&self, local: &Local, input: Input<Application>) -> (Local, Vec<Sent>) {
        match (self, local) {
            (Party::Manager(manager), Local::Manager(local)) => {
                let (next, sends) = manager.step(local, input);
                (Local::Manager(next), sends)
            }
            (Party::Client(client), Local::Client(local)) => {
                let (next, sends) = client.step(local, input);
                (Local::Client(next), sends)
            }
            _ => unreachable!("a party's state has the party's kind"),
        }
    }

    /// The rules that it goes by.
    pub fn with_rules(self, rules: &'static Rules) -> Self {
        match self {
            Party::Manager(m) => Party::Manager(Manager { node: m.node.with_rules(rules), ..m }),
            Party::Client(c) => Party::Client(Client { node: c.node.with_rules(rules), ..c }),
        }
    }
}
