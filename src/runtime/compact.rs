//! Records in gossip as version 3 writes them: what follows from the record before is left out.
//!
//! A record begins with one byte: its origin in the low half, and in the high half what is left out, which is
//! what version 2 writes in this order: number, front end, serial, what is acknowledged, past, operation. So
//! no record is longer than in version 2, and what fits there fits here.

use super::{
    UPDATABLE_MAX,
    codec::{COUNT_MAX, DecodeError, Reader, Writer},
};
use crate::{FrontEndId, LogRecord, RecordKey, ReplicaId, RequestId, Service, Update};
use std::sync::Arc;

/// Its number is the next one of the same origin.
const NEXT: u8 = 0x10;
/// Its front end is that of the record before.
const SAME_FRONT_END: u8 = 0x20;
/// It acknowledges all requests before it: what a client does that waits for each reply.
const WAITED: u8 = 0x40;
/// Its past is that of the record before.
const SAME_PAST: u8 = 0x80;

const ORIGIN: u8 = 0x0f;
const _: () = assert!(UPDATABLE_MAX <= ORIGIN as usize + 1);

/// Writes their count, and each as it follows the one before.
pub(super) fn write_records<'a, S: Service>(
    out: &'a mut Writer,
    log: &[Arc<LogRecord<S>>],
) -> &'a mut Writer {
    out.put(&(log.len() as u32));
    let mut before = None;
    for record in log {
        write_record(out, before, record);
        before = Some(record.as_ref());
    }
    out
}

fn write_record<S: Service>(
    out: &mut Writer,
    before: Option<&LogRecord<S>>,
    record: &LogRecord<S>,
) {
    let (RecordKey { origin, seq }, Update { id, acknowledged, prev, op }) =
        (record.key(), &record.update);
    let is_next = |b: &LogRecord<S>| b.key().origin == origin && b.key().seq + 1 == seq;
    let left_out = [
        (NEXT, before.is_some_and(is_next)),
        (SAME_FRONT_END, before.is_some_and(|b| b.update.id.front_end == id.front_end)),
        (WAITED, *acknowledged == id.serial),
        (SAME_PAST, before.is_some_and(|b| b.update.prev == *prev)),
    ];
    let flags = left_out.iter().filter(|(_, is)| *is).fold(0, |all, (flag, _)| all | flag);
    out.raw(&[origin.0 as u8 & ORIGIN | flags]);
    if flags & NEXT == 0 {
        out.put(&seq);
    }
    if flags & SAME_FRONT_END == 0 {
        out.put(&id.front_end.0);
    }
    out.serial(id.serial);
    if flags & WAITED == 0 {
        out.serial(*acknowledged);
    }
    if flags & SAME_PAST == 0 {
        out.timestamp(prev);
    }
    out.put(op);
}

/// Reads them back. What refers to a record before the first one, no replica manager can have made.
pub(super) fn read_records<S: Service>(
    reader: &mut Reader<'_>,
) -> Result<Vec<Arc<LogRecord<S>>>, DecodeError> {
    reader.ascending(read_record)
}

fn read_record<S: Service>(
    reader: &mut Reader<'_>,
    before: Option<&LogRecord<S>>,
) -> Result<LogRecord<S>, DecodeError> {
    let [first] = reader.array()?;
    let origin = ReplicaId((first & ORIGIN).into());
    let before_it = before.ok_or(DecodeError::Record);
    let seq = match first & NEXT {
        0 => reader.count()?,
        _ => match before_it?.key() {
            RecordKey { seq: COUNT_MAX.., .. } => return Err(DecodeError::Count),
            last if last.origin == origin => last.seq + 1,
            _ => return Err(DecodeError::Record),
        },
    };
    let front_end = match first & SAME_FRONT_END {
        0 => FrontEndId(reader.take()?),
        _ => before_it?.update.id.front_end,
    };
    let serial = reader.serial()?;
    let acknowledged = if first & WAITED == 0 { reader.serial()? } else { serial };
    if acknowledged > serial {
        return Err(DecodeError::Acknowledged);
    }
    let prev = match first & SAME_PAST {
        0 => reader.timestamp()?,
        _ => before_it?.update.prev.clone(),
    };
    let id = RequestId { front_end, serial };
    let update = Update { id, acknowledged, prev, op: reader.take()? };
    reader.made(origin, seq, update)
}
