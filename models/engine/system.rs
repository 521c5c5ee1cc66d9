//! What the engine asks of a system of communicating nodes.

use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Range;

/// How many nodes a system may have: a set of nodes is a `u32`, and all ordered pairs are judged.
pub const NODES_MAX: usize = 16;

/// The bit of [`Verdict::violated`] that is the engine's own: "every fair continuation becomes silent".
pub const SILENCE: u32 = 63;

/// A system of communicating nodes: what each one does, and what is claimed of them.
///
/// Every function is a function: same arguments, same result. The engine calls each at most a few times for
/// the same arguments and remembers the results.
pub trait System: Debug + Sized + Send + Sync + 'static {
    /// The whole state of one node, ghosts and state-dependent budgets ("at most two crashes") included.
    type Local: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// What nodes send each other.
    type Message: Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// An internal step of one node: a timer, a retry, a crash.
    type Event: Clone + Eq + Hash + Debug + Send + Sync + 'static;

    /// The number of nodes, 1 to [`NODES_MAX`].
    fn nodes(&self) -> usize;

    /// The initial state of a node and the first messages it sends.
    fn start(&self, node: usize) -> Outcome<Self>;

    /// What a node does with a message. `None`: it ignores it, and the message stays where it is.
    fn deliver(
        &self,
        node: usize,
        local: &Self::Local,
        src: usize,
        message: &Self::Message,
    ) -> Option<Outcome<Self>>;

    /// The internal steps a node may take now.
    fn events(&self, node: usize, local: &Self::Local) -> Vec<Self::Event>;

    /// What one of these internal steps does.
    fn fire(&self, node: usize, local: &Self::Local, event: &Self::Event) -> Outcome<Self>;

    /// Whether the node ignores this message in this state and in all its later ones.
    ///
    /// A message that several nodes may take is dead when it is dead at all of them. [`super::check_dead`]
    /// checks the "all later ones" after a search.
    fn is_dead(
        &self,
        node: usize,
        local: &Self::Local,
        src: usize,
        message: &Self::Message,
    ) -> bool;

    /// Whether a message may arrive any number of times although the network delivers others once.
    fn repeats(&self, _message: &Self::Message) -> bool {
        false
    }

    /// May a message that stays, and has several receivers, be taken again only by the one that took it
    /// first?
    fn sticks(&self, _message: &Self::Message) -> bool {
        false
    }

    /// Whether messages may never arrive, even where losing one is not an action.
    fn loses(&self) -> bool {
        false
    }

    /// Whether a message can ever be moot; see [`System::is_moot`].
    fn may_be_moot(&self, _message: &Self::Message) -> bool {
        false
    }

    /// Whether the sender, in this state and in all its later ones, has no use for what this message brings
    /// about, and nobody else has: an answered question. Reduction: such a message leaves the network.
    fn is_moot(&self, _src: usize, _local: &Self::Local, _message: &Self::Message) -> bool {
        false
    }

    /// Whether this message is to be delivered at once and alone: a reply that only advances a script.
    ///
    /// Asked only when [`super::Rules::eager`] is on, and only of messages with one receiver that does not
    /// ignore them. Once delivered, a message may not be eager at the same node again.
    fn is_eager(
        &self,
        node: usize,
        local: &Self::Local,
        src: usize,
        message: &Self::Message,
    ) -> bool;

    /// The internal steps a fair continuation takes when nothing is in flight; no faults. Empty at every node
    /// means that the system is silent.
    ///
    /// Every node takes all of its steps before the next message is delivered: what one node repeats for ever
    /// keeps no other from speaking.
    fn fair(&self, node: usize, local: &Self::Local) -> Vec<Self::Event>;

    /// Judges one node.
    fn judge_node(&self, node: usize, local: &Self::Local) -> Verdict;

    /// Judges two nodes, `a < b`.
    fn judge_pair(&self, a: usize, la: &Self::Local, b: usize, lb: &Self::Local) -> Verdict;

    /// Judges a quiescent state: no delivery of what is in flight changes anything, and `fair` is empty
    /// everywhere.
    fn judge_idle(&self, locals: &[&Self::Local]) -> Verdict;

    /// Judges the state in which a fair continuation ends.
    fn judge_end(&self, locals: &[&Self::Local]) -> Verdict;

    /// The properties and the bits of [`Verdict`] they use. Constant.
    fn properties(&self) -> &[PropertyInfo];

    /// The kind of a message, for counts: at most a few dozen different ones.
    fn message_kind(&self, _message: &Self::Message) -> &'static str {
        "deliver"
    }

    /// The kind of an internal step, for counts: at most a few dozen different ones.
    fn event_kind(&self, _event: &Self::Event) -> &'static str {
        "fire"
    }

    /// What people call a node.
    fn node_name(&self, node: usize) -> String {
        format!("node {node}")
    }
}

/// What a step of one node leads to.
#[derive(Debug)]
pub struct Outcome<S: System> {
    /// The node's next state.
    pub local: S::Local,
    /// What it sends, in order; the order has no effect.
    pub sends: Vec<(Destination, S::Message)>,
}

impl<S: System> Outcome<S> {
    /// A step that sends nothing.
    pub fn quiet(local: S::Local) -> Self {
        Outcome { local, sends: Vec::new() }
    }
}

/// Who may take a message.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Destination {
    /// This node only.
    Node(usize),
    /// Any one node of a range, whichever takes it: an anycast.
    Any {
        /// The first node of the range.
        first: usize,
        /// One past the last node of the range.
        end: usize,
    },
}

impl Destination {
    /// The nodes that may take the message.
    pub fn receivers(self) -> Range<usize> {
        match self {
            Destination::Node(node) => node..node + 1,
            Destination::Any { first, end } => first..end,
        }
    }
}

/// A message with its sender and its destination.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Envelope<M> {
    /// Who sent it.
    pub src: usize,
    /// Who may take it.
    pub to: Destination,
    /// What it says.
    pub message: M,
}

/// What a judgement found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// Bit i is set when the always-property with bit i is false. Bit [`SILENCE`] is the engine's own.
    pub violated: u64,
    /// Bit i is set when the witness with bit i is true.
    pub seen: u64,
}

impl Verdict {
    /// Nothing violated, nothing seen.
    pub const NOTHING: Verdict = Verdict { violated: 0, seen: 0 };

    /// This verdict, with a property violated unless `holds`.
    pub fn always(mut self, bit: u32, holds: bool) -> Self {
        self.violated |= u64::from(!holds) << bit;
        self
    }

    /// This verdict, with a witness seen if `seen`.
    pub fn sometimes(mut self, bit: u32, seen: bool) -> Self {
        self.seen |= u64::from(seen) << bit;
        self
    }

    /// What either found.
    pub fn and(self, other: Verdict) -> Self {
        Verdict { violated: self.violated | other.violated, seen: self.seen | other.seen }
    }
}

/// A property: its name, what is expected of it, and its bit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PropertyInfo {
    /// A sentence: "an acknowledged update survives".
    pub name: &'static str,
    /// What is expected.
    pub expectation: Expectation,
    /// The bit, 0 to 62, of `violated` for `Always` and `Finally`, of `seen` for `Sometimes`.
    pub bit: u32,
}

impl PropertyInfo {
    /// Whether the verdict violates the property, or for a witness, shows it.
    pub fn is_found_by(&self, verdict: Verdict) -> bool {
        let bits = match self.expectation {
            Expectation::Always | Expectation::Finally => verdict.violated,
            Expectation::Sometimes => verdict.seen,
        };
        bits >> self.bit & 1 == 1
    }
}

/// What is expected of a property.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Expectation {
    /// No state violates it.
    Always,
    /// Some state shows it.
    Sometimes,
    /// No end of a fair continuation violates it: only `judge_end` sets its bit, so it is checked only with
    /// [`super::Options::liveness`], and never by [`super::Interned`].
    Finally,
}
