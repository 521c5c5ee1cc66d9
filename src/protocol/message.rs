//! The vocabulary: identities, log records, and every message that travels.
//!
//! | message | from | to | phase of the source |
//! |---|---|---|---|
//! | `Update` | front end | replica manager | request |
//! | `UpdateReply`, `Refused` | replica manager | front end | response |
//! | `Query`, `QueryReply` | front end, replica manager | each other | request, response |
//! | `Gossip`, `Pull` | replica manager | replica manager | agreement |
//! | `Tell` | front end | front end | (clients that talk to each other) |

use super::{ReplicaId, Service, Timestamp};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, collections::BTreeMap, fmt, sync::Arc};

/// A front end, for as long as its client has a name. Restarts are told apart by [`Serial::incarnation`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrontEndId(pub u64);

/// The place of a request among all that its front end ever issued.
///
/// A front end that lost its state comes back with a higher incarnation, never with used numbers (C21).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Serial {
    /// Grows by one at least whenever the front end starts without its old state.
    pub incarnation: u32,
    /// Grows by one with each request of an incarnation.
    pub number: u64,
}

/// `u.id` of the source: the same for every copy of a request, to whichever replica manager it goes (S25).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// Who asks.
    pub front_end: FrontEndId,
    /// Which of its requests.
    pub serial: Serial,
}

/// Identity of a log record: the replica manager that made it and that manager's own count.
///
/// One update has several records if several replica managers accepted it (C10).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The replica manager that accepted the update.
    pub origin: ReplicaId,
    /// `ts[origin]`: the first record of each replica manager has 1.
    pub seq: u64,
}

/// A request to change the value: `u.op`, `u.prev` and `u.id` of the source (S24).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Update<S: Service> {
    /// Whose request, and which.
    pub id: RequestId,
    /// Every request of this front end before this one has been replied to and will never be sent
    /// again: a cumulative acknowledgement. At most `id.serial`.
    pub acknowledged: Serial,
    /// All that the client had seen.
    pub prev: Timestamp,
    /// What to do.
    pub op: S::Op,
}

/// `<i, ts, u.op, u.prev, u.id>` of the source (S30).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct LogRecord<S: Service> {
    /// The replica manager that accepted the update.
    pub origin: ReplicaId,
    /// `prev` with the entry of `origin` replaced by that manager's own count (S31).
    pub ts: Timestamp,
    /// The request itself.
    pub update: Update<S>,
}

impl<S: Service> LogRecord<S> {
    /// Which record this is.
    pub fn key(&self) -> RecordKey {
        RecordKey { origin: self.origin, seq: self.ts.get(self.origin) }
    }
}

/// `m = (m.log, m.ts)` of the source (S38), cut into datagrams if it must be.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Gossip<S: Service> {
    /// Records that the receiver may lack, ascending by [`LogRecord::key`].
    pub log: Vec<Arc<LogRecord<S>>>,
    /// If `complete`, the sender's whole replica timestamp; else what `log` reaches and no more, since a
    /// fragment may claim only what it carries (C8).
    pub ts: Timestamp,
    /// Whether this is the only, or the last, fragment.
    pub complete: bool,
    /// The sender believes that the receiver is behind, and will repeat itself until told otherwise.
    pub asks: bool,
    /// The sender's timestamp table, if it relays for others; else empty (C14).
    pub table: Vec<Timestamp>,
    /// How many replacements the sender has recorded (`Group::epoch`). Not written: datagrams of another
    /// epoch are another cluster's.
    pub epoch: u16,
}

impl<S: Service> Gossip<S> {
    /// Cuts a message into fragments whose records have a size of at most `room` together, in order.
    ///
    /// A record that does not fit alone travels alone all the same: that it never gets into a log is the
    /// business of whoever admits updates.
    pub fn fragments(self, room: usize, size: impl Fn(&LogRecord<S>) -> usize) -> Vec<Self> {
        let (mut cut, mut log, mut taken) = (Vec::new(), Vec::new(), 0_usize);
        for record in &self.log {
            let size = size(record);
            if !log.is_empty() && taken.saturating_add(size) > room {
                cut.push(self.fragment(std::mem::take(&mut log)));
                taken = 0;
            }
            taken = taken.saturating_add(size);
            log.push(Arc::clone(record));
        }
        cut.push(Self { log, ..self });
        cut
    }

    /// One that is not the last, and claims what it carries.
    fn fragment(&self, log: Vec<Arc<LogRecord<S>>>) -> Self {
        let mut ts = Timestamp::zero(self.ts.len());
        log.iter().for_each(|record| ts.set(record.origin, record.key().seq));
        Self { log, ts, complete: false, table: Vec::new(), ..*self }
    }
}

/// Why a replica manager will not take a request. Each says that nothing was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// A read-only replica takes no updates; any updatable one will (S47).
    ReadOnly,
    /// The request builds on an update of this replica manager that it does not know: either the front
    /// end is wrong, or this replica manager has lost state (C17).
    UnknownPast,
    /// Too much is waiting here already. Try again, or elsewhere.
    Overloaded,
    /// The driver has no room to journal it. Try again, or elsewhere.
    NoSpace,
}

/// Everything that travels.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Message<S: Service> {
    /// A front end asks for a change.
    Update(Update<S>),
    /// It is in a log: merge `ts` into what the client has seen (S32).
    UpdateReply {
        /// The request that is answered.
        id: RequestId,
        /// Covers every record of it that the sender holds (P20).
        ts: Timestamp,
    },
    /// A front end asks a question.
    Query {
        /// Whose request, and which.
        id: RequestId,
        /// The least that the answer must reflect.
        prev: Timestamp,
        /// The question.
        query: S::Query,
    },
    /// The answer, and what it reflects (S21).
    QueryReply {
        /// The request that is answered.
        id: RequestId,
        /// The value timestamp when the answer was given (P11).
        ts: Timestamp,
        /// The answer.
        answer: S::Answer,
    },
    /// The request was not taken.
    Refused {
        /// The request that is answered.
        id: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// Records, and what the sender holds.
    Gossip(Gossip<S>),
    /// A replica manager found that it misses an update (S23): it asks for all beyond what it holds.
    Pull {
        /// What the asking replica manager holds.
        replica_ts: Timestamp,
    },
    /// A client talks to another one; what it had seen travels along (S48).
    Tell {
        /// All that the telling client had seen.
        ts: Timestamp,
        /// What it said. The protocol does not look inside.
        body: Vec<u8>,
    },
}

impl<S: Service> Message<S> {
    /// What kind of message it is, for counters and diagrams.
    pub fn kind(&self) -> &'static str {
        match self {
            Message::Update(_) => "update",
            Message::UpdateReply { .. } => "update reply",
            Message::Query { .. } => "query",
            Message::QueryReply { .. } => "query reply",
            Message::Refused { .. } => "refused",
            Message::Gossip(_) => "gossip",
            Message::Pull { .. } => "pull",
            Message::Tell { .. } => "tell",
        }
    }

    /// An arbitrary total order, for sorting only: timestamps have no honest one.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        use Message::*;
        match (self, other) {
            (Update(a), Update(b)) => update_cmp(a, b),
            (UpdateReply { id: a, ts: x }, UpdateReply { id: b, ts: y }) => {
                a.cmp(b).then_with(|| x.total_cmp(y))
            }
            (Query { id: a, prev: x, query: p }, Query { id: b, prev: y, query: q }) => {
                a.cmp(b).then_with(|| x.total_cmp(y)).then_with(|| p.cmp(q))
            }
            (QueryReply { id: a, ts: x, answer: p }, QueryReply { id: b, ts: y, answer: q }) => {
                a.cmp(b).then_with(|| x.total_cmp(y)).then_with(|| p.cmp(q))
            }
            (Refused { id: a, reason: p }, Refused { id: b, reason: q }) => (a, p).cmp(&(b, q)),
            (Gossip(a), Gossip(b)) => gossip_cmp(a, b),
            (Pull { replica_ts: a }, Pull { replica_ts: b }) => a.total_cmp(b),
            (Tell { ts: a, body: p }, Tell { ts: b, body: q }) => {
                a.total_cmp(b).then_with(|| p.cmp(q))
            }
            _ => self.kind().cmp(other.kind()),
        }
    }
}

fn update_cmp<S: Service>(a: &Update<S>, b: &Update<S>) -> Ordering {
    (a.id, a.acknowledged, &a.op)
        .cmp(&(b.id, b.acknowledged, &b.op))
        .then_with(|| a.prev.total_cmp(&b.prev))
}

fn gossip_cmp<S: Service>(a: &Gossip<S>, b: &Gossip<S>) -> Ordering {
    let tables = || {
        let pairs = a.table.iter().zip(&b.table).map(|(x, y)| x.total_cmp(y));
        pairs.fold(a.table.len().cmp(&b.table.len()), Ordering::then)
    };
    let records = || {
        let pairs = a.log.iter().zip(&b.log).map(|(x, y)| {
            let origins = x.origin.cmp(&y.origin);
            origins
                .then_with(|| x.ts.total_cmp(&y.ts))
                .then_with(|| update_cmp(&x.update, &y.update))
        });
        pairs.fold(a.log.len().cmp(&b.log.len()), Ordering::then)
    };
    (a.epoch, a.complete, a.asks)
        .cmp(&(b.epoch, b.complete, b.asks))
        .then_with(|| a.ts.total_cmp(&b.ts))
        .then_with(records)
        .then_with(tables)
}

/// Front ends by what they have finished; see [`Update::acknowledged`].
pub type Watermarks = BTreeMap<FrontEndId, Serial>;

/// `fe0`.
impl fmt::Debug for FrontEndId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fe{}", self.0)
    }
}

/// `#3`, or `#2.3` in the second incarnation after the first.
impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            0 => write!(f, "#{}", self.number),
            n => write!(f, "#{n}.{}", self.number),
        }
    }
}

/// `fe0#3`.
impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:?}", self.front_end, self.serial)
    }
}

/// `rm1:2`.
impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.origin, self.seq)
    }
}

/// `fe0#3 Add(1) after [0,0]`.
impl<S: Service> fmt::Debug for Update<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} after {:?}", self.id, self.op, self.prev)
    }
}

/// `rm1:2 [0,2] fe0#3 Add(1) after [0,0]`.
impl<S: Service> fmt::Debug for LogRecord<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.key(), self.ts, self.update)
    }
}

/// `gossip [2,0] +1 {rm0:2}`; a fragment that is not the last has `..` after its timestamp.
impl<S: Service> fmt::Debug for Gossip<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.complete { "" } else { ".." };
        write!(f, "gossip {:?}{more}", self.ts)?;
        if !self.log.is_empty() {
            let keys: Vec<_> = self.log.iter().map(|r| r.key()).collect();
            write!(f, " +{} {keys:?}", keys.len())?;
        }
        if self.asks {
            f.write_str(" (asks)")?;
        }
        if !self.table.is_empty() {
            write!(f, " table {:?}", self.table)?;
        }
        Ok(())
    }
}

impl<S: Service> fmt::Debug for Message<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Message::Update(update) => write!(f, "update {update:?}"),
            Message::UpdateReply { id, ts } => write!(f, "reply {id:?} at {ts:?}"),
            Message::Query { id, prev, query } => {
                write!(f, "query {id:?} {query:?} after {prev:?}")
            }
            Message::QueryReply { id, ts, answer } => {
                write!(f, "answer {id:?} {answer:?} at {ts:?}")
            }
            Message::Refused { id, reason } => write!(f, "refused {id:?} {reason:?}"),
            Message::Gossip(gossip) => gossip.fmt(f),
            Message::Pull { replica_ts } => write!(f, "pull beyond {replica_ts:?}"),
            Message::Tell { ts, body } => {
                write!(f, "tell {:?} at {ts:?}", String::from_utf8_lossy(body))
            }
        }
    }
}
