//! What follows the header of a datagram, for each kind.

use super::{
    ANSWER_PARTS_MAX, AnswerPart, COPY_BYTES_MAX, Codec, CopyPart, LAGS_MAX, Packet, Status,
    Versions, WIRE_VERSION_BEFORE,
    codec::{DecodeError, Reader, Writer},
    compact,
};
use crate::{Gossip, LogRecord, Message, Refusal, RequestId, Sender, Service};
use std::sync::Arc;

const KIND_UPDATE: u8 = 0;
const KIND_UPDATE_REPLY: u8 = 1;
const KIND_QUERY: u8 = 2;
pub(super) const KIND_ANSWER: u8 = 3;
const KIND_REFUSED: u8 = 4;
const KIND_GOSSIP: u8 = 5;
const KIND_PULL: u8 = 6;
const KIND_TELL: u8 = 7;
const KIND_ANSWER_PART: u8 = 8;
const KIND_ANSWER_TOO_LARGE: u8 = 9;
const KIND_STATUS_REQUEST: u8 = 10;
const KIND_STATUS: u8 = 11;
const KIND_JOINING: u8 = 12;
const KIND_KNOWN: u8 = 13;
const KIND_COPY_REQUEST: u8 = 14;
const KIND_COPY_PART: u8 = 15;
const KIND_REPLACED: u8 = 16;
const KIND_SPEAKS: u8 = 17;
const KIND_LAST: u8 = KIND_SPEAKS;

/// Since this version, gossip is compact, and a status tells of versions.
const COMPACT_SINCE: u8 = 3;

/// From whom to whom a kind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    BetweenReplicas,
    ToReplica,
    ToClient,
}

pub(super) fn direction(kind: u8) -> Option<Direction> {
    match kind {
        KIND_GOSSIP | KIND_PULL | KIND_JOINING | KIND_KNOWN => Some(Direction::BetweenReplicas),
        KIND_COPY_REQUEST | KIND_COPY_PART | KIND_REPLACED | KIND_SPEAKS => {
            Some(Direction::BetweenReplicas)
        }
        KIND_UPDATE | KIND_QUERY | KIND_TELL | KIND_STATUS_REQUEST => Some(Direction::ToReplica),
        0..=KIND_LAST => Some(Direction::ToClient),
        _ => None,
    }
}

/// The form of a kind that programs of a version write: the version in which it was last changed by then.
pub(super) fn form(kind: u8, version: u8) -> u8 {
    match kind {
        KIND_GOSSIP | KIND_STATUS if version >= COMPACT_SINCE => COMPACT_SINCE,
        KIND_SPEAKS => COMPACT_SINCE,
        KIND_STATUS | KIND_JOINING | KIND_KNOWN => 2,
        KIND_COPY_REQUEST | KIND_COPY_PART | KIND_REPLACED => 2,
        _ => 1,
    }
}

/// Is the kind known to those who speak this version, but in another form than they read: the newest, and the
/// one before?
pub(super) fn is_of_other_form(kind: u8, found: u8, speaks: u8) -> bool {
    let read = [form(kind, speaks), form(kind, WIRE_VERSION_BEFORE)];
    kind <= KIND_LAST && (found > speaks || !read.contains(&found))
}

pub(super) fn kind<S: Service>(packet: &Packet<S>) -> u8 {
    match packet {
        Packet::Message(Message::Update(_)) => KIND_UPDATE,
        Packet::Message(Message::UpdateReply { .. }) => KIND_UPDATE_REPLY,
        Packet::Message(Message::Query { .. }) => KIND_QUERY,
        Packet::Message(Message::QueryReply { .. }) => KIND_ANSWER,
        Packet::Message(Message::Refused { .. }) => KIND_REFUSED,
        Packet::Message(Message::Gossip(_)) => KIND_GOSSIP,
        Packet::Message(Message::Pull { .. }) => KIND_PULL,
        Packet::Message(Message::Tell { .. }) => KIND_TELL,
        Packet::AnswerPart(_) => KIND_ANSWER_PART,
        Packet::AnswerTooLarge { .. } => KIND_ANSWER_TOO_LARGE,
        Packet::Speaks { .. } => KIND_SPEAKS,
        Packet::StatusRequest => KIND_STATUS_REQUEST,
        Packet::Status(_) => KIND_STATUS,
        Packet::Joining { .. } => KIND_JOINING,
        Packet::Known { .. } => KIND_KNOWN,
        Packet::CopyRequest { .. } => KIND_COPY_REQUEST,
        Packet::CopyPart(_) => KIND_COPY_PART,
        Packet::Replaced => KIND_REPLACED,
    }
}

/// The kind in words, for counters.
pub(super) fn name<S: Service>(packet: &Packet<S>) -> &'static str {
    match packet {
        Packet::Message(message) => message.kind(),
        Packet::AnswerPart(_) => "answer part",
        Packet::AnswerTooLarge { .. } => "answer too large",
        Packet::Speaks { .. } => "speaks",
        Packet::StatusRequest => "status request",
        Packet::Status(_) => "status",
        Packet::Joining { .. } => "joining",
        Packet::Known { .. } => "known",
        Packet::CopyRequest { .. } => "copy request",
        Packet::CopyPart(_) => "copy part",
        Packet::Replaced => "replaced",
    }
}

/// Reads the payload of this kind, if this sender may send it.
pub(super) fn read<S: Service>(
    codec: &Codec,
    reader: &mut Reader<'_>,
    sender: Sender,
    (kind, form): (u8, u8),
) -> Result<Packet<S>, DecodeError> {
    let message = match (kind, sender) {
        (KIND_UPDATE, Sender::FrontEnd(front_end)) => {
            let update = reader.update(front_end)?;
            codec.admit(&update).map_err(|_| DecodeError::Unsendable)?;
            Message::Update(update)
        }
        (KIND_QUERY, Sender::FrontEnd(front_end)) => {
            let id = RequestId { front_end, serial: reader.serial()? };
            Message::Query { id, prev: reader.timestamp()?, query: reader.take()? }
        }
        (KIND_TELL, Sender::FrontEnd(_)) => {
            Message::Tell { ts: reader.timestamp()?, body: reader.remainder().to_vec() }
        }
        (KIND_STATUS_REQUEST, Sender::FrontEnd(_)) => return Ok(Packet::StatusRequest),
        (KIND_UPDATE_REPLY, Sender::Replica(_)) => {
            Message::UpdateReply { id: reader.request_id()?, ts: reader.timestamp()? }
        }
        (KIND_ANSWER, Sender::Replica(_)) => {
            let (id, ts) = (reader.request_id()?, reader.timestamp()?);
            Message::QueryReply { id, ts, answer: reader.take()? }
        }
        (KIND_REFUSED, Sender::Replica(_)) => {
            Message::Refused { id: reader.request_id()?, reason: refusal(reader.take()?)? }
        }
        (KIND_GOSSIP, Sender::Replica(_)) => Message::Gossip(read_gossip(codec, reader, form)?),
        (KIND_PULL, Sender::Replica(_)) => Message::Pull { replica_ts: reader.timestamp()? },
        (KIND_ANSWER_PART, Sender::Replica(_)) => {
            return read_part(reader).map(Packet::AnswerPart);
        }
        (KIND_ANSWER_TOO_LARGE, Sender::Replica(_)) => {
            let (id, bytes) = (reader.request_id()?, reader.take()?);
            return Ok(Packet::AnswerTooLarge { id, bytes });
        }
        (KIND_STATUS, Sender::Replica(_)) => return read_status(reader, form).map(Packet::Status),
        (KIND_SPEAKS, Sender::Replica(_)) => return Ok(Packet::Speaks { asks: reader.take()? }),
        (KIND_JOINING, Sender::Replica(_)) => {
            return Ok(Packet::Joining { replica_ts: reader.timestamp()? });
        }
        (KIND_KNOWN, Sender::Replica(_)) => {
            return Ok(Packet::Known { replica_ts: reader.timestamp()? });
        }
        (KIND_COPY_REQUEST, Sender::Replica(_)) => {
            let (digest, offset) = (reader.array()?, reader.count()?);
            return Ok(Packet::CopyRequest { digest, offset });
        }
        (KIND_COPY_PART, Sender::Replica(_)) => return read_copy(reader).map(Packet::CopyPart),
        (KIND_REPLACED, Sender::Replica(_)) => return Ok(Packet::Replaced),
        (0..=KIND_LAST, _) => return Err(DecodeError::Sender),
        _ => return Err(DecodeError::Kind),
    };
    Ok(Packet::Message(message))
}

fn read_gossip<S: Service>(
    codec: &Codec,
    reader: &mut Reader<'_>,
    form: u8,
) -> Result<Gossip<S>, DecodeError> {
    let (complete, asks) = (reader.take()?, reader.take()?);
    let (ts, rows): (_, u16) = (reader.timestamp()?, reader.take()?);
    if rows != 0 && rows != codec.group.replicas {
        return Err(DecodeError::Table);
    }
    let table = (0..rows).map(|_| reader.timestamp()).collect::<Result<Vec<_>, _>>()?;
    // Nobody knows of more than he holds himself (P12), or sends more than he claims.
    if table.iter().any(|row| !ts.covers(row)) {
        return Err(DecodeError::Table);
    }
    let log = if form < COMPACT_SINCE { reader.records()? } else { compact::read_records(reader)? };
    if log.iter().any(|record: &Arc<LogRecord<S>>| record.key().seq > ts.get(record.origin)) {
        return Err(DecodeError::Record);
    }
    Ok(Gossip { log, ts, complete, asks, table, epoch: codec.group.epoch })
}

/// Writes the payload in the form of this version.
pub(super) fn write<S: Service>(out: &mut Writer, packet: &Packet<S>, version: u8) {
    match packet {
        Packet::Message(Message::Update(update)) => out.update(update),
        Packet::Message(Message::UpdateReply { id, ts }) => out.request_id(*id).timestamp(ts),
        Packet::Message(Message::Query { id, prev, query }) => {
            out.serial(id.serial).timestamp(prev).put(query)
        }
        Packet::Message(Message::QueryReply { id, ts, answer }) => {
            out.request_id(*id).timestamp(ts).put(answer)
        }
        Packet::Message(Message::Refused { id, reason }) => {
            out.request_id(*id).put(&refusal_code(*reason))
        }
        Packet::Message(Message::Gossip(gossip)) => write_gossip(out, gossip, version),
        Packet::Message(Message::Pull { replica_ts }) => out.timestamp(replica_ts),
        Packet::Message(Message::Tell { ts, body }) => out.timestamp(ts).raw(body),
        Packet::AnswerPart(AnswerPart { id, ts, part, parts, bytes }) => {
            out.request_id(*id).timestamp(ts).put(part).put(parts).raw(bytes)
        }
        Packet::AnswerTooLarge { id, bytes } => out.request_id(*id).put(bytes),
        Packet::StatusRequest => out,
        Packet::Speaks { asks } => out.put(asks),
        Packet::Status(status) => write_status(out, status, version),
        Packet::Joining { replica_ts } | Packet::Known { replica_ts } => out.timestamp(replica_ts),
        Packet::CopyRequest { digest, offset } => out.raw(digest).put(offset),
        Packet::CopyPart(part) => {
            let CopyPart { digest, total, offset, last, bytes } = part;
            out.raw(digest).put(total).put(offset).put(last).put(bytes)
        }
        Packet::Replaced => out,
    };
}

fn write_status<'a>(out: &'a mut Writer, status: &Status, version: u8) -> &'a mut Writer {
    let Status { replica_ts, value_ts, discarded, .. } = status;
    out.timestamp(replica_ts).timestamp(value_ts).timestamp(discarded);
    let Status { log, pending, waiting, executed, dropped, other_versions, .. } = status;
    out.put(&[*log, *pending, *waiting, *executed, *dropped, *other_versions]);
    let Status { durability, acknowledged_by, full, joining, .. } = status;
    out.put(durability).put(acknowledged_by).put(full).put(joining);
    let Status { updates, queries, lag, .. } = status;
    out.put(&[*updates, *queries]).put(&(lag.len() as u16));
    for updates in lag {
        out.put(updates);
    }
    if version < COMPACT_SINCE {
        return out;
    }
    let none = || Versions { speaks: version, with: Vec::new() };
    let Versions { speaks, with } = status.versions.clone().unwrap_or_else(none);
    out.put(&speaks).put(&(with.len() as u16)).raw(&with)
}

fn write_gossip<'a, S: Service>(
    out: &'a mut Writer,
    gossip: &Gossip<S>,
    version: u8,
) -> &'a mut Writer {
    let Gossip { log, ts, complete, asks, table, .. } = gossip;
    out.put(complete).put(asks).timestamp(ts).put(&(table.len() as u16));
    for row in table {
        out.timestamp(row);
    }
    if version >= COMPACT_SINCE {
        return compact::write_records(out, log);
    }
    out.put(&(log.len() as u32));
    for record in log {
        out.record(record);
    }
    out
}

fn read_copy(reader: &mut Reader<'_>) -> Result<CopyPart, DecodeError> {
    let (digest, total, offset) = (reader.array()?, reader.count()?, reader.count()?);
    let (last, bytes): (_, Vec<u8>) = (reader.take()?, reader.take()?);
    if total > COPY_BYTES_MAX || offset > total || bytes.len() as u64 > total - offset {
        return Err(DecodeError::Count);
    }
    Ok(CopyPart { digest, total, offset, last, bytes })
}

fn read_part(reader: &mut Reader<'_>) -> Result<AnswerPart, DecodeError> {
    let (id, ts) = (reader.request_id()?, reader.timestamp()?);
    let (part, parts): (u16, u16) = (reader.take()?, reader.take()?);
    if parts > ANSWER_PARTS_MAX || part >= parts {
        return Err(DecodeError::Count);
    }
    Ok(AnswerPart { id, ts, part, parts, bytes: reader.remainder().to_vec() })
}

fn read_status(reader: &mut Reader<'_>, form: u8) -> Result<Status, DecodeError> {
    let (replica_ts, value_ts) = (reader.timestamp()?, reader.timestamp()?);
    let discarded = reader.timestamp()?;
    let [log, pending, waiting, executed, dropped, other_versions] = reader.take()?;
    let (durability, acknowledged_by, full) = (reader.take()?, reader.take()?, reader.take()?);
    let (joining, [updates, queries], lags) = (reader.take()?, reader.take()?, reader.take()?);
    if lags > LAGS_MAX {
        return Err(DecodeError::Count);
    }
    let lag = (0..lags).map(|_| reader.take()).collect::<Result<_, _>>()?;
    let versions = (form >= COMPACT_SINCE).then(|| read_versions(reader)).transpose()?;
    Ok(Status {
        replica_ts,
        value_ts,
        discarded,
        log,
        pending,
        waiting,
        executed,
        dropped,
        other_versions,
        durability,
        acknowledged_by,
        full,
        joining,
        updates,
        queries,
        lag,
        versions,
    })
}

fn read_versions(reader: &mut Reader<'_>) -> Result<Versions, DecodeError> {
    let (speaks, count): (u8, u16) = (reader.take()?, reader.take()?);
    if count > LAGS_MAX {
        return Err(DecodeError::Count);
    }
    let with = (0..count).map(|_| reader.take()).collect::<Result<_, _>>()?;
    Ok(Versions { speaks, with })
}

fn refusal_code(reason: Refusal) -> u8 {
    match reason {
        Refusal::ReadOnly => 0,
        Refusal::UnknownPast => 1,
        Refusal::Overloaded => 2,
        Refusal::NoSpace => 3,
    }
}

fn refusal(code: u8) -> Result<Refusal, DecodeError> {
    match code {
        0 => Ok(Refusal::ReadOnly),
        1 => Ok(Refusal::UnknownPast),
        2 => Ok(Refusal::Overloaded),
        3 => Ok(Refusal::NoSpace),
        _ => Err(DecodeError::Malformed),
    }
}
