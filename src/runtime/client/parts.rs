//! Answers that come in pieces.

use crate::runtime::AnswerPart;
use std::collections::BTreeMap;

/// The pieces of one answer. They are of one query at a time: an answer to another one would be of no use.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<u16, AnswerPart>);

impl Parts {
    /// Keeps the piece; all bytes of the answer, if it was the last one missing. Pieces of different
    /// answers do not mix.
    pub fn add(&mut self, part: AnswerPart) -> Option<Vec<u8>> {
        let AnswerPart { id, ref ts, parts, .. } = part;
        self.0.retain(|_, other| other.id == id && other.ts == *ts && other.parts == parts);
        self.0.insert(part.part, part);
        if self.0.len() < usize::from(parts) {
            return None;
        }
        Some(std::mem::take(&mut self.0).into_values().flat_map(|part| part.bytes).collect())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
