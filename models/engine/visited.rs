//! The set of fingerprints of visited states: 8 bytes a slot, shared by threads.

use std::sync::Mutex;

/// Shards, each with its own lock; the top bits of a fingerprint choose one.
const SHARDS: usize = 256;
/// Slots of a new shard.
const FIRST_SLOTS: usize = 64;
/// A shard grows by half when more than three quarters of its slots are taken: 10.7 to 16 bytes an entry.
const LOAD_NUMERATOR: usize = 3;
const LOAD_DENOMINATOR: usize = 4;

/// A set of 64-bit fingerprints.
pub(super) struct Visited {
    shards: Vec<Mutex<Shard>>,
}

/// Open addressing with linear probing; 0 is an empty slot. Invariant: at least a quarter is empty.
struct Shard {
    slots: Vec<u64>,
    used: usize,
}

impl Visited {
    pub fn new() -> Self {
        let shard = || Mutex::new(Shard { slots: vec![0; FIRST_SLOTS], used: 0 });
        Visited { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Adds a fingerprint; whether it was new.
    pub fn insert(&self, fingerprint: u64) -> bool {
        self.with(fingerprint, |shard, key| shard.insert(key))
    }

    pub fn contains(&self, fingerprint: u64) -> bool {
        self.with(fingerprint, |shard, key| shard.slots[shard.find(key)] == key)
    }

    pub fn len(&self) -> u64 {
        self.sum(|shard| shard.used)
    }

    pub fn bytes(&self) -> u64 {
        self.sum(|shard| shard.slots.capacity() * size_of::<u64>())
    }

    fn with<R>(&self, fingerprint: u64, ask: impl FnOnce(&mut Shard, u64) -> R) -> R {
        let key = fingerprint.max(1); // 0 is the empty slot.
        let shard = &self.shards[(key >> 56) as usize % SHARDS];
        ask(&mut shard.lock().expect("a thread panicked while it grew the visited set"), key)
    }

    fn sum(&self, of: impl Fn(&Shard) -> usize) -> u64 {
        let one = |shard: &Mutex<Shard>| {
            of(&shard.lock().expect("a thread panicked while it grew the visited set")) as u64
        };
        self.shards.iter().map(one).sum()
    }
}

impl Shard {
    fn insert(&mut self, key: u64) -> bool {
        let slot = self.find(key);
        if self.slots[slot] == key {
            return false;
        }
        self.slots[slot] = key;
        self.used += 1;
        if self.used * LOAD_DENOMINATOR > self.slots.len() * LOAD_NUMERATOR {
            self.grow();
        }
        true
    }

    /// The slot that holds the key, or the empty one where it belongs.
    fn find(&self, key: u64) -> usize {
        // The low 32 bits, scaled to the number of slots: it need not be a power of two.
        let mut slot = ((u64::from(key as u32) * self.slots.len() as u64) >> 32) as usize;
        while self.slots[slot] != 0 && self.slots[slot] != key {
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        }
        slot
    }

    fn grow(&mut self) {
        let size = self.slots.len() + self.slots.len() / 2;
        let old = std::mem::replace(&mut self.slots, vec![0; size]);
        for key in old.into_iter().filter(|key| *key != 0) {
            let slot = self.find(key);
            self.slots[slot] = key;
        }
    }
}
