//! What judges a run: by every property over the checker's view (`few`), or by sums (`many`).

use crate::{
    node::{Common, Notes},
    scenario::{Scenario, Task},
};
use chinwag::{Change, Destination, Group, Input, ManagerState, Message, ReplicaId, Service};

/// A client of a run: the protocol's front end, and what is remembered of what it did and saw.
pub trait Caller<S: Service> {
    /// Something arrives, or a timer fires.
    fn step(&mut self, input: Input<S>) -> Vec<(Destination, Message<S>)>;

    /// The client does something.
    fn ask(&mut self, task: Task) -> Vec<(Destination, Message<S>)>;

    /// Its process ends, and another one goes on with its session in this cluster, under the next
    /// incarnation; under the same one by a seeded bug. What was under way is abandoned.
    fn renew(&mut self, group: Group, keeps_incarnation: bool) -> Vec<(Destination, Message<S>)>;

    /// The numbers of its requests that were sent and not answered.
    fn in_flight(&self) -> Vec<u64>;

    /// How many requests it has not asked, or not been answered.
    fn left(&self) -> usize;

    /// Nothing is left that it waits for.
    fn is_through(&self) -> bool;

    /// The number of its next request.
    fn next_number(&mut self) -> &mut u64;
}

/// What a host did with a batch of inputs.
pub struct Step<'a, S: Service> {
    /// Which replica manager.
    pub me: ReplicaId,
    /// What it knows now.
    pub state: &'a ManagerState<S>,
    /// What it was told, and what it says.
    pub notes: &'a Notes<S>,
    /// What it asked its storage to write.
    pub written: &'a [Vec<Change<S>>],
    /// All that was written is said to be synced.
    pub synced: bool,
    /// It is.
    pub truly_synced: bool,
    /// It stopped with an error: nothing is said, and of what was written anything may be left.
    pub stopped: bool,
}

/// What was read back after power loss or the end of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// All that it ever told of.
    Sound,
    /// Less than it told of.
    Less,
    /// Something that it never was.
    Strange,
}

/// When a run is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Something happened.
    Any,
    /// All should be equal, though some links are severed.
    Spread,
    /// All should be equal and nothing left to do.
    End,
}

/// Judges a run.
pub trait Judge {
    /// What is replicated.
    type Service: Service;
    /// A client.
    type Caller: Caller<Self::Service>;

    /// Before anything happens.
    fn new(scenario: &Scenario, common: &Common) -> Self;

    /// This client, before it does anything.
    fn caller(&self, client: u16) -> Self::Caller;

    /// What somebody asks for who lies about its past. It is refused, so it never runs.
    fn boast(&self) -> <Self::Service as Service>::Op;

    /// A host has done something.
    fn note(&mut self, step: Step<'_, Self::Service>);

    /// A host was started, and this is what it knows.
    fn read_back(&mut self, me: ReplicaId, state: &ManagerState<Self::Service>) -> ReadBack;

    /// It is gone for good.
    fn lost(&mut self, _me: ReplicaId) {}

    /// It has recorded who was replaced.
    fn recorded(&mut self, _me: ReplicaId) {}

    /// A newcomer has a copy, and this is what it knows.
    fn copied(&mut self, _me: ReplicaId, _state: &ManagerState<Self::Service>) {}

    /// Does it wait for what only a lost replica manager had?
    fn waits_in_vain(&self, _caller: &Self::Caller) -> bool {
        false
    }

    /// What is broken, if anything is. `vanished` clients need not be answered; a replica manager that is
    /// not in `judged` is under suspicion. At the end, `judged` is everyone.
    fn broken(
        &mut self,
        callers: &[Self::Caller],
        vanished: &[bool],
        judged: &[bool],
        moment: Moment,
    ) -> Option<String>;

    /// How many looks were taken.
    fn looks(&self) -> u64;
}
