//! Those who hold a key and lie: what they say is refused and counted, or bounded.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Group, Message, Refusal, ReplicaId, ReplicaManager, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        ClusterId, Codec, Counters, DropReason, Host, HostConfig, Input, MemoryStorage, Packet,
        UnknownPast, WAITING_UPDATES_MAX,
    },
    services::Counter,
};
use std::time::Duration;

const GROUP: Group = Group::of(2);

type Replica = Host<Counter, MemoryStorage, Counters>;

fn codec() -> Codec {
    Codec::new(ClusterId::of("test", "counter", GROUP), GROUP)
}

fn config(id: u16) -> HostConfig {
    HostConfig {
        node: ReplicaManager::new(ReplicaId(id), GROUP),
        codec: codec(),
        gossip_every: Duration::from_millis(100),
        grace: Duration::ZERO,
        durability: Default::default(),
        acknowledged_by: 1,
        paced: true,
    }
}

/// The first replica manager.
fn host() -> Replica {
    let storage = MemoryStorage::default();
    let mut host = Host::open(config(0), storage, Counters::default(), Duration::ZERO).unwrap();
    host.set_peer(ReplicaId(1), ([127, 0, 0, 1], 9).into());
    host.handle(Duration::ZERO, Input::Tick).unwrap();
    host
}

/// Gives it a packet, and returns what it says to that.
fn give(host: &mut Replica, sender: Sender, message: Message<Counter>) -> Vec<Packet<Counter>> {
    let bytes = codec().encode(sender, &Packet::Message(message)).unwrap();
    let from = ([127, 0, 0, 1], 7).into();
    let now = Duration::from_secs(1);
    let output = host.handle(now, Input::Datagram { from, bytes: &bytes }).unwrap();
    output.datagrams.iter().map(|(_, bytes)| codec().decode(bytes).unwrap().1).collect()
}

fn update(front_end: u64, number: u64, prev: [u64; 2]) -> (Sender, Message<Counter>) {
    let front_end = FrontEndId(front_end);
    let id = RequestId { front_end, serial: Serial { incarnation: 0, number } };
    let prev = Timestamp::from_iter(prev);
    let update = Update { id, acknowledged: Serial::default(), prev, op: 1 };
    (Sender::FrontEnd(front_end), Message::Update(update))
}

fn is_refused(said: &[Packet<Counter>]) -> bool {
    let overloaded = |packet: &Packet<Counter>| {
        matches!(packet, Packet::Message(Message::Refused { reason: Refusal::Overloaded, .. }))
    };
    said.iter().any(overloaded)
}

#[test]
fn a_front_end_that_builds_on_what_never_was_fills_its_own_share_and_no_more() {
    let mut host = host();
    let mut say = |front_end, number, prev| {
        let (sender, message) = update(front_end, number, prev);
        is_refused(&give(&mut host, sender, message))
    };
    let share = WAITING_UPDATES_MAX as u64;
    assert!((0..share).all(|number| !say(1, number, [0, 1 << 40])));
    assert!((share..2 * share).all(|number| say(1, number, [0, 1 << 40])));
    assert!(!say(1, 3 * share, [0, 0]), "what waits for nothing is taken");
    assert!(!say(1, 0, [0, 1 << 40]), "what is recorded is answered again");
    assert!(!say(2, 0, [0, 1 << 40]), "others have their own share");
    assert_eq!(host.status().pending, share + 1);
    assert_eq!(host.observer().dropped[&DropReason::UnknownPast], share);
}

#[test]
fn a_replica_that_is_told_to_takes_no_update_before_what_it_builds_on() {
    let mut host = host();
    host.set_unknown_past(UnknownPast::Refuse);
    let (sender, message) = update(1, 0, [0, 1]);
    let said = give(&mut host, sender, message.clone());
    let asks = |packet: &Packet<Counter>| matches!(packet, Packet::Message(Message::Pull { .. }));
    assert!(is_refused(&said) && said.iter().any(asks), "{said:?}");
    assert_eq!(host.status().pending, 0);

    let mut peer =
        Replica::open(config(1), MemoryStorage::default(), Counters::default(), Duration::ZERO)
            .unwrap();
    peer.set_peer(ReplicaId(0), ([127, 0, 0, 1], 9).into());
    let (other, first) = update(2, 0, [0, 0]);
    give(&mut peer, other, first);
    let pull = Message::Pull { replica_ts: GROUP.zero() };
    for packet in give(&mut peer, Sender::Replica(ReplicaId(0)), pull) {
        if let Packet::Message(message @ Message::Gossip(_)) = packet {
            give(&mut host, Sender::Replica(ReplicaId(1)), message);
        }
    }
    assert!(!is_refused(&give(&mut host, sender, message)));
    assert_eq!(host.status().value_ts, Timestamp::from_iter([1, 1]));
}

#[test]
fn a_pull_that_claims_updates_that_were_never_made_changes_nothing() {
    let mut host = host();
    let before = host.state().clone();
    let pull = Message::Pull { replica_ts: Timestamp::from_iter([1, 0]) };
    assert_eq!(give(&mut host, Sender::Replica(ReplicaId(1)), pull), []);
    assert_eq!(*host.state(), before);
    assert_eq!(host.observer().dropped[&DropReason::Impossible], 1);
}
