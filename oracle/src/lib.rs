//! Runs the functions that Coq proved (`proofs/extracted/core.json`), and compares the replica manager of
//! [`chinwag`] with them.
//!
//! One step at a time: `alpha(rust_step(state, input)) = proved_step(alpha(state), input)`, where `alpha`
//! translates states and messages. What the step sends and journals is compared as well. What is trusted
//! for it is this crate, Coq's extraction, and the statement of what was proved (`proofs/README.md`).
//!
//! Not compared: which timers are started, and who waits for whom in the index of waiting records; the
//! functions of Coq do not have them. Nothing of the front end.

mod alpha;
mod apart;
mod error;
mod eval;
mod oracle;
mod plain;
mod program;
mod recorded;
mod registers;
mod trace;
mod value;

pub use error::{Error, Mismatch};
pub use eval::{DEPTH_MAX, STEPS_MAX};
pub use oracle::Oracle;
pub use program::{FILE_BYTES_MAX, Program, TERMS_MAX};
pub use recorded::events;
pub use registers::{Registers, Sibling};
pub use trace::{Event, Happened, Refused};
