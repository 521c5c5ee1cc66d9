//! The models in which a manager is replaced (PROTOCOL 1.10).

use crate::model::{Asks, Model, Net, PLAIN};

/// The old one is lost, restored and replaced at any moment.
pub const ANY_MOMENT: Model = Model {
    name: "replace",
    purpose: "a manager that is lost or comes back from an old copy, and is replaced at any moment",
    updatable: 3,
    scripts: &["uq", "u"],
    replaces: true,
    pinned: (608_933, 28),
    ..PLAIN
};

/// With loss.
pub const LOSS: Model = Model {
    name: "replace-loss",
    purpose: "the same with loss, so that nothing but receipts tells what arrived",
    scripts: &["uq"],
    net: Net::Lossy,
    pinned: (38_422, 25),
    ..ANY_MOMENT
};

/// With requests that arrive again.
pub const LATE: Model = Model {
    name: "replace-late",
    purpose: "the same with requests that arrive again, also after both collections",
    scripts: &["uu"],
    late: true,
    net: Net::Echoes,
    pinned: (148_508, 29),
    ..ANY_MOMENT
};

/// With two that stay.
pub const TWO_STAY: Model = Model {
    name: "replace-two",
    purpose: "the same with two that stay, of whom both must have recorded it",
    updatable: 4,
    scripts: &["u"],
    asks: Asks::Home(&[1]),
    deep: true,
    pinned: (4_102_876, 40),
    ..ANY_MOMENT
};
