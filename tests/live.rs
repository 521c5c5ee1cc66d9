//! The live view of real processes, over HTTP. What the page does with it, `scripts/browser.sh` tests.
#![cfg(feature = "program")]

use chinwag::runtime::udp;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster of `chinwag cluster --watch`, which ends with it.
struct Watched {
    child: Child,
    started: Value,
    /// One that was started again by hand.
    again: Option<Child>,
    directory: tempfile::TempDir,
}

impl Drop for Watched {
    fn drop(&mut self) {
        (0..self.started["replicas"].as_array().map_or(0, Vec::len))
            .for_each(|i| self.signal(i, "CONT"));
        for child in [Some(&mut self.child), self.again.as_mut()].into_iter().flatten() {
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

impl Watched {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        let words = ["cluster", "--replicas", "3", "--watch", "--json", "--dir"];
        command.args(words).arg(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, started: serde_json::from_str(&line).unwrap(), again: None, directory }
    }

    /// Where the page is.
    fn at(&self) -> &str {
        let page = self.started["watch"].as_str().unwrap();
        page.strip_prefix("http://").unwrap().trim_end_matches('/')
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn signal(&self, replica: usize, signal: &str) {
        let pid = self.started["replicas"][replica]["pid"].to_string();
        let mut kill = Command::new("kill");
        let _ = kill.args(["-s", signal, &pid]).stderr(Stdio::null()).status(); // It may be gone.
    }

    fn start_again(&mut self, replica: usize) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.arg("replica").arg("--config").arg(self.file(&format!("rm{replica}.toml")));
        self.again = Some(command.stderr(Stdio::null()).spawn().unwrap());
    }

    /// A command of the session Ann.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.args(&words[..1]).arg("--config").arg(self.file("cluster.toml"));
        command.arg("--session").arg(self.file("ann")).args(&words[1..]);
        command
    }

    fn put(&self, at: &str, value: &str) {
        let done =
            self.command(&["update", "--at", at, "put", "secret-key", value]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// Looks again and again until it is so. Never shows a payload.
    fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let (_, body) = get(self.at(), "/state", self.at());
            assert!(!body.contains("secret"), "{body}");
            let all: Value = serde_json::from_str(&body).unwrap();
            if is_so(&all) {
                return all;
            }
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}\n{all:#}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn get(at: &str, path: &str, host: &str) -> (String, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_string(), body.to_string())
}

fn state(all: &Value, replica: usize) -> &Value {
    &all["replicas"][replica]["live"]["state"]
}

/// What is said there of gossip with this peer.
fn gossip<'a>(all: &'a Value, replica: usize, peer: &str) -> &'a Value {
    let rows = state(all, replica)["gossip"].as_array();
    rows.and_then(|rows| rows.iter().find(|row| row["peer"] == peer)).unwrap_or(&Value::Null)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

#[test]
fn the_page_follows_gossip_a_stopped_peers_lag_and_a_held_back_query_and_shows_no_payload() {
    let mut cluster = Watched::start();
    cluster.put("0", "secret-one");
    let all = cluster.until("all hold the update, and know it of each other", |all| {
        (0..3).all(|i| {
            let state = state(all, i);
            let equal = |row: &Value| row["lag"] == 0 && row["received"].as_u64() > Some(0);
            let row = |peer: usize| gossip(all, i, &format!("rm{peer}"));
            state["value_ts"] == json!([1, 0, 0])
                && (0..3).all(|peer| peer == i || equal(row(peer)))
        })
    });
    assert_eq!(
        (&all["cluster"], &all["service"], &all["replaced"]),
        (&json!("local"), &json!("kv"), &json!([]))
    );
    for i in 0..3 {
        assert_eq!(all["replicas"][i]["name"], format!("rm{i}"));
        let fields = [
            ("replica_ts", json!([1, 0, 0])),
            ("queries", json!([])),
            ("waiting_updates", json!(0)),
        ];
        fields
            .iter()
            .for_each(|(field, value)| assert_eq!(&state(&all, i)[field], value, "{field}"));
        assert_eq!(state(&all, i)["executed"][0]["ts"], json!([1, 0, 0]));
    }

    // Ann writes at rm0 while rm1 is down: the others know that it lacks it.
    cluster.signal(1, "KILL");
    cluster.put("0", "secret-two");
    cluster.put("0", "secret-three");
    let all = cluster.until("rm1 is silent and lacks two updates", |all| {
        all["replicas"][1]["why"] == "does not answer"
            && gossip(all, 0, "rm1")["lag"] == 2
            && gossip(all, 2, "rm1")["lag"] == 2
            && gossip(all, 0, "rm2")["lag"] == 0
    });
    assert_eq!(all["replicas"][1]["live"], Value::Null);
    let heard = |all: &Value| gossip(all, 0, "rm1")["heard_ago_ms"].as_u64();
    let before = heard(&all);
    cluster
        .until("the last word of rm1 is longer ago", |all| heard(all) > before.map(|ms| ms + 300));

    // Now rm1 is up and rm0 and rm2 say nothing: it holds back Ann's query, for what only they have.
    cluster.signal(0, "STOP");
    cluster.signal(2, "STOP");
    cluster.start_again(1);
    let query = ["query", "--timeout-ms", "60000", "--at", "1", "get", "secret-key"];
    let query = cluster.command(&query).stdout(Stdio::piped()).spawn().unwrap();
    let all = cluster.until("rm1 holds back a query", |all| state(all, 1)["held_queries"] == 1);
    let held = &state(&all, 1)["queries"][0];
    assert_eq!((&held["prev"], &held["waits_for"]), (&json!([3, 0, 0]), &json!("rm0:3")));
    assert!(held["held_ms"].is_u64(), "{held}");

    cluster.signal(0, "CONT");
    cluster.signal(2, "CONT");
    assert_eq!(text(&query.wait_with_output().unwrap()), "secret-three");
    cluster.until("nothing is held back", |all| state(all, 1)["held_queries"] == 0);
}

#[test]
fn who_was_replaced_is_no_longer_shown_and_who_took_its_place_is() {
    let cluster = Watched::start();
    cluster.until("all answer", |all| (0..3).all(|i| state(all, i).is_object()));
    cluster.signal(0, "KILL");
    cluster.until("rm0 is silent", |all| all["replicas"][0]["why"] == "does not answer");

    let by = udp::free_addresses(1).unwrap()[0].to_string();
    let mut replace = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    replace.current_dir(cluster.directory.path()).args(["replace", "0", "--by", &by]);
    replace.args(["--newcomer", "rm3.toml", "rm1.toml", "rm2.toml", "cluster.toml"]);
    assert!(replace.output().unwrap().status.success());
    let all = cluster.until("rm0 is replaced", |all| all["replaced"] == json!(["rm0"]));
    let names: Vec<_> =
        all["replicas"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["rm1", "rm2", "rm3"]);
    let why = all["replicas"][2]["why"].as_str().unwrap();
    assert!(why.contains("rm3.toml: `http` in [replica] is missing"), "{why}");

    fs::write(cluster.file("cluster.toml"), "nonsense").unwrap();
    let all = cluster.until("the configuration cannot be read", |all| !all["problem"].is_null());
    assert!(all["problem"].as_str().unwrap().contains("cluster.toml"), "{all}");
}

#[test]
fn the_page_and_the_states_are_for_this_machine_alone() {
    let cluster = Watched::start();
    let at = cluster.at();
    let pages = [
        ("/", "chinwag"),
        ("/page.css", "--paper"),
        ("/live.css", "#ring"),
        ("/cards.js", "card"),
        ("/links.js", "ring"),
        ("/live.js", "fetch"),
    ];
    for (path, part) in pages {
        let (status, body) = get(at, path, at);
        assert!(status == "200" && body.contains(part), "{path}: {status}");
    }
    assert_eq!(get(at, "/nothing", at).0, "404");

    cluster.until("rm0 answers", |all| state(all, 0).is_object());
    let node = cluster.started["replicas"][0]["http"].as_str().unwrap();
    assert_eq!(get(node, "/state", node).0, "200");
    for (server, path) in [(at, "/state"), (at, "/"), (node, "/state")] {
        for host in ["evil.example", "127.0.0.1", &format!("{server}.evil.example")] {
            assert_eq!(get(server, path, host).0, "403", "{path} for {host}");
        }
    }
}
