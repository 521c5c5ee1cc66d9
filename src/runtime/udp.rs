//! The loop of a replica manager, sessions, and the system clock, which no other file has.

pub use super::resolve::{RESOLVE_EVERY, lookup, resolve};
pub use super::socket::{SEND_WAIT, SOCKET_BUFFER_BYTES, UdpTransport};
use super::{
    BATCH_INPUTS_MAX, Channel, Client, ClientSetup, Clock, Config, DATAGRAM_BYTES_MAX, DropReason,
    Host, HostConfig, HostError, Input, KeyRing, KeyUse, Observer, Party, ReplicaConfig, Sealer,
    Storage, Transport,
};
use crate::{FrontEndId, ReplicaId, ReplicaManager, Service, Timestamp};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    ops::Range,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Receiver,
    },
    thread,
    time::{Duration, Instant},
};

/// How long a loop waits at most before it looks whether it should stop.
pub const STOP_POLL: Duration = Duration::from_millis(50);

/// How long a replica manager takes no updates after its start: some round trips on any network.
pub const START_GRACE: Duration = Duration::from_millis(300);

/// How many errors of the socket in a row, with no datagram and no empty wait between them, are taken for
/// passing ones: a second of them.
pub const RECEIVE_FAILURES_MAX: u32 = 100;

/// How long to wait after each.
pub const RECEIVE_PAUSE: Duration = Duration::from_millis(10);

/// How long a [`session`] waits for an answer in all.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Time since it was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Why a replica manager stopped serving.
#[derive(Debug)]
pub enum ServeError {
    /// The node cannot go on.
    Host(HostError),
    /// The socket cannot.
    Socket(io::Error),
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Socket(error) => write!(f, "the socket failed: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<HostError> for ServeError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// The host of the replica that a configuration describes.
///
/// Every peer's address must be set, or resolved while serving: see [`resolve`].
pub fn open<S: Service, D: Storage, O: Observer<S>>(
    config: &Config,
    storage: D,
    observer: O,
    clock: &impl Clock,
) -> Result<Host<S, D, O>, HostError> {
    let replica = config.replica.as_ref().expect("the caller read a replica's configuration");
    let node = manager(config, replica);
    let gossip_every = Duration::from_millis(replica.gossip_interval_ms);
    let grace = if config.replicas.len() == 1 { Duration::ZERO } else { START_GRACE };
    let (durability, acknowledged_by) = replica.durability.of();
    let codec = config.codec();
    let paced = true;
    let host = HostConfig { node, codec, gossip_every, grace, durability, acknowledged_by, paced };
    let mut host = Host::open(host, storage, observer, clock.now())?;
    host.set_unknown_past(replica.unknown_past);
    host.set_earlier(config.earlier_codecs());
    Ok(host)
}

/// The replica manager that a configuration describes.
pub fn manager(config: &Config, replica: &ReplicaConfig) -> ReplicaManager {
    let mut node = ReplicaManager::new(ReplicaId(replica.id), config.group());
    node.batch = replica.gossip_batch;
    if replica.durability.acknowledged_by > 1 {
        // A reply waits for what peers say of the update, so they had better hear of it.
        node.batch = 1;
    }
    node
}

/// Serves until `stop`, then returns with everything durable that was ever sent.
///
/// What has piled up while the disk worked is handled at once, and shares one append.
pub fn serve<S: Service, D: Storage, O: Observer<S>>(
    host: &mut Host<S, D, O>,
    transport: &mut impl Transport,
    clock: &impl Clock,
    addresses: &Receiver<(ReplicaId, SocketAddr)>,
    stop: &AtomicBool,
) -> Result<(), ServeError> {
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    let (mut wake_at, mut failures) = (clock.now(), 0);
    while !stop.load(Ordering::Relaxed) {
        let mut wait = wake_at.saturating_sub(clock.now()).min(STOP_POLL);
        for _ in 0..BATCH_INPUTS_MAX {
            let received = transport.receive(&mut buffer, wait);
            failures = if received.is_ok() { 0 } else { failures + 1 };
            let (length, from) = match received {
                Ok(Some(received)) => received,
                Ok(None) => break,
                Err(error) if failures > RECEIVE_FAILURES_MAX => Err(ServeError::Socket(error))?,
                Err(_) => {
                    host.note(DropReason::NotReceived);
                    thread::sleep(RECEIVE_PAUSE);
                    break;
                }
            };
            let bytes = &buffer[..length];
            host.take(clock.now(), Input::Datagram { from, bytes })?;
            wait = Duration::ZERO;
        }
        // Before anything is sent, and after a wait in which some may have become known.
        addresses.try_iter().for_each(|(peer, address)| host.set_peer(peer, address));
        host.set_refused(transport.refused());
        host.take(clock.now(), Input::Tick)?;
        let output = host.commit(clock.now())?;
        for (to, bytes) in &output.datagrams {
            // An error loses this datagram; the protocol repeats what matters.
            if transport.send(*to, bytes).is_err() {
                host.note(DropReason::NotSent);
            }
        }
        wake_at = output.wake_at;
    }
    host.sync()?;
    Ok(())
}

/// Where [`free_addresses`] looks. Systems give out higher ports by themselves (Linux: from 32,768): one of
/// those might go to a client's socket before the replica is there that it was meant for.
const FREE_PORTS: Range<u16> = 10_000..32_000;

/// Addresses on loopback that were free a moment ago.
pub fn free_addresses(count: u16) -> io::Result<Vec<SocketAddr>> {
    let first = getrandom::u32().map_err(io::Error::other)? as usize % FREE_PORTS.len();
    let ports = FREE_PORTS.cycle().skip(first).take(FREE_PORTS.len());
    // All are held until the last is there, so that none comes twice.
    let sockets: Vec<_> = ports
        .filter_map(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .take(count.into())
        .collect();
    match sockets.len() == usize::from(count) {
        true => sockets.iter().map(UdpSocket::local_addr).collect(),
        false => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// A name that no other front end has.
pub fn random_front_end() -> io::Result<FrontEndId> {
    getrandom::u64().map(FrontEndId).map_err(io::Error::other)
}

/// A socket at a port of its own that reaches all of these.
pub fn client_transport<'a>(
    addresses: impl IntoIterator<Item = &'a SocketAddr>,
) -> io::Result<UdpTransport> {
    match addresses.into_iter().all(SocketAddr::is_ipv4) {
        true => UdpTransport::bind((Ipv4Addr::UNSPECIFIED, 0)),
        false => UdpTransport::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// The socket of a replica, whose datagrams are sealed if the configuration names keys.
///
/// Errors name the setting: no such address, not free, not on loopback although there are no keys, or keys
/// that cannot be read.
pub fn listen(config: &Config, replica: &ReplicaConfig) -> io::Result<Channel<UdpTransport>> {
    let name = replica.listen.as_ref().unwrap_or(&config.replicas[usize::from(replica.id)]);
    let problem = |why: String| io::Error::other(format!("replica.listen: {why}"));
    let address = lookup(name).ok_or_else(|| problem(format!("{name:?} has no address here")))?;
    if !address.ip().is_loopback() && config.keys.is_none() {
        return Err(problem(format!(
            "{address}: without keys, anyone who can send to it would be believed. Make a key ring with \
             `chinwag keygen FILE` and name it by `keys = \"FILE\"`, or listen on loopback"
        )));
    }
    let transport =
        UdpTransport::bind(address).map_err(|error| problem(format!("{address}: {error}")))?;
    sealed(config, Party::Replica, transport)
        .map_err(|error| io::Error::other(format!("keys: {error}")))
}

/// A transport whose datagrams are sealed with the configuration's keys, if it names any.
///
/// Errors: the key ring cannot be read, or lacks a key that this party needs.
pub fn sealed<T: Transport>(config: &Config, party: Party, inner: T) -> io::Result<Channel<T>> {
    let Some(path) = &config.keys else { return Ok(Channel::new(inner, None)) };
    let ring = KeyRing::read(path).map_err(io::Error::other)?;
    let needed: &[KeyUse] = match party {
        Party::Replica => &[KeyUse::Peer, KeyUse::Client],
        Party::Client => &[KeyUse::Client],
    };
    if let Some(used_by) = needed.iter().find(|used_by| ring.primary(**used_by).is_none()) {
        let path = path.display();
        let why = format!("{path}: no {used_by} key; `chinwag keys add` makes one");
        return Err(io::Error::other(why));
    }
    let mut random = [0; 40];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let sealer = Sealer::new(party, config.codec().cluster, ring, random);
    Ok(Channel::new(inner, Some(sealer)))
}

/// A client over UDP.
pub type UdpClient<S> = Client<S, Channel<UdpTransport>, SystemClock>;

/// A front end's name, and an incarnation higher than any that was ever used under it.
pub type Name = (FrontEndId, u32);

/// A new session of this cluster's clients, as the configuration file at this path describes it. It gives
/// up a request after [`GIVE_UP_AFTER`].
pub fn session<S: Service>(config: impl AsRef<Path>) -> io::Result<UdpClient<S>> {
    let config = Config::read(config.as_ref()).map_err(io::Error::other)?;
    connect(&config, (random_front_end()?, 0), config.group().zero(), GIVE_UP_AFTER)
}

/// A client of this cluster under this front end, that has seen `seen`.
pub fn connect<S: Service>(
    config: &Config,
    name: Name,
    seen: Timestamp,
    give_up_after: Duration,
) -> io::Result<UdpClient<S>> {
    let replicas = config.replicas.iter().map(|name| lookup(name)).collect();
    let setup = client_setup(config, name, replicas, give_up_after)?;
    let transport = client_transport(setup.replicas.iter().flatten())?;
    let transport = sealed(config, Party::Client, transport)?;
    Ok(Client::continuing(setup, seen, transport, SystemClock::default()))
}

/// What a client of this cluster is told, if its datagrams are safe on their way to these addresses.
pub(super) fn client_setup(
    config: &Config,
    (front_end, incarnation): Name,
    replicas: Vec<Option<SocketAddr>>,
    give_up_after: Duration,
) -> io::Result<ClientSetup> {
    let group = config.group();
    let found = replicas.into_iter().zip(group.places());
    let replicas: Vec<_> =
        found.map(|(address, place)| address.filter(|_| group.is_member(place))).collect();
    let outside = replicas.iter().flatten().find(|address| !address.ip().is_loopback());
    if let (Some(address), None) = (outside, &config.keys) {
        return Err(io::Error::other(format!(
            "{address} is not on loopback, and there is no key ring: anyone on the way could answer. Name \
             one by `keys` in the configuration, or by --keys"
        )));
    }
    let (codec, retry_after) = (config.codec(), config.retry_after());
    let sending = config.client.sending();
    let earlier = config.earlier_codecs();
    Ok(ClientSetup {
        front_end,
        incarnation,
        codec,
        earlier,
        replicas,
        retry_after,
        give_up_after,
        sending,
    })
}
