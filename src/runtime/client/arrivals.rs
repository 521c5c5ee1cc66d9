//! What a session does with what arrives.

use super::ClientCore;
use crate::{
    Input, Message, Refusal, RequestId, Sender, Service,
    runtime::{Packet, Route, Status},
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
            Packet::Status(status) => return self.note_status(sender, status),
            Packet::StatusRequest | Packet::Joining { .. } | Packet::Known { .. } => return,
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

    fn note_status(&mut self, sender: Sender, status: Status) {
        if let Sender::Replica(replica) = sender {
            self.statuses[replica.index()] = Some(status);
        }
    }

    /// Learns from what arrives how far away the sender is.
    fn note(&mut self, now: Duration, sender: Sender, message: &Message<S>) {
        let (id, refused) = match message {
            Message::UpdateReply { id, .. } | Message::QueryReply { id, .. } => (*id, None),
            Message::Refused { id, reason } => (*id, Some(*reason)),
            _ => return,
        };
        if id != self.id(id.serial.number) {
            return;
        }
        let number = id.serial.number;
        match refused {
            Some(reason) => self.note_refusal(number, reason),
            None => {
                let last = self.attempts.get(&number).and_then(|attempts| attempts.last);
                if let Some((replica, at)) = last.filter(|(r, _)| sender == Sender::Replica(*r)) {
                    self.nearest.answered(replica, now.saturating_sub(at));
                }
            }
        }
    }

    fn note_refusal(&mut self, number: u64, reason: Refusal) {
        if let Some(attempts) = self.attempts.get_mut(&number) {
            attempts.refused += 1;
            attempts.reason = Some(reason);
            self.penalise(number);
        }
    }

    /// Whoever was asked last did not answer, or not well: others are preferred for now.
    pub(super) fn penalise(&mut self, number: u64) {
        if let Some((replica, _)) = self.attempts.get(&number).and_then(|a| a.last) {
            self.nearest.silent(replica);
        }
    }
}
