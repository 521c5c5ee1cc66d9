//! Values of the evaluator, and their translation to and from Rust.

use crate::{error::Error, program::TermId};
use std::{fmt, rc::Rc};

/// What a term evaluates to.
#[derive(Clone)]
pub(crate) enum Value {
    /// A number: `O` and `S` of Coq.
    Number(u64),
    /// A constructor with its arguments.
    Made(Tag, Rc<[Value]>),
    /// A function that waits for arguments.
    Function(Rc<Closure>),
}

pub(crate) struct Closure {
    pub arity: usize,
    pub body: TermId,
    pub scope: Scope,
    pub given: Vec<Value>,
}

/// The values of the variables, innermost first.
pub(crate) type Scope = Option<Rc<Bound>>;

pub(crate) struct Bound {
    pub value: Value,
    pub outer: Scope,
}

/// A constructor: its place in [`CONSTRUCTORS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(pub u16);

macro_rules! constructors {
    ($($constant:ident = $name:literal / $arity:literal),* $(,)?) => {
        #[allow(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            dead_code,
            reason = "only counts: its variants are named as the constants are"
        )]
        enum Place { $($constant),* }
        #[allow(dead_code, reason = "some are only inside of values that nobody here looks into")]
        impl Tag {
            $(pub const $constant: Tag = Tag(Place::$constant as u16);)*
        }
        /// Every constructor that the extracted functions use, with its number of arguments, but for the
        /// numbers. A file with others, or without these, is refused.
        pub(crate) const CONSTRUCTORS: &[(&str, usize)] = &[$(($name, $arity)),*];
    };
}

constructors! {
    TRUE = "True" / 0, FALSE = "False" / 0, SOME = "Some" / 1, NONE = "None" / 0,
    PAIR = "Pair" / 2, NIL = "Nil" / 0, CONS = "Cons" / 2,
    PARAMS = "Build_Params" / 5, REQUEST = "Mkreq" / 4, RECORD = "Mkrec" / 6, REPLICA = "Mkrm" / 10,
    GOSSIP = "Mkgsp" / 7, LOG = "CLog" / 2, DISCARD = "CDiscard" / 1, CONFIG = "Mkcfg" / 9,
    MANAGER = "Mkmgr" / 4, READ_ONLY = "ReadOnly" / 0, UNKNOWN_PAST = "UnknownPast" / 0,
    OVERLOADED = "Overloaded" / 0, SEND_REPLY = "OReply" / 2, SEND_ANSWER = "OAnswer" / 3,
    SEND_REFUSAL = "ORefuse" / 2, SEND_GOSSIP = "OGossip" / 1, SEND_PULL = "OPull" / 2,
    LOST = "OLost" / 2, WORK = "Mkwork" / 4, SIBLING = "Mksibling" / 4, PUT = "Put" / 2,
    DELETE = "Delete" / 1, EQUAL = "Eq" / 0, LESS = "Lt" / 0, GREATER = "Gt" / 0,
    ISSUED = "ISubmit" / 1, UPDATE = "IUpdate" / 1,
    QUERY = "IQuery" / 2, GOSSIP_IN = "IGossip" / 1, PULL_IN = "IPull" / 2, TIMER = "ITimer" / 1,
    GIVES_UP = "IGiveUp" / 1, STARTS = "IStart" / 0, EVENT = "Mkevent" / 8, TRACE = "Mktrace" / 4,
}

impl Value {
    pub fn made<const N: usize>(tag: Tag, fields: [Value; N]) -> Value {
        Value::Made(tag, Rc::from(fields))
    }

    /// The arguments of this constructor.
    pub fn fields<const N: usize>(&self, tag: Tag) -> Result<&[Value; N], Error> {
        match self {
            Value::Made(found, fields) if *found == tag => {
                (&fields[..]).try_into().map_err(|_| self.unlike("its number of fields"))
            }
            _ => Err(self.unlike(CONSTRUCTORS[usize::from(tag.0)].0)),
        }
    }

    pub fn unlike(&self, expected: &'static str) -> Error {
        Error::Shape { expected, found: format!("{self:?}") }
    }
}

/// As Coq would print it, but shallow: values are large.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(number) => write!(f, "{number}"),
            Value::Made(tag, fields) => {
                write!(f, "{} of {} fields", CONSTRUCTORS[usize::from(tag.0)].0, fields.len())
            }
            Value::Function(_) => f.write_str("a function"),
        }
    }
}

/// A Rust type that has a counterpart in Coq.
pub(crate) trait Mirror: Sized {
    fn encode(&self) -> Value;
    fn decode(value: &Value) -> Result<Self, Error>;
}

impl Mirror for u64 {
    fn encode(&self) -> Value {
        Value::Number(*self)
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Number(number) => Ok(*number),
            _ => Err(value.unlike("a number")),
        }
    }
}

impl Mirror for bool {
    fn encode(&self) -> Value {
        Value::made(if *self { Tag::TRUE } else { Tag::FALSE }, [])
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        match value {
            Value::Made(Tag::TRUE, _) => Ok(true),
            Value::Made(Tag::FALSE, _) => Ok(false),
            _ => Err(value.unlike("a boolean")),
        }
    }
}

impl<A: Mirror, B: Mirror> Mirror for (A, B) {
    fn encode(&self) -> Value {
        Value::made(Tag::PAIR, [self.0.encode(), self.1.encode()])
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        let [a, b] = value.fields(Tag::PAIR)?;
        Ok((A::decode(a)?, B::decode(b)?))
    }
}

impl<A: Mirror> Mirror for Vec<A> {
    fn encode(&self) -> Value {
        let nil = Value::made(Tag::NIL, []);
        self.iter().rev().fold(nil, |rest, item| Value::made(Tag::CONS, [item.encode(), rest]))
    }

    fn decode(value: &Value) -> Result<Self, Error> {
        let (mut items, mut rest) = (Vec::new(), value);
        while !matches!(rest, Value::Made(Tag::NIL, _)) {
            let [item, more] = rest.fields(Tag::CONS)?;
            items.push(A::decode(item)?);
            rest = more;
        }
        Ok(items)
    }
}
