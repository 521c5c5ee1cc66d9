//! Where a replica listens, and with which keys.

use crate::Failure;
use chinwag::runtime::{
    Channel, Config, ReplicaConfig,
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
    let mut channel = udp::listen(config, replica)
        .map_err(|error| Failure::operator(format!("{}: {error}", path.display())))?;
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
