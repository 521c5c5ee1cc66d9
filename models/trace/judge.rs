//! What is promised of a run with any number of updates, judged after each step.
//!
//! The order of execution is taken from the service itself ([`Witnessed`]), not from the protocol's own
//! bookkeeping. Costs what a step changes and what some replica manager still lacks, not what was ever there.

use super::{play::Player, witnessed::Witnessed};
use chinwag::{Change, Group, LogRecord, RecordKey, ReplicaId, RequestId, Service, Timestamp};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

type Record<S> = Arc<LogRecord<Witnessed<S>>>;

/// What it knows of the run so far.
pub struct Judge<S: Service> {
    group: Group,
    /// Every record that was ever made.
    records: BTreeMap<RecordKey, Record<S>>,
    /// Of each update.
    keys: HashMap<RequestId, Vec<RecordKey>>,
    seats: Vec<Seat>,
    /// Are these values equal? Of the models' application, whatever order they came about in.
    alike: fn(&S, &S) -> bool,
}

/// What it knows of one replica manager.
#[derive(Clone, Default)]
struct Seat {
    /// Records that were journalled here.
    received: HashSet<RecordKey>,
    ran: HashSet<RequestId>,
    /// How much of the order of execution was judged.
    judged: usize,
    /// Records of updates that exist and have not run here.
    lacks: HashSet<RecordKey>,
}

#[cfg(test)]
mod tests;

type Judged = Result<(), String>;

fn promise(holds: bool, broken: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { Err(broken()) }
}

impl<S: Service> Judge<S> {
    /// Of a cluster where nothing has happened.
    pub fn new(group: Group) -> Self {
        let seats = vec![Seat::default(); usize::from(group.replicas)];
        Self { group, records: BTreeMap::new(), keys: HashMap::new(), seats, alike: S::eq }
    }

    /// The same, which takes such values for equal.
    pub fn with_alike(self, alike: fn(&S, &S) -> bool) -> Self {
        Self { alike, ..self }
    }

    /// After a step of one replica manager that journalled this.
    pub fn step(
        &mut self,
        players: &[Player<S>],
        node: usize,
        journal: &[Change<Witnessed<S>>],
    ) -> Judged {
        let me = ReplicaId(node as u16);
        for change in journal {
            match change {
                Change::Log { records, .. } => {
                    records.iter().try_for_each(|record| self.logged(me, record))?;
                }
                Change::Discard { upto } => self.discarded(players, me, upto)?,
            }
        }
        self.ran(&players[node], me)?;
        self.table_is_true(players, me)
    }

    /// A record came into a log (P3, P9, P25).
    fn logged(&mut self, me: ReplicaId, record: &Record<S>) -> Judged {
        let (key, id) = (record.key(), record.update.id);
        let past_plus_one = record.update.prev.get(key.origin) < key.seq
            && record.ts == record.update.prev.with(key.origin, key.seq);
        promise(past_plus_one, || format!("{key:?} is its past with one new update in it (P3)"))?;
        let seat = &mut self.seats[me.index()];
        promise(seat.received.insert(key), || format!("{key:?} is journalled once (P25)"))?;
        if let Some(known) = self.records.get(&key) {
            return promise(known == record, || format!("{key:?} names one record (P3)"));
        }
        promise(key.origin == me, || format!("{key:?} is made by its own replica manager (S29)"))?;
        let keys = self.keys.entry(id).or_default();
        let is_first = keys.iter().all(|other| other.origin != me);
        promise(is_first, || format!("{me:?} makes one record of {id:?} (P9)"))?;
        keys.push(key);
        self.records.insert(key, Arc::clone(record));
        for seat in self.seats.iter_mut().filter(|seat| !seat.ran.contains(&id)) {
            seat.lacks.insert(key);
        }
        Ok(())
    }

    /// Whoever needs a record has it when it is discarded (P13).
    fn discarded(&self, players: &[Player<S>], me: ReplicaId, upto: &Timestamp) -> Judged {
        let needs = |peer: ReplicaId| {
            peer != me && (self.group.is_updatable(me) || self.group.is_updatable(peer))
        };
        for peer in self.group.members().filter(|peer| needs(*peer)) {
            let held = replica_ts(&players[peer.index()]);
            promise(held.is_some_and(|ts| ts.covers(upto)), || {
                let held = held.map_or_else(|| "nothing".into(), |ts| format!("{ts:?}"));
                format!(
                    "{me:?} discards what {peer:?} has (P13), but discards up to {upto:?}, and {peer:?} \
                     holds {held}"
                )
            })?;
        }
        Ok(())
    }

    /// Updates ran: each for the first time, after its past, and the value's timestamp says so (P6, P8, P9).
    fn ran(&mut self, player: &Player<S>, me: ReplicaId) -> Judged {
        let Some(state) = &player.state else { return Ok(()) };
        let order = &state.replica.value().order;
        let value_ts = state.replica.value_ts();
        let Self { records, keys, seats, .. } = self;
        let seat = &mut seats[me.index()];
        for id in &order[seat.judged.min(order.len())..] {
            let own: &[_] = keys.get(id).map_or(&[], Vec::as_slice);
            promise(!own.is_empty(), || format!("{id:?} has a record when it runs (P4)"))?;
            promise(seat.ran.insert(*id), || format!("{me:?} runs {id:?} once (P9)"))?;
            for key in own {
                seat.lacks.remove(key);
            }
            let prev = &records[&own[0]].update.prev;
            if let Some(key) = seat.lacks.iter().find(|key| prev.covers(&records[key].ts)) {
                return Err(format!("{me:?} runs {id:?} after its past, so after {key:?} (P8)"));
            }
            let here = own.iter().filter(|key| seat.received.contains(key));
            let reflected = here.into_iter().any(|key| value_ts.covers(&records[key].ts));
            promise(reflected, || format!("{me:?} reflects {id:?}, which ran (P6)"))?;
        }
        seat.judged = order.len();
        let unreflected = seat.lacks.iter().find(|key| value_ts.covers(&records[key].ts));
        promise(unreflected.is_none(), || {
            format!("{me:?} reflects what its timestamp covers, so {unreflected:?} (P6)")
        })
    }

    /// What a table says of a peer, the peer has (P12).
    fn table_is_true(&self, players: &[Player<S>], me: ReplicaId) -> Judged {
        let Some(state) = &players[me.index()].state else { return Ok(()) };
        for (peer, row) in self.group.members().zip(&state.table) {
            let held = replica_ts(&players[peer.index()]);
            let nothing = self.group.zero();
            let is_true = held.unwrap_or(&nothing).covers(row);
            promise(is_true, || {
                let held = held.unwrap_or(&nothing);
                format!(
                    "{me:?} knows of {peer:?} what that has (P12), but takes it to hold {row:?}, and it \
                     holds {held:?}"
                )
            })?;
        }
        promise(state.replica.replica_ts().covers(state.replica.value_ts()), || {
            format!("the value of {me:?} never runs ahead of its log (P4)")
        })
    }

    /// At the end: if all hold the same, all have run the same and are equal (P16). Says whether they do.
    pub fn end(&self, players: &[Player<S>]) -> Result<bool, String> {
        let states: Option<Vec<_>> = players.iter().map(|p| p.state.as_ref()).collect();
        let Some(states) = states else { return Ok(false) };
        let Some((first, others)) = states.split_first() else { return Ok(false) };
        if others.iter().any(|state| state.replica.replica_ts() != first.replica.replica_ts()) {
            return Ok(false);
        }
        for (me, state) in self.group.members().zip(&states) {
            let none = state.replica.pending_count() == 0;
            promise(none, || format!("nothing waits at {me:?} when all hold the same (P16)"))?;
            let seat = &self.seats[me.index()];
            promise(seat.lacks.is_empty(), || {
                format!("every update has run at {me:?} (P16), and so {:?}", seat.lacks)
            })?;
            let same = state.replica.value_ts() == first.replica.value_ts()
                && (self.alike)(&state.replica.value().value, &first.replica.value().value);
            promise(same, || format!("rm0 and {me:?} are equal when all hold the same (P16)"))?;
        }
        Ok(true)
    }
}

fn replica_ts<S: Service>(player: &Player<S>) -> Option<&Timestamp> {
    player.state.as_ref().map(|state| state.replica.replica_ts())
}
