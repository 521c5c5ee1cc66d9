//! The checker as one of stateright's testers, for models of stores.

use super::{
    judge::{Question, Verdict, judge},
    record::{Outcome, Recorder},
};
use serde::Serialize;
use stateright::semantics::{
    ConsistencyTester, SequentialSpec,
    register::{Register, RegisterOp, RegisterRet},
};
use std::{collections::BTreeMap, fmt::Debug};

/// A store of registers with transactions, as a sequential specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Store<K: Ord, V> {
    values: BTreeMap<K, V>,
}

impl<K: Ord, V> Default for Store<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new() }
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Access<K, V> {
    /// What is it?
    Read(K),
    /// Be this.
    Write(K, V),
}

impl<K, V> SequentialSpec for Store<K, V>
where
    K: Clone + Ord,
    V: Clone + PartialEq,
{
    /// A transaction.
    type Op = Vec<Access<K, V>>;
    /// What its reads returned; none is the initial value.
    type Ret = Vec<Option<V>>;

    fn invoke(&mut self, transaction: &Self::Op) -> Self::Ret {
        let mut read = Vec::new();
        for access in transaction {
            match access {
                Access::Read(key) => read.push(self.values.get(key).cloned()),
                Access::Write(key, value) => drop(self.values.insert(key.clone(), value.clone())),
            }
        }
        read
    }
}

/// Tests histories of a [`Store`], or of stateright's [`Register`], for one [`Question`]; near-linear,
/// where [`CausalConsistencyTester`](crate::consistency::CausalConsistencyTester) is exponential but
/// judges any object.
///
/// Each write of a key needs a value of its own, which is not the initial one.
///
/// ```
/// use chinwag_models::history::{HistoryTester, Question};
/// use stateright::semantics::{ConsistencyTester, register::{Register, RegisterOp::*, RegisterRet::*}};
/// # fn main() -> Result<(), String> {
/// let mut tester = HistoryTester::new(Question::Causal, Some('a'));
/// ConsistencyTester::<_, Register<char>>::on_invret(&mut tester, 0, Write('b'), WriteOk)?;
/// ConsistencyTester::<_, Register<char>>::on_invret(&mut tester, 0, Read, ReadOk('a'))?;
/// assert!(!ConsistencyTester::<_, Register<char>>::is_consistent(&tester));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HistoryTester<ThreadId, K, V> {
    question: Question,
    initial: Option<V>,
    sessions: BTreeMap<ThreadId, Session<K, V>>,
    is_valid: bool,
}

/// A transaction, and what its reads returned.
type Returned<K, V> = (Vec<Access<K, V>>, Vec<Option<V>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session<K, V> {
    returned: Vec<Returned<K, V>>,
    pending: Option<Vec<Access<K, V>>>,
}

impl<K, V> Default for Session<K, V> {
    fn default() -> Self {
        Self { returned: Vec::new(), pending: None }
    }
}

impl<T, K, V> HistoryTester<T, K, V>
where
    T: Clone + Debug + Ord,
    K: Clone + Debug + Ord,
    V: Clone + Debug + PartialEq,
{
    /// Asks this. A read of `initial` is a read of the initial value, as is one of nothing.
    pub fn new(question: Question, initial: Option<V>) -> Self {
        Self { question, initial, sessions: BTreeMap::new(), is_valid: true }
    }

    /// What the history so far is worth; an error if its values are not unique.
    pub fn verdict(&self) -> Result<Verdict, super::Mistake> {
        let mut recorder = Recorder::new();
        for (thread, session) in &self.sessions {
            let name = format!("{thread:?}");
            for (op, ret) in &session.returned {
                recorder.begin(&name, Outcome::Committed, 0);
                self.record(&mut recorder, op, ret);
            }
            if let Some(op) = &session.pending {
                recorder.begin(&name, Outcome::Unknown, 0);
                self.record(&mut recorder, op, &[]);
            }
        }
        let history = recorder.finish()?;
        let mut judgement = judge(&history, &[self.question]);
        Ok(judgement.answers.remove(0).1)
    }

    fn record(&self, recorder: &mut Recorder, op: &[Access<K, V>], ret: &[Option<V>]) {
        let mut returned = ret.iter();
        for access in op {
            match access {
                Access::Write(key, value) => {
                    recorder.write(&format!("{key:?}"), &format!("{value:?}"));
                }
                Access::Read(key) => {
                    let value = returned.next().cloned().flatten();
                    let value = value.filter(|value| Some(value) != self.initial.as_ref());
                    let value = value.map(|value| format!("{value:?}"));
                    recorder.read(&format!("{key:?}"), value.as_deref());
                }
            }
        }
    }

    fn invoke(&mut self, thread: T, op: Vec<Access<K, V>>) -> Result<&mut Self, String> {
        let session = self.sessions.entry(thread.clone()).or_default();
        if session.pending.replace(op).is_some() {
            self.is_valid = false;
        }
        match self.is_valid {
            true => Ok(self),
            false => Err(format!("{thread:?} does two things at once, or another one did")),
        }
    }

    fn give(&mut self, thread: T, ret: Vec<Option<V>>) -> Result<&mut Self, String> {
        let session = self.sessions.entry(thread.clone()).or_default();
        match session.pending.take() {
            Some(op) => session.returned.push((op, ret)),
            None => self.is_valid = false,
        }
        match self.is_valid {
            true => Ok(self),
            false => Err(format!("{thread:?} returns from nothing, or another one did")),
        }
    }

    fn holds(&self) -> bool {
        if !self.is_valid {
            return false;
        }
        match self.verdict() {
            Ok(Verdict::Holds) => true,
            Ok(Verdict::Violated(_)) => false,
            Ok(Verdict::Undecided(why)) => panic!("undecided: {why}"),
            Err(mistake) => panic!("undecided: {mistake}"),
        }
    }
}

/// `is_consistent` panics if values are not unique, since neither answer would be true.
impl<T, K, V> ConsistencyTester<T, Store<K, V>> for HistoryTester<T, K, V>
where
    T: Copy + Debug + Ord,
    K: Clone + Debug + Ord,
    V: Clone + Debug + PartialEq,
{
    fn on_invoke(&mut self, thread: T, op: Vec<Access<K, V>>) -> Result<&mut Self, String> {
        self.invoke(thread, op)
    }

    fn on_return(&mut self, thread: T, ret: Vec<Option<V>>) -> Result<&mut Self, String> {
        self.give(thread, ret)
    }

    fn is_consistent(&self) -> bool {
        self.holds()
    }
}

/// `is_consistent` panics if values are not unique, since neither answer would be true.
impl<T, V> ConsistencyTester<T, Register<V>> for HistoryTester<T, (), V>
where
    T: Copy + Debug + Ord,
    V: Clone + Debug + PartialEq,
{
    fn on_invoke(&mut self, thread: T, op: RegisterOp<V>) -> Result<&mut Self, String> {
        let access = match op {
            RegisterOp::Read => Access::Read(()),
            RegisterOp::Write(value) => Access::Write((), value),
        };
        self.invoke(thread, vec![access])
    }

    fn on_return(&mut self, thread: T, ret: RegisterRet<V>) -> Result<&mut Self, String> {
        let ret = match ret {
            RegisterRet::ReadOk(value) => vec![Some(value)],
            RegisterRet::WriteOk => Vec::new(),
        };
        self.give(thread, ret)
    }

    fn is_consistent(&self) -> bool {
        self.holds()
    }
}
