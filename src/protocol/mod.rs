//! The protocol as pure decisions: no clock, socket, thread, randomness or hash order in it.

mod message;
mod service;
mod timestamp;

pub use message::*;
pub use service::*;
pub use timestamp::*;
