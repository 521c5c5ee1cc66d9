//! How a host starts: what it recovers, and what its peers must say before it takes updates.

use super::{Host, HostConfig, QUERY_PATIENCE, pacing, recover};
use crate::{
    Destination, Effects, Message, ReplicaId, Sender, Service, Timestamp,
    runtime::{
        HostError, Observer, Packet, Step, StepInput, Storage, UnknownPast, copy::Copying,
        front_ends::FrontEnds, held_replies::HeldReplies, joining::Joining, versions::Spoken,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Recovers what the storage holds; the empty replica if it holds nothing.
    pub fn open(
        config: HostConfig,
        mut storage: D,
        mut observer: O,
        now: Duration,
    ) -> Result<Self, HostError> {
        let saved = storage.load()?;
        observer.recovered(&saved);
        let image_bytes = saved.image.as_ref().map_or(0, Vec::len);
        let journal_bytes = saved.batches.iter().map(Vec::len).sum();
        let replica = recover(&config.node, saved.image.as_deref(), &saved.batches)?;
        let mut fx = Effects::default();
        let state = config.node.start(replica, &mut fx);
        let members = usize::from(config.node.group.replicas);
        let zero = config.node.group.zero();
        let (me, count, every) = (config.node.id, config.node.group.replicas, config.gossip_every);
        let pacing = pacing::Pacing::new(me, count, &zero, every);
        let asks = !config.grace.is_zero();
        let spoken = Spoken::new(config.codec, (me, config.node.group), asks, now);
        let joining = Joining::new(config.node.id, config.node.group, &state, config.grace, now);
        let missing = super::missing::Missing::new(config.node.group);
        let mut host = Self {
            config,
            state,
            storage,
            observer,
            peers: vec![None; members],
            front_ends: FrontEnds::default(),
            timers: BTreeMap::new(),
            missing,
            pacing,
            queued: Effects::default(),
            status_to: Vec::new(),
            spoken,
            packets: Vec::new(),
            joining,
            is_joining: true,
            copying: None,
            given: None,
            earlier: Vec::new(),
            notices: Vec::new(),
            held_replies: HeldReplies::default(),
            unknown_past: UnknownPast::default(),
            sync_at: None,
            reserved: 0,
            full_until: now,
            full: false,
            checkpoint_from: now,
            held_back: BTreeSet::new(),
            look_at: now + QUERY_PATIENCE,
            dropped: 0,
            updates: 0,
            queries: 0,
            other_versions: 0,
            refused: 0,
            journal_bytes,
            image_bytes,
        };
        let places = host.config.node.group.places().filter(|place| *place != me);
        places.for_each(|peer| host.observer.speaks(peer, host.spoken.with(peer)));
        host.copying = host.copies().then(|| Copying::new(now));
        host.pull_from_all();
        host.observer.stepped(&Step {
            input: StepInput::Started,
            journal: &[],
            sends: &host.queued.sends,
            start: &fx.start,
            cancel: &[],
            state: &host.state,
        });
        // A first word to each peer at once: they may wait for us.
        host.timers.extend(fx.start.into_iter().map(|timer| (timer, now)));
        host.ask_what_peers_know(now);
        Ok(host)
    }

    /// Asks every peer for what is missing here: it catches up sooner.
    fn pull_from_all(&mut self) {
        if self.has_no_copy() {
            return;
        }
        let (me, group) = (self.config.node.id, self.config.node.group);
        let pull = Message::Pull { replica_ts: self.state.replica.replica_ts().clone() };
        let peers = group.members().filter(|peer| *peer != me);
        self.queued.sends.extend(peers.map(|peer| (Destination::Replica(peer), pull.clone())));
    }

    pub(super) fn ask_what_peers_know(&mut self, now: Duration) {
        for peer in self.joining.ask(now) {
            let replica_ts = self.state.replica.replica_ts().clone();
            self.packets.push((peer, Packet::Joining { replica_ts }));
        }
        self.ask_for_copy(now);
        let asked = self.spoken.ask(now);
        let asked = asked.into_iter().map(|peer| (peer, Packet::Speaks { asks: true }));
        // First: where an address has to be proved, the last datagram is the one that waits for it, and a
        // peer of the version before drops these.
        self.packets.splice(0..0, asked);
    }

    /// By a datagram that came, both speak this version.
    pub(super) fn note_version(&mut self, now: Duration, from: Sender, spoken: u8) {
        if let Sender::Replica(peer) = from
            && self.spoken.heard(peer, spoken, now)
        {
            self.observer.speaks(peer, spoken);
        }
    }

    /// A peer says what this replica manager must hold, by all that it knows.
    pub(super) fn on_known(&mut self, peer: ReplicaId, known: &Timestamp) -> Result<(), HostError> {
        let held = self.state.replica.replica_ts();
        let beyond = known.entries().find(|(origin, count)| *count > held.get(*origin));
        if let Some((origin, known)) = beyond {
            let remembered = held.get(origin);
            return Err(HostError::StateLost { origin, known, remembered });
        }
        self.joining.answered(peer);
        Ok(())
    }
}
