//! What a host lets be seen of its work. The seam for logs and metrics: [`Watch`](super::Watch) sits there.

use super::{Condition, DecodeError, Saved};
use crate::{
    Change, Destination, Event, Input, ManagerState, Message, ReplicaId, RequestId, Sender,
    Service, Timer,
};
use std::collections::BTreeMap;

/// Sees what a host does. Every method does nothing unless it is overridden, and none can change anything.
pub trait Observer<S: Service> {
    /// The replica was read back: what was found of it.
    fn recovered(&mut self, saved: &Saved) {
        let _ = saved;
    }

    /// A datagram of this kind and so many bytes arrived, and could be read.
    fn arrived(&mut self, kind: &'static str, bytes: usize) {
        let _ = (kind, bytes);
    }

    /// A message arrived and is about to be handled.
    fn received(&mut self, from: Sender, message: &Message<S>) {
        let _ = (from, message);
    }

    /// A datagram, or what was to become one, was dropped.
    fn dropped(&mut self, why: DropReason) {
        let _ = why;
    }

    /// Changes became durable, in one batch of so many bytes.
    fn journalled(&mut self, changes: &[Change<S>], bytes: usize) {
        let _ = (changes, bytes);
    }

    /// A checkpoint of so many bytes was taken.
    fn checkpointed(&mut self, bytes: usize) {
        let _ = bytes;
    }

    /// A message is released, in so many datagrams.
    fn sent(&mut self, to: Destination, message: &Message<S>, datagrams: usize) {
        let _ = (to, message, datagrams);
    }

    /// A datagram of this kind and so many bytes is released.
    fn left(&mut self, kind: &'static str, bytes: usize) {
        let _ = (kind, bytes);
    }

    /// From now on, this version of the wire is spoken with this peer.
    fn speaks(&mut self, peer: ReplicaId, version: u8) {
        let _ = (peer, version);
    }

    /// A query is held back until the value reflects what its client has seen.
    fn held_back(&mut self, id: RequestId) {
        let _ = id;
    }

    /// What was taken in is committed, and this is what the replica manager knows and how it is.
    fn committed(&mut self, state: &ManagerState<S>, condition: Condition) {
        let _ = (state, condition);
    }

    /// Does it want [`Observer::stepped`]? Inputs are kept for it.
    fn wants_steps(&self) -> bool {
        false
    }

    /// One atomic step was taken. Nothing of it is durable yet, and nothing has been sent.
    fn stepped(&mut self, step: &Step<'_, S>) {
        let _ = step;
    }

    /// All steps since the last time are about to be journalled, and then to be sent.
    fn about_to_commit(&mut self) {}

    /// The node has something to tell its operator.
    fn event(&mut self, event: &Event<S>) {
        let _ = event;
    }
}

/// One atomic step of a host: what happened, and all that came of it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a, S: Service> {
    /// What happened.
    pub input: StepInput<'a, S>,
    /// Changes of the durable replica.
    pub journal: &'a [Change<S>],
    /// What is to be sent.
    pub sends: &'a [(Destination, Message<S>)],
    /// Timers that it starts.
    pub start: &'a [Timer],
    /// Timers that it stops.
    pub cancel: &'a [Timer],
    /// What the replica manager knows afterwards.
    pub state: &'a ManagerState<S>,
}

/// What happened to a host that changed or told anything.
#[derive(Clone, Copy, Debug)]
pub enum StepInput<'a, S: Service> {
    /// It started with what its storage held.
    Started,
    /// A handler of the protocol ran.
    Handled(&'a Input<S>),
    /// The disk had no room for an update, which was refused.
    TurnedAway(Sender, &'a Message<S>),
    /// Queries that were held back for too long were dropped.
    GaveUp(&'a [RequestId]),
}

/// Both see everything.
impl<S: Service, A: Observer<S>, B: Observer<S>> Observer<S> for (A, B) {
    fn recovered(&mut self, saved: &Saved) {
        self.0.recovered(saved);
        self.1.recovered(saved);
    }

    fn received(&mut self, from: Sender, message: &Message<S>) {
        self.0.received(from, message);
        self.1.received(from, message);
    }

    fn dropped(&mut self, why: DropReason) {
        self.0.dropped(why);
        self.1.dropped(why);
    }

    fn journalled(&mut self, changes: &[Change<S>], bytes: usize) {
        self.0.journalled(changes, bytes);
        self.1.journalled(changes, bytes);
    }

    fn checkpointed(&mut self, bytes: usize) {
        self.0.checkpointed(bytes);
        self.1.checkpointed(bytes);
    }

    fn sent(&mut self, to: Destination, message: &Message<S>, datagrams: usize) {
        self.0.sent(to, message, datagrams);
        self.1.sent(to, message, datagrams);
    }

    fn arrived(&mut self, kind: &'static str, bytes: usize) {
        self.0.arrived(kind, bytes);
        self.1.arrived(kind, bytes);
    }

    fn left(&mut self, kind: &'static str, bytes: usize) {
        self.0.left(kind, bytes);
        self.1.left(kind, bytes);
    }

    fn speaks(&mut self, peer: ReplicaId, version: u8) {
        self.0.speaks(peer, version);
        self.1.speaks(peer, version);
    }

    fn held_back(&mut self, id: RequestId) {
        self.0.held_back(id);
        self.1.held_back(id);
    }

    fn committed(&mut self, state: &ManagerState<S>, condition: Condition) {
        self.0.committed(state, condition);
        self.1.committed(state, condition);
    }

    fn wants_steps(&self) -> bool {
        self.0.wants_steps() || self.1.wants_steps()
    }

    fn stepped(&mut self, step: &Step<'_, S>) {
        self.0.stepped(step);
        self.1.stepped(step);
    }

    fn about_to_commit(&mut self) {
        self.0.about_to_commit();
        self.1.about_to_commit();
    }

    fn event(&mut self, event: &Event<S>) {
        self.0.event(event);
        self.1.event(event);
    }
}

/// Records, or does not.
impl<S: Service> Observer<S> for Option<super::Recorder> {
    fn wants_steps(&self) -> bool {
        self.as_ref().is_some_and(Observer::<S>::wants_steps)
    }

    fn stepped(&mut self, step: &Step<'_, S>) {
        if let Some(recorder) = self {
            recorder.stepped(step);
        }
    }

    fn about_to_commit(&mut self) {
        if let Some(recorder) = self {
            Observer::<S>::about_to_commit(recorder);
        }
    }
}

/// Sees nothing.
impl<S: Service> Observer<S> for () {}

/// Why a datagram was dropped, or none was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// It could not be read.
    Undecodable(DecodeError),
    /// It says that it comes from this very replica manager.
    Mine,
    /// It holds something that a replica manager has no use for.
    Useless,
    /// The receiver's address is not known: a peer's name was not resolved yet, or a front end has not been
    /// heard of, or not for too long.
    NoAddress,
    /// The message cannot be encoded.
    Unencodable,
    /// An update came before the peers had time to say that state was lost.
    Starting,
    /// A peer claims that this replica manager has made more updates than it has.
    Impossible,
    /// An update builds on what has not come here, and too many such are here already, or none are taken.
    UnknownPast,
    /// An update or gossip came that would have to be journalled, and the disk is full.
    NoSpace,
    /// The system did not take a datagram that was to be sent: no route, no buffer, a filter.
    NotSent,
    /// The system reported an error where a datagram was awaited.
    NotReceived,
}

impl DropReason {
    /// In a few words, for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Impossible => "claims what cannot be",
            Self::UnknownPast => "of an unknown past",
            Self::Undecodable(error) => error.reason(),
            Self::Mine => "from itself",
            Self::Useless => "of no use to a replica manager",
            Self::NoAddress => "the receiver's address is not known",
            Self::Unencodable => "cannot be encoded",
            Self::Starting => "an update before the start is over",
            Self::NoSpace => "the disk is full",
            Self::NotSent => "the system did not send it",
            Self::NotReceived => "the system failed to receive",
        }
    }
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes of a torn last batch that recovery dropped.
    pub torn_bytes: u64,
    /// Datagrams dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// Messages received, by kind.
    pub received: BTreeMap<&'static str, u64>,
    /// Datagrams sent, by kind of the message.
    pub sent: BTreeMap<&'static str, u64>,
    /// Batches made durable.
    pub batches: u64,
    /// Changes in them.
    pub changes: u64,
    /// Bytes of them.
    pub journal_bytes: u64,
    /// Checkpoints taken.
    pub checkpoints: u64,
}

impl<S: Service> Observer<S> for Counters {
    fn recovered(&mut self, saved: &Saved) {
        self.torn_bytes += saved.torn_bytes;
    }

    fn received(&mut self, _from: Sender, message: &Message<S>) {
        *self.received.entry(message.kind()).or_default() += 1;
    }

    fn dropped(&mut self, why: DropReason) {
        *self.dropped.entry(why).or_default() += 1;
    }

    fn journalled(&mut self, changes: &[Change<S>], bytes: usize) {
        self.batches += 1;
        self.changes += changes.len() as u64;
        self.journal_bytes += bytes as u64;
    }

    fn checkpointed(&mut self, _bytes: usize) {
        self.checkpoints += 1;
    }

    fn sent(&mut self, _to: Destination, message: &Message<S>, datagrams: usize) {
        *self.sent.entry(message.kind()).or_default() += datagrams as u64;
    }
}
