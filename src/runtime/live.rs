//! What a replica manager looks like right now, for a page: the fields of the explorer's cards, no payloads.
//!
//! Nothing is made unless someone asked of late, so a replica manager that nobody looks at pays nothing but
//! a count of its gossip.

use super::lag::lags;
use crate::{
    LogRecord, ManagerState, ReplicaId, RequestId, Service, Timestamp, rules::first_beyond,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Rows of each list (log, executed table, held-back queries) that are shown. The numbers of all are told.
pub const ROWS_MAX: usize = 40;

/// Pictures are made for so long after the last time that one was asked for.
pub const WANTED_FOR: Duration = Duration::from_secs(5);

/// How often, at most, a picture is made.
pub const SHOW_EVERY: Duration = Duration::from_millis(200);

/// The look of the page, which the explorer has too.
pub const STYLE: &str = include_str!("live/page.css");

/// Draws the card of a replica manager, in the explorer too: a module of JavaScript.
pub const CARDS: &str = include_str!("live/cards.js");

/// The latest picture of a replica manager, between its thread and the one that answers.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// In milliseconds of the clock.
    wanted_until: AtomicU64,
    latest: Mutex<Option<(Duration, Value)>>,
}

impl Live {
    /// The latest picture and its age in milliseconds, or `null` if there is none yet: ask again.
    pub fn ask(&self, now: Duration) -> Value {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_wanted(now) {
            *latest = None; // From when somebody looked, long ago.
        }
        self.wanted_until.store(millis(now + WANTED_FOR), Relaxed);
        match &*latest {
            Some((at, state)) => {
                json!({ "age_ms": millis(now.saturating_sub(*at)), "state": state })
            }
            None => Value::Null,
        }
    }

    /// Puts a new picture there, if anyone wants it and the last is old enough. Never waits for who asks.
    pub fn show(&self, now: Duration, make: impl FnOnce() -> Value) {
        if !self.is_wanted(now) {
            return;
        }
        let Ok(mut latest) = self.latest.try_lock() else { return };
        if latest.as_ref().is_none_or(|(at, _)| now.saturating_sub(*at) >= SHOW_EVERY) {
            *latest = Some((now, make()));
        }
    }

    fn is_wanted(&self, now: Duration) -> bool {
        millis(now) < self.wanted_until.load(Relaxed)
    }
}

/// Gossip with a peer so far: messages that were sent and that arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchange {
    pub sent: u64,
    pub received: u64,
    /// When the last arrived.
    pub heard_at: Option<Duration>,
}

/// A running replica manager: its portrait, how long queries have been held back (since `held`), and how
/// gossip flows between it and each peer.
pub(super) fn running<S: Service>(
    me: ReplicaId,
    state: &ManagerState<S>,
    gossip: &BTreeMap<ReplicaId, Exchange>,
    held: &BTreeMap<RequestId, Duration>,
    now: Duration,
) -> Value {
    let ago = |at: &Duration| millis(now.saturating_sub(*at));
    let peers = (0..).map(ReplicaId).zip(lags(me, state)).filter(|(peer, _)| *peer != me);
    let peers = peers.map(|(peer, lag)| {
        let Exchange { sent, received, heard_at } = gossip.get(&peer).copied().unwrap_or_default();
        let heard = heard_at.as_ref().map(ago);
        json!({ "peer": shows(&peer), "lag": lag, "sent": sent, "received": received, "heard_ago_ms": heard })
    });
    let mut shown = portrait(state, ROWS_MAX, |_| Value::Null);
    let rows = shown["queries"].as_array_mut().into_iter().flatten();
    rows.zip(state.waiting.keys())
        .for_each(|(row, id)| row["held_ms"] = json!(held.get(id).map(ago)));
    let replica = &state.replica;
    let counts = [
        ("records in the log", replica.log().len()),
        ("updates in the executed table", replica.executed().len()),
        ("queries held back", state.waiting.len()),
    ];
    let long = counts.into_iter().filter(|(_, count)| *count > ROWS_MAX);
    let note = |(what, count)| format!("{count} {what}, of which {ROWS_MAX} are shown");
    shown["notes"] = json!(long.map(note).collect::<Vec<_>>());
    shown["gossip"] = json!(peers.collect::<Vec<_>>());
    shown["waiting_updates"] = json!(replica.pending_count());
    shown["held_queries"] = json!(state.waiting.len());
    shown
}

/// What a replica manager knows, field by field, with at most so many rows of each list: of the log those
/// that wait come before others. Rows have an `id` that is theirs for ever. `op` says what an update does.
pub fn portrait<S: Service>(
    state: &ManagerState<S>,
    rows_max: usize,
    op: impl Fn(&LogRecord<S>) -> Value,
) -> Value {
    let replica = &state.replica;
    let value_ts = replica.value_ts();
    let waiting: Vec<_> = replica.pending().take(rows_max).collect();
    // Both go upwards, so what does not wait is found without a look at the whole log.
    let mut pending = replica.pending().map(|record| record.key()).peekable();
    let stable = replica.log().filter(|record| pending.next_if_eq(&record.key()).is_none());
    let stable =
        stable.take(rows_max - waiting.len()).map(|record| (record.key(), (record, false)));
    let log: BTreeMap<_, _> =
        waiting.iter().map(|record| (record.key(), (*record, true))).chain(stable).collect();
    let log = log.values().map(|(record, waits)| log_row(record, *waits, value_ts, &op));
    let executed = replica.executed().iter().take(rows_max);
    let executed = executed.map(|(id, ts)| json!({ "id": shows(id), "ts": entries(ts) }));
    let peers = (0..).map(ReplicaId).zip(&state.table);
    let peers = peers.map(|(peer, ts)| json!({ "id": shows(&peer), "ts": entries(ts) }));
    let queries = state.waiting.iter().take(rows_max).map(|(id, query)| {
        let lacks = first_beyond(&query.prev, value_ts).map(|key| shows(&key));
        json!({ "id": shows(id), "prev": entries(&query.prev), "waits_for": lacks })
    });
    json!({
        "value_ts": entries(value_ts),
        "replica_ts": entries(replica.replica_ts()),
        "discarded": entries(replica.discarded()),
        "log": log.collect::<Vec<_>>(),
        "executed": executed.collect::<Vec<_>>(),
        "table": peers.collect::<Vec<_>>(),
        "queries": queries.collect::<Vec<_>>(),
    })
}

/// A record of a log: stable, or waiting, and for what.
fn log_row<S: Service>(
    record: &LogRecord<S>,
    waits: bool,
    value_ts: &Timestamp,
    op: impl Fn(&LogRecord<S>) -> Value,
) -> Value {
    let awaited = first_beyond(&record.update.prev, value_ts).filter(|_| waits);
    json!({
        "id": shows(&record.key()),
        "update": shows(&record.update.id),
        "op": op(record),
        "ts": entries(&record.ts),
        "prev": entries(&record.update.prev),
        "waits": waits,
        "waits_for": awaited.map(|key| shows(&key)),
    })
}

fn entries(ts: &Timestamp) -> Value {
    json!(ts.entries().map(|(_, count)| count).collect::<Vec<_>>())
}

fn shows(thing: &impl Debug) -> String {
    format!("{thing:?}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
