//! What an operator sees of real processes: logs, pages, `top`, signals, readers that go away.
#![cfg(feature = "program")]

#[path = "common/openmetrics.rs"]
mod openmetrics;

use chinwag::{
    FrontEndId,
    runtime::{ClientConfig, Config, ReplicaConfig, command::CliService, udp},
    services::RegisterMap,
};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A replica manager under load ends within this after SIGTERM: 50 ms until it looks, and a sync. The rest is
/// for a loaded machine.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn chinwag() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("CHINWAG_CONFIG");
    command
}

/// Three replica managers that are not started yet.
struct Site {
    directory: tempfile::TempDir,
    config: Config,
    http: Vec<SocketAddr>,
    children: Vec<Child>,
}

impl Site {
    fn new() -> Self {
        let listeners = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let http: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        let addresses = udp::free_addresses(3).unwrap();
        let config = Config {
            speaks: None,
            cluster: "test".into(),
            service: "kv".into(),
            replicas: addresses.iter().map(|address| address.to_string()).collect(),
            replaced: Vec::new(),
            updatable: None,
            keys: None,
            replica: None,
            client: ClientConfig { retry_after_ms: 100, ..ClientConfig::default() },
        };
        let directory = tempfile::tempdir().unwrap();
        for (id, http) in (0..).zip(&http) {
            let text = format!("id = {id}\ndata_dir = 'rm{id}'\nhttp = '{http}'");
            let replica: ReplicaConfig = toml::from_str(&text).unwrap();
            let config = Config { replica: Some(replica), ..config.clone() };
            let path = directory.path().join(format!("rm{id}.toml"));
            fs::write(path, toml::to_string(&config).unwrap()).unwrap();
        }
        Self { directory, config, http, children: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&mut self, id: u16, with: impl FnOnce(&mut Command)) {
        let mut command = chinwag();
        let config = self.path(&format!("rm{id}.toml"));
        let log = fs::File::create(self.path(&format!("rm{id}.log"))).unwrap();
        command.args(["replica", "--init", "--config"]).arg(config).stderr(log);
        with(&mut command);
        self.children.push(command.spawn().unwrap());
    }

    fn page(&self, id: usize, path: &str) -> Option<(String, String)> {
        let mut stream = TcpStream::connect(self.http[id]).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.to_string(), body.to_string()))
    }

    fn wait_for_page(&self, id: usize, path: &str, code: &str) {
        wait_until(path, || self.page(id, path).is_some_and(|(found, _)| found == code));
    }

    fn run(&self, words: &[&str]) -> Output {
        let (command, rest) = words.split_first().unwrap();
        let mut run = chinwag();
        run.arg(command).arg("--config").arg(self.path("rm0.toml")).args(rest).output().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn terminate(child: &mut Child) -> (Option<i32>, Duration) {
    let start = Instant::now();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let mut ended = None;
    wait_until("a process that was asked to ends", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    (ended.unwrap().code(), start.elapsed())
}

#[test]
fn a_replica_is_ready_when_its_peers_were_there_logs_no_payload_and_stops_soon_under_load() {
    let mut site = Site::new();
    let supervisor = UnixDatagram::bind(site.path("notify")).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let notify = site.path("notify");
    site.start(0, |command| {
        command.env("NOTIFY_SOCKET", notify).args(["--log", "debug", "--log-format", "json"]);
    });
    let mut told = String::new();
    let mut wait_for = |word: &str| {
        while !told.contains(word) {
            let mut buffer = [0; 1_000];
            let length = supervisor.recv(&mut buffer).expect(word);
            told += &String::from_utf8_lossy(&buffer[..length]);
        }
    };
    wait_for("READY=1");
    site.wait_for_page(0, "/healthz", "200");
    let (code, why) = site.page(0, "/readyz").unwrap();
    assert!(code == "503" && why.contains("waits for its peers"), "{code} {why}");

    (1..3).for_each(|id| site.start(id, |_| {}));
    site.wait_for_page(0, "/readyz", "200");
    wait_for("STATUS=rm0: ready");
    let seen = site.config.group().zero();
    let mut client =
        udp::connect::<RegisterMap>(&site.config, (FrontEndId(1), 0), seen, PATIENCE).unwrap();
    client.route(chinwag::runtime::Route::Only(chinwag::ReplicaId(0)));
    let secret = site.run(&["update", "--at", "0", "put", "plugh", "xyzzy"]);
    assert!(secret.status.success(), "{secret:?}");
    let (_, text) = site.page(0, "/metrics").unwrap();
    assert_eq!(openmetrics::read(&text)["chinwag_updates_total"], 1.0);

    let load = thread::spawn(move || {
        let put = RegisterMap::parse_update(&["put", "k", "v"]).unwrap();
        while client.update(put.clone()).is_ok() {}
    });
    wait_until("load", || {
        let (_, text) = site.page(0, "/metrics").unwrap();
        openmetrics::read(&text)["chinwag_updates_total"] > 50.0
    });
    let (code, took) = terminate(&mut site.children[0]);
    assert!(code == Some(0) && took < STOPS_WITHIN, "{code:?} after {took:?}");
    println!("stopped {took:?} after SIGTERM");
    wait_for("STOPPING=1");
    drop(load);

    let log = fs::read_to_string(site.path("rm0.log")).unwrap();
    assert!(!log.contains("xyzzy") && !log.contains("plugh"), "a payload is in the log");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let said = |word: &str| {
        lines.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(word)))
    };
    assert!(said("serving kv at") && said("stopped, with") && said("arrived"), "{}", lines[0]);
}

#[test]
fn top_shows_who_is_up_and_who_is_down() {
    let mut site = Site::new();
    (0..3).for_each(|id| site.start(id, |_| {}));
    (0..3).for_each(|id| site.wait_for_page(id, "/readyz", "200"));
    let all = site.run(&["top", "--once", "--interval-ms", "200"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    terminate(&mut site.children[2]);

    let some = site.run(&["top", "--once", "--interval-ms", "200"]);
    let table = String::from_utf8(some.stdout).unwrap();
    assert_eq!(some.status.code(), Some(1), "{table}");
    assert!(table.contains("2 of 3 replica managers answer"), "{table}");
    assert!(table.lines().any(|line| line.starts_with("rm0  ready ")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("rm2  DOWN     127.0.0.1:")), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.lines().count() <= 24, "{table}");

    let json = site.run(&["top", "--json", "--interval-ms", "200"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["replicas"][1]["state"], "ready");
    assert_eq!(value["replicas"][1]["status"]["lag"], serde_json::json!([0, 0, 0]));
    assert_eq!(value["replicas"][2]["state"], "down");
    let live = site.run(&["top"]);
    assert_eq!(live.status.code(), Some(2), "there is no terminal: {live:?}");
}

#[test]
fn no_subcommand_minds_a_reader_that_went_away() {
    let mut site = Site::new();
    (0..3).for_each(|id| site.start(id, |_| {}));
    (0..3).for_each(|id| site.wait_for_page(id, "/readyz", "200"));
    let config = site.path("rm0.toml").to_str().unwrap().to_string();
    let session = site.path("session").to_str().unwrap().to_string();
    let data = site.path("rm2").to_str().unwrap().to_string();
    let with_config = |words: &str| -> Vec<String> {
        let mut all: Vec<_> = words.split(' ').map(str::to_string).collect();
        all.splice(1..1, ["--config".to_string(), config.clone()]);
        all
    };
    let update = with_config(&format!("update --session {session} put a b"));
    let query = with_config(&format!("query --session {session} get a"));
    terminate(&mut site.children[2]);
    let commands = [
        (update, 0),
        (query, 0),
        (with_config("status --timeout-ms 300"), 1),
        (with_config("top --once --interval-ms 100"), 1),
        (with_config("top --json --interval-ms 100"), 1),
        (vec!["verify".into(), data.clone()], 0),
        (vec!["dump".into(), data.clone()], 0),
        (vec!["dump".into(), "--json".into(), data], 0),
        (vec!["--help".into()], 0),
    ];
    for (words, expected) in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = chinwag().args(&words).stdout(writer).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(expected), "{words:?}: {said}");
    }
}

#[test]
fn a_cluster_of_which_nobody_is_left_says_what_happened_and_how_to_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("rm0");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("identity"), "not a replica's").unwrap();
    let mut command = chinwag();
    command.args(["cluster", "--replicas", "1", "--dir"]).arg(directory.path());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("rm0: ended (exit status: 2)"), "{said}");
    assert!(said.contains("rm0.toml` starts it again"), "{said}");
    assert!(said.contains("all 1 replica managers have ended"), "{said}");
    assert!(said.contains("chinwag cluster --service kv --dir"), "{said}");
}
