//! `check --report DIR`: the page is one well-formed file that needs nothing else.

use chinwag_models::catalogue;
use std::{fs, path::Path, process::Command};

fn check(args: &[&str]) -> (Option<i32>, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_check")).args(args).output().expect("it was built");
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Every element that is opened is closed, in order.
fn assert_well_formed(page: &str) {
    let mut open = Vec::new();
    let page = page.strip_prefix("<!DOCTYPE html>").expect("it says what it is");
    for part in page.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("every tag ends");
        assert!(!text.contains('>'), "a stray > after <{tag}>");
        let name =
            tag.trim_start_matches('/').split([' ', '/']).next().expect("a split has a part");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "<{tag}> closes something else");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

#[test]
fn the_page_says_what_the_summary_says_and_needs_nothing_else() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-page");
    let dir_name = dir.to_string_lossy();
    let names = ["hearsay", "reader"];

    let (code, said, _) =
        check(&["--only", names[0], "--only", names[1], "--width", "200", "--report", &dir_name]);

    assert_eq!(code, Some(0), "{said}");
    let page = fs::read_to_string(dir.join("report.html")).expect("the page was written");
    assert_well_formed(&page);
    for name in names {
        let pinned = catalogue::find(name).expect("the catalogue has it").pinned.0;
        assert!(page.contains(&format!("<b>{name}</b>")), "{name} is missing");
        let states = pinned.to_string();
        let grouped = format!(
            "{},{}",
            &states[..states.len().saturating_sub(3)],
            &states[states.len() - 3..]
        );
        assert!(page.contains(grouped.trim_start_matches(',')), "{name}: {grouped} is missing");
    }
    let (_, verdict) = said.split_once("AS EXPECTED.").expect("there is a verdict");
    let words = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&words), "the page lacks: {words}");
    // A diagram stands on the page's ground, a dark one too.
    let colours = [".wide svg { background: #1d2228", ".wide svg [fill='#1b1f24']"];
    assert!(
        colours.iter().all(|colour| page.contains(colour)),
        "diagrams are white on a dark page"
    );
    for outside in ["http://", "https://", "<script", "<link", "url(", "@import"] {
        assert!(!page.contains(outside), "the page has {outside}");
    }
}

#[test]
fn the_page_of_a_verification_with_a_seeded_bug_shows_how_it_is_found_out() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-with-a-bug");
    let dir_name = dir.to_string_lossy();
    let args = ["--only", "pair", "--mutant", "answers too early", "--quiet"];

    let (code, said, _) = check(&[&args[..], &["--report", &dir_name]].concat());

    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("\nFOUND OUT.") && !said.contains("\nAS EXPECTED"), "{said}");
    let page = fs::read_to_string(dir.join("report.html")).expect("the page was written");
    assert_well_formed(&page);
    assert_eq!(page.matches("VIOLATED: a client reads its own writes (4 steps)").count(), 1);
    assert!(
        page.contains("This is not the protocol: the seeded bug &quot;answers too early&quot;")
    );
    let (_, diagram) = page.split_once("<svg xmlns=").expect("the diagram is in it");
    let (diagram, _) = diagram.split_once("</svg>").expect("and whole");
    assert!(diagram.contains("VIOLATED: fe0 had asked for"), "{diagram}");
    let (code, said, _) = check(&["--only", "reader", "--mutant", "believes any past", "--quiet"]);
    assert!(code == Some(0) && said.contains("NOT FOUND OUT."), "{said}");
    assert_eq!(check(&["--mutant", "answers too early", "show", "bank"]).0, Some(2));
}

#[test]
fn a_bad_place_for_the_page_is_named_before_the_search() {
    let (code, said, complaint) = check(&["--only", "mesh", "--report", "/dev/null/page"]);

    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(complaint.contains("--report /dev/null/page"), "{complaint}");
    assert_eq!(check(&["show", "bank", "--report", "/tmp"]).0, Some(2));
}
