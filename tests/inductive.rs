//! Each invariant of a replica manager is inductive: from any state that satisfies all of them, also one that
//! no cluster reaches, any single step leads to a state that satisfies it. Sampled, not proved.
//!
//! And each can fail: the same run finds a table of rules with one entry replaced.

#[path = "inductive/invariants.rs"]
mod invariants;
#[path = "inductive/sample.rs"]
mod sample;

use chinwag::{FrontEndId, Input, Rules, rules::FAITHFUL};
use invariants::{INVARIANTS, Invariant, Step};
use quickcheck::{Arbitrary, Gen, QuickCheck, TestResult, Testable};
use sample::{Act, Case};
use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
};

const CASES: u64 = 2_000;
const SIZE: usize = 8;
const SEED: u64 = 0x6057;
/// Names the seed of a run that failed.
const SEED_VARIABLE: &str = "CHINWAG_INDUCTIVE_SEED";

/// One invariant under these rules.
struct Run {
    invariant: &'static Invariant,
    rules: &'static Rules,
}

impl Testable for Run {
    fn result(&self, g: &mut Gen) -> TestResult {
        let case = Case::arbitrary(g);
        match holds_after(self.invariant, self.rules, &case) {
            true => TestResult::passed(),
            false => TestResult::error(format!("not \"{}\": {case:?}", self.invariant.name)),
        }
    }
}

fn holds_after(invariant: &Invariant, rules: &'static Rules, case: &Case) -> bool {
    let Case { manager, before, act } = case;
    let after = case.after(rules);
    (invariant.holds)(Step { manager, before, after: &after, act: Some(act) })
}

/// The same cases each time.
fn run(invariant: &'static Invariant, rules: &'static Rules) -> Result<u64, TestResult> {
    run_from(SEED, invariant, rules)
}

fn run_from(
    seed: u64,
    invariant: &'static Invariant,
    rules: &'static Rules,
) -> Result<u64, TestResult> {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(SIZE, seed))
        .tests(CASES)
        .quicktest(Run { invariant, rules })
}

#[test]
fn every_invariant_is_inductive() {
    for invariant in INVARIANTS {
        match run(invariant, &FAITHFUL) {
            Ok(cases) => assert_eq!(cases, CASES),
            Err(found) => panic!("{found:?}"),
        }
    }
}

/// Each time from other states.
#[test]
fn every_invariant_is_inductive_from_states_never_tried_before() {
    let fresh = || RandomState::new().build_hasher().finish();
    let named = std::env::var(SEED_VARIABLE).map(|seed| seed.parse().expect("a number"));
    let seed = named.unwrap_or_else(|_| fresh());
    for invariant in INVARIANTS {
        let found = run_from(seed, invariant, &FAITHFUL);
        assert!(found.is_ok(), "{SEED_VARIABLE}={seed}: {found:?}");
    }
}

#[test]
fn every_invariant_is_broken_by_its_seeded_bug() {
    for invariant in INVARIANTS {
        let found = run(invariant, &invariant.bug);
        assert!(found.is_err(), "\"{}\" outlives \"{}\"", invariant.name, invariant.slip);
    }
}

/// The premise of the induction.
#[test]
fn every_sampled_state_satisfies_every_invariant() {
    let mut g = Gen::from_size_and_seed(SIZE, SEED);
    for _ in 0..CASES {
        let Case { manager, before, .. } = Case::arbitrary(&mut g);
        for invariant in INVARIANTS {
            let still = Step { manager: &manager, before: &before, after: &before, act: None };
            assert!((invariant.holds)(still), "not \"{}\": {before:?}", invariant.name);
        }
    }
}

/// Otherwise the invariants would hold of nothing.
#[test]
fn the_sample_has_every_input_and_every_kind_of_state() {
    let mut g = Gen::from_size_and_seed(SIZE, SEED);
    let mut seen = BTreeMap::<_, u64>::new();
    for _ in 0..CASES {
        let Case { manager, before, act } = Case::arbitrary(&mut g);
        let mut count = |what, is: bool| *seen.entry(what).or_default() += u64::from(is);
        let replica = &before.replica;
        count("pending", replica.pending_count() > 0);
        count("discarded", replica.discarded().entries().any(|(_, n)| n > 0));
        count("forgotten", replica.value().0.len() > replica.executed().len());
        count("waiting", !before.waiting.is_empty());
        count("owed", before.owed.contains(&true));
        count("read-only", !manager.group.is_updatable(manager.id));
        count("a member was replaced", manager.group.epoch > 0);
        count("newcomer", manager.group.is_newcomer(manager.id));
        let kind = match &act {
            Act::StartAgain => "start",
            Act::Handle(Input::Message(_, message)) => message.kind(),
            Act::Handle(_) => "timer",
        };
        count(kind, true);
    }
    let rare = seen.iter().filter(|(_, count)| **count < CASES / 40);
    assert_eq!(rare.count(), 0, "{seen:?}");
    assert_eq!(seen.len(), 14, "{seen:?}");
}

#[test]
fn the_indexes_of_what_waits_agree_with_the_log() {
    let mut g = Gen::from_size_and_seed(SIZE, SEED);
    for _ in 0..CASES {
        let replica = Case::arbitrary(&mut g).before.replica;
        let waits = |r: &&std::sync::Arc<chinwag::LogRecord<sample::Ran>>| {
            !replica.value_ts().covers(&r.update.prev)
        };
        let waiting: Vec<_> = replica.log().filter(waits).collect();
        assert_eq!(replica.pending_count(), waiting.len());
        for (origin, prefix) in replica.executed_prefix().entries() {
            let first = waiting.iter().find(|r| r.origin == origin).map(|r| r.key().seq - 1);
            assert_eq!(prefix, first.unwrap_or(replica.replica_ts().get(origin)));
        }
        for front_end in (0..3).map(FrontEndId) {
            let mut ids: Vec<_> = waiting.iter().map(|r| r.update.id).collect();
            ids.retain(|id| id.front_end == front_end);
            ids.sort();
            assert!(replica.waiting_of(front_end).eq(ids));
            let mark = replica.watermarks().get(&front_end).copied();
            assert_eq!(mark.unwrap_or_default(), replica.finished(front_end));
        }
    }
}
