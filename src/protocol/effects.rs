//! What a handler may ask of the world.

use super::{Change, FrontEndId, Message, Refusal, ReplicaId, RequestId, Service, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// One replica manager.
    Replica(ReplicaId),
    /// Whichever replica manager the driver likes best: the checker tries them all, a deployed front end
    /// takes the one that answers fastest (S5, S6).
    AnyReplica,
    /// As `AnyReplica`, among those that take updates.
    AnyUpdatable,
    /// One front end.
    FrontEnd(FrontEndId),
}

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sender {
    /// A replica manager.
    Replica(ReplicaId),
    /// A front end.
    FrontEnd(FrontEndId),
}

/// What a driver is asked to call back about. The protocol knows no durations: the driver does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// When it is time to gossip to this peer, if there is a reason.
    Gossip {
        /// The peer.
        to: ReplicaId,
    },
    /// When a reply to this request of the front end's present incarnation is overdue.
    Retry {
        /// The request's number.
        number: u64,
    },
}

/// What a front end tells its client, or a node its operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<S: Service> {
    /// An update is in the log of at least one replica manager.
    Stamped {
        /// The update.
        id: RequestId,
        /// Its timestamp there.
        ts: Timestamp,
    },
    /// A query was answered.
    Answered {
        /// The query.
        id: RequestId,
        /// The answer.
        answer: S::Answer,
        /// What it reflects.
        ts: Timestamp,
    },
    /// Another client's words arrived.
    Told {
        /// What it said.
        body: Vec<u8>,
    },
    /// A peer or front end knows an update of this replica manager that it does not know itself: it has
    /// lost state and must not go on under its old identity (C17, C18).
    StateLost {
        /// What others know.
        known: u64,
        /// What this replica manager remembers.
        remembered: u64,
    },
}

/// What a handler asks of the world.
///
/// Lists, not one sequence. **The driver's law: everything in `journal` is durable before anything in
/// `sends` leaves.** No handler can say otherwise, and no driver may do otherwise (PROTOCOL 1.9, P22).
#[derive(Debug, PartialEq, Eq)]
pub struct Effects<S: Service> {
    /// Changes of the durable replica, in order.
    pub journal: Vec<Change<S>>,
    /// Messages to send once the journal is durable.
    pub sends: Vec<(Destination, Message<S>)>,
    /// Timers to start; one that runs already starts anew.
    pub start: Vec<Timer>,
    /// Timers to stop.
    pub cancel: Vec<Timer>,
    /// What to tell the client or the operator.
    pub events: Vec<Event<S>>,
}

impl<S: Service> Default for Effects<S> {
    fn default() -> Self {
        Self {
            journal: Vec::new(),
            sends: Vec::new(),
            start: Vec::new(),
            cancel: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl<S: Service> Effects<S> {
    pub(super) fn send_to_front_end(&mut self, id: RequestId, message: Message<S>) {
        self.sends.push((Destination::FrontEnd(id.front_end), message));
    }

    pub(super) fn refuse(&mut self, id: RequestId, reason: Refusal) {
        self.send_to_front_end(id, Message::Refused { id, reason });
    }
}
