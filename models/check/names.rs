//! Finds models, mutants and properties by name, and has suggestions when there is none.

use crate::Complaint;
use chinwag_models::{
    catalogue::{self, CATALOGUE},
    engine::{Expectation, PropertyInfo, SILENCE, System as _},
    model::Model,
    mutants::{self, MUTANTS, Mutant},
    properties,
    system::System,
};

/// The model of this name.
pub fn model(name: &str) -> Result<&'static Model, Complaint> {
    catalogue::find(name)
        .ok_or_else(|| unknown("model", name, CATALOGUE.iter().map(|m| m.name).collect()))
}

/// The mutant of this name, or of which it is a part.
pub fn mutant(name: &str) -> Result<&'static Mutant, Complaint> {
    mutants::find(name)
        .ok_or_else(|| unknown("mutant", name, MUTANTS.iter().map(|m| m.name).collect()))
}

/// The mutant of this name, if there is a name.
pub fn mutant_if(name: Option<&str>) -> Result<Option<&'static Mutant>, Complaint> {
    name.map(mutant).transpose()
}

/// Every property of a system, the engine's own included.
pub fn properties(system: &System) -> Vec<PropertyInfo> {
    let silence = PropertyInfo {
        name: properties::SILENCE.sentence,
        expectation: Expectation::Finally,
        bit: SILENCE,
    };
    system.properties().iter().copied().chain([silence]).collect()
}

/// The property with this sentence, or of whose sentence it is a part.
pub fn property(system: &System, words: &str) -> Result<PropertyInfo, Complaint> {
    let all = properties(system);
    let exact = all.iter().find(|p| p.name == words);
    let mut parts = all.iter().filter(|p| p.name.contains(words));
    let only = match (parts.next(), parts.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    exact
        .or(only)
        .copied()
        .ok_or_else(|| unknown("property", words, all.iter().map(|p| p.name).collect()))
}

fn unknown(kind: &str, name: &str, mut known: Vec<&'static str>) -> Complaint {
    let lower = name.to_lowercase();
    known.sort_by_key(|candidate| {
        (!candidate.to_lowercase().contains(&lower), distance(&lower, &candidate.to_lowercase()))
    });
    let contains = known.iter().filter(|k| k.to_lowercase().contains(&lower)).count();
    let shown = if contains > 1 { contains.min(8) } else { 3 };
    let near: Vec<_> = known.iter().take(shown).map(|k| format!("\"{k}\"")).collect();
    let what = if contains > 1 { "more than one" } else { "no" };
    let listed = "check --list shows all";
    Complaint(format!("{what} {kind} \"{name}\"; did you mean {}? ({listed})", near.join(", ")))
}

/// How many letters have to be replaced, added or removed to turn one into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
