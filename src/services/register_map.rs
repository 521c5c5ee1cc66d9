//! Named registers that keep concurrent values side by side, for clients to reconcile.

use super::Stamps;
use crate::{Applied, RequestId, Service};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A map from keys to multi-value registers.
///
/// A `Put` replaces the values that it had seen and keeps the others beside itself, a `Delete` only
/// replaces. Obeys the law, and needs no tombstones, for the reasons given at [`OrSet`](super::OrSet).
///
/// ```
/// # use chinwag::{*, services::{RegisterMap, RegisterOp, RegisterQuery, RegisterAnswer}};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// # let put = |value: &str| RegisterOp::Put { key: "door".into(), value: value.into() };
/// # let get = RegisterQuery::Get("door".into());
/// # let values = |v: &[&str]| RegisterAnswer::Values(v.iter().map(|v| v.to_string()).collect());
/// let [nothing, ts1, ts2, both, ts3] =
///     [[0, 0], [1, 0], [0, 1], [1, 1], [2, 1]].map(Timestamp::from_iter);
///
/// let mut map = RegisterMap::default();
/// map.apply(Applied { op: &put("open"), id: id(1), prev: &nothing, ts: &ts1 });
/// map.apply(Applied { op: &put("shut"), id: id(2), prev: &nothing, ts: &ts2 });
/// assert_eq!(map.answer(&get), values(&["open", "shut"]));
/// map.apply(Applied { op: &put("ajar"), id: id(3), prev: &both, ts: &ts3 });
/// assert_eq!(map.answer(&get), values(&["ajar"]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RegisterMap {
    /// The surviving puts of each key: pairwise concurrent, ascending by id, never none.
    registers: BTreeMap<String, Vec<Sibling>>,
}

/// One of the values of a register.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Sibling {
    id: RequestId,
    stamps: Stamps,
    value: String,
}

/// An update of a [`RegisterMap`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterOp {
    /// Replaces the values of the key that the client had seen by this one.
    Put {
        /// Names the register.
        key: String,
        /// Its new value.
        value: String,
    },
    /// Deletes the values of this key that the client had seen.
    Delete(String),
}

/// A query of a [`RegisterMap`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterQuery {
    /// The values of this key.
    Get(String),
    /// The keys that have values.
    Keys,
}

/// What a [`RegisterQuery`] returns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RegisterAnswer {
    /// None if the key was never put or is deleted, several if puts were concurrent; ordered by the
    /// requests that put them, so alike everywhere.
    Values(Vec<String>),
    /// Ascending.
    Keys(Vec<String>),
}

impl Service for RegisterMap {
    type Op = RegisterOp;
    type Query = RegisterQuery;
    type Answer = RegisterAnswer;

    fn apply(&mut self, update: Applied<'_, RegisterOp>) {
        let (RegisterOp::Put { key, .. } | RegisterOp::Delete(key)) = update.op;
        let put = match update.op {
            RegisterOp::Put { value, .. } => {
                let (id, stamps) = (update.id, Stamps::of(update.ts));
                Some(Sibling { id, stamps, value: value.clone() })
            }
            RegisterOp::Delete(_) => None,
        };
        let Some(siblings) = self.registers.get_mut(key) else {
            put.into_iter().for_each(|put| drop(self.registers.insert(key.clone(), vec![put])));
            return;
        };
        siblings.retain(|sibling| !sibling.stamps.seen_by(update.prev));
        siblings.extend(put);
        siblings.sort();
        if siblings.is_empty() {
            self.registers.remove(key);
        }
    }

    fn also_stamped(&mut self, update: Applied<'_, RegisterOp>) {
        let RegisterOp::Put { key, .. } = update.op else { return };
        let siblings = self.registers.get_mut(key).into_iter().flatten();
        // Absent if an update that had seen it by its first timestamp has replaced it.
        for sibling in siblings.filter(|sibling| sibling.id == update.id) {
            sibling.stamps.add(update.ts);
        }
    }

    fn widen(&mut self, entries: usize) {
        let siblings = self.registers.values_mut().flatten();
        siblings.for_each(|sibling| sibling.stamps.widen(entries));
    }

    fn answer(&self, query: &RegisterQuery) -> RegisterAnswer {
        match query {
            RegisterQuery::Get(key) => {
                let siblings = self.registers.get(key).into_iter().flatten();
                RegisterAnswer::Values(siblings.map(|s| s.value.clone()).collect())
            }
            RegisterQuery::Keys => RegisterAnswer::Keys(self.registers.keys().cloned().collect()),
        }
    }
}
