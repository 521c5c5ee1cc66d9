//! What goes wrong in gossip, case by case (`Cnn` of PROTOCOL section 2), and what must happen instead.

mod common;

#[path = "protocol/probe.rs"]
mod probe;
