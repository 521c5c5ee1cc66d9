//! A replica manager that loses its state, and the one that takes its place.
//!
//! Words between managers stand for the datagrams of the runtime's own (`src/runtime/joining.rs`, `copy.rs`):
//! that a member has recorded the replacement, that the newcomer wants a copy, and the copy, whole. That it
//! comes in pieces which cannot be mixed is the runtime's business, and is tested there.

use super::{Manager, ManagerLocal, Sent};
use crate::application::Application;
use chinwag::{
    Destination, Effects, Input, LogRecord, Message, RecordKey, Replica, ReplicaId, ReplicaManager,
    RequestId, Sender,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a manager is to the replacement of a model.
#[derive(Clone, Debug, Default)]
pub enum Part {
    /// Nobody is replaced.
    #[default]
    None,
    /// It is lost, or an old copy of it comes back, at any moment; it is replaced, lost or not.
    Old,
    /// It records the replacement at any moment, and goes on as this node.
    Stays(Box<ReplicaManager>),
    /// It takes the old one's place.
    New,
}

/// Where a manager stands in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Life {
    /// Nothing has happened to it.
    #[default]
    Up,
    /// It has recorded the replacement, or is the new one and has its copy.
    Recorded,
    /// It is the new one, and waits until so many others have recorded it, and for its copy.
    Waits {
        /// Bits of those who have said that they have.
        confirmed: u16,
        /// It has asked for a copy.
        asked: bool,
    },
    /// An old copy of its directory was put back. It takes no updates and gossips nothing: its peers tell it
    /// what it has lost, and until they have, it waits (`src/runtime/joining.rs`).
    Restored,
    /// It is gone for good, or has found out that it has lost state, or was told that it is replaced.
    Lost,
}

/// What becomes of a manager of its own accord, or of the operator's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Turn {
    /// A copy of its directory is made.
    BackedUp,
    /// That copy is put back; an empty directory, if none was made.
    Restored,
    /// It is gone.
    Lost,
    /// It starts with the configuration that says who is replaced.
    Records,
    /// The new one asks the others once more whether they have recorded it.
    Asks,
    /// The new one asks this member for its replica.
    Copies(ReplicaId),
}

/// What a newcomer gets: the replica, and the ghosts of whoever gave it.
#[derive(Serialize, Deserialize)]
struct Copy {
    replica: Replica<Application>,
    received: BTreeMap<RecordKey, Arc<LogRecord<Application>>>,
    forgotten: BTreeSet<RequestId>,
}

const RECORDED: &[u8] = b"recorded";
const ASKS: &[u8] = b"recorded?";
const COPY: &[u8] = b"copy, please";

impl Manager {
    /// The constants that it goes by now.
    pub fn node_of(&self, local: &ManagerLocal) -> &ReplicaManager {
        match (&self.part, local.life) {
            (Part::Stays(after), Life::Recorded) => after,
            _ => &self.node,
        }
    }

    /// What may become of it.
    pub fn turns(&self, local: &ManagerLocal) -> Vec<Turn> {
        match (&self.part, local.life) {
            (Part::Old, Life::Up) => {
                let backup = local.backup.is_none().then_some(Turn::BackedUp);
                [Turn::Restored, Turn::Lost].into_iter().chain(backup).collect()
            }
            (Part::Old, Life::Restored) => vec![Turn::Lost],
            (Part::Stays(_), Life::Up) => vec![Turn::Records],
            (Part::New, Life::Waits { confirmed, asked: false }) => {
                let peers = self.node.group.members().filter(|peer| *peer != self.node.id);
                let peers: Vec<_> = peers.collect();
                let confirmed = confirmed.count_ones() as usize;
                match (self.node.rules().may_copy)(confirmed, peers.len()) {
                    true => peers.into_iter().map(Turn::Copies).collect(),
                    false => Vec::new(),
                }
            }
            _ => Vec::new(),
        }
    }

    /// Of these, what comes about in the end: whoever is to be replaced is stopped, and is replaced. What may
    /// have been lost is asked for again.
    pub fn fair_turns(&self, local: &ManagerLocal) -> Vec<Turn> {
        let mut turns = self.turns(local);
        if let Life::Waits { confirmed, .. } = local.life {
            turns = self.turns(&ManagerLocal {
                life: Life::Waits { confirmed, asked: false },
                ..local.clone()
            });
            turns.push(Turn::Asks);
        }
        turns.retain(|turn| !matches!(turn, Turn::BackedUp | Turn::Restored));
        turns.truncate(1);
        turns
    }

    /// It becomes so.
    pub fn turn(&self, local: &ManagerLocal, turn: Turn) -> (ManagerLocal, Vec<Sent>) {
        let mut next = local.clone();
        let mut fx = Effects::default();
        match turn {
            Turn::BackedUp => next.backup = Some(Box::new(local.disk.clone())),
            Turn::Restored => {
                let empty = || Replica::empty(self.node.group.updatable.into());
                next.disk = next.backup.take().map_or_else(empty, |backup| *backup);
                next.state = self.node.start(next.disk.clone(), &mut fx);
                (next.life, next.said) = (Life::Restored, 0);
            }
            Turn::Lost => (next.life, next.backup) = (Life::Lost, None),
            Turn::Records => {
                next.life = Life::Recorded;
                next.said = 0;
                next.state = self.node_of(&next).start(local.disk.clone(), &mut fx);
                let newcomers = self.node_of(&next).group;
                let newcomer = newcomers.members().filter(|peer| newcomers.is_newcomer(*peer));
                return (next, newcomer.map(|to| self.says(to, RECORDED.to_vec())).collect());
            }
            Turn::Asks => {
                let peers = self.node.group.members().filter(|peer| *peer != self.node.id);
                return (next, peers.map(|to| self.says(to, ASKS.to_vec())).collect());
            }
            Turn::Copies(from) => {
                let Life::Waits { confirmed, .. } = local.life else { unreachable!("it waits") };
                next.life = Life::Waits { confirmed, asked: true };
                return (next, vec![self.says(from, COPY.to_vec())]);
            }
        }
        (next, Vec::new())
    }

    /// What a manager does that is no member, or not yet, or is asked for a copy; none if it does what all
    /// do.
    pub(super) fn apart(
        &self,
        local: &ManagerLocal,
        input: &Input<Application>,
    ) -> Option<(ManagerLocal, Vec<Sent>)> {
        let ignored = || Some((local.clone(), Vec::new()));
        match (local.life, input) {
            (Life::Lost, _) | (Life::Restored, Input::Message(_, Message::Update(_))) => ignored(),
            (
                Life::Waits { confirmed, asked },
                Input::Message(Sender::Replica(from), Message::Tell { body, .. }),
            ) => {
                let mut next = local.clone();
                match body.as_slice() {
                    RECORDED => {
                        next.life = Life::Waits { confirmed: confirmed | 1 << from.0, asked };
                    }
                    copy => self.install(&mut next, copy),
                }
                Some((next, Vec::new()))
            }
            (Life::Waits { .. }, _) => ignored(),
            (Life::Recorded, Input::Message(Sender::Replica(from), Message::Tell { body, .. }))
                if body == COPY =>
            {
                let ManagerLocal { disk, received, forgotten, .. } = local.clone();
                let copy = Copy { replica: disk, received, forgotten };
                let body = postcard::to_allocvec(&copy).expect("a replica can be encoded");
                Some((local.clone(), vec![self.says(*from, body)]))
            }
            (Life::Recorded, Input::Message(Sender::Replica(from), Message::Tell { body, .. }))
                if body == ASKS =>
            {
                Some((local.clone(), vec![self.says(*from, RECORDED.to_vec())]))
            }
            _ => None,
        }
    }

    /// Durable before anything else is sent.
    fn install(&self, next: &mut ManagerLocal, copy: &[u8]) {
        let Copy { replica, received, forgotten } =
            postcard::from_bytes(copy).expect("only copies and confirmations are sent to it");
        next.state = self.node.start(replica.clone(), &mut Effects::default());
        (next.disk, next.received, next.forgotten) = (replica, received, forgotten);
        next.life = Life::Recorded;
    }

    fn says(&self, to: ReplicaId, body: Vec<u8>) -> Sent {
        let ts = self.node.group.zero();
        (Destination::Replica(to), Message::Tell { ts, body })
    }
}

impl ManagerLocal {
    /// It is none of the cluster any more.
    pub fn is_lost(&self) -> bool {
        matches!(self.life, Life::Restored | Life::Lost)
    }

    /// It is none of the cluster yet.
    pub fn waits_for_copy(&self) -> bool {
        matches!(self.life, Life::Waits { .. })
    }

    /// Does it speak of its own accord?
    pub fn speaks(&self) -> bool {
        !self.waits_for_copy() && !self.is_lost()
    }
}

/// What a word between managers is, for people.
pub fn word(body: &[u8]) -> &'static str {
    match body {
        RECORDED => "the replacement that it has recorded",
        ASKS => "its question whether it is recorded",
        COPY => "its want of a copy",
        _ => "its whole replica",
    }
}
