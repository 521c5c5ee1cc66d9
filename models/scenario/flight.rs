//! Messages under way between the parties of a scenario.

use super::{Follower, Kind, Pick, Stop, Which, stage::Stage};
use crate::{
    application::Application,
    party::{Local, Sent},
};
use chinwag::{Destination, Message};
use std::ops::Range;

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Names it. A copy has the same.
    pub id: u64,
    pub from: usize,
    /// Who takes it, unless the scenario says who.
    pub to: usize,
    /// Who may take it.
    pub may: Range<usize>,
    pub message: Message<Application>,
}

impl<F: Follower> Stage<F> {
    /// As it goes on its way.
    pub fn packet(&mut self, from: usize, (to, message): Sent) -> Packet {
        let managers = self.managers();
        let may = match to {
            Destination::Replica(id) => id.index()..id.index() + 1,
            Destination::FrontEnd(id) => {
                let client = managers + id.0 as usize;
                client..client + 1
            }
            Destination::AnyReplica => 0..managers,
            Destination::AnyUpdatable => 0..self.model.updatable.into(),
        };
        let contact = match &self.locals[from] {
            Local::Client(client) => client.state.contact.index(),
            Local::Manager(_) => 0,
        };
        self.sent += 1;
        let to = may.start + contact % may.len();
        Packet { id: self.sent, from, to, may, message }
    }

    /// Where the message that is meant is among those under way.
    pub fn find(&self, pick: &Pick) -> Result<Option<usize>, Stop> {
        let (from, to) = (self.node(&pick.from)?, self.node(&pick.to)?);
        let mut fit = self.fitting(pick.kind, from, to);
        Ok(match pick.which {
            Which::Oldest => fit.next(),
            Which::Newest => fit.next_back(),
            Which::After(others) => fit.nth(others),
        })
    }

    /// Where such messages are, oldest first.
    pub fn fitting(
        &self,
        kind: Kind,
        from: usize,
        to: usize,
    ) -> impl DoubleEndedIterator<Item = usize> {
        let all = self.flight.iter().enumerate();
        let fits =
            move |p: &Packet| p.from == from && p.may.contains(&to) && kind_of(&p.message) == kind;
        all.filter(move |(_, packet)| fits(packet)).map(|(place, _)| place)
    }

    /// Takes these out, if they are under way.
    pub fn take(&mut self, packet: &Packet) -> bool {
        let place = self.flight.iter().position(|other| other == packet);
        place.map(|place| self.flight.remove(place)).is_some()
    }

    /// Whom a message may reach, as people call it.
    pub fn receiver_name(&self, packet: &Packet) -> String {
        if packet.may.len() > 1 { "any".into() } else { self.node_name(packet.to) }
    }
}

/// What kind of message it is.
pub(super) fn kind_of(message: &Message<Application>) -> Kind {
    match message {
        Message::Update(_) => Kind::Update,
        Message::Query { .. } => Kind::Query,
        Message::UpdateReply { .. } | Message::QueryReply { .. } | Message::Refused { .. } => {
            Kind::Reply
        }
        Message::Gossip(_) => Kind::Gossip,
        Message::Pull { .. } => Kind::Pull,
        Message::Tell { .. } => Kind::Tell,
    }
}
