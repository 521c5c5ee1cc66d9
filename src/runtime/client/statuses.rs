//! Asks all replica managers at once how they are.

use super::{Client, Clock, Packet, Status, Transport};
use crate::{Sender, Service};
use std::time::Duration;

impl<S: Service, T: Transport, C: Clock> Client<S, T, C> {
    /// What each replica manager says of itself; none of those that do not answer in time.
    pub fn statuses(&mut self, wait: Duration) -> Vec<Option<Status>> {
        let end = self.clock.now() + wait;
        let packet = Packet::<S>::StatusRequest;
        let mut found = vec![None; self.setup.replicas.len()];
        let Ok(bytes) = self.setup.codec.encode(self.me(), &packet) else { return found };
        while self.clock.now() < end && found.contains(&None) {
            for (to, found) in self.setup.replicas.iter().zip(&found) {
                if let (Some(to), None) = (to, found) {
                    let _ = self.transport.send(*to, &bytes);
                }
            }
            let next = (self.clock.now() + self.setup.retry_after).min(end);
            while found.contains(&None) {
                let Some((sender, packet)) = self.receive(next) else { break };
                match (sender, packet) {
                    (Sender::Replica(replica), Some(Packet::Status(status))) => {
                        found[replica.index()] = Some(status);
                    }
                    (sender, Some(packet)) => drop(self.arrived(sender, packet)),
                    (_, None) => {}
                }
            }
        }
        found
    }
}
