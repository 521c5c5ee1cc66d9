//! The history checkers on histories whose verdict is known, and against each other.

use chinwag::{FrontEndId, RequestId, Serial, Service, services::*};
use chinwag_models::{
    consistency::{
        CausalConsistencyTester, Level, OPERATIONS_MAX, ServiceOp, ServiceRet, ServiceSpec,
        Verdict,
        sessions::{self, Event, History, Violation},
    },
    laws::history::{Move, World},
};
use quickcheck::QuickCheck;
use stateright::semantics::{
    ConsistencyTester, LinearizabilityTester, SequentialConsistencyTester, SequentialSpec,
    register::{Register, RegisterOp::*, RegisterRet::*},
};

type Broken = Result<(), Violation>;

fn u(update: u8) -> Event<u8> {
    Event::Update(update)
}

fn q<const N: usize>(answer: [u8; N]) -> Event<u8> {
    Event::Query(answer.to_vec())
}

/// Which of the four guarantees a history breaks; it must be causal if and only if that is none.
fn broken(history: History<u8>) -> Vec<&'static str> {
    let four = [
        sessions::read_your_writes,
        sessions::monotonic_reads,
        sessions::monotonic_writes,
        sessions::writes_follow_reads,
    ];
    let broken = four.iter().filter_map(|guarantee| guarantee(&history).err());
    let broken: Vec<_> = broken.map(|violation| violation.guarantee).collect();
    assert_eq!(sessions::causal(&history).is_ok(), broken.is_empty());
    assert_eq!(exact(&history, Level::Causal), broken.is_empty());
    assert_eq!(sessions::all(&history).is_ok(), broken.is_empty());
    broken
}

#[test]
fn each_session_guarantee_can_be_broken_alone() {
    let nothing: Vec<&str> = vec![];
    assert_eq!(broken(vec![vec![u(1), q([])]]), ["read your writes"]);
    assert_eq!(broken(vec![vec![u(1), q([1])]]), nothing);

    assert_eq!(broken(vec![vec![u(1)], vec![q([1]), q([])]]), ["monotonic reads"]);
    assert_eq!(broken(vec![vec![u(1)], vec![q([]), q([1])]]), nothing);

    assert_eq!(broken(vec![vec![u(1), u(2)], vec![q([2])]]), ["monotonic writes"]);
    assert_eq!(broken(vec![vec![u(1), u(2)], vec![q([2, 1])]]), ["monotonic writes"]);
    assert_eq!(broken(vec![vec![u(1), u(2)], vec![q([1]), q([1, 2])]]), nothing);

    let reply = || vec![q([1]), u(2)];
    assert_eq!(broken(vec![vec![u(1)], reply(), vec![q([2])]]), ["writes follow reads"]);
    assert_eq!(broken(vec![vec![u(1)], reply(), vec![q([2, 1])]]), ["writes follow reads"]);
    assert_eq!(broken(vec![vec![u(1)], reply(), vec![q([1]), q([1, 2])]]), nothing);
}

#[test]
fn a_violation_says_where_and_why() {
    let violation = sessions::all(&vec![vec![u(1)], vec![q([1]), q([])]]).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "monotonic reads is broken: event 1 of client 1 does not reflect 1, which the client had been shown"
    );
}

#[test]
fn concurrent_updates_may_be_shown_in_different_orders() {
    let history = vec![vec![u(1)], vec![u(2)], vec![q([1, 2])], vec![q([2, 1])]];

    assert_eq!(sessions::all(&history), Ok(()));
    assert!(exact(&history, Level::Causal));
    let mut sequential = SequentialConsistencyTester::new(ServiceSpec::<Transcript>::default());
    record(&history, &mut sequential);
    assert!(!sequential.is_consistent(), "no single order shows both");
}

#[test]
fn a_session_may_change_its_mind_about_an_order_only_below_causal_memory() {
    let history = vec![vec![u(1), q([1, 2]), q([2, 1])], vec![u(2)]];

    assert_eq!(sessions::all(&history), Ok(()));
    assert!(exact(&history, Level::Causal));
    assert!(!exact(&history, Level::CausalMemory));
}

#[test]
fn messages_between_clients_carry_causality() {
    let told =
        |answer: Event<u8>| vec![vec![u(1), Event::Send(0)], vec![Event::Receive(0), answer]];

    assert_eq!(sessions::all(&told(q([1]))), Ok(()));
    let violation = sessions::all(&told(q([]))).unwrap_err();
    assert_eq!((violation.guarantee, violation.client), ("causal consistency", 1));
}

#[test]
fn a_message_orders_the_updates_around_it() {
    let history = |answer: Event<u8>| {
        let sender = vec![u(1), Event::Send(0)];
        vec![sender, vec![Event::Receive(0), u(2)], vec![answer]]
    };

    assert_eq!(sessions::all(&history(q([1, 2]))), Ok(()));
    assert_eq!(sessions::all(&history(q([]))), Ok(()));
    assert!(sessions::all(&history(q([2]))).is_err());
    assert!(sessions::all(&history(q([2, 1]))).is_err());
}

#[test]
fn what_cannot_be_is_refused() {
    let guarantee = |history| sessions::all(&history).map_err(|violation| violation.guarantee);

    assert_eq!(guarantee(vec![vec![q([7])]]), Err("integrity"), "out of thin air");
    assert_eq!(guarantee(vec![vec![u(1)], vec![q([1, 1])]]), Err("at most once"));
    assert_eq!(guarantee(vec![vec![q([1]), u(1)]]), Err("causality"), "its own future");
    let each_reads_the_other = vec![vec![q([2]), u(1)], vec![q([1]), u(2)]];
    assert!(sessions::causal(&each_reads_the_other).is_err());
    for history in [vec![vec![q([7])]], vec![vec![q([1]), u(1)]], each_reads_the_other] {
        assert!(!exact(&history, Level::Causal), "{history:?}");
    }
}

#[test]
fn reading_the_initial_value_after_its_overwriting_was_seen_is_inconsistent() -> Result<(), String>
{
    // dbcop and AWDIT both accept this one: EXPECTATIONS 2.4.
    let put = |number, key: &str| {
        let op = RegisterMapOp::Put { key: key.into(), value: "1".into() };
        ServiceOp::Update(id(number), op)
    };
    let get = |key: &str| ServiceOp::Query(RegisterMapQuery::Get(key.into()));
    let is = |values: &[&str]| {
        let values = values.iter().map(|value| value.to_string()).collect();
        ServiceRet::Answer(RegisterMapAnswer::Values(values))
    };
    let history = |last: &[&str]| -> Result<bool, String> {
        let mut tester = CausalConsistencyTester::new(ServiceSpec::<RegisterMap>::default());
        tester.on_invret(1, put(1, "x"), ServiceRet::Accepted)?;
        tester.on_invret(2, get("x"), is(&["1"]))?;
        tester.on_invret(2, put(2, "y"), ServiceRet::Accepted)?;
        tester.on_invret(3, get("y"), is(&["1"]))?;
        Ok(tester.on_invret(3, get("x"), is(last))?.is_consistent())
    };

    assert!(!history(&[])?);
    assert!(history(&["1"])?);
    Ok(())
}

#[test]
fn registers_are_judged_as_in_the_literature() -> Result<(), String> {
    // Two writers, who each read the other's value after their own: causal memory, not sequential.
    let mut tester = CausalConsistencyTester::at(Level::CausalMemory, Register('0'));
    tester.on_invret(0, Write('a'), WriteOk)?.on_invret(0, Read, ReadOk('b'))?;
    tester.on_invret(1, Write('b'), WriteOk)?.on_invret(1, Read, ReadOk('a'))?;
    assert!(tester.is_consistent());

    // Having settled for the other's value, one's own comes back: causally consistent, no causal memory.
    for (level, expected) in [(Level::Causal, true), (Level::CausalMemory, false)] {
        let mut tester = CausalConsistencyTester::at(level, Register('0'));
        tester.on_invret(0, Write('a'), WriteOk)?.on_invret(0, Read, ReadOk('b'))?;
        tester.on_invret(0, Read, ReadOk('a'))?.on_invret(1, Write('b'), WriteOk)?;
        assert_eq!(tester.is_consistent(), expected, "{level:?}");
    }

    // What overwrote it was in the past of the reader.
    let mut tester = CausalConsistencyTester::new(Register('0'));
    tester.on_invret(0, Write('a'), WriteOk)?.on_invret(0, Write('b'), WriteOk)?;
    tester.on_invret(1, Read, ReadOk('b'))?.on_invret(1, Read, ReadOk('a'))?;
    assert!(!tester.is_consistent());
    Ok(())
}

#[test]
fn a_value_that_was_written_twice_may_come_from_either() -> Result<(), String> {
    // The fast checker cannot say: names are not unique. The reader's 'a' must be thread 2's.
    let mut tester = CausalConsistencyTester::new(Register('0'));
    tester.on_invret(0, Write('a'), WriteOk)?.on_invret(0, Write('b'), WriteOk)?;
    tester.on_invret(1, Read, ReadOk('b'))?.on_invret(1, Read, ReadOk('a'))?;
    assert!(!tester.is_consistent());
    tester.on_invret(2, Write('a'), WriteOk)?;
    assert!(tester.is_consistent());
    Ok(())
}

#[test]
fn a_pending_operation_may_have_been_seen_and_need_not_have_been() -> Result<(), String> {
    for seen in ['0', 'a'] {
        let mut tester = CausalConsistencyTester::new(Register('0'));
        tester.on_invoke(0, Write('a'))?.on_invret(1, Read, ReadOk(seen))?;
        tester.on_invoke(1, Read)?;
        assert!(tester.is_consistent(), "{seen}");
    }
    let mut tester = CausalConsistencyTester::new(Register('0'));
    tester.on_invoke(0, Write('a'))?;
    tester.on_invret(1, Read, ReadOk('a'))?.on_invret(1, Read, ReadOk('0'))?;
    assert!(!tester.is_consistent());
    Ok(())
}

#[test]
fn a_thread_that_does_two_things_at_once_is_an_error() {
    let mut tester = CausalConsistencyTester::new(Register('0'));
    tester.on_invoke(0, Read).unwrap();
    assert!(tester.on_invoke(0, Read).is_err());
    assert_eq!(tester.verdict(), Verdict::Inconsistent);

    let mut tester = CausalConsistencyTester::new(Register('0'));
    assert!(tester.on_return(0, ReadOk('0')).is_err());
    assert!(!tester.is_consistent());
}

#[test]
fn a_history_that_is_too_large_is_undecided() -> Result<(), String> {
    let mut tester = CausalConsistencyTester::new(Register('0'));
    for _ in 0..OPERATIONS_MAX {
        tester.on_invret(0, Read, ReadOk('0'))?;
    }
    assert_eq!(tester.verdict(), Verdict::Consistent);
    tester.on_invret(0, Read, ReadOk('0'))?;
    assert_eq!(tester.verdict(), Verdict::Undecided);

    // Ten concurrent updates in an order that none of 10! shows: the other limit.
    let mut history: History<u8> = (0..10).map(|update| vec![u(update)]).collect();
    history.push(vec![q([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9])]);
    assert_ne!(verdict(&history, Level::Causal), Verdict::Consistent);
    Ok(())
}

#[test]
fn a_counter_is_judged_by_its_totals() -> Result<(), String> {
    let add = |number| ServiceOp::Update(id(number), 5);
    let total = |total| ServiceRet::Answer(total);
    let mut tester = CausalConsistencyTester::new(ServiceSpec::<Counter>::default());
    tester.on_invret(0, add(1), ServiceRet::Accepted)?.on_invret(
        1,
        add(2),
        ServiceRet::Accepted,
    )?;
    tester.on_invret(2, ServiceOp::Query(()), total(5))?;
    tester.on_invret(2, ServiceOp::Query(()), total(10))?;
    assert!(tester.is_consistent());
    tester.on_invret(2, ServiceOp::Query(()), total(5))?;
    assert!(!tester.is_consistent(), "totals of positive amounts do not fall");
    Ok(())
}

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

fn four_guarantees(history: &History<u8>) -> Broken {
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

fn exact(history: &History<u8>, level: Level) -> bool {
    let verdict = verdict(history, level);
    assert_ne!(verdict, Verdict::Undecided);
    verdict == Verdict::Consistent
}

fn verdict(history: &History<u8>, level: Level) -> Verdict {
    let mut tester = CausalConsistencyTester::at(level, ServiceSpec::<Transcript>::default());
    record(history, &mut tester);
    tester.verdict()
}

fn record<Tester>(history: &History<u8>, tester: &mut Tester)
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

fn id(number: u8) -> RequestId {
    let serial = Serial { incarnation: 0, number: u64::from(number) };
    RequestId { front_end: FrontEndId(0), serial }
}

#[test]
fn a_service_run_in_sequence_is_consistent_with_itself() {
    let mut spec = ServiceSpec::<BulletinBoard>::default();
    let post = ServiceOp::Update(id(1), Post::new("hello"));
    assert_eq!(spec.invoke(&post), ServiceRet::Accepted);
    let ServiceRet::Answer(shown) = spec.invoke(&ServiceOp::Query(())) else { panic!("no answer") };
    assert_eq!(shown.len(), BulletinBoard::default().answer(&()).len() + 1);
}
