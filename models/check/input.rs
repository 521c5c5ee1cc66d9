//! Files that someone names: text, whole, and not more of it than can be meant.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

/// A file of text: what it should be, in words, and how much of it is read.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// "a history".
    pub what: &'static str,
    /// Where there are such files, or how they come about.
    pub remedy: &'static str,
    /// More is refused.
    pub bytes_max: u64,
}

impl Wanted {
    /// Its text, without the byte order mark that some editors put before it. Errors do not name the file.
    pub fn read(self, path: &Path) -> Result<String, String> {
        let Self { what, remedy, bytes_max } = self;
        let told = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => format!("there is no such file; {remedy}"),
            _ => error.to_string(),
        };
        if path.is_dir() {
            return Err(format!("it is a directory, and {what} is a file"));
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
            .map_err(told)?;
        if bytes.len() as u64 > bytes_max {
            return Err(format!("larger than {} MiB, which is all that is read", bytes_max >> 20));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            format!("line {line}: no UTF-8: {what} is text")
        })?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        match text.trim().is_empty() {
            true => Err(format!("it is empty: there is no {} in it", bare(what))),
            false => Ok(text),
        }
    }
}

/// Without its article.
fn bare(what: &str) -> &str {
    what.split_once(' ').map_or(what, |(_, rest)| rest)
}
