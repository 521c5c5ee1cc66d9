//! A cluster whose programs are upgraded one by one under load, and put back in between.
//!
//! The earlier program is this one, told to speak as that did; or that which `CHINWAG_EARLIER` names.

use super::{
    ALL,
    cluster::{Cluster, REPLICAS, wait_until},
    load::{Progress, under_load, verdict},
    proxy::End,
    seed,
};
use chinwag::{
    ReplicaId,
    runtime::{Config, WIRE_VERSION, WIRE_VERSION_BEFORE},
};
use std::{fs, process::Command};

/// Updates of each client between two steps.
const BETWEEN: usize = 6;

impl Cluster {
    /// Starts a replica manager as a program that speaks this version.
    fn run_as(&mut self, id: u16, version: u8, init: bool) {
        let path = self.path(&format!("rm{id}.toml"));
        let mut config: Config = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let other = std::env::var_os("CHINWAG_EARLIER").filter(|_| version < WIRE_VERSION);
        config.speaks = (other.is_none() && version < WIRE_VERSION).then_some(version);
        fs::write(path, toml::to_string(&config).unwrap()).unwrap();
        let mut command = self.command(id, init, &[]);
        if let Some(program) = other {
            let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            let log = self.log(id);
            command = Command::new(program);
            command.args(words).stderr(log);
        }
        self.spawn(id, command);
    }

    /// As an operator does: SIGTERM, the other program, and all is well before the next.
    fn roll(&mut self, id: u16, version: u8) {
        self.signal(id, "-TERM");
        assert_eq!(self.wait_for_end(id).code(), Some(0));
        self.run_as(id, version, false);
        self.wait_until_ready();
    }

    /// Until everyone holds what everyone holds now.
    fn hear_each_other(&self) {
        let held = |id| self.status(id).map(|status| status.replica_ts);
        let now: Vec<_> = (0..REPLICAS).map(|id| held(id).expect("it answers")).collect();
        wait_until("news reaches all, whatever they speak", || {
            let covers = |id| held(id).is_some_and(|held| now.iter().all(|ts| held.covers(ts)));
            (0..REPLICAS).all(covers)
        });
    }

    /// What this one speaks with the others, if it says so.
    fn spoken(&self, id: u16) -> Option<Vec<u8>> {
        let with = self.status(id)?.versions?.with;
        Some(
            (0..).zip(with).filter(|(other, _)| *other != id).map(|(_, version)| version).collect(),
        )
    }
}

/// What `chinwag doctor` finds.
fn doctor(cluster: &Cluster) -> String {
    let path = cluster.path("client.toml");
    let config = cluster.as_seen_by(End::Client(1));
    fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    let done = command.args(["doctor", "--config"]).arg(path).output().unwrap();
    String::from_utf8(done.stdout).unwrap()
}

/// From the version before to the newest, with one step back.
fn rolls(sealed: bool) {
    let seed = seed();
    let mut cluster = Cluster::new(seed, sealed);
    cluster.clients_before = vec![0];
    (0..REPLICAS).for_each(|id| cluster.run_as(id, WIRE_VERSION_BEFORE, true));
    cluster.wait_until_ready();
    let sessions = under_load(seed, &mut cluster, |cluster, progress| {
        let step = |cluster: &mut Cluster, id, version, progress: &Progress| {
            cluster.roll(id, version);
            progress.wait(&ALL, BETWEEN);
            cluster.hear_each_other();
        };
        let both = [WIRE_VERSION_BEFORE; 2];
        step(cluster, 0, WIRE_VERSION, progress);
        assert_eq!(cluster.spoken(0), Some(both.to_vec()), "the others speak no more");
        // One whose newer answer takes longer than a repetition may be taken for an older one.
        wait_until("the doctor names who is left behind", || {
            let said = doctor(cluster);
            let is_behind =
                |id| said.contains(&format!("{id}: speaks version 2 of the wire, and others 3"));
            is_behind("rm1") && is_behind("rm2") && !said.contains("rm0: speaks")
        });
        step(cluster, 1, WIRE_VERSION, progress);
        wait_until("two of three speak the newest version", || {
            cluster.spoken(1) == Some(vec![WIRE_VERSION, WIRE_VERSION_BEFORE])
        });
        step(cluster, 1, WIRE_VERSION_BEFORE, progress);
        wait_until("who was put back is heard as such", || {
            cluster.spoken(0) == Some(both.to_vec())
        });
        step(cluster, 1, WIRE_VERSION, progress);
        step(cluster, 2, WIRE_VERSION, progress);
        wait_until("all speak the newest version", || {
            (0..REPLICAS).all(|id| cluster.spoken(id) == Some(vec![WIRE_VERSION; 2]))
        });
        progress.wait(&ALL, BETWEEN);
        wait_until("nobody is left behind", || !doctor(cluster).contains("of the wire"));
    });
    let answers = cluster.wait_until_quiet();
    verdict(&sessions, &answers).unwrap_or_else(|why| panic!("{why}"));
    let [mut before, mut newest] = [Some(WIRE_VERSION_BEFORE), None].map(|s| cluster.client_of(s));
    let patience = super::MS * 500;
    let versions = |status: Option<chinwag::runtime::Status>| status.unwrap().versions;
    assert_eq!(versions(before.status(ReplicaId(0), patience)), None, "it has no room for it");
    assert!(versions(newest.status(ReplicaId(0), patience)).is_some());
    cluster.stop_and_check_trace();
}

#[test]
fn a_cluster_is_upgraded_one_by_one_under_load_and_put_back_in_between() {
    rolls(false);
}

#[test]
fn a_sealed_cluster_is_upgraded_likewise() {
    rolls(true);
}
