//! Why a host stops.

use super::StorageError;
use crate::ReplicaId;
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
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Unreadable { what } => {
                write!(f, "the {what} is whole but not this service's: was the program changed?")
            }
            Self::Unwritable => f.write_str("the service's types cannot be encoded"),
            Self::Replaced => f.write_str(
                "this replica manager was replaced: a peer says that another one has its place. Its directory \
                 is of no use any more, and it must not serve",
            ),
            Self::StateLost { origin, known, remembered } => write!(
                f,
                "state was lost: a peer knows that {known} updates of {origin:?} were here, and \
                 {remembered} are. This data directory was wiped, or is an old copy. Put back the newest \
                 one; this one must not serve \
                 under its name"
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
