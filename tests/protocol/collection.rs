//! What may go, and when: C11, C11b, C13, C14, C23.

use crate::common::*;
use chinwag::{
    Change, FrontEndId, Group, LogRecord, Replica, RequestId, Routing, Serial, Timestamp, Update,
    rules::FAITHFUL,
};
use std::sync::Arc;

/// C11: a copy of a request comes when its record and its identifier are gone, at a manager that never
/// had it from the front end.
#[test]
fn a_copy_that_comes_after_both_collections_makes_no_record() {
    for late_at in 0..3 {
        let mut cluster = Cluster::of(3);
        let ann = cluster.client(rm(0));
        let id = cluster.update(ann, "a");
        let mut copy = cluster.network[0].clone();
        copy.to = chinwag::Sender::Replica(rm(late_at));
        cluster.settle();
        cluster.post(ann, "b");
        cluster.settle();
        cluster.assert_converged();
        for manager in cluster.group.members() {
            assert!(!cluster.replica(manager).executed().contains_key(&id), "collected");
        }

        cluster.arrive(copy);

        assert_eq!(cluster.records_of(id).len(), 1, "at rm{late_at}");
        assert!(cluster.network.is_empty(), "nobody waits for an answer");
    }
}

/// C11: while some manager does not know the acknowledgement it would still record a copy, so everyone
/// keeps the identifier.
#[test]
fn an_identifier_stays_while_one_manager_might_record_it_again() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    let id = cluster.update(ann, "a");
    let mut copy = cluster.network[0].clone();
    copy.to = chinwag::Sender::Replica(rm(2));
    cluster.deliver_all();
    cluster.isolated.insert(rm(2));
    cluster.post(ann, "b");
    for _ in 0..3 {
        cluster.gossip(rm(0), rm(1));
        cluster.gossip(rm(1), rm(0));
    }

    cluster.arrive(copy);
    assert_eq!(cluster.records_of(id).len(), 2, "rm2 could not know better");
    cluster.deliver_all();
    cluster.isolated.clear();
    cluster.settle();

    // The onlooker has seen it run once everywhere.
    cluster.assert_converged();
}

/// C11b: with messages of the front end lost again and again, nothing stays behind but its last update.
#[test]
fn lost_replies_leave_nothing_behind() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));

    for n in 0..10 {
        cluster.update(ann, &format!("a{n}"));
        cluster.deliver_where(|p| p.is("update"));
        cluster.take_where(|p| p.is("update reply"));
        cluster.retry(ann);
        cluster.settle();
    }

    cluster.assert_converged();
    assert_eq!(cluster.replica(rm(0)).executed().len(), 1);
}

/// C13: one manager out of reach pins every log, and gets all when it is back.
#[test]
fn a_record_is_kept_for_whoever_is_out_of_reach() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.crash(rm(2));
    for n in 0..5 {
        cluster.post(ann, &format!("a{n}"));
        cluster.gossip(rm(0), rm(1));
        cluster.gossip(rm(1), rm(0));
    }
    assert_eq!(cluster.replica(rm(0)).log().len(), 5);
    assert_eq!(cluster.replica(rm(1)).log().len(), 5);

    cluster.recover(rm(2));
    cluster.settle();

    cluster.assert_converged();
}

/// P14: a record whose past died with a manager stays where it waits.
#[test]
fn a_record_stays_while_it_waits_for_its_past() {
    let mut cluster = Cluster::build(Group::of(3), |manager| manager.pulls = false);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.post(ann, "b");
    cluster.gossip(rm(1), rm(2));
    cluster.gossip(rm(2), rm(1));
    cluster.gossip(rm(1), rm(0));
    cluster.crash(rm(0)); // Before it can pass on a.

    assert_eq!(cluster.replica(rm(2)).log().len(), 1);
    assert_eq!(cluster.ran(rm(2)), [""; 0]);
    cluster.recover(rm(0));
    cluster.settle();
    cluster.assert_converged();
}

/// C14a: after the last update everyone hears what everyone holds.
#[test]
fn logs_drain_on_a_mesh() {
    for replicas in 1..=5 {
        let mut cluster = Cluster::of(replicas);
        let ann = cluster.client(rm(0));
        cluster.post(ann, "a");
        cluster.post(ann, "b");

        cluster.settle();

        cluster.assert_converged();
    }
}

/// Each gossips to the next, or to both neighbours.
fn ring(both_ways: bool, relays: bool) -> Cluster {
    Cluster::build(Group::of(4), |manager| {
        manager.partners = vec![rm((manager.id.0 + 1) % 4)];
        if both_ways {
            manager.partners.push(rm((manager.id.0 + 3) % 4));
        }
        manager.relays = relays;
    })
}

/// C14b: on a ring, managers hear of those across only if tables are relayed, and if who has a log asks on:
/// at first nobody had a reason to tell rm0 what rm1 learned after its receipt.
#[test]
fn logs_drain_on_a_ring_whose_managers_relay() {
    for both_ways in [false, true] {
        for home in 0..4 {
            let mut cluster = ring(both_ways, true);
            let ann = cluster.client(rm(home));
            cluster.post(ann, "a");
            cluster.settle();
            cluster.assert_converged();

            cluster.post(ann, "b");
            cluster.settle();
            cluster.assert_converged();
        }
    }
}

/// C14b, the other way round: why relaying is needed.
#[test]
fn logs_do_not_drain_on_a_ring_without_relays() {
    let mut cluster = ring(true, false);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");

    cluster.settle();

    for manager in cluster.group.members() {
        assert_eq!(cluster.ran(manager), ["a"], "updates arrive all the same");
        assert_eq!(cluster.replica(manager).log().len(), 1);
    }
}

/// C14: gossip comes to rest, and then no timer has anything to say.
#[test]
fn gossip_rests_when_all_is_known() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.settle();
    let before = cluster.messages();

    pairs(cluster.group).into_iter().for_each(|(from, to)| cluster.tick(from, to));

    assert_eq!(cluster.messages(), before);
}

/// C23: a read-only replica that said nothing would pin every log.
#[test]
fn logs_drain_with_read_only_replicas_too() {
    for read_only in 1..=3 {
        let mut cluster = Cluster::build(Group::of(2).and_read_only(read_only), |_| ());
        let ann = cluster.client(rm(0));
        cluster.post(ann, "a");

        cluster.settle();

        cluster.assert_converged();
        assert_eq!(cluster.timestamps(rm(2)), (ts([1, 0]), ts([1, 0])));
    }
}

/// C23, C13: a record stays until the read-only replica has it.
#[test]
fn a_record_is_kept_for_a_read_only_replica() {
    let mut cluster = Cluster::build(Group::of(2).and_read_only(1), |_| ());
    let ann = cluster.client(rm(0));
    cluster.isolated.insert(rm(2));
    cluster.post(ann, "a");
    for _ in 0..3 {
        cluster.gossip(rm(0), rm(1));
        cluster.gossip(rm(1), rm(0));
    }
    assert_eq!(cluster.replica(rm(0)).log().len(), 1);

    cluster.isolated.clear();
    cluster.settle();

    cluster.assert_converged();
}

/// C13: a read-only replica discards without asking the others of its kind. After a crash it must not take
/// that for their word and relay it: rm0 discarded what rm3 had never had.
#[test]
fn a_read_only_replica_does_not_speak_for_another_after_a_crash() {
    let group = Group::of(2).and_read_only(2);
    let mut cluster = Cluster::build(group, |manager| manager.relays = true);
    let ann = cluster.client(rm(0));
    cluster.isolated.insert(rm(3));
    cluster.post(ann, "a");
    let gossip = |cluster: &mut Cluster| {
        let rounds = [pairs(group), pairs(group), pairs(group)].concat();
        rounds.into_iter().for_each(|(from, to)| cluster.gossip(from, to));
    };
    gossip(&mut cluster);
    assert_eq!(cluster.replica(rm(2)).log().len(), 0);

    cluster.crash(rm(2));
    cluster.recover(rm(2));
    gossip(&mut cluster);
    cluster.post(ann, "b");
    gossip(&mut cluster);

    assert_eq!(cluster.replica(rm(0)).log().len(), 2, "for rm3");
    cluster.isolated.clear();
    cluster.settle();
    assert_eq!(cluster.ran(rm(3)), ["a", "b"]);
}

/// Retries of two copies each, to two read-only replicas: refusals must not breed.
#[test]
fn refusals_do_not_multiply() {
    let mut cluster = Cluster::build(Group::of(1).and_read_only(2), |_| ());
    let ann = cluster.client_with(Routing::Home(rm(1)), |party| party.copies = 2);
    cluster.crash(rm(0));
    cluster.update(ann, "a");

    cluster.deliver_all();

    assert_eq!(cluster.count("update"), 2 + cluster.count("refused"), "one for each refusal");
}

/// A front end that sends one identifier with two pasts lies. While one of its records waits, the identifier
/// stays, whatever acknowledges it, or the update would run again (P9, P26).
#[test]
fn an_identifier_stays_as_long_as_a_record_of_it_waits() {
    let record = |origin, prev: Timestamp, seq, number, acknowledged| {
        let serial = |number| Serial { incarnation: 0, number };
        let id = RequestId { front_end: FrontEndId(0), serial: serial(number) };
        let acknowledged = serial(acknowledged);
        let update = Update { id, acknowledged, prev: prev.clone(), op: format!("{number}") };
        Arc::new(LogRecord { origin: rm(origin), ts: prev.with(rm(origin), seq), update })
    };
    let mut replica = Replica::<Transcript>::empty(2);
    let mut log = |replica_ts, records| {
        replica.commit(&FAITHFUL, &Change::Log { replica_ts, records });
        replica.clone()
    };
    let ran = log(ts([1, 0]), vec![record(0, ts([0, 0]), 1, 1, 1)]);
    assert_eq!(ran.value().0, ["1"]);
    let waits = log(ts([1, 1]), vec![record(1, ts([3, 0]), 1, 1, 1)]);
    assert_eq!(waits.pending_count(), 1);
    let mut acknowledged = log(ts([2, 1]), vec![record(0, ts([1, 0]), 2, 2, 2)]);

    acknowledged.commit(&FAITHFUL, &Change::Discard { upto: ts([2, 0]) });
    assert_eq!(acknowledged.executed().len(), 2, "both, though 1 is acknowledged everywhere");

    let records = vec![record(0, ts([2, 0]), 3, 3, 2)];
    acknowledged.commit(&FAITHFUL, &Change::Log { replica_ts: ts([3, 1]), records });
    assert_eq!(
        (acknowledged.value().0.clone(), acknowledged.pending_count()),
        (vec!["1".into(), "2".into(), "3".into()], 0)
    );
}
