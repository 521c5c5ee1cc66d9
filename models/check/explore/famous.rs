//! What the page links to: every model, every seeded bug with its counterexample, every corner case.

use super::{FIRST_MODEL, scenarios};
use chinwag_models::{
    catalogue::CATALOGUE,
    model::Expected,
    mutants::{Fate, MUTANTS},
    properties::{Kind, PROPERTIES},
};
use serde_json::{Value, json};

/// Everything that the page lists.
pub fn catalogue() -> Value {
    let models = CATALOGUE.iter().filter(|model| !model.deep).map(|model| {
        let refutes = match model.expected {
            Expected::Refuted(sentence) => Some(sentence),
            Expected::Holds => None,
        };
        json!({ "name": model.name, "purpose": model.purpose, "refutes": refutes })
    });
    let mutants = MUTANTS.iter().map(|mutant| {
        let (model, by, why) = match mutant.fate {
            Fate::Dies { model, by } => (model, Some(by), None),
            Fate::Equivalent(why) => ("pair", None, Some(why)),
        };
        json!({ "name": mutant.name, "slip": mutant.slip, "model": model, "by": by, "why": why })
    });
    let witnesses = PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes).map(|p| {
        let listed = WITNESSED.iter().find(|(sentence, _)| *sentence == p.sentence);
        let model = listed.map_or(FIRST_MODEL, |(_, model)| *model);
        json!({ "name": p.sentence, "source": p.source, "model": model })
    });
    json!({
        "models": models.collect::<Vec<_>>(),
        "mutants": mutants.collect::<Vec<_>>(),
        "witnesses": witnesses.collect::<Vec<_>>(),
        "scenarios": scenarios::listed(),
    })
}

/// In which model each corner case is found soonest, if not in [`FIRST_MODEL`].
const WITNESSED: &[(&str, &str)] = &[
    ("a client that has read asks again", "reader"),
    ("a client asks that was told of an update", "hearsay"),
    ("a client writes twice", "loss"),
    ("a client writes after it has read", "histories"),
    ("an update waits for its past", "hearsay"),
    ("one update is recorded twice", "retry"),
    ("an identifier is forgotten", "loss"),
    ("a forgotten update is requested once more", "late"),
    ("a client is told of an update before it has seen it", "hearsay"),
    ("a timestamp covers a count that has not all run", "loss"),
];
