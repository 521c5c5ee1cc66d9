//! Lines to standard output that outlive their reader.

use crate::Failure;
use std::{
    fmt,
    io::{ErrorKind, Write},
    sync::OnceLock,
};

static PROBLEM: OnceLock<String> = OnceLock::new();

/// Writes a line. If it cannot be, [`check`] says so at the end, unless it is that nobody reads on.
pub fn line(to: &mut impl Write, text: fmt::Arguments<'_>) {
    match writeln!(to, "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = PROBLEM.set(format!("done, but the output is not whole: {error}"));
        }
        _ => {}
    }
}

/// Was everything written that somebody would have read?
pub fn check() -> Result<(), Failure> {
    PROBLEM.get().map_or(Ok(()), |problem| Err(Failure::new(1, problem)))
}
