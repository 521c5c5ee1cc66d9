//! Slips that an engineer could make, each as the table of rules with one entry replaced.
//!
//! `CHINWAG_SLIP="ignores the log" cargo test --test protocol` runs every cluster of the tests by that table
//! and must fail: so a test can be seen red. Without the variable, all goes by the protocol.

use chinwag::rules::{FAITHFUL, Repeat, Rules};
use chinwag::{RecordKey, ReplicaId, Timestamp};
use std::sync::LazyLock;

/// The rules of every cluster in this process.
pub fn rules() -> &'static Rules {
    static RULES: LazyLock<Rules> = LazyLock::new(|| match std::env::var("CHINWAG_SLIP") {
        Ok(name) => slip(&name),
        Err(_) => FAITHFUL,
    });
    &RULES
}

/// A slip by its name.
pub fn slip(name: &str) -> Rules {
    let known = SLIPS.iter().find(|(slip, _)| *slip == name);
    known.unwrap_or_else(|| panic!("no slip is called {name:?}; see tests/common/slips.rs")).1
}

fn with(ts: &mut Timestamp, other: &Timestamp) {
    *ts = other.clone();
}

/// Name, and what is done instead.
///
/// Two of them no test can tell from the protocol:
/// - "gossips records only": who has no log left while a peer keeps a record for it is asked by that peer,
///   and gives a receipt.
/// - "discards what others hold": whoever made an update that a record builds on held it when it said that
///   it holds the record, and what it said is covered here. So what all others hold has run here.
pub static SLIPS: &[(&str, Rules)] = &[
    ("requests do not wait", Rules { waits_for_timestamps: || false, ..FAITHFUL }),
    ("forgets replies", Rules { observe: |_, _| (), ..FAITHFUL }),
    ("overwrites by replies", Rules { observe: with, ..FAITHFUL }),
    ("forgets answers", Rules { observe_answer: |_, _| (), ..FAITHFUL }),
    ("does not listen", Rules { hear: |_, _| (), ..FAITHFUL }),
    ("acknowledges too much", Rules { acknowledge: |_, next| next, ..FAITHFUL }),
    ("repeats as new", Rules { repeat_as: |_, next| next, ..FAITHFUL }),
    ("ignores the executed table", Rules { is_duplicate: |k| k.waiting || k.finished, ..FAITHFUL }),
    ("ignores the log", Rules { is_duplicate: |k| k.executed || k.finished, ..FAITHFUL }),
    ("ignores watermarks", Rules { is_duplicate: |k| k.executed || k.waiting, ..FAITHFUL }),
    ("is silent to duplicates", Rules { repeat: |_| Repeat::Silence, ..FAITHFUL }),
    ("answers duplicates by value", Rules { repeat: |_| Repeat::Value, ..FAITHFUL }),
    ("believes any past", Rules { is_plausible: |_, _, _| true, ..FAITHFUL }),
    ("takes updates read-only", Rules { signs: |me, n| Some(ReplicaId(me.0 % n)), ..FAITHFUL }),
    ("stamps without past", Rules { stamp: |prev, me, n, _| zero(prev).with(me, n), ..FAITHFUL }),
    ("stamps with all", Rules { stamp: |_, me, n, held| held.with(me, n), ..FAITHFUL }),
    ("counts the past", Rules { count: counts_past, ..FAITHFUL }),
    ("awaits nothing", Rules { awaits: |_, _, _| None, ..FAITHFUL }),
    ("runs in log order", Rules { rank: |_, key| key.seq.into(), ..FAITHFUL }),
    ("runs last first", Rules { rank: |prev, _| u128::MAX - prev.weight(), ..FAITHFUL }),
    ("runs one pass", Rules { goes_on: || false, ..FAITHFUL }),
    ("tells runs by timestamp", Rules { is_fresh: |_, ts, v| !v.covers(ts), ..FAITHFUL }),
    ("runs every record", Rules { is_fresh: |_, _, _| true, ..FAITHFUL }),
    ("reflects fresh only", Rules { reflect: |v, ts, f, _| v.merge(&when(f, ts)), ..FAITHFUL }),
    ("reflects all held", Rules { reflect: |v, _, _, held| v.merge(held), ..FAITHFUL }),
    ("answers at once", Rules { may_answer: |_, _, _| true, ..FAITHFUL }),
    ("forgets queries", Rules { holds_back: || false, ..FAITHFUL }),
    ("sends what is later", Rules { lacks: |known, _, ts, _| ts > known, ..FAITHFUL }),
    ("sends its own only", Rules { lacks: |k, key, _, me| own(k, key, me), ..FAITHFUL }),
    ("gossips records only", Rules { has_news: |k, r, n| n > 0 && !k.covers(r), ..FAITHFUL }),
    ("never has news", Rules { has_news: |_, _, _| false, ..FAITHFUL }),
    ("trusts its sends", Rules { known_after_send: |_, sent| sent.clone(), ..FAITHFUL }),
    ("gives no receipts", Rules { owes: |_, _| false, ..FAITHFUL }),
    ("takes only what is later", Rules { takes: |_, _, _, ts, held| ts > held, ..FAITHFUL }),
    ("takes with gaps", Rules { takes: |key, next, _, _, _| key.seq >= next, ..FAITHFUL }),
    ("takes again", Rules { takes: |_, _, _, ts, held| !held.covers(ts), ..FAITHFUL }),
    ("drops second records", Rules { keeps: |executed| !executed, ..FAITHFUL }),
    ("believes claims", Rules { reached: |n, claimed| n.max(claimed), ..FAITHFUL }),
    ("learns from fragments", Rules { learn: |k, ts, _, _| merged(k, ts), ..FAITHFUL }),
    ("learns by overwriting", Rules { learn: |_, ts, _, _| ts.clone(), ..FAITHFUL }),
    ("never learns", Rules { learn: |k, _, _, _| k.clone(), ..FAITHFUL }),
    ("discards what ran", Rules { discardable: |_, _, ran| ran.clone(), ..FAITHFUL }),
    ("discards what others hold", Rules { discardable: held_by_others, ..FAITHFUL }),
    ("asks one peer", Rules { discardable: held_by_first, ..FAITHFUL }),
    ("never discards", Rules { discardable: |_, _, ran| zero(ran), ..FAITHFUL }),
    ("forgets with the record", Rules { forgets: |f| f.everywhere && !f.waiting, ..FAITHFUL }),
    ("forgets on hearing", Rules { forgets: |f| f.candidate < f.acknowledged, ..FAITHFUL }),
    ("never forgets", Rules { forgets: |_| false, ..FAITHFUL }),
];

fn zero(like: &Timestamp) -> Timestamp {
    Timestamp::zero(like.len())
}

fn when(fresh: bool, ts: &Timestamp) -> Timestamp {
    if fresh { ts.clone() } else { zero(ts) }
}

fn merged(known: &Timestamp, ts: &Timestamp) -> Timestamp {
    let mut known = known.clone();
    known.merge(ts);
    known
}

fn counts_past(held: &Timestamp, _: ReplicaId, ts: &Timestamp) -> Timestamp {
    merged(held, ts)
}

fn own(known: &Timestamp, key: RecordKey, me: ReplicaId) -> bool {
    key.origin == me && known.get(me) < key.seq
}

fn held_by_others(known: &[&Timestamp], _: ReplicaId, ran: &Timestamp) -> Timestamp {
    let first = known.first().map_or_else(|| ran.clone(), |ts| (*ts).clone());
    known.iter().fold(first, |mut floor, peer| {
        floor.meet(peer);
        floor
    })
}

fn held_by_first(known: &[&Timestamp], _: ReplicaId, ran: &Timestamp) -> Timestamp {
    let mut floor = ran.clone();
    known.first().into_iter().for_each(|peer| floor.meet(peer));
    floor
}
