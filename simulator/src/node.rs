//! A replica manager of a run: the deployed host, its disk, its clock, and what waits to be handled.

use crate::{
    disk::{SimDisk, SimStorage, Written},
    slips::{ClientSlip, HostSlip, Slip},
};
use chinwag::{
    Destination, Group, Message, ReplicaId, ReplicaManager, Sender, Service,
    runtime::{
        ClusterId, Codec, DropReason, Durability, FileStorage, Host, HostConfig, HostError,
        Identity, Observer, Recorder, StorageError, TraceHeader, WIRE_VERSION, replacement,
        udp::START_GRACE,
    },
};
use chinwag_models::trace::MODELS_SERVICE;
use std::{
    cell::RefCell, collections::VecDeque, marker::PhantomData, net::SocketAddr, path::PathBuf,
    rc::Rc, time::Duration,
};

/// The journal grows by so much at a time: little, so that its end is met often.
pub const EXTENT: usize = 2_048;

/// Datagrams that wait for a node: what comes beyond is lost, as it is in a socket's buffer.
pub const INBOX_MAX: usize = 256;

/// What a host did, since it was last looked at.
#[derive(Debug)]
pub struct Notes<S: Service> {
    /// Messages that its handlers took.
    pub received: Vec<(Sender, Message<S>)>,
    /// Messages that it released.
    pub sent: Vec<(Destination, Message<S>)>,
    /// Datagrams that it dropped as unreadable.
    pub unreadable: u64,
}

impl<S: Service> Default for Notes<S> {
    fn default() -> Self {
        Self { received: Vec::new(), sent: Vec::new(), unreadable: 0 }
    }
}

/// Sees what a host does.
#[derive(Clone, Debug)]
pub struct Watch<S: Service>(pub Rc<RefCell<Notes<S>>>);

impl<S: Service> Observer<S> for Watch<S> {
    fn received(&mut self, from: Sender, message: &Message<S>) {
        self.0.borrow_mut().received.push((from, message.clone()));
    }

    fn dropped(&mut self, why: DropReason) {
        if let DropReason::Undecodable(_) = why {
            self.0.borrow_mut().unreadable += 1;
        }
    }

    fn sent(&mut self, to: Destination, message: &Message<S>, _datagrams: usize) {
        self.0.borrow_mut().sent.push((to, message.clone()));
    }
}

/// A host of a run.
pub type SimHost<S> = Host<S, SimStorage<S>, (Watch<S>, Option<Recorder>)>;

/// What all hosts of a run are told.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// Who is in the cluster at first.
    pub group: Group,
    /// Who is replaced, if anybody is.
    pub replaced: Option<ReplicaId>,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// How many hold an update before its client is told.
    pub acknowledged_by: u16,
    /// Gossip also after so many updates.
    pub batch: u32,
    /// Records in a datagram of gossip at most; as many as fit if zero.
    pub fragment: usize,
    /// A seeded bug.
    pub slip: Option<Slip>,
}

impl Common {
    /// Who is in the cluster, by a configuration that says who was replaced, or by one that does not. Of the
    /// first, the places are all that there ever are.
    pub fn group(&self, after: bool) -> Group {
        let old = self.replaced.filter(|_| after);
        old.and_then(|old| self.group.replacing(old)).unwrap_or(self.group)
    }

    /// A seeded bug of clients' drivers.
    pub fn client_slip(&self) -> Option<ClientSlip> {
        if let Some(Slip::Client(slip)) = self.slip { Some(slip) } else { None }
    }

    /// How datagrams look, by such a configuration.
    pub fn codec(&self, after: bool) -> Codec {
        let group = self.group(after);
        let codec = Codec::new(ClusterId::of("simulated", "any", group), group);
        if self.fragment == 0 { codec } else { codec.cutting(self.fragment) }
    }

    /// What the directory of a replica manager says of itself.
    pub fn identity(&self, replica: ReplicaId, after: bool) -> Identity {
        let (cluster, service) = ("simulated".to_owned(), "any".to_owned());
        let (cluster_id, group) = (self.codec(after).cluster, self.group(after));
        Identity { cluster, service, cluster_id, group, replica }
    }

    fn manager(&self, id: ReplicaId, after: bool) -> ReplicaManager {
        let mut node = ReplicaManager::new(id, self.group(after));
        node.batch = if self.acknowledged_by > 1 { 1 } else { self.batch };
        if let Some(Slip::Rules(mutant)) = self.slip {
            node = node.with_rules(mutant.rules);
        }
        node
    }

    fn config(&self, id: ReplicaId, speaks: u8, after: bool) -> HostConfig {
        let node = self.manager(id, after);
        let alone = self.group.replicas == 1;
        let careless = matches!(self.slip, Some(Slip::Host(HostSlip::NoGrace)));
        HostConfig {
            node,
            codec: self.codec(after).speaking(speaks),
            gossip_every: Duration::from_millis(100),
            grace: if alone || careless { Duration::ZERO } else { START_GRACE },
            durability: self.durability,
            acknowledged_by: self.acknowledged_by,
            paced: true,
        }
    }
}

/// Why a replica manager that is up is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// Another disk was put in place of its own.
    Swapped,
    /// Its disk lied, and lost what was told of.
    LiedTo,
}

/// A replica manager of a run.
pub struct Node<S: Service> {
    /// Which one.
    pub id: ReplicaId,
    /// The host, while it is up.
    pub host: Option<SimHost<S>>,
    /// The disk, while it is down.
    pub disk: Option<SimDisk>,
    /// The right disk, while another one is in its place.
    pub own_disk: Option<SimDisk>,
    /// A copy that was put away.
    pub backup: Option<SimDisk>,
    /// What the host did.
    pub notes: Rc<RefCell<Notes<S>>>,
    /// Where each start records its steps, if that is wanted.
    pub record: Option<PathBuf>,
    /// What it wrote.
    pub written: Written<S>,
    /// Datagrams that wait.
    pub inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    /// It is to be refused when it next hears what its peers know.
    pub suspect: Option<Suspect>,
    /// When the next step is due, by the run's clock; none if no event stands for it.
    pub due: Option<u64>,
    /// Does nothing before that.
    pub idle_until: u64,
    /// Each step takes so long, until then.
    pub slow: (u64, u64),
    /// A power loss or failed sync was ordered: that it stops is no surprise.
    pub may_stop: bool,
    /// How long it will be down.
    pub down_ms: u64,
    /// Power is lost at this step of the disk after its next start.
    pub start_fails: Option<u64>,
    /// The version of the wire that its program speaks.
    pub speaks: u8,
    /// It has been up before.
    pub was_up: bool,
    /// It is none of the cluster: not yet, or not any more.
    pub absent: bool,
    /// Its configuration says who was replaced.
    pub knows: bool,
    /// It is a newcomer, and waits for its copy.
    pub waits: bool,
    clock: Clock,
}

/// A node's own clock: so much at a moment of the run, and how fast it runs.
#[derive(Clone, Copy, Debug)]
struct Clock {
    at: u64,
    shows: u64,
    permille: u64,
}

impl<S: Service> Node<S> {
    /// One that has never started, with an empty disk. Its starts record to this directory, if there is one.
    pub fn new(id: ReplicaId, record: Option<PathBuf>) -> Self {
        Self {
            id,
            host: None,
            disk: None,
            own_disk: None,
            backup: None,
            notes: Rc::default(),
            record,
            written: Rc::default(),
            inbox: VecDeque::new(),
            suspect: None,
            due: None,
            idle_until: 0,
            slow: (0, 0),
            may_stop: false,
            down_ms: 0,
            start_fails: None,
            speaks: WIRE_VERSION,
            was_up: false,
            absent: false,
            knows: false,
            waits: false,
            clock: Clock { at: 0, shows: 0, permille: 1_000 },
        }
    }

    /// Opens the host on this disk, as the program would; `first` at the first start only.
    pub fn open(
        &mut self,
        common: &Common,
        (disk, first): (SimDisk, Option<u64>),
        now: u64,
        address: impl Fn(ReplicaId) -> SocketAddr,
    ) -> Result<(), HostError> {
        self.notes = Rc::default();
        self.written = Rc::default();
        self.inbox.clear();
        (self.due, self.slow) = (None, (0, 0));
        self.may_stop = disk.disk.fails_at.is_some();
        // A process starts with a clock of its own.
        self.clock = Clock { at: now, shows: 0, permille: self.clock.permille };
        let disk = if first.is_none() { self.record_replacement(common, disk)? } else { disk };
        let identity = common.identity(self.id, self.knows);
        let file = FileStorage::on(disk, &identity, first)?.with_extent(EXTENT);
        let slip = if let Some(Slip::Storage(slip)) = common.slip { Some(slip) } else { None };
        let storage = SimStorage {
            file,
            slip,
            me: (self.id, common.group(self.knows)),
            written: Rc::clone(&self.written),
            late: None,
            service: PhantomData,
        };
        let watch = Watch(Rc::clone(&self.notes));
        let config = common.config(self.id, self.speaks, self.knows);
        let group = config.node.group;
        let observer = (watch, self.recorder(&config)?);
        let mut host = Host::open(config, storage, observer, self.time(now))?;
        group.members().for_each(|peer| host.set_peer(peer, address(peer)));
        if self.knows {
            host.set_earlier(vec![common.codec(false)]);
        }
        self.waits = host.has_no_copy();
        self.host = Some(host);
        Ok(())
    }

    /// As the program does at each start.
    fn record_replacement(&self, common: &Common, disk: SimDisk) -> Result<SimDisk, HostError> {
        let earlier = common.identity(self.id, false);
        let look = || FileStorage::on(SimDisk { left: None, ..disk.clone() }, &earlier, None);
        let is_earlier = self.knows && look().is_ok();
        if !is_earlier {
            return Ok(disk);
        }
        let (node, next) = (common.manager(self.id, false), common.identity(self.id, true));
        let storage = FileStorage::on(disk, &earlier, None)?.with_extent(EXTENT);
        replacement::record_in::<S, _>(storage, &node, &next)
    }

    /// Has a newcomer that waited for its copy got it by now?
    pub fn got_copy(&self) -> bool {
        self.waits && self.host.as_ref().is_some_and(|host| !host.has_no_copy())
    }

    fn recorder(&self, config: &HostConfig) -> Result<Option<Recorder>, HostError> {
        let Some(directory) = &self.record else { return Ok(None) };
        let header = TraceHeader::of(&config.node, config.codec.cluster, MODELS_SERVICE);
        let recorder = Recorder::create(directory, &header).map_err(|error| {
            let (doing, path) = ("record to", directory.clone());
            StorageError::Io { doing, path, error }
        });
        Ok(Some(recorder?))
    }

    /// Says in its recording that it ends here, in good order.
    pub fn finish(&mut self) {
        if let Some(recorder) = self.host.as_mut().and_then(|host| host.observer_mut().1.as_mut()) {
            let _ = recorder.finish(); // If something is missing, the file says so.
        }
    }

    /// What its clock shows.
    pub fn time(&self, now: u64) -> Duration {
        let Clock { at, shows, permille } = self.clock;
        Duration::from_micros(shows + (now - at) * permille / 1_000)
    }

    /// When its clock will show that, by the run's.
    pub fn moment(&self, now: u64, time: Duration) -> u64 {
        let wait = time.saturating_sub(self.time(now)).as_micros() as u64;
        now + (wait * 1_000).div_ceil(self.clock.permille)
    }

    /// The clock jumps forward.
    pub fn jump(&mut self, now: u64, micros: u64) {
        let shows = self.time(now).as_micros() as u64 + micros;
        self.clock = Clock { at: now, shows, ..self.clock };
    }

    /// The clock runs at another speed.
    pub fn drift(&mut self, now: u64, permille: u64) {
        self.jump(now, 0);
        self.clock.permille = permille;
    }

    /// The disk of a host that is up.
    pub fn disk(&mut self) -> Option<&mut SimDisk> {
        self.host.as_mut().map(|host| host.storage_mut().file.disk())
    }
}
