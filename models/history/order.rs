//! The causal order: the order of each session, each write before its reads, and what follows. Kept as
//! clocks, one number for each session that writes; deliberately not as a relation, which would be
//! quadratic.

use super::{
    reads::Read,
    record::{History, NONE},
};
use std::ops::Range;

/// Bytes of clocks: transactions x sessions that write x 4. A history that needs more is refused.
pub const CLOCK_BYTES_MAX: u64 = 4 << 30;

/// The causal order of a history without cycles.
pub struct Order<'h> {
    pub history: &'h History,
    /// By transaction.
    pub reads: &'h [Read],
    pub links: Links,
    /// The column of each session that writes.
    columns: Vec<u32>,
    pub width: usize,
    clocks: Vec<u32>,
    /// A number for each transaction, greater than those of all before it.
    pub rank: Vec<u32>,
    pub writes: Writes,
}

/// What keys were written, by whom, in runs: one for each key and session.
pub struct Writes {
    /// By key, column and place.
    all: Vec<Write>,
    runs: Vec<Run>,
    /// The runs of each key.
    runs_of: Vec<u32>,
    /// The runs in which each transaction writes.
    by_txn: Vec<u32>,
    by_txn_of: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Write {
    pos: u32,
    txn: u32,
}

/// All transactions of one session that write one key.
#[derive(Clone, Copy)]
pub struct Run {
    pub column: u32,
    pub key: u32,
    first: u32,
    end: u32,
}

/// Everything but the clocks, which a cyclic history cannot have.
pub struct Links {
    reads_of: Vec<u32>,
    /// Places among the reads, by source; and where those of each source begin.
    readers: Vec<u32>,
    readers_of: Vec<u32>,
    /// The first transaction of each session, and one past the last.
    starts: Vec<u32>,
}

impl Links {
    pub fn of(history: &History, reads: &[Read]) -> Self {
        let n = history.txns.len();
        let reads_of = offsets(n, reads.iter().map(|read| read.txn));
        let known = || reads.iter().filter(|read| read.source != NONE);
        let readers_of = offsets(n, known().map(|read| read.source));
        let mut next = readers_of.clone();
        let mut readers = vec![0; readers_of[n] as usize];
        for (place, read) in reads.iter().enumerate().filter(|(_, read)| read.source != NONE) {
            readers[next[read.source as usize] as usize] = place as u32;
            next[read.source as usize] += 1;
        }
        let starts = offsets(history.sessions.len(), history.txns.iter().map(|txn| txn.session));
        Self { reads_of, readers, readers_of, starts }
    }

    /// All transactions in an order that respects causality; or those on cycles, and between cycles.
    pub fn sorted(&self, history: &History, reads: &[Read]) -> Result<Vec<u32>, Vec<u32>> {
        let n = history.txns.len();
        let mut waits: Vec<u32> = history.txns.iter().map(|txn| u32::from(txn.pos > 1)).collect();
        reads.iter().filter(|read| read.source != NONE).for_each(|r| waits[r.txn as usize] += 1);
        let mut order: Vec<u32> = (0..n as u32).filter(|txn| waits[*txn as usize] == 0).collect();
        let mut done = 0;
        while let Some(txn) = order.get(done).copied() {
            done += 1;
            let mut release = |next: u32| {
                waits[next as usize] -= 1;
                if waits[next as usize] == 0 {
                    order.push(next);
                }
            };
            if txn + 1 < self.session(history, txn).end {
                release(txn + 1);
            }
            for place in self.readers_of(txn) {
                release(reads[*place as usize].txn);
            }
        }
        if done == n {
            return Ok(order);
        }
        Err((0..n as u32).filter(|txn| waits[*txn as usize] > 0).collect())
    }

    /// The places among the reads of what a transaction read.
    pub fn reads_of(&self, txn: u32) -> Range<usize> {
        range(&self.reads_of, txn)
    }

    /// The places among the reads of who read from it.
    pub fn readers_of(&self, txn: u32) -> &[u32] {
        &self.readers[range(&self.readers_of, txn)]
    }

    /// All transactions of the session of this one.
    pub fn session(&self, history: &History, txn: u32) -> Range<u32> {
        let session = history.txns[txn as usize].session as usize;
        self.starts[session]..self.starts[session + 1]
    }

    /// Each session's transactions.
    pub fn sessions(&self) -> impl Iterator<Item = Range<u32>> {
        self.starts.windows(2).map(|pair| pair[0]..pair[1])
    }
}

/// How many bytes the clocks of a history take.
pub fn clock_bytes(history: &History) -> u64 {
    let writers = columns(history).1 as u64;
    history.txns.len() as u64 * writers * 4
}

fn columns(history: &History) -> (Vec<u32>, usize) {
    let (mut columns, mut width) = (vec![NONE; history.sessions.len()], 0);
    for txn in &history.txns {
        let column = &mut columns[txn.session as usize];
        if *column == NONE && history.ops[txn.ops()].iter().any(|op| op.is_write) {
            *column = width as u32;
            width += 1;
        }
    }
    (columns, width)
}

impl<'h> Order<'h> {
    /// From an order of `Links::sorted`.
    pub fn new(history: &'h History, reads: &'h [Read], links: Links, sorted: &[u32]) -> Self {
        let (columns, width) = columns(history);
        let mut rank = vec![0; sorted.len()];
        (0..).zip(sorted).for_each(|(number, txn)| rank[*txn as usize] = number);
        let clocks = vec![0; sorted.len() * width];
        let writes = Writes::of(history, &columns);
        let mut order = Self { history, reads, links, columns, width, clocks, rank, writes };
        sorted.iter().for_each(|txn| order.tick(*txn));
        order
    }

    fn tick(&mut self, txn: u32) {
        let told = self.history.txns[txn as usize];
        if told.pos > 1 {
            merge(&mut self.clocks, self.width, txn - 1, txn);
        }
        for place in self.links.reads_of(txn) {
            let source = self.reads[place].source;
            if source != NONE {
                merge(&mut self.clocks, self.width, source, txn);
            }
        }
        let column = self.columns[told.session as usize];
        if column != NONE {
            self.clocks[txn as usize * self.width + column as usize] = told.pos;
        }
    }

    /// How many transactions of each session that writes are before this one, or are it.
    pub fn clock(&self, txn: u32) -> &[u32] {
        &self.clocks[txn as usize * self.width..][..self.width]
    }

    /// The column of its session; [`NONE`] if that never writes.
    pub fn column(&self, txn: u32) -> u32 {
        self.columns[self.history.txns[txn as usize].session as usize]
    }

    pub fn pos(&self, txn: u32) -> u32 {
        self.history.txns[txn as usize].pos
    }

    /// Is the first before the second? The first must write.
    pub fn is_before(&self, first: u32, second: u32) -> bool {
        first != second && self.clock(second)[self.column(first) as usize] >= self.pos(first)
    }

    /// How much of a session's column is before a transaction, without itself.
    pub fn seen(&self, clock: &[u32], txn: u32, column: u32) -> u32 {
        let seen = clock[column as usize];
        if self.column(txn) == column { self.pos(txn) - 1 } else { seen }
    }
}

impl Writes {
    fn of(history: &History, columns: &[u32]) -> Self {
        let mut all = Vec::new();
        for (txn, told) in history.txns.iter().enumerate() {
            let column = columns[told.session as usize];
            for op in history.ops[told.ops()].iter().filter(|op| op.is_write) {
                all.push((op.key, column, told.pos, txn as u32));
            }
        }
        all.sort_unstable();
        all.dedup(); // A transaction that writes a key twice writes it once as others see it.
        let mut runs: Vec<Run> = Vec::new();
        for (place, (key, column, ..)) in (0..).zip(&all) {
            match runs.last_mut().filter(|run| (run.key, run.column) == (*key, *column)) {
                Some(run) => run.end = place + 1,
                None => runs.push(Run { column: *column, key: *key, first: place, end: place + 1 }),
            }
        }
        let runs_of = offsets(history.keys.len(), runs.iter().map(|run| run.key));
        let by_txn_of = offsets(history.txns.len(), all.iter().map(|write| write.3));
        let (mut next, mut by_txn) = (by_txn_of.clone(), vec![0; all.len()]);
        for (number, run) in (0..).zip(&runs) {
            for (.., txn) in &all[run.first as usize..run.end as usize] {
                by_txn[next[*txn as usize] as usize] = number;
                next[*txn as usize] += 1;
            }
        }
        let all = all.into_iter().map(|(.., pos, txn)| Write { pos, txn }).collect();
        Self { all, runs, runs_of, by_txn, by_txn_of }
    }

    /// The runs of a key, by column: their numbers.
    pub fn of_key(&self, key: u32) -> Range<usize> {
        range(&self.runs_of, key)
    }

    /// The runs in which a transaction writes.
    pub fn of_txn(&self, txn: u32) -> &[u32] {
        &self.by_txn[range(&self.by_txn_of, txn)]
    }

    pub fn run(&self, number: usize) -> Run {
        self.runs[number]
    }

    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// The last transaction of a run at a place of its session or before.
    pub fn last(&self, run: Run, pos: u32) -> Option<u32> {
        let all = &self.all[run.first as usize..run.end as usize];
        all[..all.partition_point(|write| write.pos <= pos)].last().map(|write| write.txn)
    }

    /// All transactions of a run, in order.
    pub fn txns(&self, run: Run) -> impl Iterator<Item = u32> {
        self.all[run.first as usize..run.end as usize].iter().map(|write| write.txn)
    }
}

/// Takes the maximum of two rows into the second. Says whether that changed it.
pub fn merge(clocks: &mut [u32], width: usize, from: u32, into: u32) -> bool {
    let (from, into) = (from as usize * width, into as usize * width);
    let (low, high) = clocks.split_at_mut(from.max(into));
    let (source, target) = match from < into {
        true => (&low[from..from + width], &mut high[..width]),
        false => (&high[..width], &mut low[into..into + width]),
    };
    let mut changed = false;
    for (source, target) in source.iter().zip(target) {
        changed |= source > target;
        *target = (*target).max(*source);
    }
    changed
}

/// Where the elements of each class begin, once they are sorted by class.
fn offsets(classes: usize, of: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut offsets = vec![0; classes + 1];
    of.for_each(|class| offsets[class as usize + 1] += 1);
    (1..=classes).for_each(|class| offsets[class] += offsets[class - 1]);
    offsets
}

fn range(offsets: &[u32], class: u32) -> Range<usize> {
    offsets[class as usize] as usize..offsets[class as usize + 1] as usize
}
