//! A breadth-first search that shares nothing with the engine: real states in a hash set. For tests only.

use super::{Destination, Envelope, Network, Rules, System, Verdict};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct World<L, M> {
    locals: Vec<L>,
    net: Vec<Envelope<M>>,
}

#[derive(Debug, Default, Eq, PartialEq)]
pub struct Counted {
    pub unique: u64,
    pub generated: u64,
    pub depth: usize,
    pub idle: u64,
    pub terminal: u64,
    pub levels: Vec<u64>,
    /// For each bit, the depth of the nearest state that violates or shows it.
    pub violated: BTreeMap<u32, usize>,
    pub seen: BTreeMap<u32, usize>,
}

/// Explores everything; reductions are not its business.
pub fn explore<S: System>(system: &S, rules: Rules) -> Counted {
    let mut world = World { locals: Vec::new(), net: Vec::new() };
    for node in 0..system.nodes() {
        let outcome = system.start(node);
        world.locals.push(outcome.local);
        send(&mut world.net, node, outcome.sends, rules.network);
    }
    let mut counted = Counted { unique: 1, generated: 1, ..Counted::default() };
    let mut visited = HashSet::from([world.clone()]);
    let (mut level, mut depth) = (vec![world], 0);
    while !level.is_empty() {
        counted.depth = depth;
        counted.levels.push(level.len() as u64);
        let mut next = Vec::new();
        for world in level {
            note(&mut counted, system, &world, rules, depth);
            let successors = successors(system, &world, rules);
            counted.generated += successors.len() as u64;
            counted.terminal += u64::from(successors.is_empty());
            next.extend(successors.into_iter().filter(|next| visited.insert(next.clone())));
        }
        counted.unique += next.len() as u64;
        level = next;
        depth += 1;
    }
    counted
}

fn send<M: Hash + PartialEq>(
    net: &mut Vec<Envelope<M>>,
    src: usize,
    sends: Vec<(Destination, M)>,
    network: Network,
) {
    for (to, message) in sends {
        let envelope = Envelope { src, to, message };
        if network == Network::Bag || !net.contains(&envelope) {
            net.push(envelope);
        }
    }
    net.sort_by_cached_key(|envelope| {
        let mut hasher = DefaultHasher::new(); // Always the same keys: the order is canonical.
        envelope.hash(&mut hasher);
        hasher.finish()
    });
}

fn successors<S: System>(
    system: &S,
    world: &World<S::Local, S::Message>,
    rules: Rules,
) -> Vec<World<S::Local, S::Message>> {
    let mut out = deliveries(system, world, rules);
    if rules.lossy && rules.network != Network::Set {
        for at in first_copies(world) {
            let mut next = world.clone();
            next.net.remove(at);
            out.push(next);
        }
    }
    for (node, local) in world.locals.iter().enumerate() {
        for event in system.events(node, local) {
            let outcome = system.fire(node, local, &event);
            let mut next = world.clone();
            next.locals[node] = outcome.local;
            send(&mut next.net, node, outcome.sends, rules.network);
            out.push(next);
        }
    }
    out
}

fn deliveries<S: System>(
    system: &S,
    world: &World<S::Local, S::Message>,
    rules: Rules,
) -> Vec<World<S::Local, S::Message>> {
    let mut out = Vec::new();
    for at in first_copies(world) {
        let envelope = &world.net[at];
        for node in envelope.to.receivers() {
            let local = &world.locals[node];
            let outcome = system.deliver(node, local, envelope.src, &envelope.message);
            let Some(outcome) = outcome else { continue };
            let mut next = world.clone();
            if rules.network != Network::Set {
                next.net.remove(at);
            }
            next.locals[node] = outcome.local;
            send(&mut next.net, node, outcome.sends, rules.network);
            out.push(next);
        }
    }
    out
}

/// The places of different messages.
fn first_copies<L, M: PartialEq>(world: &World<L, M>) -> impl Iterator<Item = usize> {
    (0..world.net.len()).filter(|at| *at == 0 || world.net[at - 1] != world.net[*at])
}

fn note<S: System>(
    counted: &mut Counted,
    system: &S,
    world: &World<S::Local, S::Message>,
    rules: Rules,
    depth: usize,
) {
    let locals: Vec<_> = world.locals.iter().collect();
    let mut verdict = Verdict::NOTHING;
    for (b, local) in locals.iter().enumerate() {
        verdict = verdict.and(system.judge_node(b, local));
        for (a, other) in locals[..b].iter().enumerate() {
            verdict = verdict.and(system.judge_pair(a, other, b, local));
        }
    }
    let is_silent =
        locals.iter().enumerate().all(|(node, local)| system.fair(node, local).is_empty());
    if is_silent && deliveries(system, world, rules).iter().all(|next| next == world) {
        counted.idle += 1;
        verdict = verdict.and(system.judge_idle(&locals));
    }
    for bit in 0..64 {
        if verdict.violated >> bit & 1 == 1 {
            counted.violated.entry(bit).or_insert(depth);
        }
        if verdict.seen >> bit & 1 == 1 {
            counted.seen.entry(bit).or_insert(depth);
        }
    }
}
