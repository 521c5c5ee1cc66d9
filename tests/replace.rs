//! A replica manager whose directory is lost, and the one that takes its place: real processes.
#![cfg(feature = "program")]

#[path = "common/processes.rs"]
mod processes;

use chinwag::{
    ReplicaId,
    runtime::{Config, Route, udp},
    services::{OrSet, OrSetOp},
};
use processes::{Cluster, PATIENCE, chinwag, text, toml_of, wait_until};
use std::{
    collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, process::Output,
    time::Duration,
};

/// Where the newcomer's file is in these clusters.
const NEWCOMER: u16 = 3;

fn said(output: &Output) -> (Option<i32>, String) {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(all).unwrap())
}

/// A command in the directory of the configurations.
fn run(cluster: &Cluster, words: &[&str]) -> Output {
    chinwag().args(words).current_dir(cluster.directory.path()).output().unwrap()
}

/// It stops by itself. Its code, and what it said.
fn ends(cluster: &Cluster, file: &str, init: bool) -> (Option<i32>, String) {
    let words = ["replica", "--config", file, "--init"];
    said(&run(cluster, &words[..words.len() - usize::from(!init)]))
}

fn add(cluster: &Cluster, session: &str, file: &str, at: &str, element: &str) {
    let words = ["update", "--config", file, "--session", session, "--at", at, "add", element];
    text(&run(cluster, &words));
}

fn elements(cluster: &Cluster, session: &str, file: &str, at: &str) -> BTreeSet<String> {
    let words = ["query", "--config", file, "--session", session, "--at", at];
    text(&run(cluster, &words)).lines().map(String::from).collect()
}

/// The newcomer's place in the test's list of processes, and the configuration by which clients reach it.
fn take_in(cluster: &mut Cluster) {
    cluster.children.push(None);
    let config = Config::read(&cluster.path(NEWCOMER)).unwrap();
    cluster.config = Config { replica: None, ..config };
}

fn wait_until_members_agree(cluster: &Cluster) {
    wait_until("all members hold and reflect the same, and keep nothing", || {
        let statuses: Option<Vec<_>> =
            [1, 2, NEWCOMER].into_iter().map(|id| cluster.status::<OrSet>(id)).collect();
        statuses.is_some_and(|all| {
            let is_done = |s: &chinwag::runtime::Status| {
                s.replica_ts == all[0].replica_ts && s.value_ts == s.replica_ts && s.log == 0
            };
            all.iter().all(is_done)
        })
    });
}

#[test]
fn a_replica_manager_whose_directory_is_lost_is_replaced_and_nothing_that_others_hold_is_lost() {
    let mut cluster = Cluster::start::<OrSet>(3, 0);
    let before = replaced(&mut cluster);
    // Whoever was replaced is told so, by its old configuration.
    let (code, why) = ends(&cluster, &before, false);
    assert!(code == Some(5) && why.contains("replaced"), "{why}");
}

#[test]
fn the_same_with_sealed_datagrams() {
    replaced(&mut Cluster::start_sealed::<OrSet>(3));
}

#[test]
fn one_that_runs_on_is_told_that_it_was_replaced() {
    let mut cluster = Cluster::start::<OrSet>(3, 0);
    // Else it asks its peers whether it lost state, and is told before it has anything to say.
    wait_until("it takes updates", || {
        cluster.status::<OrSet>(0).is_some_and(|status| !status.joining)
    });
    fs::copy(cluster.path(0), cluster.directory.path().join("before.toml")).unwrap();
    let by = udp::free_addresses(1).unwrap()[0].to_string();
    let words = ["replace", "0", "--by", &by, "rm1.toml", "rm2.toml", "--newcomer", "rm3.toml"];
    text(&run(&cluster, &[&words[..], &["--although-it-answers"]].concat()));
    take_in(&mut cluster);
    [1, 2].iter().for_each(|id| restart(&mut cluster, *id));

    // It has something to say, and nobody hears it any more.
    add(&cluster, "ann", "before.toml", "0", "unheard");
    assert_eq!(cluster.exit(0).code(), Some(5));
    cluster.run(NEWCOMER, true);
    wait_until_members_agree(&cluster);

    // Who saw what is lost is told so, and begins anew.
    let words = ["query", "--config", "rm3.toml", "--session", "ann", "--timeout-ms", "1000"];
    let (code, why) = said(&run(&cluster, &words));
    assert_eq!(code, Some(6), "{why}");
    assert_eq!(elements(&cluster, "bob", "rm3.toml", "3"), BTreeSet::new());
}

/// Loses the first of three replica managers and replaces it. The name of its configuration from before.
fn replaced(cluster: &mut Cluster) -> String {
    let at = |name: &str| cluster.directory.path().join(name);
    let (directory, backup) = (at("rm0"), at("backup"));
    fs::copy(at("rm0.toml"), at("before.toml")).unwrap();
    let by = udp::free_addresses(1).unwrap()[0].to_string();
    let replace = ["replace", "0", "--by", &by, "rm1.toml", "rm2.toml", "--newcomer", "rm3.toml"];

    // Ann writes at the one that will be lost. What she has been told of is everywhere.
    add(cluster, "ann", "before.toml", "0", "early");
    cluster.wait_until_all_agree::<OrSet>();
    let (code, why) = said(&run(cluster, &replace));
    assert!(code == Some(1) && why.contains("rm0 answers, so nothing was changed"), "{why}");
    cluster.kill(0);
    copy(&directory, &backup);
    cluster.run(0, false);
    cluster.wait_for::<OrSet>(0);
    add(cluster, "ann", "before.toml", "0", "late");
    cluster.wait_until_all_agree::<OrSet>();
    cluster.kill(0);

    // Wiped, or an old copy: its peers find it out, and it says what to do.
    for init in [true, false] {
        fs::remove_dir_all(&directory).unwrap();
        if !init {
            copy(&backup, &directory);
        }
        let (code, why) = ends(cluster, "rm0.toml", init);
        assert!(code == Some(5) && why.contains("chinwag replace"), "{why}");
    }

    let before = fs::read(cluster.path(1)).unwrap();
    let dry = text(&run(cluster, &[&replace[..], &["--dry-run"]].concat()));
    assert!(dry.contains("rm1.toml: would be changed"), "{dry}");
    assert_eq!((fs::read(cluster.path(1)).unwrap(), cluster.path(3).exists()), (before, false));
    text(&run(cluster, &replace));
    take_in(cluster);

    // The newcomer waits until every other one has recorded it, however early it starts.
    cluster.run(NEWCOMER, true);
    add(cluster, "ann", "before.toml", "1", "meanwhile");
    restart(cluster, 1);
    std::thread::sleep(Duration::from_millis(300));
    assert!(cluster.status::<OrSet>(NEWCOMER).is_none_or(|status| status.joining));
    restart(cluster, 2);
    wait_until("the newcomer takes updates", || {
        cluster.status::<OrSet>(NEWCOMER).is_some_and(|status| !status.joining)
    });

    // Ann's session goes on, at the newcomer.
    add(cluster, "ann", "rm3.toml", "3", "after");
    let all = ["after", "early", "late", "meanwhile"].map(String::from).into();
    assert_eq!(elements(cluster, "ann", "rm3.toml", "3"), all);
    wait_until_members_agree(cluster);
    for at in ["1", "2", "3"] {
        assert_eq!(elements(cluster, &format!("new{at}"), "rm3.toml", at), all, "rm{at}");
    }

    let top = text(&run(cluster, &["top", "--once", "--config", "rm3.toml"]));
    assert!(top.contains("3 of 3") && !top.contains("rm0  "), "{top}");

    // The newcomer's directory is its own by now: it starts like any other.
    cluster.kill(NEWCOMER);
    let words = ["replica", "--config", "rm3.toml", "--record", "trace"];
    let (code, why) = said(&run(cluster, &words));
    assert!(code == Some(2) && why.contains("not after a replacement"), "{why}");
    cluster.run(NEWCOMER, false);
    let mut client = cluster.client::<OrSet>(PATIENCE);
    client.route(Route::Only(ReplicaId(NEWCOMER)));
    client.update(OrSetOp::Remove("early".into())).unwrap();
    wait_until_members_agree(cluster);

    // By the new configuration it does not start.
    let own = Config::read(&cluster.path(NEWCOMER)).unwrap();
    let replica = own.replica.map(|replica| chinwag::runtime::ReplicaConfig { id: 0, ..replica });
    fs::write(cluster.path(0), toml_of(&Config { replica, ..cluster.config.clone() })).unwrap();
    let (code, why) = ends(cluster, "rm0.toml", false);
    assert!(code == Some(2) && why.contains("rm0 was replaced by rm3"), "{why}");
    "before.toml".into()
}

fn restart(cluster: &mut Cluster, id: u16) {
    let pid = cluster.children[usize::from(id)].as_ref().unwrap().id().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    assert_eq!(cluster.exit(id).code(), Some(0));
    cluster.run(id, false);
}

fn copy(from: &Path, to: &Path) {
    let mut copied = std::process::Command::new("cp");
    assert!(copied.arg("-r").args([from, to]).status().unwrap().success());
}

#[test]
fn what_cannot_be_replaced_is_named_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let good =
        "# ours\ncluster = 'c'\nservice = 'set'\nreplicas = ['127.0.0.1:1', '127.0.0.1:2']\n";
    let sixteen: Vec<_> = (2..=16).map(|port| format!("'127.0.0.1:{port}'")).collect();
    let files = [
        ("good.toml", good.to_string()),
        ("own.toml", format!("{good}[replica]\nid = 0\ndata_dir = 'x'\n")),
        ("other.toml", good.replace("'c'", "'d'")),
        ("reader.toml", good.replace("service", "updatable = 1\nservice")),
        (
            "newer.toml",
            good.replace("'127.0.0.1:2'", "'127.0.0.1:2', '127.0.0.1:3'") + "replaced = [1]\n",
        ),
        ("alone.toml", good.replace(", '127.0.0.1:2'", "")),
        ("sixteen.toml", good.replace("'127.0.0.1:2'", &sixteen.join(", "))),
    ];
    for (name, text) in &files {
        fs::write(at(name), text).unwrap();
    }
    fs::set_permissions(at("good.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["0", "--by", "127.0.0.1:99", "alone.toml"], 2, "replaced: leaves nobody of whom"),
        (&["0", "--by", "127.0.0.1:99", "sixteen.toml"], 2, "sixteen.toml: updatable: use 1 to 16"),
        (&["2", "--by", "127.0.0.1:9", "good.toml"], 2, "good.toml: 2: no member; they are 0, 1"),
        (&["1", "--by", "127.0.0.1:9", "newer.toml"], 2, "newer.toml: 1: no member; they are 0, 2"),
        (&["1", "--by", "127.0.0.1:1", "good.toml"], 2, "127.0.0.1:1 is there twice"),
        (&["1", "--by", "nowhere", "good.toml"], 2, "is not `host:port`"),
        (
            &["0", "--by", "127.0.0.1:9", "own.toml"],
            2,
            "own.toml: is the configuration of the one that",
        ),
        (
            &["0", "--by", "127.0.0.1:9", "good.toml", "other.toml"],
            2,
            "other.toml: not the cluster of",
        ),
        (
            &["1", "--by", "127.0.0.1:9", "reader.toml"],
            2,
            "replaced: not in a cluster with read-only",
        ),
    ];
    for (words, code, expected) in cases {
        let output = chinwag().arg("replace").args(words).current_dir(directory.path()).output();
        let (found, why) = said(&output.unwrap());
        assert!(found == Some(code) && why.contains(expected), "{words:?}: {found:?}: {why}");
    }
    for (name, text) in &files {
        assert_eq!(fs::read_to_string(at(name)).unwrap(), *text, "{name} was changed");
    }

    // Comments stay, and a second time changes nothing.
    let words =
        ["replace", "1", "--by", "127.0.0.1:9", "good.toml", "--timeout-ms", "50", "--json"];
    let run = || text(&chinwag().args(words).current_dir(directory.path()).output().unwrap());
    assert!(run().contains("\"changed\":true"));
    let mode = fs::metadata(at("good.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "who may read it stays as it was");
    let changed = fs::read_to_string(at("good.toml")).unwrap();
    let expected = good.replace("'127.0.0.1:2'", "'127.0.0.1:2', \"127.0.0.1:9\"");
    assert_eq!(changed, format!("{expected}replaced = [1]\n"));
    assert!(run().contains("\"changed\":false"));
    assert_eq!(fs::read_to_string(at("good.toml")).unwrap(), changed);
}
