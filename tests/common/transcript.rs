//! The service of the tests: its value is the order in which its updates ran.

use chinwag::{Applied, Service};
use serde::{Deserialize, Serialize};

/// What ran, first to last. Tests give every update a text of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Transcript(pub Vec<String>);

impl Service for Transcript {
    type Op = String;
    type Query = ();
    type Answer = Vec<String>;

    fn apply(&mut self, update: Applied<'_, String>) {
        self.0.push(update.op.clone());
    }

    fn answer(&self, (): &()) -> Vec<String> {
        self.0.clone()
    }
}
