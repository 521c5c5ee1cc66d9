//! Fits text of unknown content into a given width; measures in terminal columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that `text` takes in a terminal.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text on one line without anything that could move the cursor or reverse the reading
/// direction.
///
/// White space becomes single spaces, other control characters become U+FFFD, zero-width characters
/// that reorder text are dropped.
pub fn one_line(text: &str) -> String {
    let visible = text.chars().filter(|c| !is_invisible_format(*c));
    let safe: String = visible
        .map(|c| match c {
            c if c.is_whitespace() => ' ',
            c if c.is_control() => '\u{fffd}',
            // Not allowed in XML, and no terminal shows them.
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            c => c,
        })
        .collect();
    safe.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Bidirectional overrides and isolates, zero-width spaces, byte order marks.
fn is_invisible_format(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// A different word for each name: ASCII letters, digits, `_` and, unless `other` is `_`, `.` and
/// `-`.
///
/// Anything else becomes `other`; with `_` the words are identifiers.
pub fn identifiers<'a>(names: impl Iterator<Item = &'a str>, other: char) -> Vec<String> {
    let keep =
        |c: char| c.is_ascii_alphanumeric() || c == '_' || (other != '_' && ".-".contains(c));
    let mut words: Vec<String> = Vec::new();
    for name in names {
        let mut word: String = name.chars().map(|c| if keep(c) { c } else { other }).collect();
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            word.insert_str(0, "lane");
        }
        while words.contains(&word) {
            word.push(other);
        }
        words.push(word);
    }
    words
}

/// At most `max` columns of `text`, ending in `…` when something was left out.
pub fn shorten(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    let (kept, _) = split_at_width(text, max.saturating_sub(1));
    format!("{}…", kept.trim_end())
}

/// `text`, made safe by [`one_line`], in lines of at most `max` columns, broken at spaces where
/// possible.
pub fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in one_line(text).split(' ') {
        if !line.is_empty() && width(&line) + 1 + width(word) > max {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while width(&line) > max {
            let (head, tail) = split_word(&line, max);
            lines.push(head);
            line = tail;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// At most `lines` lines of [`wrap`], ending in `…` when something was left out.
pub fn wrap_at_most(text: &str, max: usize, lines: usize) -> Vec<String> {
    let mut wrapped = wrap(text, max);
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            *last = shorten(&format!("{last} …………"), max.min(width(last) + 2));
        }
    }
    wrapped
}

/// Breaks a word that is wider than a line, after punctuation when some stands in the second half.
fn split_word(word: &str, max: usize) -> (String, String) {
    let (head, _) = split_at_width(word, max);
    let cut = head
        .char_indices()
        .filter(|(at, c)| *at >= head.len() / 2 && matches!(c, ',' | ';' | '/' | '}' | ']' | '_'))
        .map(|(at, c)| at + c.len_utf8())
        .next_back()
        .unwrap_or(head.len());
    (word[..cut].to_owned(), word[cut..].to_owned())
}

/// The longest start of `text` within `max` columns, at least one character, and the rest.
fn split_at_width(text: &str, max: usize) -> (&str, &str) {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > max && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}
