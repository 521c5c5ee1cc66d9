//! How each replica manager says that it is.

use crate::{Failure, config_with, with};
use chinwag::runtime::{
    Config, Status,
    command::{CliService, WithService},
    udp::{self, UdpClient},
};
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Whom to ask.
#[derive(Args)]
pub struct StatusArgs {
    /// The configuration of the cluster or of any of its replicas.
    #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
    pub config: PathBuf,
    /// The key ring, instead of the configuration's.
    #[arg(long, env = "CHINWAG_KEYS")]
    pub keys: Option<PathBuf>,
    /// How long to wait for all, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    pub timeout_ms: u64,
    /// Print JSON, a line for each.
    #[arg(long)]
    pub json: bool,
}

/// Asks once.
pub fn status(args: &StatusArgs) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let service = config.service.clone();
    let (wait, json) = (Duration::from_millis(args.timeout_ms), args.json);
    with(&args.config, &service, AskStatus { config, wait, json })
}

/// A client that asks for nothing but the status.
pub fn client<S: CliService>(config: &Config, wait: Duration) -> Result<UdpClient<S>, Failure> {
    let fresh = udp::random_front_end().map_err(|error| Failure::new(1, error))?;
    udp::connect(config, (fresh, 0), config.group().zero(), wait)
        .map_err(|error| Failure::new(1, error))
}

/// What its acknowledgements mean, in a few words.
pub fn acknowledges(status: &Status) -> String {
    match status.acknowledged_by {
        1 => status.durability.to_string(),
        count => format!("{} of {count}", status.durability),
    }
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
        let statuses = client::<S>(&config, wait)?.statuses(wait);
        let group = config.group();
        let places = group.places().zip(&config.replicas).zip(&statuses);
        for ((replica, address), status) in places.filter(|((r, _), _)| group.is_member(*r)) {
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
                     log {} pending {} waiting {} executed {} dropped {} acknowledges at {}{}{}{}",
                    s.replica_ts,
                    s.value_ts,
                    s.discarded,
                    s.log,
                    s.pending,
                    s.waiting,
                    s.executed,
                    s.dropped,
                    acknowledges(s),
                    if s.joining { " JOINING" } else { "" },
                    if s.full { " DISK FULL" } else { "" },
                    match s.other_versions {
                        0 => String::new(),
                        count => format!(" ({count} dropped: of versions that it does not speak)"),
                    }
                ),
            }
        }
        match statuses.iter().filter(|status| status.is_none()).count() {
            0 => Ok(()),
            n => Err(Failure::new(1, format!("{n} of {} do not answer", statuses.len()))),
        }
    }
}
