//! A recorded run is one of the proved system, by a checker that was proved sound; and no longer if one event
//! is left out, exchanged with the next one, or altered.

#[path = "support/alterations.rs"]
mod alterations;
#[path = "support/world.rs"]
mod world;

use alterations::ALTERATIONS;
use chinwag::{Group, ReplicaManager, rules::FAITHFUL, services::RegisterMap};
use chinwag_oracle::{Event, Oracle, Refused};
use world::{Setting, Step, World, node};

type Trace = Vec<(ReplicaManager, Vec<Event<RegisterMap>>)>;

const GROUP: Group = Group::of(3).and_read_only(1);

fn oracle() -> Oracle {
    Oracle::new().expect("the checked-in functions can be read")
}

/// Three managers and a read-only one; two clients; loss, repetition, fragments and crashes.
fn recorded(oracle: &Oracle) -> Trace {
    let setting = Setting {
        updatable: 3,
        read_only: 1,
        clients: 2,
        copies: 2,
        batch: 2,
        pulls: true,
        ring: false,
        relays: false,
    };
    let mut world = World::new(oracle, &setting, &FAITHFUL).expect("it starts");
    world.tape = Some(GROUP.members().map(|_| Vec::new()).collect());
    let mut chance = 7_usize;
    for round in 0..6 {
        for _ in 0..6 {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            world.play(&Step::Any(chance >> 33)).expect("the steps are the proved ones");
        }
        let at = round as u16;
        let steps = [
            Step::Post(round, at),
            Step::MeetBackwards(at % 3, (at + 1) % 3),
            Step::Meet((at + 1) % 3, (at + 2) % 3),
            Step::Meet((at + 2) % 3, at % 3),
            Step::Read(round + 1, at + 1),
            Step::Crash(at),
            Step::Meet(at % 3, 3),
        ];
        steps.iter().try_for_each(|step| world.play(step)).expect("the steps are the proved ones");
    }
    let tape = world.tape.take().expect("it was put in");
    GROUP.members().map(|id| node(id, GROUP, &setting)).zip(tape).collect()
}

/// Where some events are that journalled something and were not the manager's last.
fn journalling(trace: &Trace) -> Vec<(usize, usize)> {
    let of = |(m, (_, events)): (usize, &(_, Vec<Event<RegisterMap>>))| {
        let early = events.iter().enumerate().take(events.len().saturating_sub(1));
        let found = early.filter(|(_, event)| !event.effects.journal.is_empty());
        found.map(|(n, _)| (m, n)).collect::<Vec<_>>()
    };
    trace.iter().enumerate().flat_map(of).step_by(6).collect()
}

fn is_stuck(oracle: &Oracle, trace: &Trace) -> bool {
    matches!(oracle.accepts(GROUP, trace), Err(Refused::Stuck(_)))
}

#[test]
fn a_recorded_run_is_accepted() {
    let oracle = oracle();
    let trace = recorded(&oracle);
    let events: usize = trace.iter().map(|(_, events)| events.len()).sum();
    // Beside the events of managers, seven updates were issued by front ends.
    assert_eq!((events, oracle.accepts(GROUP, &trace)), (184, Ok(191)));
}

#[test]
fn a_run_of_which_an_event_is_left_out_or_exchanged_with_the_next_one_is_refused() {
    let oracle = oracle();
    let mut trace = recorded(&oracle);
    let places = journalling(&trace);
    assert!(places.len() > 4, "{places:?}");
    for (manager, event) in places {
        let left_out = trace[manager].1.remove(event);
        assert!(is_stuck(&oracle, &trace), "without event {event} of rm{manager}");
        trace[manager].1.insert(event, left_out);
        trace[manager].1.swap(event, event + 1);
        assert!(is_stuck(&oracle, &trace), "event {event} of rm{manager} comes later");
        trace[manager].1.swap(event, event + 1);
    }
}

#[test]
fn a_run_of_which_an_event_is_altered_is_refused() {
    let oracle = oracle();
    for (what, alter) in ALTERATIONS {
        let mut trace = recorded(&oracle);
        let mut events = trace.iter_mut().flat_map(|(_, events)| events);
        assert!(events.any(alter), "{what}: there is no such event");
        let result = oracle.accepts(GROUP, &trace);
        let refused = matches!(result, Err(Refused::Stuck(_) | Refused::Answer { .. }));
        assert!(refused, "{what}: {result:?}");
    }
}
