//! The trace: what a host tells of each atomic step, so that the run can be checked afterwards.
//!
//! docs/trace-format.md describes the files. What is recorded suffices to compute each step again: the input,
//! all that the handler asked for, and what the state was after it.

use crate::{
    Change, Destination, Group, ManagerState, Message, ReplicaId, ReplicaManager, RequestId,
    Sender, Service, Timer, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name and version of the format. Another form has another number.
pub const TRACE_FORMAT: &str = "chinwag-trace/1";

/// One line of a trace file.
#[allow(clippy::large_enum_variant, reason = "nearly every line is a step")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "snake_case")]
pub enum TraceLine<S: Service> {
    /// The first line.
    Header(TraceHeader),
    /// One atomic step.
    Step(TraceStep<S>),
    /// The last line of a replica manager that was stopped.
    Stop {
        /// Steps in this file.
        steps: u64,
    },
    /// The last line of a recorder that gave up: steps followed that are not here.
    Incomplete {
        /// Steps in this file.
        steps: u64,
        /// Why.
        why: String,
    },
}

/// Who records, and what is fixed while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceHeader {
    /// [`TRACE_FORMAT`].
    pub format: String,
    /// The cluster's number, as in its datagrams.
    pub cluster: u64,
    /// The service's name.
    pub service: String,
    /// How many replica managers take updates.
    pub updatable: u16,
    /// How many replica managers there are.
    pub replicas: u16,
    /// Which one this is.
    pub node: u16,
    /// How often it was started before, with this directory to record to.
    pub boot: u32,
    /// Whom it gossips to of its own accord.
    pub partners: Vec<ReplicaId>,
    /// [`ReplicaManager::batch`].
    pub batch: u32,
    /// [`ReplicaManager::pulls`].
    pub pulls: bool,
    /// [`ReplicaManager::relays`].
    pub relays: bool,
}

impl TraceHeader {
    /// What a replica manager of this cluster says of itself.
    pub fn of(node: &ReplicaManager, cluster: super::ClusterId, service: &str) -> Self {
        Self {
            format: TRACE_FORMAT.into(),
            cluster: cluster.0,
            service: service.into(),
            updatable: node.group.updatable,
            replicas: node.group.replicas,
            node: node.id.0,
            boot: 0,
            partners: node.partners.clone(),
            batch: node.batch,
            pulls: node.pulls,
            relays: node.relays,
        }
    }

    /// Who is in the cluster.
    pub fn group(&self) -> Group {
        Group::of(self.updatable).and_read_only(self.replicas - self.updatable)
    }

    /// The replica manager that it speaks of.
    pub fn manager(&self) -> ReplicaManager {
        let mut node = ReplicaManager::new(ReplicaId(self.node), self.group());
        node.partners.clone_from(&self.partners);
        (node.batch, node.pulls, node.relays) = (self.batch, self.pulls, self.relays);
        node
    }
}

/// One atomic step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct TraceStep<S: Service> {
    /// Its place among the steps since the start, from 0.
    pub seq: u64,
    /// The batch of steps that became durable together, from 0. All of a batch is written before any of it
    /// is journalled, and all of it is journalled before anything of it is sent.
    pub commit: u64,
    /// What happened.
    pub input: TraceInput<S>,
    /// Changes of the durable replica, in order.
    pub journal: Vec<Change<S>>,
    /// What the step sends, before it is cut into datagrams. Any of it may be lost.
    pub sends: Vec<(Destination, Message<S>)>,
    /// Timers that the step starts.
    pub start: Vec<Timer>,
    /// Timers that it stops.
    pub cancel: Vec<Timer>,
    /// What the state is afterwards.
    pub after: TraceState,
}

/// What can happen to a replica manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", rename_all = "snake_case")]
pub enum TraceInput<S: Service> {
    /// It starts with what its storage holds.
    Start {
        /// Of the replica that was recovered.
        replica: Digest,
    },
    /// A message arrives.
    Message {
        /// From whom.
        from: Sender,
        /// What it says: one fragment, if it was cut.
        message: Message<S>,
    },
    /// A timer fires.
    Timer(Timer),
    /// An update arrives for which the disk has no room: the driver refuses it.
    TurnedAway {
        /// From whom.
        from: Sender,
        /// The update.
        message: Message<S>,
    },
    /// The driver drops queries that were held back for too long, as if they had been lost.
    GiveUp {
        /// Which.
        queries: Vec<RequestId>,
    },
}

/// What a state is, in short. Two states that differ have summaries that differ, but for a collision of a
/// digest: 64 bits of length and CRC, against accidents and not against forgers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceState {
    /// Of the whole durable replica, the value included.
    pub replica: Digest,
    /// What it holds.
    pub replica_ts: Timestamp,
    /// What its value reflects.
    pub value_ts: Timestamp,
    /// Up to where records have left its log.
    pub discarded: Timestamp,
    /// Records in the log.
    pub log: u64,
    /// Of these, how many wait.
    pub pending: u64,
    /// Identifiers in the executed table.
    pub executed: u64,
    /// What it knows of each replica manager.
    pub table: Vec<Timestamp>,
    /// Peers that asked for a receipt.
    pub owed: Vec<bool>,
    /// Updates since the last full batch.
    pub unsent: u32,
    /// Queries that are held back.
    pub waiting: u64,
    /// Of these queries.
    pub queries: Digest,
}

impl TraceState {
    /// The summary of a state. Costs what the replica is, unless `last` is of the same durable replica.
    ///
    /// A replica changes only by changes that are journalled; so what a step that journals nothing leaves has
    /// the digest that it had.
    pub fn of<S: Service>(state: &ManagerState<S>, unchanged: Option<&TraceState>) -> Self {
        let ManagerState { replica, table, waiting, owed, unsent } = state;
        let queries: Vec<_> = waiting.iter().map(|(id, w)| (id, &w.prev, &w.query)).collect();
        let mut summary = Self {
            replica: unchanged.map_or(Digest(0), |last| last.replica),
            replica_ts: replica.replica_ts().clone(),
            value_ts: replica.value_ts().clone(),
            discarded: replica.discarded().clone(),
            log: replica.log().len() as u64,
            pending: replica.pending_count() as u64,
            executed: replica.executed().len() as u64,
            table: table.clone(),
            owed: owed.clone(),
            unsent: *unsent,
            waiting: waiting.len() as u64,
            queries: Digest::of(&queries),
        };
        if !unchanged.is_some_and(|last| last.has_the_replica_of(&summary)) {
            summary.replica = Digest::of(replica);
        }
        summary
    }

    fn has_the_replica_of(&self, other: &Self) -> bool {
        let of = |s: &Self| (s.log, s.pending, s.executed);
        of(self) == of(other)
            && self.replica_ts == other.replica_ts
            && self.value_ts == other.value_ts
            && self.discarded == other.discarded
    }
}

/// Length and CRC-32 of what `postcard` makes of a value: the same on every machine and in every build.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest(pub u64);

impl Digest {
    /// The digest of a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        // Types that postcard cannot write cannot be journalled either.
        let bytes = postcard::to_allocvec(value).unwrap_or_default();
        Self((bytes.len() as u64) << 32 | u64::from(crc32fast::hash(&bytes)))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| format!("{text:?} is not sixteen hexadecimal digits"))
    }
}
