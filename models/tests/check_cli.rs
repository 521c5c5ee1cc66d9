//! The program `check` as its users meet it: exit codes, output, files.

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

const MUTANT: &str = "answers too early";

fn check(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
    command.args(args).env_remove("NO_COLOR").args(["--width", "100"]);
    command.output().expect("the program was built for this test")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the program writes UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the program writes UTF-8")
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", stdout(output), stderr(output));
}

/// A new directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path); // It need not be there.
    fs::create_dir_all(&path).expect("the build directory can be written to");
    path
}

/// The replay file of the mutant's counterexample, and the directory it is in.
fn counterexample(name: &str) -> (PathBuf, PathBuf) {
    let dir = directory(name);
    let output = check(&["mutants", MUTANT, "--quiet", "--trace-dir", &dir.to_string_lossy()]);
    assert_exit(&output, 0);
    let files = fs::read_dir(&dir).expect("the directory was just written");
    let mut paths = files.map(|entry| entry.expect("it can be listed").path());
    let is_replay = |path: &PathBuf| path.to_string_lossy().ends_with(".replay.json");
    (paths.find(is_replay).expect("a replay file was written"), dir)
}

#[test]
fn a_model_that_holds_is_as_expected() {
    let output = check(&["--only", "hearsay"]);

    assert_exit(&output, 0);
    assert!(stdout(&output).contains("exhaustive"), "{}", stdout(&output));
    assert!(stdout(&output).contains("AS EXPECTED."), "{}", stdout(&output));
}

#[test]
fn a_search_without_time_is_cut_off_and_not_called_exhaustive() {
    let output = check(&["--only", "pair", "--timeout", "0"]);

    assert_exit(&output, 3);
    assert!(stdout(&output).contains("CUT OFF"), "{}", stdout(&output));
    assert!(!stdout(&output).contains("exhaustive"), "{}", stdout(&output));
}

#[test]
fn a_search_for_the_shortest_way_obeys_the_timeout() {
    let never = "what was forgotten never comes back";
    let output = check(&["show", "mesh", never, "--timeout", "0.5"]);

    assert_exit(&output, 3);
    assert!(stdout(&output).contains("CUT OFF"), "{}", stdout(&output));
}

/// The program at work, and what it says after the first line that begins with these words.
fn begun(args: &[&str], words: &str) -> (Child, BufReader<impl Read + use<>>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
    command.args(args).args(["--width", "100"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program was built for this test");
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with(words) {
        line.clear();
        let read = said.read_line(&mut line).expect("the program writes UTF-8");
        assert!(read > 0, "it ended and never said \"{words}\"");
    }
    (child, said)
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_a_summary_of_what_was_found() {
    let (mut child, mut said) = begun(&["--only", "hearsay", "--only", "mesh"], "hearsay");

    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());

    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("the program writes UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(3), "{rest}");
    assert!(rest.contains("CUT OFF.") && rest.contains("interrupted"), "{rest}");
    assert!(rest.contains("told of an update before it has seen it   hearsay"), "{rest}");
    assert!(!rest.contains("exhaustive"), "{rest}");
}

#[test]
fn the_explorer_says_where_it_is() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.expect("there is a loopback").port().to_string();

    let (mut child, _) =
        begun(&["explore", "reader", "--port", &port], &format!("http://127.0.0.1:{port}/"));

    child.kill().expect("it serves until it is stopped");
    child.wait().expect("it was killed");
}

#[test]
fn what_would_have_no_effect_is_a_usage_error() {
    for args in [
        &["--seed", "7"][..],
        &["mutants", "--seed=7"],
        &["show", "bank", "--seed", "7"],
        &["--only", "pair", "mutants"],
        &["--deep", "show", "bank"],
        &["--list", "--only", "pair"],
        &["trace", ".", "--timeout", "1"],
        &["history", "fine.jsonl", "--memory-limit", "1GiB"],
        &["explore", "pair", "--json", "it.json"],
        &["explore", "pair", "--trace-dir", "out"],
        &["walk", "pair", "--walks", "0"],
        &["walk", "pair", "--steps", "0"],
    ] {
        assert_exit(&check(args), 2);
    }
    let said = stderr(&check(&["--seed", "7"]));
    assert!(said.contains("only `check walk` has a --seed"), "{said}");
}

#[test]
fn the_exit_code_is_the_same_when_nobody_reads_what_is_said() {
    for (args, code) in [
        (&["--only", "pair"][..], 0),
        (&["--only", "pair", "--mutant", "answers too early"], 1),
        (&["--only", "mesh", "--timeout", "0"], 3),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary exists");
        drop(child.stdout.take());
        assert_eq!(child.wait().expect("it ends").code(), Some(code), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_said_is_no_success() {
    for (args, code) in
        [(&["--only", "pair"][..], 4), (&["--only", "pair", "--mutant", "answers too early"], 1)]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
        let output = command.args(args).stdout(full).output().expect("the binary exists");
        assert_exit(&output, code);
        assert!(code == 1 || stderr(&output).contains("the output is not whole"));
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_named_before_the_search() {
    let file = directory("no-directory").join("file");
    fs::write(&file, "").expect("the file can be written");
    let (file, inside) = (file.to_string_lossy(), file.join("report.json"));

    let traces = check(&["--only", "mesh", "--trace-dir", &file]);
    let report = check(&["--only", "mesh", "--json", &inside.to_string_lossy()]);

    for output in [traces, report] {
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(&*file), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn an_unknown_name_is_a_usage_error_with_a_suggestion() {
    for args in [&["--only", "piar"][..], &["show", "piar"], &["walk", "piar"]] {
        let output = check(args);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains("\"pair\""), "{}", stderr(&output));
    }
    assert_exit(&check(&["mutants", "no such mutant"]), 2);
    assert_exit(&check(&["show", "pair", "no such property"]), 2);
    assert_exit(&check(&["--no-such-option"]), 2);
}

#[test]
fn everything_is_listed() {
    let output = check(&["--list"]);

    assert_exit(&output, 0);
    for name in ["pair", MUTANT, "execution respects causality", "a query waits"] {
        assert!(stdout(&output).contains(name), "{name} is not listed");
    }
}

#[test]
fn the_report_for_machines_says_what_the_table_says() {
    let file = directory("json").join("report.json");

    assert_exit(&check(&["--only", "hearsay", "--json", &file.to_string_lossy()]), 0);

    let text = fs::read_to_string(&file).expect("the report was written");
    let report: Value = serde_json::from_str(&text).expect("the report is JSON");
    assert_eq!(report["format"], "chinwag-check/1");
    assert_eq!(report["exhaustive"], true);
    assert_eq!(report["models"][0]["name"], "hearsay");
    assert!(report["models"][0]["unique"].as_u64() > Some(1000), "{report}");
    assert_eq!(report["models"][0]["violations"], Value::Array(Vec::new()));
}

#[test]
fn the_picture_of_the_readme_is_the_one_that_its_command_makes() {
    let out = directory("readme");
    let name = "forgets with the record";
    let output = check(&["mutants", name, "--quiet", "--trace-dir", &out.to_string_lossy()]);
    assert_exit(&output, 0);
    let mut made = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    let svg = made.find(|path| path.extension().is_some_and(|end| end == "svg")).unwrap();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/counterexample.svg");
    // It prints the command that replays it, and so the directory.
    let made = fs::read_to_string(svg).unwrap().replace(&*out.to_string_lossy(), "out");
    let is_shown = made == fs::read_to_string(picture).unwrap();
    assert!(is_shown, "docs/counterexample.svg is another one");
}

#[test]
fn a_mutants_counterexample_reads_as_it_always_did() {
    let output = check(&["mutants", MUTANT]);

    assert_exit(&output, 0);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/answers-too-early.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, stdout(&output)).expect("the golden file can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(stdout(&output), expected, "UPDATE_GOLDEN=1 accepts the new text");
}

#[test]
fn a_mutants_counterexample_is_written_in_every_format_and_reproduced() {
    let (file, dir) = counterexample("reproduced");

    let output = check(&["replay", &file.to_string_lossy()]);

    assert_exit(&output, 1);
    assert!(stdout(&output).contains("REPRODUCED"), "{}", stdout(&output));
    let names = fs::read_dir(dir).expect("it was just written");
    let names: Vec<_> = names.map(|e| e.expect("listed").file_name()).collect();
    for end in [".txt", ".svg", ".itf.json", ".shiviz.log", ".scenario.txt"] {
        assert!(names.iter().any(|n| n.to_string_lossy().ends_with(end)), "no {end} in {names:?}");
    }
}

#[test]
fn without_the_bug_the_counterexample_diverges() {
    let (file, _) = counterexample("diverges");
    edit(&file, |replay| replay["mutant"] = Value::Null);

    let output = check(&["replay", &file.to_string_lossy()]);

    assert_exit(&output, 3);
    assert!(stdout(&output).contains("DIVERGES at action"), "{}", stdout(&output));
}

#[test]
fn a_tampered_replay_file_is_refused() {
    let (file, _) = counterexample("tampered");
    edit(&file, |replay| {
        let first = replay["actions"][0]["action"].clone();
        replay["actions"][1]["action"] = first;
    });

    let output = check(&["replay", &file.to_string_lossy()]);

    assert_exit(&output, 2);
    let said = stderr(&output);
    assert!(said.contains("refused: action 2: says"), "{said}");
    assert!(said.contains("changed by hand"), "{said}");
}

#[test]
fn what_is_no_replay_file_is_refused() {
    let file = directory("no-replay").join("file.json");
    for content in ["", "{}", "[1, 2]", "{\"format\": \"other/1\"}"] {
        fs::write(&file, content).expect("the file can be written");
        assert_exit(&check(&["replay", &file.to_string_lossy()]), 2);
    }
    assert_exit(&check(&["replay", "/no/such/file"]), 2);
}

#[test]
fn a_walk_with_the_same_seed_is_the_same_walk() {
    let walk = || check(&["walk", "pair", "--mutant", MUTANT, "--seed", "7"]);

    let (one, other) = (walk(), walk());

    assert_exit(&one, 1);
    assert_eq!(stdout(&one), stdout(&other));
    assert!(stdout(&one).starts_with("seed 7:"), "{}", stdout(&one));
}

#[test]
fn a_witness_is_shown_without_complaint() {
    let output = check(&["show", "pair", "a query waits"]);

    assert_exit(&output, 0);
    assert!(stdout(&output).contains("seen at step"), "{}", stdout(&output));
}

#[test]
fn help_tells_examples_and_exit_codes() {
    let output = check(&["--help"]);

    assert_exit(&output, 0);
    assert!(stdout(&output).contains("Exit codes:"), "{}", stdout(&output));
}

fn edit(file: &Path, change: impl FnOnce(&mut Value)) {
    let text = fs::read_to_string(file).expect("the file was just written");
    let mut replay = serde_json::from_str(&text).expect("the file is JSON");
    change(&mut replay);
    fs::write(file, replay.to_string()).expect("the file can be written");
}

/// An example of `tests/histories`.
fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories").join(name);
    path.to_string_lossy().into_owned()
}

#[test]
fn a_history_that_holds_exits_0_and_one_that_does_not_1() {
    assert_exit(&check(&["history", &example("fine.jsonl")]), 0);
    let output = check(&["history", &example("stale-initial.edn")]);
    assert_exit(&output, 1);
    let expected = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/stale-initial.txt"),
    );
    // Without the first line, which says how long it took.
    let said = stdout(&output).split_once('\n').map(|(_, rest)| rest.to_owned());
    assert_eq!(said, Some(expected.expect("the golden file is there")));

    let wavering = example("wavering.jsonl");
    assert_exit(&check(&["history", &wavering, "--ask", "cc", "--ask", "sessions"]), 0);
    assert_exit(&check(&["history", &wavering, "--ask", "cm"]), 1);
}

#[test]
fn a_violation_of_a_history_is_written_as_text_and_picture() {
    let dir = directory("history-trace");
    let json = dir.join("found.json");
    let output = check(&[
        "history",
        &example("diverged.jsonl"),
        "--quiet",
        "--trace-dir",
        &dir.to_string_lossy(),
        "--json",
        &json.to_string_lossy(),
    ]);
    assert_exit(&output, 1);
    let text = fs::read_to_string(dir.join("diverged.1.txt")).expect("it was written");
    assert!(text.contains("The shortest cycle:\n  A before B:"), "{text}");
    let svg = fs::read_to_string(dir.join("diverged.1.svg")).expect("it was written");
    assert!(svg.starts_with("<svg ") && svg.contains("D read x from B"), "{svg}");
    let found: Value = serde_json::from_str(&fs::read_to_string(json).expect("it was written"))
        .expect("it is JSON");
    assert_eq!(found["answers"][2]["pattern"], "CyclicCF");
    assert_eq!(found["exit"], 1);
}

#[test]
fn a_history_that_cannot_be_read_exits_2_and_names_the_line() {
    let dir = directory("history-bad");
    let bad = dir.join("bad.jsonl");
    fs::write(&bad, "{\"session\":1,\"op\":\"read\",\"key\":\"x\"}\n{\"session\":1}\n")
        .expect("it can be written");
    let output = check(&["history", &bad.to_string_lossy()]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("bad.jsonl: as lines: line 2: either"), "{}", stderr(&output));

    fs::write(&bad, b"\n\n\xff").expect("it can be written");
    let output = check(&["history", &bad.to_string_lossy(), "--format", "plume"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("line 3: no UTF-8"), "{}", stderr(&output));

    fs::write(&bad, "who knows").expect("it can be written");
    assert_exit(&check(&["history", &bad.to_string_lossy()]), 2);
    assert_exit(&check(&["history", "no-such-file"]), 2);
    assert_exit(&check(&["history", &example("fine.jsonl"), "--format", "csv"]), 2);
}

#[test]
fn a_history_beyond_a_limit_exits_3_and_says_which() {
    use chinwag_models::history::MEMORY_TRANSACTIONS_MAX;
    let dir = directory("history-large");
    let large = dir.join("large.txt");
    let line = |n: usize| format!("w(x,{n},a,{n})\n");
    fs::write(&large, (1..=MEMORY_TRANSACTIONS_MAX + 1).map(line).collect::<String>())
        .expect("it can be written");
    let output = check(&["history", &large.to_string_lossy()]);
    assert_exit(&output, 3);
    assert!(stdout(&output).contains("at most 200000 are judged for it"), "{}", stdout(&output));
    assert_exit(&check(&["history", &large.to_string_lossy(), "--ask", "ccv"]), 0);
}

/// rm1 learns of an update, which is recorded with another number than the text says.
const DIFFERS: &str = "\
replicas 2
client c at 0

c update a
----
c: c#0 is recorded at [2,0]
";

#[test]
fn a_scenario_that_prints_something_else_is_shown_line_by_line() {
    let dir = directory("scenario");
    let (file, json) = (dir.join("differs.txt"), dir.join("out.json"));
    fs::write(&file, DIFFERS).expect("it can be written");
    let (file, json) = (file.to_string_lossy(), json.to_string_lossy());

    let output = check(&["scenario", &file, "--json", &json]);

    assert_exit(&output, 1);
    let said = stdout(&output);
    let lines = "line 4: c update a\n    - c: c#0 is recorded at [2,0]\n    + c: c#0 is recorded at [1,0]\n";
    assert!(said.contains(lines), "{said}");
    assert!(said.contains("NOT AS EXPECTED: 1 of 1 scenario."), "{said}");
    let told: Value = serde_json::from_str(&fs::read_to_string(&*json).expect("it was written"))
        .expect("it is JSON");
    let one = &told["scenarios"][0];
    assert_eq!((&told["exit"], &one["as_expected"]), (&1.into(), &false.into()));
    assert_eq!(one["differs"][0]["printed"][0], "c: c#0 is recorded at [1,0]");
}

#[test]
fn scenarios_are_as_expected_if_they_print_what_they_say_and_break_only_what_they_say() {
    let named =
        |name: &str| format!("{}/../tests/scenarios/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let (holds, refutes) = (named("c03_single_pass"), named("c25_what_must_not_be_built"));
    assert_exit(&check(&["scenario", &holds, &refutes]), 0);

    let output = check(&["scenario", &holds, "--mutant", "makes a single pass"]);
    assert_exit(&output, 1);
    let said = stdout(&output);
    assert!(
        said.contains("rm1 holds back b (rm1:1 after [1,0]) though its value is at [1,0]"),
        "{said}"
    );
}

#[test]
fn files_that_are_no_scenarios_are_refused_with_what_to_do() {
    let dir = directory("no-scenario");
    let refused = |text: Option<&str>| {
        let file = dir.join("it.txt");
        let _ = fs::remove_file(&file); // It need not be there.
        text.into_iter().for_each(|text| fs::write(&file, text).expect("it can be written"));
        let output = check(&["scenario", &file.to_string_lossy()]);
        assert_exit(&output, 2);
        stderr(&output)
    };
    for (text, words) in [
        (None, "there is no such file; tests/scenarios has some"),
        (Some(" \n"), "it is empty: there is no scenario in it"),
        (Some("# nothing\n"), "there is no command in it, only comments"),
        (Some("seed 7\nservice counter\n"), "`simulate --scenario FILE --record DIR`"),
    ] {
        let said = refused(text);
        assert!(said.contains(words), "{said}");
    }
    let mine = refused(Some("replicas 2\ndance\n"));
    assert!(mine.contains("line 2: dance") && !mine.contains("simulate"), "{mine}");

    let marked = dir.join("marked.txt");
    fs::write(&marked, format!("\u{feff}{DIFFERS}")).expect("it can be written");
    assert_exit(&check(&["scenario", &marked.to_string_lossy()]), 1);
}
