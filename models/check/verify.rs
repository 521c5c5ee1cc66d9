//! Verifies the models of the catalogue and compares with what is expected of them.

use crate::{
    Complaint, Ended, Exit,
    cli::Cli,
    console::{Console, Ink},
    json,
    lab::{self, Lab, Panicked, Wanted, Way},
    names, report, show,
    summary::{self, Vacuous},
    table,
};
use chinwag_models::{
    catalogue::CATALOGUE,
    engine::{End, Finding, Report},
    model::{Expected, Model},
    mutants::Mutant,
    render::Run,
    shows::shown_by,
};

/// What came of one model.
#[derive(Debug)]
pub struct Verified {
    /// The model.
    pub model: &'static Model,
    /// What the search found; nothing if there was no time for it, or if it panicked.
    pub report: Option<Report>,
    /// What is not as expected, in words.
    pub problems: Vec<String>,
    /// A panic.
    pub panicked: bool,
}

impl Verified {
    /// Was every state visited that should have been?
    pub fn is_cut(&self) -> bool {
        let cut = |r: &Report| !matches!(r.end, End::Exhaustive | End::Violation);
        !self.panicked && self.report.as_ref().is_none_or(cut)
    }

    /// Did the search end at a violation? Then there are states that it did not come to.
    pub fn ended_early(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.end == End::Violation)
    }

    fn exit(&self) -> Exit {
        match () {
            () if self.panicked => Exit::Internal,
            () if !self.problems.is_empty() => Exit::Violation,
            () if self.is_cut() => Exit::CutOff,
            () => Exit::AsExpected,
        }
    }
}

/// Verifies what the command line asks for.
pub fn verify(cli: &Cli, console: &Console) -> Ended {
    let (models, mutant) = (chosen(cli)?, names::mutant_if(cli.mutant.as_deref())?);
    let lab = Lab::open(&cli.common);
    table::heading(console, &models, mutant, cli);
    let mut all: Vec<Verified> = Vec::new();
    for model in models {
        let one = verify_model(&lab, model, mutant);
        table::line(console, &one);
        all.push(one);
    }
    let mut shown = Vec::new();
    for one in &all {
        shown.extend(counterexamples(cli, console, &lab, one, mutant)?);
    }
    let vacuous = match cli.only.is_empty() && mutant.is_none() {
        true => Vacuous::find(&all),
        false => Vacuous::default(), // Others may show it, or it without the bug.
    };
    let exit = overall(&all, &vacuous);
    let verdict = summary::verdict(&all, &vacuous, mutant, exit);
    summary::summary(console, &lab, &all, &vacuous, cli, &verdict);
    if cli.pin {
        table::pins(console, &all);
    }
    let words = || report::verified(&cli.common, &lab, &all, &vacuous, &shown, &verdict);
    report::write(&cli.common, report::VERIFIED, words)?;
    json::write(&cli.common, || json::verified(&lab, &all, exit))?;
    Ok(exit)
}

fn chosen(cli: &Cli) -> Result<Vec<&'static Model>, Complaint> {
    if !cli.only.is_empty() {
        let named =
            cli.only.iter().enumerate().filter(|(at, name)| !cli.only[..*at].contains(name));
        return named.map(|(_, name)| names::model(name)).collect();
    }
    Ok(CATALOGUE.iter().filter(|model| cli.deep || !model.deep).collect())
}

fn overall(all: &[Verified], vacuous: &Vacuous) -> Exit {
    let exits: Vec<_> = all.iter().map(Verified::exit).collect();
    let first = |exit| exits.contains(&exit).then_some(exit);
    let vacuous = (!vacuous.is_empty()).then_some(Exit::Violation);
    let worst = first(Exit::Violation).or(first(Exit::Internal));
    worst.or(first(Exit::CutOff)).or(vacuous).unwrap_or(Exit::AsExpected)
}

fn verify_model(lab: &Lab, model: &'static Model, mutant: Option<&'static Mutant>) -> Verified {
    let (problems, panicked) = (Vec::new(), false);
    if lab.is_over() {
        return Verified { model, report: None, problems, panicked };
    }
    // A refuted model is searched to its end all the same: its counts are pinned like any other's.
    let keep_going = model.expected != Expected::Holds;
    let tables = lab::tables(model, mutant);
    match lab.search(&tables, model.name, Wanted { keep_going, states_max: None }) {
        Ok(report) => {
            let problems = match mutant {
                None => problems_of(model, &report),
                Some(_) => violations(model, &report), // The rest is expected of the protocol.
            };
            Verified { model, report: Some(report), problems, panicked }
        }
        Err(Panicked(text)) => {
            Verified { model, report: None, problems: vec![text], panicked: true }
        }
    }
}

fn unseen<'a>(witnesses: &'a [&str], report: &'a Report) -> impl Iterator<Item = String> + 'a {
    let is_seen = |name: &str| report.finding(name).is_some_and(|found| found.depth.is_some());
    let unseen = witnesses.iter().filter(move |name| !is_seen(name));
    unseen.map(|name| format!("NEVER SEEN, though it should be: {name}"))
}

/// What is violated that should hold.
fn violations(model: &Model, report: &Report) -> Vec<String> {
    let refutes = refuted(model);
    let bad = report.violations().filter(|found| Some(found.property.name) != refutes);
    let line = |found: &Finding| {
        let (name, depth) = (found.property.name, found.depth.unwrap_or_default());
        format!("VIOLATED: {name} ({depth} steps)")
    };
    bad.map(line).collect()
}

fn refuted(model: &Model) -> Option<&'static str> {
    match model.expected {
        Expected::Holds => None,
        Expected::Refuted(sentence) => Some(sentence),
    }
}

/// What is not as the catalogue says.
fn problems_of(model: &Model, report: &Report) -> Vec<String> {
    let (mut problems, refutes) = (violations(model, report), refuted(model));
    if !report.is_exhaustive() {
        return problems; // What was not seen yet may be seen later; counts mean nothing.
    }
    if let Some(sentence) = refutes.filter(|s| report.violations().all(|f| f.property.name != *s)) {
        problems.push(format!("NOT REFUTED, though it should be: {sentence}"));
    }
    problems.extend(unseen(shown_by(model.name), report));
    if report.eager_conflicts > 0 {
        problems.push(format!(
            "the reduction `eager` chose between two messages {} times: what it left out is not checked",
            report.eager_conflicts
        ));
    }
    let now = (report.unique, report.depth);
    if model.pinned != (0, 0) && model.pinned != now {
        problems.push(format!(
            "COUNTS CHANGED: {:?} were pinned, now {now:?}. The behaviour of the protocol or of the model \
             changed; if that was meant, say why in the commit and paste what --pin prints",
            model.pinned
        ));
    }
    problems
}

fn no_way(model: &Model, found: &Finding, end: End) -> String {
    let (name, property) = (model.name, show::quoted(found.property.name));
    let bound = table::bound(end);
    format!("the shortest way was not found ({bound}); check show {name} {property} looks for it")
}

/// Draws the first counterexample, which it returns, and writes all of them where that was asked for.
fn counterexamples(
    cli: &Cli,
    console: &Console,
    lab: &Lab,
    one: &Verified,
    mutant: Option<&'static Mutant>,
) -> Result<Option<Run>, Complaint> {
    let Some(report) = &one.report else { return Ok(None) };
    let (refutes, mut first) = (refuted(one.model), None);
    let nobody_looks = console.quiet && cli.common.report.is_none();
    for found in report.violations() {
        let is_news = Some(found.property.name) != refutes && first.is_none() && !nobody_looks;
        if !is_news && cli.common.trace_dir.is_none() {
            continue;
        }
        let tables = lab::tables(one.model, mutant);
        let shown = match show::counterexample(lab, &tables, mutant, &found.property)? {
            Way::Found(shown) => shown,
            Way::None => {
                console.warn(&format!("no way was found to: {}", found.property.name));
                continue;
            }
            Way::Cut(end) => {
                console.warn(&no_way(one.model, found, end));
                continue;
            }
        };
        let (run, written) = shown.write(&cli.common)?;
        if is_news {
            if !console.quiet {
                console.say("");
                console.draw(&run);
            }
            first = Some(run);
        }
        for path in written {
            console.say(&console.ink(Ink::Dim, &format!("wrote {}", path.display())));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chinwag_models::{
        catalogue,
        engine::{Options, search},
    };

    fn verified(name: &str, options: &Options) -> Verified {
        let model = catalogue::find(name).expect("the catalogue has it");
        let report = search(&lab::tables(model, None), options, &mut |_| {});
        Verified {
            model,
            problems: problems_of(model, &report),
            report: Some(report),
            panicked: false,
        }
    }

    #[test]
    fn a_witness_that_no_model_shows_fails_the_run() {
        let all = [verified("reader", &Options { liveness: true, ..Options::default() })];

        let Vacuous { unseen, .. } = Vacuous::find(&all);

        assert!(unseen.contains(&"a forgotten update is requested once more"), "{unseen:?}");
        assert!(!unseen.contains(&"a query waits"), "{unseen:?}");
        assert_eq!(overall(&all, &Vacuous::default()), Exit::AsExpected);
        let vacuous = Vacuous { unseen, untested: Vec::new() };
        assert_eq!(overall(&all, &vacuous), Exit::Violation);
    }

    #[test]
    fn a_promise_that_no_model_puts_to_the_test_fails_the_run() {
        let all = [verified("reader", &Options { liveness: true, ..Options::default() })];

        let Vacuous { untested, .. } = Vacuous::find(&all);

        assert!(untested.contains(&"a read-only replica makes no record"), "{untested:?}");
        assert!(!untested.contains(&"every query ends up answered"), "{untested:?}");
        let vacuous = Vacuous { unseen: Vec::new(), untested };
        assert_eq!(overall(&all, &vacuous), Exit::Violation);
    }

    #[test]
    fn a_model_that_does_not_show_what_it_is_there_for_is_a_problem() {
        let one = verified("reader", &Options { liveness: true, ..Options::default() });
        let report = one.report.expect("it was searched");

        let found: Vec<_> =
            unseen(&["a query waits", "an identifier is forgotten"], &report).collect();

        assert_eq!(found, ["NEVER SEEN, though it should be: an identifier is forgotten"]);
    }

    #[test]
    fn what_was_cut_off_may_yet_show_it() {
        let all = [verified("pair", &Options { states_max: Some(10), ..Options::default() })];

        assert_eq!(overall(&all, &Vacuous::find(&all)), Exit::CutOff);
    }
}
