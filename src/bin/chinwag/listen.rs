//! Where a replica listens, and with which keys.

use crate::Failure;
use chinwag::runtime::{
    Channel, Config, Party, ReplicaConfig,
    udp::{self, UdpTransport},
};
use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

/// Opens the socket, and seals it if there are keys.
pub fn bind(
    path: &Path,
    config: &Config,
    replica: &ReplicaConfig,
) -> Result<Channel<UdpTransport>, Failure> {
    let name = replica.listen.as_ref().unwrap_or(&config.replicas[usize::from(replica.id)]);
    let problem =
        |key: &str, why: String| Failure::operator(format!("{}: {key}: {why}", path.display()));
    let address = udp::lookup(name)
        .ok_or_else(|| problem("replica.listen", format!("{name:?} has no address here")))?;
    if !address.ip().is_loopback() && config.keys.is_none() {
        let why = "without keys, anyone who can send to it would be believed. Make a key ring with \
                   `chinwag keygen FILE` and name it by `keys = \"FILE\"`, or listen on loopback";
        return Err(problem("replica.listen", format!("{address}: {why}")));
    }
    let transport = UdpTransport::bind(address)
        .map_err(|error| problem("replica.listen", format!("{address}: {error}")))?;
    let mut channel = udp::sealed(config, Party::Replica, transport)
        .map_err(|e| problem("keys", e.to_string()))?;
    if let Some(keys) = &config.keys {
        channel.reload_from(keys.clone(), reload_flag()?);
    }
    Ok(channel)
}

/// Set when the process is asked to read its keys again, by SIGHUP.
fn reload_flag() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&asked))
        .map_err(|error| Failure::new(1, error))?;
    Ok(asked)
}
