//! Clients and hosts in virtual time: the deployed code, with datagrams that take as long as a test says.

#![allow(dead_code, reason = "each test file uses its part")]

use chinwag::{
    FrontEndId, Group, Message, ReplicaId, ReplicaManager, Service,
    runtime::{
        Client, ClientSetup, Clock, ClusterId, Codec, Counters, Durability, Host, HostConfig,
        Input, MemoryStorage, Packet, Sending, Transport, UnknownPast,
    },
};
use std::{
    cell::RefCell, collections::BTreeMap, io, marker::PhantomData, net::SocketAddr, rc::Rc,
    time::Duration,
};

pub const MS: Duration = Duration::from_millis(1);
/// Nobody hears of anything by gossip.
pub const NEVER: Duration = Duration::from_secs(3_600);
/// How long a client waits before it asks another one, in all tests.
pub const RETRY_AFTER: Duration = Duration::from_millis(200);

type TestHost<S> = Host<S, MemoryStorage, Counters>;

/// All there is: hosts, and datagrams on their way.
pub struct World<S: Service> {
    pub now: Duration,
    pub codec: Codec,
    pub hosts: Vec<TestHost<S>>,
    wake_at: Vec<Duration>,
    /// How long a datagram takes to or from each replica manager; none: it is lost.
    pub delay: Vec<Option<Duration>>,
    /// On their way: arrival, order; to, from, what.
    on_the_way: BTreeMap<(Duration, u64), (SocketAddr, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// What clients sent, by replica manager.
    pub updates: Vec<u64>,
    pub queries: Vec<u64>,
    pub probes: Vec<u64>,
    inbox: BTreeMap<SocketAddr, Vec<(SocketAddr, Vec<u8>)>>,
    clients: u16,
}

pub struct Shared<S: Service>(pub Rc<RefCell<World<S>>>);

impl<S: Service> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// One client's end of the network, and its clock.
pub struct End<S: Service>(Shared<S>, SocketAddr);
pub struct WorldClock<S: Service>(Shared<S>, PhantomData<S>);
pub type TestClient<S> = Client<S, End<S>, WorldClock<S>>;

fn address(id: u16) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id).into()
}

impl<S: Service> Shared<S> {
    /// A cluster whose replica managers are all so near.
    pub fn new(group: Group, gossip_every: Duration, acknowledged_by: u16) -> Self {
        let codec = Codec::new(ClusterId(7), group);
        let host = |id: ReplicaId| {
            let config = HostConfig {
                paced: true,
                node: ReplicaManager::new(id, group),
                codec,
                gossip_every,
                grace: Duration::ZERO,
                durability: Durability::Fsync,
                acknowledged_by,
            };
            let storage = MemoryStorage::default();
            let mut host =
                Host::open(config, storage, Counters::default(), Duration::ZERO).unwrap();
            group.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
            host
        };
        let count = usize::from(group.replicas);
        Self(Rc::new(RefCell::new(World {
            now: Duration::ZERO,
            codec,
            hosts: group.members().map(host).collect(),
            wake_at: vec![Duration::ZERO; count],
            delay: vec![Some(MS); count],
            on_the_way: BTreeMap::new(),
            sent: 0,
            updates: vec![0; count],
            queries: vec![0; count],
            probes: vec![0; count],
            inbox: BTreeMap::new(),
            clients: 0,
        })))
    }

    /// How long datagrams take to and from each, from now on.
    pub fn delays<const N: usize>(&self, ms: [u64; N]) {
        self.0.borrow_mut().delay = ms.map(|ms| Some(MS * ms as u32)).to_vec();
    }

    /// From now on, nothing reaches it or comes from it.
    pub fn cut_off(&self, replica: u16) {
        self.0.borrow_mut().delay[usize::from(replica)] = None;
    }

    pub fn refuse_unknown_pasts(&self) {
        self.0.borrow_mut().hosts.iter_mut().for_each(|h| h.set_unknown_past(UnknownPast::Refuse));
    }

    /// A client that tries `first` first.
    pub fn client(&self, first: u16, give_up_after: Duration, sending: Sending) -> TestClient<S> {
        let mut world = self.0.borrow_mut();
        world.clients += 1;
        let (number, codec) = (world.clients, world.codec);
        let replicas = codec.group.replicas;
        let setup = ClientSetup {
            front_end: FrontEndId(u64::from(number * replicas + first)),
            incarnation: 0,
            codec,
            earlier: Vec::new(),
            replicas: codec.group.members().map(|id| Some(address(id.0))).collect(),
            retry_after: RETRY_AFTER,
            give_up_after,
            sending,
        };
        let end = End(self.clone(), address(10_000 + number));
        Client::new(setup, end, WorldClock(self.clone(), PhantomData))
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        let end = self.0.borrow().now + time;
        while self.0.borrow_mut().step(end) {}
    }
}

impl<S: Service> World<S> {
    /// The next thing that happens until `end`; false if nothing does, and it is `end`.
    fn step(&mut self, end: Duration) -> bool {
        let timer = self.wake_at.iter().copied().min().expect("there is a host");
        let arrival = self.on_the_way.keys().next().copied();
        let next = arrival.map_or(timer, |(at, _)| at.min(timer)).max(self.now);
        if next > end {
            self.now = end;
            return false;
        }
        self.now = next;
        if let Some(key) = arrival.filter(|(at, _)| *at <= next) {
            let (to, from, bytes) = self.on_the_way.remove(&key).expect("it was just seen");
            let host = usize::from(to.port() - 1_000);
            if host < self.hosts.len() {
                self.hear(host, Input::Datagram { from, bytes: &bytes });
            } else {
                self.inbox.entry(to).or_default().push((from, bytes));
            }
        } else {
            let host = self.wake_at.iter().position(|at| *at <= next).expect("one is due");
            self.hear(host, Input::Tick);
        }
        true
    }

    fn hear(&mut self, host: usize, input: Input<'_>) {
        let output = self.hosts[host].handle(self.now, input).expect("memory does not fail");
        self.wake_at[host] = output.wake_at.max(self.now + MS / 1_000);
        for (to, bytes) in output.datagrams {
            self.send(address(host as u16), to, bytes);
        }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let delay = |of: SocketAddr| {
            let host = usize::from(of.port() - 1_000);
            if host < self.hosts.len() { self.delay[host] } else { Some(Duration::ZERO) }
        };
        if let (Some(there), Some(here)) = (delay(to), delay(from)) {
            self.sent += 1;
            self.on_the_way.insert((self.now + there + here, self.sent), (to, from, bytes));
        }
    }

    fn count(&mut self, to: SocketAddr, bytes: &[u8]) {
        let to = usize::from(to.port() - 1_000);
        match self.codec.decode::<S>(bytes).expect("a client sends what can be read").1 {
            Packet::Message(Message::Update(_)) => self.updates[to] += 1,
            Packet::Message(Message::Query { .. }) => self.queries[to] += 1,
            Packet::StatusRequest => self.probes[to] += 1,
            other => panic!("a client sends {other:?}"),
        }
    }
}

impl<S: Service> Transport for End<S> {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.0.0.borrow_mut();
        world.count(to, bytes);
        world.send(self.1, to, bytes.to_vec());
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        let mut world = self.0.0.borrow_mut();
        let end = world.now + wait;
        loop {
            let inbox = world.inbox.entry(self.1).or_default();
            if !inbox.is_empty() {
                let (from, bytes) = inbox.remove(0);
                buffer[..bytes.len()].copy_from_slice(&bytes);
                return Ok(Some((bytes.len(), from)));
            }
            if !world.step(end) {
                return Ok(None);
            }
        }
    }
}

impl<S: Service> Clock for WorldClock<S> {
    fn now(&self) -> Duration {
        self.0.0.borrow().now
    }
}
