//! Pairs what was sent with what was received, so that diagrams can draw arrows.

use super::{Run, StepKind};

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
    /// The steps that took it or lost it, in order. Empty: in flight at the end.
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

    /// What became of it, after its name: "taken at step 4", "lost at step 5".
    pub fn fate(&self, run: &Run) -> String {
        if self.ends.is_empty() {
            return "in flight at the end".to_owned();
        }
        let ends = self.ends.iter().map(|end| match run.steps[*end].kind {
            StepKind::Loss => format!("lost at step {}", run.number(*end)),
            _ => format!("taken at step {}", run.number(*end)),
        });
        ends.collect::<Vec<_>>().join(", ")
    }
}
