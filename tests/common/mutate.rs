//! Datagrams of every kind, and small damage to them: what the fuzzer and the tests feed to the decoder.

use chinwag::{
    FrontEndId, Gossip, Group, LogRecord, Message, Refusal, ReplicaId, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        AnswerPart, COPY_DIGEST_BYTES, ClusterId, Codec, CopyPart, Level, Packet, Status, Versions,
        WIRE_VERSION, WIRE_VERSION_BEFORE,
    },
    services::{RegisterAnswer, RegisterMap, RegisterOp, RegisterQuery},
};
use std::sync::Arc;

/// Of which cluster the datagrams are.
pub const GROUP: Group = Group::of(3).and_read_only(1);

/// How they look.
pub fn codec() -> Codec {
    Codec::new(ClusterId::of("test", "kv", GROUP), GROUP)
}

/// A source of chance that is the same on every machine (SplitMix64).
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below this.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One datagram of each kind at least, with its name, in the newest version and in the one before.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for version in [WIRE_VERSION, WIRE_VERSION_BEFORE] {
        for (name, sender, packet) in packets() {
            let datagram = codec().towards(version).encode(sender, &packet).expect("it is small");
            seeds.push((name.to_string(), datagram));
        }
    }
    seeds
}

fn packets() -> Vec<(&'static str, Sender, Packet<RegisterMap>)> {
    let front_end = FrontEndId(0x1234_5678_9abc_def0);
    let id = RequestId { front_end, serial: Serial { incarnation: 1, number: 300 } };
    let ts = Timestamp::from_iter([5, 700, 2]);
    let (replica, client) = (Sender::Replica(ReplicaId(1)), Sender::FrontEnd(front_end));
    let values = vec!["open".to_string(), String::new(), "ü".into()];
    let answer = RegisterAnswer::Values(values);
    let query = RegisterQuery::Get("door".into());
    let part = AnswerPart { id, ts: ts.clone(), part: 1, parts: 3, bytes: vec![7; 40] };
    let (digest, bytes) = ([3; COPY_DIGEST_BYTES], vec![7; 40]);
    let copy = CopyPart { digest, total: 1_000, offset: 900, last: true, bytes };
    let message = Packet::Message;
    vec![
        ("update", client, message(Message::Update(update(300)))),
        ("update-reply", replica, message(Message::UpdateReply { id, ts: ts.clone() })),
        ("query", client, message(Message::Query { id, prev: ts.clone(), query })),
        ("answer", replica, message(Message::QueryReply { id, ts: ts.clone(), answer })),
        ("refused", replica, message(Message::Refused { id, reason: Refusal::Overloaded })),
        ("gossip", replica, message(Message::Gossip(gossip(6, false)))),
        ("gossip-table", replica, message(Message::Gossip(gossip(1, true)))),
        ("gossip-empty", replica, message(Message::Gossip(gossip(0, false)))),
        ("pull", replica, message(Message::Pull { replica_ts: ts.clone() })),
        ("tell", client, message(Message::Tell { ts: ts.clone(), body: b"hello".to_vec() })),
        ("answer-part", replica, Packet::AnswerPart(part)),
        ("answer-too-large", replica, Packet::AnswerTooLarge { id, bytes: 1 << 40 }),
        ("status-request", client, Packet::StatusRequest),
        ("status", replica, Packet::Status(status(&ts))),
        ("speaks", replica, Packet::Speaks { asks: true }),
        ("joining", replica, Packet::Joining { replica_ts: ts.clone() }),
        ("known", replica, Packet::Known { replica_ts: ts }),
        (
            "copy-request",
            replica,
            Packet::CopyRequest { digest: [3; COPY_DIGEST_BYTES], offset: 900 },
        ),
        ("copy-part", replica, Packet::CopyPart(copy)),
        ("replaced", replica, Packet::Replaced),
    ]
}

fn update(number: u64) -> Update<RegisterMap> {
    let serial = Serial { incarnation: 1, number };
    let id = RequestId { front_end: FrontEndId(77), serial };
    let op = RegisterOp::Put { key: "door".into(), value: "open".repeat(number as usize % 9) };
    Update { id, acknowledged: serial, prev: Timestamp::from_iter([0, 600, 1]), op }
}

fn gossip(records: u64, with_table: bool) -> Gossip<RegisterMap> {
    let ts = Timestamp::from_iter([records, 700, 2]);
    let record = |seq| {
        let (update, origin) = (update(seq), ReplicaId(0));
        Arc::new(LogRecord { origin, ts: update.prev.with(origin, seq), update })
    };
    let table = if with_table { vec![ts.clone(); 4] } else { Vec::new() };
    Gossip {
        log: (1..=records).map(record).collect(),
        ts,
        complete: true,
        asks: true,
        table,
        epoch: 0,
    }
}

fn status(ts: &Timestamp) -> Status {
    Status {
        replica_ts: ts.clone(),
        value_ts: ts.clone(),
        discarded: ts.clone(),
        log: 1,
        pending: 300,
        waiting: 70_000,
        executed: 1 << 33,
        dropped: u64::MAX,
        other_versions: 0,
        durability: Level::Fsync,
        acknowledged_by: 2,
        full: true,
        joining: true,
        updates: 1,
        queries: 2,
        lag: vec![0, 3],
        versions: Some(Versions { speaks: 3, with: vec![3, 2] }),
    }
}

/// Damages a datagram in one to four places. Mostly leaves the first 12 bytes, which would end it at once.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let from = if bytes.len() > 12 && chance.below(16) != 0 { 12 } else { 0 };
        let at = from + chance.below(bytes.len().saturating_sub(from));
        if at >= bytes.len() {
            bytes.push(chance.next() as u8);
            continue;
        }
        match chance.below(9) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes[at] = chance.next() as u8,
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][chance.below(5)],
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, chance.next() as u8),
            5 => bytes.truncate(at),
            // The longest numbers, and one that is longer still.
            6 => drop(bytes.splice(at..at, std::iter::repeat_n(0xff, 1 + chance.below(11)))),
            7 => {
                let end = (at + 1 + chance.below(40)).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
            _ => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[chance.below(other.len())..]);
            }
        }
    }
    // The kind, too.
    if chance.below(8) == 0 && bytes.len() > 3 {
        bytes[3] = chance.below(20) as u8;
    }
    // And the form.
    if chance.below(8) == 0 && bytes.len() > 3 {
        bytes[2] = [0x01, 0x02, 0x31, 0x32, 0x33, 0x43, 0x23, 0xff][chance.below(8)];
    }
}
