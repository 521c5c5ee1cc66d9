//! A service that must not be built on this protocol, to show what happens if it is.

use crate::{Applied, Service};
use serde::{Deserialize, Serialize};

/// An account that refuses to be overdrawn: the counterexample of the source.
///
/// Refusing reads the balance, and updates must not read (C25). Two managers that execute the same deposit
/// and withdrawal in different orders differ in whether the withdrawal happened, for ever and without
/// anyone being told. It breaks the law of [`Service`], and the model `bank` is expected to be refuted.
/// Such an update needs a total order, "forced" in the source, which this crate does not offer.
///
/// ```
/// # use chinwag::{*, services::{BankAccount, BankOp}};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// # let (prev, ts) = (Timestamp::zero(1), Timestamp::zero(1));
/// let run = |ops: [BankOp; 2]| {
///     let mut account = BankAccount::default();
///     ops.iter().for_each(|op| account.apply(Applied { op, id: id(1), prev: &prev, ts: &ts }));
///     account.answer(&())
/// };
/// assert_eq!(run([BankOp::Deposit(10), BankOp::Withdraw(10)]), 0);
/// assert_eq!(run([BankOp::Withdraw(10), BankOp::Deposit(10)]), 10);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BankAccount {
    balance: u64,
}

/// An update of a [`BankAccount`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BankOp {
    /// Pays in.
    Deposit(u64),
    /// Takes out, or does nothing if there is not as much.
    Withdraw(u64),
}

impl Service for BankAccount {
    type Op = BankOp;
    type Query = ();
    /// The balance.
    type Answer = u64;

    fn apply(&mut self, update: Applied<'_, BankOp>) {
        self.balance = match update.op {
            BankOp::Deposit(amount) => self.balance.saturating_add(*amount),
            BankOp::Withdraw(amount) => self.balance.checked_sub(*amount).unwrap_or(self.balance),
        };
    }

    fn answer(&self, (): &()) -> u64 {
        self.balance
    }
}
