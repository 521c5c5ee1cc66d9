//! Sessions under load: front ends of the protocol, as many as there are clients.

use super::load::Target;
use chinwag::{
    Effects, Event, FrontEnd, FrontEndId, FrontEndState, Input, Message, Request, Routing, Sender,
    Service,
    runtime::{Codec, Packet},
};
use std::net::SocketAddr;

/// Front ends, each with its replica manager: the next one in turn.
pub struct Sessions<S: Service> {
    codec: Codec,
    addresses: Vec<SocketAddr>,
    first: u64,
    clients: Vec<(FrontEnd, FrontEndState<S>, Request<S>)>,
}

impl<S: Service> Sessions<S> {
    /// One for each piece of work, which it does again and again; named from `first` on.
    pub fn new(
        codec: Codec,
        addresses: Vec<SocketAddr>,
        work: Vec<Request<S>>,
        first: u64,
    ) -> Self {
        let client = |(i, work): (u64, Request<S>)| {
            let id = FrontEndId(first.wrapping_add(i));
            let front_end = FrontEnd::new(id, 0, codec.group, Routing::Any);
            let state = front_end.start(codec.group.zero());
            (front_end, state, work)
        };
        let clients = (0..).zip(work).map(client).collect();
        Self { codec, addresses, first, clients }
    }
}

impl<S: Service> Target for Sessions<S> {
    fn request(&mut self, client: usize) -> (SocketAddr, Vec<u8>) {
        let (front_end, state, work) = &mut self.clients[client];
        let mut fx = Effects::default();
        front_end.handle(state, Input::Request(work.clone()), &mut fx);
        let (_, message) = fx.sends.pop().expect("no earlier request is under way");
        let bytes = self.codec.encode(Sender::FrontEnd(front_end.id), &Packet::Message(message));
        let to = self.addresses[client % self.addresses.len()];
        (to, bytes.expect("the first request was admitted"))
    }

    fn reply(&mut self, bytes: &[u8]) -> Option<usize> {
        let (sender, packet) = self.codec.decode::<S>(bytes).ok()?;
        let Packet::Message(message) = packet else { return None };
        let (Message::UpdateReply { id, .. } | Message::QueryReply { id, .. }) = message else {
            // A refusal is as good as silence: the request is repeated.
            return None;
        };
        let client = usize::try_from(id.front_end.0.wrapping_sub(self.first)).ok()?;
        let (front_end, state, _) = self.clients.get_mut(client)?;
        let mut fx = Effects::default();
        front_end.handle(state, Input::Message(sender, message), &mut fx);
        let done = fx.events.iter().any(|event| match event {
            Event::Stamped { id: done, .. } | Event::Answered { id: done, .. } => *done == id,
            Event::Told { .. } | Event::StateLost { .. } => false,
        });
        done.then_some(client)
    }
}
