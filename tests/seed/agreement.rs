//! Rows 22 to 50, without the costs: what managers do among themselves.

use crate::common::*;
use chinwag::{Event, Group, LogRecord, Message, RecordKey, Refusal, RequestId, Sender, Update};
use std::sync::Arc;

/// Row 22.
#[test]
fn one_gossip_message_carries_several_updates() {
    let mut cluster = Cluster::build(Group::of(2), |manager| manager.batch = 3);
    let ann = cluster.client(rm(0));

    cluster.post(ann, "a1");
    cluster.post(ann, "a2");
    assert_eq!(cluster.count("gossip"), 0);
    cluster.post(ann, "a3");

    assert_eq!(cluster.count("gossip"), 1);
    cluster.deliver_all();
    assert_eq!(cluster.ran(rm(1)), ["a1", "a2", "a3"]);
}

/// Row 23.
#[test]
fn a_manager_asks_for_an_update_that_a_request_needs() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(2));

    assert_eq!(cluster.ask(ann), None);
    assert_eq!(cluster.network.len(), 1);
    assert!(cluster.network[0].is("pull") && cluster.network[0].goes(rm(2), rm(0)));
    cluster.deliver_all();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
    assert_eq!((cluster.count("pull"), cluster.count("gossip")), (1, 1), "and no timer fired");
}

/// Row 24.
#[test]
fn an_update_carries_its_operation_its_past_and_its_identifier() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");

    let id = cluster.update(ann, "b");

    let Message::Update(update) = &cluster.network[0].message else { panic!("an update") };
    let acknowledged = id.serial; // All before it are over.
    assert_eq!(*update, Update { id, acknowledged, prev: ts([1, 0]), op: "b".into() });
}

/// Row 25.
#[test]
fn an_update_sent_to_two_managers_runs_once() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client_with(chinwag::Routing::Home(rm(0)), |party| party.copies = 2);
    let id = cluster.update(ann, "a");
    let identifiers = cluster.network.iter().map(|p| match &p.message {
        Message::Update(update) => update.id,
        other => panic!("{other:?}"),
    });
    assert_eq!(identifiers.collect::<Vec<_>>(), [id, id]);

    cluster.settle();

    assert_eq!(cluster.records_of(id), [ts([1, 0]), ts([0, 1])]);
    assert_eq!([cluster.ran(rm(0)), cluster.ran(rm(1))], [["a"], ["a"]]);
    assert_eq!(cluster.clients[ann].state.ts, ts([1, 1]), "both replies count");
}

/// Sends an update that is not answered, so that it is sent again.
fn twice(cluster: &mut Cluster, client: usize, text: &str, home: u16) -> RequestId {
    let id = cluster.update(client, text);
    cluster.deliver_where(|p| p.is("update"));
    cluster.take_where(|p| p.is("update reply"));
    cluster.retry(client);
    cluster.take_where(|p| p.is("update") && !p.goes_to(rm(home)));
    while cluster.clients[client].state.contact != rm(home) {
        cluster.retry(client);
        cluster.take_where(|p| p.is("update") && !p.goes_to(rm(home)));
    }
    id
}

/// Row 26.
#[test]
fn an_update_that_ran_is_not_recorded_again() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    let id = twice(&mut cluster, ann, "a", 0);
    assert_eq!(cluster.ran(rm(0)), ["a"]);

    cluster.exchange(id);

    assert_eq!(cluster.records_of(id), [ts([1, 0])]);
    assert_eq!(cluster.stamp(id), Some(ts([1, 0])), "the reply had been lost");
}

/// Row 27.
#[test]
fn an_update_that_waits_in_the_log_is_not_recorded_again() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    let id = twice(&mut cluster, ann, "b", 1);
    assert_eq!(cluster.ran(rm(1)), [""; 0]);

    cluster.exchange(id);

    assert_eq!(cluster.records_of(id), [ts([1, 1])]);
    assert_eq!(cluster.stamp(id), Some(ts([1, 1])), "its timestamp, not the value's (C12b)");
}

/// Row 28.
#[test]
fn accepting_an_update_moves_the_managers_own_entry_only() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));

    cluster.post(ann, "b");

    assert_eq!(*cluster.replica(rm(1)).replica_ts(), ts([0, 1]), "not [1,1]: see C9");
}

/// Row 29. The onlooker of `common::ghost` demands it at every step; here for concurrent updates.
#[test]
fn timestamps_are_unique() {
    let mut cluster = Cluster::of(2);
    let clients = [0, 1, 0].map(|n| cluster.client(rm(n)));

    let mut stamps: Vec<_> =
        clients.iter().map(|client| cluster.post(*client, &format!("by {client}"))).collect();

    stamps.sort_by(chinwag::Timestamp::total_cmp);
    assert_eq!(stamps, [ts([0, 1]), ts([1, 0]), ts([2, 0])]);
}

/// Rows 30 and 31.
#[test]
fn the_log_record_has_the_past_with_the_managers_count_in_it() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(2));
    let id = cluster.update(ann, "b");
    cluster.exchange(id);

    let record = cluster.replica(rm(2)).record(RecordKey { origin: rm(2), seq: 1 });

    let acknowledged = id.serial;
    let update = Update { id, acknowledged, prev: ts([1, 0, 0]), op: "b".into() };
    let expected = LogRecord { origin: rm(2), ts: ts([1, 0, 1]), update };
    assert_eq!(record, Some(&Arc::new(expected)));
}

/// Row 32.
#[test]
fn the_front_end_merges_the_timestamp_of_a_reply() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.ask(ann); // Has to wait.
    cluster.settle();

    cluster.post(ann, "b");

    assert_eq!(cluster.clients[ann].state.ts, ts([1, 1]));
}

/// Rows 33, 34 and 35.
#[test]
fn a_stable_update_runs_is_reflected_and_is_in_the_executed_table() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));

    let id = cluster.update(ann, "a");
    cluster.exchange(id);

    let replica = cluster.replica(rm(0));
    assert_eq!(replica.value().0, ["a"]);
    assert_eq!(*replica.value_ts(), ts([1, 0]));
    assert_eq!(replica.executed().get(&id), Some(&ts([1, 0])));
}

/// Rows 36 and 37.
#[test]
fn what_a_peer_said_that_it_holds_is_not_sent_to_it_again() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    assert_eq!(cluster.state(rm(0)).table[1], ts([0, 0]), "sending teaches nothing (C7)");
    cluster.gossip(rm(1), rm(0));
    assert_eq!(cluster.state(rm(0)).table[1], ts([1, 0]));

    cluster.post(ann, "b");
    cluster.tick(rm(0), rm(1));

    let Message::Gossip(gossip) = &cluster.network[0].message else { panic!("gossip") };
    let texts: Vec<_> = gossip.log.iter().map(|record| record.update.op.as_str()).collect();
    assert_eq!(texts, ["b"]);
}

/// Row 38.
#[test]
fn gossip_is_the_log_and_the_replica_timestamp() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");

    cluster.tick(rm(0), rm(1));

    let Message::Gossip(gossip) = &cluster.network[0].message else { panic!("gossip") };
    assert_eq!(gossip.log, cluster.replica(rm(0)).log().cloned().collect::<Vec<_>>());
    assert_eq!(gossip.ts, *cluster.replica(rm(0)).replica_ts());
    assert!(gossip.complete && gossip.asks && gossip.table.is_empty());
}

/// Row 39.
#[test]
fn records_that_are_held_already_are_left_out() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    let journal = cluster.managers[1].journal.len();

    cluster.gossip(rm(0), rm(1)); // Has had no receipt.

    assert_eq!(cluster.managers[1].journal.len(), journal, "nothing new");
    assert_eq!(cluster.ran(rm(1)), ["a"]);
}

/// Row 40.
#[test]
fn what_gossip_makes_stable_runs_in_causal_order() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(2));
    cluster.post(ann, "first");
    cluster.turn_to(ann, rm(1));
    cluster.post(ann, "second");
    cluster.turn_to(ann, rm(0));
    cluster.post(ann, "third");
    // In the order of their keys, the last comes first.
    cluster.take_where(|p| p.is("pull"));
    cluster.gossip(rm(2), rm(1));
    cluster.gossip(rm(1), rm(0));

    assert_eq!(cluster.ran(rm(0)), ["first", "second", "third"]);
}

/// Row 41.
#[test]
fn a_record_leaves_the_log_when_everyone_holds_it() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    cluster.gossip(rm(1), rm(0));
    assert_eq!(cluster.replica(rm(0)).log().len(), 1, "rm2 has said nothing");

    cluster.gossip(rm(0), rm(2));
    cluster.gossip(rm(2), rm(0));

    assert_eq!(cluster.replica(rm(0)).log().len(), 0);
}

/// Row 42. Deviates: the source lets an identifier go when its update has run everywhere. A copy of the
/// request may arrive later still, and would run again (C11). Here it goes when every manager is known to
/// refuse it for ever, because a later update of its front end, which acknowledges it, is held everywhere.
#[test]
fn an_identifier_outlives_its_record_until_it_is_acknowledged() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    let id = cluster.update(ann, "a");
    let late = cluster.network[0].clone();
    cluster.settle();
    assert_eq!(cluster.replica(rm(0)).log().len(), 0, "ran everywhere");
    assert!(cluster.replica(rm(0)).executed().contains_key(&id));
    cluster.arrive(late.clone());
    assert_eq!(cluster.records_of(id).len(), 1);
    cluster.deliver_all();

    let next = cluster.update(ann, "b");
    cluster.settle();

    for manager in cluster.group.members() {
        assert_eq!(cluster.replica(manager).executed().keys().collect::<Vec<_>>(), [&next]);
    }
    cluster.arrive(late);
    assert_eq!(cluster.ran(rm(0)), ["a", "b"]);
}

/// Row 43.
#[test]
fn the_replica_timestamp_is_merged_with_that_of_the_gossip() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [0, 1].map(|n| cluster.client(rm(n)));
    cluster.post(ann, "a1");
    cluster.post(ann, "a2");
    cluster.post(bob, "b");

    cluster.gossip(rm(0), rm(1));

    assert_eq!(*cluster.replica(rm(1)).replica_ts(), ts([2, 1]));
}

/// Row 44.
#[test]
fn one_reachable_manager_is_enough() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(1));
    cluster.crash(rm(0));
    cluster.crash(rm(2));

    for n in 1..=3 {
        cluster.post(ann, &format!("a{n}"));
        assert_eq!(cluster.ask(ann).map(|answer| answer.len()), Some(n));
    }
}

/// Row 47.
#[test]
fn a_read_only_replica_is_updated_by_gossip_only() {
    let mut cluster = Cluster::build(Group::of(2).and_read_only(1), |_| ());
    let ann = cluster.client(rm(2));
    let id = cluster.update(ann, "a");
    cluster.exchange(id);
    let refused = |p: &Packet| p.is("update") && p.goes_to(rm(0));
    assert_eq!(cluster.network.iter().filter(|p| refused(p)).count(), 1, "rm2 refused it");
    assert_eq!(cluster.records_of(id), []);

    cluster.settle();

    assert_eq!(cluster.ran(rm(2)), ["a"]);
    cluster.turn_to(ann, rm(2));
    assert_eq!(cluster.ask(ann), Some(vec!["a".into()]));
    cluster.assert_converged();
}

/// Row 47, the refusal itself.
#[test]
fn a_read_only_replica_says_that_it_is_one() {
    let mut cluster = Cluster::build(Group::of(1).and_read_only(1), |_| ());
    let ann = cluster.client(rm(1));
    let id = cluster.update(ann, "a");

    cluster.deliver(0);

    let Message::Refused { id: refused, reason } = &cluster.network[0].message else { panic!() };
    assert_eq!((*refused, *reason), (id, Refusal::ReadOnly));
}

/// Row 49. Deviates: Ladin et al. acknowledge each update by a message and keep the acknowledgement for a
/// bound on lateness, by clock. Here each update acknowledges all before it, and no clock is read.
#[test]
fn acknowledgements_travel_with_updates_and_need_no_clock() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));

    for n in 1..=20 {
        cluster.post(ann, &format!("a{n}"));
        cluster.settle();
        assert_eq!(cluster.replica(rm(0)).executed().len(), 1, "after {n} updates");
    }

    assert_eq!((cluster.count("update"), cluster.count("update reply")), (20, 20));
    assert_eq!(cluster.messages(), 40 + cluster.count("gossip"), "there is no other kind");
}

/// Row 50, its first half.
#[test]
fn a_manager_recovers_from_its_journal() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    cluster.post(ann, "b");
    let before = cluster.replica(rm(0)).clone();

    cluster.crash(rm(0));
    cluster.recover(rm(0));

    assert_eq!(*cluster.replica(rm(0)), before);
    assert_eq!(cluster.post(ann, "c"), ts([3, 0]), "no number is used twice");
    cluster.settle();
    cluster.assert_converged();
    let lost = |(s, e): &(Sender, Event<_>)| matches!((s, e), (_, Event::StateLost { .. }));
    assert!(!cluster.events.iter().any(lost));
}
