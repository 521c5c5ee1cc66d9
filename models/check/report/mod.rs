//! A page for people: what was verified, how, and what it comes to. One file that needs nothing else.

mod figures;
mod measure;
mod page;
mod plot;

use crate::{
    Complaint,
    cli::Common,
    console::{Ink, bytes, count, seconds},
    lab::Lab,
    matrix,
    mutants::Studied,
    summary::{self, Vacuous, Verdict},
    table, vacuity,
    verify::Verified,
};
use chinwag_models::{
    model::Expected,
    properties::{self, Kind, PROPERTIES, Premise, Promise, Property, SILENCE, premise_of},
    render::{self, Run},
    story,
};
use page::{escape, inked, section};
use std::{fs, path::Path};

/// The page of a verification.
pub const VERIFIED: &str = "report.html";
/// The page of the mutants.
pub const MUTANTS: &str = "mutants.html";

/// Is there a place for the page? Asked now, not after minutes of searching.
pub fn prepare(common: &Common) -> Result<(), Complaint> {
    let Some(dir) = &common.report else { return Ok(()) };
    let cannot = |error| complaint(dir, error);
    fs::create_dir_all(dir).map_err(cannot)?;
    if let Some(name) = [VERIFIED, MUTANTS].into_iter().find(|name| dir.join(name).is_dir()) {
        return Err(Complaint(format!("--report {}: {name} is a directory", dir.display())));
    }
    let probe = dir.join(".chinwag-report");
    fs::write(&probe, "").and_then(|()| fs::remove_file(&probe)).map_err(cannot)
}

/// Writes the page, if one was asked for.
pub fn write(common: &Common, name: &str, page: impl FnOnce() -> String) -> Result<(), Complaint> {
    let Some(dir) = &common.report else { return Ok(()) };
    fs::write(dir.join(name), page()).map_err(|error| complaint(dir, error))
}

fn complaint(dir: &Path, error: std::io::Error) -> Complaint {
    Complaint(format!(
        "--report {}: {error}; name a directory that can be written to",
        dir.display()
    ))
}

/// The page of a verification.
pub fn verified(
    common: &Common,
    lab: &Lab,
    all: &[Verified],
    vacuous: &Vacuous,
    counterexamples: &[Run],
    verdict: &Verdict,
) -> String {
    let reports = || all.iter().filter_map(|one| one.report.as_ref());
    let subtitle = format!(
        "chinwag {}, check: {} states in {}, peak memory {}",
        env!("CARGO_PKG_VERSION"),
        count(reports().map(|r| r.unique).sum()),
        seconds(lab.seconds()),
        bytes(reports().map(|r| r.peak_rss).max().unwrap_or(0)),
    );
    let shown: String = counterexamples.iter().map(counterexample).collect();
    let body = [
        shown,
        models(all),
        promises(all),
        witnesses(all, vacuous),
        bugs(common.report.as_ref().is_some_and(|dir| dir.join(MUTANTS).is_file())),
        figures::levels(all),
        figures::protocol(),
    ];
    page::page("What was checked of chinwag", &subtitle, verdict, &body.concat())
}

/// Where the page of the seeded bugs is, or how it is made.
fn bugs(has_page: bool) -> String {
    match has_page {
        true => section(
            "Seeded bugs",
            "Another run tried every seeded bug.",
            &format!("<p>Which promise finds it out: <a href=\"{MUTANTS}\">{MUTANTS}</a>.</p>"),
        ),
        false => section(
            "Seeded bugs",
            "Not part of this run.",
            "<p><code>check mutants --report DIR</code> tries every seeded bug, and writes to \
             <code>DIR/mutants.html</code> which promise finds it out.</p>",
        ),
    }
}

/// The diagram of one, with its reasons.
fn counterexample(run: &Run) -> String {
    let diagram = format!("<div class=\"wide\">{}</div>", render::svg(run));
    section("How it comes to that", &format!("{}: {}.", run.claim, run.verdict), &diagram)
}

fn models(all: &[Verified]) -> String {
    let columns = [
        "model and bounds",
        "#states",
        "#steps taken",
        "#depth",
        "#time",
        "#bytes/state",
        "search",
        "verdict",
    ];
    section(
        "Models",
        "Each model is a small cluster. Its search is exhaustive if it saw every state within its bounds.",
        &page::table(&columns, all.iter().map(model)),
    )
}

fn model(one: &Verified) -> Vec<String> {
    let bounds = story::describe_bounds(one.model, None);
    let about = format!(
        "<b>{}</b><small>{}</small><small>{}</small>",
        escape(one.model.name),
        escape(one.model.purpose),
        escape(&bounds)
    );
    let (numbers, end, (ink, words)) = match &one.report {
        Some(r) => {
            let size = format!("{:.0}", r.bytes_per_state);
            let numbers = [
                count(r.unique),
                count(r.generated),
                r.depth.to_string(),
                seconds(r.seconds),
                size,
            ];
            (numbers, table::end(r.end), table::outcome(one, r))
        }
        None if one.panicked => (Default::default(), "-", (Ink::Bad, "PANICKED".into())),
        None => {
            let why = format!("not begun: {}", table::why_over());
            (Default::default(), "CUT OFF", (Ink::Warn, why))
        }
    };
    let mut verdict = inked(ink, &words);
    for problem in &one.problems {
        verdict += &format!("<small class=\"bad\">{}</small>", escape(problem));
    }
    if let Expected::Refuted(sentence) = one.model.expected {
        verdict += &format!("<small>not promised: {}</small>", escape(sentence));
    }
    let idle = vacuity::never_happened(one);
    if !idle.is_empty() {
        verdict += &format!("<small class=\"bad\">never happened: {}</small>", idle.join(", "));
    }
    let end = escape(end);
    [about].into_iter().chain(numbers).chain([end, verdict]).collect()
}

fn promises(all: &[Verified]) -> String {
    let row = |p: Promise| {
        let premise = match premise_of(p.sentence) {
            Some(Premise::Seen(witness)) => witness.to_owned(),
            Some(Premise::Happens(kind)) => format!("an action \"{kind}\""),
            None if p.sentence == SILENCE.sentence => "a fair continuation".to_owned(),
            None => String::new(),
        };
        vec![escape(p.sentence), escape(p.source), escape(&premise), tested_in(all, p.sentence)]
    };
    section(
        "Promises",
        "Sources are the sections of the protocol; the judgement of every end rests on the last promise. A \
         promise is put to the test where it was judged and what it speaks of came about.",
        &page::table(
            &["promise", "source", "what puts it to the test", "put to the test in"],
            properties::promises().map(row),
        ),
    )
}

/// The models that put a promise to the test. One that was cut off did so as far as it came.
fn tested_in(all: &[Verified], promise: &str) -> String {
    let tested = all.iter().filter(|one| {
        one.report.as_ref().is_some_and(|report| {
            report.finding(promise).is_some_and(|found| {
                let tested = vacuity::is_put_to_the_test(report, promise);
                found.checked && (tested || found.is_violation())
            })
        })
    });
    let tested: Vec<_> = tested
        .map(|one| match one.is_cut() {
            true => format!("{} (CUT OFF)", one.model.name),
            false => one.model.name.to_owned(),
        })
        .collect();
    match tested.len() {
        0 if all.iter().any(Verified::ended_early) => {
            inked(Ink::Dim, "none of these models before the violation")
        }
        0 => inked(Ink::Warn, "none of these models"),
        n => format!("{n} of {}<small>{}</small>", all.len(), escape(&tested.join(", "))),
    }
}

fn witnesses(all: &[Verified], vacuous: &Vacuous) -> String {
    let row = |p: &Property| {
        let seen = match summary::where_seen(all, p.sentence, &vacuous.unseen) {
            (Some(ink), words) => inked(ink, &words),
            (None, words) => escape(&words),
        };
        vec![escape(p.sentence), escape(p.source), seen]
    };
    section(
        "Witnesses",
        "What must happen somewhere, or what is promised of it is promised of nothing.",
        &page::table(
            &["witness", "source", "first seen in"],
            PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes).map(row),
        ),
    )
}

/// The page of the mutants.
pub fn studied(all: &[Studied], kills: &[(&str, Vec<&str>)], verdict: &Verdict) -> String {
    let cut = all.iter().any(|one| one.cut);
    let row = |(sentence, killed): &(&str, Vec<&str>)| {
        let names = match (killed.len(), cut) {
            (0, true) => inked(Ink::Dim, matrix::CUT),
            (0, false) => inked(Ink::Bad, matrix::NONE),
            _ => escape(&killed.join("; ")),
        };
        vec![escape(sentence), killed.len().to_string(), names]
    };
    let body = section(
        "Seeded bugs",
        "What an engineer would plausibly write. Each must be found out by the promise that its row names. \
         Steps: the shortest way there.",
        &page::table(
            &["bug", "model", "#steps", "#states", "#time", "found out by"],
            all.iter().map(bug),
        ),
    ) + &section(
        "Promises",
        "Each promise, and the bugs that it finds out. A search stops at the first level that violates \
         something, unless it was run with --keep-going: more promises may be violated farther on.",
        &page::table(&["promise", "#bugs", "which"], kills.iter().map(row)),
    );
    let subtitle = format!(
        "chinwag {}, check mutants. `check --report DIR` writes what was verified without them to \
         DIR/report.html.",
        env!("CARGO_PKG_VERSION")
    );
    page::page("The kill matrix of chinwag", &subtitle, verdict, &body)
}

fn bug(one: &Studied) -> Vec<String> {
    let named = one.killers.iter().find(|(sentence, _)| Some(*sentence) == one.named);
    let mut by = match (&one.problem, named) {
        (Some(problem), _) => inked(Ink::Bad, problem),
        (None, _) if one.cut => inked(Ink::Warn, "CUT OFF"),
        (None, Some((sentence, _))) => inked(Ink::Good, sentence),
        (None, None) => inked(Ink::Good, "nothing: equivalent"),
    };
    for (sentence, depth) in one.killers.iter().filter(|(s, _)| Some(*s) != one.named) {
        by += &format!("<small>also by: {} ({depth})</small>", escape(sentence));
    }
    vec![
        format!("<b>{}</b><small>{}</small>", escape(one.mutant.name), escape(one.mutant.slip)),
        escape(one.model),
        named.map_or_else(String::new, |(_, depth)| depth.to_string()),
        count(one.states),
        seconds(one.seconds),
        by,
    ]
}
