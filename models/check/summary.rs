//! What the whole run comes to, in words that promise no more than was checked.

use crate::{
    Exit,
    cli::Cli,
    console::{Console, Ink, bytes, count, plural, seconds},
    lab::Lab,
    progress, vacuity,
    verify::Verified,
};
use chinwag_models::{
    engine::{Expectation, Report},
    model::Expected,
    mutants::Mutant,
    properties::{Kind, PROPERTIES},
};

/// Where a witness was first seen: in which model, and after how many steps.
pub fn first_seen<'a>(all: &'a [Verified], sentence: &str) -> Option<(&'a str, usize)> {
    all.iter().find_map(|one| {
        let found = one.report.as_ref()?.finding(sentence)?;
        Some((one.model.name, found.depth?))
    })
}

/// What was promised of nothing: situations and promises of which nothing was checked.
#[derive(Debug, Default)]
pub struct Vacuous {
    /// The witnesses that no model shows.
    pub unseen: Vec<&'static str>,
    /// The promises that were judged only where their premise never came about.
    pub untested: Vec<&'static str>,
}

impl Vacuous {
    /// Looks through a run of the whole catalogue.
    pub fn find(all: &[Verified]) -> Self {
        Self { unseen: unseen_anywhere(all), untested: untested_anywhere(all) }
    }

    /// Was everything put to the test?
    pub fn is_empty(&self) -> bool {
        self.unseen.is_empty() && self.untested.is_empty()
    }
}

fn unseen_anywhere(all: &[Verified]) -> Vec<&'static str> {
    let witnesses = PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes).map(|p| p.sentence);
    witnesses.filter(|sentence| first_seen(all, sentence).is_none()).collect()
}

fn untested_anywhere(all: &[Verified]) -> Vec<&'static str> {
    let reports = || all.iter().filter_map(|one| one.report.as_ref());
    let tested = |promise: &str| {
        let judged = |r: &&Report| r.finding(promise).is_some_and(|found| found.checked);
        reports().filter(judged).any(|report| vacuity::is_put_to_the_test(report, promise))
    };
    let promises = PROPERTIES.iter().filter(|p| p.kind == Kind::Always).map(|p| p.sentence);
    promises.filter(|promise| !tested(promise)).collect()
}

/// Prints it.
pub fn summary(
    console: &Console,
    lab: &Lab,
    all: &[Verified],
    vacuous: &Vacuous,
    cli: &Cli,
    verdict: &Verdict,
) {
    console.say("");
    witnesses(console, all, &vacuous.unseen, cli);
    numbers(console, lab, all);
    console.say("");
    never_happened(console, all);
    verdict.print(console);
}

fn never_happened(console: &Console, all: &[Verified]) {
    let idle = all.iter().map(|one| (one.model.name, vacuity::never_happened(one)));
    for (model, kinds) in idle.filter(|(_, kinds)| !kinds.is_empty()) {
        let words = format!(
            "WARNING: model {model} allows {}, and it never happened there: nothing was checked of it.",
            kinds.join(", ")
        );
        console.say(&console.ink(Ink::Bad, &words));
    }
}

/// Where a witness was first seen, or why it was not, in words.
pub fn where_seen(all: &[Verified], sentence: &str, unseen: &[&str]) -> (Option<Ink>, String) {
    match first_seen(all, sentence) {
        Some((model, depth)) => (None, format!("{model}, after {}", plural(depth, "step"))),
        None if all.iter().any(Verified::is_cut) => (Some(Ink::Dim), "not before the cut".into()),
        None if all.iter().any(Verified::ended_early) => {
            (Some(Ink::Dim), "not before the violation".into())
        }
        None if unseen.contains(&sentence) => (Some(Ink::Bad), "NEVER SEEN".into()),
        None => (Some(Ink::Dim), "not in these models".into()),
    }
}

fn witnesses(console: &Console, all: &[Verified], unseen: &[&str], cli: &Cli) {
    console.say(
        &console.ink(Ink::Bold, "Witnesses: what must happen somewhere, and where it first did"),
    );
    for property in PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes) {
        let (sentence, source) = (property.sentence, property.source);
        let seen = match where_seen(all, sentence, unseen) {
            (Some(ink), words) => console.ink(ink, &words),
            (None, words) => words,
        };
        console.say(&format!("  {source:<5} {sentence:<53} {seen}"));
    }
    if !cli.only.is_empty() {
        let all = "(with --only, a witness that is not seen is no failure)";
        console.say(&console.ink(Ink::Dim, &format!("  {all}")));
    }
    console.say("");
}

fn numbers(console: &Console, lab: &Lab, all: &[Verified]) {
    let reports = || all.iter().filter_map(|one| one.report.as_ref());
    let promises = |r: &Report| {
        let checked = r.findings.iter().filter(|f| f.checked);
        checked.filter(|f| f.property.expectation != Expectation::Sometimes).count()
    };
    let most = reports().map(promises).max().unwrap_or(0);
    let states: u64 = reports().map(|r| r.unique).sum();
    let fair: u64 = reports().map(|r| r.fair_states).sum();
    let collision: f64 = reports().map(|r| r.collision_probability).fold(0.0, |a, b| a + b);
    let peak = reports().map(|r| r.peak_rss).max().unwrap_or(0);
    let field = |name: &str, text: String| {
        console.say(&format!("{} {text}", console.ink(Ink::Dim, &format!("{name:<11}"))));
    };
    if reports().next().is_none() {
        return;
    }
    let tested = match untested_anywhere(all).len() {
        0 => "each put to the test".to_owned(),
        some => format!("{some} of them not put to the test"),
    };
    let models = plural(reports().count(), "model");
    field("Promises", format!("{most}, in {models}, {tested}"));
    field("States", format!("{} and {} on fair continuations", count(states), count(fair)));
    field(
        "Collisions",
        format!("two states took each other's place with probability < {collision:.1e}"),
    );
    field("Time", format!("{}, peak memory {}", seconds(lab.seconds()), bytes(peak)));
}

/// What the whole run comes to.
#[derive(Debug)]
pub struct Verdict {
    /// How the head is meant.
    pub ink: Ink,
    /// Two or three words.
    pub head: &'static str,
    /// What they mean, a paragraph each.
    pub paragraphs: Vec<String>,
}

impl Verdict {
    /// Says it on the terminal.
    pub fn print(&self, console: &Console) {
        console.say(&console.ink(self.ink, self.head));
        self.paragraphs.iter().for_each(|words| console.paragraph(words));
    }
}

/// What a verification comes to, in words for the terminal and for the page alike.
pub fn verdict(
    all: &[Verified],
    vacuous: &Vacuous,
    mutant: Option<&Mutant>,
    exit: Exit,
) -> Verdict {
    let mut verdict = match exit {
        Exit::AsExpected => {
            Verdict { ink: Ink::Good, head: "AS EXPECTED.", paragraphs: vec![as_expected(all)] }
        }
        Exit::CutOff => {
            Verdict { ink: Ink::Warn, head: "CUT OFF.", paragraphs: vec![cut_off(all)] }
        }
        Exit::Violation | Exit::Internal | Exit::Usage => Verdict {
            ink: Ink::Bad,
            head: "NOT AS EXPECTED.",
            paragraphs: not_as_expected(all, vacuous),
        },
    };
    if let Some(Mutant { name, slip, .. }) = mutant {
        verdict.head = match exit {
            Exit::AsExpected => "NOT FOUND OUT.",
            Exit::Violation => "FOUND OUT.",
            _ => verdict.head,
        };
        let words = format!("This is not the protocol: the seeded bug \"{name}\" ({slip}) is in.");
        verdict.paragraphs.insert(0, words);
    }
    verdict
}

fn names(all: &[Verified], which: impl Fn(&Verified) -> bool) -> String {
    let those = all.iter().filter(|one| which(one)).map(|one| one.model.name);
    those.collect::<Vec<_>>().join(", ")
}

fn cut_off(all: &[Verified]) -> String {
    let what = match progress::is_interrupted() {
        true => "It was interrupted",
        false => "A bound was met",
    };
    let cut = names(all, Verified::is_cut);
    format!(
        "{what} before every state was visited: {cut}. What was visited is as expected; of the rest \
         nothing is known."
    )
}

fn not_as_expected(all: &[Verified], vacuous: &Vacuous) -> Vec<String> {
    let bad = names(all, |one| !one.problems.is_empty());
    let bad = (!bad.is_empty()).then(|| format!("See the lines of: {bad}."));
    let promised_of_nothing = [
        (
            "Never seen in any model, so that what is promised of it is promised of nothing",
            &vacuous.unseen,
        ),
        (
            "Promises that no model put to the test, since what they speak of never happened there",
            &vacuous.untested,
        ),
    ];
    let idle = promised_of_nothing.into_iter().filter(|(_, which)| !which.is_empty());
    bad.into_iter()
        .chain(idle.map(|(what, which)| format!("{what}: {}.", which.join("; "))))
        .collect()
}

fn as_expected(all: &[Verified]) -> String {
    let refuted = all.iter().filter(|one| one.model.expected != Expected::Holds).count();
    let held = all.len() - refuted;
    let mut words = format!(
        "Every promise holds in every reachable state of {}, and at the end of the fair continuation of each",
        plural(held, "model")
    );
    if refuted > 0 {
        words += &format!("; {} shows what is not promised", plural(refuted, "model"));
    }
    words += ". The search was exhaustive within the bounds of the models (check --list shows them): \
              scripts, retries and crashes are bounded, the order and delay of messages are not. It says \
              nothing about larger clusters or longer scripts.";
    let eager = all.iter().filter(|one| one.model.eager).map(|one| one.model.name);
    let eager: Vec<_> = eager.collect();
    if !eager.is_empty() {
        words += &format!(
            " In {} a reply that its client waits for arrives at once: a reduction, compared with complete \
             searches in the tests.",
            eager.join(", ")
        );
    }
    words
}
