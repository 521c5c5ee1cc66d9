//! The engines agree with each other and with a search that shares nothing with them.

use super::naive::{Counted, explore};
use super::toy::{AGREE, BEHIND, Bug, CRASHED, DONE, IDLE, INVENTED, Toy};
use super::*;
use stateright::{Checker, Model};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const NETWORKS: [Network; 3] = [Network::Set, Network::Once, Network::Bag];

fn options(threads: usize) -> Options {
    Options { threads, keep_going: true, ..Options::default() }
}

fn run(toy: &Toy, rules: Rules, options: &Options) -> Report {
    search(&Tables::new(Arc::new(toy.clone()), rules), options, &mut |_| {})
}

/// Small systems of every kind, with the networks on which they are finite.
fn systems() -> Vec<(Toy, Rules)> {
    let mut systems = Vec::new();
    let simple = [Toy::new(2, &[2]), Toy::new(2, &[1, 1]), Toy::new(3, &[1])];
    for toy in simple {
        for rules in NETWORKS.map(Rules::plain) {
            systems.push((Toy { crashes: 1, ..toy.clone() }, rules));
            systems.push((toy.clone(), Rules { lossy: true, ..rules }));
        }
    }
    for rules in [Network::Set, Network::Once].map(Rules::plain) {
        systems.push((Toy { answers: true, retries: true, ..Toy::new(2, &[1]) }, rules));
        let crashing = Toy { answers: true, crashes: 2, ..Toy::new(2, &[1]) };
        systems.push((crashing.clone(), Rules { lossy: true, ..rules }));
        systems.push((Toy { bug: Bug::Invents, ..crashing }, rules));
    }
    systems
}

/// What the naive search would have counted, as far as a report says it.
fn counted(report: &Report) -> Counted {
    let (mut violated, mut seen) = (BTreeMap::new(), BTreeMap::new());
    for finding in report.findings.iter().filter(|finding| finding.checked) {
        let bits = match finding.property.expectation {
            Expectation::Sometimes => &mut seen,
            Expectation::Always | Expectation::Finally => &mut violated,
        };
        bits.extend(finding.depth.map(|depth| (finding.property.bit, depth)));
    }
    Counted {
        unique: report.unique,
        generated: report.generated,
        depth: report.depth,
        idle: report.idle,
        terminal: report.terminal,
        levels: report.levels.clone(),
        violated,
        seen,
    }
}

#[test]
fn the_packed_search_agrees_with_the_naive_one_with_any_number_of_threads() {
    for (toy, rules) in systems() {
        let naive = explore(&toy, rules);
        for threads in [1, 2, 3] {
            let report = run(&toy, rules, &options(threads));
            assert!(report.is_exhaustive());
            assert_eq!(counted(&report), naive, "{threads} threads, {toy:?}, {rules:?}");
            let taken: u64 = report.kinds.iter().map(|(_, count)| count).sum();
            assert_eq!(taken + 1, report.generated);
        }
    }
}

#[test]
fn the_interned_model_agrees_under_both_checkers_of_stateright() {
    for (toy, rules) in systems() {
        let naive = explore(&toy, rules);
        let model = Interned::new(Arc::new(toy.clone()), rules);
        // A last property that is never settled keeps the checkers from stopping early.
        let bfs = Unsettled(model.clone()).checker().threads(2).spawn_bfs().join();
        let dfs = Unsettled(model.clone()).checker().spawn_dfs().join();
        assert_eq!(bfs.unique_state_count() as u64, naive.unique, "{toy:?}, {rules:?}");
        assert_eq!(dfs.unique_state_count() as u64, naive.unique, "{toy:?}, {rules:?}");
        assert_eq!(bfs.state_count() as u64, naive.generated, "{toy:?}, {rules:?}");
        for property in toy.properties() {
            let bit = property.bit;
            let is_found = match property.expectation {
                Expectation::Always => naive.violated.contains_key(&bit),
                Expectation::Sometimes => naive.seen.contains_key(&bit),
                Expectation::Finally => continue,
            };
            assert_eq!(bfs.discovery(property.name).is_some(), is_found, "{}", property.name);
            assert_eq!(dfs.discovery(property.name).is_some(), is_found, "{}", property.name);
        }
    }
}

/// The same model with one more property, which always holds.
#[derive(Clone)]
struct Unsettled(Interned<Toy>);

impl Model for Unsettled {
    type State = InternedState<Toy>;
    type Action = Move<Toy>;

    fn init_states(&self) -> Vec<Self::State> {
        self.0.init_states()
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        self.0.actions(state, actions);
    }

    fn next_state(&self, state: &Self::State, action: Self::Action) -> Option<Self::State> {
        self.0.next_state(state, action)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        use stateright::Property;
        vec![
            Property::always("servers know only what clients asked", |m, s| {
                m.0.judge(s).violated >> INVENTED & 1 == 0
            }),
            Property::always("idle servers agree", |m, s| m.0.judge(s).violated >> AGREE & 1 == 0),
            Property::sometimes("a server is behind", |m, s| m.0.judge(s).seen >> BEHIND & 1 == 1),
            Property::sometimes("a server crashed", |m, s| m.0.judge(s).seen >> CRASHED & 1 == 1),
            Property::sometimes("it becomes idle", |m, s| m.0.judge(s).seen >> IDLE & 1 == 1),
            Property::always("true", |_, _| true),
        ]
    }
}

#[test]
fn the_interned_model_s_own_properties_are_those_of_the_system() {
    let toy = Toy { crashes: 1, ..Toy::new(2, &[2]) };
    let model = Interned::new(Arc::new(toy), Rules::plain(Network::Once));
    let names: Vec<_> = model.properties().iter().map(|property| property.name).collect();
    assert_eq!(names.len(), 5, "the one expected finally is left out: {names:?}");

    model.checker().spawn_bfs().join().assert_properties();
}

#[test]
fn reductions_change_counts_but_no_verdict() {
    for (toy, plain) in systems() {
        let options = Options { liveness: true, ..options(2) };
        let full = run(&toy, plain, &options);
        for (drop_dead, eager) in [(true, false), (false, true), (true, true)] {
            let rules = Rules { drop_dead, eager, ..plain };
            let reduced = run(&toy, rules, &options);
            assert!(reduced.unique <= full.unique);
            let verdicts = |report: &Report| -> Vec<_> {
                report.findings.iter().map(|f| (f.property.name, f.depth.is_some())).collect()
            };
            assert_eq!(verdicts(&reduced), verdicts(&full), "{toy:?}, {rules:?}");
            let again = run(&toy, rules, &Options { threads: 1, ..options.clone() });
            assert_eq!(counted(&again), counted(&reduced), "{toy:?}, {rules:?}");
            let bfs = Interned::new(Arc::new(toy.clone()), rules).checker().spawn_bfs().join();
            for finding in &full.findings {
                if finding.property.expectation != Expectation::Finally {
                    let name = finding.property.name;
                    assert_eq!(bfs.discovery(name).is_some(), finding.depth.is_some(), "{name}");
                }
            }
        }
    }
}

#[test]
fn the_shortest_trace_is_as_long_as_the_search_says_and_can_be_replayed() {
    for (toy, plain) in systems() {
        for rules in [plain, Rules { drop_dead: true, eager: true, ..plain }] {
            let tables = Tables::new(Arc::new(toy.clone()), rules);
            let options = Options { liveness: true, ..options(2) };
            let report = search(&tables, &options, &mut |_| {});
            for finding in &report.findings {
                let target = Target::of(&finding.property);
                let trace = shortest(&tables, target, &options).expect("unbounded");
                assert_eq!(trace.as_ref().map(Trace::depth), finding.depth, "{finding:?}");
                let Some(trace) = trace else { continue };
                assert!(finding.property.is_found_by(trace.verdict), "{finding:?}");
                let again = replay(&tables, &trace.actions()).expect("the trace is possible");
                let searched = trace.steps.iter().filter(|step| step.stage != Stage::Fair);
                let after: Vec<_> = searched.map(|step| step.after.locals.clone()).collect();
                let after_again: Vec<_> =
                    again.steps.iter().map(|step| step.after.locals.clone()).collect();
                assert_eq!(after, after_again);
            }
        }
    }
}

#[test]
fn an_impossible_action_is_refused_by_its_place() {
    let tables = Tables::new(Arc::new(Toy::new(2, &[2])), Rules::plain(Network::Once));
    let witness = shortest(&tables, Target::Witness(BEHIND), &options(1))
        .expect("unbounded")
        .expect("it exists");
    let mut actions = witness.actions();
    actions.push(actions[0].clone());
    assert_eq!(replay(&tables, &actions).map(|_| ()), Err(ReplayError { index: 1 }));
}

#[test]
fn a_search_stops_at_the_first_violated_level() {
    let toy = Toy { bug: Bug::Invents, ..Toy::new(2, &[3]) };
    let rules = Rules::plain(Network::Once);
    let first = run(&toy, rules, &Options { keep_going: false, ..options(2) });
    let all = run(&toy, rules, &options(2));
    assert_eq!((first.end, all.end), (End::Violation, End::Exhaustive));
    assert!(first.unique < all.unique);
    assert_eq!(first.depth, first.violations().next().expect("it was found").depth.unwrap());
}

#[test]
fn a_search_that_a_bound_cut_off_says_so() {
    static ENOUGH: AtomicBool = AtomicBool::new(true);
    let toy = Toy { crashes: 2, ..Toy::new(3, &[2, 2]) };
    let rules = Rules::plain(Network::Once);
    let ends = [
        (Options { depth_max: Some(3), ..options(2) }, End::Depth),
        (Options { states_max: Some(1000), ..options(2) }, End::States),
        (Options { time_max: Some(Duration::ZERO), ..options(2) }, End::Time),
        (Options { memory_max: Some(1), ..options(2) }, End::Memory),
        (Options { stop: Some(&ENOUGH), ..options(2) }, End::Stopped),
    ];
    for (options, end) in ends {
        let report = run(&toy, rules, &options);
        assert_eq!(report.end, end);
        assert!(!report.is_exhaustive() && !report.is_proof());
    }
}

#[test]
fn a_search_for_the_shortest_way_that_a_bound_cut_off_says_so() {
    static ENOUGH: AtomicBool = AtomicBool::new(true);
    let toy = Toy { crashes: 2, ..Toy::new(3, &[2, 2]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Once));
    let ends = [
        (Options { depth_max: Some(3), ..options(1) }, End::Depth),
        (Options { states_max: Some(1000), ..options(1) }, End::States),
        (Options { time_max: Some(Duration::ZERO), ..options(1) }, End::Time),
        (Options { memory_max: Some(1), ..options(1) }, End::Memory),
        (Options { stop: Some(&ENOUGH), ..options(1) }, End::Stopped),
    ];
    for (options, end) in ends {
        let never = shortest(&tables, Target::Violation(AGREE), &options);
        assert_eq!(never.map(|_| ()), Err(end));
    }
}

#[test]
fn a_bound_that_cuts_nothing_off_leaves_a_search_exhaustive() {
    let (toy, rules) = (Toy::new(2, &[1]), Rules::plain(Network::Once));
    let free = run(&toy, rules, &options(1));
    let depth_max = Some(free.depth + 1);
    let bound = run(&toy, rules, &Options { depth_max, ..options(1) });
    assert!(bound.is_exhaustive());
}

#[test]
fn a_sound_system_is_live_on_every_network_it_is_made_for() {
    let on_lossless = Toy::new(3, &[1, 1]);
    let on_any = Toy { answers: true, ..Toy::new(2, &[2]) };
    for (toy, rules) in [
        (on_lossless, Rules::plain(Network::Once)),
        (on_any.clone(), Rules { lossy: true, ..Rules::plain(Network::Once) }),
        (on_any, Rules::plain(Network::Set)),
    ] {
        let report = run(&toy, rules, &Options { liveness: true, ..options(2) });
        assert_eq!(report.violations().count(), 0, "{toy:?}: {:?}", report.findings);
        assert!(report.fair_states >= report.unique);
    }
}

#[test]
fn a_client_that_gives_up_is_found_when_a_message_is_lost() {
    let toy = Toy { answers: true, bug: Bug::GivesUp, ..Toy::new(2, &[2]) };
    let options = Options { liveness: true, ..options(2) };
    for network in [Network::Once, Network::Set] {
        let rules = Rules { lossy: true, ..Rules::plain(network) };
        let tables = Tables::new(Arc::new(toy.clone()), rules);
        let report = search(&tables, &options, &mut |_| {});
        let found: Vec<_> = report.violations().map(|f| (f.property.bit, f.depth)).collect();
        assert_eq!(found, [(DONE, Some(0))]);

        let trace = shortest(&tables, Target::Violation(DONE), &options)
            .expect("unbounded")
            .expect("it was found");
        assert_eq!(trace.steps[0].action, Action::LoseAll);
        assert!(!trace.is_endless && trace.end().in_flight.is_empty());
    }
}

#[test]
fn a_server_that_chatters_is_found_and_its_trace_shows_the_round() {
    let toy = Toy { bug: Bug::Chatters, ..Toy::new(2, &[1]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Once));
    let options = Options { liveness: true, ..options(1) };
    let report = search(&tables, &options, &mut |_| {});
    let silence = report.findings.last().expect("the engine's own property is the last");
    assert_eq!((silence.property.bit, silence.depth), (SILENCE, Some(0)));

    let trace = shortest(&tables, Target::Violation(SILENCE), &options)
        .expect("unbounded")
        .expect("it was found");
    assert!(trace.is_endless);
    assert!(trace.describe(&**tables.system()).ends_with("and so on, for ever\n"));
}

#[test]
fn liveness_is_not_called_checked_when_it_was_not() {
    let report = run(&Toy::new(2, &[1]), Rules::plain(Network::Once), &options(1));
    let unchecked: Vec<_> = report.findings.iter().filter(|f| !f.checked).collect();
    assert_eq!(unchecked.len(), 2);
    assert!(!report.is_proof());
}

#[test]
fn dead_messages_stay_dead_in_a_sound_system() {
    let toy = Toy { crashes: 1, answers: true, ..Toy::new(2, &[2]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Set));
    search(&tables, &options(2), &mut |_| {});
    let checked = check_dead(&tables).expect("the toy's dead messages are dead");
    assert!(checked.dead > 0 && checked.kept > 0);
}

#[test]
fn a_dead_message_that_a_crash_revives_is_found() {
    let toy = Toy { crashes: 1, answers: true, bug: Bug::BuriesAnswers, ..Toy::new(2, &[1]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Set));
    search(&tables, &options(1), &mut |_| {});
    let flaw = check_dead(&tables).expect_err("a crash forgets what was heard");
    assert!(matches!(flaw.message, toy::Message::Heard { .. }), "{flaw:?}");
    assert!(matches!(flaw.reason, DeadReason::Revives(_)), "{flaw:?}");
}

#[test]
fn a_message_that_is_called_dead_and_has_an_effect_is_found() {
    let toy = Toy { bug: Bug::BuriesGossip, ..Toy::new(2, &[1]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Once));
    search(&tables, &options(1), &mut |_| {});
    let flaw = check_dead(&tables).expect_err("gossip has an effect");
    assert!(matches!(flaw.reason, DeadReason::HasEffect(_)), "{flaw:?}");
}

#[test]
fn progress_is_told_and_memory_is_accounted_for() {
    let toy = Toy { crashes: 2, retries: true, answers: true, ..Toy::new(2, &[2, 2]) };
    let tables = Tables::new(Arc::new(toy), Rules::plain(Network::Set));
    let mut told = 0;
    let options = Options { time_max: Some(Duration::from_secs(2)), ..options(2) };
    let report = search(&tables, &options, &mut |progress| {
        told += 1;
        assert!(progress.unique > 0 && progress.memory > 0 && progress.states_per_second > 0.0);
    });
    assert!(told > 0 || report.seconds < 0.5);
    assert!(report.own_bytes > 0 && report.peak_rss > 0 && report.bytes_per_state > 8.0);
}

#[test]
fn the_interned_model_can_be_served_and_its_steps_read_well() {
    // Only that it compiles: the explorer takes a port.
    let _serve = |model: Interned<Toy>| model.checker().serve("localhost:0");

    let model = Interned::new(Arc::new(Toy::new(2, &[1])), Rules::plain(Network::Once));
    let start = model.init_states().remove(0);
    let (action, after) = model.next_steps(&start).remove(0);
    assert_eq!(model.format_action(&action), "node 2 -> node 0: Remember { number: 0 }");
    let step = model.format_step(&start, action).expect("the action is possible");
    assert!(
        step.contains("node 0 is  Server { known: 1, peers: [0, 0, 0], crashes: 0 }"),
        "{step}"
    );
    assert!(step.contains("sent: node 0 -> node 2: Remembered { number: 0 }"), "{step}");
    assert!(format!("{after:?}").contains("in flight: node 0 -> node 2: Remembered { number: 0 }"));
}
