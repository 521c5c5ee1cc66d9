//! The register map and the observed-remove set that were proved to keep the law do what those in Rust do,
//! after each step of random histories.

use chinwag::{
    Applied, RequestId, Service, Timestamp,
    services::{OrSet, OrSetOp, RegisterMap, RegisterOp},
};
use chinwag_models::laws::{
    Sampled,
    history::{Move, World},
};
use chinwag_oracle::{Oracle, Registers, Sibling};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value as Json;
use std::{cell::Cell, collections::BTreeSet, ops::Add};

const MANAGERS: usize = 3;

/// Histories.
const CASES: u32 = 500;

/// A service that is the proved map, in other words.
trait Mapped: Sampled {
    /// The operation of the map that this is.
    fn as_mapped(op: &Self::Op) -> RegisterOp;
    /// The value, as it is stored, by key.
    fn stored(json: &Json) -> &Json;
    /// What is stored of a value of a key: the update, its timestamps, what it put.
    fn sibling(json: &Json) -> [&Json; 3];
}

impl Mapped for RegisterMap {
    fn as_mapped(op: &RegisterOp) -> RegisterOp {
        op.clone()
    }

    fn stored(json: &Json) -> &Json {
        &json["registers"]
    }

    fn sibling(json: &Json) -> [&Json; 3] {
        [&json["id"], &json["stamps"], &json["value"]]
    }
}

impl Mapped for OrSet {
    fn as_mapped(op: &OrSetOp) -> RegisterOp {
        match op {
            OrSetOp::Add(key) => RegisterOp::Put { key: key.clone(), value: String::new() },
            OrSetOp::Remove(key) => RegisterOp::Delete(key.clone()),
        }
    }

    fn stored(json: &Json) -> &Json {
        &json["additions"]
    }

    fn sibling(json: &Json) -> [&Json; 3] {
        const NOTHING: &Json = &Json::Null;
        [&json[0], &json[1], NOTHING]
    }
}

/// The Rust value as the proved one is listed. Timestamps are sorted alike, and lose the zeros at their ends.
fn listed<S: Mapped>(value: &S) -> Vec<Sibling> {
    let json = serde_json::to_value(value).expect("it is stored so");
    let keys = S::stored(&json).as_object().expect("a map");
    let of_key = |(key, siblings): (&String, &Json)| {
        let siblings = siblings.as_array().expect("a list").iter().map(S::sibling);
        let list = siblings.map(|[id, stamps, value]| {
            let stamps: Vec<Timestamp> = serde_json::from_value(stamps.clone()).expect("stamps");
            let id: RequestId = serde_json::from_value(id.clone()).expect("an identifier");
            let value = value.as_str().unwrap_or_default().to_owned();
            Sibling { key: key.clone(), id, value, stamps: sorted(&stamps) }
        });
        list.collect::<Vec<_>>()
    };
    keys.iter().flat_map(of_key).collect()
}

fn sorted(stamps: &[Timestamp]) -> Vec<Vec<u64>> {
    let entries = |ts: &Timestamp| {
        let mut entries: Vec<u64> = ts.entries().map(|(_, entry)| entry).collect();
        while entries.last() == Some(&0) {
            entries.pop();
        }
        entries
    };
    stamps.iter().map(entries).collect::<BTreeSet<_>>().into_iter().collect()
}

/// How many records were executed, and how many of these were further ones of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Executed {
    records: usize,
    further: usize,
}

impl Add for Executed {
    type Output = Executed;

    fn add(self, other: Executed) -> Executed {
        let (records, further) = (self.records + other.records, self.further + other.further);
        Executed { records, further }
    }
}

/// Executes a history in an order of choice, in Rust and as it was proved.
fn same<S: Mapped>(oracle: &Oracle, moves: &[Move], picks: &[u8]) -> Executed {
    let mut world = World::<S>::of(MANAGERS, 3);
    moves.iter().for_each(|step| drop(world.step(step)));
    let mut picks = picks.iter().cycle();
    let order = world.replay(|ready| usize::from(*picks.next().expect("not empty")) % ready).order;
    let (mut rust, mut executed) = (S::default(), BTreeSet::new());
    let mut proved = Registers::new(oracle, MANAGERS);
    for place in &order {
        let record = &world.records[*place];
        let Applied { id, prev, ts, op } = record.applied();
        let first = executed.insert(id);
        match first {
            true => rust.apply(record.applied()),
            false => rust.also_stamped(record.applied()),
        }
        let op = S::as_mapped(op);
        proved.execute(first, Applied { op: &op, id, prev, ts }).expect("the oracle can say");
        assert_eq!(listed(&rust), proved.siblings().expect("a list"), "after {record:?}");
    }
    Executed { records: order.len(), further: order.len() - executed.len() }
}

fn a_move() -> impl Strategy<Value = Move> {
    let update =
        (0..3_u8, 0..3_u8, proptest::option::of(0..3_u8), any::<bool>(), 0..8_u8).prop_map(
            |(session, at, also, reads, choice)| Move::Update { session, at, also, reads, choice },
        );
    let gossip = (0..3_u8, 0..3_u8).prop_map(|(from, to)| Move::Gossip { from, to });
    prop_oneof![2 => update, 1 => gossip]
}

#[test]
fn the_maps_and_the_sets_are_equal_after_each_record_of_random_histories() {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let executed = Cell::new(Executed::default());
    let moves = proptest::collection::vec(a_move(), 1..20);
    let picks = proptest::collection::vec(any::<u8>(), 1..20);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let end = TestRunner::new_with_rng(config, rng).run(&(moves, picks), |(moves, picks)| {
        let [map, set] = [same::<RegisterMap>, same::<OrSet>].map(|of| of(&oracle, &moves, &picks));
        executed.set(executed.get() + map + set);
        Ok(())
    });
    end.expect("they are equal");
    assert_eq!(executed.get(), Executed { records: 8_798, further: 2_184 });
}

/// What the comparison is worth: it finds out a set that is not told of further records.
#[test]
fn a_set_that_ignores_further_records_is_found_out() {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let [nothing, at_rm0, at_rm1] = [[0, 0], [1, 0], [0, 1]].map(Timestamp::from_iter);
    let id = RequestId {
        front_end: chinwag::FrontEndId(0),
        serial: chinwag::Serial { incarnation: 0, number: 1 },
    };
    let add = OrSetOp::Add("x".into());
    let op = OrSet::as_mapped(&add);
    let (mut rust, mut proved) = (OrSet::default(), Registers::new(&oracle, 2));
    rust.apply(Applied { op: &add, id, prev: &nothing, ts: &at_rm0 });
    for (first, ts) in [(true, &at_rm0), (false, &at_rm1)] {
        proved.execute(first, Applied { op: &op, id, prev: &nothing, ts }).expect("it can say");
    }
    assert_ne!(listed(&rust), proved.siblings().expect("a list"));
    rust.also_stamped(Applied { op: &add, id, prev: &nothing, ts: &at_rm1 });
    assert_eq!(listed(&rust), proved.siblings().expect("a list"));
}
