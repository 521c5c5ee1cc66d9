//! What the parties say to each other. On this branch only the identity of a request, which services see.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A front end, for ever: no other front end may use its number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrontEndId(pub u64);

impl fmt::Debug for FrontEndId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fe{}", self.0)
    }
}

/// The place of a request among those of its front end. A front end that forgot its counter starts a new
/// incarnation (C21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Serial {
    /// How often the front end has started anew.
    pub incarnation: u32,
    /// Counts the requests of this incarnation.
    pub number: u64,
}

/// Names a request, however often it is sent and wherever it is recorded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub front_end: FrontEndId,
    /// Which of its requests.
    pub serial: Serial,
}

/// `fe0#3`.
impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.front_end, self.serial.number)
    }
}
