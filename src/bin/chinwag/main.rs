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
mod logs;
mod output;
mod status;
mod top;

use chinwag::{
    ReplicaId,
    runtime::{
        Config, FileStorage, Health, HostError, Metrics, ReplicaConfig, TimedStorage, Watch,
        command::{CliService, SERVICES, WithService, with_service},
        http::Pages,
        udp::{self, ServeError, SystemClock, UdpTransport},
    },
};
use clap::{CommandFactory, Parser, Subcommand};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};
use tracing::info;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed, and certainly without effect
  2  the command line, the configuration or the data directory must be mended first
  3  an update was not answered in time: it may or may not take effect
  4  the node stopped: its disk failed
  5  the node stopped: it has lost state that its peers know of";

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
        #[command(flatten)]
        logs: logs::LogArgs,
    },
    /// Run a cluster of replica processes on this machine until stopped.
    Cluster(cluster::ClusterArgs),
    /// Change the value, and wait until a replica manager has it durably.
    Update(call::CallArgs),
    /// Ask for an answer that reflects all that the session has seen.
    Query(call::CallArgs),
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
    /// Ask each replica manager how it is.
    Status(status::StatusArgs),
    /// Watch all replica managers in the terminal.
    Top(top::TopArgs),
    /// Say who is in the cluster.
    Members(status::StatusArgs),
    /// Look for what is wrong with a cluster, and say how to mend it.
    Doctor(status::StatusArgs),
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
        Do::Replica { config, init, logs } => logs.start().and_then(|()| replica(&config, init)),
        Do::Cluster(args) => cluster::run(&args),
        Do::Update(args) => call::call(&args, true),
        Do::Query(args) => call::call(&args, false),
        #[cfg(feature = "bench")]
        Do::Bench(what) => bench::run(&what),
        Do::Verify(args) => directory::verify(&args),
        Do::Dump(args) => directory::dump(&args),
        Do::Status(args) => status::status(&args),
        Do::Members(args) => health::members(&args),
        Do::Doctor(args) => health::doctor(&args),
        Do::Completions(args) => generate::completions(&args, Cli::command()),
        Do::Man(args) => generate::man(&args, Cli::command()),
        Do::Top(args) => top::run(&args),
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

fn read_config(path: &Path) -> Result<Config, Failure> {
    Config::read(path).map_err(Failure::operator)
}

fn with<W: WithService<Output = Result<(), Failure>>>(
    config: &Path,
    service: &str,
    what: W,
) -> Result<(), Failure> {
    let unknown = || {
        let config = config.display();
        Failure::operator(format!("{config}: service: no {service:?}; there are {SERVICES}"))
    };
    with_service(service, what).unwrap_or_else(|| Err(unknown()))
}

/// Set when the process is asked to stop: by SIGTERM, or by SIGINT from a terminal.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        // A second one of the same kind ends the process at once.
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Failure::new(1, error))?;
    }
    Ok(stop)
}

fn replica(path: &Path, init: bool) -> Result<(), Failure> {
    let config = read_config(path)?;
    let service = config.service.clone();
    with(path, &service, Serve { path, config, init })
}

struct Serve<'a> {
    path: &'a Path,
    config: Config,
    init: bool,
}

impl WithService for Serve<'_> {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { path, config, init } = self;
        let Some(replica) = &config.replica else {
            let path = path.display();
            let problem = "replica: missing; a replica needs its `id` and `data_dir`";
            return Err(Failure::operator(format!("{path}: {problem}")));
        };
        let (id, stop, clock) = (ReplicaId(replica.id), stop_flag()?, SystemClock::default());
        let mut transport = bind(path, &config, replica)?;
        let identity = config.identity(id);
        let storage = FileStorage::open(&replica.data_dir, &identity, init);
        let storage = storage.map_err(Failure::operator)?;
        let (metrics, health) = (Metrics::default(), Arc::<Health>::default());
        let storage = TimedStorage::new(storage, clock, &metrics);
        let watch = Watch::new(id, clock, metrics.clone(), Arc::clone(&health));
        if let Some(at) = replica.http_address() {
            let at = Pages { metrics, health, clock }.serve(at).map_err(|error| {
                let path = path.display();
                Failure::operator(format!("{path}: replica.http: {at}: {error}"))
            })?;
            info!("{id:?}: http://{at}/metrics, /healthz and /readyz");
        }
        let opened = udp::open::<S, _, _>(&config, storage, watch, &clock);
        let mut host = opened.map_err(|error| failed_start(&error))?;
        let peers = udp::resolve(config.replicas.clone(), Arc::clone(&stop));
        let at = transport.local_addr().map_err(|error| Failure::new(1, error))?;
        let held = host.state().replica.replica_ts();
        info!("{id:?}: serving {} at {at}, with {held:?}", S::NAME);
        // Serving, which is not yet taking updates: that may need peers which start after it.
        logs::tell_supervisor(&sd_notify::NotifyState::Ready);
        let served = udp::serve(&mut host, &mut transport, &clock, &peers, &stop);
        logs::tell_supervisor(&sd_notify::NotifyState::Stopping);
        served.map_err(|error| stopped(&error))?;
        let (held, dropped) = (host.state().replica.replica_ts(), host.status().dropped);
        info!(dropped, "{id:?}: stopped, with {held:?}");
        Ok(())
    }
}

fn failed_start(error: &HostError) -> Failure {
    Failure::operator(error)
}

fn stopped(error: &ServeError) -> Failure {
    let code = match error {
        ServeError::Host(HostError::StateLost { .. }) => 5,
        ServeError::Host(_) => 4,
        ServeError::Socket(_) => 1,
    };
    Failure::new(code, error)
}

fn bind(path: &Path, config: &Config, replica: &ReplicaConfig) -> Result<UdpTransport, Failure> {
    let name = replica.listen.as_ref().unwrap_or(&config.replicas[usize::from(replica.id)]);
    let problem =
        |key: &str, why: String| Failure::operator(format!("{}: {key}: {why}", path.display()));
    let address = udp::lookup(name)
        .ok_or_else(|| problem("replica.listen", format!("{name:?} has no address here")))?;
    if !address.ip().is_loopback() && !replica.allow_unauthenticated {
        let why = "anyone who can send to it would be believed. Listen on loopback, or accept that \
                   with `allow_unauthenticated = true`";
        return Err(problem("replica.listen", format!("{address}: {why}")));
    }
    UdpTransport::bind(address)
        .map_err(|error| problem("replica.listen", format!("{address}: {error}")))
}
