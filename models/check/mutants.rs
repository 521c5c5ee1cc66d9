//! Studies the seeded bugs: each must be found out by the property that its row names.

use crate::{
    Ended, Exit,
    cli::Common,
    console::{Console, Ink, count, seconds},
    json,
    lab::{self, Lab, Panicked, Wanted, Way},
    matrix, names, report, show,
};
use chinwag_models::{
    catalogue::{self, CATALOGUE},
    engine::{End, Finding, Report},
    model::{Expected, Model},
    mutants::{Fate, MUTANTS, Mutant},
};
use std::time::Instant;

/// What came of one mutant.
#[derive(Debug)]
pub struct Studied {
    /// The mutant.
    pub mutant: &'static Mutant,
    /// The model in which it was studied; for one that should survive, all of them.
    pub model: &'static str,
    /// The property that should find it out; none if nothing should.
    pub named: Option<&'static str>,
    /// The properties that did, with the length of the shortest way there.
    pub killers: Vec<(&'static str, usize)>,
    /// What is not as the row says.
    pub problem: Option<String>,
    /// A bound on time or memory was met.
    pub cut: bool,
    /// States visited.
    pub states: u64,
    /// Time taken.
    pub seconds: f64,
}

/// Models with more states than this are not tried on mutants that should survive.
const SURVIVAL_STATES_MAX: u64 = 300_000;

/// Studies all of them and prints the kill matrix.
pub fn all(wanted: Wanted, common: &Common, console: &Console) -> Ended {
    let lab = Lab::open(common);
    matrix::heading(console);
    let mut all = Vec::new();
    for mutant in MUTANTS {
        let one = study(&lab, mutant, wanted);
        matrix::line(console, &one);
        all.push(one);
    }
    let kills = matrix::kills(&all);
    matrix::promises(console, &all, &kills);
    let (exit, verdict) = matrix::verdict(&lab, &all, &kills);
    verdict.print(console);
    report::write(common, report::MUTANTS, || report::studied(&all, &kills, &verdict))?;
    json::write(common, || json::studied(&lab, &all, &kills, exit))?;
    Ok(exit)
}

/// Shows how one of them is found out, or that it survives.
pub fn one(name: &str, common: &Common, console: &Console) -> Ended {
    let mutant = names::mutant(name)?;
    match mutant.fate {
        Fate::Dies { model, by } => {
            let shown = show::show(model, Some(by), Some(mutant.name), common, console)?;
            Ok(match shown {
                Exit::Violation => Exit::AsExpected, // That it is found out is what its row says.
                Exit::AsExpected => Exit::Violation,
                other => other,
            })
        }
        Fate::Equivalent(argument) => {
            let lab = Lab::open(common);
            let one = study(&lab, mutant, Wanted::default());
            console.paragraph(&format!("\"{}\" ({})", mutant.name, mutant.slip));
            console.paragraph(&format!("Nobody can tell it from the protocol: {argument}"));
            let found = format!("{} states in {}", count(one.states), seconds(one.seconds));
            let (ink, words) = match (&one.problem, one.cut) {
                (Some(problem), _) => (Ink::Bad, problem.as_str()),
                (None, true) => (Ink::Warn, "CUT OFF before it was studied in every model"),
                (None, false) => (Ink::Good, "survives, as expected"),
            };
            console.say(&format!("{}: {found} ({})", console.ink(ink, words), one.model));
            Ok(one.exit())
        }
    }
}

impl Studied {
    /// The exit code that it calls for.
    pub fn exit(&self) -> Exit {
        match (&self.problem, self.cut) {
            (Some(_), _) => Exit::Violation,
            (None, true) => Exit::CutOff,
            (None, false) => Exit::AsExpected,
        }
    }
}

fn study(lab: &Lab, mutant: &'static Mutant, wanted: Wanted) -> Studied {
    let started = Instant::now();
    let blank = Studied {
        mutant,
        model: "every model",
        named: None,
        killers: Vec::new(),
        problem: None,
        cut: lab.is_over(),
        states: 0,
        seconds: 0.0,
    };
    let mut one = match mutant.fate {
        _ if blank.cut => blank,
        Fate::Dies { model, by } => {
            let one = Studied { model, named: Some(by), ..blank };
            match catalogue::find(model) {
                Some(model) => dies(lab, one, model, by, wanted),
                None => Studied { problem: Some(format!("there is no model \"{model}\"")), ..one },
            }
        }
        Fate::Equivalent(_) => survives(lab, blank),
    };
    one.seconds = started.elapsed().as_secs_f64();
    one
}

fn dies(lab: &Lab, mut one: Studied, model: &Model, by: &str, wanted: Wanted) -> Studied {
    let tables = lab::tables(model, Some(one.mutant));
    match lab.search(&tables, one.mutant.name, wanted) {
        Ok(report) => {
            one.note(&report);
            if one.cut || one.killers.iter().any(|(sentence, _)| *sentence == by) {
                return one;
            }
        }
        Err(Panicked(text)) => return Studied { problem: Some(text), ..one },
    }
    // Another property was quicker; it may be violated farther on.
    let Ok(property) = names::property(tables.system(), by) else {
        return Studied { problem: Some(format!("there is no property \"{by}\"")), ..one };
    };
    match lab.shortest(&tables, &property, wanted.states_max) {
        Ok(Way::Found(trace)) => one.killers.push((property.name, trace.depth())),
        Ok(Way::None) => one.problem = Some(format!("SURVIVES \"{by}\"")),
        Ok(Way::Cut(End::States)) => {
            let states = count(wanted.states_max.unwrap_or_default());
            one.problem = Some(format!("SURVIVES \"{by}\" in the first {states} states"));
        }
        Ok(Way::Cut(_)) => one.cut = true,
        Err(Panicked(text)) => one.problem = Some(text),
    }
    one
}

/// Nothing must find it out, in any model that is small enough and in which nothing is refuted anyway.
fn survives(lab: &Lab, mut one: Studied) -> Studied {
    let small = |m: &&Model| !m.deep && m.pinned.0 <= SURVIVAL_STATES_MAX;
    for model in CATALOGUE.iter().filter(small).filter(|m| m.expected == Expected::Holds) {
        let tables = lab::tables(model, Some(one.mutant));
        let wanted = Wanted { keep_going: false, states_max: Some(2 * SURVIVAL_STATES_MAX) };
        match lab.search(&tables, one.mutant.name, wanted) {
            Ok(report) => {
                one.note(&report);
                if let Some((sentence, depth)) = one.killers.first() {
                    let problem =
                        format!("DIES by \"{sentence}\" in {}, {depth} steps", model.name);
                    return Studied { problem: Some(problem), ..one };
                }
                if one.cut {
                    return one;
                }
            }
            Err(Panicked(text)) => return Studied { problem: Some(text), ..one },
        }
    }
    one
}

impl Studied {
    fn note(&mut self, report: &Report) {
        self.states += report.unique;
        let bounded = !report.is_exhaustive() && report.violations().next().is_none();
        self.cut |= bounded && report.end != End::States;
        let killers = report.violations();
        self.killers.extend(killers.map(|f: &Finding| (f.property.name, f.depth.unwrap_or(0))));
    }
}
