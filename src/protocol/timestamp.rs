//! Vector timestamps: which updates are meant, as one count a replica manager.
//!
//! Deliberately not `Ord`: a derived order is lexicographic, and `<=` would then lie about causality (C4d).

use serde::{Deserialize, Serialize};
use smallvec::{SmallVec, smallvec};
use std::{cmp::Ordering, fmt};

/// A replica manager, by its place in every timestamp: `rm0`, `rm1`, ..
///
/// Read-only replica managers are numbered after the updatable ones and have no entry in timestamps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId(pub u16);

impl ReplicaId {
    /// The place of its entry.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rm{}", self.0)
    }
}

/// Entries that a timestamp holds without allocating. Larger groups work, at the price of an allocation
/// for each copy (never for a comparison).
pub const INLINE_ENTRIES: usize = 5;

/// For each updatable replica manager, how many of the updates that it accepted are meant.
///
/// It denotes the set of updates whose own timestamps it covers, which is *not* always the first `n` of
/// each manager (C1). All timestamps of a cluster have the same number of entries; comparing two of
/// different lengths is an error of the caller and panics.
#[derive(PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timestamp(SmallVec<[u64; INLINE_ENTRIES]>);

/// The derived one goes entry by entry, which showed: a handler makes a dozen copies.
impl Clone for Timestamp {
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

impl Timestamp {
    /// Covers nothing: what everyone starts with.
    pub fn zero(entries: usize) -> Self {
        Self(smallvec![0; entries])
    }

    /// How many entries: the number of updatable replica managers.
    #[expect(clippy::len_without_is_empty, reason = "a group has one updatable manager at least")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The entry of one replica manager.
    pub fn get(&self, of: ReplicaId) -> u64 {
        self.0[of.index()]
    }

    /// The entries in order.
    pub fn entries(&self) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        self.0.iter().enumerate().map(|(i, n)| (ReplicaId(i as u16), *n))
    }

    /// At least as new in every entry: `other <= self` of the source.
    pub fn covers(&self, other: &Self) -> bool {
        assert_eq!(self.len(), other.len(), "timestamps of two clusters");
        self.0.iter().zip(&other.0).all(|(a, b)| a >= b)
    }

    /// The same with entries of zero after its own, up to so many (PROTOCOL 1.10: absent is zero).
    pub fn widened(&self, entries: usize) -> Self {
        let mut wide = self.clone();
        wide.0.resize(entries.max(self.len()), 0);
        wide
    }

    /// Raises every entry to the other's: least upper bound.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(self.len(), other.len(), "timestamps of two clusters");
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = (*a).max(*b);
        }
    }

    /// Lowers every entry to the other's: greatest lower bound.
    pub fn meet(&mut self, other: &Self) {
        assert_eq!(self.len(), other.len(), "timestamps of two clusters");
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = (*a).min(*b);
        }
    }

    /// Replaces one entry.
    pub fn set(&mut self, of: ReplicaId, count: u64) {
        self.0[of.index()] = count;
    }

    /// A copy with one entry replaced.
    pub fn with(&self, of: ReplicaId, count: u64) -> Self {
        let mut ts = self.clone();
        ts.set(of, count);
        ts
    }

    /// The sum of the entries. If `b` covers `a` and they differ, `a.weight() < b.weight()`: ascending
    /// weight is a linear extension of causality, which no sort by causality itself would be (C3c).
    pub fn weight(&self) -> u128 {
        self.0.iter().map(|n| u128::from(*n)).sum()
    }

    /// An arbitrary total order, for sorting only.
    pub fn total_cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// Builds a timestamp from its entries, in the order of the replica managers.
impl FromIterator<u64> for Timestamp {
    fn from_iter<I: IntoIterator<Item = u64>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Causality: `a < b` if `b` covers `a` and they differ; concurrent timestamps do not compare.
impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }
}

/// `[2,0,1]`.
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, n) in self.0.iter().enumerate() {
            write!(f, "{}{n}", if i == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}
