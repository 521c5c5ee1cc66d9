//! Tells what changed between two states, by path, and nothing else.

use serde_json::Value;

use super::Change;

/// What changed from `before` to `after`, in the order of the keys of `after`.
///
/// Objects are compared by key. Arrays of numbers of one length, such as timestamps, and arrays
/// that only changed their order, change as a whole. Other arrays whose elements kept their places
/// change by position; the rest tell which elements were added and which were removed.
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    changes
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (key, now) in after {
                compare_entry(&child(path, key), before.get(key), Some(now), changes);
            }
            for (key, was) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                compare_entry(&child(path, key), Some(was), None, changes);
            }
        }
        (Value::Array(before), Value::Array(after)) => compare_arrays(path, before, after, changes),
        _ => changes.push(change(path, Some(before), Some(after))),
    }
}

fn compare_entry(path: &str, was: Option<&Value>, now: Option<&Value>, changes: &mut Vec<Change>) {
    match (was, now) {
        (Some(was), Some(now)) => compare(path, was, now, changes),
        _ => changes.push(change(path, was, now)),
    }
}

fn compare_arrays(path: &str, before: &[Value], after: &[Value], changes: &mut Vec<Change>) {
    let removed = without(before, after);
    let added = without(after, before);
    let same_length = before.len() == after.len();
    let all_numbers = before.iter().chain(after).all(Value::is_number);
    let differing = before.iter().zip(after).filter(|(was, now)| was != now).count();
    if same_length && (all_numbers || removed.is_empty()) {
        let [was, now] = [before, after].map(|elements| Value::Array(elements.to_vec()));
        changes.push(change(path, Some(&was), Some(&now)));
    } else if same_length && differing == removed.len() {
        for (index, (was, now)) in before.iter().zip(after).enumerate() {
            compare(&format!("{path}[{index}]"), was, now, changes);
        }
    } else {
        changes.extend(removed.into_iter().map(|was| change(path, Some(was), None)));
        changes.extend(added.into_iter().map(|now| change(path, None, Some(now))));
    }
}

/// The elements of `these` that `others` lacks, as multisets.
fn without<'a>(these: &'a [Value], others: &[Value]) -> Vec<&'a Value> {
    let mut left: Vec<&Value> = others.iter().collect();
    these
        .iter()
        .filter(|element| match left.iter().position(|other| other == element) {
            Some(found) => {
                left.swap_remove(found);
                false
            }
            None => true,
        })
        .collect()
}

fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn change(path: &str, before: Option<&Value>, after: Option<&Value>) -> Change {
    let path = if path.is_empty() { "state" } else { path };
    let (path, before, after) = (path.to_owned(), before.map(compact), after.map(compact));
    Change { path, name: None, before, after }
}

/// A value for people: `[1,0]`, `{id: fe0#1, prev: [0,0]}`, `none` for null; quotes only where
/// needed.
fn compact(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Array(elements) => {
            let separator = if elements.iter().all(Value::is_number) { "," } else { ", " };
            let inner: Vec<String> = elements.iter().map(compact).collect();
            format!("[{}]", inner.join(separator))
        }
        Value::Object(entries) => {
            let inner: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", compact(value))).collect();
            format!("{{{}}}", inner.join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Names such as `rm1:2 fe0#3` read better bare; anything that could be mistaken is quoted.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " #:._+-[](),".contains(c);
    text.starts_with(char::is_alphabetic) && text != "none" && text.chars().all(plain)
}
