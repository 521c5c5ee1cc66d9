//! A system that gives no more memory, no more descriptors, or no directory to write to (faults 21, 34).

use super::{
    ALL,
    cluster::{Cluster, in_own_namespaces, may},
    seed, survives,
};
use chinwag::{
    ReplicaId,
    runtime::{ClientError, Route},
    services::OrSetOp,
};
use std::{fs, os::unix::fs::symlink, process::Command, time::Duration};

/// Sets a limit of a running process, as `prlimit` names it.
fn limit(cluster: &Cluster, id: u16, what: &str) {
    let pid = cluster.pid(id).to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, what]).status().unwrap().success());
}

/// Has the first replica manager write until it ends; then what it said last, and how it ended.
fn wear_out(cluster: &mut Cluster) -> (Option<i32>, String) {
    let mut client = cluster.client();
    client.route(Route::Only(ReplicaId(0)));
    client.patience(Duration::from_secs(1));
    // Nothing is there to remove, so that the value does not tell of it.
    let long = || OrSetOp::Remove("x".repeat(900));
    let failed = (0..20_000).find_map(|_| client.update(long()).err());
    assert!(matches!(failed, Some(ClientError::Indefinite { .. })), "{failed:?}");
    let status = cluster.wait_for_end(0);
    (status.code(), fs::read_to_string(cluster.path("rm0.log")).unwrap())
}

/// The first replica manager ends when it has come up against its limit, by this code and with these
/// words; it comes back with all it had.
fn ends_and_comes_back(limits: impl FnOnce(&Cluster) -> String, code: Option<i32>, words: &[&str]) {
    let (_, cluster) = survives(false, |cluster, progress| {
        progress.wait(&ALL, 5);
        let what = limits(cluster);
        limit(cluster, 0, &what);
        let (found, said) = wear_out(cluster);
        assert!(found == code && words.iter().all(|word| said.contains(word)), "{found:?}: {said}");
        progress.wait(&ALL, 5);
        cluster.run(0, false);
        progress.wait(&ALL, 5);
    });
    cluster.stop_and_check_trace();
}

#[test]
fn a_replica_manager_that_gets_no_more_memory_ends_and_has_lost_nothing() {
    let limits = |cluster: &Cluster| format!("--as={}", cluster.memory(0, "VmSize:") << 10);
    // By a signal.
    ends_and_comes_back(limits, None, &["memory allocation of"]);
}

#[test]
fn a_replica_manager_that_can_open_no_more_files_ends_with_code_4_and_has_lost_nothing() {
    ends_and_comes_back(|_| "--nofile=3".into(), Some(4), &["Too many open files", "rm0"]);
}

#[test]
fn a_directory_that_cannot_be_used_is_named_before_it_serves() {
    let mut cluster = Cluster::new(seed(), false);
    let (directory, elsewhere) = (cluster.path("rm0"), cluster.path("elsewhere"));
    let mut refused = |through: &[&str], why: &str| {
        let log = cluster.path("rm0.log");
        let _ = fs::remove_file(&log);
        let command = cluster.command(0, true, through);
        cluster.spawn(0, command);
        let code = cluster.wait_for_end(0).code();
        let said = fs::read_to_string(log).unwrap();
        assert!(code == Some(2) && said.contains("rm0") && said.contains(why), "{code:?}: {said}");
    };
    fs::write(&directory, "a file").unwrap();
    refused(&[], "Not a directory");
    assert_eq!(fs::read(&directory).unwrap(), b"a file");
    fs::remove_file(&directory).unwrap();
    symlink(&elsewhere, &directory).unwrap();
    refused(&[], "File exists");
    assert!(!elsewhere.exists(), "a link to nothing is not followed");
    fs::remove_file(&directory).unwrap();

    fs::create_dir(&directory).unwrap();
    let mount = format!("mount -t tmpfs -o ro tmpfs '{}' && exec \"$@\"", directory.display());
    let through = in_own_namespaces("-rm", &mount);
    if may(&through, "a read-only directory") {
        refused(&through, "Read-only file system");
    }
}
