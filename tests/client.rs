//! Whom a client asks, how often, and what it says when that is of no use: in virtual time, against the
//! deployed hosts.
#![cfg(feature = "runtime")]

#[path = "common/world.rs"]
mod world;

use chinwag::{
    Group, Refusal, ReplicaId, Service,
    runtime::{
        ClientError, HEDGE_ONE_IN, HEDGES_AT_ONCE, Hedge, MissingUpdates, PROBE_EVERY, Route,
        Sending, SessionError, SessionToken,
    },
    services::Counter,
};
use std::time::Duration;
use world::{MS, NEVER, RETRY_AFTER, Shared};

const PATIENCE: Duration = Duration::from_secs(10);
const GOSSIP_EVERY: Duration = Duration::from_millis(50);
const PLAIN: Sending = Sending { query_copies: 1, update_copies: 1, hedge: Hedge::Off };

fn cluster(replicas: u16) -> Shared<Counter> {
    Shared::new(Group::of(replicas), GOSSIP_EVERY, 1)
}

/// What was sent since the last call: updates, queries, and questions how they are, by replica manager.
fn sent(cluster: &Shared<Counter>) -> [Vec<u64>; 3] {
    let mut world = cluster.0.borrow_mut();
    let world = &mut *world;
    [&mut world.updates, &mut world.queries, &mut world.probes]
        .map(|counts| counts.iter_mut().map(std::mem::take).collect())
}

#[test]
fn the_replica_that_answers_fastest_is_asked_once_that_is_known() {
    let cluster = cluster(3);
    cluster.delays([40, 2, 20]);
    let mut client = cluster.client(0, PATIENCE, PLAIN);

    (0..10).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    let [_, queries, probes] = sent(&cluster);
    assert_eq!(queries, [2, 8, 0], "the first is asked until the answers of others have come");
    assert_eq!(
        probes,
        [0, 1, 1],
        "and they are asked once the session proves to be more than one call"
    );
}

#[test]
fn a_session_of_one_request_asks_nobody_else() {
    let cluster = cluster(3);
    let mut client = cluster.client(1, PATIENCE, Sending::default());
    client.query(()).unwrap();
    assert_eq!(sent(&cluster), [vec![0; 3], vec![0, 1, 0], vec![0; 3]]);
}

#[test]
fn a_replica_that_becomes_fast_or_comes_back_is_found_again() {
    let cluster = cluster(2);
    cluster.delays([2, 20]);
    let mut client = cluster.client(0, PATIENCE, PLAIN);
    (0..10).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    cluster.cut_off(0);
    (0..10).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    let [_, queries, _] = sent(&cluster);
    assert_eq!(queries, [11, 10], "one went unanswered, and no further one was risked");

    cluster.delays([2, 20]);
    let back = PROBE_EVERY + RETRY_AFTER;
    let asked = back.as_millis() as u64 / 40;
    (0..asked).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    sent(&cluster);
    (0..10).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    assert_eq!(sent(&cluster)[1], [10, 0]);
}

#[test]
fn what_lay_in_the_socket_while_nobody_asked_says_nothing_about_distances() {
    let cluster = cluster(2);
    cluster.delays([2, 4]);
    let mut client = cluster.client(0, PATIENCE, PLAIN);
    for _ in 0..4 {
        client.query(()).unwrap();
        cluster.pass(Duration::from_secs(60));
    }
    assert_eq!(sent(&cluster)[2], [0, 3], "its answers come when nobody waits");

    cluster.delays([40, 4]);
    (0..10).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    let [_, queries, _] = sent(&cluster);
    assert_eq!(queries, [2, 8], "the second one: home counts half");
}

#[test]
fn a_late_query_goes_to_a_second_replica_and_the_first_answer_counts() {
    let cluster = cluster(2);
    cluster.delays([2, 4]);
    let mut client = cluster.client(0, PATIENCE, Sending::default());
    (0..40).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    sent(&cluster);

    cluster.delays([90, 4]);
    let start = cluster.0.borrow().now;
    client.query(()).unwrap();
    let took = cluster.0.borrow().now - start;
    assert_eq!(sent(&cluster)[1], [1, 1]);
    assert!(took < 30 * MS, "{took:?}");
    (0..40).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    let [_, queries, _] = sent(&cluster);
    assert!(queries[0] < 20, "and the slow one is left, {queries:?}");
}

#[test]
fn no_more_than_a_tenth_of_the_queries_is_sent_twice_however_late_all_are() {
    let cluster = cluster(2);
    cluster.delays([2, 2]);
    let mut client = cluster.client(0, PATIENCE, Sending::default());
    (0..40).for_each(|_| assert_eq!(client.query(()).unwrap(), 0));
    sent(&cluster);

    let mut asked = 0;
    for round in 0..700 {
        // One in seven is late, at both.
        cluster.delays(if round % 7 == 6 { [95; 2] } else { [2; 2] });
        client.query(()).unwrap();
        asked += 1;
    }
    let [_, queries, _] = sent(&cluster);
    let copies = queries.iter().sum::<u64>() - asked;
    let allowed = u64::from(HEDGES_AT_ONCE) + asked / u64::from(HEDGE_ONE_IN);
    assert!(
        copies > 0 && copies <= allowed,
        "{copies} of {asked} were sent twice, {allowed} may be"
    );
}

#[test]
fn updates_that_are_late_or_sent_to_several_run_once() {
    for sending in [
        Sending { hedge: Hedge::All, ..PLAIN },
        Sending { update_copies: 2, ..PLAIN },
        Sending { update_copies: 3, query_copies: 3, hedge: Hedge::All },
    ] {
        let cluster = cluster(3);
        let mut client = cluster.client(0, PATIENCE, sending);
        for total in 1..=60 {
            // Now and then, all but one are late.
            let late = |id| if total % 6 == 0 && total / 6 % 3 != id { 60 } else { 2 };
            cluster.delays([late(0), late(1), late(2)]);
            client.update(1).unwrap();
            cluster.delays([2; 3]);
            assert_eq!(client.query(()).unwrap(), total.into(), "{sending:?}");
        }
        let [updates, ..] = sent(&cluster);
        assert!(updates.iter().sum::<u64>() > 63, "some were sent twice: {updates:?} {sending:?}");
        cluster.delays([1, 1, 1]);
        cluster.pass(20 * GOSSIP_EVERY);
        let world = cluster.0.borrow();
        let records: u64 = world.hosts[0].state().replica.replica_ts().weight() as u64;
        assert!(records > 60, "some were recorded twice: {records} {sending:?}");
        for host in &world.hosts {
            assert_eq!(host.state().replica.value().answer(&()), 60, "{sending:?}");
        }
    }
}

#[test]
fn nothing_is_sent_twice_unless_wanted() {
    let cluster = cluster(3);
    cluster.delays([2, 4, 4]);
    let mut client = cluster.client(0, PATIENCE, Sending::default());
    for round in 0..60 {
        cluster.delays([if round % 7 == 6 { 60 } else { 2 }, 4, 4]);
        client.update(1).unwrap();
    }
    assert_eq!(sent(&cluster)[0].iter().sum::<u64>(), 60, "updates are not, by default");
    let mut client = cluster.client(0, PATIENCE, PLAIN);
    for round in 0..60 {
        cluster.delays([if round % 7 == 6 { 60 } else { 2 }, 4, 4]);
        client.query(()).unwrap();
    }
    assert_eq!(sent(&cluster)[1].iter().sum::<u64>(), 60);
}

#[test]
fn a_query_to_several_is_answered_by_the_nearest_of_those_that_are_there() {
    let cluster = cluster(3);
    cluster.delays([50, 4, 2]);
    cluster.cut_off(2);
    let mut client = cluster.client(0, PATIENCE, Sending { query_copies: 3, ..PLAIN });
    let start = cluster.0.borrow().now;
    client.query(()).unwrap();
    assert_eq!(cluster.0.borrow().now - start, 8 * MS);
    assert_eq!(sent(&cluster)[1], [1, 1, 1]);
}

/// An update at rm0 that nobody else hears of.
fn phantom(cluster: &Shared<Counter>) -> SessionToken {
    cluster.pass(MS);
    let mut client = cluster.client(0, PATIENCE, PLAIN);
    client.route(Route::Only(ReplicaId(0)));
    client.update(1).unwrap();
    client.update(1).unwrap();
    cluster.cut_off(0);
    client.token()
}

const PHANTOM: [MissingUpdates; 1] = [MissingUpdates { origin: ReplicaId(0), from: 1, to: 2 }];

#[test]
fn a_query_on_a_past_that_nobody_holds_ends_in_time_and_names_it() {
    let cluster = Shared::<Counter>::new(Group::of(3), NEVER, 1);
    let token = phantom(&cluster);
    for wait in [50 * MS, RETRY_AFTER, 1_000 * MS, PATIENCE] {
        let mut client = cluster.client(1, wait, Sending::default());
        client.join(&token).unwrap();
        let start = cluster.0.borrow().now;
        let error = client.query(()).unwrap_err();
        assert_eq!(cluster.0.borrow().now - start, wait);
        assert!(error.is_definite());
        let ClientError::DependencyUnavailable(past) = error else { panic!("{error}") };
        assert_eq!(past.missing, PHANTOM);
        assert_eq!(past.answered, [ReplicaId(1), ReplicaId(2)]);
        assert_eq!(client.token(), token, "nothing is made up");
    }
}

#[test]
fn a_past_that_somebody_holds_is_not_called_missing() {
    let cluster = Shared::<Counter>::new(Group::of(3), NEVER, 1);
    let token = phantom(&cluster);
    cluster.delays([1, 1, 1]);
    cluster.cut_off(1);
    let mut client = cluster.client(2, PATIENCE, PLAIN);
    client.join(&token).unwrap();
    client.route(Route::Only(ReplicaId(1)));
    assert!(
        matches!(client.query(()), Err(ClientError::Unanswered)),
        "rm0 holds it, rm1 is silent"
    );
    client.route(Route::Fastest);
    assert_eq!(client.query(()).unwrap(), 2);
}

#[test]
fn who_has_seen_nothing_or_hears_of_nobody_is_told_no_more_than_that() {
    let cluster = Shared::<Counter>::new(Group::of(2), NEVER, 1);
    let token = phantom(&cluster);
    let mut client = cluster.client(1, PATIENCE, PLAIN);
    assert_eq!(client.query(()).unwrap(), 0);
    client.join(&token).unwrap();
    cluster.cut_off(1);
    assert!(matches!(client.query(()), Err(ClientError::Unanswered)));
}

#[test]
fn an_update_on_a_missing_past_may_take_effect_and_says_what_is_missing() {
    let refusing = Shared::<Counter>::new(Group::of(3), NEVER, 1);
    let token = phantom(&refusing);
    refusing.refuse_unknown_pasts();
    let mut client = refusing.client(1, PATIENCE, PLAIN);
    client.join(&token).unwrap();
    let error = client.update(1).unwrap_err();
    assert!(!error.is_definite(), "a copy may be on its way: {error}");
    let ClientError::Indefinite { refused, missing, .. } = error else { panic!("{error}") };
    assert_eq!(refused, Some(Refusal::Overloaded));
    assert_eq!(missing.unwrap().missing, PHANTOM);

    let accepting = Shared::<Counter>::new(Group::of(3), NEVER, 1);
    let mut client = accepting.client(1, PATIENCE, PLAIN);
    client.join(&phantom(&accepting)).unwrap();
    client.update(1).unwrap();
    assert!(
        matches!(client.query(()), Err(ClientError::DependencyUnavailable(_))),
        "nor is it shown"
    );
}

#[test]
fn a_token_is_one_word_that_another_client_parses_and_another_cluster_refuses() {
    let cluster = cluster(2);
    let mut writer = cluster.client(0, PATIENCE, PLAIN);
    writer.update(5).unwrap();
    let word = writer.token().to_string();
    assert!(word.chars().all(char::is_alphanumeric), "{word}");
    let as_json = serde_json::to_string(&writer.token()).unwrap();
    assert_eq!(as_json, format!("{word:?}"));

    let token: SessionToken = serde_json::from_str(&as_json).unwrap();
    assert_eq!(token, word.parse().unwrap());
    let mut reader = cluster.client(1, PATIENCE, PLAIN);
    reader.join(&token).unwrap();
    assert_eq!(reader.query(()).unwrap(), 5, "it waits for gossip if it must");

    let mut other = Shared::<Counter>::new(Group::of(3), NEVER, 1).client(0, PATIENCE, PLAIN);
    assert!(other.join(&token).is_err());
    assert!(matches!("nonsense".parse::<SessionToken>(), Err(SessionError::NotAToken)));
    assert!(serde_json::from_str::<SessionToken>("\"cw0\"").is_err());
}
