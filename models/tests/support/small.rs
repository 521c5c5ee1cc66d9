//! Models that every engine gets through in no time, of every kind that the catalogue has; seeded bugs of
//! every kind; and verdicts that can be compared.

#![allow(dead_code, reason = "each test program uses its share")]

use chinwag::{Rules, Timestamp, rules::FAITHFUL};
use chinwag_models::{
    engine::{self, Options, Report, Tables, search},
    model::{Asks, Links, Model, Net, PLAIN, Serves},
    mutants::MUTANTS,
    party::Disk,
    system::System,
};
use std::{
    collections::{BTreeMap, HashSet},
    hash::Hash,
    sync::Arc,
};

/// The models.
#[rustfmt::skip]
pub const SMALL: &[Model] = &[
    Model { name: "pair", scripts: &["uq", "uq"], ..PLAIN },
    Model { name: "retry", scripts: &["uq"], retries: 1, ..PLAIN },
    Model { name: "copies", scripts: &["uq"], copies: 2, asks: Asks::Home(&[0]), ..PLAIN },
    Model { name: "independent", scripts: &["iuq"], ..PLAIN },
    Model { name: "hearsay", scripts: &["ut1", "wq"], ..PLAIN },
    Model { name: "told twice", scripts: &["ut1t1", "wqu"], ..PLAIN },
    Model { name: "lossy", scripts: &["uq"], net: Net::Lossy, ..PLAIN },
    Model { name: "lossy retry", scripts: &["u"], retries: 1, net: Net::Lossy, ..PLAIN },
    Model { name: "crash", scripts: &["uq"], crashes: &[1, 1], ..PLAIN },
    Model { name: "crash retry", scripts: &["u"], crashes: &[1], retries: 1, ..PLAIN },
    Model { name: "late", scripts: &["uu"], late: true, retries: 1, asks: Asks::Home(&[0]), ..PLAIN },
    Model { name: "repeats", scripts: &["uq"], net: Net::Repeats, ..PLAIN },
    Model { name: "requests", scripts: &["uq"], net: Net::RepeatsRequests, ..PLAIN },
    Model { name: "requests late", scripts: &["uu"], net: Net::RepeatsRequests, late: true, asks: Asks::Home(&[0]), ..PLAIN },
    Model { name: "two copies", scripts: &["uq"], net: Net::Copies, copies: 2, ..PLAIN },
    Model { name: "two copies crash", scripts: &["u"], net: Net::Copies, copies: 2, crashes: &[1], ..PLAIN },
    Model { name: "echoes", scripts: &["uq", "q"], net: Net::Echoes, ..PLAIN },
    Model { name: "echoes late", scripts: &["uu"], net: Net::Echoes, crashes: &[1], late: true, ..PLAIN },
    Model { name: "pulls", scripts: &["uu"], pulls: true, ..PLAIN },
    Model { name: "batch", scripts: &["uu"], batch: 1, records_per_gossip_max: 1, ..PLAIN },
    Model { name: "ring", updatable: 3, links: Links::Ring, scripts: &["u"], ..PLAIN },
    Model { name: "three", updatable: 3, scripts: &["u"], ..PLAIN },
    Model { name: "read-only", read_only: 1, scripts: &["uq"], ..PLAIN },
    Model { name: "liar", scripts: &["u", "uq"], liar: true, ..PLAIN },
    Model { name: "set", scripts: &["u", "uq"], serves: Serves::Set, ..PLAIN },
    Model { name: "bank", scripts: &["u", "uq"], serves: Serves::Bank, ..PLAIN },
];

/// A seeded bug.
pub type Bug = (&'static str, &'static Rules, Disk);

/// Bugs of the tests' own, one or more for each part of the protocol. The catalogue's mutants grow and
/// change; these stay, so that the judges are known to be able to disagree.
#[rustfmt::skip]
const BUGS: &[Bug] = &[
    ("does not wait for timestamps", &Rules { waits_for_timestamps: || false, ..FAITHFUL }, Disk::Honest),
    ("forgets what a reply said", &Rules { observe: |_, _| {}, ..FAITHFUL }, Disk::Honest),
    ("forgets what an answer said", &Rules { observe_answer: |_, _| {}, ..FAITHFUL }, Disk::Honest),
    ("adopts what an answer said", &Rules { observe_answer: |ts, new| *ts = new.clone(), ..FAITHFUL }, Disk::Honest),
    ("does not hear", &Rules { hear: |_, _| {}, ..FAITHFUL }, Disk::Honest),
    ("acknowledges too much", &Rules { acknowledge: |_, next| next, ..FAITHFUL }, Disk::Honest),
    ("repeats under a new number", &Rules { repeat_as: |_, next| next, ..FAITHFUL }, Disk::Honest),
    ("knows no duplicates", &Rules { is_duplicate: |_| false, ..FAITHFUL }, Disk::Honest),
    ("believes everything", &Rules { is_plausible: |_, _, _| true, ..FAITHFUL }, Disk::Honest),
    ("stamps with all it holds", &Rules { stamp: |_, me, seq, held| held.with(me, seq), ..FAITHFUL }, Disk::Honest),
    ("awaits nothing", &Rules { awaits: |_, _, _| None, ..FAITHFUL }, Disk::Honest),
    ("ranks backwards", &Rules { rank: |prev, _| u128::MAX - prev.weight(), ..FAITHFUL }, Disk::Honest),
    ("does not go on", &Rules { goes_on: || false, ..FAITHFUL }, Disk::Honest),
    ("runs all again", &Rules { is_fresh: |_, _, _| true, ..FAITHFUL }, Disk::Honest),
    ("runs by timestamp", &Rules { is_fresh: |_, ts, value_ts| !value_ts.covers(ts), ..FAITHFUL }, Disk::Honest),
    ("answers too early", &Rules { may_answer: |_, _, _| true, ..FAITHFUL }, Disk::Honest),
    ("answers from the log", &Rules { may_answer: |prev, _, held| held.covers(prev), ..FAITHFUL }, Disk::Honest),
    ("drops queries", &Rules { holds_back: || false, ..FAITHFUL }, Disk::Honest),
    ("sends only its own", &Rules { lacks: |known, key, _, me| key.origin == me && known.get(me) < key.seq, ..FAITHFUL }, Disk::Honest),
    ("falls silent", &Rules { has_news: |_, _, records| records > 0, ..FAITHFUL }, Disk::Honest),
    ("knows upon sending", &Rules { known_after_send: |_, sent| sent.clone(), ..FAITHFUL }, Disk::Honest),
    ("owes nothing", &Rules { owes: |_, _| false, ..FAITHFUL }, Disk::Honest),
    ("owes for ever", &Rules { owes: |_, _| true, ..FAITHFUL }, Disk::Honest),
    ("leaves gaps", &Rules { takes: |key, _, _, _, held| key.seq > held.get(key.origin), ..FAITHFUL }, Disk::Honest),
    ("takes all again", &Rules { takes: |_, _, _, _, _| true, ..FAITHFUL }, Disk::Honest),
    ("keeps no second record", &Rules { keeps: |executed| !executed, ..FAITHFUL }, Disk::Honest),
    ("believes the claim", &Rules { reached: |held, claimed| held.max(claimed), ..FAITHFUL }, Disk::Honest),
    ("learns from fragments", &Rules { learn: always_learn, ..FAITHFUL }, Disk::Honest),
    ("discards what nobody has", &Rules { discardable: |_, _, executed| executed.clone(), ..FAITHFUL }, Disk::Honest),
    ("forgets at once", &Rules { forgets: |_| true, ..FAITHFUL }, Disk::Honest),
    ("forgets never", &Rules { forgets: |_| false, ..FAITHFUL }, Disk::Honest),
    ("a hasty disk", &FAITHFUL, Disk::Hasty),
    ("a lying disk", &FAITHFUL, Disk::Lying),
    ("a forgetful disk", &FAITHFUL, Disk::Forgetful),
];

fn always_learn(known: &Timestamp, ts: &Timestamp, _: bool, _: bool) -> Timestamp {
    let mut known = known.clone();
    known.merge(ts);
    known
}

/// No bug, the bugs of these tests, and the mutants.
pub fn bugs() -> Vec<Bug> {
    let mutants = MUTANTS.iter().map(|mutant| (mutant.name, mutant.rules, mutant.disk));
    let none = ("no bug", &FAITHFUL, Disk::Honest);
    [none].into_iter().chain(BUGS.iter().copied()).chain(mutants).collect()
}

/// The bug of this name.
pub fn bug(name: &str) -> Bug {
    bugs().into_iter().find(|bug| bug.0 == name).expect("a bug of the list")
}

/// The tables of a model with a bug, with all that the model reduces, or nothing.
pub fn tables(model: &Model, (_, rules, disk): Bug, reduce: bool) -> Arc<Tables<System>> {
    let system = Arc::new(System::new(model, rules, disk));
    let mut network = system.rules();
    if !reduce {
        network = engine::Rules { lossy: network.lossy, ..engine::Rules::plain(network.network) };
    }
    Arc::new(Tables::new(system, network))
}

/// The packed search, to the end.
pub fn complete(tables: &Tables<System>, liveness: bool, states_max: Option<u64>) -> Report {
    let options =
        Options { threads: 1, keep_going: true, liveness, states_max, ..Options::default() };
    search(tables, &options, &mut |_| {})
}

/// What was found of the properties, violations and witnesses, and after how many steps.
pub type Verdicts = BTreeMap<&'static str, usize>;

/// What a packed search found.
pub fn verdicts(report: &Report) -> Verdicts {
    let found = report.findings.iter().filter_map(|f| Some((f.property.name, f.depth?)));
    found.collect()
}

/// What an engine found: unique states, generated states, depth, and verdicts.
#[derive(Debug, PartialEq)]
pub struct Opinion {
    pub unique: u64,
    pub generated: u64,
    pub depth: usize,
    pub verdicts: Verdicts,
}

/// A breadth-first search as it is in the textbook: level by level, states compared by value and kept in
/// `seen`.
///
/// Why not stateright's: that one reports, of all states that violate a property, the last it met instead of
/// the first (`checker/bfs.rs` inserts at each), so its ways are not the shortest, also not with one thread.
pub fn explore<M: stateright::Model>(model: &M, mut look: impl FnMut(&M::State)) -> Opinion
where
    M::State: Eq + Hash + Clone,
{
    let mut level = model.init_states();
    let mut seen: HashSet<M::State> = level.iter().cloned().collect();
    let mut opinion = Opinion { unique: 0, generated: 1, depth: 0, verdicts: Verdicts::new() };
    for depth in 0.. {
        opinion.unique += level.len() as u64;
        opinion.depth = depth;
        let mut next = Vec::new();
        for state in level {
            look(&state);
            for property in model.properties() {
                let is_true = (property.condition)(model, &state);
                if is_true == (property.expectation == stateright::Expectation::Sometimes) {
                    opinion.verdicts.entry(property.name).or_insert(depth);
                }
            }
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            for after in actions.into_iter().filter_map(|a| model.next_state(&state, a)) {
                opinion.generated += 1;
                if seen.insert(after.clone()) {
                    next.push(after);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    opinion
}
