//! The live view of real processes, over HTTP.
#![cfg(feature = "program")]

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watched {
    child: Child,
    started: Value,
    directory: tempfile::TempDir,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn watched() -> Watched {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command
        .args(["cluster", "--replicas", "2", "--watch", "--json", "--dir"])
        .arg(directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Watched { child, started: serde_json::from_str(&line).unwrap(), directory }
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

#[test]
fn the_page_of_a_running_cluster_follows_an_update_and_shows_no_payload_and_nothing_to_strangers() {
    let cluster = watched();
    let page = cluster.started["watch"].as_str().unwrap();
    let at = page.strip_prefix("http://").unwrap().trim_end_matches('/');
    for (path, part) in
        [("/", "chinwag"), ("/live.js", "fetch"), ("/cards.js", "card"), ("/page.css", "--paper")]
    {
        let (status, body) = get(at, path, at);
        assert!(status == "200" && body.contains(part), "{path}: {status}");
    }
    assert_eq!(get(at, "/nothing", at).0, "404");

    let mut update = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    update.arg("update").arg("--config").arg(cluster.directory.path().join("cluster.toml"));
    let end = Instant::now() + PATIENCE;
    let updated = update.args(["put", "secret-key", "secret-value"]).output().unwrap();
    assert!(updated.status.success(), "{updated:?}");
    let seen = loop {
        let (_, body) = get(at, "/state", at);
        assert!(!body.contains("secret"), "{body}");
        let all: Value = serde_json::from_str(&body).unwrap();
        let of = |i: usize| all[i]["live"]["state"].clone();
        let both = [of(0), of(1)];
        let sum = |state: &Value| {
            state["value_ts"].as_array().map_or(0, |ts| ts.iter().filter_map(Value::as_u64).sum())
        };
        if both.iter().all(|state| sum(state) == 1 && state["gossip"][0]["lag"] == 0) {
            break both;
        }
        assert!(Instant::now() < end, "{body}");
        thread::sleep(Duration::from_millis(20));
    };
    for state in &seen {
        assert_eq!(state["value_ts"], state["replica_ts"]);
        assert_eq!(state["executed"].as_array().unwrap().len(), 1);
        assert_eq!(state["table"].as_array().unwrap().len(), 2);
        assert!(state["gossip"][0]["received"].as_u64().unwrap() > 0, "{state}");
        assert_eq!((&state["waiting"], &state["queries"]), (&0.into(), &serde_json::json!([])));
    }

    let node = cluster.started["replicas"][0]["http"].as_str().unwrap();
    assert_eq!(get(node, "/state", node).0, "200");
    for (server, path) in [(at, "/state"), (at, "/"), (node, "/state")] {
        for host in ["evil.example", "127.0.0.1", &format!("{server}.evil.example")] {
            assert_eq!(get(server, path, host).0, "403", "{path} for {host}");
        }
    }
}
