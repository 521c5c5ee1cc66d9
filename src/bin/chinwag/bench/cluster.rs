//! A cluster in this process, whose datagrams between replica managers are counted.

use chinwag::{
    Group, ReplicaId, ReplicaManager,
    runtime::{
        Channel, ClientSetup, ClusterId, Codec, Counters, Durability, FileStorage, Host,
        HostConfig, Identity, Sending, Transport, WIRE_VERSION,
        udp::{self, SystemClock, UdpClient, UdpTransport},
    },
    services::RegisterMap,
};
use std::{
    error::Error,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it gossips.
#[derive(Clone, Copy, Debug)]
pub struct Gossiping {
    /// Replica managers.
    pub replicas: u16,
    /// How often each peer is considered.
    pub every: Duration,
    /// After so many updates, too.
    pub batch: u32,
}

/// Datagrams to other replica managers, and their bytes.
#[derive(Debug, Default)]
pub struct Counts {
    pub datagrams: AtomicU64,
    pub bytes: AtomicU64,
}

/// It runs until it is dropped.
pub struct Cluster {
    pub codec: Codec,
    pub addresses: Vec<SocketAddr>,
    pub counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    tell: Vec<Sender<(ReplicaId, SocketAddr)>>,
    running: Vec<JoinHandle<Result<Counters, String>>>,
}

impl Cluster {
    /// Starts it. Nobody knows where his peers are yet.
    pub fn start(gossip: Gossiping, directory: &Path) -> Result<Self, Box<dyn Error>> {
        let group = Group::of(gossip.replicas);
        // All are this very program.
        let codec = Codec::new(ClusterId::of("bench", "kv", group), group).towards(WIRE_VERSION);
        let bind = |_| UdpTransport::bind("127.0.0.1:0");
        let sockets = (0..group.replicas).map(bind).collect::<io::Result<Vec<_>>>()?;
        let addresses = sockets.iter().map(UdpTransport::local_addr).collect::<io::Result<_>>()?;
        let counts = Arc::default();
        let mut cluster = Self {
            codec,
            addresses,
            counts,
            stop: Arc::default(),
            tell: Vec::new(),
            running: Vec::new(),
        };
        for (replica, socket) in group.members().zip(sockets) {
            cluster.run(replica, socket, gossip, directory)?;
        }
        Ok(cluster)
    }

    fn run(
        &mut self,
        replica: ReplicaId,
        socket: UdpTransport,
        gossip: Gossiping,
        directory: &Path,
    ) -> Result<(), Box<dyn Error>> {
        let Codec { cluster, group, .. } = self.codec;
        let mut node = ReplicaManager::new(replica, group);
        node.batch = gossip.batch;
        let config = HostConfig {
            paced: true,
            node,
            codec: self.codec,
            gossip_every: gossip.every,
            // The directory was made a moment ago: nothing can have been lost.
            grace: Duration::ZERO,
            durability: Durability::Fsync,
            acknowledged_by: 1,
        };
        let (name, service) = ("bench".into(), "kv".into());
        let identity = Identity { cluster: name, service, cluster_id: cluster, group, replica };
        let data = directory.join(format!("rm{}", replica.0));
        let storage = FileStorage::open(&data, &identity, true)?;
        let (tell, told) = channel();
        self.tell.push(tell);
        let (stop, counts) = (Arc::clone(&self.stop), Arc::clone(&self.counts));
        let transport = Counted { socket, peers: self.addresses.clone(), counts };
        self.running.push(thread::spawn(move || serve(config, storage, transport, &told, &stop)));
        Ok(())
    }

    /// Tells everyone where the others are.
    pub fn connect(&self) {
        for tell in &self.tell {
            for (peer, address) in self.codec.group.members().zip(&self.addresses) {
                // One that has stopped says why at the end.
                let _ = tell.send((peer, *address));
            }
        }
    }

    /// A client that has seen nothing.
    pub fn client(&self) -> io::Result<UdpClient<RegisterMap>> {
        let setup = ClientSetup {
            front_end: udp::random_front_end()?,
            incarnation: 0,
            codec: self.codec,
            earlier: Vec::new(),
            replicas: self.addresses.iter().copied().map(Some).collect(),
            retry_after: Duration::from_millis(200),
            give_up_after: PATIENCE,
            sending: Sending::default(),
        };
        let transport = udp::client_transport(&self.addresses)?;
        Ok(UdpClient::new(setup, Channel::new(transport, None), SystemClock::default()))
    }

    /// Waits until all hold and reflect the same, and keep no log.
    pub fn settle(&self) -> Result<(), Box<dyn Error>> {
        let (mut client, clock) = (self.client()?, std::time::Instant::now());
        loop {
            let ask = |replica| client.status(replica, PATIENCE);
            let all: Option<Vec<_>> = self.codec.group.members().map(ask).collect();
            let all = all.ok_or("a replica manager does not answer")?;
            if all.iter().all(|one| one.value_ts == all[0].replica_ts && one.log == 0) {
                return Ok(());
            }
            if clock.elapsed() > PATIENCE {
                return Err("the replica managers do not agree in time".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it. Returns what each counted.
    pub fn stop(mut self) -> Result<Vec<Counters>, Box<dyn Error>> {
        self.stop.store(true, Ordering::Relaxed);
        let join = |running: JoinHandle<_>| running.join().map_err(|_| "a replica panicked")?;
        let running = std::mem::take(&mut self.running);
        running.into_iter().map(|one| Ok(join(one)?)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.running.drain(..).for_each(|running| drop(running.join()));
    }
}

fn serve(
    config: HostConfig,
    storage: FileStorage,
    mut transport: Counted,
    told: &Receiver<(ReplicaId, SocketAddr)>,
    stop: &AtomicBool,
) -> Result<Counters, String> {
    let (clock, counters) = (SystemClock::default(), Counters::default());
    let host = Host::<RegisterMap, _, _>::open(config, storage, counters, Duration::ZERO);
    let mut host = host.map_err(|error| error.to_string())?;
    udp::serve(&mut host, &mut transport, &clock, told, stop).map_err(|e| e.to_string())?;
    Ok(host.observer().clone())
}

/// A socket that counts what goes to peers.
struct Counted {
    socket: UdpTransport,
    peers: Vec<SocketAddr>,
    counts: Arc<Counts>,
}

impl Transport for Counted {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        if self.peers.contains(&to) {
            self.counts.datagrams.fetch_add(1, Ordering::Relaxed);
            self.counts.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        self.socket.send(to, bytes)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        self.socket.receive(buffer, wait)
    }
}
