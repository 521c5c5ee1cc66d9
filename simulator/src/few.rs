//! Judges runs of a few updates by every property of the models, over the same view as the checker.

use crate::{
    judge::{Judge, Moment, ReadBack, Step},
    node::Common,
    scenario::Scenario,
    slips::Slip,
    widen::{self, Wide},
};
use chinwag::{
    Change, Effects, ManagerState, Message, Replica, ReplicaId, ReplicaManager, Rules, Timestamp,
    rules::FAITHFUL, runtime::Durability,
};
use chinwag_models::{
    application::{Application, Op, Tags},
    consistency::sessions,
    histories,
    model::Serves,
    party::{ClientLocal, Life, ManagerLocal, broken},
    properties::{Kind, PROPERTIES, Scope},
    view::{Setting, View},
};
use std::collections::BTreeSet;

mod caller;
mod standing;
pub use caller::FewCaller;
use caller::operation;

/// What may be left of a replica after power loss, with what must be remembered of it then.
#[derive(Clone)]
struct Snapshot(ManagerLocal);

/// Judges by every property.
pub struct Few {
    setting: Setting,
    /// Somebody is replaced: all is told in the timestamps of afterwards.
    is_wide: bool,
    common: Common,
    locals: Vec<ManagerLocal>,
    /// What power loss may leave, oldest first: the last one that is synced, and those after it.
    snapshots: Vec<Vec<Snapshot>>,
    /// What each replica manager has told of.
    told: Vec<Timestamp>,
    scenario: Scenario,
    /// Who has changed since it was last judged.
    new: BTreeSet<ReplicaId>,
    looks: u64,
}

impl Judge for Few {
    type Service = Application;
    type Caller = FewCaller;

    fn new(scenario: &Scenario, common: &Common) -> Self {
        let group = common.group(true);
        let lawful = scenario.serves != Serves::Transcript;
        let (asked, replaced) = (Tags::default(), common.replaced);
        let setting = Setting { group, honest: true, whole: true, lawful, asked, replaced };
        let local = |id| {
            let empty = Replica::empty(group.updatable.into());
            let node = ReplicaManager::new(id, group);
            ManagerLocal {
                state: node.start(empty.clone(), &mut Effects::default()),
                disk: empty,
                unwritten: Vec::new(),
                crashes: 0,
                life: standing::at_first(common, id),
                backup: None,
                said: 0,
                received: Default::default(),
                forgotten: Default::default(),
                late: false,
                broken: 0,
            }
        };
        let locals: Vec<_> = group.places().map(local).collect();
        Self {
            setting,
            is_wide: common.replaced.is_some(),
            common: *common,
            snapshots: locals.iter().map(|local| vec![Snapshot(local.clone())]).collect(),
            told: locals.iter().map(|_| group.zero()).collect(),
            locals,
            scenario: scenario.clone(),
            new: BTreeSet::new(),
            looks: 0,
        }
    }

    fn caller(&self, client: u16) -> FewCaller {
        FewCaller::new(&self.scenario, &self.common, client)
    }

    fn boast(&self) -> Op {
        operation(self.scenario.serves)(0)
    }

    fn note(&mut self, step: Step<'_, Application>) {
        let wide = self.is_wide.then(|| Wide::of(&step, self.setting.group));
        let step = match &wide {
            Some(wide) => wide.step(&step),
            None => step,
        };
        let me = step.me.index();
        let notes = step.notes;
        let idle = step.written.is_empty() && notes.sent.is_empty() && notes.received.is_empty();
        if idle && !step.stopped {
            // Nothing has changed but what is synced, at most.
            let last = self.snapshots[me].len().saturating_sub(1);
            if step.truly_synced {
                self.snapshots[me].drain(..last);
            }
            if step.synced {
                self.told[me].merge(step.state.replica.replica_ts());
            }
            return;
        }
        let mut next = self.locals[me].clone();
        next.state = step.state.clone();
        let rules = self.rules();
        for change in step.written.iter().flatten() {
            next.disk.commit(rules, change);
        }
        next.observe(&self.locals[me], step.written.iter().flatten());
        if step.stopped {
            self.snapshots[me].push(Snapshot(next));
            return;
        }
        if step.truly_synced {
            self.snapshots[me].clear();
        }
        if step.synced {
            self.told[me].merge(next.state.replica.replica_ts());
        }
        // Else what was synced earlier: all that may be told of.
        let durable = self.told[me].clone();
        next.broken |= self.judge_step(&self.locals[me], &step, &durable);
        let snapshots = &mut self.snapshots[me];
        let before = &self.locals[me];
        let same = step.written.is_empty()
            && before.state.table == next.state.table
            && before.state.waiting == next.state.waiting
            && before.broken == next.broken;
        if !same {
            self.new.insert(step.me);
        }
        match snapshots.last_mut() {
            // Nothing was written: the one that is there is this one.
            Some(Snapshot(last)) if step.written.is_empty() => *last = next.clone(),
            _ => snapshots.push(Snapshot(next.clone())),
        }
        self.locals[me] = next;
    }

    fn lost(&mut self, me: ReplicaId) {
        self.locals[me.index()].life = Life::Lost;
    }

    fn recorded(&mut self, me: ReplicaId) {
        self.locals[me.index()].life = Life::Recorded;
        for Snapshot(snapshot) in &mut self.snapshots[me.index()] {
            snapshot.life = Life::Recorded;
        }
    }

    fn copied(&mut self, me: ReplicaId, state: &ManagerState<Application>) {
        self.take_copy(me, state);
    }

    fn waits_in_vain(&self, caller: &FewCaller) -> bool {
        self.view(&[], |_| true).waits_for_lost(&caller.shown().state.ts)
    }

    fn read_back(&mut self, me: ReplicaId, state: &ManagerState<Application>) -> ReadBack {
        let wide = self.is_wide.then(|| widen::state(state, self.setting.group));
        let state = wide.as_ref().unwrap_or(state);
        let snapshots = &mut self.snapshots[me.index()];
        let is_it = |Snapshot(s): &Snapshot| s.disk == state.replica;
        let Some(at) = snapshots.iter().rposition(is_it) else {
            let less = !state.replica.replica_ts().covers(&self.told[me.index()]);
            return if less { ReadBack::Less } else { ReadBack::Strange };
        };
        let Snapshot(mut found) = snapshots.swap_remove(at);
        found.state = state.clone();
        *snapshots = vec![Snapshot(found.clone())];
        let sound = state.replica.replica_ts().covers(&self.told[me.index()]);
        self.told[me.index()] = state.replica.replica_ts().clone();
        self.locals[me.index()] = found;
        self.new.insert(me);
        if sound { ReadBack::Sound } else { ReadBack::Less }
    }

    fn broken(
        &mut self,
        callers: &[FewCaller],
        vanished: &[bool],
        judged: &[bool],
        moment: Moment,
    ) -> Option<String> {
        if moment == Moment::Any {
            return self.changed(callers, judged);
        }
        let ran = self.locals.iter().fold(Tags::default(), |ran, local| ran.or(local.ran()));
        let asked = callers.iter().zip(vanished).map(|(caller, gone)| match gone {
            true => (caller.local.own.0 | caller.abandoned.0) & ran.0,
            false => caller.local.own.0 | caller.abandoned.0 & ran.0,
        });
        self.setting.asked = Tags(asked.fold(0, |all, one| all | one));
        self.looks += 1;
        let all = callers.iter().map(FewCaller::shown);
        let here = all.clone().zip(vanished).filter(|(_, gone)| !**gone).map(|(local, _)| local);
        let here: Vec<_> = here.collect();
        let view = self.view(&here, |_| true);
        let unfinished = match moment {
            // Who does not hear a peer does not learn that it has all, and keeps its log for it.
            Moment::Spread => broken_but(&view, &[Scope::Idle, Scope::End], &NEED_EVERY_LINK),
            _ => broken_of(&view, &[Scope::Idle, Scope::End]),
        };
        if unfinished.is_some() {
            return unfinished;
        }
        let abandoned: Vec<_> = callers.iter().flat_map(FewCaller::sessions_of_abandoned).collect();
        let clients: Vec<_> = all.collect();
        let view = View { clients: clients.iter().copied().chain(&abandoned).collect(), ..view };
        let seen = sessions::all(&histories::history(&view));
        let seen = seen.map_err(|violation| format!("{CAUSAL}: {violation}")).err();
        let view = View { clients, ..view };
        broken_of(&view, &[Scope::Node, Scope::Pair]).or(seen).or(self.lost_though_held(callers))
    }

    fn looks(&self) -> u64 {
        self.looks
    }
}

/// Judged of all clients, also those that are not heard of again.
const CAUSAL: &str = "what clients saw is causally consistent";

/// What a manager can know only of a peer that it hears.
const NEED_EVERY_LINK: [&str; 2] =
    ["the logs end up empty", "the executed table ends up with what is not acknowledged"];

/// The first promise of these scopes that this view breaks.
fn broken_of(view: &View<'_>, scopes: &[Scope]) -> Option<String> {
    broken_but(view, scopes, &[])
}

fn broken_but(view: &View<'_>, scopes: &[Scope], but: &[&str]) -> Option<String> {
    let promises = PROPERTIES.iter().filter(|p| p.kind == Kind::Always && p.sentence != CAUSAL);
    let promises = promises.filter(|p| !but.contains(&p.sentence));
    let mut promises = promises.filter(|p| scopes.contains(&p.scope));
    promises.find(|p| !(p.holds)(view)).map(|p| p.sentence.to_owned())
}

impl Few {
    /// Judges what has changed: each node by itself, and with each other one. That is enough (see `View`).
    fn changed(&mut self, callers: &[FewCaller], judged: &[bool]) -> Option<String> {
        let is_judged = |id: &ReplicaId| judged[id.index()];
        let mut broken = None;
        let mut look = |managers: &[ReplicaId], clients: &[&ClientLocal]| {
            let scope = if managers.len() + clients.len() == 1 { Scope::Node } else { Scope::Pair };
            let view = self.view(clients, |id| managers.contains(&id));
            broken = broken.take().or_else(|| broken_of(&view, &[scope]));
        };
        let all: Vec<_> = self.setting.group.places().filter(is_judged).collect();
        let (new, old): (Vec<_>, Vec<_>) = all.iter().partition(|id| self.new.contains(id));
        let mut looks = 0;
        for a in &new {
            looks += 1;
            look(&[*a], &[]);
            all.iter().filter(|b| *b != a).for_each(|b| look(&[*a, *b], &[]));
            callers.iter().for_each(|caller| look(&[*a], &[caller.shown()]));
        }
        for caller in callers.iter().filter(|caller| caller.is_new.take()) {
            looks += 1;
            look(&[], &[caller.shown()]);
            old.iter().for_each(|a| look(&[*a], &[caller.shown()]));
        }
        self.looks += looks;
        self.new.clear();
        broken
    }

    fn rules(&self) -> &'static Rules {
        match self.common.slip {
            Some(Slip::Rules(mutant)) => mutant.rules,
            _ => &FAITHFUL,
        }
    }

    /// Promises that show only in the step that breaks them.
    fn judge_step(
        &self,
        before: &ManagerLocal,
        step: &Step<'_, Application>,
        durable: &Timestamp,
    ) -> u16 {
        let mut found = 0;
        let alone = self.common.acknowledged_by == 1;
        for (_, message) in &step.notes.sent {
            match message {
                Message::UpdateReply { id, ts } => {
                    let mut records = before.received.values().filter(|r| r.update.id == *id);
                    if alone && !records.all(|r| ts.covers(&r.ts)) {
                        found |= broken::REPLY;
                    }
                    let counts = step.me.index() < ts.len();
                    let synced = self.common.durability != Durability::Fsync
                        || !counts
                        || ts.get(step.me) <= durable.get(step.me);
                    if !synced {
                        found |= broken::DURABLE;
                    }
                }
                Message::Gossip(gossip) if !durable.covers(&gossip.ts) => found |= broken::DURABLE,
                _ => {}
            }
        }
        let came = |key| {
            step.notes.received.iter().any(|(_, message)| match message {
                Message::Gossip(gossip) => gossip.log.iter().any(|r| r.key() == key),
                _ => false,
            })
        };
        let made = step.written.iter().flatten().any(|change| match change {
            Change::Log { records, .. } => records.iter().any(|r| !came(r.key())),
            Change::Discard { .. } => false,
        });
        if made && !self.setting.group.is_updatable(step.me) {
            found |= broken::READ_ONLY;
        }
        let unanswered = |(_, message): &(_, Message<Application>)| !serves(before, step, message);
        if alone && step.notes.received.iter().any(unanswered) {
            found |= broken::AVAILABLE;
        }
        found
    }
}

/// Does it do what it can do alone? (S44, P23)
fn serves(
    before: &ManagerLocal,
    step: &Step<'_, Application>,
    message: &Message<Application>,
) -> bool {
    let sent = |what: &dyn Fn(&Message<Application>) -> bool| {
        step.notes.sent.iter().any(|(_, message)| what(message))
    };
    match message {
        Message::Update(update) => {
            let finished = step.state.replica.known(update.id).finished;
            finished
                || sent(&|m| match m {
                    Message::UpdateReply { id, .. } | Message::Refused { id, .. } => {
                        *id == update.id
                    }
                    _ => false,
                })
        }
        Message::Query { id, prev, .. } if before.state.replica.value_ts().covers(prev) => {
            sent(&|m| matches!(m, Message::QueryReply { id: answered, .. } if answered == id))
        }
        _ => true,
    }
}
