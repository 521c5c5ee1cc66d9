//! Which version of the wire is spoken with whom.
//!
//! A program reads two forms of each kind: that of its own version, [`WIRE_VERSION`], and that of the version
//! before. It writes to each peer the newest version that both speak, and the one before until it knows. So
//! programs of two successive versions work together, and replica managers can be upgraded one by one.
//!
//! The high half of the version in the header announces what the sender speaks. Programs of version 2
//! refuse any other half than zero. So it is zero towards whoever is not known to speak more, and a datagram
//! of a kind of its own, `speaks`, makes the beginning: programs of version 2 drop it.
//!
//! An announcement is believed at once, and until its peer has announced nothing for [`BELIEVED_FOR`] and
//! still says something: it was put back to the version before, or takes us for such. What is believed
//! wrongly meanwhile, also by a datagram that comes very late, costs datagrams, which are as good as lost.

use super::{ClusterId, Codec, UPDATABLE_MAX, wire::VERSION_AT};
use crate::{Group, ReplicaId};
use serde::Serialize;
use std::time::Duration;

/// The newest version of any kind's form. Datagrams of later ones are dropped and counted.
pub const WIRE_VERSION: u8 = 3;

/// The version before it, which is understood as well.
pub const WIRE_VERSION_BEFORE: u8 = 2;
// There is room for it in half a byte.
const _: () = assert!(WIRE_VERSION_BEFORE + 1 == WIRE_VERSION && WIRE_VERSION < 1 << FORM_BITS);

/// The first version that announces itself.
const ANNOUNCED_SINCE: u8 = 3;

/// Of the header's version, so many bits name the form of the kind, and those above announce.
const FORM_BITS: u8 = 4;

/// How often a peer that is not known to speak as new a version as we do is told, and asked.
pub const SPEAK_EVERY: Duration = Duration::from_secs(1);

/// For how long an announcement outweighs what comes without one. Whoever has not heard of us yet writes so
/// for a round trip.
pub const BELIEVED_FOR: Duration = Duration::from_secs(1);

impl Codec {
    /// Reads the newest version and the one before; writes the one before, until it is told otherwise.
    pub const fn new(cluster: ClusterId, group: Group) -> Self {
        let (speaks, writes, records_max) = (WIRE_VERSION, WIRE_VERSION_BEFORE, usize::MAX);
        Self { cluster, group, speaks, writes, records_max }
    }

    /// The same, of a program whose newest version this is: [`WIRE_VERSION`], or the one before.
    pub fn speaking(self, version: u8) -> Self {
        let speaks = version.clamp(WIRE_VERSION_BEFORE, WIRE_VERSION);
        Self { speaks, writes: WIRE_VERSION_BEFORE, ..self }
    }

    /// The same, with at most so many records in a datagram of gossip, for tests: a few fill several.
    pub fn cutting(self, records_max: usize) -> Self {
        Self { records_max: records_max.max(1), ..self }
    }

    /// The same, towards somebody who speaks this version: writes the newest that both do.
    pub fn towards(self, version: u8) -> Self {
        // Of more than a configuration may name, compact records could not tell the origins.
        let few = usize::from(self.group.updatable) <= UPDATABLE_MAX;
        let version = if few { version } else { WIRE_VERSION_BEFORE };
        Self { writes: version.clamp(WIRE_VERSION_BEFORE, self.speaks), ..self }
    }

    /// The newest version that is read.
    pub fn speaks(&self) -> u8 {
        self.speaks
    }

    /// The newest version that whoever wrote this datagram is known by it to speak, and we do, too.
    pub fn spoken(&self, datagram: &[u8]) -> u8 {
        let announced = datagram.get(VERSION_AT).map_or(0, |byte| byte >> FORM_BITS);
        announced.clamp(WIRE_VERSION_BEFORE, self.speaks)
    }
}

/// What to add to the form in the header, for a receiver who speaks this version.
pub(super) fn announcement(speaks: u8, receiver: u8) -> u8 {
    if receiver < ANNOUNCED_SINCE { 0 } else { speaks << FORM_BITS }
}

/// The form that a header's version names; none if who speaks `speaks` does not read such headers.
pub(super) fn form_read(speaks: u8, version: u8) -> Option<u8> {
    let (form, announced) = (version & ((1 << FORM_BITS) - 1), version >> FORM_BITS);
    let is_silent = announced == 0 && form < ANNOUNCED_SINCE;
    let is_announced = speaks >= ANNOUNCED_SINCE && announced >= form.max(ANNOUNCED_SINCE);
    ((1..=speaks).contains(&form) && (is_silent || is_announced)).then_some(form)
}

/// Versions of the wire at a replica manager.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Versions {
    /// The newest that it speaks.
    pub speaks: u8,
    /// With each replica manager, the newest that both are known to speak; with itself, its own.
    pub with: Vec<u8>,
}

/// What each peer speaks, as far as is known.
#[derive(Debug)]
pub(super) struct Spoken {
    own: u8,
    known: Vec<u8>,
    /// When that was announced last.
    heard_at: Vec<Duration>,
    /// When to tell each peer, and ask it, if it is not known to speak as much; none: never.
    ask_at: Vec<Option<Duration>>,
}

impl Spoken {
    /// Nothing was heard; what the codec writes is assumed. Nobody is asked if not `asks`.
    pub fn new(codec: Codec, (me, group): (ReplicaId, Group), asks: bool, now: Duration) -> Self {
        let asked = |place| (asks && place != me && group.is_member(place)).then_some(now);
        let known =
            group.places().map(|place| if place == me { codec.speaks } else { codec.writes });
        let (known, ask_at) = (known.collect(), group.places().map(asked).collect());
        let heard_at = vec![now; group.places().count()];
        Self { own: codec.speaks, known, heard_at, ask_at }
    }

    /// The newest version that both are known to speak.
    pub fn with(&self, peer: ReplicaId) -> u8 {
        self.known[peer.index()]
    }

    /// The same of each replica manager.
    pub fn all(&self) -> &[u8] {
        &self.known
    }

    /// A datagram of this peer came, by which both speak this. Is that new, and believed?
    pub fn heard(&mut self, peer: ReplicaId, version: u8, now: Duration) -> bool {
        let (known, at) = (&mut self.known[peer.index()], &mut self.heard_at[peer.index()]);
        if version < *known && now < *at + BELIEVED_FOR {
            return false;
        }
        *at = now;
        std::mem::replace(known, version) != version
    }

    /// Whom to tell, and ask, now.
    pub fn ask(&mut self, now: Duration) -> Vec<ReplicaId> {
        let (own, all) = (self.own, self.ask_at.iter_mut().zip(&self.known).zip(0..));
        let due = all.filter(|((at, known), _)| **known < own && at.is_some_and(|at| now >= at));
        due.map(|((at, _), id)| {
            *at = Some(now + SPEAK_EVERY);
            ReplicaId(id)
        })
        .collect()
    }

    /// When to ask next.
    pub fn ask_at(&self) -> Option<Duration> {
        let all = self.ask_at.iter().zip(&self.known);
        all.filter(|(_, known)| **known < self.own).filter_map(|(at, _)| *at).min()
    }
}
