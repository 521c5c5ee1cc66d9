//! `chinwag maelstrom`, in a network of our own: Maelstrom itself needs a Java machine and its archive.
#![cfg(feature = "program")]

#[path = "maelstrom/network.rs"]
mod network;

use chinwag_models::history::{Judgement, Outcome, Question, Recorder, judge};
use network::{Cluster, Faults};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long nodes may take to agree once nothing disturbs them.
const AGREEMENT: Duration = Duration::from_secs(60);

const NODES: usize = 5;

/// Between requests, for gossip: a few of its intervals.
const PAUSE: Duration = Duration::from_millis(30);

/// A bad network.
fn storm() -> Faults {
    Faults { lost: 30, doubled: 10, delay_ms: 30, apart: Vec::new() }
}

/// The same, and two nodes are cut off from the other three.
fn partition() -> Faults {
    Faults { apart: vec![0, 3], ..storm() }
}

fn ok(reply: &Value, kind: &str) {
    assert_eq!(reply["type"], format!("{kind}_ok"), "{reply}");
}

/// Reads at all nodes until `agreed` says so of the answers; false if it never does.
fn agree_within(
    cluster: &mut Cluster,
    patience: Duration,
    mut agreed: impl FnMut(&[Value]) -> bool,
) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        let reads = (0..NODES).map(|node| (node, "c1", json!({ "type": "read" }))).collect();
        let replies = cluster.call_all(reads);
        replies.iter().for_each(|reply| ok(reply, "read"));
        if agreed(&replies) {
            return true;
        }
        cluster.run_for(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_node_echoes() {
    let mut cluster = Cluster::start("echo", 1, 1, Faults::default());
    let reply = cluster.call(0, "c1", json!({ "type": "echo", "echo": "Please echo 35" }));
    ok(&reply, "echo");
    assert_eq!(reply["echo"], "Please echo 35");
}

#[test]
fn identifiers_are_unique_although_no_node_hears_of_another() {
    let alone = Faults { lost: 100, ..Faults::default() };
    let mut cluster = Cluster::start("unique-ids", NODES, 2, alone);
    let mut given = BTreeSet::new();
    for _ in 0..100 {
        let calls = (0..NODES).map(|node| (node, "c1", json!({ "type": "generate" }))).collect();
        for reply in cluster.call_all(calls) {
            ok(&reply, "generate");
            assert!(given.insert(reply["id"].to_string()), "{reply} was given before");
        }
    }
    assert_eq!(given.len(), 500);
}

/// Adds to a set at all nodes, through a storm and a partition. Returns the cluster and what was added.
fn fill_a_set(workload: &str, add: &str, field: &str, read: &str) -> (Cluster, BTreeSet<u64>) {
    let mut cluster = Cluster::start(workload, NODES, 3, storm());
    let (mut added, mut seen) = (BTreeSet::new(), vec![BTreeSet::new(); NODES]);
    for round in 0..30 {
        cluster.faults = if round < 15 { storm() } else { partition() };
        let value = |node| (round * NODES + node) as u64;
        let body = |node| json!({ "type": add, field: value(node) });
        let calls = (0..NODES).map(|node| (node, "c1", body(node))).collect();
        cluster.call_all(calls).iter().for_each(|reply| ok(reply, add));
        cluster.run_for(PAUSE);
        added.extend((0..NODES).map(value));
        for (node, seen) in seen.iter_mut().enumerate() {
            let now = elements(&cluster.call(node, "c2", json!({ "type": "read" })), read);
            assert!(now.is_superset(seen), "what was read at n{node} is gone");
            assert!(now.is_subset(&added), "n{node} shows what nobody added");
            assert!(now.contains(&value(node)), "n{node} does not show what was added there");
            *seen = now;
        }
    }
    assert!(cluster.lost > 0 && cluster.lost < cluster.sent, "the network was not as it should be");
    (cluster, added)
}

fn elements(reply: &Value, field: &str) -> BTreeSet<u64> {
    let list = reply[field].as_array().expect("a set is read as a list");
    let elements: BTreeSet<_> = list.iter().filter_map(Value::as_u64).collect();
    assert_eq!(elements.len(), list.len(), "an element is twice in {reply}");
    elements
}

#[test]
fn what_is_broadcast_reaches_every_node_in_the_end() {
    let (mut cluster, sent) = fill_a_set("broadcast", "broadcast", "message", "messages");
    let topology = json!({ "type": "topology", "topology": {} });
    ok(&cluster.call(0, "c1", topology), "topology");
    let all = |replies: &[Value]| replies.iter().all(|r| elements(r, "messages") == sent);

    assert!(!agree_within(&mut cluster, Duration::from_millis(300), all), "there is a partition");
    cluster.faults = Faults::default();
    assert!(agree_within(&mut cluster, AGREEMENT, all), "a message did not arrive");
}

#[test]
fn what_is_added_to_a_set_is_in_every_copy_in_the_end() {
    let (mut cluster, added) = fill_a_set("g-set", "add", "element", "value");
    cluster.faults = storm();
    let all = |replies: &[Value]| replies.iter().all(|r| elements(r, "value") == added);
    assert!(agree_within(&mut cluster, AGREEMENT, all), "an element did not arrive");
}

/// Adds these amounts at all nodes in turn, and returns the cluster and the sum.
fn add_up(workload: &str, amounts: &[i64]) -> (Cluster, i64) {
    let mut cluster = Cluster::start(workload, NODES, 4, storm());
    for (round, delta) in amounts.iter().enumerate() {
        cluster.faults = if round % 20 < 10 { storm() } else { partition() };
        let add = json!({ "type": "add", "delta": delta });
        ok(&cluster.call(round % NODES, "c1", add), "add");
        cluster.run_for(PAUSE);
    }
    (cluster, amounts.iter().sum())
}

#[test]
fn a_growing_counter_counts_every_addition_once_and_never_shrinks() {
    let (mut cluster, sum) = add_up("g-counter", &(1..=60).collect::<Vec<_>>());
    let less = json!({ "type": "add", "delta": -1 });
    assert_eq!(cluster.call(0, "c1", less)["code"], 12, "it only grows");
    cluster.faults = storm();
    let mut before = vec![0; NODES];
    let all = |replies: &[Value]| {
        let now: Vec<_> = replies.iter().map(|r| r["value"].as_i64().expect("a number")).collect();
        assert!(now.iter().zip(&before).all(|(now, before)| now >= before), "{now:?} {before:?}");
        assert!(now.iter().all(|now| *now <= sum), "{now:?} are more than {sum}");
        before.clone_from(&now);
        now.iter().all(|now| *now == sum)
    };
    assert!(agree_within(&mut cluster, AGREEMENT, all), "an addition is missing");
}

#[test]
fn a_counter_counts_every_addition_and_subtraction_once() {
    let (mut cluster, sum) = add_up("pn-counter", &(-20..=30).collect::<Vec<_>>());
    cluster.faults = storm();
    let all = |replies: &[Value]| replies.iter().all(|reply| reply["value"] == sum);
    assert!(agree_within(&mut cluster, AGREEMENT, all), "an addition is missing");
}

/// What clients at each node did and saw, through a storm and a partition.
fn transactions(recorder: &mut Recorder) -> Cluster {
    let mut cluster = Cluster::start("txn-rw-register", NODES, 5, storm());
    let mut foreign = 0;
    for round in 0..40 {
        cluster.faults = if round < 20 { storm() } else { partition() };
        let body = |node: usize| {
            let (key, value) = ((round + node) % 4, round * NODES + node + 1);
            let accesses = json!([["r", key, null], ["w", key, value], ["r", (key + 1) % 4, null]]);
            let more = json!([["r", key, null], ["r", (key + 2) % 4, null]]);
            json!({ "type": "txn", "txn": if round % 3 == 2 { more } else { accesses } })
        };
        let calls = (0..NODES).map(|node| (node, "c1", body(node))).collect();
        for (node, reply) in cluster.call_all(calls).iter().enumerate() {
            ok(reply, "txn");
            record(recorder, node, reply, round);
            foreign += usize::from(reads_of_others(node, reply));
        }
        cluster.run_for(PAUSE);
    }
    assert!(foreign > 10, "{foreign} transactions read what another node wrote");
    cluster
}

/// Does it read a value that another node's client wrote? A value says by whom.
fn reads_of_others(node: usize, reply: &Value) -> bool {
    let accesses = reply["txn"].as_array().expect("a transaction is a list");
    let reads = accesses.iter().filter(|access| access[0] == "r");
    let mut values = reads.filter_map(|access| access[2].as_u64());
    values.any(|value| (value as usize - 1) % NODES != node)
}

fn record(recorder: &mut Recorder, session: usize, reply: &Value, line: usize) {
    let session = network::name(session);
    recorder.begin(&session, Outcome::Committed, line);
    for access in reply["txn"].as_array().expect("a transaction is a list") {
        let (key, value) = (access[1].to_string(), access[2].to_string());
        match access[0].as_str() {
            Some("r") => {
                recorder.read(&key, Some(&value).filter(|_| !access[2].is_null()).map(|v| &**v))
            }
            _ => recorder.write(&key, &value),
        };
    }
}

fn judged(recorder: Recorder) -> Judgement {
    let history = recorder.finish().expect("each write has a value of its own");
    judge(&history, &[Question::Causal, Question::CausalConvergence])
}

#[test]
fn transactions_are_causally_consistent_and_convergent() {
    let mut recorder = Recorder::new();
    let mut cluster = transactions(&mut recorder);

    cluster.faults = Faults::default();
    let end = Instant::now() + AGREEMENT;
    let all = json!([["r", 0, null], ["r", 1, null], ["r", 2, null], ["r", 3, null]]);
    loop {
        let body = |_| json!({ "type": "txn", "txn": all });
        let calls = (0..NODES).map(|node| (node, "c1", body(node))).collect();
        let replies = cluster.call_all(calls);
        replies.iter().enumerate().for_each(|(node, r)| record(&mut recorder, node, r, 99));
        if replies.iter().all(|reply| reply["txn"] == replies[0]["txn"]) {
            break;
        }
        assert!(Instant::now() < end, "the nodes do not agree: {replies:?}");
        cluster.run_for(Duration::from_millis(20));
    }

    let judgement = judged(recorder);
    assert!(judgement.is_decided() && !judgement.is_violated(), "{judgement:?}");
}

#[test]
fn a_stale_read_in_a_history_of_transactions_would_be_found() {
    let mut recorder = Recorder::new();
    let _cluster = transactions(&mut recorder);
    // n0 has written this key since, and many have read it.
    let stale = json!({ "txn": [["r", 0, null], ["r", 1, null], ["r", 2, null], ["r", 3, null]] });
    record(&mut recorder, 0, &stale, 99);
    assert!(judged(recorder).is_violated(), "n0 reads less than it wrote");
}

#[test]
fn what_a_node_does_not_understand_it_refuses_by_maelstroms_numbers() {
    let mut cluster = Cluster::start("txn-rw-register", 1, 6, Faults::default());
    for (body, code, text) in [
        (json!({ "type": "dance" }), 10, "no request \"dance\" in this workload"),
        (json!({ "type": "txn" }), 12, "no \"txn\""),
        (json!({ "type": "txn", "txn": [["r", 1]] }), 12, "txn: not a list of"),
        (json!({ "type": "init", "node_id": "n7", "node_ids": ["n0"] }), 12, "node_ids: the names"),
        (
            json!({ "type": "txn", "txn": [["w", 1, "x".repeat(5_000)]] }),
            12,
            "the request is too large",
        ),
    ] {
        let reply = cluster.call(0, "c1", body);
        assert_eq!((&reply["type"], &reply["code"]), (&json!("error"), &json!(code)), "{reply}");
        assert!(reply["text"].as_str().is_some_and(|t| t.starts_with(text)), "{reply}");
    }
}
