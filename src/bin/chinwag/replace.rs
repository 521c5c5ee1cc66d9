//! `chinwag replace`: says in configurations who takes whose place.

use crate::{Failure, status, with};
use chinwag::{
    ReplicaId,
    runtime::{
        Config,
        command::{CliService, WithService},
        replace_file,
    },
};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use toml_edit::{DocumentMut, Item, Table, value};

/// The end of the help of `replace`.
pub const STEPS: &str =
    "A replica manager whose data directory is lost, or is an old copy, must never serve again
under its number. To have another one in its place:
  1  stop it, and change all configurations with this command
  2  start all others again with theirs; each records for good who was replaced
  3  start the newcomer with --init: it takes a copy of another one, and then takes part
What nobody held but the one that is replaced is lost. Updates that were acknowledged at a level of
several replica managers (`durability.acknowledged_by`) are not.";

/// Who takes whose place.
#[derive(Args)]
pub struct ReplaceArgs {
    /// The number of the replica manager that is gone.
    place: u16,
    /// Where the newcomer will be.
    #[arg(long, value_name = "HOST:PORT")]
    by: String,
    /// The configurations to change: of the cluster, of its clients, and of each replica manager that goes
    /// on.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the newcomer's configuration to this file, with the settings of the first one among those.
    #[arg(long, value_name = "FILE")]
    newcomer: Option<PathBuf>,
    /// The newcomer's data directory, as its configuration is to name it.
    #[arg(long, value_name = "DIR", requires = "newcomer")]
    data_dir: Option<String>,
    /// Replace it although it answers, and lose what only it holds.
    #[arg(long)]
    although_it_answers: bool,
    /// Say what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for an answer of the one that is gone, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    timeout_ms: u64,
    /// Print an object of JSON.
    #[arg(long)]
    json: bool,
}

/// A file as it is to be.
struct Changed {
    path: PathBuf,
    text: String,
    config: Config,
    already: bool,
}

/// Changes all files, or none if something is wrong with any.
pub fn replace(args: &ReplaceArgs) -> Result<(), Failure> {
    let all: Vec<_> = args.files.iter().map(|path| change(path, args)).collect::<Result<_, _>>()?;
    let first = &all[0];
    let cluster = first.config.codec().cluster;
    if let Some(other) = all.iter().find(|file| file.config.codec().cluster != cluster) {
        let (one, other) = (first.path.display(), other.path.display());
        let why =
            "`cluster`, `service`, `replicas` and `replaced` must be alike in number and value";
        return Err(Failure::operator(format!("{other}: not the cluster of {one}: {why}")));
    }
    let new = ReplicaId(first.config.group().replicas - 1);
    let newcomer =
        args.newcomer.as_ref().map(|path| newcomer(path, &all, new, args)).transpose()?;
    if !args.although_it_answers {
        is_silent(first, args)?;
    }
    let changes = all.iter().filter(|file| !file.already).chain(&newcomer);
    for file in changes.filter(|_| !args.dry_run) {
        write(&file.path, &file.text)?;
    }
    tell(args, &all, newcomer.as_ref(), new);
    Ok(())
}

/// The file, with the replacement in it. Comments and order stay.
fn change(path: &Path, args: &ReplaceArgs) -> Result<Changed, Failure> {
    // A link stays a link.
    let path = fs::canonicalize(path)
        .map_err(|error| Failure::operator(format!("{}: {error}", path.display())))?;
    let problem = |why: String| Failure::operator(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| problem(error.to_string()))?;
    let config = Config::parse(&path, &text).map_err(Failure::operator)?;
    let is_new = |address: &String| *address == args.by;
    if config.replaced.last() == Some(&args.place) && config.replicas.last().is_some_and(is_new) {
        return Ok(Changed { path, text, config, already: true });
    }
    let group = config.group();
    if !group.is_member(ReplicaId(args.place)) {
        let members: Vec<_> = group.members().map(|member| member.0.to_string()).collect();
        return Err(problem(format!("{}: no member; they are {}", args.place, members.join(", "))));
    }
    if config.replica.as_ref().is_some_and(|replica| replica.id == args.place) {
        let why = "is the configuration of the one that is replaced; leave it out";
        return Err(problem(why.into()));
    }
    let mut document: DocumentMut = text.parse().expect("it was just parsed");
    let replicas = document["replicas"].as_array_mut().expect("it was just parsed");
    let like = replicas.iter().last().map(|last| last.decor().clone()).unwrap_or_default();
    let mut address = toml_edit::Value::from(args.by.as_str());
    *address.decor_mut() = like;
    replicas.push_formatted(address);
    let replaced = config.replaced.iter().chain([&args.place]).map(|place| i64::from(*place));
    document["replaced"] = value(replaced.collect::<toml_edit::Array>());
    if let Some(updatable) = config.updatable {
        document["updatable"] = value(i64::from(updatable) + 1);
    }
    let text = document.to_string();
    let config = Config::parse(&path, &text).map_err(Failure::operator)?;
    Ok(Changed { path, text, config, already: false })
}

/// The newcomer's configuration: as the first of another one, but for what is its own.
fn newcomer(
    path: &Path,
    all: &[Changed],
    new: ReplicaId,
    args: &ReplaceArgs,
) -> Result<Changed, Failure> {
    if path.exists() {
        let path = path.display();
        return Err(Failure::operator(format!(
            "{path}: is there already; name another --newcomer"
        )));
    }
    let like = all.iter().find(|file| file.config.replica.is_some()).unwrap_or(&all[0]);
    let mut document: DocumentMut = like.text.parse().expect("it was just parsed");
    let replica = document.entry("replica").or_insert(Item::Table(Table::new()));
    for own in ["listen", "http", "record"] {
        replica.as_table_like_mut().map(|table| table.remove(own));
    }
    replica["id"] = value(i64::from(new.0));
    replica["data_dir"] = value(args.data_dir.clone().unwrap_or_else(|| format!("rm{}", new.0)));
    let text = document.to_string();
    let config = Config::parse(path, &text).map_err(Failure::operator)?;
    Ok(Changed { path: path.into(), text, config, already: false })
}

/// Who answers is not gone, and may hold what nobody else does.
fn is_silent(file: &Changed, args: &ReplaceArgs) -> Result<(), Failure> {
    // Before the replacement: that is what it is asked as. Keys are named from where the file is.
    let read = Config::read(&args.files[0]).map_err(Failure::operator)?;
    let config = if file.already { read.earlier().pop().unwrap_or(read) } else { read };
    let service = config.service.clone();
    let (place, wait) = (ReplicaId(args.place), Duration::from_millis(args.timeout_ms));
    match with(&args.files[0], &service, Answers { config, place, wait })? {
        false => Ok(()),
        true => Err(Failure::new(
            1,
            format!(
                "{place:?} answers, so nothing was changed. Stop it first; with its directory whole, it \
                 needs no replacement. Or lose what only it holds, with --although-it-answers"
            ),
        )),
    }
}

struct Answers {
    config: Config,
    place: ReplicaId,
    wait: Duration,
}

impl WithService for Answers {
    type Output = Result<bool, Failure>;

    fn run<S: CliService>(self) -> Self::Output {
        let mut client = status::client::<S>(&self.config, self.wait)?;
        Ok(client.status(self.place, self.wait).is_some())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace_file(path, text.as_bytes()).map_err(|error| {
        let why = "Those named before it are changed; the same command again changes the rest";
        Failure::new(1, format!("{}: {error}. {why}", path.display()))
    })
}

fn tell(args: &ReplaceArgs, all: &[Changed], newcomer: Option<&Changed>, new: ReplicaId) {
    let (old, by) = (ReplicaId(args.place), &args.by);
    let files = all.iter().map(|file| (file.path.display(), file.already));
    if args.json {
        let files: Vec<_> = files
            .map(|(path, already)| json!({ "path": path.to_string(), "changed": !already }))
            .collect();
        let newcomer = newcomer.map(|file| file.path.display().to_string());
        println!(
            "{}",
            json!({
                "replaced": old.0, "newcomer": new.0, "address": by, "files": files,
                "newcomer_file": newcomer, "dry_run": args.dry_run,
            })
        );
        return;
    }
    for (path, already) in files {
        let what = match (already, args.dry_run) {
            (true, _) => "says so already",
            (false, false) => "changed",
            (false, true) => "would be changed",
        };
        println!("{path}: {what}");
    }
    let others = all[0].config.group().members().filter(|member| *member != new);
    let others: Vec<_> = others.map(|member| format!("{member:?}")).collect();
    let file = newcomer.map_or("FILE".into(), |file| file.path.display().to_string());
    println!(
        "{old:?} is replaced by {new:?} at {by}. Next: start {} again with this configuration,\n\
         then the newcomer: chinwag replica --init --config {file}",
        others.join(" and ")
    );
}
