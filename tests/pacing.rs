//! What a host sends again to its peers, when, and what it leaves out since it is on its way.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Group, Message, ReplicaId, ReplicaManager, RequestId, Sender, Serial, Update,
    runtime::{
        ClusterId, Codec, Counters, Durability, GOSSIP_FRAGMENTS_MAX, Host, HostConfig, Input,
        MemoryStorage, Output, PULL_EVERY, PULLS_MAX, Packet,
    },
    services::Counter,
};
use std::{net::SocketAddr, time::Duration};

const GROUP: Group = Group::of(2);
const MS: Duration = Duration::from_millis(1);
/// What was asked at the start may be asked again.
const LATER: Duration = Duration::from_millis(10);
const GOSSIP_EVERY: Duration = Duration::from_millis(100);
const CODEC: Codec = Codec::new(ClusterId(7), GROUP);

type TestHost = Host<Counter, MemoryStorage, Counters>;
type Datagrams = Vec<(SocketAddr, Vec<u8>)>;

fn address(id: u16) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id).into()
}

/// Gossips after each update, and has said its first words.
fn host(id: u16, batch: u32) -> TestHost {
    let mut node = ReplicaManager::new(ReplicaId(id), GROUP);
    node.batch = batch;
    let config = HostConfig {
        paced: true,
        node,
        codec: CODEC,
        gossip_every: GOSSIP_EVERY,
        grace: Duration::ZERO,
        durability: Durability::Fsync,
        acknowledged_by: 1,
    };
    let storage = MemoryStorage::default();
    let mut host = Host::open(config, storage, Counters::default(), Duration::ZERO).unwrap();
    GROUP.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
    host.handle(Duration::ZERO, Input::Tick).unwrap();
    host
}

/// An update of a client of its own. Returns what goes to the peer.
fn update(host: &mut TestHost, now: Duration, number: u64) -> Datagrams {
    let (front_end, serial) = (FrontEndId(number), Serial { incarnation: 0, number });
    let id = RequestId { front_end, serial };
    let update = Update::<Counter> { id, acknowledged: serial, prev: GROUP.zero(), op: 1 };
    let packet = Packet::Message(Message::Update(update));
    let bytes = CODEC.encode(Sender::FrontEnd(front_end), &packet).unwrap();
    let output = host.handle(now, Input::Datagram { from: address(9), bytes: &bytes }).unwrap();
    output.datagrams.into_iter().filter(|(to, _)| *to != address(9)).collect()
}

fn tick(host: &mut TestHost, now: Duration) -> Datagrams {
    host.handle(now, Input::Tick).unwrap().datagrams
}

/// Hands all of it over, and returns what comes back.
fn deliver(host: &mut TestHost, now: Duration, from: u16, datagrams: &Datagrams) -> Datagrams {
    let mut back = Vec::new();
    for (_, bytes) in datagrams {
        let input = Input::Datagram { from: address(from), bytes };
        back.extend(host.handle(now, input).unwrap().datagrams);
    }
    back
}

/// How many records are in them.
fn records(datagrams: &Datagrams) -> usize {
    let count = |(_, bytes): &(SocketAddr, Vec<u8>)| match CODEC.decode::<Counter>(bytes) {
        Ok((_, Packet::Message(Message::Gossip(gossip)))) => gossip.log.len(),
        _ => 0,
    };
    datagrams.iter().map(count).sum()
}

fn pulls(datagrams: &Datagrams) -> usize {
    let is_pull = |(_, bytes): &&(SocketAddr, Vec<u8>)| {
        matches!(CODEC.decode::<Counter>(bytes), Ok((_, Packet::Message(Message::Pull { .. }))))
    };
    datagrams.iter().filter(is_pull).count()
}

/// As many as the other holds of the first one's updates.
fn held(host: &TestHost) -> u64 {
    host.state().replica.replica_ts().get(ReplicaId(0))
}

#[test]
fn each_record_goes_once_while_its_receipt_is_out() {
    let (mut rm0, mut rm1) = (host(0, 1), host(1, 1));

    let mut sent = 0;
    for number in 1..=50 {
        let gossip = update(&mut rm0, MS, number);
        sent += records(&gossip);
        deliver(&mut rm1, MS, 0, &gossip);
    }
    sent += records(&tick(&mut rm0, GOSSIP_EVERY));

    assert_eq!((sent, held(&rm1)), (50, 50));
}

#[test]
fn what_was_lost_is_repeated_when_it_is_overdue_although_nobody_asks() {
    let (mut rm0, mut rm1) = (host(0, 1), host(1, 1));
    update(&mut rm0, MS, 1);

    let mut rounds = 0;
    while held(&rm1) == 0 && rounds < 10 {
        rounds += 1;
        let gossip = tick(&mut rm0, rounds * GOSSIP_EVERY);
        // What comes back is lost.
        deliver(&mut rm1, rounds * GOSSIP_EVERY, 0, &gossip);
    }

    assert_eq!((held(&rm1), rounds), (1, 3));
}

#[test]
fn a_gap_is_asked_for_at_once_and_the_answer_leaves_nothing_out() {
    let (mut rm0, mut rm1) = (host(0, 1), host(1, 1));
    update(&mut rm0, LATER, 1);

    let second = update(&mut rm0, LATER, 2);
    let asked = deliver(&mut rm1, LATER, 0, &second);
    let answer = deliver(&mut rm0, LATER, 1, &asked);
    deliver(&mut rm1, LATER, 0, &answer);

    assert_eq!((records(&second), pulls(&asked), records(&answer)), (1, 1, 2));
    assert_eq!(held(&rm1), 2);
}

/// One lost datagram, and many after it: were each of these an occasion to ask, answers would pile up.
#[test]
fn a_gap_is_not_asked_for_again_before_something_came_or_time_has_passed() {
    let (mut rm0, mut rm1) = (host(0, 1), host(1, 1));
    update(&mut rm0, LATER, 1);

    let mut asked = 0;
    for number in 2..=20 {
        let gossip = update(&mut rm0, LATER, number);
        asked += pulls(&deliver(&mut rm1, LATER, 0, &gossip));
    }

    assert_eq!(asked, 1);
}

/// More than one message of gossip carries, at one moment of the clock: no timer helps.
#[test]
fn a_long_backlog_arrives_as_fast_as_it_is_asked_for() {
    let (mut rm0, mut rm1) = (host(0, 0), host(1, 0));
    for number in 1..=10_000 {
        update(&mut rm0, LATER, number);
    }

    let mut to_rm1 = tick(&mut rm0, GOSSIP_EVERY);
    let mut messages = 0;
    while !to_rm1.is_empty() {
        messages += 1;
        assert!(to_rm1.len() <= GOSSIP_FRAGMENTS_MAX);
        let asked = deliver(&mut rm1, GOSSIP_EVERY, 0, &to_rm1);
        to_rm1 = deliver(&mut rm0, GOSSIP_EVERY, 1, &asked);
    }

    assert_eq!((held(&rm1), messages), (10_000, 5));
}

/// A query that builds on so many of the first one's updates. Returns what goes to that one.
fn query(host: &mut TestHost, now: Duration, number: u64, builds_on: u64) -> Datagrams {
    let output = query_beyond(host, now, number, [builds_on, 0]);
    output.datagrams.into_iter().filter(|(to, _)| *to == address(0)).collect()
}

fn query_beyond(host: &mut TestHost, now: Duration, number: u64, builds_on: [u64; 2]) -> Output {
    let front_end = FrontEndId(number);
    let id = RequestId { front_end, serial: Serial { incarnation: 0, number } };
    let prev = builds_on.into_iter().collect();
    let packet = Packet::Message(Message::<Counter>::Query { id, prev, query: () });
    let bytes = CODEC.encode(Sender::FrontEnd(front_end), &packet).unwrap();
    host.handle(now, Input::Datagram { from: address(9), bytes: &bytes }).unwrap()
}

/// Clients that read at one what they have just written at the other: none of them waits for a clock.
#[test]
fn what_a_query_builds_on_is_asked_for_at_once_although_something_else_was_a_moment_ago() {
    let (mut rm0, mut rm1) = (host(0, 0), host(1, 0));
    for number in 1..=20 {
        update(&mut rm0, LATER, number);
        let asked = query(&mut rm1, LATER, number, number);
        let answer = deliver(&mut rm0, LATER, 1, &asked);
        deliver(&mut rm1, LATER, 0, &answer);

        assert_eq!((pulls(&asked), held(&rm1)), (1, number));
    }
}

#[test]
fn nothing_is_asked_for_while_the_rest_of_a_message_may_arrive() {
    let (mut rm0, mut rm1) = (host(0, 0), host(1, 0));
    (1..=1_000).for_each(|number| drop(update(&mut rm0, LATER, number)));
    let message = tick(&mut rm0, GOSSIP_EVERY);
    let (first, rest) = message.split_at(message.len() / 2);

    let asked = deliver(&mut rm1, GOSSIP_EVERY, 0, &first.to_vec());
    let asked_in_between = query(&mut rm1, GOSSIP_EVERY, 1, 1_000);
    let asked_after = deliver(&mut rm1, GOSSIP_EVERY, 0, &rest.to_vec());

    assert_eq!((pulls(&asked), pulls(&asked_in_between), pulls(&asked_after)), (0, 0, 0));
    assert_eq!(held(&rm1), 1_000);
}

/// Its last datagram is the one that says how much there is, and the sender takes all of it for sent.
#[test]
fn the_lost_end_of_a_message_is_asked_for_when_it_is_late() {
    let (mut rm0, mut rm1) = (host(0, 0), host(1, 0));
    (1..=1_000).for_each(|number| drop(update(&mut rm0, LATER, number)));
    let mut message = tick(&mut rm0, GOSSIP_EVERY);
    message.pop();
    deliver(&mut rm1, GOSSIP_EVERY, 0, &message);

    let late = GOSSIP_EVERY + PULL_EVERY;
    let early = tick(&mut rm1, late - MS);
    let asked = tick(&mut rm1, late);
    let answer = deliver(&mut rm0, late, 1, &asked);
    deliver(&mut rm1, late, 0, &answer);

    assert_eq!((pulls(&early), pulls(&asked), held(&rm1)), (0, 1, 1_000));
}

/// A client may claim to have seen what never was: it gets a bounded number of questions asked, each later.
#[test]
fn what_nobody_has_is_asked_for_a_few_times_and_no_more() {
    let mut rm1 = host(1, 0);
    let mut asked = vec![(LATER, pulls(&query(&mut rm1, LATER, 1, 77)))];
    let mut now = LATER;
    while now < LATER + GOSSIP_EVERY * 10 {
        now += MS;
        asked.push((now, pulls(&tick(&mut rm1, now))));
    }

    let at: Vec<_> = asked.iter().filter(|(_, n)| *n > 0).map(|(at, _)| *at - LATER).collect();
    assert_eq!(at, [0, 5, 15, 35, 75, 155].map(|ms| ms * MS));
    assert_eq!(at.len() as u32, PULLS_MAX);
}

#[test]
fn nobody_asks_himself() {
    let mut rm1 = host(1, 0);
    let output = query_beyond(&mut rm1, LATER, 1, [0, 77]);

    assert_eq!(output.datagrams, []);
    assert!(output.wake_at > LATER);
}
