//! What clients saw, by the judges that look at nothing else: of the protocol all is causal, and what breaks
//! a session is refuted by each judge.

#[path = "support/small.rs"]
mod small;

use chinwag_models::{
    application::Tag,
    consistency::sessions::{self, History},
    histories::{Word, histories_are_causal, history, is_explained},
    model::{Asks, Model, PLAIN},
    plain::Plain,
    view::View,
};
use small::{bug, explore};
use std::collections::HashMap;

#[rustfmt::skip]
const TOLD: &[Model] = &[
    Model { name: "writes", scripts: &["uq", "uq"], histories: true, asks: Asks::Home(&[0, 1]), ..PLAIN },
    Model { name: "reads", scripts: &["u", "qq"], histories: true, ..PLAIN },
    Model { name: "roams", scripts: &["uuq"], histories: true, ..PLAIN },
    Model { name: "hearsay", scripts: &["ut1", "wqq"], histories: true, ..PLAIN },
    Model { name: "told twice", scripts: &["ut1t1", "wqu"], histories: true, ..PLAIN },
    Model { name: "retries", scripts: &["uq"], retries: 1, histories: true, ..PLAIN },
];

/// How many different histories there are, and how many of them are refuted. Panics where the judges differ.
fn judged(model: &Model, name: &str) -> (usize, usize) {
    let (_, rules, disk) = bug(name);
    let (plain, setting) = (Plain::new(model, rules, disk), model.setting());
    let mut verdicts: HashMap<History<Tag, Word>, bool> = HashMap::new();
    explore(&plain, |state| {
        let locals = plain.locals(state);
        let view = View::of(&setting, locals.iter().copied().enumerate());
        let history = history(&view);
        verdicts.entry(history).or_insert_with_key(|history| {
            let (fast, exact) = (histories_are_causal(&view), is_explained(history));
            assert_eq!(fast, exact, "{} / {name}: {:?}", model.name, sessions::all(history));
            fast
        });
    });
    (verdicts.len(), verdicts.values().filter(|is_causal| !**is_causal).count())
}

#[test]
fn all_that_clients_see_is_causal() {
    for model in TOLD {
        let (all, refuted) = judged(model, "no bug");
        println!("{:10} {all:4} histories", model.name);
        assert_eq!(refuted, 0, "{}", model.name);
        assert!(all > 1, "{}: {all}", model.name);
    }
}

#[test]
fn what_breaks_a_session_is_refuted() {
    for (name, model) in [
        ("does not wait for timestamps", "roams"),
        ("forgets what a reply said", "roams"),
        ("forgets what an answer said", "reads"),
        ("does not hear", "hearsay"),
        ("answers too early", "roams"),
        ("runs all again", "retries"),
    ] {
        let model = TOLD.iter().find(|m| m.name == model).expect("it is there");
        let (all, refuted) = judged(model, name);
        println!("{name}: {refuted} of {all} histories are refuted");
        assert!(refuted > 0, "{name} on {}", model.name);
    }
}
