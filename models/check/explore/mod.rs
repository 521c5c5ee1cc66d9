//! The explorer: a page that shows the states of a model to people, and beside it stateright's own.
//!
//! `page` serves what the browser asks for, `explorer` answers, `journey` takes steps, `picture` tells what a
//! state looks like. `recorded` answers for runs that are no path of a model: scenarios, and traces of hosts.
//! Nothing is kept for a browser: every request says where it is.

mod explorer;
mod famous;
mod journey;
mod nearest;
mod page;
mod picture;
mod place;
mod recorded;
mod scenarios;
mod stateright;

use crate::{
    Complaint, Ended, Exit,
    cli::{Common, ExploreArgs},
    console::Console,
    files::Replay,
    names, progress, scenario,
};
use chinwag_models::{model::Model, mutants::Mutant, story, trace};
use explorer::Explorer;
use place::Place;
use recorded::{OPENED, Opened};
use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The model that is shown when none is named.
const FIRST_MODEL: &str = "pair";

/// What the page shows first.
struct Opening {
    /// What it is, in a line.
    about: String,
    /// The part of the address that leads there.
    hash: String,
    /// What stateright's explorer has beside it.
    model: &'static Model,
    mutant: Option<&'static Mutant>,
    opened: Option<Opened>,
}

impl Opening {
    fn place(model: &'static Model, mutant: Option<&'static Mutant>, place: &Place) -> Self {
        let (about, hash) = (story::describe_model(model, mutant), place.hash());
        Opening { about, hash, model, mutant, opened: None }
    }

    /// A run that is no path of a model.
    fn run(about: String, opened: Opened) -> Result<Self, Complaint> {
        let (model, hash) = (names::model(FIRST_MODEL)?, format!("#run={OPENED}"));
        Ok(Opening { about, hash, model, mutant: None, opened: Some(opened) })
    }
}

/// Serves both explorers until interrupted.
pub fn explore(args: &ExploreArgs, common: &Common, console: &Console) -> Ended {
    let explorer = Arc::new(Explorer::new(common));
    let opening = opening(args, &explorer)?;
    let server = tiny_http::Server::http((Ipv4Addr::LOCALHOST, args.port)).map_err(|error| {
        Complaint(format!("port {} cannot be used: {error}; try --port", args.port))
    })?;
    let port = server.server_addr().to_ip().map_or(args.port, |address| address.port());
    let beside = port_beside(port)?;
    console.say(&opening.about);
    console.say(&format!("http://127.0.0.1:{port}/{}  (Ctrl-C to stop)", opening.hash));
    let (model, mutant, threads) = (opening.model, opening.mutant, common.threads.max(1));
    let name = model.name;
    console.say(&format!(
        "http://127.0.0.1:{beside}/  stateright's own explorer, of the model {name}"
    ));
    progress::end_on_interrupt();
    std::thread::spawn(move || stateright::serve(model, mutant, beside, threads));
    let Opening { hash: opening, opened, .. } = opening;
    page::serve(&server, &page::Setting { port, beside, opening, model, opened }, &explorer);
    Ok(Exit::Internal) // It serves for ever, unless the listening socket is broken.
}

/// The model, or the run of the file, that the command line names.
fn opening(args: &ExploreArgs, explorer: &Explorer) -> Result<Opening, Complaint> {
    let named = args.what.as_deref();
    let is_there = |what: &str| names::model(what).is_err() && Path::new(what).exists();
    if let Some(file) = named.filter(|what| what.contains(['.', '/', '\\']) || is_there(what)) {
        let mutant = names::mutant_if(args.mutant.as_deref())?;
        if mutant.is_some() && !is_scenario(Path::new(file)) {
            return Err(Complaint("it says itself which bug is in: no --mutant".to_owned()));
        }
        let mut opening = from_file(Path::new(file), explorer)?;
        if let Some(mutant) = mutant {
            opening.hash += &format!("&bug={}", mutant.name.replace(' ', "+"));
        }
        return Ok(opening);
    }
    let model = names::model(named.unwrap_or(FIRST_MODEL))?;
    let mutant = names::mutant_if(args.mutant.as_deref())?;
    Ok(Opening::place(model, mutant, &Place::start(model, mutant)))
}

/// The run of a directory of traces, of a scenario, of a replay file, or of the replay file beside a picture
/// or a trace.
fn from_file(file: &Path, explorer: &Explorer) -> Result<Opening, Complaint> {
    let complain = |what: String| Complaint(format!("{}: {what}", file.display()));
    if file.is_dir() {
        let mut recording =
            trace::record_directory(file).map_err(|error| Complaint(error.to_string()))?;
        recording.run.title = format!("the trace in {}", file.display());
        recording.notes.insert(0, TRACED.to_owned());
        return Opening::run(recording.run.title.clone(), Opened::Recording(Box::new(recording)));
    }
    if is_scenario(file) {
        let (title, script) = scenario::read(file)?;
        // Once here, so that what is wrong with it is said at once.
        recorded::record(&title, &script, None).map_err(|Complaint(why)| complain(why))?;
        return Opening::run(format!("the scenario {title}"), Opened::Scenario(title, script));
    }
    let path = replay_beside(file)?;
    let replay = Replay::read(&path)?;
    let refuse = |Complaint(text)| Complaint(format!("{}: refused: {text}", path.display()));
    let model = names::model(&replay.model).map_err(refuse)?;
    let mutant = names::mutant_if(replay.mutant.as_deref()).map_err(refuse)?;
    let place = explorer.place_of(model, mutant, &replay).map_err(refuse)?;
    Ok(Opening::place(model, mutant, &place))
}

/// What a trace does not say.
const TRACED: &str = "A trace is of replica managers: what clients know, and which messages were lost, it \
                      does not say.";

/// Is it a scenario's text? A text of --trace-dir has the other files beside it.
fn is_scenario(file: &Path) -> bool {
    let is_text = file.is_file() && file.extension().is_some_and(|extension| extension == "txt");
    is_text && !file.with_extension("replay.json").is_file()
}

/// `NAME.replay.json`, given any of the files that --trace-dir writes under NAME.
fn replay_beside(file: &Path) -> Result<PathBuf, Complaint> {
    let complain = |what: String| Complaint(format!("{}: {what}", file.display()));
    if !file.is_file() {
        return Err(complain(
            "there is no such file or directory (and no model has a dot in its name)".into(),
        ));
    }
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.ends_with(".replay.json") {
        return Ok(file.to_owned());
    }
    let endings = [".itf.json", ".shiviz.log", ".svg", ".txt", ".json"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
    let beside = stem.map(|stem| file.with_file_name(format!("{stem}.replay.json")));
    match beside {
        Some(beside) if beside.is_file() => Ok(beside),
        Some(beside) => Err(complain(format!(
            "it has states, not steps; there is no {} beside it, which has them",
            beside.display()
        ))),
        None => Err(complain(
            "its name is not that of a file of --trace-dir, nor of a scenario (NAME.txt)"
                .to_owned(),
        )),
    }
}

/// The next port if it is free, or else any.
fn port_beside(port: u16) -> Result<u16, Complaint> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let next = port.checked_add(1).map(bind).and_then(Result::ok);
    let socket = next.map_or_else(|| bind(0), Ok);
    let address = socket.and_then(|socket| socket.local_addr());
    let complain = |error| Complaint(format!("no port for stateright's explorer: {error}"));
    Ok(address.map_err(complain)?.port())
}
