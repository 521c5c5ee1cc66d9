//! Telling what an update had seen, for services to which concurrency matters. Deliberately no service.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The timestamps of one executed update, as far as this manager has met them.
///
/// A later update had seen this one if its `prev` covers *any* of them. One alone does not do. Say `u` is
/// sent to two managers, as a front end does that hears nothing (C10):
///
/// 1. rm0 records `u` as `[1,0,0]`, rm1 records it as `[0,1,0]`, each executes its own record;
/// 2. a client reads `u` at rm1, so that its timestamp is `[0,1,0]`, and asks for `d`: `prev` is `[0,1,0]`;
/// 3. rm1 executes `d`, which covers the `[0,1,0]` that it has for `u`: `d` had seen `u`;
/// 4. rm0 receives both, merges `[0,1,0]` without running `u` again, executes `d`, which does not cover
///    the `[1,0,0]` that it has for `u`: `d` had *not* seen `u`, and the two values differ for ever.
///
/// All of them do. `d` runs at a manager after every record that its `prev` covers [S33, S40], duplicates
/// included, so each manager by then knows all timestamps of `u` that `d` covers, and all managers agree
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
