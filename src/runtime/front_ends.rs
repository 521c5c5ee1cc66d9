//! Where to send replies: front ends have no configured address.

use crate::FrontEndId;
use std::{collections::BTreeMap, net::SocketAddr};

/// Front ends whose addresses are remembered. Beyond it, who was silent longest is forgotten, and must ask
/// again to be answered.
pub const FRONT_ENDS_MAX: usize = 65_536;

/// Where front ends were heard from last.
#[derive(Debug, Default)]
pub(super) struct FrontEnds {
    addresses: BTreeMap<FrontEndId, (SocketAddr, u64)>,
    /// By when they were heard of last, in the order of hearing.
    heard: BTreeMap<u64, FrontEndId>,
    next: u64,
}

impl FrontEnds {
    pub fn heard(&mut self, front_end: FrontEndId, from: SocketAddr) {
        if let Some((_, before)) = self.addresses.insert(front_end, (from, self.next)) {
            self.heard.remove(&before);
        }
        self.heard.insert(self.next, front_end);
        self.next += 1;
        if self.addresses.len() > FRONT_ENDS_MAX
            && let Some((_, silent)) = self.heard.pop_first()
        {
            self.addresses.remove(&silent);
        }
    }

    pub fn address(&self, front_end: FrontEndId) -> Option<SocketAddr> {
        self.addresses.get(&front_end).map(|(address, _)| *address)
    }
}
