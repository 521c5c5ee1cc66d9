//! Reading and writing the protocol's vocabulary, piece by piece. What the pieces are put together to is the
//! business of `wire.rs` and `journal.rs`.
//!
//! Every value is written by `postcard`; a sequence of values is a sequence of their bytes. What follows
//! from something else is not written: the length of a timestamp from the group, a record's timestamp from
//! its past and its number.

use crate::{
    FrontEndId, Group, LogRecord, RecordKey, ReplicaId, RequestId, Serial, Service, Timestamp,
    Update,
};
use postcard::experimental::serialized_size;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, sync::Arc};

/// The greatest count or number that is accepted. Nobody gets there by counting; refusing what is beyond
/// keeps all arithmetic on counts away from overflow.
pub const COUNT_MAX: u64 = 1 << 62;

/// What is wrong with bytes that arrived. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecodeError {
    /// Longer than any datagram that we send.
    TooLong,
    /// Shorter than a header.
    TooShort,
    /// Not ours at all.
    Magic,
    /// Of a version that this program does not speak.
    Version,
    /// Of another cluster, or of one with another service or size.
    Cluster,
    /// Of a kind that this version does not have.
    Kind,
    /// From a sender that the cluster does not have, or that may not send this.
    Sender,
    /// Ends early, or is not the encoding of anything.
    Malformed,
    /// Goes on after its end.
    Trailing,
    /// A count or number beyond [`COUNT_MAX`].
    Count,
    /// A record that no replica manager can have made.
    Record,
    /// Records that do not ascend.
    Order,
    /// A timestamp table that has not one row for each replica manager.
    Table,
    /// An update that acknowledges itself or later requests.
    Acknowledged,
    /// An update that no gossip could carry.
    Unsendable,
}

impl DecodeError {
    /// In a few words, for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "longer than a datagram",
            Self::TooShort => "shorter than a header",
            Self::Magic => "not a chinwag datagram",
            Self::Version => "of another version",
            Self::Cluster => "of another cluster",
            Self::Kind => "of an unknown kind",
            Self::Sender => "from a sender that may not send it",
            Self::Malformed => "malformed",
            Self::Trailing => "followed by something",
            Self::Count => "a count beyond the limit",
            Self::Record => "an impossible record",
            Self::Order => "records out of order",
            Self::Table => "a table of another size",
            Self::Acknowledged => "acknowledges the future",
            Self::Unsendable => "an update too large to gossip",
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for DecodeError {}

/// Why something cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It takes more bytes than there are.
    TooLarge {
        /// That it takes.
        bytes: usize,
        /// That there are.
        limit: usize,
    },
    /// The service's own encoding failed.
    Service,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, limit } => {
                write!(f, "it takes {bytes} bytes, and the limit is {limit}")
            }
            Self::Service => f.write_str("the service's types cannot be encoded"),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Room that is made before it is known how much is written: most datagrams are shorter, and their bytes need
/// not move.
const WRITER_BYTES: usize = 128;

/// Puts values one after the other.
pub(super) struct Writer {
    bytes: Vec<u8>,
    failed: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(WRITER_BYTES), failed: false }
    }
}

/// What [`Writer::update`] writes takes so many bytes.
pub(super) fn update_bytes<S: Service>(update: &Update<S>) -> Result<usize, EncodeError> {
    let Update { id, acknowledged, prev, op } = update;
    let serials = [id.serial, *acknowledged].map(|serial| (serial.incarnation, serial.number));
    let counts = prev.entries().map(|(_, count)| serialized_size(&count));
    let all = [serialized_size(&serials), serialized_size(op)].into_iter().chain(counts);
    all.sum::<Result<usize, _>>().map_err(|_| EncodeError::Service)
}

/// What [`Writer::record`] writes takes so many bytes.
pub(super) fn record_bytes<S: Service>(record: &LogRecord<S>) -> Result<usize, EncodeError> {
    let RecordKey { origin, seq } = record.key();
    let head = serialized_size(&(origin.0, seq, record.update.id.front_end.0));
    Ok(head.map_err(|_| EncodeError::Service)? + update_bytes(&record.update)?)
}

impl Writer {
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> &mut Self {
        let bytes = std::mem::take(&mut self.bytes);
        match postcard::to_extend(value, bytes) {
            Ok(bytes) => self.bytes = bytes,
            Err(_) => self.failed = true,
        }
        self
    }

    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub fn timestamp(&mut self, ts: &Timestamp) -> &mut Self {
        for (_, count) in ts.entries() {
            self.put(&count);
        }
        self
    }

    pub fn serial(&mut self, serial: Serial) -> &mut Self {
        self.put(&serial.incarnation).put(&serial.number)
    }

    pub fn request_id(&mut self, id: RequestId) -> &mut Self {
        self.put(&id.front_end.0).serial(id.serial)
    }

    /// An update without its front end, which the reader knows.
    pub fn update<S: Service>(&mut self, update: &Update<S>) -> &mut Self {
        let Update { id, acknowledged, prev, op } = update;
        self.serial(id.serial).serial(*acknowledged).timestamp(prev).put(op)
    }

    pub fn record<S: Service>(&mut self, record: &LogRecord<S>) -> &mut Self {
        let RecordKey { origin, seq } = record.key();
        self.put(&origin.0).put(&seq).put(&record.update.id.front_end.0).update(&record.update)
    }

    /// How many bytes were put so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn finish(self) -> Result<Vec<u8>, EncodeError> {
        if self.failed { Err(EncodeError::Service) } else { Ok(self.bytes) }
    }
}

/// Takes values one after the other. Allocates no more than the bytes that are there account for.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    group: Group,
}

impl<'a> Reader<'a> {
    pub fn new(rest: &'a [u8], group: Group) -> Self {
        Self { rest, group }
    }

    pub fn take<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        let (value, rest) =
            postcard::take_from_bytes(self.rest).map_err(|_| DecodeError::Malformed)?;
        self.rest = rest;
        Ok(value)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(*array)
    }

    /// All that is left.
    pub fn remainder(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    pub fn count(&mut self) -> Result<u64, DecodeError> {
        let count = self.take()?;
        if count <= COUNT_MAX { Ok(count) } else { Err(DecodeError::Count) }
    }

    pub fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        (0..self.group.updatable).map(|_| self.count()).collect()
    }

    pub fn serial(&mut self) -> Result<Serial, DecodeError> {
        Ok(Serial { incarnation: self.take()?, number: self.count()? })
    }

    pub fn request_id(&mut self) -> Result<RequestId, DecodeError> {
        Ok(RequestId { front_end: FrontEndId(self.take()?), serial: self.serial()? })
    }

    pub fn update<S: Service>(&mut self, front_end: FrontEndId) -> Result<Update<S>, DecodeError> {
        let id = RequestId { front_end, serial: self.serial()? };
        let acknowledged = self.serial()?;
        if acknowledged > id.serial {
            return Err(DecodeError::Acknowledged);
        }
        Ok(Update { id, acknowledged, prev: self.timestamp()?, op: self.take()? })
    }

    pub fn record<S: Service>(&mut self) -> Result<LogRecord<S>, DecodeError> {
        let (origin, seq) = (ReplicaId(self.take()?), self.count()?);
        let front_end = FrontEndId(self.take()?);
        let update = self.update(front_end)?;
        self.made(origin, seq, update)
    }

    /// The record that a replica manager made of an update, if it can have made it.
    pub fn made<S: Service>(
        &self,
        origin: ReplicaId,
        seq: u64,
        update: Update<S>,
    ) -> Result<LogRecord<S>, DecodeError> {
        // Its past cannot hold the record itself, or it would wait for itself for ever [S31, C17].
        if !self.group.is_updatable(origin) || seq <= update.prev.get(origin) {
            return Err(DecodeError::Record);
        }
        Ok(LogRecord { origin, ts: update.prev.with(origin, seq), update })
    }

    /// Records in ascending order, so that no handler meets one twice.
    pub fn records<S: Service>(&mut self) -> Result<Vec<Arc<LogRecord<S>>>, DecodeError> {
        self.ascending(|reader, _| reader.record())
    }

    /// The same, each read by a function that gets the one before.
    pub fn ascending<S: Service>(
        &mut self,
        read: impl Fn(&mut Self, Option<&LogRecord<S>>) -> Result<LogRecord<S>, DecodeError>,
    ) -> Result<Vec<Arc<LogRecord<S>>>, DecodeError> {
        let count: u32 = self.take()?;
        let mut records: Vec<Arc<LogRecord<S>>> = Vec::new();
        for _ in 0..count {
            let record = read(self, records.last().map(Arc::as_ref))?;
            if records.last().is_some_and(|last| last.key() >= record.key()) {
                return Err(DecodeError::Order);
            }
            records.push(Arc::new(record));
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{RegisterMap, RegisterOp};

    #[test]
    fn what_an_update_and_its_record_take_is_known_before_they_are_written() {
        for (n, key) in [(0, ""), (127, "a"), (1 << 20, "a longer one"), (COUNT_MAX, "last")] {
            let serial = Serial { incarnation: n as u32, number: n };
            let id = RequestId { front_end: FrontEndId(n), serial };
            let op = RegisterOp::Put { key: key.into(), value: key.repeat(20) };
            let prev: Timestamp = [n, 3, n / 2].into_iter().collect();
            let update: Update<RegisterMap> = Update { id, acknowledged: serial, prev, op };
            let mut out = Writer::default();
            out.update(&update);
            assert_eq!(update_bytes(&update), Ok(out.len()));
            let ts = update.prev.with(ReplicaId(1), 4);
            let record = LogRecord { origin: ReplicaId(1), ts, update };
            let mut out = Writer::default();
            out.record(&record);
            assert_eq!(record_bytes(&record), Ok(out.len()));
        }
    }
}
