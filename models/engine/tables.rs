//! Numbers for node states and messages, and a memo of every local step.
//!
//! Each local step is computed once by the system's own handler and looked up ever after.

use super::arena::{Arena, Interner, Stamped};
use super::options::{Network, Rules};
use super::system::{Destination, Envelope, NODES_MAX, Outcome, System, Verdict};
use ahash::RandomState;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

/// Different kinds of actions that are counted apart; the rest counts as the last one.
const KINDS_MAX: usize = 64;
/// Shards of the memo of facts.
const FACT_SHARDS: usize = 64;

/// The numbers of all node states and messages met so far, and all local steps taken so far.
///
/// Several searches of the same system under the same rules may share them.
pub struct Tables<S: System> {
    pub(super) system: Arc<S>,
    pub(super) rules: Rules,
    pub(super) places: Interner<Place<S>>,
    pub(super) posts: Interner<Post<S>>,
    pub(super) steps: Arena<LocalStep>,
    facts: Vec<Mutex<FactMap>>,
    kinds: RwLock<Vec<&'static str>>,
    hasher: RandomState,
}

pub(super) type FactMap = HashMap<u64, Fact, BuildHasherDefault<KeyHasher>>;

/// A node state, with the node it is a state of.
pub(super) struct Place<S: System> {
    pub node: usize,
    pub local: S::Local,
    pub stamp: u64,
    pub events: OnceLock<Box<[Fired<S>]>>,
    pub fair: OnceLock<Box<[Fired<S>]>>,
    verdict: OnceLock<Verdict>,
}

impl<S: System> Stamped for Place<S> {
    fn stamp(&self) -> u64 {
        self.stamp
    }
}

/// A message in its envelope.
pub(super) struct Post<S: System> {
    pub envelope: Envelope<S::Message>,
    pub stamp: u64,
    /// The nodes that may take it, as a bit set.
    pub receivers: u32,
    pub kind: u16,
    /// Whether it stays in the network when it is delivered.
    pub stays: bool,
    /// The sender as a bit set, if the message can become moot.
    pub mooter: u32,
    /// The same message addressed to one receiver: what stays of it once that one has taken it.
    sticky: Option<Box<[OnceLock<u32>]>>,
}

impl<S: System> Stamped for Post<S> {
    fn stamp(&self) -> u64 {
        self.stamp
    }
}

/// What a local step leads to.
pub(super) struct LocalStep {
    pub next: u32,
    pub sends: Box<[u32]>,
}

/// An enabled internal step and what it leads to.
pub(super) struct Fired<S: System> {
    pub event: S::Event,
    pub step: u32,
    pub kind: u16,
}

/// What a node state makes of a message: the number of the local step plus one, and two flags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fact(u32);

impl Fact {
    const DEAD: u32 = 1 << 31;
    const EAGER: u32 = 1 << 30;

    pub const NONE: Fact = Fact(0);

    /// The local step, or `None` when the message is ignored.
    pub fn step(self) -> Option<u32> {
        (self.0 & !(Fact::DEAD | Fact::EAGER)).checked_sub(1)
    }

    pub fn is_dead(self) -> bool {
        self.0 & Fact::DEAD != 0
    }

    pub fn is_eager(self) -> bool {
        self.0 & Fact::EAGER != 0
    }
}

impl<S: System> Tables<S> {
    /// Empty tables.
    ///
    /// Panics if the system has no node, more than [`NODES_MAX`], or a property with a bit above 62.
    pub fn new(system: Arc<S>, rules: Rules) -> Self {
        let nodes = system.nodes();
        assert!((1..=NODES_MAX).contains(&nodes), "a system has 1 to {NODES_MAX} nodes");
        for property in system.properties() {
            assert!(property.bit < super::SILENCE, "{}: bits are 0 to 62", property.name);
        }
        Tables {
            system,
            rules,
            places: Interner::new(),
            posts: Interner::new(),
            steps: Arena::new(),
            facts: (0..FACT_SHARDS).map(|_| Mutex::default()).collect(),
            kinds: RwLock::default(),
            hasher: RandomState::with_seeds(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        }
    }

    /// Empty tables of the same system under the same rules.
    ///
    /// A search with one thread on fresh tables numbers everything the same way every time.
    pub fn fresh(&self) -> Self {
        Tables::new(self.system.clone(), self.rules)
    }

    /// The system.
    pub fn system(&self) -> &Arc<S> {
        &self.system
    }

    /// The rules.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// How many distinct node states were met.
    pub fn locals(&self) -> usize {
        self.places.len()
    }

    /// How many distinct messages were met.
    pub fn messages(&self) -> usize {
        self.posts.len()
    }

    /// How many local steps were computed.
    pub fn local_steps(&self) -> usize {
        self.steps.len()
    }

    /// Bytes of the tables, without what node states and messages own elsewhere.
    pub fn bytes(&self) -> u64 {
        let facts: usize = self.fact_maps().map(|map| map.capacity() * 8 / 7 * 17).sum();
        (self.places.bytes() + self.posts.bytes() + self.steps.bytes() + facts) as u64
    }

    /// Whether what is in flight may never arrive.
    pub(super) fn may_lose(&self) -> bool {
        self.rules.lossy || self.rules.network == Network::Set || self.system.loses()
    }

    /// The numbers of the initial node states, and of the first messages.
    pub(super) fn start(&self) -> Vec<LocalStep> {
        (0..self.system.nodes()).map(|node| self.intern(node, self.system.start(node))).collect()
    }

    /// What a node state makes of a message. The key is `fact_key` of the two.
    pub(super) fn fact(&self, key: u64) -> Fact {
        let shard = &self.facts[KeyHasher::mix(key) as usize % FACT_SHARDS];
        let lock = || shard.lock().expect("a thread panicked while it stored a fact");
        if let Some(fact) = lock().get(&key) {
            return *fact;
        }
        // The handlers run without a lock; the first thread to finish decides the number of the step.
        let (flags, step) = self.compute((key >> 32) as u32, key as u32);
        let mut map = lock();
        *map.entry(key)
            .or_insert_with(|| Fact(flags | step.map_or(0, |step| self.steps.push(step) + 1)))
    }

    fn compute(&self, place: u32, post: u32) -> (u32, Option<LocalStep>) {
        let (place, post) = (self.places.get(place), self.posts.get(post));
        let (node, local) = (place.node, &place.local);
        let (src, message) = (post.envelope.src, &post.envelope.message);
        if post.receivers >> node & 1 == 0 {
            // Asked about the sender: is the message moot?
            let is_moot = self.system.is_moot(node, local, message);
            return (if is_moot { Fact::DEAD } else { 0 }, None);
        }
        let step = self.system.deliver(node, local, src, message).map(|out| self.intern(node, out));
        let mut flags = 0;
        if self.system.is_dead(node, local, src, message) {
            flags |= Fact::DEAD;
        }
        let may_be_eager = self.rules.eager && post.receivers.is_power_of_two() && step.is_some();
        if may_be_eager && self.system.is_eager(node, local, src, message) {
            flags |= Fact::EAGER;
        }
        (flags, step)
    }

    /// The internal steps that are enabled in a node state.
    pub(super) fn events(&self, place: u32) -> &[Fired<S>] {
        let place = self.places.get(place);
        place.events.get_or_init(|| {
            let events = self.system.events(place.node, &place.local);
            events.into_iter().map(|event| self.fired(place, event)).collect()
        })
    }

    /// The internal steps that a fair continuation takes in a node state.
    pub(super) fn fair(&self, place: u32) -> &[Fired<S>] {
        let place = self.places.get(place);
        place.fair.get_or_init(|| {
            let events = self.system.fair(place.node, &place.local);
            events.into_iter().map(|event| self.fired(place, event)).collect()
        })
    }

    fn fired(&self, place: &Place<S>, event: S::Event) -> Fired<S> {
        let outcome = self.system.fire(place.node, &place.local, &event);
        let step = self.steps.push(self.intern(place.node, outcome));
        let kind = self.kind(self.system.event_kind(&event));
        Fired { event, step, kind }
    }

    /// The judgement of one node.
    pub(super) fn verdict(&self, place: u32) -> Verdict {
        let place = self.places.get(place);
        *place.verdict.get_or_init(|| self.system.judge_node(place.node, &place.local))
    }

    fn intern(&self, node: usize, outcome: Outcome<S>) -> LocalStep {
        let next = self.place(node, outcome.local);
        let sends = outcome.sends.into_iter().map(|(to, message)| self.post(node, to, message));
        LocalStep { next, sends: sends.collect() }
    }

    /// The number of a node state.
    pub(super) fn place(&self, node: usize, local: S::Local) -> u32 {
        let stamp = self.stamp(&(0u8, node, &local));
        self.places.intern(
            stamp,
            |place| place.node == node && place.local == local,
            || Place {
                node,
                local: local.clone(),
                stamp,
                events: OnceLock::new(),
                fair: OnceLock::new(),
                verdict: OnceLock::new(),
            },
        )
    }

    /// The number of a message.
    pub(super) fn post(&self, src: usize, to: Destination, message: S::Message) -> u32 {
        let envelope = Envelope { src, to, message };
        let stamp = self.stamp(&(1u8, &envelope));
        self.posts.intern(
            stamp,
            |post| post.envelope == envelope,
            || {
                let nodes = self.system.nodes();
                assert!(to.receivers().end <= nodes, "{to:?}: there are {nodes} nodes");
                Post {
                    stamp,
                    receivers: to.receivers().fold(0, |set, node| set | 1 << node),
                    kind: self.kind(self.system.message_kind(&envelope.message)),
                    stays: self.rules.network == Network::Set
                        || self.system.repeats(&envelope.message),
                    mooter: u32::from(self.system.may_be_moot(&envelope.message)) << src,
                    sticky: (to.receivers().len() > 1 && self.system.sticks(&envelope.message))
                        .then(|| (0..nodes).map(|_| OnceLock::new()).collect()),
                    envelope: envelope.clone(),
                }
            },
        )
    }

    /// What stays of a message that stays, once a node has taken it.
    pub(super) fn left_over(&self, post: u32, node: usize) -> u32 {
        let entry = self.posts.get(post);
        let Some(sticky) = &entry.sticky else { return post };
        let Envelope { src, message, .. } = &entry.envelope;
        *sticky[node].get_or_init(|| self.post(*src, Destination::Node(node), message.clone()))
    }

    /// The number of a kind of action.
    pub(super) fn kind(&self, name: &'static str) -> u16 {
        let known = |kinds: &[&str]| kinds.iter().position(|kind| *kind == name);
        let poisoned = "a thread panicked while it named a kind";
        if let Some(kind) = known(&self.kinds.read().expect(poisoned)) {
            return kind as u16;
        }
        let mut kinds = self.kinds.write().expect(poisoned);
        let kind = known(&kinds).unwrap_or(kinds.len());
        if kind == kinds.len() && kind < KINDS_MAX {
            kinds.push(name);
        }
        kind.min(KINDS_MAX - 1) as u16
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.kinds.read().expect("a thread panicked while it named a kind").clone()
    }

    /// A 64-bit fingerprint that is the same in every run on this kind of machine.
    ///
    /// Fingerprints are added up, so the hash is mixed once more: sums of related values must not collide.
    fn stamp(&self, value: &impl Hash) -> u64 {
        let mut x = self.hasher.hash_one(value).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub(super) fn fact_maps(&self) -> impl Iterator<Item = std::sync::MutexGuard<'_, FactMap>> {
        self.facts.iter().map(|map| map.lock().expect("a thread panicked while it stored a fact"))
    }
}

/// The key of a fact.
pub(super) fn fact_key(place: u32, post: u32) -> u64 {
    u64::from(place) << 32 | u64::from(post)
}

/// A hasher of `u64` keys: a multiplication, folded.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl KeyHasher {
    pub fn mix(key: u64) -> u64 {
        let product = u128::from(key ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        (product >> 64) as u64 ^ product as u64
    }
}

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u64")
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = KeyHasher::mix(key);
    }
}
