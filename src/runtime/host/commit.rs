//! What a host makes durable, and what it lets go then: journal first, datagrams after.

use super::{CHECKPOINT_BYTES_MIN, CHECKPOINT_RETRY_EVERY, Host, HostError, Output, poison};
use crate::{
    Change, Destination, Effects, Message, Replica, ReplicaId, ReplicaManager, Service, Timestamp,
    runtime::{
        Condition, DropReason, Observer, Packet, Storage, StorageError, decode_changes,
        encode_changes, held_replies::is_held_by, payload,
    },
};
use std::{net::SocketAddr, time::Duration};

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Makes every queued change as durable as it must be, then releases what was to be sent.
    pub fn commit(&mut self, now: Duration) -> Result<Output, HostError> {
        self.observer.about_to_commit();
        let Effects { journal, mut sends, .. } = std::mem::take(&mut self.queued);
        self.ask_for_missing(now, &mut sends);
        let tells_peers = sends.iter().any(|(to, _)| matches!(to, Destination::Replica(_)));
        self.journal(now, &journal, tells_peers || !self.packets.is_empty())?;
        let mut datagrams = Vec::new();
        for (to, message) in sends {
            match message {
                Message::UpdateReply { id, ts } if !self.is_acknowledged(&ts) => {
                    self.held_replies.hold(id, ts, now);
                }
                // The answer to a pull, which is silent as the timers are (`Host::fire`): lost, as far as the
                // protocol knows.
                Message::Gossip(_) if !self.may_take_updates(now) => {}
                Message::Gossip(mut gossip) => {
                    if let (Destination::Replica(peer), true) = (to, self.config.paced) {
                        self.pacing.trim(peer, &mut gossip, now);
                    }
                    self.release(to, &Message::Gossip(gossip), &mut datagrams);
                }
                message => self.release(to, &message, &mut datagrams),
            }
        }
        self.release_held(now, &mut datagrams);
        self.is_joining = !self.may_take_updates(now);
        self.release_packets(&mut datagrams);
        datagrams.append(&mut self.notices);
        if self.journal_bytes > self.image_bytes.max(CHECKPOINT_BYTES_MIN)
            && now >= self.checkpoint_from
        {
            self.checkpoint_from = now + CHECKPOINT_RETRY_EVERY;
            match self.checkpoint() {
                // The journal goes on instead.
                Err(HostError::Storage(StorageError::NoSpace { .. })) => {}
                done => done.map(|()| self.checkpoint_from = now)?,
            }
        }
        let timers = self.timers.values().min().copied();
        let asks = [self.pull_at(), self.joining.ask_at(), self.spoken.ask_at(), self.copy_at()];
        let wakes = [timers, self.sync_at.flatten()].into_iter().chain(asks);
        let wake_at = wakes.flatten().min();
        let condition = Condition::of(self.is_joining, self.full);
        self.observer.committed(&self.state, condition);
        Ok(Output { datagrams, wake_at: wake_at.unwrap_or(now + self.config.gossip_every) })
    }

    fn journal(
        &mut self,
        now: Duration,
        changes: &[Change<S>],
        tells_peers: bool,
    ) -> Result<(), HostError> {
        self.reserved = 0;
        if !changes.is_empty() {
            let batch = encode_changes(changes).map_err(|_| HostError::Unwritable)?;
            self.storage.append(&batch)?;
            self.journal_bytes += batch.len();
            self.updates += recorded_by(self.config.node.id, changes);
            self.observer.journalled(changes, batch.len());
            self.sync_at = self.sync_at.or(Some(self.config.durability.sync_at(now)));
        }
        let due = self.sync_at.is_some_and(|at| tells_peers || at.is_some_and(|at| now >= at));
        if due {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes all that was journalled durable, whatever was acknowledged.
    pub fn sync(&mut self) -> Result<(), HostError> {
        if self.sync_at.is_some() {
            self.storage.sync()?;
            self.sync_at = None;
        }
        Ok(())
    }

    fn is_acknowledged(&self, ts: &Timestamp) -> bool {
        let count = self.config.acknowledged_by;
        count <= 1 || is_held_by(count, &self.state, self.config.node.id, ts)
    }

    fn release_held(&mut self, now: Duration, datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) {
        let (count, me) = (self.config.acknowledged_by, self.config.node.id);
        let state = &self.state;
        let ready = self.held_replies.release(now, |ts| is_held_by(count, state, me, ts));
        for (id, ts) in ready {
            let to = Destination::FrontEnd(id.front_end);
            self.release(to, &Message::UpdateReply { id, ts }, datagrams);
        }
    }

    fn release_packets(&mut self, datagrams: &mut Vec<(SocketAddr, Vec<u8>)>) {
        let packets = std::mem::take(&mut self.packets);
        let asked = std::mem::take(&mut self.status_to);
        if packets.is_empty() && asked.is_empty() {
            return;
        }
        let status = Packet::<S>::Status(self.status());
        let known = packets
            .into_iter()
            .map(|(peer, packet)| (self.peers[peer.index()], self.spoken.with(peer), packet));
        let asked = asked.into_iter().map(|(to, version)| (Some(to), version, status.clone()));
        let all: Vec<_> = known.chain(asked).collect();
        for (to, version, packet) in all {
            let encoded = self.config.codec.towards(version).encode(self.me(), &packet);
            if let Some((to, bytes)) = to.zip(encoded.ok()) {
                self.observer.left(payload::name(&packet), bytes.len());
                datagrams.push((to, bytes));
            }
        }
    }

    fn release(
        &mut self,
        to: Destination,
        message: &Message<S>,
        datagrams: &mut Vec<(SocketAddr, Vec<u8>)>,
    ) {
        let address = match to {
            Destination::Replica(peer) => self.peers[peer.index()],
            Destination::FrontEnd(front_end) => self.front_ends.address(front_end),
            Destination::AnyReplica | Destination::AnyUpdatable => None,
        };
        let Some(address) = address else {
            return drop(self.drop(DropReason::NoAddress));
        };
        let codec = match to {
            Destination::Replica(peer) => self.config.codec.towards(self.spoken.with(peer)),
            _ => self.config.codec,
        };
        match codec.datagrams(self.me(), message) {
            Ok(encoded) => {
                self.queries += u64::from(matches!(message, Message::QueryReply { .. }));
                self.observer.sent(to, message, encoded.len());
                let kind = message.kind();
                encoded.iter().for_each(|bytes| self.observer.left(kind, bytes.len()));
                datagrams.extend(encoded.into_iter().map(|bytes| (address, bytes)));
            }
            Err(_) => drop(self.drop(DropReason::Unencodable)),
        }
    }

    /// Takes a checkpoint. Costs what the image is; the journal that it replaces was longer.
    pub fn checkpoint(&mut self) -> Result<(), HostError> {
        assert!(self.queued.journal.is_empty(), "an image would be ahead of its journal");
        let image =
            postcard::to_allocvec(&self.state.replica).map_err(|_| HostError::Unwritable)?;
        self.storage.checkpoint(&image)?;
        (self.image_bytes, self.journal_bytes, self.sync_at) = (image.len(), 0, None);
        self.observer.checkpointed(image.len());
        Ok(())
    }
}

/// Records of this replica manager's own among the changes.
pub(in crate::runtime) fn recorded_by<S: Service>(me: ReplicaId, changes: &[Change<S>]) -> u64 {
    let own = changes.iter().map(|change| match change {
        Change::Log { records, .. } => records.iter().filter(|r| r.key().origin == me).count(),
        Change::Discard { .. } => 0,
    });
    own.sum::<usize>() as u64
}

/// The replica that an image and the batches after it make.
pub(in crate::runtime) fn recover<S: Service>(
    node: &ReplicaManager,
    image: Option<&[u8]>,
    batches: &[impl AsRef<[u8]>],
) -> Result<Replica<S>, HostError> {
    let mut replica = match image {
        None => Replica::empty(node.group.updatable.into()),
        Some(image) => match postcard::take_from_bytes(image) {
            Ok((replica, [])) => replica,
            _ => return Err(HostError::Unreadable { what: "image" }),
        },
    };
    for batch in batches {
        let changes = decode_changes(node.group, batch.as_ref());
        let changes = changes.map_err(|_| HostError::Unreadable { what: "journal" })?;
        poison::guard(
            &mut replica,
            |replica| changes.iter().for_each(|change| replica.commit(node.rules(), change)),
            |replica| replica,
        )?;
    }
    Ok(replica)
}
