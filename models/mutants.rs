//! Seeded bugs: what an engineer would plausibly write, and the property that must find it out.
//!
//! Each is one or two entries of the table of rules, or a disk that breaks the driver's law; none is in the
//! protocol's code. A property that kills no mutant is not known to be able to fail.

use crate::party::Disk;
use chinwag::{
    ReplicaId, Rules, Timestamp,
    rules::{FAITHFUL, Repeat, first_beyond},
};

/// A seeded bug.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// Why someone would write it, and the corner case of PROTOCOL section 2 that it is.
    pub slip: &'static str,
    /// The rules it goes by.
    pub rules: &'static Rules,
    /// The disk it writes to.
    pub disk: Disk,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a mutant.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// This property finds it out, in this model.
    Dies {
        /// The model's name.
        model: &'static str,
        /// The property's sentence.
        by: &'static str,
    },
    /// Nobody can tell it from the protocol, for this reason.
    Equivalent(&'static str),
}

macro_rules! mutants {
    ($($name:literal, $slip:literal, { $($rule:ident: $is:expr),* $(,)? } $(on $disk:ident)?
       => $fate:ident($($arg:literal),*);)*) => {
        &[$(Mutant {
            name: $name,
            slip: $slip,
            rules: &Rules { $($rule: $is,)* ..FAITHFUL },
            disk: disk!($($disk)?),
            fate: fate!($fate($($arg),*)),
        }),*]
    };
}
macro_rules! disk {
    () => {
        Disk::Honest
    };
    ($disk:ident) => {
        Disk::$disk
    };
}
macro_rules! fate {
    (dies($model:literal, $by:literal)) => {
        Fate::Dies { model: $model, by: $by }
    };
    (equivalent($why:literal)) => {
        Fate::Equivalent($why)
    };
}

/// All seeded bugs, in the order in which an update meets the rules that they break.
#[rustfmt::skip]
pub const MUTANTS: &[Mutant] = mutants! {
    // ---- the front end ----
    "does not wait for timestamps", "the update was handed over, so go on (C20)",
        { waits_for_timestamps: || false } => dies("pair", "a client reads its own writes");
    "forgets update replies", "the reply only says that it worked (C20)",
        { observe: |_, _| {} } => dies("histories", "what clients saw is causally consistent");
    "overwrites with update replies", "the last timestamp is the newest",
        { observe: |ts, reply| ts.clone_from(reply) } => dies("twice", "no timestamp goes down");
    "forgets answers' timestamps", "reading changes nothing",
        { observe_answer: |_, _| {} } => dies("reader", "a client never sees less than it has seen");
    "does not hear timestamps", "the words are what counts (C20)",
        { hear: |_, _| {} } => dies("hearsay", "a client sees what it was told of");
    "acknowledges too early", "what was sent will arrive (C11)",
        { acknowledge: |_, next| next } => dies("late", "every fair continuation becomes silent");
    "repeats under a new number", "each message has its own number (C21)",
        { repeat_as: |_, next| next } => dies("retry", "an update is executed at most once");

    // ---- an update arrives ----
    "records duplicates", "clients do not repeat themselves (S26)",
        { is_duplicate: |_| false } => dies("late", "what was forgotten is recorded nowhere again");
    "looks only into the log", "what ran is in the log (S26)",
        { is_duplicate: |k| k.finished || k.waiting } => dies("late", "a manager makes one record of an update");
    "looks only at what ran", "what is in the log will run (S27)",
        { is_duplicate: |k| k.finished || k.executed } => dies("late", "a manager makes one record of an update");
    "ignores what is finished", "the executed table tells (C11)",
        { is_duplicate: |k| k.executed || k.waiting } => dies("late", "what was forgotten is recorded nowhere again");
    "drops duplicates silently", "it was answered already (C12a)",
        { repeat: |_| Repeat::Silence } => dies("retry", "a replica manager alone takes updates and answers");
    "answers duplicates with the value's timestamp", "it covers all that ran (C12b)",
        { repeat: |k| if k.finished { Repeat::Silence } else { Repeat::Value } } => dies("late", "a reply covers every record of its update");
    "believes any past", "clients are honest (C17)",
        { is_plausible: |_, _, _| true } => dies("liar", "a timestamp is the past with one new update in it");
    "a read-only replica takes updates", "it is a replica like the others (C23)",
        { signs: |me, updatable| Some(ReplicaId(me.0 % updatable)) } => dies("refused", "a read-only replica makes no record");
    "stamps without the past", "the record carries prev anyway",
        { stamp: |prev, me, seq, _| Timestamp::zero(prev.len()).with(me, seq) } => dies("counter", "a timestamp is the past with one new update in it");
    "stamps with all it holds", "that is what it knows (C4c)",
        { stamp: |_, me, seq, held| held.with(me, seq) } => dies("pair", "a timestamp is the past with one new update in it");
    "counts from the client's past", "the client has the newest count",
        { stamp: |prev, me, _, _| prev.with(me, prev.get(me) + 1) } => dies("pair", "a timestamp names one update");
    "counts the whole timestamp", "it is the replica's timestamp now (C9)",
        { count: |held, _, ts| { let mut held = held.clone(); held.merge(ts); held } } => dies("counter", "the log has no holes");

    // ---- execution ----
    "executes before the past", "it was logged, so run it",
        { awaits: |_, _, _| None } => dies("histories", "a write runs after what its client had read");
    "waits for what is logged", "the paper tests the replica timestamp (C4)",
        { awaits: |prev, _, held| first_beyond(prev, held) } => equivalent("a step ends with every stable record executed, and for honest timestamps the log covers a past exactly if the value does (proved: replica_test_is_value_test)");
    "compares lexicographically", "timestamps have an order (C4d)",
        { awaits: |prev, value_ts, _| if prev.total_cmp(value_ts).is_le() { None } else { first_beyond(prev, value_ts) } } => dies("chain", "execution respects causality");
    "executes in key order", "while any update is stable, execute one (C3b)",
        { rank: |_, _| 0 } => dies("chain", "execution respects causality");
    "executes the newest first", "the newest matters most (C3b)",
        { rank: |_, key| u128::from(u64::MAX - key.seq) } => dies("set", "equal timestamps mean equal values");
    "makes a single pass", "all stable updates were found (C3)",
        { goes_on: || false } => dies("counter", "nothing waits that need not wait");
    "executes duplicates", "each record is an update (C10)",
        { is_fresh: |_, _, _| true } => dies("twice", "an update is executed at most once");
    "takes what is covered for executed", "the timestamp says what ran (C2)",
        { is_fresh: |executed, ts, value_ts| !executed && !value_ts.covers(ts) } => dies("counter", "no update is taken for another");
    "has no executed table", "the timestamp replaces it (C2)",
        { is_fresh: |_, ts, value_ts| !value_ts.covers(ts) } => dies("loss", "an answer reflects what its timestamp covers");
    "skips a duplicate's timestamp", "it did not run (C10)",
        { reflect: |value_ts, ts, fresh, _| if fresh { value_ts.merge(ts) } } => dies("twice", "the replica is in good shape");
    "reflects all that is logged", "it will run soon (C4b)",
        { reflect: |value_ts, ts, _, held| { value_ts.merge(ts); value_ts.merge(held) } } => dies("counter", "the value reflects exactly what its timestamp covers");

    "reflects all that came with it", "the message was processed (C4b)",
        { reflect: |value_ts, ts, fresh, held| value_ts.merge(if fresh { held } else { ts }) } => dies("chain", "a timestamp covers the past of what it covers");

    // ---- queries ----
    "answers too early", "stale is better than late",
        { may_answer: |_, _, _| true } => dies("pair", "an answer is as new as was asked for");
    "answers from the log", "it was received (C4)",
        { may_answer: |prev, _, held| held.covers(prev) } => equivalent("as \"waits for what is logged\": at the end of a step, the log covers an honest past exactly if the value does");
    "drops queries that must wait", "the client asks again (C24)",
        { holds_back: || false } => dies("pair", "every query ends up answered");

    // ---- gossip goes out ----
    "sends only newer records", "timestamps are compared (C5)",
        { lacks: |known, _, ts, _| ts.covers(known) && ts != known } => dies("pair", "every fair continuation becomes silent");
    "sends only its own records", "everyone gossips for himself",
        { lacks: |known, key, _, me| key.origin == me && known.get(me) < key.seq } => dies("ring", "every fair continuation becomes silent");
    "gossips records only", "without records there is no news (C14a)",
        { has_news: |known, held, records| !known.covers(held) && records > 0 } => equivalent("a record leaves a log only when all hold it, so whoever lacks news lacks a record that is still in the log");
    "believes what it sent arrived", "UDP on a LAN loses nothing (C7)",
        { known_after_send: |known, sent| { let mut known = known.clone(); known.merge(sent); known } } => dies("loss", "when all is quiet, all are equal");
    "gives no receipts", "it has nothing to say (C14)",
        { owes: |_, _| false } => dies("pair", "every fair continuation becomes silent");

    // ---- gossip comes in ----
    "merges the timestamp first", "then filters the records (C5)",
        { takes: |_, _, claimed, ts, held| { let mut merged = held.clone(); merged.merge(claimed); !merged.covers(ts) }, reached: |contiguous, claimed| contiguous.max(claimed) } => dies("pair", "the log has no holes");
    "takes only newer records", "older ones it has (C5)",
        { takes: |key, next, _, ts, held| key.seq == next && ts.covers(held) } => dies("pair", "every fair continuation becomes silent");
    "takes what it has", "the log is a set (C16)",
        { takes: |key, next, claimed, _, _| key.seq <= next && key.seq <= claimed.get(key.origin) } => dies("loss", "a record is journalled once");
    "takes records beyond a gap", "the rest will come (C6)",
        { takes: |key, next, _, _, _| key.seq >= next } => dies("fragments", "the log has no holes");
    "believes what gossip claims", "the sender knows what it sent (C8)",
        { reached: |contiguous, claimed| contiguous.max(claimed) } => dies("fragments", "the log has no holes");
    "drops a second record", "the update ran already (C10)",
        { keeps: |executed| !executed } => dies("twice", "the log has no holes");
    "learns across a gap", "the sender has it",
        { learn: |known, ts, complete, _| { let mut known = known.clone(); if complete { known.merge(ts) } known } } => dies("fragments", "knowledge of a peer is never overestimated");
    "overwrites what it knew", "the last message is the newest (C15)",
        { learn: |known, ts, complete, covered| if complete && covered { ts.clone() } else { known.clone() } } => dies("pair", "no timestamp goes down");

    // ---- collection ----
    "discards what only it knows", "it ran here (C13)",
        { discardable: |_, _, executed| executed.clone() } => dies("pair", "a record leaves a log only when everyone has it");
    "discards what a majority has", "the others catch up (C13)",
        { discardable: |known, _, executed| { let mut floor = executed.clone(); known.iter().skip(1).for_each(|k| floor.meet(k)); floor } } => dies("mesh", "a record leaves a log only when everyone has it");
    "discards what has not run", "everyone has it (P14)",
        { discardable: |known, _, _| { let mut floor = known[0].clone(); known.iter().for_each(|k| floor.meet(k)); floor } } => dies("phantom", "a record leaves a log only when it has run there");
    "forgets with the record", "applied by all, says the source (S42, C11)",
        { forgets: |f| f.everywhere && f.candidate <= f.record } => dies("late", "what was forgotten never comes back");
    "forgets what is acknowledged", "the client will not send it again (C11)",
        { looks_back: |_| true, forgets: |f| f.candidate < f.acknowledged && !f.waiting } => dies("late", "what was forgotten is recorded nowhere again");
    "never forgets", "memory is cheap (P25)",
        { forgets: |_| false } => dies("counter", "the executed table ends up with what is not acknowledged");
    "never discards", "disk is cheap (P25)",
        { discardable: |known, _, _| Timestamp::zero(known[0].len()) } => dies("pair", "the logs end up empty");

    // ---- replacement ----
    "goes on under the old name", "it is the same machine (C17, C18)",
        { signs: |me, updatable| match me.0 { last if last > 1 && last + 1 == updatable => Some(ReplicaId(0)), n => (n < updatable).then_some(me) } } => dies("replace", "a timestamp names one update");
    "does not count the new one", "it catches up (C13)",
        { counts: |peer, group| group.is_member(peer) && !group.is_newcomer(peer) } => dies("replace", "a record leaves a log only when everyone has it");
    "credits the new one with what the old one had", "it takes its place in the table",
        { knows_at_start: |discarded, held, newcomer| if newcomer { held.clone() } else { discarded.clone() } } => dies("replace-two", "a record leaves a log only when everyone has it");

    // ---- the driver and the disk ----
    "sends before it is durable", "the disk is slow (C17)",
        {} on Hasty => dies("crash", "nothing is sent before it is durable");
    "a lying disk", "fsync was acknowledged (C17)",
        {} on Lying => dies("crash", "no timestamp speaks of updates that do not exist");
    "forgets to journal gossip", "the peer has it",
        {} on Forgetful => dies("pair", "the journal accounts for the replica");
};

/// The mutant of this name, or whose name contains this text, if there is only one.
pub fn find(name: &str) -> Option<&'static Mutant> {
    let mut found = MUTANTS.iter().filter(|mutant| mutant.name.contains(name));
    let first = found.next()?;
    let exact = MUTANTS.iter().find(|mutant| mutant.name == name);
    exact.or(if found.next().is_none() { Some(first) } else { None })
}
