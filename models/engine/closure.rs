//! A check of `is_dead` against every local step that a search took.

use super::system::{Outcome, System};
use super::tables::Tables;

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Checked {
    /// Pairs of a node state and a message that is dead there.
    pub dead: u64,
    /// Pairs of a local step and a message that is dead before it.
    pub kept: u64,
}

/// A message that was called dead and is not.
#[derive(Debug)]
pub struct DeadFlaw<S: System> {
    /// The node.
    pub node: usize,
    /// Its state in which the message is called dead.
    pub local: S::Local,
    /// Who sent the message.
    pub src: usize,
    /// The message.
    pub message: S::Message,
    /// Why it is not dead.
    pub reason: DeadReason<S>,
}

/// Why a message is not dead.
#[derive(Debug)]
pub enum DeadReason<S: System> {
    /// Delivering it does this.
    HasEffect(Outcome<S>),
    /// A step of the node leads to this state, in which it is not called dead.
    Revives(S::Local),
}

/// Checks `is_dead` over all local steps and all messages that a search met.
///
/// For every node state, every step from it, and every message that the node may take: if the message is
/// dead, delivering it has no effect, and it is dead after the step. By induction it is dead for ever, as far
/// as the search went. Run the search without `drop_dead` first, if that is feasible: it meets more.
pub fn check_dead<S: System>(tables: &Tables<S>) -> Result<Checked, Box<DeadFlaw<S>>> {
    let mut checked = Checked::default();
    let edges = tables.edges();
    for node in 0..tables.system.nodes() {
        check_node(tables, node, &edges, &mut checked)?;
    }
    Ok(checked)
}

fn check_node<S: System>(
    tables: &Tables<S>,
    node: usize,
    edges: &[(u32, u32)],
    checked: &mut Checked,
) -> Result<(), Box<DeadFlaw<S>>> {
    let posts: Vec<u32> = tables
        .posts
        .ids()
        .filter(|post| tables.posts.get(*post).receivers >> node & 1 == 1)
        .collect();
    // For each node state, the messages that are dead there: one bit for each of `posts`.
    let mut dead = DeadSets::new(tables.places.ids().len(), posts.len());
    for place in tables.places.ids().filter(|place| tables.places.get(*place).node == node) {
        for (bit, post) in posts.iter().enumerate() {
            if is_dead(tables, place, *post) {
                dead.add(place, bit);
                checked.dead += 1;
                has_no_effect(tables, place, *post)?;
            }
        }
    }
    for &(before, after) in edges {
        if tables.places.get(before).node != node {
            continue;
        }
        checked.kept += dead.size(before);
        if let Some(bit) = dead.first_not_kept(before, after) {
            let local = tables.places.get(after).local.clone();
            return Err(flaw(tables, before, posts[bit], DeadReason::Revives(local)));
        }
    }
    Ok(())
}

fn is_dead<S: System>(tables: &Tables<S>, place: u32, post: u32) -> bool {
    let (place, envelope) = (tables.places.get(place), &tables.posts.get(post).envelope);
    tables.system.is_dead(place.node, &place.local, envelope.src, &envelope.message)
}

fn has_no_effect<S: System>(
    tables: &Tables<S>,
    place: u32,
    post: u32,
) -> Result<(), Box<DeadFlaw<S>>> {
    let (entry, envelope) = (tables.places.get(place), &tables.posts.get(post).envelope);
    let outcome = tables.system.deliver(entry.node, &entry.local, envelope.src, &envelope.message);
    match outcome {
        Some(outcome) if outcome.local != entry.local || !outcome.sends.is_empty() => {
            Err(flaw(tables, place, post, DeadReason::HasEffect(outcome)))
        }
        _ => Ok(()),
    }
}

fn flaw<S: System>(
    tables: &Tables<S>,
    place: u32,
    post: u32,
    reason: DeadReason<S>,
) -> Box<DeadFlaw<S>> {
    let (place, envelope) = (tables.places.get(place), &tables.posts.get(post).envelope);
    Box::new(DeadFlaw {
        node: place.node,
        local: place.local.clone(),
        src: envelope.src,
        message: envelope.message.clone(),
        reason,
    })
}

/// A bit set of messages for each node state of one node.
struct DeadSets {
    /// Where a node state's words begin, if it has any.
    starts: Vec<Option<usize>>,
    words: Vec<u64>,
    width: usize,
}

impl DeadSets {
    fn new(places: usize, posts: usize) -> Self {
        DeadSets { starts: vec![None; places], words: Vec::new(), width: posts.div_ceil(64) }
    }

    fn add(&mut self, place: u32, bit: usize) {
        let start = *self.starts[place as usize].get_or_insert_with(|| {
            self.words.resize(self.words.len() + self.width, 0);
            self.words.len() - self.width
        });
        self.words[start + bit / 64] |= 1 << (bit % 64);
    }

    fn of(&self, place: u32) -> &[u64] {
        self.starts[place as usize].map_or(&[], |start| &self.words[start..start + self.width])
    }

    fn size(&self, place: u32) -> u64 {
        self.of(place).iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The first message that is dead before and not after.
    fn first_not_kept(&self, before: u32, after: u32) -> Option<usize> {
        let after = self.of(after);
        self.of(before).iter().enumerate().find_map(|(index, word)| {
            let lost = word & !after.get(index).copied().unwrap_or(0);
            (lost != 0).then(|| index * 64 + lost.trailing_zeros() as usize)
        })
    }
}
