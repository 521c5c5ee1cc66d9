//! How far behind the others are, as far as is known here: what keeps records in the log.

use crate::{ManagerState, ReplicaId, Service, Timestamp};

/// Of the updates held at `me`, how many each replica manager is not known to hold: none at `me` itself.
pub(super) fn lags<S: Service>(
    me: ReplicaId,
    state: &ManagerState<S>,
) -> impl Iterator<Item = u64> + '_ {
    let held = state.replica.replica_ts();
    let lag = move |row: &Timestamp| {
        held.entries().map(|(origin, count)| count.saturating_sub(row.get(origin))).sum()
    };
    let rows = state.table.iter().enumerate();
    rows.map(move |(i, row)| if i == me.index() { 0 } else { lag(row) })
}
