//! Why a state is wrong, in words: which operation, which node, what was expected and what was found.
//!
//! One function for each property that needs more than its own sentence; they look at what the property looks
//! at. A property that has none is explained by its sentence.

mod ends;
mod shape;
mod stamps;

use super::{capitalised, describe::order};
use crate::{
    application::{TAGS_MAX, Tag, Tags, name, names},
    party::{Cause, ClientLocal, ManagerLocal},
    view::View,
};

/// The concrete culprits for a violation of this property in the state `view`, into which the last step led
/// from `was`. `restless`: who will always have a reason to speak.
pub fn culprits(
    sentence: &str,
    was: &View<'_>,
    view: &View<'_>,
    restless: impl FnOnce() -> Vec<String>,
) -> Vec<String> {
    let mut found = match sentence {
        "execution respects causality" => against_timestamps(view),
        "execution respects what clients had seen" => {
            ran_before(view, |c| c.own.or(c.read).or(c.told), "had asked for, read or been told of")
        }
        "a client's writes run in its order" => ran_before(view, |c| c.own, "had asked for"),
        "a write runs after what its client had read" => ran_before(view, |c| c.read, "had read"),
        "a client reads its own writes" => unseen(was, view, |c| c.own, "had asked for"),
        "a client never sees less than it has seen" => unseen(was, view, |c| c.read, "had read"),
        "a client sees what it was told of" => unseen(was, view, |c| c.told, "had been told of"),
        "an answer is as new as was asked for" => older_than_asked(was, view),
        "an update is executed at most once" => twice(view),
        "no update is taken for another" => lost_updates(view),
        "equal updates mean equal answers" => different_answers(view),
        "the value reflects exactly what its timestamp covers" => stamps::value_and_ts(view),
        "equal timestamps mean equal values" => stamps::equal_timestamps(view),
        "knowledge of a peer is never overestimated" => stamps::overestimates(view),
        "a record leaves a log only when everyone has it" => stamps::discarded_early(view),
        "a record leaves a log only when it has run there" => stamps::discarded_unrun(view),
        "a timestamp names one update" => stamps::namesakes(view),
        "the journal accounts for the replica" => stamps::journals(view),
        "nothing is sent before it is durable" => stamps::not_durable(view),
        "what was forgotten never comes back" => stamps::taken_again(was, view),
        "what was forgotten is recorded nowhere again" => stamps::remembered_elsewhere(view),
        "the replica is in good shape" => shape::bad_shape(view),
        "no timestamp speaks of updates that do not exist" => shape::from_the_future(view),
        "a timestamp is the past with one new update in it" => shape::wrong_stamps(view),
        "the value never runs ahead of the log" => shape::ahead_of_the_log(view),
        "the log has no holes" => shape::holes(view),
        "a timestamp covers the past of what it covers" => shape::not_closed(view),
        "a manager makes one record of an update" => shape::recorded_again(view),
        "no timestamp goes down" => shape::gone_down(was, view),
        "a reply covers every record of its update" => shape::replied_too_little(was, view),
        "a read-only replica makes no record" => shape::took_updates(was, view),
        "a replica manager alone takes updates and answers" => shape::left_waiting(was, view),
        "a record is journalled once" => shape::written_again(was, view),
        "an answer reflects what its timestamp covers" => shape::answers_without(view),
        "nothing waits that need not wait" => ends::idle_waiters(view),
        "when all is quiet, all are equal" => ends::unequal(view),
        "every update ends up executed everywhere" => ends::not_executed(view),
        "every query ends up answered" => ends::not_answered(view),
        "the logs end up empty" => ends::leftovers(view),
        "the executed table ends up with what is not acknowledged" => ends::kept_ids(view),
        "every fair continuation becomes silent" => ends::restless(&restless()),
        _ => Vec::new(),
    };
    // Of two pairs the same may be to be said.
    found.dedup();
    match found.is_empty() {
        true => vec![format!("{}: not so here.", capitalised(sentence))],
        false => found,
    }
}

fn against_timestamps(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for ((id, a), (other, b)) in view.manager_pairs() {
        for (at, tag) in a.order().iter().enumerate() {
            let ran: Tags = a.order()[..at].iter().copied().collect();
            for record in a.records().filter(|r| r.update.op.tag == *tag) {
                let past = a.records().chain(b.records());
                let missing = past.filter(|r| record.update.prev.covers(&r.ts));
                for missing in missing.filter(|r| !ran.has(r.update.op.tag)) {
                    found.push(format!(
                        "{id:?} ran {} (after {:?}) though its past covers {} ({:?} {:?}), which had \
                         not run there: its order is {}, {other:?}'s is {}.",
                        name(*tag),
                        record.update.prev,
                        name(missing.update.op.tag),
                        missing.key(),
                        missing.ts,
                        order(a),
                        order(b),
                    ));
                }
            }
        }
    }
    first_of(found)
}

fn ran_before(view: &View<'_>, past: fn(&Cause) -> Tags, knew: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (client, id, manager) in view.meetings() {
        for cause in &client.causes {
            let ran = manager.order();
            let Some(at) = ran.iter().position(|tag| *tag == cause.tag) else { continue };
            let before: Tags = ran[..at].iter().copied().collect();
            let missing = minus(past(cause), before);
            if missing != Tags::default() {
                found.push(format!(
                    "{id:?} ran {} before {missing:?} (its order is {}), but the client that asked for \
                     {} {knew} {missing:?} by then.",
                    name(cause.tag),
                    order(manager),
                    name(cause.tag),
                ));
            }
        }
    }
    first_of(found)
}

/// The answer that came in the last step, against what the question had to show.
fn unseen(was: &View<'_>, view: &View<'_>, past: fn(&Cause) -> Tags, knew: &str) -> Vec<String> {
    let answer = |(id, before, now): (usize, &ClientLocal, &ClientLocal)| {
        let (must, seen) = (before.must?, now.last.as_ref()?);
        let missing = minus(past(&must), seen.answer.order.iter().copied().collect());
        (now.broken != before.broken && missing != Tags::default()).then(|| {
            let (missing, shown) = (letters(missing), &seen.answer.order);
            let shown = if shown.is_empty() { "nothing".to_owned() } else { names(shown) };
            format!(
                "fe{id} {knew} {missing} before this question, and the answer shows {shown}, as of {:?}: \
                 {missing} is missing.",
                seen.ts,
            )
        })
    };
    clients(was, view).filter_map(answer).collect()
}

fn older_than_asked(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let answer = |(id, before, now): (usize, &ClientLocal, &ClientLocal)| {
        let seen = now.last.as_ref().filter(|_| now.broken != before.broken)?;
        let mut asked = before.state.in_flight.values();
        let asked = asked.find(|r| !seen.ts.covers(&r.prev))?;
        Some(format!(
            "fe{id} asked for an answer as new as {:?} and got {} at {:?}.",
            asked.prev,
            names(&seen.answer.order),
            seen.ts
        ))
    };
    clients(was, view).filter_map(answer).collect()
}

fn clients<'v>(
    was: &'v View<'_>,
    view: &'v View<'_>,
) -> impl Iterator<Item = (usize, &'v ClientLocal, &'v ClientLocal)> {
    let pairs = was.clients.iter().zip(&view.clients).enumerate();
    pairs.map(|(id, (before, now))| (id, *before, *now))
}

fn twice(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, manager) in &view.managers {
        let ran = manager.order();
        let again = ran.iter().enumerate().find(|(at, tag)| ran[..*at].contains(tag));
        if let Some((_, tag)) = again {
            found.push(format!(
                "{id:?} ran {} twice: its order is {}; the records of {} are {}.",
                name(*tag),
                order(manager),
                name(*tag),
                records_of(manager, *tag),
            ));
        }
    }
    found
}

fn lost_updates(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let waiting: Tags = m.state.replica.pending().map(|r| r.update.op.tag).collect();
        let lost = m.records().find(|r| {
            let tag = r.update.op.tag;
            !m.ran().has(tag) && !waiting.has(tag)
        });
        if let Some(record) = lost {
            found.push(format!(
                "{id:?} has had {} as {:?}, does not hold it back, and has not run it: its order is {}.",
                name(record.update.op.tag),
                record.key(),
                order(m)
            ));
        }
    }
    found
}

fn different_answers(view: &View<'_>) -> Vec<String> {
    let show = |m: &ManagerLocal| m.state.replica.value().value.show();
    let mut pairs = view.manager_pairs();
    let pair = pairs.find(|((_, a), (_, b))| a.ran() == b.ran() && show(a) != show(b));
    let told = |((i, a), (j, b)): ((_, &ManagerLocal), (_, &ManagerLocal))| {
        format!(
            "{i:?} ran {} and answers {}; {j:?} ran {} and answers {}.",
            order(a),
            show(a),
            order(b),
            show(b)
        )
    };
    pair.map(told).into_iter().collect()
}

/// The keys of the records of an operation: `rm0:1 fe0#0 [1,0]`.
pub(super) fn records_of(manager: &ManagerLocal, tag: Tag) -> String {
    let records = manager.records().filter(|r| r.update.op.tag == tag);
    let each = records.map(|r| format!("{:?} {:?} {:?}", r.key(), r.update.id, r.ts));
    each.collect::<Vec<_>>().join(", ")
}

/// `a, b`.
fn letters(tags: Tags) -> String {
    let all = (0..TAGS_MAX as Tag).filter(|tag| tags.has(*tag));
    all.map(name).collect::<Vec<_>>().join(", ")
}

fn minus(these: Tags, others: Tags) -> Tags {
    Tags(these.0 & !others.0)
}

/// One culprit is enough; how many more there are is worth a word.
fn first_of(found: Vec<String>) -> Vec<String> {
    found.into_iter().take(2).collect()
}
