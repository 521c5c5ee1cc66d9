//! Arbitrary states that satisfy the invariants, and arbitrary inputs.
//!
//! A replica is what its journal makes of it: all records at once, with arbitrary pasts (also such that no
//! manager ever issued, or that wait for each other), identifiers and acknowledgements, then an arbitrary
//! part of what ran discarded. What it knows of others is arbitrary below what it holds.
//!
//! Of inputs it is assumed only what the wire refuses otherwise, or what the same invariants say of their
//! sender: a record's timestamp is its past with one new count; a relayed row is not ahead of the relay.

use crate::invariants::{has_told_of_what_is_gone, peers};
use chinwag::{
    Applied, Change, Effects, FrontEndId, Gossip, Group, Input, LogRecord, ManagerState, Message,
    Replica, ReplicaId, ReplicaManager, RequestId, Rules, Sender, Serial, Service, Timer,
    Timestamp, Update, WaitingQuery, rules::FAITHFUL,
};
use quickcheck::{Arbitrary, Gen};
use std::sync::Arc;

/// What ran, in order.
#[derive(
    Clone,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Ran(pub Vec<RequestId>);

impl Service for Ran {
    type Op = ();
    type Query = ();
    type Answer = ();
    fn apply(&mut self, update: Applied<'_, ()>) {
        self.0.push(update.id);
    }
    fn answer(&self, (): &()) {}
}

/// What can happen to a replica manager.
#[derive(Clone, Debug)]
pub enum Act {
    Handle(Input<Ran>),
    /// It crashes, and starts again with what is durable.
    StartAgain,
}

/// A state, and what happens to it.
#[derive(Clone, Debug)]
pub struct Case {
    pub manager: ReplicaManager,
    pub before: ManagerState<Ran>,
    pub act: Act,
}

impl Case {
    /// The state after it, if these rules are followed.
    pub fn after(&self, rules: &'static Rules) -> ManagerState<Ran> {
        let (acting, mut fx) = (self.manager.clone().with_rules(rules), Effects::default());
        let mut after = self.before.clone();
        match &self.act {
            Act::Handle(input) => acting.handle(&mut after, input.clone(), &mut fx),
            Act::StartAgain => after = acting.start(after.replica, &mut fx),
        }
        after
    }
}

impl Arbitrary for Case {
    fn arbitrary(g: &mut Gen) -> Self {
        let manager = manager(g);
        let before = state(g, &manager);
        let act = match below(g, 12) {
            0 => Act::StartAgain,
            _ => Act::Handle(input(g, &manager, &before)),
        };
        Self { manager, before, act }
    }
}

fn below(g: &mut Gen, bound: u64) -> u64 {
    u64::arbitrary(g) % bound
}

fn manager(g: &mut Gen) -> ReplicaManager {
    let mut group = Group::of(2 + below(g, 2) as u16).and_read_only(below(g, 3) as u16);
    // One was lost, if there is no read-only one.
    if bool::arbitrary(g) {
        group = group.replacing(ReplicaId(below(g, 2) as u16)).unwrap_or(group);
    }
    let members: Vec<_> = group.members().collect();
    let id = *g.choose(&members).expect("there are two");
    let mut manager = ReplicaManager::new(id, group);
    (manager.pulls, manager.relays) = (bool::arbitrary(g), bool::arbitrary(g));
    manager.batch = below(g, 3) as u32;
    manager
}

/// Any vector, mostly small.
fn vector(g: &mut Gen, entries: usize) -> Timestamp {
    (0..entries).map(|_| below(g, 4)).collect()
}

fn id(g: &mut Gen) -> RequestId {
    let serial = Serial { incarnation: below(g, 2) as u32, number: below(g, 4) };
    RequestId { front_end: FrontEndId(below(g, 3)), serial }
}

fn update(g: &mut Gen, entries: usize) -> Update<Ran> {
    let id = id(g);
    let mut acknowledged = Serial { number: below(g, id.serial.number + 1), ..id.serial };
    if id.serial.incarnation > 0 && below(g, 3) == 0 {
        // In the life before.
        acknowledged = Serial { incarnation: 0, number: below(g, 4) };
    }
    // Half of them build on little, so that something runs.
    let mut prev = vector(g, entries);
    if bool::arbitrary(g) {
        prev.meet(&vector(g, entries));
    }
    Update { id, acknowledged, prev, op: () }
}

fn record(g: &mut Gen, entries: usize, origin: ReplicaId, seq: u64) -> Arc<LogRecord<Ran>> {
    let mut update = update(g, entries);
    update.prev.set(origin, update.prev.get(origin).min(seq - 1));
    Arc::new(LogRecord { origin, ts: update.prev.with(origin, seq), update })
}

/// A record for each count beyond `from`, in ascending order.
fn records(g: &mut Gen, from: &Timestamp, upto: &Timestamp) -> Vec<Arc<LogRecord<Ran>>> {
    let mut all = Vec::new();
    for (origin, last) in upto.entries() {
        for seq in from.get(origin) + 1..=last {
            all.push(record(g, upto.len(), origin, seq));
        }
    }
    all
}

fn replica(g: &mut Gen, group: Group) -> Replica<Ran> {
    let entries = usize::from(group.updatable);
    let mut replica = Replica::empty(entries);
    let replica_ts = vector(g, entries);
    let records = records(g, &group.zero(), &replica_ts);
    replica.commit(&FAITHFUL, &Change::Log { replica_ts, records });
    let mut upto = replica.executed_prefix();
    upto.meet(&vector(g, entries));
    replica.commit(&FAITHFUL, &Change::Discard { upto });
    replica
}

fn state(g: &mut Gen, manager: &ReplicaManager) -> ManagerState<Ran> {
    let entries = usize::from(manager.group.updatable);
    let mut state = manager.start(replica(g, manager.group), &mut Effects::default());
    for peer in manager.group.members() {
        let mut row = vector(g, entries);
        row.meet(state.replica.replica_ts());
        if peer != manager.id && has_told_of_what_is_gone(manager, peer) {
            row.merge(state.replica.discarded());
        }
        state.table[peer.index()] = row;
    }
    for _ in 0..below(g, 4) {
        let (id, prev) = (id(g), vector(g, entries));
        if !state.replica.value_ts().covers(&prev) {
            state.waiting.insert(id, WaitingQuery { prev, query: () });
        }
    }
    for peer in peers(manager) {
        state.owed[peer.index()] = !manager.has_reason(&state, peer) && bool::arbitrary(g);
    }
    state.unsent = below(g, u64::from(manager.batch).max(1)) as u32;
    state
}

fn input(g: &mut Gen, manager: &ReplicaManager, state: &ManagerState<Ran>) -> Input<Ran> {
    let entries = usize::from(manager.group.updatable);
    let others: Vec<_> = peers(manager).collect();
    let peer = *g.choose(&others).expect("a group has two members at least");
    let front_end = Sender::FrontEnd(FrontEndId(below(g, 3)));
    match below(g, 8) {
        0..=1 => Input::Message(front_end, Message::Update(update(g, entries))),
        2 => {
            let (id, prev) = (id(g), vector(g, entries));
            Input::Message(front_end, Message::Query { id, prev, query: () })
        }
        3 => {
            let replica_ts = vector(g, entries);
            Input::Message(Sender::Replica(peer), Message::Pull { replica_ts })
        }
        4 => Input::Timer(Timer::Gossip { to: peer }),
        _ => Input::Message(Sender::Replica(peer), Message::Gossip(gossip(g, manager, state))),
    }
}

/// From anywhere up to anywhere: it may leave a gap, repeat what is there, and claim more than it carries.
fn gossip(g: &mut Gen, manager: &ReplicaManager, state: &ManagerState<Ran>) -> Gossip<Ran> {
    let entries = usize::from(manager.group.updatable);
    let held = state.replica.replica_ts();
    let mut from = if bool::arbitrary(g) { held.clone() } else { vector(g, entries) };
    let mut ts = vector(g, entries);
    if bool::arbitrary(g) && manager.group.is_updatable(manager.id) {
        // Else it mostly tells this manager that it has lost its state.
        ts.set(manager.id, ts.get(manager.id).min(held.get(manager.id)));
    }
    if bool::arbitrary(g) {
        from.meet(&vector(g, entries));
    }
    let rows = if bool::arbitrary(g) { usize::from(manager.group.replicas) } else { 0 };
    let row = |g: &mut Gen| {
        let mut row = vector(g, entries);
        row.meet(&ts);
        row
    };
    let table = (0..rows).map(|_| row(g)).collect();
    let mut log = records(g, &from, &ts);
    if below(g, 4) == 0 && !log.is_empty() {
        log.remove(below(g, log.len() as u64) as usize);
    }
    // Nearly all have recorded the same.
    let epoch = manager.group.epoch + u16::from(below(g, 6) == 0);
    Gossip { log, ts, complete: bool::arbitrary(g), asks: bool::arbitrary(g), table, epoch }
}
