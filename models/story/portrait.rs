//! The state of a node field by field, for a page that lays it out in tables; [`describe`] has it in lines.

use super::describe::{asked, describe, entries};
use crate::{
    application::name,
    party::{ClientLocal, Local, ManagerLocal},
};
use chinwag::runtime::live;
use serde_json::{Value, json};

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
    let (state, value) = (&local.state, local.state.replica.value());
    let mut shown = live::portrait(state, usize::MAX, |record| json!(name(record.update.op.tag)));
    shown["value"] = json!(value.order.iter().map(|tag| name(*tag)).collect::<Vec<_>>());
    shown["shows"] = json!(value.value.show());
    shown
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
        ("stands", "it"),
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
