//! stateright's explorer over a model of the catalogue, with states and diagrams for people.

use crate::{files, lab};
use chinwag_models::{
    engine::{Interned, InternedState, Move, Stage, Step, System as _, Trace},
    model::Model,
    mutants::Mutant,
    render,
    story::{self, About, Action},
    system::System,
};
use serde_json::Value;
use stateright::{Model as _, Path, Property};
use std::{
    fmt,
    hash::{Hash, Hasher},
    net::Ipv4Addr,
    sync::Arc,
};

/// Serves it on this port of the loopback until the process ends.
pub fn serve(model: &Model, mutant: Option<&'static Mutant>, port: u16, threads: usize) {
    let explored = Chinwag { inner: Interned::over(lab::tables(model, mutant)), mutant };
    explored.checker().threads(threads).serve((Ipv4Addr::LOCALHOST, port));
}

/// The model that the explorer shows. Its name stands on the page.
#[derive(Clone)]
struct Chinwag {
    inner: Interned<System>,
    mutant: Option<&'static Mutant>,
}

/// A state that people can read.
#[derive(Clone, PartialEq)]
struct Readable {
    state: InternedState<System>,
    names: Arc<[String]>,
}

impl Hash for Readable {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

impl fmt::Debug for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.state.snapshot();
        for (name, local) in self.names.iter().zip(&snapshot.locals) {
            writeln!(f, "{name}")?;
            let Value::Object(fields) = story::describe(local) else { continue };
            for (field, value) in fields.iter().filter(|(_, value)| !is_empty(value)) {
                writeln!(f, "  {field}: {}", value.to_string().replace('"', ""))?;
            }
        }
        for letter in &snapshot.in_flight {
            writeln!(f, "under way: {}", story::describe_envelope(letter, &self.names))?;
        }
        Ok(())
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

impl Chinwag {
    fn system(&self) -> &System {
        self.inner.tables().system()
    }

    fn readable(&self, state: InternedState<System>) -> Readable {
        let system = self.system();
        let names = (0..system.nodes()).map(|node| system.node_name(node)).collect();
        Readable { state, names }
    }

    fn trace(&self, path: Path<Readable, Move<System>>) -> Option<Trace<System>> {
        let path = path.into_vec();
        let shots: Vec<_> = path.iter().map(|(s, _)| Arc::new(s.state.snapshot())).collect();
        let actions = path.iter().filter_map(|(_, action)| action.as_ref().map(Move::action));
        let step = |(action, pair): (Action, &[Arc<story::Snapshot>])| Step {
            action,
            stage: Stage::Chosen,
            before: Arc::clone(&pair[0]),
            after: Arc::clone(&pair[1]),
        };
        let steps = actions.zip(shots.windows(2)).map(step).collect();
        let verdict = self.inner.judge(&path.last()?.0.state);
        Some(Trace { start: shots.first()?.clone(), steps, verdict, is_endless: false })
    }
}

impl stateright::Model for Chinwag {
    type State = Readable;
    type Action = Move<System>;

    fn init_states(&self) -> Vec<Readable> {
        self.inner.init_states().into_iter().map(|state| self.readable(state)).collect()
    }

    fn actions(&self, state: &Readable, actions: &mut Vec<Self::Action>) {
        self.inner.actions(&state.state, actions);
    }

    fn next_state(&self, last: &Readable, action: Self::Action) -> Option<Readable> {
        self.inner.next_state(&last.state, action).map(|state| self.readable(state))
    }

    fn format_action(&self, action: &Self::Action) -> String {
        files::describe(self.system(), &action.action())
    }

    fn format_step(&self, last: &Readable, action: Self::Action) -> Option<String> {
        let before = last.state.snapshot();
        let (node, words, _) = story::happening(self.system(), &action.action(), &before);
        let after = self.inner.next_state(&last.state, action)?.snapshot();
        let (was, is) =
            (story::describe(&before.locals[node]), story::describe(&after.locals[node]));
        let mut text = format!("{} {words}\n", self.system().node_name(node));
        for change in render::diff(&was, &is) {
            let side = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
            let (before, after) = (side(change.before), side(change.after));
            text += &format!("  {}: {before} -> {after}\n", change.path);
        }
        Some(text)
    }

    fn as_svg(&self, path: Path<Readable, Self::Action>) -> Option<String> {
        let trace = self.trace(path)?;
        let about = About { mutant: self.mutant, property: None, replay: "" };
        Some(render::svg(&story::tell(self.system(), &trace, &about)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let all = self.inner.properties().into_iter().zip(CONDITIONS);
        let lifted = |(p, condition): (Property<Interned<System>>, Condition)| Property {
            expectation: p.expectation,
            name: p.name,
            condition,
        };
        all.map(lifted).collect()
    }
}

type Condition = fn(&Chinwag, &Readable) -> bool;

/// The `INDEX`-th property; stateright's conditions capture nothing, so it has to be part of the function.
fn condition<const INDEX: usize>(model: &Chinwag, state: &Readable) -> bool {
    let properties = model.inner.properties();
    (properties[INDEX].condition)(&model.inner, &state.state)
}

/// `condition::<0>` to `condition::<63>`.
macro_rules! conditions {
    ($($index:literal)*) => { [$(condition::<$index>),*] };
}

const CONDITIONS: [Condition; 64] = conditions!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
    61 62 63
);
