//! What a replica manager looks like right now, for a page: the same fields as the explorer's, no payloads.
//!
//! Nothing is made unless someone asked of late, so a replica manager that nobody looks at pays nothing.

use super::lag::lags;
use crate::{LogRecord, ManagerState, RecordKey, ReplicaId, Service, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::{
        Arc, Mutex, PoisonError,
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

/// The latest picture of a replica manager. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// In milliseconds of the clock.
    wanted_until: AtomicU64,
    latest: Mutex<Option<(Duration, Value)>>,
}

impl Live {
    /// The latest picture and its age in milliseconds, or `null` if there is none yet: ask again.
    pub fn ask(&self, now: Duration) -> Value {
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_wanted(now) {
            *latest = None; // From when somebody looked, long ago.
        }
        self.0.wanted_until.store(millis(now + WANTED_FOR), Relaxed);
        match &*latest {
            Some((at, state)) => {
                json!({ "age_ms": millis(now.saturating_sub(*at)), "state": state })
            }
            None => Value::Null,
        }
    }

    /// Puts a new picture there, if anyone wants it and the last is old enough.
    pub(super) fn show(&self, now: Duration, make: impl FnOnce() -> Value) {
        if !self.is_wanted(now) {
            return;
        }
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.as_ref().is_none_or(|(at, _)| now.saturating_sub(*at) >= SHOW_EVERY) {
            *latest = Some((now, make()));
        }
    }

    fn is_wanted(&self, now: Duration) -> bool {
        millis(now) < self.0.wanted_until.load(Relaxed)
    }
}

/// Gossip with the peers so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exchange {
    pub sent: u64,
    pub received: u64,
    /// When the last arrived.
    pub heard_at: Option<Duration>,
}

/// A running replica manager: its portrait, and how gossip flows between it and each peer.
pub(super) fn running<S: Service>(
    me: ReplicaId,
    state: &ManagerState<S>,
    gossip: &BTreeMap<ReplicaId, Exchange>,
    now: Duration,
) -> Value {
    let peers = (0..).map(ReplicaId).zip(lags(me, state)).filter(|(peer, _)| *peer != me);
    let peers = peers.map(|(peer, lag)| {
        let Exchange { sent, received, heard_at } = gossip.get(&peer).copied().unwrap_or_default();
        let ago = heard_at.map(|at| millis(now.saturating_sub(at)));
        json!({ "peer": shows(&peer), "lag": lag, "sent": sent, "received": received, "heard_ago_ms": ago })
    });
    let mut shown = portrait(state, ROWS_MAX, |_| Value::Null);
    let replica = &state.replica;
    let lists = [
        ("records in the log", replica.log().len()),
        ("updates in the executed table", replica.executed().len()),
        ("queries held back", state.waiting.len()),
    ];
    let long = lists.into_iter().filter(|(_, count)| *count > ROWS_MAX);
    let note = |(what, count)| format!("{count} {what}, of which {ROWS_MAX} are shown");
    shown["notes"] = json!(long.map(note).collect::<Vec<_>>());
    shown["gossip"] = json!(peers.collect::<Vec<_>>());
    shown["log_length"] = json!(replica.log().len());
    shown["waiting"] = json!(replica.pending_count());
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
    let waiting: BTreeSet<_> =
        replica.pending().take(rows_max).map(|record| record.key()).collect();
    let still: BTreeSet<_> = match replica.pending_count() > rows_max {
        true => replica.log().map(|record| record.key()).collect(), // No room for what is stable.
        false => waiting.clone(),
    };
    let stable = replica.log().map(|record| record.key()).filter(|key| !still.contains(key));
    let chosen: BTreeSet<_> =
        stable.take(rows_max - waiting.len()).chain(waiting.clone()).collect();
    let log = replica.log().filter(|record| chosen.contains(&record.key()));
    let log = log.map(|record| log_row(record, waiting.contains(&record.key()), value_ts, &op));
    let executed = replica.executed().iter().take(rows_max);
    let executed = executed.map(|(id, ts)| json!({ "id": shows(id), "ts": entries(ts) }));
    let peers = (0..).map(ReplicaId).zip(&state.table);
    let peers = peers.map(|(peer, ts)| json!({ "id": shows(&peer), "ts": entries(ts) }));
    let queries = state.waiting.iter().take(rows_max).map(|(id, query)| {
        let lacks = awaited(&query.prev, value_ts).map(|key| shows(&key));
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
    let awaited = awaited(&record.update.prev, value_ts).filter(|_| waits);
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

/// The first record that a value with this timestamp lacks of what is asked for.
pub fn awaited(prev: &Timestamp, value_ts: &Timestamp) -> Option<RecordKey> {
    let short = prev.entries().find(|(origin, count)| value_ts.get(*origin) < *count);
    short.map(|(origin, seq)| RecordKey { origin, seq })
}

/// The entries of a timestamp.
pub fn entries(ts: &Timestamp) -> Value {
    json!(ts.entries().map(|(_, count)| count).collect::<Vec<_>>())
}

fn shows(thing: &impl Debug) -> String {
    format!("{thing:?}")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
