//! Random steps of larger clusters are the ones that were proved, by three ways to choose them.

#[path = "support/changes.rs"]
mod changes;
#[path = "support/world.rs"]
mod world;

use changes::{Change, changed};

use chinwag::{Rules, rules::FAITHFUL};
use chinwag_models::mutants;
use chinwag_oracle::{Mismatch, Oracle};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use std::cell::Cell;
use world::{Setting, Step, World};

/// Steps of one run.
const STEPS_MAX: usize = 120;

/// Any cluster of up to seven updatable managers and two read-only ones.
fn clusters() -> BoxedStrategy<Setting> {
    let group = (1..=7u16, 0..=2u16, 1..=3usize, 1..=2u16);
    let ways = (0..=3u32, any::<bool>(), any::<bool>(), any::<bool>());
    let setting = (group, ways).prop_map(|((updatable, read_only, clients, copies), ways)| {
        let (batch, pulls, ring, relays) = ways;
        Setting { updatable, read_only, clients, copies, batch, pulls, ring, relays }
    });
    setting.boxed()
}

/// Three managers and three clients: as few as an update takes that becomes stable together with its cause.
fn three() -> BoxedStrategy<Setting> {
    let setting = |(batch, pulls)| {
        let (updatable, read_only, clients, copies) = (3, 0, 3, 1);
        let (ring, relays) = (false, false);
        Setting { updatable, read_only, clients, copies, batch, pulls, ring, relays }
    };
    (0..=3u32, any::<bool>()).prop_map(setting).boxed()
}

/// All that is possible at a moment, with the same chance.
fn uniform() -> BoxedStrategy<Step> {
    (0..usize::MAX).prop_map(Step::Any).boxed()
}

/// First what kind of thing happens, then which.
fn by_kind() -> BoxedStrategy<Step> {
    let (n, m) = (0..64usize, 0..9u16);
    prop_oneof![
        5 => n.clone().prop_map(Step::Update),
        1 => n.clone().prop_map(Step::Independent),
        2 => n.clone().prop_map(Step::Query),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Step::Tell(a, b)),
        3 => (n.clone(), m.clone()).prop_map(|(a, b)| Step::Turn(a, b)),
        1 => n.clone().prop_map(Step::Retry),
        1 => n.clone().prop_map(Step::Restart),
        1 => (m.clone(), any::<u64>()).prop_map(|(a, b)| Step::Lie(a, b)),
        16 => n.clone().prop_map(Step::Deliver),
        1 => n.clone().prop_map(Step::Lose),
        2 => n.clone().prop_map(Step::Repeat),
        2 => n.clone().prop_map(Step::Cut),
        8 => (m.clone(), m.clone()).prop_map(|(a, b)| Step::Tick(a, b)),
        1 => m.prop_map(Step::Crash),
    ]
    .boxed()
}

/// Short runs that get somewhere: requests with their replies, gossip that arrives, sometimes backwards.
fn runs() -> BoxedStrategy<Step> {
    let (n, m) = (0..64usize, 0..9u16);
    let post = (n.clone(), m.clone()).prop_map(|(a, b)| Step::Post(a, b));
    prop_oneof![
        8 => post,
        2 => (n.clone(), m.clone()).prop_map(|(a, b)| Step::Read(a, b)),
        6 => (m.clone(), m.clone()).prop_map(|(a, b)| Step::Meet(a, b)),
        3 => (m.clone(), m.clone()).prop_map(|(a, b)| Step::MeetBackwards(a, b)),
        2 => (m.clone(), m.clone()).prop_map(|(a, b)| Step::Tick(a, b)),
        2 => m.clone().prop_map(Step::Flood),
        1 => n.prop_map(Step::Retry),
        1 => m.prop_map(Step::Crash),
    ]
    .boxed()
}

/// Runs with which a seeded bug is hunted. Those of the protocol itself are as many as proptest is asked for.
const HUNTING_CASES: u32 = 256;

/// Plays random runs, the same ones each time, and says how many steps were compared before the first one
/// that differs, and in what, if one does.
fn play(
    oracle: &Oracle,
    settings: BoxedStrategy<Setting>,
    steps: BoxedStrategy<Step>,
    rules: &'static Rules,
    config: Config,
) -> (usize, Option<(&'static str, String)>) {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let (compared, part) = (Cell::new(0), Cell::new(None));
    let whole = (settings, proptest::collection::vec(steps, 0..STEPS_MAX));
    let config = Config { failure_persistence: None, ..config };
    let end = TestRunner::new_with_rng(config, rng).run(&whole, |(setting, steps)| {
        let world = World::new(oracle, &setting, rules);
        let end = world.and_then(|mut world| {
            let end = steps.iter().try_for_each(|step| world.play(step));
            if part.get().is_none() {
                compared.set(compared.get() + world.compared);
            }
            end
        });
        end.map_err(|mismatch| {
            let Mismatch::Differs { part: what, .. } = mismatch else { panic!("{mismatch}") };
            part.set(Some(part.get().unwrap_or(what)));
            TestCaseError::fail(mismatch.to_string())
        })
    });
    match end {
        Ok(()) => (compared.get(), None),
        Err(TestError::Fail(why, run)) => {
            let part = part.get().expect("something differed");
            (compared.get(), Some((part, format!("{why}\n{run:#?}"))))
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Compares the protocol itself in so many steps: they are the same ones each time. More of it:
/// `PROPTEST_CASES=20000 cargo test --release ..`.
fn agrees(times: u32, settings: BoxedStrategy<Setting>, steps: BoxedStrategy<Step>, count: usize) {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let config = Config::default();
    let config = Config { cases: config.cases.saturating_mul(times), ..config };
    let (compared, differs) = play(&oracle, settings, steps, &FAITHFUL, config);
    if let Some((_, run)) = differs {
        panic!("{run}");
    }
    println!("{compared} steps compared");
    if std::env::var_os("PROPTEST_CASES").is_none() {
        assert_eq!(compared, count, "proofs/README.md says so");
    }
}

#[test]
fn steps_chosen_uniformly_are_the_ones_that_were_proved() {
    agrees(4, clusters(), uniform(), 32_095);
}

#[test]
fn steps_chosen_by_kind_are_the_ones_that_were_proved() {
    agrees(4, clusters(), by_kind(), 27_191);
}

#[test]
fn steps_of_short_runs_are_the_ones_that_were_proved() {
    agrees(1, clusters(), runs(), 24_551);
}

#[test]
fn steps_of_three_managers_in_short_runs_are_the_ones_that_were_proved() {
    agrees(1, three(), runs(), 29_565);
}

// ---- it can fail ----

fn hunt(
    oracle: &Oracle,
    settings: BoxedStrategy<Setting>,
    steps: BoxedStrategy<Step>,
    rules: &'static Rules,
) -> Option<&'static str> {
    let config = Config { cases: HUNTING_CASES, max_shrink_iters: 0, ..Config::default() };
    play(oracle, settings, steps, rules, config).1.map(|(part, _)| part)
}

fn rules_of(name: &str) -> &'static Rules {
    mutants::find(name).expect("it is in the table of mutants").rules
}

#[test]
fn each_way_to_choose_steps_finds_out_seeded_bugs() {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let bugs = [
        ("records duplicates", "replica timestamp"),
        ("stamps with all it holds", "waiting records"),
        ("executes duplicates", "value"),
        ("drops queries that must wait", "waiting queries"),
        ("takes what it has", "journal"),
        ("sends only its own records", "what is sent"),
        ("overwrites what it knew", "timestamp table"),
        ("gives no receipts", "owed receipts"),
        ("discards what a majority has", "executed records in the log"),
    ];
    for (bug, part) in bugs {
        for steps in [uniform(), by_kind(), runs()] {
            assert_eq!(hunt(&oracle, clusters(), steps, rules_of(bug)), Some(part), "{bug}");
        }
    }
}

/// Agreement of random steps says nothing about the order of execution unless they get this far.
#[test]
fn only_short_runs_find_out_that_stable_updates_run_in_the_order_of_their_keys() {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let naive = rules_of("executes in key order");
    let found = |steps| hunt(&oracle, three(), steps, naive);
    assert_eq!([found(uniform()), found(by_kind()), found(runs())], [None, None, Some("value")]);
}

/// The other way round: the protocol is as it was, and what it is compared with is not.
#[test]
fn a_changed_function_is_found_out() {
    for (function, body) in [
        ("updatable", "True"),
        ("keeps", "True"),
        ("stable", "True"),
        ("before_in_rank", "False"),
        ("forgotten", "False"),
        ("restart", "s"),
    ] {
        let oracle = changed(&[Change::Body(function, body)]);
        let found = hunt(&oracle, clusters(), runs(), &FAITHFUL)
            .or_else(|| hunt(&oracle, three(), runs(), &FAITHFUL));
        println!("{function}: {found:?}");
        assert!(found.is_some(), "{function}");
    }
}
