//! Every engine's opinion of the same small models: a plain stateright `ActorModel`, the interned model, both
//! under stateright's own checkers and under a textbook search, and the packed search. Without reductions
//! they agree on every count, every verdict and every shortest way.

#[path = "support/small.rs"]
mod small;

use chinwag_models::{engine::Interned, model::Model, plain::Plain};
use small::{Bug, Opinion, SMALL, bug, bugs, complete, explore, tables, verdicts};
use stateright::{Checker, Model as _};
use std::collections::BTreeSet;

fn packed(model: &Model, bug: Bug) -> Opinion {
    let report = complete(&tables(model, bug, false), false, None);
    let (unique, generated, depth) = (report.unique, report.generated, report.depth);
    Opinion { unique, generated, depth, verdicts: verdicts(&report) }
}

fn plain(model: &Model, (_, rules, disk): Bug) -> Plain {
    Plain::new(model, rules, disk)
}

/// Does a checker of stateright's agree? On the shortest way it has no opinion (see `explore`).
fn confirms<M: stateright::Model>(opinion: &Opinion, checker: &impl Checker<M>) -> bool
where
    M::State: std::fmt::Debug + Clone + PartialEq + std::hash::Hash,
    M::Action: Clone + PartialEq,
{
    let found =
        checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions().len()));
    let found: Vec<_> = found.collect();
    let names: BTreeSet<_> = found.iter().map(|(name, _)| *name).collect();
    checker.unique_state_count() as u64 == opinion.unique
        && names.into_iter().eq(opinion.verdicts.keys().copied())
        && found.iter().all(|(name, steps)| opinion.verdicts[name] <= *steps)
}

#[test]
fn engines_agree_on_counts_verdicts_and_shortest_ways() {
    let none = bug("no bug");
    for model in SMALL {
        let packed = packed(model, none);
        let interned = Interned::over(tables(model, none, false));
        let unreduced = plain(model, none);

        let name = model.name;
        println!("{name:14} {:6} {:6} {:3}", packed.unique, packed.generated, packed.depth);
        assert_eq!(explore(&interned, |_| {}), packed, "{name}: interned");
        let other = explore(&unreduced, |_| {});
        assert_eq!(packed, other, "{name}: plain");
        assert!(confirms(&packed, &interned.clone().checker().spawn_bfs().join()), "{name}");
        assert!(confirms(&packed, &interned.checker().spawn_dfs().join()), "{name}");
        assert!(confirms(&other, &unreduced.checker().spawn_bfs().join()), "{name}");
    }
}

#[test]
fn engines_agree_on_every_bug() {
    let mut compared = 0;
    for model in SMALL {
        for bug in bugs() {
            let whole = complete(&tables(model, bug, false), false, Some(STATES_MAX));
            if !whole.is_exhaustive() {
                continue; // Too large, some without end.
            }
            let (packed, other) = (packed(model, bug), explore(&plain(model, bug), |_| {}));
            assert_eq!(packed, other, "{} / {}", model.name, bug.0);
            compared += 1;
        }
    }
    println!("{compared} compared");
    assert!(compared > 300, "{compared}");
}

/// States beyond which a buggy model is left out.
const STATES_MAX: u64 = 2_000;
