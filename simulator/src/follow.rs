//! A scenario of `tests/scenarios` on simulated hosts: the deployed host, journal and wire on a simulated
//! disk, beside the model. `chinwag_models::scenario` has the language, and the same over UDP (`Live`).
//!
//! The scenario is the network: each message comes as the bytes of its datagram when it says so. A crash is
//! power loss: of what was not synced, nothing survives.

use crate::{
    disk::{SimDisk, SimStorage},
    node::{Common, EXTENT},
    slips::StorageSlip,
};
use chinwag::{
    Destination, FrontEndId, Input, ManagerState, Message, ReplicaId, ReplicaManager, Sender,
    Timer,
    runtime::{Durability, FileStorage, Host, HostConfig, Input as HostInput, Output, Packet},
};
use chinwag_models::{application::Application, party::Sent, scenario::Follower};
use std::{marker::PhantomData, net::SocketAddr, rc::Rc, time::Duration};

/// What passes between two steps: more than any interval of the host that no timer of its keeps.
const STEP: Duration = Duration::from_secs(1);

/// Ports of replica managers begin here, and those of clients after them.
const FIRST_PORT: u16 = 4_000;

type SimHost = Host<Application, SimStorage<Application>>;

/// Simulated hosts that do what the model does.
#[derive(Debug, Default)]
pub struct Followers {
    hosts: Vec<Member>,
    now: Duration,
    slip: Option<StorageSlip>,
    /// Datagrams that hosts sent so far.
    pub datagrams: usize,
    /// How often power was lost.
    pub power_losses: usize,
}

#[derive(Debug)]
struct Member {
    host: SimHost,
    config: HostConfig,
}

impl Follower for &mut Followers {
    fn begin(&mut self, node: &ReplicaManager) -> Result<(), String> {
        let common = Common {
            group: node.group,
            durability: Durability::Fsync,
            acknowledged_by: 1,
            batch: node.batch,
            slip: None,
        };
        let config = HostConfig {
            node: node.clone(),
            codec: common.codec(),
            gossip_every: STEP,
            grace: Duration::ZERO,
            durability: common.durability,
            acknowledged_by: common.acknowledged_by,
            // Every message is then the protocol's own, as in the model.
            paced: false,
        };
        let first = Some(u64::from(node.id.0) + 1);
        let host = self.open(&config, SimDisk::default(), first)?;
        self.hosts.push(Member { host, config });
        Ok(())
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
                let (now, host) = (self.now, &mut self.hosts[id.index()].host);
                host.gossip(now, *to).map_err(told("gossip"))?;
                host.commit(now).map_err(told("the journal"))?
            }
            Input::Timer(Timer::Retry { .. }) | Input::Request(_) => Output::default(),
        };
        let sent = self.read(id, &output)?;
        if sent != sends {
            return Err(format!("the host of {id:?} sent {sent:?}, and the model {sends:?}"));
        }
        self.compare(id, state)
    }

    fn restart(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        self.power_losses += 1;
        let Member { host, config } = &mut self.hosts[id.index()];
        let (left, config) =
            (host.storage_mut().file.disk().lose_power(1, || false), config.clone());
        self.hosts[id.index()].host = self.open(&config, left, None)?;
        self.compare(id, state)
    }
}

impl Followers {
    /// With a seeded bug.
    pub fn with_slip(slip: StorageSlip) -> Self {
        Self { slip: Some(slip), ..Self::default() }
    }

    /// Its first words, to ask for what it lacks, are lost: its peers have no address for it yet.
    fn open(
        &mut self,
        config: &HostConfig,
        disk: SimDisk,
        first: Option<u64>,
    ) -> Result<SimHost, String> {
        self.now += STEP;
        let (id, group) = (config.node.id, config.node.group);
        let common = Common {
            group,
            durability: config.durability,
            acknowledged_by: config.acknowledged_by,
            batch: config.node.batch,
            slip: None,
        };
        let file = FileStorage::on(disk, &common.identity(id), first).map_err(told("a disk"))?;
        let storage = SimStorage {
            file: file.with_extent(EXTENT),
            slip: self.slip,
            me: (id, group),
            written: Rc::default(),
            late: None,
            service: PhantomData,
        };
        let host = Host::open(config.clone(), storage, (), self.now);
        let mut host = host.map_err(told("the start of a host"))?;
        host.commit(self.now).map_err(told("the journal"))?;
        group.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
        Ok(host)
    }

    /// The bytes of a message come in.
    fn arrive(
        &mut self,
        id: ReplicaId,
        from: Sender,
        message: &Message<Application>,
    ) -> Result<Output, String> {
        let Member { host, config } = &mut self.hosts[id.index()];
        let datagrams = config.codec.datagrams(from, message).map_err(told("a message"))?;
        let [bytes] = &datagrams[..] else {
            return Err(format!("{message:?} takes {} datagrams", datagrams.len()));
        };
        let from = match from {
            Sender::Replica(ReplicaId(id)) => address(id),
            Sender::FrontEnd(FrontEndId(id)) => address(config.codec.group.replicas + id as u16),
        };
        host.take(self.now, HostInput::Datagram { from, bytes }).map_err(told("a datagram"))?;
        host.commit(self.now).map_err(told("the journal"))
    }

    /// The messages in what a host sends.
    fn read(&mut self, id: ReplicaId, output: &Output) -> Result<Vec<Sent>, String> {
        let codec = self.hosts[id.index()].config.codec;
        self.datagrams += output.datagrams.len();
        let read = |(to, bytes): &(SocketAddr, Vec<u8>)| {
            let (from, packet) = codec.decode(bytes).map_err(told("a datagram"))?;
            let Packet::Message(message) = packet else {
                return Err(format!("{id:?} sent what is no message of the protocol: {packet:?}"));
            };
            if from != Sender::Replica(id) {
                return Err(format!("{id:?} speaks as {from:?}"));
            }
            let place = to.port() - FIRST_PORT;
            let to = match place.checked_sub(codec.group.replicas) {
                None => Destination::Replica(ReplicaId(place)),
                Some(client) => Destination::FrontEnd(FrontEndId(client.into())),
            };
            Ok((to, message))
        };
        output.datagrams.iter().map(read).collect()
    }

    fn compare(&self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        match self.hosts[id.index()].host.state() {
            same if same == state => Ok(()),
            other => Err(format!("{id:?} is {other:?}, and in the model {state:?}")),
        }
    }
}

fn address(place: u16) -> SocketAddr {
    ([10, 0, 0, 1], FIRST_PORT + place).into()
}

fn told<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
