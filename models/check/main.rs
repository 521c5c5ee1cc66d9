//! `check`: verifies the models of chinwag, and the mutants, and shows what it finds.
//!
//! Searches and judges nothing itself: it asks the engine, compares with what the catalogue expects, and says
//! so. `check --help` tells the exit codes.

mod cli;
mod console;
mod explore;
mod files;
mod history;
mod input;
mod json;
mod lab;
mod list;
mod matrix;
mod mutants;
mod names;
mod numbers;
mod progress;
mod replay;
mod report;
mod scenario;
mod show;
mod summary;
mod table;
mod trace;
mod vacuity;
mod verify;
mod walk;

use cli::{Cli, Command};
use console::Console;
use lab::Wanted;
use std::{panic, process::ExitCode};

/// How a command ended: the exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All as the catalogue expects, within the bounds and exhaustively.
    AsExpected = 0,
    /// A property is violated, or something else is not as expected.
    Violation = 1,
    /// The command line, or a file that it names, makes no sense.
    Usage = 2,
    /// A bound on time, memory or states was met, or a replay diverged: nothing can be said.
    CutOff = 3,
    /// A bug of the checker, an assertion of the protocol that failed, or all is well and could not be said.
    Internal = 4,
}

/// Why a command could not begin: said on stderr, exit code 2.
#[derive(Debug)]
pub struct Complaint(pub String);

/// How a command ended, or why it could not begin.
pub type Ended = Result<Exit, Complaint>;

fn main() -> ExitCode {
    let cli = Cli::of_the_process();
    let console = Console::of(&cli.common);
    progress::mind_interrupts();
    if cfg!(debug_assertions) {
        console.warn("built without --release: searches take about five times as long");
    }
    lab::remember_panics();
    let ended = panic::catch_unwind(|| run(&cli, &console));
    let exit = match ended {
        Ok(Ok(exit)) => exit,
        Ok(Err(Complaint(text))) => {
            console.error(&text);
            Exit::Usage
        }
        Err(_) => {
            console.error(&format!("internal: {}", lab::last_panic()));
            Exit::Internal
        }
    };
    match (exit, console.lost()) {
        (Exit::AsExpected, Some(why)) => {
            console.error(&why);
            ExitCode::from(Exit::Internal as u8)
        }
        _ => ExitCode::from(exit as u8),
    }
}

fn run(cli: &Cli, console: &Console) -> Ended {
    let common = &cli.common;
    if let Some(mistake) = cli.mistake() {
        return Err(Complaint(mistake));
    }
    if let Some(dir) = &common.trace_dir {
        // Now, not after minutes of searching.
        let cannot = |error| Complaint(format!("--trace-dir {}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(cannot)?;
    }
    report::prepare(common)?;
    match &cli.command {
        None if cli.list => list::list(console, common),
        None => verify::verify(cli, console),
        Some(Command::Mutants { name: None, states_max, keep_going }) => {
            let wanted = Wanted { keep_going: *keep_going, states_max: Some(*states_max) };
            mutants::all(wanted, common, console)
        }
        Some(Command::Mutants { name: Some(name), .. }) => mutants::one(name, common, console),
        Some(Command::Show { model, property, mutant }) => {
            show::show(model, property.as_deref(), mutant.as_deref(), common, console)
        }
        Some(Command::Replay { file }) => replay::replay_file(file, common, console),
        Some(Command::History(args)) => history::history(args, common, console),
        Some(Command::Trace { directory }) => trace::trace(directory, common, console),
        Some(Command::Scenario(args)) => scenario::scenarios(args, common, console),
        Some(Command::Walk(walk)) => walk::walk(walk, common, console),
        Some(Command::Explore(args)) => explore::explore(args, common, console),
    }
}
