//! Counterexamples and witnesses: the shortest way there, step by step, in real node states and messages.

use super::fair::{FAIR_STEPS_MAX, FairStep, Walker, fair_step, lose_all, take_fair_step};
use super::flat::Flat;
use super::options::{Network, Options};
use super::reader::{Jump, Reader, Touched};
use super::system::{Envelope, Expectation, PropertyInfo, System, Verdict};
use super::tables::Tables;
use super::visited::Visited;
use super::worker::Examiner;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// What a trace is to lead to: a property, by its bit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Target {
    /// A state that violates the property with this bit; [`super::SILENCE`] for the engine's own.
    Violation(u32),
    /// A state that shows the witness with this bit.
    Witness(u32),
}

impl Target {
    /// The state that settles a property: one that violates it, or for a witness, one that shows it.
    pub fn of(property: &PropertyInfo) -> Self {
        match property.expectation {
            Expectation::Always | Expectation::Finally => Target::Violation(property.bit),
            Expectation::Sometimes => Target::Witness(property.bit),
        }
    }

    fn is_met_by(self, verdict: Verdict) -> bool {
        match self {
            Target::Violation(bit) => verdict.violated >> bit & 1 == 1,
            Target::Witness(bit) => verdict.seen >> bit & 1 == 1,
        }
    }
}

/// Something that happens.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Action<M, E> {
    /// A node takes a message.
    Deliver {
        /// The message with its sender and destination.
        envelope: Envelope<M>,
        /// The node that takes it.
        node: usize,
    },
    /// A node takes an internal step.
    Fire {
        /// The node.
        node: usize,
        /// The step.
        event: E,
    },
    /// The network loses a message; on a fair continuation, no receiver wants it.
    Drop(Envelope<M>),
    /// The network loses everything in flight, before a fair continuation.
    LoseAll,
}

/// Why a step was taken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// It was chosen.
    Chosen,
    /// An eager delivery, part of the chosen step before it.
    Eager,
    /// Part of the fair continuation.
    Fair,
}

/// A state as people read it.
#[derive(Debug)]
pub struct Snapshot<S: System> {
    /// The state of every node.
    pub locals: Vec<S::Local>,
    /// The messages in flight, in the order of the numbers the engine gave them.
    pub in_flight: Vec<Envelope<S::Message>>,
}

impl<S: System> PartialEq for Snapshot<S> {
    fn eq(&self, other: &Self) -> bool {
        self.locals == other.locals && self.in_flight == other.in_flight
    }
}

impl<S: System> Eq for Snapshot<S> {}

/// A step of a trace.
#[derive(Debug)]
pub struct Step<S: System> {
    /// What happens.
    pub action: Action<S::Message, S::Event>,
    /// Why.
    pub stage: Stage,
    /// The state before.
    pub before: Arc<Snapshot<S>>,
    /// The state after.
    pub after: Arc<Snapshot<S>>,
}

/// A way from the start to a state, and if need be the fair continuation from there.
#[derive(Debug)]
pub struct Trace<S: System> {
    /// The initial state.
    pub start: Arc<Snapshot<S>>,
    /// The steps, in order.
    pub steps: Vec<Step<S>>,
    /// What the states of the trace and the end of its fair continuation violate and show.
    pub verdict: Verdict,
    /// Whether the fair continuation comes back to a state it has passed (or is longer than its limit); the
    /// steps show it once round.
    pub is_endless: bool,
}

impl<S: System> Trace<S> {
    /// The chosen actions: what [`replay`] takes.
    pub fn actions(&self) -> Vec<Action<S::Message, S::Event>> {
        let chosen = self.steps.iter().filter(|step| step.stage == Stage::Chosen);
        chosen.map(|step| step.action.clone()).collect()
    }

    /// How many actions were chosen: the depth of the state in a search.
    pub fn depth(&self) -> usize {
        self.steps.iter().filter(|step| step.stage == Stage::Chosen).count()
    }

    /// The last state.
    pub fn end(&self) -> &Snapshot<S> {
        self.steps.last().map_or(&self.start, |step| &step.after)
    }
}

/// An action that cannot be replayed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplayError {
    /// Its place in the list of actions, from 0.
    pub index: usize,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "action {} is not possible in the state that the actions before it lead to",
            self.index
        )
    }
}

impl std::error::Error for ReplayError {}

/// The shortest way to a target, or none within the bounds on states and depth.
///
/// A breadth-first search with one thread and fresh tables: the result is the same every time. With
/// `options.liveness`, fair continuations are judged too, and a trace that needs one ends with it.
pub fn shortest<S: System>(
    tables: &Tables<S>,
    target: Target,
    options: &Options,
) -> Option<Trace<S>> {
    let tables = tables.fresh();
    let mut finder = Finder {
        examiner: Examiner::new(Reader::new(&tables)),
        visited: Visited::new(),
        known: options.liveness.then(Visited::new),
        target,
        parents: Vec::new(),
    };
    let choices = finder.find(options)?;
    let mut teller = Teller::new(&tables);
    for choice in choices {
        teller.examiner.reader.jumps(&teller.state, &mut teller.jumps);
        let jump = teller.jumps[usize::from(choice)];
        teller.choose(jump);
    }
    if !target.is_met_by(teller.verdict) {
        teller.continue_fairly(target);
    }
    Some(teller.finish())
}

/// Takes the actions one after the other, each with the eager deliveries after it.
pub fn replay<S: System>(
    tables: &Tables<S>,
    actions: &[Action<S::Message, S::Event>],
) -> Result<Trace<S>, ReplayError> {
    let mut teller = Teller::new(tables);
    for (index, action) in actions.iter().enumerate() {
        teller.examiner.reader.jumps(&teller.state, &mut teller.jumps);
        let is_it = |jump: &&Jump| action_in(tables, &teller.state, **jump) == *action;
        let jump = *teller.jumps.iter().find(is_it).ok_or(ReplayError { index })?;
        teller.choose(jump);
    }
    Ok(teller.finish())
}

/// A breadth-first search that remembers how it reached each state.
struct Finder<'t, S: System> {
    examiner: Examiner<'t, S>,
    visited: Visited,
    known: Option<Visited>,
    target: Target,
    /// For each state in the order of discovery, the state before it and the number of the step.
    parents: Vec<(u32, u16)>,
}

impl<S: System> Finder<'_, S> {
    /// The numbers of the steps to the target.
    fn find(&mut self, options: &Options) -> Option<Vec<u16>> {
        let states_max = options.states_max.unwrap_or(u64::MAX).min(u64::from(u32::MAX)) as usize;
        let mut level = Vec::new();
        let mut state = self.examiner.reader.start();
        let between = self.examiner.settle(&mut state, Touched::ALL, |_| {});
        if self.is_hit(&state, u32::MAX, between) {
            return Some(Vec::new());
        }
        self.discover(&state, (0, 0), &mut level);
        let (nodes, mut jumps, mut index) = (state.nodes.len(), Vec::new(), 0);
        let (mut next, mut depth) = (Flat::default(), 0);
        while !level.is_empty() && options.depth_max.is_none_or(|max| depth < max) {
            let mut found = Vec::new();
            let mut bytes = &level[..];
            while !bytes.is_empty() {
                state.decode(&mut bytes, nodes);
                self.examiner.reader.jumps(&state, &mut jumps);
                for (choice, jump) in jumps.iter().enumerate() {
                    next.copy_from(&state);
                    let between = self.examiner.step(&mut next, *jump, |_| {});
                    let changed = next.changed_since(&state);
                    let parent = (index, u16::try_from(choice).expect("less than 65536 steps"));
                    if self.is_hit(&next, changed, between) {
                        return Some(self.choices(parent));
                    }
                    self.discover(&next, parent, &mut found);
                }
                index += 1;
                if self.parents.len() >= states_max {
                    return None;
                }
            }
            level = found;
            depth += 1;
        }
        None
    }

    /// Whether this state, or one on the way to it from its parent, is the target.
    fn is_hit(&mut self, state: &Flat, changed: u32, between: Verdict) -> bool {
        if self.target.is_met_by(between) {
            return true;
        }
        if self.visited.contains(state.fingerprint) {
            return false; // It was examined when it was discovered.
        }
        let examined = self.examiner.examine(state, changed, self.known.as_ref());
        self.target.is_met_by(examined.verdict)
    }

    fn discover(&mut self, state: &Flat, parent: (u32, u16), level: &mut Vec<u8>) {
        if self.visited.insert(state.fingerprint) {
            self.parents.push(parent);
            state.encode(level);
        }
    }

    /// The steps from the start to the state that this step leads to.
    fn choices(&self, last: (u32, u16)) -> Vec<u16> {
        let (mut choices, mut index) = (vec![last.1], last.0);
        while index != 0 {
            let (before, choice) = self.parents[index as usize];
            choices.push(choice);
            index = before;
        }
        choices.reverse();
        choices
    }
}

/// Takes steps and tells what happens.
struct Teller<'t, S: System> {
    tables: &'t Tables<S>,
    examiner: Examiner<'t, S>,
    state: Flat,
    jumps: Vec<Jump>,
    start: Arc<Snapshot<S>>,
    here: Arc<Snapshot<S>>,
    steps: Vec<Step<S>>,
    verdict: Verdict,
    is_endless: bool,
}

impl<'t, S: System> Teller<'t, S> {
    fn new(tables: &'t Tables<S>) -> Self {
        let mut examiner = Examiner::new(Reader::brief(tables));
        let state = examiner.reader.start();
        let start = Arc::new(snapshot(tables, &state));
        let mut teller = Teller {
            tables,
            examiner,
            state,
            jumps: Vec::new(),
            here: start.clone(),
            start,
            steps: Vec::new(),
            verdict: Verdict::NOTHING,
            is_endless: false,
        };
        teller.settle(Touched::ALL);
        teller
    }

    /// Takes a step and what is eager after it.
    fn choose(&mut self, jump: Jump) {
        let action = action_in(self.tables, &self.state, jump);
        let touched = self.examiner.reader.take(&mut self.state, jump);
        self.tell(action, Stage::Chosen);
        self.settle(touched);
    }

    fn settle(&mut self, mut touched: Touched) {
        self.judge();
        while let Some(eager) = self.examiner.reader.eager(&self.state, touched) {
            let action = action_in(self.tables, &self.state, eager);
            touched = self.examiner.reader.take(&mut self.state, eager);
            self.tell(action, Stage::Eager);
            self.judge();
        }
    }

    fn judge(&mut self) {
        let examined = self.examiner.examine(&self.state, u32::MAX, None);
        self.verdict = self.verdict.and(examined.verdict);
    }

    /// Adds the fair continuation that meets the target: this one, or the one with everything lost first.
    fn continue_fairly(&mut self, target: Target) {
        let mut walker = Walker::default();
        let verdict = walker.follow(&mut self.examiner.reader, &self.state, &Visited::new());
        let rules = self.tables.rules;
        if !target.is_met_by(verdict) && (rules.lossy || rules.network == Network::Set) {
            lose_all(&self.examiner.reader, &mut self.state);
            self.tell(Action::LoseAll, Stage::Fair);
        }
        let mut passed = HashSet::new();
        while passed.insert(self.state.fingerprint) && passed.len() <= FAIR_STEPS_MAX {
            let Some(step) = fair_step(&mut self.examiner.reader, &self.state) else {
                let locals = self.examiner.reader.locals(&self.state);
                self.verdict = self.verdict.and(self.tables.system.judge_end(&locals));
                return;
            };
            let action = match step {
                FairStep::Ignored(post) => {
                    Action::Drop(self.tables.posts.get(post).envelope.clone())
                }
                FairStep::Jump(jump) => action_in(self.tables, &self.state, jump),
            };
            take_fair_step(&mut self.examiner.reader, &mut self.state, step);
            self.tell(action, Stage::Fair);
        }
        self.is_endless = true;
        self.verdict.violated |= 1 << super::SILENCE;
    }

    fn tell(&mut self, action: Action<S::Message, S::Event>, stage: Stage) {
        let after = Arc::new(snapshot(self.tables, &self.state));
        let before = std::mem::replace(&mut self.here, after.clone());
        self.steps.push(Step { action, stage, before, after });
    }

    fn finish(self) -> Trace<S> {
        let Teller { start, steps, verdict, is_endless, .. } = self;
        Trace { start, steps, verdict, is_endless }
    }
}

/// A state as people read it.
pub(super) fn snapshot<S: System>(tables: &Tables<S>, state: &Flat) -> Snapshot<S> {
    Snapshot {
        locals: state.nodes.iter().map(|id| tables.places.get(*id).local.clone()).collect(),
        in_flight: state.net.iter().map(|id| tables.posts.get(*id).envelope.clone()).collect(),
    }
}

/// A step of this state as people read it.
fn action_in<S: System>(
    tables: &Tables<S>,
    state: &Flat,
    jump: Jump,
) -> Action<S::Message, S::Event> {
    let node = match jump {
        Jump::Deliver { node, .. } | Jump::Fire { node, .. } => node,
        Jump::Drop { .. } => 0,
    };
    action_of(tables, state.nodes[node], jump)
}

/// A step as people read it, `place` being the node state that takes it.
pub(super) fn action_of<S: System>(
    tables: &Tables<S>,
    place: u32,
    jump: Jump,
) -> Action<S::Message, S::Event> {
    let envelope = |post| tables.posts.get(post).envelope.clone();
    match jump {
        Jump::Deliver { post, node, .. } => Action::Deliver { envelope: envelope(post), node },
        Jump::Drop { post } => Action::Drop(envelope(post)),
        Jump::Fire { node, index, .. } => {
            // A fair step has no index: it is the first fair event.
            let fired = tables.events(place).get(index).or_else(|| tables.fair(place));
            let event = fired.expect("the jump was made from this state").event.clone();
            Action::Fire { node, event }
        }
    }
}
