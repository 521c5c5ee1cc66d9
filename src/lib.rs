//! The gossip architecture (lazy replication), as one protocol that is model-checked and deployed.
//!
//! Clients send updates and queries to any replica manager. Each request says what its client has seen; an
//! update is logged and answered at once and runs in causal order, a query waits until the value is as new.
//! Replica managers tell each other in gossip.
//!
//! | where | what | feature |
//! |---|---|---|
//! | [`protocol`] | the decisions: pure handlers, with all of them by name in [`rules`] | |
//! | [`Service`] | what a program implements to have its state replicated, and the law that it must obey | |
//! | [`services`] | services that obey it, and [`services::BankAccount`], which does not | |
//! | `actor` | the parties as stateright actors, to check a service of your own with | `checker` |
//! | `runtime` | nodes over UDP with durable storage, and their clients | `runtime` |
//!
//! The models, the properties, the seeded bugs and the program `check` are in the package `chinwag-models`,
//! which is not published.
//!
//! # A service
//!
//! ```
//! use chinwag::{Applied, Service};
//! use serde::{Deserialize, Serialize};
//!
//! /// How often a page was read.
//! #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
//! struct Visits(u64);
//!
//! impl Service for Visits {
//!     type Op = u32;
//!     type Query = ();
//!     type Answer = u64;
//!
//!     fn apply(&mut self, update: Applied<'_, u32>) {
//!         self.0 = self.0.wrapping_add(u64::from(*update.op)); // Total, and commutes.
//!     }
//!
//!     fn answer(&self, (): &()) -> u64 {
//!         self.0
//!     }
//! }
//! ```
//!
//! # What is promised, and what is absent
//!
//! In the words of the properties that the models check, within their bounds: a client reads its own writes
//! and never sees less than it has seen; execution respects causality; an update is executed at most once;
//! every update ends up executed everywhere, if messages get through; nothing is sent before it is durable.
//!
//! Absent: forced and immediate updates (one total order), so nothing that must refuse an update by the
//! value, such as a bank account; change of membership.

#[cfg(feature = "checker")]
pub mod actor;
pub mod protocol;
#[cfg(feature = "runtime")]
pub mod runtime;
pub mod services;

pub use protocol::*;

/// The README's programs are compiled.
#[cfg(all(doctest, feature = "runtime"))]
#[doc = include_str!("../README.md")]
struct Readme;
