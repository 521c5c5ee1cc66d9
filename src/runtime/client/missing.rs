//! Whether anybody holds what a request builds on (C19).
//!
//! A replica manager may tell a client of an update and then be gone for good. Whatever builds on that update
//! then waits at every other one for ever, and no answer can be made up. So a session whose request takes
//! long asks everyone what they hold, by the same question as `chinwag status`; when its wait is over, it
//! can say what is missing.

use super::ClientCore;
use crate::{ReplicaId, Service};
use std::{fmt, time::Duration};

/// Updates that a session has seen, or was told of, and that nobody holds who answered.
///
/// They may come back, if a replica manager that did not answer holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPast {
    /// Which: one range for each entry of the timestamp that nobody reaches.
    pub missing: Vec<MissingUpdates>,
    /// Who said during the wait what they hold.
    pub answered: Vec<ReplicaId>,
}

/// A range of the updates that one replica manager took from clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingUpdates {
    /// Who took them: the entry of the timestamp.
    pub origin: ReplicaId,
    /// The first one, counted from 1.
    pub from: u64,
    /// The last one that the session builds on.
    pub to: u64,
}

/// `rm0's updates 4..5 are held by nobody who answered (rm1, rm2)`.
impl fmt::Display for MissingPast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, MissingUpdates { origin, from, to }) in self.missing.iter().enumerate() {
            let and = if i == 0 { "" } else { " and " };
            match from == to {
                true => write!(f, "{and}{origin:?}'s update {from}")?,
                false => write!(f, "{and}{origin:?}'s updates {from}..{to}")?,
            }
        }
        let one = matches!(self.missing[..], [MissingUpdates { from, to, .. }] if from == to);
        let who: Vec<_> = self.answered.iter().map(|replica| format!("{replica:?}")).collect();
        let are = if one { "is" } else { "are" };
        write!(f, " {are} held by nobody who answered ({})", who.join(", "))
    }
}

impl<S: Service> ClientCore<S> {
    /// Asks everyone what they hold, if the request builds on anything; and later again, at intervals that
    /// double.
    pub(super) fn look(&mut self, now: Duration, number: u64) {
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        let waited = now.saturating_sub(attempts.since);
        attempts.look_at = now + waited.max(self.setup.retry_after);
        let builds_on = self.state.in_flight.get(&number).is_some_and(|f| f.prev.weight() > 0);
        if builds_on {
            self.setup.codec.group.members().for_each(|replica| self.ask_status(replica));
        }
    }

    /// What the request builds on and nobody holds who has answered since it was begun.
    pub(super) fn missing(&self, number: u64) -> Option<MissingPast> {
        let prev = &self.state.in_flight.get(&number)?.prev;
        let said = self.setup.codec.group.members().zip(&self.statuses);
        let said = said.filter_map(|(replica, status)| Some((replica, status.as_ref()?)));
        let (answered, held): (Vec<_>, Vec<_>) =
            said.map(|(replica, status)| (replica, &status.replica_ts)).unzip();
        let of = |(origin, to): (ReplicaId, u64)| {
            let most = held.iter().map(|ts| ts.get(origin)).max()?;
            (most < to).then_some(MissingUpdates { origin, from: most + 1, to })
        };
        let missing: Vec<_> = prev.entries().filter_map(of).collect();
        (!missing.is_empty()).then_some(MissingPast { missing, answered })
    }
}
