//! Keys of one boot, and the form of a sealed datagram.
//!
//! `"CS" | version u8 | key u16 | boot u64 | number u48 | proof u64 | sealed | tag of 16 bytes`, numbers
//! little-endian. `sealed` is the plain datagram without the first 12 bytes of its header, behind one byte:
//! the kind, and above its five bits how many zeros were added at the end. The cluster is associated data, as
//! is all that stands before.
//!
//! Each boot of each process seals under a key of its own, HKDF-SHA256 of (cluster, class, boot) from the
//! shared one, with AES-256-GCM and its running number as the nonce: no nonce is used twice, unless two boots
//! get the same 64 random bits.

use super::{KeyUse, key_ring::Key};
use crate::runtime::ClusterId;
use aes_gcm::{
    Aes256Gcm, KeyInit, Tag,
    aead::{AeadInOut, Nonce},
};
use hkdf::Hkdf;
use sha2::Sha256;

/// Who speaks to whom. Each class has keys of its own, so that nothing of one can pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Class {
    /// Replica managers with each other.
    Peer = 0,
    /// Clients to replica managers.
    Request = 1,
    /// Replica managers to clients.
    Reply = 2,
}

impl Class {
    pub fn key_use(self) -> KeyUse {
        match self {
            Self::Peer => KeyUse::Peer,
            Self::Request | Self::Reply => KeyUse::Client,
        }
    }
}

pub(super) const MAGIC: [u8; 2] = *b"CS";

/// Bytes before what is sealed.
pub(super) const HEADER: usize = 27;

pub(super) const TAG: usize = 16;

/// The highest number of a datagram: six bytes.
pub(super) const NUMBER_MAX: u64 = (1 << 48) - 1;

/// What stands in the open before a sealed datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Of the form of the plain datagram.
    pub version: u8,
    pub key: u16,
    pub boot: u64,
    pub number: u64,
    pub proof: u64,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<HEADER>()?;
        let number = |from: usize, to: usize| {
            header[from..to].iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))
        };
        (header[..2] == MAGIC).then(|| Self {
            version: header[2],
            key: number(3, 5) as u16,
            boot: number(5, 13),
            number: number(13, 19),
            proof: number(19, 27),
        })
    }

    pub fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..2].copy_from_slice(&MAGIC);
        bytes[2] = self.version;
        bytes[3..5].copy_from_slice(&self.key.to_le_bytes());
        bytes[5..13].copy_from_slice(&self.boot.to_le_bytes());
        bytes[13..19].copy_from_slice(&self.number.to_le_bytes()[..6]);
        bytes[19..].copy_from_slice(&self.proof.to_le_bytes());
        bytes
    }
}

/// Seals and opens the datagrams of one class of one boot.
#[derive(Clone)]
pub(super) struct Cipher {
    aes: Box<Aes256Gcm>,
    cluster: ClusterId,
}

impl Cipher {
    pub fn new(key: &Key, cluster: ClusterId, class: Class, boot: u64) -> Self {
        let hkdf = Hkdf::<Sha256>::new(Some(&cluster.0.to_le_bytes()), &key.secret);
        let info = [b"chinwag datagram 1".as_slice(), &[class as u8], &boot.to_le_bytes()].concat();
        let mut subkey = [0; 32];
        hkdf.expand(&info, &mut subkey).expect("32 bytes can be derived");
        Self { aes: Box::new(Aes256Gcm::new(&subkey.into())), cluster }
    }

    /// The whole datagram.
    pub fn seal(&self, header: &Header, plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + plain.len() + TAG);
        out.extend_from_slice(&header.bytes());
        out.extend_from_slice(plain);
        let (nonce, associated) = self.public_part(header);
        let sealed =
            self.aes.encrypt_inout_detached(&nonce, &associated, (&mut out[HEADER..]).into());
        out.extend_from_slice(&sealed.expect("a datagram is short enough"));
        out
    }

    /// What was sealed; none if a bit of the datagram was changed, or it was sealed otherwise.
    pub fn open(&self, header: &Header, datagram: &[u8]) -> Option<Vec<u8>> {
        let (sealed, tag) = datagram.get(HEADER..)?.split_last_chunk::<TAG>()?;
        let mut plain = sealed.to_vec();
        let (nonce, associated) = self.public_part(header);
        let tag = Tag::from(*tag);
        let opened =
            self.aes.decrypt_inout_detached(&nonce, &associated, plain.as_mut_slice().into(), &tag);
        opened.ok().map(|()| plain)
    }

    fn public_part(&self, header: &Header) -> (Nonce<Aes256Gcm>, [u8; HEADER + 8]) {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&header.number.to_le_bytes());
        let mut associated = [0; HEADER + 8];
        associated[..HEADER].copy_from_slice(&header.bytes());
        associated[HEADER..].copy_from_slice(&self.cluster.0.to_le_bytes());
        (nonce.into(), associated)
    }
}

/// A secret of this boot of a replica manager, from which proofs of addresses are made.
#[derive(Clone)]
pub(super) struct ProofKey(Hkdf<Sha256>);

impl ProofKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Hkdf::new(None, secret))
    }

    /// What only somebody can know who receives what is sent to this address: eight bytes of a MAC.
    pub fn proof(&self, generation: u64, boot: u64, address: std::net::SocketAddr) -> u64 {
        let info = format!("{generation} {boot} {address}");
        let mut proof = [0; 8];
        self.0.expand(info.as_bytes(), &mut proof).expect("8 bytes can be derived");
        // Zero means that there is none.
        u64::from_le_bytes(proof).max(1)
    }
}
