//! One replica manager between bytes and storage. Sans I/O: it reads no clock and opens no socket.
//!
//! It keeps the driver's law: **everything in the journal is durable before anything that was to be sent
//! leaves** (PROTOCOL 1.9, P22). [`Host::take`] lets inputs queue their effects, [`Host::commit`] makes all
//! changes durable in one append and only then releases what was to be sent: group commit. The weaker levels
//! of [`Durability`] relax this towards front ends, never towards peers.

use super::{
    Codec, DecodeError, DropReason, Durability, HostError, Observer, Packet, Step, StepInput,
    Storage, UnknownPast,
    copy::{Copying, Given},
    front_ends::FrontEnds,
    held_replies::HeldReplies,
    joining::{Joining, known_of},
    payload,
    versions::Spoken,
};
use crate::{
    Effects, Event, Input as NodeInput, ManagerState, Message, ReplicaId, ReplicaManager,
    RequestId, Sender, Service, Timer,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

mod admission;
mod commit;
mod missing;
mod pacing;
mod poison;
mod replacement;
mod start;
mod status;
mod suspicion;
pub(super) use commit::{recorded_by, recover};
use missing::News;
pub use missing::{PULL_EVERY, PULLS_MAX};
pub use suspicion::WAITING_UPDATES_MAX;

/// A journal shorter than this never causes a checkpoint.
pub const CHECKPOINT_BYTES_MIN: usize = 1 << 20;

/// How long a query is held back at least before it is dropped as if it had been lost. A client that still
/// wants the answer has repeated it by then.
pub const QUERY_PATIENCE: Duration = Duration::from_secs(30);

/// Effects that may queue before they must be committed: inputs of one append.
pub const BATCH_INPUTS_MAX: usize = 64;

/// After a full disk was met, how long to wait before it is tried again.
pub const SPACE_RETRY_EVERY: Duration = Duration::from_millis(100);

/// After a checkpoint found no space, how long to wait before another one is tried.
pub const CHECKPOINT_RETRY_EVERY: Duration = Duration::from_secs(5);

/// What a host is told once.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Which replica manager, of which group, with which partners.
    pub node: ReplicaManager,
    /// How datagrams of the cluster look; what it writes is what peers that were not heard yet are taken to
    /// speak.
    pub codec: Codec,
    /// How often each peer is considered for gossip.
    pub gossip_every: Duration,
    /// For how long after its start it takes no updates, so that peers can tell it if it lost state; if it
    /// remembers nothing, it waits until all have answered. Zero: it does not ask them, nor what they speak.
    pub grace: Duration,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// How many replica managers must hold an update before its client is told of it, this one included.
    pub acknowledged_by: u16,
    /// Leave out of gossip what is on its way already, and ask at once across gaps? If not, every message is
    /// the protocol's own.
    pub paced: bool,
}

/// Something happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A datagram arrived.
    Datagram {
        /// From where.
        from: SocketAddr,
        /// What it says.
        bytes: &'a [u8],
    },
    /// Time has passed.
    Tick,
}

/// What the world is asked to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Datagrams to send.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    /// When to call again at the latest.
    pub wake_at: Duration,
}

/// A replica manager with its storage and timers.
#[derive(Debug)]
pub struct Host<S: Service, D, O = ()> {
    config: HostConfig,
    state: ManagerState<S>,
    storage: D,
    observer: O,
    peers: Vec<Option<SocketAddr>>,
    front_ends: FrontEnds,
    timers: BTreeMap<Timer, Duration>,
    missing: missing::Missing,
    pacing: pacing::Pacing,
    /// What inputs asked for since the last commit.
    queued: Effects<S>,
    /// Who asked for the status since the last commit, and what they speak.
    status_to: Vec<(SocketAddr, u8)>,
    spoken: Spoken,
    /// Runtime packets to send with the next commit.
    packets: Vec<(ReplicaId, Packet<S>)>,
    joining: Joining,
    is_joining: bool,
    /// What a newcomer has of its copy, until it has all.
    copying: Option<Copying>,
    /// The image that a newcomer gets.
    given: Option<Given>,
    /// How datagrams looked before each replacement, and what to tell those who still write so.
    earlier: Vec<Codec>,
    notices: Vec<(SocketAddr, Vec<u8>)>,
    held_replies: HeldReplies,
    unknown_past: UnknownPast,
    /// When what was appended must be synced; none if all is.
    sync_at: Option<Option<Duration>>,
    /// Bytes that the queued changes take at most, and when a full disk may be tried again.
    reserved: usize,
    full_until: Duration,
    full: bool,
    checkpoint_from: Duration,
    /// Queries that were held back when it was last looked, and when to look next.
    held_back: BTreeSet<RequestId>,
    look_at: Duration,
    dropped: u64,
    updates: u64,
    queries: u64,
    other_versions: u64,
    /// Datagrams that the transport dropped before they came here.
    refused: u64,
    journal_bytes: usize,
    image_bytes: usize,
}

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Sets where a peer is. Until then nothing is sent to it.
    pub fn set_peer(&mut self, peer: ReplicaId, address: SocketAddr) {
        self.peers[peer.index()] = Some(address);
    }

    /// Sets what becomes of updates that build on what has not come here yet.
    pub fn set_unknown_past(&mut self, unknown_past: UnknownPast) {
        self.unknown_past = unknown_past;
    }

    /// Sets how many datagrams the transport has dropped by itself, for the status.
    pub fn set_refused(&mut self, count: u64) {
        self.refused = count;
    }

    /// Counts a datagram that the transport lost.
    pub fn note(&mut self, lost: DropReason) {
        self.dropped += 1;
        self.observer.dropped(lost);
    }

    /// One input by itself, durable before the output is returned.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) -> Result<Output, HostError> {
        self.take(now, input)?;
        self.commit(now)
    }

    /// Handles an input. What it asks for waits for [`Host::commit`].
    pub fn take(&mut self, now: Duration, input: Input<'_>) -> Result<(), HostError> {
        match input {
            Input::Datagram { from, bytes } => self.datagram(now, from, bytes),
            Input::Tick => self.fire(now),
        }
    }

    /// It is time to gossip to a peer, before its timer says so; nothing goes out if there is no reason.
    /// What it asks for waits for [`Host::commit`].
    pub fn gossip(&mut self, now: Duration, to: ReplicaId) -> Result<(), HostError> {
        self.step(now, None, NodeInput::Timer(Timer::Gossip { to }))
    }

    fn datagram(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> Result<(), HostError> {
        let (sender, packet) = match self.config.codec.decode::<S>(bytes) {
            Ok(decoded) => decoded,
            Err(error) => {
                if error == DecodeError::Cluster {
                    self.tell_replaced(from, bytes);
                }
                return self.drop(DropReason::Undecodable(error));
            }
        };
        if sender == Sender::Replica(self.config.node.id) {
            return self.drop(DropReason::Mine);
        }
        self.observer.arrived(payload::name(&packet), bytes.len());
        let spoken = self.config.codec.spoken(bytes);
        self.note_version(now, sender, spoken);
        match packet {
            Packet::Message(Message::Update(_)) if !self.may_take_updates(now) => {
                self.drop(DropReason::Starting)
            }
            Packet::Message(_) if self.has_no_copy() => self.drop(DropReason::Starting),
            Packet::Message(message) => {
                if let Sender::FrontEnd(front_end) = sender {
                    self.front_ends.heard(front_end, from);
                }
                if let Some(why) = self.impossible(sender, &message) {
                    return self.drop(why);
                }
                self.observer.received(sender, &message);
                if let Some(reason) = self.must_wait_elsewhere(&message) {
                    return self.refuse(&message, reason);
                }
                if !self.has_room(now, &message, bytes.len())? {
                    return self.turn_away(sender, &message);
                }
                self.note_pull(sender, &message);
                let news = News::of(sender, &message, self.state.replica.replica_ts());
                self.step(now, Some(sender), NodeInput::Message(sender, message))?;
                self.note_missing(now, sender, news);
                Ok(())
            }
            Packet::Joining { .. } => {
                if let Sender::Replica(peer) = sender {
                    let known = known_of(&self.state, peer);
                    self.packets.push((peer, Packet::Known { replica_ts: known }));
                }
                Ok(())
            }
            Packet::Known { replica_ts } => match sender {
                Sender::Replica(peer) => self.on_known(peer, &replica_ts),
                Sender::FrontEnd(_) => self.drop(DropReason::Useless),
            },
            Packet::CopyRequest { digest, offset } => match sender {
                Sender::Replica(peer) => self.on_copy_request(now, peer, digest, offset),
                Sender::FrontEnd(_) => self.drop(DropReason::Useless),
            },
            Packet::CopyPart(part) => match sender {
                Sender::Replica(peer) => self.on_copy_part(now, peer, &part),
                Sender::FrontEnd(_) => self.drop(DropReason::Useless),
            },
            Packet::Replaced => match sender {
                Sender::Replica(_) => Err(HostError::Replaced),
                Sender::FrontEnd(_) => self.drop(DropReason::Useless),
            },
            Packet::Speaks { asks } => {
                if let (true, Sender::Replica(peer)) = (asks, sender) {
                    self.packets.push((peer, Packet::Speaks { asks: false }));
                }
                Ok(())
            }
            Packet::StatusRequest => {
                self.status_to.push((from, spoken));
                Ok(())
            }
            Packet::AnswerPart(_) | Packet::AnswerTooLarge { .. } | Packet::Status(_) => {
                self.drop(DropReason::Useless)
            }
        }
    }

    /// It has not lost state, as far as its peers know, and has its copy if it is a newcomer.
    fn may_take_updates(&self, now: Duration) -> bool {
        self.joining.may_take_updates(now) && !self.has_no_copy()
    }

    fn drop(&mut self, why: DropReason) -> Result<(), HostError> {
        self.note(why);
        self.other_versions += u64::from(why == DropReason::Undecodable(DecodeError::Version));
        Ok(())
    }

    fn fire(&mut self, now: Duration) -> Result<(), HostError> {
        let due: Vec<_> =
            self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        // What it holds may be an old copy, and peers would learn that it still holds all that it held (C18).
        let is_silent = !self.may_take_updates(now);
        for timer in due {
            self.timers.remove(&timer);
            match is_silent {
                true => drop(self.timers.insert(timer, now + self.config.gossip_every)),
                false => self.step(now, None, NodeInput::Timer(timer))?,
            }
        }
        if now >= self.look_at {
            self.drop_old_queries(now);
        }
        self.ask_what_peers_know(now);
        Ok(())
    }

    /// Clients vanish, and may claim to have seen what never was: without this, their queries would fill the
    /// room for others (PROTOCOL 1.9 iv).
    fn drop_old_queries(&mut self, now: Duration) {
        let waits = |id: &&RequestId| self.state.waiting.contains_key(id);
        let dropped: Vec<_> = self.held_back.iter().filter(waits).copied().collect();
        if !dropped.is_empty() {
            self.state.waiting.retain(|id, _| !self.held_back.contains(id));
            self.tell_of(StepInput::GaveUp(&dropped), &Effects::default());
        }
        self.held_back = self.state.waiting.keys().copied().collect();
        self.look_at = now + QUERY_PATIENCE;
    }

    fn step(
        &mut self,
        now: Duration,
        from: Option<Sender>,
        input: NodeInput<S>,
    ) -> Result<(), HostError> {
        let mut fx = Effects::default();
        let query = match &input {
            NodeInput::Message(_, Message::Query { id, .. }) => Some(*id),
            _ => None,
        };
        let seen = self.observer.wants_steps().then(|| input.clone());
        let node = &self.config.node;
        let handled = |state: &mut _| node.handle(state, input, &mut fx);
        poison::guard(&mut self.state, handled, |state| &state.replica)?;
        if let Some(input) = &seen {
            self.tell_of(StepInput::Handled(input), &fx);
        }
        if let Some(id) = query.filter(|id| self.state.waiting.contains_key(id)) {
            self.observer.held_back(id);
        }
        for timer in fx.start {
            self.timers.insert(timer, now + self.config.gossip_every);
        }
        for timer in fx.cancel {
            self.timers.remove(&timer);
        }
        for event in &fx.events {
            self.observer.event(event);
            // A front end that says so may be wrong, and must not be able to stop us; a peer cannot be.
            if let (Event::StateLost { known, remembered }, Some(Sender::Replica(_))) =
                (event, from)
            {
                let (origin, known, remembered) = (self.config.node.id, *known, *remembered);
                return Err(HostError::StateLost { origin, known, remembered });
            }
        }
        self.queued.journal.append(&mut fx.journal);
        self.queued.sends.append(&mut fx.sends);
        Ok(())
    }

    fn tell_of(&mut self, input: StepInput<'_, S>, fx: &Effects<S>) {
        let Effects { journal, sends, start, cancel, .. } = fx;
        let state = &self.state;
        self.observer.stepped(&Step { input, journal, sends, start, cancel, state });
    }

    /// What the replica manager knows.
    pub fn state(&self) -> &ManagerState<S> {
        &self.state
    }

    /// Who watches.
    pub fn observer(&self) -> &O {
        &self.observer
    }

    /// The same, to tell it something.
    pub fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Where it keeps what it must not forget.
    pub fn storage(&self) -> &D {
        &self.storage
    }

    /// The same, to change what it meets.
    pub fn storage_mut(&mut self) -> &mut D {
        &mut self.storage
    }

    /// Ends it, and hands the storage back.
    pub fn into_storage(self) -> D {
        self.storage
    }

    fn me(&self) -> Sender {
        Sender::Replica(self.config.node.id)
    }
}
