//! The kill matrix: which property kills which mutant, in which model, in how many steps.

use crate::{
    Exit,
    console::{Console, Ink, count, plural, seconds},
    lab::Lab,
    mutants::Studied,
    summary::Verdict,
};
use chinwag_models::properties;

/// What is about to be done, and the names of the columns.
pub fn heading(console: &Console) {
    console.say("Each seeded bug must be found out by the property that its row names.");
    console.say("");
    let names = row("mutant", "model", "steps", "states", "time", "found out by");
    console.say(&console.ink(Ink::Bold, &names));
}

/// The line of one mutant, and below it what is not as expected.
pub fn line(console: &Console, one: &Studied) {
    let killer = one.killers.iter().find(|(sentence, _)| Some(*sentence) == one.named);
    let steps = killer.map_or_else(String::new, |(_, depth)| depth.to_string());
    let by = match (killer, one.named) {
        _ if one.cut => console.ink(Ink::Warn, "CUT OFF"),
        (Some((sentence, _)), _) => console.ink(Ink::Good, sentence),
        (None, None) if one.problem.is_none() => console.ink(Ink::Good, "nothing: equivalent"),
        (None, _) => console.ink(Ink::Bad, "NOT AS EXPECTED"),
    };
    let (states, time) = (count(one.states), seconds(one.seconds));
    console.say(&row(one.mutant.name, one.model, &steps, &states, &time, &by));
    if let Some(problem) = &one.problem {
        console.say(&format!("    {}", console.ink(Ink::Bad, problem)));
    }
    let others = one.killers.iter().filter(|(sentence, _)| Some(*sentence) != one.named);
    let others: Vec<_> = others.map(|(sentence, depth)| format!("{sentence} ({depth})")).collect();
    if !others.is_empty() {
        console.say(&console.ink(Ink::Dim, &format!("    also by: {}", others.join(", "))));
    }
}

fn row(name: &str, model: &str, steps: &str, states: &str, time: &str, by: &str) -> String {
    format!("{name:<45} {model:<14} {steps:>5} {states:>9} {time:>7}  {by}")
}

/// For each promise, the mutants that it kills.
pub fn kills(all: &[Studied]) -> Vec<(&'static str, Vec<&'static str>)> {
    let of = |sentence: &'static str| {
        let killed = all.iter().filter(|one| one.killers.iter().any(|(by, _)| *by == sentence));
        (sentence, killed.map(|one| one.mutant.name).collect())
    };
    properties::promises().map(|promise| of(promise.sentence)).collect()
}

/// Prints the other side of the matrix.
pub fn promises(console: &Console, all: &[Studied], kills: &[(&'static str, Vec<&'static str>)]) {
    console.say("");
    console.say(&console.ink(Ink::Bold, "Each promise, and the mutants that it finds out"));
    let cut = all.iter().any(|one| one.cut);
    for (sentence, killed) in kills {
        let number = killed.len();
        let names = match (number, cut) {
            (0, true) => console.ink(Ink::Dim, CUT),
            (0, false) => console.ink(Ink::Bad, NONE),
            _ => console.ink(Ink::Dim, &some(killed)),
        };
        console.say(&format!("  {number:>3}  {sentence:<56} {names}"));
    }
    console.say("");
}

/// What is said of a promise that found out nothing.
pub const NONE: &str = "NONE: it is not known to be able to fail";
/// The same when not all was tried.
pub const CUT: &str = "none before the cut";

/// What the whole comes to: the exit code, and the words for the terminal and for the page alike.
pub fn verdict(
    lab: &Lab,
    all: &[Studied],
    kills: &[(&'static str, Vec<&'static str>)],
) -> (Exit, Verdict) {
    let bad = all.iter().filter(|one| one.problem.is_some()).count();
    let cut = all.iter().filter(|one| one.cut).count();
    let idle = kills.iter().filter(|(_, killed)| killed.is_empty()).count();
    let spent = seconds(lab.seconds());
    let (exit, ink, head, words) = if bad == 0 && cut > 0 {
        let words = format!("{} not studied to the end.", plural(cut, "mutant"));
        (Exit::CutOff, Ink::Warn, "CUT OFF.", words)
    } else if bad > 0 || idle > 0 {
        let (bad, idle) = (plural(bad, "mutant"), plural(idle, "promise"));
        let words = format!("{bad} not as the row says, {idle} without a mutant ({spent}).");
        (Exit::Violation, Ink::Bad, "NOT AS EXPECTED.", words)
    } else {
        let dead = all.iter().filter(|one| one.named.is_some()).count();
        let words = format!(
            "{} found out by the property that is meant for it, {} equivalent and found out by nothing; \
             every promise finds out one at least ({spent}). check mutants NAME shows how.",
            plural(dead, "mutant"),
            all.len() - dead
        );
        (Exit::AsExpected, Ink::Good, "AS EXPECTED.", words)
    };
    (exit, Verdict { ink, head, paragraphs: vec![words] })
}

fn some(names: &[&str]) -> String {
    let shown: Vec<_> = names.iter().take(2).copied().collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
