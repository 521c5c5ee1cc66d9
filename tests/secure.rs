//! Replica processes with keys, and what they do with those who have others or none.
#![cfg(feature = "program")]

#[cfg(feature = "tokio")]
use chinwag::runtime::AsyncClient;
use chinwag::{
    ReplicaId,
    runtime::{
        ClientConfig, Config, KeyRing, KeyUse, ReplicaConfig, Status,
        udp::{self, UdpClient},
    },
    services::Counter,
};
use std::{
    fs,
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Three replica processes with one key ring in a file.
struct Cluster {
    directory: tempfile::TempDir,
    config: Config,
    children: Vec<Child>,
}

impl Cluster {
    fn start() -> Self {
        Self::start_at(&udp::free_addresses(3).unwrap())
    }

    fn start_at(addresses: &[SocketAddr]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            speaks: None,
            cluster: "test".into(),
            service: "counter".into(),
            replicas: addresses.iter().map(|address| address.to_string()).collect(),
            replaced: Vec::new(),
            updatable: None,
            keys: Some(directory.path().join("ring")),
            replica: None,
            client: ClientConfig { retry_after_ms: 100, ..ClientConfig::default() },
        };
        let mut cluster = Self { directory, config, children: Vec::new() };
        assert!(cluster.keys(&["keygen"], &[]).status.success());
        for id in 0..3 {
            let replica = ReplicaConfig {
                id,
                data_dir: format!("rm{id}").into(),
                listen: None,
                http: None,
                record: None,
                gossip_interval_ms: 20,
                gossip_batch: 0,
                unknown_past: Default::default(),
                durability: Default::default(),
            };
            let config = Config { replica: Some(replica), ..cluster.config.clone() };
            let path = cluster.directory.path().join(format!("rm{id}.toml"));
            fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
            let mut command = chinwag();
            command.arg("replica").arg("--config").arg(path).arg("--init").stderr(Stdio::null());
            cluster.children.push(command.spawn().unwrap());
        }
        (0..3).for_each(|id| wait_until(|| cluster.status(id).is_some()));
        cluster
    }

    fn ring(&self) -> PathBuf {
        self.directory.path().join("ring")
    }

    /// `chinwag WORDS RING MORE`.
    fn keys(&self, words: &[&str], more: &[&str]) -> Output {
        chinwag().args(words).arg(self.ring()).args(more).output().unwrap()
    }

    fn client_with(&self, keys: Option<PathBuf>, patience: Duration) -> UdpClient<Counter> {
        let config = Config { keys, ..self.config.clone() };
        let name = (udp::random_front_end().unwrap(), 0);
        udp::connect(&config, name, config.group().zero(), patience).unwrap()
    }

    fn status(&self, id: u16) -> Option<Status> {
        let mut client = self.client_with(Some(self.ring()), PATIENCE);
        client.status(ReplicaId(id), Duration::from_millis(500))
    }

    fn reload(&self) {
        for child in &self.children {
            let id = child.id().to_string();
            assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        }
        // Each looks for the signal at least twenty times a second, and nothing tells when it has.
        thread::sleep(Duration::from_millis(500));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn chinwag() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command.env_remove("CHINWAG_KEYS").env_remove("CHINWAG_CONFIG");
    command
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_those_with_the_clients_keys_are_answered_and_keys_change_under_load() {
    let cluster = Cluster::start();
    let for_clients = cluster.directory.path().join("clients");
    let file = for_clients.to_str().unwrap();
    assert!(cluster.keys(&["keys", "for-clients"], &[file]).status.success());
    assert!(KeyRing::read(&for_clients).unwrap().primary(KeyUse::Peer).is_none());
    let mut client = cluster.client_with(Some(for_clients.clone()), PATIENCE);
    client.update(1).unwrap();
    assert_eq!(client.query(()).unwrap(), 1);

    let before = cluster.status(0).unwrap().dropped;
    let mut stranger = cluster.client_with(None, Duration::from_millis(300));
    stranger.update(100).unwrap_err();
    assert!(cluster.status(0).unwrap().dropped > before || cluster.status(1).unwrap().dropped > 0);

    // Three rounds; clients that started before the last one have both keys.
    for words in [["add", "peer"], ["add", "client"]] {
        assert!(cluster.keys(&["keys", words[0]], &[words[1]]).status.success());
    }
    cluster.reload();
    let mut early = cluster.client_with(Some(cluster.ring()), PATIENCE);
    early.update(1).unwrap();
    for id in ["3", "4"] {
        assert!(cluster.keys(&["keys", "primary"], &[id]).status.success());
    }
    cluster.reload();
    early.update(1).unwrap();
    client.update(1).unwrap();
    for id in ["1", "2"] {
        assert!(cluster.keys(&["keys", "remove"], &[id]).status.success());
    }
    cluster.reload();
    let mut late = cluster.client_with(Some(cluster.ring()), PATIENCE);
    late.update(1).unwrap();
    client.patience(Duration::from_millis(300));
    client.query(()).unwrap_err();

    let whole = |id| {
        cluster.status(id).is_some_and(|s| s.value_ts.entries().map(|(_, n)| n).sum::<u64>() == 5)
    };
    (0..3).for_each(|id| wait_until(|| whole(id)));
    assert_eq!(late.query(()).unwrap(), 5);
}

#[test]
fn a_ring_that_others_may_read_or_an_open_address_without_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    assert!(chinwag().arg("keygen").arg(path("ring")).status().unwrap().success());
    assert!(!chinwag().arg("keygen").arg(path("ring")).status().unwrap().success());
    let text = "cluster = 'c'\nservice = 'kv'\nreplicas = ['127.0.0.1:9']\nupdatable = 1\n";
    let replica =
        "[replica]\nid = 0\ndata_dir = 'd'\nlisten = '0.0.0.0:0'\n".replace(":0'", ":40999'");
    let refused = |config: String| {
        fs::write(path("c.toml"), config).unwrap();
        let output =
            chinwag().args(["replica", "--init", "--config"]).arg(path("c.toml")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let why = refused(format!("{text}{replica}"));
    assert!(why.contains("replica.listen") && why.contains("chinwag keygen"), "{why}");

    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path("ring"), fs::Permissions::from_mode(0o640)).unwrap();
    let why = refused(format!(
        "{text}keys = 'ring'\n{}",
        replica.replace("0.0.0.0:40999", "127.0.0.1:40999")
    ));
    assert!(why.contains("mode 640") && why.contains("chmod 600"), "{why}");

    fs::write(path("c.toml"), text.replace("127.0.0.1:9", "192.0.2.1:9")).unwrap();
    let output =
        chinwag().args(["query", "--config"]).arg(path("c.toml")).arg("keys").output().unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && why.contains("no key ring"), "{why}");
}

/// The same session goes on from the client that blocks to the one that is awaited, and back.
#[cfg(feature = "tokio")]
#[test]
fn sealed_over_ipv6_a_session_goes_on_between_clients_that_block_and_clients_that_are_awaited() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("SKIPPED: this machine has no IPv6");
        return;
    }
    let ports = udp::free_addresses(3).unwrap();
    let addresses: Vec<_> = ports.iter().map(|a| (Ipv6Addr::LOCALHOST, a.port()).into()).collect();
    let cluster = Cluster::start_at(&addresses);
    let config = &cluster.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let awaited = |config: &Config, patience| {
        let (name, zero) = ((udp::random_front_end().unwrap(), 0), config.group().zero());
        runtime.block_on(AsyncClient::<Counter>::connect(config, name, zero, patience)).unwrap()
    };

    let mut blocks = cluster.client_with(Some(cluster.ring()), PATIENCE);
    blocks.update(1).unwrap();
    let mut client = awaited(config, PATIENCE);
    client.join(&blocks.token()).unwrap();
    runtime.block_on(client.update(2)).unwrap();
    assert_eq!(runtime.block_on(client.query(())).unwrap(), 3);
    let mut later = cluster.client_with(Some(cluster.ring()), PATIENCE);
    later.join(&client.token()).unwrap();
    assert_eq!(later.query(()).unwrap(), 3);

    let in_the_open = Config { keys: None, ..config.clone() };
    let mut stranger = awaited(&in_the_open, Duration::from_millis(300));
    runtime.block_on(stranger.update(100)).unwrap_err();
    assert_eq!(later.query(()).unwrap(), 3);
}
