//! What a configuration says of clients.

use super::{COPIES_MAX, Hedge, Sending, config::interval_problem};
use serde::{Deserialize, Serialize};

/// What concerns clients only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// How long to wait for a reply before turning to the next replica manager: milliseconds, 1 to
    /// [`INTERVAL_MS_MAX`](super::INTERVAL_MS_MAX).
    pub retry_after_ms: u64,
    /// What is sent once more when its answer is late.
    pub hedge: Hedge,
    /// How many replica managers get each query at once: 1 to [`COPIES_MAX`].
    pub query_copies: u16,
    /// How many get each update at once: 1 to [`COPIES_MAX`].
    pub update_copies: u16,
}

impl Default for ClientConfig {
    fn default() -> Self {
        let Sending { hedge, query_copies, update_copies } = Sending::default();
        Self { retry_after_ms: 200, hedge, query_copies, update_copies }
    }
}

impl ClientConfig {
    /// How many replica managers a client asks.
    pub fn sending(&self) -> Sending {
        let Self { hedge, query_copies, update_copies, .. } = *self;
        Sending { hedge, query_copies, update_copies }
    }

    pub(super) fn problem(&self) -> Option<(String, String)> {
        if let Some(problem) = interval_problem(self.retry_after_ms) {
            return Some(("client.retry_after_ms".into(), problem));
        }
        let copies = [("query_copies", self.query_copies), ("update_copies", self.update_copies)];
        let wrong = copies.into_iter().find(|(_, count)| !(1..=COPIES_MAX).contains(count));
        wrong.map(|(key, count)| {
            (format!("client.{key}"), format!("use 1 to {COPIES_MAX}, not {count}"))
        })
    }
}
