//! Which version of the wire a session speaks with each replica manager.
//!
//! A request is answered in the form in which it was asked, so replica managers remember nothing of their
//! clients. A session asks in the form of the version before until a replica manager has shown that it speaks
//! more. It shows that when it is asked in the newer form; so once it has answered in the older one, whoever
//! wants the status asks once more, which it drops if it is of the version before. What was learnt counts for
//! one question: without an answer, the replica manager may have been put back to the version before.
//!
//! Only questions for the status have two forms now. Updates and queries look the same in both versions.

use crate::{
    ReplicaId,
    runtime::{Status, WIRE_VERSION_BEFORE},
};

/// How often a replica manager is asked in the newer form before it is taken for one of the version before.
const ASKED_AGAIN: u8 = 3;

#[derive(Debug)]
pub(super) struct Spoken {
    known: Vec<u8>,
    /// How many more times each is asked in the newer form.
    again: Vec<u8>,
    /// All that a status tells is wanted, not only that there is an answer.
    pub wants_all: bool,
}

impl Spoken {
    pub fn new(replicas: usize) -> Self {
        let (known, again) = (vec![WIRE_VERSION_BEFORE; replicas], vec![0; replicas]);
        Self { known, again, wants_all: false }
    }

    /// The version to ask in.
    pub fn take(&mut self, replica: ReplicaId) -> u8 {
        std::mem::replace(&mut self.known[replica.index()], WIRE_VERSION_BEFORE)
    }

    /// It has said how it is. In which version is it to be asked once more?
    pub fn heard(&mut self, replica: ReplicaId, status: &Status, own: u8) -> Option<u8> {
        let newer = status.versions.as_ref().map(|versions| versions.speaks.min(own));
        let again = self.wants_all && newer.is_none() && own > WIRE_VERSION_BEFORE;
        self.known[replica.index()] = newer.unwrap_or(WIRE_VERSION_BEFORE);
        self.again[replica.index()] = if again { ASKED_AGAIN } else { 0 };
        again.then_some(own)
    }

    /// Was it asked in the newer form, and may it still answer?
    pub fn asked_again(&self, replica: ReplicaId) -> bool {
        self.again[replica.index()] > 0
    }

    /// It has not answered for a while. Is it to be asked so once more?
    pub fn repeat(&mut self, replica: ReplicaId) -> bool {
        let left = &mut self.again[replica.index()];
        *left = left.saturating_sub(1);
        *left > 0
    }
}
