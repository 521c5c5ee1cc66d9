//! What a host lets be seen of its work. The seam for logs and metrics: [`Watch`](super::Watch) sits there.

use super::{Condition, DecodeError, Saved};
use crate::{Change, Destination, Event, ManagerState, Message, RequestId, Sender, Service};
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

    /// A query is held back until the value reflects what its client has seen.
    fn held_back(&mut self, id: RequestId) {
        let _ = id;
    }

    /// What was taken in is committed, and this is what the replica manager knows and how it is.
    fn committed(&mut self, state: &ManagerState<S>, condition: Condition) {
        let _ = (state, condition);
    }

    /// The node has something to tell its operator.
    fn event(&mut self, event: &Event<S>) {
        let _ = event;
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
    /// The same was asked of the same peer a moment ago.
    Repeated,
    /// An update came before the peers had time to say that state was lost.
    Starting,
    /// A peer claims that this replica manager has made more updates than it has.
    Impossible,
    /// An update builds on what has not come here, and too many such are here already, or none are taken.
    UnknownPast,
    /// An update or gossip came that would have to be journalled, and the disk is full.
    NoSpace,
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
            Self::Repeated => "asked a moment ago",
            Self::Starting => "an update before the start is over",
            Self::NoSpace => "the disk is full",
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
