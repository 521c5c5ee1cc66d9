//! Timestamps form a lattice: exhaustively on {0..3}^3, by chance beyond.

use chinwag::{ReplicaId, Timestamp};
use proptest::prelude::*;
use std::cmp::Ordering;

/// All timestamps of three entries up to 3.
fn small() -> Vec<Timestamp> {
    (0..64u64).map(|n| [n / 16, n / 4 % 4, n % 4].into_iter().collect()).collect()
}

fn join(a: &Timestamp, b: &Timestamp) -> Timestamp {
    let mut ts = a.clone();
    ts.merge(b);
    ts
}

fn meet(a: &Timestamp, b: &Timestamp) -> Timestamp {
    let mut ts = a.clone();
    ts.meet(b);
    ts
}

fn laws_of_two(a: &Timestamp, b: &Timestamp) {
    let (join_ab, meet_ab) = (join(a, b), meet(a, b));
    assert_eq!(join_ab, join(b, a), "merging commutes");
    assert_eq!(meet_ab, meet(b, a), "meeting commutes");
    assert_eq!(join(a, &meet_ab), *a, "absorption");
    assert_eq!(meet(a, &join_ab), *a, "absorption");
    assert!(join_ab.covers(a) && join_ab.covers(b), "an upper bound");
    assert!(a.covers(&meet_ab) && b.covers(&meet_ab), "a lower bound");
    assert_eq!(a.covers(b), join_ab == *a, "covering is the lattice's order");
    assert_eq!(a.covers(b) && b.covers(a), a == b, "covering is antisymmetric");
    assert_eq!(a.partial_cmp(b), b.partial_cmp(a).map(Ordering::reverse));
    assert_eq!(a >= b, a.covers(b), "`>=` is covering");
    assert_eq!(a.total_cmp(b) == Ordering::Equal, a == b, "the order for sorting is total");
    if a < b {
        assert!(a.weight() < b.weight(), "weight extends causality: {a:?} {b:?}");
    }
}

fn laws_of_three(a: &Timestamp, b: &Timestamp, c: &Timestamp) {
    assert_eq!(join(&join(a, b), c), join(a, &join(b, c)), "merging associates");
    assert_eq!(meet(&meet(a, b), c), meet(a, &meet(b, c)), "meeting associates");
    assert!(!(a.covers(b) && b.covers(c)) || a.covers(c), "covering is transitive");
    assert!(!(c.covers(a) && c.covers(b)) || c.covers(&join(a, b)), "the least upper bound");
    assert!(!(a.covers(c) && b.covers(c)) || meet(a, b).covers(c), "the greatest lower bound");
}

#[test]
fn small_timestamps_form_a_lattice_that_weight_extends() {
    let all = small();
    for a in &all {
        assert_eq!(join(a, a), *a, "merging is idempotent");
        assert_eq!(meet(a, a), *a, "meeting is idempotent");
        for b in &all {
            laws_of_two(a, b);
            all.iter().for_each(|c| laws_of_three(a, b, c));
        }
    }
}

#[test]
fn concurrency_is_not_transitive_so_sorting_by_causality_would_lie() {
    let [a, b, c] = [[0, 1], [2, 0], [1, 2]].map(Timestamp::from_iter);

    assert_eq!((a.partial_cmp(&b), b.partial_cmp(&c)), (None, None));
    assert_eq!(a.partial_cmp(&c), Some(Ordering::Less));
}

#[test]
fn a_lexicographic_order_would_call_a_concurrent_timestamp_earlier() {
    let [a, b] = [[1, 0, 9], [2, 0, 0]].map(Timestamp::from_iter);

    assert_eq!(a.total_cmp(&b), Ordering::Less);
    assert_eq!(a.partial_cmp(&b), None);
    assert!(!b.covers(&a));
}

#[test]
fn a_timestamp_prints_as_its_entries() {
    assert_eq!(format!("{:?}", Timestamp::from_iter([2, 0, 1])), "[2,0,1]");
    assert_eq!(format!("{:?}", Timestamp::from_iter([7])), "[7]");
    assert_eq!(format!("{:?}", Timestamp::zero(0)), "[]");
    assert_eq!(format!("{:#?}", Timestamp::zero(2)), "[0,0]", "also where it is pretty");
}

#[test]
fn setting_one_entry_leaves_the_others() {
    let ts = Timestamp::from_iter([1, 2, 3]);

    assert_eq!(ts.with(ReplicaId(1), 9), Timestamp::from_iter([1, 9, 3]));
    assert_eq!(ts.get(ReplicaId(1)), 2, "the original is as it was");
    assert_eq!(ts.entries().map(|(r, n)| (r.0, n)).collect::<Vec<_>>(), [(0, 1), (1, 2), (2, 3)]);
}

#[test]
#[should_panic(expected = "timestamps of two clusters")]
fn timestamps_of_two_clusters_do_not_compare() {
    let _ = Timestamp::zero(2).covers(&Timestamp::zero(3));
}

/// Three timestamps of one length, also of such as do not fit without allocating.
fn three() -> impl Strategy<Value = [Timestamp; 3]> {
    (1..9usize).prop_flat_map(|n| {
        let entry = prop_oneof![0..4u64, any::<u64>(), Just(u64::MAX)];
        let one = proptest::collection::vec(entry, n).prop_map(Timestamp::from_iter);
        [one.clone(), one.clone(), one]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn timestamps_of_any_size_form_a_lattice_that_weight_extends([a, b, c] in three()) {
        laws_of_two(&a, &b);
        laws_of_two(&a, &join(&a, &b));
        laws_of_three(&a, &b, &c);
        laws_of_three(&meet(&a, &b), &a, &join(&a, &c));
    }
}
