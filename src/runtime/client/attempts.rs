//! What was done about a request so far.

use crate::{Refusal, ReplicaId};
use std::{collections::BTreeMap, time::Duration};

/// What was done about a request so far.
#[derive(Clone, Debug)]
pub(super) struct Attempts {
    /// Who was asked, and when last.
    pub asked: BTreeMap<ReplicaId, Duration>,
    /// Who was asked last.
    pub last: Option<(ReplicaId, Duration)>,
    pub sent: u32,
    pub refused: u32,
    pub reason: Option<Refusal>,
    /// Since when it has been asked for.
    pub since: Duration,
    /// When to see next whether anybody holds what it builds on.
    pub look_at: Duration,
}

impl Attempts {
    pub fn new(now: Duration, look_at: Duration) -> Self {
        let (asked, last) = (BTreeMap::new(), None);
        Self { asked, last, sent: 0, refused: 0, reason: None, since: now, look_at }
    }
}
