//! Histories of Jepsen, as Elle reads them: a map a line, as EDN or as JSON, whose value is a list of
//! reads and writes `[f k v]`.

use super::{edn, has_room, json_mistake, lines_of, mistake};
use crate::history::record::{Mistake, Outcome, Recorder};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads a text. Completions count; an invocation that has none took place or did not.
pub fn read(text: &str) -> Result<Recorder, Mistake> {
    let mut recorder = Recorder::new();
    let mut invoked: BTreeMap<i64, (usize, Value)> = BTreeMap::new();
    for (number, line) in lines_of(text) {
        let event = parse(number, line)?;
        let field = |name: &str| event.get(name).unwrap_or(&Value::Null);
        // What is not a number is no client: the nemesis.
        let Some(process) = field("process").as_i64() else { continue };
        let kind = word(field("type"));
        let outcome = match kind {
            Some("invoke") => {
                invoked.insert(process, (number, field("value").clone()));
                continue;
            }
            Some("ok") => Outcome::Committed,
            Some("fail") => Outcome::Failed,
            Some("info") => Outcome::Unknown,
            _ => return Err(mistake(number, "`type` is none of invoke, ok, fail and info")),
        };
        let asked = invoked.remove(&process);
        let told = if field("value").is_null() { asked.map(|(_, value)| value) } else { None };
        let value = told.as_ref().unwrap_or_else(|| field("value"));
        record(number, process, outcome, value, &mut recorder)?;
        has_room(&recorder, number)?;
    }
    for (process, (number, value)) in invoked {
        record(number, process, Outcome::Unknown, &value, &mut recorder)?;
    }
    Ok(recorder)
}

fn parse(number: usize, line: &str) -> Result<Value, Mistake> {
    let is_json = line.trim_start_matches('{').trim_start().starts_with('"');
    let event = match is_json {
        true => serde_json::from_str(line).map_err(|error| json_mistake(number, &error))?,
        false => edn::read(line).map_err(|what| mistake(number, what))?,
    };
    match event {
        Value::Object(_) => Ok(event),
        _ => Err(mistake(number, "an event is a map with :type, :process and :value")),
    }
}

/// A keyword or string without its colon.
fn word(value: &Value) -> Option<&str> {
    value.as_str().map(|text| text.strip_prefix(':').unwrap_or(text))
}

fn record(
    number: usize,
    process: i64,
    outcome: Outcome,
    value: &Value,
    recorder: &mut Recorder,
) -> Result<(), Mistake> {
    let refuse = |what: &str| mistake(number, format!("{what}: a value is a list of [f k v]"));
    let operations = value.as_array().ok_or_else(|| refuse("`value` is no list"))?;
    recorder.begin(&format!("process {process}"), outcome, number);
    for operation in operations {
        let Some([f, key, value]) = operation.as_array().map(Vec::as_slice) else {
            return Err(refuse("an operation is not [f k v]"));
        };
        let key = name(key).ok_or_else(|| refuse("a key is no number, string or keyword"))?;
        match (word(f), value) {
            (Some("r"), Value::Null) => {
                recorder.read(&key, None);
            }
            (Some("r"), value) => {
                let value = name(value).ok_or_else(|| {
                    refuse("a read returned a collection, and only registers are judged")
                })?;
                recorder.read(&key, Some(&value));
            }
            (Some("w"), value) => {
                let value = name(value).ok_or_else(|| refuse("a write has no simple value"))?;
                recorder.write(&key, &value);
            }
            _ => return Err(refuse("only :r and :w are judged, and this is neither")),
        }
    }
    Ok(())
}

fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(word(value).unwrap_or(text).to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
