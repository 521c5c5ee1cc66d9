//! The gossip architecture (lazy replication), as one protocol that is checked, proved and deployed.

pub mod protocol;
pub mod services;

pub use protocol::*;
