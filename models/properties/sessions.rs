//! What one client sees over time. Most are judged when the answer comes, against what the client had done,
//! read and heard when it asked (C21c); no timestamp is looked at.

use super::causality::ran_after;
use crate::{application::Tags, party::broken, view::View};

/// Every answer shows what the client itself had asked for before.
pub fn reads_own_writes(view: &View<'_>) -> bool {
    kept(view, broken::OWN_WRITES)
}

/// Every answer shows what earlier answers showed.
pub fn reads_are_monotonic(view: &View<'_>) -> bool {
    kept(view, broken::READS)
}

/// Every answer shows what other clients had told of.
pub fn sees_what_it_was_told(view: &View<'_>) -> bool {
    kept(view, broken::HEARSAY)
}

/// A client's updates run in its order, everywhere.
pub fn writes_are_monotonic(view: &View<'_>) -> bool {
    ran_after(view, |cause| cause.own)
}

/// What a client had read runs before what it then writes, everywhere.
pub fn writes_follow_reads(view: &View<'_>) -> bool {
    ran_after(view, |cause| cause.read)
}

/// The timestamp of an answer covers what was asked for.
pub fn answers_are_fresh(view: &View<'_>) -> bool {
    kept(view, broken::FRESH)
}

/// What an answer's timestamp covers is in the answer.
pub fn answers_reflect_their_timestamp(view: &View<'_>) -> bool {
    view.meetings().all(|(client, _, manager)| {
        client.last.as_ref().is_none_or(|seen| {
            let shown: Tags = seen.answer.order.iter().copied().collect();
            let covered = manager.records().filter(|r| seen.ts.covers(&r.ts));
            covered.into_iter().all(|r| shown.has(r.update.op.tag))
        })
    })
}

fn kept(view: &View<'_>, promise: u16) -> bool {
    view.clients.iter().all(|client| client.broken & promise == 0)
}
