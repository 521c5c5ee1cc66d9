//! Telling what an update had seen, for services to which concurrency matters. Deliberately no service.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The timestamps of one executed update, as far as this manager has met them.
///
/// A later update had seen this one if its `prev` covers *any* of them. One alone does not do. Say a front
/// end sends the addition `a` to two managers, for safety or because the first did not answer (C10), hears
/// the first, and then removes what it added:
///
/// 1. rm0 records and executes `a` as `[1,0]`, rm1 as `[0,1]`;
/// 2. the front end hears rm0, so its removal `d` has `prev` `[1,0]`;
/// 3. rm0 executes `d`, whose `prev` covers the `[1,0]` that it has for `a`: `d` had seen `a`;
/// 4. rm1 receives all, merges `[1,0]` without running `a` again, executes `d`, whose `prev` does not cover
///    the `[0,1]` that it has for `a`: `d` had *not* seen `a`, and the two values differ for ever.
///
/// All of them do. `d` runs at a manager after every record that its `prev` covers (S33, S40), duplicates
/// included, so each manager by then knows all timestamps of `a` that `d` covers, and all managers agree
/// whether there is one. Two conditions: the records of one update have the same `prev` (a front end
/// repeats a request unchanged, C21b), and the service passes on what
/// [`also_stamped`](crate::Service::also_stamped) tells it.
///
/// "Had seen" is the protocol's word, not the user's: a front end that merged the replies of two managers
/// can cover an update that no query has shown it yet (C1). Each manager then decides alike, and the next
/// query of that front end would have shown it.
///
/// Invariant: ascending by [`Timestamp::total_cmp`], no duplicates, at least one, at most one for each
/// updatable manager. Managers that executed the same records have equal `Stamps`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamps(Vec<Timestamp>);

impl Stamps {
    /// Of an update that is executed now.
    pub fn of(ts: &Timestamp) -> Self {
        Self(vec![ts.clone()])
    }

    /// Adds a further one.
    pub fn add(&mut self, ts: &Timestamp) {
        if let Err(at) = self.0.binary_search_by(|have| have.total_cmp(ts)) {
            self.0.insert(at, ts.clone());
        }
    }

    /// See [`Service::widen`](crate::Service::widen).
    pub fn widen(&mut self, entries: usize) {
        self.0.iter_mut().for_each(|ts| *ts = ts.widened(entries));
    }

    /// Whether whoever asked with this `prev` had seen the update.
    pub fn seen_by(&self, prev: &Timestamp) -> bool {
        self.0.iter().any(|ts| prev.covers(ts))
    }
}

/// An arbitrary total order, for sorting only: [`Timestamp::total_cmp`] of the first that differ.
impl Ord for Stamps {
    fn cmp(&self, other: &Self) -> Ordering {
        let differing =
            self.0.iter().zip(&other.0).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        differing.unwrap_or(self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Stamps {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
