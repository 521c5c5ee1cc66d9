//! A session that builds on what only a dead replica manager held (C19), with real processes.
#![cfg(feature = "program")]

#[path = "common/processes.rs"]
mod processes;

use chinwag::{
    ReplicaId,
    runtime::{ClientError, DurabilityConfig, MissingUpdates, Route},
    services::Counter,
};
use processes::{Cluster, PATIENCE, chinwag};
use std::{
    process::Output,
    time::{Duration, Instant},
};

/// Nobody hears of anything by gossip.
const NEVER_MS: u64 = 3_600_000;

/// How long the dependent session waits: many times as long as an answer takes.
const WAIT: Duration = Duration::from_secs(2);

/// What a loaded machine may add to that.
const SLACK: Duration = Duration::from_secs(20);

fn call(cluster: &Cluster, words: &[&str]) -> Output {
    chinwag().args(words).env("CHINWAG_CONFIG", cluster.path(1)).output().unwrap()
}

#[test]
fn what_only_a_dead_replica_held_is_named_in_bounded_time_and_nobody_else_waits_for_it() {
    let mut cluster = Cluster::start_with::<Counter>(3, 0, DurabilityConfig::default(), NEVER_MS);
    let mut dependent = cluster.client::<Counter>(WAIT);
    dependent.route(Route::Only(ReplicaId(0)));
    let before = cluster.client::<Counter>(PATIENCE).token();
    (0..3).for_each(|_| drop(dependent.update(1).unwrap()));
    let file = cluster.directory.path().join("session");
    let session = ["--session", file.to_str().unwrap()];
    let done = call(&cluster, &[&["update", "--at", "0", "add", "1"], &session[..]].concat());
    assert!(done.status.success(), "{done:?}");
    cluster.kill(0);

    dependent.route(Route::Fastest);
    let start = Instant::now();
    let error = dependent.query(()).unwrap_err();
    assert!(start.elapsed() < WAIT + SLACK, "it took {:?}", start.elapsed());
    let text = error.to_string();
    let ClientError::DependencyUnavailable(past) = error else { panic!("{error}") };
    assert_eq!(past.missing, [MissingUpdates { origin: ReplicaId(0), from: 1, to: 3 }]);
    assert_eq!(past.answered, [ReplicaId(1), ReplicaId(2)]);
    assert!(
        text.contains("rm0's updates 1..3 are held by nobody who answered (rm1, rm2)"),
        "{text}"
    );
    let words = [&["query", "value", "--timeout-ms", "2000"], &session[..]].concat();
    let output = call(&cluster, &words);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("rm0's updates 1..4"), "{said}");

    let mut other = cluster.client::<Counter>(PATIENCE);
    other.join(&before).unwrap();
    other.update(10).unwrap();
    assert_eq!(other.query(()).unwrap(), 10, "who does not depend on it is served");

    cluster.kill(1);
    cluster.kill(2);
    dependent.patience(Duration::from_millis(500));
    assert!(matches!(dependent.query(()), Err(ClientError::Unanswered)), "nobody answered");

    cluster.run(0, false);
    dependent.patience(PATIENCE);
    assert_eq!(dependent.query(()).unwrap(), 4, "it was not lost after all");
}
