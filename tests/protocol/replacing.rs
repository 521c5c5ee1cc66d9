//! A replica manager that is replaced by a new one (PROTOCOL 1.10; C17, C18): who is in the group, what is
//! known at the start, who is heard, and whether a replica that came from elsewhere can be one.
//!
//! That nothing goes wrong in any order of these steps is what the models `replace*` are for.

use crate::common::*;
use chinwag::{
    Applied, Change, Destination, Effects, FrontEndId, Gossip, Group, Input, LogRecord,
    ManagerState, Message, REPLACEABLE_MAX, Replica, ReplicaId, ReplicaManager, RequestId, Rules,
    Sender, Serial, Service, Timer, Timestamp, Update, rules::FAITHFUL,
};
use serde::{Deserialize, Serialize};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

// ---- who is in the group ----

/// Three, of whom rm1 is replaced by rm3.
fn of_three() -> Group {
    Group::of(3).replacing(rm(1)).unwrap()
}

fn members(group: Group) -> Vec<u16> {
    group.members().map(|id| id.0).collect()
}

#[test]
fn a_newcomer_comes_after_all_others_and_the_old_place_stays_empty() {
    let once = of_three();
    assert_eq!(once, Group { updatable: 4, replicas: 4, absent: 0b10, epoch: 1 });
    assert_eq!(members(once), [0, 2, 3]);
    assert_eq!(once.places().count(), 4, "its row and its entry stay");
    assert_eq!(once.zero(), ts([0, 0, 0, 0]));

    let twice = once.replacing(rm(3)).unwrap();
    assert_eq!(twice, Group { updatable: 5, replicas: 5, absent: 0b1010, epoch: 2 });
    assert_eq!(members(twice), [0, 2, 4]);
    let newcomers = |group: Group| group.places().map(|p| group.is_newcomer(p)).collect::<Vec<_>>();
    assert_eq!(newcomers(Group::of(3)), [false; 3]);
    assert_eq!(newcomers(once), [false, false, false, true]);
    assert_eq!(newcomers(twice), [false, false, false, true, true]);
    assert!(!once.is_newcomer(rm(4)) && !once.is_member(rm(4)), "there is no such place");
}

#[test]
fn what_a_configuration_says_of_the_replaced_makes_the_same_group() {
    let said = Group::replaced(&[1, 3]);
    assert_eq!(said, Group { updatable: 0, replicas: 0, absent: 0b1010, epoch: 2 });
    let group = Group { updatable: 5, replicas: 5, ..said };
    assert_eq!(Some(group), of_three().replacing(rm(3)));
    let last = REPLACEABLE_MAX - 1;
    assert_eq!(Group::replaced(&[last, last + 1]).absent, 1 << last, "what has no bit is left out");
    assert_eq!(Group::replaced(&[0, 0]).absent, 1, "and nobody comes back by being named twice");
}

#[test]
fn only_a_member_of_a_group_without_read_only_ones_and_with_room_is_replaced() {
    let group = of_three();
    assert_eq!(group.replacing(rm(1)), None, "it is replaced already");
    assert_eq!(group.replacing(rm(4)), None, "there is no such one");
    assert_eq!(Group::of(2).and_read_only(1).replacing(rm(0)), None);
    assert_eq!(Group::of(REPLACEABLE_MAX).replacing(rm(0)), None);
    let full = Group::of(REPLACEABLE_MAX - 1).replacing(rm(0)).unwrap();
    assert_eq!(full.members().count(), usize::from(REPLACEABLE_MAX) - 1);
    assert!(full.is_member(rm(REPLACEABLE_MAX - 1)));
    // More than have bits are all members.
    let large = Group::of(REPLACEABLE_MAX + 4);
    assert_eq!(large.members().count(), 20);
}

#[test]
fn the_next_one_is_the_next_member() {
    let group = of_three();
    let after = |place, steps| group.after(rm(place), steps).0;
    assert_eq!([after(0, 1), after(2, 1), after(3, 1)], [2, 3, 0]);
    assert_eq!([after(0, 2), after(0, 3), after(2, 2)], [3, 0, 0]);
    assert_eq!(after(1, 1), 2, "also after a place that is empty");
    assert_eq!(after(2, 0), 2);
    let alone = Group::of(1).replacing(rm(0)).unwrap();
    assert_eq!(alone.after(rm(1), 1), rm(1), "there is nobody else");
}

// ---- what a member knows and does ----

fn key(front_end: u64) -> RequestId {
    RequestId { front_end: FrontEndId(front_end), serial: Serial { incarnation: 0, number: 1 } }
}

/// The only update of this front end.
fn update(front_end: u64, prev: Timestamp) -> Update<Transcript> {
    let id = key(front_end);
    Update { id, acknowledged: id.serial, prev, op: format!("of {front_end}") }
}

fn record(
    origin: u16,
    ts: Timestamp,
    prev: Timestamp,
    front_end: u64,
) -> Arc<LogRecord<Transcript>> {
    LogRecord { origin: rm(origin), ts, update: update(front_end, prev) }.into()
}

/// A record whose timestamp is its past with one new update in it.
fn made(origin: u16, seq: u64, prev: Timestamp, front_end: u64) -> Arc<LogRecord<Transcript>> {
    record(origin, prev.with(rm(origin), seq), prev, front_end)
}

fn logged(
    replica_ts: Timestamp,
    records: impl IntoIterator<Item = Arc<LogRecord<Transcript>>>,
) -> Change<Transcript> {
    Change::Log { replica_ts, records: records.into_iter().collect() }
}

fn after(changes: impl IntoIterator<Item = Change<Transcript>>) -> Replica<Transcript> {
    by(&FAITHFUL, changes)
}

fn by(rules: &Rules, changes: impl IntoIterator<Item = Change<Transcript>>) -> Replica<Transcript> {
    let mut replica = Replica::empty(2);
    changes.into_iter().for_each(|change| replica.commit(rules, &change));
    replica
}

/// Two of rm0's, one of them collected, in a cluster of three.
fn saved() -> Replica<Transcript> {
    let mut replica = Replica::empty(3);
    let own = [made(0, 1, ts([0, 0, 0]), 1), made(0, 2, ts([1, 0, 0]), 2)];
    replica.commit(&FAITHFUL, &logged(ts([2, 0, 0]), own));
    replica.commit(&FAITHFUL, &Change::Discard { upto: ts([1, 0, 0]) });
    replica.widened(4)
}

fn started(id: u16) -> (ReplicaManager, ManagerState<Transcript>, Vec<Timer>) {
    let node = ReplicaManager::new(rm(id), of_three());
    let mut fx = Effects::default();
    let state = node.start(saved(), &mut fx);
    (node, state, fx.start)
}

#[test]
fn of_a_newcomer_nothing_is_known_at_the_start_and_of_the_replaced_one_nothing_matters() {
    let (_, state, timers) = started(0);
    let nothing = ts([0, 0, 0, 0]);
    let discarded = ts([1, 0, 0, 0]);
    assert_eq!(state.table, [discarded.clone(), nothing.clone(), discarded, nothing]);
    assert_eq!(timers, [2, 3].map(|to| Timer::Gossip { to: rm(to) }), "it gossips to members");
}

fn gossip(epoch: u16, replica_ts: Timestamp) -> Gossip<Transcript> {
    let log = vec![made(2, 1, ts([0, 0, 0, 0]), 3)];
    Gossip { log, ts: replica_ts, complete: true, asks: false, table: Vec::new(), epoch }
}

fn hear(
    (node, mut state): (ReplicaManager, ManagerState<Transcript>),
    message: Gossip<Transcript>,
) -> (ReplicaManager, ManagerState<Transcript>, Effects<Transcript>) {
    let mut fx = Effects::default();
    let input = Input::Message(Sender::Replica(rm(2)), Message::Gossip(message));
    node.handle(&mut state, input, &mut fx);
    (node, state, fx)
}

#[test]
fn only_who_has_recorded_as_many_replacements_is_heard() {
    for epoch in [0, 2] {
        let (node, state, _) = started(0);
        let (_, heard, fx) = hear((node, state.clone()), gossip(epoch, ts([1, 0, 1, 0])));
        assert_eq!((heard, fx), (state, Effects::default()), "of {epoch} replacements");
    }
    let (node, state, _) = started(0);
    let (node, mut state, _) = hear((node, state), gossip(1, ts([1, 0, 1, 0])));
    assert_eq!(state.replica.replica_ts(), &ts([2, 0, 1, 0]));
    let mut fx = Effects::default();
    node.handle(&mut state, Input::Timer(Timer::Gossip { to: rm(3) }), &mut fx);
    let Some((to, Message::Gossip(said))) = fx.sends.first() else { panic!("{fx:?}") };
    assert_eq!((*to, said.epoch), (Destination::Replica(rm(3)), 1));
}

#[test]
fn a_record_is_kept_for_the_newcomer_and_not_for_the_one_that_it_replaced() {
    let (node, state, _) = started(0);
    // rm2 has all that there is; the newcomer has said nothing.
    let all = ts([2, 0, 1, 0]);
    let (node, state, _) = hear((node, state), gossip(1, all.clone()));
    assert_eq!(state.replica.discarded(), &ts([1, 0, 0, 0]));
    let mut state = state;
    let said = Gossip { log: Vec::new(), ..gossip(1, all.clone()) };
    let input = Input::Message(Sender::Replica(rm(3)), Message::Gossip(said));
    node.handle(&mut state, input, &mut Effects::default());
    assert_eq!(state.replica.discarded(), &all, "rm1 never says that it has them");
}

#[test]
fn what_the_replaced_one_alone_had_is_asked_of_nobody() {
    let asked = |prev: Timestamp| {
        let (node, mut state, _) = started(0);
        let (mut fx, id) = (Effects::default(), key(9));
        let query = Message::Query { id, prev, query: () };
        node.handle(&mut state, Input::Message(Sender::FrontEnd(id.front_end), query), &mut fx);
        fx.sends.iter().map(|(to, message)| (*to, message.kind())).collect::<Vec<_>>()
    };
    assert_eq!(asked(ts([2, 1, 0, 0])), []);
    assert_eq!(asked(ts([2, 0, 1, 0])), [(Destination::Replica(rm(2)), "pull")]);
    assert_eq!(asked(ts([3, 0, 0, 0])), [], "nor of itself");
}

#[test]
fn a_copy_is_asked_for_when_all_others_have_recorded_the_replacement() {
    assert_eq!([0, 1, 2].map(|confirmed| (FAITHFUL.may_copy)(confirmed, 2)), [false, false, true]);
}

// ---- a replica from elsewhere ----

#[test]
fn a_widened_replica_is_the_same_with_further_entries_of_zero() {
    let waits = made(1, 1, ts([2, 0]), 2);
    let replica = after([logged(ts([1, 1]), [made(0, 1, ts([0, 0]), 1), waits])]);
    let wide = replica.widened(3);
    assert_eq!(wide.replica_ts(), &ts([1, 1, 0]));
    assert_eq!(wide.value_ts(), &ts([1, 0, 0]));
    assert_eq!(wide.discarded(), &ts([0, 0, 0]));
    assert_eq!(wide.executed().values().collect::<Vec<_>>(), [&ts([1, 0, 0])]);
    let log: Vec<_> = wide.log().map(|r| (r.ts.clone(), r.update.prev.clone())).collect();
    assert_eq!(log, [(ts([1, 0, 0]), ts([0, 0, 0])), (ts([2, 1, 0]), ts([2, 0, 0]))]);
    assert_eq!(wide.pending_count(), 1);
    assert!(replica.is_sound(2) && wide.is_sound(3) && !wide.is_sound(2) && !replica.is_sound(3));
    assert_eq!(wide.widened(2), wide, "entries are not taken away");
    assert_eq!(ts([1, 2]).widened(4), ts([1, 2, 0, 0]));
    // What it waits for is found as before.
    let mut both = wide;
    both.commit(&FAITHFUL, &logged(ts([2, 1, 0]), [made(0, 2, ts([1, 0, 0]), 3)]));
    assert_eq!(both.value().0, ["of 1", "of 3", "of 2"]);
    assert!(both.is_sound(3));
}

/// A value that keeps timestamps is told of the new width.
#[test]
fn a_value_is_widened_with_its_replica() {
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
    )]
    struct Width(usize);
    impl Service for Width {
        type Op = ();
        type Query = ();
        type Answer = usize;
        fn apply(&mut self, _: Applied<'_, ()>) {}
        fn widen(&mut self, entries: usize) {
            self.0 = entries;
        }
        fn answer(&self, (): &()) -> usize {
            self.0
        }
    }
    assert_eq!(Replica::<Width>::empty(2).widened(5).value(), &Width(5));
}

/// Each is wrong in one way alone.
#[test]
fn what_can_be_no_replica_is_not_taken_for_one() {
    let first = || made(0, 1, ts([0, 0]), 1);
    let own = || logged(ts([1, 0]), [first()]);
    let collected = || Change::Discard { upto: ts([1, 0]) };
    let early = Rules { awaits: |_, _, _| None, ..FAITHFUL };
    let elsewhere = |_: &Timestamp, _: &Timestamp, _: &Timestamp| {
        Some(chinwag::RecordKey { origin: ReplicaId(1), seq: 7 })
    };
    let astray = Rules { awaits: elsewhere, ..FAITHFUL };
    let unsound: [(&str, Replica<Transcript>); 9] = [
        ("a record is missing", after([logged(ts([2, 0]), [first()])])),
        ("a record is in its own past", after([logged(ts([1, 0]), [made(0, 1, ts([1, 0]), 1)])])),
        (
            "a timestamp is not its past and one",
            after([logged(
                ts([1, 1]),
                [record(0, ts([1, 1]), ts([0, 0]), 1), made(1, 1, ts([0, 0]), 2)],
            )]),
        ),
        (
            "a record is beyond what was received",
            after([logged(ts([1, 0]), [made(0, 2, ts([1, 0]), 1)])]),
        ),
        (
            "a record was discarded",
            after([own(), collected(), logged(ts([2, 0]), [made(0, 1, ts([0, 0]), 2)])]),
        ),
        ("more was discarded than received", after([collected()])),
        ("the value is ahead", by(&early, [logged(ts([1, 0]), [made(0, 1, ts([0, 1]), 1)])])),
        ("what waits for nothing waits", by(&astray, [own()])),
        (
            "it waits for something else",
            by(&astray, [logged(ts([0, 1]), [made(1, 1, ts([2, 0]), 1)])]),
        ),
    ];
    for (why, replica) in unsound {
        assert!(!replica.is_sound(2), "{why}");
    }
    for replica in [after([]), after([own()]), after([own(), collected()])] {
        assert!(replica.is_sound(2), "{replica:?}");
    }
    // Identifiers, waiters and numbers of front ends that collected records left behind change nothing.
    let full = after([own(), collected(), logged(ts([2, 0]), [made(0, 2, ts([1, 0]), 2)])]);
    assert!(full.is_sound(2));
}

/// The update that made the service panic is named, and none otherwise.
#[test]
fn an_operation_that_panics_is_found_in_the_replica_that_it_left() {
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
    )]
    struct Fragile;
    impl Service for Fragile {
        type Op = bool;
        type Query = ();
        type Answer = ();
        fn apply(&mut self, update: Applied<'_, bool>) {
            assert!(*update.op, "it breaks");
        }
        fn answer(&self, (): &()) {}
    }
    let of = |seq: u64, prev: Timestamp, op| {
        let update = Update { id: key(seq), acknowledged: key(seq).serial, prev: prev.clone(), op };
        Arc::new(LogRecord { origin: rm(0), ts: prev.with(rm(0), seq), update })
    };
    let mut replica = Replica::<Fragile>::empty(2);
    let good = Change::Log {
        replica_ts: ts([2, 0]),
        records: vec![of(1, ts([0, 0]), true), of(2, ts([0, 3]), true)],
    };
    replica.commit(&FAITHFUL, &good);
    assert_eq!(replica.pending_count(), 1);
    assert!(replica.interrupted().is_none(), "one has run, and one waits");

    let bad = Change::Log { replica_ts: ts([3, 0]), records: vec![of(3, ts([1, 0]), false)] };
    catch_unwind(AssertUnwindSafe(|| replica.commit(&FAITHFUL, &bad))).unwrap_err();
    assert_eq!(replica.interrupted().map(|record| record.key().seq), Some(3));
}

// ---- why those of another epoch are not heard ----

/// A replica manager, by rules.
#[derive(Clone)]
struct Played(ReplicaManager, ManagerState<Transcript>);

impl Played {
    fn start(id: u16, group: Group, rules: &'static Rules, saved: Replica<Transcript>) -> Self {
        let node = ReplicaManager::new(rm(id), group).with_rules(rules);
        let state = node.start(saved, &mut Effects::default());
        Self(node, state)
    }

    fn takes(&mut self, from: Sender, message: Message<Transcript>) {
        self.0.handle(&mut self.1, Input::Message(from, message), &mut Effects::default());
    }

    fn asked(&mut self, number: u64, acknowledged: u64) {
        let serial = |number| Serial { incarnation: 0, number };
        let id = RequestId { front_end: FrontEndId(0), serial: serial(number) };
        let (prev, op) = (self.0.group.zero(), format!("{number}"));
        let acknowledged = serial(acknowledged);
        let update = Update { id, acknowledged, prev, op };
        self.takes(Sender::FrontEnd(id.front_end), Message::Update(update));
    }

    fn says(&mut self, to: u16) -> Gossip<Transcript> {
        let mut fx = Effects::default();
        self.0.handle(&mut self.1, Input::Timer(Timer::Gossip { to: rm(to) }), &mut fx);
        match fx.sends.pop() {
            Some((_, Message::Gossip(gossip))) => gossip,
            other => panic!("{other:?}"),
        }
    }

    fn hears(&mut self, from: u16, gossip: Gossip<Transcript>) {
        self.takes(Sender::Replica(rm(from)), Message::Gossip(gossip));
    }

    /// It records the replacement, and starts again.
    fn records(self, group: Group) -> Self {
        let Self(node, state) = self;
        let saved = state.replica.widened(group.updatable.into());
        Self::start(node.id.0, group, node.rules(), saved)
    }
}

/// In timestamps of four entries.
fn wide(mut gossip: Gossip<Transcript>) -> Gossip<Transcript> {
    gossip.ts = gossip.ts.widened(4);
    for record in &mut gossip.log {
        let record = Arc::make_mut(record);
        record.ts = record.ts.widened(4);
        record.update.prev = record.update.prev.widened(4);
    }
    gossip
}

/// What two say, each with the number of its sender.
type Foreign = fn(&mut Played, &mut Played) -> [(u16, Gossip<Transcript>); 2];

/// The runs of the negative controls `early_teaches` and `lost_one_heard` (proofs/coq/ControlsReplacement.v):
/// rm0 has recorded update 1, and so has rm1, where update 2 says that 1 is finished; rm0 is replaced. What
/// runs at rm1 in the end, if it hears `foreign`: what rm2 said before, or what the lost one says.
fn runs_at_rm1(rules: &'static Rules, foreign: Foreign) -> Vec<String> {
    let (before, after) = (Group::of(3), Group::of(3).replacing(rm(0)).unwrap());
    let start = |id| Played::start(id, before, rules, Replica::empty(3));
    let [mut lost, mut one, mut two] = [0, 1, 2].map(start);
    lost.asked(1, 1);
    one.asked(1, 1);
    one.asked(2, 2);
    two.hears(1, one.says(2));
    let said = foreign(&mut lost, &mut two);

    let mut one = one.records(after);
    let mut newcomer = Played::start(3, after, rules, one.1.replica.clone());
    one.hears(3, newcomer.says(1));
    for (from, gossip) in said {
        one.hears(from, wide(gossip));
    }
    let mut two = two.records(after);
    one.hears(2, two.says(1));
    one.1.replica.value().0.clone()
}

/// rm2 says what it holds, and only then hears of rm0's record; and the lost one says nothing.
fn said_early(lost: &mut Played, two: &mut Played) -> [(u16, Gossip<Transcript>); 2] {
    let early = two.says(1);
    two.hears(0, lost.says(2));
    [(2, early.clone()), (2, early)]
}

/// rm2 never hears of rm0's record; all who stay have forgotten update 1 when the lost one tells of it.
fn lost_runs_on(lost: &mut Played, two: &mut Played) -> [(u16, Gossip<Transcript>); 2] {
    [(2, Gossip { epoch: 1, ..two.says(1) }), (0, lost.says(1))]
}

#[test]
fn what_was_said_before_a_replacement_or_by_who_is_replaced_would_make_an_update_run_again() {
    static HEARS_ALL: Rules = Rules { hears: |_, _| true, ..FAITHFUL };
    for foreign in [said_early as Foreign, lost_runs_on] {
        assert_eq!(runs_at_rm1(&FAITHFUL, foreign), ["1", "2"]);
        assert_eq!(runs_at_rm1(&HEARS_ALL, foreign), ["1", "2", "1"]);
    }
}
