//! The history checker on histories of stores whose verdict is known, from ten operations to a million.

#[path = "support/stores.rs"]
mod stores;

use chinwag_models::{
    consistency::{CausalConsistencyTester, Level, Verdict as Exact},
    history::{Access, MEMORY_TRANSACTIONS_MAX, Question, Store, Verdict, judge},
};
use stateright::semantics::ConsistencyTester;
use std::time::Instant;
use stores::*;

const PLAN: Plan = Plan {
    kind: Kind::Convergent,
    sessions: 20,
    keys: 100,
    operations: 10_000,
    grouped: 1,
    seed: 1,
    bug: &[],
    apart: 0,
};

/// The verdicts on CC, CM and CCv: `-` if it holds, the pattern if not.
fn levels(plan: &Plan) -> [String; 3] {
    let judgement = judge(&plan.history(), &Question::ALL[..3]);
    std::array::from_fn(|k| match &judgement.answers[k].1 {
        Verdict::Holds => "-".to_owned(),
        Verdict::Violated(violation) => format!("{:?}", violation.pattern),
        Verdict::Undecided(why) => panic!("{why}"),
    })
}

fn exact(plan: &Plan, level: Level) -> bool {
    let mut tester = CausalConsistencyTester::at(level, Store::<String, String>::default());
    for transaction in plan.transactions() {
        let (mut op, mut ret) = (Vec::new(), Vec::new());
        for (_, kind, key, value) in &transaction {
            match (kind, value) {
                ('w', Some(value)) => op.push(Access::Write(key.clone(), value.clone())),
                _ => {
                    op.push(Access::Read(key.clone()));
                    ret.push(value.clone());
                }
            }
        }
        tester.on_invret(transaction[0].0, op, ret).expect("one after the other");
    }
    assert_ne!(tester.verdict(), Exact::Undecided);
    tester.verdict() == Exact::Consistent
}

#[test]
fn the_checker_and_the_exact_one_agree_on_what_simple_stores_do() {
    let (mut all, mut found) = (0, [0; 3]);
    for seed in 1..=400 {
        for kind in [Kind::Convergent, Kind::Arrival, Kind::Wavering, Kind::Sloppy] {
            for (operations, grouped, keys) in [(11, 1, 1), (14, 1, 2), (16, 2, 2)] {
                let plan = Plan { kind, sessions: 3, keys, operations, grouped, seed, ..PLAN };
                let [causal, memory, convergence] = levels(&plan);
                assert_eq!(causal == "-", exact(&plan, Level::Causal), "{plan:?}: {causal}");
                assert_eq!(memory == "-", exact(&plan, Level::CausalMemory), "{plan:?}: {memory}");
                let wavers = kind == Kind::Wavering && grouped > 1;
                assert!(causal == "-" || kind == Kind::Sloppy || wavers, "{plan:?}: {causal}");
                assert!(kind != Kind::Arrival || memory == "-", "{plan:?}: {memory}");
                assert!(kind != Kind::Convergent || convergence == "-", "{plan:?}: {convergence}");
                all += 1;
                for (holds, count) in [causal, memory, convergence].iter().zip(&mut found) {
                    *count += usize::from(holds == "-");
                }
            }
        }
    }
    assert_eq!((all, found), (4800, [4781, 4748, 4639]));
}

#[test]
fn a_store_keeps_what_it_promises_over_ten_thousand_operations() {
    let (stale, initial) = (["WriteCORead"; 3], ["WriteCOInitRead"; 3]);
    let (fine, diverges) = (["-"; 3], ["-", "-", "CyclicCF"]);
    for (grouped, convergent, sloppy) in [(1, fine, stale), (5, ["-", "CyclicHB", "-"], initial)] {
        for (kind, expected) in
            [(Kind::Convergent, convergent), (Kind::Arrival, diverges), (Kind::Sloppy, sloppy)]
        {
            let found = levels(&Plan { kind, grouped, ..PLAN });
            assert_eq!(found, expected, "{kind:?}, {grouped} per transaction");
        }
    }
}

/// Bugs, how far their steps are apart, the verdicts, and of the first violation how many operations its cycle has
/// and how many it takes to show.
#[test]
fn one_seeded_bug_in_ten_thousand_operations_is_found_and_shown_with_its_own_operations() {
    for (bug, apart, expected, size) in [
        (STALE_INITIAL, 900, ["WriteCOInitRead"; 3], (2, 6)),
        (STALE, 900, ["WriteCORead"; 3], (2, 4)),
        (FUTURE, 900, ["CyclicCO"; 3], (4, 4)),
        (DIVERGED, 0, ["-", "-", "CyclicCF"], (2, 4)),
        (WAVERING, 0, ["-", "CyclicHB", "CyclicCF"], (2, 4)),
    ] {
        let plan = Plan { bug, apart, keys: 1000, ..PLAN };
        assert_eq!(levels(&plan), expected);
        let judgement = judge(&plan.history(), &Question::ALL);
        let shown = judgement.answers.iter().find_map(|(_, verdict)| match verdict {
            Verdict::Violated(violation) => Some(violation),
            _ => None,
        });
        let shown = shown.expect("it is violated");
        assert_eq!((shown.cycle.len(), shown.operations.len()), size, "{shown}");
        assert!(shown.is_shortest);
    }
}

/// Not run with the others: it measures. `cargo test --release -p chinwag-models --test history_large -- --ignored
/// --nocapture`
#[test]
#[ignore = "measures, for minutes"]
fn a_million_operations_take_seconds() {
    for (sessions, grouped) in [(20, 1), (100, 1), (20, 5)] {
        for operations in [10_000, 100_000, 1_000_000] {
            let plan = Plan { operations, sessions, grouped, keys: 1000, ..PLAN };
            let made = Instant::now();
            let history = plan.history();
            let made = made.elapsed();
            print!("{sessions:4} sessions, {grouped} per transaction, {operations:8} operations: ");
            print!("recorded {:.2} s", made.as_secs_f64());
            for questions in
                [&[Question::Causal][..], &[Question::CausalConvergence], &Question::ALL[3..]]
            {
                let started = Instant::now();
                let judgement = judge(&history, questions);
                print!("  {:?} {:.2} s", questions[0], started.elapsed().as_secs_f64());
                assert!(!judgement.is_violated() && judgement.is_decided());
            }
            if history.transactions() <= MEMORY_TRANSACTIONS_MAX {
                let started = Instant::now();
                let judgement = judge(&history, &[Question::CausalMemory]);
                let name = match &judgement.answers[0].1 {
                    Verdict::Holds => "holds".to_owned(),
                    Verdict::Undecided(why) => why.clone(),
                    Verdict::Violated(violation) => format!("{:?}", violation.pattern),
                };
                print!("  CausalMemory {:.2} s {name}", started.elapsed().as_secs_f64());
            }
            println!();
        }
    }
}
