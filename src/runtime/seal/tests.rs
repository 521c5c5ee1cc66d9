use super::*;
use crate::{
    FrontEndId, Group, Message, Refusal, ReplicaId, RequestId, Sender, Serial,
    runtime::{Codec, Packet},
    services::Counter,
};

const GROUP: Group = Group::of(2);

fn cluster() -> ClusterId {
    ClusterId::of("test", "counter", GROUP)
}

fn codec() -> Codec {
    Codec::new(cluster(), GROUP)
}

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn ring() -> KeyRing {
    let mut ring = KeyRing::default();
    ring.add(KeyUse::Peer).unwrap();
    ring.add(KeyUse::Client).unwrap();
    ring
}

fn sealer(party: Party, ring: &KeyRing, boot: u8) -> Sealer {
    Sealer::new(party, cluster(), ring.clone(), [boot; 40])
}

fn replica(ring: &KeyRing, boot: u8) -> Sealer {
    sealer(Party::Replica, ring, boot)
}

fn client(ring: &KeyRing, boot: u8) -> Sealer {
    sealer(Party::Client, &ring.for_clients(), boot)
}

fn encode(sender: Sender, packet: &Packet<Counter>) -> Vec<u8> {
    codec().encode(sender, packet).unwrap()
}

fn status_request() -> Vec<u8> {
    encode(Sender::FrontEnd(FrontEndId(1)), &Packet::StatusRequest)
}

fn query(number: u64) -> Vec<u8> {
    let id = RequestId { front_end: FrontEndId(1), serial: Serial { incarnation: 0, number } };
    let query = Message::Query { id, prev: GROUP.zero(), query: () };
    encode(Sender::FrontEnd(id.front_end), &Packet::Message(query))
}

fn pull() -> Vec<u8> {
    let pull = Message::Pull { replica_ts: GROUP.zero() };
    encode(Sender::Replica(ReplicaId(0)), &Packet::Message(pull))
}

fn refused() -> Vec<u8> {
    let id = RequestId { front_end: FrontEndId(1), serial: Serial::default() };
    let refused = Message::Refused { id, reason: Refusal::Overloaded };
    encode(Sender::Replica(ReplicaId(0)), &Packet::Message(refused))
}

fn answer(opened: Result<Opened, SealError>) -> Vec<u8> {
    match opened {
        Ok(Opened::Answer(bytes, _)) => bytes,
        other => panic!("not an answer: {other:?}"),
    }
}

/// Sends a plain datagram from `a` at port 1 to `b` at port 2, with all that this takes. Returns the datagram
/// that arrived, sealed.
fn deliver(a: &mut Sealer, b: &mut Sealer, plain: &[u8]) -> Vec<u8> {
    let sealed = a.seal(at(2), plain).unwrap();
    let opened = b.open(at(1), &sealed).unwrap();
    if opened == Opened::Plain(plain.to_vec()) {
        return sealed;
    }
    let sealed = answer(a.open(at(2), &answer(Ok(opened))));
    assert_eq!(b.open(at(1), &sealed), Ok(Opened::Plain(plain.to_vec())));
    sealed
}

#[test]
fn what_is_sealed_is_opened_by_whom_it_is_for() {
    let ring = ring();
    let (mut a, mut b, mut c) = (replica(&ring, 1), replica(&ring, 2), client(&ring, 3));
    for _ in 0..3 {
        deliver(&mut a, &mut b, &pull());
        deliver(&mut c, &mut b, &status_request());
        let reply = b.seal(at(1), &refused()).unwrap();
        assert_eq!(c.open(at(2), &reply), Ok(Opened::Plain(refused())));
    }
    let longest = vec![0u8; wire::DATAGRAM_BYTES_MAX - wire::HEADER_BYTES];
    let longest = [&pull()[..wire::HEADER_BYTES], &longest].concat();
    assert_eq!(deliver(&mut a, &mut b, &longest).len(), SEALED_BYTES_MAX);
    assert_eq!(SEALED_BYTES_MAX, 1_280 - 40 - 8);
}

#[test]
fn any_changed_bit_is_noticed_and_changes_nothing() {
    let ring = ring();
    let (mut a, mut b) = (replica(&ring, 1), replica(&ring, 2));
    deliver(&mut a, &mut b, &pull());
    let good = a.seal(at(2), &pull()).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        b.open(at(1), &bad).unwrap_err();
    }
    for end in 0..good.len() {
        b.open(at(1), &good[..end]).unwrap_err();
    }
    b.open(at(1), &[good.as_slice(), &[0]].concat()).unwrap_err();
    assert_eq!(b.open(at(1), &good), Ok(Opened::Plain(pull())));
}

#[test]
fn a_datagram_counts_once_even_when_the_receiver_starts_again() {
    let ring = ring();
    let (mut a, mut b, mut c) = (replica(&ring, 1), replica(&ring, 2), client(&ring, 3));
    let hello = c.seal(at(2), &query(0)).unwrap();
    let recorded: Vec<_> = [pull(), status_request(), query(1), pull(), query(2)]
        .iter()
        .map(|plain| match plain[wire::KIND_AT] {
            6 => deliver(&mut a, &mut b, plain),
            _ => deliver(&mut c, &mut b, plain),
        })
        .collect();
    let reply = b.seal(at(1), &refused()).unwrap();
    c.open(at(2), &reply).unwrap();

    for datagram in &recorded {
        assert_eq!(b.open(at(1), datagram), Err(SealError::Replayed));
    }
    assert_eq!(c.open(at(2), &reply), Err(SealError::Replayed));

    let (mut restarted, mut again) = (replica(&ring, 4), client(&ring, 5));
    for datagram in recorded.iter().chain([&hello]) {
        let challenge = answer(restarted.open(at(1), datagram));
        assert!(challenge.len() <= datagram.len(), "{} {}", challenge.len(), datagram.len());
    }
    assert_eq!(again.open(at(2), &reply), Err(SealError::NotForUs));
    assert_eq!(restarted.senders.len(), (0, 0), "nothing is remembered of whom proved nothing");
}

#[test]
fn an_address_that_is_not_proved_gets_no_more_than_it_sent() {
    let ring = ring();
    let (mut b, mut c) = (replica(&ring, 2), client(&ring, 3));
    deliver(&mut c, &mut b, &query(0));
    for plain in [status_request(), query(1)] {
        let sealed = c.seal(at(2), &plain).unwrap();
        let challenge = answer(b.open(at(9), &sealed));
        assert!(challenge.len() <= sealed.len(), "{} {}", challenge.len(), sealed.len());
        assert_eq!(b.seal(at(9), &refused()), Err(SealError::Unsealable));
    }
}

#[test]
fn whoever_has_only_the_clients_key_cannot_speak_as_a_peer() {
    let ring = ring();
    let (mut b, mut c) = (replica(&ring, 2), client(&ring, 3));
    deliver(&mut c, &mut b, &query(0));
    assert_eq!(c.seal(at(2), &pull()), Err(SealError::Unsealable));

    // One who does not go by our code, but has the key and a proof.
    let key = ring.primary(KeyUse::Client).unwrap();
    let number = 77;
    let proof = b.senders.proof((key.id, Class::Request, c.boot), at(1));
    let header = Header { version: 1, key: key.id, boot: c.boot, number, proof };
    for kind in [5, 6, 12, 13, 14, 15, 16, 17] {
        let inside = [&[kind], &[0; 20][..]].concat();
        for class in [Class::Peer, Class::Request, Class::Reply] {
            let sealed = Cipher::new(key, cluster(), class, c.boot).seal(&header, &inside);
            let why = b.open(at(1), &sealed).unwrap_err();
            assert!(matches!(why, SealError::NotAllowed | SealError::Forged), "{why:?}");
        }
    }
    let kind_of_reply = [&[3], &[0; 20][..]].concat();
    let sealed = Cipher::new(key, cluster(), Class::Request, c.boot).seal(&header, &kind_of_reply);
    assert_eq!(b.open(at(1), &sealed), Err(SealError::NotAllowed));
}

#[test]
fn other_clusters_keys_and_plain_datagrams_are_told_apart() {
    let ring = ring();
    let mut b = replica(&ring, 2);
    let foreign = ClusterId::of("other", "counter", GROUP);
    let mut other = Sealer::new(Party::Replica, foreign, ring.clone(), [3; 40]);
    let hello = other.seal(at(2), &pull()).unwrap();
    assert_eq!(b.open(at(1), &hello), Err(SealError::Forged));
    let hello = replica(&super::tests::ring(), 4).seal(at(2), &pull()).unwrap();
    assert_eq!(b.open(at(1), &hello), Err(SealError::Forged));
    let mut more = ring.clone();
    let id = more.add(KeyUse::Peer).unwrap();
    more.make_primary(id).unwrap();
    let hello = replica(&more, 5).seal(at(2), &pull()).unwrap();
    assert_eq!(b.open(at(1), &hello), Err(SealError::UnknownKey));
    assert_eq!(b.open(at(1), &pull()), Err(SealError::Plain));
    assert_eq!(b.open(at(1), &[]), Err(SealError::Length));
    let own = b.seal(at(1), &pull()).unwrap();
    assert_eq!(b.open(at(1), &own), Err(SealError::Mine));
}

#[test]
fn keys_change_without_a_datagram_lost() {
    let old = ring();
    let mut both = old.clone();
    let new = [both.add(KeyUse::Peer).unwrap(), both.add(KeyUse::Client).unwrap()];
    let mut turned = both.clone();
    new.iter().for_each(|id| turned.make_primary(*id).unwrap());
    let mut left = turned.clone();
    [1, 2].iter().for_each(|id| left.remove(*id).unwrap());

    let (mut a, mut b, mut c) = (replica(&old, 1), replica(&old, 2), client(&old, 3));
    let mut works = |who: &str, ring: &KeyRing| {
        match who {
            "a" => a.change_keys(ring.clone()),
            "b" => b.change_keys(ring.clone()),
            _ => c.change_keys(ring.for_clients()),
        }
        deliver(&mut a, &mut b, &pull());
        deliver(&mut c, &mut b, &query(0));
        let reply = b.seal(at(1), &refused()).unwrap();
        assert_eq!(c.open(at(2), &reply), Ok(Opened::Plain(refused())));
    };
    for ring in [&both, &turned, &left] {
        ["a", "b", "c"].iter().for_each(|who| works(who, ring));
    }
    let mut late = replica(&old, 9);
    let hello = late.seal(at(2), &pull()).unwrap();
    assert_eq!(b.open(at(1), &hello), Err(SealError::UnknownKey));
}

#[test]
fn who_was_forgotten_cannot_be_played_back() {
    let ring = ring();
    let (mut b, mut c) = (replica(&ring, 2), client(&ring, 3));
    let recorded = deliver(&mut c, &mut b, &query(0));
    for n in 0..SENDERS_MAX as u64 {
        let name = (2, Class::Request, n + 1_000);
        let cipher = b.senders.cipher((2, Class::Request, c.boot)).cloned();
        let cipher = cipher.or_else(|| b.senders.cipher((2, Class::Request, n + 999)).cloned());
        b.senders.came(name, 0, at(3), 1, cipher);
    }
    assert!(b.senders.cipher((2, Class::Request, c.boot)).is_none(), "it is forgotten");
    assert!(b.senders.len().0 <= SENDERS_MAX);
    let challenge = b.open(at(1), &recorded);
    assert!(matches!(challenge, Ok(Opened::Answer(_, Some(SealError::Unproved)))), "{challenge:?}");
    deliver(&mut c, &mut b, &query(1));
}
