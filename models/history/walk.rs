//! Shortest ways through a history. A way along one session is one step, however far it goes: that is how
//! people read it.

use super::{
    order::{Links, Order},
    reads::Read,
    record::{History, NONE},
};
use std::ops::ControlFlow;

/// Steps that the search for a shortest cycle may take in all. Beyond it the shortest found so far is shown.
pub const WALK_STEPS_MAX: u64 = 30_000_000;

/// The first transaction must come before the second, although causality does not say so: both write a
/// key, and someone read the second's value and had the first in its past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Must {
    /// Of the first; what earlier transactions of its session wrote to the key must come before as well.
    pub run: u32,
    pub pos: u32,
    pub first: u32,
    pub second: u32,
}

/// How one gets from a transaction to one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// The session did it later.
    Session,
    /// It read from it: the place among the reads.
    Reads(u32),
    /// It must come later: the run of the key.
    Must(u32),
}

/// One step of a way.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub from: u32,
    pub to: u32,
    pub hop: Hop,
}

/// What there is to walk on.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub history: &'a History,
    pub reads: &'a [Read],
    pub links: &'a Links,
    /// Sorted; with the order that leaves them open.
    pub musts: Option<(&'a Order<'a>, &'a [Must])>,
}

/// Walks, again and again.
pub struct Walk<'a> {
    ground: Ground<'a>,
    /// The step by which a transaction was reached, in the round of that number.
    reached: Vec<(u32, Step)>,
    round: u32,
    queue: Vec<(u32, u32)>,
    /// From which place on all of a session has been reached; and all musts of a run, by index.
    sessions: Vec<u32>,
    runs: Vec<u32>,
    touched: (Vec<u32>, Vec<u32>),
    steps: u64,
}

impl<'a> Walk<'a> {
    pub fn on(ground: Ground<'a>) -> Self {
        let nowhere = Step { from: NONE, to: NONE, hop: Hop::Session };
        let runs = ground.musts.map_or(0, |(order, _)| order.writes.runs());
        Self {
            ground,
            reached: vec![(0, nowhere); ground.history.txns.len()],
            round: 0,
            queue: Vec::new(),
            sessions: vec![NONE; ground.history.sessions.len()],
            runs: vec![NONE; runs],
            touched: (Vec::new(), Vec::new()),
            steps: 0,
        }
    }

    /// May it go on? If not, what is found is not known to be the shortest.
    pub fn has_breath(&self) -> bool {
        self.steps < WALK_STEPS_MAX
    }

    /// Visits all that is after the start, the nearest first, with its distance. The start itself is
    /// visited if it is after itself.
    pub fn explore(
        &mut self,
        start: u32,
        far: u32,
        mut visit: impl FnMut(u32, u32) -> ControlFlow<()>,
    ) {
        self.reset();
        self.queue.push((start, 0));
        let mut done = 0;
        while let Some((from, distance)) = self.queue.get(done).copied() {
            done += 1;
            if distance >= far {
                return;
            }
            let known = self.queue.len();
            self.expand(from, distance + 1);
            self.steps += (self.queue.len() - known) as u64 + 1;
            for place in known..self.queue.len() {
                if visit(self.queue[place].0, distance + 1).is_break() {
                    return;
                }
            }
        }
    }

    /// The shortest way to something that is sought, if there is one of at most `far` steps.
    pub fn shortest(
        &mut self,
        start: u32,
        far: u32,
        is_sought: impl Fn(u32) -> bool,
    ) -> Option<Vec<Step>> {
        let mut found = None;
        self.explore(start, far, |txn, _| {
            if is_sought(txn) {
                found = Some(txn);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        found.map(|end| self.way(start, end))
    }

    /// The way by which the last exploration came to something.
    pub fn way(&self, start: u32, end: u32) -> Vec<Step> {
        let mut way = vec![self.reached[end as usize].1];
        while let Some(first) = way.last().filter(|step| step.from != start) {
            way.push(self.reached[first.from as usize].1);
        }
        way.reverse();
        way
    }

    fn reset(&mut self) {
        self.round += 1;
        self.queue.clear();
        self.touched.0.drain(..).for_each(|session| self.sessions[session as usize] = NONE);
        self.touched.1.drain(..).for_each(|run| self.runs[run as usize] = NONE);
    }

    fn reach(&mut self, step: Step, distance: u32) {
        let reached = &mut self.reached[step.to as usize];
        if reached.0 != self.round {
            *reached = (self.round, step);
            self.queue.push((step.to, distance));
        }
    }

    fn expand(&mut self, from: u32, distance: u32) {
        let Ground { history, reads, links, musts } = self.ground;
        let session = history.txns[from as usize].session;
        let end = links.session(history, from).end.min(self.sessions[session as usize]);
        for to in from + 1..end {
            self.reach(Step { from, to, hop: Hop::Session }, distance);
        }
        if from + 1 < end {
            self.sessions[session as usize] = from + 1;
            self.touched.0.push(session);
        }
        for place in links.readers_of(from) {
            let to = reads[*place as usize].txn;
            self.reach(Step { from, to, hop: Hop::Reads(*place) }, distance);
        }
        if let Some((order, musts)) = musts {
            for run in order.writes.of_txn(from) {
                self.expand_run(order, musts, *run, from, distance);
            }
        }
    }

    fn expand_run(
        &mut self,
        order: &Order<'_>,
        musts: &[Must],
        run: u32,
        from: u32,
        distance: u32,
    ) {
        let first = musts.partition_point(|must| (must.run, must.pos) < (run, order.pos(from)));
        let known = self.runs[run as usize] as usize;
        let new = &musts[first..musts.len().min(known.max(first))];
        let mut all = true;
        for must in new.iter().take_while(|must| must.run == run) {
            let to = must.second;
            self.steps += 1;
            // What causality orders is no must; of a later transaction of the session it may be one.
            if to == from || order.is_before(from, to) {
                all = false;
            } else {
                self.reach(Step { from, to, hop: Hop::Must(run) }, distance);
            }
        }
        if first < known && all {
            self.runs[run as usize] = first as u32;
            self.touched.1.push(run);
        }
    }
}

/// The shortest cycle that takes a must, and whether it is certainly the shortest. Causality has no
/// cycles of its own here.
pub fn shortest_cycle(walk: &mut Walk<'_>, starts: &[u32]) -> Option<(Vec<Step>, bool)> {
    let mut best: Option<Vec<Step>> = None;
    for start in starts {
        if !walk.has_breath() {
            return best.map(|cycle| (cycle, false));
        }
        let far = best.as_ref().map_or(NONE, |cycle| cycle.len() as u32 - 1);
        if far < 2 {
            break; // No cycle is shorter than two.
        }
        if let Some(cycle) = walk.shortest(*start, far, |txn| txn == *start) {
            best = Some(cycle);
        }
    }
    best.map(|cycle| (cycle, true))
}
