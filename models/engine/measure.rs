//! Measurements, not tests.
//!
//! `cargo test --release -p chinwag-models engine::measure -- --ignored --nocapture --test-threads 1`

use super::toy::Toy;
use super::*;
use std::sync::Arc;

fn measure(toy: &Toy, rules: Rules, options: &Options) {
    let report = search(&Tables::new(Arc::new(toy.clone()), rules), options, &mut |_| {});
    println!(
        "{} threads, liveness {}: {:?}, {} unique, {:.1} steps each, depth {}, widest {}, \
         {:.1} s, {:.0}/s, {:.1} B/state visited, {:.1} B/state in all, peak {} MiB, \
         {} node states, {} messages, {} local steps, {} fair states",
        options.threads,
        options.liveness,
        report.end,
        report.unique,
        report.generated as f64 / report.unique as f64,
        report.depth,
        report.widest(),
        report.seconds,
        report.unique as f64 / report.seconds,
        report.bytes_per_state,
        report.own_bytes as f64 / report.unique as f64,
        report.peak_rss >> 20,
        report.locals,
        report.messages,
        report.local_steps,
        report.fair_states,
    );
}

#[test]
#[ignore = "it measures states a second, and judges nothing"]
fn speed() {
    for (toy, rules) in [
        (Toy { crashes: 1, ..Toy::new(3, &[1, 1]) }, Rules::plain(Network::Once)),
        (Toy::new(3, &[2, 1]), Rules::reduced(Network::Set)),
    ] {
        for (threads, liveness) in [(1, false), (2, false), (2, true)] {
            measure(&toy, rules, &Options { threads, liveness, ..Options::default() });
        }
    }
}

#[test]
#[ignore = "it measures 110 million states, and judges nothing"]
fn scale() {
    let states_max = Some(110_000_000);
    let options = Options { threads: 2, states_max, ..Options::default() };
    measure(&Toy::new(3, &[2, 1, 1]), Rules::reduced(Network::Once), &options);
}
