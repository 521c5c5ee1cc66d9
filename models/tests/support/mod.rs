//! Histories of a transcript, for any tester.

use chinwag::{FrontEndId, RequestId, Serial, services::Transcript};
use chinwag_models::consistency::{
    CausalConsistencyTester, Level, ServiceOp, ServiceRet, ServiceSpec, Verdict,
    sessions::{Event, History},
};
use stateright::semantics::ConsistencyTester;

/// The exact verdict on a history of transcripts.
pub fn exact(history: &History<u8>, level: Level) -> bool {
    let verdict = verdict(history, level);
    assert_ne!(verdict, Verdict::Undecided);
    verdict == Verdict::Consistent
}

/// The same, undecided included.
pub fn verdict(history: &History<u8>, level: Level) -> Verdict {
    let mut tester = CausalConsistencyTester::at(level, ServiceSpec::<Transcript>::default());
    record(history, &mut tester);
    tester.verdict()
}

/// Tells a tester of the events.
pub fn record<Tester>(history: &History<u8>, tester: &mut Tester)
where
    Tester: ConsistencyTester<usize, ServiceSpec<Transcript>>,
{
    for (client, events) in history.iter().enumerate() {
        for event in events {
            let (op, ret) = match event {
                Event::Update(op) => (ServiceOp::Update(id(*op), *op), ServiceRet::Accepted),
                Event::Query(answer) => (ServiceOp::Query(()), ServiceRet::Answer(answer.clone())),
                Event::Send(_) | Event::Receive(_) => {
                    unreachable!("the exact tester knows no messages")
                }
            };
            tester.on_invret(client, op, ret).expect("one after the other");
        }
    }
}

/// The name of an update.
pub fn id(number: u8) -> RequestId {
    let serial = Serial { incarnation: 0, number: u64::from(number) };
    RequestId { front_end: FrontEndId(0), serial }
}
