//! The program: a replica, a local cluster, and a client of either.

mod cluster;
mod directory;
mod maelstrom;

use chinwag::{
    ReplicaId,
    runtime::{
        ClientError, Config, Counters, FileStorage, HostError, ReplicaConfig, Route, SessionFile,
        Status,
        command::{CliService, SERVICES, WithService, with_service},
        udp::{self, ServeError, SystemClock, UdpClient, UdpTransport},
    },
};
use clap::{Args, Parser, Subcommand};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

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
    },
    /// Run a cluster of replica processes on this machine until stopped.
    Cluster(cluster::ClusterArgs),
    /// Change the value, and wait until a replica manager has it durably.
    Update(CallArgs),
    /// Ask for an answer that reflects all that the session has seen.
    Query(CallArgs),
    /// Say whether a data directory is sound.
    #[command(after_help = directory::EXIT_CODES)]
    Verify(directory::DirectoryArgs),
    /// Print all that is in a data directory, as far as it can be read.
    #[command(after_help = directory::EXIT_CODES)]
    Dump(directory::DirectoryArgs),
    /// Serve as a node of Maelstrom: JSON lines on standard input and output.
    Maelstrom(maelstrom::MaelstromArgs),
    /// Ask each replica manager how it is.
    Status {
        /// The configuration of the cluster or of any of its replicas.
        #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
        config: PathBuf,
        /// How long to wait for each, in milliseconds.
        #[arg(long, default_value_t = 1_000)]
        timeout_ms: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
struct CallArgs {
    /// The configuration of the cluster or of any of its replicas.
    #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
    config: PathBuf,
    /// Go on with the session in this file, or start one in it.
    #[arg(long)]
    session: Option<PathBuf>,
    /// Ask this replica manager and no other.
    #[arg(long)]
    at: Option<u16>,
    /// How long to wait before giving up, in milliseconds.
    #[arg(long, default_value_t = 10_000)]
    timeout_ms: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// What to do, in the words of the service. After all options, since words may begin with `-`.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    words: Vec<String>,
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
        Do::Replica { config, init } => replica(&config, init),
        Do::Cluster(args) => cluster::run(&args),
        Do::Update(args) => call(&args, true),
        Do::Query(args) => call(&args, false),
        Do::Verify(args) => directory::verify(&args),
        Do::Dump(args) => directory::dump(&args),
        Do::Maelstrom(args) => maelstrom::run(&args),
        Do::Status { config, timeout_ms, json } => status(&config, timeout_ms, json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, why }) => {
            eprintln!("chinwag: {why}");
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
        let opened = udp::open::<S, _>(&config, storage, Counters::default(), &clock);
        let mut host = opened.map_err(|error| failed_start(&error))?;
        if host.observer().torn_bytes > 0 {
            let torn = host.observer().torn_bytes;
            eprintln!("{id:?}: dropped a batch of {torn} bytes that was being written at the end");
        }
        let peers = udp::resolve(config.replicas.clone(), Arc::clone(&stop));
        let at = transport.local_addr().map_err(|error| Failure::new(1, error))?;
        eprintln!(
            "{id:?}: serving {} at {at}, with {:?}",
            S::NAME,
            host.state().replica.replica_ts()
        );
        let served = udp::serve(&mut host, &mut transport, &clock, &peers, &stop);
        served.map_err(|error| stopped(&error))?;
        for (reason, count) in &host.observer().dropped {
            eprintln!("{id:?}: dropped {count}: {reason:?}");
        }
        eprintln!("{id:?}: stopped, with {:?}", host.state().replica.replica_ts());
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

fn call(args: &CallArgs, update: bool) -> Result<(), Failure> {
    let config = read_config(&args.config)?;
    let service = config.service.clone();
    with(&args.config, &service, Call { args, config, update })
}

struct Call<'a> {
    args: &'a CallArgs,
    config: Config,
    update: bool,
}

impl WithService for Call<'_> {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { args, config, update } = self;
        let words: Vec<_> = args.words.iter().map(String::as_str).collect();
        let usage = || Failure::operator(format!("{}: {}", S::NAME, S::USAGE));
        let (op, query) = match update {
            true => (Some(S::parse_update(&words).ok_or_else(usage)?), None),
            false => (None, Some(S::parse_query(&words).ok_or_else(usage)?)),
        };
        let (mut client, session) = session::<S>(args, &config)?;
        let mut lines = Vec::new();
        let mut result = Ok(());
        if let Some(op) = op {
            match client.update(op) {
                Ok(ts) if args.json => lines.push(serde_json::json!({ "ts": ts }).to_string()),
                Ok(ts) => lines.push(format!("recorded at {ts:?}")),
                Err(error) => result = Err(failed(&error)),
            }
        }
        if let Some(query) = query {
            match client.query(query) {
                Ok(answer) if args.json => {
                    lines.push(serde_json::json!({ "answer": answer }).to_string());
                }
                Ok(answer) => lines.push(S::render(&answer)),
                Err(error) => result = Err(failed(&error)),
            }
        }
        lines.iter().for_each(|line| println!("{line}"));
        if let Some(session) = session {
            let saved = session.save(&client.token());
            saved.map_err(|error| Failure::new(1, format!("done, but not kept: {error}")))?;
        }
        result
    }
}

fn failed(error: &ClientError) -> Failure {
    let code = match error {
        ClientError::Indefinite { .. } => 3,
        ClientError::TooLarge(_) => 2,
        _ => 1,
    };
    Failure::new(code, error)
}

fn session<S: CliService>(
    args: &CallArgs,
    config: &Config,
) -> Result<(UdpClient<S>, Option<SessionFile>), Failure> {
    let fresh = udp::random_front_end().map_err(|error| Failure::new(1, error))?;
    let (name, seen, file) = match &args.session {
        None => ((fresh, 0), config.group().zero(), None),
        Some(path) => {
            let opened = SessionFile::open(path, fresh, config.codec());
            let (file, seen) = opened
                .map_err(|error| Failure::operator(format!("{}: {error}", path.display())))?;
            ((file.front_end(), file.incarnation()), seen, Some(file))
        }
    };
    let give_up = Duration::from_millis(args.timeout_ms);
    let mut client =
        udp::connect(config, name, seen, give_up).map_err(|error| Failure::new(1, error))?;
    if let Some(at) = args.at {
        if at >= config.group().replicas {
            let most = config.group().replicas - 1;
            return Err(Failure::operator(format!("--at: use 0 to {most}, not {at}")));
        }
        client.route(Route::Only(ReplicaId(at)));
    }
    Ok((client, file))
}

fn acknowledges(status: &Status) -> String {
    match status.acknowledged_by {
        1 => status.durability.to_string(),
        count => format!("{} of {count}", status.durability),
    }
}

fn status(path: &Path, timeout_ms: u64, json: bool) -> Result<(), Failure> {
    let config = read_config(path)?;
    let service = config.service.clone();
    with(path, &service, AskStatus { config, wait: Duration::from_millis(timeout_ms), json })
}

struct AskStatus {
    config: Config,
    wait: Duration,
    json: bool,
}

impl WithService for AskStatus {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { config, wait, json } = self;
        let fresh = udp::random_front_end().map_err(|error| Failure::new(1, error))?;
        let mut client: UdpClient<S> =
            udp::connect(&config, (fresh, 0), config.group().zero(), wait)
                .map_err(|error| Failure::new(1, error))?;
        let mut silent = 0;
        for (replica, address) in config.group().members().zip(&config.replicas) {
            let status = client.status(replica, wait);
            silent += u16::from(status.is_none());
            match status {
                status if json => {
                    let replica = replica.0;
                    let line = serde_json::json!({
                        "replica": replica, "address": address, "status": status,
                    });
                    println!("{line}");
                }
                None => println!("{replica:?} {address} does not answer"),
                Some(s) => println!(
                    "{replica:?} {address} received {:?} reflects {:?} discarded {:?} \
                     log {} pending {} waiting {} executed {} dropped {} acknowledges at {}{}",
                    s.replica_ts,
                    s.value_ts,
                    s.discarded,
                    s.log,
                    s.pending,
                    s.waiting,
                    s.executed,
                    s.dropped,
                    acknowledges(&s),
                    if s.full { " DISK FULL" } else { "" }
                ),
            }
        }
        match silent {
            0 => Ok(()),
            n => Err(Failure::new(1, format!("{n} of {} do not answer", config.replicas.len()))),
        }
    }
}
