//! Paths of models as texts of scenarios: played again, they pass the same states and come to the same end.

use chinwag::rules::FAITHFUL;
use chinwag_models::{
    catalogue::{self, CATALOGUE},
    engine::{
        self, Expectation, Interned, Options, PropertyInfo, System as _, Tables, Target, Trace,
    },
    model::Model,
    mutants::{Fate, MUTANTS, Mutant},
    party::Disk,
    recording::Recording,
    scenario::{PROTOCOL, Script, Stop, export},
    story::{Action, Snapshot, portrait},
    system::System,
};
use serde_json::Value;
use stateright::Model as _;
use std::sync::Arc;

/// Walks in each model, and their steps. The seeds are 0, 1, ..
const WALKS: u64 = 12;
const STEPS: usize = 40;

/// Steps that a path of the page has at most.
const LONGEST: usize = 500;

fn tables(model: &Model, mutant: Option<&'static Mutant>) -> Arc<Tables<System>> {
    let (rules, disk) = mutant.map_or((&FAITHFUL, Disk::Honest), |m| (m.rules, m.disk));
    let system = Arc::new(System::new(model, rules, disk));
    let rules = system.rules();
    Arc::new(Tables::new(system, rules))
}

/// What the pages show of all parties, without what is left of a model's budgets.
fn shown(parties: &[&Value]) -> Vec<Value> {
    let party = |party: &&Value| {
        let mut party = (*party).clone();
        if let Some(notes) = party["notes"].as_array_mut() {
            notes.retain(|note| note.as_str().is_none_or(|note| !note.contains("s left: ")));
        }
        party
    };
    parties.iter().map(party).collect()
}

fn of_model(state: &Snapshot) -> Vec<Value> {
    let portraits: Vec<_> = state.locals.iter().map(portrait).collect();
    shown(&portraits.iter().collect::<Vec<_>>())
}

/// The text is played again, and passes all states of the path, in order, up to what it says is not here.
fn played(text: &str, path: &Trace<System>) -> Result<Recording, String> {
    let script = Script::read(text)?;
    let (printed, _) = script.run(PROTOCOL, ())?;
    if let Some(difference) = script.difference(&printed) {
        return Err(difference);
    }
    let recording = script.record(PROTOCOL, "exported")?;
    let mut scenes = (0..=recording.moments.len()).map(|at| shown(&recording.parties(at)));
    let states = [&path.start].into_iter().chain(path.steps.iter().map(|step| &step.after));
    let states = states.take(1 + path.steps.len() - left_out(text));
    let mut last = Vec::new();
    for (number, state) in states.enumerate() {
        let wanted = of_model(state);
        if wanted != last && !scenes.any(|scene| scene == wanted) {
            return Err(format!("the state after step {number} of the path is not passed"));
        }
        last = wanted;
    }
    Ok(recording)
}

/// How many steps of the path a text says that it does not have.
fn left_out(text: &str) -> usize {
    let words = text.lines().find_map(|line| line.split_once("Not here: "));
    let number = words.and_then(|(_, words)| words.split(' ').next());
    number.map_or(0, |number| number.parse().expect("it is a number"))
}

fn nothing_in(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
}

#[test]
fn the_counterexample_of_every_seeded_bug_is_a_scenario_that_violates_the_same() {
    let (mut complaints, mut refused, mut exported) = (Vec::new(), Vec::new(), 0);
    for mutant in MUTANTS {
        let Fate::Dies { model, by } = mutant.fate else { continue };
        let model = catalogue::find(model).expect("mutants name models of the catalogue");
        let tables = tables(model, Some(mutant));
        let system = tables.system();
        let silence = silence();
        let all = system.properties().iter().chain([&silence]);
        let property = *all.into_iter().find(|p| p.name == by).expect("and properties");
        let liveness = property.expectation == Expectation::Finally;
        let options = Options { liveness, threads: 1, ..Options::default() };
        let found = engine::shortest(&tables, Target::of(&property), &options);
        let path = found.expect("no bound is set").expect("it dies by this");
        let text = match export(system, &path, Some(mutant), Some(&property)) {
            Ok(text) => text,
            Err(why) => {
                refused.push(format!("{}: {why}", mutant.name));
                continue;
            }
        };
        exported += 1;
        let violated = played(&text, &path).and_then(|recording| {
            let is_it = recording.violated == [by] && left_out(&text) <= 1;
            is_it.then_some(()).ok_or(format!("it violates {:?}", recording.violated))
        });
        complaints.extend(violated.err().map(|why| format!("{}: {why}\n{text}", mutant.name)));
    }
    nothing_in(&complaints);
    nothing_in(&refused);
    assert_eq!(exported, 57);
}

#[test]
fn a_path_as_long_as_the_page_takes_is_a_scenario_that_can_be_read() {
    let model = catalogue::find("crash").expect("it is in the catalogue");
    let tables = tables(model, None);
    let path = walk(&tables, 0, LONGEST);
    assert_eq!(path.depth(), LONGEST);
    let text = export(tables.system(), &path, None, None).expect("the language has all of it");
    played(&text, &path).expect("and it shows the same");
}

/// The engine's own property.
fn silence() -> PropertyInfo {
    PropertyInfo {
        name: "every fair continuation becomes silent",
        expectation: Expectation::Finally,
        bit: engine::SILENCE,
    }
}

/// A walk of chosen steps: what is eager follows by itself.
fn walk(tables: &Arc<Tables<System>>, seed: u64, steps: usize) -> Trace<System> {
    let model = Interned::over(Arc::clone(tables));
    let (system, mut state) = (tables.system(), model.init_states().swap_remove(0));
    let (mut random, mut actions, mut chosen) = (seed * 2 + 1, Vec::new(), 0);
    while chosen < steps {
        let mut moves = Vec::new();
        model.actions(&state, &mut moves);
        if moves.is_empty() {
            break;
        }
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let step = moves[(random >> 33) as usize % moves.len()].clone();
        let action = step.action();
        let is_eager = matches!(&action, Action::Deliver { envelope, node } if system.model.eager
            && system.is_eager(*node, &state.snapshot().locals[*node], envelope.src, &envelope.message));
        let Some(next) = model.next_state(&state, step) else { continue };
        state = next;
        if !is_eager {
            actions.push(action);
            chosen += 1;
        }
    }
    engine::replay(tables, &actions).expect("these steps were just taken")
}

#[test]
fn a_walk_through_any_model_is_a_scenario_that_passes_the_same_states() {
    let mut complaints = Vec::new();
    for model in CATALOGUE {
        let tables = tables(model, None);
        for seed in 0..WALKS {
            let path = walk(&tables, seed, STEPS);
            // What the model is there to show.
            let mut all = tables.system().properties().iter();
            let broken = all
                .find(|p| p.expectation != Expectation::Sometimes && p.is_found_by(path.verdict));
            match export(tables.system(), &path, None, broken) {
                Err(why) => complaints.push(format!("{}, seed {seed}: {why}", model.name)),
                Ok(text) => {
                    let played = played(&text, &path);
                    let at = |why| format!("{}, seed {seed}: {why}\n{text}", model.name);
                    complaints.extend(played.err().map(at));
                }
            }
        }
    }
    nothing_in(&complaints);
}

#[test]
fn a_scenario_with_a_seeded_bug_of_its_own_says_what_is_violated() {
    let text = "replicas 2\nbug answers too early\nclaim an answer is as new as was asked for\n\
                client c at any\n\nc sends update a\nc sends query\ndeliver update c -> 0\n\
                deliver reply 0 -> c\ndeliver query c -> 1\ndeliver reply 1 -> c\n";
    let script = Script::read(text).expect("it makes sense");
    let (_, stop) = script.run(PROTOCOL, ()).expect("and can be done");
    assert_eq!(stop, Some(Stop::Violated(vec!["an answer is as new as was asked for"])));
}
