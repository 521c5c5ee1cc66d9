//! The same request twice, and parties that forget: C10, C12, C16, C17, C18, C20, C21, C24.

use crate::common::*;
use chinwag::rules::{Known, Repeat};
use chinwag::{
    Effects, Event, FrontEndId, Gossip, Group, ManagerState, Message, Refusal, Replica,
    ReplicaManager, RequestId, Serial, Timestamp, Update,
};

/// An update that two managers recorded, since the first reply was lost.
fn recorded_twice() -> (Cluster, usize, RequestId) {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    let id = cluster.update(ann, "a");
    cluster.deliver_where(|p| p.is("update"));
    let late = cluster.take_where(|p| p.is("update reply"));
    cluster.retry(ann);
    cluster.exchange(id);
    late.into_iter().for_each(|reply| cluster.arrive(reply));
    assert_eq!(cluster.clients[ann].state.ts, ts([1, 1, 0]), "both, the late one too");
    (cluster, ann, id)
}

/// C10: without the second record, whoever saw both timestamps would wait at rm2 for ever.
#[test]
fn both_records_of_an_update_are_kept_and_it_runs_once() {
    let (mut cluster, ann, id) = recorded_twice();
    cluster.turn_to(ann, rm(2));
    assert_eq!(cluster.ask(ann), None);

    cluster.gossip(rm(0), rm(2));
    assert_eq!(cluster.ran(rm(2)), ["a"]);
    assert_eq!(*cluster.replica(rm(2)).value_ts(), ts([1, 0, 0]));
    cluster.gossip(rm(1), rm(2));
    cluster.deliver_all();

    assert_eq!(cluster.records_of(id), [ts([1, 0, 0]), ts([0, 1, 0])]);
    assert_eq!(*cluster.replica(rm(2)).value_ts(), ts([1, 1, 0]));
    assert_eq!(cluster.clients[ann].answers, [["a"]]);
    cluster.settle();
    cluster.assert_converged();
}

/// C10 and C12: asked once more, a manager answers for both records.
#[test]
fn a_copy_is_answered_with_the_timestamps_of_all_records() {
    let (mut cluster, _, id) = recorded_twice();
    let last = cluster.events.len();
    cluster.gossip(rm(0), rm(1));
    let acknowledged = Serial::default();
    let update = Update { id, acknowledged, prev: ts([0, 0, 0]), op: "a".into() };
    let input =
        chinwag::Input::Message(chinwag::Sender::FrontEnd(FrontEndId(0)), Message::Update(update));

    cluster.step_manager(rm(1), input);

    let reply = cluster.network.iter().find(|p| p.is("update reply")).expect("a reply");
    assert_eq!(reply.message, Message::UpdateReply { id, ts: ts([1, 1, 0]) });
    assert_eq!(cluster.events.len(), last);
}

/// C12a: a copy that gets no answer would block its client for ever.
#[test]
fn a_client_whose_reply_was_lost_is_answered_when_it_asks_again() {
    let mut cluster = Cluster::of(1);
    let ann = cluster.client(rm(0));
    let id = cluster.update(ann, "a");
    cluster.deliver_where(|p| p.is("update"));
    cluster.take_where(|p| p.is("update reply"));

    cluster.retry(ann);
    cluster.deliver_all();

    assert_eq!(cluster.stamp(id), Some(ts([1])));
}

/// C16: a record that is held but waits arrives with each gossip again; the log holds it once.
#[test]
fn a_record_that_waits_is_held_once_however_often_it_comes() {
    let mut cluster = Cluster::build(Group::of(3), |manager| manager.pulls = false);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.post(ann, "b");

    for _ in 0..5 {
        cluster.gossip(rm(1), rm(2));
    }

    assert_eq!(cluster.replica(rm(2)).log().len(), 1);
    assert_eq!(cluster.managers[2].journal.len(), 1);
}

/// rm0, with a replica that never saw anything. Not in a cluster: the onlooker does not allow it.
fn amnesiac() -> (ReplicaManager, ManagerState<Transcript>, Effects<Transcript>) {
    let party = ReplicaManager::new(rm(0), Group::of(2)).with_rules(rules());
    let mut fx = Effects::default();
    let state = party.start(Replica::empty(2), &mut fx);
    (party, state, fx)
}

fn request(number: u64, prev: Timestamp) -> Update<Transcript> {
    let serial = Serial { incarnation: 0, number };
    let id = RequestId { front_end: FrontEndId(0), serial };
    Update { id, acknowledged: serial, prev, op: format!("a{number}") }
}

/// C17: a client knows five updates of a manager that knows none. It must not number a sixth as its first.
#[test]
fn a_manager_that_lost_its_state_refuses_what_builds_on_it_and_says_so() {
    let (party, mut state, mut fx) = amnesiac();
    let update = request(5, ts([5, 0]));

    party.on_update(&mut state, update.clone(), &mut fx);

    assert_eq!(state.replica, Replica::empty(2));
    assert_eq!(fx.events, [Event::StateLost { known: 5, remembered: 0 }]);
    let [(_, Message::Refused { id, reason })] = &fx.sends[..] else { panic!("{fx:?}") };
    assert_eq!((*id, *reason), (update.id, Refusal::UnknownPast));
}

/// C17: every manager may answer so, and the request would go round at the speed of the network.
#[test]
fn a_client_whose_past_is_unknown_asks_the_next_manager_only_when_its_timer_fires() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.clients[ann].state.ts = ts([5, 5]);
    let id = cluster.update(ann, "a");

    cluster.deliver_where(|p| p.is("update"));
    cluster.deliver_where(|p| p.is("refused"));
    assert_eq!(cluster.count("update"), 1, "it waits");

    cluster.retry(ann);
    cluster.deliver_where(|p| p.is("update") && p.goes_to(rm(1)));
    assert_eq!((cluster.count("update"), cluster.records_of(id).len()), (2, 0));
}

/// C17, C18: the same if a peer knows more of it. Nothing of the message is taken.
#[test]
fn a_manager_that_lost_its_state_learns_it_from_gossip_too() {
    let (party, mut state, mut fx) = amnesiac();
    let before = state.clone();
    let (log, table) = (Vec::new(), Vec::new());
    let gossip = Gossip { log, ts: ts([3, 1]), complete: true, asks: true, table, epoch: 0 };

    party.on_gossip(&mut state, rm(1), gossip, &mut fx);

    assert_eq!(state, before);
    assert_eq!(fx.events, [Event::StateLost { known: 3, remembered: 0 }]);
    assert!(fx.journal.is_empty() && fx.sends.is_empty());
}

/// C20: without waiting, the query would carry an old timestamp, even at the same manager.
#[test]
fn a_query_waits_behind_the_updates_of_its_session() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.update(ann, "a");

    cluster.request(ann, chinwag::Request::Query(()));
    cluster.turn_to(ann, rm(1));
    assert_eq!(cluster.network.len(), 1, "only the update");
    cluster.settle();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
}

/// C20: who says that it does not build on what is under way does not wait.
#[test]
fn an_independent_update_waits_for_nothing() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.update(ann, "a");
    let id = cluster.request(ann, chinwag::Request::Independent("b".into()));

    assert_eq!(cluster.network.len(), 2);
    cluster.deliver(1);
    cluster.deliver(1);
    assert_eq!(cluster.stamp(id), Some(ts([1, 0])));
    cluster.settle();

    assert_eq!(cluster.ran(rm(0)), ["b", "a"]);
    cluster.post(ann, "c");
    cluster.settle();
    cluster.assert_converged();
}

/// C21: a front end that forgot its numbers must not use them again.
#[test]
fn a_restarted_front_end_is_not_taken_for_its_old_self() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.settle();

    cluster.restart_client(ann);
    let id = cluster.update(ann, "b");
    cluster.settle();

    assert_eq!(id.serial, Serial { incarnation: 1, number: 0 });
    assert_eq!(cluster.ran(rm(1)), ["a", "b"]);
    cluster.assert_converged();
}

/// C21: a reply to the old incarnation is nothing to the new one, though the numbers are the same.
#[test]
fn a_restarted_front_end_ignores_replies_to_its_old_self() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.update(ann, "a");
    cluster.deliver_where(|p| p.is("update"));
    cluster.restart_client(ann);
    let id = cluster.update(ann, "b");

    cluster.deliver_where(|p| p.is("update reply"));

    assert_eq!(cluster.stamp(id), None);
    assert_eq!(cluster.clients[ann].state.in_flight.len(), 1);
    cluster.settle();
    assert_eq!(cluster.ran(rm(1)), ["a", "b"]);
}

/// C21b: a request that is sent again is the same in every respect.
#[test]
fn a_repeated_update_keeps_its_past() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(bob, "b");
    cluster.update(ann, "a");
    let first = cluster.network[0].message.clone();
    cluster.tell(bob, ann, "b is out");
    cluster.deliver_where(|p| p.is("tell"));

    cluster.retry(ann);

    assert_eq!(cluster.clients[ann].state.ts, ts([0, 1]));
    assert_eq!(cluster.network.iter().filter(|p| p.message == first).count(), 2);
}

/// C21c: the answer owes what its client knew when it asked, not what it heard since.
#[test]
fn a_query_under_way_does_not_wait_for_what_its_client_hears_meanwhile() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(bob, "b");
    let id = cluster.request(ann, chinwag::Request::Query(()));
    cluster.tell(bob, ann, "b is out");
    cluster.deliver_where(|p| p.is("tell"));

    cluster.exchange(id);

    assert_eq!(cluster.clients[ann].answers, [[""; 0]]);
    assert_eq!(cluster.clients[ann].state.ts, ts([0, 1]), "and it forgets nothing");
}

/// C24: two clients with the same question and the same past are two questions.
#[test]
fn equal_queries_of_two_clients_are_both_answered() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(0))];
    cluster.post(ann, "a");
    cluster.ask(bob);
    for client in [ann, bob] {
        cluster.turn_to(client, rm(1));
        assert_eq!(cluster.ask(client), None);
    }

    cluster.settle();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
    assert_eq!(cluster.clients[bob].answers, [["a"], ["a"]]);
}

/// C24: a query that waited at a manager that crashed is asked again.
#[test]
fn a_query_that_a_crash_forgot_is_asked_again() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    assert_eq!(cluster.ask(ann), None);
    cluster.crash(rm(1));
    cluster.recover(rm(1));
    assert!(cluster.state(rm(1)).waiting.is_empty());

    cluster.settle();
    cluster.retry(ann);
    cluster.settle();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
}

/// C12, what silence is for: a finished request needs no answer, since its front end has had one.
#[test]
fn a_finished_request_is_not_answered() {
    let known = Known { finished: true, executed: true, waiting: false };
    assert!((rules().is_duplicate)(known));
    assert_eq!((rules().repeat)(known), Repeat::Silence);
}
