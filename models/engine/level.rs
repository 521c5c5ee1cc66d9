//! The frontier of a search, and what its threads share.

use super::visited::Visited;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Encoded states, the unit in which work is shared.
#[derive(Default)]
pub(super) struct Block {
    pub bytes: Vec<u8>,
    pub states: usize,
}

/// What the threads of a search share.
pub(super) struct Shared {
    pub visited: Visited,
    /// The states that fair continuations passed; none when liveness is not checked.
    pub known: Option<Visited>,
    /// Blocks leave the current level as they are expanded, so the two levels together are never much
    /// larger than the larger one.
    current: Mutex<Vec<Block>>,
    next: Mutex<Vec<Block>>,
    /// States in the current level that nobody has taken, and states in the next one.
    pub waiting: AtomicU64,
    pub found: AtomicU64,
    /// Bytes of both levels.
    pub frontier_bytes: AtomicU64,
    pub unique: AtomicU64,
    pub generated: AtomicU64,
    pub stop: AtomicBool,
    states_max: u64,
}

const POISONED: &str = "a thread panicked while it held the frontier";

impl Shared {
    pub fn new(liveness: bool, states_max: Option<u64>) -> Self {
        Shared {
            visited: Visited::new(),
            known: liveness.then(Visited::new),
            current: Mutex::default(),
            next: Mutex::default(),
            waiting: AtomicU64::new(0),
            found: AtomicU64::new(0),
            frontier_bytes: AtomicU64::new(0),
            unique: AtomicU64::new(0),
            generated: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            states_max: states_max.unwrap_or(u64::MAX),
        }
    }

    /// A block to expand; none when the level is done, or the search is to stop.
    pub fn next_block(&self) -> Option<Block> {
        if self.stop.load(Relaxed) || self.is_full() {
            return None;
        }
        let block = self.current.lock().expect(POISONED).pop()?;
        self.waiting.fetch_sub(block.states as u64, Relaxed);
        self.frontier_bytes.fetch_sub(block.bytes.len() as u64, Relaxed);
        Some(block)
    }

    pub fn add_block(&self, block: Block) {
        self.found.fetch_add(block.states as u64, Relaxed);
        self.frontier_bytes.fetch_add(block.bytes.capacity() as u64, Relaxed);
        self.next.lock().expect(POISONED).push(block);
    }

    /// Whether the bound on states is met.
    pub fn is_full(&self) -> bool {
        self.unique.load(Relaxed) >= self.states_max
    }

    /// Makes the next level the current one; returns its blocks and states.
    pub fn turn(&self) -> (usize, u64) {
        let next = std::mem::take(&mut *self.next.lock().expect(POISONED));
        let states = self.found.swap(0, Relaxed);
        self.waiting.store(states, Relaxed);
        let blocks = next.len();
        *self.current.lock().expect(POISONED) = next;
        (blocks, states)
    }

    /// Bytes of the visited sets and the frontier.
    pub fn bytes(&self) -> u64 {
        let known = self.known.as_ref().map_or(0, Visited::bytes);
        self.visited.bytes() + known + self.frontier_bytes.load(Relaxed)
    }
}
