//! What was found, for machines. The schema is in `check --help`.

use crate::{
    Complaint, Exit, cli::Common, lab::Lab, mutants::Studied, summary, vacuity, verify::Verified,
};
use chinwag_models::{
    engine::{End, Expectation, Finding, Report},
    model::Expected,
    properties::{Kind, PROPERTIES},
    render::Run,
};
use serde_json::{Map, Value, json};

/// The name and version of the format.
pub const FORMAT: &str = "chinwag-check/1";

/// Writes the file, if one was asked for.
pub fn write(common: &Common, content: impl FnOnce() -> Value) -> Result<(), Complaint> {
    let Some(path) = &common.json else { return Ok(()) };
    let text = format!("{:#}\n", content());
    std::fs::write(path, text).map_err(|e| Complaint(format!("{}: {e}", path.display())))
}

/// A verification.
pub fn verified(lab: &Lab, all: &[Verified], exit: Exit) -> Value {
    let reports = || all.iter().filter_map(|one| one.report.as_ref());
    let witnesses = PROPERTIES.iter().filter(|p| p.kind == Kind::Sometimes).map(|p| {
        let seen = summary::first_seen(all, p.sentence);
        json!({
            "property": p.sentence,
            "source": p.source,
            "model": seen.map(|(model, _)| model),
            "depth": seen.map(|(_, depth)| depth),
        })
    });
    json!({
        "format": FORMAT,
        "command": "verify",
        "exit": exit as u8,
        "exhaustive": all.iter().all(|one| one.report.as_ref().is_some_and(Report::is_exhaustive)),
        "seconds": lab.seconds(),
        "peak_bytes": reports().map(|r| r.peak_rss).max(),
        "collision_probability": reports().map(|r| r.collision_probability).sum::<f64>(),
        "models": all.iter().map(model).collect::<Vec<_>>(),
        "witnesses": witnesses.collect::<Vec<_>>(),
    })
}

fn model(one: &Verified) -> Value {
    let (expected, refutes) = match one.model.expected {
        Expected::Holds => ("holds", None),
        Expected::Refuted(sentence) => ("refuted", Some(sentence)),
    };
    let pinned = (one.model.pinned != (0, 0))
        .then(|| json!({ "unique": one.model.pinned.0, "depth": one.model.pinned.1 }));
    let mut told = json!({
        "name": one.model.name,
        "purpose": one.model.purpose,
        "deep": one.model.deep,
        "expected": expected,
        "refutes": refutes,
        "pinned": pinned,
        "problems": one.problems,
        "never_happened": vacuity::never_happened(one),
        "exhaustive": false,
        "end": if one.panicked { "panic" } else { "not begun" },
    });
    if let Some(report) = &one.report {
        let more = numbers(report);
        let more = more.as_object().expect("the numbers are an object");
        more.iter().for_each(|(key, value)| told[key] = value.clone());
    }
    told
}

fn numbers(r: &Report) -> Value {
    let end = match r.end {
        End::Exhaustive => "exhaustive",
        End::Violation => "violation",
        End::States => "states",
        End::Depth => "depth",
        End::Time => "time",
        End::Memory => "memory",
        End::Stopped => "interrupted",
    };
    let is_witness = |f: &&Finding| f.property.expectation == Expectation::Sometimes;
    let seen = r.findings.iter().filter(is_witness).filter(|f| f.depth.is_some());
    let kinds: Map<_, _> = r.kinds.iter().map(|(kind, n)| ((*kind).to_owned(), json!(n))).collect();
    json!({
        "end": end,
        "exhaustive": r.is_exhaustive(),
        "unique": r.unique,
        "generated": r.generated,
        "depth": r.depth,
        "widest": r.widest(),
        "levels": r.levels,
        "idle": r.idle,
        "seconds": r.seconds,
        "states_per_second": r.unique as f64 / r.seconds.max(1e-3),
        "bytes_per_state": r.bytes_per_state,
        "collision_probability": r.collision_probability,
        "violations": r.violations().map(finding).collect::<Vec<_>>(),
        "witnesses": seen.map(finding).collect::<Vec<_>>(),
        "actions": kinds,
    })
}

fn finding(found: &Finding) -> Value {
    json!({ "property": found.property.name, "depth": found.depth })
}

/// A kill matrix.
pub fn studied(lab: &Lab, all: &[Studied], kills: &[(&str, Vec<&str>)], exit: Exit) -> Value {
    let mutants = all.iter().map(|one| {
        let killers = one.killers.iter();
        let killers = killers.map(|(p, depth)| json!({ "property": p, "depth": depth }));
        json!({
            "name": one.mutant.name,
            "slip": one.mutant.slip,
            "model": one.model,
            "expected": one.named.unwrap_or("survives"),
            "problem": one.problem,
            "killed_by": killers.collect::<Vec<_>>(),
            "states": one.states,
            "seconds": one.seconds,
        })
    });
    let properties = kills.iter().map(|(p, by)| json!({ "property": p, "kills": by }));
    json!({
        "format": FORMAT,
        "command": "mutants",
        "exit": exit as u8,
        "seconds": lab.seconds(),
        "mutants": mutants.collect::<Vec<_>>(),
        "properties": properties.collect::<Vec<_>>(),
    })
}

/// One run.
pub fn shown(command: &str, run: &Run, exit: Exit) -> Value {
    json!({ "format": FORMAT, "command": command, "exit": exit as u8, "run": run })
}
