//! Every step that a replica manager takes anywhere in the small models is the one that was proved; and
//! with a seeded bug in it, some step is not.

mod support;

use chinwag::rules::FAITHFUL;
use chinwag_models::{
    catalogue::{self, CATALOGUE},
    model::Model,
    mutants::{Fate, MUTANTS, Mutant},
    party::Disk,
};
use chinwag_oracle::{Mismatch, Oracle};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use support::compare;

/// States beyond which a model takes too long for every day.
const SMALL_STATES_MAX: u64 = 610_000;

/// States beyond which nobody has waited for it.
const DEEP_STATES_MAX: u64 = 20_000_000;

fn oracle() -> Oracle {
    Oracle::new().expect("the checked-in functions can be read")
}

/// Compares everything in these models, and gives (different steps, transitions of the whole that they are).
fn compare_all(models: &[&Model]) -> (usize, u64) {
    let (next, sum) = (AtomicUsize::new(0), Mutex::new((0, 0)));
    let work = || {
        let oracle = oracle();
        while let Some(model) = models.get(next.fetch_add(1, Relaxed)) {
            let (report, compared) = compare(&oracle, model, &FAITHFUL, None);
            let compared = compared.unwrap_or_else(|(what, mismatch)| {
                panic!("{}: {what}\n{mismatch}", model.name);
            });
            assert!(report.is_exhaustive(), "{}", model.name);
            println!("{:16} {compared:?}", model.name);
            let mut sum = sum.lock().expect("no other thread panicked");
            sum.0 += compared.steps;
            sum.1 += compared.transitions;
        }
    };
    let threads = thread::available_parallelism().map_or(1, |n| n.get().min(models.len()));
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    sum.into_inner().expect("no other thread panicked")
}

/// The models that fit, the largest first.
fn models(fits: impl Fn(&Model) -> bool) -> Vec<&'static Model> {
    let mut models: Vec<_> = CATALOGUE.iter().filter(|m| fits(m)).collect();
    models.sort_by_key(|model| std::cmp::Reverse(model.pinned.0));
    models
}

#[test]
fn every_step_of_a_manager_in_the_small_models_is_the_one_that_was_proved() {
    let small = models(|model| model.pinned.0 <= SMALL_STATES_MAX && !model.deep);
    assert_eq!((small.len(), compare_all(&small)), (34, (73_660, 19_245_616)));
}

/// `cargo test --release -p chinwag-oracle --test local_steps -- --ignored larger`
#[test]
#[ignore = "half a minute, optimised"]
fn every_step_of_a_manager_in_the_larger_models_is_the_one_that_was_proved() {
    let larger = models(|model| model.pinned.0 > SMALL_STATES_MAX && !model.deep);
    assert_eq!((larger.len(), compare_all(&larger)), (3, (13_974, 49_210_150)));
}

/// The same with `--ignored deep`.
#[test]
#[ignore = "minutes, optimised"]
fn every_step_of_a_manager_in_the_deep_models_is_the_one_that_was_proved() {
    let deep = models(|model| model.pinned.0 <= DEEP_STATES_MAX && model.deep);
    assert_eq!((deep.len(), compare_all(&deep)), (4, (8_452, 303_206_716)));
}

// ---- it can fail ----

/// Models of different kinds, in which the comparison looks for a seeded bug.
const HUNTED_IN: [&str; 10] = [
    "liar",
    "phantom",
    "refused",
    "reader",
    "pull",
    "hearsay",
    "set",
    "fragments",
    "late",
    "replace",
];

/// States of them: enough for all.
const HUNTED_STATES_MAX: u64 = 5_000;

/// The seeded bugs of front ends: those were not proved anything of.
const OF_FRONT_ENDS: [&str; 7] = [
    "does not wait for timestamps",
    "forgets update replies",
    "overwrites with update replies",
    "forgets answers' timestamps",
    "does not hear timestamps",
    "acknowledges too early",
    "repeats under a new number",
];

/// The model in which a seeded bug was found out, and what differed there.
fn hunt(oracle: &Oracle, mutant: &Mutant) -> Option<(&'static str, &'static str)> {
    HUNTED_IN.into_iter().find_map(|name| {
        let model = catalogue::find(name).expect("it is in the catalogue");
        let (_, compared) = compare(oracle, model, mutant.rules, Some(HUNTED_STATES_MAX));
        match compared {
            Ok(_) => None,
            Err((_, Mismatch::Differs { part, .. })) => Some((name, part)),
            Err((_, Mismatch::Failed(error))) => panic!("{}: {error}", mutant.name),
        }
    })
}

#[test]
fn every_seeded_bug_of_a_replica_manager_is_found_out_unless_nobody_can_tell() {
    let oracle = oracle();
    let of_managers =
        |mutant: &&Mutant| mutant.disk == Disk::Honest && !OF_FRONT_ENDS.contains(&mutant.name);
    let (mut found, mut missed) = (0, BTreeSet::new());
    for mutant in MUTANTS.iter().filter(of_managers) {
        match hunt(&oracle, mutant) {
            Some((model, part)) => {
                println!("{:44} {model}: {part}", mutant.name);
                found += 1;
            }
            None => drop(missed.insert(mutant.name)),
        }
    }
    let equivalent = MUTANTS.iter().filter(|m| matches!(m.fate, Fate::Equivalent(_)));
    assert_eq!(missed, equivalent.map(|m| m.name).collect());
    assert_eq!(found, 47);
}
