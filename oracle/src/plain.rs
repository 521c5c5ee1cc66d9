//! What Coq's functions take and give, as Rust types: `proofs/README.md` lists the same, in the same order.
//!
//! Both sides of a comparison become these. Lists whose order carries no meaning are sorted.

use crate::{
    error::Error,
    value::{Mirror, Tag, Value},
};
use std::fmt;

/// A front end and the serial of one of its requests.
pub(crate) type Id = (u64, u64);

/// A timestamp. Missing entries at its end are 0, so zeros there are left out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ts(Vec<u64>);

impl Ts {
    pub fn new(mut entries: Vec<u64>) -> Ts {
        while entries.last() == Some(&0) {
            entries.pop();
        }
        Ts(entries)
    }

    pub fn entries(&self) -> &[u64] {
        &self.0
    }
}

impl fmt::Debug for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Mirror for Ts {
    fn encode(&self) -> Value {
        self.0.encode()
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        Vec::decode(value).map(Ts::new)
    }
}

/// A struct that is one constructor with its fields in order.
macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident = $tag:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name { $(pub $field: $type),* }

        impl Mirror for $name {
            fn encode(&self) -> Value {
                Value::made(Tag::$tag, [$(self.$field.encode()),*])
            }

            fn decode(value: &Value) -> Result<Self, Error> {
                let [$($field),*] = value.fields(Tag::$tag)?;
                Ok(Self { $($field: Mirror::decode($field)?),* })
            }
        }
    };
}

mirror! {
    /// `req`: an update as a front end sends it.
    Request = REQUEST { id: Id, acknowledged: u64, prev: Ts, op: u64 }
}
mirror! {
    /// `urec`: a log record.
    Record = RECORD { origin: u64, ts: Ts, id: Id, acknowledged: u64, prev: Ts, op: u64 }
}
mirror! {
    /// `rm`: the durable replica, and the timestamp table.
    Replica = REPLICA {
        me: u64, replica_ts: Ts, value_ts: Ts, waiting: Vec<Record>, ran: Vec<Record>,
        executed: Vec<(Id, Ts)>, value: Vec<Record>, finished: Vec<(u64, u64)>, discarded: Ts,
        table: Vec<Ts>,
    }
}
mirror! {
    /// `gsp`.
    Gossip = GOSSIP {
        from: u64, to: u64, log: Vec<Record>, ts: Ts, complete: bool, asks: bool, table: Vec<Ts>,
    }
}
mirror! {
    /// `cfg`: what never changes.
    Config = CONFIG {
        partners: Vec<u64>, batch: u64, pulls: bool, relays: bool, pending_max: u64,
        waiting_max: u64, epoch: u64, absent: Vec<u64>, newcomers: Vec<u64>,
    }
}
mirror! {
    /// `mgr`.
    Manager = MANAGER { replica: Replica, queries: Vec<(Id, Ts)>, owed: Vec<bool>, unsent: u64 }
}
mirror! {
    /// `work`: the state after a handler, what it sends, what it journals, what it executed.
    Work = WORK { manager: Manager, sends: Vec<Out>, journal: Vec<Change>, executed: Vec<Record> }
}

impl Manager {
    /// Without the orders that carry no meaning.
    pub fn sorted(mut self) -> Self {
        let replica = &mut self.replica;
        replica.waiting.sort();
        replica.ran.sort();
        replica.executed.sort();
        replica.finished.sort();
        self
    }
}

/// `change`: an entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Log { replica_ts: Ts, records: Vec<Record> },
    Discard { upto: Ts },
}

impl Mirror for Change {
    fn encode(&self) -> Value {
        match self {
            Change::Log { replica_ts, records } => {
                Value::made(Tag::LOG, [replica_ts.encode(), records.encode()])
            }
            Change::Discard { upto } => Value::made(Tag::DISCARD, [upto.encode()]),
        }
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        if let Ok([replica_ts, records]) = value.fields(Tag::LOG) {
            let (replica_ts, records) = (Ts::decode(replica_ts)?, Vec::decode(records)?);
            return Ok(Change::Log { replica_ts, records });
        }
        let [upto] = value.fields(Tag::DISCARD)?;
        Ok(Change::Discard { upto: Ts::decode(upto)? })
    }
}

/// `out`: what is sent, and the event `StateLost`. The value of an answer is the history of the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Out {
    Reply {
        id: Id,
        ts: Ts,
    },
    Answer {
        id: Id,
        value: Vec<Record>,
        ts: Ts,
    },
    Refusal {
        id: Id,
        reason: Reason,
    },
    Gossip(Gossip),
    Pull {
        to: u64,
        replica_ts: Ts,
    },
    Lost {
        known: u64,
        remembered: u64,
    },
    /// What no replica manager sends: for the Rust side only.
    Other(String),
}

/// `refusal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    ReadOnly,
    UnknownPast,
    Overloaded,
}

impl Mirror for Reason {
    fn encode(&self) -> Value {
        let tag = match self {
            Reason::ReadOnly => Tag::READ_ONLY,
            Reason::UnknownPast => Tag::UNKNOWN_PAST,
            Reason::Overloaded => Tag::OVERLOADED,
        };
        Value::made(tag, [])
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Made(Tag::READ_ONLY, _) => Ok(Reason::ReadOnly),
            Value::Made(Tag::UNKNOWN_PAST, _) => Ok(Reason::UnknownPast),
            Value::Made(Tag::OVERLOADED, _) => Ok(Reason::Overloaded),
            _ => Err(value.unlike("a refusal")),
        }
    }
}

impl Mirror for Out {
    fn encode(&self) -> Value {
        match self {
            Out::Reply { id, ts } => Value::made(Tag::SEND_REPLY, [id.encode(), ts.encode()]),
            Out::Answer { id, value, ts } => {
                Value::made(Tag::SEND_ANSWER, [id.encode(), value.encode(), ts.encode()])
            }
            Out::Refusal { id, reason } => {
                Value::made(Tag::SEND_REFUSAL, [id.encode(), reason.encode()])
            }
            Out::Gossip(gossip) => Value::made(Tag::SEND_GOSSIP, [gossip.encode()]),
            Out::Pull { to, replica_ts } => {
                Value::made(Tag::SEND_PULL, [to.encode(), replica_ts.encode()])
            }
            Out::Lost { known, remembered } => {
                Value::made(Tag::LOST, [known.encode(), remembered.encode()])
            }
            Out::Other(_) => unreachable!("whoever gives this to Coq has looked for it"),
        }
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        let Value::Made(tag, _) = value else { return Err(value.unlike("something to send")) };
        Ok(match *tag {
            Tag::SEND_REPLY => {
                let [id, ts] = value.fields(*tag)?;
                Out::Reply { id: Id::decode(id)?, ts: Ts::decode(ts)? }
            }
            Tag::SEND_ANSWER => {
                let [id, history, ts] = value.fields(*tag)?;
                let value = Vec::decode(history)?;
                Out::Answer { id: Id::decode(id)?, value, ts: Ts::decode(ts)? }
            }
            Tag::SEND_REFUSAL => {
                let [id, reason] = value.fields(*tag)?;
                Out::Refusal { id: Id::decode(id)?, reason: Reason::decode(reason)? }
            }
            Tag::SEND_GOSSIP => {
                let [gossip] = value.fields(*tag)?;
                Out::Gossip(Gossip::decode(gossip)?)
            }
            Tag::SEND_PULL => {
                let [to, replica_ts] = value.fields(*tag)?;
                Out::Pull { to: u64::decode(to)?, replica_ts: Ts::decode(replica_ts)? }
            }
            Tag::LOST => {
                let [known, remembered] = value.fields(*tag)?;
                Out::Lost { known: u64::decode(known)?, remembered: u64::decode(remembered)? }
            }
            _ => return Err(value.unlike("something to send")),
        })
    }
}
