//! Which replica manager to ask: the one that answers fastest, while it answers.

use crate::{FrontEndId, ReplicaId};
use std::time::Duration;

/// What a silent replica manager's time is taken to be at least, and at most.
const SILENCE: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(1_000);

/// What the time of one that was never heard is taken to be: it is tried before those that are silent.
const UNKNOWN: Duration = Duration::from_millis(500);

/// The one in use is left for one that takes less than its time divided by this. Elsewhere, what the session
/// has just written may not have arrived yet (S15).
const STAYS: u32 = 2;

/// A second copy is not sent earlier than this: so much is noise on a busy machine.
const HEDGE_AFTER_MIN: Duration = Duration::from_millis(5);

/// How long a replica manager takes to answer.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    /// Smoothed, and how far the times are from that, smoothed as well.
    time: Option<(Duration, Duration)>,
    /// Added while it does not answer.
    penalty: Duration,
}

/// Estimates by replica manager.
#[derive(Debug)]
pub(super) struct Nearest {
    known: Vec<Estimate>,
    /// Whom to try first while nothing is known: by the front end's name, to share the load.
    first: usize,
    in_use: Option<ReplicaId>,
}

impl Nearest {
    /// Nothing is known.
    pub fn new(replicas: u16, front_end: FrontEndId) -> Self {
        let first = (front_end.0 % u64::from(replicas)) as usize;
        Self { known: vec![Estimate::default(); replicas.into()], first, in_use: None }
    }

    /// The nearest one of these.
    pub fn among(&self, these: impl Iterator<Item = ReplicaId>) -> Option<ReplicaId> {
        let count = self.known.len();
        let turn = |replica: ReplicaId| (replica.index() + count - self.first) % count;
        these.min_by_key(|replica| (self.cost(*replica), turn(*replica)))
    }

    fn cost(&self, replica: ReplicaId) -> Duration {
        let Estimate { time, penalty } = self.known[replica.index()];
        let time = time.map_or(UNKNOWN, |(time, _)| time);
        penalty + if self.in_use == Some(replica) { time / STAYS } else { time }
    }

    /// It answered a request after this time, if that can be said.
    pub fn answered(&mut self, replica: ReplicaId, after: Option<Duration>) {
        self.in_use = Some(replica);
        match after {
            Some(after) => self.measured(replica, after),
            None => self.known[replica.index()].penalty = Duration::ZERO,
        }
    }

    /// It answers, after this time.
    pub fn measured(&mut self, replica: ReplicaId, after: Duration) {
        let known = &mut self.known[replica.index()];
        if !std::mem::take(&mut known.penalty).is_zero() {
            // What it was like before its silence says nothing.
            known.time = None;
        }
        self.sample(replica, after);
    }

    /// It has not answered after this time, when another one had.
    pub fn slower(&mut self, replica: ReplicaId, than: Duration) {
        let Estimate { time, penalty } = self.known[replica.index()];
        if penalty.is_zero() && time.is_none_or(|(time, _)| time < than) {
            self.sample(replica, than);
        }
    }

    /// Smoothed as TCP does (Jacobson and Karels; RFC 6298).
    fn sample(&mut self, replica: ReplicaId, after: Duration) {
        let known = &mut self.known[replica.index()].time;
        *known = Some(match *known {
            None => (after, after / 2),
            Some((time, deviation)) => {
                ((time * 7 + after) / 8, (deviation * 3 + time.abs_diff(after)) / 4)
            }
        });
    }

    /// Is it known how long it takes?
    pub fn is_known(&self, replica: ReplicaId) -> bool {
        self.known[replica.index()].time.is_some()
    }

    /// It did not answer in time, or refused.
    pub fn silent(&mut self, replica: ReplicaId) {
        let penalty = &mut self.known[replica.index()].penalty;
        *penalty = (*penalty * 2).clamp(SILENCE, SILENCE_MAX);
    }

    /// After how long its answer is late: by the estimate that TCP uses, few are.
    pub fn late_after(&self, replica: ReplicaId) -> Option<Duration> {
        let (time, deviation) = self.known[replica.index()].time?;
        Some((time + deviation * 4).max(HEDGE_AFTER_MIN))
    }

    /// The one that answered last.
    pub fn in_use(&self) -> Option<ReplicaId> {
        self.in_use
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const BOTH: [ReplicaId; 2] = [ReplicaId(0), ReplicaId(1)];

    /// rm0 is in use, and nearer.
    fn known() -> Nearest {
        let mut nearest = Nearest::new(2, FrontEndId(0));
        nearest.measured(BOTH[1], 50 * MS);
        nearest.answered(BOTH[0], Some(4 * MS));
        assert_eq!(nearest.among(BOTH.into_iter()), Some(BOTH[0]));
        nearest
    }

    #[test]
    fn one_that_others_overtake_again_and_again_is_left() {
        let mut nearest = known();
        (0..100).for_each(|_| nearest.slower(BOTH[0], 150 * MS));
        assert_eq!(nearest.among(BOTH.into_iter()), Some(BOTH[1]));
    }

    #[test]
    fn what_one_was_like_before_its_silence_says_nothing() {
        let mut nearest = known();
        nearest.silent(BOTH[0]);
        assert_eq!(nearest.among(BOTH.into_iter()), Some(BOTH[1]));
        nearest.measured(BOTH[0], 150 * MS);
        assert_eq!(nearest.among(BOTH.into_iter()), Some(BOTH[1]));
    }
}
