//! The protocol as pure decisions: no clock, socket, thread, randomness or hash order in it.
//!
//! The five phases of the source, and where each is:
//!
//! | phase | here |
//! |---|---|
//! | request | [`FrontEnd::on_request`]: sends an update or query with all that the client has seen |
//! | response | [`ReplicaManager::on_update`] answers as soon as the update is logged |
//! | coordination | `Replica::execute`: an update waits for its past; [`ReplicaManager::on_query`] |
//! | execution | `Replica::run`, in causal order, once for each identifier |
//! | agreement | [`ReplicaManager::on_gossip`] and its timer, [`ReplicaManager::on_pull`] |
//!
//! Read [`rules`] first: every decision by name. Then `replica_manager/`, from `mod.rs` downwards.

mod effects;
mod front_end;
mod message;
mod node;
mod pending;
mod replica;
mod replica_manager;
pub mod rules;
mod service;
mod timestamp;

pub use effects::*;
pub use front_end::*;
pub use message::*;
pub use node::*;
pub use replica::*;
pub use replica_manager::*;
pub use rules::Rules;
pub use service::*;
pub use timestamp::*;
