//! What a host does not take in although it can be read: what cannot be true, and what might not be.

use super::{Host, HostError};
use crate::{
    Destination, Message, Refusal, Sender, Service,
    rules::first_beyond,
    runtime::{DropReason, Observer, Storage, UnknownPast},
};

/// Updates of one front end that may wait here for what has not come yet. Further ones are refused.
///
/// A record that waits for an update that was never made waits for ever, and nothing after it leaves the log.
/// Without this, one front end could fill all of [`PENDING_UPDATES_MAX`](crate::PENDING_UPDATES_MAX).
pub const WAITING_UPDATES_MAX: usize = 64;

impl<S: Service, D: Storage, O: Observer<S>> Host<S, D, O> {
    /// Does the message say of us what only we can know, and know to be false?
    ///
    /// Gossip that does so is not caught here: it says that we have lost state, which stops us.
    pub(super) fn impossible(&self, from: Sender, message: &Message<S>) -> Option<DropReason> {
        let me = self.config.node.id;
        let claimed = match (from, message) {
            (Sender::Replica(_), Message::Pull { replica_ts }) => replica_ts,
            _ => return None,
        };
        let issued = self.state.replica.count_of(me);
        let too_much = self.config.node.group.is_updatable(me) && claimed.get(me) > issued;
        too_much.then_some(DropReason::Impossible)
    }

    /// Must this update be refused, because it builds on what has not come here?
    pub(super) fn must_wait_elsewhere(&self, message: &Message<S>) -> Option<Refusal> {
        let Message::Update(update) = message else { return None };
        let (replica, me) = (&self.state.replica, self.config.node.id);
        // The protocol refuses these by itself, and says why.
        let read_only = !self.config.node.group.is_updatable(me);
        if read_only || update.prev.get(me) > replica.count_of(me) {
            return None;
        }
        if replica.value_ts().covers(&update.prev) || self.is_duplicate(update.id) {
            return None;
        }
        let unknown = !replica.replica_ts().covers(&update.prev);
        let waiting = replica.waiting_of(update.id.front_end).take(WAITING_UPDATES_MAX).count();
        let refused =
            self.unknown_past == UnknownPast::Refuse && unknown || waiting == WAITING_UPDATES_MAX;
        refused.then_some(Refusal::Overloaded)
    }

    /// Refuses an update, and asks for what it builds on, so that it is taken when it comes again.
    pub(super) fn refuse(
        &mut self,
        message: &Message<S>,
        reason: Refusal,
    ) -> Result<(), HostError> {
        let Message::Update(update) = message else { return Ok(()) };
        let (id, replica) = (update.id, &self.state.replica);
        let refused = Message::Refused { id, reason };
        self.queued.sends.push((Destination::FrontEnd(id.front_end), refused));
        if let Some(missing) = first_beyond(&update.prev, replica.replica_ts()) {
            let pull = Message::Pull { replica_ts: replica.replica_ts().clone() };
            self.queued.sends.push((Destination::Replica(missing.origin), pull));
        }
        self.drop(DropReason::UnknownPast)
    }
}
