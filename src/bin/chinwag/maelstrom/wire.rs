//! Maelstrom's messages: JSON objects with `src`, `dest` and `body`, one a line.

use serde_json::{Map, Value, json};

/// A message.
#[derive(Debug)]
pub struct Envelope {
    pub src: String,
    pub dest: String,
    pub body: Value,
}

impl Envelope {
    /// Reads a line.
    pub fn read(line: &str) -> Result<Self, String> {
        let mut value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let name = |value: &Value, key: &str| {
            let name = value.get(key).and_then(Value::as_str);
            name.map(str::to_owned).ok_or(format!("no {key:?}, or it is not a string"))
        };
        let (src, dest) = (name(&value, "src")?, name(&value, "dest")?);
        let body = value.get_mut("body").map(Value::take).filter(Value::is_object);
        Ok(Self { src, dest, body: body.ok_or("no \"body\", or it is not an object")? })
    }

    /// What kind of message it is.
    pub fn kind(&self) -> &str {
        self.body.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The answer to it.
    pub fn reply(&self, mut body: Value) -> Self {
        body["in_reply_to"] = self.body.get("msg_id").cloned().unwrap_or_default();
        Self { src: self.dest.clone(), dest: self.src.clone(), body }
    }

    /// As a line.
    pub fn write(&self) -> String {
        json!({ "src": self.src, "dest": self.dest, "body": self.body }).to_string()
    }
}

/// Why a request was not done, by Maelstrom's numbers.
#[derive(Debug)]
pub struct Rejection {
    code: u64,
    text: String,
}

impl Rejection {
    /// This workload has no such request.
    pub fn unsupported(kind: &str) -> Self {
        Self { code: 10, text: format!("no request {kind:?} in this workload") }
    }

    /// It had no effect, and may be tried again.
    pub fn unavailable(text: impl ToString) -> Self {
        Self { code: 11, text: text.to_string() }
    }

    /// It makes no sense.
    pub fn malformed(text: impl ToString) -> Self {
        Self { code: 12, text: text.to_string() }
    }

    /// It may or may not have an effect.
    pub fn indefinite(text: impl ToString) -> Self {
        Self { code: 13, text: text.to_string() }
    }

    /// The body that says so.
    pub fn into_body(self) -> Value {
        json!({ "type": "error", "code": self.code, "text": self.text })
    }
}

/// A field of a request.
pub fn field<'a>(body: &'a Value, name: &str) -> Result<&'a Value, Rejection> {
    let fields: Option<&Map<_, _>> = body.as_object();
    let field = fields.and_then(|fields| fields.get(name));
    field.ok_or_else(|| Rejection::malformed(format!("no {name:?}")))
}

/// Bytes as text: two digits each.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes that a text means, if it means any.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
