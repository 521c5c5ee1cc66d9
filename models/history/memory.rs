//! Causal memory: for each session one order of the writes explains all that it read (Bouajjani et al.,
//! POPL 2017: CyclicHB and WriteHBInitRead, for transactions).
//!
//! What a session read forces writes into an order, which puts more into the past of what it read, which
//! may force more. The fixed point of that is computed for each session, with clocks as for the causal
//! order.

use super::{
    explain::{Derived, Explainer, Stale},
    order::Order,
    reads::Read,
    record::NONE,
    violation::{Pattern, Violation},
    walk::{Ground, Must, Walk, shortest_cycle},
};
use hashbrown::HashMap;
use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

/// Transactions of a history that is judged for causal memory. At worst the time is the
/// square of the operations, times the sessions that write, times all sessions.
pub const MEMORY_TRANSACTIONS_MAX: usize = 200_000;

/// Numbers compared for one history; then it is given up.
pub const MEMORY_STEPS_MAX: u64 = 20_000_000_000;

/// What causal memory came to.
pub enum Memory {
    Holds,
    Violated(Box<Violation>),
    /// [`MEMORY_STEPS_MAX`] was met.
    GivenUp,
}

/// What breaks causal memory in a causally consistent history.
pub fn memory(order: &Order<'_>) -> Memory {
    let mut view = View::new(order);
    for session in order.links.sessions() {
        if session.is_empty() {
            continue;
        }
        view.enter(session.end - 1);
        match view.saturate() {
            Memory::Holds => {}
            broken => return broken,
        }
    }
    Memory::Holds
}

/// The order of one session: causality, and what the session's reads force.
struct View<'a> {
    order: &'a Order<'a>,
    /// The last transaction of the session. Only what is in its past matters.
    last: u32,
    /// Rows that differ from the causal clocks, where the number of the session says so.
    clocks: Vec<u32>,
    differs: Vec<u32>,
    number: u32,
    /// In the order of derivation, and by their first.
    musts: Vec<Must>,
    from: HashMap<u32, Vec<u32>>,
    /// Transactions of the session whose past has grown since their reads were looked at.
    grown: BTreeSet<u32>,
    steps: u64,
}

impl<'a> View<'a> {
    fn new(order: &'a Order<'a>) -> Self {
        let n = order.history.txns.len();
        Self {
            order,
            last: NONE,
            clocks: vec![0; n * order.width],
            differs: vec![0; n],
            number: 0,
            musts: Vec::new(),
            from: HashMap::new(),
            grown: BTreeSet::new(),
            steps: 0,
        }
    }

    fn enter(&mut self, last: u32) {
        self.number += 1;
        self.last = last;
        self.musts.clear();
        self.from.clear();
        let reads = |txn: &u32| !self.order.links.reads_of(*txn).is_empty();
        self.grown = self.order.links.session(self.order.history, last).filter(reads).collect();
    }

    fn saturate(&mut self) -> Memory {
        while let Some(txn) = self.grown.pop_first() {
            for place in self.order.links.reads_of(txn) {
                let read = self.order.reads[place];
                for number in self.order.writes.of_key(read.key) {
                    if let Some(violation) = self.look_at(read, number) {
                        return Memory::Violated(Box::new(violation));
                    }
                }
            }
            if self.steps > MEMORY_STEPS_MAX {
                return Memory::GivenUp;
            }
        }
        Memory::Holds
    }

    /// The last write of a run in the past of a read must come before what was read.
    fn look_at(&mut self, read: Read, number: usize) -> Option<Violation> {
        self.steps += 1;
        let order = self.order;
        let run = order.writes.run(number);
        let seen = order.seen(self.clock(read.txn), read.txn, run.column);
        let source = read.source;
        if source != NONE && self.clock(source)[run.column as usize] >= seen {
            return None; // It comes before already, or is it.
        }
        let first = order.writes.last(run, seen).filter(|first| *first != source)?;
        if source == NONE {
            return Some(self.stale_initial(first, read));
        }
        if self.is_before(first, source) {
            return None;
        }
        let (run, pos) = (number as u32, order.pos(first));
        self.musts.push(Must { run, pos, first, second: source });
        if self.is_before(source, first) {
            return Some(self.cycle(source));
        }
        self.from.entry(first).or_default().push(source);
        self.raise(first, source);
        None
    }

    fn clock(&self, txn: u32) -> &[u32] {
        let width = self.order.width;
        match self.differs[txn as usize] == self.number {
            true => &self.clocks[txn as usize * width..][..width],
            false => self.order.clock(txn),
        }
    }

    /// As [`Order::is_before`], in the order of this session.
    fn is_before(&self, first: u32, second: u32) -> bool {
        let column = self.order.column(first) as usize;
        first != second && self.clock(second)[column] >= self.order.pos(first)
    }

    fn is_in_past(&self, txn: u32) -> bool {
        let column = self.order.column(txn);
        let of_others = || {
            column != NONE && self.order.clock(self.last)[column as usize] >= self.order.pos(txn)
        };
        self.order.links.session(self.order.history, self.last).contains(&txn) || of_others()
    }

    /// Puts one transaction into the past of another, and of all after that.
    fn raise(&mut self, first: u32, second: u32) {
        let mut todo = BinaryHeap::new();
        if self.put(first, second) {
            todo.push(Reverse((self.order.rank[second as usize], second)));
        }
        while let Some(Reverse((_, txn))) = todo.pop() {
            for next in self.after(txn) {
                let reached = (self.order.rank[next as usize], next);
                if self.put(txn, next) {
                    todo.push(Reverse(reached));
                }
            }
        }
    }

    fn after(&self, txn: u32) -> Vec<u32> {
        let links = &self.order.links;
        let session = links.session(self.order.history, txn);
        let next = Some(txn + 1).filter(|next| session.contains(next));
        let readers = links.readers_of(txn).iter().map(|p| self.order.reads[*p as usize].txn);
        let musts = self.from.get(&txn).into_iter().flatten().copied();
        let all = next.into_iter().chain(readers).chain(musts);
        all.filter(|next| self.is_in_past(*next)).collect()
    }

    /// Takes the past of the first into that of the second. Says whether that is news.
    fn put(&mut self, first: u32, second: u32) -> bool {
        let width = self.order.width;
        self.steps += width as u64;
        let first = self.clock(first);
        if first.iter().zip(self.clock(second)).all(|(first, second)| first <= second) {
            return false;
        }
        let merged: Vec<u32> = first
            .iter()
            .zip(self.clock(second))
            .map(|(first, second)| *first.max(second))
            .collect();
        self.clocks[second as usize * width..][..width].copy_from_slice(&merged);
        self.differs[second as usize] = self.number;
        let session = self.order.links.session(self.order.history, self.last);
        if session.contains(&second) && !self.order.links.reads_of(second).is_empty() {
            self.grown.insert(second);
        }
        true
    }

    /// The last must closed a cycle, so all cycles have it.
    fn cycle(&self, source: u32) -> Violation {
        let sorted = self.sorted();
        let mut walk = Walk::on(self.ground(&sorted));
        let (cycle, is_shortest) =
            shortest_cycle(&mut walk, &[source]).expect("the clocks say that it is a cycle");
        let derived = Derived { musts: &self.musts, session: self.last };
        let explainer = Explainer::new(self.order.history, self.order.reads);
        explainer.cycle(Pattern::CyclicHB, self.order, &cycle, derived, is_shortest)
    }

    fn stale_initial(&self, first: u32, read: Read) -> Violation {
        let sorted = self.sorted();
        let mut walk = Walk::on(self.ground(&sorted));
        let past = walk.shortest(first, NONE, |txn| txn == read.txn);
        let past = past.expect("the clocks say that it is in the past");
        let derived = Derived { musts: &self.musts, session: self.last };
        let explainer = Explainer::new(self.order.history, self.order.reads);
        let stale = Stale { source: Vec::new(), past, read };
        explainer.stale(Pattern::WriteHBInitRead, self.order, &stale, derived, true)
    }

    fn sorted(&self) -> Vec<Must> {
        let mut sorted = self.musts.clone();
        sorted.sort_unstable();
        sorted
    }

    fn ground<'b>(&'b self, musts: &'b [Must]) -> Ground<'b> {
        let Order { history, reads, links, .. } = self.order;
        Ground { history, reads, links, musts: Some((self.order, musts)) }
    }
}
