//! Plays scenarios on the model, and compares what they print with what their texts say.

use crate::{
    Complaint, Ended, Exit,
    cli::{Common, ScenarioArgs},
    console::{Console, Ink, plural},
    input::Wanted,
    json, names, show,
};
use chinwag_models::{
    mutants::Mutant,
    recording::Judged,
    render,
    scenario::{By, Mismatch, PROTOCOL, Played, Script, Whose},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const SCENARIO: Wanted = Wanted {
    what: "a scenario",
    remedy: "tests/scenarios has some, and its README.md the language",
    bytes_max: 4 << 20,
};

/// A scenario that was played.
struct Done<'a> {
    file: &'a Path,
    played: Played,
}

/// Plays all: exit 0 if each prints what its text says, and breaks no promise but what the text says.
pub fn scenarios(args: &ScenarioArgs, common: &Common, console: &Console) -> Ended {
    let mutant = names::mutant_if(args.mutant.as_deref())?;
    // All are read before the first is played: what makes no sense is said at once.
    let read = |file: &PathBuf| Ok((file.clone(), read(file)?.1));
    let scripts: Vec<_> = args.files.iter().map(read).collect::<Result<_, Complaint>>()?;
    let mut all = Vec::new();
    for (file, script) in &scripts {
        let played = play(file, script, mutant)?;
        say(file, &played, console);
        write(file, &played, common, console)?;
        all.push(Done { file, played });
    }
    let bad = all.iter().filter(|done| !is_good(&done.played)).count();
    let exit = if bad == 0 { Exit::AsExpected } else { Exit::Violation };
    let total = plural(all.len(), "scenario");
    console.say("");
    console.say(&match bad {
        0 => console.ink(Ink::Good, &format!("AS EXPECTED: {total}.")),
        _ => console.ink(Ink::Bad, &format!("NOT AS EXPECTED: {bad} of {total}.")),
    });
    json::write(common, || {
        json!({
            "format": json::FORMAT,
            "command": "scenario",
            "exit": exit as u8,
            "scenarios": all.iter().map(told).collect::<Vec<_>>(),
        })
    })?;
    Ok(exit)
}

/// A scenario's title and text. Errors name the file.
pub fn read(file: &Path) -> Result<(String, Script), Complaint> {
    let complain = |why: String| Complaint(format!("{}: {why}", file.display()));
    let text = SCENARIO.read(file).map_err(complain)?;
    let hint = if is_of_the_simulator(&text) { SIMULATED } else { "" };
    let script = Script::read(&text).map_err(|why| complain(format!("{why}{hint}")))?;
    if !hint.is_empty() {
        return Err(complain(format!("it is no scenario of tests/scenarios{hint}")));
    }
    if script.has_no_command() {
        return Err(complain("there is no command in it, only comments".to_owned()));
    }
    Ok((file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), script))
}

const SIMULATED: &str = ": it is one of `simulate`, which has another language: `simulate --scenario FILE \
                         --record DIR` records it, and `check explore DIR` shows it";

/// Does it have lines that only scenarios of the simulator have?
fn is_of_the_simulator(text: &str) -> bool {
    let number = |word: &str| word.parse::<u64>().is_ok();
    text.lines().any(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["seed", n] | ["do" | "fault", n, ..] => number(n),
        ["durability", _] => true,
        _ => false,
    })
}

fn play(
    file: &Path,
    script: &Script,
    mutant: Option<&'static Mutant>,
) -> Result<Played, Complaint> {
    let complain = |why: String| Complaint(format!("{}: {why}", file.display()));
    if mutant.is_some() && script.has_its_own_bug() {
        let why = "it says itself which bug is in: no --mutant";
        return Err(complain(why.to_owned()));
    }
    let title = file.file_stem().unwrap_or_default().to_string_lossy();
    script.played(mutant.map_or(PROTOCOL, By::from), &title).map_err(complain)
}

fn is_good(played: &Played) -> bool {
    played.recording.judged == Judged::Good
}

fn say(file: &Path, played: &Played, console: &Console) {
    let recording = &played.recording;
    let ink = if is_good(played) { Ink::Good } else { Ink::Bad };
    let steps = plural(recording.moments.len(), "step");
    let line = format!("{} ({steps})", console.ink(ink, &recording.headline));
    console.say(&format!("{}: {line}", file.display()));
    if console.quiet || is_good(played) {
        return;
    }
    if played.broken.is_empty() {
        played.mismatches.iter().for_each(|mismatch| say_difference(mismatch, console));
    } else {
        console.say("");
        console.draw(&recording.run);
    }
}

/// What the text says and what is printed, line by line.
fn say_difference(mismatch: &Mismatch, console: &Console) {
    console.say(&format!("\n  line {}: {}", mismatch.line, mismatch.command));
    for (whose, line) in mismatch.lines() {
        console.say(&match whose {
            Whose::Both => console.ink(Ink::Dim, &format!("      {line}")),
            Whose::Expected => console.ink(Ink::Bad, &format!("    - {line}")),
            Whose::Printed => console.ink(Ink::Good, &format!("    + {line}")),
        });
    }
    console.say(&console.ink(Ink::Dim, "    (- the text says, + it prints)"));
}

/// The pictures of one that is not as it should be.
fn write(
    file: &Path,
    played: &Played,
    common: &Common,
    console: &Console,
) -> Result<(), Complaint> {
    let Some(dir) = common.trace_dir.as_ref().filter(|_| !is_good(played)) else { return Ok(()) };
    let in_dir = |error| Complaint(format!("--trace-dir {}: {error}", dir.display()));
    let stem = show::slug(&file.file_stem().unwrap_or_default().to_string_lossy());
    let written = render::write_all(dir, &stem, &played.recording.run).map_err(in_dir)?;
    for path in written {
        console.say(&console.ink(Ink::Dim, &format!("wrote {}", path.display())));
    }
    Ok(())
}

fn told(Done { file, played }: &Done<'_>) -> Value {
    let Played { recording, mismatches, broken } = played;
    let differs = mismatches.iter().map(|m| {
        json!({
            "line": m.line, "command": m.command, "expected": m.expected, "printed": m.printed,
        })
    });
    json!({
        "file": file.display().to_string(),
        "as_expected": is_good(played),
        "verdict": recording.headline,
        "steps": recording.moments.len(),
        "violated": broken,
        "why": recording.why,
        "differs": differs.collect::<Vec<_>>(),
    })
}
