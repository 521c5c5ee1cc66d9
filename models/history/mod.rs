//! Judges the history of a client of *any* store: is it causally consistent, and does it keep the session
//! guarantees? Deliberately knows nothing of replicas or timestamps, nor of the time of day: a history is
//! what sessions did in which order, and which values they read.
//!
//! Each write of a key must have a value of its own, so that each read tells its write; otherwise to
//! decide is NP-hard (Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency", POPL
//! 2017). Operations may be grouped into transactions, which are atomic; all definitions are those of
//! that paper with transactions for operations. The initial state comes before everything.
//!
//! With n operations, s sessions that write, and no key written by more than k of them:
//!
//! | question | time | refused beyond |
//! |---|---|---|
//! | causal consistency (CC) | O(n (s + k log n)), and see below | [`CLOCK_BYTES_MAX`] |
//! | causal convergence (CCv) | the same | the same, [`MUSTS_MAX`] |
//! | causal memory (CM) | O(n² s t), t all sessions | [`MEMORY_TRANSACTIONS_MAX`], [`MEMORY_STEPS_MAX`] |
//! | a session guarantee | as CC; quadratic in stale reads | the same, [`GUARANTEE_STEPS_MAX`] |
//!
//! A transaction of r reads from different writers adds O(r² k), and r to the fourth if all writes conflict.
//!
//! What is refused is answered [`Verdict::Undecided`], never guessed. To find the shortest cycle may take
//! longer than to find that there is one; beyond [`WALK_STEPS_MAX`] the shortest found so far is shown,
//! and is not called the shortest.
//!
//! `models/tests/history_small.rs` compares with the definitions on all small histories.

mod causal;
mod explain;
pub mod formats;
mod guarantees;
mod judge;
mod memory;
mod order;
mod reads;
mod record;
mod tester;
mod violation;
mod walk;

pub use causal::MUSTS_MAX;
pub use guarantees::GUARANTEE_STEPS_MAX;
pub use judge::*;
pub use memory::{MEMORY_STEPS_MAX, MEMORY_TRANSACTIONS_MAX};
pub use order::CLOCK_BYTES_MAX;
pub use record::{History, Mistake, OPERATIONS_MAX, Outcome, Recorder};
pub use tester::*;
pub use violation::*;
pub use walk::WALK_STEPS_MAX;
