//! Acknowledgements that wait until enough replica managers hold the update.
//!
//! To the protocol, a reply that waits here is a reply that is slow on its way; one that is dropped is lost,
//! and its client asks again.

use super::QUERY_PATIENCE;
use crate::{ManagerState, ReplicaId, RequestId, Service, Timestamp};
use std::{collections::BTreeMap, time::Duration};

/// Replies that may wait. Beyond it, replies are dropped.
pub const HELD_REPLIES_MAX: usize = 10_000;

/// Replies to updates that too few replica managers are known to hold.
#[derive(Debug, Default)]
pub(super) struct HeldReplies {
    held: BTreeMap<RequestId, (Timestamp, Duration)>,
}

impl HeldReplies {
    pub fn hold(&mut self, id: RequestId, ts: Timestamp, now: Duration) {
        if self.held.len() < HELD_REPLIES_MAX || self.held.contains_key(&id) {
            self.held.insert(id, (ts, now));
        }
    }

    /// Takes out those whose update is held by so many by now, and drops those that nobody can still want.
    pub fn release(
        &mut self,
        now: Duration,
        is_held: impl Fn(&Timestamp) -> bool,
    ) -> Vec<(RequestId, Timestamp)> {
        let mut released = Vec::new();
        self.held.retain(|id, (ts, since)| {
            let ready = is_held(ts);
            if ready {
                released.push((*id, ts.clone()));
            }
            !ready && now < *since + QUERY_PATIENCE
        });
        released
    }
}

/// Do at least so many replica managers, this one among them, hold all that `ts` covers, as far as is known?
pub(super) fn is_held_by<S: Service>(
    count: u16,
    state: &ManagerState<S>,
    me: ReplicaId,
    ts: &Timestamp,
) -> bool {
    let rows = state.table.iter().enumerate().filter(|(i, _)| *i != me.index());
    let others = rows.filter(|(_, row)| row.covers(ts)).count();
    state.replica.replica_ts().covers(ts) && others + 1 >= usize::from(count)
}
