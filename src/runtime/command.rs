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

    /// The update that these words mean.
    fn parse_update(words: &[&str]) -> Option<Self::Op>;

    /// The query that these words mean.
    fn parse_query(words: &[&str]) -> Option<Self::Query>;

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

    fn parse_update(words: &[&str]) -> Option<RegisterOp> {
        match words {
            ["put", key, value] => {
                Some(RegisterOp::Put { key: key.to_string(), value: value.to_string() })
            }
            ["delete", key] => Some(RegisterOp::Delete(key.to_string())),
            _ => None,
        }
    }

    fn parse_query(words: &[&str]) -> Option<RegisterQuery> {
        match words {
            ["get", key] => Some(RegisterQuery::Get(key.to_string())),
            ["keys"] => Some(RegisterQuery::Keys),
            _ => None,
        }
    }

    fn render(answer: &RegisterAnswer) -> String {
        let (RegisterAnswer::Values(lines) | RegisterAnswer::Keys(lines)) = answer;
        lines.join("\n")
    }
}

impl CliService for Counter {
    const NAME: &'static str = "counter";
    const USAGE: &'static str = "update add NUMBER; query value";

    fn parse_update(words: &[&str]) -> Option<i64> {
        match words {
            ["add", amount] => amount.parse().ok(),
            _ => None,
        }
    }

    fn parse_query(words: &[&str]) -> Option<()> {
        matches!(words, [] | ["value"]).then_some(())
    }

    fn render(answer: &i128) -> String {
        answer.to_string()
    }
}

impl CliService for OrSet {
    const NAME: &'static str = "set";
    const USAGE: &'static str = "update add ELEMENT | remove ELEMENT; query elements";

    fn parse_update(words: &[&str]) -> Option<OrSetOp> {
        match words {
            ["add", element] => Some(OrSetOp::Add(element.to_string())),
            ["remove", element] => Some(OrSetOp::Remove(element.to_string())),
            _ => None,
        }
    }

    fn parse_query(words: &[&str]) -> Option<()> {
        matches!(words, [] | ["elements"]).then_some(())
    }

    fn render(answer: &Self::Answer) -> String {
        answer.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

impl CliService for BulletinBoard {
    const NAME: &'static str = "board";
    const USAGE: &'static str = "update post TEXT | reply ID TEXT; query posts";

    fn parse_update(words: &[&str]) -> Option<Post> {
        match words {
            ["post", text] => Some(Post::new(*text)),
            ["reply", id, text] => Some(Post::reply(parse_id(id)?, *text)),
            _ => None,
        }
    }

    fn parse_query(words: &[&str]) -> Option<()> {
        matches!(words, [] | ["posts"]).then_some(())
    }

    fn render(answer: &Self::Answer) -> String {
        let line = |shown: &crate::services::Shown| {
            format!("{}{}  ({})", "  ".repeat(shown.depth), shown.text, render_id(shown.id))
        };
        answer.iter().map(line).collect::<Vec<_>>().join("\n")
    }
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
