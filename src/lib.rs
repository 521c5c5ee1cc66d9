//! The gossip architecture (lazy replication), as one protocol that is checked, proved and deployed.

#[cfg(feature = "checker")]
pub mod actor;
pub mod protocol;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod services;

pub use protocol::*;
