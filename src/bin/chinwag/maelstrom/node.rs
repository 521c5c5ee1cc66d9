//! A replica manager and its client in one process, with Maelstrom's network between it and the others.

use super::wire::{Envelope, Rejection, field, from_hex, to_hex};
use chinwag::{
    FrontEndId, Group, ReplicaId, ReplicaManager, Service,
    runtime::{
        Client, ClientError, ClientSetup, Clock, ClusterId, Codec, DATAGRAM_BYTES_MAX, Durability,
        Host, HostConfig, HostError, Input, MemoryStorage, Output, Route, Sending, Transport,
        udp::{SystemClock, random_front_end},
    },
};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

/// Nodes that a cluster may have: their timestamps leave room for updates in a datagram.
const NODES_MAX: usize = 32;

/// How long the client waits for its own replica manager, which answers at once or not at all.
const PATIENCE: Duration = Duration::from_millis(100);

/// Addresses that stand for parties: nothing is sent there but by the names that Maelstrom gave them.
const CLIENT_PORT: u16 = 1;
const FIRST_PORT: u16 = 2;

/// A node.
pub struct Node<S: Service> {
    inside: Rc<RefCell<Inside<S>>>,
    client: Client<S, Loop<S>, SystemClock>,
    name: FrontEndId,
}

/// The replica manager, and what is on its way from it.
struct Inside<S: Service> {
    host: Host<S, MemoryStorage>,
    clock: SystemClock,
    me: usize,
    names: Vec<String>,
    to_client: VecDeque<Vec<u8>>,
    out: Vec<Envelope>,
    wake_at: Duration,
    failed: Option<HostError>,
}

/// What the client takes for a network.
struct Loop<S: Service>(Rc<RefCell<Inside<S>>>);

impl<S: Service> Node<S> {
    /// The node that an `init` message describes.
    pub fn start(body: &Value, gossip_every: Duration) -> Result<Self, Rejection> {
        let names = field(body, "node_ids")?.as_array().ok_or_else(names_needed)?;
        let names: Option<Vec<_>> = names.iter().map(|n| n.as_str().map(str::to_owned)).collect();
        let names = names.filter(|names| names.len() <= NODES_MAX).ok_or_else(names_needed)?;
        let own = field(body, "node_id")?.as_str().unwrap_or_default();
        let me = names.iter().position(|name| name == own).ok_or_else(names_needed)?;

        let group = Group::of(names.len() as u16);
        let codec = Codec::new(ClusterId(0), group);
        let config = HostConfig {
            paced: true,
            node: ReplicaManager::new(ReplicaId(me as u16), group),
            codec,
            gossip_every,
            grace: Duration::ZERO,
            durability: Durability::default(),
            acknowledged_by: 1,
        };
        let clock = SystemClock::default();
        let host = Host::open(config, MemoryStorage::default(), (), clock.now());
        let mut host = host.map_err(Rejection::unavailable)?;
        for peer in group.members().filter(|peer| peer.index() != me) {
            host.set_peer(peer, address(peer.index()));
        }
        let (to_client, out, wake_at) = (VecDeque::new(), Vec::new(), Duration::ZERO);
        let inside = Inside { host, clock, me, names, to_client, out, wake_at, failed: None };
        let inside = Rc::new(RefCell::new(inside));

        let front_end = random_front_end().map_err(Rejection::unavailable)?;
        let setup = ClientSetup {
            front_end,
            incarnation: 0,
            codec,
            earlier: Vec::new(),
            replicas: group.members().map(|id| (id.index() == me).then(|| address(me))).collect(),
            retry_after: PATIENCE,
            give_up_after: PATIENCE,
            sending: Sending::default(),
        };
        let mut client = Client::new(setup, Loop(Rc::clone(&inside)), clock);
        client.route(Route::Only(ReplicaId(me as u16)));
        Ok(Self { inside, client, name: front_end })
    }

    /// A name that no other node has.
    pub fn name(&self) -> FrontEndId {
        self.name
    }

    /// Changes the value.
    pub fn update(&mut self, op: S::Op) -> Result<(), Rejection> {
        self.client.update(op).map(drop).map_err(|error| match error {
            ClientError::TooLarge(_) => Rejection::malformed(error),
            error if error.is_definite() => Rejection::unavailable(error),
            error => Rejection::indefinite(error),
        })
    }

    /// Asks for an answer.
    pub fn query(&mut self, query: S::Query) -> Result<S::Answer, Rejection> {
        self.client.query(query).map_err(Rejection::unavailable)
    }

    /// What another node sent.
    pub fn datagram(&mut self, envelope: &Envelope) {
        let mut inside = self.inside.borrow_mut();
        let from = inside.names.iter().position(|name| *name == envelope.src);
        let bytes = envelope.body.get("bytes").and_then(Value::as_str).and_then(from_hex);
        match (from, bytes) {
            (Some(from), Some(bytes)) => {
                inside.input(Input::Datagram { from: address(from), bytes: &bytes });
            }
            _ => eprintln!("ignored a datagram from {:?}", envelope.src),
        }
    }

    /// How long nothing need be done.
    pub fn wait(&self) -> Duration {
        let inside = self.inside.borrow();
        inside.wake_at.saturating_sub(inside.clock.now())
    }

    /// Timers that are due fire. Errors: the replica manager cannot go on.
    pub fn tick(&mut self) -> Result<(), HostError> {
        let mut inside = self.inside.borrow_mut();
        if inside.clock.now() >= inside.wake_at {
            inside.input(Input::Tick);
        }
        inside.failed.take().map_or(Ok(()), Err)
    }

    /// What is to be sent to other nodes.
    pub fn outgoing(&mut self) -> impl Iterator<Item = Envelope> + use<S> {
        std::mem::take(&mut self.inside.borrow_mut().out).into_iter()
    }
}

impl<S: Service> Inside<S> {
    fn input(&mut self, input: Input<'_>) {
        let now = self.clock.now();
        match self.host.handle(now, input) {
            Ok(Output { datagrams, wake_at }) => {
                self.wake_at = wake_at;
                datagrams.into_iter().for_each(|(to, bytes)| self.pass(to, bytes));
            }
            Err(error) => self.failed = Some(error),
        }
    }

    fn pass(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        match to.port().checked_sub(FIRST_PORT) {
            None => self.to_client.push_back(bytes),
            Some(peer) => self.out.push(Envelope {
                src: self.names[self.me].clone(),
                dest: self.names[usize::from(peer)].clone(),
                body: json!({ "type": "datagram", "bytes": to_hex(&bytes) }),
            }),
        }
    }
}

impl<S: Service> Transport for Loop<S> {
    fn send(&mut self, _: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, CLIENT_PORT));
        self.0.borrow_mut().input(Input::Datagram { from, bytes });
        Ok(())
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        let mut inside = self.0.borrow_mut();
        let Some(bytes) = inside.to_client.pop_front() else {
            // Nothing else happens meanwhile: it will not come.
            std::thread::sleep(wait);
            return Ok(None);
        };
        debug_assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a datagram is longer than datagrams are");
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some((bytes.len(), address(inside.me))))
    }
}

fn address(node: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, FIRST_PORT + node as u16).into()
}

fn names_needed() -> Rejection {
    let wanted = "node_ids: the names of all nodes";
    Rejection::malformed(format!("{wanted}, {NODES_MAX} at most, with node_id among them"))
}
