//! What `check` says in words, where a reader was once misled.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn check(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_check"))
        .args(args)
        .args(["--width", "200"])
        .output()
        .expect("it was built");
    (output.status.code(), String::from_utf8(output.stdout).expect("the program writes UTF-8"))
}

/// What is said of the counterexample of a seeded bug.
fn told(bug: &str) -> String {
    let (code, said) = check(&["mutants", bug]);
    assert_eq!(code, Some(0), "{said}");
    said
}

fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path); // It need not be there.
    fs::create_dir_all(&path).expect("the build directory can be written to");
    path
}

#[test]
fn the_step_that_breaks_a_promise_prints_what_it_sends() {
    let dir = directory("words-last-step");
    let bug = "forgets with the record";
    check(&["mutants", bug, "--quiet", "--trace-dir", &dir.to_string_lossy()]);
    let files = fs::read_dir(&dir).expect("it was just written");
    let mut paths = files.map(|entry| entry.expect("it can be listed").path());
    let text = paths.find(|path| path.to_string_lossy().ends_with(".scenario.txt"));
    let text = fs::read_to_string(text.expect("there is one")).expect("it can be read");
    let end = "rm1 takes update a fe0#0 after [0,0]: rm1 -> fe0 reply fe0#0 at [0,2]\nVIOLATED: ";
    assert!(text.contains(end), "{text}");
}

#[test]
fn the_promise_of_silence_is_listed_with_the_others() {
    let (_, said) = check(&["--list"]);
    let (_, promises) = said.split_once("\nPromises\n").expect("they are listed");
    let (promises, _) = promises.split_once("\nWitnesses\n").expect("and then these");
    assert!(promises.contains("every fair continuation becomes silent"), "{promises}");
    assert_eq!(promises.lines().filter(|line| !line.is_empty()).count(), 42);
}

#[test]
fn the_promise_of_silence_is_in_the_table_of_the_report() {
    let dir = directory("words-report");
    check(&["--only", "hearsay", "--quiet", "--report", &dir.to_string_lossy()]);
    let page = fs::read_to_string(dir.join("report.html")).expect("it was written");
    let row = page.lines().find(|line| line.contains("<td>every fair continuation becomes silent"));
    assert!(row.is_some_and(|row| row.contains("1 of 1<small>hearsay</small>")), "{row:?}");
}

#[test]
fn the_report_links_to_the_page_of_the_seeded_bugs_if_it_is_there() {
    let dir = directory("words-link");
    let page = || {
        check(&["--only", "hearsay", "--quiet", "--report", &dir.to_string_lossy()]);
        fs::read_to_string(dir.join("report.html")).expect("it was written")
    };
    let link = "<a href=\"mutants.html\">mutants.html</a>";
    let without = page();
    assert!(without.contains("Not part of this run.") && !without.contains(link));
    fs::write(dir.join("mutants.html"), "").expect("it can be written");
    let with = page();
    assert!(with.contains(link) && !with.contains("Not part of this run."), "no link to it");
}

#[test]
fn the_fair_continuation_says_that_what_is_under_way_is_lost_first() {
    let said = told("acknowledges too early");
    let words =
        "the fair continuation: what is under way is lost; what is sent from then on arrives";
    assert!(said.contains(words), "{said}");
    assert!(!said.contains("from here on all arrives"), "{said}");
}

#[test]
fn a_reason_is_given_once_and_names_what_it_is_about() {
    let said = told("reflects all that came with it");
    assert_eq!(said.matches("• rm1's value is at [0,0,2]").count(), 1, "{said}");

    let said = told("goes on under the old name");
    let why =
        "rm0:1 names two updates: rm0 has had fe0#0 a at [1,0,0], rm2 has had fe1#0 b at [1,0,0].";
    assert!(said.contains(why), "{said}");
}

#[test]
fn one_update_is_counted_as_one() {
    let said = told("a lying disk");
    assert!(said.contains(" speaks of 1 update of ") && !said.contains("1 updates"), "{said}");
}

#[test]
fn a_command_that_finds_nothing_to_do_is_no_success() {
    let file = directory("words-nothing").join("nothing.txt");
    let text = "replicas 2\nclient c at 0\n\nc sends update a\n\ndeliver reply 0 -> c\n";
    fs::write(&file, text).expect("it can be written");
    let (code, said) = check(&["scenario", &file.to_string_lossy()]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("line 6: deliver reply 0 -> c"), "{said}");
    assert!(said.contains("+ nothing such is under way"), "{said}");

    // Who says so expects it.
    fs::write(&file, format!("{text}----\nnothing such is under way\n"))
        .expect("it can be written");
    assert_eq!(check(&["scenario", &file.to_string_lossy()]).0, Some(0));
}
