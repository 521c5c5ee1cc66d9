//! `chinwag verify` and `chinwag dump`: a data directory as it lies there.

use crate::Failure;
use chinwag::{
    Change, Replica,
    runtime::{
        Inspection,
        command::{CliService, WithService, with_service},
        inspect,
    },
};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The end of the help of both.
pub const EXIT_CODES: &str = "Exit codes:
  0  the directory is sound; a torn end, of which nobody was told, is dropped at the next start
  1  it is damaged: the replica does not start from it
  2  it cannot be looked at: not a data directory, in use, or of another version";

/// What to look at.
#[derive(Args)]
pub struct DirectoryArgs {
    /// The data directory. No replica may be using it. It is not changed.
    directory: PathBuf,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Says whether a directory is sound.
pub fn verify(args: &DirectoryArgs) -> Result<(), Failure> {
    look(args, false)
}

/// Says all that is in a directory, as far as it can be read.
pub fn dump(args: &DirectoryArgs) -> Result<(), Failure> {
    look(args, true)
}

fn look(args: &DirectoryArgs, all: bool) -> Result<(), Failure> {
    let found = inspect(&args.directory).map_err(Failure::operator)?;
    let name = found.identity.service.clone();
    let unknown = || Failure::operator(format!("no service {name:?} in this program"));
    let look = Look { found, json: args.json, all };
    with_service(&name, look).unwrap_or_else(|| Err(unknown()))
}

struct Look {
    found: Inspection,
    json: bool,
    all: bool,
}

impl WithService for Look {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { found, json, all } = self;
        self::print(json, "directory", &summary(&found), || words(&found));
        if all {
            dump_all::<S>(&found, json)?;
        }
        if let Some(damage) = &found.damage {
            return Err(Failure::new(1, damage));
        }
        let replica = found.replica::<S>().map_err(|error| Failure::new(1, error))?;
        self::print(json, "replica", &of_replica(&replica, all), || {
            format!(
                "sound: holds {:?}, reflects {:?}, {} records in the log, {} identifiers",
                replica.replica_ts(),
                replica.value_ts(),
                replica.log().len(),
                replica.executed().len()
            )
        });
        if all && !json {
            println!("value {:?}", replica.value());
        }
        Ok(())
    }
}

fn dump_all<S: CliService>(found: &Inspection, json: bool) -> Result<(), Failure> {
    for batch in &found.batches {
        let changes = found.changes::<S>(batch).map_err(|error| Failure::new(1, error))?;
        let (sequence, offset) = (batch.sequence, batch.offset);
        let covered = sequence <= found.covered();
        let value =
            json!({ "number": sequence, "offset": offset, "covered": covered, "changes": changes });
        print(json, "batch", &value, || {
            let mut lines = vec![format!(
                "batch {sequence} at byte {offset}{}",
                if covered { ", covered by the image" } else { "" }
            )];
            lines.extend(changes.iter().flat_map(describe));
            lines.join("\n")
        });
    }
    Ok(())
}

fn describe<S: CliService>(change: &Change<S>) -> Vec<String> {
    match change {
        Change::Log { replica_ts, records } => {
            let log = format!("  log up to {replica_ts:?}");
            [log].into_iter().chain(records.iter().map(|r| format!("    {r:?}"))).collect()
        }
        Change::Discard { upto } => vec![format!("  discard up to {upto:?}")],
    }
}

fn summary(found: &Inspection) -> Value {
    let identity = &found.identity;
    json!({
        "cluster": identity.cluster,
        "cluster_id": identity.cluster_id.to_string(),
        "service": identity.service,
        "replica": identity.replica.0,
        "replicas": identity.group.replicas,
        "updatable": identity.group.updatable,
        "image": found.image.as_ref().map(|(covered, image)| {
            json!({ "covers": covered, "bytes": image.len() })
        }),
        "batches": found.batches.len(),
        "last_batch": found.batches.last().map_or(found.covered(), |batch| batch.sequence),
        "torn_bytes": found.torn_bytes,
        "damage": found.damage.as_ref().map(ToString::to_string),
    })
}

fn words(found: &Inspection) -> String {
    let image = match &found.image {
        None => "no image".into(),
        Some((covered, image)) => {
            format!("an image of {} bytes up to batch {covered}", image.len())
        }
    };
    let batches = match (found.batches.first(), found.batches.last()) {
        (Some(first), Some(last)) => {
            format!("batches {} to {} in the journal", first.sequence, last.sequence)
        }
        _ => "no batch in the journal".into(),
    };
    let torn = found.torn_bytes;
    format!("{}\n{image}, {batches}, {torn} bytes of a torn end", found.identity.describe())
}

fn of_replica<S: CliService>(replica: &Replica<S>, all: bool) -> Value {
    let mut value = json!({
        "replica_ts": replica.replica_ts(),
        "value_ts": replica.value_ts(),
        "discarded": replica.discarded(),
        "log": replica.log().len(),
        "executed": replica.executed().len(),
    });
    if all {
        value["log"] = json!(replica.log().collect::<Vec<_>>());
        value["executed"] = json!(replica.executed().iter().collect::<Vec<_>>());
        // Some values have keys that JSON does not have.
        let debug = || Value::String(format!("{:?}", replica.value()));
        value["value"] = serde_json::to_value(replica.value()).unwrap_or_else(|_| debug());
    }
    value
}

fn print(as_json: bool, kind: &str, value: &Value, words: impl FnOnce() -> String) {
    match as_json {
        true => println!("{}", json!({ kind: value })),
        false => println!("{}", words()),
    }
}
