//! `docs/faults.md` speaks of what exists: each fault once, and each test, model, bug and kind of fault.
#![cfg(feature = "runtime")]

use chinwag_models::{catalogue, mutants::MUTANTS};
use std::{fs, path::Path};

/// How many faults are numbered.
const FAULTS: usize = 50;

fn text_of(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

/// What is wrong with the tables of this page.
fn complaints(page: &str) -> Vec<String> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| # "));
    let rows: Vec<Vec<_>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let mut wrong = Vec::new();
    let numbers: Vec<usize> = rows.iter().filter_map(|cells| cells[0].parse().ok()).collect();
    if numbers != (1..=FAULTS).collect::<Vec<_>>() {
        wrong.push(format!("not 1 to {FAULTS}: {numbers:?}"));
    }
    for cells in &rows {
        let [number, _, happens, shown] = cells[..] else {
            wrong.push(format!("not four cells: {cells:?}"));
            continue;
        };
        let names: Vec<_> = shown.split('`').skip(1).step_by(2).collect();
        if happens.is_empty() || names.is_empty() && !shown.contains("**Open**: ") {
            wrong.push(format!("{number}: neither shown by anything nor open"));
        }
        let missing = names.into_iter().filter(|name| !exists(name));
        wrong.extend(missing.map(|name| format!("{number}: there is no `{name}`")));
    }
    wrong
}

fn exists(name: &str) -> bool {
    if let Some((path, test)) = name.split_once(": ") {
        let is_test = |text: String| {
            let before =
                text.split_once(&format!("fn {test}(")).map(|(before, _)| before.to_owned());
            // Attributes and comments stand between it and the function before it.
            before.is_some_and(|before| {
                before.rsplit('}').next().is_some_and(|last| last.contains("#[test]"))
                    || before.contains("proptest!")
                    || before.contains("macro_rules!")
            })
        };
        return text_of(path).is_some_and(is_test);
    }
    match name.split_once(' ') {
        Some(("simulate", kind)) => text_of("simulator/src/fault.rs")
            .is_some_and(|text| text.contains(&format!(", \"{kind}\"),"))),
        Some(("model", name)) => catalogue::find(name).is_some(),
        Some(("mutant", name)) => MUTANTS.iter().any(|mutant| mutant.name == name),
        _ => text_of(name).is_some(),
    }
}

#[test]
fn every_numbered_fault_is_shown_by_something_that_exists_or_is_open() {
    let page = text_of("docs/faults.md").expect("there is a page of faults");
    let wrong = complaints(&page);
    assert!(wrong.is_empty(), "docs/faults.md:\n{}", wrong.join("\n"));
}

/// All that shows one of the faults, and what makes it partly open.
const ONLY_NAME: &str = "`tests/wire.rs: what_is_wrong_with_a_datagram_is_named`. **Open**: lists";

#[test]
fn a_test_that_was_renamed_and_a_fault_that_is_missing_are_noticed() {
    let page = text_of("docs/faults.md").expect("there is a page of faults");
    let changes = [
        ("a_corpus_of_seeds_is_sound", "a_corpus_is_sound", "1: there is no"),
        ("simulate clog", "simulate fog", "7: there is no"),
        ("model chain", "model chains", "5: there is no"),
        ("mutant executes duplicates", "mutant executes", "2: there is no"),
        ("| 33 |", "| 34 |", "not 1 to 50"),
        (ONLY_NAME, "Lists", "47: neither"),
    ];
    for (from, to, expected) in changes {
        assert!(page.contains(from), "{from}");
        let found = complaints(&page.replace(from, to));
        assert!(found.iter().any(|found| found.starts_with(expected)), "{to}: {found:?}");
    }
}

/// Wall clocks are set back and forth; `SystemClock` is monotonic.
#[test]
fn the_runtime_reads_no_wall_clock() {
    fn walk(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("the repository can be read");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        let found = paths.flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => {
                let text = fs::read_to_string(&path).expect("sources are text");
                let name = path.display().to_string();
                text.contains("SystemTime").then_some(name).into_iter().collect()
            }
        });
        found.collect()
    }
    let found = walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(found.is_empty(), "{found:?}");
}
