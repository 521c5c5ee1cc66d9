//! The application's side: what a program implements to have its state replicated.

use super::{RequestId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, hash::Hash};

/// What every value that the protocol stores, sends or explores must be able to do.
///
/// Implemented for everything that qualifies; there is nothing to write.
pub trait Datum:
    Clone + Debug + Eq + Hash + Ord + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<T> Datum for T where
    T: Clone + Debug + Eq + Hash + Ord + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

/// An update as a service sees it: the operation and where it stands in the causal order.
///
/// Most services look only at `op`. Those that must tell concurrent operations from ordered ones
/// (a register with siblings, say) compare the two timestamps: the update saw another one if its `prev`
/// covers the other's `ts`.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a, Op> {
    /// Whose update, and which: the same at every replica manager.
    pub id: RequestId,
    /// What the client asked for.
    pub op: &'a Op,
    /// All that the client had seen when it asked.
    pub prev: &'a Timestamp,
    /// The update's own timestamp. It is unique in the cluster [S29].
    pub ts: &'a Timestamp,
}

/// The application: a value that updates change and queries read.
///
/// The value *is* the service. Its `Default` is the value that every replica manager starts with.
///
/// # Law
///
/// `apply` is total and deterministic, and concurrent updates commute: two histories that order the same
/// updates differently, but both causally, leave values that answer every query alike
/// (PROTOCOL 1.1, P19). `chinwag_models::laws` tests it. A service that cannot promise it, such as a bank
/// account that refuses to be overdrawn, diverges: see the model `bank`.
pub trait Service: Datum + Default {
    /// Updates modify and do not read.
    type Op: Datum;
    /// Queries read and do not modify.
    type Query: Datum;
    /// What a query returns.
    type Answer: Datum;

    /// Executes one update. It cannot fail and returns nothing: updates do not read (C25).
    fn apply(&mut self, update: Applied<'_, Self::Op>);

    /// Answers one query about the value as it is.
    fn answer(&self, query: &Self::Query) -> Self::Answer;
}
