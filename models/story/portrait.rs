//! The state of a node field by field, for a page that lays it out in tables; [`describe`] has it in lines.

use super::describe::{asked, awaited, describe, entries};
use crate::{
    application::name,
    party::{ClientLocal, Local, ManagerLocal},
    view::Record,
};
use chinwag::{RecordKey, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The state of a node, field by field. Rows of its lists have an `id` that is theirs for ever.
pub fn portrait(local: &Local) -> Value {
    let mut shown = match local {
        Local::Manager(manager) => manager_portrait(manager),
        Local::Client(client) => client_portrait(client),
    };
    shown["notes"] = notes(local);
    shown
}

fn manager_portrait(local: &ManagerLocal) -> Value {
    let (state, replica) = (&local.state, &local.state.replica);
    let value_ts = replica.value_ts();
    let waiting: BTreeSet<_> = replica.pending().map(|record| record.key()).collect();
    let log = replica.log().map(|record| log_row(record, &waiting, value_ts));
    let executed =
        replica.executed().iter().map(|(id, ts)| json!({ "id": shows(id), "ts": entries(ts) }));
    let peers = state.table.iter().enumerate();
    let peers = peers.map(|(peer, ts)| json!({ "id": format!("rm{peer}"), "ts": entries(ts) }));
    let queries = state.waiting.iter().map(|(id, query)| {
        let lacks = awaited(&query.prev, value_ts).map(|key| shows(&key));
        json!({ "id": shows(id), "prev": entries(&query.prev), "waits_for": lacks })
    });
    json!({
        "value": replica.value().order.iter().map(|tag| name(*tag)).collect::<Vec<_>>(),
        "shows": replica.value().value.show(),
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
fn log_row(record: &Record, waiting: &BTreeSet<RecordKey>, value_ts: &Timestamp) -> Value {
    let (key, update) = (record.key(), &record.update);
    let waits = waiting.contains(&key);
    let awaited = awaited(&update.prev, value_ts).filter(|_| waits);
    json!({
        "id": shows(&key),
        "update": shows(&update.id),
        "op": name(update.op.tag),
        "ts": entries(&record.ts),
        "prev": entries(&update.prev),
        "waits": waits,
        "waits_for": awaited.map(|key| shows(&key)),
    })
}

fn client_portrait(local: &ClientLocal) -> Value {
    let state = &local.state;
    let requests = state.in_flight.iter().map(|(number, request)| {
        let what = asked(&request.request);
        json!({ "id": format!("#{number}"), "what": what, "prev": entries(&request.prev) })
    });
    json!({
        "ts": entries(&state.ts),
        "requests": requests.collect::<Vec<_>>(),
        "outbox": state.outbox.iter().map(asked).collect::<Vec<_>>(),
        "answer": local.last.as_ref().map(|seen| format!("{:?} at {:?}", seen.answer, seen.ts)),
    })
}

/// What is said only when it says something, a line each.
fn notes(local: &Local) -> Value {
    let told = [
        ("owes_gossip_to", "owes gossip to"),
        ("disk", "the disk lags:"),
        ("crashes_left", "crashes left:"),
        ("forgotten", "forgot"),
        ("was_told_of", "was told of"),
        ("retries_left", "retries left:"),
        ("broken_promises", "broken promise:"),
    ];
    let lines = describe(local);
    let line = |(key, words): (&str, &str)| {
        let text = match lines.get(key)? {
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
            other => plain(other),
        };
        Some(format!("{words} {text}"))
    };
    json!(told.into_iter().filter_map(line).collect::<Vec<_>>())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shows(thing: &impl std::fmt::Debug) -> String {
    format!("{thing:?}")
}
