//! Why a host stops.

use super::StorageError;
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
    /// A peer knows updates of this replica manager that it does not know itself: it has lost state, and
    /// must not go on under its old identity (C17, C18).
    StateLost {
        /// How many the peer knows.
        known: u64,
        /// How many are remembered.
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
            Self::StateLost { known, remembered } => write!(
                f,
                "state was lost: a peer knows {known} updates of this replica manager, which \
                 remembers {remembered}. Restore the newest data directory; an older one must not serve"
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
