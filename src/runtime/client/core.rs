//! What blocking and asynchronous clients share: a session between calls and datagrams. Sans I/O: the time
//! comes in with each call, datagrams come in as bytes and wait in [`ClientCore::take_outgoing`].

use super::{
    attempts::Attempts,
    parts::Parts,
    sending::{HEDGE_ONE_IN, HEDGES_AT_ONCE, Probes},
    spoken::Spoken,
};
use crate::{
    Effects, Event, FrontEnd, FrontEndState, Input, Message, ReplicaId, Request, RequestId,
    Routing, Serial, Service, Timer, Timestamp, Update,
    runtime::{
        COPIES_MAX, COUNT_MAX, ClientError, ClientSetup, Packet, Route, SessionError, SessionToken,
        Status, nearest::Nearest,
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
    pub(super) probes: Probes,
    /// What the next copies that are sent because an answer is late may cost; each request adds one.
    pub(super) hedges: u32,
    pub(super) parts: Parts,
    pub(super) too_large: Option<u64>,
    /// What each replica manager said of itself since [`ClientCore::forget_statuses`].
    pub(super) statuses: Vec<Option<Status>>,
    pub(super) spoken: Spoken,
    pub(super) outgoing: Vec<(SocketAddr, Vec<u8>)>,
    /// The request that is waited for, and how it ended.
    pub(super) wanted: Option<RequestId>,
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
        let mut front_end = FrontEnd::new(setup.front_end, setup.incarnation, group, Routing::Any);
        front_end.copies = setup.sending.update_copies.clamp(1, COPIES_MAX);
        Self {
            state: front_end.start(seen),
            front_end,
            route: Route::Fastest,
            timers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            nearest: Nearest::new(group.replicas, setup.front_end),
            probes: Probes::new(setup.replicas.len()),
            hedges: HEDGES_AT_ONCE * HEDGE_ONE_IN,
            parts: Parts::default(),
            too_large: None,
            statuses: vec![None; setup.replicas.len()],
            spoken: Spoken::new(setup.replicas.len()),
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
        let seen = token.open(self.setup.codec, &self.setup.earlier)?;
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
        self.spoken.wants_all = false;
        self.probes.requests += 1;
        self.step(now, Input::Request(request));
        Ticket { number, end, is_query }
    }

    /// How the request ended, if it has. What the caller waits for is over then.
    pub fn poll(&mut self, now: Duration, ticket: Ticket) -> Option<Result<Event<S>, ClientError>> {
        if let Some(event) = self.ended.take() {
            self.wanted = None;
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
        let group = self.setup.codec.group;
        let attempts = self.attempts.get_mut(&number);
        let refused = attempts.as_ref().and_then(|a| a.reason);
        let may_record = |replica: &ReplicaId| group.is_updatable(*replica);
        if let Some(attempts) = attempts.filter(|a| a.asked.keys().any(may_record)) {
            attempts.abandoned = true;
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
        let hedges = self.attempts.iter().filter_map(|(n, a)| Some((*n, a.hedge_at?)));
        for number in due(hedges, now) {
            self.hedge(now, number);
        }
        let looks = self.attempts.iter().map(|(number, a)| (*number, a.look_at));
        for number in due(looks, now) {
            self.look(now, number);
        }
        if self.probe_at().is_some_and(|at| at <= now) {
            self.probe(now);
        }
    }

    /// When there is something to do at the latest, besides giving up.
    fn due_at(&self) -> Option<Duration> {
        let attempts = self.attempts.values();
        let of_attempts = attempts.flat_map(|a| a.hedge_at.into_iter().chain([a.look_at]));
        self.timers.values().copied().chain(of_attempts).chain(self.probe_at()).min()
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
        let mut burst = Vec::new();
        for (to, message) in fx.sends {
            self.send(now, to, &message, &mut burst);
        }
        for timer in fx.start {
            if let Timer::Retry { number } = timer {
                self.start_timer(now, number, &burst);
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

    fn start_timer(&mut self, now: Duration, number: u64, sent_to: &[ReplicaId]) {
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        attempts.rounds += 1;
        let factor = 1u32.checked_shl(attempts.rounds - 1).unwrap_or(BACK_OFF_MAX);
        self.timers.insert(number, now + self.setup.retry_after * factor.min(BACK_OFF_MAX));
        if attempts.rounds == 1 {
            self.plan_hedge(now, number, sent_to);
        }
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

    /// What each has said of itself since [`ClientCore::forget_statuses`].
    pub fn statuses(&self) -> &[Option<Status>] {
        &self.statuses
    }

    /// All replica managers.
    pub fn everyone(&self) -> Vec<ReplicaId> {
        self.setup.codec.group.members().collect()
    }

    /// Has one of these not said yet how it is, or may it say more?
    pub fn any_silent(&self, of: &[ReplicaId]) -> bool {
        let may_say_more = |replica: &ReplicaId| self.spoken.asked_again(*replica);
        of.iter().any(|r| self.statuses[r.index()].is_none() || may_say_more(r))
    }

    /// Asks those of them that have said nothing, or not all.
    pub fn ask_silent(&mut self, of: &[ReplicaId]) {
        self.spoken.wants_all = true;
        for replica in of {
            if self.spoken.repeat(*replica) {
                self.ask_status_in(*replica, self.setup.codec.speaks());
            }
            if self.statuses[replica.index()].is_none() {
                self.ask_status(*replica);
            }
        }
    }

    pub fn forget_statuses(&mut self) {
        self.statuses.fill(None);
    }

    /// What is to be sent. A lost datagram is a lost datagram; the timers run.
    pub fn take_outgoing(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::mem::take(&mut self.outgoing)
    }

    pub(super) fn is_query(&self, number: u64) -> bool {
        let in_flight = self.state.in_flight.get(&number);
        in_flight.is_some_and(|in_flight| matches!(in_flight.request, Request::Query(_)))
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
