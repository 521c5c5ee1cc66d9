//! The same scenario on hosts with sockets: bytes over UDP on loopback, journal and recovery and all.
//!
//! Each replica manager is a [`Host`] with a socket. What it sends goes to doors, one for each party, that
//! are the scenario's: a datagram comes in at the door of whom it is meant for, and is sent on from the door
//! of whom it is from, when the scenario says so. So a host cannot tell the doors from its peers, and the
//! scenario can still reorder, repeat and lose what it likes. Clients are the model's.

use super::{
    Follower,
    beside::{self, Beside, GRACE, STEP, told},
    command::CLIENTS_MAX,
};
use crate::{application::Application, party::Sent};
use chinwag::{
    Input, ManagerState, ReplicaId, ReplicaManager,
    runtime::{
        ClusterId, Codec, DATAGRAM_BYTES_MAX, Durability, Host, HostConfig, MemoryStorage,
        WIRE_VERSION,
    },
};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// How long a datagram may take on loopback. It is there at once, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(20);

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
    backup: MemoryStorage,
}

impl Follower for &mut Live {
    fn begin(&mut self, node: &ReplicaManager) -> Result<(), String> {
        let config = HostConfig {
            paced: false,
            node: node.clone(),
            // All are this very program. (`simulator/src/follow.rs` has the version before.)
            codec: Codec::new(ClusterId(1), node.group).towards(WIRE_VERSION),
            gossip_every: STEP,
            grace: Duration::ZERO,
            durability: Durability::default(),
            acknowledged_by: 1,
        };
        let members = usize::from(node.group.replicas);
        while self.doors.len() < members + CLIENTS_MAX {
            self.doors.push(socket().map_err(told("a door"))?);
        }
        let socket = socket().map_err(told("a host's socket"))?;
        let backup = MemoryStorage::default();
        self.hosts.push(Member { host: None, config, socket, backup });
        self.open(node.id, MemoryStorage::default(), Duration::ZERO)
    }

    fn step(
        &mut self,
        id: ReplicaId,
        input: &Input<Application>,
        sends: &[Sent],
        state: &ManagerState<Application>,
    ) -> Result<(), String> {
        beside::step(*self, id, input, sends, state)
    }

    fn restart(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        let host = self.hosts[id.index()].host.take();
        let storage = host.map_or_else(MemoryStorage::default, Host::into_storage);
        self.open(id, storage, Duration::ZERO)?;
        beside::compare(*self, id, state)
    }

    fn back_up(&mut self, id: ReplicaId) -> Result<(), String> {
        self.hosts[id.index()].backup = self.host(id).storage_mut().clone();
        Ok(())
    }

    fn restore(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        let storage = self.hosts[id.index()].backup.clone();
        self.open(id, storage, GRACE)?;
        beside::compare(*self, id, state)
    }

    fn lost(&mut self, id: ReplicaId, input: &Input<Application>) -> Result<(), String> {
        beside::lost(*self, id, input)
    }
}

impl Live {
    /// Its first words, to ask for what it lacks, are lost: its peers have no address for it yet.
    fn open(
        &mut self,
        id: ReplicaId,
        storage: MemoryStorage,
        grace: Duration,
    ) -> Result<(), String> {
        let now = self.pass_time();
        let config = HostConfig { grace, ..self.hosts[id.index()].config.clone() };
        let host = Host::open(config, storage, (), now);
        let mut host = host.map_err(told("the start of a host"))?;
        host.commit(now).map_err(told("the journal"))?;
        for peer in 0..host.state().table.len() {
            let door = self.doors[peer].local_addr().map_err(told("a door"))?;
            host.set_peer(ReplicaId(peer as u16), door);
        }
        self.hosts[id.index()].host = Some(host);
        Ok(())
    }
}

impl Beside for Live {
    type Storage = MemoryStorage;

    fn codec(&self) -> Codec {
        self.hosts[0].config.codec
    }

    fn pass_time(&mut self) -> Duration {
        self.now += STEP;
        self.now
    }

    fn host(&mut self, id: ReplicaId) -> &mut Host<Application, MemoryStorage> {
        self.hosts[id.index()].host.as_mut().expect("a host is there but while it is opened")
    }

    /// From its sender's door.
    fn carry_in(
        &mut self,
        to: ReplicaId,
        from: usize,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, SocketAddr), String> {
        let socket = &self.hosts[to.index()].socket;
        let host = socket.local_addr().map_err(told("a host's socket"))?;
        self.doors[from].send_to(&bytes, host).map_err(told("a door"))?;
        receive(socket).map_err(told("a host's socket"))
    }

    /// To its receiver's door.
    fn carry_out(
        &mut self,
        from: ReplicaId,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(usize, Vec<u8>), String> {
        let socket = &self.hosts[from.index()].socket;
        socket.send_to(bytes, to).map_err(told("a host's socket"))?;
        let at = |door: &UdpSocket| door.local_addr().is_ok_and(|at| at == to);
        let door = self.doors.iter().position(at).ok_or(format!("{to} is no door"))?;
        self.datagrams += 1;
        let (bytes, _) = receive(&self.doors[door]).map_err(told("a door"))?;
        Ok((door, bytes))
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
