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
    let models = chosen(cli)?;
    let lab = Lab::open(&cli.common);
    table::heading(console, &models, cli);
    let mut all: Vec<Verified> = Vec::new();
    for model in models {
        let one = verify_model(&lab, model);
        table::line(console, &one);
        all.push(one);
    }
    for one in &all {
        counterexamples(cli, console, &lab, one)?;
    }
    let vacuous = match cli.only.is_empty() {
        true => Vacuous::find(&all),
        false => Vacuous::default(), // The others may show it.
    };
    let exit = overall(&all, &vacuous);
    summary::summary(console, &lab, &all, &vacuous, cli, exit);
    if cli.pin {
        table::pins(console, &all);
    }
    let words = || report::verified(&lab, &all, &vacuous, exit);
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

fn verify_model(lab: &Lab, model: &'static Model) -> Verified {
    let (problems, panicked) = (Vec::new(), false);
    if lab.is_over() {
        return Verified { model, report: None, problems, panicked };
    }
    // A refuted model is searched to its end all the same: its counts are pinned like any other's.
    let keep_going = model.expected != Expected::Holds;
    let tables = lab::tables(model, None);
    match lab.search(&tables, model.name, Wanted { keep_going, states_max: None }) {
        Ok(report) => {
            let problems = problems_of(model, &report);
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

/// What is not as the catalogue says.
fn problems_of(model: &Model, report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    let refutes = match model.expected {
        Expected::Holds => None,
        Expected::Refuted(sentence) => Some(sentence),
    };
    for found in report.violations().filter(|f| Some(f.property.name) != refutes) {
        let (name, depth) = (found.property.name, found.depth.unwrap_or_default());
        problems.push(format!("VIOLATED: {name} ({depth} steps)"));
    }
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

/// Draws the first counterexample, and writes all of them where that was asked for.
fn counterexamples(
    cli: &Cli,
    console: &Console,
    lab: &Lab,
    one: &Verified,
) -> Result<(), Complaint> {
    let Some(report) = &one.report else { return Ok(()) };
    let refutes = match one.model.expected {
        Expected::Holds => None,
        Expected::Refuted(sentence) => Some(sentence),
    };
    let mut drawn = console.quiet;
    for found in report.violations() {
        let expected = Some(found.property.name) == refutes;
        if drawn && cli.common.trace_dir.is_none() || expected && cli.common.trace_dir.is_none() {
            continue;
        }
        let tables = lab::tables(one.model, None);
        let shown = match show::counterexample(lab, &tables, None, &found.property)? {
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
        if !drawn && !expected {
            console.say("");
            console.draw(&run);
            drawn = true;
        }
        for path in written {
            console.say(&console.ink(Ink::Dim, &format!("wrote {}", path.display())));
        }
    }
    Ok(())
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
