//! That all end up equal, and with nothing left to do. Safety at rest, rather than `eventually`: that one is
//! lost at joins and cycles of the state graph (STATERIGHT, "Traps").

use crate::{party::ManagerLocal, view::View};

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

/// Every update that a client asked for has run at every manager.
pub fn all_executed_everywhere(view: &View<'_>) -> bool {
    view.managers
        .iter()
        .all(|(_, m)| m.ran() == view.setting.asked && m.state.replica.pending_count() == 0)
}

/// Every client is through with its script.
pub fn all_answered(view: &View<'_>) -> bool {
    view.clients
        .iter()
        .all(|c| c.must.is_none() && c.state.in_flight.is_empty() && c.state.outbox.is_empty())
}

/// No log holds anything.
pub fn logs_drain(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| m.state.replica.log().len() == 0)
}

/// Only updates that no later one of their front end has acknowledged are still in the executed table.
pub fn executed_table_drains(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let replica = &m.state.replica;
        replica.executed().keys().all(|id| id.serial >= replica.finished(id.front_end))
    })
}
