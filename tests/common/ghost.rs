//! What an onlooker who sees everything demands after each step (PROTOCOL section 3).

use super::{Texts, Transcript, entries};
use chinwag::{
    Change, Effects, Event, FrontEndId, FrontEndState, Group, LogRecord, ManagerState, Message,
    RecordKey, Replica, ReplicaId, ReplicaManager, Request, RequestId, Timestamp,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

type Record = Arc<LogRecord<Transcript>>;

#[derive(Clone)]
pub struct Ghost {
    group: Group,
    /// Every record that was ever made.
    records: BTreeMap<RecordKey, Record>,
    stamps: HashMap<Timestamp, RecordKey>,
    /// Which of them each manager ever received.
    received: Vec<BTreeSet<RecordKey>>,
    /// The fold of each manager's journal.
    folded: Vec<Replica<Transcript>>,
    /// Identifiers that left each manager's executed table.
    forgotten: Vec<BTreeSet<RequestId>>,
    texts: BTreeMap<RequestId, String>,
    /// What each client has seen.
    seen: Vec<Texts>,
    /// What each client asked for in its session, seen or not.
    session: Vec<Texts>,
    /// What goes with each word that a client has not got rid of yet.
    words: Vec<VecDeque<Texts>>,
    /// What must run before an update, or be in the answer to a query.
    past: BTreeMap<RequestId, Texts>,
}

impl Ghost {
    pub fn new(group: Group) -> Self {
        let n = usize::from(group.replicas);
        Self {
            group,
            records: BTreeMap::new(),
            stamps: HashMap::new(),
            received: vec![BTreeSet::new(); n],
            folded: vec![Replica::empty(group.updatable.into()); n],
            forgotten: vec![BTreeSet::new(); n],
            texts: BTreeMap::new(),
            seen: Vec::new(),
            session: Vec::new(),
            words: Vec::new(),
            past: BTreeMap::new(),
        }
    }

    // ---- clients ----

    pub fn new_session(&mut self, client: usize) {
        self.seen.resize(self.seen.len().max(client + 1), Texts::new());
        self.session.resize(self.seen.len(), Texts::new());
        self.seen[client].clear();
        self.session[client].clear();
        self.words.resize(self.seen.len(), VecDeque::new());
        self.words[client].clear();
    }

    pub fn issued(&mut self, client: usize, id: RequestId, request: &Request<Transcript>) {
        let mut past = self.seen[client].clone();
        if !matches!(request, Request::Independent(_)) {
            past.extend(self.session[client].iter().cloned());
        }
        match request {
            Request::Update(text) | Request::Independent(text) => {
                assert!(!self.texts.values().any(|t| t == text), "{text} was used before");
                self.texts.insert(id, text.clone());
                self.session[client].insert(text.clone());
                self.past.insert(id, past);
            }
            Request::Query(()) => {
                self.past.insert(id, past);
            }
            Request::Tell { .. } => self.words[client].push_back(past),
        }
    }

    pub fn hears(&mut self, client: usize, seen: &Texts) {
        self.seen[client].extend(seen.iter().cloned());
    }

    /// A client speaks: all that it had seen or asked for before goes along.
    pub fn speaks(&mut self, client: FrontEndId) -> Texts {
        self.words[client.0 as usize].pop_front().expect("it was asked to")
    }

    pub fn client_stepped(
        &mut self,
        client: usize,
        before: &FrontEndState<Transcript>,
        after: &FrontEndState<Transcript>,
        fx: &Effects<Transcript>,
    ) {
        assert!(after.ts.covers(&before.ts), "P12: client {client} forgot what it had seen");
        for event in &fx.events {
            match event {
                Event::Stamped { id, ts } => {
                    assert!(after.ts.covers(ts), "P20: client {client} does not see its update");
                    let recorded = self.records.values().any(|record| record.update.id == *id);
                    assert!(recorded, "P9b: {id:?} got a timestamp and no record");
                    self.seen[client].insert(self.texts[id].clone());
                }
                Event::Answered { id, answer, ts } => {
                    assert!(after.ts.covers(ts), "P12: client {client} does not see its answer");
                    let got: Texts = answer.iter().cloned().collect();
                    let lacks: Vec<_> = self.past[id].difference(&got).collect();
                    assert!(lacks.is_empty(), "P10: the answer to {id:?} lacks {lacks:?}");
                    self.seen[client].extend(got);
                }
                Event::Told { .. } | Event::StateLost { .. } => {}
            }
        }
    }

    // ---- managers ----

    pub fn recovered(&self, manager: ReplicaId, replica: &Replica<Transcript>) {
        assert_eq!(&self.folded[manager.index()], replica, "{manager:?} is not its journal");
    }

    pub fn manager_stepped(
        &mut self,
        party: &ReplicaManager,
        before: &ManagerState<Transcript>,
        after: &ManagerState<Transcript>,
        fx: &Effects<Transcript>,
    ) {
        let me = party.id;
        for change in &fx.journal {
            self.folded[me.index()].commit(party.rules(), change);
            match change {
                Change::Log { records, .. } => self.logged(me, records),
                Change::Discard { upto } => self.discarded(me, upto, &after.replica),
            }
        }
        assert_eq!(self.folded[me.index()], after.replica, "{me:?} changed beside its journal");
        self.moved_forward(me, before, after);
        self.ran_rightly(me, &before.replica, &after.replica);
        self.holds_together(me, after);
        for (_, message) in &fx.sends {
            self.said(me, &after.replica, message);
        }
        let ids = |state: &ManagerState<_>| state.replica.executed().keys().copied().collect();
        let (had, has): (BTreeSet<RequestId>, BTreeSet<RequestId>) = (ids(before), ids(after));
        self.forgotten[me.index()].extend(had.difference(&has));
    }

    fn logged(&mut self, me: ReplicaId, records: &[Record]) {
        for record in records {
            let (key, id) = (record.key(), record.update.id);
            let first = self.records.entry(key).or_insert_with(|| Arc::clone(record));
            assert_eq!(first, record, "P3: two records are {key:?}");
            let same = *self.stamps.entry(record.ts.clone()).or_insert(key);
            assert_eq!(same, key, "P3: two records have the timestamp {:?}", record.ts);
            assert!(record.update.prev < record.ts, "P3: {record:?} is not after its past");
            let new = self.received[me.index()].insert(key);
            assert!(new, "C16: {me:?} logs {key:?} again");
            let late = self.forgotten[me.index()].contains(&id);
            assert!(!late, "P26: {me:?} logs {record:?}, which it had forgotten");
        }
    }

    fn discarded(&self, me: ReplicaId, upto: &Timestamp, replica: &Replica<Transcript>) {
        for key in self.received[me.index()].iter().filter(|k| k.seq <= upto.get(k.origin)) {
            for peer in self.group.members() {
                let matters = self.group.is_updatable(me) || self.group.is_updatable(peer);
                let holds = self.received[peer.index()].contains(key);
                assert!(holds || !matters, "P13: {me:?} discards {key:?}, which {peer:?} lacks");
            }
            let record = &self.records[key];
            assert!(replica.value().0.contains(&record.update.op), "P14: {record:?} never ran");
            assert!(replica.value_ts().covers(&record.ts), "P14: {record:?} is not reflected");
        }
    }

    fn moved_forward(
        &self,
        me: ReplicaId,
        before: &ManagerState<Transcript>,
        after: &ManagerState<Transcript>,
    ) {
        let (old, new) = (&before.replica, &after.replica);
        assert!(new.replica_ts().covers(old.replica_ts()), "P12: replica timestamp of {me:?}");
        assert!(new.value_ts().covers(old.value_ts()), "P12: value timestamp of {me:?}");
        for peer in self.group.members() {
            let known = &after.table[peer.index()];
            assert!(known.covers(&before.table[peer.index()]), "P12: table of {me:?}");
            let really = self.folded[peer.index()].replica_ts();
            assert!(really.covers(known), "P12: {me:?} takes {peer:?} to hold {known:?}");
            assert!(new.replica_ts().covers(known), "P12: {me:?} has {known:?} in its table");
        }
        for (k, n) in new.replica_ts().entries() {
            let made = self.folded[k.index()].replica_ts().get(k);
            assert!(n <= made, "P2: {me:?} holds {n} of {k:?}, which made {made}");
        }
    }

    fn ran_rightly(&self, me: ReplicaId, old: &Replica<Transcript>, new: &Replica<Transcript>) {
        let (old, new) = (&old.value().0, &new.value().0);
        assert!(new.starts_with(old), "{me:?} undid an update");
        let mut ran: Texts = old.iter().cloned().collect();
        for text in &new[old.len()..] {
            let id = self.texts.iter().find(|(_, t)| *t == text).expect("someone asked for it").0;
            let early: Vec<_> = self.past[id].difference(&ran).collect();
            assert!(early.is_empty(), "P8: {me:?} runs {text} before {early:?}");
            assert!(ran.insert(text.clone()), "P9: {me:?} runs {text} again");
        }
    }

    fn holds_together(&self, me: ReplicaId, state: &ManagerState<Transcript>) {
        let replica = &state.replica;
        let (held, reflected) = (replica.replica_ts(), replica.value_ts());
        assert!(held.covers(reflected), "P4: {me:?} reflects {reflected:?} and holds {held:?}");

        let all = || self.received[me.index()].iter();
        for (origin, n) in held.entries() {
            let seqs: Vec<_> = all().filter(|k| k.origin == origin).map(|k| k.seq).collect();
            assert_eq!(seqs, (1..=n).collect::<Vec<_>>(), "P5: {me:?} says {held:?}");
        }
        let logged: Vec<_> = replica.log().map(|record| record.key()).collect();
        let kept = |k: &&RecordKey| k.seq > replica.discarded().get(k.origin);
        assert_eq!(logged, all().filter(kept).copied().collect::<Vec<_>>(), "P5: log of {me:?}");

        let waiting: BTreeSet<_> = replica.pending().map(|record| record.key()).collect();
        let mut ran = Timestamp::zero(held.len());
        let mut told = BTreeSet::new();
        for record in all().filter(|key| !waiting.contains(key)).map(|key| &self.records[key]) {
            ran.merge(&record.ts);
            told.insert((record.update.op.clone(), entries(&record.ts)));
        }
        assert_eq!(replica.value().1, told, "C10: timestamps that the service at {me:?} knows");
        assert_eq!(*reflected, ran, "P6: value timestamp of {me:?}");
        for record in self.records.values().filter(|r| reflected.covers(&r.ts)) {
            assert!(replica.value().0.contains(&record.update.op), "P6: {me:?} lacks {record:?}");
        }
        for record in replica.pending() {
            assert!(!reflected.covers(&record.update.prev), "{me:?} lets {record:?} wait");
        }
        for (id, query) in &state.waiting {
            assert!(!reflected.covers(&query.prev), "P17: {me:?} lets {id:?} wait");
        }
    }

    fn said(&self, me: ReplicaId, replica: &Replica<Transcript>, message: &Message<Transcript>) {
        match message {
            Message::UpdateReply { id, ts } => {
                for key in &self.received[me.index()] {
                    let record = &self.records[key];
                    let covers = record.update.id != *id || ts.covers(&record.ts);
                    assert!(covers, "P20: {me:?} answers {ts:?} to {id:?}, and holds {record:?}");
                }
            }
            Message::QueryReply { ts, .. } => {
                assert_eq!(ts, replica.value_ts(), "P11: the stamp of an answer of {me:?}");
            }
            Message::Gossip(gossip) => {
                let fits = replica.replica_ts().covers(&gossip.ts);
                assert!(fits, "P5: {me:?} claims {:?} in gossip", gossip.ts);
            }
            Message::Update(_)
            | Message::Query { .. }
            | Message::Refused { .. }
            | Message::Pull { .. }
            | Message::Tell { .. } => {}
        }
    }

    // ---- looking ----

    pub fn records_of(&self, id: RequestId) -> Vec<Timestamp> {
        let records = self.records.values().filter(|record| record.update.id == id);
        records.map(|record| record.ts.clone()).collect()
    }

    /// The texts of all updates that some manager recorded.
    pub fn recorded(&self) -> Texts {
        self.records.values().map(|record| record.update.op.clone()).collect()
    }
}
