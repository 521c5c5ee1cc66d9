//! Bytes from the network: what is written is read back, and nothing that arrives can do harm.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Gossip, Group, LogRecord, Message, Refusal, ReplicaId, ReplicaManager, RequestId,
    Sender, Serial, Timestamp, Update,
    runtime::{
        ANSWER_PARTS_MAX, COPY_BYTES_MAX, COPY_DIGEST_BYTES, COPY_PART_BYTES, COUNT_MAX, ClusterId,
        Codec, CopyPart, DATAGRAM_BYTES_MAX, DecodeError, GOSSIP_FRAGMENTS_MAX, Host, HostConfig,
        HostError, Input, Level, MemoryStorage, Packet, QUERY_PATIENCE, Status,
    },
    services::{RegisterAnswer, RegisterMap, RegisterOp, RegisterQuery},
};
use proptest::{collection::vec, prelude::*};
use std::{sync::Arc, time::Duration};

const GROUP: Group = Group::of(3).and_read_only(1);

fn codec() -> Codec {
    Codec { cluster: ClusterId::of("test", "kv", GROUP), group: GROUP }
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..5u64, 0..=COUNT_MAX]
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    vec(count(), 3).prop_map(Timestamp::from_iter)
}

fn serial() -> impl Strategy<Value = Serial> {
    (0..3u32, count()).prop_map(|(incarnation, number)| Serial { incarnation, number })
}

fn request_id() -> impl Strategy<Value = RequestId> {
    (any::<u64>(), serial())
        .prop_map(|(front_end, serial)| RequestId { front_end: FrontEndId(front_end), serial })
}

fn op() -> impl Strategy<Value = RegisterOp> {
    prop_oneof![
        ("[a-z]{0,8}", ".{0,20}").prop_map(|(key, value)| RegisterOp::Put { key, value }),
        "[a-z]{0,8}".prop_map(RegisterOp::Delete),
    ]
}

fn update() -> impl Strategy<Value = Update<RegisterMap>> {
    (request_id(), serial(), timestamp(), op()).prop_map(|(id, acknowledged, prev, op)| Update {
        id,
        acknowledged: acknowledged.min(id.serial),
        prev,
        op,
    })
}

fn record() -> impl Strategy<Value = Arc<LogRecord<RegisterMap>>> {
    (update(), 0..3u16, 1..100u64).prop_map(|(mut update, origin, seq)| {
        let origin = ReplicaId(origin);
        let before = update.prev.get(origin) % seq;
        update.prev.set(origin, before);
        Arc::new(LogRecord { origin, ts: update.prev.with(origin, seq), update })
    })
}

fn gossip() -> impl Strategy<Value = Gossip<RegisterMap>> {
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

fn from_replica() -> impl Strategy<Value = Packet<RegisterMap>> {
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
            })
        },
    );
    let start = prop_oneof![
        timestamp().prop_map(|replica_ts| Packet::Joining { replica_ts }),
        timestamp().prop_map(|replica_ts| Packet::Known { replica_ts }),
    ];
    let copy = prop_oneof![
        (any::<[u8; COPY_DIGEST_BYTES]>(), count())
            .prop_map(|(digest, offset)| Packet::CopyRequest { digest, offset }),
        copy_part().prop_map(Packet::CopyPart),
        Just(Packet::Replaced),
    ];
    prop_oneof![5 => message.prop_map(Packet::Message), 1 => status, 1 => start, 1 => copy]
}

fn copy_part() -> impl Strategy<Value = CopyPart> {
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

fn from_front_end() -> impl Strategy<Value = Packet<RegisterMap>> {
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
fn packet() -> impl Strategy<Value = (Sender, Packet<RegisterMap>)> {
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

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    packet().prop_map(|(sender, packet)| codec().encode(sender, &packet).unwrap())
}

/// A datagram with some bytes changed, cut off or added.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<u16>());
    (datagram(), damage, vec(any::<u8>(), 0..4)).prop_map(|(mut bytes, (flips, cut), extra)| {
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            // Mostly beyond the magic, version and cluster, which would end it at once.
            let at = if at < 12 && bytes.len() > 12 { 12 + at % (bytes.len() - 12) } else { at };
            bytes[at] = byte;
        }
        if cut % 4 == 0 {
            bytes.truncate(usize::from(cut) % (bytes.len() + 1));
        }
        bytes.extend(extra);
        bytes
    })
}

fn host() -> Host<RegisterMap, MemoryStorage> {
    let node = ReplicaManager::new(ReplicaId(0), GROUP);
    let config = HostConfig {
        paced: true,
        node,
        codec: codec(),
        gossip_every: Duration::from_millis(100),
        grace: Duration::ZERO,
        durability: Default::default(),
        acknowledged_by: 1,
    };
    let mut host =
        Host::open(config, MemoryStorage::default(), (), Duration::ZERO).expect("it is empty");
    (1..4).for_each(|peer| host.set_peer(ReplicaId(peer), ([127, 0, 0, 1], 9).into()));
    host
}

proptest! {
    #[test]
    fn what_is_written_is_read_back((sender, packet) in packet()) {
        let bytes = codec().encode(sender, &packet).unwrap();
        prop_assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
        prop_assert_eq!(codec().decode(&bytes), Ok((sender, packet)));
    }

    #[test]
    fn no_part_of_a_datagram_is_a_datagram((sender, packet) in packet()) {
        // What a client tells is all that is left, whatever it is.
        prop_assume!(!matches!(packet, Packet::Message(Message::Tell { .. })));
        let bytes = codec().encode(sender, &packet).unwrap();
        for end in 0..bytes.len() {
            prop_assert!(codec().decode::<RegisterMap>(&bytes[..end]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(codec().decode::<RegisterMap>(&longer).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..1_300)) {
        let _ = codec().decode::<RegisterMap>(&bytes);
        let mut ours = codec().encode::<RegisterMap>(Sender::Replica(ReplicaId(1)), &Packet::Message(
            Message::Pull { replica_ts: GROUP.zero() },
        )).unwrap();
        ours.truncate(12);
        ours.extend(&bytes[..bytes.len().min(1_188)]);
        for kind in 0..16 {
            ours[3] = kind;
            let _ = codec().decode::<RegisterMap>(&ours);
        }
    }

    #[test]
    fn a_host_withstands_damaged_datagrams(datagrams in vec(damaged(), 1..20)) {
        let (mut host, from) = (host(), ([127, 0, 0, 1], 7).into());
        for (i, bytes) in datagrams.iter().enumerate() {
            let now = Duration::from_millis(60 * i as u64);
            let outcome = host.handle(now, Input::Datagram { from, bytes })
                .and_then(|_| host.handle(now, Input::Tick));
            match outcome {
                Ok(output) => for (_, bytes) in output.datagrams {
                    prop_assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
                    prop_assert!(codec().decode::<RegisterMap>(&bytes).is_ok());
                },
                // It was told, by what reads as a peer's word, of updates that it never made, or that it was
                // replaced.
                Err(HostError::StateLost { .. } | HostError::Replaced) => host = self::host(),
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
    }

    #[test]
    fn a_long_log_travels_in_datagrams_that_fit(lengths in vec(0..900usize, 1..60)) {
        let log = record_of_lengths(&lengths);
        let ts = Timestamp::from_iter([log.len() as u64, 0, 0]);
        let gossip = Gossip { log: log.clone(), ts, complete: true, asks: true, table: Vec::new(), epoch: 0 };
        let sender = Sender::Replica(ReplicaId(0));
        let datagrams = codec().datagrams(sender, &Message::Gossip(gossip)).unwrap();
        let fragments: Vec<_> = datagrams.iter().map(|bytes| read_gossip(bytes)).collect();
        let joined: Vec<_> = fragments.iter().flat_map(|gossip| gossip.log.clone()).collect();
        prop_assert_eq!(joined, log);
        let complete: Vec<_> = fragments.iter().map(|gossip| gossip.complete).collect();
        prop_assert_eq!(complete.iter().position(|complete| *complete), Some(complete.len() - 1));
    }
}

fn record_of_lengths(lengths: &[usize]) -> Vec<Arc<LogRecord<RegisterMap>>> {
    let record = |(i, length): (usize, &usize)| {
        let seq = i as u64 + 1;
        let op = RegisterOp::Put { key: "k".into(), value: "v".repeat(*length) };
        let serial = Serial { incarnation: 0, number: seq };
        let id = RequestId { front_end: FrontEndId(7), serial };
        let update = Update { id, acknowledged: serial, prev: GROUP.zero(), op };
        let origin = ReplicaId(0);
        Arc::new(LogRecord { origin, ts: update.prev.with(origin, seq), update })
    };
    lengths.iter().enumerate().map(record).collect()
}

fn read_gossip(bytes: &[u8]) -> Gossip<RegisterMap> {
    assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
    match codec().decode(bytes) {
        Ok((_, Packet::Message(Message::Gossip(gossip)))) => gossip,
        other => panic!("not gossip: {other:?}"),
    }
}

#[test]
fn gossip_that_is_cut_short_still_ends_with_a_complete_fragment() {
    let log = record_of_lengths(&[800; 500]);
    let ts = Timestamp::from_iter([500, 0, 0]);
    let gossip = Gossip {
        log: log.clone(),
        ts: ts.clone(),
        complete: true,
        asks: true,
        table: Vec::new(),
        epoch: 0,
    };

    let sender = Sender::Replica(ReplicaId(0));
    let datagrams = codec().datagrams(sender, &Message::Gossip(gossip)).unwrap();

    assert_eq!(datagrams.len(), GOSSIP_FRAGMENTS_MAX);
    let fragments: Vec<_> = datagrams.iter().map(|bytes| read_gossip(bytes)).collect();
    let (last, others) = fragments.split_last().unwrap();
    let first_records: Vec<_> = others.iter().flat_map(|gossip| gossip.log.clone()).collect();
    assert_eq!(first_records, log[..others.len()]);
    assert!(last.complete && last.ts == ts && others.iter().all(|gossip| !gossip.complete));
}

#[test]
fn the_largest_update_that_is_admitted_fits_into_gossip() {
    let update = |length| record_of_lengths(&[length])[0].update.clone();
    let admitted = |length: &usize| codec().admit(&update(*length)).is_ok();
    let largest = (0..DATAGRAM_BYTES_MAX).filter(admitted).max().unwrap();
    assert!(largest > 1_000, "little room is left: {largest}");

    let prev = Timestamp::from_iter([0, COUNT_MAX, COUNT_MAX]);
    let mut update = update(largest - 20);
    update.prev = prev.clone();
    update.id.front_end = FrontEndId(u64::MAX);
    codec().admit(&update).unwrap();
    let ts = prev.with(ReplicaId(0), COUNT_MAX);
    let record = Arc::new(LogRecord { origin: ReplicaId(0), ts: ts.clone(), update });
    let (complete, asks, table) = (true, true, Vec::new());
    let gossip = Gossip { log: vec![record], ts, complete, asks, table, epoch: 0 };
    let sender = Sender::Replica(ReplicaId(2));
    assert_eq!(codec().datagrams(sender, &Message::Gossip(gossip)).unwrap().len(), 1);
}

#[test]
fn a_long_answer_travels_in_parts_and_too_long_a_one_is_reported() {
    let reply = |count| {
        let answer = RegisterAnswer::Keys(vec!["0123456789".into(); count]);
        let id = RequestId { front_end: FrontEndId(1), serial: Serial::default() };
        Message::<RegisterMap>::QueryReply { id, ts: GROUP.zero(), answer }
    };
    let sender = Sender::Replica(ReplicaId(0));
    let parts = |count| codec().datagrams(sender, &reply(count)).unwrap();

    assert_eq!(parts(1).len(), 1);
    assert!((10..usize::from(ANSWER_PARTS_MAX)).contains(&parts(1_000).len()));
    let too_long = parts(1_000_000);
    let read = codec().decode::<RegisterMap>(&too_long[0]).unwrap().1;
    assert!(matches!(read, Packet::AnswerTooLarge { .. }) && too_long.len() == 1);
}

#[test]
fn what_is_wrong_with_a_datagram_is_named() {
    let pull = Packet::<RegisterMap>::Message(Message::Pull { replica_ts: GROUP.zero() });
    let sender = Sender::Replica(ReplicaId(1));
    let good = codec().encode(sender, &pull).unwrap();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        codec().decode::<RegisterMap>(&bytes).unwrap_err()
    };
    let other = Codec { cluster: ClusterId::of("other", "kv", GROUP), group: GROUP };

    assert_eq!(changed(0, b'X'), DecodeError::Magic);
    assert_eq!(changed(2, 9), DecodeError::Version);
    assert_eq!(changed(2, 2), DecodeError::Version, "pulls are as they were in version 1");
    assert_eq!(changed(3, 99), DecodeError::Kind);
    assert_eq!(other.decode::<RegisterMap>(&good).unwrap_err(), DecodeError::Cluster);
    assert_eq!(changed(13, 4), DecodeError::Sender, "there is no rm4");
    assert_eq!(changed(12, 1), DecodeError::Sender, "a front end does not pull");
    assert_eq!(codec().decode::<RegisterMap>(&[0; 1_201]), Err(DecodeError::TooLong));
    assert_eq!(codec().decode::<RegisterMap>(&[]), Err(DecodeError::TooShort));
}

#[test]
fn records_that_no_replica_manager_can_have_made_are_refused() {
    let good = record_of_lengths(&[1, 2]);
    let refused = |log: Vec<Arc<LogRecord<RegisterMap>>>| {
        let ts = Timestamp::from_iter([2, 0, 0]);
        let gossip = Gossip { log, ts, complete: true, asks: false, table: Vec::new(), epoch: 0 };
        let packet = Packet::Message(Message::Gossip(gossip));
        let bytes = codec().encode(Sender::Replica(ReplicaId(1)), &packet).unwrap();
        codec().decode::<RegisterMap>(&bytes).unwrap_err()
    };
    let mut waits_for_itself = (*good[0]).clone();
    waits_for_itself.update.prev = waits_for_itself.ts.clone();
    let mut huge = (*good[0]).clone();
    huge.ts.set(ReplicaId(0), COUNT_MAX + 1);
    let swapped = vec![good[1].clone(), good[0].clone()];

    assert_eq!(refused(vec![Arc::new(waits_for_itself)]), DecodeError::Record);
    assert_eq!(refused(vec![Arc::new(huge)]), DecodeError::Count);
    assert_eq!(refused(swapped), DecodeError::Order);
    assert_eq!(refused(vec![good[0].clone(); 2]), DecodeError::Order);
    let third = record_of_lengths(&[1, 2, 3])[2].clone();
    assert_eq!(refused(vec![third]), DecodeError::Record, "more than the sender claims to hold");
}

#[test]
fn a_table_that_says_more_of_others_than_its_sender_holds_is_refused() {
    let ts = Timestamp::from_iter([2, 0, 0]);
    let mut table = vec![ts.clone(); 4];
    let read = |table| {
        let gossip = Gossip::<RegisterMap> {
            log: Vec::new(),
            ts: ts.clone(),
            complete: true,
            asks: false,
            table,
            epoch: 0,
        };
        let packet = Packet::Message(Message::Gossip(gossip));
        let bytes = codec().encode(Sender::Replica(ReplicaId(1)), &packet).unwrap();
        codec().decode::<RegisterMap>(&bytes).map(|_| ())
    };
    assert_eq!(read(table.clone()), Ok(()));
    table[3].set(ReplicaId(2), 1);
    assert_eq!(read(table), Err(DecodeError::Table));
}

#[test]
fn a_datagram_of_a_later_version_is_counted_and_changes_nothing() {
    let (mut host, from) = (host(), ([127, 0, 0, 1], 7).into());
    let pull = Packet::<RegisterMap>::Message(Message::Pull { replica_ts: GROUP.zero() });
    let mut bytes = codec().encode(Sender::Replica(ReplicaId(1)), &pull).unwrap();
    bytes[2] = 3;
    let before = host.state().clone();
    host.take(Duration::ZERO, Input::Datagram { from, bytes: &bytes }).unwrap();
    assert_eq!((host.status().other_versions, host.status().dropped), (1, 1));
    assert_eq!(*host.state(), before);
}

/// The form of version 1. A change here is a new version of the wire.
#[test]
fn version_1_is_what_it_was() {
    let update = record_of_lengths(&[2])[0].update.clone();
    let sender = Sender::FrontEnd(update.id.front_end);
    let bytes = codec().encode(sender, &Packet::Message(Message::Update(update))).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "435701003f26958b871bc2b001070001000100000000016b027676");
}

#[test]
fn a_query_that_builds_on_what_never_was_is_dropped_in_time() {
    let (mut host, from) = (host(), ([127, 0, 0, 1], 7).into());
    let id = RequestId { front_end: FrontEndId(1), serial: Serial::default() };
    let prev = Timestamp::from_iter([0, 5, 0]);
    let packet = Packet::Message(Message::Query { id, prev, query: RegisterQuery::Keys });
    let bytes = codec().encode::<RegisterMap>(Sender::FrontEnd(id.front_end), &packet).unwrap();
    host.handle(Duration::ZERO, Input::Datagram { from, bytes: &bytes }).unwrap();
    assert_eq!(host.status().waiting, 1);

    host.handle(QUERY_PATIENCE, Input::Tick).unwrap();
    assert_eq!(host.status().waiting, 1, "it may have come just now");
    host.handle(QUERY_PATIENCE * 2, Input::Tick).unwrap();
    assert_eq!(host.status().waiting, 0);
}

#[test]
fn a_piece_of_a_copy_is_inside_of_it_and_of_no_endless_one() {
    let read = |total, offset| {
        let (digest, bytes) = ([1; COPY_DIGEST_BYTES], vec![0; 10]);
        let part = CopyPart { digest, total, offset, last: true, bytes };
        let packet = Packet::<RegisterMap>::CopyPart(part);
        let bytes = codec().encode(Sender::Replica(ReplicaId(1)), &packet).unwrap();
        codec().decode::<RegisterMap>(&bytes).map(|_| ())
    };
    assert_eq!(read(COPY_BYTES_MAX, COPY_BYTES_MAX - 10), Ok(()));
    assert_eq!(read(COPY_BYTES_MAX + 1, 0), Err(DecodeError::Count));
    assert_eq!(read(20, 11), Err(DecodeError::Count), "its end is beyond");
    assert_eq!(read(20, 21), Err(DecodeError::Count), "its start is beyond");
}
