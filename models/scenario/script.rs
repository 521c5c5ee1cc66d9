//! The text of a scenario: paragraphs of commands, each followed by what they print.

use super::{By, Command, Follower, Run, Stop};

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

/// A paragraph that prints something else than is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The line of its last command.
    pub line: usize,
    /// That command.
    pub command: String,
    /// What the text says.
    pub expected: Vec<String>,
    /// What is printed.
    pub printed: Vec<String>,
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

    /// Does it say nothing to be done?
    pub fn has_no_command(&self) -> bool {
        self.blocks.iter().all(|block| block.commands().next().is_none())
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

    pub(super) fn play<F: Follower>(
        &self,
        run: &mut Run<F>,
    ) -> Result<(Self, Option<Stop>), String> {
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
        let show = |lines: &[String]| lines.join("\n  ");
        let differs = self.mismatches(other).into_iter().next();
        let shown = differs.map(|Mismatch { line, expected, printed, .. }| {
            format!("line {line}: expected\n  {}\nprinted\n  {}", show(&expected), show(&printed))
        });
        let missing = || self.blocks.len() != other.blocks.len();
        shown.or_else(|| missing().then(|| "it ended early".into()))
    }

    /// Every paragraph that prints something else in the other one.
    pub fn mismatches(&self, other: &Self) -> Vec<Mismatch> {
        let pairs = self.blocks.iter().zip(&other.blocks);
        let differ = pairs.filter(|(a, b)| a.expected != b.expected);
        let mismatch = |(a, b): (&Block, &Block)| {
            let (line, command) = a.lines.last().cloned().unwrap_or_default();
            let (expected, printed) = (a.expected.clone(), b.expected.clone());
            Mismatch { line, command, expected, printed }
        };
        differ.map(mismatch).collect()
    }

    /// Does it say at all what is printed?
    pub fn expects(&self) -> bool {
        self.blocks.iter().any(|block| !block.expected.is_empty())
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
