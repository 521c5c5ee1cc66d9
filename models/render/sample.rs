//! One hand-made counterexample with everything that diagrams must show, for the golden files.

use serde_json::{Value, json};

use super::{Lane, LaneKind, MessageRef, Outcome, Run, SentMessage, Step, StepKind, diff};

const FE0: usize = 0;
const RM0: usize = 1;
const RM1: usize = 2;
const FE1: usize = 3;

/// The mutant "answers before the past has arrived": a client reads from rm1 what it wrote at rm0.
pub fn stale_read() -> Run {
    let manager = |name: &str| Lane {
        name: name.to_owned(),
        kind: LaneKind::Manager,
        start: json!({
            "value": [], "value_ts": [0, 0], "replica_ts": [0, 0], "log": [], "answered": 0,
        }),
    };
    let front_end = |name: &str| Lane {
        name: name.to_owned(),
        kind: LaneKind::FrontEnd,
        start: json!({ "ts": [0, 0], "outstanding": null }),
    };
    let lanes = vec![front_end("fe0"), manager("rm0"), manager("rm1"), front_end("fe1")];
    let model = "board with 2 managers, 2 front ends, 3 requests; lossy network; 1 crash; \
                 bug \"answers at once\"";
    let explain = [
        "Update fe0#1 (post \"hello\") was acknowledged to fe0 at step 4 with timestamp [1,0].",
        "Query fe0#2 of the same client asked for at least [1,0] and was answered from [0,0].",
    ];
    Run {
        title: "A client does not see its own update".to_owned(),
        model: model.to_owned(),
        claim: "A query's answer reflects every update that its client knows to be done."
            .to_owned(),
        verdict: "violated at step 10".to_owned(),
        outcome: Outcome::Violated,
        explain: explain.map(str::to_owned).to_vec(),
        steps: with_changes(&lanes, steps()),
        lanes,
        repeats_from: None,
        notation: "[1,0] is a timestamp: so many updates that rm0, rm1 recorded.".to_owned(),
        replay: "cargo run --release --bin check -- replay counterexamples/stale-read.json"
            .to_owned(),
    }
}

fn steps() -> Vec<Step> {
    vec![
        act(FE0, "posts \"hello\"", json!({ "outstanding": "fe0#1" })).sends(
            1,
            RM0,
            "update fe0#1 since [0,0]",
        ),
        act(FE1, "posts \"anyone?\"", json!({ "outstanding": "fe1#1" })).sends(
            2,
            RM1,
            "update fe1#1 since [0,0]",
        ),
        act(
            RM0,
            "takes update fe0#1 from fe0",
            json!({
                "value": ["hello"], "value_ts": [1, 0], "replica_ts": [1, 0],
                "log": ["rm0:1 fe0#1"],
            }),
        )
        .takes(1, "update fe0#1 since [0,0]")
        .sends(3, FE0, "done fe0#1 at [1,0]"),
        act(
            FE0,
            "takes the acknowledgement of fe0#1",
            json!({ "ts": [1, 0], "outstanding": null }),
        )
        .takes(3, "done fe0#1 at [1,0]"),
        act(RM0, "gossips to rm1", json!({})).sends(4, RM1, "gossip [0,0]..[1,0] +1"),
        act(FE0, "queries the board, at rm1 this time", json!({ "outstanding": "fe0#2" })).sends(
            5,
            RM1,
            "query fe0#2 since [1,0]",
        ),
        Step { kind: StepKind::Loss, ..act(RM1, "The network loses the gossip to rm1", json!({})) }
            .takes(4, "gossip [0,0]..[1,0] +1"),
        Step {
            kind: StepKind::Fault,
            ..act(RM1, "crashes and recovers from its journal", json!({}))
        },
        act(RM1, "takes query fe0#2 from fe0", json!({ "answered": 1 }))
            .takes(5, "query fe0#2 since [1,0]")
            .sends(6, FE0, "answer fe0#2 [] at [0,0]"),
        Step {
            violates: Some("fe0 had posted \"hello\" and reads an empty board".to_owned()),
            ..act(FE0, "takes the answer to fe0#2", json!({ "outstanding": null }))
        }
        .takes(6, "answer fe0#2 [] at [0,0]"),
    ]
}

/// A step whose `state` holds, for now, only the fields that get a new value.
fn act(lane: usize, action: &str, state: Value) -> Step {
    Step { lane, action: action.to_owned(), state, ..Step::default() }
}

impl Step {
    fn sends(mut self, id: u64, to: usize, label: &str) -> Step {
        self.sent.push(SentMessage { id, to: Some(to), label: label.to_owned() });
        self
    }

    fn takes(mut self, id: u64, label: &str) -> Step {
        self.received = Some(MessageRef { id, label: label.to_owned(), from: None });
        self
    }
}

/// Completes the states from the ones before and tells what changed.
fn with_changes(lanes: &[Lane], mut steps: Vec<Step>) -> Vec<Step> {
    let mut states: Vec<Value> = lanes.iter().map(|lane| lane.start.clone()).collect();
    for step in &mut steps {
        let before = states[step.lane].clone();
        for (field, value) in
            step.state.as_object().expect("every step of the sample has an object")
        {
            states[step.lane][field] = value.clone();
        }
        step.state = states[step.lane].clone();
        step.changes = diff(&before, &step.state);
    }
    steps
}

/// A run whose every string tries to break out of the format it is put into.
pub fn hostile() -> Run {
    let bad = "<script>alert(\"1\")</script> & 'q' \n]]>--> \u{1b}[31m \u{0} \u{202e} { } \\";
    let mut run = stale_read();
    run.title = bad.to_owned();
    run.model = bad.to_owned();
    run.claim = bad.to_owned();
    run.verdict = bad.to_owned();
    run.explain = vec![bad.to_owned()];
    run.replay = bad.to_owned();
    run.lanes.iter_mut().for_each(|lane| lane.name = bad.to_owned());
    for step in &mut run.steps {
        step.action = bad.to_owned();
        step.violates = step.violates.as_ref().map(|_| bad.to_owned());
        step.sent.iter_mut().for_each(|sent| sent.label = bad.to_owned());
        for change in &mut step.changes {
            change.path = bad.to_owned();
            change.before = Some(bad.to_owned());
        }
    }
    run
}

/// A long run of arbitrary traffic, the same for the same arguments; the last third repeats for
/// ever.
pub fn busy(lanes: usize, steps: usize, seed: u64) -> Run {
    let mut random = seed;
    let mut below = |bound: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let mut run = Run {
        title: "A manager never learns what the others know".to_owned(),
        claim: "In the end every manager has executed every update.".to_owned(),
        verdict: "violated by a run that goes on for ever".to_owned(),
        outcome: Outcome::Violated,
        repeats_from: Some(steps * 2 / 3),
        ..Run::default()
    };
    for lane in 0..lanes {
        let kind = if lane % 2 == 0 { LaneKind::Manager } else { LaneKind::FrontEnd };
        run.lanes.push(Lane {
            name: format!("rm{lane}"),
            kind,
            start: json!({ "value_ts": [0, 0] }),
        });
    }
    let mut under_way: Vec<(u64, usize, String)> = Vec::new();
    for index in 0..steps {
        let mut step = Step { fair: index >= steps / 2, ..act(below(lanes), "gossips", json!({})) };
        if !under_way.is_empty() && below(3) > 0 {
            let (id, to, label) = under_way.remove(below(under_way.len()));
            let (kind, verb) = match below(6) {
                0 => (StepKind::Loss, "The network loses"),
                _ => (StepKind::Action, "takes"),
            };
            step = Step { lane: to, kind, action: format!("{verb} {label}"), ..step }
                .takes(id, &label);
            if below(5) == 0 {
                under_way.push((id, to, label)); // Duplicated by the network.
            }
        }
        for _ in 0..below(3) {
            let (id, to) = (index as u64 * 10 + below(9) as u64, below(lanes));
            let label = format!("gossip [0,{index}]..[1,{id}] +{}", below(4));
            under_way.push((id, to, label.clone()));
            step = step.sends(id, to, &label);
        }
        step.changes = diff(&json!({ "value_ts": [0, index] }), &json!({ "value_ts": [1, index] }));
        run.steps.push(step);
    }
    run
}
