//! What is wrong when there is nothing left to do, or when it never comes to that.

use crate::{
    application::{Tags, name},
    story::describe::{asked, awaited, order},
    view::View,
};

pub fn idle_waiters(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let value_ts = m.state.replica.value_ts();
        for record in m.state.replica.pending().filter(|r| value_ts.covers(&r.update.prev)) {
            found.push(format!(
                "{id:?} holds back {} ({:?} after {:?}) though its value is at {value_ts:?}.",
                name(record.update.op.tag),
                record.key(),
                record.update.prev
            ));
        }
        for (query, waits) in m.state.waiting.iter().filter(|(_, q)| value_ts.covers(&q.prev)) {
            found.push(format!(
                "{id:?} holds back query {query:?} (after {:?}) though its value is at {value_ts:?}.",
                waits.prev
            ));
        }
    }
    found
}

pub fn unequal(view: &View<'_>) -> Vec<String> {
    let each = view.managers.iter().map(|(id, m)| {
        let replica = &m.state.replica;
        format!(
            "{id:?} holds {:?} and has run {} (value at {:?})",
            replica.replica_ts(),
            order(m),
            replica.value_ts()
        )
    });
    let each: Vec<_> = each.collect();
    vec![format!("Nobody has a reason to speak, and {}.", each.join("; "))]
}

pub fn not_executed(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let missing = Tags(view.setting.asked.0 & !m.ran().0);
        if missing != Tags::default() {
            found.push(format!("{id:?} has not run {missing:?}: its order is {}.", order(m)));
        }
        for record in m.state.replica.pending() {
            let awaited = awaited(&record.update.prev, m.state.replica.value_ts());
            let awaited = awaited.map_or_else(|| "nothing".into(), |key| format!("{key:?}"));
            found.push(format!("{id:?} still holds back {:?}, for {awaited}.", record.key()));
        }
    }
    found
}

pub fn not_answered(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, client) in view.clients.iter().enumerate() {
        for (number, request) in &client.state.in_flight {
            found.push(format!(
                "fe{id} still waits for #{number}, {} after {:?}.",
                asked(&request.request),
                request.prev
            ));
        }
        for request in &client.state.outbox {
            found.push(format!("fe{id} has not even sent: {}.", asked(request)));
        }
    }
    found
}

pub fn leftovers(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in view.managers.iter().filter(|(_, m)| m.state.replica.log().len() > 0) {
        let log: Vec<_> = m.state.replica.log().map(|r| format!("{:?}", r.key())).collect();
        let known = m.state.table.iter().enumerate().map(|(j, ts)| format!("rm{j} {ts:?}"));
        let known: Vec<_> = known.collect();
        found.push(format!(
            "{id:?} keeps {} for ever: it knows of {}.",
            log.join(", "),
            known.join(", ")
        ));
    }
    found
}

pub fn kept_ids(view: &View<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, m) in &view.managers {
        let replica = &m.state.replica;
        let kept =
            replica.executed().keys().filter(|id| id.serial < replica.finished(id.front_end));
        for request in kept {
            found.push(format!(
                "{id:?} remembers {request:?} for ever, though {:?} has acknowledged all below {:?}.",
                request.front_end,
                replica.finished(request.front_end)
            ));
        }
    }
    found
}

pub fn restless(busy: &[String]) -> Vec<String> {
    match busy.is_empty() {
        true => vec!["Messages answer messages for ever.".to_owned()],
        false => vec![format!("{} will always have a reason to speak.", busy.join(", "))],
    }
}
