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
pub mod judging;
pub mod power;
pub mod replacing;

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
    /// Somebody starts anew with the configuration that says who was replaced.
    Changed(replacing::Starts),
    /// A client looks whether it has waited long enough.
    Patience(u16),
}

/// A run while it goes on.
pub struct Cluster<J: Judge> {
    scenario: Scenario,
    common: Common,
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
        let Setting { replicas, updatable, acknowledged_by, batch, clients, fragment, .. } =
            scenario.set;
        let group = Group::of(updatable as u16).and_read_only((replicas - updatable) as u16);
        let durability = match scenario.level {
            Level::Fsync => Durability::Fsync,
            Level::Interval => Durability::Interval(Duration::from_millis(50)),
            Level::Memory => Durability::Memory,
        };
        let (acknowledged_by, batch, fragment) =
            (acknowledged_by as u16, batch as u32, fragment as usize);
        let replaced = scenario.replaced();
        let common = Common { group, replaced, durability, acknowledged_by, batch, fragment, slip };
        let judge = J::new(scenario, &common);
        let places = common.group(true).places();
        let nodes = places.map(|id| Node::new(id, record.map(Path::to_owned)));
        let mut cluster = Self {
            common,
            now: 0,
            queue: BTreeMap::new(),
            next: 0,
            nodes: nodes.collect(),
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

    /// Says in all recordings that this is the end, and counts who waits.
    pub fn finish(&mut self) {
        self.nodes.iter_mut().for_each(Node::finish);
        let in_vain = |c: &&J::Caller| !c.is_through() && self.judge.waits_in_vain(c);
        self.counts.in_vain = self.callers.iter().filter(in_vain).count() as u64;
    }

    fn begin(&mut self) {
        let slip = if let Some(Slip::Disk(slip)) = self.common.slip { Some(slip) } else { None };
        if let Some(newcomer) = self.nodes.get_mut(usize::from(self.common.group.replicas)) {
            newcomer.absent = true;
        }
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
            Event::Changed(who) => self.changed(who),
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
        let node = |node: &Node<_>| node_address(node.id) == address;
        let client = || self.clients.iter().position(|seat| seat.address == address);
        let place = self.nodes.iter().position(node);
        place.or_else(|| client().map(|c| self.nodes.len() + c)).map(|place| place as Place)
    }

    /// In which form a datagram was written.
    fn codec_of(&self, bytes: &[u8]) -> Codec {
        let after = self.common.codec(true);
        let is_after = self.common.replaced.is_none() || after.decode::<J::Service>(bytes).is_ok();
        if is_after { after } else { self.common.codec(false) }
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        let codec = self.codec_of(&bytes);
        if let Some(Slip::Wire(slip)) = self.common.slip {
            let Some(changed) = slip.change::<J::Service>(&codec, bytes) else { return };
            bytes = changed;
        }
        self.mix(&bytes);
        let (Some(source), Some(target)) = (self.place(from), self.place(to)) else { return };
        let link = (source, target);
        for (at, bytes) in self.network.send::<J::Service>(self.now, link, &codec, bytes) {
            self.at(at, Event::Datagram { to, from, bytes });
        }
    }

    fn arrive(&mut self, to: SocketAddr, from: SocketAddr, bytes: Vec<u8>) {
        self.under_way -= 1;
        let Some(place) = self.place(to) else { return };
        if let Some(client) = place.checked_sub(self.nodes.len() as Place) {
            return self.arrive_at_client(client, &bytes);
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
        // What comes with the last piece of a copy is judged by itself.
        let most = if node.waits { 1 } else { BATCH_INPUTS_MAX };
        while inputs.len() < most
            && let Some(input) = node.inbox.pop_front()
        {
            inputs.push(input);
        }
        let more = !node.inbox.is_empty();
        let (slip, codec) = (self.common.slip, self.common.codec(node.knows));
        let mut handle = || {
            for (from, bytes) in &inputs {
                if !is_ignored::<J::Service>(slip, &codec, bytes)? {
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
        if self.nodes[id.index()].got_copy() {
            self.has_copy(id);
        }
        let unreadable = self.note(id, done.is_err());
        self.counts.unreadable += unreadable;
        match done {
            Ok(mut output) => {
                if matches!(slip, Some(Slip::Host(HostSlip::FirstDatagramOnly))) {
                    output.datagrams.truncate(1);
                }
                for (to, bytes) in output.datagrams {
                    if !suspect || self.is_harmless(id, &bytes) {
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
    fn is_harmless(&self, id: ReplicaId, bytes: &[u8]) -> bool {
        let read = self.common.codec(self.nodes[id.index()].knows).decode::<J::Service>(bytes);
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
