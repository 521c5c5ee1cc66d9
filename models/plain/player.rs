//! A party as an actor.

use super::Msg;
use crate::{
    application::Application,
    party::{Local, Party, Sent},
};
use chinwag::{
    Destination, FrontEndId, Group, Input, Message, ReplicaId, Sender, Timer, actor::Sortable,
};
use stateright::actor::{Actor, Id, Out, model_timeout};
use std::borrow::Cow;

/// A party as an actor.
#[derive(Clone, Debug)]
pub struct Player(pub(super) Party);

/// The address of whichever manager takes a request first, and that of whichever updatable one does. No actor
/// has them, so stateright leaves such envelopes to us.
///
/// The alternative, to choose when the request is sent, has the same behaviours and more states.
pub(super) const ANY_REPLICA: usize = 1_000;
pub(super) const ANY_UPDATABLE: usize = 1_001;

impl Player {
    fn group(&self) -> Group {
        match &self.0 {
            Party::Manager(manager) => manager.node.group,
            Party::Client(client) => client.node.group,
        }
    }

    fn sender(&self, id: Id) -> Sender {
        let id = usize::from(id);
        match id.checked_sub(self.group().replicas.into()) {
            None => Sender::Replica(ReplicaId(id as u16)),
            Some(client) => Sender::FrontEnd(FrontEndId(client as u64)),
        }
    }

    fn send(&self, sends: Vec<Sent>, o: &mut Out<Self>) {
        for (to, message) in sends {
            let dst = match to {
                Destination::Replica(id) => id.index(),
                Destination::FrontEnd(id) => usize::from(self.group().replicas) + id.0 as usize,
                Destination::AnyReplica => ANY_REPLICA,
                Destination::AnyUpdatable => ANY_UPDATABLE,
            };
            o.send(Id::from(dst), Sortable(message));
        }
    }

    /// The retry timers that run are those of what is under way: the parties keep to themselves which timers
    /// the handlers ask for. (`chinwag::actor` obeys the handlers.)
    fn retime(&self, before: &Local, after: &Local, o: &mut Out<Self>) {
        let (Local::Client(before), Local::Client(after)) = (before, after) else { return };
        for number in before.state.in_flight.keys() {
            o.cancel_timer(Timer::Retry { number: *number });
        }
        for number in after.state.in_flight.keys() {
            o.set_timer(Timer::Retry { number: *number }, model_timeout());
        }
    }

    fn step(&self, state: &mut Cow<'_, Local>, input: Input<Application>, o: &mut Out<Self>) {
        // A pull that finds nothing is used up all the same.
        let acts = matches!(input, Input::Message(_, Message::Pull { .. } | Message::Query { .. }));
        let (next, sends) = self.0.step(state, input);
        self.send(sends, o);
        if next != **state {
            self.retime(state, &next, o);
        }
        if acts || next != **state {
            *state = Cow::Owned(next);
        }
    }
}

impl Actor for Player {
    type Msg = Msg;
    type Timer = Timer;
    type State = Local;
    type Storage = ();
    type Random = ();

    fn on_start(&self, id: Id, _: &Option<()>, o: &mut Out<Self>) -> Local {
        let (local, sends) = self.0.start();
        self.send(sends, o);
        match &local {
            Local::Manager(_) => {
                let peers = self.group().members().filter(|to| to.index() != usize::from(id));
                peers.for_each(|to| o.set_timer(Timer::Gossip { to }, model_timeout()));
            }
            Local::Client(client) => {
                let numbers = client.state.in_flight.keys().copied();
                numbers.for_each(|number| o.set_timer(Timer::Retry { number }, model_timeout()));
            }
        }
        local
    }

    fn on_msg(&self, _: Id, state: &mut Cow<'_, Local>, src: Id, msg: Msg, o: &mut Out<Self>) {
        self.step(state, Input::Message(self.sender(src), msg.0), o);
    }

    fn on_timeout(&self, _: Id, state: &mut Cow<'_, Local>, timer: &Timer, o: &mut Out<Self>) {
        if let Timer::Gossip { .. } = timer {
            o.set_timer(*timer, model_timeout()); // It always runs.
        }
        self.step(state, Input::Timer(*timer), o);
    }
}
