//! The service of the tests: its value is the order in which its updates ran.

use chinwag::{Applied, Service, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What ran, first to last, and every timestamp that the service was told of. Tests give every update a text
/// of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transcript(pub Vec<String>, pub BTreeSet<(String, Vec<u64>)>);

impl Transcript {
    fn stamp(&mut self, Applied { op, ts, .. }: Applied<'_, String>) {
        let new = self.1.insert((op.clone(), entries(ts)));
        assert!(new, "told twice of {op} at {ts:?}");
    }
}

/// A timestamp as something that has an order.
pub fn entries(ts: &Timestamp) -> Vec<u64> {
    ts.entries().map(|(_, n)| n).collect()
}

impl Service for Transcript {
    type Op = String;
    type Query = ();
    type Answer = Vec<String>;

    fn apply(&mut self, update: Applied<'_, String>) {
        self.0.push(update.op.clone());
        self.stamp(update);
    }

    fn also_stamped(&mut self, update: Applied<'_, String>) {
        assert!(self.0.contains(update.op), "{} has not run", update.op);
        self.stamp(update);
    }

    fn answer(&self, (): &()) -> Vec<String> {
        self.0.clone()
    }
}
