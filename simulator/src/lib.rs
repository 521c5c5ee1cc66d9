//! Deterministic simulation: the deployed hosts, journal, storage and wire, under virtual time, with a
//! network and disks that fail. Has no decision of the protocol, and judges by the models' properties.
//!
//! A run depends on its [`Scenario`] and on nothing else.

pub mod cluster;
pub mod disk;
pub mod draw;
pub mod fault;
pub mod few;
pub mod follow;
pub mod hunt;
pub mod judge;
pub mod ledger;
pub mod many;
pub mod network;
pub mod node;
pub mod random;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod slips;
pub mod widen;

pub use run::{End, Outcome, recorded, run};
pub use scenario::{SCENARIO_BEGINS, Scenario};
