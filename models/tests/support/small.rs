//! Models that every engine gets through in no time, of every kind that the catalogue has.

use chinwag_models::model::{Asks, Links, Model, Net, PLAIN, Serves};

/// The models.
pub const SMALL: &[Model] = &[
    Model { name: "pair", scripts: &["uq", "uq"], ..PLAIN },
    Model { name: "retry", scripts: &["uq"], retries: 1, ..PLAIN },
    Model { name: "copies", scripts: &["uq"], copies: 2, asks: Asks::Home(&[0]), ..PLAIN },
    Model { name: "independent", scripts: &["iuq"], ..PLAIN },
    Model { name: "hearsay", scripts: &["ut1", "wq"], ..PLAIN },
    Model { name: "lossy", scripts: &["uq"], retries: 1, net: Net::Lossy, ..PLAIN },
    Model { name: "crash", scripts: &["uq"], crashes: &[1, 1], ..PLAIN },
    Model { name: "crash late", scripts: &["uu"], crashes: &[1], late: true, retries: 1, ..PLAIN },
    Model { name: "repeats", scripts: &["uu"], net: Net::Repeats, ..PLAIN },
    Model { name: "requests", scripts: &["uu"], net: Net::RepeatsRequests, late: true, ..PLAIN },
    Model { name: "pulls", scripts: &["uu"], pulls: true, ..PLAIN },
    Model { name: "batch", scripts: &["uu"], batch: 1, records_per_gossip_max: 1, ..PLAIN },
    Model { name: "ring", updatable: 3, links: Links::Ring, scripts: &["u"], ..PLAIN },
    Model { name: "read-only", read_only: 1, scripts: &["uq"], ..PLAIN },
    Model { name: "liar", scripts: &["u", "uq"], liar: true, ..PLAIN },
    Model { name: "set", scripts: &["uq", "u"], serves: Serves::Set, ..PLAIN },
];
