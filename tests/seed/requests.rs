//! Rows 1 to 21: what clients may expect, requests, responses, coordination.

use crate::common::*;
use chinwag::{Effects, FrontEnd, FrontEndId, Group, Node, NodeState, Request, Routing};

/// Row 1.
#[test]
fn every_manager_holds_the_data() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");

    cluster.settle();

    for manager in cluster.group.members() {
        assert_eq!(cluster.ran(manager), ["a"]);
    }
}

/// Row 2.
#[test]
fn managers_gossip_by_timer() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    assert_eq!(cluster.count("gossip"), 0, "nothing before its time");

    cluster.gossip(rm(0), rm(1));

    assert_eq!(cluster.count("gossip"), 1);
    assert_eq!(cluster.ran(rm(1)), ["a"]);
}

/// Row 3.
#[test]
fn a_query_changes_nothing() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    let before = cluster.replica(rm(0)).clone();
    let journal = cluster.managers[0].journal.len();

    assert_eq!(cluster.ask(ann), Some(vec!["a".into()]));

    assert_eq!(*cluster.replica(rm(0)), before);
    assert_eq!(cluster.managers[0].journal.len(), journal);
}

/// Row 4. That an update does not read is the type of `Service::apply`: it returns nothing.
#[test]
fn an_update_is_answered_with_its_timestamp_only() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));

    let stamp = cluster.post(ann, "a");

    assert_eq!(stamp, ts([1, 0]));
    assert!(cluster.clients[ann].answers.is_empty());
}

/// Row 5.
#[test]
fn a_front_end_may_send_each_request_to_another_manager() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client_with(Routing::Any, |_| ());

    for n in 0..3 {
        cluster.choice = rm(n);
        cluster.post(ann, &format!("at {n}"));
    }

    assert_eq!(cluster.clients[ann].state.ts, ts([1, 1, 1]));
    cluster.settle();
    assert_eq!(cluster.ran(rm(2)), ["at 0", "at 1", "at 2"]);
}

/// Row 6. Response time is the driver's to measure; the front end leaves one that does not answer.
#[test]
fn a_front_end_turns_to_an_available_manager() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.crash(rm(0));
    let update = cluster.update(ann, "a");
    cluster.deliver_all();
    assert_eq!(cluster.stamp(update), None);

    cluster.retry(ann);
    cluster.deliver_all();

    assert_eq!(cluster.stamp(update), Some(ts([0, 1])));
    assert_eq!(cluster.clients[ann].state.contact, rm(1));
}

/// Row 7, writes: a client reads them wherever it asks.
#[test]
fn a_client_reads_its_own_writes_at_any_manager() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");

    cluster.turn_to(ann, rm(1));
    assert_eq!(cluster.ask(ann), None, "rm1 has nothing yet");
    cluster.gossip(rm(0), rm(1));
    cluster.deliver_all();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
}

/// Row 7, reads: what a client saw once it sees ever after.
#[test]
fn a_client_never_reads_less_than_before() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(0))];
    cluster.post(ann, "a");
    assert_eq!(cluster.ask(bob), Some(vec!["a".into()]));

    cluster.turn_to(bob, rm(1));

    assert_eq!(cluster.ask(bob), None, "an older answer would be a lie");
    cluster.gossip(rm(0), rm(1));
    cluster.deliver_all();
    assert_eq!(cluster.clients[bob].answers[1], ["a"]);
}

/// Row 8.
#[test]
fn consistency_holds_while_managers_cannot_communicate() {
    let mut cluster = Cluster::of(3);
    cluster.isolated.extend([rm(0), rm(1), rm(2)]);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    assert_eq!(cluster.ask(ann), Some(vec!["a".into()]));

    cluster.turn_to(ann, rm(1));
    assert_eq!(cluster.ask(ann), None, "rather no answer than a wrong one");
    cluster.turn_to(ann, rm(0));
    cluster.retry(ann); // turns to rm1
    cluster.retry(ann); // to rm2
    cluster.retry(ann); // and home again
    cluster.deliver_all();

    assert_eq!(cluster.clients[ann].answers, [["a"], ["a"]]);
}

/// Row 9.
#[test]
fn a_timestamp_has_one_entry_for_each_updatable_manager() {
    let mut cluster = Cluster::build(Group::of(3).and_read_only(2), |_| ());
    for manager in &cluster.managers {
        let node = Node::Manager(manager.party.clone());
        let state = node.start::<Transcript>(None, &mut Effects::default());
        let NodeState::Manager(state) = state else { panic!("{state:?}") };
        assert_eq!(*state.replica.replica_ts(), ts([0, 0, 0]));
        assert_eq!(state.table, vec![ts([0, 0, 0]); 5], "but the table has a row for each manager");
    }

    let ann = cluster.client(rm(1));

    assert_eq!(cluster.post(ann, "a"), ts([0, 1, 0]));
}

/// Row 10.
#[test]
fn all_managers_receive_all_updates_in_the_end_whatever_is_lost() {
    let mut cluster = Cluster::of(3);
    let clients = [0, 1, 2].map(|n| cluster.client(rm(n)));
    for (n, client) in clients.into_iter().enumerate() {
        cluster.post(client, &format!("from {n}"));
    }
    for _ in 0..5 {
        pairs(cluster.group).into_iter().for_each(|(from, to)| cluster.tick(from, to));
        cluster.take_where(|p| p.is("gossip"));
    }

    cluster.settle();

    cluster.assert_converged();
    assert_eq!(cluster.ran(rm(0)).len(), 3);
}

/// Row 11.
#[test]
fn causally_ordered_updates_run_in_that_order_everywhere() {
    let mut cluster = Cluster::of(3);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(0))];
    cluster.post(ann, "question");
    assert!(cluster.ask(bob).is_some());
    cluster.turn_to(bob, rm(1));
    cluster.post(bob, "answer");

    cluster.gossip(rm(1), rm(2));
    assert_eq!(cluster.ran(rm(2)), [""; 0], "the answer waits for the question");
    cluster.settle();

    for manager in cluster.group.members() {
        assert_eq!(cluster.ran(manager), ["question", "answer"]);
    }
}

/// Row 14.
#[test]
fn a_client_that_saw_nothing_newer_may_read_stale_data() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [0, 1].map(|n| cluster.client(rm(n)));

    cluster.post(ann, "a");

    assert_eq!(cluster.ask(bob), Some(vec![]));
}

/// Row 15.
#[test]
fn a_front_end_stays_with_its_manager() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(1));

    for n in 1..=3 {
        assert_eq!(cluster.post(ann, &format!("a{n}")), ts([0, n, 0]));
    }

    assert_eq!(cluster.clients[ann].state.contact, rm(1));
}

/// Row 16.
#[test]
fn a_query_blocks_its_client_until_the_manager_has_caught_up() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));

    assert_eq!(cluster.ask(ann), None);
    cluster.update(ann, "b");

    assert_eq!(cluster.state(rm(1)).waiting.len(), 1);
    assert_eq!(cluster.clients[ann].state.outbox.len(), 1, "what follows is behind the query");
    cluster.settle();
    assert_eq!(cluster.clients[ann].answers, [["a"]]);
    assert!(cluster.state(rm(1)).waiting.is_empty());
}

/// Row 17.
#[test]
fn an_update_returns_to_its_client_at_once() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));

    for n in 1..=3 {
        cluster.update(ann, &format!("a{n}"));
    }

    assert!(cluster.events.is_empty(), "nothing has been answered");
    assert_eq!(cluster.network.len(), 1, "the others wait for its timestamp (C20)");
    cluster.settle();
    assert_eq!(cluster.ran(rm(1)), ["a1", "a2", "a3"]);
}

/// Row 18.
#[test]
fn an_update_is_answered_before_it_runs() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));

    assert_eq!(cluster.post(ann, "b"), ts([1, 1]));

    assert_eq!(cluster.ran(rm(1)), [""; 0]);
    assert_eq!(cluster.replica(rm(1)).pending_count(), 1);
}

/// Rows 19 and 20.
#[test]
fn an_update_is_held_until_gossip_brings_its_past() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.post(ann, "b");
    assert_eq!(cluster.timestamps(rm(1)), (ts([0, 1]), ts([0, 0])));

    cluster.gossip(rm(0), rm(1));

    assert_eq!(cluster.ran(rm(1)), ["a", "b"]);
    assert_eq!(cluster.timestamps(rm(1)), (ts([1, 1]), ts([1, 1])));
}

/// Row 21.
#[test]
fn an_answer_comes_with_the_value_timestamp_and_the_client_keeps_it() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(0))];
    cluster.post(ann, "a");
    assert_eq!(cluster.clients[bob].state.ts, ts([0, 0]));

    cluster.ask(bob);

    assert_eq!(cluster.clients[bob].state.ts, ts([1, 0]));
}

/// Row 48: what a client says to another carries what it has seen.
#[test]
fn clients_that_talk_to_each_other_stay_consistent() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [0, 1].map(|n| cluster.client(rm(n)));
    cluster.update(ann, "a");
    cluster.tell(ann, bob, "I posted something");
    cluster.deliver_all();
    assert_eq!(cluster.clients[bob].told, ["I posted something"]);

    assert_eq!(cluster.ask(bob), None, "bob knows of it, rm1 does not");
    cluster.settle();

    assert_eq!(cluster.clients[bob].answers, [["a"]]);
}

/// Row 48, a session handed over: a client that moves takes its timestamp along.
#[test]
fn a_client_may_take_what_it_has_seen_to_another_front_end() {
    let group = Group::of(2);
    let front_end = FrontEnd::new(FrontEndId(7), 0, group, Routing::Home(rm(1)));

    let mut state = front_end.start::<Transcript>(ts([3, 0]));
    let mut fx = Effects::default();
    front_end.on_request(&mut state, Request::Query(()), &mut fx);

    let [(_, chinwag::Message::Query { prev, .. })] = &fx.sends[..] else { panic!("{fx:?}") };
    assert_eq!(*prev, ts([3, 0]));
}
