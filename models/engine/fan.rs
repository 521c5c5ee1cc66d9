//! A toy that makes several messages eager at once, and what the engine does with them.

use super::*;
use std::sync::Arc;

/// Node 0 tells two nodes a number, once; each keeps the first it hears, and hears it at once.
#[derive(Clone, Copy, Debug)]
struct Fan {
    /// Whom it tells the numbers 1 and 2.
    told: [usize; 2],
}

const HEARD_ALONE: u32 = 0;

impl System for Fan {
    type Local = u8;
    type Message = u8;
    type Event = ();

    fn nodes(&self) -> usize {
        3
    }

    fn start(&self, _: usize) -> Outcome<Self> {
        Outcome::quiet(0)
    }

    fn deliver(&self, _: usize, heard: &u8, _: usize, number: &u8) -> Option<Outcome<Self>> {
        (*heard == 0).then_some(Outcome::quiet(*number))
    }

    fn events(&self, node: usize, heard: &u8) -> Vec<()> {
        if node == 0 && *heard == 0 { vec![()] } else { Vec::new() }
    }

    fn fire(&self, _: usize, _: &u8, _: &()) -> Outcome<Self> {
        let [first, second] = self.told.map(Destination::Node);
        let sends = vec![(first, 1), (second, 2)];
        Outcome { local: 1, sends }
    }

    fn is_dead(&self, _: usize, heard: &u8, _: usize, _: &u8) -> bool {
        *heard != 0
    }

    fn is_eager(&self, _: usize, _: &u8, _: usize, _: &u8) -> bool {
        true
    }

    fn fair(&self, node: usize, heard: &u8) -> Vec<()> {
        self.events(node, heard)
    }

    fn judge_node(&self, _: usize, _: &u8) -> Verdict {
        Verdict::NOTHING
    }

    fn judge_pair(&self, a: usize, la: &u8, _: usize, lb: &u8) -> Verdict {
        Verdict::NOTHING.sometimes(HEARD_ALONE, a == 1 && (*la == 0) != (*lb == 0))
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
                name: "one heard a number and the other did not",
                expectation: Expectation::Sometimes,
                bit: HEARD_ALONE,
            }]
        }
    }
}

#[test]
fn all_messages_that_one_step_made_eager_are_delivered_and_the_states_between_judged() {
    for network in [Network::Set, Network::Once, Network::Bag] {
        for drop_dead in [false, true] {
            let rules = Rules { drop_dead, eager: true, ..Rules::plain(network) };
            let tables = Tables::new(Arc::new(Fan { told: [1, 2] }), rules);
            let report = search(&tables, &Options::default(), &mut |_| {});
            assert_eq!((report.unique, report.depth), (2, 1));
            assert_eq!(report.unseen().count(), 0, "the state between was not judged");
            assert_eq!(report.eager_conflicts, 0);
            assert_eq!(report.kinds, [("deliver", 2), ("fire", 1)]);

            let witness = Target::Witness(HEARD_ALONE);
            let trace = shortest(&tables, witness, &Options::default())
                .expect("unbounded")
                .expect("it was seen");
            let stages: Vec<_> = trace.steps.iter().map(|step| step.stage).collect();
            assert_eq!(stages, [Stage::Chosen, Stage::Eager, Stage::Eager]);
        }
    }
}

#[test]
fn two_eager_messages_for_one_node_are_reported_since_their_order_is_lost() {
    let tables = Tables::new(Arc::new(Fan { told: [1, 1] }), Rules::reduced(Network::Once));
    let report = search(&tables, &Options::default(), &mut |_| {});
    assert_eq!(report.eager_conflicts, 1);
}
