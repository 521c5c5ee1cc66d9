//! What need not be sent, since it is on its way.
//!
//! A replica manager repeats all that a peer has not said that it holds, in every message of gossip (C7), and
//! passes on what others wrote. Most of that is there already, or comes from whoever wrote it. So records are
//! left out for a while: the message is then one whose first fragments were lost, which is in the models, and
//! the receiver believes no more of it than that. What was lost indeed is repeated when it is overdue, or
//! when the peer asks: at once, if it sees a gap.

use super::Host;
use crate::{
    Gossip, Message, ReplicaId, Sender, Service, Timestamp,
    runtime::{Observer, Storage},
};
use std::time::Duration;

/// What was sent to each peer lately.
#[derive(Debug)]
pub(super) struct Pacing {
    me: ReplicaId,
    /// What was sent is overdue after one to two of these. A receipt comes at the peer's next timer, which is
    /// less than one after the next interval of gossip.
    period: Duration,
    peers: Vec<Sent>,
}

#[derive(Clone, Debug)]
struct Sent {
    /// In this period, in the one before, or earlier.
    upto: Timestamp,
    /// In the one before, or earlier.
    before: Timestamp,
    /// Earlier.
    overdue: Timestamp,
    period_ends: Duration,
    /// The peer said itself what it lacks.
    asked: bool,
}

impl Pacing {
    pub fn new(me: ReplicaId, replicas: u16, zero: &Timestamp, gossip_every: Duration) -> Self {
        let sent = Sent {
            upto: zero.clone(),
            before: zero.clone(),
            overdue: zero.clone(),
            period_ends: Duration::ZERO,
            asked: false,
        };
        Self { me, period: gossip_every * 3 / 2, peers: vec![sent; replicas.into()] }
    }

    /// Leaves out of the message what is on its way to this peer, or should come from whoever wrote it.
    pub fn trim<S: Service>(&mut self, peer: ReplicaId, gossip: &mut Gossip<S>, now: Duration) {
        let sent = &mut self.peers[peer.index()];
        sent.pass(now, self.period);
        let within = |ts: &Timestamp, origin, seq| ts.get(origin) >= seq;
        let overdue = |sent: &Sent| {
            let mut keys = gossip.log.iter().map(|record| record.key());
            keys.any(|key| within(&sent.overdue, key.origin, key.seq))
        };
        if sent.asked || overdue(sent) {
            // The peer takes nothing beyond a gap: all from there on goes again.
            sent.repeat_from(&Timestamp::zero(gossip.ts.len()));
        } else {
            gossip.log.retain(|record| {
                let key = record.key();
                key.origin == self.me && !within(&sent.upto, key.origin, key.seq)
            });
        }
        sent.asked = false;
        sent.upto.merge(&gossip.ts);
    }

    fn asked(&mut self, peer: ReplicaId) {
        self.peers[peer.index()].asked = true;
    }
}

impl Sent {
    fn pass(&mut self, now: Duration, period: Duration) {
        for _ in 0..2 {
            if now >= self.period_ends {
                self.overdue = self.before.clone();
                self.before = self.upto.clone();
                self.period_ends += period;
            }
        }
        if now >= self.period_ends {
            self.period_ends = now + period;
        }
    }

    fn repeat_from(&mut self, held: &Timestamp) {
        let all = [&mut self.upto, &mut self.before, &mut self.overdue];
        all.into_iter().for_each(|sent| sent.meet(held));
    }
}

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// The peer says what it lacks: the answer to this leaves nothing out.
    pub(super) fn note_pull(&mut self, from: Sender, message: &Message<S>) {
        if let (Sender::Replica(peer), Message::Pull { .. }) = (from, message) {
            self.pacing.asked(peer);
        }
    }
}
