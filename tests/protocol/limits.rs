//! What a party does not do: what is refused because too much waits, what is not asked, counted or said; and
//! that it goes by the rules that it was given.

use crate::common::*;
use chinwag::{
    Change, Effects, FrontEnd, FrontEndId, Group, LogRecord, ManagerState, Message,
    PENDING_UPDATES_MAX, Refusal, Replica, ReplicaManager, Request, RequestId, Routing, Rules,
    Serial, Update, WAITING_QUERIES_MAX, WaitingQuery, rules::FAITHFUL,
};
use std::sync::Arc;

fn id(number: u64) -> RequestId {
    RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } }
}

type Parts = (ReplicaManager, ManagerState<Transcript>, Effects<Transcript>);

/// rm0 of two. Not in a cluster: nobody made what its requests wait for.
fn alone() -> Parts {
    let party = ReplicaManager::new(rm(0), Group::of(2)).with_rules(rules());
    let mut fx = Effects::default();
    let state = party.start(Replica::empty(2), &mut fx);
    (party, state, fx)
}

/// Is this update refused for want of room?
fn update((party, state, fx): &mut Parts, number: u64, prev: [u64; 2]) -> bool {
    let op = number.to_string();
    let request = Update { id: id(number), acknowledged: Serial::default(), prev: ts(prev), op };
    fx.sends.clear();
    party.on_update(state, request, fx);
    overloaded(fx)
}

/// Is this query?
fn query((party, state, fx): &mut Parts, number: u64, prev: [u64; 2]) -> bool {
    fx.sends.clear();
    party.on_query(state, id(number), WaitingQuery { prev: ts(prev), query: () }, fx);
    overloaded(fx)
}

fn overloaded(fx: &Effects<Transcript>) -> bool {
    let refused = Refusal::Overloaded;
    fx.sends.iter().any(|(_, m)| matches!(m, Message::Refused { reason, .. } if *reason == refused))
}

#[test]
fn an_update_that_would_wait_is_refused_when_too_many_wait_already() {
    let mut parts = alone();
    for number in 0..PENDING_UPDATES_MAX as u64 {
        assert!(!update(&mut parts, number, [0, 1]), "{number} may wait");
    }
    assert!(update(&mut parts, 1 << 40, [0, 1]));
    assert_eq!(parts.1.replica.log().len(), PENDING_UPDATES_MAX);
    assert!(!update(&mut parts, 7, [0, 1]), "it waits already");
    assert!(!update(&mut parts, 1 << 41, [0, 0]), "it need not wait");
}

#[test]
fn a_query_that_would_wait_is_refused_when_too_many_wait_already() {
    let mut parts = alone();
    for number in 0..WAITING_QUERIES_MAX as u64 {
        assert!(!query(&mut parts, number, [0, 1]), "{number} may wait");
    }
    assert!(query(&mut parts, 1 << 40, [0, 1]));
    assert_eq!(parts.1.waiting.len(), WAITING_QUERIES_MAX);
    assert!(!query(&mut parts, 7, [0, 1]), "it waits already");
    assert!(!query(&mut parts, 1 << 41, [0, 0]), "it need not wait");
}

/// Else the count would overflow in the end, and states that are the same would differ.
#[test]
fn without_a_batch_nothing_is_counted_towards_one() {
    for (batch, counted) in [(0, 0), (3, 2)] {
        let mut parts = alone();
        parts.0.batch = batch;
        update(&mut parts, 0, [0, 0]);
        update(&mut parts, 1, [0, 0]);
        assert_eq!(parts.1.unsent, counted, "with a batch of {batch}");
    }
}

#[test]
fn a_manager_that_must_not_pull_waits_for_gossip() {
    for pulls in [true, false] {
        let mut parts = alone();
        parts.0.pulls = pulls;
        let pulled = |(_, _, fx): &Parts| fx.sends.iter().any(|(_, m)| m.kind() == "pull");
        update(&mut parts, 0, [0, 1]);
        assert_eq!(pulled(&parts), pulls);
        query(&mut parts, 1, [0, 1]);
        assert_eq!(pulled(&parts), pulls);
    }
}

/// C14: all others have heard from it, so nobody would ever tell it that they hold what is in its log.
#[test]
fn a_read_only_replica_speaks_up_as_long_as_its_log_is_not_empty() {
    let mut cluster = Cluster::build(Group::of(2).and_read_only(1), |_| ());
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    for (from, to) in [(0, 1), (1, 0), (0, 2), (2, 0), (2, 1)] {
        cluster.gossip(rm(from), rm(to));
    }
    for (from, to) in [(0, 2), (1, 2), (0, 1), (1, 0)] {
        cluster.tick(rm(from), rm(to));
    }
    cluster.take_where(|packet| packet.goes_to(rm(2))); // Receipts, lost.
    cluster.deliver_all();
    assert_eq!(cluster.replica(rm(2)).log().len(), 1);
    assert!(!cluster.has_reason(rm(0), rm(2)) && !cluster.has_reason(rm(1), rm(2)), "content");

    assert!(cluster.has_reason(rm(2), rm(1)));
    cluster.settle();

    cluster.assert_converged();
    assert!(!cluster.has_reason(rm(2), rm(1)), "it has nothing left to learn");
}

/// No honest front end acknowledges what it has not sent; but what is acknowledged is forgotten all the same.
#[test]
fn what_is_acknowledged_is_forgotten_also_beyond_the_serial_that_says_so() {
    let record = |seq, number: u64, acknowledged| {
        let (acknowledged, op) = (id(acknowledged).serial, number.to_string());
        let update = Update { id: id(number), acknowledged, prev: ts([0]), op };
        Arc::new(LogRecord { origin: rm(0), ts: ts([seq]), update })
    };
    let mut replica = Replica::<Transcript>::empty(1);
    let records = vec![record(1, 1, 0), record(2, 0, 2)];
    replica.commit(rules(), &Change::Log { replica_ts: ts([2]), records });
    assert_eq!(replica.executed().len(), 2);

    replica.commit(rules(), &Change::Discard { upto: ts([2]) });

    assert!(replica.executed().is_empty(), "{:?}", replica.executed());
}

/// The seeded bug of models: each repetition is another request.
const RENUMBERS: Rules = Rules { repeat_as: |_, next| next, ..FAITHFUL };

#[test]
fn a_front_end_goes_by_the_rules_that_it_was_given() {
    let numbers_under = |rules| {
        let home = Routing::Home(rm(0));
        let party = FrontEnd::new(FrontEndId(0), 0, Group::of(1), home).with_rules(rules);
        let (mut state, mut fx) = (party.start(ts([0])), Effects::<Transcript>::default());
        party.on_request(&mut state, Request::Update("a".into()), &mut fx);
        party.on_retry_timer(&mut state, 0, &mut fx);
        party.on_retry_timer(&mut state, 0, &mut fx);
        let sent = fx.sends.iter().filter_map(|(_, m)| match m {
            Message::Update(update) => Some(update.id.serial.number),
            _ => None,
        });
        sent.collect::<Vec<_>>()
    };
    assert_eq!(numbers_under(&FAITHFUL), [0, 0, 0]);
    assert_eq!(numbers_under(&RENUMBERS), [0, 1, 2]);
}
