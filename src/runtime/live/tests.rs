//! When pictures are made, and that they are bounded.

use super::*;
use crate::{
    FrontEndId, Group, Input, Message, Replica, ReplicaManager, Sender, Serial, Update,
    services::Counter,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_picture_is_made_only_while_someone_asks_and_not_too_often() {
    let live = Live::default();
    let made = std::cell::Cell::new(0);
    let show = |at| {
        live.show(at, || {
            made.set(made.get() + 1);
            json!(made.get())
        });
        made.get()
    };
    assert_eq!(show(ms(1_000)), 0, "nobody ever asked");
    assert_eq!(live.ask(ms(1_010)), Value::Null);
    assert_eq!(show(ms(1_020)), 1);
    assert_eq!(show(ms(1_219)), 1, "the last one is young");
    assert_eq!(show(ms(1_220)), 2);
    assert_eq!(live.ask(ms(1_250)), json!({ "age_ms": 30, "state": 2 }));
    assert_eq!(show(ms(6_249)), 3, "someone asked five seconds ago");
    assert_eq!(show(ms(6_500)), 3, "nobody asks any more");
    assert_eq!(live.ask(ms(60_000)), Value::Null, "the old picture is not taken for a new one");
}

fn id(number: u64) -> RequestId {
    RequestId { front_end: FrontEndId(number), serial: Serial { incarnation: 0, number: 1 } }
}

/// A replica manager that was sent so many updates, each by a client of its own: the last `waiting` of them
/// build on one of rm1 that is not there.
fn sent(updates: u64, waiting: u64) -> ManagerState<Counter> {
    let group = Group::of(2);
    let manager = ReplicaManager::new(ReplicaId(0), group);
    let mut state = manager.start(Replica::empty(2), &mut Default::default());
    for number in 1..=updates {
        let mut prev = group.zero();
        prev.set(ReplicaId(1), u64::from(number > updates - waiting));
        let id = id(number);
        let update = Update { id, acknowledged: id.serial, prev, op: 1 };
        let input = Input::Message(Sender::FrontEnd(id.front_end), Message::Update(update));
        manager.handle(&mut state, input, &mut Default::default());
    }
    state
}

/// The numbers of the records that are shown, those that wait negative.
fn shown(state: &ManagerState<Counter>) -> Vec<i64> {
    let seen = running(ReplicaId(0), state, &BTreeMap::new(), &BTreeMap::new(), ms(0));
    let rows = seen["log"].as_array().unwrap();
    let number = |row: &Value| -> i64 {
        let seq = row["id"].as_str().unwrap().trim_start_matches("rm0:").parse::<i64>().unwrap();
        assert_eq!(
            row["waits_for"],
            if row["waits"] == true { json!("rm1:1") } else { Value::Null }
        );
        if row["waits"] == true { -seq } else { seq }
    };
    rows.iter().map(number).collect()
}

#[test]
fn of_a_long_log_what_waits_is_shown_first_and_the_picture_says_that_it_is_cut() {
    assert_eq!(shown(&sent(3, 1)), [1, 2, -3]);
    let mixed = sent(200, 10);
    assert_eq!(shown(&mixed), (1..=30).chain((191..=200).map(|n| -n)).collect::<Vec<_>>());
    assert_eq!(shown(&sent(200, 100)), (101..=140).map(|n| -n).collect::<Vec<_>>());

    let seen = running(ReplicaId(0), &mixed, &BTreeMap::new(), &BTreeMap::new(), ms(0));
    let notes = [
        "200 records in the log, of which 40 are shown",
        "190 updates in the executed table, of which 40 are shown",
    ];
    assert_eq!(seen["notes"], json!(notes));
    assert_eq!(seen["waiting_updates"], 10);
    let gossip = json!([{
        "peer": "rm1", "lag": 200, "sent": 0, "received": 0, "heard_ago_ms": null,
    }]);
    assert_eq!(seen["gossip"], gossip);
}
