//! One line a model.

use crate::{
    cli::Cli,
    console::{Console, Ink, count, plural, seconds},
    progress,
    verify::Verified,
};
use chinwag_models::{
    engine::{End, Report},
    model::{Expected, Model},
    mutants::Mutant,
};

/// What is about to be done, and the names of the columns.
pub fn heading(console: &Console, models: &[&'static Model], mutant: Option<&Mutant>, cli: &Cli) {
    let threads = match cli.common.threads {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
        n => n,
    };
    console.say(&format!(
        "chinwag {}: {}, {}{}{}",
        env!("CARGO_PKG_VERSION"),
        plural(models.len(), "model"),
        plural(threads, "thread"),
        if cfg!(debug_assertions) { ", debug build" } else { "" },
        mutant.map_or_else(String::new, |m| format!(", with the seeded bug \"{}\"", m.name)),
    ));
    console.say("");
    console.say(&console.ink(
        Ink::Bold,
        &row([
            "model",
            "unique",
            "generated",
            "depth",
            "time",
            "states/s",
            "B/state",
            "search",
            "verdict",
        ]),
    ));
}

/// The line of one model, and below it what is not as expected.
pub fn line(console: &Console, one: &Verified) {
    let name = one.model.name;
    let Some(report) = &one.report else {
        let (end, verdict) = match one.panicked {
            true => ("-", console.ink(Ink::Bad, "PANICKED")),
            false => ("CUT OFF", console.ink(Ink::Warn, &format!("not begun: {}", why_over()))),
        };
        console.say(&row([name, "", "", "", "", "", "", end, &verdict]));
        return problems(console, one);
    };
    let numbers = [
        count(report.unique),
        count(report.generated),
        report.depth.to_string(),
        seconds(report.seconds),
        count((report.unique as f64 / report.seconds.max(1e-3)) as u64),
        format!("{:.0}", report.bytes_per_state),
    ];
    let [unique, generated, depth, time, rate, size] = numbers.each_ref().map(String::as_str);
    let (ink, words) = outcome(one, report);
    let verdict = console.ink(ink, &words);
    console.say(&row([
        name,
        unique,
        generated,
        depth,
        time,
        rate,
        size,
        end(report.end),
        &verdict,
    ]));
    problems(console, one);
    if let Expected::Refuted(sentence) = one.model.expected
        && let Some(depth) = report.finding(sentence).and_then(|found| found.depth)
    {
        let how = format!("    refutes \"{sentence}\" in {depth} steps: check show {name}");
        console.say(&console.ink(Ink::Dim, &how));
    }
}

/// Why nothing more is begun.
pub fn why_over() -> &'static str {
    bound(if progress::is_interrupted() { End::Stopped } else { End::Time })
}

/// How a search ended, in a word.
pub fn end(end: End) -> &'static str {
    match end {
        End::Exhaustive => "exhaustive",
        End::Violation => "stopped",
        End::States | End::Depth | End::Time | End::Memory | End::Stopped => "CUT OFF",
    }
}

/// The bound that was met.
pub fn bound(end: End) -> &'static str {
    match end {
        End::Time => "no time left",
        End::Memory => "no memory left",
        End::Stopped => "interrupted",
        End::States | End::Depth | End::Exhaustive | End::Violation => "bound met",
    }
}

/// What the search of a model comes to, in words.
pub fn outcome(one: &Verified, report: &Report) -> (Ink, String) {
    if !one.problems.is_empty() {
        return (Ink::Bad, "NOT AS EXPECTED".into());
    }
    if one.is_cut() {
        return (Ink::Warn, format!("nothing found before: {}", bound(report.end)));
    }
    let words = match one.model.expected {
        Expected::Holds => "holds, as expected",
        Expected::Refuted(_) => "refuted, as expected",
    };
    match one.model.pinned {
        (0, 0) => (Ink::Warn, format!("{words} (not pinned)")),
        _ => (Ink::Good, words.into()),
    }
}

fn problems(console: &Console, one: &Verified) {
    for problem in &one.problems {
        console.say(&format!("    {}", console.ink(Ink::Bad, problem)));
    }
}

fn row(cells: [&str; 9]) -> String {
    let [name, unique, generated, depth, time, rate, size, end, verdict] = cells;
    let counts = format!("{name:<16} {unique:>11} {generated:>12} {depth:>5}");
    format!("{counts} {time:>7} {rate:>9} {size:>7}  {end:<10}  {verdict}")
}

/// The counts to paste into the catalogue.
pub fn pins(console: &Console, all: &[Verified]) {
    console.say("");
    for one in all {
        match one.report.as_ref().filter(|report| report.is_exhaustive()) {
            Some(r) => console.say(&format!(
                "        name: \"{}\",  pinned: ({}, {}),",
                one.model.name, r.unique, r.depth
            )),
            None => {
                console.say(&format!("        name: \"{}\",  // not exhaustive", one.model.name))
            }
        }
    }
}
