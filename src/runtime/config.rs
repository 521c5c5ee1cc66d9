//! The configuration file: one form for replicas and clients, which read only what concerns them.
//!
//! ```toml
//! cluster = "demo"            # its name: letters, digits, `-`, `_`, `.`
//! service = "kv"              # kv, counter, set or board
//! replicas = ["10.0.0.1:4001", "[fd00::2]:4001", "rm2.example.net:4001"]
//! keys = "keys.toml"          # the key ring, relative to this file; without one, only loopback can be used
//! replaced = [0]              # rm0 was replaced, by the last of `replicas`: see `chinwag replace`
//! updatable = 3               # the first so many take updates; the rest are read-only
//! speaks = 2                  # as the version of the wire before would; default: the newest
//!
//! [replica]                   # only in the file of a replica
//! id = 0                      # its place in `replicas`
//! data_dir = "rm0"            # relative to this file
//! listen = "0.0.0.0:4001"     # default: its address above
//! gossip_interval_ms = 100
//! gossip_batch = 0            # also gossip after so many updates; 0: only by time
//! http = "9464"               # /metrics, /healthz and /readyz at this port of loopback, or at `host:port`
//! unknown_past = "accept"     # "refuse": no updates that build on what has not come here yet
//! record = "trace"            # default: nothing is recorded; docs/trace-format.md
//!
//! [replica.durability]            # what an acknowledgement means; by default, that the update is synced
//! level = "fsync"             # or "interval": synced by and by; "memory": when the system likes
//! interval_ms = 1000          # of `interval`
//! acknowledged_by = 1         # replica managers that hold it, this one included
//!
//! [client]
//! retry_after_ms = 200
//! hedge = "queries"           # sent once more when the answer is late; or "off", or "all": updates as well
//! query_copies = 1            # replica managers that get each query at once
//! update_copies = 1           # the same for updates; each makes a record
//! ```
//!
//! A replica that has peers of both IPv4 and IPv6 must listen at `[::]`: a socket at one address reaches
//! only that address's kind. Of a name with several addresses, the first is used.

use super::{
    ClientConfig, ClusterId, Codec, Durability, Identity, Level, WIRE_VERSION, WIRE_VERSION_BEFORE,
};
use crate::{Group, REPLACEABLE_MAX, ReplicaId};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// Replica managers that may take updates: so that a timestamp leaves most of a datagram to the records.
pub const UPDATABLE_MAX: usize = 16;
// Any of them can be replaced.
const _: () = assert!(UPDATABLE_MAX <= REPLACEABLE_MAX as usize);

/// Replica managers of a cluster.
pub const REPLICAS_MAX: usize = 256;

/// Characters of a cluster's name.
pub const NAME_MAX: usize = 64;

/// Intervals, in milliseconds: an hour.
pub const INTERVAL_MS_MAX: u64 = 3_600_000;

/// A configuration file, read and checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The addresses of all replica managers, in the order of their numbers: `host:port`.
    pub replicas: Vec<String>,
    /// How many of them take updates: the first so many. All, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updatable: Option<u16>,
    /// The numbers of those that were replaced, in that order. The last so many of `replicas` took their
    /// places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<u16>,
    /// The newest version of the wire to speak: [`WIRE_VERSION`], if not given, or the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaks: Option<u8>,
    /// The key ring that datagrams are sealed with, relative to the file. None: they are sent in the open,
    /// and nobody listens or asks anywhere but on loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// What concerns one replica manager only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica: Option<ReplicaConfig>,
    /// What concerns clients only.
    #[serde(default)]
    pub client: ClientConfig,
}

/// What concerns one replica manager only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaConfig {
    /// Its place.
    pub id: u16,
    /// Its data directory, relative to the file.
    pub data_dir: PathBuf,
    /// Where it listens, if not at its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// How often it considers gossiping to each peer: milliseconds, 1 to [`INTERVAL_MS_MAX`].
    #[serde(default = "gossip_interval_ms")]
    pub gossip_interval_ms: u64,
    /// `G`: gossip after so many updates, too (S46). 0: only by time.
    #[serde(default)]
    pub gossip_batch: u32,
    /// Where it tells of itself over HTTP: a port of loopback, or a literal address with a port, which may be
    /// any. Nowhere, if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// The directory to record every step to, relative to the file. Nothing is recorded without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
    /// What becomes of updates that build on what has not come here yet.
    #[serde(default)]
    pub unknown_past: UnknownPast,
    /// What its acknowledgements mean.
    #[serde(default)]
    pub durability: DurabilityConfig,
}

/// What becomes of an update that builds on updates that have not come here yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPast {
    /// It is recorded, and waits for them (S18). A client that lies can make it wait for ever; see
    /// [`WAITING_UPDATES_MAX`](super::WAITING_UPDATES_MAX).
    #[default]
    Accept,
    /// It is refused for now. A client then cannot turn to another replica manager before its own updates
    /// have got there, but nothing in the log ever waits for what was never made.
    Refuse,
}

/// What acknowledgements mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DurabilityConfig {
    /// What has become of the update.
    pub level: Level,
    /// How long it takes at most before it is synced, if the level is [`Level::Interval`]: milliseconds, 1 to
    /// [`INTERVAL_MS_MAX`].
    pub interval_ms: u64,
    /// How many replica managers hold it.
    pub acknowledged_by: u16,
}

impl Default for DurabilityConfig {
    fn default() -> Self {
        Self { level: Level::Fsync, interval_ms: 1_000, acknowledged_by: 1 }
    }
}

impl DurabilityConfig {
    /// The level, and how many replica managers must hold an update.
    pub fn of(&self) -> (Durability, u16) {
        let durability = match self.level {
            Level::Fsync => Durability::Fsync,
            Level::Interval => Durability::Interval(Duration::from_millis(self.interval_ms)),
            Level::Memory => Durability::Memory,
        };
        (durability, self.acknowledged_by)
    }
}

fn gossip_interval_ms() -> u64 {
    100
}

/// What is wrong with a configuration, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The key, or where else in the file.
    pub key: String,
    /// What is wrong and how to mend it.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, key, problem } = self;
        match key.as_str() {
            "" => write!(f, "{}: {problem}", path.display()),
            key => write!(f, "{}: {key}: {problem}", path.display()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let error = |problem| ConfigError { path: path.into(), key: String::new(), problem };
        let text = fs::read_to_string(path)
            .map_err(|e| error(format!("cannot be read: {e}. Name another with --config")))?;
        let mut config = Self::parse(path, &text)?;
        let base = path.parent().unwrap_or(Path::new("."));
        if let Some(replica) = &mut config.replica {
            replica.data_dir = base.join(&replica.data_dir);
            replica.record = replica.record.as_ref().map(|directory| base.join(directory));
        }
        config.keys = config.keys.map(|keys| base.join(keys));
        Ok(config)
    }

    /// Checks the text of a file; the path is for errors.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let error =
            |key: &str, problem| ConfigError { path: path.into(), key: key.into(), problem };
        let config: Self =
            toml::from_str(text).map_err(|e| error("", e.to_string().trim().to_string()))?;
        match config.problem() {
            Some((key, problem)) => Err(error(&key, problem)),
            None => Ok(config),
        }
    }

    fn problem(&self) -> Option<(String, String)> {
        let found = |key: &str, problem: String| Some((key.to_string(), problem));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (name, count) = (&self.cluster, self.replicas.len());
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) {
            let what = format!("use 1 to {NAME_MAX} letters, digits, `-`, `_` or `.`");
            return found("cluster", format!("{what}, not {name:?}"));
        }
        if count == 0 || count > REPLICAS_MAX {
            return found("replicas", format!("name 1 to {REPLICAS_MAX} addresses, not {count}"));
        }
        let mut seen = BTreeSet::new();
        for (i, address) in self.replicas.iter().enumerate() {
            let key = format!("replicas[{i}]");
            if let Some(problem) = address_problem(address) {
                return found(&key, problem);
            }
            // A newcomer may be where the one was that it replaces.
            let serves = u16::try_from(i).is_ok_and(|i| !self.replaced.contains(&i));
            if serves && !seen.insert(address) {
                return found(&key, format!("{address} is there twice; give each its own"));
            }
        }
        let most = count.min(UPDATABLE_MAX);
        let updatable = self.group().updatable;
        if updatable == 0 || usize::from(updatable) > most {
            return found("updatable", format!("use 1 to {most}, not {updatable}"));
        }
        if let Some(speaks) = self.speaks
            && !(WIRE_VERSION_BEFORE..=WIRE_VERSION).contains(&speaks)
        {
            let versions = format!("{WIRE_VERSION_BEFORE} or {WIRE_VERSION}");
            return found("speaks", format!("use {versions}, not {speaks}; or leave it out"));
        }
        if let Some(problem) = self.replacement_problem() {
            return Some(problem);
        }
        if let Some(problem) = self.client.problem() {
            return Some(problem);
        }
        self.replica.as_ref().and_then(|replica| replica.problem(count))
    }

    /// Who is in the cluster.
    pub fn group(&self) -> Group {
        let replicas = u16::try_from(self.replicas.len()).unwrap_or(u16::MAX);
        let updatable = self.updatable.unwrap_or(replicas);
        Group { updatable, replicas, ..Group::replaced(&self.replaced) }
    }

    /// How its datagrams look.
    pub fn codec(&self) -> Codec {
        let group = self.group();
        let codec = Codec::new(ClusterId::of(&self.cluster, &self.service, group), group);
        codec.speaking(self.speaks.unwrap_or(WIRE_VERSION))
    }

    /// Whose a data directory is.
    pub fn identity(&self, replica: ReplicaId) -> Identity {
        let (cluster, service) = (self.cluster.clone(), self.service.clone());
        Identity {
            cluster,
            service,
            cluster_id: self.codec().cluster,
            group: self.group(),
            replica,
        }
    }

    /// How long a client waits for a reply before it asks another replica manager.
    pub fn retry_after(&self) -> Duration {
        Duration::from_millis(self.client.retry_after_ms)
    }
}

impl ReplicaConfig {
    /// Where it tells of itself over HTTP, if it does.
    pub fn http_address(&self) -> Option<SocketAddr> {
        let text = self.http.as_deref()?;
        let port = text.parse().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
        port.or_else(|_| text.parse()).ok().filter(|address: &SocketAddr| address.port() != 0)
    }

    fn problem(&self, replicas: usize) -> Option<(String, String)> {
        let found = |key: &str, problem: String| Some((format!("replica.{key}"), problem));
        if usize::from(self.id) >= replicas {
            let most = replicas - 1;
            return found("id", format!("use 0 to {most}, its place in `replicas`"));
        }
        if let Some(problem) = self.listen.as_deref().and_then(address_problem) {
            return found("listen", problem);
        }
        if self.http.is_some() && self.http_address().is_none() {
            return found("http", "use a port, or a literal `address:port`; not port 0".into());
        }
        if let Some(problem) = interval_problem(self.gossip_interval_ms) {
            return found("gossip_interval_ms", problem);
        }
        let DurabilityConfig { interval_ms, acknowledged_by, .. } = self.durability;
        if let Some(problem) = interval_problem(interval_ms) {
            return found("durability.interval_ms", problem);
        }
        let problem = || format!("use 1 to {replicas}, not {acknowledged_by}");
        let sound = (1..=replicas).contains(&acknowledged_by.into());
        (!sound).then(problem).and_then(|problem| found("durability.acknowledged_by", problem))
    }
}

fn address_problem(address: &str) -> Option<String> {
    let port = address.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
    match port {
        Some((host, Ok(1..))) if !host.is_empty() => None,
        Some((_, Ok(0))) => Some(format!("port 0 of {address:?} means any; choose one")),
        _ => Some(format!("{address:?} is not `host:port`, with the host of IPv6 in `[]`")),
    }
}

pub(super) fn interval_problem(ms: u64) -> Option<String> {
    let sound = (1..=INTERVAL_MS_MAX).contains(&ms);
    (!sound).then(|| format!("use 1 to {INTERVAL_MS_MAX}, not {ms}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "cluster = 'c'\nservice = 'kv'\nreplicas = ['127.0.0.1:1', '[::1]:2']\n\
                        [replica]\nid = 1\ndata_dir = 'd'\n";

    fn problem(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        Config::parse(Path::new("f.toml"), &text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_named_by_file_and_key() {
        let cases = [
            ("'c'", "''", "f.toml: cluster: use 1 to 64"),
            ("127.0.0.1:1", "127.0.0.1", "f.toml: replicas[0]: \"127.0.0.1\" is not `host:port`"),
            ("127.0.0.1:1", "127.0.0.1:0", "f.toml: replicas[0]: port 0"),
            ("[::1]:2", "127.0.0.1:1", "f.toml: replicas[1]: 127.0.0.1:1 is there twice"),
            ("[replica]", "updatable = 3\n[replica]", "f.toml: updatable: use 1 to 2, not 3"),
            ("[replica]", "updatable = 0\n[replica]", "f.toml: updatable: use 1 to 2, not 0"),
            ("[replica]", "client.update_copies = 9\n[replica]", "copies: use 1 to 8, not 9"),
            ("[replica]", "speaks = 1\n[replica]", "f.toml: speaks: use 2 or 3, not 1"),
            ("id = 1", "id = 2", "f.toml: replica.id: use 0 to 1"),
            ("id = 1", "id = 1\ngossip_interval_ms = 0", "f.toml: replica.gossip_interval_ms"),
            ("id = 1", "id = 1\ndurability.acknowledged_by = 3", "acknowledged_by: use 1 to 2"),
            ("id = 1", "id = 1\ndurability.level = 'none'", "unknown variant"),
            ("id = 1", "id = 1\nlisten = 'x'", "f.toml: replica.listen"),
            ("id = 1", "id = 1\nhttp = 'x'", "f.toml: replica.http: use a port"),
            ("id = 1", "id = 1\nhttp = '0'", "f.toml: replica.http: use a port"),
            ("id = 1", "id = 1\nunknown = 1", "unknown"),
            ("id = 1", "id = ", "f.toml"),
        ];
        for (from, to, expected) in cases {
            let found = problem(from, to);
            assert!(found.contains(expected), "{to}: {found}");
        }
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let config = Config::parse(Path::new("f.toml"), GOOD).unwrap();
        assert_eq!(config.group(), Group::of(2));
        assert_eq!(config.replica.unwrap().gossip_interval_ms, 100);
    }
}
