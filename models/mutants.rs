//! Seeded bugs: what an engineer would plausibly write, and the property that must find it out.
//!
//! Each is one or two entries of the table of rules, or a disk that breaks the driver's law; none is in the
//! protocol's code. A property that kills no mutant is not known to be able to fail.

use crate::party::Disk;
use chinwag::{Rules, rules::FAITHFUL};

/// A seeded bug.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does wrong.
    pub name: &'static str,
    /// Why someone would write it, and the corner case of PROTOCOL section 2 that it is.
    pub slip: &'static str,
    /// The rules it goes by.
    pub rules: &'static Rules,
    /// The disk it writes to.
    pub disk: Disk,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a mutant.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// This property finds it out, in this model.
    Dies {
        /// The model's name.
        model: &'static str,
        /// The property's sentence.
        by: &'static str,
    },
    /// Nobody can tell it from the protocol, for this reason.
    Equivalent(&'static str),
}

/// All seeded bugs, in the order of the rules that they break.
pub const MUTANTS: &[Mutant] = &[Mutant {
    name: "answers too early",
    slip: "the client will ask again (C20)",
    rules: &Rules { may_answer: |_, _, _| true, ..FAITHFUL },
    disk: Disk::Honest,
    fate: Fate::Dies { model: "pair", by: "an answer is as new as was asked for" },
}];

/// The mutant of this name, or whose name contains this text, if there is only one.
pub fn find(name: &str) -> Option<&'static Mutant> {
    let mut found = MUTANTS.iter().filter(|mutant| mutant.name.contains(name));
    let first = found.next()?;
    let exact = MUTANTS.iter().find(|mutant| mutant.name == name);
    exact.or(if found.next().is_none() { Some(first) } else { None })
}
