//! What a reduction leaves out, nobody misses: with reductions and without, the same properties are violated
//! and the same witnesses seen, of the protocol and of every seeded bug.

#[path = "support/small.rs"]
mod small;

use chinwag_models::{
    engine::check_dead,
    model::{Model, Net},
};
use small::{Bug, SMALL, bug, bugs, complete, tables, verdicts};
use std::collections::BTreeSet;

/// States beyond which an unreduced model is left out.
const STATES_MAX: u64 = 2_000;

/// Bugs with which fair continuations are followed. With others they can go on for ever, through node states
/// that grow for ever: ten thousand steps of those take gigabytes.
#[rustfmt::skip]
const FAIR: &[&str] = &[
    "no bug", "drops queries", "does not go on", "keeps no second record", "sends only its own", "falls silent",
    "knows upon sending", "owes nothing", "believes the claim", "leaves gaps", "forgets never",
];

/// What is found with reductions and without; nothing if the whole is too large.
fn compare(model: &Model, bug: Bug, eager: bool) -> Option<[BTreeSet<&'static str>; 2]> {
    let whole = complete(&tables(model, bug, false), false, Some(STATES_MAX));
    if !whole.is_exhaustive() {
        return None;
    }
    let liveness = FAIR.contains(&bug.0);
    let found = |model: &Model, reduce| {
        let report = complete(&tables(model, bug, reduce), liveness, Some(STATES_MAX));
        assert!(report.is_exhaustive(), "{} {}", model.name, bug.0);
        verdicts(&report).into_keys().collect()
    };
    Some([found(model, false), found(&Model { eager, ..model.clone() }, true)])
}

/// Bugs that take back what a node had seen. That a message is dead for ever rests on nodes not doing that,
/// so the reduction may show less of them; what it does show is enough to find them out (`check mutants`).
const WITHOUT_MONOTONICITY: &[&str] = &["overwrites with update replies"];

#[test]
fn nobody_misses_what_is_dead_or_moot() {
    let mut compared = 0;
    for (model, bug) in SMALL.iter().flat_map(|m| bugs().into_iter().map(move |b| (m, b))) {
        if WITHOUT_MONOTONICITY.contains(&bug.0) {
            continue;
        }
        let Some([whole, reduced]) = compare(model, bug, false) else { continue };
        compared += 1;
        assert_eq!(whole, reduced, "{} / {}", model.name, bug.0);
    }
    println!("{compared} compared");
    assert!(compared > 300, "{compared}");
}

/// Where a client waits as long as it takes, no request gets lost and no manager forgets, it makes no
/// difference when a reply comes: nothing else can happen to its client before.
#[test]
fn nobody_misses_late_replies_where_nobody_loses_patience() {
    let mut compared = 0;
    let patient =
        |m: &&Model| m.retries == 0 && m.net == Net::Once && m.crashes.is_empty() && m.copies == 1;
    for model in SMALL.iter().filter(patient) {
        for bug in bugs() {
            let Some([whole, reduced]) = compare(model, bug, true) else { continue };
            compared += 1;
            assert_eq!(whole, reduced, "{} / {}", model.name, bug.0);
        }
    }
    println!("{compared} compared");
    assert!(compared > 200, "{compared}");
}

/// Where a client may lose patience, a late reply is what makes it do so: `eager` hides what follows from it,
/// and no model of the catalogue may have both.
#[test]
fn eager_replies_hide_what_impatience_does() {
    let model = SMALL.iter().find(|model| model.name == "retry").expect("it is there");
    let [whole, reduced] = compare(model, bug("runs all again"), true).expect("it is small");
    let hidden = "an update is executed at most once";
    assert!(whole.contains(hidden) && !reduced.contains(hidden));
}

#[test]
fn the_dead_stay_dead() {
    for model in SMALL {
        let tables = tables(model, bug("no bug"), false);
        assert!(complete(&tables, false, None).is_exhaustive());
        let checked =
            check_dead(&tables).unwrap_or_else(|flaw| panic!("{}: {flaw:#?}", model.name));
        assert!(checked.dead > 0 && checked.kept > 0, "{}: {checked:?}", model.name);
    }
}
