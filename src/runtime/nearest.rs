//! Which replica manager to ask: the one that answers fastest, while it answers.

use crate::{FrontEndId, ReplicaId};
use std::time::Duration;

/// What a silent replica manager's round trip is taken to be, at least.
const SILENCE: Duration = Duration::from_secs(1);

/// And at most.
const SILENCE_MAX: Duration = Duration::from_secs(1_000);

/// Round trips, smoothed, by replica manager.
///
/// Almost zero for one that was never tried, so that each is tried once. What was silent comes nearer with
/// each answer of another one, so that it is tried again some day.
#[derive(Debug)]
pub(super) struct Nearest(Vec<Duration>);

impl Nearest {
    /// Nothing is known. Whom a front end tries first depends on its name, to share the load.
    pub fn new(replicas: u16, front_end: FrontEndId) -> Self {
        let first = front_end.0 % u64::from(replicas);
        let unknown = |i| Duration::from_nanos(u64::from(u64::from(i) != first));
        Self((0..replicas).map(unknown).collect())
    }

    /// The nearest one of the first so many.
    pub fn among(&self, count: u16) -> ReplicaId {
        let all = (0..count).map(ReplicaId);
        all.min_by_key(|replica| self.0[replica.index()]).expect("a cluster has a replica")
    }

    /// It answered after this time.
    pub fn answered(&mut self, replica: ReplicaId, after: Duration) {
        for silent in self.0.iter_mut().filter(|known| **known >= SILENCE) {
            *silent = *silent * 15 / 16;
        }
        let known = &mut self.0[replica.index()];
        *known = if *known < SILENCE { (*known * 7 + after) / 8 } else { after };
    }

    /// It did not answer in time, or refused.
    pub fn silent(&mut self, replica: ReplicaId) {
        let known = &mut self.0[replica.index()];
        *known = (*known * 2).clamp(SILENCE, SILENCE_MAX);
    }
}
