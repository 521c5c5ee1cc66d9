//! Where the log of a replica manager goes, and how it looks.

use crate::Failure;
use clap::{Args, ValueEnum};
use sd_notify::NotifyState;
use std::io::{self, IsTerminal};
use tracing_subscriber::{
    Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

/// How the log looks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// The log, which goes to standard error.
#[derive(Args)]
pub struct LogArgs {
    /// What to log: error, warn, info, debug (each datagram's kind and size), or off; or `target=level,..`.
    #[arg(long, env = "RUST_LOG", value_name = "LEVEL", default_value = "info")]
    log: String,
    /// How the log looks.
    #[arg(long, env = "CHINWAG_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

impl LogArgs {
    /// From now on, what is traced is logged.
    pub fn start(&self) -> Result<(), Failure> {
        let filter: Targets = self.log.parse().map_err(|error| {
            let levels = "error, warn, info, debug, trace or off";
            Failure::operator(format!("--log: {:?}: {error}; use {levels}", self.log))
        })?;
        let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let layer = fmt::layer().with_writer(io::stderr).with_ansi(colour).with_target(false);
        let registry = tracing_subscriber::registry();
        match self.log_format {
            LogFormat::Text => registry.with(layer.with_filter(filter)).init(),
            LogFormat::Json => {
                registry.with(layer.json().flatten_event(true).with_filter(filter)).init();
            }
        }
        Ok(())
    }
}

/// Is there a log?
pub fn are_on() -> bool {
    tracing::dispatcher::has_been_set()
}

/// Tells systemd, if it wants to be told.
pub fn tell_supervisor(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!("NOTIFY_SOCKET: {error}");
    }
}
