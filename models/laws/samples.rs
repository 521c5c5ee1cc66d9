//! Operations and queries of the shipped services, for the law.

use super::Sampled;
use chinwag::{FrontEndId, RequestId, Serial, Service, services::*};

impl Sampled for Transcript {
    fn op(_: &Self, choice: u8) -> u8 {
        choice
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}

impl Sampled for Counter {
    fn op(_: &Self, choice: u8) -> i64 {
        [1, -2, i64::MAX, i64::MIN][usize::from(choice) % 4]
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}

impl Sampled for BankAccount {
    fn op(_: &Self, choice: u8) -> BankOp {
        let amount = u64::from(choice / 2) + 1;
        if choice.is_multiple_of(2) { BankOp::Deposit(amount) } else { BankOp::Withdraw(amount) }
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}

impl Sampled for OrSet {
    fn op(_: &Self, choice: u8) -> OrSetOp {
        let element = (choice / 4).to_string();
        if choice.is_multiple_of(2) { OrSetOp::Add(element) } else { OrSetOp::Remove(element) }
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}

impl Sampled for RegisterMap {
    fn op(_: &Self, choice: u8) -> RegisterOp {
        let (key, value) = ((choice / 6).to_string(), choice.to_string());
        if choice % 3 == 1 { RegisterOp::Delete(key) } else { RegisterOp::Put { key, value } }
    }

    fn queries() -> Vec<RegisterQuery> {
        let key = |key: u8| RegisterQuery::Get(key.to_string());
        vec![key(0), key(1), RegisterQuery::Keys]
    }
}

impl Sampled for BulletinBoard {
    /// A post; a reply to the last post shown; or, which no honest client asks for, a reply to one unseen.
    fn op(shown: &Self, choice: u8) -> Post {
        let unseen =
            RequestId { front_end: FrontEndId(1), serial: Serial { incarnation: 0, number: 1 } };
        let last = shown.answer(&()).last().map_or(unseen, |post| post.id);
        match choice {
            0 | 2 | 3 => Post::new(choice.to_string()),
            1 | 4 | 5 => Post::reply(last, choice.to_string()),
            _ => Post::reply(unseen, choice.to_string()),
        }
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}
