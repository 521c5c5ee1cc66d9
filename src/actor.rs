//! The protocol's parties as stateright actors, so that you can check your own service with the very handlers
//! that are deployed. Deliberately without ghosts, reductions or a search of its own: `chinwag-models` has
//! those.
//!
//! ```
//! use chinwag::{Group, Request, actor::{Actors, Parties, equal_timestamps_equal_answers}};
//! use chinwag::services::Counter;
//! use stateright::{Checker, Expectation, Model, actor::{ActorModel, Network}};
//!
//! // Two replica managers, and a client that adds 2 and asks.
//! let clients = vec![vec![Request::Update(2), Request::Query(())]];
//! let model = ActorModel::new((), ())
//!     .actors(Parties::<Counter>::of(Group::of(2), clients))
//!     // Messages arrive in any order, any number of times, or never.
//!     .init_network(Network::new_unordered_duplicating([]))
//!     .property(Expectation::Always, "replicas agree", |_: &Actors<Counter>, state| {
//!         equal_timestamps_equal_answers(&state.actor_states, &[()])
//!     })
//!     .property(Expectation::Always, "a client reads its own write", |_, state| {
//!         state.actor_states[2].answers().iter().all(|seen| seen.answer == 2)
//!     })
//!     .property(Expectation::Sometimes, "the client is answered", |_, state| {
//!         !state.actor_states[2].answers().is_empty()
//!     });
//! let checker = model.checker().spawn_bfs().join();
//! checker.assert_properties();
//! assert_eq!(checker.unique_state_count(), 463);
//! ```
//!
//! # What to know of stateright here
//!
//! - On [`Network::new_unordered_duplicating`] the state space is finite. On the non-duplicating one it is
//!   not: a manager repeats its gossip until a receipt comes, and each copy counts.
//! - `max_crashes` bounds how many parties are down *at one time*, not how often they crash. Clients crash
//!   too, and such a client is gone. Keep the model finite with `within_boundary` where that is too much.
//! - A run that met a bound passes `assert_properties`. It is not a proof.
//!
//! [`Network::new_unordered_duplicating`]: stateright::actor::Network::new_unordered_duplicating

use crate::protocol::{
    Destination, Effects, Event, FrontEnd, FrontEndId, FrontEndState, Group, Input, ManagerState,
    Message, Replica, ReplicaId, ReplicaManager, Request, RequestId, Routing, Sender, Service,
    Timer, Timestamp,
};
use stateright::actor::{Actor, ActorModel, Id, Out, model_timeout};
use std::{borrow::Cow, cmp::Ordering, sync::Arc};

/// A model of nothing but parties.
pub type Actors<S> = ActorModel<Party<S>, (), ()>;

/// A message that can be sorted, as stateright wants it. The order means nothing: timestamps have no honest
/// one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sortable<S: Service>(pub Message<S>);

impl<S: Service> Ord for Sortable<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl<S: Service> PartialOrd for Sortable<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S: Service> std::fmt::Debug for Sortable<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A party of the cluster: an actor.
///
/// The actor with [`Id`] n is replica manager n; clients come after the last one, in the order of their
/// names.
#[derive(Clone, Debug)]
pub enum Party<S: Service> {
    /// A replica manager.
    Manager(ReplicaManager),
    /// A client with its front end.
    Client {
        /// Its front end.
        front_end: FrontEnd,
        /// What it asks for, in this order. It asks for all at once; the front end keeps the order.
        requests: Vec<Request<S>>,
        /// How often it may lose patience with a request and send it elsewhere.
        retries: u8,
    },
}

/// Makes the actors of a cluster.
#[derive(Debug)]
pub struct Parties<S>(std::marker::PhantomData<S>);

impl<S: Service> Parties<S> {
    /// The replica managers of a group, then a client for each list of requests, that asks whichever manager
    /// it likes and never loses patience. Change what you get where you want it otherwise.
    pub fn of(group: Group, clients: Vec<Vec<Request<S>>>) -> Vec<Party<S>> {
        let managers = group.members().map(|id| Party::Manager(ReplicaManager::new(id, group)));
        let clients = clients.into_iter().enumerate().map(|(n, requests)| {
            let front_end = FrontEnd::new(FrontEndId(n as u64), 0, group, Routing::Any);
            Party::Client { front_end, requests, retries: 0 }
        });
        managers.chain(clients).collect()
    }
}

/// What a party knows, and what its client has seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "there are few, each in an `Arc` of stateright's")]
pub enum PartyState<S: Service> {
    /// A replica manager's.
    Manager {
        /// What the protocol knows.
        state: ManagerState<S>,
        /// What its disk holds: the journal, folded. Not what memory holds: what a handler forgets to journal
        /// is lost in a crash here as well as it would be on a real disk.
        disk: Replica<S>,
    },
    /// A client's.
    Client {
        /// What the protocol knows.
        state: FrontEndState<S>,
        /// What the client was told, in order.
        answers: Vec<Answered<S>>,
        /// Retries left.
        retries: u8,
    },
}

/// An answer as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answered<S: Service> {
    /// The query.
    pub id: RequestId,
    /// The answer.
    pub answer: S::Answer,
    /// What it reflects.
    pub ts: Timestamp,
}

/// What survives a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "as `PartyState`")]
pub enum Saved<S: Service> {
    /// A replica manager's replica.
    Replica(Replica<S>),
    /// That a client had started. It does not come back: under its old name it would use its numbers again.
    Started,
}

/// A choice that the driver has: to which replica manager a request goes. The checker tries all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Choice<S: Service> {
    /// This one.
    pub to: ReplicaId,
    /// The request.
    pub message: Sortable<S>,
}

impl<S: Service> PartyState<S> {
    /// The replica, of a replica manager.
    pub fn replica(&self) -> Option<&Replica<S>> {
        match self {
            PartyState::Manager { state, .. } => Some(&state.replica),
            PartyState::Client { .. } => None,
        }
    }

    /// What the client was told, in order; nothing for a replica manager.
    pub fn answers(&self) -> &[Answered<S>] {
        match self {
            PartyState::Manager { .. } => &[],
            PartyState::Client { answers, .. } => answers,
        }
    }
}

/// Do replica managers whose values reflect the same updates answer these queries alike? What the law of
/// [`Service`] is for (P19).
pub fn equal_timestamps_equal_answers<S: Service>(
    states: &[Arc<PartyState<S>>],
    queries: &[S::Query],
) -> bool {
    let replicas = || states.iter().filter_map(|state| state.replica());
    let alike = |a: &Replica<S>, b: &Replica<S>| {
        queries.iter().all(|query| a.value().answer(query) == b.value().answer(query))
    };
    replicas().all(|a| replicas().all(|b| a.value_ts() != b.value_ts() || alike(a, b)))
}

impl<S: Service> Party<S> {
    fn group(&self) -> Group {
        match self {
            Party::Manager(manager) => manager.group,
            Party::Client { front_end, .. } => front_end.group,
        }
    }

    fn sender(&self, id: Id) -> Sender {
        let (id, managers) = (usize::from(id), usize::from(self.group().replicas));
        match id.checked_sub(managers) {
            None => Sender::Replica(ReplicaId(id as u16)),
            Some(client) => Sender::FrontEnd(FrontEndId(client as u64)),
        }
    }

    /// One handler, the disk and the client: one atomic step.
    ///
    /// A crash can be between two steps only, but that loses nothing: within a step everything in the journal
    /// is durable before anything is sent (the driver's law), so a crash in between is a crash after it, in
    /// which the messages are lost.
    fn step(&self, state: &mut Cow<'_, PartyState<S>>, input: Input<S>, o: &mut Out<Self>) {
        let mut next = state.clone().into_owned();
        let mut fx = Effects::default();
        match (self, &mut next) {
            (Party::Manager(manager), PartyState::Manager { state, disk }) => {
                manager.handle(state, input, &mut fx);
                fx.journal.iter().for_each(|change| disk.commit(manager.rules(), change));
                if !fx.journal.is_empty() {
                    o.save(Saved::Replica(disk.clone()));
                }
            }
            (Party::Client { front_end, .. }, PartyState::Client { state, answers, .. }) => {
                front_end.handle(state, input, &mut fx);
                answers.extend(fx.events.drain(..).filter_map(|event| match event {
                    Event::Answered { id, answer, ts } => Some(Answered { id, answer, ts }),
                    Event::Stamped { .. } | Event::Told { .. } | Event::StateLost { .. } => None,
                }));
            }
            _ => unreachable!("a party's state has the party's kind"),
        }
        self.emit(fx, o);
        // Stateright takes a step for a no-op by the `Cow`, not by the value.
        if next != **state {
            *state = Cow::Owned(next);
        }
    }

    fn emit(&self, fx: Effects<S>, o: &mut Out<Self>) {
        let Group { replicas, updatable, .. } = self.group();
        for (copy, (to, message)) in fx.sends.into_iter().enumerate() {
            let message = Sortable(message);
            match to {
                Destination::Replica(id) => o.send(Id::from(id.index()), message),
                Destination::FrontEnd(id) => {
                    o.send(Id::from(usize::from(replicas) + id.0 as usize), message);
                }
                Destination::AnyReplica => choose(copy, replicas, message, o),
                Destination::AnyUpdatable => choose(copy, updatable, message, o),
            }
        }
        fx.start.into_iter().for_each(|timer| o.set_timer(timer, model_timeout()));
        fx.cancel.into_iter().for_each(|timer| o.cancel_timer(timer));
    }
}

/// Lets the checker send a message to any of the first so many replica managers.
///
/// The key names the message, so that choices that are open at the same time do not replace each other. A
/// repetition of a request that was not even sent yet does replace it: as if the first one had been lost.
fn choose<S: Service>(copy: usize, among: u16, message: Sortable<S>, o: &mut Out<Party<S>>) {
    let key = format!("{message:?} {copy}");
    let choice = |to| Choice { to: ReplicaId(to), message: message.clone() };
    o.choose_random(key, (0..among).map(choice).collect());
}

impl<S: Service> Actor for Party<S> {
    type Msg = Sortable<S>;
    type Timer = Timer;
    type State = PartyState<S>;
    type Storage = Saved<S>;
    type Random = Choice<S>;

    fn on_start(&self, _: Id, saved: &Option<Saved<S>>, o: &mut Out<Self>) -> PartyState<S> {
        let mut fx = Effects::default();
        let state = match self {
            Party::Manager(manager) => {
                let disk = match saved {
                    Some(Saved::Replica(replica)) => replica.clone(),
                    _ => Replica::empty(manager.group.updatable.into()),
                };
                PartyState::Manager { state: manager.start(disk.clone(), &mut fx), disk }
            }
            Party::Client { front_end, requests, retries } => {
                let mut state = front_end.start(front_end.group.zero());
                if saved.is_none() {
                    o.save(Saved::Started);
                    for request in requests {
                        front_end.on_request(&mut state, request.clone(), &mut fx);
                    }
                }
                PartyState::Client { state, answers: Vec::new(), retries: *retries }
            }
        };
        self.emit(fx, o);
        state
    }

    fn on_msg(
        &self,
        _: Id,
        state: &mut Cow<'_, PartyState<S>>,
        src: Id,
        message: Sortable<S>,
        o: &mut Out<Self>,
    ) {
        self.step(state, Input::Message(self.sender(src), message.0), o);
    }

    fn on_timeout(
        &self,
        _: Id,
        state: &mut Cow<'_, PartyState<S>>,
        timer: &Timer,
        o: &mut Out<Self>,
    ) {
        if let PartyState::Client { retries, .. } = &**state {
            if *retries == 0 {
                return o.set_timer(*timer, model_timeout()); // Out of patience: nothing happened.
            }
            let PartyState::Client { retries, .. } = state.to_mut() else { unreachable!() };
            *retries -= 1;
        }
        self.step(state, Input::Timer(*timer), o);
    }

    fn on_random(
        &self,
        _: Id,
        _: &mut Cow<'_, PartyState<S>>,
        choice: &Choice<S>,
        o: &mut Out<Self>,
    ) {
        o.send(Id::from(choice.to.index()), choice.message.clone());
    }

    fn name(&self) -> String {
        match self {
            Party::Manager(manager) => format!("{:?}", manager.id),
            Party::Client { front_end, .. } => format!("{:?}", front_end.id),
        }
    }
}
