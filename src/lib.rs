//! The gossip architecture (lazy replication), as one protocol that is checked, proved and deployed.

pub mod protocol;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod services;

pub use protocol::*;
