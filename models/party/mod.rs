//! The parties of a model: the protocol's own nodes, with a script for the client and ghosts for the judge.
//!
//! A ghost is what a property needs to know and no handler may read: which records ever came, what a client
//! had seen when it asked. Ghosts are functions of what a node has met, kept as small as they can be, since
//! every one of them is part of the state that the checker enumerates.

mod client;
mod manager;
mod replacing;

pub use client::{Cause, Client, ClientLocal, Happening, Line, Seen};
pub use manager::{FOREVER, Manager, ManagerLocal};
pub use replacing::{Life, Part, Turn, word};

use crate::application::Application;
use chinwag::{Destination, Input, Message, Rules};

/// A party of a model.
#[derive(Clone, Debug)]
pub enum Party {
    /// A replica manager.
    Manager(Manager),
    /// A client with its front end.
    Client(Client),
}

/// All that a party is at a moment.
#[expect(clippy::large_enum_variant, reason = "one value a node: a box would only add a step")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Local {
    /// A replica manager's.
    Manager(ManagerLocal),
    /// A client's.
    Client(ClientLocal),
}

impl Party {
    /// The first state and messages.
    pub fn start(&self) -> (Local, Vec<Sent>) {
        match self {
            Party::Manager(manager) => (Local::Manager(manager.start()), Vec::new()),
            Party::Client(client) => {
                let (local, sends) = client.start();
                (Local::Client(local), sends)
            }
        }
    }

    /// One atomic step.
    pub fn step(&self, local: &Local, input: Input<Application>) -> (Local, Vec<Sent>) {
        match (self, local) {
            (Party::Manager(manager), Local::Manager(local)) => {
                let (next, sends) = manager.step(local, input);
                (Local::Manager(next), sends)
            }
            (Party::Client(client), Local::Client(local)) => {
                let (next, sends) = client.step(local, input);
                (Local::Client(next), sends)
            }
            _ => unreachable!("a party's state has the party's kind"),
        }
    }

    /// The rules that it goes by.
    pub fn with_rules(self, rules: &'static Rules) -> Self {
        match self {
            Party::Manager(m) => {
                let part = match m.part {
                    Part::Stays(after) => Part::Stays(Box::new(after.with_rules(rules))),
                    other => other,
                };
                Party::Manager(Manager { node: m.node.with_rules(rules), part, ..m })
            }
            Party::Client(c) => Party::Client(Client { node: c.node.with_rules(rules), ..c }),
        }
    }
}

/// What travels in a model.
pub type Sent = (Destination, Message<Application>);

/// A broken promise that shows only in the step that breaks it: a bit of `broken`.
pub mod broken {
    /// A reply to an update does not cover a record of it that the replier holds (P20).
    pub const REPLY: u16 = 1;
    /// A timestamp of a node went down (P12).
    pub const MONOTONE: u16 = 1 << 1;
    /// A message left that claims more than was durable (P22).
    pub const DURABLE: u16 = 1 << 2;
    /// A record was journalled twice (C16).
    pub const TWICE: u16 = 1 << 3;
    /// A record of a forgotten identifier came in (P26).
    pub const FORGOTTEN: u16 = 1 << 4;
    /// A replica manager did not answer what it could have answered alone (P23).
    pub const AVAILABLE: u16 = 1 << 5;
    /// A client did not read its own write (P10).
    pub const OWN_WRITES: u16 = 1 << 6;
    /// A client saw less than it had seen (P10).
    pub const READS: u16 = 1 << 7;
    /// A client did not see what another one told it of (P8).
    pub const HEARSAY: u16 = 1 << 8;
    /// An answer's timestamp does not cover what was asked for (P11).
    pub const FRESH: u16 = 1 << 9;
    /// A read-only replica took an update (P21).
    pub const READ_ONLY: u16 = 1 << 10;
}

/// How well a replica manager's disk and driver keep the driver's law.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disk {
    /// What is journalled is durable before anything is sent.
    #[default]
    Honest,
    /// The driver sends first and journals with the next step.
    Hasty,
    /// The disk drops what it has acknowledged once in a while: every change with exactly one record.
    Lying,
    /// A handler forgets to journal what gossip brought.
    Forgetful,
}
