//! Judges of the same thing: nodes and pairs one by one, or all at once.

#[path = "support/small.rs"]
mod small;

use chinwag_models::{
    engine::{System as _, Verdict},
    plain::Plain,
    system::System,
};
use small::{SMALL, bug, explore};

#[test]
fn judging_nodes_and_pairs_is_judging_the_whole() {
    let names = ["hearsay", "copies", "crash", "late", "ring", "liar", "bank"];
    for model in SMALL.iter().filter(|model| names.contains(&model.name)) {
        for name in ["no bug", "answers too early", "runs all again", "stamps with all it holds"] {
            let (_, rules, disk) = bug(name);
            let system = System::new(model, rules, disk);
            let plain = Plain::new(model, rules, disk);
            explore(&plain, |state| {
                let locals = plain.locals(state);
                let mut parts = Verdict::NOTHING;
                for (b, local) in locals.iter().enumerate() {
                    parts = parts.and(system.judge_node(b, local));
                    for (a, other) in locals[..b].iter().enumerate() {
                        parts = parts.and(system.judge_pair(a, other, b, local));
                    }
                }
                assert_eq!(parts, system.judge_whole(&locals), "{} / {name}", model.name);
            });
        }
    }
}
