//! What a session does with what arrives.

use super::ClientCore;
use crate::{
    Input, Message, Refusal, RequestId, Sender, Service,
    runtime::{Condition, Packet, Route, Status},
};
use std::time::Duration;

impl<S: Service> ClientCore<S> {
    /// A datagram arrived. What is not for us is dropped.
    pub fn take(&mut self, now: Duration, bytes: &[u8]) {
        let Ok((sender, packet)) = self.setup.codec.decode::<S>(bytes) else { return };
        let message = match packet {
            Packet::Message(message) => message,
            Packet::AnswerPart(part) => {
                if !self.state.in_flight.contains_key(&part.id.serial.number) {
                    return;
                }
                let (id, ts) = (part.id, part.ts.clone());
                let Some(bytes) = self.parts.add(part) else { return };
                let Ok(answer) = self.setup.codec.decode_answer::<S>(&bytes) else { return };
                Message::QueryReply { id, ts, answer }
            }
            Packet::AnswerTooLarge { id, bytes } => {
                let asked = id == self.id(id.serial.number)
                    && self.state.in_flight.contains_key(&id.serial.number);
                self.too_large = asked.then_some(bytes).or(self.too_large);
                return;
            }
            Packet::Status(status) => return self.note_status(now, sender, status),
            Packet::StatusRequest
            | Packet::Speaks { .. }
            | Packet::Joining { .. }
            | Packet::Known { .. }
            | Packet::CopyRequest { .. }
            | Packet::CopyPart(_)
            | Packet::Replaced => return,
        };
        self.note(now, sender, &message);
        match message {
            // The front end would turn to the next one at once. When everyone has refused, that would be
            // a loop without a pause; its timer runs on.
            Message::Refused { id, .. } if self.everyone_refused(id) => {}
            message => self.step(now, Input::Message(sender, message)),
        }
    }

    fn everyone_refused(&self, id: RequestId) -> bool {
        let refused = self.attempts.get(&id.serial.number).map_or(0, |a| a.refused);
        refused > u32::from(self.setup.codec.group.replicas) || self.route != Route::Fastest
    }

    fn note_status(&mut self, now: Duration, sender: Sender, status: Status) {
        let Sender::Replica(replica) = sender else { return };
        let took = self.probes.answered(replica, now).filter(|_| self.wanted.is_some());
        // One that takes no updates now is left alone, however fast it says so.
        if let (Some(took), Condition::Ready) = (took, status.condition()) {
            self.nearest.measured(replica, took);
        }
        if let Some(version) = self.spoken.heard(replica, &status, self.setup.codec.speaks()) {
            self.ask_status_in(replica, version);
        }
        self.statuses[replica.index()] = Some(status);
    }

    /// Learns from what arrives how far away the sender is.
    fn note(&mut self, now: Duration, sender: Sender, message: &Message<S>) {
        match message {
            Message::UpdateReply { id, .. } | Message::QueryReply { id, .. }
                if *id == self.id(id.serial.number) =>
            {
                self.note_answer(now, id.serial.number, sender);
            }
            Message::Refused { id, reason } if *id == self.id(id.serial.number) => {
                self.note_refusal(id.serial.number, sender, *reason);
            }
            _ => {}
        }
    }

    fn note_refusal(&mut self, number: u64, sender: Sender, reason: Refusal) {
        let Some(attempts) = self.attempts.get_mut(&number) else { return };
        attempts.refused += 1;
        attempts.reason = Some(reason);
        if let Sender::Replica(replica) = sender {
            attempts.round.retain(|asked| *asked != replica);
            self.nearest.silent(replica);
        }
    }
}
