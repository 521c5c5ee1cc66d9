//! The source, statement by statement, in its order: rows of PROTOCOL section 6.
//!
//! A row that this version does not have is in [`ABSENT`]; where we do otherwise, the test says `Deviates:`.

mod common;

#[path = "seed/agreement.rs"]
mod agreement; // rows 22 to 44, and 47 to 50
#[path = "seed/cost.rs"]
mod cost; // rows 45 and 46
#[path = "seed/requests.rs"]
mod requests; // rows 1 to 21
#[path = "seed/vectors.rs"]
mod vectors; // worked examples

/// Statements of the source that this version does not implement.
const ABSENT: [(u32, &str); 3] = [
    (12, "forced updates: one total order among all of them"),
    (13, "immediate updates: one total order with respect to all updates"),
    (50, "its second half, reconfiguration: the group is fixed. Crash recovery is here"),
];

/// Rows 12, 13 and half of 50.
#[test]
fn only_causal_order_is_offered_and_the_group_is_fixed() {
    use chinwag::{Group, Request};
    assert_eq!(ABSENT.map(|(row, _)| row), [12, 13, 50]);

    // Without `_`: whoever adds a stronger request, or a way to change the group, comes by here.
    let request: Request<common::Transcript> = Request::Query(());
    match request {
        Request::Update(_) | Request::Independent(_) | Request::Query(_) | Request::Tell { .. } => {
        }
    }
    let Group { updatable, replicas, .. } = Group::of(3);
    assert_eq!((updatable, replicas), (3, 3));

    // Concurrent updates do run in different orders at different managers.
    let mut cluster = common::Cluster::of(2);
    let [ann, bob] = [0, 1].map(|n| cluster.client(common::rm(n)));
    cluster.post(ann, "a");
    cluster.post(bob, "b");
    cluster.settle();
    assert_eq!(cluster.ran(common::rm(0)), ["a", "b"]);
    assert_eq!(cluster.ran(common::rm(1)), ["b", "a"]);
}
