//! How a replica manager that starts finds out whether it has lost state.
//!
//! What a peer's timestamp table says of a replica manager, that one has said itself, and it does not forget:
//! if it holds less, its directory was wiped, or an older copy was put back. Under its old name it would give
//! numbers twice, and wait for ever for records that its peers no longer keep for it (C17, C18).
//!
//! So a replica manager asks each peer what that knows of it, until it is told. Meanwhile it takes no
//! updates: for a grace if it remembers something; until every peer has answered if it remembers nothing.

use crate::{Group, ManagerState, ReplicaId, Service, Timestamp};
use std::time::Duration;

/// How long to wait for an answer before asking again.
pub const ASK_EVERY: Duration = Duration::from_millis(100);

/// Whom a replica manager has yet to hear from since it started.
#[derive(Debug)]
pub(super) struct Joining {
    silent: Vec<ReplicaId>,
    ask_at: Duration,
    takes_updates_from: Duration,
    remembers_nothing: bool,
}

impl Joining {
    /// With no grace, it does not ask.
    pub fn new<S: Service>(
        me: ReplicaId,
        group: Group,
        state: &ManagerState<S>,
        grace: Duration,
        now: Duration,
    ) -> Self {
        let peers = group.members().filter(|peer| *peer != me);
        let silent = if grace.is_zero() { Vec::new() } else { peers.collect() };
        let remembers_nothing = state.replica.replica_ts().entries().all(|(_, count)| count == 0);
        Self { silent, ask_at: now, takes_updates_from: now + grace, remembers_nothing }
    }

    /// Whom to ask now.
    pub fn ask(&mut self, now: Duration) -> Vec<ReplicaId> {
        if now < self.ask_at {
            return Vec::new();
        }
        self.ask_at = now + ASK_EVERY;
        self.silent.clone()
    }

    /// When to ask next.
    pub fn ask_at(&self) -> Option<Duration> {
        (!self.silent.is_empty()).then_some(self.ask_at)
    }

    pub fn answered(&mut self, peer: ReplicaId) {
        self.silent.retain(|silent| *silent != peer);
    }

    /// How many have not answered.
    pub fn silent(&self) -> usize {
        self.silent.len()
    }

    pub fn may_take_updates(&self, now: Duration) -> bool {
        let in_time = now >= self.takes_updates_from && !self.remembers_nothing;
        in_time || self.silent.is_empty()
    }
}

/// What a peer must hold, by all that is known here.
pub(super) fn known_of<S: Service>(state: &ManagerState<S>, peer: ReplicaId) -> Timestamp {
    let row = state.table[peer.index()].clone();
    match peer.index() < row.len() {
        // Its own records came from nobody else.
        true => row.with(peer, state.replica.replica_ts().get(peer).max(row.get(peer))),
        false => row,
    }
}
