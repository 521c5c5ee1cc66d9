//! What a trace tells, step by step, for people who want to look at it.

use super::{Difference, Refused, Summary, Trace, witnessed::Witnessed};
use crate::{
    recording::{Beside, Judged, Moment, Recording},
    render::{self, Lane, LaneKind, MessageRef, Outcome, SentMessage, Step, StepKind},
    story,
};
use chinwag::{
    Destination, Group, ManagerState, Message, Sender, Service, Timer,
    runtime::{
        TraceInput, TraceStep,
        live::{self, ROWS_MAX},
    },
};
use serde_json::{Value, json};
use std::{collections::HashMap, fmt::Debug};

/// Updates that ran at a replica manager, of which the last so many are shown.
const ORDER_MAX: usize = 8;

/// Characters of a message or of a value that are shown.
const WORDS_MAX: usize = 160;

/// A recording while it is made.
pub(super) struct Chronicle {
    pub recording: Recording,
    /// The lane that stands for all clients.
    clients: usize,
    /// The number of each message that was sent, by its way and what it says.
    ids: HashMap<(usize, usize, String), u64>,
    /// Messages so far.
    messages: u64,
    /// Of each replica manager, [`in_lines`].
    lines: Vec<Value>,
    /// Steps that are left out: timers with nothing to tell, which are most of an idle cluster's.
    idle: u64,
}

impl Chronicle {
    /// Of a cluster in which nothing has happened.
    pub fn new(group: Group) -> Self {
        let mut recording = Recording::default();
        recording.run.notation = story::notation(group.updatable);
        for id in group.members() {
            let (name, kind, start) = (format!("{id:?}"), LaneKind::Manager, Value::Null);
            recording.join(Lane { name, kind, start }, Value::Null);
        }
        let (name, kind, start) = ("clients".to_owned(), LaneKind::Other, Value::Null);
        recording.join(Lane { name, kind, start }, Value::Null);
        let lines = vec![in_lines(&Value::Null); group.replicas.into()];
        let (clients, ids) = (group.replicas.into(), HashMap::new());
        Self { recording, clients, ids, messages: 0, lines, idle: 0 }
    }

    /// A replica manager took this step and is in this state. `said`: where the step stands. `lost`: a crash
    /// took it before it was journalled, so that nothing of it left the process. `value`: what it shows.
    pub fn step<S: Service>(
        &mut self,
        node: usize,
        step: &TraceStep<Witnessed<S>>,
        state: &ManagerState<Witnessed<S>>,
        (said, lost, value): (String, bool, String),
    ) {
        if self.recording.is_cut() {
            return;
        }
        let portrait = portrait(state, &value);
        let received = match &step.input {
            TraceInput::Message { from, message } => Some(self.received(*from, node, message)),
            _ => None,
        };
        let fault = lost || matches!(step.input, TraceInput::Start { .. });
        let kind = if fault { StepKind::Fault } else { StepKind::Action };
        let mut action = action(&step.input);
        if lost {
            action += " (and a crash takes it before it is journalled)";
        }
        let lines = in_lines(&portrait);
        let changes = story::named(render::diff(&self.lines[node], &lines));
        let is_timer = matches!(step.input, TraceInput::Timer(_));
        if is_timer && step.sends.is_empty() && changes.is_empty() && !lost {
            self.idle += 1;
            return;
        }
        self.lines[node] = lines;
        let sends = if lost { &[] } else { step.sends.as_slice() };
        let sent = sends.iter().map(|(to, message)| self.sent(node, *to, message)).collect();
        let told = Step { lane: node, action, kind, received, sent, changes, ..Step::default() };
        self.recording.push(told, Moment { said, portrait, flight: None });
    }

    /// A replica manager recorded this step, which is refused: of what came of it nothing is drawn.
    fn refused<S: Service>(&mut self, node: usize, step: &TraceStep<Witnessed<S>>, said: String) {
        let received = match &step.input {
            TraceInput::Message { from, message } => Some(self.received(*from, node, message)),
            _ => None,
        };
        let told = Step { lane: node, action: action(&step.input), received, ..Step::default() };
        self.recording.push(told, Moment { said, ..Moment::default() });
    }

    /// What is to be said of it, now that it has ended so.
    pub fn end<S: Service>(
        mut self,
        trace: &Trace<Witnessed<S>>,
        ended: Result<Summary, Refused>,
    ) -> Recording {
        if let Err(refused) = &ended {
            // Of a broken promise the step was taken, and is there.
            let place = format!("{}:{}", refused.file, refused.line);
            let is_there = self.recording.moments.last().is_some_and(|last| last.said == place);
            let boot = trace.boots.iter().find(|boot| boot.file == refused.file);
            let step = boot.and_then(|boot| Some((boot, boot.steps.get(refused.line - 2)?)));
            if let (Some((boot, step)), false) = (step, is_there) {
                self.refused(boot.header.node.into(), step, place);
            }
        }
        let mut recording = self.recording;
        if self.idle > 0 {
            let many = self.idle;
            recording
                .notes
                .push(format!("Timers at which there was nothing to tell: {many}, left out."));
        }
        recording.run.model = format!("{} replica managers", trace.group().replicas);
        match ended {
            Ok(summary) => recording.accepted(summary),
            Err(refused) => recording.refused(refused),
        }
        recording.run.explain = [recording.why.clone(), recording.beside.sentences()].concat();
        recording
    }

    fn received<S: Service>(
        &mut self,
        from: Sender,
        to: usize,
        message: &Message<S>,
    ) -> MessageRef {
        let from = match from {
            Sender::Replica(id) => id.index(),
            Sender::FrontEnd(_) => self.clients,
        };
        let known = self.ids.get(&(from, to, format!("{message:?}"))).copied();
        // A part of what was sent, or of a client: it is drawn as coming from there.
        let id = known.unwrap_or_else(|| self.next());
        MessageRef { id, label: words(message), from: Some(from) }
    }

    fn next(&mut self) -> u64 {
        self.messages += 1;
        self.messages
    }

    fn sent<S: Service>(
        &mut self,
        from: usize,
        to: Destination,
        message: &Message<S>,
    ) -> SentMessage {
        let id = self.next();
        let to = match to {
            Destination::Replica(id) => id.index(),
            Destination::FrontEnd(_) | Destination::AnyReplica | Destination::AnyUpdatable => {
                self.clients
            }
        };
        // Of those that say the same, the latest is meant.
        self.ids.insert((from, to, format!("{message:?}")), id);
        SentMessage { id, to: Some(to), label: words(message) }
    }
}

impl Recording {
    fn accepted(&mut self, summary: Summary) {
        self.run.claim = "It is an execution of the model".to_owned();
        self.run.verdict = format!("accepted, in {} steps", summary.steps);
        self.headline = "Accepted: an execution of the model".to_owned();
        match summary.missing.is_empty() {
            true => (self.judged, self.run.outcome) = (Judged::Good, Outcome::Witnessed),
            false => {
                self.headline += ", as far as it goes: the trace does not tell all that happened";
                self.why = summary.missing;
            }
        }
    }

    fn refused(&mut self, refused: Refused) {
        let Refused { file, line, why, because, differences, accepted, .. } = refused;
        let refusal = format!("{file}:{line} is refused: {why}");
        let mut reasons = vec![format!("{}.", story::capitalised(&why))];
        reasons.extend(because);
        reasons.push(format!("{accepted} steps were accepted before it."));
        let row = |d: Difference| (d.what, [short(&d.recorded), short(&d.computed)]);
        let rows = differences.into_iter().map(row).collect();
        self.beside = Beside { columns: ["recorded", "computed"], rows };
        self.judged = Judged::Bad;
        self.headline = format!("Refused: {file}:{line} is no step of the model");
        self.broken(vec![refusal], reasons);
        self.run.claim = "It is an execution of the model".to_owned();
        self.run.verdict = format!("refused at step {}", self.moments.len());
    }
}

fn action<S: Service>(input: &TraceInput<S>) -> String {
    match input {
        TraceInput::Start { .. } => "starts with what it had journalled".to_owned(),
        TraceInput::Message { from, message } => {
            let from = match from {
                Sender::Replica(id) => words(id),
                Sender::FrontEnd(id) => words(id),
            };
            format!("takes {} from {from}", words(message))
        }
        TraceInput::Timer(Timer::Gossip { to }) => format!("gossips to {to:?}"),
        TraceInput::Timer(timer) => format!("has a timer: {timer:?}"),
        TraceInput::TurnedAway { message, .. } => format!("has no room for {}", words(message)),
        TraceInput::GiveUp { queries } => format!("gives up on {}", words(queries)),
    }
}

fn portrait<S: Service>(state: &ManagerState<Witnessed<S>>, shows: &str) -> Value {
    let value = state.replica.value();
    let hidden = value.order.len().saturating_sub(ORDER_MAX);
    let mut shown = live::portrait(state, ROWS_MAX, |record| json!(words(&record.update.op)));
    let before = (hidden > 0).then(|| format!("({hidden} before)"));
    let order = value.order[hidden..].iter().map(words);
    shown["value"] = json!(before.into_iter().chain(order).collect::<Vec<_>>());
    shown["shows"] = json!(short(shows));
    shown["notes"] = json!([]);
    shown
}

/// The parts of a portrait whose changes are worth a line of a diagram.
fn in_lines(portrait: &Value) -> Value {
    let ids = |field: &str| -> Value {
        let rows = portrait[field].as_array().into_iter().flatten();
        rows.map(|row| row["id"].clone()).collect()
    };
    let (value_ts, replica_ts) = (&portrait["value_ts"], &portrait["replica_ts"]);
    json!({ "value_ts": value_ts, "replica_ts": replica_ts, "log": ids("log"), "queries": ids("queries") })
}

/// In short: long numbers of front ends and long texts are cut.
fn words(thing: &impl Debug) -> String {
    short(&format!("{thing:?}"))
}

fn short(text: &str) -> String {
    let mut parts = text.split("fe");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let cut = if digits > 8 { digits - 4 } else { 0 };
        short += if cut > 0 { "fe…" } else { "fe" };
        short += &part[cut..];
    }
    match short.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &short[..end]),
        None => short,
    }
}
