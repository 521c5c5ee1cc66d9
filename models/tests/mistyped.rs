//! What people mistype, and what editors and strangers put into files: `check` says what is wrong, in words,
//! and what would do.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn check(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_check"));
    command.args(args).args(["--width", "100"]);
    command.output().expect("the program was built for this test")
}

/// How it ended, and what it said.
fn said(args: &[&str]) -> (Option<i32>, String) {
    let output = check(args);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("the program writes UTF-8"))
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistyped");
    fs::create_dir_all(&directory).expect("the build directory can be written to");
    let path = directory.join(name);
    fs::write(&path, text).expect("it can be written");
    path
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories").join(name);
    fs::read_to_string(path).expect("the example is there")
}

#[test]
fn a_number_that_cannot_be_is_told_from_a_strange_option() {
    for (args, words) in [
        (&["walk", "pair", "--seed", "-1"][..], "`-1` is no number from 0 to 18446744073709551615"),
        (&["walk", "pair", "--steps", "-3"], "`-3` is no number from 1 to"),
        (&["--only", "reader", "--threads", "-1"], "`-1` is no number from 0 to 256"),
        (&["--only", "reader", "--timeout", "-1"], "`-1` is no number of seconds"),
        (&["--only", "reader", "--timeout", "nan"], "`nan` is no number of seconds"),
        (&["--only", "reader", "--memory-limit", "-5GiB"], "`-5GiB` is less than nothing"),
        (&["mutants", "--states-max", "-1"], "`-1` is no number from 1 to"),
        (&["explore", "pair", "--port", "-1"], "`-1` is no number from 0 to 65535"),
    ] {
        let (code, said) = said(args);
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_typing_error_in_a_history_of_dbcop_is_named() {
    let right = example("stale-initial.dbcop.json");
    for (what, typed, words) in [
        ("\"Write\"", "\"Wirte\"", "`Wirte` is no event: there are `Read` and `Write`"),
        (
            "\"variable\": 0, \"version\": 1",
            "\"varable\": 0, \"version\": 1",
            "missing field `variable`",
        ),
        ("[\"r\", 1, 1]", "[\"x\", 1, 1]", "`x` is no event: there are `r` and `w`"),
        ("[\"r\", 1, 1]", "[\"w\", 1]", "a write of 1 has no version"),
        ("[\"r\", 1, 1]", "7", "expected an event, {\"Read\""),
    ] {
        assert!(right.contains(what), "the example has no {what}");
        let path = file("typed.json", &right.replacen(what, typed, 1));
        let (code, said) = said(&["history", &path.to_string_lossy(), "--format", "dbcop"]);
        assert_eq!(code, Some(2), "{typed}: {said}");
        assert!(said.contains(words) && !said.contains("untagged"), "{typed}: {said}");
        assert!(said.contains("line "), "{typed}: {said}");
    }
}

#[test]
fn a_byte_order_mark_before_a_file_is_no_part_of_it() {
    let path = file("marked.jsonl", &format!("\u{feff}{}", example("fine.jsonl")));
    let (code, told) = said(&["history", &path.to_string_lossy()]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn an_empty_file_and_none_are_told_with_what_to_do() {
    let empty = file("empty.jsonl", "");
    let (code, told) = said(&["history", &empty.to_string_lossy()]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("it is empty: there is no history in it"), "{told}");
    for (args, words) in [
        (["history", "none.jsonl"], "there is no such file; models/tests/histories has some"),
        (
            ["replay", "none.replay.json"],
            "there is no such file; `check mutants NAME --trace-dir DIR`",
        ),
        (["trace", "none"], "there is none; `chinwag cluster --record DIR` makes one"),
        (["history", "."], "it is a directory, and a history is a file"),
    ] {
        let (code, told) = said(&args);
        assert_eq!(code, Some(2), "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
}

#[test]
fn what_a_stranger_put_into_a_key_does_not_reach_the_terminal() {
    let history = example("stale-initial.jsonl").replace("\"x\"", r#""\u001b]0;x\u0007""#);
    let path = file("stranger.jsonl", &history);
    let (code, told) = said(&["history", &path.to_string_lossy()]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(r"\u{1b}]0;x\u{7}"), "{told}");
    assert!(!told.contains(['\u{1b}', '\u{7}']), "{told:?}");
}

#[test]
fn long_keys_stay_on_the_picture() {
    let long = "W".repeat(60);
    let history = example("stale-initial.jsonl").replace("\"x\"", &format!("\"{long}\""));
    let path = file("long.jsonl", &history);
    let dir = path.with_file_name("long-pictures");
    let (code, told) =
        said(&["history", &path.to_string_lossy(), "--trace-dir", &dir.to_string_lossy()]);
    assert_eq!(code, Some(1), "{told}");
    let picture = fs::read_to_string(dir.join("long.1.svg")).expect("it was written");
    let number = |text: &str, name: &str| -> f64 {
        let (_, rest) = text.split_once(&format!(" {name}=\"")).expect(name);
        rest.split('"').next().and_then(|n| n.parse().ok()).expect("it is a number")
    };
    let page = number(&picture, "width");
    let texts = picture.lines().filter(|line| line.contains("font-family=\"'DejaVu Sans Mono'"));
    for line in texts {
        let (_, text) = line.trim_end_matches("</text>").rsplit_once('>').expect("it has a text");
        let (x, long) =
            (number(line, "x"), text.chars().count() as f64 * number(line, "font-size") * 0.61);
        let (left, most) = match line.contains("text-anchor=\"middle\"") {
            true => (x - long / 2.0, page),
            false => (x, x + 180.0), // To the right side of its box.
        };
        assert!(left >= 0.0 && left + long <= most, "{line} of {page}");
    }
}
