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
    Input, ManagerState, ReplicaId, ReplicaManager,
    runtime::{Codec, Durability, FileStorage, Host, HostConfig},
};
use chinwag_models::{
    application::Application,
    party::Sent,
    scenario::{
        Follower,
        beside::{self, Beside, GRACE, STEP, told},
    },
};
use std::{marker::PhantomData, net::SocketAddr, rc::Rc, time::Duration};

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
    backup: SimDisk,
}

impl Follower for &mut Followers {
    fn begin(&mut self, node: &ReplicaManager) -> Result<(), String> {
        let common = common(node);
        let config = HostConfig {
            node: node.clone(),
            codec: common.codec(false),
            gossip_every: STEP,
            grace: Duration::ZERO,
            durability: common.durability,
            acknowledged_by: common.acknowledged_by,
            // Every message is then the protocol's own, as in the model.
            paced: false,
        };
        let first = Some(u64::from(node.id.0) + 1);
        let host = self.open(&config, SimDisk::default(), first)?;
        self.hosts.push(Member { host, config, backup: SimDisk::default() });
        Ok(())
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
        self.power_losses += 1;
        let Member { host, config, .. } = &mut self.hosts[id.index()];
        let (left, config) =
            (host.storage_mut().file.disk().lose_power(1, || false), config.clone());
        self.hosts[id.index()].host = self.open(&config, left, None)?;
        beside::compare(*self, id, state)
    }

    /// What is synced.
    fn back_up(&mut self, id: ReplicaId) -> Result<(), String> {
        let copy = self.host(id).storage_mut().file.disk().lose_power(1, || false);
        self.hosts[id.index()].backup = copy;
        Ok(())
    }

    fn restore(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String> {
        let Member { config, backup, .. } = &self.hosts[id.index()];
        let (config, copy) = (HostConfig { grace: GRACE, ..config.clone() }, backup.clone());
        self.hosts[id.index()].host = self.open(&config, copy, None)?;
        beside::compare(*self, id, state)
    }

    fn lost(&mut self, id: ReplicaId, input: &Input<Application>) -> Result<(), String> {
        beside::lost(*self, id, input)
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
        let now = self.pass_time();
        let (id, group) = (config.node.id, config.node.group);
        let common = common(&config.node);
        let file =
            FileStorage::on(disk, &common.identity(id, false), first).map_err(told("a disk"))?;
        let storage = SimStorage {
            file: file.with_extent(EXTENT),
            slip: self.slip,
            me: (id, group),
            written: Rc::default(),
            late: None,
            service: PhantomData,
        };
        let host = Host::open(config.clone(), storage, (), now);
        let mut host = host.map_err(told("the start of a host"))?;
        host.commit(now).map_err(told("the journal"))?;
        group.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
        Ok(host)
    }
}

impl Beside for Followers {
    type Storage = SimStorage<Application>;

    fn codec(&self) -> Codec {
        self.hosts[0].config.codec
    }

    fn pass_time(&mut self) -> Duration {
        self.now += STEP;
        self.now
    }

    fn host(&mut self, id: ReplicaId) -> &mut SimHost {
        &mut self.hosts[id.index()].host
    }

    fn carry_in(
        &mut self,
        _: ReplicaId,
        from: usize,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, SocketAddr), String> {
        Ok((bytes, address(from as u16)))
    }

    fn carry_out(
        &mut self,
        _: ReplicaId,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(usize, Vec<u8>), String> {
        self.datagrams += 1;
        Ok(((to.port() - FIRST_PORT).into(), bytes.into()))
    }
}

fn address(place: u16) -> SocketAddr {
    ([10, 0, 0, 1], FIRST_PORT + place).into()
}

/// What all hosts have in common.
fn common(node: &ReplicaManager) -> Common {
    let (group, batch) = (node.group, node.batch);
    let durability = Durability::Fsync;
    let replaced = None;
    Common { group, replaced, durability, acknowledged_by: 1, batch, fragment: 0, slip: None }
}
