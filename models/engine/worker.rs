//! What one thread of a search does: it expands states and examines the new ones.

use super::fair::Walker;
use super::flat::Flat;
use super::level::{Block, Shared};
use super::reader::{Jump, Reader, Touched};
use super::system::{System, Verdict};
use super::visited::Visited;
use std::sync::atomic::Ordering::Relaxed;

/// Eager deliveries in a row; more means that a delivered message stays eager.
const EAGER_STEPS_MAX: usize = 1_000;
/// States of a block, the unit in which work is shared.
const BLOCK_STATES_MAX: usize = 512;
/// Slots of a thread's list of recent states, which spares the shared set about half of the questions.
const RECENT: usize = 1 << 15;

/// Judges states, with its own view of the tables.
pub(super) struct Examiner<'t, S: System> {
    pub reader: Reader<'t, S>,
    walker: Walker,
    may_lose: bool,
}

/// What an examination found.
pub(super) struct Examined {
    pub verdict: Verdict,
    pub is_idle: bool,
}

impl<'t, S: System> Examiner<'t, S> {
    pub fn new(reader: Reader<'t, S>) -> Self {
        let may_lose = reader.tables.may_lose();
        Examiner { reader, walker: Walker::default(), may_lose }
    }

    /// Takes a step and what is eager after it; returns the verdict on the states in between.
    pub fn step(&mut self, state: &mut Flat, jump: Jump, mut count: impl FnMut(Jump)) -> Verdict {
        count(jump);
        let touched = self.reader.take(state, jump);
        self.settle(state, touched, count)
    }

    /// Delivers what is eager, one by one; returns the verdict on the states in between.
    ///
    /// These are judged even if the state they lead to is known: it may have been reached another way.
    pub fn settle(
        &mut self,
        state: &mut Flat,
        mut touched: Touched,
        mut count: impl FnMut(Jump),
    ) -> Verdict {
        let (mut verdict, mut suspects) = (Verdict::NOTHING, touched);
        for _ in 0..EAGER_STEPS_MAX {
            let Some(eager) = self.reader.eager(state, suspects) else { return verdict };
            verdict = verdict.and(self.reader.judge(state, touched.nodes));
            count(eager);
            touched = self.reader.take(state, eager);
            suspects = Touched::ALL; // One step may have made several messages eager.
        }
        panic!("{EAGER_STEPS_MAX} eager deliveries in a row: a delivered message stays eager");
    }

    /// Judges a new state: the changed nodes, quiescence, and if `known` is given, its fair continuations.
    pub fn examine(&mut self, state: &Flat, changed: u32, known: Option<&Visited>) -> Examined {
        let mut verdict = self.reader.judge(state, changed);
        let is_idle = self.reader.is_idle(state);
        if is_idle {
            let locals = self.reader.locals(state);
            verdict = verdict.and(self.reader.tables.system.judge_idle(&locals));
        }
        if let Some(known) = known {
            let (walker, reader) = (&mut self.walker, &mut self.reader);
            verdict = verdict.and(walker.follow(reader, state, known));
            if self.may_lose {
                verdict = verdict.and(walker.follow_without_messages(reader, state, known));
            }
        }
        Examined { verdict, is_idle }
    }
}

/// One thread of a search; it lasts for the whole search.
pub(super) struct Worker<'t, S: System> {
    examiner: Examiner<'t, S>,
    pub counts: Counts,
    state: Flat,
    next: Flat,
    jumps: Vec<Jump>,
    block: Block,
    recent: Box<[u64]>,
}

/// What a thread counted.
#[derive(Default)]
pub(super) struct Counts {
    pub verdict: Verdict,
    pub idle: u64,
    pub terminal: u64,
    /// By number of kind.
    pub kinds: Vec<u64>,
    pub drops: u64,
    /// States found since the shared counters were told.
    unique: u64,
    generated: u64,
}

impl<'t, S: System> Worker<'t, S> {
    pub fn new(reader: Reader<'t, S>) -> Self {
        Worker {
            examiner: Examiner::new(reader),
            counts: Counts::default(),
            state: Flat::default(),
            next: Flat::default(),
            jumps: Vec::new(),
            block: Block::default(),
            recent: vec![0; RECENT].into(),
        }
    }

    /// How often two eager messages waited for the same node.
    pub fn eager_conflicts(&self) -> u64 {
        self.examiner.reader.eager_conflicts
    }

    /// Puts the initial state into the next level.
    pub fn begin(&mut self, shared: &Shared) {
        self.next = self.examiner.reader.start();
        let counts = &mut self.counts;
        let between = self.examiner.settle(&mut self.next, Touched::ALL, |jump| counts.note(jump));
        counts.verdict = counts.verdict.and(between);
        counts.generated += 1;
        self.offer(shared, u32::MAX);
        self.hand_in(shared);
    }

    /// Expands blocks of the current level until there are none, or the search is to stop.
    pub fn run(&mut self, shared: &Shared) {
        while let Some(block) = shared.next_block() {
            let mut bytes = &block.bytes[..];
            let nodes = self.examiner.reader.tables.system.nodes();
            while !bytes.is_empty() {
                self.state.decode(&mut bytes, nodes);
                self.expand(shared);
            }
            self.tell(shared);
        }
        self.hand_in(shared);
    }

    fn expand(&mut self, shared: &Shared) {
        let mut jumps = std::mem::take(&mut self.jumps);
        self.examiner.reader.jumps(&self.state, &mut jumps);
        self.counts.terminal += u64::from(jumps.is_empty());
        self.counts.generated += jumps.len() as u64;
        for jump in &jumps {
            self.next.copy_from(&self.state);
            let counts = &mut self.counts;
            let between = self.examiner.step(&mut self.next, *jump, |jump| counts.note(jump));
            counts.verdict = counts.verdict.and(between);
            if self.next.fingerprint != self.state.fingerprint {
                self.offer(shared, self.next.changed_since(&self.state));
            }
        }
        self.jumps = jumps;
    }

    /// Adds `self.next` to the next level, if it is new.
    fn offer(&mut self, shared: &Shared, changed: u32) {
        let fingerprint = self.next.fingerprint;
        let recent = &mut self.recent[fingerprint as usize % RECENT];
        if *recent == fingerprint {
            return;
        }
        *recent = fingerprint;
        if !shared.visited.insert(fingerprint) {
            return;
        }
        self.counts.unique += 1;
        let examined = self.examiner.examine(&self.next, changed, shared.known.as_ref());
        self.counts.verdict = self.counts.verdict.and(examined.verdict);
        self.counts.idle += u64::from(examined.is_idle);
        self.next.encode(&mut self.block.bytes);
        self.block.states += 1;
        if self.block.states == BLOCK_STATES_MAX {
            self.hand_in(shared);
        }
    }

    /// Hands the block that is being filled to the next level.
    fn hand_in(&mut self, shared: &Shared) {
        let mut block = std::mem::take(&mut self.block);
        if block.states > 0 {
            block.bytes.shrink_to_fit();
            self.block.bytes.reserve(block.bytes.len());
            shared.add_block(block);
        }
        self.tell(shared);
    }

    /// Adds to the shared counters.
    fn tell(&mut self, shared: &Shared) {
        shared.unique.fetch_add(std::mem::take(&mut self.counts.unique), Relaxed);
        shared.generated.fetch_add(std::mem::take(&mut self.counts.generated), Relaxed);
    }
}

impl Counts {
    fn note(&mut self, jump: Jump) {
        let (Jump::Deliver { kind, .. } | Jump::Fire { kind, .. }) = jump else {
            self.drops += 1;
            return;
        };
        let kind = usize::from(kind);
        if kind >= self.kinds.len() {
            self.kinds.resize(kind + 1, 0);
        }
        self.kinds[kind] += 1;
    }
}
