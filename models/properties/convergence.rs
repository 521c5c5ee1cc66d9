//! That all end up equal, and with nothing left to do. Safety at rest, rather than `eventually`: that one is
//! lost at joins and cycles of the state graph (STATERIGHT, "Traps").

use crate::{application::Tags, party::ManagerLocal, view::View};
use chinwag::RecordKey;

/// After a step, no update waits whose past is reflected, and no query that could be answered (T2).
pub fn nothing_ready_waits(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let (replica, value_ts) = (&m.state.replica, m.state.replica.value_ts());
        replica.pending().all(|r| !value_ts.covers(&r.update.prev))
            && m.state.waiting.values().all(|q| !value_ts.covers(&q.prev))
    })
}

/// Two managers with one value timestamp have executed the same updates, and have the same value.
pub fn equal_timestamps_equal_values(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (_, b))| {
        let (x, y) = (&a.state.replica, &b.state.replica);
        let same = || x.value().value == y.value().value || !view.setting.lawful;
        x.value_ts() != y.value_ts() || a.ran() == b.ran() && same()
    })
}

/// Two managers that have executed the same updates answer alike, whatever order they ran in.
pub fn equal_updates_equal_answers(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (_, b))| {
        let show = |m: &ManagerLocal| m.state.replica.value().value.show();
        a.ran() != b.ran() || show(a) == show(b)
    })
}

/// When no message is under way and nobody has a reason to send one, all hold and reflect the same.
pub fn idle_is_equal(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (_, b))| {
        let (x, y) = (&a.state.replica, &b.state.replica);
        x.replica_ts() == y.replica_ts() && x.value_ts() == y.value_ts() && a.ran() == b.ran()
    })
}

/// Every update that a client asked for has run at every manager, but for what was lost with a manager and
/// what builds on that.
pub fn all_executed_everywhere(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let replica = &m.state.replica;
        let waiting: Tags = replica.pending().map(|r| r.update.op.tag).collect();
        let known = m.ran().or(waiting).or(lost_updates(view));
        replica.pending().all(|r| view.waits_for_lost(&r.update.prev))
            && view.setting.asked.within(known)
    })
}

/// The updates that a lost manager alone had, and those that a client never asks for because it waits for
/// what it once saw of them (C19).
fn lost_updates(view: &View<'_>) -> Tags {
    let held = |r: &&crate::view::Record| {
        view.managers.iter().any(|(_, m)| m.received.contains_key(&r.key()))
    };
    let alone = view.lost.iter().flat_map(|(_, ghost)| ghost.records()).filter(|r| !held(r));
    let alone: Tags = alone.map(|r| r.update.op.tag).collect();
    let mut asked_for = Tags::default();
    view.clients.iter().for_each(|c| asked_for = asked_for.or(c.own));
    let stuck = view.clients.iter().any(|c| c.must.is_some() && view.waits_for_lost(&c.state.ts));
    let unasked = Tags(view.setting.asked.0 & !asked_for.0);
    alone.or(if stuck { unasked } else { Tags::default() })
}

/// Every client is through with its script, but for one that waits for an update that it saw and that is
/// lost.
pub fn all_answered(view: &View<'_>) -> bool {
    view.clients.iter().all(|c| {
        c.must.is_none() && c.state.in_flight.is_empty() && c.state.outbox.is_empty()
            || view.waits_for_lost(&c.state.ts)
    })
}

/// No log holds anything, but from what waits for a lost update onwards.
pub fn logs_drain(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let replica = &m.state.replica;
        let held_up = |key: RecordKey| {
            let mut waits = replica.pending().filter(|w| view.waits_for_lost(&w.update.prev));
            waits.any(|w| w.origin == key.origin && w.key() <= key)
        };
        replica.log().all(|r| held_up(r.key()))
    })
}

/// Only updates that no later one of their front end has acknowledged are still in the executed table, unless
/// what acknowledges them cannot leave a log.
pub fn executed_table_drains(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let replica = &m.state.replica;
        replica.executed().keys().all(|id| id.serial >= replica.finished(id.front_end))
            || view.lost_beyond().is_some() && replica.log().len() > 0
    })
}
