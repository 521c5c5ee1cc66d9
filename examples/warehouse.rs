//! A service of your own, and how to check it: the law first, then all behaviours of a small cluster.
//!
//! `cargo run --release --example warehouse`

use chinwag::{
    Applied, Group, Request, Service,
    actor::{Actors, Parties, equal_timestamps_equal_answers},
};
use serde::{Deserialize, Serialize};
use stateright::{
    Checker, Expectation, Model,
    actor::{ActorModel, Network},
};
use std::collections::BTreeMap;

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

fn moved(pieces: i64) -> Request<Warehouse> {
    Request::Update(Moved { article: "tea".into(), pieces })
}

fn main() {
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
