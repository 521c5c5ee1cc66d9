//! Maelstrom's workloads, as updates and queries of services.

use super::{
    node::Node,
    registers::Registers,
    wire::{Rejection, field},
};
use chinwag::{
    Service,
    services::{Counter, OrSet, OrSetOp},
};
use serde_json::{Value, json};
use std::{cell::Cell, collections::BTreeMap};

/// Operations that a transaction may have.
const TXN_OPS_MAX: usize = 64;

/// What a workload makes of requests.
pub trait Workload<S: Service> {
    /// The answer to a request of this kind, without its type.
    fn call(&self, node: &mut Node<S>, kind: &str, body: &Value) -> Result<Value, Rejection>;
}

/// Says what it was told.
pub struct Echo;

impl<S: Service> Workload<S> for Echo {
    fn call(&self, _: &mut Node<S>, kind: &str, body: &Value) -> Result<Value, Rejection> {
        match kind {
            "echo" => Ok(json!({ "echo": field(body, "echo")? })),
            _ => Err(Rejection::unsupported(kind)),
        }
    }
}

/// Names that are never given twice.
#[derive(Default)]
pub struct UniqueIds(Cell<u64>);

impl<S: Service> Workload<S> for UniqueIds {
    fn call(&self, node: &mut Node<S>, kind: &str, _: &Value) -> Result<Value, Rejection> {
        if kind != "generate" {
            return Err(Rejection::unsupported(kind));
        }
        let number = self.0.replace(self.0.get() + 1);
        Ok(json!({ "id": format!("{:016x}.{number}", node.name().0) }))
    }
}

/// Messages that everyone gets.
pub struct Broadcast;

impl Workload<OrSet> for Broadcast {
    fn call(&self, node: &mut Node<OrSet>, kind: &str, body: &Value) -> Result<Value, Rejection> {
        match kind {
            "broadcast" => add(node, field(body, "message")?),
            "read" => Ok(json!({ "messages": elements(node)? })),
            _ => Err(Rejection::unsupported(kind)),
        }
    }
}

/// A set that only grows.
pub struct GSet;

impl Workload<OrSet> for GSet {
    fn call(&self, node: &mut Node<OrSet>, kind: &str, body: &Value) -> Result<Value, Rejection> {
        match kind {
            "add" => add(node, field(body, "element")?),
            "read" => Ok(json!({ "value": elements(node)? })),
            _ => Err(Rejection::unsupported(kind)),
        }
    }
}

fn add(node: &mut Node<OrSet>, element: &Value) -> Result<Value, Rejection> {
    node.update(OrSetOp::Add(element.to_string()))?;
    Ok(json!({}))
}

fn elements(node: &mut Node<OrSet>) -> Result<Vec<Value>, Rejection> {
    let texts = node.query(())?;
    let values: Result<_, _> = texts.iter().map(|text| serde_json::from_str(text)).collect();
    values.map_err(Rejection::malformed)
}

/// A number that only grows.
pub struct GCounter;

impl Workload<Counter> for GCounter {
    fn call(&self, node: &mut Node<Counter>, kind: &str, body: &Value) -> Result<Value, Rejection> {
        match kind {
            "add" if delta(body)? < 0 => Err(Rejection::malformed("delta: less than 0")),
            _ => PnCounter.call(node, kind, body),
        }
    }
}

/// A number.
pub struct PnCounter;

impl Workload<Counter> for PnCounter {
    fn call(&self, node: &mut Node<Counter>, kind: &str, body: &Value) -> Result<Value, Rejection> {
        match kind {
            "add" => node.update(delta(body)?).map(|()| json!({})),
            "read" => {
                let sum = i64::try_from(node.query(())?);
                let sum =
                    sum.map_err(|_| Rejection::unavailable("the sum is too large for JSON"))?;
                Ok(json!({ "value": sum }))
            }
            _ => Err(Rejection::unsupported(kind)),
        }
    }
}

fn delta(body: &Value) -> Result<i64, Rejection> {
    let delta = field(body, "delta")?.as_i64();
    delta.ok_or_else(|| Rejection::malformed("delta: not a whole number"))
}

/// Transactions on registers: what a transaction reads is of one moment, what it writes takes effect at once,
/// and after all that it read.
pub struct Transactions;

/// One operation of a transaction: a key, and the value that is written or none to read.
type Access = (Value, Option<Value>);

impl Workload<Registers> for Transactions {
    fn call(
        &self,
        node: &mut Node<Registers>,
        kind: &str,
        body: &Value,
    ) -> Result<Value, Rejection> {
        if kind != "txn" {
            return Err(Rejection::unsupported(kind));
        }
        let accesses = accesses(field(body, "txn")?)?;
        let mut seen = snapshot(node, &accesses)?;
        let (mut done, mut writes) = (Vec::new(), BTreeMap::new());
        for (key, value) in accesses {
            match value {
                None => done.push(json!(["r", key, seen.get(&key.to_string())])),
                Some(value) => {
                    seen.insert(key.to_string(), value.clone());
                    writes.insert(key.to_string(), value.to_string());
                    done.push(json!(["w", key, value]));
                }
            }
        }
        if !writes.is_empty() {
            node.update(writes.into_iter().collect())?;
        }
        Ok(json!({ "txn": done }))
    }
}

fn snapshot(
    node: &mut Node<Registers>,
    accesses: &[Access],
) -> Result<BTreeMap<String, Value>, Rejection> {
    let read = accesses.iter().filter(|(_, value)| value.is_none());
    let keys: Vec<_> = read.map(|(key, _)| key.to_string()).collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let texts = node.query(keys.clone())?;
    let pairs = keys.into_iter().zip(texts).filter_map(|(key, text)| {
        Some((key, serde_json::from_str(&text?).map_err(Rejection::malformed)))
    });
    pairs.map(|(key, value)| Ok((key, value?))).collect()
}

fn accesses(txn: &Value) -> Result<Vec<Access>, Rejection> {
    let problem =
        || Rejection::malformed("txn: not a list of [\"r\", key, null] and [\"w\", key, value]");
    let list = txn.as_array().ok_or_else(problem)?;
    if list.len() > TXN_OPS_MAX {
        return Err(Rejection::malformed(format!("txn: more than {TXN_OPS_MAX} operations")));
    }
    let access = |op: &Value| match op.as_array().map(Vec::as_slice) {
        Some([kind, key, _]) if kind == "r" => Ok((key.clone(), None)),
        Some([kind, key, value]) if kind == "w" => Ok((key.clone(), Some(value.clone()))),
        _ => Err(problem()),
    };
    list.iter().map(access).collect()
}
