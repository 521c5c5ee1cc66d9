//! Which log records wait for their past, and for what. An index, so that nothing scans the log.

use super::{FrontEndId, RecordKey, ReplicaId, RequestId, Serial, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The records that have not run.
///
/// Each waits with the first entry in which the value timestamp falls short of its past, so that the same
/// log and value timestamp always give the same index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Pending {
    keys: BTreeSet<RecordKey>,
    /// By identifier: an update may have several records (C10).
    ids: BTreeSet<(RequestId, RecordKey)>,
    /// By what is waited for: the record that would raise the value timestamp far enough.
    waiters: BTreeSet<(RecordKey, RecordKey)>,
}

const FIRST: RecordKey = RecordKey { origin: ReplicaId(0), seq: 0 };
const LAST: RecordKey = RecordKey { origin: ReplicaId(u16::MAX), seq: u64::MAX };

impl Pending {
    /// Is it the index of some of these records, each of which waits for what the value lacks?
    pub fn is_sound<S: super::Service>(
        &self,
        log: &BTreeMap<RecordKey, Arc<super::LogRecord<S>>>,
        value_ts: &Timestamp,
    ) -> bool {
        let mut expected = Self { keys: self.keys.clone(), ..Self::default() };
        for key in &self.keys {
            let Some(record) = log.get(key) else { return false };
            let Some(awaited) = super::rules::first_beyond(&record.update.prev, value_ts) else {
                return false;
            };
            expected.ids.insert((record.update.id, *key));
            expected.wait(*key, awaited);
        }
        expected == *self
    }

    pub fn add(&mut self, key: RecordKey, id: RequestId) {
        self.keys.insert(key);
        self.ids.insert((id, key));
    }

    pub fn remove(&mut self, key: RecordKey, id: RequestId) {
        self.keys.remove(&key);
        self.ids.remove(&(id, key));
    }

    pub fn wait(&mut self, key: RecordKey, awaited: RecordKey) {
        self.waiters.insert((awaited, key));
    }

    /// Takes out the records whose wait ended when the value timestamp rose.
    pub fn wake(&mut self, before: &Timestamp, after: &Timestamp) -> Vec<RecordKey> {
        let mut woken = Vec::new();
        if self.waiters.is_empty() {
            return woken;
        }
        for (origin, seq) in after.entries().filter(|(i, n)| before.get(*i) < *n) {
            let from = (RecordKey { origin, seq: 0 }, FIRST);
            let to = (RecordKey { origin, seq: seq.saturating_add(1) }, FIRST);
            let ended: Vec<_> = self.waiters.range(from..to).copied().collect();
            for waiter in ended {
                self.waiters.remove(&waiter);
                woken.push(waiter.1);
            }
        }
        woken
    }

    pub fn contains(&self, key: RecordKey) -> bool {
        self.keys.contains(&key)
    }

    pub fn has(&self, id: RequestId) -> bool {
        self.of(id).next().is_some()
    }

    /// The waiting records of one update.
    pub fn of(&self, id: RequestId) -> impl Iterator<Item = RecordKey> + '_ {
        self.ids.range((id, FIRST)..=(id, LAST)).map(|(_, key)| *key)
    }

    /// The identifiers of the waiting records of one front end.
    pub fn of_front_end(&self, front_end: FrontEndId) -> impl Iterator<Item = RequestId> + '_ {
        let first = RequestId { front_end, serial: Serial::default() };
        let ours = self.ids.range((first, FIRST)..).map(|(id, _)| *id);
        ours.take_while(move |id| id.front_end == front_end)
    }

    /// The first waiting record of one origin.
    pub fn first_of(&self, origin: ReplicaId) -> Option<RecordKey> {
        let from = RecordKey { origin, seq: 0 };
        self.keys.range(from..).next().copied().filter(|key| key.origin == origin)
    }

    pub fn keys(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.keys.iter().copied()
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }
}
