//! A trace of the engine told to people: who took part, what happened, what it changed, and why it is wrong.
//!
//! Knows the protocol's types and the renderer's [`Run`]; searches nothing.

mod describe;
mod explain;
mod named;
mod portrait;
mod steps;

pub use describe::{describe, describe_envelope, label};
pub(crate) use explain::culprits;
pub use named::slip_in_words;
pub(crate) use named::{NUMBERS, cited, named};
pub use portrait::portrait;
pub(crate) use steps::takes;
pub use steps::{does, happening};

use crate::{
    application::name,
    engine::{self, Expectation, PropertyInfo, SILENCE, Stage, System as _, Trace},
    model::{Asks, Links, Model, Net},
    mutants::Mutant,
    party::{FOREVER, Line, Local},
    properties::{PROPERTIES, Scope},
    render::{Lane, LaneKind, Outcome, Run, Step},
    system::{Happens, System},
    view::View,
};
use chinwag::Message;
use steps::Telling;

/// Something that happens in a model.
pub type Action = engine::Action<Message<crate::application::Application>, Happens>;

/// A state of a model.
pub type Snapshot = engine::Snapshot<System>;

/// What a story is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The seeded bug, if one is in.
    pub mutant: Option<&'a Mutant>,
    /// The property that the trace violates, or the witness that it shows; none for a mere recording.
    pub property: Option<&'a PropertyInfo>,
    /// The command that replays it.
    pub replay: &'a str,
}

/// The trace as a run that the renderers can draw.
pub fn tell(system: &System, trace: &Trace<System>, about: &About<'_>) -> Run {
    let names: Vec<_> = (0..system.nodes()).map(|node| system.node_name(node)).collect();
    let mut telling = Telling::begin(system, &trace.start);
    let mut hit = hits(system, about.property, &trace.start).then_some(0);
    for step in &trace.steps {
        telling.step(step);
        if hit.is_none() && hits(system, about.property, &step.after) {
            hit = Some(telling.steps.len());
        }
    }
    let repeats_from = trace.is_endless.then(|| first_of_loop(trace, &telling)).flatten();
    let mut run = Run {
        title: title(system, about),
        model: describe_model(&system.model, about.mutant),
        claim: about.property.map_or_else(String::new, claim),
        lanes: lanes(&names, &telling.starts),
        steps: telling.steps,
        repeats_from,
        notation: notation(system.model.updatable),
        replay: about.replay.to_owned(),
        ..Run::default()
    };
    judge(system, trace, about, hit, &mut run);
    run
}

/// Says what became of the claim, where, and why.
fn judge(
    system: &System,
    trace: &Trace<System>,
    about: &About<'_>,
    hit: Option<usize>,
    run: &mut Run,
) {
    let Some(property) = about.property else {
        run.verdict =
            format!("{} steps", run.steps.len().checked_sub(1).map_or(0, |i| run.number(i)));
        return;
    };
    let hit = hit.unwrap_or(run.steps.len());
    let at = hit.checked_sub(1).map_or(0, |index| run.number(index));
    let fair = trace.steps.last().is_some_and(|step| step.stage == Stage::Fair);
    if property.expectation == Expectation::Sometimes {
        run.outcome = Outcome::Witnessed;
        run.verdict = format!("seen at step {at}");
        return;
    }
    run.outcome = Outcome::Violated;
    run.verdict = match (trace.is_endless, fair) {
        (true, _) => "violated: the messages never cease".to_owned(),
        (_, true) => format!("violated at step {at}, where the fair continuation ends"),
        _ => format!("violated at step {at}"),
    };
    let (before, after) = around(trace, property, system);
    let setting = system.model.setting();
    let was = View::of(&setting, before.locals.iter().enumerate());
    let view = View::of(&setting, after.locals.iter().enumerate());
    let restless = || restless(system, after);
    let culprits = explain::culprits(property.name, &was, &view, restless);
    if let Some(step) = hit.checked_sub(1).and_then(|index| run.steps.get_mut(index)) {
        step.violates = Some(culprits.first().cloned().unwrap_or_else(|| property.name.to_owned()));
    }
    run.explain = culprits;
    if let Some(mutant) = about.mutant {
        let slip = slip_in_words(mutant.slip);
        let (name, thought) = (mutant.name, "comes of this thought");
        run.explain.push(format!("The seeded bug \"{name}\" {thought}: {slip}."));
    }
}

/// Who has a reason to speak, as in a fair continuation that never ends.
fn restless(system: &System, state: &Snapshot) -> Vec<String> {
    let nodes = state.locals.iter().enumerate();
    let busy = nodes.filter(|(node, local)| !system.fair(*node, local).is_empty());
    busy.map(|(node, _)| system.node_name(node)).collect()
}

/// The states before and after the step that violates the property; the last one if none does by itself.
fn around<'t>(
    trace: &'t Trace<System>,
    property: &PropertyInfo,
    system: &System,
) -> (&'t Snapshot, &'t Snapshot) {
    let guilty = trace.steps.iter().find(|step| hits(system, Some(property), &step.after));
    match guilty.or(trace.steps.last()) {
        Some(step) => (&step.before, &step.after),
        None => (&trace.start, &trace.start),
    }
}

/// Does this state by itself violate the property, or show the witness?
fn hits(system: &System, info: Option<&PropertyInfo>, state: &Snapshot) -> bool {
    let Some(info) = info.filter(|info| info.bit != SILENCE) else { return false };
    let property = &PROPERTIES[info.bit as usize];
    if matches!(property.scope, Scope::Idle | Scope::End) {
        return false; // Judged only where nothing is left to do: the trace ends there.
    }
    let setting = system.model.setting();
    let holds = (property.holds)(&View::of(&setting, state.locals.iter().enumerate()));
    holds == (info.expectation == Expectation::Sometimes)
}

/// The step of the story with which the loop of an endless trace begins.
fn first_of_loop(trace: &Trace<System>, telling: &Telling<'_>) -> Option<usize> {
    let last = &trace.steps.last()?.after;
    let index = trace.steps.iter().position(|step| step.before == *last)?;
    telling.begins.get(index).copied()
}

fn title(system: &System, about: &About<'_>) -> String {
    let (name, purpose) = (system.model.name, system.model.purpose);
    match (about.mutant, about.property) {
        (Some(mutant), _) => format!("Seeded bug \"{}\" in model {name}", mutant.name),
        (None, Some(p)) if p.expectation == Expectation::Sometimes => {
            format!("How it comes that {} (model {name})", p.name)
        }
        (None, Some(_)) => format!("A counterexample in model {name}"),
        (None, None) => format!("A run of model {name}: {purpose}"),
    }
}

fn claim(info: &PropertyInfo) -> String {
    promise(info.name)
}

/// A promise as a claim: a sentence, and where it comes from.
pub(crate) fn promise(sentence: &str) -> String {
    match PROPERTIES.iter().find(|property| property.sentence == sentence) {
        Some(property) => {
            format!("{} ({})", capitalised(property.sentence), cited(property.source))
        }
        None => capitalised(sentence),
    }
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn lanes(names: &[String], starts: &[&Local]) -> Vec<Lane> {
    let lane = |(name, local): (&String, &&Local)| Lane {
        name: name.clone(),
        kind: match local {
            Local::Manager(_) => LaneKind::Manager,
            Local::Client(_) => LaneKind::FrontEnd,
        },
        start: describe(local),
    };
    names.iter().zip(starts).map(lane).collect()
}

/// How the short forms of a story are read.
pub fn notation(updatable: u16) -> String {
    let counts: Vec<_> = (0..updatable).map(|rm| u16::from(rm == 0).to_string()).collect();
    let managers: Vec<_> = (0..updatable).map(|rm| format!("rm{rm}")).collect();
    format!(
        "rm0 is a replica manager, fe0 a client with its front end. [{}] is a timestamp: so many updates \
         that {} recorded. rm0:1 is the first record of rm0, fe0#0 the first request of fe0, <a b> what has \
         run, in this order. Gossip says up to where its sender holds all, how many records come with it \
         (+1) and which; (asks) wants gossip in return. {NUMBERS}",
        counts.join(","),
        managers.join(", "),
    )
}

/// A model and its bounds in one line.
pub fn describe_model(model: &Model, mutant: Option<&Mutant>) -> String {
    format!("{}: {}", model.name, describe_bounds(model, mutant))
}

/// The same without its name.
pub fn describe_bounds(model: &Model, mutant: Option<&Mutant>) -> String {
    let mut parts = vec![format!("{} managers", model.updatable)];
    if model.read_only > 0 {
        parts.push(format!("{} read-only", model.read_only));
    }
    parts.push(match model.asks {
        Asks::Any => {
            let ask = if model.scripts.len() == 1 { "asks" } else { "ask" };
            format!("{} {ask} any manager", clients_at(model, &[]))
        }
        Asks::Home(homes) => {
            let homes: Vec<_> = homes.iter().map(|home| format!("rm{home}")).collect();
            clients_at(model, &homes)
        }
        Asks::Route(routes) => {
            let route =
                |route: &&[u16]| route.iter().map(|rm| format!("rm{rm}")).collect::<Vec<_>>();
            let routes: Vec<_> = routes.iter().map(|r| route(r).join(" then ")).collect();
            clients_at(model, &routes)
        }
    });
    let crashes: u32 = model.crashes.iter().map(|n| u32::from(*n)).sum();
    let net = match model.net {
        Net::Once => "delay and any order",
        Net::Lossy => "delay, any order and loss",
        Net::Copies => "delay, any order, loss and two copies of each update",
        Net::Echoes => "delay, any order, loss and requests repeated where they went",
        Net::RepeatsRequests => "delay, any order, loss and repeated requests",
        Net::Repeats => "delay, any order, loss and repetition",
    };
    parts.push(net.to_owned());
    let mut also = |says: bool, text: String| parts.extend(says.then_some(text));
    also(model.copies > 1, format!("each update to {} managers", model.copies));
    let again = match model.retries {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    also(model.retries > 0, format!("clients ask again {again} at most"));
    let times = model.crashes.iter().map(|times| match *times {
        FOREVER => "any number".to_owned(),
        times => times.to_string(),
    });
    let times = times.collect::<Vec<_>>().join(", ");
    also(crashes > 0, format!("crashes: {times}"));
    match model.links {
        Links::Mesh => {}
        Links::Ring => also(true, "gossip round a ring".to_owned()),
        Links::Only(links) => {
            let links: Vec<_> = links.iter().map(|(a, b)| format!("rm{a} to rm{b}")).collect();
            also(true, format!("gossip only from {}", links.join(", ")));
        }
    }
    also(model.batch > 0, format!("gossip after {} updates", model.batch));
    also(model.pulls, "managers ask for what they miss".to_owned());
    let fragments = model.records_per_gossip_max;
    let records = if fragments == 1 { "one record" } else { "few records" };
    also(fragments < usize::MAX, format!("{records} a message"));
    also(model.eager, "replies that are waited for arrive at once (a reduction)".to_owned());
    also(model.liar, "the last client lies about what it has seen".to_owned());
    also(mutant.is_some(), format!("seeded bug \"{}\"", mutant.map_or("", |m| m.name)));
    parts.join("; ")
}

/// What each client does in turn, and whom it asks.
fn clients_at(model: &Model, whom: &[String]) -> String {
    let each = model.lines().into_iter().enumerate().map(|(i, script)| {
        let at = whom.get(i).map_or_else(String::new, |at| format!(" at {at}"));
        format!("fe{i} ({}){at}", describe_script(&script))
    });
    each.collect::<Vec<_>>().join(" and ")
}

/// What a client's script does, in words: `updates a, queries`.
pub fn describe_script(lines: &[Line]) -> String {
    let word = |line: &Line| match line {
        Line::Update(tag) => format!("updates {}", name(*tag)),
        Line::Independent(tag) => format!("updates {} independently", name(*tag)),
        Line::Query => "queries".to_owned(),
        Line::Tell(to) => format!("tells fe{to}"),
        Line::Wait => "waits to be told".to_owned(),
    };
    lines.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Completes what the steps of a story changed.
pub(crate) fn with_change(mut step: Step, before: &Local, after: &Local) -> Step {
    if before != after {
        step.state = describe(after);
        step.changes = named(crate::render::diff(&describe(before), &step.state));
    }
    step
}
