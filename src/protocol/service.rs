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

/// An update as a service sees it: the operation, whose it is and where it stands in the causal order.
///
/// Most services look only at `op`. One that must tell concurrent operations from ordered ones (a register
/// with siblings, say) asks whether `prev` covers a timestamp of the other, and must then know *every*
/// timestamp that the other has: see [`Service::also_stamped`].
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a, Op> {
    /// What the client asked for.
    pub op: &'a Op,
    /// Names the update: the same at every manager and in each of its records.
    pub id: RequestId,
    /// All that the client had seen when it asked: the same in each of the update's records.
    pub prev: &'a Timestamp,
    /// The timestamp of the record at hand. It is unique in the cluster (S29), but an update that two
    /// managers recorded has two, and managers differ in which of them they execute (C10). A value that
    /// keeps it must keep them all.
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

    /// Learns a further timestamp of an update that `apply` has executed; the operation must not run again.
    ///
    /// Called where the timestamp of such a record is merged into the value's (C10), so before any update
    /// whose `prev` covers it. Only a service that compares timestamps has something to do here
    /// ([`Stamps`](crate::services::Stamps) says why).
    fn also_stamped(&mut self, update: Applied<'_, Self::Op>) {
        let _ = update;
    }

    /// The cluster's timestamps have so many entries from now on: those after the present ones are zero.
    /// Only a value that keeps timestamps has something to do: [`Timestamp::widened`].
    fn widen(&mut self, entries: usize) {
        let _ = entries;
    }

    /// Answers one query about the value as it is.
    fn answer(&self, query: &Self::Query) -> Self::Answer;
}
