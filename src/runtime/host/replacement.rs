//! What a host does when a replica manager is replaced: a newcomer gets a copy, members give it, and whoever
//! was replaced is told so.

use super::{Host, HostError};
use crate::{
    Effects, ReplicaId, Sender, Service,
    runtime::{
        COPY_DIGEST_BYTES, Codec, CopyPart, DropReason, Observer, Packet, Storage, StorageError,
        copy::Given,
    },
};
use std::{net::SocketAddr, time::Duration};

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Sets how datagrams looked before each replacement, so that whoever was replaced can be told.
    pub fn set_earlier(&mut self, earlier: Vec<Codec>) {
        self.earlier = earlier;
    }

    /// Does it take no part yet? A newcomer without its copy holds nothing that anyone may build on.
    pub fn has_no_copy(&self) -> bool {
        self.copying.is_some()
    }

    /// Does a newcomer start for the first time? If not quite, a peer says what it has lost.
    pub(super) fn copies(&self) -> bool {
        let node = &self.config.node;
        let nothing = self.state.replica.replica_ts().entries().all(|(_, count)| count == 0);
        node.group.is_newcomer(node.id) && nothing && !self.config.grace.is_zero()
    }

    fn members(&self) -> Vec<ReplicaId> {
        let node = &self.config.node;
        node.group.members().filter(|peer| *peer != node.id).collect()
    }

    /// Asks for a copy, once all members have said that they have recorded the replacement: that they answer
    /// in this epoch says so.
    pub(super) fn ask_for_copy(&mut self, now: Duration) {
        let (may, members) = (self.may_copy(), self.members());
        let Some(copying) = self.copying.as_mut().filter(|_| may) else { return };
        if let Some(asked) = copying.ask(now, &members) {
            self.packets.push(asked);
        }
    }

    fn may_copy(&self) -> bool {
        let others = self.members().len();
        (self.config.node.rules().may_copy)(others - self.joining.silent(), others)
    }

    /// When to ask for more of it.
    pub(super) fn copy_at(&self) -> Option<Duration> {
        let copying = self.copying.as_ref()?;
        self.may_copy().then(|| copying.ask_at())
    }

    pub(super) fn on_copy_request(
        &mut self,
        now: Duration,
        from: ReplicaId,
        digest: [u8; COPY_DIGEST_BYTES],
        offset: u64,
    ) -> Result<(), HostError> {
        let group = self.config.node.group;
        if !group.is_newcomer(from) || self.has_no_copy() {
            return self.drop(DropReason::Useless);
        }
        if !self.given.as_ref().is_some_and(|given| given.is_kept(now)) {
            self.given = Given::of(&self.state.replica, now);
        }
        let Some(given) = &mut self.given else { return self.drop(DropReason::Unencodable) };
        let parts = given.answer(now, digest, offset);
        self.packets.extend(parts.into_iter().map(|part| (from, part)));
        Ok(())
    }

    pub(super) fn on_copy_part(
        &mut self,
        now: Duration,
        from: ReplicaId,
        part: &CopyPart,
    ) -> Result<(), HostError> {
        let (members, entries) = (self.members(), usize::from(self.config.node.group.updatable));
        let Some(copying) = &mut self.copying else { return self.drop(DropReason::Useless) };
        let Some(replica) = copying.take(now, from, &members, part, entries) else { return Ok(()) };
        let mut fx = Effects::default();
        let blank = std::mem::replace(&mut self.state, self.config.node.start(replica, &mut fx));
        // Durable before anything else is said.
        match self.checkpoint() {
            Err(HostError::Storage(StorageError::NoSpace { .. })) => {
                self.state = blank;
                self.full = true;
                return Ok(());
            }
            done => done?,
        }
        (self.copying, self.full) = (None, false);
        self.timers = fx.start.into_iter().map(|timer| (timer, now)).collect();
        Ok(())
    }

    /// A datagram of another cluster: if it is of this one's past, and from one that was replaced since, it
    /// is told so.
    pub(super) fn tell_replaced(&mut self, from: SocketAddr, bytes: &[u8]) {
        let (me, group) = (self.config.node.id, self.config.node.group);
        let told = self.earlier.iter().find_map(|codec| match codec.decode::<S>(bytes) {
            Ok((Sender::Replica(old), _)) if !group.is_member(old) => {
                // Only those that were there then can say so in its language.
                let known = me.0 < codec.group.replicas;
                known.then(|| codec.encode::<S>(self.me(), &Packet::Replaced).ok()).flatten()
            }
            _ => None,
        });
        self.notices.extend(told.map(|bytes| (from, bytes)));
    }
}
