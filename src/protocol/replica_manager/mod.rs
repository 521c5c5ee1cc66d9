//! The replica manager: one handler for each thing that can happen to it.
//!
//! A handler takes the constants (`self`), the variables (`state`), what arrived, and where to put what it
//! asks of the world. It is one atomic step. It decides nothing by time, chance or order of hashing, and it
//! cannot fail: what is wrong with an input was found out before, or is answered.

mod gossip;

pub use gossip::{GOSSIP_ANSWER_MAX, GOSSIP_LOG_MAX};

use super::{
    Change, Destination, Effects, Event, LogRecord, Message, Refusal, Replica, ReplicaId,
    RequestId, Rules, Service, Timer, Timestamp, Update,
    rules::{self, Repeat},
};
use std::{collections::BTreeMap, sync::Arc};

/// Updates that may wait at one replica manager for a past that is not there. Beyond it, requests that would
/// have to wait are refused; gossip is not, since what it brings was admitted elsewhere.
pub const PENDING_UPDATES_MAX: usize = 10_000;

/// Queries that may wait at one replica manager. Beyond it, queries that would have to wait are refused.
pub const WAITING_QUERIES_MAX: usize = 10_000;

/// Who is in the cluster. Fixed while a replica manager runs (PROOFS 5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Replica managers that take updates: `rm0` and so on. Timestamps have one entry for each.
    pub updatable: u16,
    /// All replica managers; those from `updatable` on are read-only (S47).
    pub replicas: u16,
    /// Those that are not, or no longer, members, as a bit each. Their entries stay in timestamps for ever,
    /// so that no number is given twice (C17, C18).
    pub absent: u16,
    /// How many replica managers were replaced so far. The last so many took their places.
    pub epoch: u16,
}

/// Replica managers that take updates and may be replaced: what [`Group::absent`] has bits for.
pub const REPLACEABLE_MAX: u16 = 16;

impl Group {
    /// A cluster in which every replica manager takes updates.
    pub const fn of(replicas: u16) -> Self {
        Self { updatable: replicas, replicas, absent: 0, epoch: 0 }
    }

    /// Adds read-only replica managers.
    pub const fn and_read_only(self, count: u16) -> Self {
        Self { replicas: self.replicas + count, ..self }
    }

    /// The group after this member was replaced: by a new one with an entry of its own, after all others
    /// (PROTOCOL 1.10). None if there is no such member, if there are read-only ones, whose numbers would
    /// change, or beyond [`REPLACEABLE_MAX`].
    pub fn replacing(self, old: ReplicaId) -> Option<Self> {
        let possible = self.is_member(old)
            && self.updatable == self.replicas
            && self.replicas < REPLACEABLE_MAX;
        possible.then(|| Self {
            updatable: self.updatable + 1,
            replicas: self.replicas + 1,
            absent: self.absent | 1 << old.0,
            epoch: self.epoch + 1,
        })
    }

    /// The timestamp of nothing.
    pub fn zero(&self) -> Timestamp {
        Timestamp::zero(self.updatable.into())
    }

    /// Does this replica manager take updates?
    pub fn is_updatable(&self, replica: ReplicaId) -> bool {
        replica.0 < self.updatable
    }

    /// What makes a group one in which these were replaced; who is in it is another matter.
    pub fn replaced(old: &[u16]) -> Self {
        let bits = old.iter().filter(|place| **place < REPLACEABLE_MAX);
        let absent = bits.fold(0, |bits, place| bits | 1 << place);
        Self { absent, epoch: old.len().try_into().unwrap_or(u16::MAX), ..Self::of(0) }
    }

    /// Is it one of the cluster, now?
    pub fn is_member(&self, replica: ReplicaId) -> bool {
        let absent = replica.0 < REPLACEABLE_MAX && self.absent >> replica.0 & 1 == 1;
        replica.0 < self.replicas && !absent
    }

    /// Did it take the place of another one?
    pub fn is_newcomer(&self, replica: ReplicaId) -> bool {
        replica.0 < self.replicas && replica.0 >= self.replicas.saturating_sub(self.epoch)
    }

    /// All replica managers that there are.
    pub fn members(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let group = *self;
        self.places().filter(move |replica| group.is_member(*replica))
    }

    /// All that there are or were: rows of a timestamp table.
    pub fn places(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (0..self.replicas).map(ReplicaId)
    }

    /// The member `steps` after this place, going round.
    pub fn after(&self, place: ReplicaId, steps: u16) -> ReplicaId {
        let mut at = place;
        for _ in 0..steps {
            let following = (1..=self.replicas).map(|n| ReplicaId((at.0 + n) % self.replicas));
            at = following.into_iter().find(|next| self.is_member(*next)).unwrap_or(at);
        }
        at
    }
}

/// Who this replica manager is. Never changes while it runs.
#[derive(Clone, Debug)]
pub struct ReplicaManager {
    /// Its place in the group.
    pub id: ReplicaId,
    /// Who is in the cluster.
    pub group: Group,
    /// Whom it gossips to of its own accord. Others hear from it only when they ask.
    pub partners: Vec<ReplicaId>,
    /// `G`: gossip goes out at once when this many updates were accepted here since it last did; never if
    /// zero, then only the timer sends it (S22, S46).
    pub batch: u32,
    /// Does it ask for updates that a request needs and that it lacks? (S23)
    pub pulls: bool,
    /// Does it pass on what it knows of others? Needed where not everyone gossips to everyone (C14).
    pub relays: bool,
    rules: &'static Rules,
}

/// Everything that a replica manager knows. `replica` survives a crash, the rest is rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManagerState<S: Service> {
    /// The value, its timestamps, the log, the executed table.
    pub replica: Replica<S>,
    /// Timestamp table: what each replica manager is known to hold. A lower bound of its replica timestamp,
    /// now and for ever, because it said so itself and replica managers do not forget (S36, P12).
    pub table: Vec<Timestamp>,
    /// Queries that wait until the value reflects what their client has seen.
    pub waiting: BTreeMap<RequestId, WaitingQuery<S>>,
    /// Peers that asked for a receipt since the last gossip to them.
    pub owed: Vec<bool>,
    /// Updates accepted here since the last full batch.
    pub unsent: u32,
}

/// A query that is held back (S16).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WaitingQuery<S: Service> {
    /// The least that the answer must reflect.
    pub prev: Timestamp,
    /// The question.
    pub query: S::Query,
}

impl ReplicaManager {
    /// A replica manager of this group that gossips to everyone, one message for each peer and interval.
    ///
    /// A read-only one speaks only when asked: it has nothing of its own to pass on (S47).
    pub fn new(id: ReplicaId, group: Group) -> Self {
        let partners = match group.is_updatable(id) {
            true => group.members().filter(|peer| *peer != id).collect(),
            false => Vec::new(),
        };
        let rules = &rules::FAITHFUL;
        Self { id, group, partners, batch: 0, pulls: true, relays: false, rules }
    }

    /// The same replica manager with other rules: a mutant.
    #[cfg(feature = "mutants")]
    pub fn with_rules(self, rules: &'static Rules) -> Self {
        Self { rules, ..self }
    }

    /// The rules that it goes by.
    pub fn rules(&self) -> &'static Rules {
        self.rules
    }

    /// Starts for the first time (`saved` is the empty replica) or after a crash.
    ///
    /// What it knew of others is lost. What has left its log was held by everyone who needed it, so that much
    /// is still known; starting lower only costs repeated gossip (PROTOCOL 1.9 iii).
    pub fn start<S: Service>(&self, saved: Replica<S>, fx: &mut Effects<S>) -> ManagerState<S> {
        fx.start.extend(self.peers().map(|to| Timer::Gossip { to }));
        let members = usize::from(self.group.replicas);
        // Only of those for whom records were kept: another read-only replica may still lack them, and what
        // is in the table may be relayed to managers that keep records for it (P13).
        let known = |peer| match self.keeps_records_for(peer) && self.group.is_member(peer) {
            true => {
                let newcomer = self.group.is_newcomer(peer);
                (self.rules.knows_at_start)(saved.discarded(), saved.replica_ts(), newcomer)
            }
            false => self.group.zero(),
        };
        ManagerState {
            table: self.group.places().map(known).collect(),
            waiting: BTreeMap::new(),
            owed: vec![false; members],
            unsent: 0,
            replica: saved,
        }
    }

    /// An update arrives from a front end. (S18, S24 to S35)
    pub fn on_update<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        update: Update<S>,
        fx: &mut Effects<S>,
    ) {
        let id = update.id;
        let known = state.replica.known(id);
        if (self.rules.is_duplicate)(known) {
            // It is recorded never again, but answered again: the first answer may have been lost (C12).
            let ts = match (self.rules.repeat)(known) {
                Repeat::Recorded => state.replica.timestamp_of(id),
                Repeat::Value => Some(state.replica.value_ts().clone()),
                Repeat::Silence => None,
            };
            return self.reply(id, ts, fx);
        }
        let Some(origin) = (self.rules.signs)(self.id, self.group.updatable) else {
            return fx.refuse(id, Refusal::ReadOnly);
        };
        if !(self.rules.is_plausible)(&update.prev, origin, state.replica.replica_ts()) {
            self.report_loss(state, update.prev.get(origin), fx);
            return fx.refuse(id, Refusal::UnknownPast);
        }
        let waits = !state.replica.value_ts().covers(&update.prev);
        if waits && state.replica.pending_count() >= PENDING_UPDATES_MAX {
            return fx.refuse(id, Refusal::Overloaded);
        }

        let ts = self.record(state, origin, update, fx);
        // At once, stable or not: it is in the log [S18].
        self.reply(id, Some(ts), fx);
        self.collect(state, fx);
        self.answer_waiting(state, fx);
        self.send_full_batch(state, fx);
        self.drop_needless_receipts(state);
    }

    /// Logs an update under a new timestamp (S28 to S31), and runs it if it is stable.
    fn record<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        origin: ReplicaId,
        update: Update<S>,
        fx: &mut Effects<S>,
    ) -> Timestamp {
        let held = state.replica.replica_ts();
        let ts = (self.rules.stamp)(&update.prev, origin, held.get(origin) + 1, held);
        let replica_ts = (self.rules.count)(held, origin, &ts);
        let prev = update.prev.clone();
        let record = Arc::new(LogRecord { origin, ts: ts.clone(), update });
        self.commit(state, Change::Log { replica_ts, records: vec![record] }, fx);
        state.unsent += u32::from(self.batch > 0);
        self.pull_for(state, &prev, fx);
        ts
    }

    fn reply<S: Service>(&self, id: RequestId, ts: Option<Timestamp>, fx: &mut Effects<S>) {
        if let Some(ts) = ts {
            fx.send_to_front_end(id, Message::UpdateReply { id, ts });
        }
    }

    /// A query arrives from a front end, and waits if the value is behind it. (S16, S21)
    pub fn on_query<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        id: RequestId,
        query: WaitingQuery<S>,
        fx: &mut Effects<S>,
    ) {
        let replica = &state.replica;
        if (self.rules.may_answer)(&query.prev, replica.value_ts(), replica.replica_ts()) {
            return answer(replica, id, &query.query, fx);
        }
        if state.waiting.len() >= WAITING_QUERIES_MAX && !state.waiting.contains_key(&id) {
            return fx.refuse(id, Refusal::Overloaded);
        }
        self.pull_for(state, &query.prev, fx);
        if (self.rules.holds_back)() {
            state.waiting.insert(id, query);
        }
    }

    /// Asks for the first update that a request builds on and that never came here (S23). Whoever made it
    /// has it. If that one cannot be reached, gossip will bring it in time.
    fn pull_for<S: Service>(&self, state: &ManagerState<S>, prev: &Timestamp, fx: &mut Effects<S>) {
        let replica_ts = state.replica.replica_ts();
        let Some(missing) = rules::first_beyond(prev, replica_ts) else { return };
        if self.pulls && missing.origin != self.id && self.group.is_member(missing.origin) {
            let pull = Message::Pull { replica_ts: replica_ts.clone() };
            fx.sends.push((Destination::Replica(missing.origin), pull));
        }
    }

    /// Discards records that everyone who needs them holds, and that have run here. (S41)
    fn collect<S: Service>(&self, state: &mut ManagerState<S>, fx: &mut Effects<S>) {
        let known: Vec<_> = self.needed(state).collect();
        let prefix = state.replica.executed_prefix();
        let upto = (self.rules.discardable)(&known, self.id, &prefix);
        if !state.replica.discarded().covers(&upto) {
            self.commit(state, Change::Discard { upto }, fx);
        }
    }

    /// The rows of those without whose knowledge nothing may be discarded here.
    fn needed<'a, S: Service>(
        &'a self,
        state: &'a ManagerState<S>,
    ) -> impl Iterator<Item = &'a Timestamp> {
        let counts = |peer: &ReplicaId| (self.rules.counts)(*peer, self.group);
        let needy = self.peers().filter(|peer| self.keeps_records_for(*peer)).filter(counts);
        needy.map(|peer| &state.table[peer.index()])
    }

    /// A read-only replica passes nothing on, so no other read-only one depends on its log.
    fn keeps_records_for(&self, peer: ReplicaId) -> bool {
        self.group.is_updatable(self.id) || self.group.is_updatable(peer)
    }

    fn answer_waiting<S: Service>(&self, state: &mut ManagerState<S>, fx: &mut Effects<S>) {
        let replica = &state.replica;
        state.waiting.retain(|id, waiting| {
            let ready =
                (self.rules.may_answer)(&waiting.prev, replica.value_ts(), replica.replica_ts());
            if ready {
                answer(replica, *id, &waiting.query, fx);
            }
            !ready
        });
    }

    fn report_loss<S: Service>(&self, state: &ManagerState<S>, known: u64, fx: &mut Effects<S>) {
        let remembered = state.replica.count_of(self.id);
        fx.events.push(Event::StateLost { known, remembered });
    }

    /// The only way that the durable replica changes: here and in the journal, or in neither.
    fn commit<S: Service>(
        &self,
        state: &mut ManagerState<S>,
        change: Change<S>,
        fx: &mut Effects<S>,
    ) {
        state.replica.commit(self.rules, &change);
        fx.journal.push(change);
    }

    fn peers(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let me = self.id;
        self.group.members().filter(move |peer| *peer != me)
    }
}

fn answer<S: Service>(replica: &Replica<S>, id: RequestId, query: &S::Query, fx: &mut Effects<S>) {
    let (ts, answer) = (replica.value_ts().clone(), replica.value().answer(query));
    fx.send_to_front_end(id, Message::QueryReply { id, ts, answer });
}
