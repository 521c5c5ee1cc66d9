//! The explorer over HTTP, without a browser: whom it answers, and what. `scripts/browser.sh` has one.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
};

/// The program at work.
struct Explorer {
    child: Child,
    port: u16,
    /// What the page shows first.
    opening: String,
}

impl Drop for Explorer {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended by itself.
        let _ = self.child.wait();
    }
}

fn explorer(args: &[&str]) -> Explorer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
    command.arg("explore").args(args).args(["--port", "0"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("the program was built for this test");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let address = lines.find_map(|line| line.ok().filter(|line| line.starts_with("http")));
    let address = address.expect("it says where it is");
    let (place, opening) = address.split_once("/#").expect("the address says what is shown");
    let port = place.rsplit(':').next().and_then(|port| port.parse().ok());
    let opening = opening.split(' ').next().unwrap_or_default().to_owned();
    // Read on, or the program is told that nobody listens.
    std::thread::spawn(move || lines.for_each(drop));
    Explorer { child, port: port.expect("the address has a port"), opening }
}

impl Explorer {
    /// The status and the body of the answer to these lines.
    fn send(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers in UTF-8");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.expect("the answer has a status"), body.to_owned())
    }

    fn ask(&self, host: &str, kind: &str, path: &str, body: &str) -> (u16, String) {
        self.send(&format!(
            "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn state(&self, place: &Value) -> Value {
        self.post("/api/state", place)
    }

    fn post(&self, path: &str, question: &Value) -> Value {
        let (status, body) =
            self.ask(&self.host(), "application/json", path, &question.to_string());
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("the answer is JSON")
    }
}

#[test]
fn the_explorer_answers_only_pages_of_this_host() {
    let explorer = explorer(&["reader"]);
    let (good, body) = (explorer.host(), r#"{"model":"reader"}"#);
    let status = |host: &str, kind: &str| explorer.ask(host, kind, "/api/state", body).0;

    assert_eq!(status(&good, "application/json"), 200);
    assert_eq!(status(&good.replace("127.0.0.1", "localhost"), "application/json"), 200);
    for host in ["evil.example", "127.0.0.1", &format!("{good}.evil.example"), ""] {
        assert_eq!(status(host, "application/json"), 403, "{host}");
    }
    let two = format!("GET / HTTP/1.1\r\nHost: {good}\r\nHost: evil\r\nConnection: close\r\n\r\n");
    assert_eq!(explorer.send(&two).0, 403);
    assert_eq!(status(&good, "text/plain"), 415);
    assert_eq!(status(&good, "application/x-www-form-urlencoded"), 415);
}

#[test]
fn the_explorer_refuses_what_makes_no_sense_and_goes_on() {
    let explorer = explorer(&["reader"]);
    let host = explorer.host();
    let long = format!(r#"{{"model":"reader","path":{:?}}}"#, vec![0; 501]);
    let mut bad = vec!["", "[", "{}", r#"{"model":"none"}"#, r#"{"model":"reader","path":[99]}"#];
    bad.extend([r#"{"model":"reader","path":[-1]}"#, r#"{"model":"reader","on":1}"#, &long]);
    for body in bad {
        let (status, said) = explorer.ask(&host, "application/json", "/api/state", body);
        assert_eq!(status, 400, "{body}: {said}");
        assert!(!said.trim().is_empty(), "{body}");
    }
    let large = " ".repeat(70_000);
    assert_eq!(explorer.ask(&host, "application/json", "/api/state", &large).0, 413);
    assert_eq!(explorer.ask(&host, "application/json", "/api/none", "{}").0, 400);

    let start = explorer.state(&json!({ "model": "reader" }));
    assert_eq!(start["at"], 0);
}

#[test]
fn the_numbers_of_a_path_lead_to_the_same_state_in_every_process() {
    let place = json!({ "model": "pair", "path": [3, 0, 2, 1, 0, 2] });
    let state = explorer(&["pair"]).state(&place);

    assert_eq!(state["length"], 6);
    assert_eq!(explorer(&["loss"]).state(&place), state);
}

#[test]
fn a_card_says_where_its_manager_stands_in_a_replacement() {
    let explorer = explorer(&["replace"]);
    let mut path = Vec::new();
    let mut goes = |words: &str| {
        let here = explorer.state(&json!({ "model": "replace", "path": path }));
        let choices = here["choices"].as_array().expect("there are some");
        let says = |choice: &&Value| choice["text"].as_str().is_some_and(|t| t.contains(words));
        let choice = choices.iter().find(says);
        path.push(choice.unwrap_or_else(|| panic!("{words}: {choices:?}"))["number"].clone());
        explorer.state(&json!({ "model": "replace", "path": path }))
    };
    let notes = |state: &Value, at: usize| state["parties"][at]["after"]["notes"].to_string();

    let start = goes("rm0 comes back with an old copy");
    assert!(notes(&start, 0).contains("it runs on an old copy: it takes no update"));
    let lost = goes("rm0 is lost for good");
    assert!(notes(&lost, 0).contains("it is lost"));
    assert_eq!(lost["parties"][0]["before"]["notes"], start["parties"][0]["after"]["notes"]);
    let recorded = goes("rm1 starts again and records");
    assert!(notes(&recorded, 1).contains("it has recorded the replacement"));
    assert!(notes(&recorded, 2).contains("it is new, and no member yet: nobody told it"));
}

#[test]
fn a_link_to_what_does_not_happen_on_its_path_says_so() {
    let explorer = explorer(&["pair"]);
    let note = |until: &str| {
        let place = json!({ "model": "pair", "path": [3, 0], "until": until });
        explorer.state(&place)["note"].clone()
    };
    let holds = "The address says that the path leads to “an update is executed at most once”; but that \
                 holds all along this path.";
    assert_eq!(note("an update is executed at most once"), holds);
    let unseen = note("a query waits");
    assert!(unseen.as_str().is_some_and(|said| said.ends_with("is not seen on this path.")));
    assert_eq!(note("an update has run"), Value::Null);
}

#[test]
fn a_counterexample_file_is_where_the_explorer_begins() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("explored");
    let _ = std::fs::remove_dir_all(&dir); // It need not be there.
    let dir = dir.to_string_lossy().into_owned();
    let args = ["mutants", "makes a single", "--quiet", "--trace-dir", &dir];
    let status =
        Command::new(env!("CARGO_BIN_EXE_check")).args(args).stdout(Stdio::null()).status();
    assert!(status.expect("the program was built for this test").success());
    let files = std::fs::read_dir(&dir).expect("it was just written");
    let mut names = files.map(|file| file.expect("it can be listed").path());
    let trace = names.find(|path| path.to_string_lossy().ends_with(".itf.json"));
    let trace = trace.expect("a trace was written").to_string_lossy().into_owned();

    let explorer = explorer(&[&trace]);

    assert_eq!(
        explorer.opening,
        "model=counter&bug=makes+a+single+pass&path=2.2.2.3.3&until=nothing+waits+that+need+not+wait"
    );
    let place =
        json!({ "model": "counter", "mutant": "makes a single pass", "path": [2, 2, 2, 3, 3] });
    let state = explorer.state(&place);
    assert_eq!(state["violated"], json!(["nothing waits that need not wait"]));
    let changed = |party: &&Value| !party["changes"].as_array().is_some_and(Vec::is_empty);
    let parties = state["parties"].as_array().expect("there are parties").iter();
    let changed: Vec<_> = parties.filter(changed).map(|party| &party["name"]).collect();
    assert_eq!(changed, ["rm1"]);
}

/// A scenario in which rm1 learns of an update.
const SCENARIO: &str = "\
# One update.

replicas 2
client c1 at 0

c1 update a
gossip 0 -> 1
show 1
";

#[test]
fn a_scenario_is_opened_at_its_end_with_each_step_back_and_comes_out_as_it_went_in() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("one-update.txt");
    std::fs::write(&file, SCENARIO).expect("the directory is there");
    let explorer = explorer(&[&file.to_string_lossy()]);

    assert_eq!(explorer.opening, "run=opened");
    let at = |at: Option<usize>| explorer.post("/api/run", &json!({ "run": "opened", "at": at }));
    let last = at(None);
    let texts = json!([
        "c1 (fe0) asks for update a",
        "rm0 takes update fe0#0 a",
        "c1 (fe0) learns that fe0#0 is done at [1,0]",
        "rm0 gossips to rm1",
        "rm1 takes gossip [1,0] +1 [rm0:1] (asks) from rm0",
    ]);
    assert_eq!((&last["texts"], &last["at"]), (&texts, &json!(5)));
    assert_eq!((&last["choices"], &last["said"]), (&json!([]), &json!("gossip 0 -> 1")));
    let value = |state: &Value| [0, 1].map(|rm| state["parties"][rm]["after"]["value_ts"].clone());
    let values: Vec<_> = (0..=5).map(|place| value(&at(Some(place)))).collect();
    let (none, one) = (json!([0, 0]), json!([1, 0]));
    let expected = [[0, 0], [0, 0], [1, 0], [1, 0], [1, 0], [1, 1]];
    let expected = expected.map(|counts| counts.map(|n| [&none, &one][n].clone()));
    assert_eq!(values, expected);
    let marks = |state: &Value| {
        let rows = state["messages"].as_array().expect("they are known").iter();
        rows.map(|row| format!("{} {}", row["mark"], row["kind"])).collect::<Vec<_>>()
    };
    assert_eq!(marks(&at(Some(4))), [r#""new" "gossip""#]);
    // Its receiver asked for a receipt.
    assert_eq!(marks(&last), [r#""gone" "gossip""#]);
    let saved = explorer.post("/api/run", &json!({ "run": "opened", "format": "scenario.txt" }));
    assert_eq!(
        (&saved["name"], &saved["text"]),
        (&json!("one-update.scenario.txt"), &json!(SCENARIO))
    );
}

#[test]
fn every_scenario_of_the_tests_is_in_the_program_and_can_be_looked_at() {
    let explorer = explorer(&["reader"]);
    let (_, all) = explorer.send(&format!(
        "GET /api/catalogue HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        explorer.host()
    ));
    let all: Value = serde_json::from_str(&all).expect("the answer is JSON");
    let listed = all["scenarios"].as_array().expect("they are listed").iter();
    let listed: Vec<_> = listed.map(|one| one["run"].as_str().unwrap_or_default()).collect();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios");
    let files = std::fs::read_dir(directory).expect("the scenarios can be read");
    let names = files.map(|file| file.expect("it can be listed").file_name());
    let mut there: Vec<_> =
        names.filter_map(|name| Some(name.to_str()?.strip_suffix(".txt")?.to_owned())).collect();
    there.sort();
    assert_eq!(listed, there);

    let bug = json!({ "run": "c03_single_pass", "mutant": "makes a single pass" });
    let state = explorer.post("/api/run", &bug);
    assert_eq!(state["found"], "nothing waits that need not wait");
    assert_eq!(state["headline"], "Violated: nothing waits that need not wait");
    let why = ["rm1 holds back b (rm1:1 after [1,0]) though its value is at [1,0]."];
    assert_eq!(state["explain"], json!(why));
    assert!(state["diagram"].to_string().contains("VIOLATED: rm1 holds back b"), "{state}");
    let bug = json!({ "run": "c24b_pull", "mutant": "drops queries that must wait" });
    let state = explorer.post("/api/run", &bug);
    assert_eq!(state["headline"], "Not as the text says: line 13");
    assert_eq!(state["beside"]["columns"], json!(["the text says", "it prints"]));
    let row = &state["beside"]["rows"][0];
    assert_eq!(row[0], "line 13, `settle`");
    assert!(row[1].as_str().is_some_and(|text| text.contains("c1 sees <a> at [1,0]")), "{row}");
    let refused =
        explorer.ask(&explorer.host(), "application/json", "/api/run", r#"{"run":"none"}"#);
    assert_eq!(refused.0, 400, "{}", refused.1);
}

#[test]
fn a_file_that_is_not_a_counterexample_is_refused() {
    let scenario = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("simulated.txt");
    std::fs::write(&scenario, "seed 7\nservice counter\n").expect("the directory is there");
    let scenario = scenario.to_string_lossy();
    let refused = [
        ("none.replay.json", "no such file"),
        ("./Cargo.toml", "--trace-dir"),
        ("./tests", "there is no trace"),
        (&scenario, "simulate --scenario FILE --record DIR"),
    ];
    for (what, words) in refused {
        let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
        let output = command.args(["explore", what]).output().expect("it was built for this test");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
