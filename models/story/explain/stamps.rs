//! What is wrong with timestamps, logs, tables and journals.

use super::{records_of, shape::both};
use crate::{
    application::{name, names},
    party::{ManagerLocal, broken},
    story::describe::order,
    view::{Record, View},
};
use chinwag::ReplicaId;

pub fn value_and_ts(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let replica = &m.state.replica;
        let covered = |r: &&Record| replica.value_ts().covers(&r.ts);
        let unrun = m.records().filter(covered).find(|r| !m.ran().has(r.update.op.tag));
        let mut merged = view.setting.group.zero();
        m.records().filter(covered).for_each(|r| merged.merge(&r.ts));
        if let Some(record) = unrun {
            found.push(format!(
                "{id:?}'s value timestamp {:?} covers {} ({:?} {:?}), which has not run there: {}.",
                replica.value_ts(),
                name(record.update.op.tag),
                record.key(),
                record.ts,
                order(m)
            ));
        } else if merged != *replica.value_ts() {
            found.push(format!(
                "{id:?} says that its value reflects {:?}; what it has run comes to {merged:?}.",
                replica.value_ts()
            ));
        }
    }
    found
}

pub fn equal_timestamps(view: &View<'_>) -> Vec<String> {
    let guilty = view.manager_pairs().find(|((_, a), (_, b))| {
        let same = a.state.replica.value_ts() == b.state.replica.value_ts();
        same && (a.ran() != b.ran() || value_of(a) != value_of(b))
    });
    let told = |((i, a), (j, b)): ((_, &ManagerLocal), (_, &ManagerLocal))| {
        format!(
            "Both at {:?}, {i:?} has run {}{} and {j:?} has run {}{}.",
            a.state.replica.value_ts(),
            order(a),
            shows(a),
            order(b),
            shows(b)
        )
    };
    guilty.map(told).into_iter().collect()
}

fn value_of(m: &ManagerLocal) -> &crate::application::Value {
    &m.state.replica.value().value
}

fn shows(m: &ManagerLocal) -> String {
    let shown = m.state.replica.value().value.show();
    if shown.is_empty() { shown } else { format!(" and shows {shown}") }
}

pub fn overestimates(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for ((i, a), (j, b)) in view.manager_pairs() {
        let (known, has) = (&a.state.table[j.index()], b.state.replica.replica_ts());
        if !has.covers(known) {
            found.push(format!("{i:?} takes {j:?} to hold {known:?}, but {j:?} holds {has:?}."));
        } else if !a.state.replica.replica_ts().covers(known) {
            found.push(format!(
                "{i:?} knows that {j:?} holds {known:?} and lacks some of it itself."
            ));
        }
    }
    found
}

pub fn discarded_early(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for ((i, a), (j, b)) in view.manager_pairs() {
        let (gone, has) = (a.state.replica.discarded(), b.state.replica.replica_ts());
        if !has.covers(gone) {
            let lacking = a.records().find(|r| {
                let key = r.key();
                key.seq <= gone.get(key.origin) && key.seq > has.get(key.origin)
            });
            let which = lacking.map_or_else(String::new, |r| {
                format!(": {:?}, update {}", r.key(), name(r.update.op.tag))
            });
            found.push(format!(
                "{i:?} has discarded up to {gone:?}, but {j:?} holds {has:?} only{which}."
            ));
        }
    }
    found
}

pub fn discarded_unrun(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let replica = &m.state.replica;
        let gone = m.records().filter(|r| r.key().seq <= replica.discarded().get(r.origin));
        for record in gone {
            if !m.ran().has(record.update.op.tag) || !replica.value_ts().covers(&record.ts) {
                found.push(format!(
                    "{id:?} has discarded {:?} (update {} after {:?}) and has run only {} (value at {:?}).",
                    record.key(),
                    name(record.update.op.tag),
                    record.update.prev,
                    order(m),
                    replica.value_ts()
                ));
            }
        }
    }
    found
}

pub fn namesakes(view: &View<'_>) -> Vec<String> {
    let has_had = |id: ReplicaId, r: &Record| {
        format!("{id:?} has had {:?} {} at {:?}", r.update.id, name(r.update.op.tag), r.ts)
    };
    // Of a lost one too: what it recorded may be known elsewhere.
    let all: Vec<_> = view.managers.iter().chain(&view.lost).copied().collect();
    let mut found = Vec::new();
    for (at, (i, a)) in all.iter().enumerate() {
        for (j, b) in &all[at + 1..] {
            for r in a.records() {
                for s in b.records() {
                    let what = match r.key() == s.key() {
                        true if r != s => format!("{:?}", r.key()),
                        false if r.ts == s.ts => format!("{:?}", r.ts),
                        _ => continue,
                    };
                    let (one, other) = (has_had(*i, r), has_had(*j, s));
                    found.push(format!("{what} names two updates: {one}, {other}."));
                }
            }
        }
    }
    found.into_iter().take(2).collect()
}

pub fn journals(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let (disk, memory) = (&m.disk, &m.state.replica);
        if disk != memory {
            found.push(format!(
                "{id:?} holds {:?} and has run {}; its disk holds {:?} and has run {}.",
                memory.replica_ts(),
                names(&memory.value().order),
                disk.replica_ts(),
                names(&disk.value().order)
            ));
        }
    }
    found
}

pub fn not_durable(view: &View<'_>) -> Vec<String> {
    let guilty = view.managers.iter().filter(|(_, m)| m.broken & broken::DURABLE != 0);
    let told = guilty.map(|(id, m)| {
        format!(
            "{id:?} has sent what claims more than its disk holds, {:?} (it holds {:?} in memory).",
            m.disk.replica_ts(),
            m.state.replica.replica_ts()
        )
    });
    told.collect()
}

/// The record that came in the last step, of an update that its manager had forgotten.
pub fn taken_again(was: &View<'_>, view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, before, now) in both(was, view) {
        let is_new = |r: &&Record| !before.received.contains_key(&r.key());
        let again = now.records().filter(is_new).find(|r| before.forgotten.contains(&r.update.id));
        if let Some(record) = again {
            let (request, update) = (record.update.id, name(record.update.op.tag));
            let ran = match before.order() == now.order() {
                true => {
                    format!("It has not run {update} again so far: its order is {}.", order(now))
                }
                false => format!("Its order is now {}.", order(now)),
            };
            let takes = match record.origin == id {
                true => "takes a late copy of it for a new one".to_owned(),
                false => format!("takes a record of it that {:?} made", record.origin),
            };
            found.push(format!(
                "{id:?} had forgotten {request:?}, update {update}, and {takes}: {:?} {:?}. {ran}",
                record.key(),
                record.ts
            ));
        }
    }
    found
}

pub fn remembered_elsewhere(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for ((i, a), (j, b)) in view.manager_pairs() {
        let guilty = b
            .records()
            .find(|r| a.forgotten.contains(&r.update.id) && !a.received.contains_key(&r.key()));
        if let Some(record) = guilty {
            found.push(format!(
                "{i:?} has forgotten {:?}; {j:?} has a record of it that {i:?} has never had: {}.",
                record.update.id,
                records_of(b, record.update.op.tag)
            ));
        }
    }
    found
}
