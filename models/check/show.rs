//! Shows the shortest way to a violation or to a witness.

use crate::{
    Complaint, Ended, Exit,
    cli::Common,
    console::{Console, Ink},
    files::{self, Replay},
    json,
    lab::{self, Lab, Panicked, Wanted, Way},
    names, table,
};
use chinwag_models::{
    engine::{End, Expectation, PropertyInfo, Tables, Trace},
    model::{Expected, Model},
    mutants::Mutant,
    render::{self, Run, TextStyle},
    scenario,
    story::{self, About},
    system::System,
};
use std::path::PathBuf;

/// Columns of an exported text.
const EXPORT_COLUMNS: usize = 100;

/// A run, and what it takes to replay it.
#[derive(Debug)]
pub struct Shown {
    /// The run.
    pub run: Run,
    stem: String,
    replay: Replay,
    /// The same as a scenario, if one can say it.
    scenario: Option<String>,
}

impl Shown {
    /// Tells a trace.
    pub fn of(
        system: &System,
        trace: &Trace<System>,
        mutant: Option<&'static Mutant>,
        property: Option<&PropertyInfo>,
        command: &str,
    ) -> Self {
        let model = &system.model;
        let run = story::tell(system, trace, &About { mutant, property, replay: command });
        let replay = Replay::of(system, trace, mutant, property, &run);
        let parts = [Some(model.name), mutant.map(|m| m.name), property.map(|p| p.name)];
        let stem = slug(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
        let scenario = scenario::export(system, trace, mutant, property).ok();
        Shown { run, stem, replay, scenario }
    }

    /// The file of one of the [`EXPORTS`]: its name and its text.
    pub fn exported(&self, format: &str) -> Option<(String, String)> {
        let text = match format {
            "svg" => render::svg(&self.run),
            "itf.json" => format!("{:#}\n", render::itf(&self.run)),
            "shiviz.log" => render::shiviz(&self.run),
            "txt" => render::text(&self.run, &TextStyle::plain(EXPORT_COLUMNS)),
            "json" => format!("{:#}\n", serde_json::json!(self.run)),
            "replay.json" => self.replay.to_text(),
            _ => return None,
        };
        Some((self.named(format), text))
    }

    /// The name of its file of a format.
    pub fn named(&self, format: &str) -> String {
        format!("{}.{format}", self.stem)
    }

    /// Writes it where that was asked for, and from then on replays from there.
    pub fn write(mut self, common: &Common) -> Result<(Run, Vec<PathBuf>), Complaint> {
        let Some(dir) = &common.trace_dir else { return Ok((self.run, Vec::new())) };
        let file = dir.join(format!("{}.replay.json", self.stem));
        self.run.replay = format!("{} replay {}", files::COMMAND, quoted(&file.to_string_lossy()));
        self.replay.run = self.run.clone();
        let in_dir = |error| Complaint(format!("--trace-dir {}: {error}", dir.display()));
        let mut written = render::write_all(dir, &self.stem, &self.run).map_err(in_dir)?;
        std::fs::write(&file, self.replay.to_text()).map_err(in_dir)?;
        written.push(file);
        if let Some(text) = &self.scenario {
            let file = dir.join(format!("{}.scenario.txt", self.stem));
            std::fs::write(&file, text).map_err(in_dir)?;
            written.push(file);
        }
        Ok((self.run, written))
    }
}

/// The formats of [`Shown::exported`].
pub const EXPORTS: [&str; 6] = ["svg", "itf.json", "shiviz.log", "txt", "json", "replay.json"];

/// The command that finds the same again.
fn recompute(model: &Model, mutant: Option<&Mutant>, property: &PropertyInfo) -> String {
    let mut command = format!("{} show {} {}", files::COMMAND, model.name, quoted(property.name));
    if let Some(mutant) = mutant {
        command += &format!(" --mutant {}", quoted(mutant.name));
    }
    command
}

/// The text as a shell takes it.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The text as part of a file's name.
pub fn slug(text: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(letter).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// The shortest counterexample to a property, or witness, as a run.
pub fn counterexample(
    lab: &Lab,
    tables: &Tables<System>,
    mutant: Option<&'static Mutant>,
    property: &PropertyInfo,
) -> Result<Way<Shown>, Complaint> {
    let found = lab.shortest(tables, property, None);
    let trace = found.unwrap_or_else(|Panicked(text)| panic!("{text}"));
    let command = recompute(&tables.system().model, mutant, property);
    Ok(trace.map(|trace| Shown::of(tables.system(), &trace, mutant, Some(property), &command)))
}

/// Shows what was asked for.
pub fn show(
    model: &str,
    words: Option<&str>,
    mutant: Option<&str>,
    common: &Common,
    console: &Console,
) -> Ended {
    let (model, mutant) = (names::model(model)?, names::mutant_if(mutant)?);
    let lab = Lab::open(common);
    let tables = lab::tables(model, mutant);
    let property = match (words, model.expected) {
        (Some(words), _) => Way::Found(names::property(tables.system(), words)?),
        (None, Expected::Refuted(words)) => Way::Found(names::property(tables.system(), words)?),
        (None, Expected::Holds) => first_violated(&lab, model, mutant)?,
    };
    let property = match property {
        Way::Found(property) => property,
        Way::None => {
            console.say(&format!("Nothing is violated in model {}.", model.name));
            return Ok(Exit::AsExpected);
        }
        Way::Cut(end) => return Ok(cut_off(console, "nothing was violated", end)),
    };
    let words = match property.expectation {
        Expectation::Sometimes => "seen",
        Expectation::Always | Expectation::Finally => "violated",
    };
    let shown = match counterexample(&lab, &tables, mutant, &property)? {
        Way::Found(shown) => shown,
        Way::None => {
            console
                .say(&format!("\"{}\" is never {words} in model {}.", property.name, model.name));
            return Ok(Exit::AsExpected);
        }
        Way::Cut(end) => {
            let so_far = format!("\"{}\" was not {words}", property.name);
            return Ok(cut_off(console, &so_far, end));
        }
    };
    let (run, written) = shown.write(common)?;
    present(console, &run, &written);
    let exit = exit_of(&run, model, &property);
    json::write(common, || json::shown("show", &run, exit))?;
    Ok(exit)
}

/// Says that a bound was met before anything else could be said.
fn cut_off(console: &Console, so_far: &str, end: End) -> Exit {
    let cut = console.ink(Ink::Warn, "CUT OFF:");
    console.say(&format!("{cut} {so_far} before that ({}).", table::bound(end)));
    Exit::CutOff
}

/// Draws a run, and says what was written.
pub fn present(console: &Console, run: &Run, written: &[PathBuf]) {
    match console.quiet {
        true => console.say(&format!("{}: {}", run.title, run.verdict)),
        false => console.draw(run),
    }
    for path in written {
        console.say(&console.ink(Ink::Dim, &format!("wrote {}", path.display())));
    }
}

/// A violation is one, unless the model is there to show it.
fn exit_of(run: &Run, model: &Model, property: &PropertyInfo) -> Exit {
    let expected = model.expected == Expected::Refuted(property.name);
    if run.is_counterexample() && !expected { Exit::Violation } else { Exit::AsExpected }
}

fn first_violated(
    lab: &Lab,
    model: &Model,
    mutant: Option<&Mutant>,
) -> Result<Way<PropertyInfo>, Complaint> {
    let tables = lab::tables(model, mutant);
    let report = lab.search(&tables, model.name, Wanted::default());
    let report = report.unwrap_or_else(|Panicked(text)| panic!("{text}"));
    let first = report.violations().min_by_key(|found| found.depth);
    Ok(match first {
        Some(found) => Way::Found(found.property),
        None if report.is_exhaustive() => Way::None,
        None => Way::Cut(report.end),
    })
}
