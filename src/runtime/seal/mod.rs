//! Sealed datagrams: nobody without a key reads or writes them, and none counts twice.
//!
//! A layer between nodes and sockets; neither the protocol nor the host knows of it. SECURITY.md says what it
//! is good for and what not. Sans I/O.
//!
//! A replica manager takes a datagram only with a *proof*: a MAC over the sender's boot and address by a
//! secret of the receiver's own boot, which it hands out in a challenge to whoever asks with a hello. So
//! nothing that was recorded before it started can be played back to it, and only somebody who receives what
//! is sent to his address is answered with more than the challenge, which is no longer than the hello. A
//! client takes a datagram only if it is for its own boot, whose number stands in the place of the proof.

mod channel;
mod cipher;
mod key_ring;
mod senders;
#[cfg(test)]
mod tests;
mod window;

pub use channel::Channel;
pub use key_ring::{KEYS_MAX, Key, KeyRing, KeyRingError, KeyUse};
pub use senders::SENDERS_MAX;
pub use window::REPLAY_WINDOW;

use super::{
    ClusterId, WIRE_VERSION_BEFORE,
    payload::{Direction, direction},
    wire,
};
use cipher::{Cipher, Class, HEADER, Header, NUMBER_MAX, ProofKey, TAG};
use senders::Senders;
use std::{collections::BTreeMap, fmt, net::SocketAddr};

/// By how much sealing lengthens a datagram.
pub const SEAL_OVERHEAD: usize = HEADER + 1 + TAG - wire::HEADER_BYTES;

/// The longest datagram on the wire: with the headers of IPv6 and UDP, the 1,280 bytes that every path of
/// IPv6 carries whole.
pub const SEALED_BYTES_MAX: usize = wire::DATAGRAM_BYTES_MAX + SEAL_OVERHEAD;

/// A hello and a challenge: a kind and a number. No datagram is shorter, so that none is answered by more.
const HELLO_BYTES: usize = 9;

/// Addresses of replica managers that are remembered.
const ROUTES_MAX: usize = 1_024;

const KIND_HELLO: u8 = 30;
const KIND_CHALLENGE: u8 = 31;
const KIND_BITS: u8 = 5;

/// Why a sealed datagram was dropped. Nothing was changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SealError {
    /// It is not sealed.
    Plain,
    /// It is too long or too short.
    Length,
    /// It names a key that is not in the ring.
    UnknownKey,
    /// It was changed, or sealed with another key, for another cluster, or by someone of another kind.
    Forged,
    /// It came before, or so many later ones came that this cannot be told.
    Replayed,
    /// It holds what the holder of its key may not say.
    NotAllowed,
    /// It was sent to an earlier start of this process, or by another address than it claims; the sender was
    /// asked to prove the address.
    Unproved,
    /// It is for another process.
    NotForUs,
    /// It is one of our own.
    Mine,
    /// To send: there is no key, or the receiver never asked for anything.
    Unsealable,
}

impl SealError {
    /// In a few words, for counters.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Plain => "not sealed",
            Self::Length => "no sealed datagram's length",
            Self::UnknownKey => "sealed with an unknown key",
            Self::Forged => "forged, or sealed for others",
            Self::Replayed => "replayed, or overtaken by too many",
            Self::NotAllowed => "not allowed with its key",
            Self::Unproved => "from an address that is not proved",
            Self::NotForUs => "sealed for another process",
            Self::Mine => "sent by this process",
            Self::Unsealable => "no key or receiver to seal for",
        }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A plain datagram, for the node.
    Plain(Vec<u8>),
    /// Nothing for the node; this is to be sent back.
    Answer(Vec<u8>, Option<SealError>),
}

/// Whose datagrams are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// A replica manager.
    Replica,
    /// A client.
    Client,
}

/// What is known of an address that we send requests or gossip to.
#[derive(Default)]
struct Route {
    /// Its proof of our address; zero: none yet.
    proof: u64,
    /// The last plain datagram to it, to be sent once there is a proof.
    last: Vec<u8>,
}

/// Seals and opens all datagrams of one process.
pub struct Sealer {
    party: Party,
    cluster: ClusterId,
    ring: KeyRing,
    boot: u64,
    number: u64,
    ciphers: BTreeMap<(u16, Class), Cipher>,
    routes: BTreeMap<SocketAddr, Route>,
    senders: Senders,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sealer of boot {:x} with {:?}", self.boot, self.ring)
    }
}

impl Sealer {
    /// One that starts. `random` must never come again: it names the boot, and makes its secret.
    pub fn new(party: Party, cluster: ClusterId, ring: KeyRing, random: [u8; 40]) -> Self {
        let (secret, boot) = random.split_first_chunk::<32>().expect("40 bytes are more than 32");
        let boot = u64::from_le_bytes(boot.try_into().expect("8 bytes are left"));
        Self {
            party,
            cluster,
            ring,
            boot,
            number: 0,
            ciphers: BTreeMap::new(),
            routes: BTreeMap::new(),
            senders: Senders::new(ProofKey::new(secret)),
        }
    }

    /// The keys that it has.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Goes on with these keys.
    pub fn change_keys(&mut self, ring: KeyRing) {
        let kept = |id: u16| ring.keys().iter().find(|key| key.id == id).map(|key| key.secret);
        let gone = self.ring.keys().iter().filter(|key| kept(key.id) != Some(key.secret));
        let gone: Vec<_> = gone.map(|key| key.id).collect();
        self.ciphers.retain(|(id, _), _| !gone.contains(id));
        self.senders.forget_keys(&gone);
        self.ring = ring;
    }

    /// Seals a plain datagram: what is to be sent in its place. That is a hello, if the receiver has yet to
    /// say how our address is proved; the datagram is then kept until it does.
    pub fn seal(&mut self, to: SocketAddr, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let kind = *plain.get(wire::KIND_AT).ok_or(SealError::Length)?;
        let class = class(kind).ok_or(SealError::NotAllowed)?;
        if class == Class::Reply {
            let receiver = self.senders.receiver(to).ok_or(SealError::Unsealable)?;
            return self.seal_as(class, receiver.key, receiver.boot, plain);
        }
        let key = self.ring.primary(class.key_use()).ok_or(SealError::Unsealable)?.id;
        if self.routes.len() >= ROUTES_MAX {
            // Names were given other addresses very often. Who is forgotten says hello again.
            self.routes.clear();
        }
        let route = self.routes.entry(canonical(to)).or_default();
        plain.clone_into(&mut route.last);
        match route.proof {
            0 => {
                let hello = special(KIND_HELLO, 0);
                self.finish(class, key, 0, WIRE_VERSION_BEFORE, &hello)
            }
            proof => self.seal_as(class, key, proof, plain),
        }
    }

    fn seal_as(
        &mut self,
        class: Class,
        key: u16,
        proof: u64,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let rest = plain.get(wire::HEADER_BYTES..).ok_or(SealError::Length)?;
        let padding = HELLO_BYTES.saturating_sub(1 + rest.len());
        let first = plain[wire::KIND_AT] | (padding as u8) << KIND_BITS;
        let mut inside = Vec::with_capacity(1 + rest.len() + padding);
        inside.push(first);
        inside.extend_from_slice(rest);
        inside.resize(1 + rest.len() + padding, 0);
        self.finish(class, key, proof, plain[wire::KIND_AT - 1], &inside)
    }

    fn finish(
        &mut self,
        class: Class,
        key: u16,
        proof: u64,
        version: u8,
        inside: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (boot, number) = (self.boot, self.number);
        if number > NUMBER_MAX {
            return Err(SealError::Unsealable);
        }
        if !self.ciphers.contains_key(&(key, class)) {
            let found =
                self.ring.keys().iter().find(|k| k.id == key && k.used_by == class.key_use());
            let secret = found.ok_or(SealError::Unsealable)?;
            let cipher = Cipher::new(secret, self.cluster, class, boot);
            self.ciphers.insert((key, class), cipher);
        }
        self.number += 1;
        let header = Header { version, key, boot, number, proof };
        Ok(self.ciphers[&(key, class)].seal(&header, inside))
    }

    /// Opens a datagram. What is in the wrong hands, forged, or not new, changes nothing.
    pub fn open(&mut self, from: SocketAddr, datagram: &[u8]) -> Result<Opened, SealError> {
        if datagram.starts_with(&wire::MAGIC) {
            return Err(SealError::Plain);
        }
        if !(HEADER + HELLO_BYTES + TAG..=SEALED_BYTES_MAX).contains(&datagram.len()) {
            return Err(SealError::Length);
        }
        let header = Header::read(datagram).ok_or(SealError::Plain)?;
        if header.boot == self.boot {
            return Err(SealError::Mine);
        }
        let key = self.ring.keys().iter().find(|key| key.id == header.key);
        let key = key.ok_or(SealError::UnknownKey)?;
        let class = match (self.party, key.used_by) {
            (Party::Replica, KeyUse::Peer) => Class::Peer,
            (Party::Replica, KeyUse::Client) => Class::Request,
            (Party::Client, KeyUse::Client) => Class::Reply,
            (Party::Client, KeyUse::Peer) => return Err(SealError::NotForUs),
        };
        let name = (key.id, class, header.boot);
        if self.senders.has_come(name, header.number) {
            return Err(SealError::Replayed);
        }
        let opened = match self.senders.cipher(name) {
            Some(cipher) => (cipher.open(&header, datagram), None),
            None => {
                let cipher = Cipher::new(key, self.cluster, class, header.boot);
                (cipher.open(&header, datagram), Some(cipher))
            }
        };
        let (inside, new) = (opened.0.ok_or(SealError::Forged)?, opened.1);
        self.take(from, &header, class, &inside, new)
    }

    /// It is authentic. Is it fresh, and allowed?
    fn take(
        &mut self,
        from: SocketAddr,
        header: &Header,
        class_of_key: Class,
        inside: &[u8],
        new: Option<Cipher>,
    ) -> Result<Opened, SealError> {
        let (first, rest) = inside.split_first().ok_or(SealError::Length)?;
        let kind = first & ((1 << KIND_BITS) - 1);
        let name = (header.key, class_of_key, header.boot);
        if kind == KIND_CHALLENGE && class_of_key != Class::Request {
            self.for_this_boot(header)?;
            self.senders.came(name, header.number, from, 0, new);
            return self.on_challenge(from, rest);
        }
        if kind != KIND_HELLO && class(kind) != Some(class_of_key) {
            return Err(SealError::NotAllowed);
        }
        if class_of_key == Class::Reply {
            self.for_this_boot(header)?;
            self.senders.came(name, header.number, from, 0, new);
        } else {
            let proof = self.senders.proof(name, from);
            if kind == KIND_HELLO || header.proof != proof {
                let why = (kind != KIND_HELLO).then_some(SealError::Unproved);
                return self.challenge(header, class_of_key, proof).map(|c| Opened::Answer(c, why));
            }
            self.senders.came(name, header.number, from, proof, new);
        }
        self.plain(header.version, kind, first >> KIND_BITS, rest).map(Opened::Plain)
    }

    fn for_this_boot(&self, header: &Header) -> Result<(), SealError> {
        if header.proof == self.boot { Ok(()) } else { Err(SealError::NotForUs) }
    }

    /// No longer than what it answers, and nothing is remembered of it.
    fn challenge(
        &mut self,
        header: &Header,
        class: Class,
        proof: u64,
    ) -> Result<Vec<u8>, SealError> {
        let answer = if class == Class::Peer { Class::Peer } else { Class::Reply };
        let inside = special(KIND_CHALLENGE, proof);
        self.finish(answer, header.key, header.boot, WIRE_VERSION_BEFORE, &inside)
    }

    /// The receiver says how to prove our address: what waited for that can go.
    fn on_challenge(&mut self, from: SocketAddr, rest: &[u8]) -> Result<Opened, SealError> {
        let proof = rest.try_into().map(u64::from_le_bytes).map_err(|_| SealError::Length)?;
        let route = self.routes.get_mut(&canonical(from)).ok_or(SealError::NotForUs)?;
        if route.proof == proof {
            // Answers to what was sent before the first challenge came.
            return Err(SealError::Unproved);
        }
        route.proof = proof;
        let last = route.last.clone();
        self.seal(from, &last).map(|sealed| Opened::Answer(sealed, None))
    }

    fn plain(&self, version: u8, kind: u8, padding: u8, rest: &[u8]) -> Result<Vec<u8>, SealError> {
        let end = rest.len().checked_sub(padding.into()).ok_or(SealError::Length)?;
        let mut plain = Vec::with_capacity(wire::HEADER_BYTES + end);
        plain.extend_from_slice(&wire::MAGIC);
        plain.extend_from_slice(&[version, kind]);
        plain.extend_from_slice(&self.cluster.0.to_le_bytes());
        plain.extend_from_slice(&rest[..end]);
        Ok(plain)
    }
}

fn class(kind: u8) -> Option<Class> {
    direction(kind).map(|direction| match direction {
        Direction::BetweenReplicas => Class::Peer,
        Direction::ToReplica => Class::Request,
        Direction::ToClient => Class::Reply,
    })
}

fn special(kind: u8, number: u64) -> [u8; HELLO_BYTES] {
    let mut inside = [kind; HELLO_BYTES];
    inside[1..].copy_from_slice(&number.to_le_bytes());
    inside
}

/// A socket for IPv6 names IPv4 by mapped addresses.
fn canonical(address: SocketAddr) -> SocketAddr {
    (address.ip().to_canonical(), address.port()).into()
}
