//! A service that remembers the order of execution, for checkers. No application should want it.

use crate::{Applied, Service};
use serde::{Deserialize, Serialize};

/// The executed operations in the order of execution.
///
/// An instrument: a query's answer is exactly the set of updates that it reflects and the order in which
/// they ran, so that properties P8 to P10 can be read off it. It does **not** obey the law of
/// [`Service`]: managers that execute concurrent updates in different orders show different transcripts.
///
/// ```
/// # use chinwag::{*, services::Transcript};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// # let (prev, ts) = (Timestamp::zero(1), Timestamp::zero(1));
/// let mut transcript = Transcript::default();
/// transcript.apply(Applied { op: &7, id: id(1), prev: &prev, ts: &ts });
/// transcript.apply(Applied { op: &3, id: id(2), prev: &prev, ts: &ts });
/// assert_eq!(transcript.answer(&()), [7, 3]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transcript(pub Vec<u8>);

impl Service for Transcript {
    type Op = u8;
    type Query = ();
    type Answer = Vec<u8>;

    fn apply(&mut self, update: Applied<'_, u8>) {
        self.0.push(*update.op);
    }

    fn answer(&self, (): &()) -> Vec<u8> {
        self.0.clone()
    }
}
