//! Which cluster: its name, its service, its size.

use crate::Group;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Identifies a cluster on the wire and on disk.
///
/// It is derived from all that replica managers must agree on before they can understand each other, so
/// that two whose configurations differ do not talk, instead of misreading each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub u64);

impl ClusterId {
    /// The identity of the cluster of this name, service and size: FNV-1a of the three.
    ///
    /// A replacement makes another cluster of it: whoever has not recorded it, and whoever was replaced, is
    /// not heard any more.
    ///
    /// Addresses are left out: they may change, and may look different from different hosts.
    pub fn of(name: &str, service: &str, group: Group) -> Self {
        let Group { updatable, replicas, .. } = group;
        let mut text = format!("{name}\0{service}\0{updatable}\0{replicas}");
        if group.epoch > 0 {
            text += &format!("\0{}\0{}", group.absent, group.epoch);
        }
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
