//! The form of what is on disk: changes, the frames that hold batches of them, and reading frames back.
//!
//! A frame is `length u32 | sequence number u64 | CRC of these 12 bytes | payload | CRC of the payload`,
//! numbers little-endian, CRC-32 (IEEE). The length has a checksum of its own: were it only covered by the
//! payload's, one flipped bit in it could make every later frame look like a torn end.

use super::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::{Change, Group, Service};

/// The greatest payload of a frame. A length beyond is corruption.
pub const FRAME_BYTES_MAX: usize = 1 << 30;

/// Bytes before a frame's payload.
pub(super) const FRAME_HEADER: usize = 16;

/// Bytes after it.
pub(super) const FRAME_TRAILER: usize = 4;

/// Puts changes, in order, into one batch.
pub fn encode_changes<S: Service>(changes: &[Change<S>]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Writer::default();
    for change in changes {
        match change {
            Change::Log { replica_ts, records } => {
                out.put(&0u8).timestamp(replica_ts).put(&(records.len() as u32));
                for record in records {
                    out.record(record);
                }
            }
            Change::Discard { upto } => {
                out.put(&1u8).timestamp(upto);
            }
        }
    }
    out.finish()
}

/// Reads a batch back.
pub fn decode_changes<S: Service>(
    group: Group,
    bytes: &[u8],
) -> Result<Vec<Change<S>>, DecodeError> {
    let mut reader = Reader::new(bytes, group);
    let mut changes = Vec::new();
    while !reader.is_empty() {
        changes.push(match reader.take::<u8>()? {
            0 => Change::Log { replica_ts: reader.timestamp()?, records: reader.records()? },
            1 => Change::Discard { upto: reader.timestamp()? },
            _ => return Err(DecodeError::Kind),
        });
    }
    Ok(changes)
}

/// One batch, framed.
pub(super) fn frame(sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FRAME_HEADER + payload.len() + FRAME_TRAILER);
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    bytes
}

/// What reading frames found.
pub(super) struct Frames {
    /// The whole frames' payloads with their sequence numbers, in order.
    pub frames: Vec<(u64, Vec<u8>)>,
    /// Where the last whole frame ends. What lies beyond was never acknowledged.
    pub end: usize,
}

/// Reads frames up to the end or a torn last one. On corruption, says at which offset.
///
/// A frame that is not whole is torn, and was never acknowledged, if nothing follows it; otherwise it was
/// synced before what follows and something has destroyed it since (PROTOCOL 1.9).
pub(super) fn read_frames(bytes: &[u8], first: Option<u64>) -> Result<Frames, usize> {
    let (mut frames, mut end, mut expected) = (Vec::new(), 0, first);
    while end < bytes.len() {
        match whole_frame(&bytes[end..]) {
            Some((sequence, payload)) if expected.is_none_or(|n| n == sequence) => {
                frames.push((sequence, payload.to_vec()));
                end += FRAME_HEADER + payload.len() + FRAME_TRAILER;
                expected = Some(sequence + 1);
            }
            Some(_) => return Err(end),
            None if is_last(&bytes[end..]) => break,
            None => return Err(end),
        }
    }
    Ok(Frames { frames, end })
}

/// The header at the start of `bytes`, if there is one: payload length and sequence number.
fn header(bytes: &[u8]) -> Option<(usize, u64)> {
    let (header, _) = bytes.split_first_chunk::<FRAME_HEADER>()?;
    let (fields, crc) = header.split_at(FRAME_HEADER - 4);
    let length = u32::from_le_bytes(*fields.first_chunk()?) as usize;
    let sequence = u64::from_le_bytes(*fields.last_chunk()?);
    let sound = crc32fast::hash(fields).to_le_bytes() == *crc && length <= FRAME_BYTES_MAX;
    sound.then_some((length, sequence))
}

fn whole_frame(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (length, sequence) = header(bytes)?;
    let payload = bytes.get(FRAME_HEADER..FRAME_HEADER + length)?;
    let crc = bytes.get(FRAME_HEADER + length..FRAME_HEADER + length + FRAME_TRAILER)?;
    (crc32fast::hash(payload).to_le_bytes() == *crc).then_some((sequence, payload))
}

/// Is the broken frame at the start of `bytes` the last one? If its length can be trusted, that says where
/// the next one would be; if not, any whole frame further on shows that there was a next one.
fn is_last(bytes: &[u8]) -> bool {
    match header(bytes) {
        Some((length, _)) => bytes.len() <= FRAME_HEADER + length + FRAME_TRAILER,
        None => (1..bytes.len()).all(|at| whole_frame(&bytes[at..]).is_none()),
    }
}
