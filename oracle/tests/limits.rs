//! At the limits: what is refused because too much waits is refused by both; and files that are none.

use chinwag::{
    Effects, FrontEndId, Group, Input, ManagerState, Message, PENDING_UPDATES_MAX, Refusal,
    Replica, ReplicaId, ReplicaManager, RequestId, Sender, Serial, Timestamp, Update,
    WAITING_QUERIES_MAX, services::Counter,
};
use chinwag_oracle::{Error, Oracle, Program};
use std::thread;

const EXTRACTED: &str = include_str!("../../proofs/extracted/core.json");

/// Stack of a thread in which evaluations go as deep as ten thousand waiting things.
const STACK_BYTES: usize = 256 << 20;

/// A manager to which so many requests came that wait for an update which never comes.
fn waiting(count: usize, request: impl Fn(u64) -> Input<Counter>) -> Situation {
    let manager = ReplicaManager::new(ReplicaId(0), Group::of(2));
    let mut fx = Effects::default();
    let mut state = manager.start(Replica::empty(2), &mut fx);
    for number in 0..count as u64 {
        manager.handle(&mut state, request(number), &mut fx);
    }
    (manager, state)
}

type Situation = (ReplicaManager, ManagerState<Counter>);

fn past() -> Timestamp {
    [0, 1].into_iter().collect()
}

/// Those who wait.
const MANY: FrontEndId = FrontEndId(1);

/// Whoever comes last. Its number is the least: evaluation compares numbers by counting.
const LAST: FrontEndId = FrontEndId(0);

fn id(front_end: FrontEndId, number: u64) -> RequestId {
    RequestId { front_end, serial: Serial { incarnation: 0, number } }
}

fn query(of: FrontEndId, number: u64) -> Input<Counter> {
    let query = Message::Query { id: id(of, number), prev: past(), query: () };
    Input::Message(Sender::FrontEnd(of), query)
}

fn update(of: FrontEndId, number: u64) -> Input<Counter> {
    let acknowledged = Serial::default();
    let update = Update { id: id(of, number), acknowledged, prev: past(), op: 1 };
    Input::Message(Sender::FrontEnd(of), Message::Update(update))
}

/// Is the next request refused, by both?
fn is_refused((manager, state): &Situation, next: Input<Counter>) -> bool {
    let oracle = Oracle::new().expect("the checked-in functions can be read").with_depth(40_000);
    let (_, fx) = oracle.step(manager, state, &next).unwrap_or_else(|differs| panic!("{differs}"));
    let refused = Refusal::Overloaded;
    fx.sends.iter().any(|(_, m)| matches!(m, Message::Refused { reason, .. } if *reason == refused))
}

fn deep(test: fn()) {
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(test);
    thread.expect("a thread").join().expect("the test holds");
}

#[test]
fn queries_are_refused_when_too_many_wait() {
    deep(|| {
        let waiting = |count| waiting(count, |number| query(MANY, number));
        let full = waiting(WAITING_QUERIES_MAX);
        assert!(is_refused(&full, query(LAST, 0)));
        assert!(!is_refused(&full, query(MANY, 7)), "it waits already");
        assert!(!is_refused(&waiting(WAITING_QUERIES_MAX - 1), query(LAST, 0)));
    });
}

#[test]
fn updates_are_refused_when_too_many_wait() {
    deep(|| {
        let full = waiting(PENDING_UPDATES_MAX, |number| update(MANY, number));
        assert!(is_refused(&full, update(LAST, 0)));
    });
}

fn why(text: &str) -> String {
    Program::parse(text).and_then(Oracle::over).err().expect("it is refused").to_string()
}

#[test]
fn a_file_that_cannot_be_run_is_refused_with_the_place() {
    assert!(why(&EXTRACTED[..1_000]).contains("cannot be read: EOF"));
    assert!(why("{}").contains("in `module`: no list `declarations`"));
    let text = EXTRACTED.replace("\"on_pull\"", "\"on_push\"");
    assert!(why(&text).contains("in `on_pull`: there is no such function"), "{}", why(&text));
    let text = EXTRACTED.replace("\"Mkgsp\"", "\"Mkgossip\"");
    assert!(why(&text).contains("in `Mkgossip`: no constructor with 7 arguments is known"));
    let text = EXTRACTED.replacen("expr:case", "expr:guess", 1);
    assert!(why(&text).contains("in `negb`: an expression `expr:guess` is not known"));
    let large = " ".repeat(chinwag_oracle::FILE_BYTES_MAX + 1);
    assert!(matches!(Program::parse(&large), Err(Error::File(_))));
}
