//! Every engine's opinion of the same small models: a plain stateright `ActorModel`, the interned model under
//! stateright's own checkers, and the packed search, with and without reductions.

#[path = "support/small.rs"]
mod small;

use chinwag::rules::FAITHFUL;
use chinwag_models::{
    engine::{self, Interned, Network, Options, Report, Tables, check_dead, search},
    model::Model,
    party::Disk,
    plain::Plain,
    system::System,
};
use small::SMALL;
use stateright::{Checker, Model as _};
use std::sync::Arc;

fn system(model: &Model) -> Arc<System> {
    Arc::new(System::new(model, &FAITHFUL, Disk::Honest))
}

/// The system's network without any reduction.
fn unreduced(system: &System) -> engine::Rules {
    engine::Rules { lossy: system.rules().lossy, ..engine::Rules::plain(Network::Once) }
}

#[test]
fn all_engines_count_and_judge_alike() {
    for model in SMALL {
        let started = std::time::Instant::now();
        let system = system(model);
        let rules = unreduced(&system);

        let plain = Plain::new(model, &FAITHFUL, Disk::Honest).checker().spawn_bfs().join();
        let seconds = started.elapsed().as_secs_f64();
        let tables = Arc::new(Tables::new(system, rules));
        let options = Options { threads: 1, keep_going: true, ..Options::default() };
        let packed = search(&tables, &options, &mut |_| {});
        let bfs = Interned::over(tables.clone()).checker().spawn_bfs().join();
        let dfs = Interned::over(tables).checker().spawn_dfs().join();

        println!(
            "{:12} plain {} packed {} bfs {} dfs {} depth {} plain {seconds:.1}s all {:.1}s",
            model.name,
            plain.unique_state_count(),
            packed.unique,
            bfs.unique_state_count(),
            dfs.unique_state_count(),
            packed.depth,
            started.elapsed().as_secs_f64()
        );
    }
}
