//! What may happen to messages, which reductions are on, and what bounds a search.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What the network does to a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Network {
    /// Once sent, a message may be delivered any number of times, at any time, or never: loss, duplication,
    /// delay, any order. It leaves only when it is dead.
    Set,
    /// A message is delivered at most once, at any time. To send it again while it is in flight has no
    /// effect, as if the second copy were lost.
    Once,
    /// A message is delivered at most once, at any time, and each copy of an equal message counts. A node
    /// that may always send again makes the state space infinite.
    Bag,
}

/// The rules of the game: network and reductions. They are part of the [`super::Tables`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rules {
    /// What the network does to a message.
    pub network: Network,
    /// Whether losing a message is an action. Without effect on `Network::Set`, where a message may stay
    /// for ever. Eager messages are not lost.
    pub lossy: bool,
    /// Reduction: dead messages leave the network at once.
    pub drop_dead: bool,
    /// Reduction: eager messages are delivered at once and alone.
    pub eager: bool,
}

impl Rules {
    /// No loss action and no reduction.
    pub fn plain(network: Network) -> Self {
        Rules { network, lossy: false, drop_dead: false, eager: false }
    }

    /// Both reductions, no loss action.
    pub fn reduced(network: Network) -> Self {
        Rules { network, lossy: false, drop_dead: true, eager: true }
    }
}

/// What bounds a search and how far it goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that expand states; 0 for as many as there are processors.
    pub threads: usize,
    /// Whether to go on after a violation, until every property has its shortest depth.
    pub keep_going: bool,
    /// Whether to check that the fair continuation of every state becomes silent and ends well.
    pub liveness: bool,
    /// Stop soon after this many unique states.
    pub states_max: Option<u64>,
    /// Do not take more than this many steps from the start.
    pub depth_max: Option<usize>,
    /// Stop after this time.
    pub time_max: Option<Duration>,
    /// Stop when the engine's tables or the process's resident memory exceed this many bytes.
    pub memory_max: Option<u64>,
    /// Stop soon after this becomes true.
    pub stop: Option<&'static AtomicBool>,
}

impl Default for Options {
    /// All processors, stop at the first violation, no liveness, no bound.
    fn default() -> Self {
        Options {
            threads: 0,
            keep_going: false,
            liveness: false,
            states_max: None,
            depth_max: None,
            time_max: None,
            memory_max: None,
            stop: None,
        }
    }
}

impl Options {
    /// The number of threads to use.
    pub(super) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        }
    }
}
