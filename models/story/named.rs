//! Names for people: of the fields of a state, and of the numbers that promises have.

use crate::render::Change;

/// The fields whose names say too little, and how they are called where people read.
const FIELDS: &[(&str, &str)] = &[
    ("value_ts", "value timestamp"),
    ("replica_ts", "replica timestamp"),
    ("discarded", "discarded up to"),
    ("waiting_queries", "held-back queries"),
    ("stands", "standing"),
    ("owes_gossip_to", "owes gossip to"),
    ("crashes_left", "crashes left"),
    ("forgotten", "forgot"),
    ("broken_promises", "broken promise"),
    ("ts", "has seen"),
    ("in_flight", "unanswered"),
    ("outbox", "still to ask"),
    ("last_answer", "last answer"),
    ("was_told_of", "was told of"),
    ("retries_left", "retries left"),
];

/// Fields of which no reader learns anything that the step does not say.
const SILENT: &[&str] = &["script_line"];

/// The changes under names that people understand. What stood at a place of a list, and what stands there
/// now, are two things: one went, and one came.
pub(crate) fn named(changes: Vec<Change>) -> Vec<Change> {
    let told = changes.into_iter().filter(|change| !SILENT.contains(&change.path.as_str()));
    told.flat_map(|change| {
        let (path, is_in_list) = match change.path.split_once('[') {
            Some((list, _)) => (list.to_owned(), change.before.is_some() && change.after.is_some()),
            None => (change.path.clone(), false),
        };
        let change = Change { name: name(&path), path, ..change };
        match is_in_list {
            true => {
                vec![Change { after: None, ..change.clone() }, Change { before: None, ..change }]
            }
            false => vec![change],
        }
    })
    .collect()
}

fn name(path: &str) -> Option<String> {
    if let Some(peer) = path.strip_prefix("table.") {
        return Some(format!("knows {peer} to hold"));
    }
    let known = FIELDS.iter().find(|(field, _)| *field == path);
    known.map(|(_, name)| (*name).to_owned())
}

/// Where a promise comes from, in words: `P12 C7` is promise P12, corner case C7.
pub(crate) fn cited(source: &str) -> String {
    let word = |number: &str| {
        let kind = match number.chars().next() {
            Some('P') => "promise",
            Some('C') => "corner case",
            Some('S') => "statement",
            _ => return number.to_owned(),
        };
        format!("{kind} {number}")
    };
    source.split(' ').map(word).collect::<Vec<_>>().join(", ")
}

/// What a seeded bug takes for true, with its numbers in words: `(C3)` is corner case C3.
pub fn slip_in_words(slip: &str) -> String {
    slip.replace("(C", "(corner case C").replace("(S", "(statement S")
}

/// Where the numbers of promises, corner cases and statements are.
pub(crate) const NUMBERS: &str = "Promises are numbered in `check --list`, corner cases in \
                                  tests/scenarios/README.md, statements in docs/protocol.md.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_has_a_name_that_people_understand() {
        let change = |path: &str, before: Option<&str>, after: Option<&str>| Change {
            path: path.into(),
            name: None,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        let changes = named(vec![
            change("in_flight[0]", Some("update a #0"), Some("query #1")),
            change("table.rm0", Some("[0,0]"), Some("[1,0]")),
            change("script_line", Some("0"), Some("1")),
            change("log", None, Some("rm0:1")),
        ]);
        let told = |c: &Change| (c.name.clone(), c.before.is_some(), c.after.is_some());
        let word = |word: &str| Some(word.to_owned());
        assert_eq!(
            changes.iter().map(told).collect::<Vec<_>>(),
            [
                (word("unanswered"), true, false),
                (word("unanswered"), false, true),
                (word("knows rm0 to hold"), true, true),
                (None, false, true),
            ]
        );
        assert_eq!(changes[0].path, "in_flight");
        assert_eq!(cited("P9 S27"), "promise P9, statement S27");
        assert_eq!(slip_in_words("all were found (C3)"), "all were found (corner case C3)");
    }
}
