//! That a replica manager is replaced while clients go on, and what is lost with it.

use chinwag_simulator::{End, Outcome, Scenario, fault::Kind, run, shrink::shrink};

mod support;
use support::{broken, slip};

/// Three replica managers, two clients that write and read before and after `rest`.
fn set_of_three(rest: &str) -> Scenario {
    let text = format!(
        "seed 7\nservice set\ndurability fsync\nreplicas 3\nupdatable 3\nclients 2\ncopies 1\n\
         batch 0\nacknowledged_by 1\nfragment 0\ncalm_ms 9000\nloss 0\ntwice 0\nlate 0\ncorrupt 0\n\
         stray 0\ndelay_ms 5\nlarge 0\ndo 1000 0 update\ndo 1100 0 query\ndo 1200 1 update\n\
         do 1300 0 tell 1\ndo 5500 0 update\ndo 5600 1 query\ndo 5700 1 update\ndo 6000 0 query\n{rest}\n"
    );
    Scenario::parse(&text).expect("it makes sense")
}

fn told(outcome: &Outcome, what: &str) -> bool {
    outcome.story.iter().any(|line| line.contains(what))
}

#[test]
fn one_that_is_lost_is_replaced_and_sessions_go_on() {
    for old in 0..3 {
        let outcome = run(&set_of_three(&format!("fault 3000 replace {old} 0 1000")), None, true);
        assert_eq!(outcome.end, End::Sound, "rm{old}");
        assert_eq!((outcome.counts.faults[&Kind::Replace], outcome.counts.copies), (1, 1));
        assert!(told(&outcome, "rm3 has its copy") && told(&outcome, "client 0 goes on"));
    }
}

#[test]
fn one_that_runs_on_is_told_that_it_was_replaced_and_ends() {
    // What it takes in meanwhile, it would say to those who do not hear it any more.
    let unheard = "do 3200 0 update\ndo 3250 0 update\nfault 3000 replace 0 1 1000";
    let outcome = run(&set_of_three(unheard), None, true);
    assert_eq!(outcome.end, End::Sound);
    assert!(told(&outcome, "rm0 stops") && told(&outcome, "was replaced"), "{:?}", outcome.story);
}

/// A mistake of the simulator's own: it went on to wait until the empty disk would be refused.
#[test]
fn one_that_runs_on_with_an_empty_disk_is_told_so_too() {
    let wiped = "do 2900 0 update\nfault 3000 replace 0 1 5000\nfault 5000 wipe 0 0 1000";
    assert_eq!(run(&set_of_three(wiped), None, false).end, End::Sound);
}

/// At each step of the disk while each member records who was replaced, the power goes; and the newcomer
/// takes its copy all the same.
#[test]
fn power_that_is_lost_while_a_replacement_is_recorded_loses_nothing() {
    let mut cut = 0;
    for step in 1..=32 {
        let fault = format!("fault 3000 replace 0 {} 1000", 2 * step);
        let outcome = run(&set_of_three(&fault), None, false);
        assert_eq!(outcome.end, End::Sound, "step {step}");
        assert_eq!(outcome.counts.copies, 1, "step {step}");
        cut += outcome.counts.recoveries_cut;
    }
    assert_eq!(cut, CUT, "of 64 recordings, so many are not over before their step");
}

const CUT: u64 = 52;

/// While nobody but client 0 hears rm0, it has updates acknowledged by that one alone; then that one is lost.
fn unheard(acknowledged_by: u16) -> Scenario {
    set_of_three(&format!(
        "acknowledged_by {acknowledged_by}\ndo 2000 0 update\ndo 2100 0 update\n\
         fault 1900 partition 0 17 1600\nfault 3450 replace 0 0 1000"
    ))
}

/// Whatever it asks for from then on waits, and nobody makes it up. The other client is served.
#[test]
fn who_has_seen_what_is_lost_waits_and_all_others_go_on() {
    let lost = run(&unheard(1), None, false);
    let mut kept = unheard(1);
    kept.faults.retain(|fault| fault.kind != Kind::Partition);
    let kept = run(&kept, None, false);
    assert_eq!((lost.end, kept.end), (End::Sound, End::Sound));
    assert_eq!([lost.counts.in_vain, kept.counts.in_vain], [1, 0]);
}

#[test]
fn what_two_hold_when_it_is_acknowledged_is_not_lost_with_one() {
    let outcome = run(&unheard(2), None, false);
    assert_eq!(outcome.end, End::Sound);
    assert_eq!(outcome.counts.in_vain, 0);
}

/// A process ends with an update under way; the next one goes on with its session, under another incarnation.
#[test]
fn sessions_go_on_in_other_processes() {
    let ends = "do 2000 1 update\nfault 2001 renew 1 0 0\ndo 2002 1 update\nfault 2500 renew 0 0 0";
    let scenario = set_of_three(ends);
    let outcome = run(&scenario, None, false);
    assert_eq!(outcome.end, End::Sound);
    assert_eq!(outcome.counts.faults[&Kind::Renew], 2);
    assert!(broken(&scenario, "client: keeps its incarnation").is_some());
}

#[test]
fn a_failing_replacement_is_made_small() {
    let name = "does not count the new one";
    let (small, _) = shrink(&Scenario::of_seed(47, false), Some(slip(name)));
    assert!(broken(&small, name).is_some_and(|what| what.contains("only when everyone has it")));
    assert!(small.errands.len() <= 6 && small.set.replicas <= 3, "{small}");
    assert!(matches!(&small.faults[..], [only] if only.kind == Kind::Replace), "{small}");
    assert_eq!(run(&small, None, false).end, End::Sound);
}

#[test]
fn where_nobody_can_be_replaced_the_scenario_says_why() {
    let text = set_of_three("fault 3000 replace 0 0 1000").to_string();
    let cases = [
        ("replicas 3", "replicas 4", "set updatable to replicas"),
        ("large 0", "large 1", "set large to 0"),
        ("large 0", "large 0\nfault 1 replace 1 0 0", "only one is replaced"),
        ("large 0", "large 0\nfault 1 sever 0 1 0", "leave out `fault .. sever`"),
        ("replace 0", "replace 3", "befalls nobody"),
        ("replicas 3\nupdatable 3", "replicas 1\nupdatable 1", "set replicas to 2"),
    ];
    for (from, to, why) in cases {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        let refused = Scenario::parse(&changed).expect_err(to);
        assert!(refused.contains(why), "{to}: {refused}");
    }
}
