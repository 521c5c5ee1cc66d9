//! Whether a replica manager takes updates.

use serde::Serialize;
use std::fmt;

/// Whether a replica manager takes updates, and why not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It has started, and its peers may yet say that it has lost state.
    #[default]
    Joining,
    /// Its disk is full.
    Full,
    /// It takes updates, unless it is read-only, and answers queries.
    Ready,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Joining, Self::Full, Self::Ready];

    /// What follows from the two questions.
    pub(super) fn of(joining: bool, full: bool) -> Self {
        match (joining, full) {
            (true, _) => Self::Joining,
            (_, true) => Self::Full,
            _ => Self::Ready,
        }
    }

    /// In one word, for counters and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Full => "full",
            Self::Ready => "ready",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Joining => "joining: it waits for its peers to say what they know of it",
            Self::Full => "its disk is full: updates are refused",
            Self::Ready => "ready",
        })
    }
}
