//! What is wrong with a record, a log, a table or a step by itself: which numbers, and which they should be.

use super::records_of;
use crate::{
    application::{TAGS_MAX, Tag, Tags, name, names},
    party::{ManagerLocal, broken},
    story::describe::order,
    view::{Record, View},
};
use chinwag::{RecordKey, ReplicaId, Timestamp};
use std::collections::BTreeMap;

pub fn bad_shape(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let entries = usize::from(view.setting.group.updatable);
    for (id, m) in &view.managers {
        let (replica, value_ts) = (&m.state.replica, m.state.replica.value_ts());
        let beyond = replica.executed().iter().find(|(_, ts)| !value_ts.covers(ts));
        if let Some((request, ts)) = beyond {
            found.push(format!(
                "{id:?} has executed {request:?} and would reply {ts:?}, but its value is only at \
                 {value_ts:?}."
            ));
        }
        let long = replica.log().find(|r| r.ts.len() != entries || r.update.prev.len() != entries);
        let long = long.map(|r| r.ts.len()).into_iter().chain([replica.replica_ts().len()]);
        if let Some(length) = long.into_iter().find(|length| *length != entries) {
            found.push(format!("{id:?} has a timestamp of {length} entries, not {entries}."));
        }
    }
    found
}

pub fn from_the_future(view: &View<'_>) -> Vec<String> {
    let made = |ts: &Timestamp, k: ReplicaId, m: &ManagerLocal| {
        if !view.setting.group.is_updatable(k) {
            return None; // It has no entry.
        }
        let (says, made) = (ts.get(k), m.state.replica.replica_ts().get(k));
        (says > made).then_some((says, made))
    };
    let told = |who: String, what: &str, k: ReplicaId, (says, made): (u64, u64)| {
        let updates = if says == 1 { "update" } else { "updates" };
        let made = if made == 0 { "none".to_owned() } else { format!("only {made}") };
        format!("{what} of {who} speaks of {says} {updates} of {k:?}, which has made {made}.")
    };
    let mut found = Vec::new();
    for ((i, a), (k, m)) in view.manager_pairs() {
        let replica = &a.state.replica;
        let one = [("The replica timestamp", replica.replica_ts())].into_iter();
        let one = one.chain([("The value timestamp", replica.value_ts())]);
        let all = one.chain(a.state.table.iter().map(|row| ("The timestamp table", row)));
        let all = all.chain(replica.log().map(|r| ("A record in the log", &r.update.prev)));
        let first = all.into_iter().find_map(|(what, ts)| Some((what, made(ts, k, m)?)));
        found.extend(first.map(|(what, counts)| told(format!("{i:?}"), what, k, counts)));
    }
    for (id, client) in view.clients.iter().enumerate() {
        let ts = &client.state.ts;
        let first = view.managers.iter().find_map(|(k, m)| Some((*k, made(ts, *k, m)?)));
        let what = "The timestamp";
        found.extend(first.map(|(k, counts)| told(format!("fe{id}"), what, k, counts)));
    }
    found.truncate(2);
    found
}

pub fn wrong_stamps(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        for r in m.records() {
            let RecordKey { origin, seq } = r.key();
            let (update, key, prev) = (name(r.update.op.tag), r.key(), &r.update.prev);
            let right = prev.with(origin, seq);
            if prev.get(origin) >= seq {
                found.push(format!(
                    "{id:?} holds {update} as {key:?}, but the past {prev:?} of {update} has that count in \
                     it already."
                ));
            } else if r.ts != right {
                found.push(format!(
                    "{id:?} holds {update} as {key:?} after {prev:?} with the timestamp {:?}; it should be \
                     {right:?}.",
                    r.ts
                ));
            }
        }
    }
    found.truncate(2);
    found
}

pub fn ahead_of_the_log(view: &View<'_>) -> Vec<String> {
    let replicas = view.managers.iter().map(|(id, m)| (id, m, &m.state.replica));
    let ahead = replicas.filter(|(_, _, r)| !r.replica_ts().covers(r.value_ts()));
    let told = ahead.map(|(id, m, replica)| {
        format!(
            "{id:?}'s value is at {:?}, and its log has received only {:?}; it has run {}.",
            replica.value_ts(),
            replica.replica_ts(),
            order(m)
        )
    });
    told.collect()
}

pub fn holes(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let (held, gone) = (m.state.replica.replica_ts(), m.state.replica.discarded());
        let counted = held
            .entries()
            .flat_map(|(origin, count)| (1..=count).map(move |seq| RecordKey { origin, seq }));
        let here = |key: &RecordKey| m.received.contains_key(key);
        for key in counted.filter(|key| !here(key)) {
            found.push(format!("{id:?} says that it holds {held:?}, and never had {key:?}."));
        }
        for key in m.received.keys().filter(|key| key.seq > held.get(key.origin)) {
            found.push(format!("{id:?} has {key:?}, and says that it holds only {held:?}."));
        }
        for key in m.received.keys().filter(|key| key.seq <= held.get(key.origin)) {
            let (logged, is_gone) =
                (m.state.replica.record(*key).is_some(), key.seq <= gone.get(key.origin));
            match (logged, is_gone) {
                (true, true) => found.push(format!(
                    "{id:?} has {key:?} in its log still, and says that it has discarded {gone:?}."
                )),
                (false, false) => found.push(format!(
                    "{id:?} has had {key:?} and has not discarded it ({gone:?}), but its log lacks it."
                )),
                _ => {}
            }
        }
    }
    found.truncate(2);
    found
}

pub fn not_closed(view: &View<'_>) -> Vec<String> {
    let lacks = |ts: &Timestamp, m: &ManagerLocal| -> Option<Record> {
        m.records().find(|r| ts.get(r.origin) == r.key().seq && !ts.covers(&r.ts)).cloned()
    };
    let told = |what: String, ts: &Timestamp, r: Record| {
        format!(
            "{what} is at {ts:?}, so it covers {} as {:?}; but the past of that, {:?}, it does not cover.",
            name(r.update.op.tag),
            r.key(),
            r.update.prev
        )
    };
    let mut found = Vec::new();
    for ((i, a), (_, b)) in view.manager_pairs() {
        let ts = a.state.replica.value_ts();
        let record = lacks(ts, b).or_else(|| lacks(ts, a));
        found.extend(record.map(|r| told(format!("{i:?}'s value"), ts, r)));
    }
    for (id, client) in view.clients.iter().enumerate() {
        let ts = &client.state.ts;
        let record = view.managers.iter().find_map(|(_, m)| lacks(ts, m));
        found.extend(record.map(|r| told(format!("What fe{id} has seen"), ts, r)));
    }
    found.truncate(2);
    found
}

pub fn recorded_again(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let mut own: BTreeMap<_, Vec<_>> = BTreeMap::new();
        m.records()
            .filter(|r| r.origin == *id)
            .for_each(|r| own.entry(r.update.id).or_default().push(r));
        for (request, records) in own.iter().filter(|(_, records)| records.len() > 1) {
            let keys: Vec<_> = records.iter().map(|r| format!("{:?}", r.key())).collect();
            let update = name(records[0].update.op.tag);
            found.push(format!(
                "{id:?} has recorded one request, {request:?} (update {update}), as {}.",
                keys.join(" and as ")
            ));
        }
    }
    found
}

pub fn gone_down(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |who: String, what: &str, before: &Timestamp, now: &Timestamp| {
        if !now.covers(before) {
            found.push(format!("{what} of {who} was {before:?} and is {now:?}."));
        }
    };
    for (id, a, b) in both(was, view) {
        let (before, now) = (&a.state.replica, &b.state.replica);
        let who = || format!("{id:?}");
        compare(who(), "The value timestamp", before.value_ts(), now.value_ts());
        compare(who(), "The replica timestamp", before.replica_ts(), now.replica_ts());
        for (peer, (before, now)) in a.state.table.iter().zip(&b.state.table).enumerate() {
            compare(
                who(),
                &format!("What the timestamp table says of rm{peer}, that"),
                before,
                now,
            );
        }
    }
    for (id, (before, now)) in was.clients.iter().zip(&view.clients).enumerate() {
        compare(format!("fe{id}"), "The timestamp", &before.state.ts, &now.state.ts);
    }
    found
}

/// Each manager before the last step and after it.
pub fn both<'v>(
    was: &'v View<'_>,
    view: &'v View<'_>,
) -> impl Iterator<Item = (ReplicaId, &'v ManagerLocal, &'v ManagerLocal)> {
    view.managers.iter().filter_map(|(id, now)| {
        let before = was.managers.iter().find(|(other, _)| other == id);
        before.map(|(_, before)| (*id, *before, *now))
    })
}

/// The managers that broke this promise in the last step.
fn newly<'v>(
    was: &'v View<'_>,
    view: &'v View<'_>,
    promise: u16,
) -> impl Iterator<Item = (ReplicaId, &'v ManagerLocal)> {
    let broke = both(was, view).filter(move |(_, a, b)| (b.broken & !a.broken) & promise != 0);
    broke.map(|(id, _, now)| (id, now))
}

pub fn replied_too_little(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let told = newly(was, view, broken::REPLY).map(|(id, m)| {
        let tags: Tags = m.records().map(|r| r.update.op.tag).collect();
        let several = |tag: &Tag| m.records().filter(|r| r.update.op.tag == *tag).count() > 1;
        let all = (0..TAGS_MAX as Tag).filter(|tag| tags.has(*tag));
        let records: Vec<_> = all
            .filter(several)
            .map(|tag| format!("of {} it holds {}", name(tag), records_of(m, tag)))
            .collect();
        let records = if records.is_empty() { String::new() } else { format!(" ({})", records.join("; ")) };
        format!(
            "{id:?} has replied to an update with a timestamp that does not cover all records of that update \
             that it holds{records}; its value is at {:?}.",
            m.state.replica.value_ts()
        )
    });
    told.collect()
}

pub fn took_updates(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let told = newly(was, view, broken::READ_ONLY).map(|(id, m)| {
        let keys: Vec<_> = m.records().filter(|r| r.origin == id).map(|r| r.key()).collect();
        let recorded = if keys.is_empty() { String::new() } else { format!(", as {keys:?}") };
        format!("{id:?} is read-only, and has taken an update{recorded}.")
    });
    told.collect()
}

pub fn left_waiting(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let told = newly(was, view, broken::AVAILABLE).map(|(id, m)| {
        format!(
            "{id:?} was asked something that it can do alone (its value is at {:?}, its log at {:?}), and \
             did not reply.",
            m.state.replica.value_ts(),
            m.state.replica.replica_ts()
        )
    });
    told.collect()
}

pub fn written_again(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let told = newly(was, view, broken::TWICE).map(|(id, m)| {
        let had: Vec<_> = m.records().map(|r| format!("{:?}", r.key())).collect();
        format!("{id:?} has journalled a record that it had before; it had {}.", had.join(", "))
    });
    told.collect()
}

pub fn answers_without(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, client) in view.clients.iter().enumerate() {
        let Some(seen) = &client.last else { continue };
        let shown: Tags = seen.answer.order.iter().copied().collect();
        let managers = view.managers.iter().flat_map(|(_, m)| m.records());
        let missing =
            managers.into_iter().find(|r| seen.ts.covers(&r.ts) && !shown.has(r.update.op.tag));
        found.extend(missing.map(|r| {
            format!(
                "fe{id} got the answer {} at {:?}, which covers {} ({:?} {:?}): that is not in it.",
                names(&seen.answer.order),
                seen.ts,
                name(r.update.op.tag),
                r.key(),
                r.ts
            )
        }));
    }
    found
}
