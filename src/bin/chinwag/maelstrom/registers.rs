//! Registers that are written many at a time, for transactions.

use chinwag::{Applied, RequestId, Service};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A map from keys to values, each the one that was written last.
///
/// Of concurrent writes the one counts whose past is heavier, or whose request has the higher identifier.
/// That is an order of all updates which extends causality, and every replica manager takes the same one, so
/// the law holds: whoever comes later in it wins, whenever it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Registers(BTreeMap<String, (u128, RequestId, String)>);

impl Service for Registers {
    /// Keys and values: one transaction's writes.
    type Op = Vec<(String, String)>;
    /// Keys.
    type Query = Vec<String>;
    /// Their values, as of one moment.
    type Answer = Vec<Option<String>>;

    fn apply(&mut self, update: Applied<'_, Self::Op>) {
        let (weight, id) = (update.prev.weight(), update.id);
        for (key, value) in update.op {
            let newer = |(w, i, _): &(u128, RequestId, String)| (*w, *i) <= (weight, id);
            if self.0.get(key).is_none_or(newer) {
                self.0.insert(key.clone(), (weight, id, value.clone()));
            }
        }
    }

    fn answer(&self, keys: &Self::Query) -> Self::Answer {
        keys.iter().map(|key| self.0.get(key).map(|(_, _, value)| value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Registers;
    use chinwag_models::laws::{Sampled, converges, converges_exhaustively};

    impl Sampled for Registers {
        fn op(_: &Self, choice: u8) -> Self::Op {
            let write = |key: u8| (key.to_string(), choice.to_string());
            vec![write(0), write(choice % 2)]
        }

        fn queries() -> Vec<Self::Query> {
            vec![vec!["0".into(), "1".into()]]
        }
    }

    #[test]
    fn registers_converge_after_random_histories() {
        converges::<Registers>();
    }

    #[test]
    fn registers_converge_after_every_small_history() {
        assert!(converges_exhaustively::<Registers>(4) > 10_000);
    }
}
