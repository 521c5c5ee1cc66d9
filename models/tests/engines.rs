//! Every engine's opinion of the same small models: a plain stateright `ActorModel`, the interned model, both
//! under stateright's own checkers and under a textbook search, and the packed search. Without reductions they
//! agree on every count, every verdict and every shortest way.

#[path = "support/small.rs"]
mod small;

use chinwag_models::{
    engine::Interned,
    model::{Model, Net},
    party::Disk,
    plain::Plain,
    properties::{PROPERTIES, Scope},
};
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

/// Do they agree? Exactly, but for properties of quiet states where `idle` is not `None`.
///
/// `Plain::is_idle` asks that no message has an effect now; the engine, that none will ever have one. So the plain
/// model calls more states quiet: on a network that repeats, where a request that was not acknowledged is in
/// flight for ever, and after a bug of the disk. And where clients never lose patience, the engine calls a state
/// quiet in which one waits in vain, the plain model does not. There, idle properties are not compared.
fn agree(engine: &Opinion, plain: &Opinion, is_quiet_alike: bool) -> bool {
    let is_idle =
        |name: &str| PROPERTIES.iter().any(|p| p.sentence == name && p.scope == Scope::Idle);
    let must_equal = |name: &str| is_quiet_alike || !is_idle(name);
    let finds_all = engine.verdicts.iter().all(|(name, depth)| {
        let same = plain.verdicts.get(name) == Some(depth);
        same || !must_equal(name)
    });
    let finds_no_more =
        plain.verdicts.keys().all(|name| engine.verdicts.contains_key(name) || !must_equal(name));
    (engine.unique, engine.generated, engine.depth) == (plain.unique, plain.generated, plain.depth)
        && finds_all
        && finds_no_more
}

fn repeats(model: &Model) -> bool {
    matches!(model.net, Net::Repeats | Net::RepeatsRequests)
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
        assert!(agree(&packed, &other, !repeats(model)), "{name}: {packed:?} {other:?}");
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
            // Where clients never lose patience, an unanswered one counts as quiet in the engine only.
            let patient = model.retries == 0;
            let is_quiet_alike = !repeats(model) && bug.2 == Disk::Honest && !patient;
            let name = (model.name, bug.0);
            assert!(agree(&packed, &other, is_quiet_alike), "{name:?}: {packed:?} {other:?}");
            compared += 1;
        }
    }
    println!("{compared} compared");
    assert!(compared > 300, "{compared}");
}

/// States beyond which a buggy model is left out.
const STATES_MAX: u64 = 2_000;
