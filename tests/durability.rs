//! What an acknowledgement means at each level, full and failing disks, and state that was lost.
#![cfg(feature = "runtime")]

#[path = "durability/poison.rs"]
mod poison;
#[path = "durability/socket.rs"]
mod socket;

use chinwag::{
    FrontEndId, Group, Message, Refusal, ReplicaId, ReplicaManager, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        ClusterId, Codec, Counters, DropReason, Durability, FaultyDisk, FileStorage, Host,
        HostConfig, HostError, Identity, Input, Level, MemoryStorage, Output, Packet,
        SPACE_RETRY_EVERY, Storage, StorageError,
    },
    services::Counter,
};
use proptest::{collection::vec, prelude::*};
use std::{net::SocketAddr, time::Duration};

const GROUP: Group = Group::of(2).and_read_only(1);
const GRACE: Duration = Duration::from_millis(300);
const MS: Duration = Duration::from_millis(1);

type OnDisk = FileStorage<FaultyDisk>;
type DiskHost = Host<Counter, OnDisk, Counters>;

fn codec() -> Codec {
    Codec::new(ClusterId(7), GROUP)
}

fn config(id: u16) -> HostConfig {
    HostConfig {
        node: ReplicaManager::new(ReplicaId(id), GROUP),
        codec: codec(),
        gossip_every: 100 * MS,
        grace: Duration::ZERO,
        durability: Durability::Fsync,
        acknowledged_by: 1,
        paced: true,
    }
}

fn address(id: u16) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id).into()
}

fn identity() -> Identity {
    let (cluster, service) = ("test".into(), "counter".into());
    let (cluster_id, replica) = (ClusterId(7), ReplicaId(0));
    Identity { cluster, service, cluster_id, group: GROUP, replica }
}

fn open<D: Storage>(config: HostConfig, storage: D, now: Duration) -> Host<Counter, D, Counters> {
    let mut host = Host::open(config, storage, Counters::default(), now).unwrap();
    GROUP.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
    host
}

fn on_disk(durability: Durability) -> DiskHost {
    let storage = FileStorage::on(FaultyDisk::default(), &identity(), Some(1)).unwrap();
    let config = HostConfig { durability, ..config(0) };
    let mut host = open(config, storage.with_extent(4_096), Duration::ZERO);
    // Its first words to its peers.
    host.handle(Duration::ZERO, Input::Tick).unwrap();
    host
}

/// What power loss now would leave of rm0's replica.
fn durable(host: &mut DiskHost) -> Timestamp {
    let disk = host.storage_mut().disk().lose_power(8, || false);
    let storage = FileStorage::on(disk, &identity(), None).unwrap();
    open(config(0), storage, Duration::ZERO).state().replica.replica_ts().clone()
}

fn request(number: u64) -> RequestId {
    RequestId { front_end: FrontEndId(number), serial: Serial { incarnation: 0, number } }
}

fn update(number: u64) -> Vec<u8> {
    let (id, acknowledged) = (request(number), request(number).serial);
    let update = Update::<Counter> { id, acknowledged, prev: GROUP.zero(), op: 1 };
    let packet = Packet::Message(Message::Update(update));
    codec().encode(Sender::FrontEnd(id.front_end), &packet).unwrap()
}

fn query(number: u64) -> Vec<u8> {
    let id = request(number);
    let packet = Packet::<Counter>::Message(Message::Query { id, prev: GROUP.zero(), query: () });
    codec().encode(Sender::FrontEnd(id.front_end), &packet).unwrap()
}

fn send<D: Storage>(
    host: &mut Host<Counter, D, Counters>,
    now: Duration,
    bytes: &[u8],
) -> Result<Vec<(SocketAddr, Packet<Counter>)>, HostError> {
    let output = host.handle(now, Input::Datagram { from: address(9), bytes })?;
    Ok(read(&output))
}

fn tick(host: &mut DiskHost, now: Duration) -> Vec<(SocketAddr, Packet<Counter>)> {
    read(&host.handle(now, Input::Tick).unwrap())
}

fn read(output: &Output) -> Vec<(SocketAddr, Packet<Counter>)> {
    let read = |(to, bytes): &(SocketAddr, Vec<u8>)| (*to, codec().decode(bytes).unwrap().1);
    output.datagrams.iter().map(read).collect()
}

fn is_reply(packet: &Packet<Counter>) -> bool {
    matches!(packet, Packet::Message(Message::UpdateReply { .. }))
}

/// What gossip claims, if it is gossip.
fn claimed(packet: &Packet<Counter>) -> Option<&Timestamp> {
    match packet {
        Packet::Message(Message::Gossip(gossip)) => Some(&gossip.ts),
        _ => None,
    }
}

#[test]
fn an_acknowledgement_means_what_its_level_says() {
    let interval = 10 * MS;
    let cases = [
        (Durability::Fsync, Level::Fsync, [1, 1]),
        (Durability::Interval(interval), Level::Interval, [0, 1]),
        (Durability::Memory, Level::Memory, [0, 0]),
    ];
    for (durability, level, expected) in cases {
        let mut host = on_disk(durability);
        let replies = send(&mut host, MS, &update(1)).unwrap();
        assert!(is_reply(&replies[0].1), "{level}: no acknowledgement");
        let at_once = durable(&mut host).get(ReplicaId(0));
        let output = host.handle(MS, Input::Tick).unwrap();
        assert!(durability != Durability::Interval(interval) || output.wake_at <= MS + interval);
        tick(&mut host, MS + interval);
        let later = durable(&mut host).get(ReplicaId(0));
        assert_eq!([at_once, later], expected, "{level}");
        assert_eq!(host.status().durability, level);
        host.sync().unwrap();
        assert_eq!(durable(&mut host).get(ReplicaId(0)), 1, "{level}: a clean stop forgets");
    }
}

/// Or peers would know what their sender may forget, and give its number to another update (C17).
#[test]
fn at_every_level_peers_hear_only_of_what_is_synced() {
    for durability in [Durability::Fsync, Durability::Interval(9_000 * MS), Durability::Memory] {
        let mut host = on_disk(durability);
        let mut heard = 0;
        for number in 1..20u32 {
            let now = number * 30 * MS;
            let mut sent = send(&mut host, now, &update(number.into())).unwrap();
            sent.extend(tick(&mut host, now));
            for ts in sent.iter().filter_map(|(_, packet)| claimed(packet)) {
                assert!(durable(&mut host).covers(ts), "{durability:?}");
                heard += 1;
            }
        }
        assert!(heard >= 6, "{durability:?}: {heard} times is not often enough to tell");
    }
}

#[test]
fn an_update_is_acknowledged_when_enough_replica_managers_hold_it() {
    let config = HostConfig { acknowledged_by: 2, ..config(0) };
    let mut host = open(config, MemoryStorage::default(), Duration::ZERO);
    let sent = send(&mut host, MS, &update(1)).unwrap();
    assert!(!sent.iter().any(|(_, packet)| is_reply(packet)), "nobody else holds it");

    let held = Timestamp::from_iter([1, 0]);
    let (log, table) = (Vec::new(), Vec::new());
    let gossip = chinwag::Gossip { log, ts: held, complete: true, asks: false, table, epoch: 0 };
    let packet = Packet::<Counter>::Message(Message::Gossip(gossip));
    let bytes = codec().encode(Sender::Replica(ReplicaId(1)), &packet).unwrap();
    let sent = send(&mut host, MS, &bytes).unwrap();
    assert_eq!(sent.iter().filter(|(_, packet)| is_reply(packet)).count(), 1);

    let again = send(&mut host, MS, &update(1)).unwrap();
    assert_eq!(again.iter().filter(|(_, packet)| is_reply(packet)).count(), 1, "at once by now");
}

#[test]
fn a_full_disk_refuses_updates_answers_queries_and_takes_updates_again_when_there_is_space() {
    let mut host = on_disk(Durability::Fsync);
    host.storage_mut().disk().space = Some(4_600);
    let (mut now, mut taken) = (MS, 0);
    let refused = loop {
        let sent = send(&mut host, now, &update(taken + 1)).unwrap();
        match &sent[0].1 {
            packet if is_reply(packet) => taken += 1,
            packet => break packet.clone(),
        }
    };
    let id = request(taken + 1);
    let expected = Message::Refused { id, reason: Refusal::NoSpace };
    assert_eq!((refused, taken > 10), (Packet::Message(expected), true));
    assert!(host.status().full);
    assert!(is_reply(&send(&mut host, now, &update(1)).unwrap()[0].1), "it is there already");
    match &send(&mut host, now, &query(1_000)).unwrap()[0].1 {
        Packet::Message(Message::QueryReply { answer, .. }) => assert_eq!(*answer, taken.into()),
        other => panic!("not answered: {other:?}"),
    }
    now += 200 * MS;
    assert!(tick(&mut host, now).iter().any(|(_, packet)| claimed(packet).is_some()), "it is mute");

    // Gossip that brings something is as good as lost.
    let ts = Timestamp::from_iter([0, 1]);
    let (log, table) = (Vec::new(), Vec::new());
    let gossip = chinwag::Gossip { log, ts, complete: true, asks: false, table, epoch: 0 };
    let packet = Packet::<Counter>::Message(Message::Gossip(gossip));
    let bytes = codec().encode(Sender::Replica(ReplicaId(1)), &packet).unwrap();
    send(&mut host, now, &bytes).unwrap();
    assert!(host.observer().dropped[&DropReason::NoSpace] >= 2);

    host.storage_mut().disk().space = None;
    now += SPACE_RETRY_EVERY;
    assert!(is_reply(&send(&mut host, now, &update(taken + 1)).unwrap()[0].1));
    assert!(!host.status().full);
    assert_eq!(durable(&mut host).get(ReplicaId(0)), taken + 1);
}

#[test]
fn a_checkpoint_that_finds_no_space_is_put_off() {
    let mut host = on_disk(Durability::Fsync);
    send(&mut host, MS, &update(1)).unwrap();
    host.storage_mut().disk().space = Some(4_600);
    let full = host.checkpoint();
    assert!(matches!(full, Err(HostError::Storage(StorageError::NoSpace { .. }))));
    assert!(is_reply(&send(&mut host, MS, &update(2)).unwrap()[0].1));
    assert_eq!(durable(&mut host).get(ReplicaId(0)), 2);
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let mut host = on_disk(Durability::Fsync);
    assert!(is_reply(&send(&mut host, MS, &update(1)).unwrap()[0].1));
    host.storage_mut().disk().sync_fails = true;
    let failed = send(&mut host, MS, &update(2));
    assert!(matches!(failed, Err(HostError::Storage(StorageError::Io { .. }))));
    for number in 3..6 {
        let failed = send(&mut host, MS, &update(number));
        assert!(matches!(failed, Err(HostError::Storage(StorageError::FailedBefore { .. }))));
    }
}

type MemoryHost = Host<Counter, MemoryStorage, Counters>;

/// Hosts with a network that loses nothing, in which some may be out of reach.
struct Cluster {
    hosts: Vec<Result<MemoryHost, u64>>,
    cut: [bool; 3],
    now: Duration,
    next: u64,
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Self { hosts: Vec::new(), cut: [false; 3], now: Duration::ZERO, next: 1 };
        for id in 0..3 {
            cluster.hosts.push(Ok(cluster.start(id, MemoryStorage::default())));
        }
        cluster
    }

    fn start(&self, id: u16, storage: MemoryStorage) -> MemoryHost {
        open(HostConfig { grace: GRACE, ..config(id) }, storage, self.now)
    }

    fn restart(&mut self, id: u16, storage: MemoryStorage) {
        self.hosts[usize::from(id)] = Ok(self.start(id, storage));
    }

    fn storage(&self, id: u16) -> MemoryStorage {
        self.hosts[usize::from(id)].as_ref().unwrap().storage().clone()
    }

    fn held(&self, id: u16) -> Option<Timestamp> {
        let host = self.hosts[usize::from(id)].as_ref().ok()?;
        Some(host.state().replica.replica_ts().clone())
    }

    fn has_stopped(&self, id: u16) -> bool {
        self.hosts[usize::from(id)].is_err()
    }

    /// Everyone gossips, and all that is sent arrives, but where it is cut.
    fn round(&mut self) {
        self.now += 100 * MS;
        let mut network = Vec::new();
        for id in 0..3 {
            network.extend(self.input(id, Input::Tick));
        }
        while let Some((from, to, bytes)) = network.pop() {
            let to = to.port() - 1_000;
            if to < 3 && !self.cut[usize::from(from)] && !self.cut[usize::from(to)] {
                let datagram = Input::Datagram { from: address(from), bytes: &bytes };
                network.extend(self.input(to, datagram));
            }
        }
    }

    fn input(&mut self, id: u16, input: Input<'_>) -> Vec<(u16, SocketAddr, Vec<u8>)> {
        let Ok(host) = &mut self.hosts[usize::from(id)] else { return Vec::new() };
        match host.handle(self.now, input) {
            Ok(output) => output.datagrams.into_iter().map(|(to, b)| (id, to, b)).collect(),
            Err(HostError::StateLost { known, remembered, .. }) => {
                assert!(known > remembered);
                self.hosts[usize::from(id)] = Err(known);
                Vec::new()
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Is an update taken?
    fn update(&mut self, id: u16) -> bool {
        let bytes = update(self.next);
        let datagram = Input::Datagram { from: address(9), bytes: &bytes };
        let replied = self.input(id, datagram).iter().any(|(.., to, _)| *to == address(9));
        self.next += u64::from(replied);
        replied
    }

    fn rounds(&mut self, count: u32) {
        (0..count).for_each(|_| self.round());
    }
}

/// C18: gossip of an old copy would be believed of the replica manager for ever.
#[test]
fn one_that_may_have_an_old_copy_does_not_gossip_yet() {
    let mut cluster = Cluster::new();
    cluster.rounds(2);
    cluster.cut = [true; 3];
    assert!(cluster.update(0), "and nobody hears of it");
    cluster.restart(0, cluster.storage(0));
    let gossips = |cluster: &mut Cluster| {
        cluster.now += 100 * MS;
        cluster.input(0, Input::Tick).iter().any(|(.., bytes)| {
            let (_, packet) = config(0).codec.decode(bytes).unwrap();
            claimed(&packet).is_some()
        })
    };
    // Nobody has said what it must hold; then nobody contradicts.
    assert_eq!([(); 4].map(|()| gossips(&mut cluster)), [false, false, true, true]);
}

#[test]
fn at_the_very_first_start_updates_wait_for_every_peer() {
    let mut cluster = Cluster::new();
    cluster.cut[2] = true;
    cluster.rounds(20);
    assert!(!cluster.update(0), "rm2 may know more of rm0 than rm0 does");
    cluster.cut[2] = false;
    cluster.rounds(2);
    assert!(cluster.update(0));
}

#[test]
fn a_wiped_directory_takes_no_update_and_is_found_out_however_late_its_peers_come() {
    let mut cluster = Cluster::new();
    cluster.rounds(4);
    assert!(cluster.update(0));
    cluster.rounds(4);
    cluster.restart(0, MemoryStorage::default());
    cluster.cut[0] = true;
    cluster.rounds(50);
    assert!(!cluster.update(0) && !cluster.has_stopped(0));
    cluster.cut[0] = false;
    cluster.rounds(2);
    assert!(cluster.has_stopped(0));
}

/// It made no update that it could have forgotten, but its peers keep nothing for it any more.
#[test]
fn a_read_only_replica_that_was_wiped_is_found_out() {
    let mut cluster = Cluster::new();
    cluster.rounds(4);
    assert!(cluster.update(0));
    cluster.rounds(6);
    cluster.restart(2, MemoryStorage::default());
    cluster.rounds(2);
    assert!(cluster.has_stopped(2));
}

#[test]
fn a_replica_manager_that_restarts_with_all_it_had_takes_updates_without_its_peers() {
    let mut cluster = Cluster::new();
    cluster.rounds(4);
    assert!(cluster.update(0));
    cluster.cut = [true; 3];
    let storage = cluster.storage(0);
    cluster.restart(0, storage);
    assert!(!cluster.update(0), "its peers had no time to answer");
    cluster.rounds(4);
    assert!(cluster.update(0));
}

#[derive(Clone, Debug)]
enum Step {
    Update(u16),
    Round,
    Cut(u16, bool),
    Restart(u16),
    Copy(u16),
    PutBack(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0..3u16;
    prop_oneof![
        5 => (0..2u16).prop_map(Step::Update),
        5 => Just(Step::Round),
        1 => (id(), any::<bool>()).prop_map(|(id, cut)| Step::Cut(id, cut)),
        1 => id().prop_map(Step::Restart),
        1 => id().prop_map(Step::Copy),
        1 => id().prop_map(Step::PutBack),
    ]
}

proptest! {
    /// Old copies are put back at any time. Whoever has lost an update of its own that a peer knows of, or
    /// lacks anything that a peer counts on, stops; and those that go on agree in the end.
    #[test]
    fn an_old_copy_that_is_put_back_is_found_out(steps in vec(step(), 0..80)) {
        let mut cluster = Cluster::new();
        cluster.rounds(4);
        let mut copies: Vec<_> = (0..3).map(|id| cluster.storage(id)).collect();
        for step in steps {
            match step {
                Step::Update(id) => drop(cluster.update(id)),
                Step::Round => cluster.round(),
                Step::Cut(id, cut) => cluster.cut[usize::from(id)] = cut,
                Step::Copy(id) if !cluster.has_stopped(id) => {
                    copies[usize::from(id)] = cluster.storage(id);
                }
                Step::Restart(id) if !cluster.has_stopped(id) => {
                    let storage = cluster.storage(id);
                    cluster.restart(id, storage);
                }
                Step::PutBack(id) if !cluster.has_stopped(id) => {
                    put_back(&mut cluster, id, copies[usize::from(id)].clone());
                }
                _ => {}
            }
        }
        cluster.cut = [false; 3];
        cluster.rounds(8);
        let values: Vec<_> = cluster.hosts.iter().flatten()
            .map(|host| (host.state().replica.replica_ts(), host.state().replica.value())).collect();
        if values.len() == 3 {
            prop_assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{values:?}");
        }
    }
}

/// With its peers in reach, so that what they know is known to it before the grace ends. What others made it
/// may have got back by then, and is as good as ever; what it made itself it must not.
fn put_back(cluster: &mut Cluster, id: u16, copy: MemoryStorage) {
    let me = ReplicaId(id);
    let peers = (0..3).filter(|peer| *peer != id);
    let peers = peers.filter_map(|peer| cluster.hosts[usize::from(peer)].as_ref().ok());
    let known = peers.map(|host| host.state().table[me.index()].clone());
    let known: Vec<_> = known.collect();
    cluster.cut = [false; 3];
    cluster.restart(id, copy);
    let before = cluster.held(id).unwrap();
    cluster.round();
    let Some(after) = cluster.held(id) else { return };
    for known in known {
        assert!(after.covers(&known), "{known:?} is known of what holds {after:?}");
        let own = |ts: &Timestamp| if id < GROUP.updatable { ts.get(me) } else { 0 };
        assert!(own(&before) >= own(&known), "{known:?} is known of what had {before:?}");
    }
}

/// Also if it forgot what the replica manager had told it.
#[test]
fn a_peer_that_restarted_still_knows_whose_updates_it_holds() {
    let mut cluster = Cluster::new();
    cluster.rounds(4);
    assert!(cluster.update(0));
    cluster.cut[2] = true;
    cluster.rounds(4);
    let storage = cluster.storage(1);
    cluster.restart(1, storage);
    let packet = Packet::<Counter>::Joining { replica_ts: GROUP.zero() };
    let bytes = codec().encode(Sender::Replica(ReplicaId(0)), &packet).unwrap();
    let host = cluster.hosts[1].as_mut().unwrap();
    let known = Packet::Known { replica_ts: Timestamp::from_iter([1, 0]) };
    assert!(send(host, cluster.now, &bytes).unwrap().contains(&(address(0), known)));
}
