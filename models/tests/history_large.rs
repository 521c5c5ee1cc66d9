//! The history checker on histories of stores whose verdict is known, from ten operations to a million.

#[path = "support/stores.rs"]
mod stores;

use chinwag_models::{
    consistency::{CausalConsistencyTester, Level, Verdict as Exact},
    history::{
        Access, MEMORY_TRANSACTIONS_MAX, Question, Store, Verdict,
        formats::{self, Format},
        judge,
    },
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

/// Bugs, how far their steps are apart, the verdicts, and of the first violation how many operations its
/// cycle has and how many it takes to show.
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

/// Not run with the others, since it measures. The figures of the README are from
/// `cargo test --release -p chinwag-models --test history_large -- --ignored --nocapture`.
#[test]
#[ignore = "measures, for minutes"]
fn a_million_operations_take_seconds() {
    println!(
        "sessions grouped operations |  read     CC    CCv guarantees     CM  stale read shown"
    );
    for (sessions, grouped) in [(20, 1), (100, 1), (20, 5)] {
        let mut times = Vec::new();
        for operations in [10_000, 100_000, 1_000_000] {
            let plan = Plan { operations, sessions, grouped, keys: 1000, ..PLAN };
            times.push(measured(&plan));
        }
        let exponent = |column: usize| (times[2][column] / times[0][column]).log10() / 2.0;
        println!(
            "exponents: read {:.2}, CC {:.2}, CCv {:.2}",
            exponent(0),
            exponent(1),
            exponent(2)
        );
    }
}

/// Seconds to read, and to decide CC and CCv; prints more.
fn measured(plan: &Plan) -> [f64; 3] {
    let lines: Vec<String> =
        plan.transactions().iter().map(|transaction| line(transaction)).collect();
    let text = lines.join("\n");
    drop(lines);
    let timed = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64()
    };
    let mut history = None;
    let read = timed(&mut || history = formats::read(&text, Format::Lines).ok());
    let history = history.expect("it can be read");
    let ask = |questions: &[Question]| {
        timed(&mut || {
            let judgement = judge(&history, questions);
            assert!(!judgement.is_violated() && judgement.is_decided());
        })
    };
    let [causal, convergence, sessions] =
        [&Question::ALL[..1], &Question::ALL[2..3], &Question::ALL[3..]].map(ask);
    let memory = match history.transactions() <= MEMORY_TRANSACTIONS_MAX {
        true => format!("{:5.2}", timed(&mut || drop(judge(&history, &[Question::CausalMemory])))),
        false => "    -".to_owned(),
    };
    let stale = Plan { bug: STALE, apart: plan.operations / plan.grouped / 10, ..*plan }.history();
    let shown = timed(&mut || assert!(judge(&stale, &[Question::Causal]).is_violated()));
    let Plan { sessions: width, grouped, operations, .. } = plan;
    println!(
        "{width:8} {grouped:7} {operations:10} | {read:5.2}  {causal:5.2}  {convergence:5.2}      \
         {sessions:5.2}  {memory}  {shown:16.2}"
    );
    [read, causal, convergence]
}

/// As a line of our own format.
fn line(transaction: &[Told]) -> String {
    let operations = transaction.iter().map(|(_, kind, key, value)| {
        let op = if *kind == 'w' { "write" } else { "read" };
        serde_json::json!({ "op": op, "key": key, "value": value })
    });
    let operations: Vec<_> = operations.collect();
    serde_json::json!({ "session": transaction[0].0, "txn": operations }).to_string()
}
