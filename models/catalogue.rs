//! The models: what each is for, its bounds, and what is expected of it.
//!
//! The bounds of a model are its script lengths and its budgets, nothing else: within them the search is
//! complete. Unlimited are the order, delay and (where the network repeats) number of deliveries, and the
//! moments of gossip.

use crate::{
    model::{Asks, Expected, Links, Model, Net, PLAIN, Serves},
    party::FOREVER,
};

/// All models, the quick ones first.
pub const CATALOGUE: &[Model] = &[Model {
    name: "pair",
    purpose: "reordering and delay: two clients that may ask any manager at each request",
    scripts: &["uq", "uq"],
    ..PLAIN
}];

/// The model of this name.
pub fn find(name: &str) -> Option<&'static Model> {
    CATALOGUE.iter().find(|model| model.name == name)
}
