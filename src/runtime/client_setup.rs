//! What a client is told once.

use super::Codec;
use crate::{FrontEndId, ReplicaId};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, time::Duration};

/// Replica managers that one request goes to at once, at most.
pub const COPIES_MAX: u16 = 8;

/// Who a client is and how it behaves.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    /// Its front end's name: random, or a session's.
    pub front_end: FrontEndId,
    /// Higher than any that was ever used under this name.
    pub incarnation: u32,
    /// How the cluster's datagrams look.
    pub codec: Codec,
    /// How they looked before each replacement, the oldest first: sessions of then go on.
    pub earlier: Vec<Codec>,
    /// Where the replica managers are; none where that is not known.
    pub replicas: Vec<Option<SocketAddr>>,
    /// How long to wait for a reply before asking another one.
    pub retry_after: Duration,
    /// How long to wait in all before giving up.
    pub give_up_after: Duration,
    /// How many replica managers to ask.
    pub sending: Sending,
}

/// Whom a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Whoever answers fastest, and others when it is silent.
    Fastest,
    /// This one and no other. (Others may be asked what they hold, when it does not answer.)
    Only(ReplicaId),
}

/// How many replica managers are asked, under [`Route::Fastest`]. All copies of a request have the same
/// identifier, so an update runs once, however many record it (S25).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// How many get each query at once: 1 to [`COPIES_MAX`]. The first answer counts.
    pub query_copies: u16,
    /// How many get each update at once: 1 to [`COPIES_MAX`]. Each makes a record of it, which is gossiped
    /// and held until all have it (C10): two copies cost twice the log.
    pub update_copies: u16,
    /// What is sent once more when its answer is late.
    pub hedge: Hedge,
}

impl Default for Sending {
    fn default() -> Self {
        Self { query_copies: 1, update_copies: 1, hedge: Hedge::Queries }
    }
}

/// What is sent to a second replica manager when the first one takes longer than it usually does: its
/// smoothed time and four deviations, 5 ms at least. Never more than a tenth of all requests, but for the
/// first ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hedge {
    /// Nothing: only what has no answer after `retry_after` is sent again.
    Off,
    /// Queries: a second answer costs nothing but its making.
    #[default]
    Queries,
    /// Updates as well: both may record it, see [`Sending::update_copies`].
    All,
}
