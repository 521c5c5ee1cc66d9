//! Dbcop's JSON: sessions, as lists of transactions, as lists of events.

use super::{has_room, json_mistake, lines::Name};
use crate::history::record::{Mistake, Outcome, Recorder};
use serde::Deserialize;

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

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Tagged(Tagged),
    /// The compact form: `["r", variable, version]`.
    Compact(Letter, Name, Option<Name>),
}

#[derive(Deserialize)]
enum Tagged {
    Read { variable: Name, version: Option<Name> },
    Write { variable: Name, version: Name },
}

#[derive(Deserialize)]
enum Letter {
    #[serde(rename = "r")]
    Read,
    #[serde(rename = "w")]
    Write,
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
                record(event, &mut recorder)?;
            }
            has_room(&recorder, 0)?;
        }
    }
    Ok(recorder)
}

fn record(event: Event, recorder: &mut Recorder) -> Result<(), Mistake> {
    match event {
        Event::Tagged(Tagged::Read { variable, version })
        | Event::Compact(Letter::Read, variable, version) => {
            recorder.read(&variable.0, version.as_ref().map(|version| version.0.as_str()));
        }
        Event::Tagged(Tagged::Write { variable, version })
        | Event::Compact(Letter::Write, variable, Some(version)) => {
            recorder.write(&variable.0, &version.0);
        }
        Event::Compact(Letter::Write, variable, None) => {
            let what = format!("a write of {} has no version", variable.0);
            return Err(super::mistake(0, what));
        }
    }
    Ok(())
}
