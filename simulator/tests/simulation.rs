//! That a run is its seed's alone, that a corpus is sound, that seeded bugs are found and made small.

use chinwag_models::{recording::Judged, trace};
use chinwag_simulator::{
    End, SCENARIO_BEGINS, Scenario, fault::Kind, recorded, run, shrink::shrink,
};
use std::path::Path;

mod support;
use support::{broken, slip};

#[test]
fn a_run_depends_on_its_seed_alone() {
    for (seed, large) in [(3, false), (4, false), (1, true)] {
        let scenario = Scenario::of_seed(seed, large);
        let (once, again) = (run(&scenario, None, false), run(&scenario, None, false));
        assert_eq!(once, again, "seed {seed}");
        if !large {
            let other = run(&Scenario { seed: seed + 1, ..scenario }, None, false);
            assert_ne!(once.digest, other.digest, "seed {seed}");
        }
    }
}

#[test]
fn a_corpus_of_seeds_is_sound() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..32 {
        let outcome = run(&Scenario::of_seed(seed, false), None, false);
        assert!(!matches!(outcome.end, End::Broken(_)), "seed {seed}: {:?}", outcome.end);
        kinds.extend(outcome.counts.faults.into_keys());
    }
    assert!(kinds.len() >= 20, "only {kinds:?} befell anyone");
}

#[test]
fn a_run_of_thousands_of_updates_is_sound() {
    let scenario = Scenario::of_seed(2, true);
    assert!(scenario.updates() > 1_200, "{}", scenario.updates());
    assert_eq!(run(&scenario, None, false).end, End::Sound);
}

/// Each by one seed; `simulate --mutants` hunts for all of them.
#[test]
fn seeded_bugs_of_every_layer_are_found() {
    let found: [(&str, u64, &str); FOUND] = FINDS;
    for (name, seed, by) in found {
        let what = broken(&Scenario::of_seed(seed, false), name);
        assert!(what.as_ref().is_some_and(|what| what.starts_with(by)), "{name}: {what:?}");
    }
}

const FOUND: usize = 18;
const FINDS: [(&str, u64, &str); FOUND] = [
    ("repeats under a new number", 0, "an update is executed at most once"),
    ("believes what it sent arrived", 0, "knowledge of a peer is never overestimated"),
    ("makes a single pass", 1, "nothing waits that need not wait"),
    ("answers too early", 1, "a client reads its own writes"),
    ("takes what it has", 0, "a record is journalled once"),
    ("storage: never syncs", 2, "what a replica manager told of survives power loss"),
    ("wire: leaves out the past", 7, "a client reads its own writes"),
    ("wire: swaps entries", 0, "no timestamp speaks of updates that do not exist"),
    ("disk: does not sync names", 2, "what was written can be read back"),
    ("host: stops at garbage", 3, "a replica manager goes on while its disk does"),
    ("sends only its own records", 13, "when all is quiet, all are equal"),
    ("a read-only replica takes updates", 40, "a read-only replica makes no record"),
    ("does not hear timestamps", 21, "execution respects what clients had seen"),
    ("executes in key order", 559, "execution respects causality"),
    ("host: starts without a grace", 106, "every replica manager is up again"),
    ("host: sends one datagram of many", 39, "when all is quiet, all are equal"),
    ("wire: every fragment is complete", 623, "what was forgotten is recorded nowhere again"),
    (
        "credits the new one with what the old one had",
        0,
        "no replica manager is refused that has lost nothing",
    ),
];

/// Of few updates, gossip takes several datagrams only where these are short: without, the bug is not met.
#[test]
fn short_datagrams_find_a_bug_of_fragments_that_nothing_else_finds() {
    let name = "wire: every fragment is complete";
    let (_, finds, _) = FINDS.into_iter().find(|(bug, ..)| *bug == name).expect("it is found");
    for seed in (0..40).chain([finds]) {
        let mut scenario = Scenario::of_seed(seed, false);
        scenario.set.fragment = 0;
        assert_eq!(broken(&scenario, name), None, "seed {seed}");
    }
}

/// What the faults that came later are for: the kind, the bug, a seed that finds it, and what is broken then.
const LATER: [(Kind, &str, u64, &str); 6] = [
    (Kind::Downgrade, "wire: writes the newest version to all", 1, "when all is quiet"),
    (
        Kind::CrashStart,
        "storage: recovers by writing anew",
        22,
        "what was written can be read back",
    ),
    (Kind::Return, "client: comes back under old numbers", 11, "every request ends up"),
    (Kind::Boast, "believes any past", 0, "the log has no holes"),
    (Kind::Renew, "client: keeps its incarnation", 0, "execution respects what clients had seen"),
    (
        Kind::Replace,
        "does not count the new one",
        47,
        "a record leaves a log only when everyone has it",
    ),
];

#[test]
fn each_fault_that_came_later_finds_a_bug_that_nothing_else_finds() {
    for (kind, name, seed, by) in LATER {
        let what = broken(&Scenario::of_seed(seed, false), name);
        assert!(what.as_ref().is_some_and(|what| what.starts_with(by)), "{name}: {what:?}");
        for seed in (0..12).chain([seed]) {
            let mut without = Scenario::of_seed(seed, false);
            // A replacement ends processes of clients, too.
            let ends = |other| kind == Kind::Renew && other == Kind::Replace;
            without.faults.retain(|fault| fault.kind != kind && !ends(fault.kind));
            let there = |who: u16| u64::from(who) < without.set.replicas;
            without.faults.retain(|fault| fault.kind.is_clients() || there(fault.who));
            assert_eq!(broken(&without, name), None, "{name}, seed {seed} without {kind:?}");
        }
    }
}

#[test]
fn a_failing_run_is_made_small() {
    let scenario = Scenario::of_seed(1, false);
    let (small, _) = shrink(&scenario, Some(slip("makes a single pass")));
    let what = broken(&small, "makes a single pass");
    assert_eq!(what.as_deref(), Some("nothing waits that need not wait"));
    assert!(small.errands.len() <= 6 && small.faults.len() <= 1, "{small}");
    assert!(small.errands.len() < scenario.errands.len(), "{small}");
    assert_eq!(run(&small, None, false).end, End::Sound);
}

#[test]
fn a_scenario_is_read_back_as_it_was_written() {
    for seed in 0..200 {
        let scenario = Scenario::of_seed(seed, seed % 50 == 0);
        assert_eq!(Scenario::parse(&scenario.to_string()), Ok(scenario));
    }
}

#[test]
fn a_scenario_that_makes_no_sense_is_refused() {
    let cases = [
        ("replicas 10", "line 1: `10` is no number up to 9"),
        ("replicas 0", "line 1: `replicas` is at least 1"),
        ("", "there is no scenario in it"),
        ("# nothing\n\n", "there is no scenario in it"),
        ("\ncolour 3", "line 2: nothing is called `colour`"),
        ("service bank", "`bank` is none of transcript, counter, set, registers, board"),
        ("fault 5 flood 0 0 0", "there is no fault `flood`"),
        ("clients 1\ndo 5 1 update", "there are 1 clients, from 0"),
        ("replicas 2\nupdatable 2\nacknowledged_by 1\nfault 5 crash 2 0 0", "befalls nobody"),
        ("replicas 2\nupdatable 2\nacknowledged_by 1\nfault 5 sever 0 1 0", "leave one of them"),
        // rm2 is read-only: what it hears of rm0 does not come to rm1.
        ("replicas 3\nupdatable 2\nacknowledged_by 1\nfault 5 sever 0 1 0", "leave one of them"),
        ("replicas 3\nupdatable 3\nacknowledged_by 2\nfault 5 sever 0 1 0", "acknowledged_by to 1"),
    ];
    for (text, why) in cases {
        let refused = Scenario::parse(text).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

#[test]
fn what_is_printed_of_a_failing_run_is_taken_again_as_it_is() {
    let scenario = Scenario::of_seed(7, false);
    let printed = format!(
        "seed 7, 1 in all\nBROKEN: something\n\n{SCENARIO_BEGINS}: simulate\n{scenario}# its end:\n"
    );
    assert_eq!(Scenario::parse(&printed), Ok(scenario));
}

fn counter_of_three(rest: &str) -> Scenario {
    let text = format!(
        "seed 7\nservice counter\ndurability fsync\nreplicas 3\nupdatable 3\nclients 1\ncopies 1\n\
         batch 0\nacknowledged_by 1\nfragment 0\ncalm_ms 6000\nloss 0\ntwice 0\nlate 0\ncorrupt 0\nstray 0\n\
         delay_ms 5\nlarge 0\n{rest}\n"
    );
    Scenario::parse(&text).expect("it makes sense")
}

/// An update and what a client then reads at the far end find their way over the third; the logs, which wait
/// for word of a peer that is not heard, are empty when the link is whole again.
#[test]
fn updates_find_their_way_around_a_severed_link() {
    let asked = "do 1100 0 update\ndo 1300 2 update\ndo 1500 1 update\ndo 2000 0 query";
    let scenario = counter_of_three(&format!("clients 3\nfault 1000 sever 0 2 0\n{asked}"));
    let outcome = run(&scenario, None, true);

    assert_eq!(outcome.end, End::Sound);
    assert_eq!(outcome.counts.faults[&Kind::Sever], 1);
    assert!(outcome.weather.cut > 0, "nothing was lost there");
    assert!(outcome.story.iter().any(|line| line.ends_with("severed links are whole again")));
    let stuck = broken(&scenario, "sends only its own records");
    assert_eq!(
        stuck.as_deref(),
        Some("when all is quiet, all are equal (within 60000 ms of calm)")
    );
    let logs = broken(&scenario, "never discards");
    assert_eq!(logs.as_deref(), Some("the logs end up empty (within 60000 ms of calm)"));
}

/// A mistake of the simulator's own: it took the host away before it looked for the copy.
#[test]
fn where_no_copy_was_put_away_nothing_is_put_back() {
    let outcome = run(&counter_of_three("fault 5000 restore 2 0 100"), None, false);

    assert_eq!(outcome.end, End::Sound);
    assert_eq!(outcome.counts.swapped, 0);
}

/// An older copy is put back, and an empty disk: both are refused, and the right disk goes on.
#[test]
fn what_lost_state_is_refused() {
    for swap in ["backup 0 0 0\nfault 4000 restore 0 0 0", "roam 0 0 0\nfault 4000 wipe 0 0 0"] {
        let scenario = counter_of_three(&format!(
            "do 2000 0 update\ndo 2100 0 query\ndo 3000 0 update\ndo 3500 0 query\n\
             do 5000 0 update\nfault 1500 {swap}"
        ));
        let outcome = run(&scenario, None, false);
        assert_eq!(outcome.end, End::Sound);
        assert_eq!((outcome.counts.swapped, outcome.counts.refused), (1, 1));
        assert!(
            outcome.counts.faults.len() > 1 && !outcome.counts.faults.contains_key(&Kind::Crash)
        );
        assert!(broken(&scenario, "host: ignores what peers know of it").is_some());
    }
}

/// Of these seeds, none has a disk that lies, or one in another's place: such a run is no execution of the
/// model, and `check trace` refuses it.
const RECORDED: [u64; 2] = [2, 13];

#[test]
fn what_simulated_hosts_record_is_an_execution_of_the_model_and_changes_no_run() {
    for seed in RECORDED {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorded-{seed}"));
        let _ = std::fs::remove_dir_all(&directory); // It need not be there.
        let scenario = Scenario::of_seed(seed, false);
        let outcome = recorded(&scenario, None, false, &directory);
        assert_eq!(outcome, run(&scenario, None, false), "seed {seed}");
        let verdict = trace::check_directory(&directory).expect("it is a trace");
        assert!(!verdict.is_refused(), "seed {seed}: {verdict:?}");
        let recording = trace::record_directory(&directory).expect("it is a trace");
        assert!(recording.moments.len() > 100 && recording.violated.is_empty(), "seed {seed}");
    }
}

#[test]
fn what_hosts_with_a_seeded_bug_record_is_refused_at_the_step_that_shows_it() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recorded-bug");
    let _ = std::fs::remove_dir_all(&directory); // It need not be there.
    let scenario = Scenario::of_seed(RECORDED[0], false);
    recorded(&scenario, Some(slip("never discards")), false, &directory);
    let recording = trace::record_directory(&directory).expect("it is a trace");
    let [why] = &recording.violated[..] else { panic!("{:?}", recording.violated) };
    assert!(why.contains("is refused: the handlers come to something else"), "{why}");
    // The step itself is the last one, with what was recorded and what the model comes to side by side.
    let last = recording.run.steps.last().expect("it has steps");
    assert!(last.violates.as_ref().is_some_and(|why| why.contains("something else")), "{last:?}");
    assert_eq!(recording.judged, Judged::Bad);
    assert_eq!(recording.beside.columns, ["recorded", "computed"]);
    let (what, [was, is]) = &recording.beside.rows[0];
    assert_eq!((what.as_str(), was.as_str()), ("journalled", "nothing"));
    assert!(is.starts_with("discards all up to ["), "{is}");
}

/// A recording of the first of the seeds, each of whose files was changed so.
fn changed(name: &str, change: impl Fn(&str, String) -> String) -> std::path::PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&directory); // It need not be there.
    recorded(&Scenario::of_seed(RECORDED[0], false), None, false, &directory);
    for file in std::fs::read_dir(&directory).expect("it was just written") {
        let path = file.expect("it can be listed").path();
        let text = std::fs::read_to_string(&path).expect("a trace is text");
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        std::fs::write(&path, change(&name, text)).expect("it can be written");
    }
    directory
}

#[test]
fn a_directory_with_the_traces_of_two_clusters_says_so() {
    let strange = |name: &str, text: String| match name.starts_with("rm1.") {
        true => text.replacen(trace::MODELS_SERVICE, "counter", 1),
        false => text,
    };
    let why = trace::check_directory(&changed("two-services", strange)).expect_err("there are two");
    assert!(why.problem.starts_with("of another cluster than"), "{why}");
    assert!(
        why.problem.ends_with(
            "this \"counter\"; put the files of one of them in a directory of \
                                  their own"
        ),
        "{why}"
    );
}

#[test]
fn the_traces_of_two_runs_in_one_directory_are_told_as_such() {
    let directory = changed("two-runs", |_, text| text);
    let first = std::fs::read_to_string(directory.join("rm0.00000.jsonl")).expect("it is there");
    let is_free = |start: &usize| !directory.join(format!("rm0.{start:05}.jsonl")).exists();
    let next = (1..).find(is_free).expect("there are not so many");
    let again = first.replacen("\"boot\":0", &format!("\"boot\":{next}"), 1);
    std::fs::write(directory.join(format!("rm0.{next:05}.jsonl")), again).expect("it is written");
    let verdict = trace::check_directory(&directory).expect("it is a trace");
    let trace::Verdict::Refused(refused) = verdict else { panic!("{verdict:?}") };
    assert!(refused.why.starts_with("it starts with nothing stored"), "{refused}");
}

#[test]
fn a_byte_order_mark_before_a_trace_is_no_part_of_it() {
    let marked = changed("marked", |_, text| format!("\u{feff}{text}"));
    let verdict = trace::check_directory(&marked).expect("it is a trace");
    assert!(!verdict.is_refused(), "{verdict:?}");
}

/// Three times: at each step of the disk that a recovery takes, the power goes once more.
#[test]
fn power_that_is_lost_while_a_host_recovers_loses_nothing() {
    for step in 1..=3 {
        let scenario = counter_of_three(&format!(
            "do 2000 0 update\ndo 2100 0 query\nfault 3000 crash-start 0 {step} 100\n\
             do 3500 0 update\ndo 4000 0 query"
        ));
        let outcome = run(&scenario, None, false);
        assert_eq!(outcome.end, End::Sound);
        assert_eq!(outcome.counts.recoveries_cut, 1, "step {step}");
    }
}

/// And one of them stays of the version before until the end.
#[test]
fn hosts_of_two_versions_come_to_the_same_and_who_lies_is_refused() {
    let scenario = counter_of_three(
        "do 1000 0 update\nfault 1500 downgrade 0 0 100\ndo 2000 0 update\n\
         fault 2500 downgrade 1 0 100\ndo 3000 0 query\nfault 3500 upgrade 0 0 100\n\
         do 4000 0 update\nfault 4500 boast 0 10 0\nfault 4600 boast 1 10 0\ndo 5000 0 query",
    );
    let outcome = run(&scenario, None, false);
    assert_eq!(outcome.end, End::Sound);
    let befell = [Kind::Downgrade, Kind::Upgrade, Kind::Boast].map(|k| outcome.counts.faults[&k]);
    assert_eq!(befell, [2, 1, 2]);
    assert!(outcome.counts.unreadable > 0, "what announces version 3 is not read by version 2");
    assert!(broken(&scenario, "wire: writes the newest version to all").is_some());
    assert!(broken(&scenario, "believes any past").is_some());
}
