//! Where each read comes from, and which reads come from where none can: those break every level,
//! whatever the order of the rest.

use super::{
    record::{History, NONE, Writer},
    violation::Pattern,
};
use hashbrown::HashMap;

/// A read of what another transaction wrote, or of the initial value.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    pub txn: u32,
    pub op: u32,
    pub key: u32,
    /// The transaction that wrote it; [`NONE`] for the initial value.
    pub source: u32,
}

/// A read that nothing explains.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub pattern: Pattern,
    pub txn: u32,
    pub op: u32,
    /// The transaction that wrote the value, if one did.
    pub writer: Option<u32>,
}

/// Resolves all reads, in the order of their transactions.
///
/// Transactions are atomic: a read sees its own transaction's last write of the key, if there is one, and of
/// another transaction only the last.
pub fn resolve(history: &History) -> (Vec<Read>, Vec<Fault>) {
    let (mut reads, mut faults) = (Vec::new(), Vec::new());
    let mut own = HashMap::new();
    for (number, txn) in history.txns.iter().enumerate() {
        own.clear();
        for op in txn.ops() {
            let said = history.ops[op];
            let (txn, op, key) = (number as u32, op as u32, said.key);
            if said.is_write {
                own.insert(key, op);
                continue;
            }
            if !history.txns[number].reads {
                continue;
            }
            match source(history, txn, op, own.get(&key).copied()) {
                Ok(Some(source)) => reads.push(Read { txn, op, key, source }),
                Ok(None) => {}
                Err((pattern, writer)) => faults.push(Fault { pattern, txn, op, writer }),
            }
        }
    }
    (reads, faults)
}

/// The transaction that a read comes from, none if from its own.
fn source(
    history: &History,
    txn: u32,
    op: u32,
    own: Option<u32>,
) -> Result<Option<u32>, (Pattern, Option<u32>)> {
    let read = history.ops[op as usize];
    if read.value == NONE {
        return if own.is_none() {
            Ok(Some(NONE))
        } else {
            Err((Pattern::InternalRead, Some(txn)))
        };
    }
    match history.writers.get(&(read.key, read.value)) {
        None => Err((Pattern::ThinAirRead, None)),
        Some(Writer::Failed) => Err((Pattern::AbortedRead, None)),
        Some(Writer::Of(source, _)) if *source == txn && own.is_none() => {
            Err((Pattern::FutureRead, Some(txn)))
        }
        Some(Writer::Of(_, written)) if own.is_some_and(|own| own != *written) => {
            Err((Pattern::InternalRead, Some(txn)))
        }
        Some(Writer::Of(source, _)) if *source == txn => Ok(None),
        Some(Writer::Of(source, written)) if is_overwritten(history, *source, *written) => {
            Err((Pattern::IntermediateRead, Some(*source)))
        }
        Some(Writer::Of(source, _)) => Ok(Some(*source)),
    }
}

/// Does its own transaction write the key again?
fn is_overwritten(history: &History, txn: u32, op: u32) -> bool {
    let key = history.ops[op as usize].key;
    let rest = op as usize + 1..history.txns[txn as usize].ops().end;
    history.ops[rest].iter().any(|later| later.is_write && later.key == key)
}
