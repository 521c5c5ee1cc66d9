//! The shipped services by name, and their operations as words of a command line.

use crate::{
    FrontEndId, RequestId, Serial, Service,
    services::{
        BulletinBoard, Counter, OrSet, OrSetOp, Post, RegisterAnswer, RegisterMap, RegisterOp,
        RegisterQuery,
    },
};

/// A service that can be used from a command line.
pub trait CliService: Service {
    /// What it is called in configurations.
    const NAME: &'static str;
    /// Its updates and queries, for help and errors.
    const USAGE: &'static str;

    /// The update that these words mean, or what is wrong with them.
    fn parse_update(words: &[&str]) -> Result<Self::Op, String>;

    /// The query that these words mean, or what is wrong with them.
    fn parse_query(words: &[&str]) -> Result<Self::Query, String>;

    /// What else to ask once this update is recorded, to see whether it can mean what its author meant.
    fn afterthought(op: &Self::Op) -> Option<Self::Query> {
        let _ = op;
        None
    }

    /// What its author should know, by the answer to that.
    fn remark(op: &Self::Op, answer: &Self::Answer) -> Option<String> {
        let _ = (op, answer);
        None
    }

    /// Is the answer that there is nothing? What is rendered of it is empty.
    fn is_nothing(answer: &Self::Answer) -> bool {
        let _ = answer;
        false
    }

    /// The answer for people.
    fn render(answer: &Self::Answer) -> String;
}

/// The names of the services, for help and errors.
pub const SERVICES: &str = "kv, counter, set, board";

/// Whether a service has this name.
pub fn is_service(name: &str) -> bool {
    struct Nothing;
    impl WithService for Nothing {
        type Output = ();
        fn run<S: CliService>(self) {}
    }
    with_service(name, Nothing).is_some()
}

/// Something to do with whichever service has a name.
pub trait WithService {
    /// What it results in.
    type Output;

    /// Does it.
    fn run<S: CliService>(self) -> Self::Output;
}

/// Does it with the service of this name, if there is one.
pub fn with_service<W: WithService>(name: &str, what: W) -> Option<W::Output> {
    match name {
        RegisterMap::NAME => Some(what.run::<RegisterMap>()),
        Counter::NAME => Some(what.run::<Counter>()),
        OrSet::NAME => Some(what.run::<OrSet>()),
        BulletinBoard::NAME => Some(what.run::<BulletinBoard>()),
        _ => None,
    }
}

impl CliService for RegisterMap {
    const NAME: &'static str = "kv";
    const USAGE: &'static str = "update put KEY VALUE | delete KEY; query get KEY | keys";

    fn parse_update(words: &[&str]) -> Result<RegisterOp, String> {
        match words {
            ["put", key, value] => {
                Ok(RegisterOp::Put { key: key.to_string(), value: value.to_string() })
            }
            ["delete", key] => Ok(RegisterOp::Delete(key.to_string())),
            _ => Err(usage::<Self>()),
        }
    }

    fn parse_query(words: &[&str]) -> Result<RegisterQuery, String> {
        match words {
            ["get", key] => Ok(RegisterQuery::Get(key.to_string())),
            ["keys"] => Ok(RegisterQuery::Keys),
            _ => Err(usage::<Self>()),
        }
    }

    fn render(answer: &RegisterAnswer) -> String {
        let (RegisterAnswer::Values(lines) | RegisterAnswer::Keys(lines)) = answer;
        lines.join("\n")
    }

    fn is_nothing(answer: &RegisterAnswer) -> bool {
        let (RegisterAnswer::Values(lines) | RegisterAnswer::Keys(lines)) = answer;
        lines.is_empty()
    }
}

impl CliService for Counter {
    const NAME: &'static str = "counter";
    const USAGE: &'static str = "update add NUMBER; query value";

    fn parse_update(words: &[&str]) -> Result<i64, String> {
        match words {
            ["add", amount] => amount.parse().map_err(|_| {
                format!("{amount:?} is not a whole number from {} to {}", i64::MIN, i64::MAX)
            }),
            _ => Err(usage::<Self>()),
        }
    }

    fn parse_query(words: &[&str]) -> Result<(), String> {
        matches!(words, [] | ["value"]).then_some(()).ok_or_else(usage::<Self>)
    }

    fn render(answer: &i128) -> String {
        answer.to_string()
    }
}

impl CliService for OrSet {
    const NAME: &'static str = "set";
    const USAGE: &'static str = "update add ELEMENT | remove ELEMENT; query elements";

    fn parse_update(words: &[&str]) -> Result<OrSetOp, String> {
        match words {
            ["add", element] => Ok(OrSetOp::Add(element.to_string())),
            ["remove", element] => Ok(OrSetOp::Remove(element.to_string())),
            _ => Err(usage::<Self>()),
        }
    }

    fn parse_query(words: &[&str]) -> Result<(), String> {
        matches!(words, [] | ["elements"]).then_some(()).ok_or_else(usage::<Self>)
    }

    fn render(answer: &Self::Answer) -> String {
        answer.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn is_nothing(answer: &Self::Answer) -> bool {
        answer.is_empty()
    }
}

impl CliService for BulletinBoard {
    const NAME: &'static str = "board";
    const USAGE: &'static str = "update post TEXT | reply ID TEXT; query posts";

    fn parse_update(words: &[&str]) -> Result<Post, String> {
        match words {
            ["post", text] => Ok(Post::new(*text)),
            ["reply", id, text] => match parse_id(id) {
                Some(id) => Ok(Post::reply(id, *text)),
                None => Err(format!("{id:?} names no post; `query posts` shows their names in ()")),
            },
            _ => Err(usage::<Self>()),
        }
    }

    fn parse_query(words: &[&str]) -> Result<(), String> {
        matches!(words, [] | ["posts"]).then_some(()).ok_or_else(usage::<Self>)
    }

    fn render(answer: &Self::Answer) -> String {
        let line = |shown: &crate::services::Shown| {
            format!("{}{}  ({})", "  ".repeat(shown.depth), shown.text, render_id(shown.id))
        };
        answer.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn afterthought(op: &Post) -> Option<()> {
        op.reply_to.map(|_| ())
    }

    fn remark(op: &Post, answer: &Self::Answer) -> Option<String> {
        let to = op.reply_to.filter(|to| answer.iter().all(|shown| shown.id != *to))?;
        let to = render_id(to);
        Some(format!(
            "no post {to} is known yet where this was asked; the reply is shown when it is"
        ))
    }

    fn is_nothing(answer: &Self::Answer) -> bool {
        answer.is_empty()
    }
}

fn usage<S: CliService>() -> String {
    format!("{}: {}", S::NAME, S::USAGE)
}

/// A request's identity as one word.
pub fn render_id(id: RequestId) -> String {
    let RequestId { front_end, serial } = id;
    format!("{:x}.{}.{}", front_end.0, serial.incarnation, serial.number)
}

/// Reads [`render_id`]'s word back.
pub fn parse_id(word: &str) -> Option<RequestId> {
    let [front_end, incarnation, number] = word.split('.').collect::<Vec<_>>().try_into().ok()?;
    let front_end = FrontEndId(u64::from_str_radix(front_end, 16).ok()?);
    let serial = Serial { incarnation: incarnation.parse().ok()?, number: number.parse().ok()? };
    Some(RequestId { front_end, serial })
}
