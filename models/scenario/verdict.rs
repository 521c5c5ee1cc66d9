//! What is to be said of a scenario that was played: which promise it breaks and why, and what it prints
//! otherwise than its text says.

use super::{By, Follower, Mismatch, Run, Script, Stop, run::NOTHING};
use crate::{
    recording::{Beside, Judged, Recording},
    render::Outcome,
    story,
    view::View,
};

/// A scenario that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// What each step did, and what is to be said of it.
    pub recording: Recording,
    /// The promises that it broke.
    pub broken: Vec<&'static str>,
    /// The paragraphs that printed something else than the text says, if it says at all what is printed.
    pub mismatches: Vec<Mismatch>,
}

impl Script {
    /// Plays it on the model alone, as far as it goes, with what each step did: `title` is what it is called.
    pub fn record(&self, by: By, title: &str) -> Result<Recording, String> {
        self.played(by, title).map(|played| played.recording)
    }

    /// The same, with what it printed otherwise.
    pub fn played(&self, by: By, title: &str) -> Result<Played, String> {
        let mut run = Run::new(by, ()).recorded();
        let (printed, stop) = self.play(&mut run)?;
        let broken = match stop {
            None => Vec::new(),
            Some(Stop::Violated(sentences)) => sentences,
            Some(Stop::Differs(why) | Stop::Unusable(why)) => return Err(why),
        };
        let why = broken.iter().enumerate().flat_map(|(number, sentence)| {
            // The first one is what all is about.
            let of = if number == 0 { String::new() } else { format!("“{sentence}”: ") };
            run.why(sentence).into_iter().map(move |reason| format!("{of}{reason}"))
        });
        let why = why.collect();
        let mut recording = run.recording();
        recording.run.title = title.into();
        recording.scenario = Some(self.write());
        recording.tale = self.about();
        let mut mismatches = self.mismatches(&printed);
        if !self.expects() {
            // A text may leave out what is printed, but not that a command does nothing.
            mismatches.retain(|mismatch| mismatch.printed.iter().any(|line| line == NOTHING));
        }
        let is_whole = self.blocks.len() == printed.blocks.len();
        let is_as_said = self.expects() && mismatches.is_empty() && is_whole;
        if !broken.is_empty() {
            recording.headline = match broken.len() - 1 {
                0 => format!("Violated: {}", broken[0]),
                1 => format!("Violated: {}, and one more promise", broken[0]),
                more => format!("Violated: {}, and {more} more promises", broken[0]),
            };
            recording.judged = if is_as_said { Judged::Good } else { Judged::Bad };
            recording.broken(broken.iter().map(|s| (*s).into()).collect(), why);
            if is_as_said {
                recording.headline += ", as the text says";
            }
        } else if !mismatches.is_empty() {
            recording.differs(&mismatches);
        } else {
            recording.is_good(self.expects());
        }
        let told = [recording.why.clone(), recording.beside.sentences(), recording.tale.clone()];
        recording.run.explain = told.concat();
        Ok(Played { recording, broken, mismatches })
    }
}

impl Recording {
    fn differs(&mut self, mismatches: &[Mismatch]) {
        let row = |m: &Mismatch| (format!("line {}, `{}`", m.line, m.command), m.columns());
        let rows = mismatches.iter().map(row).collect();
        self.beside = Beside { columns: ["the text says", "it prints"], rows };
        let lines: Vec<_> = mismatches.iter().map(|m| m.line.to_string()).collect();
        let lines = format!("line{} {}", if lines.len() == 1 { "" } else { "s" }, lines.join(", "));
        self.judged = Judged::Bad;
        self.headline = format!("Not as the text says: {lines}");
        self.run.outcome = Outcome::Violated;
        self.run.claim = "It prints what its text says".into();
        self.run.verdict = format!("{lines} printed something else; no promise is broken");
    }

    fn is_good(&mut self, expects: bool) {
        let steps = self.moments.len();
        self.judged = Judged::Good;
        self.run.outcome = Outcome::Witnessed;
        (self.headline, self.run.claim) = match expects {
            true => (
                "As the text says, and no promise is broken".into(),
                "It prints what its text says, and no promise is broken".into(),
            ),
            false => (
                "No promise is broken; the text does not say what is printed".into(),
                "No promise is broken".into(),
            ),
        };
        self.run.verdict = format!("so it is, in {steps} steps");
    }
}

impl<F: Follower> Run<F> {
    /// Why the last step violates this: the operations, the parties, what was expected and what was found.
    fn why(&self, sentence: &str) -> Vec<String> {
        let stage = &self.stage;
        let mut before = stage.locals.clone();
        if let Some((node, local)) = &stage.previous {
            before[*node] = local.clone();
        }
        let setting = stage.setting();
        let was = View::of(&setting, before.iter().enumerate());
        let view = View::of(&setting, stage.locals.iter().enumerate());
        let restless = || {
            let mut nodes: Vec<_> = stage.due(true).into_iter().map(|(node, _)| node).collect();
            nodes.dedup();
            nodes.into_iter().map(|node| stage.node_name(node)).collect()
        };
        story::culprits(sentence, &was, &view, restless)
    }
}
