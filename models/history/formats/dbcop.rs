//! Dbcop's JSON: sessions, as lists of transactions, as lists of events.

use super::{has_room, json_mistake, lines::Name};
use crate::history::record::{Mistake, Outcome, Recorder};
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// Of the whole file only the sessions matter.
#[derive(Deserialize)]
struct File {
    data: Vec<Vec<Transaction>>,
}

#[derive(Deserialize)]
struct Transaction {
    events: Vec<Event>,
    committed: bool,
}

/// `{"Read": {"variable": .., "version": ..}}`, or a `Write`; or compact: `["r", variable, version]`.
enum Event {
    Read(Name, Option<Name>),
    Write(Name, Name),
}

#[derive(Deserialize)]
struct Content {
    variable: Name,
    version: Option<Name>,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Event;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an event, {\"Read\": {\"variable\": .., \"version\": ..}}, {\"Write\": ..}, \
                     [\"r\", variable, version] or [\"w\", ..]",
                )
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
                let Some(kind) = map.next_key::<String>()? else {
                    return Err(de::Error::custom(
                        "an event says nothing: it is a `Read` or a `Write`",
                    ));
                };
                if kind != "Read" && kind != "Write" {
                    let why = format!("`{kind}` is no event: there are `Read` and `Write`");
                    return Err(de::Error::custom(why));
                }
                let Content { variable, version } = map.next_value()?;
                if let Some(other) = map.next_key::<String>()? {
                    return Err(de::Error::custom(format!("`{other}` after the event `{kind}`")));
                }
                event(kind == "Read", variable, version)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Event, A::Error> {
                let letter: String = seq.next_element()?.unwrap_or_default();
                if letter != "r" && letter != "w" {
                    let why = format!("`{letter}` is no event: there are `r` and `w`");
                    return Err(de::Error::custom(why));
                }
                let variable = seq.next_element()?;
                let variable = variable.ok_or_else(|| de::Error::missing_field("variable"))?;
                let version = seq.next_element::<Option<Name>>()?.flatten();
                if seq.next_element::<de::IgnoredAny>()?.is_some() {
                    return Err(de::Error::custom(
                        "an event has a letter, a variable and a version",
                    ));
                }
                event(letter == "r", variable, version)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn event<E: de::Error>(reads: bool, variable: Name, version: Option<Name>) -> Result<Event, E> {
    match (reads, version) {
        (true, version) => Ok(Event::Read(variable, version)),
        (false, Some(version)) => Ok(Event::Write(variable, version)),
        (false, None) => Err(E::custom(format!("a write of {} has no version", variable.0))),
    }
}

/// Reads a text. Version 0 is the initial one, as null is, unless it is written.
pub fn read(text: &str) -> Result<Recorder, Mistake> {
    let file: File =
        serde_json::from_str(text).map_err(|error| json_mistake(error.line(), &error))?;
    let mut recorder = Recorder::new().initial_is("0");
    for (session, transactions) in (1..).zip(file.data) {
        let session = format!("session {session}");
        for transaction in transactions {
            let outcome = if transaction.committed { Outcome::Committed } else { Outcome::Failed };
            recorder.begin(&session, outcome, 0);
            for event in transaction.events {
                match event {
                    Event::Read(variable, version) => {
                        recorder.read(&variable.0, version.as_ref().map(|v| v.0.as_str()));
                    }
                    Event::Write(variable, version) => {
                        recorder.write(&variable.0, &version.0);
                    }
                }
            }
            has_room(&recorder, 0)?;
        }
    }
    Ok(recorder)
}
