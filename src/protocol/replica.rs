//! The replica: all that a replica manager must not forget, and the one way in which it changes.
//!
//! The driver journals each [`Change`]; replaying them through [`Replica::commit`] gives the replica back.

use super::{
    Applied, FrontEndId, LogRecord, RecordKey, ReplicaId, RequestId, Rules, Serial, Service,
    Timestamp, Watermarks,
    pending::Pending,
    rules::{Forgetting, Known},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One step of the durable replica: what a journal holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Change<S: Service> {
    /// Records came in, by request or by gossip, and the replica timestamp with them.
    Log {
        /// The replica timestamp afterwards.
        replica_ts: Timestamp,
        /// The records, in ascending order.
        records: Vec<Arc<LogRecord<S>>>,
    },
    /// Records that every replica manager holds, and that ran here, left the log.
    Discard {
        /// Up to which, for each origin.
        upto: Timestamp,
    },
}

/// The value with its log and timestamps.
///
/// The fields are private: [`Replica::commit`] is the only way in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Replica<S: Service> {
    /// The state of the application.
    value: S,
    /// Merge of the timestamps of all records that the value reflects. Covered by `replica_ts` (P4).
    value_ts: Timestamp,
    /// For each origin, how many of its records were ever received: all of them from the first on (P5).
    replica_ts: Timestamp,
    /// The records with `discarded < seq <= replica_ts`, and no others (P5).
    log: BTreeMap<RecordKey, Arc<LogRecord<S>>>,
    /// Which of these wait, and for what.
    pending: Pending,
    /// Updates whose effect is in the value, and what to answer when one is sent again: the merged
    /// timestamps of its executed records.
    executed: BTreeMap<RequestId, Timestamp>,
    /// For each front end, below which serial every request is finished. New requests below are refused.
    finished: Watermarks,
    /// Up to where records have left the log. Every replica manager held them then (P13), so it is also a
    /// lower bound of everyone's replica timestamp.
    discarded: Timestamp,
}

impl<S: Service> Replica<S> {
    /// What every replica manager starts with, in a cluster of so many updatable ones.
    pub fn empty(entries: usize) -> Self {
        let zero = Timestamp::zero(entries);
        Self {
            value: S::default(),
            value_ts: zero.clone(),
            replica_ts: zero.clone(),
            log: BTreeMap::new(),
            pending: Pending::default(),
            executed: BTreeMap::new(),
            finished: Watermarks::new(),
            discarded: zero,
        }
    }

    /// The same in a cluster whose timestamps have so many entries, of which the further ones are zero:
    /// another replica manager has joined, and has counted nothing yet (PROTOCOL 1.10).
    pub fn widened(&self, entries: usize) -> Self {
        let mut wide = self.clone();
        let widen = |ts: &mut Timestamp| *ts = ts.widened(entries);
        wide.value.widen(entries);
        let own = [&mut wide.value_ts, &mut wide.replica_ts, &mut wide.discarded];
        own.into_iter().for_each(widen);
        wide.executed.values_mut().for_each(widen);
        for record in wide.log.values_mut() {
            let record = Arc::make_mut(record);
            [&mut record.ts, &mut record.update.prev].into_iter().for_each(widen);
        }
        wide
    }

    /// Could it be a replica of a cluster with so many entries in its timestamps? Of one that came from
    /// elsewhere: what passes breaks no assumption of the handlers (P1, P4, P5).
    pub fn is_sound(&self, entries: usize) -> bool {
        let all = [&self.value_ts, &self.replica_ts, &self.discarded];
        let mut all = all.into_iter().chain(self.executed.values());
        if !all.all(|ts| ts.len() == entries) {
            return false;
        }
        let fits = |(key, r): (&RecordKey, &Arc<LogRecord<S>>)| {
            let (prev, origin) = (&r.update.prev, r.origin);
            origin.index() < entries
                && (r.ts.len(), prev.len()) == (entries, entries)
                && r.key() == *key
                && prev.get(origin) < key.seq
                && r.ts == prev.with(origin, key.seq)
                && self.discarded.get(origin) < key.seq
                && key.seq <= self.replica_ts.get(origin)
        };
        let held = self.replica_ts.entries().map(|(k, n)| n.saturating_sub(self.discarded.get(k)));
        self.replica_ts.covers(&self.value_ts)
            && self.replica_ts.covers(&self.discarded)
            && self.log.iter().all(fits)
            && held.fold(0, u64::saturating_add) == self.log.len() as u64
            && self.pending.is_sound(&self.log, &self.value_ts)
    }

    /// Makes one change, and executes what became stable by it.
    pub fn commit(&mut self, rules: &Rules, change: &Change<S>) {
        match change {
            Change::Log { replica_ts, records } => {
                self.replica_ts = replica_ts.clone();
                for record in records {
                    self.add(rules, record);
                }
                self.execute(rules, records.iter().map(|r| r.key()).collect());
            }
            Change::Discard { upto } => self.discard(rules, upto),
        }
    }

    fn add(&mut self, rules: &Rules, record: &Arc<LogRecord<S>>) {
        let finished = self.finished.entry(record.update.id.front_end).or_default();
        *finished = (*finished).max(record.update.acknowledged);
        self.log.insert(record.key(), Arc::clone(record));
        self.pending.add(record.key(), record.update.id);
        self.forget(rules, record, false);
    }

    /// Executes every update whose past is reflected, in causal order, until none is left. (S33, S34, S40)
    ///
    /// One change of the replica, so that no query ever sees the value half way (C3). `candidates` are the
    /// waiting records that nobody waits with yet.
    fn execute(&mut self, rules: &Rules, mut candidates: Vec<RecordKey>) {
        // Ascending rank is a linear extension of causality: if some waiting record precedes this one, its
        // past is smaller still, so it is in the set too and goes first (C3b, C3c).
        let mut ready = BTreeSet::new();
        loop {
            for key in candidates.drain(..) {
                let Some(record) = self.log.get(&key) else { continue };
                let prev = &record.update.prev;
                match (rules.awaits)(prev, &self.value_ts, &self.replica_ts) {
                    Some(awaited) => self.pending.wait(key, awaited),
                    None => drop(ready.insert(((rules.rank)(prev, key), key))),
                }
            }
            let Some((_, key)) = ready.pop_first() else { return };
            let before = self.value_ts.clone();
            self.run(rules, key);
            if (rules.goes_on)() {
                candidates = self.pending.wake(&before, &self.value_ts);
            }
        }
    }

    fn run(&mut self, rules: &Rules, key: RecordKey) {
        let record = Arc::clone(&self.log[&key]);
        let super::Update { id, op, prev, .. } = &record.update;
        let (id, ts) = (*id, &record.ts);
        self.pending.remove(key, id);
        let executed = self.executed.contains_key(&id);
        let fresh = (rules.is_fresh)(executed, ts, &self.value_ts);
        let update = Applied { op, id, prev, ts };
        if fresh {
            self.value.apply(update);
        } else {
            self.value.also_stamped(update);
        }
        self.executed.entry(id).or_insert_with(|| ts.clone()).merge(ts);
        (rules.reflect)(&mut self.value_ts, ts, fresh, &self.replica_ts);
    }

    fn discard(&mut self, rules: &Rules, upto: &Timestamp) {
        for (origin, last) in upto.entries() {
            let first = RecordKey { origin, seq: self.discarded.get(origin) + 1 };
            let keys: Vec<_> = self
                .log
                .range(first..)
                .map(|(key, _)| *key)
                .take_while(|key| key.origin == origin && key.seq <= last)
                .collect();
            for key in keys {
                let record = self.log.remove(&key).expect("the key was just read from the log");
                self.pending.remove(key, record.update.id);
                self.forget(rules, &record, true);
            }
        }
        self.discarded.merge(upto);
    }

    /// Lets identifiers leave the executed table that no replica manager will ever record again.
    ///
    /// Every replica manager holds `record`, so every one of them refuses what it acknowledges, for ever.
    /// And whatever one of them recorded before it held `record` has arrived here: its gossip that told so
    /// claimed all it held, and left no gap (`Rules::learn`). So no record of these identifiers is still to
    /// come (PROOFS `egc_safe`, P26). Ladin et al. use clocks and a bound on lateness instead.
    fn forget(&mut self, rules: &Rules, record: &LogRecord<S>, everywhere: bool) {
        if !(rules.looks_back)(everywhere) {
            return;
        }
        let super::Update { id, acknowledged, .. } = record.update;
        let first = RequestId { serial: Serial::default(), ..id };
        let last = RequestId { serial: id.serial.max(acknowledged), ..id };
        let forgotten: Vec<_> = self
            .executed
            .range(first..=last)
            .map(|(candidate, _)| *candidate)
            .filter(|candidate| {
                (rules.forgets)(Forgetting {
                    candidate: candidate.serial,
                    record: id.serial,
                    acknowledged,
                    everywhere,
                    waiting: self.pending.has(*candidate),
                })
            })
            .collect();
        for id in forgotten {
            self.executed.remove(&id);
        }
    }

    /// The record whose operation was being applied when the service panicked, if it did: it is neither
    /// reflected nor waiting. `None` between handlers. What is left then is no state to go on from.
    pub fn interrupted(&self) -> Option<&LogRecord<S>> {
        let begun = |(key, _): &(&RecordKey, _)| {
            self.value_ts.get(key.origin) < key.seq && !self.pending.contains(**key)
        };
        self.log.iter().find(begun).map(|(_, record)| &**record)
    }

    /// What is known of an update's identifier.
    pub fn known(&self, id: RequestId) -> Known {
        Known {
            finished: self.finished(id.front_end) > id.serial,
            executed: self.executed.contains_key(&id),
            waiting: self.pending.has(id),
        }
    }

    /// The merged timestamps of all records that were ever seen of an update that is known (P20).
    pub fn timestamp_of(&self, id: RequestId) -> Option<Timestamp> {
        let waiting = self.pending.of(id).map(|key| &self.log[&key].ts);
        waiting.chain(self.executed.get(&id)).cloned().reduce(|mut ts, other| {
            ts.merge(&other);
            ts
        })
    }

    /// For each origin, up to where its records have all run here.
    pub fn executed_prefix(&self) -> Timestamp {
        let mut prefix = self.replica_ts.clone();
        for (origin, _) in self.replica_ts.entries() {
            if let Some(first) = self.pending.first_of(origin) {
                prefix.set(origin, first.seq - 1);
            }
        }
        prefix
    }

    /// The records that someone who holds `known` lacks, in ascending order. Costs what they are, not what
    /// the log is.
    pub fn records_beyond(
        &self,
        known: &Timestamp,
    ) -> impl Iterator<Item = &Arc<LogRecord<S>>> + use<'_, S> {
        let starts: Vec<_> = known.entries().collect();
        starts.into_iter().flat_map(|(origin, seq)| {
            let first = RecordKey { origin, seq: seq.saturating_add(1) };
            let last = RecordKey { origin, seq: u64::MAX };
            self.log.range(first..=last).map(|(_, record)| record)
        })
    }

    /// The state of the application.
    pub fn value(&self) -> &S {
        &self.value
    }

    /// What the value reflects.
    pub fn value_ts(&self) -> &Timestamp {
        &self.value_ts
    }

    /// What was received.
    pub fn replica_ts(&self) -> &Timestamp {
        &self.replica_ts
    }

    /// Up to where records have left the log.
    pub fn discarded(&self) -> &Timestamp {
        &self.discarded
    }

    /// The log, in ascending order of its keys.
    pub fn log(&self) -> impl ExactSizeIterator<Item = &Arc<LogRecord<S>>> {
        self.log.values()
    }

    /// One record of the log.
    pub fn record(&self, key: RecordKey) -> Option<&Arc<LogRecord<S>>> {
        self.log.get(&key)
    }

    /// The records that wait for their past.
    pub fn pending(&self) -> impl Iterator<Item = &Arc<LogRecord<S>>> {
        self.pending.keys().map(|key| &self.log[&key])
    }

    /// How many records wait for their past.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// The identifiers of one front end's records that wait for their past (C10).
    pub fn waiting_of(&self, front_end: FrontEndId) -> impl Iterator<Item = RequestId> + '_ {
        self.pending.of_front_end(front_end)
    }

    /// The executed table.
    pub fn executed(&self) -> &BTreeMap<RequestId, Timestamp> {
        &self.executed
    }

    /// Below which serial every request of a front end is finished.
    pub fn finished(&self, front_end: FrontEndId) -> Serial {
        self.finished.get(&front_end).copied().unwrap_or_default()
    }

    /// The same for every front end of which a record ever came.
    pub fn watermarks(&self) -> &Watermarks {
        &self.finished
    }

    /// What this replica manager's own count is, or would be if it had one.
    pub fn count_of(&self, me: ReplicaId) -> u64 {
        if me.index() < self.replica_ts.len() { self.replica_ts.get(me) } else { 0 }
    }
}
