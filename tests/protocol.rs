//! What goes wrong in gossip, case by case (`Cnn` of PROTOCOL section 2), and what must happen instead.
//!
//! Not here: C9 and the master interleaving with C1, C2, C3 and C3b are in `tests/seed/vectors.rs`, C3c in
//! `tests/timestamps.rs`. C4, C25 and C27 cannot be written: a handler is one step, an update returns nothing
//! and cannot fail. C22 is about forced and immediate updates, which are absent. C26 is about
//! acknowledgements that are log records; ours are not, so the two timestamps agree at rest
//! (`Cluster::assert_converged`).

mod common;

#[path = "protocol/collection.rs"]
mod collection; // C11, C13, C14, C23
#[path = "protocol/duplicates.rs"]
mod duplicates; // C10, C12, C16, C17 to C21, C24
#[path = "protocol/gossip.rs"]
mod gossip; // C4b to C8, C15, C28, pulls
#[path = "protocol/limits.rs"]
mod limits; // C14, and what is not done
#[path = "protocol/messages.rs"]
mod messages; // fragments, sorting, nodes
#[path = "protocol/replacing.rs"]
mod replacing; // C17, C18
