//! "From every reachable state the fair continuation ends well."
//!
//! The fair continuation is a function of the state, so continuations merge: a state that one of them has
//! passed need not be passed again, and the cost is about one step for each state they reach together.

use super::flat::Flat;
use super::reader::{Jump, Reader, bits};
use super::system::{SILENCE, System, Verdict};
use super::tables::{Fired, Tables};
use super::visited::Visited;

/// A fair continuation with more steps than this does not become silent.
pub const FAIR_STEPS_MAX: usize = 10_000;

/// A step of a fair continuation.
#[derive(Clone, Copy, Debug)]
pub(super) enum FairStep {
    /// A node takes a message or a fair step of its own.
    Jump(Jump),
    /// No receiver wants the message now: it is gone.
    Ignored(u32),
}

/// Follows fair continuations, and remembers where they came along.
#[derive(Default)]
pub(super) struct Walker {
    state: Flat,
    passed: Vec<u64>,
}

impl Walker {
    /// How the fair continuation of a state ends; nothing when it joins one that was followed before.
    ///
    /// `known` holds every state of the continuations that were followed. What ended badly is there too:
    /// it was reported when it was found.
    pub fn follow<S: System>(
        &mut self,
        reader: &mut Reader<'_, S>,
        from: &Flat,
        known: &Visited,
    ) -> Verdict {
        self.state.copy_from(from);
        self.passed.clear();
        // Brent's cycle detection: compare with one earlier state, renewed at each power of two.
        let mut landmark = None;
        let verdict = loop {
            if known.contains(self.state.fingerprint) {
                break Verdict::NOTHING;
            }
            let is_cycle = landmark == Some(self.state.fingerprint);
            if is_cycle || self.passed.len() > FAIR_STEPS_MAX {
                break Verdict { violated: 1 << SILENCE, seen: 0 };
            }
            self.passed.push(self.state.fingerprint);
            if self.passed.len().is_power_of_two() {
                landmark = Some(self.state.fingerprint);
            }
            let steps = fair_steps(reader, &self.state);
            if steps.is_empty() {
                break reader.tables.system.judge_end(&reader.locals(&self.state));
            }
            for step in steps {
                take_fair_step(reader, &mut self.state, step);
            }
        };
        // Only now: a state that is known while its continuation is being followed would hide a cycle.
        for fingerprint in &self.passed {
            known.insert(*fingerprint);
        }
        verdict
    }

    /// The same from the state with everything in flight lost.
    pub fn follow_without_messages<S: System>(
        &mut self,
        reader: &mut Reader<'_, S>,
        from: &Flat,
        known: &Visited,
    ) -> Verdict {
        if from.net.is_empty() {
            return Verdict::NOTHING; // The same state.
        }
        let mut silenced = from.clone();
        lose_all(reader, &mut silenced);
        self.follow(reader, &silenced, known)
    }
}

/// Empties the network.
pub(super) fn lose_all<S: System>(reader: &Reader<'_, S>, state: &mut Flat) {
    while let Some(post) = state.net.last().copied() {
        reader.remove(state, post);
    }
}

/// The next steps of the fair continuation: the message with the lowest stamp, to the first node that does
/// not ignore it; if nothing is in flight, a round in which every node takes its fair steps; if there are
/// none, the end.
pub(super) fn fair_steps<S: System>(reader: &mut Reader<'_, S>, state: &Flat) -> Vec<FairStep> {
    let tables = reader.tables;
    let Some(&post) = state.net.iter().min_by_key(|post| tables.posts.get(**post).stamp) else {
        let nodes = state.nodes.iter().enumerate();
        return nodes.flat_map(|(node, place)| turn(tables, node, *place)).collect();
    };
    let entry = tables.posts.get(post);
    for node in bits(entry.receivers) {
        if let Some(step) = reader.fact(state.nodes[node], post).step() {
            return vec![FairStep::Jump(Jump::Deliver { post, node, step, kind: entry.kind })];
        }
    }
    vec![FairStep::Ignored(post)]
}

/// The fair steps of one node in a round, as far as the earlier ones leave them enabled.
fn turn<S: System>(tables: &Tables<S>, node: usize, mut place: u32) -> Vec<FairStep> {
    let mut steps = Vec::new();
    for wanted in tables.fair(place) {
        let now = tables.fair(place);
        let Some(at) = now.iter().position(|fired| fired.event == wanted.event) else { continue };
        let Fired { step, kind, .. } = now[at];
        // The index is only for steps of the search; this event may not be among them.
        steps.push(FairStep::Jump(Jump::Fire { node, index: usize::MAX - at, step, kind }));
        place = tables.steps.get(step).next;
    }
    steps
}

/// Takes a step of the fair continuation: each message is delivered once, whatever the network.
pub(super) fn take_fair_step<S: System>(
    reader: &mut Reader<'_, S>,
    state: &mut Flat,
    step: FairStep,
) {
    match step {
        FairStep::Ignored(post) => reader.remove(state, post),
        FairStep::Jump(jump) => {
            if let Jump::Deliver { post, .. } = jump {
                reader.remove(state, post);
            }
            reader.advance(state, jump);
        }
    }
}
