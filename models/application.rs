//! The application of the models: whatever the service, its value also shows the order of execution.
//!
//! Each update carries a tag that names the client's operation, whatever identifiers the protocol gives it.
//! So properties can say what ran where, in which order and how often, without looking at timestamps.

use chinwag::{Applied, Service};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of one operation of one client: its place among all updates of the model's scripts.
pub type Tag = u8;

/// Operations that a model may have: as many as a set of tags has bits.
pub const TAGS_MAX: usize = 32;

/// A set of tags.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tags(pub u32);

impl Tags {
    /// The set of these.
    pub fn of(tags: &[Tag]) -> Self {
        tags.iter().copied().collect()
    }

    /// With one more.
    pub fn with(self, tag: Tag) -> Self {
        Self(self.0 | 1 << tag)
    }

    /// What is in either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is it a member?
    pub fn has(self, tag: Tag) -> bool {
        self.0 >> tag & 1 == 1
    }

    /// Is all of it in the other?
    pub fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        tags.into_iter().fold(Self::default(), Self::with)
    }
}

/// `{a,c}`.
impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = (0..TAGS_MAX as Tag).filter(|t| self.has(*t)).map(name).collect();
        write!(f, "{{{}}}", names.join(","))
    }
}

/// What people see of a tag: `a`, `b`, ..
pub fn name(tag: Tag) -> String {
    let letter = char::from(b'a' + tag % 26);
    if tag < 26 { letter.into() } else { format!("{letter}{}", tag / 26) }
}

/// An update of a model.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Op {
    /// Which operation of which client.
    pub tag: Tag,
    /// What it does to the service's value.
    pub act: Act,
}

/// What an update does to the value of the service that the model is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Act {
    /// Transcript: nothing but to be executed.
    Note,
}

/// The value of the service that the model is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// No update has run, or the service is the transcript, whose value is the order itself.
    #[default]
    Order,
}

/// The application of every model.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Application {
    /// The operations in the order in which they ran here.
    pub order: Vec<Tag>,
    /// What they made of the service's value.
    pub value: Value,
}

/// What a query of a model returns.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Answer {
    /// The operations that the answer reflects, in their order.
    pub order: Vec<Tag>,
    /// The service's value.
    pub value: Value,
}

impl Service for Application {
    type Op = Op;
    type Query = ();
    type Answer = Answer;

    fn apply(&mut self, update: Applied<'_, Op>) {
        self.order.push(update.op.tag);
        self.value.apply(update);
    }

    fn answer(&self, (): &()) -> Answer {
        Answer { order: self.order.clone(), value: self.value.clone() }
    }
}

impl Value {
    fn apply(&mut self, update: Applied<'_, Op>) {
        match update.op.act {
            Act::Note => {}
        }
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.act {
            Act::Note => f.write_str(&name(self.tag)),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.order))?;
        match &self.value {
            Value::Order => Ok(()),
        }
    }
}

/// `<a b c>`.
pub fn names(order: &[Tag]) -> String {
    let names: Vec<_> = order.iter().map(|t| name(*t)).collect();
    format!("<{}>", names.join(" "))
}
