//! Services that the crate ships: what a replica manager can be the replica manager of.
