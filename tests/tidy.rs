//! Style by numbers, and that README.md speaks of what exists. It judges text; the compiler judges code.

use chinwag_models::{
    catalogue,
    mutants::{Fate, MUTANTS},
    properties,
};
use std::{fs, path::Path};

/// Lines of a file. A longer one is two files.
const LINES_MAX: usize = 400;

/// Lines of a file of tests: they are many small things in a row.
const TEST_LINES_MAX: usize = 500;

/// Characters of a line, but for tables under `#[rustfmt::skip]`.
const COLUMNS_MAX: usize = 110;

/// All Rust sources: their path from the root, and their text.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).expect("the repository can be read") {
            let path = entry.expect("the repository can be read").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are text");
                let root = env!("CARGO_MANIFEST_DIR");
                let path = path.strip_prefix(root).expect("it was found there");
                found.push((path.to_str().expect("sources have plain names").to_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    for directory in ["src", "models", "oracle", "simulator", "tests", "examples"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut found);
    }
    found
}

fn protocol() -> impl Iterator<Item = (String, String)> {
    sources().into_iter().filter(|(path, _)| path.starts_with("src/protocol/"))
}

fn nothing_in(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        let is_test = path.contains("tests/") || path.ends_with("/tests.rs");
        let allowed = if is_test { TEST_LINES_MAX } else { LINES_MAX };
        (lines > allowed).then(|| format!("{path}: {lines} lines, {allowed} are allowed"))
    });
    nothing_in(long.collect());
}

#[test]
fn lines_are_short() {
    let mut long = Vec::new();
    for (path, text) in sources() {
        let mut in_table = false;
        for (number, line) in (1..).zip(text.lines()) {
            in_table |= line == "#[rustfmt::skip]";
            if !in_table && line.chars().count() > COLUMNS_MAX {
                long.push(format!("{path}:{number}: longer than {COLUMNS_MAX}"));
            }
            in_table &= line != "};" && line != "];" && line != "}";
        }
    }
    nothing_in(long);
}

/// Comments may name what is absent; code may not use it.
#[test]
fn the_protocol_uses_no_clock_thread_chance_or_hash_order() {
    let mut found = Vec::new();
    for (path, text) in protocol() {
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split("//").next().unwrap_or_default();
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let banned = ["HashMap", "HashSet", "Instant", "SystemTime", "thread", "rand"];
            if let Some(word) = words.find(|word| banned.contains(word)) {
                found.push(format!("{path}:{number}: `{word}`"));
            }
        }
    }
    nothing_in(found);
}

/// `node.rs` and the uppermost `mod.rs` decide nothing: they only hand on, and list.
#[test]
fn every_decision_of_the_protocol_cites() {
    let cites = |text: &str| {
        let starts = |word: &str| {
            let mut letters = word.chars();
            letters.next().is_some_and(|c| "SCPTLE".contains(c))
                && letters.next().is_some_and(|c| c.is_ascii_digit())
        };
        let comments = text.lines().filter_map(|line| line.split_once("//"));
        comments.flat_map(|(_, said)| said.split(|c: char| !c.is_alphanumeric())).any(starts)
    };
    let hands_on = |path: &str| path == "src/protocol/mod.rs" || path.ends_with("/node.rs");
    let silent = protocol().filter(|(path, text)| !hands_on(path) && !cites(text));
    nothing_in(silent.map(|(path, _)| path).collect());
}

/// Rows of the table between `<!-- claims -->` and `<!-- /claims -->`: claim, property, model, mutant.
#[test]
fn what_the_readme_claims_exists() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).expect("there is a README");
    let (_, rest) = readme.split_once("<!-- claims -->\n").expect("the table of claims is marked");
    let (table, _) = rest.split_once("<!-- /claims -->").expect("the table of claims ends");
    let rows: Vec<_> = table.trim().lines().skip(2).collect();
    assert!(rows.len() >= 10, "the table of claims has {} rows", rows.len());

    let mut missing = Vec::new();
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, property, models, mutant] = cells[..] else { panic!("not four cells: {row}") };
        if properties::index_of(property).is_none() {
            missing.push(format!("no property \"{property}\""));
        }
        for name in models.split(", ").map(|name| name.trim_matches('`')) {
            if catalogue::find(name).is_none() {
                missing.push(format!("no model `{name}`"));
            }
        }
        let dies = MUTANTS.iter().find(|m| m.name == mutant).is_some_and(|m| match m.fate {
            Fate::Dies { model, by } => by == property && models.contains(&format!("`{model}`")),
            Fate::Equivalent(_) => false,
        });
        if !dies {
            missing.push(format!("no row that \"{mutant}\" dies so: {row}"));
        }
    }
    nothing_in(missing);
}

/// What `scripts/figures.sh` wrote is of this catalogue: each model with the counts that are pinned.
#[test]
fn the_readmes_figures_are_those_that_are_pinned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).expect("there is a README");
    let digits = |cell: &str| cell.replace(',', "").parse::<u64>().ok();
    let shown = |name: &str| {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")))?;
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        Some((digits(cells.get(2)?)?, digits(cells.get(4)?)? as usize))
    };
    let stale = catalogue::CATALOGUE.iter().filter(|model| shown(model.name) != Some(model.pinned));
    nothing_in(stale.map(|model| format!("`{}`: {:?}", model.name, shown(model.name))).collect());
}
