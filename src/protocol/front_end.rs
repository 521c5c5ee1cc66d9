//! The front end: the client's agent. It carries what the client has seen to whichever replica manager is
//! asked.

use super::{
    Destination, Effects, Event, FrontEndId, Group, Message, Refusal, ReplicaId, RequestId, Rules,
    Serial, Service, Timer, Timestamp, Update, rules,
};
use std::collections::{BTreeMap, VecDeque};

/// Requests that a front end may hold that were not sent yet. A client that goes beyond must wait.
pub const OUTBOX_MAX: usize = 10_000;

/// Independent updates that a front end may have under way at once.
pub const IN_FLIGHT_MAX: usize = 64;

/// How a front end chooses the replica manager for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Always this one, and the next ones in turn when it does not answer (S15).
    Home(ReplicaId),
    /// Any, for each transmission anew: the driver chooses (S5).
    Any,
}

/// Who this front end is. Never changes while it runs.
#[derive(Clone, Debug)]
pub struct FrontEnd {
    /// Its name.
    pub id: FrontEndId,
    /// How often it has started without its old state.
    pub incarnation: u32,
    /// Who is in the cluster.
    pub group: Group,
    /// How it chooses.
    pub routing: Routing,
    /// To how many replica managers each update is sent at once, with the same identifier (S25). With
    /// `Routing::Any`, the driver chooses each.
    pub copies: u16,
    rules: &'static Rules,
}

/// What a client asks of its front end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request<S: Service> {
    /// Change the value. Builds on all that went before in this session.
    Update(S::Op),
    /// Change the value, without building on this session's updates that have no timestamp yet: it does not
    /// wait for them. No order between it and them is promised.
    Independent(S::Op),
    /// Answer a question.
    Query(S::Query),
    /// Tell another front end's client something, with all that this client has seen.
    Tell {
        /// Whom.
        to: FrontEndId,
        /// What.
        body: Vec<u8>,
    },
}

/// Everything that a front end knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FrontEndState<S: Service> {
    /// All that the client has seen.
    pub ts: Timestamp,
    /// The number of the next request.
    pub next: u64,
    /// Requests that wait their turn: the client has them behind it, and they keep its order.
    pub outbox: VecDeque<Request<S>>,
    /// Requests that were sent and not answered, by number.
    pub in_flight: BTreeMap<u64, InFlight<S>>,
    /// The replica manager that is asked next.
    pub contact: ReplicaId,
}

/// A request that was sent and not answered. Sent again, it is the same in every respect (C21b).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InFlight<S: Service> {
    /// What the client asked for.
    pub request: Request<S>,
    /// What the client had seen.
    pub prev: Timestamp,
    /// What was finished.
    pub acknowledged: Serial,
}

impl FrontEnd {
    /// A front end that sends each request to one replica manager.
    pub fn new(id: FrontEndId, incarnation: u32, group: Group, routing: Routing) -> Self {
        Self { id, incarnation, group, routing, copies: 1, rules: &rules::FAITHFUL }
    }

    /// The same front end with other rules: a mutant.
    #[cfg(feature = "mutants")]
    pub fn with_rules(self, rules: &'static Rules) -> Self {
        Self { rules, ..self }
    }

    /// A session of a client that has seen `ts`: the zero timestamp, or what another session handed over.
    pub fn start<S: Service>(&self, ts: Timestamp) -> FrontEndState<S> {
        let contact = match self.routing {
            Routing::Home(replica) => replica,
            Routing::Any => ReplicaId(0),
        };
        let (outbox, in_flight) = (VecDeque::new(), BTreeMap::new());
        FrontEndState { ts, next: 0, outbox, in_flight, contact }
    }

    /// Takes a request from the client, and returns to it at once (S17).
    pub fn on_request<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        request: Request<S>,
        fx: &mut Effects<S>,
    ) {
        state.outbox.push_back(request);
        self.send_next(state, fx);
    }

    /// Sends what need not wait.
    ///
    /// Whatever builds on an update must carry its timestamp, so it waits for that: else the client would
    /// not read its own writes, nor would its writes stay in order, nor would others see their cause (C20).
    fn send_next<S: Service>(&self, state: &mut FrontEndState<S>, fx: &mut Effects<S>) {
        while let Some(request) = state.outbox.front() {
            let independent = matches!(request, Request::Independent(_));
            let full = state.in_flight.len() >= IN_FLIGHT_MAX;
            let waits = !state.in_flight.is_empty() && (self.rules.waits_for_timestamps)();
            if full || waits && !independent {
                return;
            }
            let request = state.outbox.pop_front().expect("its front was just looked at");
            match request {
                Request::Tell { to, body } => {
                    let ts = state.ts.clone();
                    fx.sends.push((Destination::FrontEnd(to), Message::Tell { ts, body }));
                }
                request => self.send_first(state, request, fx),
            }
        }
    }

    fn send_first<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        request: Request<S>,
        fx: &mut Effects<S>,
    ) {
        let number = state.next;
        state.next += 1;
        let oldest = state.in_flight.keys().next().copied().unwrap_or(number);
        let acknowledged = (self.rules.acknowledge)(self.serial(oldest), self.serial(state.next));
        let in_flight = InFlight { request, prev: state.ts.clone(), acknowledged };
        state.in_flight.insert(number, in_flight);
        self.transmit(state, number, number, self.copies, fx);
    }

    /// Sends a request, under its own number or (a mutant) another.
    fn transmit<S: Service>(
        &self,
        state: &FrontEndState<S>,
        number: u64,
        under: u64,
        copies: u16,
        fx: &mut Effects<S>,
    ) {
        let InFlight { request, prev, acknowledged } = state.in_flight[&number].clone();
        let id = RequestId { front_end: self.id, serial: self.serial(under) };
        let (message, copies) = match request {
            Request::Update(op) | Request::Independent(op) => {
                (Message::Update(Update { id, acknowledged, prev, op }), copies)
            }
            Request::Query(query) => (Message::Query { id, prev, query }, 1),
            Request::Tell { .. } => unreachable!("what is told is not answered"),
        };
        for copy in 0..copies {
            let to = self.destination(&message, state.contact, copy);
            fx.sends.push((to, message.clone()));
        }
        fx.start.push(Timer::Retry { number });
    }

    fn destination<S: Service>(
        &self,
        message: &Message<S>,
        contact: ReplicaId,
        copy: u16,
    ) -> Destination {
        match (self.routing, message) {
            (Routing::Home(_), _) => Destination::Replica(self.group.after(contact, copy)),
            (Routing::Any, Message::Update(_)) => Destination::AnyUpdatable,
            (Routing::Any, _) => Destination::AnyReplica,
        }
    }

    /// A reply is overdue: the same request goes to the next replica manager (S25).
    pub fn on_retry_timer<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        number: u64,
        fx: &mut Effects<S>,
    ) {
        self.repeat(state, number, self.copies, fx);
    }

    fn repeat<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        number: u64,
        copies: u16,
        fx: &mut Effects<S>,
    ) {
        if !state.in_flight.contains_key(&number) {
            return;
        }
        state.contact = self.group.after(state.contact, 1);
        let under = (self.rules.repeat_as)(number, state.next);
        state.next = state.next.max(under + 1);
        self.transmit(state, number, under, copies, fx);
    }

    /// An update is in a log (S32). Every reply counts, also a late one: a second replica manager may have
    /// recorded the update under another timestamp (C10).
    pub fn on_update_reply<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        id: RequestId,
        ts: Timestamp,
        fx: &mut Effects<S>,
    ) {
        if !self.is_mine(id) {
            return;
        }
        (self.rules.observe)(&mut state.ts, &ts);
        if self.settle(state, id, fx).is_some() {
            fx.events.push(Event::Stamped { id, ts });
            self.send_next(state, fx);
        }
    }

    /// A query is answered (S21). A late answer is dropped: the client never saw it.
    pub fn on_query_reply<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        id: RequestId,
        ts: Timestamp,
        answer: S::Answer,
        fx: &mut Effects<S>,
    ) {
        if self.is_mine(id) && self.settle(state, id, fx).is_some() {
            (self.rules.observe_answer)(&mut state.ts, &ts);
            fx.events.push(Event::Answered { id, answer, ts });
            self.send_next(state, fx);
        }
    }

    /// A read-only replica takes no update: the next one may. One copy for each that was refused, or refusals
    /// would multiply.
    ///
    /// After any other refusal the timer decides when to go on. Every replica manager may refuse so at once,
    /// and the request would go round at the speed of the network.
    pub fn on_refused<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        id: RequestId,
        reason: Refusal,
        fx: &mut Effects<S>,
    ) {
        if self.is_mine(id) && reason == Refusal::ReadOnly {
            self.repeat(state, id.serial.number, 1, fx);
        }
    }

    /// Another client talks to this one (S48).
    pub fn on_tell<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        ts: Timestamp,
        body: Vec<u8>,
        fx: &mut Effects<S>,
    ) {
        (self.rules.hear)(&mut state.ts, &ts);
        fx.events.push(Event::Told { body });
    }

    fn settle<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        id: RequestId,
        fx: &mut Effects<S>,
    ) -> Option<InFlight<S>> {
        let number = id.serial.number;
        let settled = state.in_flight.remove(&number)?;
        fx.cancel.push(Timer::Retry { number });
        Some(settled)
    }

    fn is_mine(&self, id: RequestId) -> bool {
        id.front_end == self.id && id.serial.incarnation == self.incarnation
    }

    fn serial(&self, number: u64) -> Serial {
        Serial { incarnation: self.incarnation, number }
    }
}
