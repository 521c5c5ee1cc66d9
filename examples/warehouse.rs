//! A service of your own in one file: checked in all behaviours of a small cluster, deployed over UDP, asked.
//!
//! `docs/service.md` goes through it. `cargo run --example warehouse -- check` checks it.

use chinwag::{
    Applied, Group, ReplicaId, Request, Service,
    actor::{Actors, Parties, equal_timestamps_equal_answers},
    runtime::{
        Config, FileStorage, Route, SessionFile,
        udp::{self, SystemClock, UdpClient},
    },
};
use serde::{Deserialize, Serialize};
use stateright::{
    Checker, Expectation, Model,
    actor::{ActorModel, Network},
};
use std::{collections::BTreeMap, error::Error, path::Path, sync::Arc, time::Duration};

const USAGE: &str = "usage: warehouse check
       warehouse serve CONFIG [init]                    init: at its very first start
       warehouse move CONFIG SESSION RM ARTICLE PIECES
       warehouse stock CONFIG SESSION RM ARTICLE";

/// How many of each article there are. Deliveries and sales commute, so the law holds; a sale that would be
/// refused when the shelf is empty would not, which is why the stock may be negative: someone has to wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Warehouse(BTreeMap<String, i64>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Moved {
    article: String,
    pieces: i64,
}

impl Service for Warehouse {
    type Op = Moved;
    type Query = String;
    type Answer = i64;

    fn apply(&mut self, update: Applied<'_, Moved>) {
        let stock = self.0.entry(update.op.article.clone()).or_default();
        *stock = stock.wrapping_add(update.op.pieces);
    }

    fn answer(&self, article: &String) -> i64 {
        self.0.get(article).copied().unwrap_or(0)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["serve", config] => serve(Path::new(config), false)?,
        ["serve", config, "init"] => serve(Path::new(config), true)?,
        ["move", config, session, at, article, pieces] => {
            let op = Moved { article: article.into(), pieces: pieces.parse()? };
            ask(config, session, at, |client| Ok(format!("moved, at {:?}", client.update(op)?)))?;
        }
        ["stock", config, session, at, article] => {
            ask(config, session, at, |client| Ok(client.query(article.into())?.to_string()))?;
        }
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn moved(pieces: i64) -> Request<Warehouse> {
    Request::Update(Moved { article: "tea".into(), pieces })
}

fn check() {
    // One client delivers five and looks; another one sells two.
    let clients = vec![vec![moved(5), Request::Query("tea".into())], vec![moved(-2)]];
    let model = ActorModel::new((), ())
        .actors(Parties::of(Group::of(2), clients))
        .init_network(Network::new_unordered_duplicating([]))
        .property(Expectation::Always, "replicas agree", |_: &Actors<Warehouse>, state| {
            equal_timestamps_equal_answers(&state.actor_states, &["tea".into()])
        })
        .property(Expectation::Always, "whoever delivers sees it", |_, state| {
            state.actor_states[2].answers().iter().all(|seen| [5, 3].contains(&seen.answer))
        })
        .property(Expectation::Sometimes, "and the other's sale", |_, state| {
            state.actor_states[2].answers().iter().any(|seen| seen.answer == 3)
        });
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    println!("{} states, and in each of them all is well", checker.unique_state_count());
}

/// Serves as the replica manager that this configuration describes, until it is killed.
fn serve(path: &Path, init: bool) -> Result<(), Box<dyn Error>> {
    let config = Config::read(path)?;
    let replica = config.replica.as_ref().ok_or("the configuration has no [replica]")?;
    let identity = config.identity(ReplicaId(replica.id));
    let storage = FileStorage::open(&replica.data_dir, &identity, init)?;
    let mut transport = udp::listen(&config, replica)?;
    let (clock, never) = (SystemClock::default(), Arc::default());
    let mut host = udp::open::<Warehouse, _, _>(&config, storage, (), &clock)?;
    let peers = udp::resolve(config.replicas.clone(), Arc::clone(&never));
    Ok(udp::serve(&mut host, &mut transport, &clock, &peers, &never)?)
}

/// Asks the replica manager `at`, going on with the session in a file: so a client reads its own writes from
/// one process to the next.
fn ask(
    config: &str,
    session: &str,
    at: &str,
    what: impl FnOnce(&mut UdpClient<Warehouse>) -> Result<String, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let config = Config::read(Path::new(config))?;
    let fresh = udp::random_front_end()?;
    let (file, seen) = SessionFile::open(Path::new(session), fresh, config.codec(), &[])?;
    let name = (file.front_end(), file.incarnation());
    let mut client = udp::connect(&config, name, seen, Duration::from_secs(10))?;
    client.route(Route::Only(ReplicaId(at.parse()?)));
    println!("{}", what(&mut client)?);
    Ok(file.save(&client.token())?)
}
