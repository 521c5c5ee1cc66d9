//! The models: what each is for, its bounds, and what is expected of it.
//!
//! The bounds of a model are its script lengths and its budgets, nothing else: within them the search is
//! complete. Unlimited are the order, delay and (where the network repeats) number of deliveries, and the
//! moments of gossip.

mod replacing;

use crate::{
    model::{Asks, Expected, Links, Model, Net, PLAIN, Serves},
    party::FOREVER,
};

/// All models, the quick ones first.
pub const CATALOGUE: &[Model] = &[
    Model {
        name: "pair",
        purpose: "reordering and delay: two clients that may ask any manager at each request",
        scripts: &["uq", "uq"],
        pinned: (9_253, 18),
        ..PLAIN
    },
    Model {
        name: "reader",
        purpose: "a client that reads at one manager and then at another",
        scripts: &["u", "qq"],
        pinned: (291, 10),
        ..PLAIN
    },
    Model {
        name: "three-clients",
        purpose: "three clients at two managers",
        scripts: &["u", "u", "uq"],
        eager: true,
        pinned: (25_593, 19),
        ..PLAIN
    },
    Model {
        name: "independent",
        purpose: "several updates of one front end under way at once",
        scripts: &["iiq", "q"],
        pinned: (15_636, 18),
        ..PLAIN
    },
    Model {
        name: "hearsay",
        purpose: "clients that tell each other what they know",
        scripts: &["ut1q", "wuq"],
        pinned: (4_059, 19),
        ..PLAIN
    },
    Model {
        name: "loss",
        purpose: "any message may be lost, gossip is repeated, clients lose patience",
        scripts: &["uuq", "u"],
        net: Net::Lossy,
        pinned: (456_044, 25),
        ..PLAIN
    },
    Model {
        name: "retry",
        purpose: "an unanswered request goes to the other manager, under the same identifier",
        scripts: &["uq", "uq"],
        asks: Asks::Home(&[0, 1]),
        retries: 1,
        pinned: (1_390_196, 34),
        ..PLAIN
    },
    Model {
        name: "twice",
        purpose: "each update goes to two managers at once, under the same identifier",
        scripts: &["uq", "u"],
        asks: Asks::Home(&[0, 1]),
        copies: 2,
        pinned: (277_987, 30),
        ..PLAIN
    },
    Model {
        name: "late",
        purpose: "requests that arrive again and again, also after both collections",
        scripts: &["uu"],
        net: Net::RepeatsRequests,
        late: true,
        pinned: (166_479, 31),
        ..PLAIN
    },
    Model {
        name: "repeats",
        purpose: "every message may arrive any number of times, in any order, or never",
        scripts: &["u", "u"],
        net: Net::Repeats,
        pinned: (379_065, 30),
        ..PLAIN
    },
    Model {
        name: "repeats-query",
        purpose: "the same with a session that reads",
        scripts: &["uq", "q"],
        net: Net::Repeats,
        pinned: (207_493, 24),
        ..PLAIN
    },
    Model {
        name: "crash",
        purpose: "any manager may crash at any point, any number of times",
        scripts: &["uuq", "q"],
        crashes: &[FOREVER, FOREVER],
        pinned: (163_282, 26),
        ..PLAIN
    },
    Model {
        name: "crash-loss",
        purpose: "crashes, loss and a client that loses patience",
        scripts: &["uq"],
        asks: Asks::Home(&[0]),
        retries: 1,
        crashes: &[FOREVER, FOREVER],
        net: Net::Lossy,
        pinned: (37_613, 23),
        ..PLAIN
    },
    Model {
        name: "fragments",
        purpose: "one record a message: gossip in fragments, in any order",
        scripts: &["uu", "u"],
        records_per_gossip_max: 1,
        pinned: (55_285, 24),
        ..PLAIN
    },
    Model {
        name: "fragments-late",
        purpose: "fragments, repeated requests, and both collections",
        scripts: &["uu"],
        records_per_gossip_max: 1,
        net: Net::RepeatsRequests,
        late: true,
        pinned: (546_469, 32),
        ..PLAIN
    },
    Model {
        name: "batch",
        purpose: "gossip goes out with every second update",
        scripts: &["uuq", "u"],
        batch: 2,
        pinned: (45_185, 22),
        ..PLAIN
    },
    Model {
        name: "pull",
        purpose: "managers ask for what a request needs and they lack",
        scripts: &["uq", "uq"],
        pulls: true,
        pinned: (27_969, 20),
        ..PLAIN
    },
    Model {
        name: "read-only",
        purpose: "a read-only replica answers, is gossiped to, and is waited for before logs are collected",
        read_only: 1,
        scripts: &["uq", "q"],
        pinned: (55_133, 20),
        ..PLAIN
    },
    Model {
        name: "read-only-crash",
        purpose: "a read-only replica that may crash at any point, any number of times",
        read_only: 1,
        scripts: &["uq"],
        crashes: &[0, 0, FOREVER],
        pinned: (326_299, 31),
        ..PLAIN
    },
    Model {
        name: "read-only-loss",
        purpose: "a read-only replica and loss",
        read_only: 1,
        scripts: &["u"],
        net: Net::Lossy,
        pinned: (159_464, 24),
        ..PLAIN
    },
    Model {
        name: "refused",
        purpose: "a client that first asks a read-only replica for an update",
        read_only: 1,
        scripts: &["uq"],
        asks: Asks::Home(&[2]),
        pinned: (2_059, 20),
        ..PLAIN
    },
    Model {
        name: "liar",
        purpose: "a client that claims to have seen an update that does not exist",
        scripts: &["u", "u"],
        asks: Asks::Home(&[0, 0]),
        liar: true,
        pinned: (138, 14),
        ..PLAIN
    },
    Model {
        name: "phantom",
        purpose: "the same at another manager: the update waits for one that comes to be later",
        scripts: &["u", "u"],
        asks: Asks::Home(&[0, 1]),
        liar: true,
        pinned: (181, 14),
        ..PLAIN
    },
    Model {
        name: "ring",
        purpose: "three managers, each gossips to the next only, and the logs drain",
        updatable: 3,
        scripts: &["uu"],
        asks: Asks::Home(&[0]),
        links: Links::Ring,
        pinned: (29_579, 35),
        ..PLAIN
    },
    Model {
        name: "chain",
        purpose: "a partition in which one manager hears of causes after their effects",
        updatable: 3,
        scripts: &["uuu", "u"],
        links: Links::Only(&[(0, 1), (2, 1)]),
        eager: true,
        pinned: (525_329, 33),
        ..PLAIN
    },
    Model {
        name: "detour",
        purpose: "three managers, fragments that overtake each other on two ways",
        updatable: 3,
        scripts: &["uu"],
        asks: Asks::Route(&[&[1, 0]]),
        links: Links::Only(&[(0, 1), (1, 2), (2, 0), (0, 2)]),
        records_per_gossip_max: 1,
        net: Net::Repeats,
        deep: true,
        pinned: (7_264_279, 41),
        ..PLAIN
    },
    Model {
        name: "crossing",
        purpose: "fragments after a crash, an update recorded twice, both collections",
        scripts: &["uu"],
        net: Net::RepeatsRequests,
        crashes: &[0, 1],
        records_per_gossip_max: 1,
        pinned: (1_117_690, 33),
        ..PLAIN
    },
    Model {
        name: "histories",
        purpose: "judged by what the clients saw alone: no timestamp, no look inside",
        scripts: &["uq", "qu"],
        histories: true,
        pinned: (5_046, 18),
        ..PLAIN
    },
    Model {
        name: "histories-crash",
        purpose: "the same with crashes",
        scripts: &["uq", "qu"],
        histories: true,
        crashes: &[FOREVER, FOREVER],
        pinned: (115_024, 26),
        ..PLAIN
    },
    replacing::ANY_MOMENT,
    replacing::LOSS,
    replacing::LATE,
    replacing::TWO_STAY,
    Model {
        name: "counter",
        purpose: "the counter service",
        scripts: &["u", "uuq"],
        serves: Serves::Counter,
        pinned: (51_195, 23),
        ..PLAIN
    },
    Model {
        name: "set",
        purpose: "the observed-remove set",
        scripts: &["uu", "u"],
        serves: Serves::Set,
        eager: true,
        pinned: (4_419, 18),
        ..PLAIN
    },
    Model {
        name: "registers",
        purpose: "the multi-value register map, with an update recorded twice",
        scripts: &["uu"],
        asks: Asks::Home(&[0]),
        copies: 2,
        serves: Serves::Registers,
        pinned: (17_197, 27),
        ..PLAIN
    },
    Model {
        name: "board",
        purpose: "the bulletin board: an answer never shows without what it answers",
        scripts: &["ut1", "wuq", "q"],
        serves: Serves::Board,
        pinned: (5_984, 19),
        ..PLAIN
    },
    Model {
        name: "bank",
        purpose: "a bank account that refuses overdrafts: what must not be built on this [S4]",
        scripts: &["ut1u", "wu"],
        serves: Serves::Bank,
        expected: Expected::Refuted("equal updates mean equal answers"),
        pinned: (11_703, 22),
        ..PLAIN
    },
    Model {
        name: "mesh",
        purpose: "three managers that all gossip to all, two clients that ask any",
        updatable: 3,
        scripts: &["u", "u"],
        eager: true,
        pinned: (7_562_041, 34),
        ..PLAIN
    },
    Model {
        name: "all-at-once",
        purpose: "three meshed managers, three clients that ask any, repeated requests, loss, a crash",
        updatable: 3,
        scripts: &["uq", "q", "q"],
        net: Net::Echoes,
        crashes: &[1],
        deep: true,
        pinned: (13_987_666, 27),
        ..PLAIN
    },
    Model {
        name: "mesh-late",
        purpose: "three meshed managers, requests that arrive again, also after both collections",
        updatable: 3,
        scripts: &["uu"],
        net: Net::Echoes,
        late: true,
        deep: true,
        pinned: (16_621_753, 37),
        ..PLAIN
    },
    Model {
        name: "mesh-twice",
        purpose: "three meshed managers, an update that goes to any two of them, a client that reads at any",
        updatable: 3,
        scripts: &["u", "q"],
        net: Net::Copies,
        copies: 2,
        deep: true,
        pinned: (112_473_569, 38),
        ..PLAIN
    },
    Model {
        name: "mesh-twice-crash",
        purpose: "three meshed managers, an update that goes to any two of them, a crash at any point",
        updatable: 3,
        scripts: &["u"],
        net: Net::Copies,
        copies: 2,
        crashes: &[1],
        deep: true,
        pinned: (184_003_774, 43),
        ..PLAIN
    },
];

/// The model of this name.
pub fn find(name: &str) -> Option<&'static Model> {
    CATALOGUE.iter().find(|model| model.name == name)
}

#[cfg(test)]
mod tests {
    use super::CATALOGUE;

    #[test]
    fn replies_are_eager_only_where_a_request_has_one_copy() {
        for model in CATALOGUE.iter().filter(|model| model.eager) {
            assert!(model.may_be_eager(), "{}: the reduction may hide violations", model.name);
        }
    }
}
