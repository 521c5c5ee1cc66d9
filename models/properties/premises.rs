//! What must have happened where a promise was judged, or it was kept for want of a test.

/// What puts a promise to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Premise {
    /// This witness.
    Seen(&'static str),
    /// An action of this kind.
    Happens(&'static str),
}

/// The premise of a promise; of a witness there is none.
pub fn premise_of(promise: &str) -> Option<Premise> {
    PREMISES.iter().find(|(_, promises)| promises.contains(&promise)).map(|(premise, _)| *premise)
}

const PREMISES: &[(Premise, &[&str])] = &[
    (
        Premise::Seen("an update has run"),
        &[
            "the replica is in good shape",
            "a timestamp is the past with one new update in it",
            "the value never runs ahead of the log",
            "the value reflects exactly what its timestamp covers",
        ],
    ),
    (
        Premise::Seen("an update has run at two managers"),
        &[
            "no timestamp speaks of updates that do not exist",
            "a timestamp names one update",
            "the log has no holes",
            "a timestamp covers the past of what it covers",
            "equal timestamps mean equal values",
        ],
    ),
    (
        Premise::Seen("an update waits for its past"),
        &["execution respects causality", "nothing waits that need not wait"],
    ),
    (
        Premise::Seen("one update is recorded twice"),
        &[
            "an update is executed at most once",
            "no update is taken for another",
            "a reply covers every record of its update",
        ],
    ),
    (Premise::Happens("retry"), &["a manager makes one record of an update"]),
    (
        Premise::Seen("a client reads what it wrote"),
        &["a client reads its own writes", "what clients saw is causally consistent"],
    ),
    (
        Premise::Seen("a client that has read asks again"),
        &["a client never sees less than it has seen"],
    ),
    (
        Premise::Seen("a client asks that was told of an update"),
        &["a client sees what it was told of"],
    ),
    (Premise::Seen("a client writes twice"), &["a client's writes run in its order"]),
    (
        Premise::Seen("a client writes after it has read"),
        &[
            "execution respects what clients had seen",
            "a write runs after what its client had read",
        ],
    ),
    (
        Premise::Seen("a query waits"),
        &["an answer is as new as was asked for", "every query ends up answered"],
    ),
    (Premise::Seen("an answer shows an update"), &["an answer reflects what its timestamp covers"]),
    (
        Premise::Seen("a manager knows that a peer holds an update"),
        &["knowledge of a peer is never overestimated"],
    ),
    (
        Premise::Seen("a record is discarded"),
        &[
            "a record leaves a log only when everyone has it",
            "a record leaves a log only when it has run there",
            "the logs end up empty",
        ],
    ),
    (
        Premise::Seen("an identifier is forgotten"),
        &[
            "what was forgotten is recorded nowhere again",
            "the executed table ends up with what is not acknowledged",
        ],
    ),
    (
        Premise::Seen("a forgotten update is requested once more"),
        &["what was forgotten never comes back"],
    ),
    (
        Premise::Seen("concurrent updates run in different orders"),
        &["equal updates mean equal answers"],
    ),
    (
        Premise::Seen("two updates are everywhere"),
        &["when all is quiet, all are equal", "every update ends up executed everywhere"],
    ),
    (Premise::Happens("refused"), &["a read-only replica makes no record"]),
    (
        Premise::Happens("crash"),
        &[
            "no timestamp goes down",
            "nothing is sent before it is durable",
            "the journal accounts for the replica",
        ],
    ),
    (Premise::Happens("query reply"), &["a replica manager alone takes updates and answers"]),
    (Premise::Happens("gossip"), &["a record is journalled once"]),
];

#[cfg(test)]
mod tests {
    use super::{PREMISES, Premise};
    use crate::properties::{Kind, PROPERTIES};

    /// Every promise that is not in the table, or more than once, and every premise that is no witness.
    fn misplaced() -> Vec<&'static str> {
        let times = |promise: &str| {
            PREMISES.iter().flat_map(|(_, promises)| *promises).filter(|p| **p == promise).count()
        };
        let of = |kind| PROPERTIES.iter().filter(move |p| p.kind == kind).map(|p| p.sentence);
        let unplaced = of(Kind::Always).filter(|promise| times(promise) != 1);
        let unknown = PREMISES.iter().filter_map(|(premise, _)| match premise {
            Premise::Seen(witness) if of(Kind::Sometimes).all(|known| known != *witness) => {
                Some(*witness)
            }
            _ => None,
        });
        unplaced.chain(unknown).collect()
    }

    #[test]
    fn every_promise_has_one_premise_and_every_premise_is_a_witness() {
        assert_eq!(misplaced(), [""; 0]);
    }
}
