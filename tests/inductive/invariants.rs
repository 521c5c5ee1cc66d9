//! What holds before and after each step, and for each of these a bug that breaks it.

use crate::sample::{Act, Ran};
use chinwag::{
    Input, ManagerState, Message, RecordKey, ReplicaId, ReplicaManager, RequestId, Rules,
    rules::FAITHFUL,
};
use std::collections::BTreeSet;

/// A step of one replica manager; `before` and `after` are the same, and nothing happens, where a state alone
/// is judged.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    pub manager: &'a ReplicaManager,
    pub before: &'a ManagerState<Ran>,
    pub after: &'a ManagerState<Ran>,
    pub act: Option<&'a Act>,
}

pub struct Invariant {
    pub name: &'static str,
    pub holds: fn(Step<'_>) -> bool,
    /// What the seeded bug does.
    pub slip: &'static str,
    pub bug: Rules,
}

pub static INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "the value reflects no more than was received",
        holds: |s| s.after.replica.replica_ts().covers(s.after.replica.value_ts()),
        slip: "executes before the past",
        bug: Rules { awaits: |_, _, _| None, ..FAITHFUL },
    },
    Invariant {
        name: "the log has what was received and not discarded, without holes",
        holds: has_no_holes,
        slip: "believes what gossip claims",
        bug: Rules { reached: |contiguous, claimed| contiguous.max(claimed), ..FAITHFUL },
    },
    Invariant {
        name: "a stamp is the past with one new count in it",
        holds: stamps_are_the_past_plus_one,
        slip: "stamps with all it holds",
        bug: Rules { stamp: |_, me, seq, held| held.with(me, seq), ..FAITHFUL },
    },
    Invariant {
        name: "exactly those records wait whose past is not reflected",
        holds: exactly_the_unstable_wait,
        slip: "makes a single pass",
        bug: Rules { goes_on: || false, ..FAITHFUL },
    },
    Invariant {
        name: "the value reflects the stamp of every record that does not wait",
        holds: what_does_not_wait_is_reflected,
        slip: "skips a duplicate's timestamp",
        bug: Rules {
            reflect: |value_ts, ts, fresh, _| {
                if fresh {
                    value_ts.merge(ts);
                }
            },
            ..FAITHFUL
        },
    },
    Invariant {
        name: "the value reflects what the executed table answers",
        holds: |s| {
            let replica = &s.after.replica;
            replica.executed().values().all(|ts| replica.value_ts().covers(ts))
        },
        slip: "reflects only the past",
        bug: Rules { reflect: |_, _, _, _| (), ..FAITHFUL },
    },
    Invariant {
        name: "what ran is in the executed table or acknowledged",
        holds: what_ran_is_known,
        slip: "forgets with the record",
        bug: Rules { forgets: |f| f.everywhere && f.candidate <= f.record, ..FAITHFUL },
    },
    Invariant {
        name: "nothing in the executed table runs again",
        holds: nothing_known_runs_again,
        slip: "executes duplicates",
        bug: Rules { is_fresh: |_, _, _| true, ..FAITHFUL },
    },
    Invariant {
        name: "the value reflects what was discarded",
        holds: |s| s.after.replica.value_ts().covers(s.after.replica.discarded()),
        slip: "discards what has not run",
        bug: Rules {
            discardable: |known, _, executed| {
                let all = known.iter().copied().cloned();
                let floor = all.reduce(|mut floor, row| {
                    floor.meet(&row);
                    floor
                });
                floor.unwrap_or_else(|| executed.clone())
            },
            ..FAITHFUL
        },
    },
    Invariant {
        name: "what was discarded is known to be held by all who need it",
        holds: discarded_is_known_everywhere,
        slip: "discards what only it knows",
        bug: Rules { discardable: |_, _, executed| executed.clone(), ..FAITHFUL },
    },
    Invariant {
        name: "no row of the table is ahead of the replica's timestamp",
        holds: |s| s.after.table.iter().all(|row| s.after.replica.replica_ts().covers(row)),
        slip: "learns across a gap",
        bug: Rules {
            learn: |known, ts, _, _| {
                let mut known = known.clone();
                known.merge(ts);
                known
            },
            ..FAITHFUL
        },
    },
    Invariant {
        name: "no timestamp goes down",
        holds: timestamps_grow,
        slip: "overwrites what it knew",
        bug: Rules {
            learn: |known, ts, complete, covered| {
                if complete && covered { ts.clone() } else { known.clone() }
            },
            ..FAITHFUL
        },
    },
    Invariant {
        name: "a receipt is owed only where there is no news",
        holds: |s| {
            let quiet = ManagerState { owed: vec![false; s.after.owed.len()], ..s.after.clone() };
            let newsworthy = |peer: ReplicaId| s.manager.has_reason(&quiet, peer);
            peers(s.manager).all(|peer| !(s.after.owed[peer.index()] && newsworthy(peer)))
        },
        slip: "finds nothing new",
        bug: Rules { has_news: |_, _, _| false, ..FAITHFUL },
    },
    Invariant {
        name: "no query waits that the value is not behind",
        holds: |s| s.after.waiting.values().all(|q| !s.after.replica.value_ts().covers(&q.prev)),
        slip: "holds every query back",
        bug: Rules { may_answer: |_, _, _| false, ..FAITHFUL },
    },
    Invariant {
        name: "a query that the value is behind waits, unless all of them are lost in a crash",
        holds: what_is_behind_waits,
        slip: "forgets queries that cannot be answered yet",
        bug: Rules { holds_back: || false, ..FAITHFUL },
    },
    Invariant {
        name: "nothing is taken of those who have recorded other replacements",
        holds: others_are_not_heard,
        slip: "hears everyone",
        bug: Rules { hears: |_, _| true, ..FAITHFUL },
    },
];

pub fn peers(manager: &ReplicaManager) -> impl Iterator<Item = ReplicaId> + use<> {
    let me = manager.id;
    manager.group.members().filter(move |peer| *peer != me)
}

/// A read-only replica keeps nothing for another one.
fn keeps_records_for(manager: &ReplicaManager, peer: ReplicaId) -> bool {
    manager.group.is_updatable(manager.id) || manager.group.is_updatable(peer)
}

/// It has said that it holds what was discarded here. A newcomer has it from whom it copied, who has not said
/// so of it.
pub fn has_told_of_what_is_gone(manager: &ReplicaManager, peer: ReplicaId) -> bool {
    keeps_records_for(manager, peer) && !manager.group.is_newcomer(peer)
}

fn has_no_holes(s: Step<'_>) -> bool {
    let replica = &s.after.replica;
    let due = replica.replica_ts().entries().flat_map(|(origin, held)| {
        let gone = replica.discarded().get(origin);
        (gone + 1..=held).map(move |seq| RecordKey { origin, seq })
    });
    due.eq(replica.log().map(|record| record.key()))
}

fn stamps_are_the_past_plus_one(s: Step<'_>) -> bool {
    s.after.replica.log().all(|r| {
        let RecordKey { origin, seq } = r.key();
        r.update.prev.get(origin) < seq && r.ts == r.update.prev.with(origin, seq)
    })
}

fn exactly_the_unstable_wait(s: Step<'_>) -> bool {
    let replica = &s.after.replica;
    let unstable = replica.log().filter(|r| !replica.value_ts().covers(&r.update.prev));
    unstable.map(|r| r.key()).eq(replica.pending().map(|r| r.key()))
}

fn what_does_not_wait_is_reflected(s: Step<'_>) -> bool {
    let replica = &s.after.replica;
    let waiting: BTreeSet<_> = replica.pending().map(|r| r.key()).collect();
    let mut ran = replica.log().filter(|r| !waiting.contains(&r.key()));
    ran.all(|r| replica.value_ts().covers(&r.ts))
}

fn what_ran_is_known(s: Step<'_>) -> bool {
    let replica = &s.after.replica;
    let known = |id: &RequestId| {
        replica.executed().contains_key(id) || replica.finished(id.front_end) > id.serial
    };
    replica.value().0.iter().all(known)
}

/// By the table before the step: what was forgotten since then is another invariant's business.
fn nothing_known_runs_again(s: Step<'_>) -> bool {
    let ran = &s.after.replica.value().0[s.before.replica.value().0.len()..];
    let mut known: BTreeSet<_> = s.before.replica.executed().keys().collect();
    ran.iter().all(|id| known.insert(id))
}

fn discarded_is_known_everywhere(s: Step<'_>) -> bool {
    let mut needy = peers(s.manager).filter(|peer| has_told_of_what_is_gone(s.manager, *peer));
    needy.all(|peer| s.after.table[peer.index()].covers(s.after.replica.discarded()))
}

fn timestamps_grow(s: Step<'_>) -> bool {
    let (old, new) = (&s.before.replica, &s.after.replica);
    // What others said is not durable.
    let starts = matches!(s.act, Some(Act::StartAgain));
    let mut rows = s.after.table.iter().zip(&s.before.table).filter(|_| !starts);
    new.value_ts().covers(old.value_ts())
        && new.replica_ts().covers(old.replica_ts())
        && new.discarded().covers(old.discarded())
        && rows.all(|(new, old)| new.covers(old))
}

fn what_is_behind_waits(s: Step<'_>) -> bool {
    let came = match s.act {
        Some(Act::StartAgain) => return s.after.waiting.is_empty(),
        Some(Act::Handle(Input::Message(_, Message::Query { id, prev, .. }))) => Some((id, prev)),
        _ => None,
    };
    // Of two of the same name, the last is the one that somebody waits for.
    let waited = s.before.waiting.iter().map(|(id, query)| (id, &query.prev));
    let waited = waited.filter(|(id, _)| came.is_none_or(|(came, _)| came != *id));
    let mut due = waited.chain(came).filter(|(_, prev)| !s.after.replica.value_ts().covers(prev));
    due.all(|(id, prev)| s.after.waiting.get(id).is_some_and(|query| query.prev == *prev))
}

fn others_are_not_heard(s: Step<'_>) -> bool {
    match s.act {
        Some(Act::Handle(Input::Message(_, Message::Gossip(gossip)))) => {
            gossip.epoch == s.manager.group.epoch || s.after == s.before
        }
        _ => true,
    }
}
