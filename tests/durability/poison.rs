//! An operation that makes the service panic (fault 48).

use super::{GROUP, MS, address, codec, config, request};
use chinwag::{
    Applied, Message, RecordKey, ReplicaId, RequestId, Sender, Service, Timestamp, Update,
    runtime::{
        Counters, Host, HostConfig, HostError, Input, MemoryStorage, PANIC_TEXT_MAX, Packet,
    },
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A sum that cannot bear a zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Fragile(u8);

impl Service for Fragile {
    type Op = u8;
    type Query = ();
    type Answer = u8;

    fn apply(&mut self, update: Applied<'_, u8>) {
        self.0 += 1;
        assert_ne!(*update.op, 0, "{}", "no zero, please! ".repeat(100));
    }

    fn answer(&self, (): &()) -> u8 {
        self.0
    }
}

type FragileHost = Host<Fragile, MemoryStorage, Counters>;

fn open(id: u16, storage: MemoryStorage) -> FragileHost {
    let gossip_every = MS;
    let config = HostConfig { gossip_every, ..config(id) };
    let mut host = Host::open(config, storage, Counters::default(), Duration::ZERO).unwrap();
    GROUP.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
    host
}

/// A front end's update arrives.
fn give(host: &mut FragileHost, number: u64, op: u8, prev: Timestamp) -> Result<(), HostError> {
    let (id, acknowledged) = (request(number), request(number).serial);
    let update = Update::<Fragile> { id, acknowledged, prev, op };
    let packet = Packet::Message(Message::Update(update));
    take(host, &codec().encode(Sender::FrontEnd(id.front_end), &packet).unwrap())
}

fn take(host: &mut FragileHost, bytes: &[u8]) -> Result<(), HostError> {
    host.take(Duration::ZERO, Input::Datagram { from: address(9), bytes })
}

/// What `from` gossips to `to`, in one message.
fn gossip(from: &mut FragileHost, to: u16) -> Vec<u8> {
    from.gossip(Duration::ZERO, ReplicaId(to)).unwrap();
    let sent = from.commit(Duration::ZERO).unwrap().datagrams;
    let is_gossip = |bytes: &[u8]| {
        let packet = codec().decode::<Fragile>(bytes).unwrap().1;
        matches!(packet, Packet::Message(Message::Gossip(gossip)) if !gossip.log.is_empty())
    };
    let mut all = sent.into_iter().filter(|(at, bytes)| *at == address(to) && is_gossip(bytes));
    all.next().expect("it has something to tell").1
}

fn stopped_at<T>(result: Result<T, HostError>) -> (RequestId, RecordKey) {
    match result {
        Err(HostError::Panicked { applying: Some(which), why }) => {
            assert!(why.contains("no zero") && why.len() <= PANIC_TEXT_MAX, "{why:?}");
            which
        }
        Err(other) => panic!("stopped otherwise: {other}"),
        Ok(_) => panic!("went on"),
    }
}

#[test]
fn an_operation_that_panics_is_named_and_stops_every_replica_manager_before_it_tells() {
    let record = |seq| RecordKey { origin: ReplicaId(0), seq };

    // With one that is harmless in the same batch: neither is durable.
    let mut rm0 = open(0, MemoryStorage::default());
    give(&mut rm0, 1, 7, GROUP.zero()).unwrap();
    assert_eq!(stopped_at(give(&mut rm0, 2, 0, GROUP.zero())), (request(2), record(2)));
    let mut rm0 = open(0, rm0.into_storage());
    assert_eq!(*rm0.state().replica.replica_ts(), GROUP.zero());

    // Recorded before its past is there, it does no harm until that comes.
    let mut rm1 = open(1, MemoryStorage::default());
    give(&mut rm1, 1, 7, GROUP.zero()).unwrap();
    let past = gossip(&mut rm1, 0);
    // Nor is it mistaken for another one, which waits for what never comes.
    give(&mut rm0, 3, 7, [0, 5].into_iter().collect()).unwrap();
    give(&mut rm0, 2, 0, [0, 1].into_iter().collect()).unwrap();
    rm0.commit(Duration::ZERO).unwrap();
    assert_eq!(stopped_at(take(&mut rm0, &past)), (request(2), record(2)));
    let mut rm0 = open(0, rm0.into_storage());
    assert_eq!(*rm0.state().replica.replica_ts(), [2, 0].into_iter().collect());

    // Whoever hears of it stops as well, by the same name.
    let poison = gossip(&mut rm0, 1);
    assert_eq!(stopped_at(take(&mut rm1, &poison)), (request(2), record(2)));
    let rm1 = open(1, rm1.into_storage());
    assert_eq!(rm1.state().replica.value().0, 1);
}
