//! A toy that makes several messages eager at once, and what the engine does with them.

use super::*;
use std::sync::Arc;

/// Node 0 tells all others to count, once; they count at once.
#[derive(Debug)]
struct Fan;

const COUNTED_ALONE: u32 = 0;

impl System for Fan {
    type Local = u8;
    type Message = ();
    type Event = ();

    fn nodes(&self) -> usize {
        3
    }

    fn start(&self, _: usize) -> Outcome<Self> {
        Outcome::quiet(0)
    }

    fn deliver(&self, _: usize, count: &u8, _: usize, _: &()) -> Option<Outcome<Self>> {
        (*count == 0).then_some(Outcome::quiet(1))
    }

    fn events(&self, node: usize, count: &u8) -> Vec<()> {
        if node == 0 && *count == 0 { vec![()] } else { Vec::new() }
    }

    fn fire(&self, _: usize, _: &u8, _: &()) -> Outcome<Self> {
        let sends = vec![(Destination::Node(1), ()), (Destination::Node(2), ())];
        Outcome { local: 1, sends }
    }

    fn is_dead(&self, _: usize, count: &u8, _: usize, _: &()) -> bool {
        *count == 1
    }

    fn is_eager(&self, _: usize, _: &u8, _: usize, _: &()) -> bool {
        true
    }

    fn fair(&self, node: usize, count: &u8) -> Vec<()> {
        self.events(node, count)
    }

    fn judge_node(&self, _: usize, _: &u8) -> Verdict {
        Verdict::NOTHING
    }

    fn judge_pair(&self, a: usize, la: &u8, _: usize, lb: &u8) -> Verdict {
        Verdict::NOTHING.sometimes(COUNTED_ALONE, a == 1 && la != lb)
    }

    fn judge_idle(&self, _: &[&u8]) -> Verdict {
        Verdict::NOTHING
    }

    fn judge_end(&self, _: &[&u8]) -> Verdict {
        Verdict::NOTHING
    }

    fn properties(&self) -> &[PropertyInfo] {
        const {
            &[PropertyInfo {
                name: "one counted alone",
                expectation: Expectation::Sometimes,
                bit: COUNTED_ALONE,
            }]
        }
    }
}

#[test]
fn all_messages_that_one_step_made_eager_are_delivered_and_the_states_between_judged() {
    for network in [Network::Set, Network::Once, Network::Bag] {
        for drop_dead in [false, true] {
            let rules = Rules { drop_dead, eager: true, ..Rules::plain(network) };
            let tables = Tables::new(Arc::new(Fan), rules);
            let report = search(&tables, &Options::default(), &mut |_| {});
            assert_eq!((report.unique, report.depth), (2, 1));
            assert_eq!(report.unseen().count(), 0, "the state between was not judged");
            assert_eq!(report.kinds, [("deliver", 2), ("fire", 1)]);

            let witness = Target::Witness(COUNTED_ALONE);
            let trace = shortest(&tables, witness, &Options::default()).expect("it was seen");
            let stages: Vec<_> = trace.steps.iter().map(|step| step.stage).collect();
            assert_eq!(stages, [Stage::Chosen, Stage::Eager, Stage::Eager]);
        }
    }
}
