//! What was done about a request so far.

use crate::{Refusal, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

/// What was done about a request so far.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    /// The request. Sent again, it is the same in every byte (C21b).
    pub datagrams: Vec<Vec<u8>>,
    /// Who was asked.
    pub asked: BTreeMap<ReplicaId, Asked>,
    /// Who was asked since the last time that nobody answered.
    pub round: Vec<ReplicaId>,
    pub rounds: u32,
    pub refused: u32,
    pub reason: Option<Refusal>,
    /// Nobody waits for it any longer: what arrives may have lain about for some time.
    pub abandoned: bool,
    /// Since when it has been asked for.
    pub since: Duration,
    /// When to send it to one more.
    pub hedge_at: Option<Duration>,
    /// When to see next whether anybody holds what it builds on.
    pub look_at: Duration,
}

/// When a replica manager was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub last: Duration,
    pub times: u32,
}

impl Attempts {
    pub fn new(datagrams: Vec<Vec<u8>>, now: Duration, look_at: Duration) -> Self {
        Self {
            datagrams,
            asked: BTreeMap::new(),
            round: Vec::new(),
            rounds: 0,
            refused: 0,
            reason: None,
            abandoned: false,
            since: now,
            hedge_at: None,
            look_at,
        }
    }

    pub fn asks(&mut self, replica: ReplicaId, now: Duration) {
        let asked = self.asked.entry(replica).or_insert(Asked { last: now, times: 0 });
        (asked.last, asked.times) = (now, asked.times + 1);
        self.round.push(replica);
    }
}
