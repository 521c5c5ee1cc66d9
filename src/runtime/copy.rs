//! How a newcomer gets a copy of a member's whole replica, piece by piece.
//!
//! The newcomer asks for what it lacks, from the first byte on; the member answers with a few pieces of one
//! image, which its digest names. Pieces of another image, out of order or repeated ones change nothing: what
//! is lost is asked for again. The newcomer's memory grows with what arrived and no faster.

use super::{CopyPart, DATAGRAM_BYTES_MAX, Packet};
use crate::{Replica, ReplicaId, Service};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Bytes of the digest that names an image.
pub const COPY_DIGEST_BYTES: usize = 16;

/// The largest image: what a newcomer is ready to hold in memory.
pub const COPY_BYTES_MAX: u64 = 1 << 32;

/// Bytes of a piece: what fits a datagram with all that is before them.
pub const COPY_PART_BYTES: usize = DATAGRAM_BYTES_MAX - 200;

/// Pieces that answer one request.
pub const COPY_PARTS: usize = 16;

/// How long a newcomer waits for pieces before it asks again.
pub const COPY_ASK_EVERY: Duration = Duration::from_millis(100);

/// Requests without an answer after which it turns to another member, and begins anew.
pub const COPY_TRIES_MAX: u32 = 20;

/// How long a member keeps an image that nobody asks for.
pub const COPY_KEEP: Duration = Duration::from_secs(10);

const NONE: [u8; COPY_DIGEST_BYTES] = [0; COPY_DIGEST_BYTES];

fn digest(image: &[u8]) -> [u8; COPY_DIGEST_BYTES] {
    let mut digest = NONE;
    digest.copy_from_slice(&Sha256::digest(image)[..COPY_DIGEST_BYTES]);
    digest
}

/// What a newcomer has so far.
#[derive(Debug)]
pub(super) struct Copying {
    /// Which of the members it asks.
    turn: usize,
    digest: [u8; COPY_DIGEST_BYTES],
    total: u64,
    bytes: Vec<u8>,
    ask_at: Duration,
    tries: u32,
}

impl Copying {
    pub fn new(now: Duration) -> Self {
        Self { turn: 0, digest: NONE, total: 0, bytes: Vec::new(), ask_at: now, tries: 0 }
    }

    fn begin_anew(&mut self) {
        (self.digest, self.total, self.bytes) = (NONE, 0, Vec::new());
    }

    pub fn ask_at(&self) -> Duration {
        self.ask_at
    }

    /// Whom to ask now, and for what.
    pub fn ask<S: Service>(
        &mut self,
        now: Duration,
        members: &[ReplicaId],
    ) -> Option<(ReplicaId, Packet<S>)> {
        if now < self.ask_at || members.is_empty() {
            return None;
        }
        self.tries += 1;
        if self.tries > COPY_TRIES_MAX {
            self.begin_anew();
            (self.turn, self.tries) = (self.turn + 1, 1);
        }
        self.ask_at = now + COPY_ASK_EVERY;
        let (digest, offset) = (self.digest, self.bytes.len() as u64);
        Some((members[self.turn % members.len()], Packet::CopyRequest { digest, offset }))
    }

    /// A piece arrived. The image, when that was the last, it is what its digest says, and it is a replica of
    /// this cluster.
    pub fn take<S: Service>(
        &mut self,
        now: Duration,
        from: ReplicaId,
        members: &[ReplicaId],
        part: &CopyPart,
        entries: usize,
    ) -> Option<Replica<S>> {
        if members.is_empty() || from != members[self.turn % members.len()] {
            return None;
        }
        if self.digest == NONE && part.offset == 0 && part.digest != NONE {
            (self.digest, self.total) = (part.digest, part.total);
        }
        let same = self.digest == part.digest && self.total == part.total;
        if !same && part.offset == 0 && self.digest != NONE && part.digest != NONE {
            // It has made another image: it was started anew, or has not kept the old one.
            self.begin_anew();
            self.ask_at = now + COPY_ASK_EVERY;
            return None;
        }
        if !same || part.offset != self.bytes.len() as u64 {
            return None;
        }
        self.bytes.extend_from_slice(&part.bytes);
        self.tries = 0;
        if (self.bytes.len() as u64) < self.total {
            self.ask_at = if part.last { now } else { now + COPY_ASK_EVERY };
            return None;
        }
        let image = std::mem::take(&mut self.bytes);
        let genuine = digest(&image) == self.digest;
        self.begin_anew();
        let replica: Replica<S> = genuine.then(|| decode(&image)).flatten()?;
        replica.is_sound(entries).then_some(replica)
    }
}

fn decode<S: Service>(image: &[u8]) -> Option<Replica<S>> {
    match postcard::take_from_bytes(image) {
        Ok((replica, [])) => Some(replica),
        _ => None,
    }
}

/// An image that a member gives out.
#[derive(Debug)]
pub(super) struct Given {
    digest: [u8; COPY_DIGEST_BYTES],
    image: Vec<u8>,
    asked: Duration,
}

impl Given {
    /// Of this replica as it is; none if it cannot be encoded or is too large.
    pub fn of<S: Service>(replica: &Replica<S>, now: Duration) -> Option<Self> {
        let image = postcard::to_allocvec(replica).ok()?;
        let fits = image.len() as u64 <= COPY_BYTES_MAX;
        fits.then(|| Self { digest: digest(&image), image, asked: now })
    }

    pub fn is_kept(&self, now: Duration) -> bool {
        now < self.asked + COPY_KEEP
    }

    /// The pieces that answer a request. Of another image than this, from its start.
    pub fn answer<S: Service>(
        &mut self,
        now: Duration,
        asked: [u8; COPY_DIGEST_BYTES],
        offset: u64,
    ) -> Vec<Packet<S>> {
        self.asked = now;
        let start = if asked == self.digest { offset as usize } else { 0 };
        let Some(rest) = self.image.get(start..) else { return Vec::new() };
        let pieces: Vec<_> = rest.chunks(COPY_PART_BYTES).take(COPY_PARTS).collect();
        let count = pieces.len();
        let part = |(i, bytes): (usize, &[u8])| {
            Packet::CopyPart(CopyPart {
                digest: self.digest,
                total: self.image.len() as u64,
                offset: (start + i * COPY_PART_BYTES) as u64,
                last: i + 1 == count,
                bytes: bytes.to_vec(),
            })
        };
        pieces.into_iter().enumerate().map(part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FrontEndId, Group, Input, Message, ReplicaManager, RequestId, Sender, Serial, Update,
        services::Counter,
    };

    const MEMBERS: [ReplicaId; 2] = [ReplicaId(1), ReplicaId(2)];
    const GROUP: Group = Group::of(3);

    /// One that has made so many updates, whose log takes many pieces.
    fn replica(updates: u64) -> Replica<Counter> {
        let node = ReplicaManager::new(MEMBERS[0], GROUP);
        let mut state = node.start(Replica::empty(GROUP.updatable.into()), &mut Default::default());
        for number in 1..=updates {
            let front_end = FrontEndId(number);
            let serial = Serial { incarnation: 0, number };
            let id = RequestId { front_end, serial };
            let update = Update { id, acknowledged: serial, prev: GROUP.zero(), op: 1 };
            let input = Input::Message(Sender::FrontEnd(front_end), Message::Update(update));
            node.handle(&mut state, input, &mut Default::default());
        }
        state.replica
    }

    fn parts(packets: Vec<Packet<Counter>>) -> Vec<CopyPart> {
        let part = |packet| match packet {
            Packet::CopyPart(part) => part,
            other => panic!("not a piece: {other:?}"),
        };
        packets.into_iter().map(part).collect()
    }

    /// Asks until the copy is there; each piece arrives as often as `arrivals` says.
    fn copied(given: &mut Given, mut arrivals: impl FnMut() -> u64) -> (Replica<Counter>, u32) {
        let (mut copying, mut now, mut asked) = (Copying::new(Duration::ZERO), Duration::ZERO, 0);
        loop {
            now += COPY_ASK_EVERY;
            let Some((to, Packet::CopyRequest { digest, offset })) =
                copying.ask::<Counter>(now, &MEMBERS)
            else {
                continue;
            };
            assert_eq!(to, MEMBERS[0], "it has answered");
            asked += 1;
            assert!(asked < 1_000, "it makes no progress");
            for part in parts(given.answer(now, digest, offset)) {
                for _ in 0..arrivals() {
                    // Nobody but the one who was asked is listened to.
                    let foreign = copying.take::<Counter>(now, MEMBERS[1], &MEMBERS, &part, 3);
                    assert!(foreign.is_none());
                    if let Some(done) = copying.take(now, to, &MEMBERS, &part, 3) {
                        return (done, asked);
                    }
                }
            }
        }
    }

    #[test]
    fn pieces_that_are_lost_and_repeated_make_the_same_replica() {
        let whole = replica(4_000);
        let mut given = Given::of(&whole, Duration::ZERO).unwrap();
        let pieces = given.image.len().div_ceil(COPY_PART_BYTES);
        assert!(pieces > 4 * COPY_PARTS, "{pieces} are too few to tell");
        let (copy, asked) = copied(&mut given, || 1);
        assert!(copy == whole);
        assert_eq!(asked as usize, pieces.div_ceil(COPY_PARTS));

        // Dice that fall the same each time.
        let mut dice = 1u32;
        let (copy, asked_again) = copied(&mut given, || {
            dice = dice.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            u64::from(dice >> 16) % 3
        });
        assert!(copy == whole);
        assert!(asked_again > asked, "a lost piece is asked for");
    }

    /// One that forges the digest too has the keys of peers; it still cannot make a newcomer panic.
    #[test]
    fn an_image_with_any_byte_altered_is_no_replica_or_a_sound_one() {
        let image = postcard::to_allocvec(&replica(3)).unwrap();
        let (mut read, mut sound, mut strangers) = (0, 0, 0);
        for (place, byte) in (0..image.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut altered = image.clone();
            altered[place] = byte;
            let Some(replica) = decode::<Counter>(&altered) else { continue };
            let foreign = replica.log().any(|record| record.origin.0 >= GROUP.updatable);
            assert!(!(foreign && replica.is_sound(3)), "byte {place} as {byte}");
            (read, sound) = (read + 1, sound + usize::from(replica.is_sound(3)));
            strangers += usize::from(foreign);
        }
        assert!(read > sound && sound > 0 && strangers > 0, "{read} {sound} {strangers}");
    }

    #[test]
    fn two_images_are_not_mixed_and_an_altered_one_is_not_taken() {
        let now = Duration::ZERO;
        let (old, new) = (replica(1_000), replica(1_001));
        let [old, new] = [old, new].map(|replica| Given::of(&replica, now).unwrap());
        let mut copying = Copying::new(now);
        let mut take =
            |part: &CopyPart| copying.take::<Counter>(now, MEMBERS[0], &MEMBERS, part, 3);
        let pieces = |mut given: Given| {
            let digest = given.digest;
            let starts = (0..given.image.len()).step_by(COPY_PART_BYTES * COPY_PARTS);
            let all = starts.flat_map(|start| parts(given.answer(now, digest, start as u64)));
            all.collect::<Vec<_>>()
        };
        let (old, new) = (pieces(old), pieces(new));
        assert!(take(&old[0]).is_none() && take(&old[1]).is_none());
        // The other one's second piece changes nothing; its first begins anew.
        assert!(take(&new[1]).is_none() && take(&old[2]).is_none() && take(&new[0]).is_none());
        let done = new.iter().filter_map(&mut take).count();
        assert_eq!(done, 1, "the new image, whole");

        let mut altered = new;
        // The value comes first, so this is a sound replica with another one: only the digest tells.
        altered[0].bytes[0] ^= 2;
        assert_eq!(altered.iter().filter_map(&mut take).count(), 0);
    }
}
