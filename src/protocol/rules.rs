//! Every decision of the protocol, in one table: the paper on one page.
//!
//! [`FAITHFUL`] is the protocol. A mutant is the table with an entry replaced, outside this crate; that is
//! the only reason for the table. An entry sees identities, timestamps and booleans, never a service.
//!
//! Citations: `Snn` is a row of PROTOCOL section 6 (the source's statements), `Cnn` a corner case of its
//! section 2, `Pnn` a property of its section 3.

use super::{Group, RecordKey, ReplicaId, Serial, Timestamp};

/// What a replica manager knows of the identifier of an arriving update.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its front end has said that no copy of it matters any more.
    pub finished: bool,
    /// Its effect is in the value.
    pub executed: bool,
    /// A record of it is in the log and still waits.
    pub waiting: bool,
}

/// What decides whether an identifier may leave the executed table.
#[derive(Clone, Copy, Debug)]
pub struct Forgetting {
    /// The identifier in question.
    pub candidate: Serial,
    /// The identifier of the record that gives occasion, of the same front end.
    pub record: Serial,
    /// What that record acknowledges.
    pub acknowledged: Serial,
    /// Whether the record is held by every replica manager (it is being discarded), or has just arrived.
    pub everywhere: bool,
    /// Whether a record of the candidate still waits here.
    pub waiting: bool,
}

/// What a replica manager must answer to an update that it knows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The merged timestamps of the records that it has had of it.
    Recorded,
    /// The value timestamp.
    Value,
    /// Nothing.
    Silence,
}

/// The decisions of the protocol, in the order in which an update meets them.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    // ---- the front end ----
    /// Must a request wait until every earlier update of its session has a timestamp? Without it the
    /// client does not read its own writes, even at one replica manager (C20).
    pub waits_for_timestamps: fn() -> bool,
    /// What the client has seen after a reply: everything it had, and the reply's timestamp (S32).
    pub observe: fn(ts: &mut Timestamp, reply: &Timestamp),
    /// The same for an answer to a query (S21).
    pub observe_answer: fn(ts: &mut Timestamp, reply: &Timestamp),
    /// What a client has seen after another one talked to it (S48).
    pub hear: fn(ts: &mut Timestamp, told: &Timestamp),
    /// Below which serial every request is finished, given the oldest that is not, and the next.
    pub acknowledge: fn(oldest: Serial, next: Serial) -> Serial,
    /// The number that a repeated request carries: its own (C21, S25).
    pub repeat_as: fn(number: u64, next: u64) -> u64,

    // ---- an update arrives ----
    /// Is this the copy of an update that needs no further record? (S26, S27)
    pub is_duplicate: fn(known: Known) -> bool,
    /// What is answered to a duplicate: the first answer may have been lost (C12).
    pub repeat: fn(known: Known) -> Repeat,
    /// Can the update's past be true? What it knows of this replica manager, this one remembers (C17).
    pub is_plausible: fn(prev: &Timestamp, me: ReplicaId, replica_ts: &Timestamp) -> bool,
    /// Under whose entry does this replica manager record updates? Its own; a read-only one has none and
    /// takes none (S47, C23).
    pub signs: fn(me: ReplicaId, updatable: u16) -> Option<ReplicaId>,
    /// The record's timestamp: the past with this replica manager's own count in it (S31).
    pub stamp: fn(prev: &Timestamp, me: ReplicaId, seq: u64, replica_ts: &Timestamp) -> Timestamp,
    /// The replica timestamp after that: only this manager's own entry moves (S28, C9).
    pub count: fn(replica_ts: &Timestamp, me: ReplicaId, ts: &Timestamp) -> Timestamp,

    // ---- execution ----
    /// The first update that must be reflected before this one may run; none if it is stable (S33).
    pub awaits:
        fn(prev: &Timestamp, value_ts: &Timestamp, replica_ts: &Timestamp) -> Option<RecordKey>,
    /// Stable updates run in ascending rank, which must extend causality: members of the stable set are
    /// *not* mutually concurrent (S40, C3b).
    pub rank: fn(prev: &Timestamp, key: RecordKey) -> u128,
    /// Are updates that became stable through this very pass run in it too? (C3)
    pub goes_on: fn() -> bool,
    /// Has this update not run yet? Only the identifier tells: the value timestamp may cover an update
    /// that never ran here (C2), and a second record of it must not run again (C10).
    pub is_fresh: fn(executed: bool, ts: &Timestamp, value_ts: &Timestamp) -> bool,
    /// The value reflects the record, whether or not the operation ran again (S34, C10).
    pub reflect: fn(value_ts: &mut Timestamp, ts: &Timestamp, fresh: bool, replica_ts: &Timestamp),

    // ---- queries ----
    /// May a query be answered from this value? (S16, S21)
    pub may_answer: fn(prev: &Timestamp, value_ts: &Timestamp, replica_ts: &Timestamp) -> bool,
    /// Is a query that cannot be answered yet kept? (C24)
    pub holds_back: fn() -> bool,

    // ---- gossip goes out ----
    /// Does a peer of which `known` is known lack this record? (S36)
    pub lacks: fn(known: &Timestamp, key: RecordKey, ts: &Timestamp, me: ReplicaId) -> bool,
    /// Is there something to say to a peer of which `known` is known? Also when no record is left to
    /// carry: then the timestamp alone is the news (C14).
    pub has_news: fn(known: &Timestamp, replica_ts: &Timestamp, records: usize) -> bool,
    /// What is known of a peer after sending to it: nothing new (C7).
    pub known_after_send: fn(known: &Timestamp, sent: &Timestamp) -> Timestamp,
    /// Is a receipt owed for gossip that asks for one? (C14) Not if the sender has said more since: it asks
    /// again if it still needs to know.
    pub owes: fn(asks: bool, overtaken: bool) -> bool,

    // ---- gossip comes in ----
    /// Is gossip heard, given how many replacements its sender had recorded and how many are recorded here?
    /// Only if they are as many. Of a replaced one, nobody hears any more (C18); and of the others no word
    /// teaches that they said before they had stopped hearing it: they may since have taken records from it
    /// (PROTOCOL 1.10).
    pub hears: fn(said: u16, mine: u16) -> bool,
    /// Is this record taken into the log, given the next number expected of its origin and how far the
    /// message claims to reach? (S39, C5, C16)
    pub takes: fn(
        key: RecordKey,
        next: u64,
        claimed: &Timestamp,
        ts: &Timestamp,
        held: &Timestamp,
    ) -> bool,
    /// Is a further record of an update that ran already kept as well? (C10)
    pub keeps: fn(executed: bool) -> bool,
    /// How far one origin's records are held afterwards: as far as they really came, not as far as the
    /// message claims (S43, C8).
    pub reached: fn(contiguous: u64, claimed: u64) -> u64,
    /// What is known of the sender afterwards. Only a complete message that left no gap teaches, or the
    /// collection of the executed table is unsafe (see `Replica::forget`) (S37, C15).
    pub learn: fn(known: &Timestamp, ts: &Timestamp, complete: bool, covered: bool) -> Timestamp,

    // ---- collection ----
    /// Must it be known of this replica manager that it holds a record before that is discarded? Of every
    /// member, and no other (C13).
    pub counts: fn(peer: ReplicaId, group: Group) -> bool,
    /// What is known of a member at the start, given what was discarded and what is held here: what was
    /// discarded, all who were there held. A newcomer has not said yet that it holds anything.
    pub knows_at_start: fn(discarded: &Timestamp, held: &Timestamp, newcomer: bool) -> Timestamp,
    /// Up to where records may leave the log: everyone who needs them has them, *and* they ran here
    /// (S41, C13, P14).
    pub discardable: fn(known: &[&Timestamp], me: ReplicaId, executed: &Timestamp) -> Timestamp,
    /// Is a record an occasion to look for such identifiers: when it is discarded, since everyone holds it,
    /// or already when it comes in?
    pub looks_back: fn(everywhere: bool) -> bool,
    /// May this identifier leave the executed table? Not when its record does (S42, C11), but when every
    /// replica manager is known to refuse it for ever.
    pub forgets: fn(Forgetting) -> bool,

    // ---- replacement ----
    /// May a newcomer ask for a copy of a member's replica, when so many of the other members have said that
    /// they have recorded the replacement durably? Not before all have: who has not may still discard what
    /// the copy lacks, and forget what the newcomer would then record again (PROTOCOL 1.10).
    pub may_copy: fn(confirmed: usize, others: usize) -> bool,
}

/// The protocol.
pub const FAITHFUL: Rules = Rules {
    waits_for_timestamps: || true,
    observe: |ts, reply| ts.merge(reply),
    observe_answer: |ts, reply| ts.merge(reply),
    hear: |ts, told| ts.merge(told),
    acknowledge: |oldest, _next| oldest,
    repeat_as: |number, _next| number,

    is_duplicate: |known| known.finished || known.executed || known.waiting,
    repeat: |known| if known.finished { Repeat::Silence } else { Repeat::Recorded },
    is_plausible: |prev, me, replica_ts| prev.get(me) <= replica_ts.get(me),
    signs: |me, updatable| (me.0 < updatable).then_some(me),
    stamp: |prev, me, seq, _replica_ts| prev.with(me, seq),
    count: |replica_ts, me, ts| replica_ts.with(me, ts.get(me)),

    awaits: |prev, value_ts, _replica_ts| first_beyond(prev, value_ts),
    rank: |prev, _key| prev.weight(),
    goes_on: || true,
    is_fresh: |executed, _ts, _value_ts| !executed,
    reflect: |value_ts, ts, _fresh, _replica_ts| value_ts.merge(ts),

    may_answer: |prev, value_ts, _replica_ts| value_ts.covers(prev),
    holds_back: || true,

    lacks: |known, key, _ts, _me| known.get(key.origin) < key.seq,
    has_news: |known, replica_ts, _records| !known.covers(replica_ts),
    known_after_send: |known, _sent| known.clone(),
    owes: |asks, overtaken| asks && !overtaken,

    hears: |said, mine| said == mine,
    takes: |key, next, claimed, _ts, _held| key.seq == next && next <= claimed.get(key.origin),
    keeps: |_executed| true,
    reached: |contiguous, _claimed| contiguous,
    learn: |known, ts, complete, covered| {
        let mut known = known.clone();
        if complete && covered {
            known.merge(ts);
        }
        known
    },

    counts: |peer, group| group.is_member(peer),
    knows_at_start: |discarded, _held, newcomer| match newcomer {
        true => Timestamp::zero(discarded.len()),
        false => discarded.clone(),
    },
    discardable: |known, _me, executed| {
        let mut floor = executed.clone();
        known.iter().for_each(|peer| floor.meet(peer));
        floor
    },
    looks_back: |everywhere| everywhere,
    forgets: |f| f.everywhere && f.candidate < f.acknowledged && !f.waiting,

    may_copy: |confirmed, others| confirmed == others,
};

/// The first entry in which `prev` is beyond `ts`, as the record that would raise `ts` there.
pub fn first_beyond(prev: &Timestamp, ts: &Timestamp) -> Option<RecordKey> {
    prev.entries()
        .find(|(origin, seq)| *seq > ts.get(*origin))
        .map(|(origin, seq)| RecordKey { origin, seq })
}
