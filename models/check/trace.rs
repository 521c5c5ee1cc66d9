//! Checks what the hosts of a cluster recorded.

use crate::{
    Complaint, Ended, Exit,
    cli::Common,
    console::{Console, Ink, count, plural, seconds},
    json,
};
use chinwag_models::trace::{Refused, Summary, Verdict, check_directory};
use serde_json::{Value, json};
use std::{path::Path, time::Instant};

/// Checks a directory: exit 0 if the run is one of the model's, 1 if not, 3 if the trace does not tell all of
/// it.
pub fn trace(directory: &Path, common: &Common, console: &Console) -> Ended {
    let started = Instant::now();
    let verdict = check_directory(directory);
    let verdict = verdict.map_err(|error| Complaint(error.to_string()))?;
    let elapsed = started.elapsed().as_secs_f64();
    let exit = match &verdict {
        Verdict::Refused(refused) => {
            say_refused(refused, console);
            Exit::Violation
        }
        Verdict::Accepted(summary) => {
            say_accepted(summary, elapsed, console);
            if summary.missing.is_empty() { Exit::AsExpected } else { Exit::CutOff }
        }
    };
    json::write(common, || told(&verdict, elapsed, exit))?;
    Ok(exit)
}

fn say_accepted(summary: &Summary, elapsed: f64, console: &Console) {
    let Summary { steps, lost, lies, .. } = summary;
    console.say(&in_short(summary));
    if *lost > 0 {
        console.say(&format!(
            "{} that a crash took before anything came of it",
            plural(*lost, "step")
        ));
    }
    if *lies > 0 {
        console.say(&format!("{} of what nobody had made", plural(*lies, "claim")));
    }
    let judged = match summary.all_properties {
        true => "each step was judged by every property of nodes and pairs",
        false => {
            "too many updates for every property: causal order, no repetition, what timestamps \
                  and tables say were judged"
        }
    };
    console.say(judged);
    console.say(match summary.quiescent {
        true => "all hold the same at the end, and are equal",
        false => "not all hold the same at the end: nothing is said of convergence",
    });
    let rate = *steps as f64 / elapsed.max(1e-3);
    console.say(&format!("checked in {}, {} steps/s\n", seconds(elapsed), count(rate as u64)));
    if summary.missing.is_empty() {
        console.say(&console.ink(Ink::Good, "ACCEPTED: an execution of the model."));
        return;
    }
    summary.missing.iter().for_each(|missing| console.say(missing));
    let text = "ACCEPTED AS FAR AS IT GOES: the trace does not tell all that happened.";
    console.say(&console.ink(Ink::Warn, text));
}

/// A log that ends without a stop may be of a process that was killed, or of one that goes on.
fn in_short(summary: &Summary) -> String {
    let Summary { boots, killed, steps, received, repeated, updates, .. } = summary;
    format!(
        "{} in {}, {} of them without a stop (a crash, or it still runs); {} from peers, {} of them once \
         more; {}",
        plural(*steps, "step"),
        plural(*boots, "start"),
        count(*killed as u64),
        plural(*received, "message"),
        count(*repeated as u64),
        plural(*updates, "update"),
    )
}

fn say_refused(refused: &Refused, console: &Console) {
    console.say(&refused.to_string());
    console.say("");
    console.say(&console.ink(Ink::Bad, "REFUSED: no execution of the model."));
}

fn told(verdict: &Verdict, seconds: f64, exit: Exit) -> Value {
    let mut told = json!({
        "format": json::FORMAT,
        "command": "trace",
        "exit": exit as u8,
        "seconds": seconds,
    });
    told["trace"] = match verdict {
        Verdict::Accepted(s) => json!({
            "starts": s.boots, "killed": s.killed, "steps": s.steps, "lost": s.lost,
            "received": s.received, "repeated": s.repeated, "updates": s.updates, "lies": s.lies,
            "all_properties": s.all_properties, "quiescent": s.quiescent, "missing": s.missing,
        }),
        Verdict::Refused(r) => json!({
            "refused": {
                "file": r.file, "line": r.line, "step": r.step, "why": r.why,
                "because": r.because,
                "accepted": r.accepted,
                "differences": r.differences.iter().map(|d| json!({
                    "what": d.what, "recorded": d.recorded, "computed": d.computed,
                })).collect::<Vec<_>>(),
            },
        }),
    };
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_that_still_runs_is_not_said_to_have_crashed() {
        let summary = Summary { boots: 3, killed: 3, steps: 7, ..Summary::default() };
        let said =
            "7 steps in 3 starts, 3 of them without a stop (a crash, or it still runs); 0 messages";
        assert!(in_short(&summary).starts_with(said), "{}", in_short(&summary));
    }
}
