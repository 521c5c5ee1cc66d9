//! A replica manager is replaced as `docs/operations.md` says: everyone starts anew, each at its own moment,
//! with a configuration that says so, and records it; the newcomer takes a copy when all have.

use super::*;
use crate::random::Random;

/// Who starts anew with the changed configuration.
#[derive(Clone, Copy, Debug)]
pub enum Starts {
    /// A replica manager; power is lost at this step of its disk, if that is drawn.
    Replica(ReplicaId, Option<u64>),
    /// A client.
    Client(u16),
}

impl<J: Judge> Cluster<J> {
    pub(super) fn replace(&mut self, fault: Fault) {
        if fault.much.is_multiple_of(2) {
            self.leave(ReplicaId(fault.who));
        }
        let mut dice = Random::of(&[self.scenario.seed, fault.at_ms, 0x4e7]);
        let power_lost = Some(fault.much / 2).filter(|step| *step > 0);
        let members = self.common.group(true).members().map(|id| Starts::Replica(id, power_lost));
        let clients = (0..self.clients.len() as u16).map(Starts::Client);
        for who in members.chain(clients) {
            let at = self.now + dice.between(1, fault.for_ms.max(1)) * 1_000;
            self.at(at, Event::Changed(who));
        }
        if let Some(newcomer) = self.nodes.last_mut() {
            newcomer.absent = false;
        }
    }

    /// It is gone for good, and its disk with it.
    pub(super) fn leave(&mut self, old: ReplicaId) {
        self.tell(|| format!("rm{} is gone for good", old.0));
        let node = &mut self.nodes[old.index()];
        (node.host, node.disk, node.absent) = (None, None, true);
        if node.suspect.take().is_some() {
            // Nobody need find out any more that another disk was put in place of its own.
            node.own_disk = None;
            self.network.favoured.clear();
        }
        self.judge.lost(old);
    }

    pub(super) fn changed(&mut self, who: Starts) {
        if self.nodes.iter().any(|node| node.suspect.is_some()) {
            // Whoever watches over a disk has no time for it now.
            return self.at(self.now + 200_000, Event::Changed(who));
        }
        match who {
            Starts::Client(client) => self.renew(client, true),
            Starts::Replica(id, _) if self.common.group(true).is_newcomer(id) => {
                self.nodes[id.index()].knows = true;
                let slip = self.disk_slip();
                self.start(id, SimDisk { slip, ..SimDisk::default() }, Some(u64::from(id.0) + 1));
            }
            Starts::Replica(id, power_lost) => {
                self.tell(|| format!("rm{} gets the changed configuration", id.0));
                let is_calm = self.network.calm;
                let node = &mut self.nodes[id.index()];
                node.knows = true;
                node.start_fails = power_lost.filter(|_| !is_calm).or(node.start_fails);
                self.stop(id, self.now + 10_000);
            }
        }
    }

    /// A newcomer has its copy.
    pub(super) fn has_copy(&mut self, id: ReplicaId) {
        self.tell(|| format!("rm{} has its copy", id.0));
        let node = &mut self.nodes[id.index()];
        node.waits = false;
        let unreadable = node.notes.take().unreadable;
        node.notes.borrow_mut().unreadable = unreadable;
        node.written.take();
        let Some(host) = &node.host else { return };
        self.counts.copies += 1;
        self.judge.copied(id, host.state());
    }
}
