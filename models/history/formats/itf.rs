//! Traces in the Informal Trace Format, such as Quint and Apalache write them: a specification keeps what
//! its clients saw in a variable `history`, a list of records like the lines of our own format.

use super::{json_mistake, lines::Line, mistake};
use crate::history::record::{Mistake, Recorder};
use serde_json::{Map, Value};

/// The variable that holds the history.
const VARIABLE: &str = "history";

/// Reads a text. What is called a line is the place in the list.
pub fn read(text: &str) -> Result<Recorder, Mistake> {
    let trace: Value =
        serde_json::from_str(text).map_err(|error| json_mistake(error.line(), &error))?;
    let states = trace.get("states").and_then(Value::as_array);
    let last = states.and_then(|states| states.last());
    let last = last.ok_or_else(|| mistake(0, "no ITF trace: it has no `states`"))?;
    let history = last.get(VARIABLE).and_then(Value::as_array);
    let history =
        history.ok_or_else(|| mistake(0, format!("the last state has no list `{VARIABLE}`")))?;
    let mut recorder = Recorder::new();
    for (number, told) in (1..).zip(history) {
        let refuse = |what: String| mistake(0, format!("entry {number} of `{VARIABLE}`: {what}"));
        let line: Line = serde_json::from_value(plain(told)).map_err(|e| refuse(e.to_string()))?;
        line.record(0, &mut recorder).map_err(|mistake| refuse(mistake.what))?;
    }
    Ok(recorder)
}

/// Ordinary JSON: integers, and `None` as null. Deep nesting was refused by the parser.
fn plain(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return match value {
            Value::Array(elements) => elements.iter().map(plain).collect(),
            other => other.clone(),
        };
    };
    let tag = fields.get("tag").and_then(Value::as_str);
    match (fields.get("#bigint").and_then(Value::as_str), tag) {
        (Some(integer), _) => Value::String(integer.to_owned()),
        (None, Some("None")) => Value::Null,
        (None, Some("Some")) => fields.get("value").map_or(Value::Null, plain),
        _ => {
            let kept = fields.iter().filter(|(name, _)| !name.starts_with('#'));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>(),
            )
        }
    }
}
