//! The tester: records a history as stateright's other testers do. The decision is in `search`.

use super::search::{Operation, Search};
use serde::Serialize;
use stateright::semantics::{ConsistencyTester, SequentialSpec};
use std::{collections::BTreeMap, fmt::Debug, hash::Hash};

/// Which of a session's returns a causal past must explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Level {
    /// Causal consistency, CC: only that of the operation whose past it is. Perrin, Mostefaoui and Jard
    /// (PPoPP 2016) call it weak causal consistency.
    Causal,
    /// Causal memory, CM: also those of the session's earlier operations, in the same order of execution.
    /// Perrin et al. call it causal consistency.
    CausalMemory,
}

/// What a history turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A causal order explains it.
    Consistent,
    /// No causal order does, or a thread did two things at once.
    Inconsistent,
    /// [`OPERATIONS_MAX`](super::OPERATIONS_MAX) or [`STEPS_MAX`](super::STEPS_MAX) was reached.
    Undecided,
}

/// Tests histories for causal consistency with a sequential specification.
///
/// The definition is that of Bouajjani, Enea, Guerraoui and Hamza, "On verifying causal consistency"
/// (POPL 2017). There must be a strict partial order of the operations, the causal order, that
/// contains the order of each session (AxCausal), so that for each operation that returned, the operations
/// before it in the causal order can be executed in some order that extends the causal one, and then the
/// operation itself, which then returns what it did return (AxCausalValue). What the others return there
/// does not matter, except as [`Level`] says. Different operations may be explained by different orders:
/// nothing says that sessions agree on the order of concurrent updates (that would be causal convergence).
///
/// An operation that was invoked and did not return may be in the past of others; it need not be.
///
/// ```
/// # use chinwag_models::consistency::CausalConsistencyTester;
/// use stateright::semantics::{ConsistencyTester, register::{Register, RegisterOp::*, RegisterRet::*}};
/// # fn main() -> Result<(), String> {
/// let mut tester = CausalConsistencyTester::new(Register('a'));
/// tester.on_invret(0, Write('b'), WriteOk)?.on_invret(1, Read, ReadOk('a'))?;
/// assert!(tester.is_consistent());
/// tester.on_invret(0, Read, ReadOk('a'))?;
/// assert!(!tester.is_consistent(), "thread 0 does not read what it wrote");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(bound(
    serialize = "ThreadId: Ord + Serialize, RefObj: Serialize, RefObj::Op: Serialize, \
    RefObj::Ret: Serialize"
))]
pub struct CausalConsistencyTester<ThreadId, RefObj: SequentialSpec> {
    level: Level,
    init: RefObj,
    sessions: BTreeMap<ThreadId, Session<RefObj::Op, RefObj::Ret>>,
    is_valid: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
struct Session<Op, Ret> {
    returned: Vec<(Op, Ret)>,
    pending: Option<Op>,
}

impl<Op, Ret> Default for Session<Op, Ret> {
    fn default() -> Self {
        Self { returned: Vec::new(), pending: None }
    }
}

impl<T: Ord, RefObj: SequentialSpec> CausalConsistencyTester<T, RefObj> {
    /// Tests for [`Level::Causal`], from this initial value of the reference object.
    pub fn new(init: RefObj) -> Self {
        Self::at(Level::Causal, init)
    }

    /// Tests for the given level.
    pub fn at(level: Level, init: RefObj) -> Self {
        Self { level, init, sessions: BTreeMap::new(), is_valid: true }
    }

    /// How many operations were invoked.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks whether there were none")]
    pub fn len(&self) -> usize {
        let lens =
            self.sessions.values().map(|s| s.returned.len() + usize::from(s.pending.is_some()));
        lens.sum()
    }

    fn invalid(&mut self, why: String) -> Result<&mut Self, String> {
        self.is_valid = false;
        Err(why)
    }
}

impl<T: Ord, RefObj> CausalConsistencyTester<T, RefObj>
where
    RefObj: SequentialSpec + Clone + PartialEq + Hash,
{
    /// Judges the history so far. Exponential in its length: of three random sessions, a tenth of a
    /// millisecond for 10 operations and 3 for 16 (at worst 5 and 200), in a release build.
    pub fn verdict(&self) -> Verdict {
        if !self.is_valid {
            return Verdict::Inconsistent;
        }
        let mut operations = Vec::new();
        for (number, session) in self.sessions.values().enumerate() {
            let returned = session.returned.iter().map(|(op, ret)| (op, Some(ret)));
            let all = returned.chain(session.pending.iter().map(|op| (op, None)));
            operations.extend(all.map(|(op, ret)| Operation { session: number, op, ret }));
        }
        match Search::new(&self.init, operations, self.level).and_then(Search::decide) {
            Ok(true) => Verdict::Consistent,
            Ok(false) => Verdict::Inconsistent,
            Err(_) => Verdict::Undecided,
        }
    }
}

impl<T, RefObj> ConsistencyTester<T, RefObj> for CausalConsistencyTester<T, RefObj>
where
    T: Copy + Debug + Ord,
    RefObj: SequentialSpec + Clone + PartialEq + Hash,
    RefObj::Op: Debug,
    RefObj::Ret: Debug,
{
    fn on_invoke(&mut self, thread_id: T, op: RefObj::Op) -> Result<&mut Self, String> {
        if !self.is_valid {
            return Err("the history was invalid before".to_string());
        }
        let session = self.sessions.entry(thread_id).or_default();
        if let Some(pending) = &session.pending {
            let why = format!("{thread_id:?} invokes {op:?} while {pending:?} has not returned");
            return self.invalid(why);
        }
        session.pending = Some(op);
        Ok(self)
    }

    fn on_return(&mut self, thread_id: T, ret: RefObj::Ret) -> Result<&mut Self, String> {
        if !self.is_valid {
            return Err("the history was invalid before".to_string());
        }
        let session = self.sessions.entry(thread_id).or_default();
        let Some(op) = session.pending.take() else {
            return self.invalid(format!("{thread_id:?} returns {ret:?} from nothing"));
        };
        session.returned.push((op, ret));
        Ok(self)
    }

    /// Panics if the history is too large to decide, since neither answer would be true: see
    /// [`CausalConsistencyTester::verdict`].
    fn is_consistent(&self) -> bool {
        match self.verdict() {
            Verdict::Consistent => true,
            Verdict::Inconsistent => false,
            Verdict::Undecided => panic!("a history of {} operations is too large", self.len()),
        }
    }
}
