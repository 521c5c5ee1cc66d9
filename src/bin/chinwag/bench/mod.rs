//! `chinwag bench`: load on a cluster, what the machine could do without one, and what gossip costs.

mod cluster;
mod limits;
mod load;
mod report;
mod sessions;
mod spread;

use crate::{Failure, config_with, with};
use chinwag::{
    Request,
    runtime::{
        Config, Party,
        command::{CliService, WithService},
        udp,
    },
};
use clap::{Args, Subcommand};
use cluster::Gossiping;
use load::{Load, Measured};
use report::Row;
use sessions::Sessions;
use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

/// Requests under way at a time.
const CLIENTS_MAX: usize = 10_000;

/// Requests a second that can be asked for.
const RATE_MAX: f64 = 10_000_000.0;

/// In the words of a request, stands for the client's number, of five digits.
const CLIENT: char = '%';

/// Seconds of one case.
const SECONDS_MAX: f64 = 3_600.0;

/// What to measure.
#[derive(Subcommand)]
pub enum Bench {
    /// Load a running cluster with updates.
    Update(ClusterLoad),
    /// Load a running cluster with queries.
    Query(ClusterLoad),
    /// The limit of this machine: a server that sends back what it gets.
    LimitUdp(LoadArgs),
    /// The limit of this machine: a server that sends back what it has written and synced.
    LimitDurable {
        /// Where its file is, for as long as it runs.
        #[arg(long, default_value = ".")]
        dir: PathBuf,
        #[command(flatten)]
        load: LoadArgs,
    },
    /// What gossip costs and how soon news is everywhere, in a cluster of this process.
    Gossip(GossipArgs),
}

/// Which cluster.
#[derive(Args)]
pub struct GossipArgs {
    /// Replica managers.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=16))]
    replicas: u16,
    /// Gossip after so many updates, too; 0: only by time.
    #[arg(long, default_value_t = 10)]
    batch: u32,
    /// How often each peer is considered, in milliseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=3_600_000))]
    gossip_interval_ms: u64,
    /// Updates to take.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(16..=10_000_000))]
    updates: u64,
    /// Where its data are, for as long as it runs.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Whom to load, with what.
#[derive(Args)]
pub struct ClusterLoad {
    /// The configuration of the cluster or of any of its replicas.
    #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
    config: PathBuf,
    /// The key ring, instead of the configuration's.
    #[arg(long, env = "CHINWAG_KEYS")]
    keys: Option<PathBuf>,
    /// Load this replica manager and no other; without it, clients are spread over all that will do.
    #[arg(long)]
    at: Option<u16>,
    #[command(flatten)]
    load: LoadArgs,
    /// What each client does, in the words of the service; `%` is its number. By default something of 32
    /// bytes.
    #[arg(allow_hyphen_values = true)]
    words: Vec<String>,
}

/// How much load.
#[derive(Args)]
pub struct LoadArgs {
    /// Requests under way at a time. Several numbers, with commas between them, are several cases.
    #[arg(long, value_delimiter = ',', default_value = "16")]
    clients: Vec<usize>,
    /// Requests a second, whether or not earlier ones were answered. Without it, each client asks as soon as
    /// it is answered. Several numbers are several cases.
    #[arg(long, value_delimiter = ',')]
    rate: Vec<f64>,
    /// Seconds of each case.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
    /// Write comma-separated values to this file, too.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Draw latency over throughput into this file, too: SVG.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// Measures.
pub fn run(bench: &Bench) -> Result<(), Failure> {
    let io = |error| Failure::new(1, error);
    match bench {
        Bench::Update(args) => cluster(args, true),
        Bench::Query(args) => cluster(args, false),
        Bench::LimitUdp(args) => cases(args, "udp echo", |load| limits::udp(load).map_err(io)),
        Bench::LimitDurable { dir, load } => cases(load, "durable echo", |load| {
            limits::durable(load, dir)
                .map_err(|error| Failure::new(1, format!("{}: {error}", dir.display())))
        }),
        Bench::Gossip(args) => gossip(args),
    }
}

fn gossip(args: &GossipArgs) -> Result<(), Failure> {
    let every = Duration::from_millis(args.gossip_interval_ms);
    let gossiping = Gossiping { replicas: args.replicas, every, batch: args.batch };
    let spread = spread::measure(gossiping, args.updates, &args.dir)
        .map_err(|error| Failure::new(1, error))?;
    let value = serde_json::to_value(&spread).expect("numbers can be written");
    match (args.json, value.as_object()) {
        (false, Some(all)) => all.iter().for_each(|(name, value)| println!("{name:30} {value}")),
        _ => println!("{value}"),
    }
    Ok(())
}

/// Each case in turn.
fn cases(
    args: &LoadArgs,
    name: &str,
    mut measure: impl FnMut(Load) -> Result<Measured, Failure>,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let loads = loads(args)?;
    if !args.json {
        println!("{}", report::HEAD);
    }
    for load in loads {
        let row = Row::new(name, load, &measure(load)?);
        match args.json {
            true => println!("{}", serde_json::to_string(&row).expect("numbers can be written")),
            false => println!("{}", report::line(&row)),
        }
        rows.push(row);
    }
    if let Some(path) = &args.csv {
        let failed = |error| Failure::operator(format!("--csv: {}: {error}", path.display()));
        fs::write(path, report::csv(&rows)).map_err(failed)?;
    }
    if let Some(path) = &args.svg {
        report::plot(&rows, path).map_err(|why| Failure::operator(format!("--svg: {why}")))?;
    }
    match rows.iter().all(|row| row.answered > 0) {
        true => Ok(()),
        false => Err(Failure::new(1, "not one request was answered; `chinwag status` says more")),
    }
}

fn loads(args: &LoadArgs) -> Result<Vec<Load>, Failure> {
    let wrong = |what: String| Err(Failure::operator(what));
    if !(args.seconds > 0.0 && args.seconds <= SECONDS_MAX) {
        return wrong(format!("--seconds: use up to {SECONDS_MAX}, not {}", args.seconds));
    }
    if let Some(rate) = args.rate.iter().find(|rate| !(**rate > 0.0 && **rate <= RATE_MAX)) {
        return wrong(format!("--rate: use up to {RATE_MAX}, not {rate}"));
    }
    if let Some(clients) = args.clients.iter().find(|n| !(1..=CLIENTS_MAX).contains(*n)) {
        return wrong(format!("--clients: use 1 to {CLIENTS_MAX}, not {clients}"));
    }
    let time = Duration::from_secs_f64(args.seconds);
    let rates: Vec<_> = match args.rate.as_slice() {
        [] => vec![None],
        rates => rates.iter().copied().map(Some).collect(),
    };
    let each = |clients: &usize| {
        let clients = *clients;
        rates.iter().map(move |rate| Load { clients, rate: *rate, time }).collect::<Vec<_>>()
    };
    Ok(args.clients.iter().flat_map(each).collect())
}

fn cluster(args: &ClusterLoad, updates: bool) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let service = config.service.clone();
    with(&args.config, &service, LoadCluster { args, config, updates })
}

struct LoadCluster<'a> {
    args: &'a ClusterLoad,
    config: Config,
    updates: bool,
}

impl WithService for LoadCluster<'_> {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { args, config, updates } = self;
        let work = |client: usize| {
            let words = match args.words.as_slice() {
                [] => default_words(S::NAME, updates).map(String::from).to_vec(),
                words => words.to_vec(),
            };
            let words: Vec<_> =
                words.iter().map(|word| word.replace(CLIENT, &format!("{client:05}"))).collect();
            let words: Vec<_> =
                words.iter().map(String::as_str).filter(|w| !w.is_empty()).collect();
            let work = match updates {
                true => S::parse_update(&words).map(Request::Update),
                false => S::parse_query(&words).map(Request::Query),
            };
            work.map_err(Failure::operator)
        };
        let addresses = addresses(&config, args.at, updates)?;
        let io = |error| Failure::new(1, error);
        let name = if updates { "update" } else { "query" };
        cases(&args.load, name, |load| {
            let socket = udp::client_transport(&addresses).map_err(io)?;
            let mut transport = udp::sealed(&config, Party::Client, socket).map_err(io)?;
            let first = udp::random_front_end().map_err(io)?.0;
            let work = (0..load.clients).map(work).collect::<Result<Vec<_>, _>>()?;
            let mut sessions: Sessions<S> =
                Sessions::new(config.codec(), addresses.clone(), work, first);
            load::drive(&mut transport, &mut sessions, load).map_err(io)
        })
    }
}

/// The addresses of the replica managers that the load is spread over.
fn addresses(config: &Config, at: Option<u16>, updates: bool) -> Result<Vec<SocketAddr>, Failure> {
    let group = config.group();
    let count = if updates { group.updatable } else { group.replicas };
    if let Some(at) = at.filter(|at| *at >= count) {
        return Err(Failure::operator(format!("--at: use 0 to {}, not {at}", count - 1)));
    }
    let chosen = at.map_or(0..count, |at| at..at + 1);
    let address = |i: u16| {
        let name = &config.replicas[usize::from(i)];
        udp::lookup(name)
            .ok_or_else(|| Failure::operator(format!("replicas[{i}]: {name:?} has no address")))
    };
    chosen.map(address).collect()
}

/// Clients have keys of their own: concurrent values of one key would pile up.
fn default_words(service: &str, updates: bool) -> [&'static str; 3] {
    match (service, updates) {
        // 32 bytes: the kind, two lengths, and these.
        ("kv", true) => ["put", "key-%", "abcdefghijklmnopqrst"],
        ("kv", false) => ["get", "key-%", ""],
        ("counter", true) => ["add", "1", ""],
        ("set", true) => ["add", "abcdefghijklmnopqrstuvwxy%", ""],
        ("board", true) => ["post", "abcdefghijklmnopqrstuvwxyz012", ""],
        _ => [""; 3],
    }
}
