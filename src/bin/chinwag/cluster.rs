//! A cluster on this machine, each replica manager a process.

use crate::{Failure, keys, live, read_config, stop_flag};
use chinwag::{
    Group, ReplicaId,
    runtime::{
        Clock, Config, REPLICAS_MAX, ReplicaConfig, UPDATABLE_MAX,
        command::{SERVICES, is_service},
        udp::{self, SystemClock},
    },
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long a replica manager that was asked to stop may take.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The key ring that is made with a new cluster, although it is on loopback: other users of the machine are
/// there too.
const KEYS: &str = "keys.toml";

/// What to run.
#[derive(Args)]
pub struct ClusterArgs {
    /// Replica managers that take updates.
    #[arg(long, default_value_t = 3)]
    replicas: u16,
    /// Further ones that only answer queries.
    #[arg(long, default_value_t = 0)]
    read_only: u16,
    /// What it serves: kv, counter, set or board.
    #[arg(long, default_value = "kv")]
    service: String,
    /// Where configurations and data are. What is there already is served again.
    #[arg(long, default_value = "chinwag-cluster")]
    dir: PathBuf,
    /// Record every step of every replica manager to this directory, for `check trace`.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Serve a page on a free port of loopback that shows how they are, live.
    #[arg(long)]
    watch: bool,
    /// Print an object of JSON when all processes are started.
    #[arg(long)]
    json: bool,
}

/// Runs it until asked to stop.
pub fn run(args: &ClusterArgs) -> Result<(), Failure> {
    let stop = stop_flag()?;
    let configs = cluster_configs(args)?;
    let io = |error: io::Error| Failure::new(1, error);
    let program = std::env::current_exe().map_err(io)?;
    let mut children: Vec<(ReplicaId, Child)> = Vec::new();
    for (id, path) in &configs {
        let mut command = Command::new(&program);
        command.arg("replica").arg("--config").arg(path).stdin(Stdio::null());
        let data = read_config(path)?.replica.map(|replica| replica.data_dir);
        if !data.unwrap_or_default().join("identity").exists() {
            command.arg("--init");
        }
        if let Some(directory) = &args.record {
            command.arg("--record").arg(directory);
        }
        children.push((*id, command.spawn().map_err(io)?));
    }
    let main = args.dir.join("cluster.toml");
    let main = main.canonicalize().map_err(io)?;
    let watch = match args.watch {
        true => Some(live::serve(&main).map_err(io)?),
        false => None,
    };
    match args.json {
        true => {
            let mut started = started(&main, &configs, &children)?;
            if let Some(at) = watch {
                started["watch"] = json!(format!("http://{at}/"));
            }
            println!("{started}");
        }
        false => {
            println!(
                "{} replica managers, each a process; Ctrl-C stops them. In another terminal:",
                children.len()
            );
            println!("  export CHINWAG_CONFIG={}", main.display());
            println!("  chinwag status");
            println!("  chinwag top");
            println!("  chinwag update --session me {}", example(&args.service).0);
            println!("  chinwag query --session me {}", example(&args.service).1);
            if let Some(at) = watch {
                println!("In a browser: http://{at}/");
            }
        }
    }
    supervise(&mut children, &args.dir, &stop)?;
    match stop.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(Failure::new(1, nobody_left(args, children.len()))),
    }
}

/// What runs, for programs.
fn started(
    main: &Path,
    configs: &[(ReplicaId, PathBuf)],
    children: &[(ReplicaId, Child)],
) -> Result<Value, Failure> {
    let replica = |((replica, path), (_, child)): (&(ReplicaId, PathBuf), &(_, Child))| {
        let config = read_config(path)?;
        let http = config.replica.as_ref().and_then(ReplicaConfig::http_address);
        Ok(json!({
            "replica": replica.0,
            "address": config.replicas[replica.index()],
            "http": http.map(|address| address.to_string()),
            "pid": child.id(),
        }))
    };
    let replicas =
        configs.iter().zip(children).map(replica).collect::<Result<Vec<_>, Failure>>()?;
    Ok(json!({ "config": main, "replicas": replicas }))
}

fn example(service: &str) -> (&'static str, &'static str) {
    match service {
        "counter" => ("add 5", "value"),
        "set" => ("add milk", "elements"),
        "board" => ("post 'Lost: my dog'", "posts"),
        _ => ("put door open", "get door"),
    }
}

fn nobody_left(args: &ClusterArgs, count: usize) -> String {
    let (service, dir) = (&args.service, args.dir.display());
    format!(
        "all {count} replica managers have ended, each as it says above. What they acknowledged is in {dir}: \
         `chinwag cluster --service {service} --dir {dir}` serves it again"
    )
}

/// What the end of a replica manager means, and how to start it again.
fn epitaph(replica: ReplicaId, dir: &Path, status: ExitStatus) -> String {
    let why = match status.code() {
        None => "killed".to_string(),
        Some(0) => "asked to stop".to_string(),
        Some(2) => "something must be mended first, as it said".to_string(),
        Some(4) => "its disk failed, as it said".to_string(),
        Some(5) => "it had lost state that its peers know of; see docs/operations.md".to_string(),
        Some(_) => "as it said".to_string(),
    };
    let config = dir.join(format!("rm{}.toml", replica.0));
    let again = format!("`chinwag replica --config {}` starts it again", config.display());
    format!("{replica:?}: ended ({status}): {why}. {again}")
}

/// Waits until asked to stop, or until nobody is left. Then asks the children to.
fn supervise(
    children: &mut [(ReplicaId, Child)],
    dir: &Path,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut gone = vec![false; children.len()];
    while !stop.load(Ordering::Relaxed) && gone.contains(&false) {
        for ((replica, child), gone) in children.iter_mut().zip(&mut gone) {
            if let (false, Ok(Some(status))) = (*gone, child.try_wait()) {
                eprintln!("{}", epitaph(*replica, dir, status));
                *gone = true;
            }
        }
        std::thread::sleep(udp::STOP_POLL);
    }
    for (_, child) in children.iter_mut() {
        // The program has no other way to send SIGTERM without unsafe code or another dependency.
        let _ = Command::new("kill").arg(child.id().to_string()).status();
    }
    let clock = SystemClock::default();
    for (replica, child) in children {
        while child.try_wait().is_ok_and(|status| status.is_none()) {
            if clock.now() > STOP_WITHIN {
                eprintln!("{replica:?}: does not stop; killed");
                let _ = child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// The members' configuration files: those that are there, or new ones on free ports of loopback.
fn cluster_configs(args: &ClusterArgs) -> Result<Vec<(ReplicaId, PathBuf)>, Failure> {
    let main = args.dir.join("cluster.toml");
    let paths = |group: Group| {
        group.members().map(|id| (id, replica_config(&main, id))).collect::<Vec<_>>()
    };
    if main.exists() {
        let found = read_config(&main)?;
        if found.service != args.service {
            let there = format!("{}: serves {}", main.display(), found.service);
            return Err(Failure::operator(format!(
                "{there}, not {}. Name another --dir or that --service",
                args.service
            )));
        }
        return Ok(paths(found.group()));
    }
    let io = |error: io::Error| Failure::operator(format!("{}: {error}", args.dir.display()));
    let count = size(args)?;
    fs::create_dir_all(&args.dir).map_err(io)?;
    let addresses = udp::free_addresses(count).map_err(io)?;
    let http = free_http(count).map_err(io)?;
    let ring = keys::new_ring().map_err(Failure::operator)?;
    ring.write(&args.dir.join(KEYS)).map_err(Failure::operator)?;
    let mut config = Config {
        speaks: None,
        cluster: "local".into(),
        service: args.service.clone(),
        replicas: addresses.iter().map(SocketAddr::to_string).collect(),
        replaced: Vec::new(),
        updatable: Some(args.replicas),
        keys: Some(KEYS.into()),
        replica: None,
        client: Default::default(),
    };
    let write = |path: &Path, config: &Config| {
        let text = toml::to_string(config).expect("a configuration can be written");
        Config::parse(path, &text).map_err(Failure::operator)?;
        fs::write(path, text).map_err(io)
    };
    let paths = paths(config.group());
    for (id, path) in &paths {
        config.replica = Some(ReplicaConfig {
            id: id.0,
            data_dir: format!("{id:?}").into(),
            listen: None,
            http: Some(http[id.index()].to_string()),
            gossip_interval_ms: 100,
            gossip_batch: 0,
            unknown_past: Default::default(),
            record: None,
            durability: Default::default(),
        });
        write(path, &config)?;
    }
    config.replica = None;
    write(&main, &config)?;
    Ok(paths)
}

/// Where a replica manager's configuration is, in the directory of the cluster's.
pub fn replica_config(main: &Path, id: ReplicaId) -> PathBuf {
    main.with_file_name(format!("{id:?}.toml"))
}

/// Addresses on loopback where nobody listened a moment ago.
fn free_http(count: u16) -> io::Result<Vec<SocketAddr>> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = (0..count).map(bind).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}

/// How many replica managers, if there can be so many.
fn size(args: &ClusterArgs) -> Result<u16, Failure> {
    if !is_service(&args.service) {
        return Err(Failure::operator(format!("--service: use one of {SERVICES}")));
    }
    if !(1..=UPDATABLE_MAX).contains(&args.replicas.into()) {
        return Err(Failure::operator(format!("--replicas: use 1 to {UPDATABLE_MAX}")));
    }
    let most = REPLICAS_MAX - usize::from(args.replicas);
    if usize::from(args.read_only) > most {
        return Err(Failure::operator(format!("--read-only: use 0 to {most}")));
    }
    Ok(args.replicas + args.read_only)
}
