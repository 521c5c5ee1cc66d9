//! What a client is told once.

use super::Codec;
use crate::{FrontEndId, ReplicaId};
use std::{net::SocketAddr, time::Duration};

/// Who a client is and how it behaves.
#[derive(Clone, Debug)]
pub struct ClientSetup {
    /// Its front end's name: random, or a session's.
    pub front_end: FrontEndId,
    /// Higher than any that was ever used under this name.
    pub incarnation: u32,
    /// How the cluster's datagrams look.
    pub codec: Codec,
    /// Where the replica managers are; none where that is not known.
    pub replicas: Vec<Option<SocketAddr>>,
    /// How long to wait for a reply before asking another one.
    pub retry_after: Duration,
    /// How long to wait in all before giving up.
    pub give_up_after: Duration,
}

/// Whom a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Whoever answered fastest, and others when it is silent.
    Fastest,
    /// This one and no other.
    Only(ReplicaId),
}
