//! Timestamps, logs, tables and the journal.

use crate::{
    party::{ClientLocal, ManagerLocal, broken},
    view::View,
};
use chinwag::{RecordKey, ReplicaId, Timestamp};

/// Vectors have one entry for each updatable manager, tables a row for each member, and the value reflects
/// what the executed table would answer.
pub fn is_in_good_shape(view: &View<'_>) -> bool {
    let entries = usize::from(view.setting.group.updatable);
    view.managers.iter().all(|(_, m)| {
        let (replica, table) = (&m.state.replica, &m.state.table);
        replica.value_ts().len() == entries
            && replica.replica_ts().len() == entries
            && table.len() == usize::from(view.setting.group.replicas)
            && replica.log().all(|r| r.ts.len() == entries && r.update.prev.len() == entries)
            && replica.executed().values().all(|ts| replica.value_ts().covers(ts))
    })
}

/// No entry of any timestamp is beyond what its own manager has issued.
pub fn nothing_from_the_future(view: &View<'_>) -> bool {
    let issued = |k: ReplicaId, m: &ManagerLocal, ts: &Timestamp| {
        !view.setting.group.is_updatable(k) || ts.get(k) <= m.state.replica.replica_ts().get(k)
    };
    let honest = view.setting.honest;
    let managers = view.manager_pairs().all(|((_, a), (k, m))| {
        let replica = &a.state.replica;
        let log = replica.log().all(|r| !honest || issued(k, m, &r.update.prev));
        issued(k, m, replica.replica_ts())
            && (!honest || issued(k, m, replica.value_ts()))
            && a.state.table.iter().all(|row| issued(k, m, row))
            && log
    });
    let clients = view.meetings().all(|(c, k, m)| !honest || issued(k, m, &c.state.ts));
    managers && clients
}

/// A record's timestamp is what its client had seen, with the manager's own new count in it. Its past does
/// not contain the update itself, and claims nothing that the client did not (C4c).
pub fn stamps_are_the_past_plus_one(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        m.records().all(|r| {
            let RecordKey { origin, seq } = r.key();
            r.update.prev.get(origin) < seq && r.ts == r.update.prev.with(origin, seq)
        })
    })
}

/// One key, one record; one timestamp, one record. Also of those that are lost: a number that a client may
/// have seen is not given again (C17).
pub fn stamps_are_unique(view: &View<'_>) -> bool {
    view.all_pairs().all(|(a, b)| {
        a.received.iter().all(|(key, r)| b.received.get(key).is_none_or(|same| same == r))
            && a.records().all(|r| b.records().all(|s| r.key() == s.key() || r.ts != s.ts))
    })
}

/// The value reflects only what is, or was, in the log.
pub fn value_within_log(view: &View<'_>) -> bool {
    view.managers
        .iter()
        .all(|(_, m)| m.state.replica.replica_ts().covers(m.state.replica.value_ts()))
}

/// A manager received exactly what its replica timestamp counts, and its log has what it has not discarded.
pub fn log_has_no_holes(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let replica = &m.state.replica;
        let (held, gone) = (replica.replica_ts(), replica.discarded());
        let complete = held.entries().all(|(origin, count)| {
            (1..=count).all(|seq| {
                let key = RecordKey { origin, seq };
                let logged = replica.record(key).is_some();
                m.received.contains_key(&key) && logged == (seq > gone.get(origin))
            })
        });
        complete && m.received.keys().all(|key| key.seq <= held.get(key.origin))
    })
}

/// No timestamp of a manager or front end ever goes down, but for what a crash takes.
pub fn timestamps_grow(view: &View<'_>) -> bool {
    kept(view, broken::MONOTONE)
}

/// What the table says of a peer, the peer has; and we have it too (T3).
pub fn knowledge_is_true(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (j, b))| {
        let known = &a.state.table[j.index()];
        b.state.replica.replica_ts().covers(known) && a.state.replica.replica_ts().covers(known)
    })
}

/// Whoever needs a record has received it when anyone discards it. What a read-only replica keeps matters to
/// no other read-only one.
pub fn discarded_is_everywhere(view: &View<'_>) -> bool {
    let group = view.setting.group;
    view.manager_pairs().all(|((i, a), (j, b))| {
        let matters = group.is_updatable(i) || group.is_updatable(j);
        !matters || b.state.replica.replica_ts().covers(a.state.replica.discarded())
    })
}

/// What was discarded ran here, and the value says so.
pub fn discarded_has_run(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let (ran, replica) = (m.ran(), &m.state.replica);
        let gone = |r: &&crate::view::Record| r.key().seq <= replica.discarded().get(r.origin);
        m.records()
            .filter(gone)
            .all(|r| ran.has(r.update.op.tag) && replica.value_ts().covers(&r.ts))
    })
}

/// A reply covers every record of its update that the replying manager holds.
pub fn replies_cover(view: &View<'_>) -> bool {
    kept(view, broken::REPLY)
}

/// A read-only replica takes no update: it has no entry to count it in.
pub fn read_only_makes_no_record(view: &View<'_>) -> bool {
    kept(view, broken::READ_ONLY)
}

/// Whatever a sent message claims was on disk before.
pub fn durable_before_sent(view: &View<'_>) -> bool {
    kept(view, broken::DURABLE)
}

/// What the journal makes of an empty replica is the replica.
pub fn journal_accounts(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| m.disk == m.state.replica)
}

/// It replies to every update and answers every query that its value is new enough for, whoever can be
/// reached.
pub fn alone_it_serves(view: &View<'_>) -> bool {
    kept(view, broken::AVAILABLE)
}

/// However often an update is requested of one manager, it makes one record of it.
pub fn one_record_each(view: &View<'_>) -> bool {
    view.managers.iter().all(|(i, m)| {
        let own = || m.records().filter(|r| r.origin == *i).map(|r| r.update.id);
        own().collect::<std::collections::BTreeSet<_>>().len() == own().count()
    })
}

/// The log is a set: nothing is written twice.
pub fn journalled_once(view: &View<'_>) -> bool {
    kept(view, broken::TWICE)
}

/// No record of a forgotten identifier comes in.
pub fn forgotten_stays_away(view: &View<'_>) -> bool {
    kept(view, broken::FORGOTTEN)
}

/// When one manager forgets an identifier, no other one has a record of it that has not been here.
pub fn forgotten_everywhere(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (_, b))| {
        let known = |r: &crate::view::Record| a.received.contains_key(&r.key());
        a.forgotten.is_empty()
            || b.records().all(|r| !a.forgotten.contains(&r.update.id) || known(r))
    })
}

fn kept(view: &View<'_>, promise: u16) -> bool {
    let managers = view.managers.iter().map(|(_, m)| m.broken);
    managers.chain(view.clients.iter().map(|c: &&ClientLocal| c.broken)).all(|b| b & promise == 0)
}
