//! The application of the models: whatever the service, its value also shows the order of execution.
//!
//! Each update carries a tag that names the client's operation, whatever identifiers the protocol gives it.
//! So properties can say what ran where, in which order and how often, without looking at timestamps.

use chinwag::{
    Applied, Service,
    services::{
        BankAccount, BankOp, BulletinBoard, Counter, OrSet, OrSetOp, Post, RegisterMap, RegisterOp,
        RegisterQuery, Shown,
    },
};
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
    /// Counter.
    Count(i64),
    /// Observed-remove set.
    Set(OrSetOp),
    /// Register map.
    Register(RegisterOp),
    /// Bulletin board.
    Post(Post),
    /// Bank account.
    Bank(BankOp),
}

/// The value of the service that the model is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// No update has run, or the service is the transcript, whose value is the order itself.
    #[default]
    Order,
    /// Counter.
    Count(Counter),
    /// Observed-remove set.
    Set(OrSet),
    /// Register map.
    Registers(RegisterMap),
    /// Bulletin board.
    Board(BulletinBoard),
    /// Bank account.
    Bank(BankAccount),
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
    /// The service's own answer, as people would read it.
    pub shown: String,
}

impl Service for Application {
    type Op = Op;
    type Query = ();
    type Answer = Answer;

    fn apply(&mut self, update: Applied<'_, Op>) {
        self.order.push(update.op.tag);
        self.value.apply(update);
    }

    fn also_stamped(&mut self, update: Applied<'_, Op>) {
        match (&mut self.value, &update.op.act) {
            (Value::Set(set), Act::Set(op)) => set.also_stamped(with(op, update)),
            (Value::Registers(map), Act::Register(op)) => map.also_stamped(with(op, update)),
            _ => {}
        }
    }

    fn widen(&mut self, entries: usize) {
        match &mut self.value {
            Value::Set(set) => set.widen(entries),
            Value::Registers(map) => map.widen(entries),
            _ => {}
        }
    }

    fn answer(&self, (): &()) -> Answer {
        Answer { order: self.order.clone(), shown: self.value.show() }
    }
}

impl Value {
    /// The value of the service that this operation belongs to, if none has run yet.
    fn fresh(act: &Act) -> Self {
        match act {
            Act::Note => Value::Order,
            Act::Count(_) => Value::Count(Counter::default()),
            Act::Set(_) => Value::Set(OrSet::default()),
            Act::Register(_) => Value::Registers(RegisterMap::default()),
            Act::Post(_) => Value::Board(BulletinBoard::default()),
            Act::Bank(_) => Value::Bank(BankAccount::default()),
        }
    }

    fn apply(&mut self, update: Applied<'_, Op>) {
        if *self == Value::Order {
            *self = Self::fresh(&update.op.act);
        }
        match (self, &update.op.act) {
            (Value::Order, Act::Note) => {}
            (Value::Count(value), Act::Count(op)) => value.apply(with(op, update)),
            (Value::Set(value), Act::Set(op)) => value.apply(with(op, update)),
            (Value::Registers(value), Act::Register(op)) => value.apply(with(op, update)),
            (Value::Board(value), Act::Post(op)) => value.apply(with(op, update)),
            (Value::Bank(value), Act::Bank(op)) => value.apply(with(op, update)),
            (value, act) => unreachable!("a model has one service, not {value:?} and {act:?}"),
        }
    }

    /// What the service itself would answer, as people would read it; nothing for the transcript.
    pub fn show(&self) -> String {
        match self {
            Value::Order => String::new(),
            Value::Count(value) => format!("{}", value.answer(&())),
            Value::Set(value) => format!("{:?}", value.answer(&())),
            Value::Registers(value) => {
                format!("{:?}", value.answer(&RegisterQuery::Get(REGISTER.into())))
            }
            Value::Board(value) => {
                let line = |p: Shown| format!("{}{}", ">".repeat(p.depth), p.text);
                format!("{:?}", value.answer(&()).into_iter().map(line).collect::<Vec<_>>())
            }
            Value::Bank(value) => format!("{}", value.answer(&())),
        }
    }
}

/// The register that the models are about.
pub const REGISTER: &str = "x";

fn with<'a, Op>(op: &'a Op, update: Applied<'a, super::application::Op>) -> Applied<'a, Op> {
    Applied { op, id: update.id, prev: update.prev, ts: update.ts }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(self.tag))?;
        match &self.act {
            Act::Note => Ok(()),
            Act::Count(n) => write!(f, "({n:+})"),
            Act::Set(op) => write!(f, "({op:?})"),
            Act::Register(op) => write!(f, "({op:?})"),
            Act::Post(post) => write!(f, "({:?})", post.text),
            Act::Bank(op) => write!(f, "({op:?})"),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", names(&self.order), self.shown)
    }
}

/// `<a b c>`.
pub fn names(order: &[Tag]) -> String {
    let names: Vec<_> = order.iter().map(|t| name(*t)).collect();
    format!("<{}>", names.join(" "))
}
