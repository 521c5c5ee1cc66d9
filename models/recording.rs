//! A run that was recorded step by step: to look at, not to go on from.
//!
//! Of scenarios and of traces of hosts. Knows what the pages show, and none of the protocol's types.

use crate::{
    render::{Lane, Outcome, Run, Step},
    story,
};
use serde_json::Value;

/// Steps that are kept of a run. A longer one is cut there, and says so.
pub const STEPS_MAX: usize = 5_000;

/// Steps that the diagram of a part of it has: more cannot be read.
pub const DRAWN_MAX: usize = 99;

/// A run, with what every party looks like after each step.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Who took part, what happened, and what is wrong with it.
    pub run: Run,
    /// What each party looks like at the start, as [`portrait`](crate::story::portrait) does.
    pub starts: Vec<Value>,
    /// For each step of the run, what it left.
    pub moments: Vec<Moment>,
    /// What is violated at the end.
    pub violated: Vec<String>,
    /// What is to be said of the whole run.
    pub judged: Judged,
    /// The same in a line; nothing if it is not judged.
    pub headline: String,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// What should have been beside what was: only what differs.
    pub beside: Beside,
    /// What it is about, in its own words.
    pub tale: Vec<String>,
    /// Why nothing can follow, and what is not shown: a sentence each.
    pub notes: Vec<String>,
    /// The text that is played, if it is a scenario.
    pub scenario: Option<String>,
}

/// What is to be said of a whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judged {
    /// Nothing: it was not judged, or not to its end.
    #[default]
    Not,
    /// It is as it should be.
    Good,
    /// A promise is broken that should not be, or something is otherwise than it should be.
    Bad,
}

/// Two columns of what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// What they are.
    pub columns: [&'static str; 2],
    /// What differs, and how it is in either column.
    pub rows: Vec<(String, [String; 2])>,
}

impl Beside {
    /// A sentence for each row.
    pub fn sentences(&self) -> Vec<String> {
        let [one, other] = self.columns;
        let row = |(what, [a, b]): &(String, [String; 2])| {
            let [a, b] = [a, b].map(|text| if text.is_empty() { "nothing" } else { text.trim() });
            format!("{what}: {one}: {a}; {other}: {b}.")
        };
        self.rows.iter().map(row).collect()
    }
}

/// What a step left.
#[derive(Clone, Debug, Default)]
pub struct Moment {
    /// Where the step stands: the line of a scenario, or of a file.
    pub said: String,
    /// What the party that acted looks like; null if it is as it was.
    pub portrait: Value,
    /// The messages in flight; none where that is not known.
    pub flight: Option<Vec<Flying>>,
}

/// A message in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flying {
    /// Names it in the run.
    pub id: u64,
    /// Its kind.
    pub kind: String,
    /// What it is, with its way.
    pub text: String,
}

impl Recording {
    /// Adds a party. Its lane begins with the run, even if it comes later.
    pub fn join(&mut self, lane: Lane, portrait: Value) {
        self.run.lanes.push(lane);
        self.starts.push(portrait);
    }

    /// Adds a step. What is beyond [`STEPS_MAX`] is left out.
    pub fn push(&mut self, step: Step, moment: Moment) {
        if self.moments.len() < STEPS_MAX {
            self.run.steps.push(step);
            self.moments.push(moment);
        } else if !self.is_cut() {
            self.notes.push(cut());
        }
    }

    /// Did it have more steps than are kept?
    pub fn is_cut(&self) -> bool {
        self.notes.contains(&cut())
    }

    /// Says that the last step broke these promises, and why: a sentence each.
    pub fn broken(&mut self, promises: Vec<String>, why: Vec<String>) {
        if self.is_cut() {
            // It is not the last one that is kept.
            self.notes.extend(promises.iter().map(|promise| format!("Violated later: {promise}")));
            self.why = why;
            return;
        }
        let first = promises.first().cloned().unwrap_or_default();
        self.run.outcome = Outcome::Violated;
        self.run.claim = story::promise(&first);
        self.run.verdict = format!("violated at step {}", self.moments.len());
        if let Some(step) = self.run.steps.last_mut() {
            step.violates = Some(why.first().unwrap_or(&first).clone());
        }
        (self.violated, self.why) = (promises, why);
    }

    /// What every party looks like after so many steps.
    pub fn parties(&self, at: usize) -> Vec<&Value> {
        let mut all: Vec<_> = self.starts.iter().collect();
        for (step, moment) in self.run.steps.iter().zip(&self.moments).take(at) {
            if let (false, Some(party)) = (moment.portrait.is_null(), all.get_mut(step.lane)) {
                *party = &moment.portrait;
            }
        }
        all
    }

    /// The run up to there: its last [`DRAWN_MAX`] steps.
    pub fn part(&self, at: usize) -> Run {
        let at = at.min(self.run.steps.len());
        let steps = self.run.steps[at.saturating_sub(DRAWN_MAX)..at].to_vec();
        let whole = at == self.run.steps.len();
        let outcome = if whole { self.run.outcome } else { Outcome::Recorded };
        Run { steps, outcome, ..self.run.clone_without_steps() }
    }
}

fn cut() -> String {
    format!("It has more steps than the {STEPS_MAX} that are shown.")
}

impl Run {
    /// Everything but the steps.
    fn clone_without_steps(&self) -> Self {
        Self {
            title: self.title.clone(),
            model: self.model.clone(),
            claim: self.claim.clone(),
            verdict: self.verdict.clone(),
            outcome: self.outcome,
            explain: self.explain.clone(),
            lanes: self.lanes.clone(),
            steps: Vec::new(),
            repeats_from: self.repeats_from,
            notation: self.notation.clone(),
            replay: self.replay.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// One of two parties counts its steps.
    fn counting(steps: usize) -> Recording {
        let mut recording = Recording::default();
        for name in ["a", "b"] {
            let (name, kind) = (name.to_owned(), crate::render::LaneKind::Manager);
            recording.join(Lane { name, kind, start: Value::Null }, json!(0));
        }
        for count in 1..=steps {
            let step = Step { lane: 1, ..Step::default() };
            recording.push(step, Moment { portrait: json!(count), ..Moment::default() });
        }
        recording
    }

    #[test]
    fn parties_look_as_they_did_after_their_last_step() {
        let mut recording = counting(3);
        recording.push(Step::default(), Moment::default());
        assert_eq!(recording.parties(0), [&json!(0), &json!(0)]);
        assert_eq!(recording.parties(2), [&json!(0), &json!(2)]);
        assert_eq!(recording.parties(usize::MAX), [&json!(0), &json!(3)]);
        recording.broken(vec!["it counts".to_owned()], Vec::new());
        assert_eq!((recording.part(3).outcome, recording.part(4).outcome), {
            (Outcome::Recorded, Outcome::Violated)
        });
    }

    #[test]
    fn a_long_run_is_cut_and_drawn_in_part_and_says_so() {
        let mut recording = counting(STEPS_MAX + 2);
        assert_eq!(recording.moments.len(), STEPS_MAX);
        assert_eq!(recording.notes, ["It has more steps than the 5000 that are shown."]);
        assert_eq!(recording.part(STEPS_MAX).steps.len(), DRAWN_MAX);
        recording.broken(vec!["it counts".to_owned()], Vec::new());
        assert_eq!(recording.notes[1], "Violated later: it counts");
        assert_eq!((recording.violated, recording.run.outcome), (vec![], Outcome::Recorded));
    }
}
