//! A cluster in memory, driven by the real handlers, whose network the test plays.
//!
//! Every step is judged by [`ghost`]; what a test asserts comes on top. There is no time here: a test fires
//! the timers it wants.

#![allow(dead_code, reason = "each test file uses its part")]

mod cluster;
mod ghost;
mod slips;
mod transcript;

pub use cluster::*;
pub use slips::rules;
pub use transcript::*;

use chinwag::{Group, ReplicaId, Timestamp};

/// A replica manager.
pub fn rm(n: u16) -> ReplicaId {
    ReplicaId(n)
}

/// A timestamp.
pub fn ts<const N: usize>(entries: [u64; N]) -> Timestamp {
    entries.into_iter().collect()
}

/// Every replica manager of a group and every other one.
pub fn pairs(group: Group) -> Vec<(ReplicaId, ReplicaId)> {
    let all = || group.members();
    all().flat_map(|a| all().filter(move |b| a != *b).map(move |b| (a, b))).collect()
}
