//! Writes a run in the Informal Trace Format, which Apalache, Quint and their viewers read.
//!
//! One variable a lane holds that lane's whole state; messages under way are not part of the
//! states.

use serde_json::{Map, Value, json};

use super::{Run, words};

/// The variable that names the step which led to a state, as Quint calls it.
const ACTION_TAKEN: &str = "mbt::actionTaken";

/// The run as an ITF trace: the starting state, then one state a step.
///
/// Integers are `{"#bigint": "7"}`; null is the variant `None`; numbers that are not integers are
/// `#unserializable`. `loop` is present when steps repeat for ever.
pub fn itf(run: &Run) -> Value {
    let names = words::identifiers(run.lanes.iter().map(|lane| lane.name.as_str()), '_');
    let mut lanes: Vec<Value> = run.lanes.iter().map(|lane| encode(&lane.start)).collect();
    let mut states = vec![state(&names, &lanes, "init", json!({ "index": 0 }))];
    for (index, step) in run.steps.iter().enumerate() {
        if let Some(lane) = lanes.get_mut(step.lane).filter(|_| !step.state.is_null()) {
            *lane = encode(&step.state);
        }
        let mut meta = json!({ "index": run.number(index), "lane": run.lane_name(step.lane) });
        if let Some(violates) = &step.violates {
            meta["violates"] = json!(violates);
        }
        states.push(state(&names, &lanes, &step.action, meta));
    }
    let mut vars = names;
    vars.push(ACTION_TAKEN.to_owned());
    let mut trace = json!({ "#meta": meta(run), "vars": vars, "states": states });
    if let Some(first) = run.repeats_from.filter(|first| *first < run.steps.len()) {
        // `loop` is the index of the state that follows the last one: the state before the first
        // step that repeats.
        trace["loop"] = json!(first);
    }
    trace
}

fn meta(run: &Run) -> Value {
    json!({
        "format": "ITF",
        "format-description": "https://apalache-mc.org/docs/adr/015adr-trace.html",
        "source": run.model,
        "status": if run.is_counterexample() { "violation" } else { "ok" },
        "description": run.title,
        "property": run.claim,
        "verdict": run.verdict,
        "explain": run.explain,
        "replay": run.replay,
    })
}

fn state(names: &[String], lanes: &[Value], action: &str, meta: Value) -> Value {
    let mut state = Map::new();
    state.insert("#meta".to_owned(), meta);
    state.extend(names.iter().cloned().zip(lanes.iter().cloned()));
    state.insert(ACTION_TAKEN.to_owned(), json!(action));
    Value::Object(state)
}

fn encode(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "tag": "None", "value": { "#tup": [] } }),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            json!({ "#bigint": number.to_string() })
        }
        Value::Number(number) => json!({ "#unserializable": number.to_string() }),
        Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Array(elements) => elements.iter().map(encode).collect(),
        Value::Object(entries) => {
            let encode_entry = |(key, value): (&String, &Value)| (field(key), encode(value));
            Value::Object(entries.iter().map(encode_entry).collect())
        }
    }
}

/// Keys that begin with `#` mean something in ITF; the state's own must not.
fn field(key: &str) -> String {
    if key.starts_with('#') { format!("_{key}") } else { key.to_owned() }
}
