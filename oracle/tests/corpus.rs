//! For each negative control of the proofs, a state and input on which the rule that is broken there and the
//! proved one differ, and on which the Rust handler does what was proved; or why there is none.

#[path = "support/cases.rs"]
mod cases;
#[path = "support/changes.rs"]
mod changes;

use cases::*;
use changes::{Change, changed};
use chinwag::{
    Gossip, Group, Input, ReplicaId, ReplicaManager, Rules, Timer, Timestamp, rules::FAITHFUL,
    services::Transcript,
};
use chinwag_models::mutants::{self, Fate, MUTANTS};
use chinwag_oracle::{Event, Happened, Mismatch, Oracle, Refused};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// How a negative control shows beside Rust.
#[derive(Clone, Copy)]
enum Shows {
    /// With this seeded bug of `models/mutants.rs` in Rust, this part differs.
    Seeded(&'static str, fn() -> Case, &'static str),
    /// With this rule in Rust.
    Rule(&'static str, &'static Rules, fn() -> Case, &'static str),
    /// With this change of the extracted functions.
    Function(&'static str, &'static [Change], At, &'static str),
    /// When a manager starts again, with this rule.
    Starts(&'static str, &'static Rules, fn() -> Rm, &'static str),
    /// When a manager records a replacement, with this seeded bug.
    Records(&'static str, &'static str),
    /// When a newcomer asks for a copy before all others have confirmed, with any rule that lets it.
    Asks(&'static str),
    /// In a trace: `gossip_that_nobody_sent_is_no_part_of_a_run`.
    Trace(&'static str),
    /// In no such case, for this reason.
    Not(&'static str),
}

/// Where a changed function shows.
#[derive(Clone, Copy)]
enum At {
    Step(fn() -> Case),
    /// It starts again.
    Restarts(fn() -> Rm),
    /// It records a replacement.
    Records,
    /// A message is cut.
    Cut,
}

impl Shows {
    /// What the table of `proofs/README.md` says.
    fn words(&self) -> String {
        match self {
            Shows::Seeded(name, ..) | Shows::Records(name, _) => format!("bug: {name}"),
            Shows::Rule(words, ..) | Shows::Starts(words, ..) | Shows::Asks(words) => {
                format!("rule: {words}")
            }
            Shows::Function(words, ..) => format!("function: {words}"),
            Shows::Trace(words) => format!("trace: {words}"),
            Shows::Not(why) => format!("none: {why}"),
        }
    }
}

static COUNTS_NOTHING: Rules = Rules { count: |held, _, _| held.clone(), ..FAITHFUL };
static HEARS_ALL: Rules = Rules { hears: |_, _| true, ..FAITHFUL };
static COPIES_EARLY: Rules = Rules { may_copy: |_, _| true, ..FAITHFUL };
static STARTS_KNOWING_TOO_MUCH: Rules =
    Rules { knows_at_start: |_, held, _| held.clone(), ..FAITHFUL };
static FORGETS_WHAT_WAITS: Rules =
    Rules { forgets: |f| f.everywhere && f.candidate < f.acknowledged, ..FAITHFUL };
static LEARNS_FROM_FRAGMENTS: Rules = Rules {
    learn: |known, ts, _, covered| {
        let mut known = known.clone();
        if covered {
            known.merge(ts);
        }
        known
    },
    ..FAITHFUL
};

/// The controls of `proofs/coq`.
#[rustfmt::skip]
const CONTROLS: &[(&str, Shows)] = &[
    ("order_broken", Shows::Seeded("executes in key order", late_cause, "value")),
    ("ran_twice", Shows::Seeded("executes duplicates", second_record, "value")),
    ("second_uncounted", Shows::Seeded("skips a duplicate's timestamp", second_record, "value timestamp")),
    ("ran_before_its_past", Shows::Seeded("executes before the past", builds_on_another, "value timestamp")),
    ("gap_stays", Shows::Seeded("believes what gossip claims", second_half, "replica timestamp")),
    ("lost_to_2", Shows::Seeded("discards what a majority has", one_has_it, "executed records in the log")),
    ("unrun_discarded", Shows::Seeded("discards what has not run", all_have_what_waits, "waiting records")),
    ("restarted_knowing_too_much", Shows::Starts("knows_at_start: what it holds", &STARTS_KNOWING_TOO_MUCH, holds_one,
        "timestamp table")),
    ("forgotten_too_early", Shows::Seeded("forgets with the record", unacknowledged, "executed table")),
    ("forgotten_when_acknowledged", Shows::Seeded("forgets what is acknowledged", says_finished, "executed table")),
    ("not_refused", Shows::Seeded("ignores what is finished", late_copy, "replica timestamp")),
    ("unclaimed", Shows::Function("fragments claim nothing", &[Change::Call("fragments", "reached", "Nil")],
        At::Cut, "fragments")),
    ("reads_too_early", Shows::Seeded("answers too early", early_query, "waiting queries")),
    ("uncounted_lost", Shows::Rule("count: what it held", &COUNTS_NOTHING, first_update, "replica timestamp")),
    ("taken_by_reader", Shows::Seeded("a read-only replica takes updates", at_a_reader, "replica timestamp")),
    ("echoes", Shows::Function("all gossip asks", &[Change::Call("send_gossip", "negb", "True")],
        At::Step(receipt), "what is sent")),
    ("never_told", Shows::Seeded("gives no receipts", asked_for_a_receipt, "owed receipts")),
    ("kept_and_waiting", Shows::Function("gossip is heard without a look at who waits and what may be discarded",
        &[Change::Skip("on_gossip", "do_collect"), Change::Skip("on_gossip", "answer_waiting")],
        At::Step(asked_before), "executed records in the log")),
    ("learns_early", Shows::Seeded("learns across a gap", late_half, "timestamp table")),
    ("before_its_past", Shows::Seeded("believes any past", lie, "replica timestamp")),
    ("past_left_out", Shows::Seeded("stamps without the past", builds_on_another, "waiting records")),
    ("early_teaches", Shows::Rule("hears: all", &HEARS_ALL, said_early, "executed records in the log")),
    ("table_kept", Shows::Function("a start changes nothing", &[Change::Body("begins", "s")], At::Records,
        "timestamp table")),
    ("lost_one_heard", Shows::Rule("hears: all", &HEARS_ALL, lost_one_speaks, "replica timestamp")),
    ("newcomer_not_asked", Shows::Seeded("does not count the new one", newcomer_lacks_it,
        "executed records in the log")),
    ("newcomer_believed", Shows::Records("credits the new one with what the old one had", "timestamp table")),
    ("copied_too_early", Shows::Asks("may_copy: always")),
    ("entry_reused", Shows::Seeded("goes on under the old name", newcomer_takes, "replica timestamp")),
    ("copied_when_behind", Shows::Not("no handler decides it: who takes a copy holds nothing yet")),
    ("forged_is_no_run", Shows::Trace("gossip that nobody sent")),
];

/// What else stands in the files of controls: the runs of the protocol beside them, what a control is made
/// of, and a limit of the protocol (`out_of_order`).
const BESIDE: [&str; 35] = [
    "order_kept",
    "past_in_it",
    "drain_by_the_protocol",
    "ran_once",
    "second_counted",
    "waited_for_its_past",
    "unrun_kept",
    "restarted",
    "not_yet_forgotten",
    "gap_filled",
    "kept_for_2",
    "remembered",
    "forgotten",
    "learns_late",
    "refused",
    "waits",
    "answered",
    "counted_taken",
    "late_teaches",
    "lost_one_unheard",
    "newcomer_asked",
    "copied_in_time",
    "own_entry",
    "it_happens",
    "falls_silent",
    "for_ever",
    "collected_answered",
    "all_pieces",
    "out_of_order",
    "refused_by_reader",
    "taken_by_other",
    "forged_refused",
    "forged_believed",
    "whole_accepted",
    "dropped_refused",
];

/// The controls of `proofs/smt` that do not bear the name of a seeded bug which the oracle finds out.
#[rustfmt::skip]
const SOLVERS: &[(&str, Shows)] = &[
    ("control-a-liars-record", Shows::Not("about what is assumed of front ends")),
    ("control-arrival-rank", Shows::Seeded("executes in key order", late_cause, "value")),
    ("control-claims-more-than-it-sends", Shows::Function("gossip carries nothing",
        &[Change::Call("make_gossip", "beyond", "Nil")], At::Step(news), "what is sent")),
    ("control-does-not-note-what-is-finished", Shows::Function("nothing is noted",
        &[Change::Skip("add_all", "fold_left")], At::Step(acknowledging), "watermarks")),
    ("control-forgets-update-replies", Shows::Not("front ends are not compared")),
    ("control-forgets-what-still-waits", Shows::Rule("forgets: also what waits", &FORGETS_WHAT_WAITS,
        acknowledged_and_waiting, "executed table")),
    ("control-learns-from-a-fragment", Shows::Rule("learn: from fragments too", &LEARNS_FROM_FRAGMENTS, first_half,
        "timestamp table")),
    ("control-lies", Shows::Not("about what is assumed of front ends")),
    ("control-naive-order", Shows::Seeded("executes in key order", late_cause, "value")),
    ("control-overwrites-with-update-replies", Shows::Not("front ends are not compared")),
    ("control-replies-with-more", Shows::Seeded("answers duplicates with the value's timestamp", waits_already,
        "what is sent")),
    ("control-starts-from-too-much", Shows::Function("records are kept for everyone",
        &[Change::Body("keeps", "True")], At::Restarts(reader), "timestamp table")),
    ("control-timestamps-of-liars", Shows::Not("about what is assumed of front ends")),
    ("control-values-in-between", Shows::Not("a handler is one step: nobody sees a value half way")),
];

/// The solvers' controls of replacement: which of Coq's each is, or why it is none.
const REPLACEMENT: [(&str, &str); 9] = [
    ("replace-control-confirms-without-all", "copied_too_early"),
    ("replace-control-copies-before-all-confirmed", "copied_too_early"),
    ("replace-control-copies-less-than-was-discarded", "copied_when_behind"),
    ("replace-control-does-not-ask-the-new-one", "newcomer_not_asked"),
    ("replace-control-keeps-the-old-entry", "entry_reused"),
    ("replace-control-keeps-the-old-row", "newcomer_believed"),
    ("replace-control-keeps-the-old-row-after-a-crash", "newcomer_believed"),
    ("replace-control-no-fence-for-records", "lost_one_heard"),
    ("replace-control-no-fence-for-tables", "early_teaches"),
];

fn oracle() -> Oracle {
    Oracle::new().expect("the checked-in functions can be read")
}

fn rules_of(name: &str) -> &'static Rules {
    mutants::find(name).unwrap_or_else(|| panic!("there is no {name}")).rules
}

/// What a comparison found to differ, if anything did.
fn part<T>(compared: Result<T, Mismatch>) -> Option<&'static str> {
    match compared {
        Ok(_) => None,
        Err(Mismatch::Differs { part, .. }) => Some(part),
        Err(Mismatch::Failed(error)) => panic!("{error}"),
    }
}

fn step(
    oracle: &Oracle,
    (Rm(node, state), input): &Case,
    rules: &'static Rules,
) -> Option<&'static str> {
    part(oracle.step(&node.clone().with_rules(rules), state, input))
}

fn records(oracle: &Oracle, rules: &'static Rules) -> Option<&'static str> {
    let Rm(node, state) = records_it();
    part(oracle.start_again(&ReplicaManager::new(node.id, AFTER).with_rules(rules), &state))
}

fn cut(oracle: &Oracle) -> Option<&'static str> {
    let whole: Gossip<Transcript> = two_records();
    part(oracle.is_cut(Group::of(3), &whole, &whole.clone().fragments(1, |_| 1)))
}

/// Where the protocol differs from what was proved (nowhere), and where it does with the control's bug.
fn differs(shows: &Shows) -> Option<[Option<&'static str>; 2]> {
    let right = oracle();
    let by_rules = |rules, case: &fn() -> Case| {
        Some([step(&right, &case(), &FAITHFUL), step(&right, &case(), rules)])
    };
    match shows {
        Shows::Seeded(name, case, _) => by_rules(rules_of(name), case),
        Shows::Rule(_, rules, case, _) => by_rules(rules, case),
        Shows::Starts(_, rules, rm, _) => Some([&FAITHFUL, rules].map(|rules| {
            let Rm(node, state) = rm();
            part(right.start_again(&node.with_rules(rules), &state))
        })),
        Shows::Records(name, _) => {
            Some([records(&right, &FAITHFUL), records(&right, rules_of(name))])
        }
        Shows::Asks(_) => Some([&FAITHFUL, &COPIES_EARLY].map(|rules| {
            let places = 0..usize::from(chinwag::REPLACEABLE_MAX);
            places
                .clone()
                .flat_map(|others| places.clone().map(move |n| (n, others)))
                .find_map(|(confirmed, others)| part(right.may_copy(rules, confirmed, others)))
        })),
        Shows::Function(_, changes, at, _) => {
            let wrong = changed(changes);
            Some([&right, &wrong].map(|oracle| match at {
                At::Step(case) => step(oracle, &case(), &FAITHFUL),
                At::Restarts(rm) => part(oracle.start_again(&rm().0, &rm().1)),
                At::Records => records(oracle, &FAITHFUL),
                At::Cut => cut(oracle),
            }))
        }
        Shows::Trace(_) | Shows::Not(_) => None,
    }
}

#[test]
fn each_negative_control_of_the_proofs_shows_beside_rust_or_it_is_said_why_it_cannot() {
    let (mut shown, mut not) = (0, 0);
    for (name, shows) in CONTROLS.iter().chain(SOLVERS) {
        let expected = match shows {
            Shows::Seeded(.., part) | Shows::Rule(.., part) => part,
            Shows::Function(.., part) | Shows::Starts(.., part) | Shows::Records(_, part) => part,
            Shows::Asks(_) => "may ask for a copy",
            Shows::Trace(_) | Shows::Not(_) => "",
        };
        match differs(shows) {
            Some(found) => {
                assert_eq!(found, [None, Some(expected)], "{name}");
                shown += 1;
            }
            None => not += 1,
        }
    }
    assert_eq!((shown, not), (36, 8));
}

/// `forged_is_no_run`, and `dropped_refused`.
#[test]
fn gossip_that_nobody_sent_is_no_part_of_a_run() {
    let (mut rm0, mut rm1) = (Rm::new(0), Rm::new(1));
    let takes = |rm: &mut Rm, input: Input<Transcript>| {
        let effects = rm.takes(input.clone());
        let replica = &rm.1.replica;
        let after: [&Timestamp; 3] =
            [replica.replica_ts(), replica.value_ts(), replica.discarded()];
        Event { happened: Happened::Input(input), effects, after: after.map(Clone::clone) }
    };
    let made = takes(&mut rm0, update(CLIENT, 1, 0, [0; 3]));
    let mut sender = rm0.clone();
    let gossip = sender.tells(1);
    let said = takes(&mut rm0, Input::Timer(Timer::Gossip { to: ReplicaId(1) }));
    let came = takes(&mut rm1, heard(0, gossip));
    let run = |first: Vec<Event<Transcript>>, second: Vec<_>| {
        let node = |id| ReplicaManager::new(ReplicaId(id), Group::of(3));
        let (trace, oracle) = ([(node(0), first), (node(1), second)], oracle());
        let accepted = oracle.accepts(Group::of(3), &trace);
        let [(_, first), (_, second)] = trace;
        (accepted, first, second)
    };
    let (accepted, mut first, second) = run(vec![made, said], vec![came]);
    assert_eq!(accepted, Ok(4), "with the update's issue");
    first.pop();
    let (accepted, _, second) = run(first, second);
    assert_eq!(accepted, Err(Refused::Stuck(vec![(1, 0)])), "the update was made, and not sent");
    let (accepted, ..) = run(Vec::new(), second);
    assert_eq!(accepted, Err(Refused::Stuck(vec![(1, 0)])), "nobody made it");
}

fn text(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What stands first in these lines, after one of the words.
fn named<'a>(text: &'a str, words: &[&str]) -> Vec<&'a str> {
    let name = |line: &'a str| {
        let (word, rest) = line.trim_start().split_once(' ')?;
        words.contains(&word).then(|| rest.split([' ', ':']).next().unwrap_or(rest))
    };
    text.lines().filter_map(name).collect()
}

/// A control without a case, and a case whose control is gone, are found here.
#[test]
fn the_corpus_is_that_of_the_controls_in_coq_and_of_the_table_in_the_readme() {
    let files = ["Controls", "ControlsReplacement", "ControlsRest", "Forged"];
    let sources = files.map(|file| text(&format!("proofs/coq/{file}.v")));
    let stated = ["Example", "Theorem", "Lemma", "Corollary", "Fact", "Remark"];
    let stated: BTreeSet<_> = sources.iter().flat_map(|s| named(s, &stated)).collect();
    let known = CONTROLS.iter().map(|(name, _)| *name).chain(BESIDE);
    assert_eq!(stated, known.collect());

    let readme = text("proofs/README.md");
    let (_, table) = readme.split_once("## Negative controls").expect("there is such a part");
    let (table, _) = table.split_once("\n## ").expect("there is a next part");
    let cells = |row: &str| row.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect();
    let rows: Vec<Vec<String>> =
        table.lines().filter(|l| l.contains("](coq/")).map(cells).collect();
    let said: Vec<_> = rows
        .iter()
        .map(|row| (row[1].split('`').nth(1).expect("a name"), row.last().expect("cells").as_str()))
        .collect();
    let words: Vec<_> = CONTROLS.iter().map(|(name, shows)| (*name, shows.words())).collect();
    let words: Vec<_> = words.iter().map(|(name, words)| (*name, words.as_str())).collect();
    assert_eq!(said, words);
}

/// Those that bear the name of a seeded bug of a manager, the oracle finds out (`local_steps.rs`); the others
/// are in this corpus.
#[test]
fn every_control_of_the_solvers_is_a_seeded_bug_that_is_found_out_or_in_the_corpus() {
    let mutants = MUTANTS.iter().filter(|mutant| matches!(mutant.fate, Fate::Dies { .. }));
    let slug = |name: &str| format!("control-{}", name.replace('\'', "").replace(' ', "-"));
    let bugs: BTreeSet<_> = mutants.map(|mutant| slug(mutant.name)).collect();
    let files = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../proofs/smt/obligations");
    let names = fs::read_dir(files)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("a name"));
    let names = names.filter_map(|name| Some(name.strip_suffix(".sat.smt2")?.to_owned()));
    let controls: BTreeSet<_> = names.filter(|name| name.contains("control-")).collect();
    let here = |name: &String| SOLVERS.iter().any(|(known, _)| known == name);
    let (own, rest): (Vec<_>, Vec<_>) = controls.iter().partition(|name| here(name));
    assert_eq!(own.len(), SOLVERS.len(), "{own:?}");
    let rest: Vec<_> = rest.into_iter().filter(|name| !bugs.contains(*name)).collect();
    assert_eq!(rest, REPLACEMENT.map(|(name, _)| name));
    let coq = |name: &str| CONTROLS.iter().any(|(known, _)| *known == name);
    assert!(REPLACEMENT.iter().all(|(_, same)| coq(same) || same.contains(' ')));
}
