//! Each figure moves when the thing happens, and by how much; what the pages say; who is let go.
#![cfg(feature = "runtime")]

#[path = "common/openmetrics.rs"]
mod openmetrics;

use chinwag::{
    FrontEndId, Group, Message, ReplicaId, ReplicaManager, RequestId, Sender, Serial, Timestamp,
    Update,
    runtime::{
        Clock, ClusterId, Codec, Config, Durability, FaultyDisk, FileStorage, HEALTHY_WITHIN,
        Health, Host, HostConfig, Identity, Input, KeyRing, KeyUse, LOOK_EVERY, MemoryStorage,
        Metrics, Packet, Party, Storage, TimedStorage, Transport, Watch,
        http::{HEAD_BYTES_MAX, Pages, REQUEST_WITHIN},
        udp::{self, SystemClock, UdpTransport},
    },
    services::Counter,
};
use std::{
    cell::Cell,
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    path::Path,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

const GROUP: Group = Group::of(2).and_read_only(1);
const SECOND: Duration = Duration::from_secs(1);

/// A clock that stands still until it is set.
#[derive(Clone, Debug, Default)]
struct ManualClock(Rc<Cell<Duration>>);

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        self.0.get()
    }
}

type Watched<D> = Host<Counter, TimedStorage<D, ManualClock>, Watch<ManualClock>>;

struct Bench<D> {
    clock: ManualClock,
    metrics: Metrics,
    health: Arc<Health>,
    host: Watched<D>,
    sent: Vec<(SocketAddr, Vec<u8>)>,
}

fn codec() -> Codec {
    Codec::new(ClusterId(7), GROUP)
}

fn address(id: u16) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id).into()
}

impl<D: Storage> Bench<D> {
    fn new(id: u16, storage: D, grace: Duration) -> Self {
        let clock = ManualClock(Rc::new(Cell::new(SECOND)));
        let (metrics, health) = (Metrics::default(), Arc::<Health>::default());
        let me = ReplicaId(id);
        let watch = Watch::new(me, clock.clone(), metrics.clone(), Arc::clone(&health));
        let storage = TimedStorage::new(storage, clock.clone(), &metrics);
        let config = HostConfig {
            paced: true,
            node: ReplicaManager::new(me, GROUP),
            codec: codec(),
            gossip_every: SECOND / 10,
            grace,
            durability: Durability::Fsync,
            acknowledged_by: 1,
        };
        let mut host = Host::open(config, storage, watch, clock.now()).unwrap();
        GROUP.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
        let mut bench = Self { clock, metrics, health, host, sent: Vec::new() };
        bench.pass(Duration::ZERO);
        bench
    }

    fn pass(&mut self, time: Duration) {
        self.clock.0.set(self.clock.now() + time);
        let output = self.host.handle(self.clock.now(), Input::Tick).unwrap();
        self.sent.extend(output.datagrams);
    }

    fn take(&mut self, bytes: &[u8]) {
        let input = Input::Datagram { from: address(9), bytes };
        let output = self.host.handle(self.clock.now(), input).unwrap();
        self.sent.extend(output.datagrams);
    }

    /// What was sent since the last time to this address.
    fn to(&mut self, to: SocketAddr) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.sent).into_iter().filter(|s| s.0 == to).map(|s| s.1).collect()
    }

    fn figures(&mut self) -> BTreeMap<String, f64> {
        self.pass(LOOK_EVERY);
        openmetrics::read(&self.metrics.text())
    }

    /// What differs after this, among what begins so.
    fn moved(&mut self, names: &[&str], what: impl FnOnce(&mut Self)) -> Vec<(String, f64)> {
        let before = self.figures();
        what(self);
        let after = self.figures();
        let by = |(name, value): (&String, &f64)| {
            (name.clone(), value - before.get(name).copied().unwrap_or(0.0))
        };
        let wanted = |name: &String| names.iter().any(|start| name.starts_with(start));
        after.iter().map(by).filter(|(name, by)| *by != 0.0 && wanted(name)).collect()
    }
}

fn id(number: u64) -> RequestId {
    RequestId { front_end: FrontEndId(number), serial: Serial { incarnation: 0, number } }
}

fn update(number: u64) -> Vec<u8> {
    let (id, acknowledged) = (id(number), id(number).serial);
    let update = Update::<Counter> { id, acknowledged, prev: GROUP.zero(), op: 1 };
    let packet = Packet::Message(Message::Update(update));
    codec().encode(Sender::FrontEnd(id.front_end), &packet).unwrap()
}

fn query(number: u64, prev: &[u64]) -> Vec<u8> {
    let (id, prev) = (id(number), prev.iter().copied().collect::<Timestamp>());
    let packet = Packet::<Counter>::Message(Message::Query { id, prev, query: () });
    codec().encode(Sender::FrontEnd(id.front_end), &packet).unwrap()
}

fn on_disk() -> Bench<FileStorage<FaultyDisk>> {
    let (cluster, service) = ("test".into(), "counter".into());
    let (cluster_id, replica) = (ClusterId(7), ReplicaId(0));
    let identity = Identity { cluster, service, cluster_id, group: GROUP, replica };
    let storage = FileStorage::on(FaultyDisk::default(), &identity, Some(1)).unwrap();
    Bench::new(0, storage.with_extent(4_096), Duration::ZERO)
}

fn named(moved: &[(String, f64)]) -> Vec<(&str, f64)> {
    moved.iter().map(|(name, by)| (name.as_str(), *by)).collect()
}

#[test]
fn an_update_moves_what_tells_of_updates() {
    let mut bench = on_disk();
    let names = [
        "chinwag_updates",
        "chinwag_log",
        "chinwag_executed",
        "chinwag_stability",
        "chinwag_fsync_seconds_count",
        "chinwag_batch_records_sum",
        "chinwag_batch_bytes_count",
        "chinwag_datagrams_received",
        "chinwag_bytes_received",
        "chinwag_datagrams_sent_total{kind=\"up",
    ];
    let bytes = update(1).len() as f64;
    let moved = bench.moved(&names, |bench| bench.take(&update(1)));
    let expected = [
        ("chinwag_batch_bytes_count", 1.0),
        ("chinwag_batch_records_sum", 1.0),
        ("chinwag_bytes_received_total{kind=\"update\"}", bytes),
        ("chinwag_datagrams_received_total{kind=\"update\"}", 1.0),
        ("chinwag_datagrams_sent_total{kind=\"update reply\"}", 1.0),
        ("chinwag_executed", 1.0),
        ("chinwag_fsync_seconds_count", 1.0),
        ("chinwag_log_records", 1.0),
        ("chinwag_stability_lag{peer=\"rm1\"}", 1.0),
        ("chinwag_stability_lag{peer=\"rm2\"}", 1.0),
        ("chinwag_updates_held{origin=\"rm0\"}", 1.0),
        ("chinwag_updates_total", 1.0),
    ];
    assert_eq!(named(&moved), expected);
    assert_eq!(bench.host.status().updates, 1);
}

#[test]
fn a_query_that_is_held_back_is_counted_and_its_age_is_told() {
    let mut bench = on_disk();
    let mut peer = Bench::new(1, MemoryStorage::default(), Duration::ZERO);
    let names = ["chinwag_quer"];
    let moved = bench.moved(&names, |bench| {
        bench.take(&query(1, &[0, 1]));
        bench.take(&query(1, &[0, 1]));
        bench.pass(2 * SECOND);
    });
    let age = (2 * SECOND + LOOK_EVERY).as_secs_f64();
    let expected = [
        ("chinwag_queries_held_back_total", 1.0),
        ("chinwag_queries_waiting", 1.0),
        ("chinwag_query_held_back_oldest_seconds", age),
    ];
    assert_eq!(named(&moved), expected);

    peer.take(&update(2));
    peer.pass(SECOND);
    let gossip = peer.to(address(0));
    let names =
        ["chinwag_queries", "chinwag_query_held_back_seconds_sum", "chinwag_query_held_back_o"];
    let moved = bench.moved(&names, |bench| gossip.iter().for_each(|bytes| bench.take(bytes)));
    let held = (2 * SECOND + 2 * LOOK_EVERY).as_secs_f64();
    let oldest = moved.iter().find(|(name, _)| name.contains("oldest")).unwrap().1;
    assert!(oldest < -age, "none is held back any more: {moved:?}");
    let rest: Vec<_> =
        named(&moved).into_iter().filter(|(name, _)| !name.contains("oldest")).collect();
    let expected = [
        ("chinwag_queries_total", 1.0),
        ("chinwag_queries_waiting", -1.0),
        ("chinwag_query_held_back_seconds_sum", held),
    ];
    assert_eq!(rest, expected);
    assert_eq!(bench.host.status().queries, 1);
}

#[test]
fn drops_a_full_disk_and_a_checkpoint_are_told() {
    let mut bench = on_disk();
    let names = ["chinwag_dropped", "chinwag_condition", "chinwag_checkpoint_time_seconds_count"];
    let moved = bench.moved(&names, |bench| bench.take(b"not one of ours"));
    assert_eq!(named(&moved), [("chinwag_dropped_total{reason=\"not a chinwag datagram\"}", 1.0)]);

    let moved = bench.moved(&names, |bench| bench.host.checkpoint().unwrap());
    assert_eq!(named(&moved), [("chinwag_checkpoint_time_seconds_count", 1.0)]);
    assert!(bench.figures()["chinwag_checkpoint_bytes"] > 0.0);

    let moved = bench.moved(&names, |bench| {
        bench.host.storage_mut().timed().disk().space = Some(0);
        (1..).map(update).find(|update| {
            bench.take(update);
            bench.host.status().full
        });
    });
    let expected = [
        ("chinwag_condition{state=\"full\"}", 1.0),
        ("chinwag_condition{state=\"ready\"}", -1.0),
        ("chinwag_dropped_total{reason=\"the disk is full\"}", 1.0),
    ];
    assert_eq!(named(&moved), expected);
    assert_eq!(bench.health.condition().word(), "full");
}

#[test]
fn what_is_sent_is_counted_in_datagrams_and_bytes() {
    let mut bench = Bench::new(0, MemoryStorage::default(), Duration::ZERO);
    (1..=100).for_each(|number| bench.take(&update(number)));
    bench.pass(SECOND);
    let figures = bench.figures();
    let sum = |start: &str| -> f64 {
        figures.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, value)| value).sum()
    };
    let bytes: usize = bench.sent.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(sum("chinwag_datagrams_sent_total"), bench.sent.len() as f64);
    assert_eq!(sum("chinwag_bytes_sent_total"), bytes as f64);
    assert_eq!(figures["chinwag_datagrams_sent_total{kind=\"gossip\"}"], 2.0, "one for each peer");
}

#[test]
fn a_replica_manager_is_ready_once_its_peers_have_answered_and_hangs_if_it_commits_nothing() {
    let mut bench = Bench::new(0, MemoryStorage::default(), SECOND / 4);
    bench.pass(10 * SECOND);
    assert_eq!(bench.health.condition().word(), "joining", "it remembers nothing");
    assert_eq!(bench.figures()["chinwag_condition{state=\"joining\"}"], 1.0);
    for peer in 1..3 {
        let packet = Packet::<Counter>::Known { replica_ts: GROUP.zero() };
        bench.take(&codec().encode(Sender::Replica(ReplicaId(peer)), &packet).unwrap());
    }
    assert_eq!(bench.health.condition().word(), "ready");
    let figures = bench.figures();
    assert_eq!(figures["chinwag_condition{state=\"joining\"}"], 0.0);
    assert_eq!(figures["chinwag_condition{state=\"ready\"}"], 1.0);
    let now = bench.clock.now();
    assert!(bench.health.is_alive(now) && !bench.health.is_alive(now + HEALTHY_WITHIN));
}

fn ask(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    // It may be cut off before it has said all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn pages_answer_what_is_asked_and_nobody_can_hold_them_up() {
    let (metrics, health) = (Metrics::default(), Arc::<Health>::default());
    let pages = Pages { metrics, health, clock: SystemClock::default() };
    let at = pages.serve(([127, 0, 0, 1], 0).into()).unwrap();

    let silent = TcpStream::connect(at).unwrap();
    let start = Instant::now();
    let metrics = ask(at, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(start.elapsed() < 5 * REQUEST_WITHIN, "one that says nothing held up another");
    drop(silent);
    let (head, body) = metrics.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("openmetrics-text"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    openmetrics::read(body);

    let long = [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'x'; HEAD_BYTES_MAX]].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"GET /healthz HTTP/1.1\r\n\r\n", "503"),
        (b"GET /readyz HTTP/1.1\r\n\r\n", "503"),
        (b"GET /else HTTP/1.1\r\n\r\n", "404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"GET /metrics HTTP/2\r\n\r\n", "505"),
        (b"\xff\xfe\r\n\r\n", "400"),
        (&long, "400"),
    ];
    for (request, code) in cases {
        let answer = ask(at, request);
        let request = String::from_utf8_lossy(&request[..request.len().min(30)]);
        // With bytes left unread, the system may cut the answer off.
        let cut = code == "400" && answer.is_empty();
        assert!(cut || answer.starts_with(&format!("HTTP/1.1 {code} ")), "{request}: {answer}");
    }
}

/// The system's monotonic clock does not do this; a machine that was frozen and copied might.
#[test]
fn a_clock_that_jumps_either_way_costs_time_and_nothing_else() {
    let mut bench = on_disk();
    let mut peer = Bench::new(1, MemoryStorage::default(), Duration::ZERO);
    bench.take(&update(1));
    bench.take(&query(2, &[1, 1]));
    bench.pass(3_600 * SECOND);
    bench.take(&update(3));
    let seen = |bench: &Bench<_>| {
        let status = bench.host.status();
        (status.log, status.executed, status.pending)
    };
    assert_eq!(seen(&bench), (2, 2, 0), "nothing is collected because time has passed");

    bench.clock.0.set(SECOND / 2);
    bench.take(&query(4, &[2, 1]));
    bench.pass(LOOK_EVERY);
    bench.sent.clear();
    bench.take(&update(5));
    let said = codec().decode::<Counter>(&bench.to(address(9))[0]).unwrap().1;
    let acknowledged = matches!(said, Packet::Message(Message::UpdateReply { .. }));
    assert!(acknowledged, "{said:?}");
    peer.take(&update(6));
    peer.pass(SECOND);
    peer.to(address(0)).iter().for_each(|bytes| bench.take(bytes));
    assert_eq!(bench.to(address(9)).len(), 2, "gossip is taken, and both queries are answered");
    bench.clock.0.set(3_602 * SECOND);
    bench.pass(SECOND);
    bench.to(address(1)).iter().for_each(|bytes| peer.take(bytes));
    let held = peer.host.status().value_ts;
    assert_eq!(held, [3, 1].into_iter().collect(), "gossip goes on once the clock is back");
    assert_eq!(seen(&bench), (4, 4, 0));
}

#[test]
fn what_is_dropped_before_it_is_opened_is_told_by_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ring");
    let mut ring = KeyRing::default();
    for used_by in [KeyUse::Peer, KeyUse::Client] {
        ring.add(used_by).unwrap();
    }
    ring.write(&path).unwrap();
    let text = "cluster = 'c'\nservice = 'counter'\nreplicas = ['127.0.0.1:1']\nkeys = 'x'";
    let mut config = Config::parse(Path::new("f.toml"), text).unwrap();
    config.keys = Some(path);
    let transport = UdpTransport::bind("127.0.0.1:0").unwrap();
    let at = transport.local_addr().unwrap();
    let mut channel = udp::sealed(&config, Party::Replica, transport).unwrap();
    let metrics = Metrics::default();
    channel.count_in(metrics.clone());

    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let garbage: [&[u8]; 3] = [b"CW", b"short", &[7; 100]];
    for bytes in garbage {
        sender.send_to(bytes, at).unwrap();
    }
    let end = Instant::now() + 60 * SECOND;
    while channel.refused() < 3 && Instant::now() < end {
        assert!(channel.receive(&mut [0; 2_000], SECOND / 10).unwrap().is_none());
    }
    let figures = openmetrics::read(&metrics.text());
    let expected = [
        ("chinwag_dropped_total{reason=\"no sealed datagram's length\"}".to_string(), 1.0),
        ("chinwag_dropped_total{reason=\"not sealed\"}".to_string(), 2.0),
    ];
    let dropped = figures.into_iter().filter(|(name, _)| name.contains("dropped"));
    assert_eq!(dropped.collect::<Vec<_>>(), expected);
}

/// Datagrams that found the buffer full never came to the program: only the system knows of them.
#[cfg(target_os = "linux")]
#[test]
fn what_the_system_drops_is_told_as_the_system_counts_it() {
    use chinwag::runtime::dropped_by_system;
    let metrics = Metrics::default();
    let figure =
        || openmetrics::read(&metrics.text()).get("chinwag_dropped_by_system_total").copied();
    assert_eq!(figure(), None, "no socket was named");

    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    metrics.watch_socket(at);
    assert_eq!(figure(), Some(0.0));

    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..5_000 {
        sender.send_to(&[0; 1_000], at).unwrap();
    }
    let dropped = dropped_by_system(at).expect("the socket is in the table") as f64;
    assert!(dropped > 0.0, "the buffer holds 5 MB");
    assert_eq!(figure(), Some(dropped));

    drop(socket);
    assert_eq!(figure(), None, "the socket is gone");
}
