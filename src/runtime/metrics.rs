//! Figures of a replica manager, as OpenMetrics text. Names and meanings: docs/operations.md.

use super::{Condition, lag::lags, system_drops::SystemDrops};
use crate::{ManagerState, ReplicaId, Service};
use prometheus_client::{
    encoding::text,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
};

type Label = [(&'static str, String); 1];
type Real = Gauge<f64, AtomicU64>;

/// The media type of [`Metrics::text`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A counter for each value of one label. The values are words of the program, so there are few.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    label: &'static str,
    family: Family<Label, Counter>,
    /// Those that were counted before, without a lock or a search in the family. A text that is in two places
    /// has two entries here, and one counter.
    known: Vec<(&'static str, Counter)>,
}

impl Counts {
    pub fn add(&mut self, value: &'static str, by: u64) {
        let known = self.known.iter().find(|(text, _)| std::ptr::eq(*text, value));
        if let Some((_, counter)) = known {
            counter.inc_by(by);
            return;
        }
        let counter = self.family.get_or_create_owned(&[(self.label, value.to_string())]);
        counter.inc_by(by);
        self.known.push((value, counter));
    }
}

/// How long the disk takes.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub sync: Histogram,
    pub checkpoint: Histogram,
}

/// All figures. Clones share them; the text may be asked for from any thread.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    pub(super) received: Counts,
    pub(super) received_bytes: Counts,
    pub(super) sent: Counts,
    pub(super) sent_bytes: Counts,
    pub(super) dropped: Counts,
    pub(super) updates: Counter,
    pub(super) queries: Counter,
    pub(super) held_back: Counter,
    pub(super) held_for: Histogram,
    pub(super) oldest: Real,
    pub(super) batch_records: Histogram,
    pub(super) batch_bytes: Histogram,
    pub(super) checkpoint_bytes: Gauge,
    pub(super) torn_bytes: Counter,
    pub(super) disk: Disk,
    gauges: Gauges,
    system_drops: SystemDrops,
}

#[derive(Clone, Debug, Default)]
struct Gauges {
    waiting: Gauge,
    log: Gauge,
    pending: Gauge,
    executed: Gauge,
    condition: Family<Label, Gauge>,
    lag: Family<Label, Gauge>,
    held: Family<Label, Gauge>,
    spoken: Family<Label, Gauge>,
}

fn seconds() -> Histogram {
    // 16 us to 8 s.
    Histogram::new(exponential_buckets(16e-6, 2.0, 20))
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chinwag");
        let r = &mut registry;
        let mut counts = |name, label, help| counts(r, name, label, help);
        let received = counts("datagrams_received", "kind", "Datagrams that could be read");
        let received_bytes = counts("bytes_received", "kind", "Bytes of them");
        let sent = counts("datagrams_sent", "kind", "Datagrams handed to the system");
        let sent_bytes = counts("bytes_sent", "kind", "Bytes of them");
        let dropped = counts("dropped", "reason", "Datagrams dropped, or not made");
        let (disk, gauges) = (disk(r), gauges(r));
        let (updates, queries, held_back) = requests(r);
        let (batch_records, batch_bytes) = batches(r);
        let held_for = seconds();
        let help = "How long answered queries had been held back";
        r.register_with_unit("query_held_back", help, Unit::Seconds, held_for.clone());
        let oldest = Real::default();
        let help = "How long the oldest query that is held back has been";
        r.register_with_unit("query_held_back_oldest", help, Unit::Seconds, oldest.clone());
        let checkpoint_bytes = Gauge::default();
        let help = "Size of the last checkpoint";
        r.register_with_unit("checkpoint", help, Unit::Bytes, checkpoint_bytes.clone());
        let torn_bytes = Counter::default();
        let help = "Bytes of a torn last batch that the start dropped";
        r.register("torn_bytes", help, torn_bytes.clone());
        let system_drops = SystemDrops::default();
        r.register_collector(Box::new(system_drops.clone()));
        Self {
            registry: registry.into(),
            received,
            received_bytes,
            sent,
            sent_bytes,
            dropped,
            updates,
            queries,
            held_back,
            held_for,
            oldest,
            batch_records,
            batch_bytes,
            checkpoint_bytes,
            torn_bytes,
            disk,
            gauges,
            system_drops,
        }
    }
}

fn counts(r: &mut Registry, name: &str, label: &'static str, help: &str) -> Counts {
    let counts = Counts { label, ..Counts::default() };
    r.register(name, help, counts.family.clone());
    counts
}

fn requests(r: &mut Registry) -> (Counter, Counter, Counter) {
    let mut counter = |name, help| {
        let counter = Counter::default();
        r.register(name, help, counter.clone());
        counter
    };
    let updates = counter("updates", "Updates recorded here for front ends");
    let queries = counter("queries", "Queries answered");
    (updates, queries, counter("queries_held_back", "Queries that had to wait"))
}

fn batches(r: &mut Registry) -> (Histogram, Histogram) {
    let records = Histogram::new(exponential_buckets(1.0, 2.0, 13));
    r.register("batch_records", "Records in a batch of the journal", records.clone());
    let bytes = Histogram::new(exponential_buckets(64.0, 2.0, 15));
    r.register_with_unit("batch", "Size of a batch of the journal", Unit::Bytes, bytes.clone());
    (records, bytes)
}

fn disk(r: &mut Registry) -> Disk {
    let disk = Disk { sync: seconds(), checkpoint: seconds() };
    r.register_with_unit("fsync", "How long a sync took", Unit::Seconds, disk.sync.clone());
    let help = "How long a checkpoint took";
    r.register_with_unit("checkpoint_time", help, Unit::Seconds, disk.checkpoint.clone());
    disk
}

fn gauges(r: &mut Registry) -> Gauges {
    let all = Gauges::default();
    r.register("queries_waiting", "Queries that are held back", all.waiting.clone());
    r.register("log_records", "Records in the log", all.log.clone());
    r.register("pending_records", "Of these, how many wait for their past", all.pending.clone());
    r.register("executed", "Identifiers in the executed table", all.executed.clone());
    r.register("condition", "1 for what it is: joining, full or ready", all.condition.clone());
    let help = "Updates held here that a peer is not known to hold";
    r.register("stability_lag", help, all.lag.clone());
    r.register("updates_held", "Updates ever received, by origin", all.held.clone());
    let help = "Version of the wire that is spoken with a peer";
    r.register("wire_version", help, all.spoken.clone());
    all
}

impl Metrics {
    /// In OpenMetrics' text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }

    /// From now on, what the system drops at the socket bound to this address is told as well.
    pub fn watch_socket(&self, at: SocketAddr) {
        // There is one socket; a second one would be told of under the first one's name.
        let _ = self.system_drops.0.set(at);
    }

    /// Sets what is spoken with a peer.
    pub(super) fn speaks(&self, peer: ReplicaId, version: u8) {
        let label = [("peer", format!("{peer:?}"))];
        self.gauges.spoken.get_or_create_owned(&label).set(version.into());
    }

    /// Sets what is read off a state.
    pub(super) fn look<S: Service>(
        &self,
        me: ReplicaId,
        state: &ManagerState<S>,
        condition: Condition,
    ) {
        let (gauges, replica) = (&self.gauges, &state.replica);
        gauges.waiting.set(whole(state.waiting.len() as u64));
        gauges.log.set(whole(replica.log().len() as u64));
        gauges.pending.set(whole(replica.pending_count() as u64));
        gauges.executed.set(whole(replica.executed().len() as u64));
        for each in Condition::ALL {
            let gauge = gauges.condition.get_or_create_owned(&[("state", each.word().into())]);
            gauge.set((each == condition).into());
        }
        let label = |name, replica: ReplicaId| [(name, format!("{replica:?}"))];
        for (peer, lag) in (0..).map(ReplicaId).zip(lags(me, state)).filter(|(id, _)| *id != me) {
            gauges.lag.get_or_create_owned(&label("peer", peer)).set(whole(lag));
        }
        for (origin, count) in replica.replica_ts().entries() {
            gauges.held.get_or_create_owned(&label("origin", origin)).set(whole(count));
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
