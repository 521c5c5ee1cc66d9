//! The history checkers on histories whose verdict is known.

mod support;

use chinwag::{Service, services::*};
use chinwag_models::consistency::{
    CausalConsistencyTester, Level, OPERATIONS_MAX, ServiceOp, ServiceRet, ServiceSpec, Verdict,
    sessions::{self, Event, History},
};
use stateright::semantics::{
    ConsistencyTester, SequentialConsistencyTester, SequentialSpec,
    register::{Register, RegisterOp::*, RegisterRet::*},
};
use support::{exact, id, record, verdict};

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
        let op = RegisterOp::Put { key: key.into(), value: "1".into() };
        ServiceOp::Update(id(number), op)
    };
    let get = |key: &str| ServiceOp::Query(RegisterQuery::Get(key.into()));
    let is = |values: &[&str]| {
        let values = values.iter().map(|value| value.to_string()).collect();
        ServiceRet::Answer(RegisterAnswer::Values(values))
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

#[test]
fn a_service_run_in_sequence_is_consistent_with_itself() {
    let mut spec = ServiceSpec::<BulletinBoard>::default();
    let post = ServiceOp::Update(id(1), Post::new("hello"));
    assert_eq!(spec.invoke(&post), ServiceRet::Accepted);
    let ServiceRet::Answer(shown) = spec.invoke(&ServiceOp::Query(())) else { panic!("no answer") };
    assert_eq!(shown.len(), BulletinBoard::default().answer(&()).len() + 1);
}
