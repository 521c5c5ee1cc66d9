//! The history checker against the definitions, on all small histories: the exact tester for causal
//! consistency and causal memory, and a literal search of all causal orders and all arbitrations for
//! causal convergence.

#[path = "support/definitions.rs"]
mod definitions;

use chinwag_models::{
    consistency::Level,
    history::{Access, Pattern, Question, Verdict, Violation, judge},
};
use definitions::*;
use proptest::prelude::*;

/// Which of the three levels hold. Panics where the checker and a definition differ.
fn judged(small: &Small) -> [bool; 3] {
    let by_definition =
        [exact(small, Level::Causal), exact(small, Level::CausalMemory), converges(small)];
    let judgement = judge(&fast(small), &Question::ALL);
    for (k, question) in Question::ALL[..3].iter().enumerate() {
        match judgement.verdict(*question).expect("it was asked") {
            Verdict::Holds => assert!(by_definition[k], "{question:?} holds: {small:?}"),
            Verdict::Undecided(why) => panic!("{question:?}: {why}: {small:?}"),
            Verdict::Violated(violation) => {
                assert!(!by_definition[k], "{question:?} of {small:?}:\n{violation}");
                is_shortest(small, violation);
            }
        }
    }
    let guarantees = judgement.answers[3..].iter();
    for (question, verdict) in guarantees {
        let broken = matches!(verdict, Verdict::Violated(_));
        assert!(!broken || !by_definition[0], "CC implies {question:?}: {small:?}");
        assert_eq!(broken, is_broken(small, *question), "{question:?}: {small:?}");
    }
    by_definition
}

/// No shorter cycle, and no shorter way to show a stale read, is there.
fn is_shortest(small: &Small, violation: &Violation) {
    let n = small.len();
    let plain = distances(small, |_, _| false);
    let reads =
        || (0..n).flat_map(|r| external_reads(small, r).into_iter().map(move |(k, s)| (r, k, s)));
    let to_itself = |distances: &[Vec<usize>]| (0..n).map(|k| distances[k][k]).min();
    let least = match violation.pattern {
        Pattern::CyclicCO => to_itself(&plain),
        Pattern::WriteCORead | Pattern::WriteCOInitRead => {
            let stale = reads().flat_map(|(r, key, source)| {
                let newer = (0..n)
                    .filter(move |newer| writes(small, *newer, key) && source != Some(*newer));
                let plain = &plain;
                newer.map(move |newer| {
                    plain[newer][r] + source.map_or(0, |source| plain[source][newer])
                })
            });
            stale.min()
        }
        Pattern::CyclicCF => {
            let is_must = |first: usize, second: usize| {
                let open = plain[first][second] >= FAR && plain[second][first] >= FAR;
                let forces = |(r, key, source): (usize, u8, Option<usize>)| {
                    source == Some(second) && writes(small, first, key) && plain[first][r] < FAR
                };
                first != second && open && reads().any(forces)
            };
            to_itself(&distances(small, is_must))
        }
        _ => return,
    };
    let shown = match violation.pattern {
        Pattern::WriteCORead | Pattern::WriteCOInitRead => {
            let is_initial = usize::from(violation.pattern == Pattern::WriteCOInitRead);
            violation.cycle.len() - 1 - is_initial + violation.reasons[0].past.len()
        }
        _ => violation.cycle.len(),
    };
    assert!(violation.is_shortest);
    assert_eq!(Some(shown), least, "{small:?}:\n{violation}");
}

/// How many histories there are, and of how many CC, CM and CCv hold.
fn counts(all: &[Small]) -> [usize; 4] {
    let mut counts = [all.len(), 0, 0, 0];
    for small in all {
        for (holds, count) in judged(small).into_iter().zip(&mut counts[1..]) {
            *count += usize::from(holds);
        }
    }
    counts
}

#[test]
fn the_checker_is_the_definition_on_all_histories_of_up_to_five_operations() {
    #[rustfmt::skip]
    let shapes: [(&[u8], [usize; 4]); 12] = [
        (&[0, 0, 0, 0], [396, 128, 128, 128]),
        (&[0, 0, 0, 1], [396, 225, 224, 224]),
        (&[0, 0, 1, 1], [396, 266, 266, 265]),
        (&[0, 0, 1, 2], [396, 328, 328, 328]),
        (&[0, 1, 2, 3], [396, 396, 396, 396]),
        (&[0, 0, 0, 0, 0], [2957, 512, 512, 512]),
        (&[0, 0, 0, 0, 1], [2957, 1039, 1024, 1024]),
        (&[0, 0, 0, 1, 1], [2957, 1410, 1401, 1389]),
        (&[0, 0, 0, 1, 2], [2957, 1758, 1744, 1744]),
        (&[0, 0, 1, 1, 2], [2957, 2056, 2056, 2048]),
        (&[0, 0, 1, 2, 3], [2957, 2488, 2488, 2488]),
        (&[0, 1, 2, 3, 4], [2957, 2957, 2957, 2957]),
    ];
    for (sessions, expected) in shapes {
        assert_eq!(counts(&singles(sessions, 2)), expected, "{sessions:?}");
    }
}

#[test]
fn the_checker_is_the_definition_on_all_histories_of_six_operations_in_equal_sessions() {
    let shapes: [(&[u8], [usize; 4]); 2] = [
        (&[0, 0, 0, 1, 1, 1], [24194, 8299, 8178, 8015]),
        (&[0, 0, 1, 1, 2, 2], [24194, 14302, 14302, 14138]),
    ];
    for (sessions, expected) in shapes {
        assert_eq!(counts(&singles(sessions, 2)), expected, "{sessions:?}");
    }
}

#[test]
fn the_checker_is_the_definition_on_all_histories_of_three_transactions_of_two_accesses() {
    for (sessions, expected) in [
        ([0, 0, 0], [24194, 2048, 2048, 2048]),
        ([0, 0, 1], [24194, 4754, 4742, 4754]),
        ([0, 1, 2], [24194, 7754, 7754, 7754]),
    ] {
        assert_eq!(counts(&pairs(&sessions)), expected, "{sessions:?}");
    }
}

/// What each transaction does, and which of the values it may read it read.
fn any_small() -> impl Strategy<Value = Small> {
    let access = (any::<bool>(), 0..2_u8, any::<prop::sample::Index>());
    let transaction = (0..3_u8, prop::collection::vec(access, 1..4));
    prop::collection::vec(transaction, 1..6).prop_map(|transactions| {
        let (mut value, mut small): (u8, Small) = (0, Vec::new());
        for (session, accesses) in &transactions {
            let accesses = accesses.iter().map(|(writes, key, _)| {
                value += 1;
                if *writes { Access::Write(*key, value) } else { Access::Read(*key) }
            });
            small.push((*session, (accesses.collect(), Vec::new())));
        }
        let all: Vec<Access<u8, u8>> =
            small.iter().flat_map(|(_, (accesses, _))| accesses.clone()).collect();
        for ((_, (accesses, read)), (_, chosen)) in small.iter_mut().zip(&transactions) {
            for (access, (_, _, index)) in accesses.iter().zip(chosen) {
                if let Access::Read(key) = access {
                    read.push(*index.get(&values_of(&all, *key)));
                }
            }
        }
        small
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_checker_is_the_definition_on_random_transactions(small in any_small()) {
        judged(&small);
    }
}
