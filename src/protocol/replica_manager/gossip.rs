//! How replica managers agree: what they tell each other, when, and what they make of it. (S36 to S43)

use super::{ManagerState, ReplicaManager};
use crate::protocol::{
    Change, Destination, Effects, Gossip, Message, RecordKey, ReplicaId, Service, Timer, Timestamp,
};
use std::sync::Arc;

/// Records that one message of gossip carries at most. The rest follows when the peer has said what it took,
/// or asks. So a message costs what it carries, not what the log has become since a peer went away.
pub const GOSSIP_LOG_MAX: usize = 16_384;

/// Records that the answer to a question carries at most: whoever asks will ask again. The runtime's messages
/// have no room for more, and leave out of other gossip what is on its way.
pub const GOSSIP_ANSWER_MAX: usize = 2_048;

impl ReplicaManager {
    /// Gossip arrives from a peer. (S39 to S43)
    pub fn on_gossip<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        from: ReplicaId,
        gossip: Gossip<S>,
        fx: &mut Effects<S>,
    ) {
        if !(self.rules.hears)(gossip.epoch, self.group.epoch) {
            return;
        }
        let own = state.replica.count_of(self.id);
        if self.group.is_updatable(self.id) && gossip.ts.get(self.id) > own {
            return self.report_loss(state, gossip.ts.get(self.id), fx);
        }
        let known = &state.table[from.index()];
        let overtaken = known.covers(&gossip.ts) && *known != gossip.ts;
        state.owed[from.index()] |= (self.rules.owes)(gossip.asks, overtaken);

        // Merge the arriving log with ours, without what we have, and as far as it leaves no gap; then
        // execute what became stable (`Replica::commit` does). In this order: were the replica timestamp
        // merged first, every record would look like one we have (C5).
        self.merge(state, &gossip, fx);

        // What the peer says that it holds, we know that it holds.
        let covered = state.replica.replica_ts().covers(&gossip.ts);
        let learn = |known: &mut Timestamp, ts: &Timestamp| {
            *known = (self.rules.learn)(known, ts, gossip.complete, covered);
        };
        learn(&mut state.table[from.index()], &gossip.ts);
        for (known, relayed) in state.table.iter_mut().zip(&gossip.table) {
            learn(known, relayed);
        }

        self.collect(state, fx);
        self.answer_waiting(state, fx);
        self.drop_needless_receipts(state);
    }

    /// Where there is news, gossip goes out anyway, and is repeated until it has arrived.
    pub(super) fn drop_needless_receipts<S: Service>(&self, state: &mut ManagerState<S>) {
        for to in self.peers() {
            let needless = self.has_own_reason(state, to);
            state.owed[to.index()] &= !needless;
        }
    }

    fn merge<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        gossip: &Gossip<S>,
        fx: &mut Effects<S>,
    ) {
        let held = state.replica.replica_ts();
        let mut replica_ts = held.clone();
        let mut records = Vec::new();
        for record in &gossip.log {
            let RecordKey { origin, seq } = record.key();
            let next = replica_ts.get(origin) + 1;
            if !(self.rules.takes)(record.key(), next, &gossip.ts, &record.ts, held) {
                continue;
            }
            replica_ts.set(origin, seq.max(replica_ts.get(origin)));
            if (self.rules.keeps)(state.replica.known(record.update.id).executed) {
                records.push(Arc::clone(record));
            }
        }
        for (origin, claimed) in gossip.ts.entries() {
            replica_ts.set(origin, (self.rules.reached)(replica_ts.get(origin), claimed));
        }
        if replica_ts != *held || !records.is_empty() {
            self.commit(state, Change::Log { replica_ts, records }, fx);
        }
    }

    /// A peer asks for what it lacks. (S23)
    ///
    /// What it says that it holds is not put into the table: it did not come with the records that it
    /// holds, and the table must never be ahead of our own log (`Rules::learn`).
    pub fn on_pull<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        from: ReplicaId,
        replica_ts: Timestamp,
        fx: &mut Effects<S>,
    ) {
        if !replica_ts.covers(state.replica.replica_ts()) {
            self.send_gossip(state, from, &replica_ts, GOSSIP_ANSWER_MAX, fx);
        }
    }

    /// It is time to gossip to a peer, if there is a reason.
    pub fn on_gossip_timer<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        to: ReplicaId,
        fx: &mut Effects<S>,
    ) {
        fx.start.push(Timer::Gossip { to });
        if self.has_reason(state, to) {
            self.gossip(state, to, fx);
        }
    }

    /// Is there a reason to gossip to this peer? News for a partner, or a receipt for whoever asked.
    ///
    /// News is what the peer has not itself said that it holds; so gossip is repeated until a receipt comes,
    /// and a receipt is given once for each time that it is asked for. Nothing is left to say when everyone
    /// knows that everyone holds everything (C14).
    pub fn has_reason<S: Service>(&self, state: &ManagerState<S>, to: ReplicaId) -> bool {
        state.owed[to.index()] || self.has_own_reason(state, to)
    }

    /// A read-only replica, which is nobody's source and has no partners, has something to say as long as its
    /// log is not empty: only its peers can tell it that they hold what is in there, and they may think that
    /// they have (C14).
    fn has_own_reason<S: Service>(&self, state: &ManagerState<S>, to: ReplicaId) -> bool {
        let (known, replica) = (self.known_through(state, to), &state.replica);
        let drains = !self.group.is_updatable(self.id)
            && self.keeps_records_for(to)
            && replica.log().len() > 0;
        (drains || self.partners.contains(&to))
            && (self.rules.has_news)(&known, replica.replica_ts(), replica.log().len())
    }

    /// What gossip to this peer must bring about: that the peer holds what we hold. One that relays is not
    /// content before it knows the same of all, since only its partners can tell it: on a ring, nobody else
    /// would ever speak of those who are neither (C14).
    fn known_through<S: Service>(&self, state: &ManagerState<S>, to: ReplicaId) -> Timestamp {
        let mut known = state.table[to.index()].clone();
        if self.relays {
            self.needed(state).for_each(|row| known.meet(row));
        }
        known
    }

    /// Sends to every partner as soon as a batch is full (S22). Counted over updates accepted here: counting
    /// relayed ones too would multiply messages (PROTOCOL 1.8).
    pub(super) fn send_full_batch<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        fx: &mut Effects<S>,
    ) {
        if self.batch > 0 && state.unsent >= self.batch {
            state.unsent = 0;
            for to in self.partners.iter().copied() {
                self.gossip(state, to, fx);
            }
        }
    }

    fn gossip<S: Service>(&self, state: &mut ManagerState<S>, to: ReplicaId, fx: &mut Effects<S>) {
        let known = state.table[to.index()].clone();
        self.send_gossip(state, to, &known, GOSSIP_LOG_MAX, fx);
        state.owed[to.index()] = false;
        let held = state.replica.replica_ts();
        state.table[to.index()] = (self.rules.known_after_send)(&known, held);
    }

    /// The log without what the peer holds, and all that we hold (S36, S38). One snapshot of both (C6). Of
    /// too many records, the first ones: to the receiver, a message whose last fragments were lost.
    fn send_gossip<S: Service>(
        &self,
        state: &ManagerState<S>,
        to: ReplicaId,
        known: &Timestamp,
        records_max: usize,
        fx: &mut Effects<S>,
    ) {
        let replica = &state.replica;
        let log = replica
            .records_beyond(known)
            .filter(|r| (self.rules.lacks)(known, r.key(), &r.ts, self.id))
            .take(records_max)
            .cloned()
            .collect();
        let ts = replica.replica_ts().clone();
        let asks = !self.known_through(state, to).covers(&ts);
        let table = if self.relays { state.table.clone() } else { Vec::new() };
        let gossip = Gossip { log, ts, complete: true, asks, table, epoch: self.group.epoch };
        fx.sends.push((Destination::Replica(to), Message::Gossip(gossip)));
    }
}
