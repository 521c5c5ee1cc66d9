//! Lists what there is.

use crate::{
    Ended, Exit,
    cli::Common,
    console::{Console, Ink, count},
};
use chinwag_models::{
    catalogue::CATALOGUE,
    model::Expected,
    mutants::{Fate, MUTANTS},
    properties::{Kind, PROPERTIES, promises},
    shows::shown_by,
    story,
};

/// Models with their bounds, properties with their sources, mutants with their fates.
pub fn list(console: &Console, _: &Common) -> Ended {
    console.say(&console.ink(Ink::Bold, "Models"));
    for model in CATALOGUE {
        let deep = if model.deep { " (deep)" } else { "" };
        console.say(&format!("  {}{deep}: {}", model.name, model.purpose));
        console.say(&format!("      {}", story::describe_bounds(model, None)));
        if let Expected::Refuted(sentence) = model.expected {
            console.say(&format!("      refutes: {sentence}"));
        }
        console.say(&format!("      shows: {}", shown_by(model.name).join("; ")));
        if model.pinned != (0, 0) {
            let (unique, depth) = model.pinned;
            console.say(&format!("      pinned: {} states, depth {depth}", count(unique)));
        }
    }
    let witnesses = PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes);
    let witnesses = witnesses.map(|p| (p.source, p.sentence)).collect();
    let promised: Vec<_> = promises().map(|p| (p.source, p.sentence)).collect();
    for (heading, sentences) in [("Promises", promised), ("Witnesses", witnesses)] {
        console.say("");
        console.say(&console.ink(Ink::Bold, heading));
        for (source, sentence) in sentences {
            console.say(&format!("  {source:<8} {sentence}"));
        }
    }
    let numbers = "(P: a promise, C: a corner case of tests/scenarios/README.md, S: a statement of \
                   docs/protocol.md, -: what the judgement of every end rests on)";
    console.say(&console.ink(Ink::Dim, &format!("  {numbers}")));
    console.say("");
    console.say(&console.ink(Ink::Bold, "Mutants"));
    for mutant in MUTANTS {
        let fate = match mutant.fate {
            Fate::Dies { model, by } => format!("dies in {model} by: {by}"),
            Fate::Equivalent(argument) => format!("equivalent: {argument}"),
        };
        console.say(&format!("  {}: {}", mutant.name, mutant.slip));
        console.say(&console.ink(Ink::Dim, &format!("      {fate}")));
    }
    Ok(Exit::AsExpected)
}
