//! The local steps that a search computed, one by one: for whoever wants to look at all of them.

use super::system::{Envelope, System};
use super::tables::{Fact, Place, Tables};

/// A local step: what one node made of one thing.
pub struct Taken<'a, S: System> {
    /// The node.
    pub node: usize,
    /// Its state.
    pub before: &'a S::Local,
    /// What happened.
    pub cause: Cause<'a, S>,
    /// Its state afterwards; nothing if a message was ignored.
    pub after: Option<&'a S::Local>,
}

/// What makes a node take a step.
pub enum Cause<'a, S: System> {
    /// A message arrives.
    Message(&'a Envelope<S::Message>),
    /// An internal step.
    Event(&'a S::Event),
}

impl<S: System> Tables<S> {
    /// Shows every local step that was computed: what each node state met made of each message that reached
    /// it, whether or not it changed anything, and of each internal step.
    pub fn each_step(&self, mut show: impl FnMut(Taken<'_, S>)) {
        for map in self.fact_maps() {
            for (key, fact) in map.iter() {
                let (place, post) =
                    (self.places.get((key >> 32) as u32), self.posts.get(*key as u32));
                if post.receivers >> place.node & 1 == 1 {
                    let cause = Cause::Message(&post.envelope);
                    show(self.taken(place, cause, fact.step()));
                }
            }
        }
        for place in self.places.ids().map(|id| self.places.get(id)) {
            let fired = place.events.get().into_iter().flat_map(|events| events.iter());
            let fair = place.fair.get().into_iter().flat_map(|events| events.iter());
            for fired in fired.chain(fair) {
                show(self.taken(place, Cause::Event(&fired.event), Some(fired.step)));
            }
        }
    }

    fn taken<'a>(
        &'a self,
        before: &'a Place<S>,
        cause: Cause<'a, S>,
        step: Option<u32>,
    ) -> Taken<'a, S> {
        let after = step.map(|step| &self.places.get(self.steps.get(step).next).local);
        Taken { node: before.node, before: &before.local, cause, after }
    }

    /// Every memoised local step as (node state before, node state after), each once.
    pub(super) fn edges(&self) -> Vec<(u32, u32)> {
        let mut edges = Vec::new();
        for map in self.fact_maps() {
            let delivered = |(key, fact): (&u64, &Fact)| {
                fact.step().map(|step| ((key >> 32) as u32, self.steps.get(step).next))
            };
            edges.extend(map.iter().filter_map(delivered));
        }
        for id in self.places.ids() {
            let place = self.places.get(id);
            let fired = place.events.get().into_iter().flat_map(|events| events.iter());
            let fair = place.fair.get().into_iter().flat_map(|events| events.iter());
            edges.extend(fired.chain(fair).map(|fired| (id, self.steps.get(fired.step).next)));
        }
        edges.retain(|(before, after)| before != after);
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}
