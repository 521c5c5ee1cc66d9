//! `chinwag members` and `chinwag doctor`: who is in a cluster, and what is wrong with it.

use crate::{Failure, config_with, status, status::StatusArgs, with};
use chinwag::{
    ReplicaId,
    runtime::{
        Config, Status, WIRE_VERSION_BEFORE,
        command::{CliService, WithService},
        udp,
    },
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Says who is in the cluster. Asks nobody.
pub fn members(args: &StatusArgs) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let group = config.group();
    let places = group.places().zip(&config.replicas);
    for (replica, name) in places.filter(|(replica, _)| group.is_member(*replica)) {
        let address = udp::lookup(name).map(|address| address.to_string());
        let takes = if group.is_updatable(replica) { "updates" } else { "queries only" };
        let at = address.as_deref().unwrap_or("no address");
        match args.json {
            true => println!(
                "{}",
                json!({
                    "replica": replica.0, "name": name, "address": address, "takes": takes,
                })
            ),
            false if at == name => println!("{replica:?} {name} takes {takes}"),
            false => println!("{replica:?} {name} ({at}) takes {takes}"),
        }
    }
    Ok(())
}

/// Looks for what is wrong with a cluster, and says how to mend it.
pub fn doctor(args: &StatusArgs) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let service = config.service.clone();
    let wait = Duration::from_millis(args.timeout_ms);
    with(&args.config, &service, Doctor { config, wait, json: args.json })
}

struct Doctor {
    config: Config,
    wait: Duration,
    json: bool,
}

impl WithService for Doctor {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { config, wait, json } = self;
        let mut client = status::client::<S>(&config, wait)?;
        let (mut problems, mut all, mut answered) = (Vec::new(), Vec::new(), Vec::new());
        let group = config.group();
        let places = group.places().zip(&config.replicas);
        for (replica, name) in places.filter(|(replica, _)| group.is_member(*replica)) {
            let start = Instant::now();
            let status = client.status(replica, wait);
            let took = start.elapsed();
            let found = match &status {
                None if udp::lookup(name).is_none() => {
                    vec![format!("its name {name:?} has no address here; mend it in `replicas`")]
                }
                None => vec![format!(
                    "does not answer at {name} within {wait:?}; see that `chinwag replica` runs \
                     there, and that nothing in between drops datagrams"
                )],
                Some(status) => complaints(status),
            };
            if !json && found.is_empty() {
                println!("{replica:?} is well, and answers in {took:.1?}");
            }
            problems.extend(found.into_iter().map(|problem| (Some(replica), problem)));
            answered.extend(status.as_ref().map(|status| (replica, speaks(status))));
            all.extend(status);
        }
        problems.extend(among(&all).map(|problem| (None, problem)));
        problems.extend(behind(&answered).map(|(replica, problem)| (Some(replica), problem)));
        for (replica, problem) in &problems {
            let who = replica.map_or("all".into(), |replica| format!("{replica:?}"));
            match json {
                true => println!("{}", json!({ "of": who, "problem": problem })),
                false => println!("{who}: {problem}"),
            }
        }
        match problems.len() {
            0 => Ok(()),
            n => Err(Failure::new(1, format!("{n} problems"))),
        }
    }
}

/// What is wrong with one.
fn complaints(status: &Status) -> Vec<String> {
    let mut found = Vec::new();
    if status.full {
        found.push("its disk is full: it takes no updates. Make room; it goes on by itself".into());
    }
    if status.pending > 0 || status.waiting > 0 {
        let Status { pending, waiting, .. } = status;
        found.push(format!(
            "{pending} updates and {waiting} queries wait for updates that have not arrived; if that \
             lasts, it cannot hear of a peer"
        ));
    }
    found
}

/// What is wrong between them.
fn among(all: &[Status]) -> Option<String> {
    let levels = |status: &Status| (status.durability, status.acknowledged_by);
    let first = all.first().map(levels)?;
    let differs = all.iter().any(|status| levels(status) != first);
    differs.then(|| {
        "they acknowledge at different levels of durability; give each the same `[replica.durability]`"
            .into()
    })
}

/// The newest version of the wire that it speaks: if it does not say, it is too old to.
fn speaks(status: &Status) -> u8 {
    status.versions.as_ref().map_or(WIRE_VERSION_BEFORE, |versions| versions.speaks)
}

/// Whom an upgrade has left behind.
fn behind(all: &[(ReplicaId, u8)]) -> impl Iterator<Item = (ReplicaId, String)> {
    let newest = all.iter().map(|(_, speaks)| *speaks).max().unwrap_or_default();
    all.iter().filter(move |(_, speaks)| *speaks < newest).map(move |(replica, speaks)| {
        let problem = format!(
            "speaks version {speaks} of the wire, and others {newest}: upgrade it, or leave out `speaks`"
        );
        (*replica, problem)
    })
}
