//! The same scenario on hosts with sockets: bytes over UDP on loopback, journal and recovery and all.
//!
//! Each replica manager is a [`Host`] with a socket. What it sends goes to doors, one for each party, that
//! are the scenario's: a datagram comes in at the door of whom it is meant for, and is sent on from the door
//! of whom it is from, when the scenario says so. So a host cannot tell the doors from its peers, and the
//! scenario can still reorder, repeat and lose what it likes. Clients are the model's.

use super::{Follower, command::CLIENTS_MAX};
use crate::{application::Application, party::Sent};
use chinwag::{
    Destination, FrontEndId, Input, ManagerState, Message, ReplicaId, ReplicaManager, Sender,
    Timer,
    runtime::{
        ClusterId, Codec, DATAGRAM_BYTES_MAX, Durability, Host, HostConfig, Input as HostInput,
        MemoryStorage, Output, Packet,
    },
};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// How long a datagram may take on loopback. It is there at once, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// What passes between two steps: more than any interval of the host that no timer of its keeps.
const STEP: Duration = Duration::from_secs(1);

/// Hosts with sockets, that do what the model does.
#[derive(Debug, Default)]
pub struct Live {
    hosts: Vec<Member>,
    /// One for each manager, then one for each client.
    doors: Vec<UdpSocket>,
    now: Duration,
    /// Datagrams that came through a door so far.
    pub datagrams: usize,
}

#[derive(Debug)]
struct Member {
    host: Option<Host<Application, MemoryStorage>>,
    config: HostConfig,
    socket: UdpSocket,
}

impl Follower for &mut Live {
    fn begin(&mut self, node: &ReplicaManager) -> Result<(), String> {
        let config = HostConfig {
            paced: false,
            node: node.clone(),
            codec: Codec { cluster: ClusterId(1), group: node.group },
            gossip_every: Duration::from_secs(1),
            grace: Duration::ZERO,
            durability: Durability::default(),
            acknowledged_by: 1,
        };
        let members = usize::from(node.group.replicas);
        while self.doors.len() < members + CLIENTS_MAX {
            self.doors.push(socket().map_err(told("a door"))?);
        }
        let socket = socket().map_err(told("a host's socket"))?;
        self.hosts.push(Member { host: None, config, socket });
        self.open(node.id, MemoryStorage::default())
    }

    fn step(
        &mut self,
        id: ReplicaId,
        input: &Input<Application>,
        sends: &[Sent],
        state: &ManagerState<Application>,
    ) -> Result<(), String> {
        self.now += STEP;
        let output = match input {
            Input::Message(from, message) => self.arrive(id, *from, message)?,
            Input::Timer(Timer::Gossip { to }) => {
                let (now, host) = (self.now, self.host(id));
                host.gossip(now, *to).map_err(told("gossip"))?;
                host.commit(now).map_err(told("the journal"))?
            }
            Input::Timer(Timer::Retry { .. }) | Input::Request(_) => Output::default(),
        };
        let sent = self.pass(id, &output)?;
        if sent != sends {
            return Err(format!("the host of {id:?} sent {sent:?}, and the model {sends:?}"));
        }
        self.compare(id, state)
    }

    fn restart(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        let host = self.hosts[id.index()].host.take();
        let storage = host.map_or_else(MemoryStorage::default, Host::into_storage);
        self.open(id, storage)?;
        self.compare(id, state)
    }
}

impl Live {
    fn host(&mut self, id: ReplicaId) -> &mut Host<Application, MemoryStorage> {
        self.hosts[id.index()].host.as_mut().expect("a host is there but while it is opened")
    }

    /// Its first words, to ask for what it lacks, are lost: its peers have no address for it yet.
    fn open(&mut self, id: ReplicaId, storage: MemoryStorage) -> Result<(), String> {
        self.now += STEP;
        let config = self.hosts[id.index()].config.clone();
        let host = Host::open(config, storage, (), self.now);
        let mut host = host.map_err(told("the start of a host"))?;
        host.commit(self.now).map_err(told("the journal"))?;
        for peer in 0..host.state().table.len() {
            let door = self.doors[peer].local_addr().map_err(told("a door"))?;
            host.set_peer(ReplicaId(peer as u16), door);
        }
        self.hosts[id.index()].host = Some(host);
        Ok(())
    }

    /// Sends a message on from its sender's door, and lets the host handle it.
    fn arrive(
        &mut self,
        id: ReplicaId,
        from: Sender,
        message: &Message<Application>,
    ) -> Result<Output, String> {
        let member = &mut self.hosts[id.index()];
        let codec = member.config.codec;
        let datagrams = codec.datagrams(from, message).map_err(told("a message"))?;
        let [bytes] = &datagrams[..] else {
            return Err(format!("{message:?} takes {} datagrams", datagrams.len()));
        };
        let door = match from {
            Sender::Replica(id) => id.index(),
            Sender::FrontEnd(id) => usize::from(codec.group.replicas) + id.0 as usize,
        };
        let host = member.socket.local_addr().map_err(told("a host's socket"))?;
        self.doors[door].send_to(bytes, host).map_err(told("a door"))?;
        let (bytes, from) = receive(&member.socket).map_err(told("a host's socket"))?;
        let (now, host) = (self.now, self.host(id));
        let input = HostInput::Datagram { from, bytes: &bytes };
        host.take(now, input).map_err(told("a datagram"))?;
        host.commit(now).map_err(told("the journal"))
    }

    /// Lets a host's datagrams go, and takes each in at its door.
    fn pass(&mut self, id: ReplicaId, output: &Output) -> Result<Vec<Sent>, String> {
        let Member { config, socket, .. } = &self.hosts[id.index()];
        let members = usize::from(config.codec.group.replicas);
        let mut sent = Vec::new();
        for (to, bytes) in &output.datagrams {
            socket.send_to(bytes, to).map_err(told("a host's socket"))?;
            let at = |door: &UdpSocket| door.local_addr().is_ok_and(|at| at == *to);
            let door = self.doors.iter().position(at).ok_or(format!("{to} is no door"))?;
            let (bytes, _) = receive(&self.doors[door]).map_err(told("a door"))?;
            let decoded = config.codec.decode(&bytes).map_err(told("a datagram"))?;
            let (from, Packet::Message(message)) = decoded else {
                return Err(format!("{id:?} sent what is no message of the protocol: {decoded:?}"));
            };
            if from != Sender::Replica(id) {
                return Err(format!("{id:?} speaks as {from:?}"));
            }
            let to = match door.checked_sub(members) {
                None => Destination::Replica(ReplicaId(door as u16)),
                Some(client) => Destination::FrontEnd(FrontEndId(client as u64)),
            };
            sent.push((to, message));
            self.datagrams += 1;
        }
        Ok(sent)
    }

    fn compare(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        match self.host(id).state() {
            same if same == state => Ok(()),
            other => Err(format!("{id:?} is {other:?}, and in the model {state:?}")),
        }
    }
}

fn socket() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn receive(socket: &UdpSocket) -> io::Result<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX + 1];
    let (length, from) = socket.recv_from(&mut buffer)?;
    buffer.truncate(length);
    Ok((buffer, from))
}

fn told<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
