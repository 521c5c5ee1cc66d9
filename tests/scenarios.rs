//! The scenarios of `tests/scenarios`: on the model, on live hosts, and with the seeded bugs that they name.

use chinwag::{Group, Input, ReplicaId, ReplicaManager, Timer};
use chinwag_models::{
    catalogue,
    mutants::{Fate, MUTANTS},
    recording::Judged,
    scenario::{By, Follower, Live, NO_GRACE, PROTOCOL, Script, Stop},
};
use std::{env, fs, path::PathBuf};

/// Rewrites what is expected by what is printed.
const UPDATE: &str = "UPDATE_SCENARIOS";

/// What a mutant is found out by if no property is violated.
const OUTPUT: &str = "the output differs";

/// The scenario that shows what is not promised.
const REFUTES: &str = "c25_what_must_not_be_built.txt";

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "scenarios"].iter().collect()
}

/// All scenarios, by name, in order.
fn scenarios() -> Vec<(String, String)> {
    let files = fs::read_dir(directory()).expect("the scenarios can be read");
    let paths = files.map(|file| file.expect("the scenarios can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    let read = |path: PathBuf| {
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("scenarios are text"))
    };
    let mut all: Vec<_> = texts.map(read).collect();
    all.sort();
    all
}

fn read(name: &str, text: &str) -> Script {
    Script::read(text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn nothing_in(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
}

#[test]
fn every_scenario_prints_on_the_model_what_it_says() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let script = read(&name, &text);
        let run = script.run(PROTOCOL, ());
        let (printed, stop) = run.unwrap_or_else(|why| panic!("{name}: {why}"));
        if stop.is_some() != (name == REFUTES) {
            complaints.push(format!("{name}: it ends with {stop:?}"));
        }
        if env::var_os(UPDATE).is_some() {
            // Whole at once: other tests may read it now.
            let (new, place) = (directory().join(format!("{name}.new")), directory().join(&name));
            let written = fs::write(&new, printed.write()).and_then(|()| fs::rename(new, place));
            written.expect("scenarios can be written");
        } else if let Some(difference) = script.difference(&printed) {
            complaints.push(format!("{name}: {difference}\n({UPDATE}=1 takes it over)"));
        }
    }
    nothing_in(complaints);
}

#[test]
fn every_scenario_runs_alike_on_hosts_over_udp() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let (script, mut live) = (read(&name, &text), Live::default());
        match script.run(PROTOCOL, &mut live) {
            Ok((_, Some(Stop::Differs(why)))) | Err(why) => {
                complaints.push(format!("{name}: {why}"))
            }
            Ok(_) if live.datagrams == 0 => complaints.push(format!("{name}: no datagram")),
            Ok(_) => {}
        }
    }
    nothing_in(complaints);
}

#[test]
fn every_scenario_finds_out_the_seeded_bugs_that_it_names() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let script = read(&name, &text);
        if script.mutants.is_empty() && name != REFUTES {
            complaints.push(format!("{name}: it names no mutant"));
        }
        for (mutant, by) in &script.mutants {
            let known = MUTANTS.iter().find(|m| m.name == mutant).map(By::from);
            let known = known.or_else(|| (NO_GRACE.0 == mutant).then_some(NO_GRACE.1));
            let Some(by_bug) = known else {
                complaints.push(format!("{name}: there is no mutant {mutant:?}"));
                continue;
            };
            let found = match script.run(by_bug, ()) {
                Ok((_, Some(Stop::Violated(sentences)))) => sentences.join("\n"),
                Ok((printed, _)) if script.difference(&printed).is_some() => OUTPUT.to_owned(),
                Ok(_) => "nothing".to_owned(),
                Err(why) => why,
            };
            complaints.extend(unexplained(&name, &script, mutant, by_bug));
            if !found.lines().any(|sentence| sentence == by) {
                complaints.push(format!("{name}: {mutant:?} is found out by\n{found}\nnot\n{by}"));
            }
        }
    }
    nothing_in(complaints);
}

/// What is found out is explained: by the operations and the numbers, or by both texts side by side.
fn unexplained(name: &str, script: &Script, mutant: &str, by: By) -> Option<String> {
    let played = script.played(by, name).ok()?;
    let recording = played.recording;
    let says_nothing = recording.why.iter().any(|why| why.ends_with(": not so here."));
    let is_explained = match played.broken.is_empty() {
        true => !recording.beside.rows.is_empty(),
        false => recording.why.len() >= played.broken.len() && !says_nothing,
    };
    let is_told = recording.judged == Judged::Bad && !recording.headline.is_empty();
    let why = || format!("{name}: with {mutant:?} it says only {:?}", recording.why);
    (!is_explained || !is_told).then(why)
}

#[test]
fn every_seeded_bug_that_can_be_told_is_named_by_a_scenario() {
    let scripts: Vec<_> = scenarios().iter().map(|(name, text)| read(name, text)).collect();
    let named: Vec<_> =
        scripts.iter().flat_map(|s| &s.mutants).map(|(mutant, _)| &**mutant).collect();
    // These run on hosts too, which replace nobody here.
    let replaces = |name| catalogue::find(name).is_some_and(|model| model.replaces);
    let dies = MUTANTS
        .iter()
        .filter(|mutant| matches!(mutant.fate, Fate::Dies { model, .. } if !replaces(model)));
    nothing_in(dies.map(|m| m.name).filter(|m| !named.contains(m)).map(str::to_owned).collect());
}

#[test]
fn the_table_of_contents_lists_every_scenario() {
    let readme = fs::read_to_string(directory().join("README.md")).expect("there is a README");
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `c"));
    let listed: Vec<_> = rows
        .filter_map(|row| row.split_once("` |"))
        .map(|(name, _)| format!("c{name}.txt"))
        .collect();
    let listed: Vec<_> = listed.into_iter().filter(|name| !name.contains(' ')).collect();
    let there: Vec<_> = scenarios().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, there);
}

#[test]
fn a_scenario_that_does_not_make_sense_is_refused_with_its_line() {
    for (text, problem) in [
        ("replicas 2\n\ndance", "line 3: dance: see tests/scenarios/README.md for the commands"),
        ("gossip 0 -> 9", "line 1: gossip 0 -> 9: \"9\" is not a number from 0 to 8"),
        ("client c at 0\nreplicas 3", "line 2: replicas 3: say this before the first client"),
        (
            "client c at 0\nc update a\nc update a",
            "line 3: c update a: an update of this name was asked",
        ),
        (
            "client c at 0 claims [1]",
            "line 1: client c at 0 claims [1]: the cluster has another number",
        ),
        ("client c at 0\nd query", "line 2: d query: there is no \"d\""),
        ("gossip 0 -> 0", "line 1: gossip 0 -> 0: a replica manager does not gossip to itself"),
        ("client c at 0\ngossip 0 -> 5", "line 2: gossip 0 -> 5: there is no \"5\""),
        ("start 0", "line 1: start 0: rm0 is up or down already"),
        ("replicas 0", "line 1: replicas 0: there is at least one replica manager that takes"),
        ("client c at 0 copies 0", "line 1: client c at 0 copies 0: there is at least one copy"),
        ("client c at 0\nclient c at 1", "line 2: client c at 1: there is a \"c\" already"),
        ("client rm1 at 0", "line 1: client rm1 at 0: there is a \"rm1\" already"),
        ("restore 0", "line 1: restore 0: no copy was put away: say `backup` before"),
        ("lose 0", "line 1: lose 0: say `replaces` before: it cannot do that"),
        ("replaces", "line 1: replaces: one that is lost, one that stays and one that comes"),
        (
            "replicas 3\nreplaces\nrecord 1\nrecord 1",
            "line 4: record 1: not now: it cannot do that",
        ),
        ("replicas 3\nreplaces\nlose 1", "line 3: lose 1: not now: it cannot do that"),
        ("backup 0\nrestore 0\nsettle", "line 3: settle: rm0 has an old copy"),
        ("client c at 0\nc tell 0", "line 2: c tell 0: \"0\" is no client"),
        ("client c at 0\nretry c#1", "line 2: retry c#1: no such request is unanswered"),
        ("client c at 0\nretry c#x", "line 2: retry c#x: \"c#x\" is no request, such as `c1#0`"),
        ("bug none", "line 1: bug none: there is no such seeded bug; `check --list` has them"),
        ("claim none", "line 1: claim none: there is no such property; `check --list` has them"),
        ("client c at 0\nlink 0 -> 1", "line 2: link 0 -> 1: say this before the first client"),
        ("# mutant: lazy", "line 1: no ` => ` and property"),
    ] {
        let outcome = Script::read(text).and_then(|script| script.run(PROTOCOL, ()));
        let why = outcome.expect_err(text);
        assert!(why.starts_with(problem), "{why}");
    }
}

/// What a text prints on the model.
fn printed(text: &str) -> String {
    let run = Script::read(text).and_then(|script| script.run(PROTOCOL, ()));
    run.expect("it makes sense").0.write()
}

#[test]
fn requests_of_a_client_at_any_manager_are_taken_where_the_scenario_says() {
    let set_up = "replicas 2\nclient c at any\n\nc sends update a\n\nin flight\n\n";
    for (to, ts) in [(0, "[1,0]"), (1, "[0,1]")] {
        let text = format!("{set_up}deliver update c -> {to} again\n\nin flight\n");
        let printed = printed(&text);
        let copy = "c -> any update a c#0 after [0,0]";
        assert!(printed.contains(&format!("in flight\n----\n{copy}\n\n")), "{printed}");
        assert!(printed.contains(&format!("rm{to} -> c reply c#0 at {ts}\n")), "{printed}");
        assert!(
            printed.ends_with(&format!("{copy}\nrm{to} -> c reply c#0 at {ts}\n")),
            "{printed}"
        );
    }
}

#[test]
fn the_second_of_three_messages_can_be_meant_and_so_can_one_request_of_two() {
    let text = "replicas 2\nclient c at 0\n\nc sends independent a\nc sends independent b\n\
                c sends independent d\nretry c#1 via 1\n\ndeliver 2nd update c -> 0\n";
    let printed = printed(text);
    assert!(
        printed.contains("retry c#1 via 1\n----\nc -> rm1 update b c#1 after [0,0]\n"),
        "{printed}"
    );
    assert!(
        printed.ends_with("rm0 takes update b c#1 after [0,0]: rm0 -> c reply c#1 at [1,0]\n"),
        "{printed}"
    );
}

#[test]
fn managers_with_links_gossip_along_them_only() {
    let text = "replicas 2\nlink 1 -> 0\nclient c at 0\n\nc update a\n\ngossip 0 -> 1\n";
    let printed = printed(text);
    assert!(printed.ends_with("gossip 0 -> 1\n----\nrm0 has no reason to\n"), "{printed}");
}

#[test]
fn patient_clients_leave_unanswered_what_was_lost() {
    let end = |settle| {
        let text = format!("replicas 2\nclient c at 0\n\nc sends query\ndrop all\n\n{settle}\n");
        Script::read(&text).and_then(|s| s.run(PROTOCOL, ())).expect("it makes sense").1
    };
    assert_eq!(end("settle"), None);
    assert_eq!(end("settle patiently"), Some(Stop::Violated(vec!["every query ends up answered"])));
}

/// rm2 takes the place of rm0, which was lost with an update that nobody else has, and of another.
#[test]
fn a_manager_that_is_lost_can_be_replaced_on_the_model_and_not_on_hosts() {
    let text = "replicas 3\nreplaces\nclient c at 0\n\nc update a\ngossip 0 -> 1\n\nlose 0\nrecord 1\n\n\
                deliver tell rm1 -> 2\ncopy 1 -> 2\ndeliver tell rm2 -> 1\ndeliver tell rm1 -> 2\n\n\
                settle\nshow 2\n";
    let printed = printed(text);
    assert!(printed.contains("show 2\n----\nall is quiet\nvalue <a>\n"), "{printed}");

    let script = Script::read(text).expect("it can be read");
    let why = script.run(PROTOCOL, &mut Live::default()).expect_err("hosts do not");
    assert_eq!(why, "line 2: replaces: hosts replace nobody here");
}

#[test]
fn a_host_that_differs_from_the_model_is_found_out() {
    let node = ReplicaManager::new(ReplicaId(0), Group::of(2));
    let empty = || node.start(chinwag::Replica::empty(2), &mut chinwag::Effects::default());
    let (mut live, input) = (Live::default(), Input::Timer(Timer::Gossip { to: ReplicaId(1) }));
    let mut host = &mut live;
    host.begin(&node).expect("loopback works");
    assert_eq!(host.step(node.id, &input, &[], &empty()), Ok(()));

    let pull = chinwag::Message::Pull { replica_ts: node.group.zero() };
    let sends = [(chinwag::Destination::Replica(ReplicaId(1)), pull)];
    let why = host.step(node.id, &input, &sends, &empty()).expect_err("it sent nothing");
    assert!(why.starts_with("the host of rm0 sent [], and the model ["), "{why}");

    let mut other = empty();
    other.owed[1] = true;
    let why = host.restart(node.id, &other).expect_err("it owes nothing");
    assert!(why.starts_with("rm0 is ManagerState"), "{why}");
}
