//! The translation from Rust, which must be trusted: read it beside the table in `proofs/README.md`.

use crate::plain::{
    Change, Config, Gossip, Id, Manager, Out, Reason, Record, Replica, Request, Ts,
};
use chinwag::{
    Destination, Event, FrontEndId, Group, Input, LogRecord, ManagerState, Message,
    PENDING_UPDATES_MAX, Refusal, ReplicaId, ReplicaManager, RequestId, Serial, Service, Timestamp,
    Update, WAITING_QUERIES_MAX,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A number that stands for a name that occurred neither in the state before nor in the input.
const UNKNOWN: u64 = u64::MAX;

/// Small numbers for front ends, serials and operations, in their order.
///
/// The functions only compare them: identifiers for order, operations not at all.
pub(crate) struct Names<S: Service> {
    /// Ascending. A front end's serials begin with 0.0, which stands for "nothing is finished".
    serials: Vec<(FrontEndId, Vec<Serial>)>,
    /// Ascending.
    ops: Vec<S::Op>,
}

impl<S: Service> Names<S> {
    /// All names in a replica, and in what else the handler is given.
    pub fn of<'a>(
        replica: &chinwag::Replica<S>,
        waiting: impl Iterator<Item = RequestId>,
        inputs: impl IntoIterator<Item = &'a Input<S>>,
    ) -> Self {
        let mut serials: BTreeMap<FrontEndId, BTreeSet<Serial>> = BTreeMap::new();
        let mut ops = BTreeSet::new();
        let mut name = |front_end, serial| {
            let zero = || BTreeSet::from([Serial::default()]);
            serials.entry(front_end).or_insert_with(zero).insert(serial);
        };
        let (mut updates, mut ids): (Vec<&Update<S>>, Vec<_>) = Default::default();
        updates.extend(replica.log().map(|record| &record.update));
        ids.extend(replica.executed().keys().copied().chain(waiting));
        for input in inputs {
            match input {
                Input::Message(_, Message::Update(update)) => updates.push(update),
                Input::Message(_, Message::Query { id, .. }) => ids.push(*id),
                Input::Message(_, Message::Gossip(gossip)) => {
                    updates.extend(gossip.log.iter().map(|record| &record.update));
                }
                _ => {}
            }
        }
        replica.watermarks().iter().for_each(|(front_end, low)| name(*front_end, *low));
        for update in updates {
            name(update.id.front_end, update.id.serial);
            name(update.id.front_end, update.acknowledged);
            ops.insert(&update.op);
        }
        ids.into_iter().for_each(|id| name(id.front_end, id.serial));
        let ranked = |(front_end, serials): (_, BTreeSet<_>)| {
            (front_end, serials.into_iter().collect::<Vec<_>>())
        };
        Self {
            serials: serials.into_iter().map(ranked).collect(),
            ops: ops.into_iter().cloned().collect(),
        }
    }

    fn front_end(&self, front_end: FrontEndId) -> u64 {
        let place = self.serials.binary_search_by_key(&front_end, |(known, _)| *known);
        place.map_or(UNKNOWN, |place| place as u64)
    }

    fn serial(&self, front_end: FrontEndId, serial: Serial) -> u64 {
        let Ok(of) = self.serials.binary_search_by_key(&front_end, |(known, _)| *known) else {
            return UNKNOWN;
        };
        self.serials[of].1.binary_search(&serial).map_or(UNKNOWN, |place| place as u64)
    }

    pub fn id(&self, id: RequestId) -> Id {
        (self.front_end(id.front_end), self.serial(id.front_end, id.serial))
    }

    /// The other way round.
    pub fn request_id(&self, (front_end, serial): Id) -> Option<RequestId> {
        let (front_end, serials) = self.serials.get(usize::try_from(front_end).ok()?)?;
        let serial = *serials.get(usize::try_from(serial).ok()?)?;
        Some(RequestId { front_end: *front_end, serial })
    }

    /// The operation of this number.
    pub fn op(&self, number: u64) -> Option<&S::Op> {
        self.ops.get(usize::try_from(number).ok()?)
    }

    pub fn request(&self, update: &Update<S>) -> Request {
        let Update { id, acknowledged, prev, op } = update;
        Request {
            id: self.id(*id),
            acknowledged: self.serial(id.front_end, *acknowledged),
            prev: ts(prev),
            op: self.ops.binary_search(op).map_or(UNKNOWN, |place| place as u64),
        }
    }

    fn record(&self, record: &Arc<LogRecord<S>>) -> Record {
        let Request { id, acknowledged, prev, op } = self.request(&record.update);
        let (origin, ts) = (record.origin.0.into(), ts(&record.ts));
        Record { origin, ts, id, acknowledged, prev, op }
    }

    fn records<'a>(&self, records: impl Iterator<Item = &'a Arc<LogRecord<S>>>) -> Vec<Record> {
        records.map(|record| self.record(record)).collect()
    }

    /// The durable replica and the timestamp table. The value is left to the history.
    pub fn replica(&self, me: u64, from: &chinwag::Replica<S>, table: &[Timestamp]) -> Replica {
        let waits: BTreeSet<_> = from.pending().map(|record| record.key()).collect();
        let executed = from.executed().iter().map(|(id, stamp)| (self.id(*id), ts(stamp)));
        let lows = from.watermarks().iter();
        Replica {
            me,
            replica_ts: ts(from.replica_ts()),
            value_ts: ts(from.value_ts()),
            waiting: self.records(from.pending()),
            ran: self.records(from.log().filter(|record| !waits.contains(&record.key()))),
            executed: executed.collect(),
            value: Vec::new(),
            finished: lows.map(|(id, low)| (self.front_end(*id), self.serial(*id, *low))).collect(),
            discarded: ts(from.discarded()),
            table: table.iter().map(ts).collect(),
        }
    }

    /// The state of a replica manager.
    pub fn manager(&self, me: u64, state: &ManagerState<S>) -> Manager {
        let queries = state.waiting.iter().map(|(id, query)| (self.id(*id), ts(&query.prev)));
        Manager {
            replica: self.replica(me, &state.replica, &state.table),
            queries: queries.collect(),
            owed: state.owed.clone(),
            unsent: state.unsent.into(),
        }
        .sorted()
    }

    pub fn gossip(&self, from: u64, to: u64, gossip: &chinwag::Gossip<S>) -> Gossip {
        Gossip {
            from,
            to,
            log: self.records(gossip.log.iter()),
            ts: ts(&gossip.ts),
            complete: gossip.complete,
            asks: gossip.asks,
            table: gossip.table.iter().map(ts).collect(),
        }
    }

    pub fn change(&self, change: &chinwag::Change<S>) -> Change {
        match change {
            chinwag::Change::Log { replica_ts, records } => {
                Change::Log { replica_ts: ts(replica_ts), records: self.records(records.iter()) }
            }
            chinwag::Change::Discard { upto } => Change::Discard { upto: ts(upto) },
        }
    }

    /// What is sent. An answer's value is left to the history.
    pub fn sent(&self, me: u64, to: Destination, message: &Message<S>) -> Out {
        match (to, message) {
            (Destination::FrontEnd(to), Message::UpdateReply { id, ts: stamp })
                if to == id.front_end =>
            {
                Out::Reply { id: self.id(*id), ts: ts(stamp) }
            }
            (Destination::FrontEnd(to), Message::QueryReply { id, ts: stamp, .. })
                if to == id.front_end =>
            {
                Out::Answer { id: self.id(*id), value: Vec::new(), ts: ts(stamp) }
            }
            (Destination::FrontEnd(to), Message::Refused { id, reason }) if to == id.front_end => {
                let id = self.id(*id);
                match reason {
                    Refusal::ReadOnly => Out::Refusal { id, reason: Reason::ReadOnly },
                    Refusal::UnknownPast => Out::Refusal { id, reason: Reason::UnknownPast },
                    Refusal::Overloaded => Out::Refusal { id, reason: Reason::Overloaded },
                    Refusal::NoSpace => Out::Other("a refusal of the driver's".into()),
                }
            }
            (Destination::Replica(to), Message::Gossip(gossip)) => {
                Out::Gossip(self.gossip(me, to.0.into(), gossip))
            }
            (Destination::Replica(to), Message::Pull { replica_ts }) => {
                Out::Pull { to: to.0.into(), replica_ts: ts(replica_ts) }
            }
            _ => Out::Other(format!("{message:?} to {to:?}")),
        }
    }

    /// An event, which in Coq stands among what is sent.
    pub fn event(&self, event: &Event<S>) -> Out {
        match event {
            Event::StateLost { known, remembered } => {
                Out::Lost { known: *known, remembered: *remembered }
            }
            other => Out::Other(format!("{other:?}")),
        }
    }
}

/// What never changes, until a replacement is recorded.
pub(crate) fn config(manager: &ReplicaManager) -> Config {
    let group = manager.group;
    let places = |which: fn(&Group, ReplicaId) -> bool| {
        group.places().filter(|place| which(&group, *place)).map(|place| place.0.into()).collect()
    };
    Config {
        partners: manager.partners.iter().map(|peer| peer.0.into()).collect(),
        batch: manager.batch.into(),
        pulls: manager.pulls,
        relays: manager.relays,
        pending_max: PENDING_UPDATES_MAX as u64,
        waiting_max: WAITING_QUERIES_MAX as u64,
        epoch: group.epoch.into(),
        absent: places(|group, place| !group.is_member(place)),
        newcomers: places(|group, place| group.is_newcomer(place)),
    }
}

pub(crate) fn ts(ts: &Timestamp) -> Ts {
    Ts::new(ts.entries().map(|(_, count)| count).collect())
}
