//! Bytes from the network: what is written is read back, and nothing that arrives can do harm.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Gossip, LogRecord, Message, ReplicaId, ReplicaManager, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        ANSWER_PARTS_MAX, COPY_BYTES_MAX, COPY_DIGEST_BYTES, COUNT_MAX, ClusterId, Codec, CopyPart,
        DATAGRAM_BYTES_MAX, DecodeError, GOSSIP_FRAGMENTS_MAX, Host, HostConfig, HostError, Input,
        MemoryStorage, Packet, QUERY_PATIENCE, WIRE_VERSION, WIRE_VERSION_BEFORE,
    },
    services::{RegisterAnswer, RegisterMap, RegisterOp, RegisterQuery},
};
use proptest::{collection::vec, prelude::*};
use std::{sync::Arc, time::Duration};

#[path = "common/packets.rs"]
mod packets;
use packets::{GROUP, as_told, codec, either, gossip, packet};

fn datagram() -> impl Strategy<Value = Vec<u8>> {
    (either(), packet())
        .prop_map(|(codec, (sender, packet))| codec.encode(sender, &packet).unwrap())
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
    fn what_is_written_is_read_back(towards in either(), (sender, packet) in packet()) {
        let bytes = towards.encode(sender, &packet).unwrap();
        prop_assert!(bytes.len() <= DATAGRAM_BYTES_MAX);
        prop_assert_eq!(codec().decode(&bytes), Ok((sender, as_told(towards, packet))));
    }

    #[test]
    fn gossip_is_no_longer_in_the_new_version(gossip in gossip()) {
        let sender = Sender::Replica(ReplicaId(1));
        let packet = Packet::Message(Message::Gossip(gossip));
        let length = |version| codec().towards(version).encode(sender, &packet).unwrap().len();
        prop_assert!(length(WIRE_VERSION) <= length(WIRE_VERSION_BEFORE));
    }

    #[test]
    fn a_program_of_the_version_before_reads_what_is_written_for_it((sender, packet) in packet()) {
        let before = codec().speaking(WIRE_VERSION_BEFORE);
        let is_known = !matches!(packet, Packet::Speaks { .. });
        let [new, old] = [WIRE_VERSION, WIRE_VERSION_BEFORE]
            .map(|version| codec().towards(version).encode(sender, &packet).unwrap());
        prop_assert_eq!(before.decode::<RegisterMap>(&new), Err(DecodeError::Version));
        prop_assert_eq!(before.decode::<RegisterMap>(&old).is_ok(), is_known);
        if is_known {
            prop_assert_eq!(&before.encode(sender, &packet).unwrap(), &old);
        }
        let said = [&new, &old].map(|bytes| codec().spoken(bytes));
        let newest = if is_known { WIRE_VERSION_BEFORE } else { WIRE_VERSION };
        prop_assert_eq!(said, [WIRE_VERSION, newest]);
        prop_assert_eq!(before.spoken(&new), WIRE_VERSION_BEFORE);
    }

    #[test]
    fn no_part_of_a_datagram_is_a_datagram(towards in either(), (sender, packet) in packet()) {
        // What a client tells is all that is left, whatever it is.
        prop_assume!(!matches!(packet, Packet::Message(Message::Tell { .. })));
        let bytes = towards.encode(sender, &packet).unwrap();
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
        for (kind, version) in (0..20).flat_map(|kind| [1, 2, 0x31, 0x32, 0x33].map(|v| (kind, v))) {
            (ours[2], ours[3]) = (version, kind);
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
    fn a_long_log_travels_in_datagrams_that_fit(
        towards in either(),
        lengths in vec(0..900usize, 1..60),
    ) {
        let log = record_of_lengths(&lengths);
        let ts = Timestamp::from_iter([log.len() as u64, 0, 0]);
        let gossip = Gossip { log: log.clone(), ts, complete: true, asks: true, table: Vec::new(), epoch: 0 };
        let sender = Sender::Replica(ReplicaId(0));
        let datagrams = towards.datagrams(sender, &Message::Gossip(gossip)).unwrap();
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
    let other = Codec::new(ClusterId::of("other", "kv", GROUP), GROUP);

    assert_eq!(changed(0, b'X'), DecodeError::Magic);
    assert_eq!(changed(2, 9), DecodeError::Version);
    assert_eq!(changed(2, 2), DecodeError::Version, "pulls are as they were in version 1");
    assert_eq!(changed(2, 0x33), DecodeError::Version, "whatever is announced");
    assert_eq!(changed(2, 0x21), DecodeError::Version, "version 2 announces nothing");
    assert_eq!(changed(2, 0x30), DecodeError::Version, "there is no form 0");
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
    bytes[2] = 4;
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

/// A change here is a new version as well. Gossip of three records, and a status without its numbers.
#[test]
fn versions_2_and_3_are_what_they_were() {
    let sender = Sender::Replica(ReplicaId(1));
    let (log, ts) = (record_of_lengths(&[2, 0, 1]), Timestamp::from_iter([3, 0, 0]));
    let gossip = Gossip { log, ts, complete: true, asks: false, table: Vec::new(), epoch: 0 };
    let gossip = Packet::Message(Message::Gossip(gossip));
    let hex = |version, packet: &Packet<RegisterMap>| {
        let bytes = codec().towards(version).encode(sender, packet).unwrap();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(
        hex(2, &gossip),
        "435701053f26958b871bc2b00001010003000000030001070001000100000000016b02767600020700020002000000\
         00016b000003070003000300000000016b0176"
    );
    assert_eq!(
        hex(3, &gossip),
        "435733053f26958b871bc2b0000101000300000003400107000100000000016b027676f0000200016b00f000030001\
         6b0176"
    );
    assert_eq!(hex(3, &Packet::Speaks { asks: true }), "435733113f26958b871bc2b0000101");
    let status = hex(2, &Packet::Status(host().status()));
    let newer = hex(3, &Packet::Status(host().status()));
    assert_eq!(newer[6..], format!("{}030403020202", &status[6..]), "what is new is at the end");
    assert_eq!((&status[4..6], &newer[4..6]), ("02", "33"));
}

#[test]
fn a_record_that_refers_to_one_before_the_first_is_refused() {
    let log = record_of_lengths(&[1]);
    let ts = Timestamp::from_iter([1, 0, 0]);
    let gossip = Gossip { log, ts, complete: true, asks: false, table: Vec::new(), epoch: 0 };
    let packet = Packet::Message(Message::Gossip(gossip));
    let sender = Sender::Replica(ReplicaId(1));
    let good = codec().towards(WIRE_VERSION).encode(sender, &packet).unwrap();
    let first = good.len() - 13;
    assert_eq!(good[first], 0x40, "its origin, and that its client waits for replies");
    let read = |flag| {
        let mut bytes = good.clone();
        bytes[first] |= flag;
        codec().decode::<RegisterMap>(&bytes).map(|_| ())
    };
    assert_eq!(read(0), Ok(()));
    for flag in [0x10, 0x20, 0x80] {
        assert_eq!(read(flag), Err(DecodeError::Record), "{flag:x}");
    }
    assert_eq!(read(0x03), Err(DecodeError::Record), "rm3 makes no records");
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
