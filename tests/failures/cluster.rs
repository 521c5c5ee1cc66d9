//! Replica managers, each a process, that reach each other and their clients only through [`Network`].

use super::proxy::{End, Network};
use chinwag::{
    ReplicaId,
    runtime::{
        ClientConfig, Config, ReplicaConfig, Route, Status, WIRE_VERSION_BEFORE,
        command::CliService,
        udp::{self, UdpClient},
    },
    services::OrSet,
};
use chinwag_models::trace::{self, Summary, Verdict};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Replica managers of a cluster.
pub const REPLICAS: u16 = 3;

/// Clients of a cluster.
pub const CLIENTS: usize = 3;

/// Outside of the ports that systems give out by themselves: what was killed finds its port free again.
const FIRST_PORT: u16 = 21_000;

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The processes, and the network between them. They end with it.
pub struct Cluster {
    directory: tempfile::TempDir,
    /// By the addresses of the replica managers themselves: not through the network.
    direct: Config,
    pub network: Network,
    /// Clients that speak the version of the wire before.
    pub clients_before: Vec<usize>,
    children: Vec<Option<Child>>,
}

impl Cluster {
    /// Not started yet.
    pub fn new(seed: u64, sealed: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let addresses = addresses();
        let keys = sealed.then(|| directory.path().join("ring"));
        let direct = Config {
            speaks: None,
            // Its own: what another run left behind may send to a port that is ours now.
            cluster: format!("failing-{}", addresses[0].ip()),
            service: OrSet::NAME.into(),
            replicas: addresses.iter().map(SocketAddr::to_string).collect(),
            replaced: Vec::new(),
            updatable: None,
            keys,
            replica: None,
            client: ClientConfig { retry_after_ms: 100, ..ClientConfig::default() },
        };
        let mut network = Network::new(seed);
        for (b, at) in addresses.iter().enumerate() {
            let end = End::Replica(b as u16);
            for (a, from) in addresses.iter().enumerate().take(b) {
                network.link((End::Replica(a as u16), Some(*from)), (end, *at));
            }
            (0..CLIENTS).for_each(|client| network.link((End::Client(client), None), (end, *at)));
        }
        let children = (0..REPLICAS).map(|_| None).collect();
        let clients_before = Vec::new();
        let cluster = Self { directory, direct, network, clients_before, children };
        if sealed {
            let made = chinwag().arg("keygen").arg(cluster.path("ring")).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        (0..REPLICAS).for_each(|id| cluster.configure(id, Path::new(&format!("rm{id}"))));
        cluster
    }

    /// Started, and ready.
    pub fn start(seed: u64, sealed: bool) -> Self {
        let mut cluster = Self::new(seed, sealed);
        (0..REPLICAS).for_each(|id| cluster.run(id, true));
        cluster.wait_until_ready();
        cluster
    }

    /// Writes the file of a replica manager.
    pub fn configure(&self, id: u16, data_dir: &Path) {
        let text = format!("id = {id}\ndata_dir = 'x'\ngossip_interval_ms = 20\nrecord = 'trace'");
        let replica: ReplicaConfig = toml::from_str(&text).unwrap();
        let replica = ReplicaConfig { data_dir: data_dir.into(), ..replica };
        let config = Config { replica: Some(replica), ..self.as_seen_by(End::Replica(id)) };
        fs::write(self.path(&format!("rm{id}.toml")), toml::to_string(&config).unwrap()).unwrap();
    }

    /// The configuration by which an end reaches the replica managers through the network.
    pub fn as_seen_by(&self, end: End) -> Config {
        let door = |id| match End::Replica(id) {
            me if me == end => self.direct.replicas[usize::from(id)].clone(),
            other => self.network.door(end, other).to_string(),
        };
        let before = |end| matches!(end, End::Client(n) if self.clients_before.contains(&n));
        let speaks = before(end).then_some(WIRE_VERSION_BEFORE);
        Config { speaks, replicas: (0..REPLICAS).map(door).collect(), ..self.direct.clone() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What starts a replica manager; `through` is a program that starts what follows it.
    pub fn command(&self, id: u16, init: bool, through: &[&str]) -> Command {
        let chinwag = env!("CARGO_BIN_EXE_chinwag");
        let words = [through, &[chinwag, "replica", "--config"]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(self.path(&format!("rm{id}.toml")));
        command.args(init.then_some("--init")).stdin(Stdio::null()).stderr(self.log(id));
        command
    }

    /// Where it says what it has to say.
    pub fn log(&self, id: u16) -> File {
        let log = self.path(&format!("rm{id}.log"));
        File::options().create(true).append(true).open(log).unwrap()
    }

    pub fn run(&mut self, id: u16, init: bool) {
        let command = self.command(id, init, &[]);
        self.spawn(id, command);
    }

    pub fn spawn(&mut self, id: u16, mut command: Command) {
        self.children[usize::from(id)] = Some(command.spawn().unwrap());
    }

    /// Once all have been up, updates are taken.
    pub fn wait_until_ready(&self) {
        (0..REPLICAS).for_each(|id| {
            wait_until("a replica manager takes updates", || {
                self.status(id).is_some_and(|status| !status.joining)
            });
        });
    }

    /// Where it is, past the network.
    pub fn address(&self, id: u16) -> SocketAddr {
        self.direct.replicas[usize::from(id)].parse().unwrap()
    }

    pub fn pid(&self, id: u16) -> u32 {
        self.children[usize::from(id)].as_ref().expect("it runs").id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, id: u16, name: &str) {
        let pid = self.pid(id).to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(&mut self, id: u16) {
        let mut child = self.children[usize::from(id)].take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Until it ends by itself.
    pub fn wait_for_end(&mut self, id: u16) -> ExitStatus {
        let mut child = self.children[usize::from(id)].take().expect("it runs");
        let mut ended = None;
        wait_until("it ends", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        ended.expect("it was waited for")
    }

    /// What the system says of its memory, in KiB.
    pub fn memory(&self, id: u16, which: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid(id))).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// A client that is not disturbed.
    pub fn client(&self) -> UdpClient<OrSet> {
        connect(&self.direct, PATIENCE)
    }

    /// The same, of a program that speaks this version.
    pub fn client_of(&self, speaks: Option<u8>) -> UdpClient<OrSet> {
        connect(&Config { speaks, ..self.direct.clone() }, PATIENCE)
    }

    pub fn status(&self, id: u16) -> Option<Status> {
        self.client().status(ReplicaId(id), Duration::from_millis(500))
    }

    /// Until all hold the same, have run it, and have no log left; then what they answer.
    pub fn wait_until_quiet(&self) -> Vec<BTreeSet<String>> {
        let mut client = self.client();
        let mut last = String::new();
        let end = Instant::now() + PATIENCE;
        loop {
            let all: Vec<_> = client.statuses(Duration::from_millis(500)).into_iter().collect();
            let is_quiet = |s: &Status| s.log + s.pending + s.waiting == 0 && !s.full && !s.joining;
            let first = all[0].as_ref().map(|first| first.replica_ts.clone());
            let done = |s: &Option<Status>| {
                let held = s.as_ref().filter(|s| is_quiet(s) && s.value_ts == s.discarded);
                held.is_some_and(|s| {
                    first == Some(s.value_ts.clone()) && s.value_ts == s.replica_ts
                })
            };
            if all.iter().all(done) {
                return (0..REPLICAS).map(|id| read_at(&mut client, id)).collect();
            }
            all.iter().for_each(|status| last = format!("{last}\n{status:?}"));
            assert!(Instant::now() < end, "not quiet within {PATIENCE:?}:{last}");
            last.clear();
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM or SIGINT to all. What they recorded must be an execution of the model, from beginning to end.
    pub fn stop_and_check_trace(mut self) -> Summary {
        (0..REPLICAS).for_each(|id| self.signal(id, ["-TERM", "-INT"][usize::from(id) % 2]));
        (0..REPLICAS).for_each(|id| assert_eq!(self.wait_for_end(id).code(), Some(0)));
        accepted(&self.path("trace"))
    }
}

/// What was recorded here must be an execution of the model, from beginning to end.
pub fn accepted(trace: &Path) -> Summary {
    match trace::check_directory(trace).unwrap() {
        Verdict::Accepted(summary) => {
            assert_eq!(summary.missing, Vec::<String>::new(), "parts of the trace are missing");
            assert!(summary.quiescent && summary.lies == 0, "{summary:?}");
            summary
        }
        Verdict::Refused(refused) => panic!("the trace is no execution of the model: {refused}"),
    }
}

/// What a replica manager answers, in time.
pub fn read_at(client: &mut UdpClient<OrSet>, id: u16) -> BTreeSet<String> {
    client.route(Route::Only(ReplicaId(id)));
    client.query(()).expect("undisturbed replica managers answer")
}

/// A new session.
pub fn connect(config: &Config, patience: Duration) -> UdpClient<OrSet> {
    let name = (udp::random_front_end().unwrap(), 0);
    udp::connect(config, name, config.group().zero(), patience).unwrap()
}

/// What starts a program after `script`, in namespaces of its own that end with it.
pub fn in_own_namespaces<'a>(which: &'a str, script: &'a str) -> [&'a str; 6] {
    ["unshare", which, "sh", "-c", script, "sh"]
}

/// May programs be started through this? Says aloud what is not tried if not.
pub fn may(through: &[&str], what: &str) -> bool {
    let tried = Command::new(through[0]).args(&through[1..]).arg("true").output();
    let may = tried.is_ok_and(|tried| tried.status.success());
    if !may {
        // Not by `eprintln`, which is hidden when a test succeeds.
        let said =
            writeln!(io::stderr(), "NOT TRIED: {what}; `{}` fails here", through[..2].join(" "));
        said.expect("standard error is open");
    }
    may
}

fn chinwag() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chinwag"))
}

/// At an address of loopback that is this cluster's own: Linux has all of 127.0.0.0/8.
fn addresses() -> Vec<SocketAddr> {
    static CLUSTERS: AtomicU32 = AtomicU32::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let number = CLUSTERS.fetch_add(1, Ordering::Relaxed) as u8;
    let at = Ipv4Addr::new(127, 64 | high & 0x3f, low, number);
    (0..REPLICAS).map(|id| (at, FIRST_PORT + id).into()).collect()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
        for id in (0..REPLICAS).filter(|_| thread::panicking()) {
            let log = fs::read_to_string(self.path(&format!("rm{id}.log"))).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(10).collect();
            eprintln!("rm{id} said, the last first:\n{}", last.join("\n"));
        }
    }
}
