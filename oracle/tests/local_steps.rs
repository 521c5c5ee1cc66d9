//! Every step that a replica manager takes anywhere in the small models is the one that was proved.

mod support;

use chinwag::rules::FAITHFUL;
use chinwag_models::catalogue::CATALOGUE;
use chinwag_oracle::Oracle;
use std::time::Instant;
use support::compare;

#[test]
fn measure() {
    let oracle = Oracle::new().expect("ok");
    for model in CATALOGUE.iter().filter(|m| m.pinned.0 < 600_000 && !m.deep) {
        let start = Instant::now();
        let (report, compared) = compare(&oracle, model, &FAITHFUL, None);
        let took = start.elapsed();
        match compared {
            Ok(c) => println!(
                "{:16} {:9} {:9} {:?} search {:.1} all {:?} {:?}",
                model.name,
                report.unique,
                report.local_steps,
                c,
                report.seconds,
                took,
                report.kinds
            ),
            Err((what, e)) => println!("{}: {what}\n{e}", model.name),
        }
    }
}
