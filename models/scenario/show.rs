//! What a scenario prints.

use super::{Follower, flight::Packet, stage::Stage};
use crate::{
    application::{Application, Tags, name, names},
    party::{ClientLocal, Life, Local, ManagerLocal},
    view::Record,
};
use chinwag::{Message, ReplicaId, Timestamp, rules::first_beyond};

/// What came of a message that arrived.
pub(super) fn arrival<F: Follower>(
    stage: &Stage<F>,
    packet: &Packet,
    before: &Local,
    sent: &[Packet],
) -> String {
    let to = stage.node_name(packet.to);
    match (before, &packet.message) {
        (Local::Client(before), message) => heard(stage, &to, before, message),
        (Local::Manager(before), Message::Gossip(gossip)) if has_lost(stage, packet.to) => {
            let (id, from) = (ReplicaId(packet.to as u16), stage.node_name(packet.from));
            let (known, own) = (gossip.ts.get(id), before.state.replica.count_of(id));
            format!("{to} stops: {from} knows of {known} of its updates, and it remembers {own}")
        }
        (Local::Manager(_), Message::Query { id, prev, .. }) if sent.is_empty() => {
            let waits = stage.manager(packet.to).is_some_and(|m| m.state.waiting.contains_key(id));
            match waits {
                true => format!("{to} holds it back until its value covers {prev:?}"),
                false => format!("{to} says nothing"),
            }
        }
        (Local::Manager(_), Message::Update(_)) if sent.is_empty() => format!("{to} says nothing"),
        (Local::Manager(_), message) => {
            let sent: Vec<_> = sent.iter().map(|packet| message_line(stage, packet)).collect();
            let comes =
                if sent.is_empty() { String::new() } else { format!(": {}", sent.join("; ")) };
            format!("{to} takes {}{comes}", words(stage, message))
        }
    }
}

fn has_lost<F: Follower>(stage: &Stage<F>, node: usize) -> bool {
    stage.manager(node).is_some_and(|manager| manager.life == Life::Lost)
}

fn heard<F: Follower>(
    stage: &Stage<F>,
    to: &str,
    before: &ClientLocal,
    message: &Message<Application>,
) -> String {
    let open = |id: &chinwag::RequestId| before.state.in_flight.contains_key(&id.serial.number);
    match message {
        Message::QueryReply { id, .. } if !open(id) => format!("{to} ignores it"),
        Message::QueryReply { ts, answer, .. } => format!("{to} sees {answer:?} at {ts:?}"),
        Message::UpdateReply { id, ts } => {
            let again = if open(id) { "" } else { " as well" };
            format!("{to}: {} is recorded at {ts:?}{again}", stage.request_name(*id))
        }
        Message::Refused { id, reason } => {
            format!("{to}: {} is refused: {reason:?}", stage.request_name(*id))
        }
        Message::Tell { ts, body } => {
            let tags = <[u8; 4]>::try_from(&body[..]).map(u32::from_le_bytes).unwrap_or_default();
            format!("{to} hears of {:?} at {ts:?}", Tags(tags))
        }
        other => format!("{to} ignores {}", other.kind()),
    }
}

/// A message in a few words.
fn words<F: Follower>(stage: &Stage<F>, message: &Message<Application>) -> String {
    match message {
        Message::Update(u) => {
            format!("update {} {} after {:?}", name(u.op.tag), stage.request_name(u.id), u.prev)
        }
        Message::Query { id, prev, .. } => {
            format!("query {} after {prev:?}", stage.request_name(*id))
        }
        Message::UpdateReply { id, ts } => {
            format!("reply {} at {ts:?}", stage.request_name(*id))
        }
        Message::QueryReply { id, ts, answer } => {
            format!("answer {} {answer:?} at {ts:?}", stage.request_name(*id))
        }
        Message::Refused { id, reason } => {
            format!("refusal {} {reason:?}", stage.request_name(*id))
        }
        // The protocol's own words, without what updates do.
        Message::Gossip(_) | Message::Pull { .. } => format!("{message:?}"),
        Message::Tell { ts, .. } => format!("tell at {ts:?}"),
    }
}

/// A message under way.
pub(super) fn message_line<F: Follower>(stage: &Stage<F>, packet: &Packet) -> String {
    let (from, to) = (stage.node_name(packet.from), stage.receiver_name(packet));
    format!("{from} -> {to} {}", words(stage, &packet.message))
}

/// All that a node knows.
pub(super) fn node<F: Follower>(stage: &Stage<F>, node: usize, out: &mut Vec<String>) {
    match &stage.locals[node] {
        Local::Manager(local) => manager(stage, local, out),
        Local::Client(local) => client(stage, node, local, out),
    }
}

fn manager<F: Follower>(stage: &Stage<F>, local: &ManagerLocal, out: &mut Vec<String>) {
    let replica = &local.state.replica;
    let shown = replica.value().value.show();
    let value = format!("value {} {shown}", names(local.order()));
    out.push(value.trim_end().into());
    out.push(format!("value timestamp {:?}", replica.value_ts()));
    out.push(format!("replica timestamp {:?}", replica.replica_ts()));
    let gone = replica.discarded();
    if *gone != stage.model.group().zero() {
        out.push(format!("discarded up to {gone:?}"));
    }
    let waiting: Vec<_> = replica.pending().map(|record| record.key()).collect();
    for record in replica.log() {
        let waits = waiting.contains(&record.key());
        let awaited =
            waits.then(|| first_beyond(&record.update.prev, replica.value_ts())).flatten();
        out.push(log_line(stage, record, awaited));
    }
    for (id, ts) in replica.executed() {
        out.push(format!("executed {} at {ts:?}", stage.request_name(*id)));
    }
    for (id, query) in &local.state.waiting {
        let id = stage.request_name(*id);
        out.push(format!("query {id} waits until the value covers {:?}", query.prev));
    }
    let rows: Vec<_> = table(&local.state.table);
    out.push(format!("table {}", rows.join(" ")));
}

fn log_line<F: Follower>(
    stage: &Stage<F>,
    record: &Record,
    awaited: Option<chinwag::RecordKey>,
) -> String {
    let (key, ts, update) = (record.key(), &record.ts, &record.update);
    let state = match awaited {
        None => "stable".into(),
        Some(awaited) => format!("waits for {awaited:?}"),
    };
    let (name, id) = (name(update.op.tag), stage.request_name(update.id));
    format!("log {key:?} {name} {id} {ts:?} after {:?}, {state}", update.prev)
}

fn table(rows: &[Timestamp]) -> Vec<String> {
    rows.iter().enumerate().map(|(i, ts)| format!("rm{i}{ts:?}")).collect()
}

fn client<F: Follower>(stage: &Stage<F>, node: usize, local: &ClientLocal, out: &mut Vec<String>) {
    out.push(format!("has seen {:?}", local.state.ts));
    let name = stage.node_name(node);
    for (number, request) in &local.state.in_flight {
        out.push(format!("{name}#{number} is unanswered, after {:?}", request.prev));
    }
    if !local.state.outbox.is_empty() {
        out.push(format!("{} more wait their turn", local.state.outbox.len()));
    }
}
