//! The events of a run in the order of virtual time: datagrams, steps of hosts, clients, faults.

use crate::{
    disk::SimDisk,
    fault::{Fault, Kind},
    judge::{Caller, Judge, Moment, ReadBack, Step},
    network::{Network, Place},
    node::{Common, INBOX_MAX, Node, Suspect},
    random::Random,
    run::{Counts, End},
    scenario::{Scenario, Setting},
    slips::{DiskSlip, HostSlip, Slip},
};
use chinwag::{
    Destination, FrontEndId, Group, Input as NodeInput, Message, ReplicaId, Sender, Timer,
    runtime::{
        AnswerPart, BATCH_INPUTS_MAX, Codec, Durability, HostError, Input, Level, Packet,
        StorageError, WIRE_VERSION, WIRE_VERSION_BEFORE,
    },
};
use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

pub mod clients;
pub mod faults;
pub mod power;

/// Something that is to happen.
enum Event {
    /// A datagram arrives at an address.
    Datagram { to: SocketAddr, from: SocketAddr, bytes: Vec<u8> },
    /// A replica manager takes what has come, and looks at its timers.
    Step(ReplicaId),
    /// A replica manager is started again.
    Start(ReplicaId),
    /// The fault of this number.
    Fault(usize),
    /// A fault is over.
    Over(ReplicaId, Kind),
    /// The errand of this number.
    Errand(usize),
    /// A client looks whether it has waited long enough.
    Patience(u16),
}

/// A run while it goes on.
pub struct Cluster<J: Judge> {
    scenario: Scenario,
    common: Common,
    codec: Codec,
    /// Microseconds since the start.
    pub now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    next: u64,
    nodes: Vec<Node<J::Service>>,
    network: Network,
    callers: Vec<J::Caller>,
    clients: Vec<clients::Seat>,
    vanished: Vec<bool>,
    judge: J,
    dice: Random,
    /// All that happened, as one number.
    pub digest: u64,
    /// What happened, by kind.
    pub counts: Counts,
    /// Datagrams under way.
    pub under_way: u64,
    /// How the run ended, if it has.
    pub end: Option<End>,
    /// The events in words, if they are wanted.
    pub story: Option<Vec<String>>,
}

impl<J: Judge> Cluster<J> {
    /// Everyone has just been started for the first time, and records to this directory if there is one.
    pub fn new(
        scenario: &Scenario,
        slip: Option<Slip>,
        tells: bool,
        record: Option<&Path>,
    ) -> Self {
        let Setting { replicas, updatable, acknowledged_by, batch, clients, .. } = scenario.set;
        let group = Group::of(updatable as u16).and_read_only((replicas - updatable) as u16);
        let durability = match scenario.level {
            Level::Fsync => Durability::Fsync,
            Level::Interval => Durability::Interval(Duration::from_millis(50)),
            Level::Memory => Durability::Memory,
        };
        let (acknowledged_by, batch) = (acknowledged_by as u16, batch as u32);
        let common = Common { group, durability, acknowledged_by, batch, slip };
        let judge = J::new(scenario, &common);
        let mut cluster = Self {
            codec: common.codec(),
            common,
            now: 0,
            queue: BTreeMap::new(),
            next: 0,
            nodes: group.members().map(|id| Node::new(id, record.map(Path::to_owned))).collect(),
            network: Network::new(scenario.seed, scenario.set),
            callers: (0..clients as u16).map(|client| judge.caller(client)).collect(),
            clients: (0..clients as u16).map(clients::Seat::new).collect(),
            vanished: vec![false; clients as usize],
            judge,
            dice: Random::of(&[scenario.seed, 0xd15c]),
            digest: 0xcbf2_9ce4_8422_2325,
            counts: Counts::default(),
            under_way: 0,
            end: None,
            story: tells.then(Vec::new),
            scenario: scenario.clone(),
        };
        cluster.begin();
        cluster
    }

    /// Says in all recordings that this is the end.
    pub fn finish(&mut self) {
        self.nodes.iter_mut().for_each(Node::finish);
    }

    fn begin(&mut self) {
        let slip = if let Some(Slip::Disk(slip)) = self.common.slip { Some(slip) } else { None };
        for id in self.common.group.members() {
            let disk = SimDisk { slip, ..SimDisk::default() };
            self.start(id, disk, Some(u64::from(id.0) + 1));
        }
        let times = self.scenario.faults.iter().map(|fault| fault.at_ms).collect::<Vec<_>>();
        times.iter().enumerate().for_each(|(i, ms)| self.at(ms * 1_000, Event::Fault(i)));
        let times = self.scenario.errands.iter().map(|errand| errand.at_ms).collect::<Vec<_>>();
        times.iter().enumerate().for_each(|(i, ms)| self.at(ms * 1_000, Event::Errand(i)));
        for client in 0..self.clients.len() as u16 {
            self.at(u64::from(client), Event::Patience(client));
        }
    }

    fn at(&mut self, moment: u64, event: Event) {
        self.next += 1;
        self.under_way += u64::from(matches!(event, Event::Datagram { .. }));
        self.queue.insert((moment.max(self.now), self.next), event);
    }

    /// Takes the next event, if it comes before then and nothing is broken yet.
    pub fn next(&mut self, before: u64) -> bool {
        if self.end.is_some() {
            return false;
        }
        let first = self.queue.first_key_value().map(|((at, _), _)| *at);
        if first.is_none_or(|at| at >= before) {
            self.now = self.now.max(before);
            return false;
        }
        let ((at, _), event) = self.queue.pop_first().expect("it was just looked at");
        self.now = at;
        self.counts.events += 1;
        self.mix(&at.to_le_bytes());
        match event {
            Event::Datagram { to, from, bytes } => self.arrive(to, from, bytes),
            Event::Step(id) => self.step(id),
            Event::Start(id) => self.restart(id),
            Event::Fault(number) => self.fault(self.scenario.faults[number]),
            Event::Over(id, kind) => self.over(id, kind),
            Event::Errand(number) => self.errand(number),
            Event::Patience(client) => self.patience(client),
        }
        true
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(format!("{:>9.3} ms  {}", self.now as f64 / 1_000.0, what()));
        }
    }

    /// Something must not be: the run is over.
    pub fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.tell(|| format!("BROKEN: {what}"));
        self.end.get_or_insert(End::Broken(what));
    }

    fn place(&self, address: SocketAddr) -> Option<Place> {
        let replicas = self.common.group.replicas;
        let node = |id: &ReplicaId| node_address(*id) == address;
        let client = || self.clients.iter().position(|seat| seat.address == address);
        self.common
            .group
            .members()
            .find(node)
            .map(|id| id.0)
            .or_else(|| client().map(|c| replicas + c as u16))
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        if let Some(Slip::Wire(slip)) = self.common.slip {
            let Some(changed) = slip.change::<J::Service>(&self.codec, bytes) else { return };
            bytes = changed;
        }
        self.mix(&bytes);
        let (Some(source), Some(target)) = (self.place(from), self.place(to)) else { return };
        let link = (source, target);
        for (at, bytes) in self.network.send::<J::Service>(self.now, link, &self.codec, bytes) {
            self.at(at, Event::Datagram { to, from, bytes });
        }
    }

    fn arrive(&mut self, to: SocketAddr, from: SocketAddr, bytes: Vec<u8>) {
        self.under_way -= 1;
        let Some(place) = self.place(to) else { return };
        if place >= self.common.group.replicas {
            return self.arrive_at_client(place - self.common.group.replicas, &bytes);
        }
        let node = &mut self.nodes[usize::from(place)];
        if node.host.is_none() {
            return;
        }
        if node.inbox.len() >= INBOX_MAX {
            self.counts.overflown += 1;
            return;
        }
        node.inbox.push_back((from, bytes));
        self.due(ReplicaId(place), self.now);
    }

    /// Sees to it that the host takes a step then, or earlier.
    fn due(&mut self, id: ReplicaId, at: u64) {
        let node = &mut self.nodes[id.index()];
        let at = at.max(node.idle_until).max(self.now);
        if node.due.is_none_or(|due| at < due) {
            node.due = Some(at);
            self.at(at, Event::Step(id));
        }
    }

    /// What `udp::serve` does in one round: what has piled up, then the timers, then one commit.
    fn step(&mut self, id: ReplicaId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.due != Some(now) || node.host.is_none() {
            return;
        }
        node.due = None;
        if now < node.idle_until {
            return self.due(id, now);
        }
        let (cost, until) = node.slow;
        if now < until {
            node.idle_until = now + cost * 1_000;
        }
        let time = node.time(now);
        let suspect = node.suspect.is_some();
        let Some(host) = node.host.as_mut() else { return };
        let mut inputs = Vec::new();
        while inputs.len() < BATCH_INPUTS_MAX
            && let Some(input) = node.inbox.pop_front()
        {
            inputs.push(input);
        }
        let more = !node.inbox.is_empty();
        let slip = self.common.slip;
        let mut handle = || {
            for (from, bytes) in &inputs {
                if !is_ignored::<J::Service>(slip, &self.codec, bytes)? {
                    host.take(time, Input::Datagram { from: *from, bytes })?;
                }
            }
            if !matches!(slip, Some(Slip::Host(HostSlip::NoTimers))) {
                host.take(time, Input::Tick)?;
            }
            host.commit(time)
        };
        let done = handle();
        self.counts.steps += 1;
        self.counts.batched += u64::from(inputs.len() > 1);
        let unreadable = self.note(id, done.is_err());
        self.counts.unreadable += unreadable;
        match done {
            Ok(mut output) => {
                if matches!(slip, Some(Slip::Host(HostSlip::FirstDatagramOnly))) {
                    output.datagrams.truncate(1);
                }
                for (to, bytes) in output.datagrams {
                    if !suspect || self.is_harmless(&bytes) {
                        self.send(node_address(id), to, bytes);
                    }
                }
                let wake = self.nodes[id.index()].moment(now, output.wake_at);
                // A tick that asks to be called at once would be called for ever.
                self.due(id, if more { now } else { wake.max(now + 1) });
                if suspect {
                    self.must_not_record(id);
                } else {
                    self.look(Moment::Any);
                }
            }
            Err(error) => self.stopped(id, &error),
        }
    }

    /// What a node that lost state may say without harm to the experiment: the others must not learn of
    /// what it takes in before it is refused, since the right disk will not have it.
    fn is_harmless(&self, bytes: &[u8]) -> bool {
        let read = self.codec.decode::<J::Service>(bytes);
        let says = |packet: &_| {
            matches!(packet, Packet::Joining { .. } | Packet::Known { .. } | Packet::Speaks { .. })
        };
        read.is_ok_and(|(_, packet)| says(&packet))
    }

    fn must_not_record(&mut self, id: ReplicaId) {
        let written = self.nodes[id.index()].written.take();
        let own = written.iter().flatten().any(|change| match change {
            chinwag::Change::Log { records, .. } => records.iter().any(|r| r.origin == id),
            chinwag::Change::Discard { .. } => false,
        });
        if own {
            self.fail("a replica manager that lost state takes no update");
        }
    }

    /// Lets the judge see what a host did. Returns how many datagrams could not be read.
    fn note(&mut self, id: ReplicaId, stopped: bool) -> u64 {
        let node = &mut self.nodes[id.index()];
        let notes = node.notes.take();
        let unreadable = notes.unreadable;
        if node.suspect.is_some() {
            return unreadable;
        }
        let written = node.written.take();
        let Some(host) = node.host.as_mut() else { return unreadable };
        let disk = host.storage_mut().file.disk();
        let (synced, truly_synced) = (!disk.dirty, !disk.truly_dirty);
        let (me, state) = (id, host.state());
        let (notes, written) = (&notes, &written[..]);
        self.judge.note(Step { me, state, notes, written, synced, truly_synced, stopped });
        unreadable
    }

    /// Judges what is now.
    pub fn look(&mut self, moment: Moment) {
        let judged: Vec<_> = self.nodes.iter().map(|node| node.suspect.is_none()).collect();
        let broken = self.judge.broken(&self.callers, &self.vanished, &judged, moment);
        if let Some(what) = broken {
            self.fail(what);
        }
    }

    /// What would be broken if this were the end.
    pub fn unfinished(&mut self) -> Option<String> {
        if self.nodes.iter().any(|node| node.host.is_none() || node.suspect.is_some()) {
            return Some("every replica manager is up again".into());
        }
        let waits =
            self.callers.iter().zip(&self.vanished).any(|(c, gone)| !gone && !c.is_through());
        if waits {
            return Some("every request ends up answered".into());
        }
        let judged = vec![true; self.nodes.len()];
        let moment = if self.network.is_severed() { Moment::Spread } else { Moment::End };
        self.judge.broken(&self.callers, &self.vanished, &judged, moment)
    }
}

/// Where a replica manager is.
pub fn node_address(id: ReplicaId) -> SocketAddr {
    ([10, 0, 0, 1], 4_000 + id.0).into()
}

/// Does a seeded bug keep this datagram from the host?
fn is_ignored<S: chinwag::Service>(
    slip: Option<Slip>,
    codec: &Codec,
    bytes: &[u8],
) -> Result<bool, HostError> {
    let Some(Slip::Host(slip)) = slip else { return Ok(false) };
    match (slip, codec.decode::<S>(bytes)) {
        (HostSlip::IgnoresKnown, Ok((_, Packet::Known { .. }))) => Ok(true),
        (HostSlip::StopsAtGarbage, Err(_)) => Err(HostError::Unreadable { what: "datagram" }),
        _ => Ok(false),
    }
}
