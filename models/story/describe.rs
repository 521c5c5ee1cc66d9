//! States and messages as people read them: one JSON value a node, one line a message.
//!
//! What a ghost adds is shown only when it says something; budgets are shown as what is left of them.

use crate::{
    application::{Application, Tags, name, names},
    engine::{Destination, Envelope},
    party::{ClientLocal, FOREVER, Life, Local, ManagerLocal, broken},
    view::Record,
};
use chinwag::{Gossip, Message, RecordKey, Request, Timestamp};
use serde_json::{Map, Value, json};

/// The state of a node as people read it.
pub fn describe(local: &Local) -> Value {
    match local {
        Local::Manager(manager) => describe_manager(manager),
        Local::Client(client) => describe_client(client),
    }
}

fn describe_manager(local: &ManagerLocal) -> Value {
    let (state, replica) = (&local.state, &local.state.replica);
    let executed = replica.executed().iter().map(|(id, ts)| format!("{id:?} {ts:?}"));
    let waiting = state.waiting.iter().map(|(id, q)| format!("{id:?} until {:?}", q.prev));
    let rows = state.table.iter().enumerate().map(|(i, ts)| (format!("rm{i}"), entries(ts)));
    let mut shown = json!({
        "value": replica.value().order.iter().map(|tag| name(*tag)).collect::<Vec<_>>(),
        "value_ts": entries(replica.value_ts()),
        "replica_ts": entries(replica.replica_ts()),
        "log": replica.log().map(|r| log_line(r, replica.value_ts(), local)).collect::<Vec<_>>(),
        "discarded": entries(replica.discarded()),
        "executed": executed.collect::<Vec<_>>(),
        "table": rows.collect::<Map<_, _>>(),
        "waiting_queries": waiting.collect::<Vec<_>>(),
    });
    let mut also = |key: &str, says: bool, value: Value| {
        if says {
            shown[key] = value;
        }
    };
    let standing = standing(local.life);
    also("stands", !standing.is_empty(), json!(standing));
    let answer = replica.value().value.show();
    also("shows", !answer.is_empty(), json!(answer));
    let owed = state.owed.iter().enumerate().filter(|(_, owed)| **owed);
    let owed: Vec<_> = owed.map(|(peer, _)| format!("rm{peer}")).collect();
    also("owes_gossip_to", !owed.is_empty(), json!(owed));
    also("disk", local.disk != *replica, json!(format!("has {:?}", local.disk.replica_ts())));
    let finite = (1..FOREVER).contains(&local.crashes);
    also("crashes_left", finite, json!(local.crashes));
    let forgotten: Vec<_> = local.forgotten.iter().map(|id| format!("{id:?}")).collect();
    also("forgotten", !forgotten.is_empty(), json!(forgotten));
    also("broken_promises", local.broken != 0, json!(promises(local.broken)));
    shown
}

/// Where a manager stands in the replacement of one, if there is one.
fn standing(life: Life) -> String {
    match life {
        Life::Up => String::new(),
        Life::Recorded => "has recorded the replacement".to_owned(),
        Life::Waits { confirmed, asked } => {
            let recorded = (0..16).filter(|place| confirmed >> place & 1 == 1);
            let recorded: Vec<_> = recorded.map(|place| format!("rm{place}")).collect();
            let who = if recorded.is_empty() { "nobody".to_owned() } else { recorded.join(", ") };
            let copy = if asked { "; it has asked for a copy" } else { "" };
            format!(
                "is new, and no member yet: {who} told it that the replacement is recorded{copy}"
            )
        }
        Life::Restored => {
            "runs on an old copy: it takes no update, and gossips nothing, until its peers \
                           have told what they know of it"
                .to_owned()
        }
        Life::Lost => "is lost: it hears nothing and says nothing any more".to_owned(),
    }
}

/// A record of a log, with what it waits for.
fn log_line(record: &Record, value_ts: &Timestamp, local: &ManagerLocal) -> String {
    let (key, update) = (record.key(), &record.update);
    let (id, tag) = (update.id, name(update.op.tag));
    let text = format!("{key:?} {id:?} {tag}");
    let waits = local.state.replica.pending().any(|r| r.key() == key);
    match awaited(&update.prev, value_ts) {
        Some(awaited) if waits => format!("{text} waits for {awaited:?}"),
        None if waits => format!("{text} waits for nothing"),
        _ => text,
    }
}

/// The first record that the value lacks of this past.
pub(super) fn awaited(prev: &Timestamp, value_ts: &Timestamp) -> Option<RecordKey> {
    chinwag::rules::first_beyond(prev, value_ts)
}

fn describe_client(local: &ClientLocal) -> Value {
    let state = &local.state;
    let under_way = state.in_flight.iter().map(|(number, request)| {
        format!("{} #{number} after {:?}", asked(&request.request), request.prev)
    });
    let mut shown = json!({
        "ts": entries(&state.ts),
        "in_flight": under_way.collect::<Vec<_>>(),
        "outbox": state.outbox.iter().map(asked).collect::<Vec<_>>(),
        "script_line": local.at,
    });
    if let Some(seen) = &local.last {
        shown["last_answer"] = json!(format!("{:?} at {:?}", seen.answer, seen.ts));
    }
    if local.told != Tags::default() {
        shown["was_told_of"] = json!(format!("{:?}", local.told));
    }
    if local.retries > 0 && local.retries != FOREVER {
        shown["retries_left"] = json!(local.retries);
    }
    if local.broken != 0 {
        shown["broken_promises"] = json!(promises(local.broken));
    }
    shown
}

/// A request as people read it.
pub(super) fn asked(request: &Request<Application>) -> String {
    match request {
        Request::Update(op) => format!("update {op:?}"),
        Request::Independent(op) => format!("independent update {op:?}"),
        Request::Query(()) => "query".to_owned(),
        Request::Tell { to, .. } => format!("tell {to:?}"),
    }
}

pub(super) fn entries(ts: &Timestamp) -> Value {
    json!(ts.entries().map(|(_, count)| count).collect::<Vec<_>>())
}

fn promises(bits: u16) -> Vec<&'static str> {
    let known = [
        (broken::REPLY, "replied with too small a timestamp"),
        (broken::MONOTONE, "a timestamp went down"),
        (broken::DURABLE, "sent before it was durable"),
        (broken::TWICE, "journalled a record twice"),
        (broken::FORGOTTEN, "took a forgotten update"),
        (broken::AVAILABLE, "left a request without an answer"),
        (broken::OWN_WRITES, "did not read its own write"),
        (broken::READS, "saw less than before"),
        (broken::HEARSAY, "did not see what it was told of"),
        (broken::FRESH, "got an answer older than asked for"),
        (broken::READ_ONLY, "took an update though read-only"),
    ];
    known.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, words)| *words).collect()
}

/// A message in a few words: enough to tell it from its like in a diagram.
pub fn label(message: &Message<Application>) -> String {
    match message {
        Message::Update(u) => format!("update {:?} {:?} after {:?}", u.id, u.op, u.prev),
        Message::Query { id, prev, .. } => format!("query {id:?} after {prev:?}"),
        Message::Tell { ts, body } => format!("news of {} at {ts:?}", told(body)),
        Message::Gossip(gossip) => gossip_label(gossip),
        Message::UpdateReply { .. }
        | Message::QueryReply { .. }
        | Message::Refused { .. }
        | Message::Pull { .. } => format!("{message:?}"),
    }
}

/// As `Debug`, but in words where it is not the last part, and without the rows of a table that is passed on:
/// the state of the sender shows them.
pub(super) fn gossip_label(gossip: &Gossip<Application>) -> String {
    let relays = if gossip.table.is_empty() { "" } else { " with its table" };
    let label = format!("{:?}{relays}", Gossip { table: Vec::new(), ..gossip.clone() });
    label.replacen("]..", "] (more follows)", 1)
}

/// What one client tells another, in words.
pub(super) fn told(body: &[u8]) -> String {
    let word = <[u8; 4]>::try_from(body).map(u32::from_le_bytes);
    word.map_or_else(|_| crate::party::word(body).to_owned(), |tags| format!("{:?}", Tags(tags)))
}

/// A message on its way, on one line: `fe0 -> rm1: update fe0#0 a after [0,0]`.
pub fn describe_envelope(envelope: &Envelope<Message<Application>>, lanes: &[String]) -> String {
    let lane = |node: usize| lanes.get(node).map_or("?", |lane| lane.as_str());
    let to = match envelope.to {
        Destination::Node(node) => lane(node).to_owned(),
        Destination::Any { first, end } => format!("any of {} to {}", lane(first), lane(end - 1)),
    };
    format!("{} -> {to}: {}", lane(envelope.src), label(&envelope.message))
}

/// An order of execution as people read it: `<a b>`.
pub(super) fn order(local: &ManagerLocal) -> String {
    names(local.order())
}
