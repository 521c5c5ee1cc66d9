//! One thread's view of the tables: small caches in front of them, and the steps of a whole state.

use super::flat::Flat;
use super::options::Network;
use super::system::{System, Verdict};
use super::tables::{Fact, KeyHasher, Post, Tables, fact_key};

/// log2 of the entries of a thread's cache of facts (16 MiB).
const FACT_CACHE_BITS: u32 = 20;
/// log2 of the entries of a thread's cache of judged pairs (12 MiB). Pairs are remembered nowhere else: there
/// can be as many of them as states.
const PAIR_CACHE_BITS: u32 = 19;

/// log2 of the entries of a new cache: a small search does not pay for a large one.
const FIRST_CACHE_BITS: u32 = 8;

/// One thread's view of the tables.
pub(super) struct Reader<'t, S: System> {
    pub tables: &'t Tables<S>,
    /// How often two eager messages waited for the same node.
    pub eager_conflicts: u64,
    facts: Cache<Fact>,
    pairs: Cache<Verdict>,
}

/// A step of a whole state.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Jump {
    /// A node takes a message.
    Deliver { post: u32, node: usize, step: u32, kind: u16 },
    /// A node takes an internal step, the `index`-th of its node state.
    Fire { node: usize, index: usize, step: u32, kind: u16 },
    /// The network loses a message.
    Drop { post: u32 },
}

/// What a jump changed: whatever it did not touch need not be looked at again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    /// The nodes whose state changed, as a bit set.
    pub nodes: u32,
    /// The local step whose messages are new.
    step: Option<u32>,
}

impl Touched {
    pub const ALL: Touched = Touched { nodes: u32::MAX, step: None };
}

impl<'t, S: System> Reader<'t, S> {
    /// A view with large caches, for a search.
    pub fn new(tables: &'t Tables<S>) -> Self {
        Reader::with_caches(tables, FACT_CACHE_BITS, PAIR_CACHE_BITS)
    }

    /// A view that costs nothing to make, for a single question.
    pub fn brief(tables: &'t Tables<S>) -> Self {
        Reader::with_caches(tables, 0, 0)
    }

    fn with_caches(tables: &'t Tables<S>, fact_bits: u32, pair_bits: u32) -> Self {
        let facts = Cache::new(fact_bits, Fact::NONE);
        let pairs = Cache::new(pair_bits, Verdict::NOTHING);
        Reader { tables, eager_conflicts: 0, facts, pairs }
    }

    /// The initial state, without dead messages. Eager ones are still there.
    pub fn start(&mut self) -> Flat {
        let mut state = Flat::default();
        for step in self.tables.start() {
            let stamp = self.tables.places.get(step.next).stamp;
            state.nodes.push(step.next);
            state.fingerprint = state.fingerprint.wrapping_add(stamp);
            self.send(&mut state, &step.sends);
        }
        self.bury(&mut state, Touched::ALL);
        state
    }

    pub fn fact(&mut self, place: u32, post: u32) -> Fact {
        let tables = self.tables;
        self.facts.get(fact_key(place, post), |key| tables.fact(key))
    }

    /// All steps of a state, in a fixed order: messages by number, then nodes.
    pub fn jumps(&mut self, state: &Flat, out: &mut Vec<Jump>) {
        out.clear();
        let rules = self.tables.rules;
        let mut last = None;
        for &post in &state.net {
            if last.replace(post) == Some(post) {
                continue; // Another copy.
            }
            let entry = self.tables.posts.get(post);
            for node in bits(entry.receivers) {
                if let Some(step) = self.fact(state.nodes[node], post).step() {
                    out.push(Jump::Deliver { post, node, step, kind: entry.kind });
                }
            }
            if rules.lossy && !entry.stays {
                out.push(Jump::Drop { post });
            }
        }
        for (node, &place) in state.nodes.iter().enumerate() {
            for (index, fired) in self.tables.events(place).iter().enumerate() {
                out.push(Jump::Fire { node, index, step: fired.step, kind: fired.kind });
            }
        }
    }

    /// The eager message to deliver now, if there is one among what was touched.
    ///
    /// The one with the lowest stamp: numbers depend on the order in which threads met the messages.
    pub fn eager(&mut self, state: &Flat, touched: Touched) -> Option<Jump> {
        if !self.tables.rules.eager {
            return None;
        }
        let (mut best, mut nodes): (Option<(u64, Jump)>, u32) = (None, 0);
        for &post in &state.net {
            let entry = self.tables.posts.get(post);
            if !entry.receivers.is_power_of_two() || !self.concerns(post, touched) {
                continue;
            }
            let node = entry.receivers.trailing_zeros() as usize;
            let fact = self.fact(state.nodes[node], post);
            let Some(step) = fact.step().filter(|_| fact.is_eager()) else { continue };
            self.eager_conflicts += u64::from(nodes & entry.receivers != 0);
            nodes |= entry.receivers;
            if best.is_none_or(|(stamp, _)| entry.stamp < stamp) {
                best = Some((entry.stamp, Jump::Deliver { post, node, step, kind: entry.kind }));
            }
        }
        best.map(|(_, jump)| jump)
    }

    /// Takes a step as the network has it, and buries the dead.
    pub fn take(&mut self, state: &mut Flat, jump: Jump) -> Touched {
        if let Jump::Deliver { post, node, .. } = jump {
            let stays = self.tables.posts.get(post).stays;
            let left = if stays { Some(self.tables.left_over(post, node)) } else { None };
            if left != Some(post) {
                self.remove(state, post);
                self.send(state, left.as_slice());
            }
        }
        self.advance(state, jump)
    }

    /// Takes a step; a message that it delivers has left the network before, or stays.
    pub fn advance(&mut self, state: &mut Flat, jump: Jump) -> Touched {
        let (node, step) = match jump {
            Jump::Deliver { node, step, .. } | Jump::Fire { node, step, .. } => (node, step),
            Jump::Drop { post } => {
                self.remove(state, post);
                return Touched { nodes: 0, step: None };
            }
        };
        let places = &self.tables.places;
        let (local_step, old) = (self.tables.steps.get(step), state.nodes[node]);
        let (old_stamp, new_stamp) = (places.get(old).stamp, places.get(local_step.next).stamp);
        let changed = state.set_node(node, local_step.next, old_stamp, new_stamp);
        self.send(state, &local_step.sends);
        let touched = Touched { nodes: u32::from(changed) << node, step: Some(step) };
        self.bury(state, touched);
        touched
    }

    pub fn remove(&self, state: &mut Flat, post: u32) {
        state.remove(post, self.tables.posts.get(post).stamp);
    }

    fn send(&self, state: &mut Flat, sends: &[u32]) {
        let counts_copies = self.tables.rules.network == Network::Bag;
        for &post in sends {
            state.insert(post, self.tables.posts.get(post).stamp, counts_copies);
        }
    }

    /// Removes what is dead, among what was touched: what was alive and untouched still is.
    fn bury(&mut self, state: &mut Flat, touched: Touched) {
        if !self.tables.rules.drop_dead {
            return;
        }
        let mut kept = 0;
        for at in 0..state.net.len() {
            let post = state.net[at];
            if self.concerns(post, touched) && self.is_dead(state, post) {
                let stamp = self.tables.posts.get(post).stamp;
                state.fingerprint = state.fingerprint.wrapping_sub(stamp);
                continue;
            }
            state.net[kept] = post;
            kept += 1;
        }
        state.net.truncate(kept);
    }

    fn concerns(&self, post: u32, touched: Touched) -> bool {
        let entry = self.tables.posts.get(post);
        (entry.receivers | entry.mooter) & touched.nodes != 0
            || touched.step.is_some_and(|step| self.tables.steps.get(step).sends.contains(&post))
    }

    /// Whether a message is dead at all its receivers, or moot.
    pub fn is_dead(&mut self, state: &Flat, post: u32) -> bool {
        let entry = self.tables.posts.get(post);
        let is_moot = bits(entry.mooter).any(|node| self.fact(state.nodes[node], post).is_dead());
        is_moot || bits(entry.receivers).all(|node| self.fact(state.nodes[node], post).is_dead())
    }

    /// Whether all is quiet: no node has a fair event, and no delivery changes anything.
    pub fn is_idle(&mut self, state: &Flat) -> bool {
        state.nodes.iter().all(|place| self.tables.fair(*place).is_empty())
            && state.net.iter().all(|post| self.is_idle_talk(state, *post))
    }

    /// Whether the message, taken by whoever may take it now, leaves everything as it is.
    fn is_idle_talk(&mut self, state: &Flat, post: u32) -> bool {
        let Post { receivers, kind, stays, .. } = *self.tables.posts.get(post);
        bits(receivers).all(|node| {
            let Some(step) = self.fact(state.nodes[node], post).step() else { return true };
            stays && {
                let mut next = state.clone();
                self.take(&mut next, Jump::Deliver { post, node, step, kind });
                next.fingerprint == state.fingerprint
            }
        })
    }

    /// The judgement of the changed nodes and of all pairs with a changed node.
    pub fn judge(&mut self, state: &Flat, changed: u32) -> Verdict {
        let mut verdict = Verdict::NOTHING;
        for b in 0..state.nodes.len() {
            let is_changed = changed >> b & 1 == 1;
            if is_changed {
                verdict = verdict.and(self.tables.verdict(state.nodes[b]));
            }
            for a in 0..b {
                if is_changed || changed >> a & 1 == 1 {
                    verdict = verdict.and(self.judge_pair(state.nodes[a], state.nodes[b]));
                }
            }
        }
        verdict
    }

    fn judge_pair(&mut self, a: u32, b: u32) -> Verdict {
        let tables = self.tables;
        self.pairs.get(fact_key(a, b), |_| {
            let (a, b) = (tables.places.get(a), tables.places.get(b));
            tables.system.judge_pair(a.node, &a.local, b.node, &b.local)
        })
    }

    /// The node states of a state.
    pub fn locals(&self, state: &Flat) -> Vec<&'t S::Local> {
        let tables = self.tables;
        state.nodes.iter().map(|place| &tables.places.get(*place).local).collect()
    }
}

/// The members of a bit set, in order.
pub(super) fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let node = set.checked_ilog2().map(|_| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(node)
    })
}

/// A direct-mapped cache: a new entry replaces whatever was in its slot.
struct Cache<V> {
    slots: Box<[(u64, V)]>,
    misses: usize,
    bits_max: u32,
}

impl<V: Copy> Cache<V> {
    /// No key is all ones: that would be the 2^32-th node state.
    const EMPTY: u64 = u64::MAX;

    fn new(bits_max: u32, filler: V) -> Self {
        let slots = vec![(Self::EMPTY, filler); 1 << bits_max.min(FIRST_CACHE_BITS)].into();
        Cache { slots, misses: 0, bits_max }
    }

    fn get(&mut self, key: u64, compute: impl FnOnce(u64) -> V) -> V {
        let slot = self.slot(key);
        let (found, value) = self.slots[slot];
        if found == key {
            return value;
        }
        let value = compute(key);
        self.slots[slot] = (key, value);
        self.misses += 1;
        if self.misses > self.slots.len() && self.slots.len() < 1 << self.bits_max {
            self.grow(value);
        }
        value
    }

    fn slot(&self, key: u64) -> usize {
        (KeyHasher::mix(key) >> 32) as usize & (self.slots.len() - 1)
    }

    fn grow(&mut self, filler: V) {
        let larger = vec![(Self::EMPTY, filler); self.slots.len() * 2].into();
        let old = std::mem::replace(&mut self.slots, larger);
        self.misses = 0;
        for entry in old.into_iter().filter(|entry| entry.0 != Self::EMPTY) {
            let slot = self.slot(entry.0);
            self.slots[slot] = entry;
        }
    }
}
