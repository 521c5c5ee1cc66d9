//! The history checkers against each other, against stateright's and against a correct cluster.

mod support;

use chinwag::services::Transcript;
use chinwag_models::{
    consistency::{
        CausalConsistencyTester, Level, ServiceSpec,
        sessions::{self, Event, History, Violation},
    },
    laws::history::{Move, World},
};
use quickcheck::QuickCheck;
use stateright::semantics::{
    ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec,
};
use support::{exact, record};

/// All histories of at most three clients and five events.
#[test]
fn the_fast_checker_and_the_exact_one_agree_on_all_small_histories() {
    let (mut causal, mut others) = (0, 0);
    for lengths in [[5, 0, 0], [4, 1, 0], [3, 2, 0], [3, 1, 1], [2, 2, 1], [4, 0, 0], [2, 1, 1]] {
        for history in histories(lengths) {
            let fast = sessions::causal(&history);
            assert_eq!(fast.is_ok(), exact(&history, Level::Causal), "{history:?}: {fast:?}");
            if exact(&history, Level::CausalMemory) {
                assert_eq!(fast, Ok(()), "{history:?}");
            }
            // Without messages, causality is the four guarantees together (Brzezinski, Sobaniec and
            // Wawrzyniak, PDP 2004), and that nobody reads an update before it is asked for.
            let four = four_guarantees(&history);
            let why = fast.clone().map_err(|violation| violation.guarantee);
            assert_eq!(fast.is_ok(), four.is_ok() && why != Err("causality"), "{history:?}");
            assert!(why != Err("causal consistency") || four.is_err(), "{history:?}");
            *(if fast.is_ok() { &mut causal } else { &mut others }) += 1;
        }
    }
    assert!(causal > 1_000 && others > 10_000, "{causal} causal, {others} others");
}

/// Linearizable histories are sequentially consistent, and those are causal memory.
#[test]
fn stateright_s_stronger_testers_accept_no_more() {
    for history in [[3, 1, 0], [2, 2, 0], [2, 1, 1]].into_iter().flat_map(histories) {
        let mut linear = LinearizabilityTester::new(ServiceSpec::<Transcript>::default());
        let mut sequential = SequentialConsistencyTester::new(ServiceSpec::<Transcript>::default());
        record(&history, &mut linear);
        record(&history, &mut sequential);
        assert!(!linear.is_consistent() || sequential.is_consistent(), "{history:?}");
        let memory = exact(&history, Level::CausalMemory);
        assert!(!sequential.is_consistent() || memory, "{history:?}");
        assert!(!memory || exact(&history, Level::Causal), "{history:?}");
    }
}

/// The fast checker's messages, as operations on an object that the exact tester can judge.
#[test]
fn they_agree_on_all_small_histories_with_a_message() {
    let mut causal = 0;
    for history in [[2, 2, 0], [2, 1, 0], [1, 1, 1]].into_iter().flat_map(histories) {
        for history in with_a_message(&history) {
            let fast = sessions::causal(&history);
            let mut tester = CausalConsistencyTester::new(Chat::default());
            for (client, events) in history.iter().enumerate() {
                for event in events {
                    let ret = if let Event::Query(answer) = event { answer } else { &vec![] };
                    tester.on_invret(client, event.clone(), ret.clone()).expect("in sequence");
                }
            }
            assert_eq!(fast.is_ok(), tester.is_consistent(), "{history:?}: {fast:?}");
            causal += usize::from(fast.is_ok());
        }
    }
    assert!(causal > 1_000, "{causal} causal");
}

/// A transcript, and messages of which each can be received once it was sent.
#[derive(Clone, Default, PartialEq, Hash)]
struct Chat {
    executed: Vec<u8>,
    sent: Vec<u8>,
}

impl SequentialSpec for Chat {
    type Op = Event<u8>;
    type Ret = Vec<u8>;

    fn invoke(&mut self, op: &Event<u8>) -> Vec<u8> {
        match op {
            Event::Update(update) => self.executed.push(*update),
            Event::Query(_) => return self.executed.clone(),
            Event::Send(message) => self.sent.push(*message),
            Event::Receive(message) if !self.sent.contains(message) => return vec![*message],
            Event::Receive(_) => {}
        }
        vec![]
    }
}

/// The history with one message inserted, from any place to any place of another client.
fn with_a_message(history: &History<u8>) -> Vec<History<u8>> {
    let places = |client: usize| (0..=history[client].len()).map(move |k| (client, k));
    let all: Vec<_> = (0..history.len()).flat_map(places).collect();
    let mut histories = Vec::new();
    for (from, to) in all.iter().flat_map(|from| all.iter().map(move |to| (from, to))) {
        if from.0 != to.0 {
            let mut history = history.clone();
            history[from.0].insert(from.1, Event::Send(0));
            history[to.0].insert(to.1, Event::Receive(0));
            histories.push(history);
        }
    }
    histories
}

/// What the protocol promises is what both checkers accept.
#[test]
fn random_histories_of_a_correct_cluster_are_causal() {
    fn holds(moves: Vec<Move>) -> bool {
        let mut world = World::<Transcript>::of(3, 3);
        let mut history: History<u8> = vec![Vec::new(); 3];
        for (number, mut step) in (0..8).zip(moves) {
            let mut asked = None;
            if let Move::Update { session, choice, .. } = &mut step {
                *choice = number;
                asked = Some(usize::from(*session) % 3);
            }
            let shown = world.step(&step);
            if let Some(session) = asked {
                history[session].extend(shown.map(|Transcript(shown)| Event::Query(shown)));
                history[session].push(Event::Update(number));
            }
        }
        sessions::all(&history) == Ok(()) && exact(&history, Level::Causal)
    }
    QuickCheck::new().tests(500).quickcheck(holds as fn(Vec<Move>) -> bool);
}

fn four_guarantees(history: &History<u8>) -> Result<(), Violation> {
    sessions::read_your_writes(history)?;
    sessions::monotonic_reads(history)?;
    sessions::monotonic_writes(history)?;
    sessions::writes_follow_reads(history)
}

/// Every history with these numbers of events, whose updates are numbered and whose answers are all lists
/// of some of those updates.
fn histories(lengths: [usize; 3]) -> impl Iterator<Item = History<u8>> {
    let events: usize = lengths.iter().sum();
    (0..1_u32 << events).flat_map(move |kinds| {
        let answers = lists(kinds.count_ones() as u8);
        let queries = events - kinds.count_ones() as usize;
        (0..answers.len().pow(queries as u32)).map(move |mut choice| {
            let (mut event, mut updates) = (0, 0);
            let history = lengths.map(|length| {
                let next = |_| {
                    event += 1;
                    if kinds & 1 << (event - 1) != 0 {
                        updates += 1;
                        return Event::Update(updates - 1);
                    }
                    let answer = &answers[choice % answers.len()];
                    choice /= answers.len();
                    Event::Query(answer.clone())
                };
                (0..length).map(next).collect()
            });
            history.to_vec()
        })
    })
}

/// Every list of different numbers below `bound`.
fn lists(bound: u8) -> Vec<Vec<u8>> {
    let mut lists = vec![Vec::new()];
    let mut from = 0;
    while from < lists.len() {
        for next in (0..bound).filter(|next| !lists[from].contains(next)).collect::<Vec<_>>() {
            lists.push(lists[from].iter().copied().chain([next]).collect());
        }
        from += 1;
    }
    lists
}
