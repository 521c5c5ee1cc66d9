//! Plume's text: a line is `r(KEY,VALUE,SESSION,TRANSACTION)` or `w(...)`.

use super::{has_room, lines_of, mistake};
use crate::history::record::{Mistake, Outcome, Recorder};
use hashbrown::{HashMap, HashSet};

struct Access<'a> {
    is_write: bool,
    key: &'a str,
    value: &'a str,
}

#[derive(Default)]
struct Session<'a> {
    transaction: &'a str,
    line: usize,
    accesses: Vec<Access<'a>>,
}

/// Reads a text. Value 0 is the initial one unless it is written. Transactions of different sessions may be
/// interleaved; a session's operations are in the order of their lines.
pub fn read(text: &str) -> Result<Recorder, Mistake> {
    let mut recorder = Recorder::new().initial_is("0");
    let mut open: HashMap<&str, Session<'_>> = HashMap::new();
    let (mut names, mut ended) = (Vec::new(), HashSet::new());
    for (number, line) in lines_of(text) {
        let (access, name, transaction) = parse(line).ok_or_else(|| {
            mistake(number, format!("`{}` is no r(KEY,VALUE,SESSION,TRANSACTION)", shown(line)))
        })?;
        let session = open.entry(name).or_insert_with(|| {
            names.push(name);
            Session::default()
        });
        if session.transaction != transaction || session.accesses.is_empty() {
            flush(name, session, &mut recorder);
            if !ended.insert((name, transaction)) {
                let what = format!("transaction {transaction} of session {name} had ended before");
                return Err(mistake(number, what));
            }
            (session.transaction, session.line) = (transaction, number);
        }
        session.accesses.push(access);
        has_room(&recorder, number)?;
    }
    for name in names {
        if let Some(session) = open.get_mut(name) {
            flush(name, session, &mut recorder);
        }
    }
    Ok(recorder)
}

fn flush(name: &str, session: &mut Session<'_>, recorder: &mut Recorder) {
    if session.accesses.is_empty() {
        return;
    }
    recorder.begin(name, Outcome::Committed, session.line);
    for Access { is_write, key, value } in session.accesses.drain(..) {
        match is_write {
            true => recorder.write(key, value),
            false => recorder.read(key, Some(value)),
        };
    }
}

fn parse(line: &str) -> Option<(Access<'_>, &str, &str)> {
    let (kind, rest) = line.split_once('(')?;
    let mut parts = rest.strip_suffix(')')?.split(',').map(str::trim);
    let (key, value) = (parts.next()?, parts.next()?);
    let (session, transaction) = (parts.next()?, parts.next()?);
    let is_write = match kind.trim() {
        "w" => true,
        "r" => false,
        _ => return None,
    };
    let named = [key, value, session, transaction].iter().all(|part| !part.is_empty());
    let access = Access { is_write, key, value };
    (named && parts.next().is_none()).then_some((access, session, transaction))
}

/// As much of a line as an error may show.
fn shown(line: &str) -> String {
    line.chars().take(40).collect()
}
