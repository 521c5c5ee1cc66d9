//! `chinwag keygen` and `chinwag keys`: the file of pre-shared keys.

use crate::Failure;
use chinwag::runtime::{Key, KeyRing, KeyUse};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The end of the help of `keys`.
pub const ROTATION: &str =
    "To change a key without downtime, do each step everywhere before the next one:
  1  chinwag keys add RING client, and copy the file over all others
  2  chinwag keys primary RING ID, likewise
  3  chinwag keys remove RING OLD-ID, likewise
Replicas read the file again on SIGHUP; clients when they start. Clients get what
`chinwag keys for-clients RING FILE` writes: with the peers' keys they could gossip.";

/// What to make.
#[derive(Args)]
pub struct KeygenArgs {
    /// The file; it must not be there yet.
    ring: PathBuf,
    /// Print JSON: an object for each key.
    #[arg(long)]
    json: bool,
}

/// What to do with which ring.
#[derive(Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    action: Action,
    /// Print JSON: an object for each key that is then in the file, but only the new one of `add`.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Print the keys, without their secrets.
    List {
        /// The key ring.
        ring: PathBuf,
    },
    /// Add a random key, which is read but not sealed with yet.
    Add {
        /// The key ring.
        ring: PathBuf,
        /// Who is to speak with it.
        used_by: Use,
    },
    /// Seal with this key from now on.
    Primary {
        /// The key ring.
        ring: PathBuf,
        /// The key's number.
        id: u16,
    },
    /// Remove a key that is not primary.
    Remove {
        /// The key ring.
        ring: PathBuf,
        /// The key's number.
        id: u16,
    },
    /// Write the keys that clients may have into a file of their own.
    ForClients {
        /// The key ring.
        ring: PathBuf,
        /// The file to write.
        file: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Use {
    /// Replica managers, with each other.
    Peer,
    /// Clients with replica managers.
    Client,
}

/// A ring with one key of each use.
pub fn new_ring() -> Result<KeyRing, String> {
    let mut ring = KeyRing::default();
    ring.add(KeyUse::Peer)?;
    ring.add(KeyUse::Client)?;
    Ok(ring)
}

/// Makes a ring.
pub fn generate(args: &KeygenArgs) -> Result<(), Failure> {
    let KeygenArgs { ring: path, json } = args;
    if path.exists() {
        let path = path.display();
        let why = format!("{path}: is there already. `chinwag keys add` adds a key to it");
        return Err(Failure::operator(why));
    }
    let ring = new_ring().map_err(Failure::operator)?;
    ring.write(path).map_err(Failure::operator)?;
    if *json {
        list(ring.keys(), true);
        return Ok(());
    }
    println!(
        "{}: {:?}. Copy it to every replica manager; clients need",
        path.display(),
        ring.keys()
    );
    println!("only what `chinwag keys for-clients` writes");
    Ok(())
}

/// Lists or changes a ring.
pub fn run(args: &KeysArgs) -> Result<(), Failure> {
    let (Action::List { ring: path }
    | Action::Add { ring: path, .. }
    | Action::Primary { ring: path, .. }
    | Action::Remove { ring: path, .. }
    | Action::ForClients { ring: path, .. }) = &args.action;
    let mut ring = KeyRing::read(path).map_err(Failure::operator)?;
    let problem = |why: String| Failure::operator(format!("{}: {why}", path.display()));
    let mut added = None;
    match &args.action {
        Action::List { .. } => {
            list(ring.keys(), args.json);
            return Ok(());
        }
        Action::ForClients { file, .. } => {
            let clients = ring.for_clients();
            if clients.keys().is_empty() {
                return Err(problem("there is no client key; `chinwag keys add` makes one".into()));
            }
            return written(&clients, file, args.json, None);
        }
        Action::Add { used_by, .. } => {
            let used_by = match used_by {
                Use::Peer => KeyUse::Peer,
                Use::Client => KeyUse::Client,
            };
            added = Some(ring.add(used_by).map_err(problem)?);
        }
        Action::Primary { id, .. } => ring.make_primary(*id).map_err(problem)?,
        Action::Remove { id, .. } => ring.remove(*id).map_err(problem)?,
    }
    written(&ring, path, args.json, added)
}

/// Writes it, and says what is new.
fn written(ring: &KeyRing, path: &Path, json: bool, added: Option<u16>) -> Result<(), Failure> {
    ring.write(path).map_err(Failure::operator)?;
    match added {
        Some(id) if !json => println!("key {id}"),
        _ if !json => {}
        added => {
            list(ring.keys().iter().filter(|key| added.is_none_or(|id| key.id == id)), true);
        }
    }
    Ok(())
}

fn list<'a>(keys: impl IntoIterator<Item = &'a Key>, as_json: bool) {
    for key in keys {
        match as_json {
            false => println!("{key:?}"),
            true => {
                let used_by = key.used_by.to_string();
                println!("{}", json!({ "id": key.id, "use": used_by, "primary": key.primary }));
            }
        }
    }
}
