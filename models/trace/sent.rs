//! What replica managers sent, and whether a message that arrives comes from it.
//!
//! After the step, the driver leaves out of gossip what is on its way already, and cuts it into datagrams
//! (`src/runtime/host/pacing.rs`): what arrives holds some of the records. It also asks for what it lacks
//! whenever it sees a gap, which is no step.

use super::Witnessed;
use chinwag::{Gossip, Message, ReplicaId, Service, Timestamp};
use std::collections::{HashMap, HashSet};

type Messages<S> = Vec<Gossip<Witnessed<S>>>;

/// All that was sent so far between replica managers.
pub struct Sent<S: Service> {
    /// Whole messages: from, to, and what they claim.
    gossip: HashMap<(ReplicaId, ReplicaId), HashMap<Timestamp, Messages<S>>>,
    /// What each held after some step: what it may say when it asks.
    held: HashSet<(ReplicaId, Timestamp)>,
}

impl<S: Service> Default for Sent<S> {
    fn default() -> Self {
        Self { gossip: HashMap::new(), held: HashSet::new() }
    }
}

impl<S: Service> Sent<S> {
    /// A step sends a message.
    pub fn add(&mut self, from: ReplicaId, to: ReplicaId, message: &Message<Witnessed<S>>) {
        if let Message::Gossip(gossip) = message {
            let claims = self.gossip.entry((from, to)).or_default();
            claims.entry(gossip.ts.clone()).or_default().push(gossip.clone());
        }
    }

    /// After a step, a replica manager holds this.
    pub fn holds(&mut self, from: ReplicaId, replica_ts: &Timestamp) {
        self.held.insert((from, replica_ts.clone()));
    }

    /// Can this message have come from what was sent?
    pub fn explains(
        &self,
        from: ReplicaId,
        to: ReplicaId,
        message: &Message<Witnessed<S>>,
    ) -> bool {
        match message {
            Message::Gossip(part) => {
                let Some(claims) = self.gossip.get(&(from, to)) else { return false };
                let mut from_any = |all: &Messages<S>| all.iter().any(|g| is_part_of(part, g));
                match part.complete {
                    true => claims.get(&part.ts).is_some_and(from_any),
                    false => claims.values().any(&mut from_any),
                }
            }
            Message::Pull { replica_ts } => self.held.contains(&(from, replica_ts.clone())),
            _ => false,
        }
    }
}

/// Is this message the other one, or what can be left of it?
pub fn is_part<S: Service>(part: &Message<S>, whole: &Message<S>) -> bool {
    match (part, whole) {
        (Message::Gossip(part), Message::Gossip(whole)) => is_part_of(part, whole),
        _ => part == whole,
    }
}

/// The last fragment claims what the whole does; any other one what it carries.
fn is_part_of<S: Service>(part: &Gossip<S>, whole: &Gossip<S>) -> bool {
    let mut rest = whole.log.iter();
    let claims = match part.complete {
        true => whole.complete && part.ts == whole.ts && part.table == whole.table,
        false => {
            let mut reached = Timestamp::zero(whole.ts.len());
            part.log.iter().for_each(|r| reached.set(r.origin, r.key().seq));
            part.ts == reached && part.table.is_empty() && !part.log.is_empty()
        }
    };
    claims
        && part.asks == whole.asks
        && part.log.iter().all(|record| rest.any(|other| other == record))
}
