//! The exact tester against its definition: every partial order, every order of execution, no pruning.

use chinwag_models::consistency::{CausalConsistencyTester, Level};
use stateright::semantics::{
    ConsistencyTester, SequentialSpec,
    register::{Register, RegisterOp, RegisterRet},
};

type Operation = (RegisterOp<u8>, RegisterRet<u8>);

const OPERATIONS: usize = 4;

/// An event is before the others of its own set; transitive and without cycles.
type Pasts = [u32; OPERATIONS];

#[test]
fn the_exact_tester_decides_as_defined_on_all_histories_of_four_register_operations() {
    let mut verdicts = [0, 0];
    for sessions in [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 0, 1, 2], [0, 1, 2, 3]] {
        let orders = causal_orders(&sessions);
        for number in 0..4_u32.pow(OPERATIONS as u32) {
            let history = operations(number);
            for level in [Level::Causal, Level::CausalMemory] {
                let defined =
                    orders.iter().any(|pasts| explains(pasts, &sessions, &history, level));
                let tested = is_consistent(&sessions, &history, level);
                assert_eq!(tested, defined, "{level:?}: {sessions:?} {history:?}");
                verdicts[usize::from(tested)] += 1;
            }
        }
    }
    assert!(verdicts.iter().all(|times| *times > 500), "{verdicts:?}");
}

/// Writes and reads of the two values of a register that begins as 0, so values are not unique.
fn operations(number: u32) -> [Operation; OPERATIONS] {
    std::array::from_fn(|k| match number >> (2 * k) & 3 {
        0 => (RegisterOp::Write(0), RegisterRet::WriteOk),
        1 => (RegisterOp::Write(1), RegisterRet::WriteOk),
        2 => (RegisterOp::Read, RegisterRet::ReadOk(0)),
        _ => (RegisterOp::Read, RegisterRet::ReadOk(1)),
    })
}

fn is_consistent(sessions: &[usize], history: &[Operation], level: Level) -> bool {
    let mut tester = CausalConsistencyTester::at(level, Register(0));
    for (session, (op, ret)) in sessions.iter().zip(history) {
        tester.on_invret(*session, op.clone(), ret.clone()).expect("one after the other");
    }
    tester.is_consistent()
}

/// Every strict partial order that contains the order of each session.
fn causal_orders(sessions: &[usize; OPERATIONS]) -> Vec<Pasts> {
    let all = (0..16_u32.pow(OPERATIONS as u32))
        .map(|number| -> Pasts { std::array::from_fn(|k| number >> (4 * k) & 15) });
    let pairs = || (0..OPERATIONS).flat_map(|a| (0..OPERATIONS).map(move |b| (a, b)));
    let is_before = |pasts: &Pasts, a: usize, b: usize| pasts[b] & 1 << a != 0;
    let is_order = |pasts: &Pasts| {
        pairs().all(|(a, b)| {
            let session_order = a < b && sessions[a] == sessions[b];
            let transitive = !is_before(pasts, a, b) || pasts[a] & !pasts[b] == 0;
            let irreflexive = a != b || !is_before(pasts, a, b);
            (!session_order || is_before(pasts, a, b)) && transitive && irreflexive
        })
    };
    all.filter(is_order).collect()
}

/// Whether each operation returns what it returned after some execution of its past.
fn explains(pasts: &Pasts, sessions: &[usize], history: &[Operation], level: Level) -> bool {
    (0..OPERATIONS).all(|of| {
        let shown =
            |k: usize| k == of || level == Level::CausalMemory && sessions[k] == sessions[of];
        runs(pasts, history, pasts[of] | 1 << of, Register(0), &shown)
    })
}

fn runs(
    pasts: &Pasts,
    history: &[Operation],
    left: u32,
    register: Register<u8>,
    shown: &dyn Fn(usize) -> bool,
) -> bool {
    let ready = (0..OPERATIONS).filter(|k| left & 1 << k != 0 && pasts[*k] & left == 0);
    left == 0
        || ready.into_iter().any(|next| {
            let (mut register, (op, ret)) = (register.clone(), &history[next]);
            let returned = register.invoke(op);
            (!shown(next) || returned == *ret)
                && runs(pasts, history, left & !(1 << next), register, shown)
        })
}
