//! Pairs what was sent with what was received, so that diagrams can draw arrows.

use super::{LaneKind, Run, StepKind};

/// One message on its way, as far as the run tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Flight {
    /// What it is.
    pub label: String,
    /// The lane that sent it, if known.
    pub from: Option<usize>,
    /// The step that sent it; `None` when it was sent before the run.
    pub sent_at: Option<usize>,
    /// The addressee, if it has one.
    pub to: Option<usize>,
    /// The steps that took it or lost it, in order. Empty: it does not arrive, as far as the run tells.
    pub ends: Vec<usize>,
}

/// Every message of the run, in the order of sending; those from before the run come where they
/// end.
pub fn flights(run: &Run) -> Vec<Flight> {
    let mut flights: Vec<Flight> = Vec::new();
    let mut ids: Vec<u64> = Vec::new();
    for (index, step) in run.steps.iter().enumerate() {
        if let Some(received) = &step.received {
            // The latest of the same id: a sender that repeats a message may reuse its id.
            match ids.iter().rposition(|id| *id == received.id) {
                Some(flight) => flights[flight].ends.push(index),
                None => {
                    ids.push(received.id);
                    flights.push(Flight {
                        label: received.label.clone(),
                        from: received.from.filter(|lane| *lane < run.lanes.len()),
                        sent_at: None,
                        to: Some(step.lane),
                        ends: vec![index],
                    });
                }
            }
        }
        for sent in &step.sent {
            ids.push(sent.id);
            flights.push(Flight {
                label: sent.label.clone(),
                from: Some(step.lane).filter(|lane| *lane < run.lanes.len()),
                sent_at: Some(index),
                to: sent.to.filter(|lane| *lane < run.lanes.len()),
                ends: Vec::new(),
            });
        }
    }
    flights
}

impl Flight {
    /// Where the message headed, for the direction of a line that ends nowhere: `None` if unknown.
    pub fn heading(&self, run: &Run) -> Option<usize> {
        let last = self.ends.last().map(|end| run.steps[*end].lane).or(self.to);
        last.filter(|lane| *lane < run.lanes.len())
    }

    /// Whether it leaves its sender to the right; `None` when it leaves for no other lane.
    pub fn rightwards(&self, run: &Run) -> Option<bool> {
        let from = self.from?;
        match self.heading(run) {
            Some(to) if to == from => None,
            Some(to) => Some(to > from),
            // Whoever takes it is at the right, unless nobody is.
            None if from + 1 < run.lanes.len() => Some(true),
            None => (from > 0).then_some(false),
        }
    }

    /// What became of it, after its name: "taken at step 4", "lost at step 5", "does not arrive".
    pub fn fate(&self, run: &Run) -> String {
        let (lost, taken): (Vec<_>, Vec<_>) =
            self.ends.iter().partition(|end| run.steps[**end].kind == StepKind::Loss);
        let told = [("taken", taken), ("lost", lost)].into_iter().filter(|(_, at)| !at.is_empty());
        let told: Vec<_> =
            told.map(|(what, at)| format!("{what} at {}", numbers(run, &at))).collect();
        // Whoever is no party of the protocol does not say what it gets.
        let to = self.to.and_then(|to| run.lanes.get(to));
        match to.is_some_and(|lane| lane.kind == LaneKind::Other) {
            _ if !told.is_empty() => told.join(", "),
            true => "what becomes of it is not recorded".to_owned(),
            false => "does not arrive".to_owned(),
        }
    }
}

/// "step 4", "steps 1, 2 and 5".
fn numbers(run: &Run, steps: &[usize]) -> String {
    let numbers: Vec<_> = steps.iter().map(|step| run.number(*step).to_string()).collect();
    match numbers.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!("steps {} and {last}", before.join(", "))
        }
        _ => format!("step {}", numbers.concat()),
    }
}
