//! Any packet that a node can send, as strategies of proptest.

use chinwag::{
    FrontEndId, Gossip, Group, LogRecord, Message, Refusal, ReplicaId, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        COPY_BYTES_MAX, COPY_DIGEST_BYTES, COPY_PART_BYTES, COUNT_MAX, ClusterId, Codec, CopyPart,
        Level, Packet, Status, Versions, WIRE_VERSION, WIRE_VERSION_BEFORE,
    },
    services::{RegisterAnswer, RegisterMap, RegisterOp, RegisterQuery},
};
use proptest::{collection::vec, prelude::*};
use std::sync::Arc;

pub const GROUP: Group = Group::of(3).and_read_only(1);

pub fn codec() -> Codec {
    Codec::new(ClusterId::of("test", "kv", GROUP), GROUP)
}

pub fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..5u64, 0..=COUNT_MAX]
}

pub fn timestamp() -> impl Strategy<Value = Timestamp> {
    vec(count(), 3).prop_map(Timestamp::from_iter)
}

pub fn serial() -> impl Strategy<Value = Serial> {
    (0..3u32, count()).prop_map(|(incarnation, number)| Serial { incarnation, number })
}

pub fn request_id() -> impl Strategy<Value = RequestId> {
    (any::<u64>(), serial())
        .prop_map(|(front_end, serial)| RequestId { front_end: FrontEndId(front_end), serial })
}

pub fn op() -> impl Strategy<Value = RegisterOp> {
    prop_oneof![
        ("[a-z]{0,8}", ".{0,20}").prop_map(|(key, value)| RegisterOp::Put { key, value }),
        "[a-z]{0,8}".prop_map(RegisterOp::Delete),
    ]
}

pub fn update() -> impl Strategy<Value = Update<RegisterMap>> {
    (request_id(), serial(), timestamp(), op()).prop_map(|(id, acknowledged, prev, op)| Update {
        id,
        acknowledged: acknowledged.min(id.serial),
        prev,
        op,
    })
}

pub fn record() -> impl Strategy<Value = Arc<LogRecord<RegisterMap>>> {
    (update(), 0..3u16, 1..100u64).prop_map(|(mut update, origin, seq)| {
        let origin = ReplicaId(origin);
        let before = update.prev.get(origin) % seq;
        update.prev.set(origin, before);
        Arc::new(LogRecord { origin, ts: update.prev.with(origin, seq), update })
    })
}

pub fn gossip() -> impl Strategy<Value = Gossip<RegisterMap>> {
    let table = prop_oneof![Just(Vec::new()), vec(timestamp(), 4)];
    (vec(record(), 0..6), timestamp(), any::<bool>(), any::<bool>(), table).prop_map(
        |(mut log, ts, complete, asks, table)| {
            log.sort_by_key(|record| record.key());
            log.dedup_by_key(|record| record.key());
            let mut ts = ts;
            for record in &log {
                ts.set(record.origin, ts.get(record.origin).max(record.key().seq));
            }
            let mut table = table;
            table.iter_mut().for_each(|row: &mut Timestamp| row.meet(&ts));
            Gossip { log, ts, complete, asks, table, epoch: 0 }
        },
    )
}

pub fn from_replica() -> impl Strategy<Value = Packet<RegisterMap>> {
    let reasons = [Refusal::ReadOnly, Refusal::UnknownPast, Refusal::Overloaded, Refusal::NoSpace];
    let message = prop_oneof![
        (request_id(), timestamp()).prop_map(|(id, ts)| Message::UpdateReply { id, ts }),
        (request_id(), timestamp(), vec(".{0,9}", 0..4)).prop_map(|(id, ts, values)| {
            Message::QueryReply { id, ts, answer: RegisterAnswer::Values(values) }
        }),
        (request_id(), prop::sample::select(reasons.to_vec()))
            .prop_map(|(id, reason)| Message::Refused { id, reason }),
        gossip().prop_map(Message::Gossip),
        timestamp().prop_map(|replica_ts| Message::Pull { replica_ts }),
    ];
    let status = (timestamp(), timestamp(), timestamp(), any::<[u64; 6]>()).prop_map(
        |(
            replica_ts,
            value_ts,
            discarded,
            [log, pending, waiting, executed, dropped, other_versions],
        )| {
            Packet::Status(Status {
                replica_ts,
                value_ts,
                discarded,
                log,
                pending,
                waiting,
                executed,
                dropped,
                other_versions,
                durability: [Level::Fsync, Level::Interval, Level::Memory][dropped as usize % 3],
                acknowledged_by: pending as u16,
                full: waiting % 2 == 1,
                joining: executed % 2 == 1,
                updates: executed,
                queries: waiting,
                lag: vec![log as u32; (pending % 64) as usize],
                versions: Some(Versions {
                    speaks: WIRE_VERSION,
                    with: vec![dropped as u8; (log % 64) as usize],
                }),
            })
        },
    );
    let start = prop_oneof![
        timestamp().prop_map(|replica_ts| Packet::Joining { replica_ts }),
        timestamp().prop_map(|replica_ts| Packet::Known { replica_ts }),
        any::<bool>().prop_map(|asks| Packet::Speaks { asks }),
    ];
    let copy = prop_oneof![
        (any::<[u8; COPY_DIGEST_BYTES]>(), count())
            .prop_map(|(digest, offset)| Packet::CopyRequest { digest, offset }),
        copy_part().prop_map(Packet::CopyPart),
        Just(Packet::Replaced),
    ];
    prop_oneof![5 => message.prop_map(Packet::Message), 1 => status, 1 => start, 1 => copy]
}

pub fn copy_part() -> impl Strategy<Value = CopyPart> {
    let bytes = vec(any::<u8>(), 0..COPY_PART_BYTES);
    (
        any::<[u8; COPY_DIGEST_BYTES]>(),
        0..COPY_BYTES_MAX / 2,
        0..COPY_BYTES_MAX / 4,
        any::<bool>(),
        bytes,
    )
        .prop_map(|(digest, offset, beyond, last, bytes)| {
            let total = offset + bytes.len() as u64 + beyond;
            CopyPart { digest, total, offset, last, bytes }
        })
}

pub fn from_front_end() -> impl Strategy<Value = Packet<RegisterMap>> {
    prop_oneof![
        update().prop_map(|update| Packet::Message(Message::Update(update))),
        (request_id(), timestamp(), "[a-z]{0,8}").prop_map(|(id, prev, key)| {
            Packet::Message(Message::Query { id, prev, query: RegisterQuery::Get(key) })
        }),
        (timestamp(), vec(any::<u8>(), 0..40))
            .prop_map(|(ts, body)| Packet::Message(Message::Tell { ts, body })),
        Just(Packet::StatusRequest),
    ]
}

/// A packet and someone who may send it.
pub fn packet() -> impl Strategy<Value = (Sender, Packet<RegisterMap>)> {
    prop_oneof![
        (0..4u16, from_replica()).prop_map(|(id, packet)| (Sender::Replica(ReplicaId(id)), packet)),
        (any::<u64>(), from_front_end()).prop_map(|(other, packet)| {
            let front_end = match &packet {
                Packet::Message(Message::Update(update)) => update.id.front_end,
                Packet::Message(Message::Query { id, .. }) => id.front_end,
                _ => FrontEndId(other),
            };
            (Sender::FrontEnd(front_end), packet)
        }),
    ]
}

/// Towards somebody who speaks the newest version, or the one before.
pub fn either() -> impl Strategy<Value = Codec> {
    (WIRE_VERSION_BEFORE..=WIRE_VERSION).prop_map(|version| codec().towards(version))
}

/// What is left of a packet in the form of this version.
pub fn as_told(codec: Codec, mut packet: Packet<RegisterMap>) -> Packet<RegisterMap> {
    if let (Packet::Status(status), true) =
        (&mut packet, codec == codec.towards(WIRE_VERSION_BEFORE))
    {
        status.versions = None;
    }
    packet
}
