//! A client that waits for its answers, over the same front end as the checker's.
//!
//! It owns what a front end leaves to its driver: how long to wait, and which replica manager is nearest. All
//! of that is in `client/core.rs`, without sockets and clocks; here, a thread waits for it.

mod arrivals;
mod attempts;
mod core;
mod missing;
mod parts;
mod sending;
mod spoken;

pub use self::core::BACK_OFF_MAX;
pub(super) use self::core::{ClientCore, Ticket};
pub use missing::{MissingPast, MissingUpdates};
pub use sending::{HEDGE_ONE_IN, HEDGES_AT_ONCE, PROBE_EVERY, PROBES_AT_ONCE};

use super::{
    ClientError, ClientSetup, Clock, DATAGRAM_BYTES_MAX, Route, SessionError, SessionToken, Status,
    Transport,
};
use crate::{Event, ReplicaId, Service, Timestamp};
use std::time::Duration;

/// Datagrams that are looked at before a request begins, at most.
pub(super) const MAIL_MAX: usize = 64;

/// A client of a cluster: one session.
pub struct Client<S: Service, T, C> {
    core: ClientCore<S>,
    transport: T,
    clock: C,
}

impl<S: Service, T: Transport, C: Clock> Client<S, T, C> {
    /// A session that starts with nothing seen.
    pub fn new(setup: ClientSetup, transport: T, clock: C) -> Self {
        let seen = setup.codec.group.zero();
        Self::continuing(setup, seen, transport, clock)
    }

    /// A session of a client that has seen this much.
    pub fn continuing(setup: ClientSetup, seen: Timestamp, transport: T, clock: C) -> Self {
        Self { core: ClientCore::new(setup, seen), transport, clock }
    }

    /// Sets whom to ask from now on.
    pub fn route(&mut self, route: Route) {
        self.core.route = route;
    }

    /// Sets how long to wait in all, from now on, before giving up.
    pub fn patience(&mut self, give_up_after: Duration) {
        self.core.setup.give_up_after = give_up_after;
    }

    /// All that the client has seen, for another process to go on from.
    pub fn token(&self) -> SessionToken {
        self.core.token()
    }

    /// What another session has seen, this one has seen from now on (S48).
    pub fn join(&mut self, token: &SessionToken) -> Result<(), SessionError> {
        self.core.join(token)
    }

    /// Changes the value, and waits until a replica manager has it durably. Returns its timestamp.
    pub fn update(&mut self, op: S::Op) -> Result<Timestamp, ClientError> {
        self.take_mail();
        let ticket = self.core.update(self.clock.now(), op)?;
        match self.wait(ticket)? {
            Event::Stamped { ts, .. } => Ok(ts),
            _ => unreachable!("an update ends with its timestamp"),
        }
    }

    /// Asks for an answer that reflects all that the client has seen.
    pub fn query(&mut self, query: S::Query) -> Result<S::Answer, ClientError> {
        self.take_mail();
        let ticket = self.core.query(self.clock.now(), query)?;
        match self.wait(ticket)? {
            Event::Answered { answer, .. } => Ok(answer),
            _ => unreachable!("a query ends with its answer"),
        }
    }

    /// What has arrived since the last request ended.
    fn take_mail(&mut self) {
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        for _ in 0..MAIL_MAX {
            if !self.core.may_have_mail() {
                return;
            }
            let received = self.transport.receive(&mut buffer, Duration::ZERO);
            let Ok(Some((length, _))) = received else { return };
            self.core.take(self.clock.now(), &buffer[..length]);
        }
    }

    /// Drives the session until the request is answered, or it is certain that it will not be in time.
    fn wait(&mut self, ticket: Ticket) -> Result<Event<S>, ClientError> {
        loop {
            if let Some(result) = self.core.poll(self.clock.now(), ticket) {
                return result;
            }
            self.advance(ClientCore::<S>::end_of(ticket));
        }
    }

    /// Does what is due, and waits for one datagram, until `end` at most.
    fn advance(&mut self, end: Duration) {
        let now = self.clock.now();
        self.core.tick(now);
        for (to, bytes) in self.core.take_outgoing() {
            let _ = self.transport.send(to, &bytes);
        }
        let wait = self.core.wake_at(end).saturating_sub(now);
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        if wait.is_zero() {
            return;
        }
        if let Ok(Some((length, _))) = self.transport.receive(&mut buffer, wait) {
            self.core.take(self.clock.now(), &buffer[..length]);
        }
    }

    /// Asks one replica manager how it is.
    pub fn status(&mut self, replica: ReplicaId, wait: Duration) -> Option<Status> {
        self.core.setup.replicas[replica.index()]?;
        self.ask_statuses(&[replica], wait);
        self.core.statuses()[replica.index()].clone()
    }

    /// What each replica manager says of itself; none of those that do not answer in time.
    pub fn statuses(&mut self, wait: Duration) -> Vec<Option<Status>> {
        self.ask_statuses(&self.core.everyone(), wait);
        self.core.statuses().to_vec()
    }

    fn ask_statuses(&mut self, of: &[ReplicaId], wait: Duration) {
        let end = self.clock.now() + wait;
        let mut again = self.clock.now();
        self.core.forget_statuses();
        while self.clock.now() < end && self.core.any_silent(of) {
            if self.clock.now() >= again {
                self.core.ask_silent(of);
                again = self.clock.now() + self.core.setup.retry_after;
            }
            self.advance(again.min(end));
        }
    }
}
