//! Changes as bytes: what a batch of the journal holds.

use super::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::{Change, Group, Service};

/// What the changes that follow from one datagram take more than the datagram, whose records they repeat: the
/// numbers of one update's record, and two timestamps of [`UPDATABLE_MAX`](super::UPDATABLE_MAX) entries.
pub const CHANGE_BYTES_EXTRA: usize = 512;

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
