//! The text of a scenario: paragraphs of commands, each followed by what they print.

use super::{By, Command, Follower, Run, Stop};
use crate::recording::Recording;

/// Lines of a scenario, and characters of a line, that are read at most.
const LINES_MAX: usize = 5_000;
const COLUMNS_MAX: usize = 200;

/// A scenario as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Its paragraphs.
    pub blocks: Vec<Block>,
    /// Seeded bugs that it finds out, each with the property that they break, or "the output differs".
    pub mutants: Vec<(String, String)>,
}

/// A paragraph: commands, and what is expected of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Commands and comments as they were written, each with the number of its line.
    pub lines: Vec<(usize, String)>,
    /// What the commands print.
    pub expected: Vec<String>,
}

/// What the comment that names a seeded bug starts with.
const MUTANT: &str = "# mutant: ";

/// What stands between commands and what they print.
const RULE: &str = "----";

impl Script {
    /// Reads a scenario. Errors name the line and what would do.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        let (mut block, mut printed) = (Block::default(), false);
        for (number, line) in (1..).zip(text.lines()) {
            if number > LINES_MAX || line.chars().count() > COLUMNS_MAX {
                let limits = format!("{LINES_MAX} lines of {COLUMNS_MAX} characters");
                return Err(format!("line {number}: too long; a scenario has up to {limits}"));
            }
            let line = line.trim_end();
            match line {
                "" => {
                    script.blocks.extend(block.not_empty());
                    (block, printed) = (Block::default(), false);
                }
                RULE => printed = true,
                line if printed => block.expected.push(line.into()),
                line => block.lines.push((number, line.into())),
            }
            if let Some(mutant) = line.strip_prefix(MUTANT) {
                let pair = mutant.split_once(" => ");
                let (name, by) = pair.ok_or(format!("line {number}: no ` => ` and property"))?;
                script.mutants.push((name.into(), by.into()));
            }
        }
        script.blocks.extend(block.not_empty());
        Ok(script)
    }

    /// Runs it as far as it goes.
    ///
    /// Returns it with what is printed in place of what is expected, and what stopped it, if anything did: a
    /// violated property is printed as well, and ends it.
    pub fn run(&self, by: By, follower: impl Follower) -> Result<(Self, Option<Stop>), String> {
        self.play(&mut Run::new(by, follower))
    }

    /// The same on the model alone, with what each step did: `title` is what it is called.
    pub fn record(&self, by: By, title: &str) -> Result<Recording, String> {
        let mut run = Run::new(by, ()).recorded();
        let (printed, stop) = self.play(&mut run)?;
        let mut recording = run.recording();
        recording.run.title = title.into();
        recording.run.verdict = format!("{} steps", recording.moments.len());
        recording.run.explain = self.about();
        recording.scenario = Some(self.write());
        let differs = self.difference(&printed);
        match stop {
            Some(Stop::Violated(sentences)) => {
                recording.broken(sentences.into_iter().map(String::from).collect());
            }
            Some(Stop::Differs(why) | Stop::Unusable(why)) => recording.notes.push(why),
            None => {}
        }
        if let (Some(differs), true) = (differs, recording.violated.is_empty()) {
            recording.notes.push(format!("What it prints is not what the text says: {differs}"));
        }
        Ok(recording)
    }

    /// Does it say itself which seeded bug is in?
    pub fn has_its_own_bug(&self) -> bool {
        let mut lines = self.blocks.iter().flat_map(|block| &block.lines);
        lines.any(|(_, line)| line.starts_with("bug "))
    }

    /// What it says about itself before its first command.
    pub fn about(&self) -> Vec<String> {
        let lines =
            self.blocks.iter().flat_map(|block| &block.lines).map(|(_, line)| line.as_str());
        let comments = lines.take_while(|line| line.starts_with('#'));
        let says = comments.filter(|line| !line.starts_with(MUTANT));
        let words: Vec<_> = says.map(|line| line.trim_start_matches(['#', ' '])).collect();
        Some(words.join(" ")).filter(|words| !words.is_empty()).into_iter().collect()
    }

    fn play<F: Follower>(&self, run: &mut Run<F>) -> Result<(Self, Option<Stop>), String> {
        let mut printed = Self { blocks: Vec::new(), ..self.clone() };
        for block in &self.blocks {
            let lines = block.lines.clone();
            printed.blocks.push(Block { lines, expected: Vec::new() });
            let output = &mut printed.blocks.last_mut().expect("it was just added").expected;
            for (number, line) in block.commands() {
                let at = |why| format!("line {number}: {line}: {why}");
                let command = Command::read(line).map_err(at)?;
                run.line(line);
                let stop = run.execute(&command, output).err();
                if let Some(Stop::Violated(sentences)) = &stop {
                    output.extend(sentences.iter().map(|s| format!("VIOLATED: {s}")));
                }
                match stop {
                    Some(Stop::Unusable(why)) => return Err(at(why)),
                    Some(Stop::Differs(why)) => return Ok((printed, Some(Stop::Differs(at(why))))),
                    Some(stop) => return Ok((printed, Some(stop))),
                    None => {}
                }
            }
        }
        Ok((printed, None))
    }

    /// The first line whose commands print something else in the other one, with both.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let mut pairs = self.blocks.iter().zip(&other.blocks);
        let differs = pairs.find(|(a, b)| a.expected != b.expected);
        let show = |block: &Block| block.expected.join("\n  ");
        let shown = differs.map(|(a, b)| {
            let line = a.lines.last().map_or(0, |(number, _)| *number);
            format!("line {line}: expected\n  {}\nprinted\n  {}", show(a), show(b))
        });
        let missing = || self.blocks.len() != other.blocks.len();
        shown.or_else(|| missing().then(|| "it ended early".into()))
    }

    /// As text.
    pub fn write(&self) -> String {
        let blocks: Vec<_> = self.blocks.iter().map(Block::write).collect();
        blocks.join("\n")
    }
}

impl Block {
    fn not_empty(self) -> Option<Self> {
        (!self.lines.is_empty()).then_some(self)
    }

    fn commands(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.lines.iter().map(|(number, line)| (*number, line.as_str()));
        lines.filter(|(_, line)| !line.starts_with('#'))
    }

    fn write(&self) -> String {
        let mut lines: Vec<_> = self.lines.iter().map(|(_, line)| line.as_str()).collect();
        if !self.expected.is_empty() {
            lines.push(RULE);
            lines.extend(self.expected.iter().map(String::as_str));
        }
        lines.join("\n") + "\n"
    }
}
