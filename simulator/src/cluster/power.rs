//! Hosts that stop, lose power, start again, and are refused.

use super::*;
use chinwag::runtime::FaultyDisk;
use std::rc::Rc;

impl<J: Judge> Cluster<J> {
    /// A host has stopped with an error.
    pub(super) fn stopped(&mut self, id: ReplicaId, error: &HostError) {
        self.tell(|| format!("rm{} stops: {error}", id.0));
        let node = &self.nodes[id.index()];
        match (error, node.suspect) {
            (HostError::StateLost { .. }, Some(suspect)) => self.refused(id, suspect),
            (HostError::StateLost { .. }, None) => {
                self.fail("no replica manager is refused that has lost nothing");
            }
            (HostError::Replaced, _) if self.common.replaced == Some(id) => self.leave(id),
            (HostError::Storage(_), _) if node.may_stop => self.lose_power(id),
            (error, _) => {
                self.fail(format!("a replica manager goes on while its disk does: {error}"))
            }
        }
    }

    /// It found out that it lost state.
    fn refused(&mut self, id: ReplicaId, suspect: Suspect) {
        self.counts.refused += 1;
        self.network.favoured.clear();
        let node = &mut self.nodes[id.index()];
        node.host = None;
        match (suspect, node.own_disk.take()) {
            (Suspect::Swapped, Some(own)) => {
                (node.disk, node.suspect, node.down_ms) = (Some(own), None, 100);
                self.at(self.now + 100_000, Event::Start(id));
            }
            _ => self.end = Some(End::Refused),
        }
    }

    /// Power is lost now, and comes back later.
    pub(super) fn lose_power(&mut self, id: ReplicaId) {
        let Some(host) = self.nodes[id.index()].host.take() else { return };
        let left = self.remains(host.into_storage().file.disk());
        let node = &mut self.nodes[id.index()];
        node.disk = Some(left);
        let down = node.down_ms.max(1) * 1_000;
        self.at(self.now + down, Event::Start(id));
    }

    /// What is left of a disk, by the dice.
    fn remains(&mut self, disk: &SimDisk) -> SimDisk {
        let survival = self.dice.one(&[0, 500, 900, 1_000]);
        let piece = self.dice.one(&[1, 7, 64, 512]) as usize;
        disk.lose_power(piece, || self.dice.chance(survival))
    }

    pub(super) fn restart(&mut self, id: ReplicaId) {
        let node = &mut self.nodes[id.index()];
        if let Some(disk) = node.disk.take() {
            self.start(id, disk, None);
        }
    }

    /// Starts a host on this disk.
    pub(super) fn start(&mut self, id: ReplicaId, mut disk: SimDisk, first: Option<u64>) {
        let now = self.now;
        let left = Rc::default();
        let fails = self.nodes[id.index()].start_fails.take();
        disk.disk.fails_at = fails.map(|step| disk.disk.steps() + step);
        disk.left = disk.disk.fails_at.is_some().then(|| Rc::clone(&left));
        self.tell(|| format!("rm{} starts", id.0));
        let (common, has_lied, kept) = (self.common, disk.has_lied, disk.clone());
        let node = &mut self.nodes[id.index()];
        let waited = node.waits;
        let mut opened = node.open(&common, (disk, first), now, node_address);
        let nothing =
            matches!(&opened, Err(HostError::Storage(StorageError::Uninitialised { .. })));
        if nothing && first.is_none() && !node.was_up {
            // The power went before its very first start was over.
            let number = Some(u64::from(id.0) + 1);
            opened = node.open(&common, (kept.clone(), number), now, node_address);
        }
        let left: Option<FaultyDisk> = left.take();
        if let (Err(HostError::Storage(_)), Some(left)) = (&opened, left) {
            return self.lose_power_in_recovery(id, SimDisk { disk: left, ..kept });
        }
        if let Err(error) = opened {
            self.tell(|| format!("rm{} does not start: {error}", id.0));
            match has_lied {
                true => self.end = Some(End::Refused),
                false => self.fail(format!("what was written can be read back: {error}")),
            }
            return;
        }
        node.was_up = true;
        let (waits, is_sound) = (node.waits, node.suspect.is_none());
        let is_newcomer = common.group(true).is_newcomer(id);
        match first.is_none() && !waited {
            // By a seeded bug, it does not wait at its first start.
            false if is_newcomer && !waits => self.has_copy(id),
            true if is_sound => {
                if self.nodes[id.index()].knows && !is_newcomer {
                    self.judge.recorded(id);
                }
                self.read_back(id, has_lied);
            }
            _ => {}
        }
        self.due(id, now);
    }

    /// Power is lost while it reads back what it held, and comes back later.
    fn lose_power_in_recovery(&mut self, id: ReplicaId, disk: SimDisk) {
        self.tell(|| format!("rm{} loses power while it recovers", id.0));
        self.counts.recoveries_cut += 1;
        let left = self.remains(&disk);
        let node = &mut self.nodes[id.index()];
        node.disk = Some(left);
        let down = node.down_ms.max(1) * 1_000;
        self.at(self.now + down, Event::Start(id));
    }

    fn read_back(&mut self, id: ReplicaId, has_lied: bool) {
        let Some(host) = &self.nodes[id.index()].host else { return };
        match self.judge.read_back(id, host.state()) {
            ReadBack::Sound => {}
            ReadBack::Less | ReadBack::Strange if has_lied => self.lied_to(id),
            ReadBack::Less => self.fail("what a replica manager told of survives power loss"),
            ReadBack::Strange => self.fail("what is read back is what was written"),
        }
    }

    /// A disk that lied has lost something. If a peer holds more of this one's own records than it does, it
    /// is to be refused; else nobody can know, and nothing more can be promised.
    fn lied_to(&mut self, id: ReplicaId) {
        match self.is_known_to_lack(id) {
            true => self.suspect(id, Suspect::LiedTo),
            false => self.end = Some(End::Excused),
        }
    }

    pub(super) fn suspect(&mut self, id: ReplicaId, why: Suspect) {
        self.nodes[id.index()].suspect = Some(why);
        self.nodes[id.index()].idle_until = 0;
        for node in &mut self.nodes {
            node.slow = (0, 0);
        }
        self.network.favoured = vec![id.0];
    }

    /// Does a peer that is up hold more of its own records than it does itself?
    pub(super) fn is_known_to_lack(&self, id: ReplicaId) -> bool {
        let count = |node: &Node<J::Service>| {
            node.host.as_ref().map_or(0, |host| host.state().replica.count_of(id))
        };
        let own = count(&self.nodes[id.index()]);
        let knows = self.nodes[id.index()].knows;
        let peers = self.nodes.iter().filter(|node| node.id != id && node.idle_until <= self.now);
        let peers = peers.filter(|node| node.knows == knows && !node.waits);
        self.common.group.is_updatable(id) && peers.into_iter().any(|peer| count(peer) > own)
    }
}
