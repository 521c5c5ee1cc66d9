//! Searches for a causal order. Exact: deliberately without heuristics that could miss one.

use super::Level;
use stateright::semantics::SequentialSpec;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// Operations that a history may have; a set of them is a machine word.
pub const OPERATIONS_MAX: usize = 20;

/// Steps of the search after which it gives up: a few seconds.
pub const STEPS_MAX: u64 = 1_000_000;

/// A set of operations, by number.
type Set = u32;

/// The history is larger than the limits.
#[derive(Debug)]
pub struct Exceeded;

/// An operation of a history; those of a session stand together and in its order.
pub struct Operation<'a, Op, Ret> {
    /// Whose it is.
    pub session: usize,
    /// What was invoked.
    pub op: &'a Op,
    /// What it returned, if it did.
    pub ret: Option<&'a Ret>,
}

/// Finds for each operation its causal past, one operation after the other.
///
/// Two facts keep it small. A past that explains its operation is never worse than a larger one: the causal
/// order has fewer edges, and every explanation of a later operation remains one. So only the minimal pasts
/// are tried, and the least conceivable one, if it explains, is the only one to try. And an operation that
/// got the least one can be placed at once: being placed only adds to what others may have in their past.
pub struct Search<'a, RefObj: SequentialSpec> {
    init: &'a RefObj,
    operations: Vec<Operation<'a, RefObj::Op, RefObj::Ret>>,
    level: Level,
    /// The causal past of each operation that is placed. Invariant: transitive; contains the session's
    /// earlier operations.
    pasts: Vec<Option<Set>>,
    failed: HashSet<Vec<Option<Set>>>,
    /// Whether an operation is explained by a past in which others have these pasts.
    explained: HashMap<(usize, Vec<Option<Set>>), bool>,
    steps: u64,
}

impl<'a, RefObj: SequentialSpec + Clone + PartialEq + Hash> Search<'a, RefObj> {
    /// Prepares the search.
    pub fn new(
        init: &'a RefObj,
        operations: Vec<Operation<'a, RefObj::Op, RefObj::Ret>>,
        level: Level,
    ) -> Result<Self, Exceeded> {
        if operations.len() > OPERATIONS_MAX {
            return Err(Exceeded);
        }
        let pasts = vec![None; operations.len()];
        let (failed, explained) = (HashSet::new(), HashMap::new());
        Ok(Self { init, operations, level, pasts, failed, explained, steps: 0 })
    }

    /// Whether there is a causal order.
    pub fn decide(mut self) -> Result<bool, Exceeded> {
        self.place_all()
    }

    fn place_all(&mut self) -> Result<bool, Exceeded> {
        if self.pasts.iter().all(Option::is_some) {
            return Ok(true);
        }
        if self.failed.contains(&self.pasts) {
            return Ok(false);
        }
        let mut choices = Vec::new();
        for next in 0..self.operations.len() {
            let Some(least) = self.least_past(next) else { continue };
            if self.explains(next, least)? {
                return self.place(next, least);
            }
            for past in self.minimal_pasts(next, least)? {
                choices.push((next, past));
            }
        }
        for (next, past) in choices {
            if self.place(next, past)? {
                return Ok(true);
            }
        }
        self.failed.insert(self.pasts.clone());
        Ok(false)
    }

    fn place(&mut self, next: usize, past: Set) -> Result<bool, Exceeded> {
        self.pasts[next] = Some(past);
        let found = self.place_all();
        self.pasts[next] = None;
        found
    }

    /// What the session alone puts before the operation. None if it is placed or its predecessor is not.
    fn least_past(&self, of: usize) -> Option<Set> {
        if self.pasts[of].is_some() {
            return None;
        }
        let session = self.operations[of].session;
        match of.checked_sub(1).filter(|before| self.operations[*before].session == session) {
            Some(before) => self.pasts[before].map(|past| past | 1 << before),
            None => Some(0),
        }
    }

    /// The smallest sets of placed operations beyond `least` that explain the operation.
    fn minimal_pasts(&mut self, of: usize, least: Set) -> Result<Vec<Set>, Exceeded> {
        let placed = (0..self.pasts.len()).filter(|k| self.pasts[*k].is_some());
        let others = placed.fold(0, |set, k| set | 1 << k) & !least;
        let mut candidates = Vec::new();
        let mut extra: Set = others;
        while extra != 0 {
            self.count_step()?;
            if self.is_closed(least | extra) {
                candidates.push(least | extra);
            }
            extra = (extra - 1) & others;
        }
        candidates.sort_by_key(|set| set.count_ones());
        let mut minimal: Vec<Set> = Vec::new();
        for past in candidates {
            if minimal.iter().all(|smaller| smaller & past != *smaller)
                && self.explains(of, past)?
            {
                minimal.push(past);
            }
        }
        Ok(minimal)
    }

    fn is_closed(&self, set: Set) -> bool {
        members(set).all(|k| self.pasts[k].is_some_and(|past| past & !set == 0))
    }

    /// Whether the operation returned what it returns after some execution of `past`.
    fn explains(&mut self, of: usize, past: Set) -> Result<bool, Exceeded> {
        if self.operations[of].ret.is_none() {
            return Ok(true);
        }
        let within = (0..self.pasts.len()).map(|k| self.pasts[k].filter(|_| past & 1 << k != 0));
        let key = (of, within.collect());
        if let Some(explained) = self.explained.get(&key) {
            return Ok(*explained);
        }
        let explained = self.runs(of, past, self.init.clone(), &mut Tried::new())?;
        self.explained.insert(key, explained);
        Ok(explained)
    }

    /// Executes what is left of the past in every order that extends the causal one, then the operation.
    fn runs(
        &mut self,
        of: usize,
        left: Set,
        object: RefObj,
        tried: &mut Tried<RefObj>,
    ) -> Result<bool, Exceeded> {
        self.count_step()?;
        if left == 0 {
            return Ok(self.step(of, object, true).is_some());
        }
        for next in members(left) {
            if self.pasts[next].is_none_or(|past| past & left != 0) {
                continue;
            }
            let same_session = self.operations[next].session == self.operations[of].session;
            let shown = same_session && self.level == Level::CausalMemory;
            let Some(after) = self.step(next, object.clone(), shown) else { continue };
            let rest = left & !(1 << next);
            if tried.insert(rest, &after) && self.runs(of, rest, after, tried)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The object after the operation, unless its return is `shown` and another one.
    fn step(&self, number: usize, mut object: RefObj, shown: bool) -> Option<RefObj> {
        let Operation { op, ret, .. } = &self.operations[number];
        match ret {
            Some(ret) if shown => object.is_valid_step(op, ret).then_some(object),
            Some(_) | None => {
                object.invoke(op);
                Some(object)
            }
        }
    }

    fn count_step(&mut self) -> Result<(), Exceeded> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(Exceeded) } else { Ok(()) }
    }
}

/// What was left to execute, and on which object. (A set of pairs, but stateright's own specifications are
/// not `Eq`.)
struct Tried<RefObj>(HashMap<(Set, u64), Vec<RefObj>>);

impl<RefObj: Clone + PartialEq + Hash> Tried<RefObj> {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// Whether it was not there.
    fn insert(&mut self, left: Set, object: &RefObj) -> bool {
        let mut hasher = DefaultHasher::new();
        object.hash(&mut hasher);
        let alike = self.0.entry((left, hasher.finish())).or_default();
        let is_new = !alike.contains(object);
        if is_new {
            alike.push(object.clone());
        }
        is_new
    }
}

fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..OPERATIONS_MAX).filter(move |k| set & 1 << k != 0)
}
