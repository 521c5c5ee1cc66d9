//! Counterexamples and witnesses in real node states and messages.

use super::flat::Flat;
use super::reader::Jump;
use super::system::{Envelope, Expectation, PropertyInfo, System, Verdict};
use super::tables::Tables;
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

    pub(super) fn is_met_by(self, verdict: Verdict) -> bool {
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
    /// The chosen actions: what [`super::replay`] takes.
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

/// A state as people read it.
pub(super) fn snapshot<S: System>(tables: &Tables<S>, state: &Flat) -> Snapshot<S> {
    Snapshot {
        locals: state.nodes.iter().map(|id| tables.places.get(*id).local.clone()).collect(),
        in_flight: state.net.iter().map(|id| tables.posts.get(*id).envelope.clone()).collect(),
    }
}

/// A step of this state as people read it.
pub(super) fn action_in<S: System>(
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
            // A fair step counts down from the last index.
            let fired = tables
                .events(place)
                .get(index)
                .or_else(|| tables.fair(place).get(usize::MAX - index));
            let event = fired.expect("the jump was made from this state").event.clone();
            Action::Fire { node, event }
        }
    }
}
