//! The two parties behind one door, for whoever drives them: the checker, the simulator, a UDP socket.

use super::{
    Effects, FrontEnd, FrontEndState, ManagerState, Message, Replica, ReplicaManager, Request,
    Sender, Service, Timer, Timestamp, WaitingQuery,
};

/// A party of the protocol.
#[derive(Clone, Debug)]
pub enum Node {
    /// Holds a replica.
    Manager(ReplicaManager),
    /// Acts for a client.
    FrontEnd(FrontEnd),
}

/// What a party knows.
#[expect(clippy::large_enum_variant, reason = "one value a node: a box would only add a step")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NodeState<S: Service> {
    /// A replica manager's.
    Manager(ManagerState<S>),
    /// A front end's.
    FrontEnd(FrontEndState<S>),
}

/// What can happen to a party.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<S: Service> {
    /// A message arrives.
    Message(Sender, Message<S>),
    /// A timer fires.
    Timer(Timer),
    /// The client asks for something (front ends only).
    Request(Request<S>),
}

impl Node {
    /// The first state, or the state after a crash; a front end starts anew with nothing seen.
    pub fn start<S: Service>(
        &self,
        saved: Option<Replica<S>>,
        fx: &mut Effects<S>,
    ) -> NodeState<S> {
        match self {
            Node::Manager(manager) => {
                let entries = usize::from(manager.group.updatable);
                let replica = saved.unwrap_or_else(|| Replica::empty(entries));
                NodeState::Manager(manager.start(replica, fx))
            }
            Node::FrontEnd(front_end) => {
                let nothing = Timestamp::zero(front_end.group.updatable.into());
                NodeState::FrontEnd(front_end.start(nothing))
            }
        }
    }

    /// One atomic step. What does not concern a party is ignored: anyone can send it anything.
    pub fn handle<S: Service>(
        &self,
        state: &mut NodeState<S>,
        input: Input<S>,
        fx: &mut Effects<S>,
    ) {
        match (self, state) {
            (Node::Manager(manager), NodeState::Manager(state)) => {
                manager.handle(state, input, fx);
            }
            (Node::FrontEnd(front_end), NodeState::FrontEnd(state)) => {
                front_end.handle(state, input, fx);
            }
            _ => unreachable!("a party's state has the party's kind"),
        }
    }
}

impl ReplicaManager {
    /// One atomic step of a replica manager.
    pub fn handle<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        input: Input<S>,
        fx: &mut Effects<S>,
    ) {
        match input {
            Input::Message(Sender::FrontEnd(_), Message::Update(update)) => {
                self.on_update(state, update, fx);
            }
            Input::Message(Sender::FrontEnd(_), Message::Query { id, prev, query }) => {
                self.on_query(state, id, WaitingQuery { prev, query }, fx);
            }
            Input::Message(Sender::Replica(from), Message::Gossip(gossip)) => {
                self.on_gossip(state, from, gossip, fx);
            }
            Input::Message(Sender::Replica(from), Message::Pull { replica_ts }) => {
                self.on_pull(state, from, replica_ts, fx);
            }
            Input::Timer(Timer::Gossip { to }) => self.on_gossip_timer(state, to, fx),
            Input::Message(..) | Input::Timer(Timer::Retry { .. }) | Input::Request(_) => {}
        }
    }
}

impl FrontEnd {
    /// One atomic step of a front end.
    pub fn handle<S: Service>(
        &self,
        state: &mut FrontEndState<S>,
        input: Input<S>,
        fx: &mut Effects<S>,
    ) {
        match input {
            Input::Request(request) => self.on_request(state, request, fx),
            Input::Timer(Timer::Retry { number }) => self.on_retry_timer(state, number, fx),
            Input::Message(Sender::Replica(_), Message::UpdateReply { id, ts }) => {
                self.on_update_reply(state, id, ts, fx);
            }
            Input::Message(Sender::Replica(_), Message::QueryReply { id, ts, answer }) => {
                self.on_query_reply(state, id, ts, answer, fx);
            }
            Input::Message(Sender::Replica(_), Message::Refused { id, reason }) => {
                self.on_refused(state, id, reason, fx);
            }
            Input::Message(Sender::FrontEnd(_), Message::Tell { ts, body }) => {
                self.on_tell(state, ts, body, fx);
            }
            Input::Message(..) | Input::Timer(Timer::Gossip { .. }) => {}
        }
    }
}
