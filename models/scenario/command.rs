//! A line of a scenario, read.

use crate::{application::Tag, model::Serves, party::Turn};
use chinwag::{ReplicaId, Timestamp};

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
    /// Managers gossip along such links only, and this is one.
    Link(u16, u16),
    /// `G`.
    Batch(u32),
    /// The service.
    Service(Serves),
    /// The seeded bug of this name is in.
    Bug(String),
    /// Of the properties, this one alone is judged.
    Claim(String),
    /// A client, its home, to how many managers its updates go, and what it claims to have seen.
    Client {
        /// Its name.
        name: String,
        /// The manager it prefers; none for one whose requests any may take.
        home: Option<u16>,
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
        /// Only with the request of this number.
        number: Option<u64>,
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
    /// The first manager may be replaced by the last one, which is no member before.
    Replaces,
    /// What becomes of a manager in a replacement.
    Turn(u16, Turn),
    /// What a manager or a client knows.
    Show(String),
    /// What is under way.
    Flight,
    /// No more faults: all arrives, all timers fire, until nobody has anything left to say.
    Settle {
        /// Do clients wait for what is unanswered? Otherwise they ask again.
        patiently: bool,
    },
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
    /// To be told something by another one.
    Wait,
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

impl Pick {
    /// As a scenario says it.
    pub fn written(&self) -> String {
        let which = match self.which {
            Which::Oldest => String::new(),
            Which::Newest => "newest ".into(),
            Which::After(1) => "2nd ".into(),
            Which::After(2) => "3rd ".into(),
            Which::After(others) => format!("{}th ", others + 1),
        };
        let (kind, again) = (self.kind.word(), if self.again { " again" } else { "" });
        format!("{which}{kind} {} -> {}{again}", self.from, self.to)
    }
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

impl Kind {
    const ALL: [Self; 6] =
        [Self::Update, Self::Query, Self::Reply, Self::Gossip, Self::Pull, Self::Tell];

    fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Query => "query",
            Self::Reply => "reply",
            Self::Gossip => "gossip",
            Self::Pull => "pull",
            Self::Tell => "tell",
        }
    }
}

/// Which of several messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that was sent first.
    Oldest,
    /// The one that was sent last.
    Newest,
    /// The one that was sent after so many others.
    After(usize),
}

/// What a line may be, for errors.
const USAGE: &str = "see tests/scenarios/README.md for the commands";

impl Command {
    /// Reads a line.
    pub fn read(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let command = match words[..] {
            ["replicas", n] => Self::Replicas(some(n, "replica manager that takes updates")?),
            ["read-only", n] => Self::ReadOnly(number(n)?),
            ["fragments"] => Self::Fragments,
            ["pulls"] => Self::Pulls,
            ["ring"] => Self::Ring,
            ["link", from, "->", to] => Self::Link(number(from)?, number(to)?),
            ["batch", n] => Self::Batch(number(n)?.into()),
            ["service", name] => Self::Service(service(name)?),
            ["bug", ref name @ ..] => Self::Bug(name.join(" ")),
            ["claim", ref sentence @ ..] => Self::Claim(sentence.join(" ")),
            ["client", name, "at", "any", ref rest @ ..] => client(name, None, rest)?,
            ["client", name, "at", home, ref rest @ ..] => client(name, Some(number(home)?), rest)?,
            ["retry", request] => retry(request, None)?,
            ["retry", request, "via", via] => retry(request, Some(number(via)?))?,
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
            ["replaces"] => Self::Replaces,
            ["lose", n] => Self::Turn(number(n)?, Turn::Lost),
            ["record", n] => Self::Turn(number(n)?, Turn::Records),
            ["ask", n] => Self::Turn(number(n)?, Turn::Asks),
            ["copy", from, "->", to] => {
                Self::Turn(number(to)?, Turn::Copies(ReplicaId(number(from)?)))
            }
            ["show", node] => Self::Show(node.into()),
            ["in", "flight"] => Self::Flight,
            ["settle"] => Self::Settle { patiently: false },
            ["settle", "patiently"] => Self::Settle { patiently: true },
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

/// A number from 1 on: of what there must be one.
fn some(word: &str, what: &str) -> Result<u16, String> {
    match number(word)? {
        0 => Err(format!("there is at least one {what}")),
        number => Ok(number),
    }
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

/// All that is unanswered of `c1`, or the one request `c1#0`.
fn retry(request: &str, via: Option<u16>) -> Result<Command, String> {
    let Some((client, number)) = request.split_once('#') else {
        return Ok(Command::Retry { client: request.into(), number: None, via });
    };
    let number = number.parse();
    let number = number.map_err(|_| format!("{request:?} is no request, such as `c1#0`"))?;
    Ok(Command::Retry { client: client.into(), number: Some(number), via })
}

fn client(name: &str, home: Option<u16>, rest: &[&str]) -> Result<Command, String> {
    let (mut copies, mut claims) = (1, None);
    for pair in rest.chunks(2) {
        match *pair {
            ["copies", n] => copies = some(n, "copy of each update")?,
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
        [word, rest @ ..] if nth(word).is_some() => {
            (nth(word).map_or(Which::Oldest, Which::After), rest)
        }
        rest => (Which::Oldest, rest),
    };
    let (again, words) = match words {
        [rest @ .., "again"] => (true, rest),
        rest => (false, rest),
    };
    let [kind, from, "->", to] = *words else {
        return Err("say which: `deliver update c1 -> 0`, `deliver newest gossip 0 -> 1`".into());
    };
    let known = Kind::ALL.into_iter().find(|known| known.word() == kind);
    let kind = known.ok_or("there are update, query, reply, gossip, pull, tell")?;
    Ok(Pick { kind, from: from.into(), to: to.into(), which, again })
}

/// How many come before the `2nd`.
fn nth(word: &str) -> Option<usize> {
    let endings = ["st", "nd", "rd", "th"];
    let digits = endings.iter().find_map(|ending| word.strip_suffix(ending))?;
    digits.parse::<usize>().ok()?.checked_sub(1)
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
        ["waits"] if whole => Asked::Wait,
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
