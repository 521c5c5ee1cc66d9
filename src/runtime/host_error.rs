//! Why a host stops.

use super::StorageError;
use crate::{RecordKey, ReplicaId, RequestId};
use std::fmt;

/// Why a host stops. Nothing was sent that is not durable.
#[derive(Debug)]
pub enum HostError {
    /// The storage failed.
    Storage(StorageError),
    /// What the storage holds is not this service's.
    Unreadable {
        /// What could not be read.
        what: &'static str,
    },
    /// The service's types cannot be encoded.
    Unwritable,
    /// A peer says that this replica manager was replaced by another one.
    Replaced,
    /// A peer knows that this replica manager has held updates which it does not hold now: it has lost state,
    /// and must not go on under its old identity (C17, C18).
    StateLost {
        /// Who made the updates.
        origin: ReplicaId,
        /// How many of them were held, at least.
        known: u64,
        /// How many of them are now.
        remembered: u64,
    },
    /// The service panicked. What it was handed is not acknowledged, and nothing of that batch is durable.
    Panicked {
        /// The update that was being applied, and its record; none if a query was being answered.
        applying: Option<(RequestId, RecordKey)>,
        /// What the panic said, cut at [`PANIC_TEXT_MAX`] bytes.
        why: String,
    },
}

/// How much of what a panic says an error repeats, in bytes: it may quote the operation.
pub const PANIC_TEXT_MAX: usize = 200;

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Unreadable { what } => {
                write!(f, "the {what} is whole but not this service's: was the program changed?")
            }
            Self::Unwritable => f.write_str("the service's types cannot be encoded"),
            Self::Replaced => f.write_str(
                "this replica manager was replaced: a peer says that another one has its place. Its \
                 directory is of no use any more, and it must not serve",
            ),
            Self::StateLost { origin, known, remembered } => write!(
                f,
                "state was lost: a peer knows that {known} updates of {origin:?} were here, and \
                 {remembered} are. This data directory was wiped, or is an old copy, and must not serve \
                 under this name. Put back the newest one; if there is none, `chinwag replace` gives its \
                 place to a new replica manager"
            ),
            Self::Panicked { applying: None, why } => {
                write!(f, "the service panicked outside `apply`: {why:?}. Mend the service")
            }
            Self::Panicked { applying: Some((id, record)), why } => write!(
                f,
                "the service panicked in `apply`, for update {id:?}, which {:?} recorded as its number \
                 {}: {why:?}. It was not executed here, and nobody who executes it goes on: mend the \
                 service, then start the same directories with it",
                record.origin, record.seq
            ),
        }
    }
}

impl std::error::Error for HostError {}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}
