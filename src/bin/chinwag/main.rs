//! The program: a replica, a local cluster, and a client of either.

/// As the standard one, but a reader that went away (`chinwag status | head -1`) is no reason to panic, and
/// none to stop: what was begun is finished.
macro_rules! println {
    ($($arguments:tt)*) => { $crate::output::line(&mut std::io::stdout(), format_args!($($arguments)*)) };
}
/// The same.
macro_rules! eprintln {
    ($($arguments:tt)*) => { $crate::output::line(&mut std::io::stderr(), format_args!($($arguments)*)) };
}

#[cfg(feature = "bench")]
mod bench;
mod call;
mod cluster;
mod directory;
mod generate;
mod health;
mod keys;
mod listen;
mod live;
mod logs;
mod maelstrom;
mod output;
mod replace;
mod serve;
mod status;
mod top;

use chinwag::runtime::{
    Config,
    command::{SERVICES, WithService, with_service},
};
use clap::{CommandFactory, Parser, Subcommand};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed, and certainly without effect
  2  the command line, the configuration or the data directory must be mended first
  3  an update was not answered in time: it may or may not take effect
  4  the node stopped: its disk failed, no file could be opened, or the service panicked
  5  the node stopped: it has lost state that its peers know of, or was replaced
  6  a query cannot be answered: nobody who answered holds what its session has seen";

/// Gossip architecture: replicas that answer at once and agree lazily.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Do,
}

#[derive(Subcommand)]
enum Do {
    /// Serve as one replica manager until stopped.
    Replica {
        /// Its configuration.
        #[arg(long, env = "CHINWAG_CONFIG")]
        config: PathBuf,
        /// This is its very first start: make the data directory.
        #[arg(long)]
        init: bool,
        /// Record every step to this directory, for `check trace`.
        #[arg(long, value_name = "DIR")]
        record: Option<PathBuf>,
        #[command(flatten)]
        logs: logs::LogArgs,
    },
    /// Run a cluster of replica processes on this machine until stopped.
    Cluster(cluster::ClusterArgs),
    /// Change the value, and wait until a replica manager has it durably.
    Update(call::CallArgs),
    /// Ask for an answer that reflects all that the session has seen.
    Query(call::CallArgs),
    /// Make a key ring.
    Keygen(keys::KeygenArgs),
    /// List or change the keys of a key ring.
    #[command(after_help = keys::ROTATION)]
    Keys(keys::KeysArgs),
    /// Measure: load on a cluster, what this machine could do without one, and what gossip costs.
    #[cfg(feature = "bench")]
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Say whether a data directory is sound.
    #[command(after_help = directory::EXIT_CODES)]
    Verify(directory::DirectoryArgs),
    /// Print all that is in a data directory, as far as it can be read.
    #[command(after_help = directory::EXIT_CODES)]
    Dump(directory::DirectoryArgs),
    /// Serve as a node of Maelstrom: JSON lines on standard input and output.
    Maelstrom(maelstrom::MaelstromArgs),
    /// Ask each replica manager how it is.
    Status(status::StatusArgs),
    /// Watch all replica managers in the terminal.
    Top(top::TopArgs),
    /// Say who is in the cluster.
    Members(status::StatusArgs),
    /// Look for what is wrong with a cluster, and say how to mend it.
    Doctor(status::StatusArgs),
    /// Say in configurations that a replica manager is gone for good, and who takes its place.
    #[command(after_help = replace::STEPS)]
    Replace(replace::ReplaceArgs),
    /// Print what makes a shell complete this program's commands.
    #[command(hide = true)]
    Completions(generate::CompletionsArgs),
    /// Write the manual pages.
    #[command(hide = true)]
    Man(generate::ManArgs),
}

/// What went wrong, and the exit code that says so.
struct Failure {
    code: u8,
    why: String,
}

impl Failure {
    fn new(code: u8, why: impl fmt::Display) -> Self {
        Self { code, why: why.to_string() }
    }

    fn operator(why: impl fmt::Display) -> Self {
        Self::new(2, why)
    }
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Do::Replica { config, init, record, logs } => {
            logs.start().and_then(|()| serve::replica(&config, init, record))
        }
        Do::Cluster(args) => cluster::run(&args),
        Do::Update(args) => call::call(&args, true),
        Do::Query(args) => call::call(&args, false),
        #[cfg(feature = "bench")]
        Do::Bench(what) => bench::run(&what),
        Do::Replace(args) => replace::replace(&args),
        Do::Verify(args) => directory::verify(&args),
        Do::Dump(args) => directory::dump(&args),
        Do::Status(args) => status::status(&args),
        Do::Members(args) => health::members(&args),
        Do::Doctor(args) => health::doctor(&args),
        Do::Completions(args) => generate::completions(&args, Cli::command()),
        Do::Man(args) => generate::man(&args, Cli::command()),
        Do::Top(args) => top::run(&args),
        Do::Keygen(args) => keys::generate(&args),
        Do::Keys(args) => keys::run(&args),
        Do::Maelstrom(args) => maelstrom::run(&args),
    };
    match done.and_then(|()| output::check()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, why }) => {
            match logs::are_on() {
                true => tracing::error!(exit_code = code, "{why}"),
                false => eprintln!("chinwag: {why}"),
            }
            ExitCode::from(code)
        }
    }
}

/// Reads a configuration, with another key ring if one is given.
fn config_with(path: &Path, keys: Option<&PathBuf>) -> Result<Config, Failure> {
    let mut config = read_config(path)?;
    config.keys = keys.cloned().or(config.keys);
    Ok(config)
}

fn read_config(path: &Path) -> Result<Config, Failure> {
    Config::read(path).map_err(Failure::operator)
}

fn with<T, W: WithService<Output = Result<T, Failure>>>(
    config: &Path,
    service: &str,
    what: W,
) -> Result<T, Failure> {
    let unknown = || {
        let config = config.display();
        Failure::operator(format!("{config}: service: no {service:?}; there are {SERVICES}"))
    };
    with_service(service, what).unwrap_or_else(|| Err(unknown()))
}

/// Set when the process is asked to stop: by SIGTERM, or by SIGINT from a terminal. A further one changes
/// nothing: the process is about to end by itself, with all that it was asked to keep.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Failure::new(1, error))?;
    }
    Ok(stop)
}
