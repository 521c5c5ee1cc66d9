//! A number that clients add to.

use crate::{Applied, Service};
use serde::{Deserialize, Serialize};

/// The sum of all amounts added, positive and negative.
///
/// Obeys the law: addition modulo 2^128 is commutative and total. (Saturating addition is not: at the
/// maximum, +1 and -1 leave another sum than -1 and +1.) No sum of fewer than 2^64 updates wraps.
///
/// ```
/// # use chinwag::{*, services::Counter};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// # let (prev, ts) = (Timestamp::zero(1), Timestamp::zero(1));
/// let mut visits = Counter::default();
/// visits.apply(Applied { op: &5, id: id(1), prev: &prev, ts: &ts });
/// visits.apply(Applied { op: &-2, id: id(2), prev: &prev, ts: &ts });
/// assert_eq!(visits.answer(&()), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Counter(i128);

impl Service for Counter {
    /// The amount to add.
    type Op = i64;
    type Query = ();
    /// The total.
    type Answer = i128;

    fn apply(&mut self, update: Applied<'_, i64>) {
        self.0 = self.0.wrapping_add(i128::from(*update.op));
    }

    fn answer(&self, (): &()) -> i128 {
        self.0
    }
}
