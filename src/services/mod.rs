//! Services that the crate ships: what a replica manager can be the replica manager of.
//!
//! | service | value | concurrent updates |
//! |---|---|---|
//! | [`Counter`] | a number | add up |
//! | [`OrSet`] | a set of strings | an addition survives a removal that did not see it |
//! | [`RegisterMap`] | registers by name | are all kept, as siblings |
//! | [`BulletinBoard`] | posts and replies | are all shown, each after what it answers |
//! | [`Transcript`] | the operations in order | **show their order**: for checking only |
//! | [`BankAccount`] | a balance | **diverge**: what not to build |

mod bank;
mod bulletin_board;
mod counter;
mod or_set;
mod register_map;
mod stamps;
mod transcript;

pub use bank::*;
pub use bulletin_board::*;
pub use counter::*;
pub use or_set::*;
pub use register_map::*;
pub use stamps::*;
pub use transcript::*;
