//! Situations that must occur, or what is promised of them is promised of nothing.

use crate::{application::Tags, party::Cause, view::View};
use chinwag::RecordKey;

/// A value reflects something.
pub fn an_update_ran(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| !m.order().is_empty())
}

/// Two managers have executed one update.
pub fn an_update_ran_at_two(view: &View<'_>) -> bool {
    let both = |a: Tags, b: Tags| a.0 & b.0 != 0;
    view.manager_pairs().any(|((_, a), (_, b))| both(a.ran(), b.ran()))
}

/// A timestamp table is not empty.
pub fn a_peer_is_known_to_hold(view: &View<'_>) -> bool {
    let zero = view.setting.group.zero();
    view.manager_pairs().any(|((_, a), (j, _))| a.state.table[j.index()] != zero)
}

/// An answer showed a client its own update.
pub fn reads_what_it_wrote(view: &View<'_>) -> bool {
    view.clients.iter().any(|c| c.own.0 & c.read.0 != 0)
}

/// A client that has seen something waits for another answer.
pub fn reads_again(view: &View<'_>) -> bool {
    let shown = |cause: &Cause| cause.read != Tags::default();
    view.clients.iter().any(|c| c.must.as_ref().is_some_and(shown))
}

/// A client waits for an answer that must show what it was told of.
pub fn asks_after_hearsay(view: &View<'_>) -> bool {
    let told = |cause: &Cause| cause.told != Tags::default();
    view.clients.iter().any(|c| c.must.as_ref().is_some_and(told))
}

/// A client asked for an update after another of its own.
pub fn writes_twice(view: &View<'_>) -> bool {
    view.clients.iter().any(|c| c.causes.iter().any(|cause| cause.own != Tags::default()))
}

/// A client asked for an update after it had read another.
pub fn writes_after_it_read(view: &View<'_>) -> bool {
    view.clients.iter().any(|c| c.causes.iter().any(|cause| cause.read != Tags::default()))
}

/// A client was shown something.
pub fn an_answer_shows_an_update(view: &View<'_>) -> bool {
    view.clients.iter().any(|c| c.last.as_ref().is_some_and(|seen| !seen.answer.order.is_empty()))
}

/// An update is logged and not stable.
pub fn an_update_waits(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| m.state.replica.pending_count() > 0)
}

/// A query is held back.
pub fn a_query_waits(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| !m.state.waiting.is_empty())
}

/// Two managers reflect the same updates and ran them in different orders.
pub fn orders_differ(view: &View<'_>) -> bool {
    view.manager_pairs().any(|((_, a), (_, b))| a.ran() == b.ran() && a.order() != b.order())
}

/// Two managers have each made a record of one update.
pub fn recorded_twice(view: &View<'_>) -> bool {
    view.manager_pairs().any(|((_, a), (_, b))| {
        let twin = |r: &crate::view::Record| {
            b.records().any(|s| s.update.id == r.update.id && s.key() != r.key())
        };
        a.records().any(twin)
    })
}

/// A log has been collected.
pub fn a_record_is_discarded(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| *m.state.replica.discarded() != view.setting.group.zero())
}

/// An executed table has been collected.
pub fn an_identifier_is_forgotten(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| !m.forgotten.is_empty())
}

/// A copy of a request arrived after both collections, and was refused.
pub fn a_late_duplicate(view: &View<'_>) -> bool {
    view.managers.iter().any(|(_, m)| m.late)
}

/// A client knows by hearsay what it has not read.
pub fn told_before_read(view: &View<'_>) -> bool {
    view.clients.iter().any(|c| !c.told.within(c.read.or(c.own)))
}

/// A value timestamp counts n updates of a manager, and one of the first n has not run (C1).
pub fn covered_out_of_order(view: &View<'_>) -> bool {
    view.manager_pairs().any(|((_, a), (_, b))| {
        let (value_ts, ran) = (a.state.replica.value_ts(), a.ran());
        value_ts.entries().any(|(origin, count)| {
            (1..=count).any(|seq| {
                let record = b.received.get(&RecordKey { origin, seq });
                record.is_some_and(|r| !ran.has(r.update.op.tag))
            })
        })
    })
}

/// All managers hold the same two updates or more, and there is nothing left to do.
pub fn two_updates_are_everywhere(view: &View<'_>) -> bool {
    view.managers.iter().all(|(_, m)| m.order().len() >= 2)
}
