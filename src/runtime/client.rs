//! A client that waits for its answers, over the same front end as the checker's.
//!
//! It owns what a front end leaves to its driver: how long to wait, and which replica manager is nearest.

mod statuses;

use super::{
    AnswerPart, COUNT_MAX, ClientError, ClientSetup, Clock, DATAGRAM_BYTES_MAX, Packet, Route,
    SessionToken, Status, Transport, nearest::Nearest,
};
use crate::{
    Destination, Effects, Event, FrontEnd, FrontEndState, Input, Message, Refusal, ReplicaId,
    Request, RequestId, Routing, Sender, Serial, Service, Timer, Timestamp, Update,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A request is repeated at intervals that double, up to so many times the first one.
pub const BACK_OFF_MAX: u32 = 16;

/// A client of a cluster: one session.
pub struct Client<S: Service, T, C> {
    setup: ClientSetup,
    front_end: FrontEnd,
    state: FrontEndState<S>,
    transport: T,
    clock: C,
    route: Route,
    timers: BTreeMap<u64, Duration>,
    attempts: BTreeMap<u64, Attempts>,
    nearest: Nearest,
    parts: BTreeMap<u16, AnswerPart>,
    too_large: Option<u64>,
}

/// What was done about a request so far.
#[derive(Clone, Debug, Default)]
struct Attempts {
    asked: BTreeSet<ReplicaId>,
    last: Option<(ReplicaId, Duration)>,
    sent: u32,
    refused: u32,
    reason: Option<Refusal>,
}

impl<S: Service, T: Transport, C: Clock> Client<S, T, C> {
    /// A session that starts with nothing seen.
    pub fn new(setup: ClientSetup, transport: T, clock: C) -> Self {
        let seen = setup.codec.group.zero();
        Self::continuing(setup, seen, transport, clock)
    }

    /// A session of a client that has seen this much.
    pub fn continuing(setup: ClientSetup, seen: Timestamp, transport: T, clock: C) -> Self {
        let group = setup.codec.group;
        let front_end = FrontEnd::new(setup.front_end, setup.incarnation, group, Routing::Any);
        Self {
            state: front_end.start(seen),
            front_end,
            transport,
            clock,
            route: Route::Fastest,
            timers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            nearest: Nearest::new(group.replicas, setup.front_end),
            parts: BTreeMap::new(),
            too_large: None,
            setup,
        }
    }

    /// Sets whom to ask from now on.
    pub fn route(&mut self, route: Route) {
        self.route = route;
    }

    /// Sets how long to wait in all, from now on, before giving up.
    pub fn patience(&mut self, give_up_after: Duration) {
        self.setup.give_up_after = give_up_after;
    }

    /// All that the client has seen, for another process to go on from.
    pub fn token(&self) -> SessionToken {
        SessionToken::new(self.setup.codec.cluster, &self.state.ts)
    }

    /// What another session has seen, this one has seen from now on (S48).
    pub fn join(&mut self, token: &SessionToken) -> Result<(), super::SessionError> {
        let seen = token.open(self.setup.codec)?;
        self.state.ts.merge(&seen);
        Ok(())
    }

    /// Changes the value, and waits until a replica manager has it durably. Returns its timestamp.
    pub fn update(&mut self, op: S::Op) -> Result<Timestamp, ClientError> {
        self.check_size(&op)?;
        let (number, end) = self.ask(Request::Update(op));
        match self.wait(number, end) {
            Some(Event::Stamped { ts, .. }) => Ok(ts),
            _ => Err(self.failed_update(number)),
        }
    }

    /// By the longest numbers that it could get, so that the limit is the same at all times.
    fn check_size(&self, op: &S::Op) -> Result<(), ClientError> {
        let group = self.setup.codec.group;
        let prev = std::iter::repeat_n(COUNT_MAX, group.updatable.into()).collect();
        let (id, acknowledged) = (self.id(COUNT_MAX), self.serial(COUNT_MAX));
        let update = Update::<S> { id, acknowledged, prev, op: op.clone() };
        self.setup.codec.admit(&update).map_err(ClientError::TooLarge)
    }

    /// Asks for an answer that reflects all that the client has seen.
    pub fn query(&mut self, query: S::Query) -> Result<S::Answer, ClientError> {
        let (id, prev) = (self.id(COUNT_MAX), self.state.ts.clone());
        let packet = Packet::<S>::Message(Message::Query { id, prev, query: query.clone() });
        self.setup.codec.encode(self.me(), &packet).map_err(ClientError::TooLarge)?;
        self.too_large = None;
        let (number, end) = self.ask(Request::Query(query));
        match self.wait(number, end) {
            Some(Event::Answered { answer, .. }) => Ok(answer),
            _ => Err(self.failed_query(number)),
        }
    }

    /// Asks one replica manager how it is.
    pub fn status(&mut self, replica: ReplicaId, wait: Duration) -> Option<Status> {
        let end = self.clock.now() + wait;
        let packet = Packet::<S>::StatusRequest;
        let bytes = self.setup.codec.encode(self.me(), &packet).ok()?;
        let to = self.setup.replicas[replica.index()]?;
        while self.clock.now() < end {
            let _ = self.transport.send(to, &bytes);
            let next = (self.clock.now() + self.setup.retry_after).min(end);
            while self.clock.now() < next {
                match self.receive(next) {
                    Some((sender, Some(Packet::Status(status))))
                        if sender == Sender::Replica(replica) =>
                    {
                        return Some(status);
                    }
                    Some((sender, Some(packet))) => drop(self.arrived(sender, packet)),
                    Some((_, None)) | None => {}
                }
            }
        }
        None
    }

    /// Hands a request to the front end. Returns the number that it has or will get, and the deadline.
    fn ask(&mut self, request: Request<S>) -> (u64, Duration) {
        let number = self.state.next + self.state.outbox.len() as u64;
        let end = self.clock.now() + self.setup.give_up_after;
        self.step(Input::Request(request));
        (number, end)
    }

    /// Drives the front end until the request is answered, or it is certain that it will not be.
    fn wait(&mut self, number: u64, end: Duration) -> Option<Event<S>> {
        loop {
            let now = self.clock.now();
            if now >= end || self.is_hopeless(number) {
                return None;
            }
            let due: Vec<_> =
                self.timers.iter().filter(|(_, at)| **at <= now).map(|(n, _)| *n).collect();
            for number in due {
                self.timers.remove(&number);
                self.penalise(number);
                self.step(Input::Timer(Timer::Retry { number }));
            }
            let next = self.timers.values().min().copied().unwrap_or(end).min(end);
            let Some((sender, Some(packet))) = self.receive(next) else { continue };
            let wanted = self.id(number);
            let answered = self.arrived(sender, packet).into_iter().find(|event| match event {
                Event::Stamped { id, .. } | Event::Answered { id, .. } => *id == wanted,
                Event::Told { .. } | Event::StateLost { .. } => false,
            });
            if answered.is_some() {
                return answered;
            }
        }
    }

    /// Nobody else may be asked, and this one does not want to; or the answer cannot be had.
    fn is_hopeless(&self, number: u64) -> bool {
        let refused = self.attempts.get(&number).is_some_and(|a| a.refused > 0);
        self.too_large.is_some() || refused && matches!(self.route, Route::Only(_))
    }

    /// One datagram, if one comes before `until`; no packet if it is not for us.
    fn receive(&mut self, until: Duration) -> Option<(Sender, Option<Packet<S>>)> {
        let now = self.clock.now();
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        let wait = until.checked_sub(now).filter(|wait| !wait.is_zero())?;
        let (length, _) = self.transport.receive(&mut buffer, wait).ok()??;
        match self.setup.codec.decode(&buffer[..length]) {
            Ok((sender, packet)) => Some((sender, Some(packet))),
            Err(_) => Some((self.me(), None)),
        }
    }

    fn arrived(&mut self, sender: Sender, packet: Packet<S>) -> Vec<Event<S>> {
        let message = match packet {
            Packet::Message(message) => message,
            Packet::AnswerPart(part) => match self.whole_answer(part) {
                Some(message) => message,
                None => return Vec::new(),
            },
            Packet::AnswerTooLarge { id, bytes } => {
                let asked = id == self.id(id.serial.number)
                    && self.state.in_flight.contains_key(&id.serial.number);
                self.too_large = asked.then_some(bytes).or(self.too_large);
                return Vec::new();
            }
            Packet::Status(_)
            | Packet::StatusRequest
            | Packet::Joining { .. }
            | Packet::Known { .. }
            | Packet::CopyRequest { .. }
            | Packet::CopyPart(_)
            | Packet::Replaced => return Vec::new(),
        };
        self.note(sender, &message);
        match message {
            // The front end would turn to the next one at once. When everyone has refused, that would be
            // a loop without a pause; its timer runs on.
            Message::Refused { id, .. } if self.everyone_refused(id) => Vec::new(),
            message => self.step(Input::Message(sender, message)),
        }
    }

    fn everyone_refused(&self, id: RequestId) -> bool {
        let refused = self.attempts.get(&id.serial.number).map_or(0, |a| a.refused);
        refused > u32::from(self.setup.codec.group.replicas) || self.route != Route::Fastest
    }

    /// Learns from what arrives how far away the sender is.
    fn note(&mut self, sender: Sender, message: &Message<S>) {
        let (id, refused) = match message {
            Message::UpdateReply { id, .. } | Message::QueryReply { id, .. } => (*id, None),
            Message::Refused { id, reason } => (*id, Some(*reason)),
            _ => return,
        };
        let now = self.clock.now();
        let number = id.serial.number;
        let Some(attempts) = self.attempts.get_mut(&number).filter(|_| {
            id == RequestId {
                front_end: self.front_end.id,
                serial: serial(&self.front_end, number),
            }
        }) else {
            return;
        };
        if let Some(reason) = refused {
            attempts.refused += 1;
            attempts.reason = Some(reason);
            self.penalise(number);
        } else if let Some((replica, at)) = attempts.last
            && sender == Sender::Replica(replica)
        {
            self.nearest.answered(replica, now.saturating_sub(at));
        }
    }

    /// Whoever was asked last did not answer, or not well: others are preferred for now.
    fn penalise(&mut self, number: u64) {
        if let Some((replica, _)) = self.attempts.get(&number).and_then(|a| a.last) {
            self.nearest.silent(replica);
        }
    }

    fn step(&mut self, input: Input<S>) -> Vec<Event<S>> {
        let mut fx = Effects::default();
        self.front_end.handle(&mut self.state, input, &mut fx);
        fx.sends.into_iter().for_each(|(to, message)| self.send(to, &message));
        for timer in fx.start {
            if let Timer::Retry { number } = timer {
                let sent = self.attempts.get(&number).map_or(1, |a| a.sent.max(1));
                let factor = 1u32.checked_shl(sent - 1).unwrap_or(BACK_OFF_MAX).min(BACK_OFF_MAX);
                self.timers.insert(number, self.clock.now() + self.setup.retry_after * factor);
            }
        }
        for timer in fx.cancel {
            if let Timer::Retry { number } = timer {
                self.timers.remove(&number);
                self.attempts.remove(&number);
                self.parts.clear();
            }
        }
        fx.events
    }

    fn send(&mut self, to: Destination, message: &Message<S>) {
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
        let attempts = self.attempts.entry(number).or_default();
        attempts.sent += 1;
        attempts.asked.insert(replica);
        attempts.last = Some((replica, self.clock.now()));
        let address = self.setup.replicas[replica.index()];
        let encoded = self.setup.codec.datagrams(self.me(), message);
        if let (Some(address), Ok(datagrams)) = (address, encoded) {
            // A lost datagram is a lost datagram; the timer runs.
            datagrams.iter().for_each(|bytes| drop(self.transport.send(address, bytes)));
        }
    }

    fn failed_update(&mut self, number: u64) -> ClientError {
        if self.state.next <= number {
            self.state.outbox.pop_back();
            return ClientError::Behind;
        }
        let attempts = self.attempts.get(&number).cloned().unwrap_or_default();
        let group = self.setup.codec.group;
        if attempts.asked.iter().any(|replica| group.is_updatable(*replica)) {
            return ClientError::Indefinite { id: self.id(number), refused: attempts.reason };
        }
        self.forget(number);
        attempts.reason.map_or(ClientError::Unanswered, ClientError::Refused)
    }

    fn failed_query(&mut self, number: u64) -> ClientError {
        if self.state.next <= number {
            self.state.outbox.pop_back();
            return ClientError::Behind;
        }
        let reason = self.attempts.get(&number).and_then(|a| a.reason);
        // Without effect, so nothing is lost by dropping it; a late answer finds nobody.
        self.forget(number);
        match (self.too_large, reason) {
            (Some(bytes), _) => ClientError::AnswerTooLarge { bytes },
            (None, Some(reason)) => ClientError::Refused(reason),
            (None, None) => ClientError::Unanswered,
        }
    }

    fn forget(&mut self, number: u64) {
        self.state.in_flight.remove(&number);
        self.timers.remove(&number);
        self.attempts.remove(&number);
        self.parts.clear();
    }

    /// Keeps the piece; the answer, if it was the last one missing. Pieces of different answers do not mix.
    fn whole_answer(&mut self, part: AnswerPart) -> Option<Message<S>> {
        if !self.state.in_flight.contains_key(&part.id.serial.number) {
            return None;
        }
        let (id, ts, parts) = (part.id, part.ts.clone(), part.parts);
        self.parts.retain(|_, other| other.id == id && other.ts == ts && other.parts == parts);
        self.parts.insert(part.part, part);
        if self.parts.len() < usize::from(parts) {
            return None;
        }
        let pieces = std::mem::take(&mut self.parts);
        let bytes: Vec<u8> = pieces.into_values().flat_map(|part| part.bytes).collect();
        let answer = self.setup.codec.decode_answer::<S>(&bytes).ok()?;
        Some(Message::QueryReply { id, ts, answer })
    }

    fn me(&self) -> Sender {
        Sender::FrontEnd(self.front_end.id)
    }

    fn serial(&self, number: u64) -> Serial {
        serial(&self.front_end, number)
    }

    fn id(&self, number: u64) -> RequestId {
        RequestId { front_end: self.front_end.id, serial: self.serial(number) }
    }
}

fn serial(front_end: &FrontEnd, number: u64) -> Serial {
    Serial { incarnation: front_end.incarnation, number }
}
