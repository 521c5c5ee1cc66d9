//! The program's words, messages and exit codes, as a person or a script meets them.
#![cfg(feature = "program")]

use chinwag::runtime::udp::free_addresses;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

/// One replica manager, and where its files are.
struct One {
    directory: tempfile::TempDir,
    replica: Option<Child>,
}

impl One {
    /// The configuration alone: nobody serves.
    fn absent(service: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = free_addresses(1).unwrap()[0];
        let text = format!(
            "cluster = 'cli'\nservice = '{service}'\nreplicas = ['{address}']\n\
             [replica]\nid = 0\ndata_dir = 'rm0'\n"
        );
        fs::write(directory.path().join("one.toml"), text).unwrap();
        Self { directory, replica: None }
    }

    fn serving(service: &str) -> Self {
        let mut one = Self::absent(service);
        let mut command = one.command(&["replica", "--init"]);
        one.replica = Some(command.stderr(Stdio::null()).spawn().unwrap());
        let up = (0..20).any(|_| one.run(&["status", "--timeout-ms", "1000"]).status.success());
        assert!(up, "it does not answer");
        one
    }

    fn stop(&mut self) {
        if let Some(replica) = &mut self.replica {
            let _ = replica.kill();
            let _ = replica.wait();
        }
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("one.toml")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.args(words).env("CHINWAG_CONFIG", self.config());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Exit code, output, errors.
    fn says(&self, words: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.run(words);
        let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_string();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.stop();
    }
}

#[test]
fn options_may_follow_words_and_numbers_may_be_negative() {
    let one = One::serving("counter");

    let (code, _, said) = one.says(&["update", "add", "-5", "--timeout-ms", "5000"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(one.says(&["query", "value"]), (0, "-5".into(), "".into()));
}

#[test]
fn a_number_that_is_too_large_is_named_with_the_limits() {
    let one = One::absent("counter");

    let (code, _, said) = one.says(&["update", "add", "9223372036854775808"]);

    assert_eq!(code, 2);
    let limits = "-9223372036854775808 to 9223372036854775807";
    assert!(said.contains("\"9223372036854775808\" is not a whole number"), "{said}");
    assert!(said.contains(limits), "{said}");
}

#[test]
fn an_absent_key_is_told_from_an_empty_value() {
    let one = One::serving("kv");
    assert_eq!(one.says(&["update", "put", "empty", ""]).0, 0);

    let nothing = "chinwag: nothing is there";
    assert_eq!(one.says(&["query", "get", "empty"]), (0, "".into(), "".into()));
    assert_eq!(one.says(&["query", "get", "absent"]), (0, "".into(), nothing.into()));
}

#[test]
fn whoever_replies_to_a_post_that_nobody_knows_is_told() {
    let one = One::serving("board");
    let session = one.directory.path().join("ann");
    let session = session.to_str().unwrap();
    assert_eq!(one.says(&["update", "--session", session, "post", "Lost: my dog"]).0, 0);
    let (_, shown, _) = one.says(&["query", "--session", session]);
    let (_, id) = shown.rsplit_once('(').unwrap();

    let (code, _, said) = one.says(&["update", "reply", "1.0.0", "Where?"]);
    assert_eq!(code, 0);
    assert!(said.contains("no post 1.0.0 is known yet"), "{said}");
    let known = id.trim_end_matches(')');
    let (code, _, said) = one.says(&["update", "reply", known, "Here", "--session", session]);
    assert_eq!((code, said.as_str()), (0, ""));
    let (code, _, said) = one.says(&["update", "reply", "nonsense", "Where?"]);
    assert_eq!(code, 2);
    assert!(said.contains("\"nonsense\" names no post"), "{said}");
}

#[test]
fn the_exit_code_tells_what_is_certain() {
    let one = One::absent("counter");

    let (code, _, said) = one.says(&["update", "add", "1", "--timeout-ms", "100"]);
    assert_eq!(code, 3, "an update without a reply may or may not take effect: {said}");
    let (code, _, said) = one.says(&["query", "value", "--timeout-ms", "100"]);
    assert_eq!(code, 1, "a query has no effect: {said}");
    let (code, _, said) = one.says(&["status", "--timeout-ms", "50"]);
    assert_eq!(code, 1, "{said}");
    let (code, _, said) = one.says(&["query", "wrong"]);
    assert_eq!(code, 2, "{said}");
    let (code, _, said) = one.says(&["update", "add", "1", "--at", "1"]);
    assert_eq!(code, 2, "{said}");
    assert_eq!(one.says(&["no-such-command"]).0, 2);
    assert_eq!(one.says(&["members"]).0, 0);
}

#[test]
fn the_doctor_finds_who_does_not_answer_and_says_how_to_mend_it() {
    let sick = One::absent("kv");
    let (code, found, said) = sick.says(&["doctor", "--timeout-ms", "50"]);
    assert_eq!((code, said.as_str()), (1, "chinwag: 1 problems"));
    assert!(found.contains("does not answer") && found.contains("chinwag replica"), "{found}");

    let (code, found, said) = One::serving("kv").says(&["doctor"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert!(found.contains("is well"), "{found}");
}

#[test]
fn completions_and_a_page_for_each_command_are_made_from_the_program_itself() {
    let one = One::absent("kv");
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, _) = one.says(&["completions", shell]);
        assert!(code == 0 && script.contains("doctor"), "{shell}");
    }

    let pages = one.directory.path().to_str().unwrap();
    assert_eq!(one.says(&["man", pages]).0, 0);
    let page = fs::read_to_string(one.directory.path().join("chinwag.1")).unwrap();
    assert!(page.contains("Exit codes:"), "{page}");
    for page in ["update", "cluster", "keygen", "keys-add", "bench-update", "verify", "top"] {
        let path = one.directory.path().join(format!("chinwag-{page}.1"));
        let page = fs::read_to_string(path).unwrap();
        assert!(page.contains("\\-\\-json"), "{page}");
    }
}

/// What it prints, each line an object; it must succeed.
fn objects(one: &One, words: &[&str]) -> Vec<Value> {
    let (code, printed, said) = one.says(words);
    assert_eq!(code, 0, "{words:?}: {said}");
    let read =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{words:?}: {line}"));
    printed.lines().map(read).collect()
}

/// The names of its fields.
fn fields(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// As docs/operations.md lists them.
#[test]
fn every_command_prints_its_result_as_json() {
    let mut one = One::serving("kv");
    let put = ["update", "put", "k", "v", "--json"];
    let updated = objects(&one, &put).remove(0);
    assert_eq!(fields(&updated), ["remark", "token", "ts"]);
    assert_eq!(updated["ts"], json!([1]));
    let token = updated["token"].as_str().unwrap();
    let [answer] = &objects(&one, &["query", "get", "k", "--seen", token, "--json"])[..] else {
        panic!()
    };
    assert_eq!(answer, &json!({ "answer": { "Values": ["v"] }, "token": token }));
    let (code, _, said) = one.says(&["query", "get", "k", "--seen", "nonsense"]);
    assert!(code == 2 && said.contains("--seen: not a session token"), "{said}");

    for (words, expected) in [
        (vec!["status"], vec!["address", "replica", "status"]),
        (vec!["members"], vec!["address", "name", "replica", "takes"]),
        (vec!["top", "--once", "--interval-ms", "100"], vec!["cluster", "replicas"]),
    ] {
        let found = objects(&one, &[words.as_slice(), &["--json"]].concat());
        assert_eq!(fields(&found[0]), expected, "{words:?}");
    }
    assert!(objects(&one, &["doctor", "--json"]).is_empty(), "all is well");
    let load = ["bench", "update", "--clients", "1", "--seconds", "0.1", "--json"];
    if cfg!(feature = "bench") {
        assert!(fields(&objects(&one, &load)[0]).contains(&"per_second"));
    }

    one.stop();
    let data = one.directory.path().join("rm0");
    let verified = objects(&one, &["verify", data.to_str().unwrap(), "--json"]);
    assert_eq!(verified.iter().map(fields).collect::<Vec<_>>(), [["directory"], ["replica"]]);
    let dumped = objects(&one, &["dump", data.to_str().unwrap(), "--json"]);
    assert!(dumped.iter().any(|line| fields(line) == ["batch"]), "{dumped:?}");
    let (code, found, _) = one.says(&["doctor", "--json", "--timeout-ms", "50"]);
    assert_eq!(code, 1);
    assert_eq!(fields(&serde_json::from_str(&found).unwrap()), ["of", "problem"]);
}

#[test]
fn keys_are_printed_as_json_without_secrets() {
    let one = One::absent("kv");
    let file = |name| one.directory.path().join(name).to_str().unwrap().to_owned();
    let (ring, clients) = (file("ring"), file("clients"));
    let key = |id: u16, used_by: &str, primary: bool| json!({ "id": id, "use": used_by, "primary": primary });
    let made = objects(&one, &["keygen", &ring, "--json"]);
    let old = made[1]["id"].as_u64().unwrap() as u16;
    assert_eq!(
        made,
        [key(made[0]["id"].as_u64().unwrap() as u16, "peer", true), key(old, "client", true)]
    );

    let added = objects(&one, &["keys", "add", &ring, "client", "--json"]);
    let new = added[0]["id"].as_u64().unwrap() as u16;
    assert_eq!(added, [key(new, "client", false)]);
    let all = objects(&one, &["keys", "primary", &ring, &new.to_string(), "--json"]);
    assert_eq!(all, [made[0].clone(), key(old, "client", false), key(new, "client", true)]);
    let left = objects(&one, &["keys", "remove", &ring, &old.to_string(), "--json"]);
    assert_eq!(left, objects(&one, &["keys", "--json", "list", &ring]));
    let given = objects(&one, &["keys", "for-clients", &ring, &clients, "--json"]);
    assert_eq!(given, [key(new, "client", true)]);
}

#[test]
fn a_cluster_says_as_json_where_it_is() {
    let one = One::absent("kv");
    let dir = one.directory.path().join("c");
    let words = ["cluster", "--replicas", "2", "--json", "--dir", dir.to_str().unwrap()];
    let mut cluster = one.command(&words);
    let mut cluster = cluster.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(cluster.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    assert!(Command::new("kill").arg(cluster.id().to_string()).status().unwrap().success());
    assert!(cluster.wait().unwrap().success());

    assert_eq!(fields(&started), ["config", "replicas"]);
    assert!(PathBuf::from(started["config"].as_str().unwrap()).exists());
    let replicas = started["replicas"].as_array().unwrap();
    assert_eq!(replicas.len(), 2);
    assert_eq!(fields(&replicas[1]), ["address", "http", "pid", "replica"]);
}
