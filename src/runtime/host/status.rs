//! What a host says of itself.

use super::Host;
use crate::{
    ManagerState, Service,
    runtime::{LAGS_MAX, Observer, Status, Storage, Versions, lag::lags},
};

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// How it is. Whether it takes updates is as of the last commit.
    pub fn status(&self) -> Status {
        let ManagerState { replica, waiting, .. } = &self.state;
        Status {
            replica_ts: replica.replica_ts().clone(),
            value_ts: replica.value_ts().clone(),
            discarded: replica.discarded().clone(),
            log: replica.log().len() as u64,
            pending: replica.pending_count() as u64,
            waiting: waiting.len() as u64,
            executed: replica.executed().len() as u64,
            dropped: self.dropped + self.refused,
            other_versions: self.other_versions,
            durability: self.config.durability.level(),
            acknowledged_by: self.config.acknowledged_by,
            full: self.full,
            joining: self.is_joining,
            updates: self.updates,
            queries: self.queries,
            lag: lags(self.config.node.id, &self.state)
                .take(LAGS_MAX.into())
                .map(|lag| u32::try_from(lag).unwrap_or(u32::MAX))
                .collect(),
            versions: Some(Versions {
                speaks: self.config.codec.speaks(),
                with: self.spoken.all().iter().copied().take(LAGS_MAX.into()).collect(),
            }),
        }
    }
}
