//! A model as a plain stateright `ActorModel`: the second opinion on the engine. Deliberately without
//! numbers, memory or reductions, and with nothing of `engine` or `system`: what they share is the parties,
//! the properties and the model.
//!
//! It is an `ActorModel` with what stateright's own has no word for, each of which is said where it is done:
//! requests to any manager, crashes at one moment, a network on which only some messages repeat.

mod player;

pub use player::Player;

use crate::{
    application::Application,
    model::{Model, Net},
    party::{Disk, Local, Party},
    properties::{Kind, PROPERTIES, Property, Scope},
    view::{Setting, View},
};
use chinwag::{Group, Message, ReplicaId, Rules, Timer, actor::Sortable};
use player::{ANY_REPLICA, ANY_UPDATABLE};
use stateright::Model as _;
use stateright::actor::{
    ActorModel, ActorModelAction, ActorModelState, Envelope, Id, LossyNetwork, Network,
};
use std::{borrow::Cow, sync::Arc};

/// A state.
pub type PlainState = ActorModelState<Player, ()>;

/// An action.
pub type PlainAction = ActorModelAction<Msg, Timer, ()>;

/// What travels.
pub type Msg = Sortable<Application>;

type Envelopes = Network<Msg>;

/// A model, unreduced.
#[derive(Clone)]
pub struct Plain {
    inner: ActorModel<Player>,
    net: Net,
    group: Group,
    setting: Setting,
    /// See [`Model::asks_on`].
    asks_on: bool,
}

impl Plain {
    /// The model under these rules and with such disks.
    pub fn new(model: &Model, rules: &'static Rules, disk: Disk) -> Self {
        let lossy = match model.net {
            Net::Lossy => LossyNetwork::Yes,
            // Where losing is no action of its own, a message that is never delivered is as good as lost.
            Net::Once | Net::Copies | Net::Echoes | Net::RepeatsRequests | Net::Repeats => {
                LossyNetwork::No
            }
        };
        let network = match model.net {
            Net::Repeats => Network::new_unordered_duplicating([]),
            Net::Once | Net::Copies | Net::Lossy | Net::Echoes | Net::RepeatsRequests => {
                Network::new_unordered_nonduplicating([])
            }
        };
        let inner = ActorModel::new((), ())
            .actors(model.parties(rules, disk).into_iter().map(Player))
            .init_network(network)
            .lossy_network(lossy)
            .max_crashes(1); // At one time: `actions` and the managers' budgets say how often.
        let (net, group, setting) = (model.net, model.group(), model.setting());
        Self { inner, net, group, setting, asks_on: model.asks_on() }
    }

    /// The state of each party.
    pub fn locals<'a>(&self, state: &'a PlainState) -> Vec<&'a Local> {
        state.actor_states.iter().map(|local| &**local).collect()
    }

    fn managers(&self) -> usize {
        self.group.replicas.into()
    }

    /// Hides two things. That the duplicating network remembers the last message it delivered; no behaviour
    /// depends on it. And, unless the model counts copies, how many copies of an equal message the other one
    /// holds: with one, as if the others were lost. That hides a behaviour only where a second delivery of an
    /// equal message differs from a repetition, which `Net::Repeats` has; it is the engine's `Network::Once`.
    fn tidy(&self, network: &mut Envelopes) {
        match network {
            Network::UnorderedDuplicating(_, last) => *last = None,
            Network::UnorderedNonDuplicating(_) if self.net == Net::Copies => {}
            Network::UnorderedNonDuplicating(copies) => {
                copies.values_mut().for_each(|n| *n = 1);
            }
            Network::Ordered(_) => unreachable!("no model's network keeps an order"),
        }
    }

    /// The managers that an envelope may go to, if it is not addressed to one party.
    fn takers(&self, dst: Id) -> Option<std::ops::Range<usize>> {
        match usize::from(dst) {
            ANY_REPLICA => Some(0..self.managers()),
            ANY_UPDATABLE => Some(0..self.group.updatable.into()),
            _ => None,
        }
    }

    /// Hides the gossip that nobody has a reason for (a handler that does nothing), and that is said already:
    /// what is under way, or was delivered, says the same (`ManagerLocal::said`). Where messages get lost for
    /// good, saying it again is a way on, and is not hidden. Hides retries beyond the client's patience,
    /// crashes of clients (a client that crashes is a client that stops) and crashes beyond the manager's
    /// budget.
    fn happens(&self, state: &PlainState, action: &PlainAction) -> bool {
        match action {
            ActorModelAction::Timeout(id, Timer::Gossip { to }) => {
                let Local::Manager(local) = &*state.actor_states[usize::from(*id)] else {
                    unreachable!("only managers have gossip timers")
                };
                let said = self.net != Net::Lossy && local.said >> to.0 & 1 == 1;
                !said && self.has_reason(state, usize::from(*id), *to)
            }
            ActorModelAction::Timeout(id, Timer::Retry { .. }) => {
                matches!(&*state.actor_states[usize::from(*id)], Local::Client(c) if c.retries > 0)
            }
            ActorModelAction::Crash(id) => {
                matches!(&*state.actor_states[usize::from(*id)], Local::Manager(m) if m.crashes > 0)
            }
            _ => true,
        }
    }

    fn has_reason(&self, state: &PlainState, manager: usize, to: ReplicaId) -> bool {
        match (&self.inner.actors[manager].0, &*state.actor_states[manager]) {
            (Party::Manager(party), Local::Manager(local)) => {
                party.node.has_reason(&local.state, to)
            }
            _ => false,
        }
    }

    /// Delivers a message. One that was addressed to any manager is first addressed to this one. One that
    /// repeats is put back.
    fn deliver(&self, last: &PlainState, src: Id, dst: Id, msg: Msg) -> Option<PlainState> {
        let direct = Envelope { src, dst, msg };
        let anywhere =
            [ANY_REPLICA, ANY_UPDATABLE].map(|any| Envelope { dst: any.into(), ..direct.clone() });
        let posted = anywhere.into_iter().find(|envelope| is_in(&last.network, envelope));
        let mut before = Cow::Borrowed(last);
        if let Some(posted) = &posted {
            take(&mut before.to_mut().network, posted);
            put(&mut before.to_mut().network, direct.clone());
        }
        let action = ActorModelAction::Deliver { src, dst, msg: direct.msg.clone() };
        let mut next = self.inner.next_state(&before, action)?;
        let repeats = match (self.net, &direct.msg.0) {
            (Net::Once | Net::Copies | Net::Lossy, _) => false,
            (Net::RepeatsRequests | Net::Echoes, Message::Gossip(_) | Message::Pull { .. }) => {
                false
            }
            (Net::RepeatsRequests | Net::Echoes | Net::Repeats, _) => true,
        };
        if repeats {
            take(&mut next.network, &direct);
            let sticks = self.net == Net::Echoes;
            put(&mut next.network, posted.filter(|_| !sticks).unwrap_or(direct));
        }
        Some(next)
    }

    /// A crash and the start after it at one moment: how long a manager is down does not matter, since
    /// messages wait or never come. Hides that stateright lets a crashed actor keep its volatile state until
    /// it recovers, which would multiply states without adding behaviour.
    fn crash(&self, last: &PlainState, id: Id) -> PlainState {
        let mut next = last.clone();
        match (&self.inner.actors[usize::from(id)].0, &*last.actor_states[usize::from(id)]) {
            (Party::Manager(party), Local::Manager(local)) => {
                next.actor_states[usize::from(id)] = Arc::new(Local::Manager(party.crash(local)));
            }
            _ => unreachable!("only managers crash"),
        }
        next
    }

    /// Is all quiet: does no delivery change anything, and has nobody a reason to speak of its own accord?
    pub fn is_idle(&self, state: &PlainState) -> bool {
        let speaks = |node: usize| match &*state.actor_states[node] {
            Local::Manager(_) => self.group.members().any(|to| self.has_reason(state, node, to)),
            Local::Client(client) => self.asks_on && !client.state.in_flight.is_empty(),
        };
        if (0..state.actor_states.len()).any(speaks) {
            return false;
        }
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let deliveries = actions.into_iter().filter(|a| matches!(a, PlainAction::Deliver { .. }));
        let nexts = deliveries.filter_map(|a| self.next_state(state, a));
        nexts.into_iter().all(|next| next == *state)
    }

    /// Is this property's claim true of this state? Of witnesses: is it seen?
    pub fn judge(&self, property: &Property, state: &PlainState) -> bool {
        let all = || state.actor_states.iter().map(|local| &**local).enumerate();
        let holds = || (property.holds)(&View::of(&self.setting, all()));
        match (property.scope, property.kind) {
            (Scope::Node | Scope::Pair, _) => holds(),
            (Scope::Idle, Kind::Always) => holds() || !self.is_idle(state),
            (Scope::Idle, Kind::Sometimes) => holds() && self.is_idle(state),
            (Scope::End, _) => unreachable!("no continuation is followed here"),
        }
    }
}

impl stateright::Model for Plain {
    type State = PlainState;
    type Action = PlainAction;

    fn init_states(&self) -> Vec<PlainState> {
        let mut states = self.inner.init_states();
        states.iter_mut().for_each(|state| self.tidy(&mut state.network));
        states
    }

    fn actions(&self, state: &PlainState, actions: &mut Vec<PlainAction>) {
        self.inner.actions(state, actions);
        actions.retain(|action| self.happens(state, action));
        let mut anywhere = Vec::new();
        for envelope in state.network.iter_deliverable() {
            for taker in self.takers(envelope.dst).into_iter().flatten() {
                anywhere.push((envelope.src, Id::from(taker), envelope.msg.clone()));
            }
        }
        // Stateright finds its paths again by the places of actions, and hash maps have no order to rely on.
        anywhere.sort();
        let deliver = |(src, dst, msg)| ActorModelAction::Deliver { src, dst, msg };
        actions.extend(anywhere.into_iter().map(deliver));
    }

    fn next_state(&self, last: &PlainState, action: PlainAction) -> Option<PlainState> {
        let mut next = match action {
            ActorModelAction::Deliver { src, dst, msg } => self.deliver(last, src, dst, msg)?,
            ActorModelAction::Crash(id) => self.crash(last, id),
            other => self.inner.next_state(last, other)?,
        };
        self.tidy(&mut next.network);
        Some(next)
    }

    /// All but those on fair continuations.
    fn properties(&self) -> Vec<stateright::Property<Self>> {
        let judged = PROPERTIES.iter().zip(CONDITIONS).filter(|(p, _)| p.scope != Scope::End);
        let property = |(p, condition): (&Property, Condition)| match p.kind {
            Kind::Always => stateright::Property::always(p.sentence, condition),
            Kind::Sometimes => stateright::Property::sometimes(p.sentence, condition),
        };
        judged.map(property).collect()
    }
}

fn is_in(network: &Envelopes, envelope: &Envelope<Msg>) -> bool {
    match network {
        Network::UnorderedDuplicating(set, _) => set.contains(envelope),
        Network::UnorderedNonDuplicating(copies) => copies.contains_key(envelope),
        Network::Ordered(_) => unreachable!("no model's network keeps an order"),
    }
}

/// Adds a copy.
fn put(network: &mut Envelopes, envelope: Envelope<Msg>) {
    match network {
        Network::UnorderedDuplicating(set, _) => drop(set.insert(envelope)),
        Network::UnorderedNonDuplicating(copies) => *copies.entry(envelope).or_insert(0) += 1,
        Network::Ordered(_) => unreachable!("no model's network keeps an order"),
    }
}

/// Removes a copy.
fn take(network: &mut Envelopes, envelope: &Envelope<Msg>) {
    match network {
        Network::UnorderedDuplicating(set, _) => drop(set.remove(envelope)),
        Network::UnorderedNonDuplicating(copies) => match copies.get_mut(envelope) {
            Some(n) if *n > 1 => *n -= 1,
            _ => drop(copies.remove(envelope)),
        },
        Network::Ordered(_) => unreachable!("no model's network keeps an order"),
    }
}

type Condition = fn(&Plain, &PlainState) -> bool;

/// Stateright's conditions capture nothing: the place of the property has to be part of the function.
fn condition<const N: usize>(model: &Plain, state: &PlainState) -> bool {
    model.judge(&PROPERTIES[N], state)
}

macro_rules! conditions { ($($n:literal)*) => { [$(condition::<$n>),*] }; }

/// One for each property and some to spare.
const CONDITIONS: [Condition; 64] = conditions!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
    35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);

const _: () = assert!(PROPERTIES.len() <= CONDITIONS.len());
