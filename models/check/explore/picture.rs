//! What a place looks like: the parties before and after the last step, the messages, the steps, the diagram.

use super::journey::Choice;
use chinwag_models::{
    engine::{Envelope, Expectation, Interned, PropertyInfo, Stage, System as _, Trace},
    mutants::Mutant,
    party::Local,
    render::{self, Run},
    story::{self, About, Action},
    system::System,
};
use serde_json::{Value, json};

/// A place that was gone to.
pub struct Scene {
    /// What happened up to here.
    pub trace: Trace<System>,
    /// Where each position of the whole trace ends.
    pub ends: Vec<usize>,
    /// The position that is shown.
    pub at: usize,
    /// The number of positions.
    pub length: usize,
    /// What the steps of all positions say, those beyond this one too.
    pub texts: Vec<String>,
    /// What can happen here.
    pub choices: Vec<Choice>,
    /// What is violated, or the witness that was looked for and is seen.
    pub property: Option<PropertyInfo>,
    /// What the address names, if the path does not lead to it.
    pub unmet: Option<PropertyInfo>,
}

/// The place as the page reads it.
pub fn of(model: &Interned<System>, mutant: Option<&'static Mutant>, scene: &Scene) -> Value {
    let system = model.tables().system();
    let names: Vec<_> = (0..system.nodes()).map(|node| system.node_name(node)).collect();
    let trace = &scene.trace;
    let about = About { mutant, property: scene.property.as_ref(), replay: "" };
    let run = story::tell(system, trace, &about);
    let last = last_steps(scene);
    let after = trace.end();
    let before = trace.steps.get(last).map_or(after, |step| &step.before);
    let parties = before.locals.iter().zip(&after.locals).enumerate();
    let told = crate::names::properties(system);
    let (seen, violated): (Vec<_>, Vec<_>) = told
        .iter()
        .filter(|p| p.is_found_by(trace.verdict))
        .partition(|p| p.expectation == Expectation::Sometimes);
    let sentences = |of: Vec<&PropertyInfo>| of.into_iter().map(|p| p.name).collect::<Vec<_>>();
    let choices = scene.choices.iter().enumerate();
    json!({
        "about": story::describe_model(&system.model, mutant),
        "purpose": system.model.purpose,
        "slip": mutant.map(|mutant| story::slip_in_words(mutant.slip)),
        "at": scene.at,
        "length": scene.length,
        "texts": scene.texts,
        "last": happened(system, trace, last),
        "parties": parties.map(|(i, (was, is))| party(&names[i], was, is)).collect::<Vec<_>>(),
        "messages": messages(&before.in_flight, &after.in_flight, &names),
        "choices": choices.map(|(i, choice)| step(system, i, choice, &names)).collect::<Vec<_>>(),
        "found": scene.property.map(|property| property.name),
        "violated": sentences(violated),
        "note": scene.unmet.map(not_met),
        "claim": run.claim,
        "verdict": run.verdict,
        "explain": run.explain,
        "seen": sentences(seen),
        "endless": trace.is_endless,
        "diagram": diagram(run),
    })
}

/// What the path does not lead to, in words.
fn not_met(property: PropertyInfo) -> String {
    let what = match property.expectation {
        Expectation::Sometimes => "is not seen on this path",
        Expectation::Always | Expectation::Finally => "holds all along this path",
    };
    format!("The address says that the path leads to “{}”; but that {what}.", property.name)
}

/// The index of the first step of the trace that belongs to the last position.
fn last_steps(scene: &Scene) -> usize {
    match scene.at {
        0 => scene.trace.steps.len(),
        1 => {
            let first = scene.trace.steps.iter().position(|step| step.stage != Stage::Eager);
            first.unwrap_or(scene.trace.steps.len())
        }
        at => scene.ends[at - 2],
    }
}

/// What the last position did, a line each.
fn happened(system: &System, trace: &Trace<System>, from: usize) -> Vec<String> {
    let steps = trace.steps[from..].iter();
    let steps = steps.filter(|s| !(s.stage == Stage::Fair && matches!(s.action, Action::Drop(_))));
    let line = |step: &chinwag_models::engine::Step<System>| {
        let (node, words, _) = story::happening(system, &step.action, &step.before);
        match step.action {
            Action::LoseAll => words,
            _ => format!("{} {words}", system.node_name(node)),
        }
    };
    steps.map(line).collect()
}

fn party(name: &str, before: &Local, after: &Local) -> Value {
    let kind = match after {
        Local::Manager(_) => "manager",
        Local::Client(_) => "front-end",
    };
    let changes = render::diff(&story::describe(before), &story::describe(after));
    json!({
        "name": name,
        "kind": kind,
        "before": story::portrait(before),
        "after": story::portrait(after),
        "changes": changes,
    })
}

type Letters = [Envelope<chinwag::Message<chinwag_models::application::Application>>];

/// The messages in flight, the new ones marked, and those that are no longer.
fn messages(before: &Letters, after: &Letters, names: &[String]) -> Value {
    let row = |letter: &Envelope<_>, mark: &str| {
        let kind = chinwag::Message::kind(&letter.message);
        json!({ "text": story::describe_envelope(letter, names), "kind": kind, "mark": mark })
    };
    let mut old: Vec<_> = before.iter().collect();
    let mut rows = Vec::new();
    for letter in after {
        let known = old.iter().position(|was| *was == letter);
        known.map(|place| old.remove(place));
        rows.push(row(letter, if known.is_some() { "" } else { "new" }));
    }
    rows.extend(old.into_iter().map(|letter| row(letter, "gone")));
    json!(rows)
}

/// A step that is possible, with what it is grouped by.
fn step(system: &System, number: usize, choice: &Choice, names: &[String]) -> Value {
    let (kind, party) = match &choice.action {
        Action::Deliver { envelope, node } => (envelope.message.kind().to_owned(), *node),
        Action::Fire { node, event } => (system.event_kind(event).to_owned(), *node),
        Action::Drop(letter) => ("loss".to_owned(), letter.to.receivers().start),
        Action::LoseAll => ("loss".to_owned(), 0),
    };
    json!({ "number": number, "text": choice.text, "kind": kind, "party": names[party] })
}

/// The sequence diagram, without what the page says beside it.
fn diagram(run: Run) -> String {
    let Run { lanes, steps, repeats_from, outcome, .. } = run;
    render::svg(&Run { lanes, steps, repeats_from, outcome, ..Run::default() })
}
