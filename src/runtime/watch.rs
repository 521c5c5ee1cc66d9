//! Sees what a host does, and turns it into log lines and metrics. No payload is logged, at any level.

use super::{
    Clock, Condition, DropReason, Metrics, Observer, Saved, Warnings,
    host::recorded_by,
    live::{self, Exchange, Live},
};
use crate::{
    Change, Destination, Event, ManagerState, Message, ReplicaId, RequestId, Sender, Service,
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tracing::{debug, error, info, warn};

/// How often the figures that are read off the state are read.
pub const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A replica manager that has committed nothing for so long hangs: it commits every
/// [`STOP_POLL`](super::udp::STOP_POLL) when idle.
pub const HEALTHY_WITHIN: Duration = Duration::from_secs(10);

/// Whether a replica manager takes updates and is alive, for other threads; and what it looks like, if they
/// ask.
#[derive(Debug, Default)]
pub struct Health {
    condition: AtomicUsize,
    /// In milliseconds of its clock; zero before the first commit.
    committed_at: AtomicU64,
    pub(super) live: Live,
}

impl Health {
    /// Whether it takes updates, as of its last commit.
    pub fn condition(&self) -> Condition {
        Condition::ALL[self.condition.load(Relaxed)]
    }

    /// Did it commit within [`HEALTHY_WITHIN`]?
    pub fn is_alive(&self, now: Duration) -> bool {
        let at = self.committed_at.load(Relaxed);
        at > 0 && now.saturating_sub(Duration::from_millis(at)) < HEALTHY_WITHIN
    }

    fn committed(&self, now: Duration, condition: Condition) {
        let place = Condition::ALL.iter().position(|each| *each == condition);
        self.condition.store(place.expect("it is one of all"), Relaxed);
        self.committed_at.store((now.as_millis() as u64).max(1), Relaxed);
    }
}

/// An observer for operators.
#[derive(Debug)]
pub struct Watch<C> {
    me: ReplicaId,
    clock: C,
    metrics: Metrics,
    health: Arc<Health>,
    warnings: Warnings,
    condition: Option<Condition>,
    /// Queries that are held back, since when. The host gives up on some without a word.
    held: BTreeMap<RequestId, Duration>,
    look_at: Duration,
    gossip: BTreeMap<ReplicaId, Exchange>,
}

impl<C: Clock> Watch<C> {
    /// Watches this replica manager.
    pub fn new(me: ReplicaId, clock: C, metrics: Metrics, health: Arc<Health>) -> Self {
        Self {
            me,
            clock,
            metrics,
            health,
            warnings: Warnings::default(),
            condition: None,
            held: BTreeMap::new(),
            look_at: Duration::ZERO,
            gossip: BTreeMap::new(),
        }
    }

    fn changed(&mut self, condition: Condition) {
        let me = self.me;
        match condition {
            Condition::Full => warn!("{me:?}: {condition}"),
            Condition::Joining | Condition::Ready => info!("{me:?}: {condition}"),
        }
        self.condition = Some(condition);
        let state = format!("{me:?}: {condition}");
        // Nobody may be listening any more.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&state)]);
    }

    fn look<S: Service>(&mut self, now: Duration, state: &ManagerState<S>, condition: Condition) {
        self.look_at = now + LOOK_EVERY;
        self.held.retain(|id, _| state.waiting.contains_key(id));
        let oldest =
            self.held.values().min().map_or(Duration::ZERO, |since| now.saturating_sub(*since));
        self.metrics.oldest.set(oldest.as_secs_f64());
        self.metrics.look(self.me, state, condition);
        let live = &self.health.live;
        live.show(now, || live::running(self.me, state, &self.gossip, &self.held, now));
    }
}

impl<S: Service, C: Clock> Observer<S> for Watch<C> {
    fn recovered(&mut self, saved: &Saved) {
        let (me, torn) = (self.me, saved.torn_bytes);
        self.metrics.torn_bytes.inc_by(torn);
        if torn > 0 {
            warn!("{me:?}: dropped a batch of {torn} bytes that was being written at the end");
        }
    }

    fn received(&mut self, from: Sender, message: &Message<S>) {
        if let (Sender::Replica(peer), Message::Gossip { .. }) = (from, message) {
            let exchange = self.gossip.entry(peer).or_default();
            exchange.received += 1;
            exchange.heard_at = Some(self.clock.now());
        }
    }

    fn arrived(&mut self, kind: &'static str, bytes: usize) {
        self.metrics.received.add(kind, 1);
        self.metrics.received_bytes.add(kind, bytes as u64);
        debug!(kind, bytes, "arrived");
    }

    fn left(&mut self, kind: &'static str, bytes: usize) {
        self.metrics.sent.add(kind, 1);
        self.metrics.sent_bytes.add(kind, bytes as u64);
        debug!(kind, bytes, "left");
    }

    fn speaks(&mut self, peer: ReplicaId, version: u8) {
        self.metrics.speaks(peer, version);
        debug!(version, "{:?}: speaks with {peer:?}", self.me);
    }

    fn dropped(&mut self, why: DropReason) {
        let (me, reason) = (self.me, why.reason());
        self.metrics.dropped.add(reason, 1);
        if let Some(count) = self.warnings.count(reason, self.clock.now()) {
            warn!(count, reason, "{me:?}: dropped {count}: {reason}");
        }
    }

    fn journalled(&mut self, changes: &[Change<S>], bytes: usize) {
        let records = changes.iter().map(|change| match change {
            Change::Log { records, .. } => records.len(),
            Change::Discard { .. } => 0,
        });
        let records: usize = records.sum();
        self.metrics.updates.inc_by(recorded_by(self.me, changes));
        self.metrics.batch_records.observe(records as f64);
        self.metrics.batch_bytes.observe(bytes as f64);
    }

    fn checkpointed(&mut self, bytes: usize) {
        self.metrics.checkpoint_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        debug!(bytes, "{:?}: checkpoint", self.me);
    }

    fn held_back(&mut self, id: RequestId) {
        let now = self.clock.now();
        // A repetition waits as long as the first did.
        self.held.entry(id).or_insert_with(|| {
            self.metrics.held_back.inc();
            now
        });
    }

    fn sent(&mut self, to: Destination, message: &Message<S>, _datagrams: usize) {
        if let (Destination::Replica(peer), Message::Gossip { .. }) = (to, message) {
            self.gossip.entry(peer).or_default().sent += 1;
        }
        if let Message::QueryReply { id, .. } = message {
            self.metrics.queries.inc();
            if let Some(since) = self.held.remove(id) {
                let held = self.clock.now().saturating_sub(since);
                self.metrics.held_for.observe(held.as_secs_f64());
            }
        }
    }

    fn committed(&mut self, state: &ManagerState<S>, condition: Condition) {
        let now = self.clock.now();
        self.health.committed(now, condition);
        let changed = self.condition != Some(condition);
        if changed {
            self.changed(condition);
        }
        if changed || now >= self.look_at {
            self.look(now, state, condition);
        }
    }

    fn event(&mut self, event: &Event<S>) {
        if let Event::StateLost { known, remembered } = event {
            let me = self.me;
            error!(known, remembered, "{me:?}: others know of more than is remembered here");
        }
    }
}
