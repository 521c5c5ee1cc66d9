//! What a client's caller is told when a request did not succeed, and what he then may rely on.

use super::{EncodeError, MissingPast};
use crate::{Refusal, RequestId};
use std::fmt;

/// Why a request did not succeed.
#[derive(Debug)]
pub enum ClientError {
    /// Nothing was sent: the request is too large.
    TooLarge(EncodeError),
    /// It was refused, and has no effect: a query, or an update that only read-only replicas were asked for.
    Refused(Refusal),
    /// Nothing was sent: an earlier update of this session, which must come first, is not answered yet.
    Behind,
    /// A query was not answered in time. It has no effect, and may be asked again.
    Unanswered,
    /// A query was not answered in time, and cannot be at present: it must reflect what the session has seen,
    /// and nobody who answered holds all of that (C19). It has no effect.
    ///
    /// Asking again helps if a replica manager comes back that holds it. A new session does not depend on it.
    DependencyUnavailable(MissingPast),
    /// The answer is longer than answers may be.
    AnswerTooLarge {
        /// So long.
        bytes: u64,
    },
    /// An update was not answered in time: **it may or may not be in effect, now or later**. The session
    /// goes on trying for as long as it is used; the update takes effect at most once.
    ///
    /// Also if it was refused: a refusal says that *this copy* was not recorded, and the network may hold
    /// another one.
    Indefinite {
        /// The update.
        id: RequestId,
        /// Why a replica manager refused it, if one did.
        refused: Option<Refusal>,
        /// What it builds on that nobody holds who answered, if that is so.
        missing: Option<MissingPast>,
    },
}

impl ClientError {
    /// Is it certain that the request has no effect, and never will have?
    pub fn is_definite(&self) -> bool {
        !matches!(self, Self::Indefinite { .. })
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(error) => write!(f, "the request is too large: {error}"),
            Self::Refused(reason) => write!(f, "refused, without effect: {}", explain(*reason)),
            Self::Behind => f.write_str("not sent: an earlier update is not answered yet"),
            Self::Unanswered => f.write_str("no answer in time, and no effect"),
            Self::DependencyUnavailable(missing) => {
                write!(f, "dependency unavailable: of what this session has seen, {missing}")
            }
            Self::AnswerTooLarge { bytes } => {
                write!(f, "the answer takes {bytes} bytes, more than can be sent")
            }
            Self::Indefinite { id, refused, missing } => {
                write!(f, "update {id:?} may or may not take effect: ")?;
                match refused {
                    None => f.write_str("no reply in time")?,
                    Some(reason) => write!(f, "a copy was refused: {}", explain(*reason))?,
                }
                match missing {
                    None => Ok(()),
                    Some(missing) => write!(f, "; of what it builds on, {missing}"),
                }
            }
        }
    }
}

fn explain(reason: Refusal) -> &'static str {
    match reason {
        Refusal::ReadOnly => "a read-only replica takes no updates",
        Refusal::UnknownPast => {
            "the session builds on an update that its replica manager does not know; one of the two \
             has lost state"
        }
        Refusal::Overloaded => "too much is waiting there",
        Refusal::NoSpace => "its disk is full",
    }
}

impl std::error::Error for ClientError {}
