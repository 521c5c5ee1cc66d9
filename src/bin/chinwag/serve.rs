//! `chinwag replica`: serves as one replica manager until it is asked to stop.

use crate::{Failure, listen, logs, read_config, stop_flag, with};
use chinwag::{
    ReplicaId,
    runtime::{
        Config, FileStorage, Health, HostError, Metrics, Recorder, ReplicaConfig, TimedStorage,
        TraceHeader, Watch,
        command::{CliService, WithService},
        http::Pages,
        replacement,
        udp::{self, ServeError, SystemClock},
    },
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::{info, warn};

/// Serves.
pub fn replica(path: &Path, init: bool, record: Option<PathBuf>) -> Result<(), Failure> {
    let mut config = read_config(path)?;
    if let (Some(replica), Some(directory)) = (&mut config.replica, record) {
        replica.record = Some(directory);
    }
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
        let mut transport = listen::bind(path, &config, replica)?;
        let recorded = replacement::record::<S>(&config).map_err(|error| failed_start(&error))?;
        if recorded > 0 {
            info!("{id:?}: recorded who was replaced, for good");
        }
        let identity = config.identity(id);
        let storage = FileStorage::open(&replica.data_dir, &identity, init);
        let storage = storage.map_err(Failure::operator)?;
        let (metrics, health) = (Metrics::default(), Arc::<Health>::default());
        transport.count_in(metrics.clone());
        let at = transport.inner().local_addr().map_err(|error| Failure::new(1, error))?;
        metrics.watch_socket(at);
        let storage = TimedStorage::new(storage, clock, &metrics);
        let watch = Watch::new(id, clock, metrics.clone(), Arc::clone(&health));
        if let Some(page) = replica.http_address() {
            let page = Pages { metrics, health, clock }.serve(page).map_err(|error| {
                let path = path.display();
                Failure::operator(format!("{path}: replica.http: {page}: {error}"))
            })?;
            info!("{id:?}: http://{page}/metrics, /healthz and /readyz");
        }
        let observer = (watch, recorder::<S>(&config, replica)?);
        let opened = udp::open::<S, _, _>(&config, storage, observer, &clock);
        let mut host = opened.map_err(|error| failed_start(&error))?;
        let peers = udp::resolve(config.replicas.clone(), Arc::clone(&stop));
        let held = host.state().replica.replica_ts();
        info!("{id:?}: serving {} at {at}, with {held:?}", S::NAME);
        // Serving, which is not yet taking updates: that may need peers which start after it.
        logs::tell_supervisor(&sd_notify::NotifyState::Ready);
        let served = udp::serve(&mut host, &mut transport, &clock, &peers, &stop);
        logs::tell_supervisor(&sd_notify::NotifyState::Stopping);
        served.map_err(|error| stopped(&error))?;
        if let Some(Err(why)) = host.observer_mut().1.as_mut().map(Recorder::finish) {
            warn!("{id:?}: the recording is not whole: {why}");
        }
        for (reason, count) in transport.dropped() {
            info!(count, "{id:?}: dropped: {reason}");
        }
        let (held, dropped) = (host.state().replica.replica_ts(), host.status().dropped);
        info!(dropped, "{id:?}: stopped, with {held:?}");
        Ok(())
    }
}

fn recorder<S: CliService>(
    config: &Config,
    replica: &ReplicaConfig,
) -> Result<Option<Recorder>, Failure> {
    let Some(directory) = &replica.record else { return Ok(None) };
    if !config.replaced.is_empty() {
        let why = "not after a replacement: the run would begin in the middle, and `check trace` knows none";
        return Err(Failure::operator(format!("record: {}: {why}", directory.display())));
    }
    let node = udp::manager(config, replica);
    let header = TraceHeader::of(&node, config.codec().cluster, S::NAME);
    let recorder = Recorder::create(directory, &header);
    let problem = |error| Failure::operator(format!("record: {}: {error}", directory.display()));
    recorder.map(Some).map_err(problem)
}

fn failed_start(error: &HostError) -> Failure {
    Failure::operator(error)
}

fn stopped(error: &ServeError) -> Failure {
    let code = match error {
        ServeError::Host(HostError::StateLost { .. } | HostError::Replaced) => 5,
        ServeError::Host(_) => 4,
        ServeError::Socket(_) => 1,
    };
    Failure::new(code, error)
}
