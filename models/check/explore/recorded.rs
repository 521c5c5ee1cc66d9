//! Runs that were recorded: a scenario, with a seeded bug or without, or what the command line named. They
//! are shown as a model's places are, but nothing can be chosen.

use super::scenarios;
use crate::{Complaint, names, show};
use chinwag_models::{
    recording::{Beside, DRAWN_MAX, Flying, Judged, Recording},
    render::{self, LaneKind, TextStyle},
    scenario::{By, NO_GRACE, PROTOCOL, Script},
    story,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The name of the run that the command line named.
pub const OPENED: &str = "opened";

/// The format of a scenario's text.
pub const SCENARIO: &str = "scenario.txt";

/// Columns of an exported text.
const EXPORT_COLUMNS: usize = 100;

/// A place in a recorded run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spot {
    /// The scenario, or [`OPENED`].
    pub run: String,
    /// The bug that is in, of a scenario.
    #[serde(default)]
    pub mutant: Option<String>,
    /// How many steps to show; all of them if it does not say.
    #[serde(default)]
    pub at: Option<usize>,
    /// The format of a file to save; none to look at it.
    #[serde(default)]
    pub format: Option<String>,
}

/// What the command line named.
pub enum Opened {
    /// A scenario's text, which can be played with a bug in.
    Scenario(String, Script),
    /// A run as it was.
    Recording(Box<Recording>),
}

/// A seeded bug: of the protocol, or of the host where scenarios know one.
#[derive(Clone, Copy)]
struct Bug {
    name: &'static str,
    slip: &'static str,
    by: By,
}

impl Bug {
    fn named(name: &str) -> Result<Self, Complaint> {
        let (of_host, by) = NO_GRACE;
        if name == of_host {
            let slip = "whoever starts may take updates at once (C18)";
            return Ok(Bug { name: of_host, slip, by });
        }
        let mutant = names::mutant(name)?;
        Ok(Bug { name: mutant.name, slip: mutant.slip, by: By::from(mutant) })
    }
}

/// Shows, or writes, a place.
pub fn answer(opened: Option<&Opened>, spot: &Spot) -> Result<Value, Complaint> {
    let bug = spot.mutant.as_deref().map(Bug::named).transpose()?;
    let made;
    let recording = match (opened.filter(|_| spot.run == OPENED), bug) {
        (Some(Opened::Recording(recording)), None) => recording,
        (Some(Opened::Recording(_)), Some(_)) => {
            return Err(Complaint("what was recorded has no seeded bug put in".to_owned()));
        }
        (Some(Opened::Scenario(title, script)), _) => {
            made = record(title, script, bug.map(|bug| bug.by))?;
            &made
        }
        (None, _) => {
            let (name, text) = scenarios::named(&spot.run)
                .ok_or_else(|| Complaint(format!("there is no scenario \"{}\"", spot.run)))?;
            let script = Script::read(text).map_err(Complaint)?;
            made = record(name, &script, bug.map(|bug| bug.by))?;
            &made
        }
    };
    match &spot.format {
        Some(format) => export(recording, bug, format),
        None => Ok(scene(recording, bug, spot.at)),
    }
}

/// Plays a scenario, by the protocol unless otherwise.
pub fn record(title: &str, script: &Script, by: Option<By>) -> Result<Recording, Complaint> {
    if by.is_some() && script.has_its_own_bug() {
        let why = "the scenario says itself which bug is in: take its line `bug ..` out before";
        return Err(Complaint(why.to_owned()));
    }
    script.record(by.unwrap_or(PROTOCOL), title).map_err(Complaint)
}

/// The place as the page reads it: the fields of `picture::of`.
fn scene(recording: &Recording, bug: Option<Bug>, at: Option<usize>) -> Value {
    let run = &recording.run;
    let length = run.steps.len();
    let at = at.unwrap_or(length).min(length);
    let is_end = at == length;
    let lane = |lane: usize| run.lanes.get(lane).map_or("?", |lane| lane.name.as_str());
    let text = |step: &render::Step| format!("{} {}", lane(step.lane), step.action);
    let (before, after) = (recording.parties(at.saturating_sub(1)), recording.parties(at));
    let last = at.checked_sub(1).and_then(|last| run.steps.get(last));
    let parties = run.lanes.iter().zip(before.iter().zip(&after)).enumerate();
    let parties = parties.map(|(i, (lane, (before, after)))| {
        let kind = if lane.kind == LaneKind::Manager { "manager" } else { "front-end" };
        let is_touched = before != after && last.is_some_and(|step| step.lane == i);
        let changes = if is_touched { vec!["state"] } else { Vec::new() };
        json!({ "name": lane.name, "kind": kind, "before": before, "after": after, "changes": changes })
    });
    let said = at.checked_sub(1).and_then(|last| recording.moments.get(last)).map(|m| &m.said);
    let happened = last.map(|step| json!({ "text": text(step), "said": said }));
    let broken = if is_end { recording.violated.as_slice() } else { &[] };
    let said = is_end && !recording.headline.is_empty();
    let mut notes = recording.notes.clone();
    if at > DRAWN_MAX {
        notes.push(format!("The diagram has the last {DRAWN_MAX} steps, and counts them from 1."));
    }
    json!({
        "about": format!("{}: {}", run.title, run.model),
        "tale": recording.tale,
        "slip": bug.map(|bug| story::slip_in_words(bug.slip)),
        "read_only": notes,
        "at": at,
        "length": length,
        "texts": run.steps.iter().map(text).collect::<Vec<_>>(),
        "last": happened.iter().map(|happened| happened["text"].clone()).collect::<Vec<_>>(),
        "said": happened.as_ref().map(|happened| happened["said"].clone()),
        "parties": parties.collect::<Vec<_>>(),
        "messages": messages(recording, at),
        "choices": [],
        "found": broken.first(),
        "violated": broken,
        "claim": run.claim,
        "verdict": run.verdict,
        "headline": said.then_some(&recording.headline),
        "judged": match recording.judged {
            Judged::Not => "not",
            Judged::Good => "good",
            Judged::Bad => "bad",
        },
        "explain": if is_end { recording.why.as_slice() } else { &[] },
        "beside": said.then(|| beside(&recording.beside)),
        "seen": [],
        "endless": false,
        "diagram": render::svg(&without_words(recording.part(at))),
        "exports": exports(recording),
    })
}

/// What differs, a row each; null if nothing does.
fn beside(Beside { columns, rows }: &Beside) -> Value {
    let row = |(what, [one, other]): &(String, [String; 2])| json!([what, one, other]);
    let rows: Vec<_> = rows.iter().map(row).collect();
    if rows.is_empty() { Value::Null } else { json!({ "columns": columns, "rows": rows }) }
}

/// The diagram, without what the page says beside it.
fn without_words(run: render::Run) -> render::Run {
    let render::Run { lanes, steps, outcome, .. } = run;
    render::Run { lanes, steps, outcome, ..render::Run::default() }
}

/// The messages in flight, the new ones marked, and those that are no longer. Null where it is not known.
fn messages(recording: &Recording, at: usize) -> Value {
    let flight = |at: usize| match at.checked_sub(1).map(|last| &recording.moments[last]) {
        None => Some([].as_slice()),
        Some(moment) => moment.flight.as_deref(),
    };
    let (Some(before), Some(after)) = (flight(at.saturating_sub(1)), flight(at)) else {
        return Value::Null;
    };
    if recording.moments.iter().all(|moment| moment.flight.is_none()) {
        return Value::Null; // Nor at the start.
    }
    let row = |letter: &Flying, mark: &str| json!({ "text": letter.text, "kind": letter.kind, "mark": mark });
    let is_in = |all: &[Flying], letter: &Flying| all.iter().any(|other| other.id == letter.id);
    let mark = |letter: &Flying| if is_in(before, letter) { "" } else { "new" };
    let there = after.iter().map(|letter| row(letter, mark(letter)));
    let gone =
        before.iter().filter(|letter| !is_in(after, letter)).map(|letter| row(letter, "gone"));
    json!(there.chain(gone).collect::<Vec<_>>())
}

/// The formats that a run can be saved in.
fn exports(recording: &Recording) -> Vec<&'static str> {
    let scenario = recording.scenario.is_some().then_some(SCENARIO);
    ["svg", "itf.json", "shiviz.log", "txt"].into_iter().chain(scenario).collect()
}

/// The file of the whole run in a format: its name and its text.
fn export(recording: &Recording, bug: Option<Bug>, format: &str) -> Result<Value, Complaint> {
    let run = &recording.run;
    let text = match (format, &recording.scenario) {
        ("svg", _) => render::svg(run),
        ("itf.json", _) => format!("{:#}\n", render::itf(run)),
        ("shiviz.log", _) => render::shiviz(run),
        ("txt", _) => render::text(run, &TextStyle::plain(EXPORT_COLUMNS)),
        (SCENARIO, Some(text)) => text.clone(),
        _ => {
            let all = exports(recording).join(", ");
            return Err(Complaint(format!("no format \"{format}\"; there are {all}")));
        }
    };
    let words = [Some(run.title.as_str()), bug.map(|bug| bug.name)];
    let stem = show::slug(&words.into_iter().flatten().collect::<Vec<_>>().join(" "));
    Ok(json!({ "name": format!("{stem}.{format}"), "text": text }))
}
