//! Faults as they befall a run, and how they end.

use super::*;
use crate::slips::ClientSlip;
use chinwag::{RequestId, Serial, Update};

impl<J: Judge> Cluster<J> {
    pub(super) fn fault(&mut self, fault: Fault) {
        let Fault { kind, who, much, for_ms, .. } = fault;
        let (now, until) = (self.now, self.now + for_ms * 1_000);
        if self.network.calm {
            return;
        }
        if kind.is_clients() {
            return self.befall_client(fault);
        }
        if kind == Kind::Sever {
            let waits = |id: u16| {
                let host = self.nodes[usize::from(id)].host.as_ref();
                host.is_none_or(|host| host.status().joining)
            };
            if waits(who) || waits(much as u16) {
                // One with an empty disk would wait for the other for ever, as it should.
                self.counts.skipped += 1;
                return;
            }
            self.tell(|| format!("sever: rm{who} and rm{much}"));
            *self.counts.faults.entry(kind).or_default() += 1;
            return self.network.sever((who, much as u16));
        }
        let id = ReplicaId(who);
        // Whoever puts a disk in place watches over it, and over those who know better.
        let is_up = self.nodes[id.index()].host.is_some();
        let watched = self.nodes.iter().any(|node| node.suspect.is_some());
        if watched || !is_up {
            self.counts.skipped += 1;
            return;
        }
        self.tell(|| format!("{}: rm{who}, {much}, {for_ms} ms", kind.name()));
        *self.counts.faults.entry(kind).or_default() += 1;
        let node = &mut self.nodes[id.index()];
        node.down_ms = for_ms;
        match kind {
            Kind::Crash if much == 0 => self.lose_power(id),
            Kind::Crash => {
                node.may_stop = true;
                let Some(disk) = node.disk() else { return };
                disk.disk.fails_at = Some(disk.disk.steps() + much);
            }
            Kind::Kill => self.stop(id, until),
            Kind::Downgrade | Kind::Upgrade => {
                let newest = kind == Kind::Upgrade;
                node.speaks = if newest { WIRE_VERSION } else { WIRE_VERSION_BEFORE };
                self.stop(id, until);
            }
            Kind::CrashStart => {
                self.lose_power(id);
                self.nodes[id.index()].start_fails = Some(much);
            }
            Kind::Boast => self.boast(id, much),
            Kind::Replace => self.replace(fault),
            Kind::SyncFails => {
                node.may_stop = true;
                if let Some(disk) = node.disk() {
                    disk.disk.sync_fails = true;
                }
            }
            Kind::Lie | Kind::Full => {
                if let Some(disk) = node.disk() {
                    disk.lies |= kind == Kind::Lie;
                    if kind == Kind::Full {
                        disk.fill(much as usize);
                    }
                }
                self.at(until, Event::Over(id, kind));
            }
            Kind::Pause => node.idle_until = node.idle_until.max(until),
            Kind::Slow => node.slow = (much, until),
            Kind::Jump => {
                node.jump(now, much * 1_000);
                self.due(id, now);
            }
            Kind::Drift => {
                node.drift(now, much);
                self.due(id, now);
            }
            Kind::Partition | Kind::OneWay | Kind::Clog => self.part(fault, until),
            Kind::Checkpoint => self.checkpoint(id),
            Kind::Backup => {
                node.backup = node.disk().map(|disk| disk.lose_power(64, || true));
            }
            Kind::Restore | Kind::Wipe => self.swap_disk(id, kind),
            Kind::Sever | Kind::Roam | Kind::Vanish | Kind::Return | Kind::Renew => {}
        }
    }

    fn befall_client(&mut self, fault: Fault) {
        let client = usize::from(fault.who);
        let is_here = fault.kind == Kind::Return && !self.vanished[client];
        if is_here || fault.kind == Kind::Renew && self.vanished[client] {
            self.counts.skipped += 1;
            return;
        }
        self.tell(|| format!("{}: client {client}", fault.kind.name()));
        *self.counts.faults.entry(fault.kind).or_default() += 1;
        match fault.kind {
            Kind::Roam => self.clients[client].roam(),
            Kind::Renew => self.renew(fault.who, false),
            Kind::Return => {
                self.vanished[client] = false;
                let caller = &mut self.callers[client];
                let slip = Some(ClientSlip::ForgetsItsNumbers);
                if self.common.client_slip() == slip && caller.is_through() {
                    *caller.next_number() = 0;
                }
                self.at(self.now, Event::Patience(fault.who));
            }
            _ => self.vanished[client] = true,
        }
    }

    /// The process ends; the bytes of its files are as it left them, synced or not.
    pub(super) fn stop(&mut self, id: ReplicaId, until: u64) {
        let node = &mut self.nodes[id.index()];
        let Some(host) = node.host.take() else { return };
        let mut disk = host.into_storage().file.disk().clone();
        (disk.disk.space, disk.disk.fails_at, disk.disk.sync_fails) = (None, None, false);
        node.disk = Some(disk);
        self.at(until, Event::Start(id));
    }

    /// From nobody whom the judge knows, past the network. It must be refused, and change nothing.
    fn boast(&mut self, id: ReplicaId, more: u64) {
        let knows = self.nodes[id.index()].knows;
        let (group, codec) = (self.common.group(knows), self.common.codec(knows));
        let Some(host) = self.nodes[id.index()].host.as_ref() else { return };
        if !group.is_updatable(id) {
            return;
        }
        let front_end = FrontEndId(u64::MAX - self.counts.events);
        let (serial, op) = (Serial::default(), self.judge.boast());
        // What waits for it may make as many records first, and the lie would have come true.
        let ahead = INBOX_MAX as u64 + more;
        let prev = group.zero().with(id, host.state().replica.count_of(id) + ahead);
        let request = RequestId { front_end, serial };
        let update = Update::<J::Service> { id: request, acknowledged: serial, prev, op };
        let packet = Packet::Message(Message::Update(update));
        let Ok(bytes) = codec.encode(Sender::FrontEnd(front_end), &packet) else { return };
        let (to, from) = (node_address(id), ([10, 2, 0, 1], 6_000).into());
        self.at(self.now, Event::Datagram { to, from, bytes });
    }

    fn part(&mut self, fault: Fault, until: u64) {
        let everyone = (self.nodes.len() + self.clients.len()) as u16;
        match fault.kind {
            Kind::Partition => {
                let side = |place: Place| fault.much >> (place % 16) & 1;
                for (a, b) in (0..everyone).flat_map(|a| (0..everyone).map(move |b| (a, b))) {
                    if side(a) != side(b) {
                        self.network.cut((a, b), until);
                    }
                }
            }
            Kind::OneWay => self.network.cut((fault.who, fault.much as u16), until),
            _ => self.network.clog((fault.who, fault.much as u16), until),
        }
    }

    fn checkpoint(&mut self, id: ReplicaId) {
        let node = &mut self.nodes[id.index()];
        let Some(host) = node.host.as_mut() else { return };
        let done = host.checkpoint();
        // A checkpoint is written and synced whatever was synced before.
        if done.is_ok() {
            let disk = host.storage_mut().file.disk();
            let slips = matches!(self.common.slip, Some(Slip::Storage(_)));
            (disk.dirty, disk.truly_dirty) =
                (disk.dirty && slips, disk.truly_dirty && (slips || disk.lies));
        }
        self.note(id, done.is_err());
        match done {
            Err(HostError::Storage(StorageError::NoSpace { .. })) | Ok(()) => {}
            Err(error) => self.stopped(id, &error),
        }
    }

    /// Another disk is put in place of this one's. Only where a peer knows better: else to be refused is not
    /// to be expected.
    fn swap_disk(&mut self, id: ReplicaId, kind: Kind) {
        let node = &mut self.nodes[id.index()];
        let (disk, first) = match kind {
            Kind::Restore => (node.backup.clone(), None),
            _ => (Some(SimDisk { slip: self.disk_slip(), ..SimDisk::default() }), Some(u64::MAX)),
        };
        // Without a backup there is nothing to restore, and the host stays.
        let Some(disk) = disk else { return };
        let node = &mut self.nodes[id.index()];
        let Some(host) = node.host.take() else { return };
        let mut file = host.into_storage().file;
        let own = file.disk().lose_power(1, || true);
        let has_lied = own.has_lied;
        let opened = node.open(&self.common, (disk, first), self.now, node_address);
        let knows_better = opened.is_ok() && !has_lied && self.is_known_to_lack(id);
        let node = &mut self.nodes[id.index()];
        if !knows_better {
            node.host = None;
            return self.start(id, own, None);
        }
        self.counts.swapped += 1;
        node.own_disk = Some(own);
        self.suspect(id, Suspect::Swapped);
        self.due(id, self.now);
    }

    pub(super) fn disk_slip(&self) -> Option<DiskSlip> {
        if let Some(Slip::Disk(slip)) = self.common.slip { Some(slip) } else { None }
    }

    pub(super) fn over(&mut self, id: ReplicaId, kind: Kind) {
        if let Some(disk) = self.nodes[id.index()].disk() {
            match kind {
                Kind::Full => disk.disk.space = None,
                _ => disk.lies = false,
            }
        }
    }

    /// Nothing goes wrong any more: links are mended but for those that are severed, disks have room, clients
    /// that are left go on.
    pub fn calm(&mut self) {
        self.tell(|| "calm".into());
        self.network.mend();
        let now = self.now;
        // Whoever was replaced and runs on, unheard, is stopped by hand.
        let has_come = self.nodes.last().is_some_and(|node| !node.absent);
        let old = self.common.replaced.filter(|_| has_come);
        if let Some(old) = old.filter(|old| !self.nodes[old.index()].absent) {
            self.leave(old);
        }
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            (node.slow, node.idle_until, node.may_stop) = ((0, 0), 0, false);
            node.start_fails = None;
            node.drift(now, 1_000);
            if let Some(disk) = node.disk() {
                (disk.disk.space, disk.disk.fails_at, disk.disk.sync_fails) = (None, None, false);
                disk.lies = false;
            }
            let id = self.nodes[index].id;
            if self.nodes[index].host.is_some() {
                self.due(id, now);
            }
        }
    }

    /// Severed links are whole again. Were there any?
    pub fn join(&mut self) -> bool {
        let joined = self.network.join();
        if joined {
            self.tell(|| "severed links are whole again".into());
        }
        joined
    }

    /// 1 for a run of thousands of updates.
    pub fn is_large(&self) -> usize {
        self.scenario.set.large as usize
    }

    /// How many times a property was looked at.
    pub fn looks(&self) -> u64 {
        self.judge.looks()
    }

    /// What the network did.
    pub fn weather(&self) -> crate::network::Weather {
        self.network.weather
    }
}
