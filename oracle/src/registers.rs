//! The register map that was proved to keep the law, to be compared with the one in Rust.

use crate::{
    alpha::ts,
    error::Error,
    oracle::Oracle,
    plain::{Id, Ts},
    value::{Mirror, Tag, Value},
};
use chinwag::{Applied, FrontEndId, RequestId, Serial, Timestamp, services::RegisterOp};

/// A value of the proved map; it begins empty.
pub struct Registers<'a> {
    oracle: &'a Oracle,
    updatable: u64,
    value: Value,
}

/// One of the values of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sibling {
    /// Of which register.
    pub key: String,
    /// Which update put it.
    pub id: RequestId,
    /// What it put.
    pub value: String,
    /// The update's timestamps, without zeros at their ends.
    pub stamps: Vec<Vec<u64>>,
}

/// `sibling`.
struct Plain {
    key: Vec<u64>,
    id: Id,
    value: Vec<u64>,
    stamps: Vec<Ts>,
}

impl Mirror for Plain {
    fn encode(&self) -> Value {
        let Plain { key, id, value, stamps } = self;
        Value::made(Tag::SIBLING, [key.encode(), id.encode(), value.encode(), stamps.encode()])
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        let [key, id, value, stamps] = value.fields(Tag::SIBLING)?;
        let (key, id) = (Vec::decode(key)?, Id::decode(id)?);
        Ok(Plain { key, id, value: Vec::decode(value)?, stamps: Vec::decode(stamps)? })
    }
}

impl<'a> Registers<'a> {
    /// Of a cluster with so many managers that take updates.
    pub fn new(oracle: &'a Oracle, updatable: usize) -> Registers<'a> {
        Registers { oracle, updatable: updatable as u64, value: Vec::<Plain>::new().encode() }
    }

    /// Executes an update, or is told of a further record of it. A serial's incarnation must be 0.
    ///
    /// # Errors
    ///
    /// If the oracle cannot say.
    pub fn execute(&mut self, first: bool, update: Applied<'_, RegisterOp>) -> Result<(), Error> {
        let op = match update.op {
            RegisterOp::Put { key, value } => Value::made(Tag::PUT, [bytes(key), bytes(value)]),
            RegisterOp::Delete(key) => Value::made(Tag::DELETE, [bytes(key)]),
        };
        let id: Id = (update.id.front_end.0, update.id.serial.number);
        let stamp = |of: &Timestamp| ts(of).encode();
        let mut arguments = vec![id.encode(), op, stamp(update.prev), stamp(update.ts)];
        arguments.push(self.value.clone());
        let program = &self.oracle.program;
        let function = match first {
            true => {
                arguments.insert(0, self.updatable.encode());
                program.find("put_or_delete")?
            }
            false => program.find("stamp_again")?,
        };
        self.value = program.call(function, arguments, self.oracle.depth_max)?;
        Ok(())
    }

    /// The values, by key and by update.
    ///
    /// # Errors
    ///
    /// If what the functions gave is no such list.
    pub fn siblings(&self) -> Result<Vec<Sibling>, Error> {
        let sibling = |Plain { key, id: (front_end, number), value, stamps }: Plain| {
            let serial = Serial { incarnation: 0, number };
            let id = RequestId { front_end: FrontEndId(front_end), serial };
            let stamps = stamps.iter().map(|ts| ts.entries().to_vec()).collect();
            Ok(Sibling { key: text(&key)?, id, value: text(&value)?, stamps })
        };
        Vec::decode(&self.value)?.into_iter().map(sibling).collect()
    }
}

fn bytes(text: &str) -> Value {
    text.bytes().map(u64::from).collect::<Vec<_>>().encode()
}

fn text(bytes: &[u64]) -> Result<String, Error> {
    let known: Option<Vec<u8>> = bytes.iter().map(|byte| u8::try_from(*byte).ok()).collect();
    let known = known.and_then(|bytes| String::from_utf8(bytes).ok());
    known.ok_or_else(|| Error::Shape { expected: "a string", found: format!("{bytes:?}") })
}
