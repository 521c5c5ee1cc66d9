//! Datagrams: the trust boundary. What [`Codec::decode`] lets through, handlers may assert.
//!
//! `"CW" | version u8 | kind u8 | cluster u64 little-endian | sender | payload`. Each piece of the payload
//! is `postcard`; see `codec.rs`. Kinds are never renumbered. The low half of the version is the one in which
//! the form of this kind was last changed, the high half the newest version that the sender speaks; see
//! `versions.rs`. On the network, datagrams are sealed; see `seal/`.

use super::{
    COPY_DIGEST_BYTES, ClusterId, Condition, EncodeError, Level, Versions,
    codec::{DecodeError, Reader, Writer, record_bytes, update_bytes},
    payload,
    versions::{announcement, form_read},
};
use crate::{
    FrontEndId, GOSSIP_ANSWER_MAX, Gossip, Group, Message, ReplicaId, RequestId, Sender, Service,
    Timestamp, Update,
};
use serde::Serialize;

/// The longest datagram that is sent or accepted: fits every path without fragmentation.
pub const DATAGRAM_BYTES_MAX: usize = 1_200;

/// Into how many datagrams one gossip message is cut at most. What does not fit is as good as lost on the
/// way: the receipt says how far it came, and the next gossip goes on from there.
pub const GOSSIP_FRAGMENTS_MAX: usize = 64;

/// Records of one gossip message that are looked at. Bounds the work of cutting.
pub const GOSSIP_RECORDS_MAX: usize = GOSSIP_ANSWER_MAX;

/// Into how many datagrams an answer is cut at most.
pub const ANSWER_PARTS_MAX: u16 = 64;

/// Replica managers whose lag a status tells, so that it fits a datagram.
pub const LAGS_MAX: u16 = 64;

pub(super) const MAGIC: [u8; 2] = *b"CW";

/// Bytes before the sender.
pub(super) const HEADER_BYTES: usize = 12;

/// Where the kind is in the header; the version is before it.
pub(super) const KIND_AT: usize = 3;
pub(super) const VERSION_AT: usize = 2;

/// Room for all of an answer's part but its bytes: header, identity, part numbers, length.
const PART_OVERHEAD: usize = 100;

/// What a datagram holds: a message of the protocol, or of the runtime's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Packet<S: Service> {
    /// One of the protocol's.
    Message(Message<S>),
    /// A piece of an answer that is too long for one datagram.
    AnswerPart(AnswerPart),
    /// An answer is too long for [`ANSWER_PARTS_MAX`] datagrams.
    AnswerTooLarge {
        /// The query.
        id: RequestId,
        /// How long the answer is.
        bytes: u64,
    },
    /// A replica manager says which version it speaks; the header says which.
    Speaks {
        /// It wants to hear the same of its peer.
        asks: bool,
    },
    /// Somebody wants to know how a replica manager is.
    StatusRequest,
    /// How a replica manager is.
    Status(Status),
    /// A replica manager has started, and asks what its peer knows of it.
    Joining {
        /// What it holds.
        replica_ts: Timestamp,
    },
    /// A newcomer asks for a piece of a copy of the whole replica.
    CopyRequest {
        /// Of which image, by its digest; zeros if it has none yet.
        digest: [u8; COPY_DIGEST_BYTES],
        /// From which byte on.
        offset: u64,
    },
    /// A piece of a copy.
    CopyPart(CopyPart),
    /// Whoever asked was replaced, and must stop.
    Replaced,
    /// What a replica manager must hold, by all that its peer knows.
    Known {
        /// It holds at least this, or it has lost state.
        replica_ts: Timestamp,
    },
}

/// A piece of a copy of a replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CopyPart {
    /// Of which image.
    pub digest: [u8; COPY_DIGEST_BYTES],
    /// How long the image is.
    pub total: u64,
    /// Where the piece begins.
    pub offset: u64,
    /// No further one comes unless it is asked for.
    pub last: bool,
    /// The piece.
    pub bytes: Vec<u8>,
}

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnswerPart {
    /// The query.
    pub id: RequestId,
    /// What the answer reflects.
    pub ts: Timestamp,
    /// Which piece, from zero.
    pub part: u16,
    /// Of how many.
    pub parts: u16,
    /// The piece.
    pub bytes: Vec<u8>,
}

/// What a replica manager tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Status {
    /// What it holds.
    pub replica_ts: Timestamp,
    /// What its value reflects.
    pub value_ts: Timestamp,
    /// Up to where records have left its log.
    pub discarded: Timestamp,
    /// Records in the log.
    pub log: u64,
    /// Of these, how many wait for their past.
    pub pending: u64,
    /// Queries that are held back.
    pub waiting: u64,
    /// Identifiers in the executed table.
    pub executed: u64,
    /// Datagrams that were dropped, for whatever reason.
    pub dropped: u64,
    /// Of these, how many were of a version that it does not speak.
    pub other_versions: u64,
    /// What its acknowledgements mean.
    pub durability: Level,
    /// How many replica managers hold an update when it is acknowledged.
    pub acknowledged_by: u16,
    /// Its disk is full: it refuses updates.
    pub full: bool,
    /// It has started, and takes no updates until its peers have said what they know of it.
    pub joining: bool,
    /// Updates that it recorded for front ends since it started.
    pub updates: u64,
    /// Queries that it answered since it started.
    pub queries: u64,
    /// Of what it holds, how many updates each replica manager is not known to hold; of the first
    /// [`LAGS_MAX`] ones.
    pub lag: Vec<u32>,
    /// The newest version of the wire that it speaks, and what it speaks with each of the first [`LAGS_MAX`]
    /// replica managers. None: the answer has the form of version 2, which has no room for it.
    pub versions: Option<Versions>,
}

impl Status {
    /// Whether it takes updates.
    pub fn condition(&self) -> Condition {
        Condition::of(self.joining, self.full)
    }
}

/// Writes and reads the datagrams of one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Which cluster.
    pub cluster: ClusterId,
    /// How large it is.
    pub group: Group,
    /// The newest version that is read.
    pub(super) speaks: u8,
    /// The one that is written.
    pub(super) writes: u8,
    /// Records that one datagram of gossip carries at most.
    pub(super) records_max: usize,
}

impl Codec {
    /// The datagrams that carry a message: one, or as many as a long one takes.
    pub fn datagrams<S: Service>(
        &self,
        sender: Sender,
        message: &Message<S>,
    ) -> Result<Vec<Vec<u8>>, EncodeError> {
        match message {
            Message::Gossip(gossip) => self.gossip(sender, gossip),
            Message::QueryReply { id, ts, answer } => self.answer::<S>(sender, *id, ts, answer),
            message => Ok(vec![self.encode(sender, &Packet::Message(message.clone()))?]),
        }
    }

    /// One datagram.
    pub fn encode<S: Service>(
        &self,
        sender: Sender,
        packet: &Packet<S>,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut out = self.header(sender, payload::kind(packet));
        payload::write(&mut out, packet, self.writes);
        within(out.finish()?)
    }

    fn header(&self, sender: Sender, kind: u8) -> Writer {
        let mut out = Writer::default();
        let form = payload::form(kind, self.writes);
        // Who does not read the announcement does not read this form either.
        let version = form | announcement(self.speaks, self.writes.max(form));
        out.raw(&MAGIC).raw(&[version, kind]).raw(&self.cluster.0.to_le_bytes());
        match sender {
            Sender::Replica(ReplicaId(id)) => out.put(&0u8).put(&id),
            Sender::FrontEnd(FrontEndId(id)) => out.put(&1u8).put(&id),
        };
        out
    }

    fn answer<S: Service>(
        &self,
        sender: Sender,
        id: RequestId,
        ts: &Timestamp,
        answer: &S::Answer,
    ) -> Result<Vec<Vec<u8>>, EncodeError> {
        let mut out = self.header(sender, payload::KIND_ANSWER);
        let start = out.request_id(id).timestamp(ts).len();
        out.put(answer);
        let whole = out.finish()?;
        if whole.len() <= DATAGRAM_BYTES_MAX {
            return Ok(vec![whole]);
        }
        let answer = &whole[start..];
        let piece = DATAGRAM_BYTES_MAX - PART_OVERHEAD - self.timestamp_bytes_max();
        let pieces: Vec<_> = answer.chunks(piece).collect();
        if pieces.len() > ANSWER_PARTS_MAX.into() {
            let bytes = answer.len() as u64;
            return Ok(vec![self.encode::<S>(sender, &Packet::AnswerTooLarge { id, bytes })?]);
        }
        let parts = pieces.len() as u16;
        let datagram = |(part, bytes): (usize, &&[u8])| {
            let (part, bytes) = (part as u16, bytes.to_vec());
            let part = AnswerPart { id, ts: ts.clone(), part, parts, bytes };
            self.encode::<S>(sender, &Packet::AnswerPart(part))
        };
        pieces.iter().enumerate().map(datagram).collect()
    }

    fn gossip<S: Service>(
        &self,
        sender: Sender,
        gossip: &Gossip<S>,
    ) -> Result<Vec<Vec<u8>>, EncodeError> {
        let room = DATAGRAM_BYTES_MAX.saturating_sub(self.gossip_overhead(gossip.table.len()));
        let log: Vec<_> = gossip.log.iter().take(GOSSIP_RECORDS_MAX).cloned().collect();
        let (ts, table) = (gossip.ts.clone(), gossip.table.clone());
        let gossip = Gossip { log, ts, table, ..*gossip };
        // One more than that many would be too large together.
        let least = room / self.records_max.saturating_add(1) + 1;
        // One that cannot be encoded has no size, and is refused when it is written.
        let cut = gossip.fragments(room, |record| record_bytes(record).unwrap_or(0).max(least));
        // The last one is kept whatever is left out: it alone says all that we hold, and so asks for the
        // receipt from which the next gossip goes on.
        let last = cut.len().saturating_sub(1);
        let kept = cut.into_iter().enumerate();
        let kept = kept.filter(|(i, _)| *i < GOSSIP_FRAGMENTS_MAX - 1 || *i == last);
        kept.map(|(_, fragment)| self.encode(sender, &Packet::Message(Message::Gossip(fragment))))
            .collect()
    }

    /// Can this update get into every log? One that no gossip could carry must not get into any. (The
    /// runtime's replica managers do not relay tables, so there is room for none.)
    pub fn admit<S: Service>(&self, update: &Update<S>) -> Result<(), EncodeError> {
        // The rest of a record: origin, its number, the front end; each at its longest.
        let bytes = update_bytes(update)? + 3 + 10 + 10;
        let overhead = self.gossip_overhead(0);
        let limit = DATAGRAM_BYTES_MAX.saturating_sub(overhead);
        if bytes <= limit { Ok(()) } else { Err(EncodeError::TooLarge { bytes, limit }) }
    }

    fn timestamp_bytes_max(&self) -> usize {
        10 * usize::from(self.group.updatable)
    }

    /// Header, flags, lengths, timestamp and table of a gossip message at their longest.
    fn gossip_overhead(&self, rows: usize) -> usize {
        12 + 11 + 2 + 5 + 3 + self.timestamp_bytes_max() * (1 + rows)
    }

    /// Reads one datagram. Never panics, and allocates in proportion to it.
    pub fn decode<S: Service>(&self, bytes: &[u8]) -> Result<(Sender, Packet<S>), DecodeError> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(DecodeError::TooLong);
        }
        let mut reader = Reader::new(bytes, self.group);
        if reader.array()? != MAGIC {
            return Err(DecodeError::Magic);
        }
        let [version, kind] = reader.array()?;
        let form = form_read(self.speaks, version).ok_or(DecodeError::Version)?;
        if payload::is_of_other_form(kind, form, self.speaks) {
            return Err(DecodeError::Version);
        }
        if u64::from_le_bytes(reader.array()?) != self.cluster.0 {
            return Err(DecodeError::Cluster);
        }
        let sender = self.sender(&mut reader)?;
        let packet = payload::read(self, &mut reader, sender, (kind, form))?;
        reader.end()?;
        Ok((sender, packet))
    }

    fn sender(&self, reader: &mut Reader<'_>) -> Result<Sender, DecodeError> {
        match reader.take::<u8>()? {
            0 => {
                let id: u16 = reader.take()?;
                let known = id < self.group.replicas;
                known.then_some(Sender::Replica(ReplicaId(id))).ok_or(DecodeError::Sender)
            }
            1 => Ok(Sender::FrontEnd(FrontEndId(reader.take()?))),
            _ => Err(DecodeError::Sender),
        }
    }

    /// Reads an answer that came in pieces.
    pub fn decode_answer<S: Service>(&self, bytes: &[u8]) -> Result<S::Answer, DecodeError> {
        let mut reader = Reader::new(bytes, self.group);
        let answer = reader.take()?;
        reader.end()?;
        Ok(answer)
    }
}

fn within(datagram: Vec<u8>) -> Result<Vec<u8>, EncodeError> {
    let (bytes, limit) = (datagram.len(), DATAGRAM_BYTES_MAX);
    if bytes <= limit { Ok(datagram) } else { Err(EncodeError::TooLarge { bytes, limit }) }
}
