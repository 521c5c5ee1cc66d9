//! The program's words, messages and exit codes, as a person or a script meets them.
#![cfg(feature = "program")]

use chinwag::runtime::udp::free_addresses;
use std::{
    fs,
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
        if let Some(replica) = &mut self.replica {
            let _ = replica.kill();
            let _ = replica.wait();
        }
    }
}

#[test]
fn options_may_follow_words_and_numbers_may_be_negative() {
    let one = One::serving("counter");

    let (code, _, said) = one.says(&["update", "add", "-5", "--timeout-ms", "5000"]);
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(one.says(&["query", "value", "--json"]), (0, "{\"answer\":-5}".into(), "".into()));
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
    assert!(one.directory.path().join("chinwag-update.1").exists());
}
