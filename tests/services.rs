//! Which of the shipped services obey the law, and that the law notices those that do not.

use chinwag::{Applied, RequestId, Service, Timestamp, services::*};
use chinwag_models::laws::{Sampled, converges, converges_exhaustively};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Moves in the exhaustive tests: as many as take a second or two.
const MOVES: usize = 4;

macro_rules! obeys_the_law {
    ($($name:ident: $service:ty),+) => {$(
        mod $name {
            use super::*;

            #[test]
            fn converges_after_random_histories() {
                converges::<$service>();
            }

            #[test]
            fn converges_after_every_small_history() {
                let orders = converges_exhaustively::<$service>(MOVES);
                assert!(orders > 10_000, "{orders} orders");
            }
        }
    )+};
}

obeys_the_law!(
    a_counter: Counter,
    an_or_set: OrSet,
    a_register_map: RegisterMap,
    a_bulletin_board: BulletinBoard
);

macro_rules! breaks_the_law {
    ($($name:ident: $service:ty),+) => {$(
        mod $name {
            use super::*;

            #[test]
            #[should_panic(expected = "two causal orders of one history differ")]
            fn is_refuted_by_a_random_history() {
                converges::<$service>();
            }

            #[test]
            #[should_panic(expected = "two causal orders of one history differ")]
            fn is_refuted_by_a_small_history() {
                converges_exhaustively::<$service>(MOVES);
            }
        }
    )+};
}

breaks_the_law!(
    a_transcript: Transcript,
    a_bank_account: BankAccount,
    a_set_that_keeps_one_timestamp_of_an_addition: OneStampSet
);

/// An observed-remove set that forgets that an update can have several timestamps (C10).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct OneStampSet(BTreeMap<RequestId, Stamps>);

impl Service for OneStampSet {
    /// Whether to add the one element, else to remove it.
    type Op = bool;
    type Query = ();
    type Answer = bool;

    fn apply(&mut self, update: Applied<'_, bool>) {
        self.0.retain(|_, stamps| !stamps.seen_by(update.prev));
        if *update.op {
            self.0.insert(update.id, Stamps::of(update.ts));
        }
    }

    fn answer(&self, (): &()) -> bool {
        !self.0.is_empty()
    }
}

impl Sampled for OneStampSet {
    fn op(_: &Self, choice: u8) -> bool {
        choice.is_multiple_of(2)
    }

    fn queries() -> Vec<()> {
        vec![()]
    }
}

#[test]
fn a_removal_that_saw_the_other_record_of_an_addition_removes_it_everywhere() {
    let [nothing, at_rm0, at_rm1, later] =
        [[0, 0], [1, 0], [0, 1], [0, 2]].map(Timestamp::from_iter);
    let (add, remove) = (OrSetOp::Add("x".into()), OrSetOp::Remove("x".into()));
    let id = |fe, number| RequestId {
        front_end: chinwag::FrontEndId(fe),
        serial: chinwag::Serial { incarnation: 0, number },
    };
    let added = |ts| Applied { op: &add, id: id(0, 1), prev: &nothing, ts };
    let removed = || Applied { op: &remove, id: id(1, 1), prev: &at_rm1, ts: &later };

    let (mut rm0, mut rm1) = (OrSet::default(), OrSet::default());
    rm0.apply(added(&at_rm0));
    rm0.also_stamped(added(&at_rm1));
    rm0.apply(removed());
    rm1.apply(added(&at_rm1));
    rm1.apply(removed());
    rm1.also_stamped(added(&at_rm0));

    assert_eq!(rm0, rm1);
    assert!(rm0.answer(&()).is_empty());
}

#[test]
fn concurrent_values_of_a_register_are_all_kept_until_someone_saw_them() {
    let [nothing, ts0, ts1, both, ts2] =
        [[0, 0], [1, 0], [0, 1], [1, 1], [2, 1]].map(Timestamp::from_iter);
    let id = |fe| RequestId {
        front_end: chinwag::FrontEndId(fe),
        serial: chinwag::Serial { incarnation: 0, number: 1 },
    };
    let put = |value: &str| RegisterOp::Put { key: "k".into(), value: value.into() };
    let (a, b, delete) = (put("a"), put("b"), RegisterOp::Delete("k".into()));
    let get = |map: &RegisterMap| map.answer(&RegisterQuery::Get("k".into()));

    let mut map = RegisterMap::default();
    map.apply(Applied { op: &b, id: id(1), prev: &nothing, ts: &ts1 });
    map.apply(Applied { op: &a, id: id(0), prev: &nothing, ts: &ts0 });
    assert_eq!(get(&map), RegisterAnswer::Values(vec!["a".into(), "b".into()]));

    let mut half = map.clone();
    half.apply(Applied { op: &delete, id: id(2), prev: &ts0, ts: &ts2 });
    assert_eq!(get(&half), RegisterAnswer::Values(vec!["b".into()]));

    map.apply(Applied { op: &delete, id: id(2), prev: &both, ts: &ts2 });
    assert_eq!(map, RegisterMap::default(), "nothing is left, tombstones neither");
}

#[test]
fn a_reply_is_not_shown_before_what_it_answers() {
    let [nothing, ts0, ts1] = [[0, 0], [1, 0], [0, 1]].map(Timestamp::from_iter);
    let id = |fe| RequestId {
        front_end: chinwag::FrontEndId(fe),
        serial: chinwag::Serial { incarnation: 0, number: 1 },
    };
    let (post, reply) = (Post::new("question"), Post::reply(id(0), "answer"));

    let mut board = BulletinBoard::default();
    board.apply(Applied { op: &reply, id: id(1), prev: &nothing, ts: &ts1 });
    assert_eq!(board.answer(&()), []);

    board.apply(Applied { op: &post, id: id(0), prev: &nothing, ts: &ts0 });
    let shown = board.answer(&());
    let texts: Vec<_> = shown.iter().map(|post| (post.depth, &*post.text)).collect();
    assert_eq!(texts, [(0, "question"), (1, "answer")]);
}
