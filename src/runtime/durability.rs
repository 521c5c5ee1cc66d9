//! What an acknowledgement means.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// What has become of an update when its client is told of it.
///
/// At every level, what peers are told is synced first: a replica manager that lost power may have forgotten
/// what its own clients were told, never what its peers were (PROTOCOL 1.9, C17). So no replica manager ever
/// differs from another by it, and no number that a peer knows is given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It is synced: it survives power loss.
    #[default]
    Fsync,
    /// It is handed to the system: it survives the end of the process, and after this long power loss, too.
    Interval(Duration),
    /// It is handed to the system, which writes it when it likes.
    Memory,
}

/// A level without its interval, as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// See [`Durability::Fsync`].
    #[default]
    Fsync,
    /// See [`Durability::Interval`].
    Interval,
    /// See [`Durability::Memory`].
    Memory,
}

impl Durability {
    /// Without its interval.
    pub fn level(self) -> Level {
        match self {
            Self::Fsync => Level::Fsync,
            Self::Interval(_) => Level::Interval,
            Self::Memory => Level::Memory,
        }
    }

    /// When what is not synced at `now` must be, if nothing else asks for it earlier.
    pub(super) fn sync_at(self, now: Duration) -> Option<Duration> {
        match self {
            Self::Fsync => Some(now),
            Self::Interval(interval) => Some(now + interval),
            Self::Memory => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fsync => "fsync",
            Self::Interval => "interval",
            Self::Memory => "memory",
        })
    }
}
