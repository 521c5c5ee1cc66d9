//! The system as a `stateright::Model`, for stateright's own checkers and its explorer.
//!
//! The states are the packed search's, with one difference: with [`super::Rules::eager`] an eager delivery is
//! the only step of a state, so that the explorer shows it. Counts agree when that reduction is off, verdicts
//! always. Fair continuations are not judged: properties that are expected `Finally` are left out.

use super::flat::Flat;
use super::options::Rules;
use super::reader::{Jump, Reader, Touched};
use super::system::{Expectation, System, Verdict};
use super::tables::Tables;
use super::trace::{Action, Snapshot, action_of, snapshot};
use super::worker::Examiner;
use stateright::{Model, Property};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

/// A system and its tables as a model.
pub struct Interned<S: System> {
    tables: Arc<Tables<S>>,
}

impl<S: System> Clone for Interned<S> {
    fn clone(&self) -> Self {
        Interned { tables: self.tables.clone() }
    }
}

impl<S: System> Interned<S> {
    /// The model of a system under these rules.
    pub fn new(system: Arc<S>, rules: Rules) -> Self {
        Interned::over(Arc::new(Tables::new(system, rules)))
    }

    /// The model over tables that may be in use elsewhere.
    pub fn over(tables: Arc<Tables<S>>) -> Self {
        Interned { tables }
    }

    /// The tables.
    pub fn tables(&self) -> &Arc<Tables<S>> {
        &self.tables
    }

    /// What is found of a state, quiescence included, fair continuations not.
    pub fn judge(&self, state: &InternedState<S>) -> Verdict {
        let examine = || Examiner::new(Reader::brief(&self.tables)).examine(&state.flat, ALL, None);
        *state.verdict.get_or_init(|| examine().verdict)
    }

    fn state(&self, flat: Flat) -> InternedState<S> {
        InternedState { flat, tables: self.tables.clone(), verdict: OnceLock::new() }
    }
}

/// All nodes.
const ALL: u32 = u32::MAX;

/// A state of the model: numbers, and the tables that say what they mean.
pub struct InternedState<S: System> {
    flat: Flat,
    tables: Arc<Tables<S>>,
    /// Computed when first asked for: stateright asks once for each property.
    verdict: OnceLock<Verdict>,
}

impl<S: System> InternedState<S> {
    /// What tells it from other states; the same in every process of one version.
    pub fn fingerprint(&self) -> u64 {
        self.flat.fingerprint
    }

    /// The state as people read it.
    pub fn snapshot(&self) -> Snapshot<S> {
        snapshot(&self.tables, &self.flat)
    }
}

impl<S: System> Clone for InternedState<S> {
    fn clone(&self) -> Self {
        let (flat, tables, verdict) =
            (self.flat.clone(), self.tables.clone(), self.verdict.clone());
        InternedState { flat, tables, verdict }
    }
}

impl<S: System> PartialEq for InternedState<S> {
    fn eq(&self, other: &Self) -> bool {
        self.flat.nodes == other.flat.nodes && self.flat.net == other.flat.net
    }
}

impl<S: System> Eq for InternedState<S> {}

impl<S: System> Hash for InternedState<S> {
    /// The fingerprint alone: it does not depend on numbers, so neither do the explorer's addresses.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.flat.fingerprint.hash(state);
    }
}

impl<S: System> fmt::Debug for InternedState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().write(&*self.tables.system, f)
    }
}

/// An action of the model.
pub struct Move<S: System> {
    jump: Jump,
    /// The node state that fires, for `Debug`.
    place: u32,
    tables: Arc<Tables<S>>,
}

impl<S: System> Move<S> {
    /// The action as people read it.
    pub fn action(&self) -> Action<S::Message, S::Event> {
        action_of(&self.tables, self.place, self.jump)
    }
}

impl<S: System> Clone for Move<S> {
    fn clone(&self) -> Self {
        Move { jump: self.jump, place: self.place, tables: self.tables.clone() }
    }
}

impl<S: System> PartialEq for Move<S> {
    fn eq(&self, other: &Self) -> bool {
        self.jump == other.jump && self.place == other.place
    }
}

impl<S: System> fmt::Debug for Move<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.action().describe(&*self.tables.system))
    }
}

impl<S: System> Model for Interned<S> {
    type State = InternedState<S>;
    type Action = Move<S>;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.state(Reader::brief(&self.tables).start())]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        let mut reader = Reader::brief(&self.tables);
        let mut jumps = Vec::new();
        match reader.eager(&state.flat, Touched::ALL) {
            Some(eager) => jumps.push(eager),
            None => reader.jumps(&state.flat, &mut jumps),
        }
        actions.extend(jumps.into_iter().map(|jump| Move {
            jump,
            place: match jump {
                Jump::Fire { node, .. } => state.flat.nodes[node],
                Jump::Deliver { .. } | Jump::Drop { .. } => 0,
            },
            tables: self.tables.clone(),
        }));
    }

    fn next_state(&self, last: &Self::State, action: Self::Action) -> Option<Self::State> {
        let mut flat = last.flat.clone();
        Reader::brief(&self.tables).take(&mut flat, action.jump);
        Some(self.state(flat))
    }

    fn format_action(&self, action: &Self::Action) -> String {
        action.action().describe(&*self.tables.system)
    }

    fn format_step(&self, last: &Self::State, action: Self::Action) -> Option<String> {
        let after = self.next_state(last, action)?.snapshot();
        Some(last.snapshot().difference(&after, &*self.tables.system))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let properties = self.tables.system().properties().iter();
        let known = properties.filter_map(|property| {
            let bit = property.bit as usize;
            match property.expectation {
                Expectation::Always => Some(Property::always(property.name, Self::HOLDS[bit])),
                Expectation::Sometimes => Some(Property::sometimes(property.name, Self::SEEN[bit])),
                Expectation::Finally => None,
            }
        });
        known.collect()
    }
}

type Condition<S> = fn(&Interned<S>, &InternedState<S>) -> bool;

/// stateright's conditions capture nothing: the bit has to be part of the function.
fn holds<S: System, const BIT: u32>(model: &Interned<S>, state: &InternedState<S>) -> bool {
    model.judge(state).violated >> BIT & 1 == 0
}

fn seen<S: System, const BIT: u32>(model: &Interned<S>, state: &InternedState<S>) -> bool {
    model.judge(state).seen >> BIT & 1 == 1
}

/// `function::<S, 0>` to `function::<S, 63>`.
macro_rules! for_each_bit {
    ($function:ident: $($bit:literal)*) => { [$($function::<S, $bit>),*] };
    ($function:ident) => {
        for_each_bit!($function:
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
            61 62 63)
    };
}

impl<S: System> Interned<S> {
    const HOLDS: [Condition<S>; 64] = for_each_bit!(holds);
    const SEEN: [Condition<S>; 64] = for_each_bit!(seen);
}
