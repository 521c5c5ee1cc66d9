//! Worked examples, with every timestamp.

use crate::common::*;

/// The quiz of PROTOCOL C9, with its error corrected: RM2 is at 010 after accepting u3, not at 110.
#[test]
fn the_golden_vectors_come_out() {
    let mut cluster = Cluster::of(3);
    let [first, second, third, fourth] = [0, 0, 1, 2].map(|n| cluster.client(rm(n)));

    // u1 with prev 000 and u2 with prev 100, at RM1.
    assert_eq!(cluster.post(first, "u1"), ts([1, 0, 0]));
    cluster.tell(first, second, "u1 is out");
    cluster.tell(first, third, "u1 is out");
    cluster.deliver_all();
    assert_eq!(cluster.post(second, "u2"), ts([2, 0, 0]));
    assert_eq!(cluster.timestamps(rm(0)), (ts([2, 0, 0]), ts([2, 0, 0])));

    // u3 with prev 100 at RM2, held.
    assert_eq!(cluster.post(third, "u3"), ts([1, 1, 0]));
    assert_eq!(cluster.timestamps(rm(1)), (ts([0, 1, 0]), ts([0, 0, 0])));

    // u4 with prev 200 at RM3, held.
    cluster.tell(second, fourth, "u2 is out");
    cluster.deliver_where(|p| p.is("tell"));
    assert_eq!(cluster.post(fourth, "u4"), ts([2, 0, 1]));
    assert_eq!(cluster.timestamps(rm(2)), (ts([0, 0, 1]), ts([0, 0, 0])));

    // RM1 to RM3, RM3 to RM2.
    cluster.gossip(rm(0), rm(2));
    assert_eq!(cluster.timestamps(rm(2)), (ts([2, 0, 1]), ts([2, 0, 1])));
    assert_eq!(cluster.ran(rm(2)), ["u1", "u2", "u4"]);
    cluster.gossip(rm(2), rm(1));
    assert_eq!(cluster.timestamps(rm(1)), (ts([2, 1, 1]), ts([2, 1, 1])));
    let ran = cluster.ran(rm(1));
    let place = |text| ran.iter().position(|t| t == text).expect("it ran");
    assert_eq!((ran.len(), place("u1")), (4, 0));
    assert!(place("u4") > place("u2"));
}

/// Plays (M) of PROTOCOL section 2 up to where rm2 holds everything but `a`.
pub fn master_interleaving() -> (Cluster, usize) {
    let mut cluster = Cluster::build(chinwag::Group::of(3), |manager| manager.pulls = false);
    let ann = cluster.client(rm(0));
    assert_eq!(cluster.post(ann, "a"), ts([1, 0, 0]));
    cluster.turn_to(ann, rm(1));
    assert_eq!(cluster.post(ann, "u1"), ts([1, 1, 0]));
    let bob = cluster.client(rm(1));
    assert_eq!(cluster.post(bob, "u2"), ts([0, 2, 0]));
    assert_eq!(cluster.timestamps(rm(1)), (ts([0, 2, 0]), ts([0, 2, 0])));
    assert_eq!(cluster.ran(rm(1)), ["u2"], "the value timestamp passes over u1 (C1)");
    assert_eq!(cluster.post(ann, "w"), ts([1, 3, 0]));
    cluster.gossip(rm(1), rm(2));
    assert_eq!(cluster.timestamps(rm(2)), (ts([0, 3, 0]), ts([0, 2, 0])));
    (cluster, ann)
}

/// (M): the counts of a value timestamp are not the counts of what ran, and order inside a set of stable
/// updates matters (C1, C2, C3, C3b).
#[test]
fn the_master_interleaving_runs_in_causal_order() {
    let (mut cluster, _) = master_interleaving();

    cluster.gossip(rm(0), rm(2));

    assert_eq!(cluster.ran(rm(2)), ["u2", "a", "u1", "w"]);
    assert_eq!(cluster.timestamps(rm(2)), (ts([1, 3, 0]), ts([1, 3, 0])));
    cluster.settle();
    cluster.assert_converged();
}

/// (M) with a query that waits for u1: it is answered after the whole pass, never in the middle (C3).
#[test]
fn a_query_is_answered_after_the_pass_that_makes_it_ready() {
    let (mut cluster, ann) = master_interleaving();
    cluster.turn_to(ann, rm(2));
    assert_eq!(cluster.ask(ann), None);

    cluster.gossip(rm(0), rm(2));
    cluster.deliver_all();

    assert_eq!(cluster.clients[ann].answers, [["u2", "a", "u1", "w"]]);
}
