//! Our own format: a line is a JSON object, an operation or a transaction.

use super::{has_room, json_mistake, lines_of, mistake};
use crate::history::record::{Mistake, Outcome, Recorder};
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// A line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    session: Name,
    #[serde(default)]
    op: Option<Kind>,
    #[serde(default)]
    key: Option<Name>,
    #[serde(default)]
    value: Option<Name>,
    #[serde(default)]
    txn: Option<Vec<Operation>>,
    #[serde(default)]
    outcome: Told,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    op: Kind,
    key: Name,
    #[serde(default)]
    value: Option<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    #[default]
    Committed,
    Failed,
    Unknown,
}

/// A string or a number; `1` and `"1"` are the same name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an integer")
            }

            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.to_owned()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Name, E> {
                Ok(Name(number.to_string()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Reads a text.
pub fn read(text: &str) -> Result<Recorder, Mistake> {
    let mut recorder = Recorder::new();
    for (number, line) in lines_of(text) {
        let line: Line =
            serde_json::from_str(line).map_err(|error| json_mistake(number, &error))?;
        line.record(number, &mut recorder)?;
        has_room(&recorder, number)?;
    }
    Ok(recorder)
}

impl Line {
    /// Records it as the line of that number.
    pub fn record(self, number: usize, recorder: &mut Recorder) -> Result<(), Mistake> {
        let outcome = match self.outcome {
            Told::Committed => Outcome::Committed,
            Told::Failed => Outcome::Failed,
            Told::Unknown => Outcome::Unknown,
        };
        recorder.begin(&self.session.0, outcome, number);
        let operations = match (self.txn, self.op, self.key) {
            (Some(operations), None, None) if self.value.is_none() => operations,
            (None, Some(op), Some(key)) => vec![Operation { op, key, value: self.value }],
            _ => return Err(mistake(number, "either `op` and `key`, or `txn`, is needed")),
        };
        for Operation { op, key, value } in operations {
            match (op, value) {
                (Kind::Read, value) => {
                    recorder.read(&key.0, value.as_ref().map(|value| value.0.as_str()));
                }
                (Kind::Write, Some(value)) => {
                    recorder.write(&key.0, &value.0);
                }
                (Kind::Write, None) => {
                    return Err(mistake(number, "a write needs a `value`, which is not null"));
                }
            }
        }
        Ok(())
    }
}
