//! What hosts of before a replacement did, told in the timestamps of after it: the judge sees one cluster, in
//! which the newcomer's entry was there from the start and had counted nothing.

use crate::{judge::Step, node::Notes};
use chinwag::{Change, Gossip, Group, LogRecord, ManagerState, Message, Service, Timestamp};
use std::sync::Arc;

/// What a host did, in the timestamps of this group.
pub struct Wide<S: Service> {
    /// What it knows.
    pub state: ManagerState<S>,
    notes: Notes<S>,
    written: Vec<Vec<Change<S>>>,
}

impl<S: Service> Wide<S> {
    /// Of this step.
    pub fn of(step: &Step<'_, S>, group: Group) -> Self {
        let entries = usize::from(group.updatable);
        let received =
            step.notes.received.iter().map(|(from, m)| (*from, message(m, entries))).collect();
        let sent = step.notes.sent.iter().map(|(to, m)| (*to, message(m, entries))).collect();
        let change = |c: &Change<S>| change(c, entries);
        Self {
            state: state(step.state, group),
            notes: Notes { received, sent, unreadable: 0 },
            written: step.written.iter().map(|batch| batch.iter().map(change).collect()).collect(),
        }
    }

    /// The step as it looks then.
    pub fn step(&self, step: &Step<'_, S>) -> Step<'_, S> {
        let Step { me, synced, truly_synced, stopped, .. } = *step;
        let (state, notes, written) = (&self.state, &self.notes, &self.written[..]);
        Step { me, state, notes, written, synced, truly_synced, stopped }
    }
}

/// What a replica manager knows, in the timestamps of this group.
pub fn state<S: Service>(state: &ManagerState<S>, group: Group) -> ManagerState<S> {
    let (entries, rows) = (usize::from(group.updatable), usize::from(group.replicas));
    let mut wide = state.clone();
    wide.replica = state.replica.widened(entries);
    wide.table.iter_mut().for_each(|row| *row = row.widened(entries));
    wide.table.resize(rows, group.zero());
    wide.owed.resize(rows, false);
    wide.waiting.values_mut().for_each(|query| query.prev = query.prev.widened(entries));
    wide
}

fn record<S: Service>(record: &Arc<LogRecord<S>>, entries: usize) -> Arc<LogRecord<S>> {
    let mut wide = LogRecord::clone(record);
    let all: [&mut Timestamp; 2] = [&mut wide.ts, &mut wide.update.prev];
    all.into_iter().for_each(|ts| *ts = ts.widened(entries));
    Arc::new(wide)
}

fn change<S: Service>(change: &Change<S>, entries: usize) -> Change<S> {
    match change {
        Change::Log { replica_ts, records } => Change::Log {
            replica_ts: replica_ts.widened(entries),
            records: records.iter().map(|r| record(r, entries)).collect(),
        },
        Change::Discard { upto } => Change::Discard { upto: upto.widened(entries) },
    }
}

fn message<S: Service>(message: &Message<S>, entries: usize) -> Message<S> {
    let mut wide = message.clone();
    match &mut wide {
        Message::Update(update) => update.prev = update.prev.widened(entries),
        Message::UpdateReply { ts, .. }
        | Message::QueryReply { ts, .. }
        | Message::Tell { ts, .. }
        | Message::Pull { replica_ts: ts }
        | Message::Query { prev: ts, .. } => *ts = ts.widened(entries),
        Message::Gossip(Gossip { log, ts, table, .. }) => {
            log.iter_mut().for_each(|r| *r = record(r, entries));
            *ts = ts.widened(entries);
            table.iter_mut().for_each(|row| *row = row.widened(entries));
        }
        Message::Refused { .. } => {}
    }
    wide
}
