//! The service of runs of thousands of updates: one of the shipped services, and which updates have run.

use chinwag::{
    Applied, FrontEndId, RequestId, Service,
    services::{OrSetOp, Post, RegisterOp},
};
use chinwag_models::{
    application::{Act, Application, Op, name},
    model::Serves,
};
use serde::{Deserialize, Serialize};

/// Of each answer, so many updates are shown to the judge of histories.
pub const SHOWN: u32 = 24;

/// A set of updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tags(Vec<u8>);

impl Tags {
    /// With one more. Returns whether it was new.
    pub fn add(&mut self, tag: u32) -> bool {
        let (byte, bit) = (tag as usize / 8, 1 << (tag % 8));
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        let is_new = self.0[byte] & bit == 0;
        self.0[byte] |= bit;
        is_new
    }

    /// Without one.
    pub fn remove(&mut self, tag: u32) {
        if let Some(byte) = self.0.get_mut(tag as usize / 8) {
            *byte &= !(1 << (tag % 8));
        }
    }

    /// Is it a member?
    pub fn has(&self, tag: u32) -> bool {
        self.0.get(tag as usize / 8).is_some_and(|byte| byte >> (tag % 8) & 1 == 1)
    }

    /// With all of the other.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(byte, more)| *byte |= more);
    }

    /// What is in both.
    pub fn meet(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// Is all of it in the other?
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().enumerate().all(|(i, byte)| byte & !other.0.get(i).unwrap_or(&0) == 0)
    }

    /// As bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// An update: its place among all, and what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// Which one.
    pub tag: u32,
    /// What it does; the tag in it says nothing.
    pub op: Op,
}

/// The value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ledger {
    /// What ran, in order.
    pub ran: Vec<u32>,
    /// The service's value.
    pub value: Application,
}

impl Service for Ledger {
    type Op = Entry;
    type Query = ();
    type Answer = Tags;

    fn apply(&mut self, update: Applied<'_, Entry>) {
        let Applied { op: Entry { tag, op }, id, prev, ts } = update;
        self.ran.push(*tag);
        self.value.apply(Applied { op, id, prev, ts });
        self.value.order.clear();
    }

    fn also_stamped(&mut self, update: Applied<'_, Entry>) {
        let Applied { op: Entry { op, .. }, id, prev, ts } = update;
        self.value.also_stamped(Applied { op, id, prev, ts });
    }

    fn widen(&mut self, entries: usize) {
        self.value.widen(entries);
    }

    fn answer(&self, (): &()) -> Tags {
        let mut tags = Tags::default();
        for tag in &self.ran {
            tags.add(*tag);
        }
        tags
    }
}

/// What the update of this tag does.
pub fn entry(serves: Serves, tag: u32) -> Entry {
    let word = |tag: u32| format!("{}{}", name((tag % 26) as u8), tag % 50);
    let act = match serves {
        Serves::Transcript | Serves::Bank => Act::Note,
        Serves::Counter => Act::Count(i64::from(tag) + 1),
        Serves::Set if tag % 3 == 2 => Act::Set(OrSetOp::Remove(word(tag - 1))),
        Serves::Set => Act::Set(OrSetOp::Add(word(tag))),
        Serves::Registers => {
            let key = if tag.is_multiple_of(9) { "x".to_owned() } else { word(tag) };
            Act::Register(RegisterOp::Put { key, value: tag.to_string() })
        }
        Serves::Board => {
            let first = RequestId { front_end: FrontEndId(0), serial: Default::default() };
            let text = tag.to_string();
            Act::Post(if tag.is_multiple_of(2) {
                Post::new(text)
            } else {
                Post::reply(first, text)
            })
        }
    };
    Entry { tag, op: Op { tag: 0, act } }
}

/// A text as a number.
pub fn fingerprint(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
