//! To whom a session sends what, and when once more.

use super::{ClientCore, attempts::Attempts};
use crate::{
    Destination, Message, ReplicaId, Sender, Service,
    runtime::{COPIES_MAX, Hedge, Packet, Route},
};
use std::time::Duration;

/// How often a session in use asks others how they are, to know who answers fastest. A session of one request
/// asks nobody.
pub const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How many it asks at a time. In larger clusters, others have their turn next time.
pub const PROBES_AT_ONCE: u16 = 8;

/// A request in so many may be sent to a second replica manager because its answer is late.
pub const HEDGE_ONE_IN: u32 = 10;

/// So many may be in a row.
pub const HEDGES_AT_ONCE: u32 = 10;

/// What is known of others' distances by asking.
#[derive(Debug)]
pub(super) struct Probes {
    pub requests: u64,
    at: Duration,
    next: u16,
    asked: Vec<Option<Duration>>,
}

impl Probes {
    pub fn new(replicas: usize) -> Self {
        Self { requests: 0, at: Duration::ZERO, next: 0, asked: vec![None; replicas] }
    }

    /// How long the answer took, if it was asked for to know that.
    pub fn answered(&mut self, replica: ReplicaId, now: Duration) -> Option<Duration> {
        Some(now.saturating_sub(self.asked[replica.index()].take()?))
    }
}

impl<S: Service> ClientCore<S> {
    /// Sends a message to whom the front end says, or to the nearest; `burst` are those that got it already.
    pub(super) fn send(
        &mut self,
        now: Duration,
        to: Destination,
        message: &Message<S>,
        burst: &mut Vec<ReplicaId>,
    ) {
        let (number, copies) = match message {
            Message::Update(update) => (update.id.serial.number, 1),
            Message::Query { id, .. } => (id.serial.number, self.setup.sending.query_copies),
            _ => return,
        };
        let Ok(datagrams) = self.setup.codec.datagrams(self.me(), message) else { return };
        let first_look = now + self.setup.retry_after.min(self.setup.give_up_after / 2);
        let attempts = Attempts::new(datagrams, now, first_look);
        self.attempts.entry(number).or_insert(attempts);
        for _ in 0..copies.clamp(1, COPIES_MAX) {
            let Some(replica) = self.choose(to, burst) else { return };
            burst.push(replica);
            self.send_to(now, number, replica);
        }
    }

    fn choose(&self, to: Destination, but: &[ReplicaId]) -> Option<ReplicaId> {
        let group = self.setup.codec.group;
        let count = match to {
            Destination::AnyUpdatable => group.updatable,
            _ => group.replicas,
        };
        let allowed = |replica: &ReplicaId| !but.contains(replica);
        match (to, self.route) {
            (Destination::Replica(replica), _) | (_, Route::Only(replica)) => {
                Some(replica).filter(allowed)
            }
            (_, Route::Fastest) => {
                let known = |r: &ReplicaId| self.setup.replicas[r.index()].is_some();
                let all = || (0..count).map(ReplicaId).filter(allowed);
                self.nearest.among(all().filter(known)).or_else(|| self.nearest.among(all()))
            }
        }
    }

    fn send_to(&mut self, now: Duration, number: u64, replica: ReplicaId) {
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        attempts.asks(replica, now);
        let Some(address) = self.setup.replicas[replica.index()] else { return };
        let datagrams = attempts.datagrams.iter().cloned();
        self.outgoing.extend(datagrams.map(|bytes| (address, bytes)));
    }

    /// A request was sent for the first time, to these. Sets when it is late.
    pub(super) fn plan_hedge(&mut self, now: Duration, number: u64, to: &[ReplicaId]) {
        self.hedges = (self.hedges + 1).min(HEDGES_AT_ONCE * HEDGE_ONE_IN);
        let wanted = match self.setup.sending.hedge {
            Hedge::Off => false,
            Hedge::Queries => self.is_query(number),
            Hedge::All => true,
        };
        let (&[replica], Route::Fastest, true) = (to, self.route, wanted) else { return };
        let late = self.nearest.late_after(replica).filter(|late| *late < self.setup.retry_after);
        if let (Some(late), Some(attempts)) = (late, self.attempts.get_mut(&number)) {
            attempts.hedge_at = Some(now + late);
        }
    }

    /// The answer is late: the same request goes to one more. It is the protocol's retry, only earlier, and
    /// without giving up on the first one (S25).
    pub(super) fn hedge(&mut self, now: Duration, number: u64) {
        let updates = !self.is_query(number);
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        attempts.hedge_at = None;
        let asked: Vec<_> = attempts.asked.keys().copied().collect();
        let to = if updates { Destination::AnyUpdatable } else { Destination::AnyReplica };
        let Some(left) = self.hedges.checked_sub(HEDGE_ONE_IN) else { return };
        if let (Route::Fastest, Some(replica)) = (self.route, self.choose(to, &asked)) {
            self.hedges = left;
            self.send_to(now, number, replica);
        }
    }

    /// May answers have arrived since the last request ended? How old they are cannot be said, so they are to
    /// be taken in before the next one begins.
    pub fn may_have_mail(&self) -> bool {
        self.probes.asked.iter().any(Option::is_some)
    }

    /// When to ask others how they are.
    pub(super) fn probe_at(&self) -> Option<Duration> {
        let wanted = self.route == Route::Fastest && self.setup.codec.group.replicas > 1;
        let in_use = self.probes.requests > 1 && !self.state.in_flight.is_empty();
        (wanted && in_use).then_some(self.probes.at)
    }

    pub(super) fn probe(&mut self, now: Duration) {
        let count = self.setup.codec.group.replicas;
        self.probes.at = now + PROBE_EVERY;
        for _ in 0..PROBES_AT_ONCE.min(count) {
            let replica = ReplicaId(self.probes.next % count);
            self.probes.next = replica.0 + 1;
            if self.nearest.in_use() != Some(replica) {
                self.ask_status(replica);
                self.probes.asked[replica.index()] = Some(now);
            }
        }
    }

    /// Asks a replica manager how it is.
    pub fn ask_status(&mut self, of: ReplicaId) {
        // Of the next answer, it is not known to which question it is.
        self.probes.asked[of.index()] = None;
        let version = self.spoken.take(of);
        self.ask_status_in(of, version);
    }

    pub(super) fn ask_status_in(&mut self, of: ReplicaId, version: u8) {
        let codec = self.setup.codec.towards(version);
        let bytes = codec.encode(self.me(), &Packet::<S>::StatusRequest);
        if let (Some(address), Ok(bytes)) = (self.setup.replicas[of.index()], bytes) {
            self.outgoing.push((address, bytes));
        }
    }

    /// Learns from an answer how far away the sender is, and from its absence, the others.
    pub(super) fn note_answer(&mut self, now: Duration, number: u64, sender: Sender) {
        let Sender::Replica(replica) = sender else { return };
        let Some(attempts) = self.attempts.get(&number) else { return };
        if self.wanted.is_none() || attempts.abandoned {
            return; // It may have lain in the socket for long.
        }
        for (asked, time) in &attempts.asked {
            let took = now.saturating_sub(time.last);
            if *asked != replica {
                self.nearest.slower(*asked, took);
                continue;
            }
            // Of one that was asked twice, it is not known which time it answers (Karn).
            let is_certain = time.times == 1 || !self.nearest.is_known(replica);
            self.nearest.answered(replica, is_certain.then_some(took));
        }
    }

    /// Whoever was asked since the last time did not answer: others are preferred for now.
    pub(super) fn penalise(&mut self, number: u64) {
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        for replica in std::mem::take(&mut attempts.round) {
            self.nearest.silent(replica);
        }
    }
}
