//! What a host takes in: what has no room is refused before the handler runs.

use super::{Host, HostError, SPACE_RETRY_EVERY};
use crate::{
    Destination, Effects, Message, Refusal, RequestId, Sender, Service,
    runtime::{CHANGE_BYTES_EXTRA, DropReason, Observer, StepInput, Storage, StorageError},
};
use std::time::Duration;

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Is there room for what this message may add to the journal? Asked before it is handled: afterwards it
    /// could not be undone.
    pub(super) fn has_room(
        &mut self,
        now: Duration,
        message: &Message<S>,
        bytes: usize,
    ) -> Result<bool, HostError> {
        match message {
            Message::Gossip(_) => self.reserve(now, bytes),
            Message::Update(update) => {
                Ok(self.reserve(now, bytes)? || self.is_duplicate(update.id))
            }
            _ => Ok(true),
        }
    }

    /// Does the replica know the update already? Then it adds nothing to the journal.
    pub(super) fn is_duplicate(&self, id: RequestId) -> bool {
        (self.config.node.rules().is_duplicate)(self.state.replica.known(id))
    }

    fn reserve(&mut self, now: Duration, bytes: usize) -> Result<bool, HostError> {
        let needed = self.reserved + bytes + CHANGE_BYTES_EXTRA;
        if self.full && now < self.full_until {
            return Ok(false);
        }
        self.full = match self.storage.reserve(needed) {
            Ok(()) => false,
            Err(StorageError::NoSpace { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        match self.full {
            true => self.full_until = now + SPACE_RETRY_EVERY,
            false => self.reserved = needed,
        }
        Ok(!self.full)
    }

    /// No space is left: updates are refused, and gossip is as good as lost on the way.
    pub(super) fn turn_away(
        &mut self,
        from: Sender,
        message: &Message<S>,
    ) -> Result<(), HostError> {
        if let Message::Update(update) = message {
            let (id, reason) = (update.id, Refusal::NoSpace);
            let refused = Message::Refused { id, reason };
            let mut fx = Effects::default();
            fx.sends.push((Destination::FrontEnd(id.front_end), refused));
            self.tell_of(StepInput::TurnedAway(from, message), &fx);
            self.queued.sends.append(&mut fx.sends);
        }
        self.drop(DropReason::NoSpace)
    }
}
