//! What is shown of a violation: the operations, the cycle, and why each step of it is forced.
//! Text and picture.

use crate::render::{Cycle, CycleArrow, CycleBox, cycle_svg};
use std::fmt;

/// What a history shows that no history of its level can: the bad patterns of Bouajjani et al. (POPL
/// 2017), for transactions, and the reads that no order of transactions explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// A read of a value that nobody wrote.
    ThinAirRead,
    /// A read of what a failed transaction wrote.
    AbortedRead,
    /// A read of what its transaction writes only later.
    FutureRead,
    /// A read of something else than what its transaction wrote before.
    InternalRead,
    /// A read of what the writing transaction overwrote itself.
    IntermediateRead,
    /// The order of sessions and of reads from writes is cyclic.
    CyclicCO,
    /// A read of the initial value although a write of the key is in its past.
    WriteCOInitRead,
    /// A read of a value that was overwritten in its past.
    WriteCORead,
    /// A transaction saw one half of another: no order of its past explains all its reads.
    FracturedRead,
    /// No one order of all writes explains all reads.
    CyclicCF,
    /// For one session, the initial value was read although a write must come before.
    WriteHBInitRead,
    /// For one session, no order of its past explains all its reads.
    CyclicHB,
}

impl Pattern {
    /// What it means, as a clause.
    pub fn meaning(self) -> &'static str {
        match self {
            Pattern::ThinAirRead => "a read returned what nobody wrote",
            Pattern::AbortedRead => "a read returned what a failed transaction wrote",
            Pattern::FutureRead => "a read returned what its own transaction wrote only later",
            Pattern::InternalRead => "a read did not return what its own transaction wrote before",
            Pattern::IntermediateRead => "a read returned what the same transaction overwrote",
            Pattern::CyclicCO => "causes form a cycle",
            Pattern::WriteCOInitRead => {
                "a read returned the initial value, and a write was in its causal past"
            }
            Pattern::WriteCORead => "a read returned what was overwritten in its causal past",
            Pattern::FracturedRead => {
                "no order of its causal past explains all that a transaction read"
            }
            Pattern::CyclicCF => "no single order of the writes explains all reads",
            Pattern::WriteHBInitRead => {
                "a session read the initial value after what it must have seen overwritten"
            }
            Pattern::CyclicHB => "no order of the writes explains all that one session read",
        }
    }
}

/// A violation, in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Of what kind.
    pub pattern: Pattern,
    /// The operations that it takes; everything below names them by index.
    pub operations: Vec<Operation>,
    /// The cycle: each must come before the next, and the last before the first. Empty if one read is enough.
    pub cycle: Vec<Link>,
    /// Why a write must come before another, where neither session nor read says so.
    pub reasons: Vec<Reason>,
    /// Whether no cycle of this kind is shorter. False if the search gave up before it knew.
    pub is_shortest: bool,
}

/// An operation, or a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Whose it is; nobody's if it is the initial state.
    pub session: Option<String>,
    /// Its place in its session, from 1.
    pub number: u32,
    /// Its line in the file; 0 if there is none.
    pub line: u32,
    /// Such as `writes x=1`.
    pub what: String,
}

/// One operation must come before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Which.
    pub from: usize,
    /// Before which.
    pub to: usize,
    /// Why.
    pub why: Why,
}

/// Why an operation must come before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The initial state comes before everything.
    Initial,
    /// Their session did them in this order.
    Session,
    /// The second read what the first wrote: this.
    Reads(String),
    /// That reason.
    Must(usize),
}

/// Why a write must come before another of the same key: someone read the second's value, and the first
/// was in its past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The write that must come before.
    pub first: usize,
    /// The write that was read; or the initial state.
    pub second: usize,
    /// The key.
    pub key: String,
    /// Who read it.
    pub reader: usize,
    /// How the first came into the reader's past.
    pub past: Vec<Link>,
}

/// `A`, `B`, and beyond `Z` by number.
pub fn letter(operation: usize) -> String {
    match u8::try_from(operation).ok().filter(|n| *n < 26) {
        Some(n) => char::from(b'A' + n).to_string(),
        None => format!("#{}", operation + 1),
    }
}

impl Violation {
    /// How many operations the cycle has.
    pub fn len(&self) -> usize {
        self.cycle.len()
    }

    /// Whether there is no cycle: one read is enough.
    pub fn is_empty(&self) -> bool {
        self.cycle.is_empty()
    }

    /// Is it the same but for the claim to be the shortest?
    pub fn shows_the_same(&self, other: &Violation) -> bool {
        (self.pattern, &self.operations) == (other.pattern, &other.operations)
            && (&self.cycle, &self.reasons) == (&other.cycle, &other.reasons)
    }

    /// As a self-contained SVG file. `title` says what is violated.
    pub fn svg(&self, title: &str) -> String {
        let boxes = self.operations.iter().enumerate().map(|(number, operation)| {
            let at = match operation.line {
                0 => format!("#{}: ", operation.number),
                line => format!("line {line}: "),
            };
            CycleBox {
                name: letter(number),
                session: operation.session.clone().unwrap_or_else(|| "initial state".to_owned()),
                text: if operation.session.is_some() { at } else { String::new() }
                    + &operation.what,
            }
        });
        let arrow = |link: &Link, is_in_cycle| CycleArrow {
            from: link.from,
            to: link.to,
            label: match &link.why {
                Why::Initial => "initially".to_owned(),
                Why::Session => "same session".to_owned(),
                Why::Reads(what) => format!("read {what}"),
                Why::Must(reason) => {
                    let Reason { key, reader, .. } = &self.reasons[*reason];
                    format!("{} read {key} from {}", letter(*reader), letter(link.to))
                }
            },
            is_concluded: matches!(link.why, Why::Must(_)),
            is_in_cycle,
        };
        let in_cycle = self.cycle.iter().map(|link| arrow(link, true));
        let past = self.reasons.iter().flat_map(|reason| &reason.past);
        let others = past.filter(|link| !self.cycle.contains(link)).map(|link| arrow(link, false));
        let mut arrows: Vec<CycleArrow> = in_cycle.collect();
        others.for_each(|arrow| {
            if !arrows.contains(&arrow) {
                arrows.push(arrow)
            }
        });
        let claim = format!("{:?}: {}.", self.pattern, self.pattern.meaning());
        cycle_svg(&Cycle { title: title.to_owned(), claim, boxes: boxes.collect(), arrows })
    }

    /// A link in words.
    pub fn because(&self, link: &Link) -> String {
        let (from, to) = (letter(link.from), letter(link.to));
        match &link.why {
            Why::Initial => "the initial values come first".to_owned(),
            Why::Session => {
                let session = self.operations[link.from].session.as_deref().unwrap_or_default();
                format!("{session} did {from} first")
            }
            Why::Reads(what) => format!("{to} read {what} from {from}"),
            Why::Must(reason) => {
                let Reason { key, reader, .. } = &self.reasons[*reason];
                let reader = letter(*reader);
                format!("{reader} read {key} from {to} and had {from}'s write of {key} in its past")
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(session) = &self.session else { return write!(f, "{}", self.what) };
        write!(f, "{session}, number {}", self.number)?;
        if self.line > 0 {
            write!(f, " (line {})", self.line)?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}: {}.", self.pattern, self.pattern.meaning())?;
        for (number, operation) in self.operations.iter().enumerate() {
            writeln!(f, "  {}  {operation}", letter(number))?;
        }
        if self.cycle.is_empty() {
            return Ok(());
        }
        let shortest = if self.is_shortest {
            "The shortest cycle"
        } else {
            "A cycle, perhaps not the shortest"
        };
        writeln!(f, "{shortest}:")?;
        let line = |f: &mut fmt::Formatter<'_>, indent: &str, link: &Link| {
            let (from, to) = (letter(link.from), letter(link.to));
            writeln!(f, "{indent}{from} before {to}: {}", self.because(link))
        };
        for link in &self.cycle {
            line(f, "  ", link)?;
        }
        for reason in self.reasons.iter().filter(|reason| !reason.past.is_empty()) {
            writeln!(
                f,
                "How {} came into {}'s past:",
                letter(reason.first),
                letter(reason.reader)
            )?;
            for link in &reason.past {
                line(f, "  ", link)?;
            }
        }
        Ok(())
    }
}
