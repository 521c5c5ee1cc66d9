//! What can go wrong here, and what can be found out.

use std::fmt;

/// The oracle could not say anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The file is not JSON, or too large.
    File(String),
    /// The file is JSON, but not a program that this evaluator knows how to run.
    Program {
        /// In which declaration.
        declaration: String,
        /// What is wrong.
        what: String,
    },
    /// A limit was met: the evaluation is too long or too deep.
    Limit {
        /// Of what.
        what: &'static str,
        /// How much there may be.
        max: u64,
    },
    /// A value has not the shape that was expected of it.
    Shape {
        /// What was expected.
        expected: &'static str,
        /// What was there.
        found: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File(what) => write!(f, "the extracted functions cannot be read: {what}"),
            Error::Program { declaration, what } => {
                write!(f, "the extracted functions, in `{declaration}`: {what}; ")?;
                f.write_str("if proofs/coq has changed, oracle/src must follow")
            }
            Error::Limit { what, max } => write!(f, "the evaluation has more than {max} {what}"),
            Error::Shape { expected, found } => {
                write!(f, "expected {expected}, found {found}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Why a comparison did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The two handlers do different things.
    Differs {
        /// What differs: a part of the state, or what is sent.
        part: &'static str,
        /// What Rust makes of it.
        rust: String,
        /// What was proved of.
        proved: String,
    },
    /// The oracle could not say anything.
    Failed(Error),
}

impl From<Error> for Mismatch {
    fn from(error: Error) -> Self {
        Mismatch::Failed(error)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Differs { part, rust, proved } => {
                write!(f, "{part}:\n  Rust:   {rust}\n  proved: {proved}")
            }
            Mismatch::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Mismatch {}
