//! Each step of a trace in the renderer's terms: who did what, with which message, and what was sent.

use super::{
    Action, Snapshot,
    describe::{gossip_label, label, told},
    describe_script, with_change,
};
use crate::{
    application::Application,
    engine::{self, Destination, Envelope, Stage, System as _},
    party::{Local, Party, Turn},
    render::{MessageRef, SentMessage, Step, StepKind},
    system::{Happens, System},
};
use chinwag::{Message, ReplicaId, Timer};
use std::collections::HashMap;

type Letter = Envelope<Message<Application>>;

/// A story while it is told.
pub(super) struct Telling<'a> {
    system: &'a System,
    /// The first state of every node.
    pub starts: Vec<&'a Local>,
    /// The steps so far.
    pub steps: Vec<Step>,
    /// For each step of the trace, with which step of the story it begins.
    pub begins: Vec<usize>,
    /// The number of the copy that is under way.
    ids: HashMap<Letter, u64>,
    next_id: u64,
}

impl<'a> Telling<'a> {
    /// What every client asks at once.
    pub fn begin(system: &'a System, start: &'a Snapshot) -> Self {
        let starts = start.locals.iter().collect();
        let (steps, begins, ids) = (Vec::new(), Vec::new(), HashMap::new());
        let mut telling = Self { system, starts, steps, begins, ids, next_id: 1 };
        let scripts = system.model.lines();
        for node in 0..system.nodes() {
            let sends = system.start(node).sends;
            let Party::Client(client) = &system.parties[node] else { continue };
            let script = describe_script(&scripts[client.node.id.0 as usize]);
            let step = Step { lane: node, action: format!("begins: {script}"), ..Step::default() };
            let step = Step { kind: StepKind::Start, ..step };
            telling.push(step, node, sends);
        }
        telling
    }

    /// What one step of the trace did.
    pub fn step(&mut self, step: &engine::Step<System>) {
        self.begins.push(self.steps.len());
        match &step.action {
            Action::Deliver { .. } | Action::Fire { .. } => self.act(step),
            // A fair continuation delivers everything once; what nobody wants is not news.
            Action::Drop(_) if step.stage == Stage::Fair => {}
            Action::Drop(letter) => self.lose(letter, step.stage),
            Action::LoseAll => {
                step.before.in_flight.iter().for_each(|letter| self.lose(letter, step.stage));
            }
        }
    }

    fn act(&mut self, step: &engine::Step<System>) {
        let (node, action, sends) = happening(self.system, &step.action, &step.before);
        let mut told = Step { lane: node, action, ..Step::default() };
        told.fair = step.stage == Stage::Fair;
        match &step.action {
            Action::Deliver { envelope, .. } => told.received = Some(self.received(envelope)),
            Action::Fire { event: Happens::Crash | Happens::Turn(_), .. } => {
                told.kind = StepKind::Fault
            }
            Action::Fire { .. } | Action::Drop(_) | Action::LoseAll => {}
        }
        let told = with_change(told, &step.before.locals[node], &step.after.locals[node]);
        self.push(told, node, sends);
    }

    fn lose(&mut self, letter: &Letter, stage: Stage) {
        let received = Some(self.received(letter));
        self.steps.push(Step {
            lane: letter.to.receivers().start,
            action: format!("The network loses {}", label(&letter.message)),
            kind: StepKind::Loss,
            received,
            fair: stage == Stage::Fair,
            ..Step::default()
        });
    }

    fn received(&mut self, letter: &Letter) -> MessageRef {
        let id = self.ids.get(letter).copied().unwrap_or(0);
        MessageRef { id, label: label(&letter.message), from: Some(letter.src) }
    }

    fn push(
        &mut self,
        mut step: Step,
        node: usize,
        sends: Vec<(Destination, Message<Application>)>,
    ) {
        for (to, message) in sends {
            let sent = SentMessage { id: self.next_id, to: only(to), label: label(&message) };
            self.ids.insert(Letter { src: node, to, message }, self.next_id);
            self.next_id += 1;
            step.sent.push(sent);
        }
        self.steps.push(step);
    }
}

fn only(to: Destination) -> Option<usize> {
    match to {
        Destination::Node(node) => Some(node),
        Destination::Any { first, end } => (end == first + 1).then_some(first),
    }
}

/// Who acts, what it does in words, and what it sends.
pub fn happening(
    system: &System,
    action: &Action,
    before: &Snapshot,
) -> (usize, String, Vec<(Destination, Message<Application>)>) {
    match action {
        Action::Deliver { envelope, node } => {
            let (node, src, message) = (*node, envelope.src, &envelope.message);
            let outcome = system.deliver(node, &before.locals[node], src, message);
            let words = takes(message, &system.node_name(src));
            (node, words, outcome.map_or_else(Vec::new, |outcome| outcome.sends))
        }
        Action::Fire { node, event } => {
            let outcome = system.fire(*node, &before.locals[*node], event);
            let words = match event {
                Happens::Timer(Timer::Gossip { to }) if outcome.sends.is_empty() => silent(*to),
                _ => does(event),
            };
            (*node, words, outcome.sends)
        }
        Action::Drop(letter) => {
            let words = format!("does not get {}", label(&letter.message));
            (letter.to.receivers().start, words, Vec::new())
        }
        Action::LoseAll => (0, "everything under way is lost".to_owned(), Vec::new()),
    }
}

pub(crate) fn takes(message: &Message<Application>, from: &str) -> String {
    match message {
        Message::Update(u) => format!("takes update {:?} {:?}", u.id, u.op),
        Message::UpdateReply { id, ts } => format!("learns that {id:?} is done at {ts:?}"),
        Message::Query { id, .. } => format!("takes query {id:?}"),
        Message::QueryReply { id, answer, .. } => format!("reads {answer:?} ({id:?})"),
        Message::Refused { id, reason } => format!("is refused {id:?}: {reason:?}"),
        Message::Gossip(gossip) => format!("takes {} from {from}", gossip_label(gossip)),
        Message::Pull { .. } => format!("is asked by {from} for what it lacks"),
        Message::Tell { body, .. } => format!("is told of {} by {from}", told(body)),
    }
}

/// Of a timer for gossip that is not due.
pub(crate) fn silent(to: ReplicaId) -> String {
    format!("has nothing to tell {to:?}")
}

/// What a node does of its own accord.
pub fn does(event: &Happens) -> String {
    match event {
        Happens::Timer(Timer::Gossip { to }) => format!("gossips to {to:?}"),
        Happens::Timer(Timer::Retry { number }) => format!("loses patience and repeats #{number}"),
        Happens::Crash => "crashes and starts again from its disk".to_owned(),
        Happens::Turn(Turn::BackedUp) => "is copied".to_owned(),
        Happens::Turn(Turn::Restored) => "comes back with an old copy of its disk".to_owned(),
        Happens::Turn(Turn::Lost) => "is lost for good".to_owned(),
        Happens::Turn(Turn::Records) => "starts again and records who is replaced".to_owned(),
        Happens::Turn(Turn::Asks) => "asks who has recorded it".to_owned(),
        Happens::Turn(Turn::Copies(from)) => format!("asks {from:?} for a copy"),
    }
}
