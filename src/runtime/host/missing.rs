//! What a peer wrote and has not come here: whom to ask for it, and when.
//!
//! Known from a peer's own gossip, or from a request that builds on it. It is asked for at once, and again as
//! soon as an answer has come that left something out: so a long backlog costs round trips, not intervals of
//! the clock. But not while a message of several datagrams arrives, whose rest is on its way; and if nothing
//! comes, later each time, then no more: gossip brings it in the end (C19). To the protocol, a question
//! more is one that the network repeated, and one fewer is one that it lost.

use super::Host;
use crate::{
    Destination, Group, Message, ReplicaId, Sender, Service, Timestamp,
    runtime::{Observer, Storage},
};
use std::time::Duration;

/// How long a question is given to be answered, and the rest of a message to arrive, at first. Doubles.
pub const PULL_EVERY: Duration = Duration::from_millis(5);

/// Questions that bring nothing, or not what a request builds on, before it is left to gossip.
pub const PULLS_MAX: u32 = 6;

/// What is missing here of what each peer wrote.
#[derive(Debug)]
pub(super) struct Missing {
    peers: Vec<Asking>,
}

#[derive(Clone, Debug, Default)]
struct Asking {
    /// So many updates it says that it has made.
    claimed: u64,
    /// So many a request takes it to have made. That may be a lie.
    wanted: u64,
    /// When it was asked last, and how many were held then.
    asked: Option<(Duration, u64)>,
    /// How often, since there was reason to hope for an answer.
    times: u32,
    /// The rest of a message is on its way until then, or else was lost.
    rest_until: Option<Duration>,
}

impl Asking {
    /// When to ask, if anything is missing.
    fn due(&self, held: u64) -> Option<Duration> {
        let is_missing = self.claimed.max(self.wanted) > held || self.rest_until.is_some();
        (is_missing && self.times(held) < PULLS_MAX).then(|| self.earliest(held))
    }

    /// At once if something came since it was asked.
    fn earliest(&self, held: u64) -> Duration {
        let unanswered = self.asked.filter(|_| !self.has_answered(held));
        let again = unanswered.map(|(at, _)| at + PULL_EVERY * (1 << self.times.saturating_sub(1)));
        again.unwrap_or_default().max(self.rest_until.unwrap_or_default())
    }

    fn has_answered(&self, held: u64) -> bool {
        self.asked.is_some_and(|(_, then)| held > then)
    }

    /// An answer brings more of what it claims; what else is wanted it may not have.
    fn times(&self, held: u64) -> u32 {
        if self.claimed > held && self.has_answered(held) { 0 } else { self.times }
    }
}

impl Missing {
    pub fn new(group: Group) -> Self {
        Self { peers: vec![Asking::default(); group.replicas.into()] }
    }

    /// A message is complete, and says so.
    fn claims(&mut self, peer: ReplicaId, count: u64, held: u64) {
        let asking = &mut self.peers[peer.index()];
        asking.rest_until = None;
        asking.claimed = asking.claimed.max(count);
        if count > held {
            // It can be reached.
            asking.times = 0;
        }
    }

    /// A part of a message came, and not the last.
    fn arrives(&mut self, peer: ReplicaId, now: Duration) {
        let asking = &mut self.peers[peer.index()];
        (asking.rest_until, asking.times) = (Some(now + PULL_EVERY), 0);
    }

    /// A request builds on this.
    fn wants(&mut self, prev: &Timestamp, held: &Timestamp) {
        for (origin, count) in prev.entries().filter(|(origin, count)| *count > held.get(*origin)) {
            let asking = &mut self.peers[origin.index()];
            if count > asking.wanted || asking.times >= PULLS_MAX {
                (asking.wanted, asking.times) = (count, 0);
            }
        }
    }

    /// Is it time to ask this one? Then it counts as asked.
    fn asks(&mut self, peer: ReplicaId, was_told_to: bool, held: u64, now: Duration) -> bool {
        let asking = &mut self.peers[peer.index()];
        let told = was_told_to.then(|| asking.earliest(held));
        let asks = asking.due(held).or(told).is_some_and(|at| at <= now);
        if asks {
            asking.times = (asking.times(held) + 1).min(PULLS_MAX);
            (asking.asked, asking.rest_until) = (Some((now, held)), None);
        }
        asks
    }
}

/// What a message says of updates that may not be here.
pub(super) enum News {
    /// Its sender has made so many.
    Claims(u64),
    /// More of it follows.
    MoreArrives,
    /// It cannot be done without these.
    BuildsOn(Timestamp),
}

impl News {
    pub fn of<S: Service>(from: Sender, message: &Message<S>, held: &Timestamp) -> Option<Self> {
        match (from, message) {
            (Sender::Replica(peer), Message::Gossip(gossip)) => Some(match gossip.complete {
                // A read-only one has no entry, and makes none.
                true if peer.index() < gossip.ts.len() => Self::Claims(gossip.ts.get(peer)),
                true => Self::Claims(0),
                false => Self::MoreArrives,
            }),
            (_, Message::Query { prev, .. }) => Self::builds_on(prev, held),
            (_, Message::Update(update)) => Self::builds_on(&update.prev, held),
            _ => None,
        }
    }

    fn builds_on(prev: &Timestamp, held: &Timestamp) -> Option<Self> {
        (!held.covers(prev)).then(|| Self::BuildsOn(prev.clone()))
    }
}

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// What this message says of updates that are not here. To be noted once it has been handled.
    pub(super) fn note_missing(&mut self, now: Duration, from: Sender, news: Option<News>) {
        let held = self.state.replica.replica_ts();
        match (from, news) {
            (_, Some(News::BuildsOn(prev))) => self.missing.wants(&prev, held),
            (Sender::Replica(peer), Some(News::Claims(count))) => {
                self.missing.claims(peer, count, self.held_of(peer));
            }
            (Sender::Replica(peer), Some(News::MoreArrives)) => self.missing.arrives(peer, now),
            _ => {}
        }
    }

    /// Puts the questions among what is to be sent. The protocol's own are asked like the others.
    pub(super) fn ask_for_missing(
        &mut self,
        now: Duration,
        sends: &mut Vec<(Destination, Message<S>)>,
    ) {
        if !self.config.paced {
            return;
        }
        let mut told = Vec::new();
        sends.retain(|(to, message)| match (to, message) {
            (Destination::Replica(peer), Message::Pull { .. }) => {
                told.push(*peer);
                false
            }
            _ => true,
        });
        for peer in self.asked() {
            let held = self.held_of(peer);
            if self.missing.asks(peer, told.contains(&peer), held, now) {
                let replica_ts = self.state.replica.replica_ts().clone();
                sends.push((Destination::Replica(peer), Message::Pull { replica_ts }));
            }
        }
    }

    /// When to ask next.
    pub(super) fn pull_at(&self) -> Option<Duration> {
        let asked = self.asked().filter(|_| self.config.paced);
        asked.filter_map(|peer| self.missing.peers[peer.index()].due(self.held_of(peer))).min()
    }

    /// Who can be asked: a request may take this one to have made more than it has, too.
    fn asked(&self) -> impl Iterator<Item = ReplicaId> + use<S, D, O> {
        let (me, group) = (self.config.node.id, self.config.node.group);
        group.members().filter(move |peer| *peer != me)
    }

    /// So many of this one's own updates are here. One that takes none has none.
    fn held_of(&self, peer: ReplicaId) -> u64 {
        let takes_updates = self.config.node.group.is_updatable(peer);
        if takes_updates { self.state.replica.replica_ts().get(peer) } else { 0 }
    }
}
