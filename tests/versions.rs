//! Programs of two versions of the wire work together, whoever is upgraded or put back when.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Group, Message, ReplicaId, ReplicaManager, RequestId, Sender, Serial, Update,
    runtime::{
        BELIEVED_FOR, ClusterId, Codec, Durability, Host, HostConfig, Input, MemoryStorage, Packet,
        SPEAK_EVERY, Status, WIRE_VERSION, WIRE_VERSION_BEFORE,
    },
    services::Counter,
};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};

const GROUP: Group = Group::of(2);
const MS: Duration = Duration::from_millis(1);
const GRACE: Duration = Duration::from_millis(30);
const GOSSIP_EVERY: Duration = Duration::from_millis(20);
const ZERO: ReplicaId = ReplicaId(0);
const ONE: ReplicaId = ReplicaId(1);

type TestHost = Host<Counter, MemoryStorage>;

fn codec() -> Codec {
    Codec::new(ClusterId(7), GROUP)
}

fn address(id: ReplicaId) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id.0).into()
}

fn client_address() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

fn open(id: ReplicaId, speaks: u8, storage: MemoryStorage, now: Duration) -> TestHost {
    let config = HostConfig {
        paced: true,
        node: ReplicaManager::new(id, GROUP),
        codec: codec().speaking(speaks),
        gossip_every: GOSSIP_EVERY,
        grace: GRACE,
        durability: Durability::Fsync,
        acknowledged_by: 1,
    };
    let mut host = Host::open(config, storage, (), now).unwrap();
    GROUP.members().for_each(|peer| host.set_peer(peer, address(peer)));
    host
}

/// Two replica managers, and a network that keeps what they say.
struct Pair {
    hosts: Vec<Option<TestHost>>,
    now: Duration,
    network: VecDeque<(SocketAddr, SocketAddr, Vec<u8>)>,
    /// Every datagram between them so far, with its sender.
    said: Vec<(ReplicaId, Vec<u8>)>,
    to_client: Vec<Vec<u8>>,
    updates: u64,
}

impl Pair {
    fn speaking(versions: [u8; 2]) -> Self {
        let start = |id: ReplicaId| {
            Some(open(id, versions[id.index()], MemoryStorage::default(), Duration::ZERO))
        };
        let hosts = GROUP.members().map(start).collect();
        let (said, to_client) = (Vec::new(), Vec::new());
        let network = VecDeque::new();
        let mut pair = Self { hosts, now: Duration::ZERO, network, said, to_client, updates: 0 };
        pair.run(100 * MS);
        pair
    }

    /// It is started again, as a program of this version.
    fn restart(&mut self, id: ReplicaId, speaks: u8) {
        let host = self.hosts[id.index()].take().unwrap();
        self.hosts[id.index()] = Some(open(id, speaks, host.into_storage(), self.now));
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() {
            self.now += MS;
            GROUP.members().for_each(|id| self.input(id, Input::Tick));
            while let Some((from, to, bytes)) = self.network.pop_front() {
                let id = GROUP.members().find(|id| address(*id) == to).unwrap();
                self.input(id, Input::Datagram { from, bytes: &bytes });
            }
        }
    }

    fn input(&mut self, id: ReplicaId, input: Input<'_>) {
        let host = self.hosts[id.index()].as_mut().unwrap();
        for (to, bytes) in host.handle(self.now, input).unwrap().datagrams {
            match to == client_address() {
                true => self.to_client.push(bytes),
                false => {
                    self.said.push((id, bytes.clone()));
                    self.network.push_back((address(id), to, bytes));
                }
            }
        }
    }

    /// A new client's update, which is acknowledged.
    fn update(&mut self, at: ReplicaId) {
        self.updates += 1;
        let id = RequestId { front_end: FrontEndId(self.updates), serial: Serial::default() };
        let update = Update { id, acknowledged: id.serial, prev: GROUP.zero(), op: 1 };
        let packet = Packet::<Counter>::Message(Message::Update(update));
        let reply = self.ask(at, Sender::FrontEnd(id.front_end), &packet, codec());
        assert!(matches!(reply, Packet::Message(Message::UpdateReply { .. })), "{reply:?}");
    }

    fn ask(
        &mut self,
        at: ReplicaId,
        from: Sender,
        packet: &Packet<Counter>,
        codec: Codec,
    ) -> Packet<Counter> {
        let bytes = codec.encode(from, packet).unwrap();
        self.input(at, Input::Datagram { from: client_address(), bytes: &bytes });
        codec.decode(&self.to_client.pop().expect("it answers")).unwrap().1
    }

    fn status(&self, id: ReplicaId) -> Status {
        self.hosts[id.index()].as_ref().unwrap().status()
    }

    /// What each speaks with the other.
    fn spoken(&self) -> [u8; 2] {
        let with = |a: ReplicaId, b: ReplicaId| self.status(a).versions.unwrap().with[b.index()];
        [with(ZERO, ONE), with(ONE, ZERO)]
    }

    /// Whether all updates are everywhere, and were discarded.
    fn is_quiet(&self) -> bool {
        let done = |status: &Status| {
            status.log == 0
                && status.value_ts.entries().map(|(_, n)| n).sum::<u64>() == self.updates
        };
        GROUP.members().all(|id| done(&self.status(id)))
    }

    /// Updates at both, and time for them to spread.
    fn works(&mut self) -> bool {
        GROUP.members().for_each(|id| self.update(id));
        self.run(400 * MS);
        self.is_quiet()
    }

    /// The versions in the headers of what was said, and whether it says what its sender speaks.
    fn headers(&self, of: ReplicaId) -> Vec<(u8, bool)> {
        let of = self.said.iter().filter(|(id, _)| *id == of);
        of.map(|(_, bytes)| {
            let speaks = matches!(codec().decode::<Counter>(bytes), Ok((_, Packet::Speaks { .. })));
            (bytes[2], speaks)
        })
        .collect()
    }
}

#[test]
fn two_of_the_newest_version_come_to_speak_it_and_say_no_more_of_it() {
    let mut pair = Pair::speaking([WIRE_VERSION; 2]);
    assert_eq!(pair.spoken(), [WIRE_VERSION; 2]);

    pair.said.clear();
    assert!(pair.works());
    pair.run(3 * SPEAK_EVERY);

    let headers = pair.headers(ZERO);
    assert!(headers.iter().any(|(version, _)| *version == 0x33), "there was gossip: {headers:?}");
    assert!(headers.iter().all(|(version, speaks)| version >> 4 == 3 && !speaks), "{headers:?}");
    assert_eq!(pair.status(ONE).dropped, 0);
}

#[test]
fn one_of_each_version_speak_the_one_before() {
    let mut pair = Pair::speaking([WIRE_VERSION, WIRE_VERSION_BEFORE]);
    assert!(pair.works());
    pair.run(3 * SPEAK_EVERY);

    assert_eq!(pair.spoken(), [WIRE_VERSION_BEFORE; 2]);
    assert_eq!(pair.status(ZERO).dropped, 0);
    let told = pair.headers(ZERO).iter().filter(|(_, speaks)| *speaks).count();
    assert_eq!(told, 4, "it says once in {SPEAK_EVERY:?} that it speaks more");
    let Status { dropped, other_versions, .. } = pair.status(ONE);
    assert_eq!((dropped, other_versions), (4, 4), "that is all that is lost");
    let plain = |(version, speaks): &(u8, bool)| *speaks || matches!(version, 1 | 2);
    assert!(pair.headers(ZERO).iter().all(plain));
    assert!(pair.headers(ONE).iter().all(|(version, _)| matches!(version, 1 | 2)));
}

#[test]
fn a_replica_manager_is_upgraded_put_back_and_upgraded_again() {
    let mut pair = Pair::speaking([WIRE_VERSION_BEFORE; 2]);
    assert!(pair.works());
    for versions in [[3, 2], [3, 3], [3, 2], [2, 2], [2, 3], [3, 3]] {
        for (id, speaks) in GROUP.members().zip(versions) {
            if pair.status(id).versions.unwrap().speaks != speaks {
                pair.restart(id, speaks);
            }
        }
        pair.run(100 * MS);
        pair.update(ZERO);
        pair.run(BELIEVED_FOR);
        assert!(pair.works(), "{versions:?}");
        assert_eq!(pair.spoken(), [versions[0].min(versions[1]); 2], "{versions:?}");
    }
}

/// It is believed for a while only.
#[test]
fn an_announcement_that_comes_after_its_sender_was_put_back_costs_datagrams_only() {
    let mut pair = Pair::speaking([WIRE_VERSION; 2]);
    assert!(pair.works());
    let (_, late) = pair.said.iter().rfind(|(id, bytes)| *id == ONE && bytes[2] == 0x33).unwrap();
    let late = late.clone();
    pair.restart(ONE, WIRE_VERSION_BEFORE);
    pair.run(BELIEVED_FOR + 100 * MS);
    assert!(pair.works());
    assert_eq!(pair.spoken()[0], WIRE_VERSION_BEFORE);

    let before = pair.status(ONE).other_versions;
    pair.input(ZERO, Input::Datagram { from: address(ONE), bytes: &late });
    assert_eq!(pair.spoken()[0], WIRE_VERSION, "it is believed");
    pair.update(ZERO);
    pair.update(ONE);
    pair.run(BELIEVED_FOR);
    assert!(pair.works());
    assert_eq!(pair.spoken()[0], WIRE_VERSION_BEFORE);
    let lost = pair.status(ONE).other_versions - before;
    assert!((1..100).contains(&lost), "{lost} datagrams were lost");
}

/// The same the other way round: what was said before the upgrade comes late.
#[test]
fn a_word_of_before_the_upgrade_that_comes_late_is_made_good() {
    let mut pair = Pair::speaking([WIRE_VERSION, WIRE_VERSION_BEFORE]);
    assert!(pair.works());
    let late = pair.said.iter().rfind(|(id, _)| *id == ONE).unwrap().1.clone();
    pair.restart(ONE, WIRE_VERSION);
    pair.run(BELIEVED_FOR + 100 * MS);
    assert_eq!(pair.spoken(), [WIRE_VERSION; 2]);

    pair.input(ZERO, Input::Datagram { from: address(ONE), bytes: &late });
    assert_eq!(pair.spoken()[0], WIRE_VERSION_BEFORE);
    assert!(pair.works());
    pair.run(2 * SPEAK_EVERY);
    assert_eq!(pair.spoken(), [WIRE_VERSION; 2]);
}

#[test]
fn who_asks_how_one_is_is_answered_in_his_own_version() {
    let mut pair = Pair::speaking([WIRE_VERSION; 2]);
    let client = Sender::FrontEnd(FrontEndId(1));
    let mut ask = |codec: Codec| match pair.ask(ZERO, client, &Packet::StatusRequest, codec) {
        Packet::Status(status) => status.versions,
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(codec().speaking(WIRE_VERSION_BEFORE)), None);
    assert_eq!(ask(codec()), None, "nothing was announced");
    let versions = ask(codec().towards(WIRE_VERSION)).expect("there is room for it");
    assert_eq!((versions.speaks, versions.with), (WIRE_VERSION, vec![WIRE_VERSION; 2]));
}
