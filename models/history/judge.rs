//! Asks all questions of a history, in an order that answers the cheap ones first.

use super::{
    causal::{Conflicts, MUSTS_MAX, causal, convergence},
    explain::Explainer,
    guarantees::{GUARANTEES, guarantees},
    memory::{MEMORY_TRANSACTIONS_MAX, Memory, memory},
    order::{CLOCK_BYTES_MAX, Links, Order, clock_bytes},
    reads::{Read, resolve},
    record::History,
    violation::Violation,
    walk::{Ground, Walk, shortest_cycle},
};

/// What can be asked of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Question {
    /// Causal consistency, CC: each transaction is explained by some order of its causal past.
    Causal,
    /// Causal memory, CM: and of each session all transactions by the same order.
    CausalMemory,
    /// Causal convergence, CCv: and all transactions of all sessions by the same order. Of transactional
    /// stores others call this transactional causal consistency.
    CausalConvergence,
    /// A session reads what it wrote, or something newer.
    ReadYourWrites,
    /// A session reads what it has read, or something newer.
    MonotonicReads,
    /// Who reads a write reads nothing older than the writer's earlier writes.
    MonotonicWrites,
    /// Who reads a write reads nothing older than what the writer had read.
    WritesFollowReads,
}

impl Question {
    /// All, in the order in which they are answered.
    pub const ALL: [Question; 7] = [
        Question::Causal,
        Question::CausalMemory,
        Question::CausalConvergence,
        Question::ReadYourWrites,
        Question::MonotonicReads,
        Question::MonotonicWrites,
        Question::WritesFollowReads,
    ];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Question::Causal => "causal consistency (CC)",
            Question::CausalMemory => "causal memory (CM)",
            Question::CausalConvergence => "causal convergence (CCv)",
            Question::ReadYourWrites => "read your writes",
            Question::MonotonicReads => "monotonic reads",
            Question::MonotonicWrites => "monotonic writes",
            Question::WritesFollowReads => "writes follow reads",
        }
    }
}

/// What the answer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, which was decided exactly.
    Holds,
    /// It does not, and this shows it.
    Violated(Box<Violation>),
    /// It was not decided, for this reason: a limit, which is named.
    Undecided(String),
}

/// The answers, in the order of the questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Question and answer.
    pub answers: Vec<(Question, Verdict)>,
}

impl Judgement {
    /// Is anything violated?
    pub fn is_violated(&self) -> bool {
        self.answers.iter().any(|(_, verdict)| matches!(verdict, Verdict::Violated(_)))
    }

    /// Was everything decided?
    pub fn is_decided(&self) -> bool {
        !self.answers.iter().any(|(_, verdict)| matches!(verdict, Verdict::Undecided(_)))
    }

    /// The answer to a question, if it was asked.
    pub fn verdict(&self, question: Question) -> Option<&Verdict> {
        self.answers.iter().find(|(asked, _)| *asked == question).map(|(_, verdict)| verdict)
    }
}

/// Answers questions about a history, exactly; or says that a limit forbids it.
pub fn judge(history: &History, questions: &[Question]) -> Judgement {
    let (reads, faults) = resolve(history);
    let links = Links::of(history, &reads);
    let fault = faults.first().map(|fault| Explainer::new(history, &reads).fault(*fault));
    let answers = match links.sorted(history, &reads) {
        Err(cyclic) => {
            let cycle = causal_cycle(history, &reads, &links, &cyclic);
            all(questions, |question| if_cyclic(question, fault.as_ref().unwrap_or(&cycle)))
        }
        Ok(_) if clock_bytes(history) > CLOCK_BYTES_MAX => {
            let why = format!(
                "the clocks would take {} MiB, and at most {} are taken: fewer transactions, or \
                 fewer sessions that write",
                clock_bytes(history) >> 20,
                CLOCK_BYTES_MAX >> 20
            );
            all(questions, |_| Verdict::Undecided(why.clone()))
        }
        Ok(sorted) => {
            let order = Order::new(history, &reads, links, &sorted);
            drop(sorted);
            ordered(&order, fault, questions)
        }
    };
    Judgement { answers }
}

fn all(
    questions: &[Question],
    mut answer: impl FnMut(Question) -> Verdict,
) -> Vec<(Question, Verdict)> {
    questions.iter().map(|question| (*question, answer(*question))).collect()
}

/// Without an order nothing is older than anything, and guarantees say nothing.
fn if_cyclic(question: Question, cycle: &Violation) -> Verdict {
    if GUARANTEES.contains(&question) {
        return Verdict::Undecided(
            "causes form a cycle: nothing is older than anything".to_owned(),
        );
    }
    Verdict::Violated(Box::new(cycle.clone()))
}

fn causal_cycle(history: &History, reads: &[Read], links: &Links, cyclic: &[u32]) -> Violation {
    let ground = Ground { history, reads, links, musts: None };
    let cycle = shortest_cycle(&mut Walk::on(ground), cyclic);
    let (cycle, is_shortest) = cycle.expect("what could not be sorted is cyclic");
    Explainer::new(history, reads).plain_cycle(&cycle, is_shortest)
}

fn ordered(
    order: &Order<'_>,
    fault: Option<Violation>,
    questions: &[Question],
) -> Vec<(Question, Verdict)> {
    let asked = |wanted: &[Question]| questions.iter().any(|question| wanted.contains(question));
    let conflicts = Conflicts::of(order);
    let broken = fault.or_else(|| causal(order, &conflicts));
    let (sessions, complete) = match asked(&GUARANTEES) {
        true => guarantees(order, &conflicts),
        false => ([None, None, None, None], true),
    };
    let mut sessions = GUARANTEES.into_iter().zip(sessions);
    let violated = |violation| Verdict::Violated(Box::new(violation));
    all(questions, |question| match (question, &broken) {
        (Question::Causal, None) => Verdict::Holds,
        (
            Question::Causal | Question::CausalMemory | Question::CausalConvergence,
            Some(violation),
        ) => violated(violation.clone()),
        (Question::CausalMemory, None) => causal_memory(order),
        (Question::CausalConvergence, None) if conflicts.too_many => {
            Verdict::Undecided(format!("reads order more than {MUSTS_MAX} pairs of writes"))
        }
        (Question::CausalConvergence, None) => {
            convergence(order, &conflicts).map_or(Verdict::Holds, violated)
        }
        _ => match sessions.find(|(asked, _)| *asked == question).and_then(|(_, found)| found) {
            Some(violation) => violated(violation),
            None if complete => Verdict::Holds,
            None => Verdict::Undecided("too many stale reads to look at them all".to_owned()),
        },
    })
}

fn causal_memory(order: &Order<'_>) -> Verdict {
    let n = order.history.transactions();
    if n > MEMORY_TRANSACTIONS_MAX {
        return Verdict::Undecided(format!(
            "{n} transactions, and at most {MEMORY_TRANSACTIONS_MAX} are judged for it"
        ));
    }
    match memory(order) {
        Memory::Holds => Verdict::Holds,
        Memory::Violated(violation) => Verdict::Violated(violation),
        Memory::GivenUp => Verdict::Undecided("it took too many steps".to_owned()),
    }
}
