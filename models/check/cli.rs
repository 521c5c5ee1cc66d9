//! The command line.

use crate::numbers::{parse_number, parse_seconds, parse_size, parse_some, parse_threads};
use chinwag_models::history::formats::Format;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  check                                verify every model that is not deep
  check --deep --memory-limit 12GiB    all models
  check --only pair                    one model; may be repeated
  check --report out                   the same as a page for people, out/report.html
  check --only pair --mutant \"answers too early\"
                                       a model with this seeded bug in: what a violation looks like
  check show pair \"a query waits\"      how it comes that a query waits
  check mutants                        the kill matrix of the seeded bugs
  check mutants \"makes a single\"       the counterexample that finds out one of them
  check mutants \"makes a single\" --trace-dir out
                                       the same as text, SVG, ITF JSON, ShiViz log, replay file
                                       and scenario
  check replay out/NAME.replay.json    does it still happen on today's code?
  check walk pair --seed 7             random walks, judged at each step
  check history FILE                   is what these clients of any store saw causally consistent?
  check trace DIR                      is what a real cluster recorded an execution of the model?
  check scenario FILE.txt              does a scenario print what its text says, and keep all promises?
  check explore pair                   click through the states in a browser
  check explore out/NAME.replay.json   the same, from a counterexample on
  check explore NAME.txt               a scenario of tests/scenarios, step by step
  check explore DIR                    what a cluster or `simulate` recorded, step by step

Exit codes:
  0  all as expected, exhaustively within the bounds that --list shows
  1  a property is violated, or something else is not as the catalogue, or a scenario's text, says
  2  the command line, or a file that it names, makes no sense
  3  cut off: a bound on time, memory or states was met, it was interrupted, or a replay diverged
  4  internal error, a failed assertion of the protocol, or stdout that could not be written
  130  interrupted twice

Searches are deterministic: only `walk` has a --seed, and prints the one it took.
With NO_COLOR set, with --no-color, or when not on a terminal, there are no colours.";

const JSON: &str = "\
Write what was found to FILE, as JSON.

verify:
  {format, command, exit, exhaustive, seconds, peak_bytes,
   collision_probability,
   models: [{name, purpose, deep, expected, refutes, end, exhaustive,
     unique, generated, depth, widest, levels: [states], idle, seconds,
     states_per_second,
     bytes_per_state, collision_probability,
     pinned: {unique, depth} or null,
     problems: [text], never_happened: [kind],
     violations: [{property, depth}], witnesses: [{property, depth}],
     actions: {kind: count}}],
   witnesses: [{property, source, model or null, depth or null}]}
mutants:
  {format, command, exit, seconds,
   mutants: [{name, slip, model, expected, problem,
     killed_by: [{property, depth}], states, seconds}],
   properties: [{property, kills: [name]}]}
history:
  {format, command, exit, read_as, operations, transactions, sessions,
   keys, seconds,
   answers: [{question, verdict, pattern, operations: [text],
     cycle: [[from, to, text]], shortest, why}]}
trace:
  {format, command, exit, seconds, trace: {starts, killed, steps, lost,
     received, repeated, updates, lies, all_properties, quiescent,
     missing: [text]}
     or {refused: {file, line, step, why, because: [text], accepted,
       differences: [{what, recorded, computed}]}}}
scenario:
  {format, command, exit,
   scenarios: [{file, as_expected, verdict, steps, violated: [property],
     why: [text],
     differs: [{line, command, expected: [text], printed: [text]}]}]}
replay, show, walk, mutants NAME:
  {format, command, exit, run}; `run` is what the diagram shows.";

/// Model-checks the gossip architecture of chinwag: every state of bounded clusters, every property.
#[derive(Debug, Parser)]
#[command(name = "check", version, after_help = EXAMPLES, max_term_width = 110)]
#[command(allow_negative_numbers = true)]
pub struct Cli {
    /// What to do; without a command, verify.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// List models, properties and mutants, and verify nothing.
    #[arg(long, conflicts_with_all = ["only", "deep", "pin", "json", "report"])]
    pub list: bool,
    /// Verify this model only; may be repeated.
    #[arg(long, value_name = "MODEL")]
    pub only: Vec<String>,
    /// Verify the deep models too: minutes, and gigabytes.
    #[arg(long)]
    pub deep: bool,
    /// Verify with this seeded bug in, to see what a violation looks like.
    #[arg(long, value_name = "BUG", conflicts_with_all = ["list", "pin"])]
    pub mutant: Option<String>,
    /// Print the counts to paste into the catalogue.
    #[arg(long)]
    pub pin: bool,
    /// What all commands take.
    #[command(flatten)]
    pub common: Common,
}

/// What all commands take.
#[derive(Args, Debug)]
pub struct Common {
    /// Threads that search; 0 for as many as there are processors. What looks for a shortest way has one.
    #[arg(long, global = true, default_value_t = 0, value_name = "N", value_parser = parse_threads)]
    pub threads: usize,
    /// Stop after so many seconds in all; what was not finished is CUT OFF.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = parse_seconds)]
    pub timeout: Option<f64>,
    /// Stop a search that takes more memory, such as 12GiB or 500MB.
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size,
        allow_hyphen_values = true)]
    pub memory_limit: Option<u64>,
    #[arg(long, global = true, value_name = "FILE", long_help = JSON)]
    /// Write what was found to FILE, as JSON (--help describes it).
    pub json: Option<PathBuf>,
    /// Write each counterexample to DIR: text, SVG, ITF JSON, ShiViz log, replay file, scenario.
    #[arg(long, global = true, value_name = "DIR")]
    pub trace_dir: Option<PathBuf>,
    /// Write a page for people to DIR: report.html, or of `check mutants`, mutants.html.
    #[arg(long, global = true, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// No progress, and one line where there would be a diagram.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// No colours.
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Draw with ASCII characters alone.
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Columns; otherwise those of the terminal.
    #[arg(long, global = true, value_name = "N", value_parser = parse_some::<usize>)]
    pub width: Option<usize>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check that each seeded bug is found out by its property; with a name, show how.
    #[command(allow_negative_numbers = true)]
    Mutants {
        /// A mutant, or a part of its name that no other has.
        name: Option<String>,
        /// Give up on a mutant after so many states.
        #[arg(long, default_value_t = 5_000_000, value_name = "N", value_parser = parse_some::<u64>)]
        states_max: u64,
        /// Search on after the first violation, so that every property that finds a mutant out is listed.
        #[arg(long)]
        keep_going: bool,
    },
    /// Show the shortest way to a violation or to a witness.
    #[command(allow_negative_numbers = true)]
    Show {
        /// The model.
        model: String,
        /// The property or witness, in words or a part of them; otherwise what the model refutes, or
        /// whatever is violated first.
        property: Option<String>,
        /// With this bug in.
        #[arg(long)]
        mutant: Option<String>,
    },
    /// Take the steps of a replay file on today's code; exit 1 if it still violates its property.
    #[command(allow_negative_numbers = true)]
    Replay {
        /// A `.replay.json` of --trace-dir.
        file: PathBuf,
    },
    /// Judge a history of any store: causal consistency, CM, CCv, and the session guarantees.
    #[command(allow_negative_numbers = true)]
    History(HistoryArgs),
    /// Check what the hosts of a cluster recorded: is it an execution of the model?
    #[command(allow_negative_numbers = true)]
    Trace {
        /// The directory of `chinwag cluster --record DIR`; docs/trace-format.md describes it.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Play scenarios on the model, judged at each step: does each print what its text says?
    #[command(allow_negative_numbers = true)]
    Scenario(ScenarioArgs),
    /// Walk through a model at random, judging each state.
    #[command(allow_negative_numbers = true)]
    Walk(WalkArgs),
    /// Click through the states of a model, or of a counterexample, in a browser on this machine.
    #[command(allow_negative_numbers = true)]
    Explore(ExploreArgs),
}

/// Scenarios.
#[derive(Args, Debug)]
pub struct ScenarioArgs {
    /// Texts such as those of tests/scenarios, whose README.md has the language.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// With this bug in.
    #[arg(long, value_name = "BUG")]
    pub mutant: Option<String>,
}

/// What is explored.
#[derive(Args, Debug)]
pub struct ExploreArgs {
    /// A model, a file of --trace-dir, a scenario (NAME.txt), or a directory of `chinwag cluster --record`;
    /// otherwise the model `pair`. The page links to all models and scenarios.
    #[arg(value_name = "MODEL | FILE | DIR")]
    pub what: Option<String>,
    /// With this bug in.
    #[arg(long)]
    pub mutant: Option<String>,
    /// The port on 127.0.0.1; 0 for any. stateright's own explorer has the next one, or says which.
    #[arg(long, default_value_t = 3000, value_parser = parse_number::<u16>)]
    pub port: u16,
}

/// A history of a store, and what is asked of it.
#[derive(Args, Debug)]
pub struct HistoryArgs {
    /// The file; models/tests/histories/README.md describes the formats.
    pub file: PathBuf,
    /// Its format: lines, itf, elle, dbcop or plume; otherwise guessed by how it begins.
    #[arg(long)]
    pub format: Option<Format>,
    /// Ask this alone; may be repeated. Otherwise all is asked.
    #[arg(long, value_name = "QUESTION")]
    pub ask: Vec<Asked>,
}

/// What can be asked of a history.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Asked {
    /// Causal consistency.
    Cc,
    /// Causal memory.
    Cm,
    /// Causal convergence.
    Ccv,
    /// The four session guarantees.
    Sessions,
}

/// A random walk.
#[derive(Args, Debug)]
pub struct WalkArgs {
    /// The model.
    pub model: String,
    /// With this bug in.
    #[arg(long)]
    pub mutant: Option<String>,
    /// Where the random choices begin: walk number N, from 0, is the first walk of seed SEED + N. The same
    /// seed, model, mutant and steps make the same choices. Otherwise from the clock; it is printed either
    /// way.
    #[arg(long, value_parser = parse_number::<u64>)]
    pub seed: Option<u64>,
    /// Steps of each walk.
    #[arg(long, default_value_t = 200, value_parser = parse_some::<usize>)]
    pub steps: usize,
    /// How many walks.
    #[arg(long, default_value_t = 1000, value_parser = parse_some::<u64>)]
    pub walks: u64,
    /// Show the last walk although it violates nothing.
    #[arg(long)]
    pub show: bool,
}

impl Cli {
    /// Parses the command line; ends the process with help, or with exit code 2 and what is wrong.
    pub fn of_the_process() -> Self {
        let is_seed = |argument: String| argument == "--seed" || argument.starts_with("--seed=");
        Cli::try_parse().unwrap_or_else(|error| {
            let unknown = error.kind() == clap::error::ErrorKind::UnknownArgument;
            let context = error.get(clap::error::ContextKind::InvalidArg).map(ToString::to_string);
            if unknown && context.is_some_and(is_seed) {
                let why = "only `check walk` has a --seed: everything else is deterministic; to look at a \
                           run of the simulator, `simulate --seed N --record DIR`, then \
                           `check explore DIR`";
                Cli::command().error(clap::error::ErrorKind::UnknownArgument, why).exit()
            }
            error.exit()
        })
    }

    /// What was asked for to no effect, or cannot be done in the end.
    pub fn mistake(&self) -> Option<String> {
        let options = [
            ("--list", self.list),
            ("--only", !self.only.is_empty()),
            ("--deep", self.deep),
            ("--pin", self.pin),
            ("--mutant before a command", self.mutant.is_some()),
        ];
        if self.command.is_some()
            && let Some((option, _)) = options.into_iter().find(|(_, is_given)| *is_given)
        {
            return Some(format!("{option} goes with no command"));
        }
        let reports = matches!(self.command, None | Some(Command::Mutants { name: None, .. }));
        if self.common.report.is_some() && !reports {
            let why = "--report goes with the verification and with `check mutants` without a name";
            return Some(why.into());
        }
        let bounds = [
            ("--timeout", self.common.timeout.is_some()),
            ("--memory-limit", self.common.memory_limit.is_some()),
        ];
        let searches = matches!(
            self.command,
            None | Some(Command::Mutants { .. } | Command::Walk(_) | Command::Show { .. })
        );
        if let (false, Some((option, _))) =
            (searches, bounds.into_iter().find(|(_, is_given)| *is_given))
        {
            return Some(format!("{option} goes with what searches: this command does not"));
        }
        let written = [
            ("--json", self.common.json.is_some()),
            ("--trace-dir", self.common.trace_dir.is_some()),
        ];
        if let (Some(Command::Explore(_)), Some((option, _))) =
            (&self.command, written.into_iter().find(|(_, is_given)| *is_given))
        {
            return Some(format!("{option} goes with what ends: the page saves what it shows"));
        }
        let file = self.common.json.as_deref()?;
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent {
            Some(parent) if !parent.is_dir() => Some(format!(
                "--json {}: there is no directory {}",
                file.display(),
                parent.display()
            )),
            _ if file.is_dir() => Some(format!("--json {}: it is a directory", file.display())),
            _ => None,
        }
    }
}
