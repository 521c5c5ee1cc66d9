//! Real processes that are killed, stopped, cut off and starved, while clients write and read.
//!
//! After each scenario: nothing acknowledged is lost, all replica managers answer alike, their logs are
//! empty, what the clients saw passes the checker of histories, and what the replica managers recorded is
//! an execution of the model. `docs/faults.md` lists the faults.
#![cfg(all(feature = "program", target_os = "linux"))]

#[path = "failures/chance.rs"]
mod chance;
#[path = "failures/cluster.rs"]
mod cluster;
#[path = "failures/load.rs"]
mod load;
#[path = "failures/namespaces.rs"]
mod namespaces;
#[path = "failures/proxy.rs"]
mod proxy;
#[path = "failures/roll.rs"]
mod roll;
#[path = "failures/system.rs"]
mod system;

use chance::{Chance, seed};
use chinwag::{
    FrontEndId, Message, Refusal, ReplicaId, RequestId, Sender, Serial,
    runtime::{ClientError, Packet, Route},
    services::{OrSet, OrSetOp},
};
use cluster::{CLIENTS, Cluster, REPLICAS, in_own_namespaces, may, wait_until};
use load::{Event, Progress, Sessions, under_load, verdict};
use proxy::{End, Weather};
use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

const MS: Duration = Duration::from_millis(1);

const ALL: [usize; CLIENTS] = [0, 1, 2];

/// Runs a scenario, and holds everybody to what is promised.
fn survives(sealed: bool, scenario: impl FnOnce(&mut Cluster, &Progress)) -> (Sessions, Cluster) {
    let seed = seed();
    let mut cluster = Cluster::start(seed, sealed);
    let sessions = under_load(seed, &mut cluster, scenario);
    let answers = cluster.wait_until_quiet();
    verdict(&sessions, &answers).unwrap_or_else(|why| panic!("{why}"));
    let events: usize = sessions.iter().map(Vec::len).sum();
    eprintln!("{events} events of clients, {} elements", answers[0].len());
    (sessions, cluster)
}

/// A replica manager and the first client on one side, the others on the other.
fn is_minority(end: End) -> bool {
    matches!(end, End::Replica(0) | End::Client(0))
}

#[test]
fn what_was_acknowledged_survives_kill_9_at_random_moments() {
    let mut chance = Chance::of([seed(), 9]);
    let (_, cluster) = survives(false, |cluster, progress| {
        for _ in 0..8 {
            thread::sleep(chance.between(10, 200) as u32 * MS);
            let first = chance.between(0, 2) as u16;
            // One, two or all.
            let victims = (0..chance.between(1, 3) as u16).map(|i| (first + i) % REPLICAS);
            let victims: Vec<_> = victims.collect();
            victims.iter().for_each(|id| cluster.kill(*id));
            thread::sleep(chance.between(0, 100) as u32 * MS);
            for id in victims {
                cluster.run(id, false);
                // Sometimes again, while it recovers.
                while chance.permille(400) {
                    thread::sleep(chance.between(0, 20) as u32 * MS);
                    cluster.kill(id);
                    cluster.run(id, false);
                }
            }
            progress.wait(&ALL, 5);
        }
    });
    let summary = cluster.stop_and_check_trace();
    eprintln!("{summary:?}");
}

/// Cuts what goes between the two sides, if it is also as `cut` says.
fn part(cluster: &Cluster, cut: impl Fn(End, End) -> bool) {
    cluster.network.set(|from, to| Weather {
        cut: is_minority(from) != is_minority(to) && cut(from, to),
        ..Weather::default()
    });
}

/// Clients turn to their own side only, until all that they have seen is there: afterwards they can be cut
/// off with it and still be answered.
fn settle_clients(cluster: &Cluster, progress: &Progress) {
    part(cluster, |from, to| is_client(from) || is_client(to));
    ALL.iter().for_each(|client| progress.wait_to_read(*client, 2));
}

fn is_client(end: End) -> bool {
    matches!(end, End::Client(_))
}

#[test]
fn both_sides_of_a_partition_serve_and_agree_when_it_is_over() {
    let (_, cluster) = survives(false, |cluster, progress| {
        settle_clients(cluster, progress);
        part(cluster, |_, _| true);
        progress.wait(&ALL, 30);
        ALL.iter().for_each(|client| progress.wait_to_read(*client, 2));
        let held = |id| cluster.status(id).unwrap().replica_ts;
        let (minority, majority) = (held(0), held(1));
        assert!(!minority.covers(&majority) && !majority.covers(&minority), "nothing was cut");
    });
    cluster.stop_and_check_trace();
}

/// The first replica manager hears the others and is not heard, then the other way round.
#[test]
fn a_link_that_carries_one_way_only_deceives_nobody() {
    let (_, cluster) = survives(false, |cluster, progress| {
        settle_clients(cluster, progress);
        for heard in [true, false] {
            part(cluster, |from, to| {
                is_client(from) || is_client(to) || is_minority(from) == heard
            });
            let held = |id| cluster.status(id).unwrap().replica_ts;
            let (deaf, other) = if heard { (1, 0) } else { (0, 1) };
            let before = [held(deaf), held(other)];
            progress.wait(&ALL, 15);
            let of = |ts: &chinwag::Timestamp, id| ts.get(ReplicaId(id));
            wait_until("news comes by the way that is left", || {
                of(&held(other), deaf) > of(&before[1], deaf)
            });
            assert_eq!(of(&held(deaf), other), of(&before[0], other), "what is cut carries news");
            part(cluster, |from, to| is_client(from) || is_client(to));
            wait_until("what was cut is made good", || held(0).covers(&before[1]));
        }
    });
    cluster.stop_and_check_trace();
}

/// Whoever is stopped is not dead: it goes on with all that waited in its socket.
#[test]
fn a_replica_manager_that_is_paused_goes_on_and_makes_no_storm() {
    let (_, cluster) = survives(false, |cluster, progress| {
        for id in 0..REPLICAS {
            cluster.signal(id, "-STOP");
            // Longer than clients wait for it, and than it waits between gossip, fifty times.
            thread::sleep(1_000 * MS);
            progress.wait(&ALL, 10);
            cluster.signal(id, "-CONT");
            progress.wait(&ALL, 5);
        }
    });
    // With nothing left to say, a pause of a hundred gossip intervals is followed by hardly a word.
    let sent = || cluster.network.counts(|from, _| from == End::Replica(0)).passed;
    cluster.signal(0, "-STOP");
    thread::sleep(2_000 * MS);
    let before = sent();
    cluster.signal(0, "-CONT");
    cluster.wait_until_quiet();
    thread::sleep(200 * MS);
    let after = sent() - before;
    assert!(after <= 20, "{after} datagrams after a pause in which nothing happened");
    cluster.stop_and_check_trace();
}

#[test]
fn loss_repetition_reordering_and_delay_at_once_lose_nothing_and_repeat_nothing() {
    let (_, cluster) = survives(true, |cluster, progress| {
        let storm =
            Weather { lost: 300, twice: 300, late: 100, delay_ms: 40, ..Weather::default() };
        cluster.network.set(|_, _| storm);
        progress.wait(&ALL, 15);
        let counts = cluster.network.counts(|_, _| true);
        eprintln!("{counts:?}");
        let [lost, twice, late] = [counts.lost, counts.twice, counts.late];
        assert!(lost.min(twice).min(late).min(counts.overtaking) > 20, "{counts:?}");
    });
    // Copies that are late arrive in a cluster whose logs are empty.
    thread::sleep(Duration::from_millis(proxy::LATE.1));
    cluster.wait_until_quiet();
    cluster.stop_and_check_trace();
}

/// Each link breaks and comes back by itself, in the midst of gossip; the first and the second replica
/// manager never reach each other.
#[test]
fn links_that_flap_around_a_bridge_leave_no_gap() {
    let seed = seed();
    let (_, cluster) = survives(false, |cluster, progress| {
        let apart =
            |from, to| matches!((from, to), (End::Replica(a), End::Replica(b)) if a + b == 1);
        for round in 0..40 {
            cluster.network.set(|from, to| {
                let place = |end| match end {
                    End::Replica(id) => u64::from(id),
                    End::Client(number) => 10 + number as u64,
                };
                let numbers = [seed, round, place(from), place(to)];
                let cut = apart(from, to) || Chance::of(numbers).permille(300);
                Weather { cut, delay_ms: 10, ..Weather::default() }
            });
            thread::sleep(40 * MS);
        }
        cluster.network.set(|from, to| Weather { cut: apart(from, to), ..Weather::default() });
        let held = |id| cluster.status(id).unwrap().replica_ts;
        let made = held(0).get(ReplicaId(0));
        wait_until("news crosses the bridge", || held(1).get(ReplicaId(0)) >= made);
        progress.wait(&ALL, 1);
    });
    cluster.stop_and_check_trace();
}

/// The disk of one replica manager: a small file system of its own, if there may be one. Says aloud if not.
#[test]
fn a_replica_manager_whose_disk_is_full_refuses_updates_and_the_others_go_on() {
    let seed = seed();
    let mut cluster = Cluster::new(seed, false);
    let disk = cluster.path("disk");
    fs::create_dir(&disk).unwrap();
    cluster.configure(0, &disk.join("rm0"));
    let mount = format!("mount -t tmpfs -o size=3m tmpfs '{}' && exec \"$@\"", disk.display());
    let through = in_own_namespaces("-rm", &mount);
    if !may(&through, "a full disk") {
        return;
    }
    let command = cluster.command(0, true, &through);
    cluster.spawn(0, command);
    (1..REPLICAS).for_each(|id| cluster.run(id, true));
    cluster.wait_until_ready();
    let filler = format!("/proc/{}/root{}/filler", cluster.pid(0), disk.display());
    let sessions = under_load(seed, &mut cluster, |cluster, progress| {
        progress.wait(&ALL, 5);
        // As many bytes as there is room for.
        assert!(fs::write(&filler, vec![1; 4 << 20]).is_err(), "the disk is not full");
        let mut client = cluster.client();
        client.route(Route::Only(ReplicaId(0)));
        // The journal has reserved some room ahead. Nothing is there to remove.
        let long = OrSetOp::Remove("x".repeat(900));
        let refused = (0..5_000).find_map(|_| client.update(long.clone()).err());
        let reason = match refused {
            Some(ClientError::Refused(reason)) => Some(reason),
            Some(ClientError::Indefinite { refused, .. }) => refused,
            _ => None,
        };
        assert_eq!(reason, Some(Refusal::NoSpace));
        let mut client = cluster.client();
        client.route(Route::Only(ReplicaId(0)));
        assert!(client.query(()).is_ok(), "queries are answered all the same");
        assert!(cluster.status(0).unwrap().full);
        progress.wait(&ALL, 10);
        fs::remove_file(&filler).unwrap();
        wait_until("there is space", || cluster.status(0).is_some_and(|status| !status.full));
        progress.wait(&ALL, 5);
    });
    let answers = cluster.wait_until_quiet();
    verdict(&sessions, &answers).unwrap_or_else(|why| panic!("{why}"));
    cluster.stop_and_check_trace();
}

/// A check that cannot fail is none.
#[test]
fn what_was_lost_invented_or_forgotten_is_noticed() {
    let (sessions, cluster) = survives(false, |_, progress| progress.wait(&ALL, 5));
    let answers = cluster.wait_until_quiet();
    let why = |sessions: &Sessions, answers: &[BTreeSet<String>]| {
        verdict(sessions, answers).expect_err("it was altered")
    };
    let alter = |change: fn(&mut BTreeSet<String>), many: usize| {
        let mut other = answers.clone();
        other.iter_mut().take(many).for_each(change);
        why(&sessions, &other)
    };
    let lose = |answer: &mut BTreeSet<String>| drop(answer.pop_first());
    assert!(alter(lose, 1).contains("replica managers differ"));
    assert!(alter(lose, 3).contains("acknowledged, then lost"));
    let invent = |answer: &mut BTreeSet<String>| answer.extend(["nobody's".to_string()]);
    assert!(alter(invent, 3).contains("nobody asked"));

    // The last read of the first session shows less than the one before.
    let mut forgetful = sessions.clone();
    let Some(Event::Read(last)) = forgetful[0].last_mut() else { panic!("it reads at last") };
    last.pop_first();
    let said = why(&forgetful, &answers);
    assert!(said.contains("does not hold") && said.contains("MonotonicReads"), "{said}");
}

/// From one sender, as fast as it can, past the network, until a scenario is over. It gets a number.
fn flooded(at: SocketAddr, datagram: impl Fn(u64) -> Vec<u8> + Sync, scenario: impl FnOnce()) {
    let floods = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            for number in (0..).take_while(|_| floods.load(Ordering::Relaxed)) {
                let _ = socket.send_to(&datagram(number), at);
            }
        });
        scenario();
        floods.store(false, Ordering::Relaxed);
    });
}

/// Clients are served, and gossip arrives there and from there.
fn goes_on(cluster: &Cluster, progress: &Progress) {
    let held = |id| cluster.status(id).map(|status| status.replica_ts);
    let held_by_now = |id| {
        let mut made = None;
        wait_until("one says what it holds", || {
            made = held(id);
            made.is_some()
        });
        made.expect("it was just waited for")
    };
    progress.wait(&ALL, 5);
    for (from, to) in [(1, 0), (0, 1)] {
        let made = held_by_now(from);
        wait_until("what one holds comes to the other by gossip", || {
            held(to).is_some_and(|held| held.covers(&made))
        });
    }
}

#[test]
fn a_flood_of_garbage_is_counted_and_stops_neither_timers_nor_clients() {
    let (_, cluster) = survives(true, |cluster, progress| {
        let dropped = || cluster.status(0).map_or(0, |status| status.dropped);
        let before = dropped();
        let garbage = |number: u64| {
            let mut bytes = vec![0x43; number as usize % 600];
            bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(to, byte)| *to = byte);
            bytes
        };
        flooded(cluster.address(0), garbage, || {
            wait_until("garbage is dropped", || dropped() > before + 10_000);
            goes_on(cluster, progress);
        });
        let peak = cluster.memory(0, "VmHWM:");
        assert!(peak < 64 << 10, "{peak} KiB");
    });
    cluster.stop_and_check_trace();
}

/// More of them than it can answer: what finds no room is lost, whosoever it is, and is sent again.
#[test]
fn a_flood_of_valid_queries_stops_neither_timers_nor_clients() {
    survives(false, |cluster, progress| {
        let answered = || cluster.status(0).map_or(0, |status| status.queries);
        let (before, front_end) = (answered(), FrontEndId(77));
        let config = cluster.as_seen_by(End::Client(0));
        let (codec, prev) = (config.codec(), config.group().zero());
        let query = |number: u64| {
            let id = RequestId { front_end, serial: Serial { incarnation: 0, number } };
            let query = Message::Query { id, prev: prev.clone(), query: () };
            let packet = Packet::<OrSet>::Message(query);
            codec.encode(Sender::FrontEnd(front_end), &packet).unwrap()
        };
        flooded(cluster.address(0), query, || {
            wait_until("queries are answered", || answered() > before + 10_000);
            goes_on(cluster, progress);
        });
        let peak = cluster.memory(0, "VmHWM:");
        assert!(peak < 64 << 10, "{peak} KiB");
    });
}
