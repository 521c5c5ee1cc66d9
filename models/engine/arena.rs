//! A list that only grows and is read without locks, and an interner on top of it.

use hashbrown::HashTable;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};

/// Slots of the first chunk; each further chunk doubles.
const FIRST_CHUNK: usize = 256;
/// Chunks of an arena.
const CHUNKS: usize = 22;
/// Entries of an arena: 2^30 - 256. Numbers stay below the two flag bits of a fact.
const ARENA_MAX: usize = FIRST_CHUNK * ((1 << CHUNKS) - 1);
/// Shards of an interner.
const SHARDS: usize = 64;

type Chunk<T> = Box<[OnceLock<T>]>;

/// A list that only grows; entries have a number and never move.
pub(super) struct Arena<T> {
    chunks: [OnceLock<Chunk<T>>; CHUNKS],
    next: AtomicU32,
}

impl<T> Arena<T> {
    pub fn new() -> Self {
        Arena { chunks: [const { OnceLock::new() }; CHUNKS], next: AtomicU32::new(0) }
    }

    /// Adds an entry and returns its number.
    pub fn push(&self, value: T) -> u32 {
        let id = self.next.fetch_add(1, Relaxed);
        assert!((id as usize) < ARENA_MAX, "an arena is full: more than {ARENA_MAX} entries");
        let (chunk, slot) = place(id);
        let slots = self.chunks[chunk]
            .get_or_init(|| (0..FIRST_CHUNK << chunk).map(|_| OnceLock::new()).collect());
        assert!(slots[slot].set(value).is_ok(), "an arena number was given out twice");
        id
    }

    /// The entry with this number, which `push` returned.
    pub fn get(&self, id: u32) -> &T {
        let (chunk, slot) = place(id);
        self.chunks[chunk]
            .get()
            .and_then(|slots| slots[slot].get())
            .expect("numbers come from push, which fills the slot before it returns")
    }

    /// How many entries there are. Exact when no thread is pushing.
    pub fn len(&self) -> usize {
        self.next.load(Relaxed) as usize
    }

    /// The numbers given out so far.
    pub fn ids(&self) -> std::ops::Range<u32> {
        0..self.next.load(Relaxed)
    }

    /// Bytes of the slots, without what the entries own elsewhere.
    pub fn bytes(&self) -> usize {
        let slots: usize = self.chunks.iter().filter_map(|c| c.get()).map(|c| c.len()).sum();
        slots * size_of::<OnceLock<T>>()
    }
}

/// Chunk and slot of a number.
fn place(id: u32) -> (usize, usize) {
    let shifted = id as usize + FIRST_CHUNK;
    let chunk = (shifted.ilog2() - FIRST_CHUNK.ilog2()) as usize;
    (chunk, shifted - (FIRST_CHUNK << chunk))
}

/// An entry that knows its stable fingerprint.
pub(super) trait Stamped {
    /// The fingerprint: the same in every run, whatever the entry's number.
    fn stamp(&self) -> u64;
}

/// Gives every distinct value one number.
pub(super) struct Interner<T> {
    shards: Vec<Mutex<HashTable<u32>>>,
    arena: Arena<T>,
}

impl<T: Stamped> Interner<T> {
    pub fn new() -> Self {
        Interner {
            shards: (0..SHARDS).map(|_| Mutex::new(HashTable::new())).collect(),
            arena: Arena::new(),
        }
    }

    /// The number of the value with this fingerprint that `is_same`; if there is none, of a new one.
    pub fn intern(
        &self,
        stamp: u64,
        is_same: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> u32 {
        let mut shard = self.shards[(stamp >> 32) as usize % SHARDS]
            .lock()
            .expect("a thread panicked while it numbered a value");
        if let Some(id) = shard.find(stamp, |id| is_same(self.arena.get(*id))) {
            return *id;
        }
        let id = self.arena.push(make());
        shard.insert_unique(stamp, id, |id| self.arena.get(*id).stamp());
        id
    }

    pub fn get(&self, id: u32) -> &T {
        self.arena.get(id)
    }

    pub fn len(&self) -> usize {
        self.arena.len()
    }

    pub fn ids(&self) -> std::ops::Range<u32> {
        self.arena.ids()
    }

    /// Bytes of the tables, without what the values own elsewhere.
    pub fn bytes(&self) -> usize {
        // A hash table of numbers takes 4 + 1 bytes a bucket, at most two buckets an entry.
        self.arena.bytes() + self.len() * 10
    }
}
