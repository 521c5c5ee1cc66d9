//! Rows 45 and 46: what an update costs, and what a larger batch costs.

use crate::common::*;
use chinwag::Group;

/// Full batches, nothing lost: `batches` of `batch` updates at each of the first `loaded` managers.
fn load(replicas: u16, batch: u32, loaded: u16, batches: u32) -> (Cluster, usize) {
    let mut cluster = Cluster::build(Group::of(replicas), |manager| manager.batch = batch);
    let clients: Vec<_> = (0..loaded).map(|n| cluster.client(rm(n))).collect();
    for n in 0..batch * batches {
        for client in &clients {
            cluster.post(*client, &format!("{client}.{n}"));
            cluster.deliver_all();
        }
    }
    (cluster, (batch * batches) as usize * clients.len())
}

/// Row 45: request, reply, and a share of the R-1 gossip messages that carry G updates each. Exactly.
#[test]
fn an_update_costs_two_messages_and_its_share_of_gossip() {
    for replicas in [2, 3, 5, 10] {
        for batch in [1, 5, 10] {
            for loaded in [1, replicas] {
                let (cluster, updates) = load(replicas, batch, loaded, 2);

                let (r, g) = (usize::from(replicas), batch as usize);
                let gossip = updates / g * (r - 1);
                let case = format!("R={r}, G={g}, load at {loaded}");
                assert_eq!(cluster.count("update"), updates, "{case}");
                assert_eq!(cluster.count("update reply"), updates, "{case}");
                assert_eq!(cluster.count("gossip"), gossip, "{case}");
                assert_eq!(cluster.messages() * g, updates * (2 * g + (r - 1)), "{case}");
                for manager in cluster.group.members() {
                    assert_eq!(cluster.ran(manager).len(), updates, "{case}: all are everywhere");
                }
            }
        }
    }
}

/// Row 45, what the formula leaves out: after the load, timers tell who holds what, and logs drain. That is
/// not a cost of each update: it is the same after two batches and after four. If all timers fire at the same
/// moment, everyone repeats itself to everyone once, R(R-1) messages, and then everyone but one of each pair
/// gives a receipt: (R-1)(2R-1) in all.
#[test]
fn what_managers_owe_each_other_after_a_load_does_not_depend_on_its_size() {
    for (replicas, settling) in [(2, 3), (3, 10), (5, 36), (10, 171)] {
        for batch in [1, 5, 10] {
            for (batches, loaded) in [(2, 1), (4, 1), (2, replicas)] {
                let (mut cluster, _) = load(replicas, batch, loaded, batches);
                let before = cluster.messages();

                cluster.settle();

                let after = cluster.messages() - before;
                assert_eq!(after, settling, "R={replicas}, G={batch}, load at {loaded}");
                cluster.assert_converged();
            }
        }
    }
}

/// Row 45: a query that need not wait costs two messages.
#[test]
fn a_query_costs_two_messages() {
    let mut cluster = Cluster::of(5);
    let ann = cluster.client(rm(0));

    for _ in 0..10 {
        assert!(cluster.ask(ann).is_some());
    }

    assert_eq!(cluster.messages(), 20);
}

/// How many further updates each update waits for until the other manager has it.
fn delays(batch: u32) -> Vec<usize> {
    let mut cluster = Cluster::build(Group::of(2), |manager| manager.batch = batch);
    let ann = cluster.client(rm(0));
    let mut arrived = Vec::new();
    for n in 0..20 {
        cluster.post(ann, &format!("{n}"));
        cluster.deliver_all();
        arrived.resize(cluster.ran(rm(1)).len(), n);
    }
    arrived.into_iter().enumerate().map(|(sent, came)| came - sent).collect()
}

/// Row 46: fewer messages, later news. With batches of G an update waits for (G-1)/2 others on average.
#[test]
fn a_larger_batch_delays_updates() {
    assert_eq!(delays(1), [0; 20]);
    assert_eq!(delays(5), [4, 3, 2, 1, 0].repeat(4));
    assert_eq!(delays(10), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].repeat(2));
}
