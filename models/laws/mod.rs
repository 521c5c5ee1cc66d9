//! The law of a [`Service`]: histories that order the same updates causally, but
//! differently, leave values that answer alike (P19). Deliberately says nothing about the protocol, which
//! has its own properties; these histories come from a small stand-in for it, [`history`].

pub mod history;
mod samples;

use chinwag::{RequestId, Service};
use history::{Move, World};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use std::{collections::BTreeSet, fmt};

/// A service that the law can be tested on: it names some operations and queries.
pub trait Sampled: Service {
    /// An operation that a client might ask for who was last shown `shown`. Small choices should give the
    /// operations that conflict most, since the exhaustive test uses 0 and 1 only.
    fn op(shown: &Self, choice: u8) -> Self::Op;

    /// Queries whose answers together show all that matters of the value.
    fn queries() -> Vec<Self::Query>;
}

/// Panics with the smallest history found after which two causal orders answer differently.
///
/// Random histories of three managers and three sessions, in which updates may be recorded by two managers
/// (C10) and clients may have seen one of the records without the other. 1,000 histories.
pub fn converges<S: Sampled>() {
    fn holds<S: Sampled>(history: History) -> Result<(), Divergence> {
        let mut world = World::<S>::of(3, 3);
        for step in &history.moves {
            world.step(step);
        }
        let mut picks = history.picks.iter().cycle();
        let reference = world.replay(|_| 0);
        let other = world.replay(|ready| usize::from(*picks.next().expect("not empty")) % ready);
        compare(&world, &reference, &other)?;
        for at_a_manager in world.finish() {
            compare(&world, &reference, &at_a_manager)?;
        }
        Ok(())
    }
    QuickCheck::new().tests(1000).quickcheck(holds::<S> as fn(History) -> Result<(), Divergence>);
}

/// Panics with a shortest history of at most `moves` moves after which two causal orders answer
/// differently. Exhaustive for two managers, two sessions, three updates in at most four records, and the
/// operations 0 and 1; every causal order of each history is tried. Returns how many orders that were.
pub fn converges_exhaustively<S: Sampled>(moves: usize) -> usize {
    let mut worlds = vec![World::<S>::of(2, 2)];
    let mut orders = 0;
    for left in (0..moves).rev() {
        let steps = |world: World<S>| {
            Move::all(&world).into_iter().map(move |step| {
                let mut world = world.clone();
                world.step(&step);
                (step, world)
            })
        };
        let mut next = Vec::new();
        for (step, world) in worlds.into_iter().flat_map(steps) {
            if matches!(step, Move::Update { .. }) {
                orders += all_orders_agree(&world);
            }
            if left > 0 {
                next.push(world);
            }
        }
        worlds = next;
    }
    orders
}

fn all_orders_agree<S: Sampled>(world: &World<S>) -> usize {
    let replays = world.replays();
    for other in &replays[1..] {
        if let Err(divergence) = compare(world, &replays[0], other) {
            panic!("{divergence:?}");
        }
    }
    replays.len()
}

/// A value and the records, by number, whose execution in this order led to it.
#[derive(Clone)]
pub struct Replay<S> {
    /// Indices into [`World::records`].
    pub order: Vec<usize>,
    /// What they led to.
    pub value: S,
}

fn compare<S: Sampled>(world: &World<S>, a: &Replay<S>, b: &Replay<S>) -> Result<(), Divergence> {
    for query in S::queries() {
        let (left, right) = (a.value.answer(&query), b.value.answer(&query));
        if left != right {
            let shown = |replay: &Replay<S>, answer| {
                let records = replay.order.iter().map(|k| format!("  {:?}", world.records[*k]));
                format!("{}\n  answers {answer:?}", records.collect::<Vec<_>>().join("\n"))
            };
            let (left, right) = (shown(a, left), shown(b, right));
            return Err(Divergence(format!("{query:?} after\n{left}\nbut after\n{right}")));
        }
    }
    Ok(())
}

/// Two causal orders, told as what they executed and answered.
struct Divergence(String);

impl fmt::Debug for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two causal orders of one history differ: {}", self.0)
    }
}

/// What quickcheck makes up and shrinks.
#[derive(Clone, Debug)]
struct History {
    moves: Vec<Move>,
    /// Which of the executable records is next; never empty.
    picks: Vec<u8>,
}

impl Arbitrary for History {
    fn arbitrary(g: &mut Gen) -> Self {
        let length = usize::arbitrary(g) % 12;
        let picks = (0..8).map(|_| u8::arbitrary(g)).collect();
        Self { moves: (0..length).map(|_| Move::arbitrary(g)).collect(), picks }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let picks = self.picks.clone();
        let fewer = self.moves.shrink();
        Box::new(fewer.map(move |moves| Self { moves, picks: picks.clone() }))
    }
}

/// Executes a record as the protocol does: the operation only once for each update (C10).
fn execute<S: Service>(
    value: &mut S,
    executed: &mut BTreeSet<RequestId>,
    record: &history::Record<S::Op>,
) {
    let update = record.applied();
    if executed.insert(update.id) { value.apply(update) } else { value.also_stamped(update) }
}
