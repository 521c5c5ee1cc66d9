//! Reads histories from files. `models/tests/histories/README.md` describes each format, with an example.

mod dbcop;
mod edn;
mod elle;
mod itf;
mod lines;
mod plume;

use super::record::{History, Mistake, OPERATIONS_MAX, Recorder};
use std::str::FromStr;

/// Bytes of a file. It is read as a whole.
pub const FILE_BYTES_MAX: u64 = 4 << 30;

/// A format of histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Our own: JSON, an operation or a transaction a line.
    Lines,
    /// A trace in the Informal Trace Format, whose last state has a variable `history`.
    Itf,
    /// Jepsen's and Elle's: an event a line, as EDN or JSON, of read and write transactions.
    Elle,
    /// Dbcop's, as JSON.
    Dbcop,
    /// Plume's text, which AWDIT reads as well.
    Plume,
}

impl Format {
    /// All, with their names.
    pub const ALL: [(&'static str, Format); 5] = [
        ("lines", Format::Lines),
        ("itf", Format::Itf),
        ("elle", Format::Elle),
        ("dbcop", Format::Dbcop),
        ("plume", Format::Plume),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }

    /// The format that a text seems to be in, by how it begins.
    pub fn guess(text: &str) -> Option<Format> {
        let text = text.trim_start();
        let head: String = text.chars().take(GUESS_CHARACTERS).collect();
        let line = text.lines().next().unwrap_or_default();
        let has = |field: &str| head.contains(field);
        match () {
            () if line.starts_with("r(") || line.starts_with("w(") => Some(Format::Plume),
            () if line.starts_with("{:") || line.starts_with('#') => Some(Format::Elle),
            () if line.starts_with('[') || !line.starts_with('{') => None,
            () if has("\"process\"") && has("\"type\"") => Some(Format::Elle),
            () if has("\"session\"") && !has("\"states\"") && !has("\"vars\"") => {
                Some(Format::Lines)
            }
            () if has("\"vars\"") || has("\"#meta\"") || has("\"states\"") => Some(Format::Itf),
            () if has("\"data\"") || has("\"params\"") => Some(Format::Dbcop),
            () => None,
        }
    }
}

/// Characters of a file by which its format is guessed.
const GUESS_CHARACTERS: usize = 4096;

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        let all = || Self::ALL.map(|(name, _)| name).join(", ");
        known.map(|(_, format)| *format).ok_or_else(|| format!("`{name}` is none of {}", all()))
    }
}

/// Reads a history. Errors name the line, and what was expected there.
pub fn read(text: &str, format: Format) -> Result<History, Mistake> {
    let recorder = match format {
        Format::Lines => lines::read(text),
        Format::Itf => itf::read(text),
        Format::Elle => elle::read(text),
        Format::Dbcop => dbcop::read(text),
        Format::Plume => plume::read(text),
    }?;
    if recorder.operations() == 0 {
        return Err(Mistake { line: 0, what: "no operation in it: nothing to judge".to_owned() });
    }
    recorder.finish()
}

/// Lines that hold something, with their numbers.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty())
}

/// Fails once a file has more operations than are judged, so that it is not read to its end in vain.
fn has_room(recorder: &Recorder, line: usize) -> Result<(), Mistake> {
    if recorder.operations() > OPERATIONS_MAX {
        let what = format!("more than {OPERATIONS_MAX} operations, which is all that is judged");
        return Err(Mistake { line, what });
    }
    Ok(())
}

/// A mistake in a line.
fn mistake(line: usize, what: impl Into<String>) -> Mistake {
    Mistake { line, what: what.into() }
}

/// What `serde_json` says, without its own line: ours is that of the file.
fn json_mistake(line: usize, error: &serde_json::Error) -> Mistake {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    match error.column() {
        0 => mistake(line, what),
        column => mistake(line, format!("{what} (column {column})")),
    }
}
