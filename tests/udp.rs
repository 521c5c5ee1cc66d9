//! Real processes on loopback: kill -9, restarts, sessions from process to process, exit codes.
#![cfg(feature = "program")]

#[path = "common/processes.rs"]
mod processes;

use chinwag::{
    FrontEndId, Group, ReplicaId, Service,
    runtime::{
        ClientError, ClusterId, Codec, DurabilityConfig, Level, Route, SessionError, SessionFile,
        udp::{self, UdpClient},
    },
    services::{Counter, OrSet, OrSetOp, RegisterMap},
};
use processes::{Cluster, PATIENCE, chinwag, text, wait_until};
use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

/// Acknowledged updates before and after each kill.
const STRIDE: usize = 60;

/// Kills each replica in turn while `acknowledged` grows, and restarts it.
fn kill_each_in_turn<S: Service>(cluster: &mut Cluster, acknowledged: &AtomicUsize) {
    let count = || acknowledged.load(Ordering::SeqCst);
    for id in 0..cluster.children.len() as u16 {
        let before = count();
        wait_until("the cluster takes updates", || count() >= before + STRIDE);
        cluster.kill(id);
        let before = count();
        wait_until("the others take updates", || count() >= before + STRIDE);
        cluster.run(id, false);
        cluster.wait_for::<S>(id);
    }
}

/// A client that adds elements until told to stop, and reads them back wherever it can.
fn add_and_roam(
    cluster: &Cluster,
    name: usize,
    acknowledged: &AtomicUsize,
    stop: &AtomicBool,
) -> Vec<String> {
    let mut client = cluster.client::<OrSet>(PATIENCE);
    let (mut own, mut reads) = (Vec::new(), 0);
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let element = format!("{name}.{number}");
        client.update(OrSetOp::Add(element.clone())).expect("two of three are always there");
        own.push(element);
        acknowledged.fetch_add(1, Ordering::SeqCst);
        if number % 4 == name {
            client.route(Route::Only(ReplicaId(number as u16 / 4 % 3)));
            reads += usize::from(reads_its_own_writes(&mut client, &own));
            client.route(Route::Fastest);
        }
    }
    assert!(reads > 0, "client {name} never read");
    own
}

/// Wherever the client asks. While the only holder of its last update is dead, no other can answer.
fn reads_its_own_writes(client: &mut UdpClient<OrSet>, own: &[String]) -> bool {
    client.patience(Duration::from_millis(100));
    let answered = match client.query(()) {
        Ok(answer) => {
            let missing: Vec<_> = own.iter().filter(|own| !answer.contains(*own)).collect();
            assert!(missing.is_empty(), "a client does not read its own {missing:?}");
            true
        }
        Err(ClientError::Unanswered | ClientError::DependencyUnavailable(_)) => false,
        Err(error) => panic!("{error}"),
    };
    client.patience(PATIENCE);
    answered
}

#[test]
fn nothing_acknowledged_is_lost_when_each_replica_is_killed_in_turn() {
    let cluster = Cluster::start::<OrSet>(3, 0);
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (cluster, added) = under_load(cluster, &acknowledged, &stop);

    cluster.wait_until_all_agree::<OrSet>();
    let answers = cluster.answers::<OrSet>(&());
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "the values differ");
    let lost: Vec<_> = added.iter().filter(|element| !answers[0].contains(*element)).collect();
    assert!(lost.is_empty(), "acknowledged, then lost: {lost:?}");
    assert_eq!(answers[0].len(), added.len(), "no request was made but these");
    eprintln!("{} acknowledged, none lost", added.len());
}

fn under_load(
    mut cluster: Cluster,
    acknowledged: &AtomicUsize,
    stop: &AtomicBool,
) -> (Cluster, Vec<String>) {
    // Clients see the configuration only; the processes belong to the main thread.
    let view = Cluster {
        directory: tempfile::tempdir().unwrap(),
        config: cluster.config.clone(),
        children: Vec::new(),
    };
    let view = &view;
    let added = thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|name| scope.spawn(move || add_and_roam(view, name, acknowledged, stop)))
            .collect();
        kill_each_in_turn::<OrSet>(&mut cluster, acknowledged);
        stop.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    (cluster, added)
}

#[test]
fn an_update_that_is_repeated_to_other_replicas_runs_once() {
    let mut cluster = Cluster::start::<Counter>(3, 1);
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut client = cluster.client::<Counter>(PATIENCE);
    let total = thread::scope(|scope| {
        let adding = scope.spawn(|| {
            let mut total = 0;
            while !stop.load(Ordering::SeqCst) {
                client.update(1).unwrap();
                total += 1;
                acknowledged.fetch_add(1, Ordering::SeqCst);
                client.patience(Duration::from_millis(20));
                // While the only holder of the last update is dead, nobody can answer.
                assert_eq!(client.query(()).unwrap_or(total), total);
                client.patience(PATIENCE);
            }
            total
        });
        kill_each_in_turn::<Counter>(&mut cluster, &acknowledged);
        stop.store(true, Ordering::SeqCst);
        adding.join().unwrap()
    });

    cluster.wait_until_all_agree::<Counter>();
    assert_eq!(cluster.answers::<Counter>(&()), [total; 4]);
}

#[test]
fn a_cluster_that_was_killed_as_a_whole_goes_on_where_it_was() {
    let mut cluster = Cluster::start::<Counter>(3, 0);
    let mut client = cluster.client::<Counter>(PATIENCE);
    for round in 1..=3 {
        for _ in 0..20 {
            client.update(1).unwrap();
        }
        (0..3).for_each(|id| cluster.kill(id));
        (0..3).for_each(|id| cluster.run(id, false));
        assert_eq!(client.query(()).unwrap(), 20 * round);
    }
    cluster.wait_until_all_agree::<Counter>();
    assert_eq!(cluster.answers::<Counter>(&()), [60; 3]);
}

#[test]
fn a_session_goes_on_in_another_process_and_at_another_replica() {
    let cluster = Cluster::start::<RegisterMap>(2, 1);
    let session = cluster.directory.path().join("session");
    let session = session.to_str().unwrap();

    for round in ["1", "2", "3"] {
        for (at, other) in [("0", "1"), ("1", "2"), ("0", "2")] {
            let value = format!("{round}{at}{other}");
            let words = ["update", "--session", session, "--at", at, "put", "k", &value];
            text(&cluster.call(&words));
            let words = ["query", "--session", session, "--at", other, "get", "k"];
            assert_eq!(text(&cluster.call(&words)), value);
        }
    }
    let words = ["update", "--at", "2", "put", "k", "v"];
    let refused = cluster.call(&words);
    assert_eq!(refused.status.code(), Some(1), "a read-only replica takes no updates: {refused:?}");
}

#[test]
fn a_session_is_continued_by_one_process_at_a_time_under_fresh_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("session");
    let group = Group::of(2);
    let codec = Codec::new(ClusterId::of("test", "kv", group), group);
    let open = |fresh| SessionFile::open(&path, FrontEndId(fresh), codec, &[]);
    // Other tests start processes: one that is about to be has our lock for a moment, too.
    let open_again = || {
        let mut opened = None;
        wait_until("the session is free", || {
            opened = open(2).ok();
            opened.is_some()
        });
        opened.unwrap()
    };

    let (first, seen) = open(1).unwrap();
    assert_eq!((first.front_end(), first.incarnation(), seen), (FrontEndId(1), 0, group.zero()));
    assert!(matches!(open(2), Err(SessionError::InUse)));
    drop(first);
    for incarnation in 1..4 {
        let (again, _) = open_again();
        assert_eq!((again.front_end(), again.incarnation()), (FrontEndId(1), incarnation));
    }

    let (_one, _) =
        SessionFile::open(&directory.path().join("s.1"), FrontEndId(1), codec, &[]).unwrap();
    let (_two, _) =
        SessionFile::open(&directory.path().join("s.2"), FrontEndId(2), codec, &[]).unwrap();

    let other = Codec::new(ClusterId::of("other", "kv", group), group);
    let foreign = || SessionFile::open(&path, FrontEndId(3), other, &[]);
    wait_until("a foreign session is refused", || matches!(foreign(), Err(SessionError::Foreign)));
}

#[test]
fn a_token_carries_what_was_seen_to_another_client() {
    let cluster = Cluster::start::<Counter>(2, 0);
    let mut writer = cluster.client::<Counter>(PATIENCE);
    let mut reader = cluster.client::<Counter>(PATIENCE);
    writer.route(Route::Only(ReplicaId(0)));
    reader.route(Route::Only(ReplicaId(1)));

    for total in 1..20 {
        writer.update(1).unwrap();
        reader.join(&writer.token().to_string().parse().unwrap()).unwrap();
        assert_eq!(reader.query(()).unwrap(), total);
    }
}

#[test]
fn a_replica_stops_cleanly_when_asked_and_says_why_it_does_not_start() {
    let mut cluster = Cluster::start::<Counter>(1, 0);
    let replica = |config: &Path, init: bool| {
        let mut command = chinwag();
        command.arg("replica").arg("--config").arg(config).args(init.then_some("--init"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let path = cluster.path(0);

    // Someone else's lock, seen only where the address is free.
    let text = fs::read_to_string(&path).unwrap();
    let busy = cluster.directory.path().join("busy.toml");
    let free = udp::free_addresses(1).unwrap()[0].to_string();
    fs::write(&busy, text.replace(&cluster.config.replicas[0], &free)).unwrap();
    let (code, why) = replica(&busy, false);
    assert!(code == Some(2) && why.contains("another process"), "{why}");

    // In haste, and of several minds: a further signal does not kill what is about to end by itself.
    let pid = cluster.children[0].as_ref().unwrap().id().to_string();
    let signals = "kill -TERM $0; kill -TERM $0; kill -INT $0; kill -TERM $0; true";
    assert!(Command::new("sh").args(["-c", signals, &pid]).status().unwrap().success());
    assert_eq!(cluster.exit(0).code(), Some(0));

    let (code, why) = replica(&path, true);
    assert!(code == Some(2) && why.contains("Leave out --init"), "{why}");
    fs::rename(cluster.directory.path().join("rm0"), cluster.directory.path().join("moved"))
        .unwrap();
    let (code, why) = replica(&path, false);
    assert!(code == Some(2) && why.contains("--init"), "{why}");
    fs::write(&busy, text.replace("id = 0", "id = 5")).unwrap();
    let (code, why) = replica(&busy, false);
    assert!(code == Some(2) && why.contains("busy.toml: replica.id: use 0 to 0"), "{why}");
}

#[test]
fn a_directory_that_was_restored_from_an_old_copy_does_not_serve() {
    let mut cluster = Cluster::start::<Counter>(3, 0);
    let mut client = cluster.client::<Counter>(PATIENCE);
    client.route(Route::Only(ReplicaId(0)));
    client.update(1).unwrap();
    cluster.wait_until_all_agree::<Counter>();
    cluster.kill(0);
    let (data, copy) =
        (cluster.directory.path().join("rm0"), cluster.directory.path().join("copy"));
    copy_files(&data, &copy);

    cluster.run(0, false);
    client.update(1).unwrap();
    cluster.wait_until_all_agree::<Counter>();
    cluster.kill(0);
    fs::remove_dir_all(&data).unwrap();
    copy_files(&copy, &data);
    cluster.run(0, false);

    assert_eq!(cluster.exit(0).code(), Some(5));
}

#[test]
fn a_wiped_directory_does_not_serve_and_a_sound_one_says_what_it_acknowledges() {
    let mut cluster = Cluster::start::<Counter>(2, 1);
    let mut client = cluster.client::<Counter>(PATIENCE);
    client.update(1).unwrap();
    // Until they do, nobody counts on what was here, and it comes back by itself.
    wait_until("the others know that each has it", || {
        let status = |id| cluster.status::<Counter>(id);
        (0..3).all(|id| status(id).is_some_and(|status| status.discarded.weight() == 1))
    });
    for id in [2, 1] {
        let status = cluster.status::<Counter>(id).unwrap();
        assert_eq!((status.durability, status.full), (Level::Fsync, false));
        cluster.kill(id);
        fs::remove_dir_all(cluster.directory.path().join(format!("rm{id}"))).unwrap();
        cluster.run(id, true);
        assert_eq!(cluster.exit(id).code(), Some(5), "rm{id}");
    }
}

#[test]
fn at_the_weaker_levels_killing_every_process_loses_nothing() {
    for level in [Level::Interval, Level::Memory] {
        let durability =
            DurabilityConfig { level, interval_ms: 3_600_000, ..DurabilityConfig::default() };
        let mut cluster = Cluster::start_at::<Counter>(2, 0, durability);
        let mut client = cluster.client::<Counter>(PATIENCE);
        (0..20).for_each(|_| drop(client.update(1).unwrap()));
        (0..2).for_each(|id| cluster.kill(id));
        (0..2).for_each(|id| cluster.run(id, false));
        assert_eq!(client.query(()).unwrap(), 20, "{level}");
    }
}

#[test]
fn an_update_that_two_must_hold_waits_for_the_second() {
    let durability = DurabilityConfig { acknowledged_by: 2, ..DurabilityConfig::default() };
    let mut cluster = Cluster::start_at::<Counter>(2, 0, durability);
    let mut client = cluster.client::<Counter>(PATIENCE);
    client.update(1).unwrap();
    cluster.kill(1);
    client.patience(Duration::from_millis(500));
    assert!(matches!(client.update(1), Err(ClientError::Indefinite { .. })));
    cluster.run(1, false);
    client.patience(PATIENCE);
    client.update(1).unwrap();
    cluster.wait_until_all_agree::<Counter>();
    assert_eq!(cluster.answers::<Counter>(&()), [3; 2]);
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
