//! A line of a scenario, read.

use crate::{application::Tag, model::Serves};
use chinwag::Timestamp;

/// Replica managers of a scenario, and copies of an update.
pub const REPLICAS_MAX: u16 = 8;

/// Clients of a scenario.
pub const CLIENTS_MAX: usize = 8;

/// One thing that a scenario says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Replica managers that take updates.
    Replicas(u16),
    /// Replica managers that do not.
    ReadOnly(u16),
    /// One log record fills a message.
    Fragments,
    /// Managers ask for what they miss.
    Pulls,
    /// Each manager gossips to the next only.
    Ring,
    /// `G`.
    Batch(u32),
    /// The service.
    Service(Serves),
    /// A client, its home, to how many managers its updates go, and what it claims to have seen.
    Client {
        /// Its name.
        name: String,
        /// The manager it prefers.
        home: u16,
        /// To how many managers each update goes.
        copies: u16,
        /// What it claims to have seen: more than nothing for a liar.
        claims: Option<Timestamp>,
    },
    /// A client asks for something.
    Ask {
        /// The client.
        client: String,
        /// For what.
        asked: Asked,
        /// Of this manager, from now on.
        via: Option<u16>,
        /// Is the exchange over before the next command? Otherwise the request stays under way.
        whole: bool,
    },
    /// The client loses patience with all that is unanswered.
    Retry {
        /// The client.
        client: String,
        /// And turns to this manager.
        via: Option<u16>,
    },
    /// The client loses all it knew, and comes back.
    Restart(String),
    /// It is time for gossip.
    Gossip {
        /// From whom.
        from: u16,
        /// To whom.
        to: u16,
        /// Does it arrive before the next command?
        whole: bool,
    },
    /// Messages under way arrive.
    Deliver(Pick),
    /// Messages under way are lost.
    Drop(Pick),
    /// Everything under way arrives, and what comes of it.
    DeliverAll,
    /// Everything under way is lost.
    DropAll,
    /// A manager stops.
    Halt(u16),
    /// A manager that had stopped starts again from its disk.
    Start(u16),
    /// Both at once.
    Crash(u16),
    /// A copy of what a manager has stored is put away.
    BackUp(u16),
    /// The manager stops, and starts from that copy.
    Restore(u16),
    /// What a manager or a client knows.
    Show(String),
    /// What is under way.
    Flight,
    /// No more faults: all arrives, all timers fire, until nobody has anything left to say.
    Settle,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An update.
    Update(Tag),
    /// An update that does not build on what is still under way.
    Independent(Tag),
    /// An answer.
    Query,
    /// To tell another client all it knows.
    Tell(String),
}

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// What kind.
    pub kind: Kind,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Which of those.
    pub which: Which,
    /// Does a copy stay under way?
    pub again: bool,
}

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An update on its way to a manager.
    Update,
    /// A query on its way to a manager.
    Query,
    /// What a manager answers to a client.
    Reply,
    /// Gossip.
    Gossip,
    /// A request for gossip.
    Pull,
    /// What a client tells another.
    Tell,
}

/// Which of several messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that was sent first.
    Oldest,
    /// The one that was sent last.
    Newest,
}

/// What a line may be, for errors.
const USAGE: &str = "see tests/scenarios/README.md for the commands";

impl Command {
    /// Reads a line.
    pub fn read(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let command = match words[..] {
            ["replicas", n] => Self::Replicas(number(n)?),
            ["read-only", n] => Self::ReadOnly(number(n)?),
            ["fragments"] => Self::Fragments,
            ["pulls"] => Self::Pulls,
            ["ring"] => Self::Ring,
            ["batch", n] => Self::Batch(number(n)?.into()),
            ["service", name] => Self::Service(service(name)?),
            ["client", name, "at", home, ref rest @ ..] => client(name, number(home)?, rest)?,
            ["retry", client] => Self::Retry { client: client.into(), via: None },
            ["retry", client, "via", via] => {
                Self::Retry { client: client.into(), via: Some(number(via)?) }
            }
            ["restart", client] => Self::Restart(client.into()),
            ["gossip", from, "->", to] => gossip(from, to, true)?,
            ["send", "gossip", from, "->", to] => gossip(from, to, false)?,
            ["deliver", "all"] => Self::DeliverAll,
            ["drop", "all"] => Self::DropAll,
            ["deliver", ref rest @ ..] => Self::Deliver(pick(rest)?),
            ["drop", ref rest @ ..] => Self::Drop(pick(rest)?),
            ["stop", n] => Self::Halt(number(n)?),
            ["start", n] => Self::Start(number(n)?),
            ["crash", n] => Self::Crash(number(n)?),
            ["backup", n] => Self::BackUp(number(n)?),
            ["restore", n] => Self::Restore(number(n)?),
            ["show", node] => Self::Show(node.into()),
            ["in", "flight"] => Self::Flight,
            ["settle"] => Self::Settle,
            [client, "sends", ref rest @ ..] => ask(client, rest, false)?,
            [client, ref rest @ ..] => ask(client, rest, true)?,
            [] => return Err(USAGE.into()),
        };
        Ok(command)
    }
}

fn number(word: &str) -> Result<u16, String> {
    let number = word.trim_start_matches("rm").parse();
    let fits = number.ok().filter(|n| *n <= REPLICAS_MAX);
    fits.ok_or(format!("{word:?} is not a number from 0 to {REPLICAS_MAX}"))
}

fn service(name: &str) -> Result<Serves, String> {
    Ok(match name {
        "transcript" => Serves::Transcript,
        "counter" => Serves::Counter,
        "set" => Serves::Set,
        "registers" => Serves::Registers,
        "board" => Serves::Board,
        "bank" => Serves::Bank,
        _ => return Err("there are transcript, counter, set, registers, board, bank".into()),
    })
}

fn client(name: &str, home: u16, rest: &[&str]) -> Result<Command, String> {
    let (mut copies, mut claims) = (1, None);
    for pair in rest.chunks(2) {
        match *pair {
            ["copies", n] => copies = number(n)?,
            ["claims", ts] => claims = Some(timestamp(ts)?),
            _ => return Err("after the home come `copies N` or `claims [1,0]`".into()),
        }
    }
    Ok(Command::Client { name: name.into(), home, copies, claims })
}

fn timestamp(word: &str) -> Result<Timestamp, String> {
    let inner = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
    let entries = inner.map(|inner| inner.split(',').map(str::parse).collect());
    match entries {
        Some(Ok(entries)) => Ok(Timestamp::from_iter::<Vec<u64>>(entries)),
        _ => Err(format!("{word:?} is not a timestamp like [1,0]")),
    }
}

fn gossip(from: &str, to: &str, whole: bool) -> Result<Command, String> {
    Ok(Command::Gossip { from: number(from)?, to: number(to)?, whole })
}

fn pick(words: &[&str]) -> Result<Pick, String> {
    let (which, words) = match words {
        ["newest", rest @ ..] => (Which::Newest, rest),
        rest => (Which::Oldest, rest),
    };
    let (again, words) = match words {
        [rest @ .., "again"] => (true, rest),
        rest => (false, rest),
    };
    let [kind, from, "->", to] = *words else {
        return Err("say which: `deliver update c1 -> 0`, `deliver newest gossip 0 -> 1`".into());
    };
    let kind = match kind {
        "update" => Kind::Update,
        "query" => Kind::Query,
        "reply" => Kind::Reply,
        "gossip" => Kind::Gossip,
        "pull" => Kind::Pull,
        "tell" => Kind::Tell,
        _ => return Err("there are update, query, reply, gossip, pull, tell".into()),
    };
    Ok(Pick { kind, from: from.into(), to: to.into(), which, again })
}

fn ask(client: &str, words: &[&str], whole: bool) -> Result<Command, String> {
    let (via, words) = match words {
        [rest @ .., "via", via] => (Some(number(via)?), rest),
        rest => (None, rest),
    };
    let asked = match *words {
        ["update", name] => Asked::Update(tag(name)?),
        ["independent", name] => Asked::Independent(tag(name)?),
        ["query"] => Asked::Query,
        ["tell", other] => Asked::Tell(other.into()),
        _ => return Err(USAGE.into()),
    };
    Ok(Command::Ask { client: client.into(), asked, via, whole })
}

fn tag(name: &str) -> Result<Tag, String> {
    match name.as_bytes() {
        [letter @ b'a'..=b'z'] => Ok(letter - b'a'),
        _ => Err(format!("{name:?} is not the name of an update: a letter from a to z")),
    }
}
