//! Shows one run of a model, or of a deployed cluster, to people and to other tools.
//!
//! It knows lanes, steps and messages but none of the protocol's types: whoever has a run describes
//! it as a [`Run`] and gets a terminal diagram ([`text`]), a slide ([`svg`]), a trace for Apalache
//! and Quint ([`itf`]) and a log for ShiViz ([`shiviz`]). The JSON of a `Run` is the display part
//! of a replay file.

mod canvas;
mod diff;
mod flights;
mod itf;
mod shiviz;
mod svg;
mod text;
mod words;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use diff::diff;
pub use itf::itf;
pub use shiviz::shiviz;
pub use svg::{Cycle, CycleArrow, CycleBox, cycle_svg, svg};
pub use text::{TextStyle, text};

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One run: who takes part, what happened in which order, and what it shows.
///
/// Strings may hold anything, also what came over the network: every renderer escapes or replaces
/// what its format cannot carry. Indices that point nowhere are not drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// A headline, such as "a manager forgets an acknowledged update".
    pub title: String,
    /// The model, or the deployment, that the run belongs to, with its bounds.
    pub model: String,
    /// The property in words.
    pub claim: String,
    /// What became of the claim, in a few words: "violated at step 7".
    pub verdict: String,
    /// What kind of news the verdict is.
    pub outcome: Outcome,
    /// Why, a sentence each, such as the two operations that conflict.
    pub explain: Vec<String>,
    /// Who takes part, from left to right.
    pub lanes: Vec<Lane>,
    /// What happened, in order. Step 1 of the pictures is the first one that is not a [`StepKind::Start`].
    pub steps: Vec<Step>,
    /// The steps from this index on repeat for ever (the lasso of a liveness counterexample).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats_from: Option<usize>,
    /// How the short forms of its texts are read; nothing if they have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notation: String,
    /// The command that replays the run.
    pub replay: String,
}

/// What kind of news a run is; decides emphasis only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A counterexample: the claim does not hold.
    Violated,
    /// A witness: the claim says that this can happen, and it did.
    Witnessed,
    /// A recording that nobody has judged.
    #[default]
    Recorded,
}

/// One participant and its lifeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// A short name, such as `rm0`; unique in the run.
    pub name: String,
    /// What the participant is; decides its colour and its place in the legend.
    pub kind: LaneKind,
    /// Its whole state before the first step.
    #[serde(default)]
    pub start: Value,
}

/// What a participant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaneKind {
    /// A replica manager.
    Manager,
    /// A front end with its client.
    FrontEnd,
    /// Anything else, such as the network or a clock.
    Other,
}

/// One thing that happened, at one participant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Index of the participant. For [`StepKind::Loss`], of the one that will not get the message.
    pub lane: usize,
    /// What it did, with the participant as the subject: "takes update fe0#1 from fe0".
    pub action: String,
    /// Whether the participant acted or was acted upon.
    #[serde(default)]
    pub kind: StepKind,
    /// The message this step took from the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<MessageRef>,
    /// The messages this step gave to the network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentMessage>,
    /// What the step changed in the participant's state; see [`diff`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The participant's whole state afterwards; null when it is not known, or did not change.
    #[serde(default)]
    pub state: Value,
    /// How the claim is violated here, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violates: Option<String>,
    /// The step belongs to the fair continuation of a liveness counterexample.
    #[serde(default)]
    pub fair: bool,
}

/// Whether a participant acted or was acted upon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The participant did what it is programmed to do.
    #[default]
    Action,
    /// What the participant does of its own accord, before anything happens. It is not counted.
    Start,
    /// Something was done to it: it crashed, its clock jumped, its link was cut.
    Fault,
    /// The network lost the message in `received`; no participant acted.
    Loss,
}

/// A message as its receiver sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRef {
    /// The `id` of the [`SentMessage`]. The latest earlier step that sent it is its origin.
    pub id: u64,
    /// What it is, for when no step of the run sent it.
    pub label: String,
    /// Who sent it, for when no step of the run sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<usize>,
}

/// A message as its sender sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentMessage {
    /// Names the message in the run. Received twice, it was duplicated; never, it was in flight at
    /// the end.
    pub id: u64,
    /// Index of the addressee; `None` when any participant may take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<usize>,
    /// What it is, in a few words: `gossip [0,0]..[1,0] +1`.
    pub label: String,
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where: `value_ts`, `timestamp_table[1]`, `log`.
    pub path: String,
    /// The same for people, if that is something else: "value timestamp".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What was there; `None` when nothing was.
    pub before: Option<String>,
    /// What is there now; `None` when nothing is.
    pub after: Option<String>,
}

impl Change {
    /// Where, for people.
    fn place(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.path)
    }
}

impl Run {
    /// Whether the run refutes its claim.
    pub fn is_counterexample(&self) -> bool {
        self.outcome == Outcome::Violated || self.steps.iter().any(|step| step.violates.is_some())
    }

    /// The name of a lane, or `?` when there is no such lane.
    fn lane_name(&self, lane: usize) -> &str {
        self.lanes.get(lane).map_or("?", |lane| &lane.name)
    }

    /// The number that a step has in words and pictures: those of the start have 0.
    pub fn number(&self, index: usize) -> usize {
        let starts = self.steps.iter().take_while(|step| step.kind == StepKind::Start).count();
        (index + 1).saturating_sub(starts)
    }

    /// The name of the part of the run that begins with a step, if one does: the fair continuation
    /// of a liveness counterexample, or what repeats.
    fn part_beginning_at(&self, index: usize) -> Option<String> {
        if self.repeats_from == Some(index) {
            let (first, last) = (self.number(index), self.number(self.steps.len() - 1));
            return Some(match first == last {
                true => format!("step {first} repeats for ever"),
                false => format!("steps {first} to {last} repeat for ever"),
            });
        }
        let begins = self.steps[index].fair && (index == 0 || !self.steps[index - 1].fair);
        let words = match self.steps[index].kind {
            StepKind::Loss => {
                "the fair continuation: what is under way is lost; what is sent from then on arrives, \
                 unless all ignore it"
            }
            _ => "the fair continuation: from here on all arrives, and nobody fails",
        };
        begins.then(|| words.to_owned())
    }
}

/// Writes the run as `STEM.txt`, `STEM.svg`, `STEM.itf.json`, `STEM.shiviz.log` and `STEM.json`.
///
/// Creates `dir` when it is missing and overwrites files of the same names. Returns the paths in
/// that order. `stem` is used as it is: the caller keeps path separators out of it.
pub fn write_all(dir: &Path, stem: &str, run: &Run) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    formats(run)?
        .into_iter()
        .map(|(extension, content)| {
            let path = dir.join(format!("{stem}.{extension}"));
            fs::write(&path, content)?;
            Ok(path)
        })
        .collect()
}

/// Every file format with its extension.
fn formats(run: &Run) -> serde_json::Result<[(&'static str, String); 5]> {
    Ok([
        ("txt", text(run, &TextStyle::plain(100))),
        ("svg", svg(run)),
        ("itf.json", serde_json::to_string_pretty(&itf(run))? + "\n"),
        ("shiviz.log", shiviz(run)),
        ("json", serde_json::to_string_pretty(run)? + "\n"),
    ])
}
