//! Causal consistency and causal convergence, by the bad patterns of Bouajjani, Enea, Guerraoui and
//! Hamza, "On verifying causal consistency" (POPL 2017), for transactions.

use super::{
    explain::{Derived, Explainer, Stale},
    order::Order,
    reads::Read,
    record::NONE,
    violation::{Pattern, Violation},
    walk::{Ground, Must, Walk, shortest_cycle},
};
use std::ops::ControlFlow;

/// Musts of a history: pairs of writes that causality leaves open and a read does not. A history with more is
/// refused for causal convergence.
pub const MUSTS_MAX: usize = 100_000_000;

/// What all reads of all values amount to.
#[derive(Default)]
pub struct Conflicts {
    /// Sorted.
    pub musts: Vec<Must>,
    /// Groups of reads, all of one value or of the initial value of a key, of which one at least is
    /// stale: ranges of
    /// `by_source`.
    pub stale: Vec<(usize, usize)>,
    /// Places among the reads, by key and source.
    pub by_source: Vec<u32>,
    /// There were more than [`MUSTS_MAX`].
    pub too_many: bool,
}

impl Conflicts {
    /// For each value read, the last write of the key in each session that one of its readers had in its
    /// past: that must come before, and if causality says that it comes after, the read is stale.
    ///
    /// Linear in reads x sessions that write the key, but for a logarithm.
    pub fn of(order: &Order<'_>) -> Self {
        let mut by_source: Vec<u32> = (0..order.reads.len() as u32).collect();
        let group = |place: &u32| {
            let read = order.reads[*place as usize];
            (read.key, read.source)
        };
        by_source.sort_unstable_by_key(group);
        let (mut musts, mut stale, mut start) = (Vec::new(), Vec::new(), 0);
        let mut too_many = false;
        for readers in by_source.chunk_by(|a, b| group(a) == group(b)) {
            if group_is_stale(order, readers, &mut musts) {
                stale.push((start, start + readers.len()));
            }
            start += readers.len();
            if musts.len() > MUSTS_MAX {
                too_many = true;
                musts.clear();
            }
        }
        musts.sort_unstable();
        Self { musts, stale, by_source, too_many }
    }

    /// The reads of a group.
    pub fn group<'a>(&self, order: &Order<'a>, range: (usize, usize)) -> Vec<Read> {
        let places = self.by_source[range.0..range.1].iter();
        places.map(|place| order.reads[*place as usize]).collect()
    }
}

fn group_is_stale(order: &Order<'_>, readers: &[u32], musts: &mut Vec<Must>) -> bool {
    let Read { key, source, .. } = order.reads[readers[0] as usize];
    let mut stale = false;
    for number in order.writes.of_key(key) {
        let run = order.writes.run(number);
        let seen = readers.iter().map(|place| {
            let reader = order.reads[*place as usize].txn;
            order.seen(order.clock(reader), reader, run.column)
        });
        let seen = seen.max().unwrap_or(0);
        if source != NONE && order.clock(source)[run.column as usize] >= seen {
            continue; // It comes before already, or is it.
        }
        let Some(first) = order.writes.last(run, seen).filter(|first| *first != source) else {
            continue;
        };
        if source == NONE || order.is_before(source, first) {
            stale = true;
        } else if !order.is_before(first, source) {
            let pos = order.pos(first);
            musts.push(Must { run: number as u32, pos, first, second: source });
        }
    }
    stale
}

/// What breaks causal consistency in a history whose causal order is one.
pub fn causal(order: &Order<'_>, conflicts: &Conflicts) -> Option<Violation> {
    if !conflicts.stale.is_empty() {
        return Some(shortest_stale(order, conflicts));
    }
    fractured(order)
}

/// The stale read that takes the fewest steps to show.
fn shortest_stale(order: &Order<'_>, conflicts: &Conflicts) -> Violation {
    let ground =
        Ground { history: order.history, reads: order.reads, links: &order.links, musts: None };
    let (mut walk, mut best) = (Walk::on(ground), None);
    for range in &conflicts.stale {
        let group = conflicts.group(order, *range);
        let far = best.as_ref().map_or(NONE, |found: &Stale| found.steps() - 1);
        if far == 0 || !walk.has_breath() && best.is_some() {
            break;
        }
        if let Some(found) = shortest_of_group(order, &mut walk, &group, far) {
            best = Some(found);
        }
    }
    let stale = best.expect("each group has a stale read");
    let is_shortest = walk.has_breath() || stale.steps() == fewest(stale.read.source);
    let initial = stale.read.source == NONE;
    let pattern = if initial { Pattern::WriteCOInitRead } else { Pattern::WriteCORead };
    let explainer = Explainer::new(order.history, order.reads);
    explainer.stale(pattern, order, &stale, Derived::NOTHING, is_shortest)
}

/// No stale read is shown in fewer steps.
fn fewest(source: u32) -> u32 {
    if source == NONE { 1 } else { 2 }
}

/// The shortest way from what was read over an overwriting to a reader, if it takes at most `far` steps.
fn shortest_of_group(
    order: &Order<'_>,
    walk: &mut Walk<'_>,
    group: &[Read],
    mut far: u32,
) -> Option<Stale> {
    let Read { source, key, .. } = group[0];
    let mut readers: Vec<u32> = group.iter().map(|read| read.txn).collect();
    readers.sort_unstable();
    let mut best = None;
    for (overwriting, distance) in overwritings(order, walk, source, key, far) {
        if distance >= far || !walk.has_breath() && best.is_some() {
            break;
        }
        let reads_it = |txn: u32| readers.binary_search(&txn).is_ok();
        let Some(past) = walk.shortest(overwriting, far - distance, reads_it) else { continue };
        let end = past.last().map_or(NONE, |step| step.to);
        let read = *group.iter().find(|read| read.txn == end).expect("it was sought");
        far = distance + past.len() as u32 - 1;
        best = Some((overwriting, past, read));
        if far <= distance {
            break; // All others are as far away.
        }
    }
    let (overwriting, past, read) = best?;
    let way = |walk: &mut Walk<'_>| walk.shortest(source, NONE, |txn| txn == overwriting);
    let source = if source == NONE { Vec::new() } else { way(walk)? };
    Some(Stale { source, past, read })
}

/// What overwrites a value, the nearest first; all writes overwrite the initial one.
fn overwritings(
    order: &Order<'_>,
    walk: &mut Walk<'_>,
    source: u32,
    key: u32,
    far: u32,
) -> Vec<(u32, u32)> {
    let runs = || order.writes.of_key(key).map(|number| order.writes.run(number));
    if source == NONE {
        return runs().flat_map(|run| order.writes.txns(run)).map(|txn| (txn, 0)).collect();
    }
    let mut found = Vec::new();
    walk.explore(source, far, |txn, distance| {
        let writes = order.writes.of_txn(txn).iter();
        let mut keys = writes.map(|run| order.writes.run(*run as usize).key);
        if txn != source && keys.any(|written| written == key) {
            found.push((txn, distance));
        }
        ControlFlow::Continue(())
    });
    found
}

/// A transaction whose reads, each possible, are not possible together: for each of its reads, all other
/// writes of the key in its past must come before what it read.
fn fractured(order: &Order<'_>) -> Option<Violation> {
    for txn in 0..order.history.txns.len() as u32 {
        let reads = &order.reads[order.links.reads_of(txn)];
        if reads.len() < 2 {
            continue;
        }
        let mut musts = Vec::new();
        for read in reads.iter().filter(|read| read.source != NONE) {
            for number in order.writes.of_key(read.key) {
                let seen = order.seen(order.clock(txn), txn, order.writes.run(number).column);
                let last = order.writes.last(order.writes.run(number), seen);
                let open =
                    |first: &u32| *first != read.source && !order.is_before(*first, read.source);
                if let Some(first) = last.filter(open) {
                    let (run, pos) = (number as u32, order.pos(first));
                    musts.push(Must { run, pos, first, second: read.source });
                }
            }
        }
        if musts_are_cyclic(order, &musts) {
            musts.sort_unstable();
            return Some(cyclic(order, &musts, Pattern::FracturedRead, &starts(&musts)));
        }
    }
    None
}

/// Do few musts contradict each other, or causality?
fn musts_are_cyclic(order: &Order<'_>, musts: &[Must]) -> bool {
    let mut left = starts(musts);
    let follows =
        |first: u32, must: &Must| first == must.first || order.is_before(first, must.first);
    let mut edges = Vec::new();
    for first in &left {
        let next = musts.iter().filter(|must| follows(*first, must)).map(|must| must.second);
        edges.extend(next.map(|second| (*first, second)));
    }
    edges.sort_unstable();
    edges.dedup();
    // Who stays has one before it that stays: in the end those on cycles do, and those behind them.
    loop {
        let before = left.clone();
        left.retain(|txn| {
            edges.iter().any(|(first, second)| second == txn && before.contains(first))
        });
        if left.len() == before.len() {
            return !left.is_empty();
        }
    }
}

fn starts(musts: &[Must]) -> Vec<u32> {
    let mut starts: Vec<u32> = musts.iter().map(|must| must.second).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// What breaks causal convergence in a causally consistent history: a cycle of causality and musts.
pub fn convergence(order: &Order<'_>, conflicts: &Conflicts) -> Option<Violation> {
    let musts = &conflicts.musts;
    let core = core(order, musts);
    let starts: Vec<u32> = starts(musts).into_iter().filter(|txn| core[*txn as usize]).collect();
    (!starts.is_empty()).then(|| cyclic(order, musts, Pattern::CyclicCF, &starts))
}

fn cyclic(order: &Order<'_>, musts: &[Must], pattern: Pattern, starts: &[u32]) -> Violation {
    let ground = Ground {
        history: order.history,
        reads: order.reads,
        links: &order.links,
        musts: Some((order, musts)),
    };
    let (cycle, is_shortest) =
        shortest_cycle(&mut Walk::on(ground), starts).expect("these musts are cyclic");
    let explainer = Explainer::new(order.history, order.reads);
    explainer.cycle(pattern, order, &cycle, Derived::NOTHING, is_shortest)
}

/// Which transactions are on cycles of causality and musts, or between cycles.
fn core(order: &Order<'_>, musts: &[Must]) -> Vec<bool> {
    let mut after: Vec<(u32, u32)> = musts.iter().map(|must| (must.first, must.second)).collect();
    after.sort_unstable();
    let mut before: Vec<(u32, u32)> = after.iter().map(|(a, b)| (*b, *a)).collect();
    before.sort_unstable();
    let mut is_core = vec![true; order.history.txns.len()];
    trim(order, &after, &mut is_core, Direction::Forward);
    trim(order, &before, &mut is_core, Direction::Backward);
    is_core
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Forward,
    Backward,
}

/// Takes away, again and again, what nothing leads to.
fn trim(order: &Order<'_>, musts: &[(u32, u32)], is_core: &mut [bool], direction: Direction) {
    let next = |txn: u32, visit: &mut dyn FnMut(u32)| {
        let session = order.links.session(order.history, txn);
        match direction {
            Direction::Forward => {
                if txn + 1 < session.end {
                    visit(txn + 1);
                }
                let readers = order.links.readers_of(txn).iter();
                readers.for_each(|place| visit(order.reads[*place as usize].txn));
            }
            Direction::Backward => {
                if txn > session.start {
                    visit(txn - 1);
                }
                let sources = order.reads[order.links.reads_of(txn)].iter().map(|read| read.source);
                sources.filter(|source| *source != NONE).for_each(&mut *visit);
            }
        }
        let first = musts.partition_point(|(from, _)| *from < txn);
        let own = musts[first..].iter().take_while(|(from, _)| *from == txn);
        own.for_each(|(_, to)| visit(*to));
    };
    let mut waits = vec![0_u32; is_core.len()];
    let all = 0..is_core.len() as u32;
    for txn in all.clone().filter(|txn| is_core[*txn as usize]) {
        next(txn, &mut |to| waits[to as usize] += 1);
    }
    let is_free = |txn: &u32| is_core[*txn as usize] && waits[*txn as usize] == 0;
    let mut free: Vec<u32> = all.filter(is_free).collect();
    while let Some(txn) = free.pop() {
        is_core[txn as usize] = false;
        next(txn, &mut |to| {
            waits[to as usize] -= 1;
            if waits[to as usize] == 0 && is_core[to as usize] {
                free.push(to);
            }
        });
    }
}
