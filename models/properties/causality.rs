//! What ran, in which order, how often.

use crate::{application::Tags, party::Cause, view::View};
use chinwag::Timestamp;

/// An executed record is covered, a covered record is executed, and nothing else is in the timestamp.
pub fn value_is_what_its_timestamp_covers(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let (replica, ran) = (&m.state.replica, m.ran());
        let covered = || m.records().filter(|r| replica.value_ts().covers(&r.ts));
        let mut merged = view.setting.group.zero();
        covered().for_each(|r| merged.merge(&r.ts));
        covered().all(|r| ran.has(r.update.op.tag)) && merged == *replica.value_ts()
    })
}

/// If a timestamp counts n updates of a manager, it covers the n-th one's past (T1). Clients that lie about
/// what they have seen are not bound by it.
pub fn timestamps_are_closed(view: &View<'_>) -> bool {
    let closed = |ts: &Timestamp, records: &crate::party::ManagerLocal| {
        records.records().all(|r| ts.get(r.origin) != r.key().seq || ts.covers(&r.ts))
    };
    !view.setting.honest
        || view.manager_pairs().all(|((_, a), (_, b))| closed(a.state.replica.value_ts(), b))
            && view.meetings().all(|(c, _, m)| closed(&c.state.ts, m))
}

/// Whoever ran an update ran before it every update that its past covers.
pub fn execution_respects_causality(view: &View<'_>) -> bool {
    view.manager_pairs().all(|((_, a), (_, b))| {
        let mut before = Tags::default();
        a.order().iter().all(|tag| {
            let pasts = a.records().filter(|r| r.update.op.tag == *tag).map(|r| &r.update.prev);
            let ordered = pasts.into_iter().all(|prev| {
                let past = |r: &&crate::view::Record| prev.covers(&r.ts);
                let in_past = |m: &crate::party::ManagerLocal| {
                    m.records().filter(past).all(|r| before.has(r.update.op.tag))
                };
                in_past(a) && in_past(b)
            });
            before = before.with(*tag);
            ordered
        })
    })
}

/// The same, judged by what the client had done, read and heard: no timestamp is looked at.
pub fn execution_respects_what_clients_saw(view: &View<'_>) -> bool {
    ran_after(view, |cause| cause.own.or(cause.read).or(cause.told))
}

/// Whoever ran a client's update ran before it what `past` says.
pub(super) fn ran_after(view: &View<'_>, past: fn(&Cause) -> Tags) -> bool {
    view.meetings().all(|(client, _, manager)| {
        client.causes.iter().all(|cause| {
            let order = manager.order();
            let Some(at) = order.iter().position(|tag| *tag == cause.tag) else { return true };
            past(cause).within(order[..at].iter().copied().collect())
        })
    })
}

/// No operation runs twice at one manager, however often it was sent and under whatever name.
pub fn at_most_once(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| m.ran().0.count_ones() as usize == m.order().len())
}

/// A record that does not wait any more belongs to an operation that ran.
pub fn no_false_duplicate(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| {
        let (ran, waiting) =
            (m.ran(), Tags::from_iter(m.state.replica.pending().map(|r| r.update.op.tag)));
        m.records().all(|r| ran.has(r.update.op.tag) || waiting.has(r.update.op.tag))
    })
}
