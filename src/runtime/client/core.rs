//! What blocking and asynchronous clients share: a session between calls and datagrams. Sans I/O: the time
//! comes in with each call, datagrams come in as bytes and wait in [`ClientCore::take_outgoing`].

use super::{attempts::Attempts, parts::Parts};
use crate::{
    Destination, Effects, Event, FrontEnd, FrontEndState, Input, Message, ReplicaId, Request,
    RequestId, Routing, Serial, Service, Timer, Timestamp, Update,
    runtime::{
        COUNT_MAX, ClientError, ClientSetup, Packet, Route, SessionError, SessionToken, Status,
        nearest::Nearest,
    },
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// A request is repeated at intervals that double, up to so many times the first one.
pub const BACK_OFF_MAX: u32 = 16;

/// A session of a client, without sockets and clocks.
pub(in crate::runtime) struct ClientCore<S: Service> {
    pub setup: ClientSetup,
    pub route: Route,
    pub(super) front_end: FrontEnd,
    pub(super) state: FrontEndState<S>,
    pub(super) timers: BTreeMap<u64, Duration>,
    pub(super) attempts: BTreeMap<u64, Attempts>,
    pub(super) nearest: Nearest,
    pub(super) parts: Parts,
    pub(super) too_large: Option<u64>,
    /// What each replica manager said of itself since [`ClientCore::forget_statuses`].
    pub(super) statuses: Vec<Option<Status>>,
    outgoing: Vec<(SocketAddr, Vec<u8>)>,
    /// The request that is waited for, and how it ended.
    wanted: Option<RequestId>,
    ended: Option<Event<S>>,
}

/// A request that is waited for.
#[derive(Clone, Copy, Debug)]
pub(in crate::runtime) struct Ticket {
    /// The number that it has, or will get.
    number: u64,
    /// When the wait is over.
    end: Duration,
    is_query: bool,
}

impl<S: Service> ClientCore<S> {
    /// A session of a client that has seen this much.
    pub fn new(setup: ClientSetup, seen: Timestamp) -> Self {
        let group = setup.codec.group;
        let front_end = FrontEnd::new(setup.front_end, setup.incarnation, group, Routing::Any);
        Self {
            state: front_end.start(seen),
            front_end,
            route: Route::Fastest,
            timers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            nearest: Nearest::new(group.replicas, setup.front_end),
            parts: Parts::default(),
            too_large: None,
            statuses: vec![None; setup.replicas.len()],
            outgoing: Vec::new(),
            wanted: None,
            ended: None,
            setup,
        }
    }

    pub fn token(&self) -> SessionToken {
        SessionToken::new(self.setup.codec.cluster, &self.state.ts)
    }

    pub fn join(&mut self, token: &SessionToken) -> Result<(), SessionError> {
        let seen = token.open(self.setup.codec)?;
        self.state.ts.merge(&seen);
        Ok(())
    }

    /// Begins an update. Errors: nothing was sent.
    pub fn update(&mut self, now: Duration, op: S::Op) -> Result<Ticket, ClientError> {
        self.check_size(&op)?;
        Ok(self.ask(now, Request::Update(op)))
    }

    /// By the longest numbers that it could get, so that the limit is the same at all times.
    fn check_size(&self, op: &S::Op) -> Result<(), ClientError> {
        let group = self.setup.codec.group;
        let prev = std::iter::repeat_n(COUNT_MAX, group.updatable.into()).collect();
        let (id, acknowledged) = (self.id(COUNT_MAX), self.serial(COUNT_MAX));
        let update = Update::<S> { id, acknowledged, prev, op: op.clone() };
        self.setup.codec.admit(&update).map_err(ClientError::TooLarge)
    }

    /// Begins a query. Errors: nothing was sent.
    pub fn query(&mut self, now: Duration, query: S::Query) -> Result<Ticket, ClientError> {
        let (id, prev) = (self.id(COUNT_MAX), self.state.ts.clone());
        let packet = Packet::<S>::Message(Message::Query { id, prev, query: query.clone() });
        self.setup.codec.encode(self.me(), &packet).map_err(ClientError::TooLarge)?;
        Ok(self.ask(now, Request::Query(query)))
    }

    fn ask(&mut self, now: Duration, request: Request<S>) -> Ticket {
        let number = self.state.next + self.state.outbox.len() as u64;
        let is_query = matches!(request, Request::Query(_));
        let end = now + self.setup.give_up_after;
        (self.wanted, self.ended, self.too_large) = (Some(self.id(number)), None, None);
        self.forget_statuses();
        self.step(now, Input::Request(request));
        Ticket { number, end, is_query }
    }

    /// How the request ended, if it has. What the caller waits for is over then.
    pub fn poll(&mut self, now: Duration, ticket: Ticket) -> Option<Result<Event<S>, ClientError>> {
        if let Some(event) = self.ended.take() {
            return Some(Ok(event));
        }
        let over = now >= ticket.end || self.is_hopeless(ticket.number);
        over.then(|| Err(self.give_up(ticket)))
    }

    /// Nobody else may be asked, and this one does not want to; or the answer cannot be had.
    fn is_hopeless(&self, number: u64) -> bool {
        let refused = self.attempts.get(&number).is_some_and(|a| a.refused > 0);
        self.too_large.is_some() || refused && matches!(self.route, Route::Only(_))
    }

    /// Nobody waits for the request any longer. A query, and whatever was not sent, is dropped; an update
    /// that was sent is not over, and the session goes on trying.
    pub fn give_up(&mut self, ticket: Ticket) -> ClientError {
        (self.wanted, self.ended) = (None, None);
        if self.state.next <= ticket.number {
            self.state.outbox.pop_back();
            return ClientError::Behind;
        }
        match ticket.is_query {
            true => self.failed_query(ticket.number),
            false => self.failed_update(ticket.number),
        }
    }

    fn failed_update(&mut self, number: u64) -> ClientError {
        let attempts = self.attempts.get(&number);
        let refused = attempts.and_then(|a| a.reason);
        let group = self.setup.codec.group;
        let recorded = |replica: &ReplicaId| group.is_updatable(*replica);
        if attempts.is_some_and(|a| a.asked.keys().any(recorded)) {
            let missing = self.missing(number);
            return ClientError::Indefinite { id: self.id(number), refused, missing };
        }
        self.forget(number);
        refused.map_or(ClientError::Unanswered, ClientError::Refused)
    }

    fn failed_query(&mut self, number: u64) -> ClientError {
        let refused = self.attempts.get(&number).and_then(|a| a.reason);
        let missing = self.missing(number);
        // Without effect, so nothing is lost by dropping it; a late answer finds nobody.
        self.forget(number);
        match (self.too_large, missing, refused) {
            (Some(bytes), _, _) => ClientError::AnswerTooLarge { bytes },
            (None, Some(missing), _) => ClientError::DependencyUnavailable(missing),
            (None, None, Some(reason)) => ClientError::Refused(reason),
            (None, None, None) => ClientError::Unanswered,
        }
    }

    fn forget(&mut self, number: u64) {
        self.state.in_flight.remove(&number);
        self.timers.remove(&number);
        self.attempts.remove(&number);
        self.parts.clear();
    }

    /// What is due is done.
    pub fn tick(&mut self, now: Duration) {
        for number in due(self.timers.iter().map(|(number, at)| (*number, *at)), now) {
            self.timers.remove(&number);
            self.penalise(number);
            self.step(now, Input::Timer(Timer::Retry { number }));
        }
        let looks = self.attempts.iter().map(|(number, a)| (*number, a.look_at));
        for number in due(looks, now) {
            self.look(now, number);
        }
    }

    /// When there is something to do at the latest, besides giving up.
    fn due_at(&self) -> Option<Duration> {
        let looks = self.attempts.values().map(|attempts| attempts.look_at);
        self.timers.values().copied().chain(looks).min()
    }

    /// When to call [`ClientCore::tick`] and [`ClientCore::poll`] at the latest, if nothing arrives.
    pub fn wake_at(&self, end: Duration) -> Duration {
        self.due_at().map_or(end, |at| at.min(end))
    }

    /// When the wait for a request is over.
    pub fn end_of(ticket: Ticket) -> Duration {
        ticket.end
    }

    pub(super) fn step(&mut self, now: Duration, input: Input<S>) {
        let mut fx = Effects::default();
        self.front_end.handle(&mut self.state, input, &mut fx);
        fx.sends.into_iter().for_each(|(to, message)| self.send(now, to, &message));
        for timer in fx.start {
            if let Timer::Retry { number } = timer {
                let sent = self.attempts.get(&number).map_or(1, |a| a.sent.max(1));
                let factor = 1u32.checked_shl(sent - 1).unwrap_or(BACK_OFF_MAX).min(BACK_OFF_MAX);
                self.timers.insert(number, now + self.setup.retry_after * factor);
            }
        }
        for timer in fx.cancel {
            if let Timer::Retry { number } = timer {
                self.timers.remove(&number);
                self.attempts.remove(&number);
                self.parts.clear();
            }
        }
        fx.events.into_iter().for_each(|event| self.note_end(event));
    }

    fn note_end(&mut self, event: Event<S>) {
        let id = match &event {
            Event::Stamped { id, .. } | Event::Answered { id, .. } => Some(*id),
            Event::Told { .. } | Event::StateLost { .. } => None,
        };
        if id.is_some() && id == self.wanted {
            self.ended = Some(event);
        }
    }

    fn send(&mut self, now: Duration, to: Destination, message: &Message<S>) {
        let number = match message {
            Message::Update(update) => update.id.serial.number,
            Message::Query { id, .. } => id.serial.number,
            _ => return,
        };
        let replica = match (to, self.route) {
            (Destination::Replica(replica), _) | (_, Route::Only(replica)) => replica,
            (Destination::AnyUpdatable, Route::Fastest) => {
                self.nearest.among(self.setup.codec.group.updatable)
            }
            (_, Route::Fastest) => self.nearest.among(self.setup.codec.group.replicas),
        };
        let first_look = now + self.setup.retry_after.min(self.setup.give_up_after / 2);
        let attempts =
            self.attempts.entry(number).or_insert_with(|| Attempts::new(now, first_look));
        attempts.sent += 1;
        attempts.asked.insert(replica, now);
        attempts.last = Some((replica, now));
        let address = self.setup.replicas[replica.index()];
        let encoded = self.setup.codec.datagrams(self.me(), message);
        if let (Some(address), Ok(datagrams)) = (address, encoded) {
            self.outgoing.extend(datagrams.into_iter().map(|bytes| (address, bytes)));
        }
    }

    /// Asks a replica manager how it is.
    pub fn ask_status(&mut self, of: ReplicaId) {
        let bytes = self.setup.codec.encode(self.me(), &Packet::<S>::StatusRequest);
        if let (Some(address), Ok(bytes)) = (self.setup.replicas[of.index()], bytes) {
            self.outgoing.push((address, bytes));
        }
    }

    /// What each has said of itself since [`ClientCore::forget_statuses`].
    pub fn statuses(&self) -> &[Option<Status>] {
        &self.statuses
    }

    pub fn forget_statuses(&mut self) {
        self.statuses.fill(None);
    }

    /// What is to be sent. A lost datagram is a lost datagram; the timers run.
    pub fn take_outgoing(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.outgoing)
    }

    pub(super) fn me(&self) -> crate::Sender {
        crate::Sender::FrontEnd(self.front_end.id)
    }

    fn serial(&self, number: u64) -> Serial {
        Serial { incarnation: self.front_end.incarnation, number }
    }

    pub(super) fn id(&self, number: u64) -> RequestId {
        RequestId { front_end: self.front_end.id, serial: self.serial(number) }
    }
}

fn due(all: impl Iterator<Item = (u64, Duration)>, now: Duration) -> Vec<u64> {
    all.filter(|(_, at)| *at <= now).map(|(number, _)| number).collect()
}
