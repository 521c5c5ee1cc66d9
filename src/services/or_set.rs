//! A set of strings in which additions win over concurrent removals.

use super::Stamps;
use crate::{Applied, RequestId, Service};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The observed-remove set: a removal deletes the additions that it had seen, and no others.
///
/// Obeys the law: what an update deletes depends on its own past only, which is the same everywhere, and
/// nothing in that past is concurrent with it. There are no tombstones. A removal runs after every
/// addition in its past (S40), so an addition that it deletes cannot arrive later; one that does arrive
/// later is concurrent and stays.
///
/// ```
/// # use chinwag::{*, services::{OrSet, OrSetOp}};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// let [nothing, ts1, ts2, ts3] = [[0, 0], [1, 0], [0, 1], [2, 0]].map(Timestamp::from_iter);
/// let (add, remove) = (OrSetOp::Add("milk".into()), OrSetOp::Remove("milk".into()));
///
/// let mut cart = OrSet::default();
/// cart.apply(Applied { op: &add, id: id(1), prev: &nothing, ts: &ts1 });
/// cart.apply(Applied { op: &add, id: id(2), prev: &nothing, ts: &ts2 });
/// cart.apply(Applied { op: &remove, id: id(3), prev: &ts1, ts: &ts3 });
/// assert!(cart.answer(&()).contains("milk"), "the removal had not seen the second addition");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrSet {
    /// The surviving additions of each element: pairwise concurrent, ascending by id, never none.
    additions: BTreeMap<String, Vec<(RequestId, Stamps)>>,
}

/// An update of an [`OrSet`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrSetOp {
    /// Makes it an element.
    Add(String),
    /// Undoes the additions of this element that the client had seen.
    Remove(String),
}

impl Service for OrSet {
    type Op = OrSetOp;
    type Query = ();
    /// The elements.
    type Answer = BTreeSet<String>;

    fn apply(&mut self, update: Applied<'_, OrSetOp>) {
        let (OrSetOp::Add(element) | OrSetOp::Remove(element)) = update.op;
        let mut additions = self.additions.remove(element).unwrap_or_default();
        // Also for `Add`: whoever has seen the new addition has seen those that it replaces.
        additions.retain(|(_, stamps)| !stamps.seen_by(update.prev));
        if let OrSetOp::Add(_) = update.op {
            additions.push((update.id, Stamps::of(update.ts)));
            additions.sort();
        }
        if !additions.is_empty() {
            self.additions.insert(element.clone(), additions);
        }
    }

    fn also_stamped(&mut self, update: Applied<'_, OrSetOp>) {
        let OrSetOp::Add(element) = update.op else { return };
        let additions = self.additions.get_mut(element).into_iter().flatten();
        // Absent if an update that had seen it by its first timestamp has deleted it.
        for (_, stamps) in additions.filter(|(id, _)| *id == update.id) {
            stamps.add(update.ts);
        }
    }

    fn widen(&mut self, entries: usize) {
        self.additions.values_mut().flatten().for_each(|(_, stamps)| stamps.widen(entries));
    }

    fn answer(&self, (): &()) -> BTreeSet<String> {
        self.additions.keys().cloned().collect()
    }
}
