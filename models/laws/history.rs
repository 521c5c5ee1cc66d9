//! Histories with legitimate timestamps, from a stand-in for the protocol that is too simple to be wrong:
//! it discards nothing, loses nothing and sends whole logs. Deliberately shares no code with the protocol
//! but the timestamps.

use super::{Replay, Sampled, execute};
use chinwag::{Applied, FrontEndId, ReplicaId, RequestId, Serial, Timestamp};
use quickcheck::{Arbitrary, Gen};
use std::{collections::BTreeSet, fmt};

/// One step of a history. Numbers beyond what a [`World`] has wrap round.
#[derive(Clone, Debug)]
pub enum Move {
    /// A session asks for an update.
    Update {
        /// Whose session.
        session: u8,
        /// Who records it and answers.
        at: u8,
        /// Who records it as well, but is not heard.
        also: Option<u8>,
        /// Whether the session reads at `at` before, if `at` can answer it.
        reads: bool,
        /// Which operation, see [`Sampled::op`].
        choice: u8,
    },
    /// One manager sends all that it has to another.
    Gossip {
        /// The sender.
        from: u8,
        /// The receiver.
        to: u8,
    },
}

impl Move {
    /// All moves that differ in a world of two managers and two sessions.
    ///
    /// Without loss of generality session 0 begins, at rm0. At most three updates in four records: beyond
    /// that there are too many orders to try them all.
    pub fn all<S: Sampled>(world: &World<S>) -> Vec<Self> {
        let mut all = Vec::new();
        let choices = |bound: u8| 0..if world.records.is_empty() { 1 } else { bound };
        for (session, at) in choices(2).flat_map(|session| choices(2).map(move |at| (session, at)))
        {
            for (also, reads) in
                [(None, false), (None, true), (Some(1 - at), false), (Some(1 - at), true)]
            {
                let records = world.records.len() + if also.is_some() { 2 } else { 1 };
                if records <= 4 && world.updates < 3 {
                    all.extend((0..2).map(|choice| Self::Update {
                        session,
                        at,
                        also,
                        reads,
                        choice,
                    }));
                }
            }
        }
        if !world.records.is_empty() {
            all.extend([Self::Gossip { from: 0, to: 1 }, Self::Gossip { from: 1, to: 0 }]);
        }
        all
    }
}

impl Arbitrary for Move {
    fn arbitrary(g: &mut Gen) -> Self {
        let small = |g: &mut Gen| u8::arbitrary(g) % 3;
        if u8::arbitrary(g) % 3 == 0 {
            return Self::Gossip { from: small(g), to: small(g) };
        }
        let also = bool::arbitrary(g).then(|| small(g));
        let reads = bool::arbitrary(g);
        let choice = u8::arbitrary(g) % 8;
        Self::Update { session: small(g), at: small(g), also, reads, choice }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let Self::Update { session, at, also, reads, choice } = self.clone() else {
            return quickcheck::empty_shrinker();
        };
        let with = move |(also, reads, choice)| Self::Update { session, at, also, reads, choice };
        Box::new(
            (also.map(|_| ()), reads, choice)
                .shrink()
                .map(move |(kept, reads, choice)| with((kept.and(also), reads, choice))),
        )
    }
}

/// A log record: an update as one manager accepted it.
#[derive(Clone)]
pub struct Record<Op> {
    id: RequestId,
    op: Op,
    prev: Timestamp,
    ts: Timestamp,
}

impl<Op> Record<Op> {
    /// As the service is told.
    pub fn applied(&self) -> Applied<'_, Op> {
        Applied { op: &self.op, id: self.id, prev: &self.prev, ts: &self.ts }
    }
}

impl<Op: fmt::Debug> fmt::Debug for Record<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} prev {:?} ts {:?}", self.id, self.op, self.prev, self.ts)
    }
}

/// Managers and sessions.
#[derive(Clone)]
pub struct World<S: Sampled> {
    /// All records made, in the order of acceptance.
    pub records: Vec<Record<S::Op>>,
    /// How many updates they are of.
    pub updates: usize,
    managers: Vec<Manager<S>>,
    sessions: Vec<Session<S>>,
}

#[derive(Clone)]
struct Manager<S> {
    accepted: u64,
    received: BTreeSet<usize>,
    order: Vec<usize>,
    executed: BTreeSet<RequestId>,
    value_ts: Timestamp,
    value: S,
}

#[derive(Clone)]
struct Session<S> {
    ts: Timestamp,
    updates: u64,
    shown: S,
}

impl<S: Sampled> World<S> {
    /// Nothing has happened.
    pub fn of(managers: usize, sessions: usize) -> Self {
        let ts = Timestamp::zero(managers);
        let manager = Manager {
            accepted: 0,
            received: BTreeSet::new(),
            order: Vec::new(),
            executed: BTreeSet::new(),
            value_ts: ts.clone(),
            value: S::default(),
        };
        let session = Session { ts, updates: 0, shown: S::default() };
        let (managers, sessions) = (vec![manager; managers], vec![session; sessions]);
        Self { records: Vec::new(), updates: 0, managers, sessions }
    }

    /// Takes one step. Returns what a session was shown, if it was.
    pub fn step(&mut self, step: &Move) -> Option<S> {
        let manager = |number: u8| usize::from(number) % self.managers.len();
        match *step {
            Move::Update { session, at, also, reads, choice } => {
                let session = usize::from(session) % self.sessions.len();
                let (at, also) = (manager(at), also.map(manager).filter(|m| *m != manager(at)));
                let shown = reads.then(|| self.read(session, at)).flatten();
                self.update(session, at, also, choice);
                shown
            }
            Move::Gossip { from, to } => {
                let (from, to) = (manager(from), manager(to));
                let received = self.managers[from].received.clone();
                self.managers[to].received.extend(received);
                self.managers[to].execute_all(&self.records);
                None
            }
        }
    }

    fn read(&mut self, session: usize, at: usize) -> Option<S> {
        let (asking, manager) = (&mut self.sessions[session], &self.managers[at]);
        if !manager.value_ts.covers(&asking.ts) {
            return None; // The session would wait, and meanwhile read elsewhere.
        }
        asking.ts = manager.value_ts.clone();
        asking.shown = manager.value.clone();
        Some(manager.value.clone())
    }

    fn update(&mut self, session: usize, at: usize, also: Option<usize>, choice: u8) {
        let asking = &mut self.sessions[session];
        asking.updates += 1;
        let serial = Serial { incarnation: 0, number: asking.updates };
        let id = RequestId { front_end: FrontEndId(session as u64), serial };
        let (op, prev) = (S::op(&asking.shown, choice), asking.ts.clone());
        self.updates += 1;
        for recorder in [Some(at), also].into_iter().flatten() {
            let manager = &mut self.managers[recorder];
            manager.accepted += 1;
            let ts = prev.with(ReplicaId(recorder as u16), manager.accepted);
            if recorder == at {
                self.sessions[session].ts.merge(&ts);
            }
            manager.received.insert(self.records.len());
            self.records.push(Record { id, op: op.clone(), prev: prev.clone(), ts });
            self.managers[recorder].execute_all(&self.records);
        }
    }

    /// Lets everyone receive everything. Returns each manager's order of execution and value.
    pub fn finish(&mut self) -> Vec<Replay<S>> {
        for manager in &mut self.managers {
            manager.received.extend(0..self.records.len());
            manager.execute_all(&self.records);
            assert_eq!(manager.order.len(), self.records.len(), "a record whose past nobody has");
        }
        let done =
            self.managers.iter().map(|manager| (manager.order.clone(), manager.value.clone()));
        done.map(|(order, value)| Replay { order, value }).collect()
    }

    /// Executes all records in a causal order; `pick` chooses among the number of those that may be next.
    pub fn replay(&self, mut pick: impl FnMut(usize) -> usize) -> Replay<S> {
        let mut order = Vec::new();
        while order.len() < self.records.len() {
            let ready = self.ready(&order);
            order.push(ready[pick(ready.len())]);
        }
        self.executed(order)
    }

    /// Every causal order there is.
    pub fn replays(&self) -> Vec<Replay<S>> {
        let mut orders = vec![Vec::new()];
        for _ in &self.records {
            let next = orders.iter().flat_map(|order: &Vec<usize>| {
                let ready = self.ready(order).into_iter();
                ready.map(|next| order.iter().copied().chain([next]).collect())
            });
            orders = next.collect();
        }
        orders.into_iter().map(|order| self.executed(order)).collect()
    }

    /// The records not in `order` whose whole past is in it. A record's past is what its `prev` covers.
    fn ready(&self, order: &[usize]) -> Vec<usize> {
        let missing = |k: &usize| !order.contains(k);
        let waits = |k: usize| {
            let prev = &self.records[k].prev;
            (0..self.records.len()).filter(missing).any(|p| prev.covers(&self.records[p].ts))
        };
        (0..self.records.len()).filter(missing).filter(|k| !waits(*k)).collect()
    }

    fn executed(&self, order: Vec<usize>) -> Replay<S> {
        let (mut value, mut executed) = (S::default(), BTreeSet::new());
        for k in &order {
            execute(&mut value, &mut executed, &self.records[*k]);
        }
        Replay { order, value }
    }
}

impl<S: Sampled> Manager<S> {
    /// Executes what is stable, causes first: ascending weight is a causal order (C3c).
    fn execute_all(&mut self, records: &[Record<S::Op>]) {
        let stable = |manager: &Self| {
            let waiting = manager.received.iter().filter(|k| !manager.order.contains(k));
            let stable = waiting.filter(|k| manager.value_ts.covers(&records[**k].prev));
            stable.min_by_key(|k| records[**k].prev.weight()).copied()
        };
        while let Some(next) = stable(self) {
            execute(&mut self.value, &mut self.executed, &records[next]);
            self.value_ts.merge(&records[next].ts);
            self.order.push(next);
        }
    }
}
