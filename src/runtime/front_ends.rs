//! Where to send replies: front ends have no configured address.

use crate::FrontEndId;
use std::{collections::BTreeMap, mem, net::SocketAddr};

/// Front ends whose addresses are remembered at most; half as many that were heard last always are. Who is
/// forgotten must ask again to be answered.
pub const FRONT_ENDS_MAX: usize = 65_536;

/// Where front ends were heard from last.
#[derive(Debug, Default)]
pub(super) struct FrontEnds {
    /// Those that were heard since `before` was put away: at most half of all.
    recent: BTreeMap<FrontEndId, SocketAddr>,
    /// Those that were heard before, as it was then.
    before: BTreeMap<FrontEndId, SocketAddr>,
}

impl FrontEnds {
    pub fn heard(&mut self, front_end: FrontEndId, from: SocketAddr) {
        if let Some(address) = self.recent.get_mut(&front_end) {
            *address = from;
            return;
        }
        if self.recent.len() == FRONT_ENDS_MAX / 2 {
            self.before = mem::take(&mut self.recent);
        }
        self.recent.insert(front_end, from);
    }

    pub fn address(&self, front_end: FrontEndId) -> Option<SocketAddr> {
        self.recent.get(&front_end).or_else(|| self.before.get(&front_end)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u64) -> SocketAddr {
        ([127, 0, 0, 1], port as u16).into()
    }

    #[test]
    fn half_of_those_that_fit_are_always_remembered_and_never_more_than_fit() {
        let mut front_ends = FrontEnds::default();
        let half = (FRONT_ENDS_MAX / 2) as u64;
        for n in 0..3 * half {
            front_ends.heard(FrontEndId(n), at(n));
            // One that is heard again and again is never forgotten, and where it is now counts.
            front_ends.heard(FrontEndId(u64::MAX), at(n));
            assert_eq!(front_ends.address(FrontEndId(u64::MAX)), Some(at(n)));
        }
        let remembered = |n: &u64| front_ends.address(FrontEndId(*n)).is_some();
        let count = (0..3 * half).filter(remembered).count();
        assert!((2 * half + 1..3 * half).all(|n| remembered(&n)), "of the last half, all");
        assert!(count < FRONT_ENDS_MAX, "{count}");
    }
}
