//! A small explicit-state engine for systems of communicating nodes; it knows nothing of the protocol.
//!
//! A [`System`] says what one node does. [`Tables`] numbers every distinct node state and every distinct
//! message, and computes each local step once; a state of the whole system is then a few integers. Two
//! engines run on the same tables:
//!
//! - [`search`]: a parallel breadth-first search, level by level, over packed states. It judges the
//!   properties, counts, and can check that every fair continuation ends well ([`Options::liveness`]).
//! - [`Interned`]: a `stateright::Model`, for stateright's own checkers and its explorer.
//!
//! | question | answer |
//! |---|---|
//! | what was explored, what was found | [`search`] and its [`Report`] |
//! | how to get to a violation or a witness | [`shortest`] and its [`Trace`] |
//! | what do these actions do | [`replay`], [`replay_to`] |
//! | is `is_dead` right | [`check_dead`] |
//!
//! The identity of a state is a 64-bit fingerprint: the sum of the mixed fingerprints of its parts. It does
//! not depend on numbers, so counts, depths and verdicts do not depend on the number of threads.

mod arena;
mod closure;
mod fair;
mod flat;
mod interned;
mod level;
mod options;
mod reader;
mod report;
mod search;
mod shortest;
mod show;
mod system;
mod tables;
mod taken;
mod teller;
mod trace;
mod visited;
mod watch;
mod worker;

#[cfg(test)]
mod fan;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;

pub use closure::{Checked, DeadFlaw, DeadReason, check_dead};
pub use fair::FAIR_STEPS_MAX;
pub use interned::{Interned, InternedState, Move};
pub use options::{Network, Options, Rules};
pub use report::{End, Finding, Progress, Report};
pub use search::search;
pub use shortest::shortest;
pub use system::{
    Destination, Envelope, Expectation, NODES_MAX, Outcome, PropertyInfo, SILENCE, System, Verdict,
};
pub use tables::Tables;
pub use taken::{Cause, Taken};
pub use teller::{replay, replay_to};
pub use trace::{Action, ReplayError, Snapshot, Stage, Step, Target, Trace};
