//! A cluster of real processes on loopback, and calls of the program.

#![allow(dead_code, reason = "each test file uses its part")]

use chinwag::{
    ReplicaId, Service,
    runtime::{
        ClientConfig, Config, DurabilityConfig, ReplicaConfig, Route, Status,
        command::CliService,
        udp::{self, UdpClient},
    },
};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often they gossip, unless a test says otherwise.
const GOSSIP_INTERVAL_MS: u64 = 20;

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A cluster of processes. They end with it.
pub struct Cluster {
    pub directory: tempfile::TempDir,
    pub config: Config,
    pub children: Vec<Option<Child>>,
}

impl Cluster {
    pub fn start<S: CliService>(replicas: u16, read_only: u16) -> Self {
        Self::start_at::<S>(replicas, read_only, DurabilityConfig::default())
    }

    pub fn start_at<S: CliService>(
        replicas: u16,
        read_only: u16,
        durability: DurabilityConfig,
    ) -> Self {
        Self::start_with::<S>(replicas, read_only, durability, GOSSIP_INTERVAL_MS)
    }

    pub fn start_with<S: CliService>(
        replicas: u16,
        read_only: u16,
        durability: DurabilityConfig,
        gossip_interval_ms: u64,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let size = (replicas, read_only);
        Self::start_in::<S>(directory, size, durability, gossip_interval_ms, None)
    }

    /// With a key ring, as on any network but loopback.
    pub fn start_sealed<S: CliService>(replicas: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ring = directory.path().join("ring");
        text(&chinwag().arg("keygen").arg(&ring).output().unwrap());
        let durability = DurabilityConfig::default();
        Self::start_in::<S>(directory, (replicas, 0), durability, GOSSIP_INTERVAL_MS, Some(ring))
    }

    fn start_in<S: CliService>(
        directory: tempfile::TempDir,
        (replicas, read_only): (u16, u16),
        durability: DurabilityConfig,
        gossip_interval_ms: u64,
        keys: Option<PathBuf>,
    ) -> Self {
        let count = replicas + read_only;
        let addresses = udp::free_addresses(count).unwrap();
        let config = Config {
            speaks: None,
            cluster: "test".into(),
            service: S::NAME.into(),
            replicas: addresses.iter().map(|address| address.to_string()).collect(),
            replaced: Vec::new(),
            updatable: Some(replicas),
            keys,
            replica: None,
            client: ClientConfig { retry_after_ms: 100, ..ClientConfig::default() },
        };
        let children = (0..count).map(|_| None).collect();
        let mut cluster = Self { directory, config, children };
        cluster.write_configs(durability, gossip_interval_ms);
        (0..count).for_each(|id| cluster.run(id, true));
        (0..count).for_each(|id| cluster.wait_for::<S>(id));
        cluster
    }

    fn write_configs(&self, durability: DurabilityConfig, gossip_interval_ms: u64) {
        for id in 0..self.children.len() as u16 {
            let text = format!("id = {id}\ndata_dir = 'rm{id}'");
            let replica: ReplicaConfig = toml::from_str(&text).unwrap();
            let replica = ReplicaConfig { durability, gossip_interval_ms, ..replica };
            let config = Config { replica: Some(replica), ..self.config.clone() };
            fs::write(self.path(id), toml_of(&config)).unwrap();
        }
    }

    pub fn path(&self, id: u16) -> PathBuf {
        self.directory.path().join(format!("rm{id}.toml"))
    }

    pub fn run(&mut self, id: u16, init: bool) {
        let mut command = chinwag();
        command.arg("replica").arg("--config").arg(self.path(id));
        command.args(init.then_some("--init")).stderr(Stdio::null());
        self.children[usize::from(id)] = Some(command.spawn().unwrap());
    }

    pub fn wait_for<S: Service>(&self, id: u16) {
        wait_until("a replica answers", || self.status::<S>(id).is_some());
    }

    /// SIGKILL.
    pub fn kill(&mut self, id: u16) {
        let mut child = self.children[usize::from(id)].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn exit(&mut self, id: u16) -> ExitStatus {
        let child = self.children[usize::from(id)].as_mut().unwrap();
        let mut status = None;
        wait_until("the process ends", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub fn client<S: Service>(&self, patience: Duration) -> UdpClient<S> {
        let name = (udp::random_front_end().unwrap(), 0);
        udp::connect(&self.config, name, self.config.group().zero(), patience).unwrap()
    }

    pub fn status<S: Service>(&self, id: u16) -> Option<Status> {
        self.client::<S>(PATIENCE).status(ReplicaId(id), Duration::from_millis(300))
    }

    pub fn wait_until_all_agree<S: Service>(&self) {
        let ids = 0..self.children.len() as u16;
        wait_until("all replicas hold and reflect the same", || {
            let statuses: Option<Vec<_>> = ids.clone().map(|id| self.status::<S>(id)).collect();
            let seen: Vec<_> = statuses
                .into_iter()
                .flatten()
                .map(|s| (s.replica_ts.clone(), s.value_ts, s.replica_ts == s.discarded))
                .collect();
            seen.len() == self.children.len()
                && seen.iter().all(|one| *one == seen[0] && one.0 == one.1)
        });
    }

    pub fn answers<S: Service>(&self, query: &S::Query) -> Vec<S::Answer> {
        let ask = |id| {
            let mut client = self.client::<S>(PATIENCE);
            client.route(Route::Only(ReplicaId(id)));
            client.query(query.clone()).unwrap()
        };
        (0..self.children.len() as u16).map(ask).collect()
    }

    pub fn call(&self, words: &[&str]) -> Output {
        chinwag().args(words).env("CHINWAG_CONFIG", self.path(0)).output().unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub fn chinwag() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chinwag"))
}

pub fn toml_of(config: &Config) -> String {
    toml::to_string(config).unwrap()
}

pub fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().trim().to_string()
}
