//! Reads one form of EDN into the JSON that says the same: keywords and symbols become strings, sets and
//! lists arrays, tags are dropped. Deliberately no more than histories need.

use serde_json::{Map, Number, Value};

/// How deep forms may be nested.
const DEPTH_MAX: usize = 64;

/// Reads a text that is one form.
pub fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text };
    let value = reader.form(0)?;
    reader.skip();
    match reader.rest.is_empty() {
        true => Ok(value),
        false => Err(format!("more than one form: {}", reader.here())),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// White space, commas, comments.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            let Some(comment) = self.rest.strip_prefix(';') else { return };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn here(&self) -> String {
        match self.rest.is_empty() {
            true => "at the end".to_owned(),
            false => format!("at `{}`", self.rest.chars().take(20).collect::<String>()),
        }
    }

    fn form(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.skip();
        let mut chars = self.rest.chars();
        match chars.next() {
            Some('{') => self.map(depth),
            Some('[') => self.sequence(1, ']', depth).map(Value::Array),
            Some('(') => self.sequence(1, ')', depth).map(Value::Array),
            Some('"') => self.string(),
            Some('\\') => self.character(),
            Some('#') => match chars.next() {
                Some('{') => self.sequence(2, '}', depth).map(Value::Array),
                Some('_') => {
                    self.rest = &self.rest[2..];
                    self.form(depth + 1)?;
                    self.form(depth + 1)
                }
                _ => {
                    self.rest = &self.rest[1..];
                    self.token()?;
                    self.form(depth + 1)
                }
            },
            Some('}' | ']' | ')') | None => Err(format!("a form is missing {}", self.here())),
            Some(_) => self.atom(),
        }
    }

    fn sequence(&mut self, opens: usize, end: char, depth: usize) -> Result<Vec<Value>, String> {
        self.rest = &self.rest[opens..];
        let mut elements = Vec::new();
        loop {
            self.skip();
            if let Some(rest) = self.rest.strip_prefix(end) {
                self.rest = rest;
                return Ok(elements);
            }
            if self.rest.is_empty() {
                return Err(format!("`{end}` is missing at the end"));
            }
            elements.push(self.form(depth + 1)?);
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let elements = self.sequence(1, '}', depth)?;
        if !elements.len().is_multiple_of(2) {
            return Err("a map has a key without a value".to_owned());
        }
        let mut map = Map::new();
        let mut elements = elements.into_iter();
        while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
            let key = match key {
                Value::String(text) => text.strip_prefix(':').unwrap_or(&text).to_owned(),
                other => other.to_string(),
            };
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    fn string(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        let mut chars = self.rest[1..].char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[1 + place + 1..];
                    return Ok(Value::String(text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, c)) => text.push(c),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err("a string does not end".to_owned())
    }

    fn character(&mut self) -> Result<Value, String> {
        let first = self.rest[1..].chars().next().ok_or("a character is missing")?;
        let (one, rest) = self.rest[1..].split_at(first.len_utf8());
        self.rest = rest;
        let more = if first.is_alphanumeric() { self.token().unwrap_or("") } else { "" };
        Ok(Value::String(format!("{one}{more}")))
    }

    /// Up to what ends a word.
    fn token(&mut self) -> Result<&'a str, String> {
        let ends = |c: char| c.is_whitespace() || ",()[]{}\";".contains(c);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        if token.is_empty() {
            return Err(format!("a word is missing {}", self.here()));
        }
        self.rest = rest;
        Ok(token)
    }

    fn atom(&mut self) -> Result<Value, String> {
        let token = self.token()?;
        Ok(match token {
            "nil" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => match token.trim_end_matches(['N', 'M']).parse::<i64>() {
                Ok(number) => Value::Number(Number::from(number)),
                Err(_) => Value::String(token.to_owned()),
            },
        })
    }
}
