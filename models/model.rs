//! A model: which system, which faults, and what is expected of it.

use crate::{
    application::{Act, Op, REGISTER, Tag, Tags},
    party::{Client, Disk, Line, Manager, Part, Party},
    view::Setting,
};
use chinwag::{
    FrontEnd, FrontEndId, Group, ReplicaId, ReplicaManager, Routing, Rules, Timestamp,
    services::{BankOp, OrSetOp, Post, RegisterOp},
};

/// Which services the models are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Its value is the order of execution. It has no law: the properties look at sets and orders.
    Transcript,
    /// Adds up.
    Counter,
    /// Updates alternate between adding and removing one element.
    Set,
    /// Every update writes one register.
    Registers,
    /// The first update of the model is a post, the others answer it.
    Board,
    /// The first update pays in 10, the second tries to take out 10, the others 5.
    Bank,
}

/// Whom clients ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Any replica manager, at every request and repetition anew: all choices are explored.
    Any,
    /// Client `i` starts with the `i`-th of these and goes round when it loses patience.
    Home(&'static [u16]),
    /// Client `i` sends its `n`-th request to the `n`-th manager of the `i`-th route, every time.
    Route(&'static [&'static [u16]]),
}

/// Which managers gossip to which of their own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Each to each.
    Mesh,
    /// Each to the next; what each knows of others is passed on.
    Ring,
    /// Only along these links, for ever: a partition. Then not all end up equal, and that is not asked.
    Only(&'static [(u16, u16)]),
}

/// What may happen to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// Each copy arrives once at most, in any order, at any time or never.
    Once,
    /// Each copy arrives once at most, and equal messages count as often as they were sent: a request that
    /// goes out in two copies arrives up to twice, where the network chooses. Any copy may be lost.
    Copies,
    /// Requests and replies may arrive any number of times, but only where they arrived first, as datagrams
    /// do; gossip once at most. Any of them may be lost. Not for clients that ask again: a repetition to any
    /// manager could not be told from what stays.
    Echoes,
    /// As `Once`, and losing a message is a step of its own: what is lost is gone when all is quiet.
    Lossy,
    /// Requests and replies may arrive any number of times, gossip once at most.
    RepeatsRequests,
    /// Every message may arrive any number of times, in any order, at any time or never.
    Repeats,
}

/// What the check of a model should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every property holds.
    Holds,
    /// This property is violated: the model shows what the protocol does not promise.
    Refuted(&'static str),
}

/// A bounded system and what is expected of it.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name on the command line.
    pub name: &'static str,
    /// Why it is in the catalogue.
    pub purpose: &'static str,
    /// Replica managers that take updates.
    pub updatable: u16,
    /// Replica managers that do not.
    pub read_only: u16,
    /// What each client does: `u` update, `i` independent update, `q` query, `t0` tell client 0, `w` wait to
    /// be told.
    pub scripts: &'static [&'static str],
    /// Whom they ask.
    pub asks: Asks,
    /// To how many managers an update is sent at once.
    pub copies: u16,
    /// How often each client loses patience.
    pub retries: u8,
    /// Is the first manager lost, or an old copy of it put back, and replaced by the last one?
    pub replaces: bool,
    /// How often each manager may crash; missing ones never.
    pub crashes: &'static [u8],
    /// What may happen to messages.
    pub net: Net,
    /// Who gossips to whom.
    pub links: Links,
    /// `G`, or 0.
    pub batch: u32,
    /// Do managers ask for what they miss?
    pub pulls: bool,
    /// Records that fit in one message.
    pub records_per_gossip_max: usize,
    /// The service.
    pub serves: Serves,
    /// Does the last client claim, from the start, to have seen the first update of `rm0`?
    pub liar: bool,
    /// Do clients keep their histories, for the testers that look at nothing else?
    pub histories: bool,
    /// Is it watched that a late duplicate is refused?
    pub late: bool,
    /// Reduction: replies that are waited for arrive at once.
    pub eager: bool,
    /// Is it part of `--deep` only?
    pub deep: bool,
    /// What is expected.
    pub expected: Expected,
    /// Unique states and depth of the complete search.
    pub pinned: (u64, usize),
}

/// Who is replaced, where somebody is.
const OLD: ReplicaId = ReplicaId(0);

/// The defaults of the catalogue: two managers, no faults.
pub const PLAIN: Model = Model {
    name: "",
    purpose: "",
    updatable: 2,
    read_only: 0,
    scripts: &[],
    asks: Asks::Any,
    copies: 1,
    retries: 0,
    replaces: false,
    crashes: &[],
    net: Net::Once,
    links: Links::Mesh,
    batch: 0,
    pulls: false,
    records_per_gossip_max: usize::MAX,
    serves: Serves::Transcript,
    liar: false,
    histories: false,
    late: false,
    eager: false,
    deep: false,
    expected: Expected::Holds,
    pinned: (0, 0),
};

impl Model {
    /// Who is in the cluster.
    pub fn group(&self) -> Group {
        Group::of(self.updatable).and_read_only(self.read_only)
    }

    /// What is fixed, for the judge.
    pub fn setting(&self) -> Setting {
        let updates = self.lines().into_iter().flatten().filter_map(|line| match line {
            Line::Update(tag) | Line::Independent(tag) => Some(tag),
            _ => None,
        });
        let asked: Tags = updates.collect();
        let whole = !matches!(self.links, Links::Only(_));
        let lawful = self.serves != Serves::Bank;
        let replaced = self.replaces.then_some(OLD);
        Setting { group: self.group(), honest: !self.liar, whole, lawful, asked, replaced }
    }

    /// Does a client that gets no answer ask again in the end, however often its patience makes it do so in
    /// between? Where no request and no reply can get lost, and none is refused for what it claims, it need
    /// not: it waits, and is quiet while it does.
    pub fn asks_on(&self) -> bool {
        let may_wait_in_vain = self.retries > 0 || self.liar || self.replaces;
        self.net != Net::Once || !self.crashes.is_empty() || may_wait_in_vain
    }

    /// The parties: managers first, then clients.
    pub fn parties(&self, rules: &'static Rules, disk: Disk) -> Vec<Party> {
        let managers = self.group().places().map(|id| Party::Manager(self.manager(id, disk)));
        let lines = self.lines();
        let clients =
            lines.into_iter().enumerate().map(|(i, script)| Party::Client(self.client(i, script)));
        managers.chain(clients).map(|party| party.with_rules(rules)).collect()
    }

    /// Who is in the cluster before and after the replacement. Timestamps have the newcomer's entry from the
    /// start, where none has counted yet: that they grow by it is the runtime's business.
    fn epochs(&self) -> [Group; 2] {
        let newcomer = self.updatable - 1;
        let before = Group { absent: 1 << newcomer, ..self.group() };
        [before, Group { absent: 1 << OLD.0, epoch: 1, ..self.group() }]
    }

    fn manager(&self, id: ReplicaId, disk: Disk) -> Manager {
        if !self.replaces {
            return self.member(id, self.group(), disk, Part::None);
        }
        let [before, after] = self.epochs();
        let node = |group| self.member(id, group, disk, Part::None).node;
        match id {
            OLD => self.member(id, before, disk, Part::Old),
            id if after.is_newcomer(id) => self.member(id, after, disk, Part::New),
            id => self.member(id, before, disk, Part::Stays(Box::new(node(after)))),
        }
    }

    fn member(&self, id: ReplicaId, group: Group, disk: Disk, part: Part) -> Manager {
        let mut node = ReplicaManager::new(id, group);
        if self.links == Links::Ring && self.group().is_updatable(id) {
            node.partners = vec![ReplicaId((id.0 + 1) % self.updatable)];
            node.relays = true;
        }
        if let Links::Only(links) = self.links {
            let own = links.iter().filter(|(from, _)| *from == id.0);
            node.partners = own.map(|(_, to)| ReplicaId(*to)).collect();
        }
        node.batch = self.batch;
        node.pulls = self.pulls;
        Manager {
            node,
            crashes: self.crashes.get(id.index()).copied().unwrap_or(0),
            records_per_gossip_max: self.records_per_gossip_max,
            watches_late: self.late,
            disk,
            part,
        }
    }

    fn client(&self, index: usize, script: Vec<Line>) -> Client {
        let routing = match self.asks {
            Asks::Any | Asks::Route(_) => Routing::Any,
            Asks::Home(homes) => Routing::Home(ReplicaId(homes[index])),
        };
        let mut node = FrontEnd::new(FrontEndId(index as u64), 0, self.group(), routing);
        node.copies = self.copies;
        let lies = self.liar && index + 1 == self.scripts.len();
        let seen = if lies {
            self.group().zero().with(ReplicaId(0), 1)
        } else {
            Timestamp::zero(self.updatable.into())
        };
        let route = match self.asks {
            Asks::Route(routes) => Some(routes[index]),
            Asks::Any | Asks::Home(_) => None,
        };
        let (op, retries, keeps_history) = (operation(self.serves), self.retries, self.histories);
        let gives_up = self.replaces;
        Client { node, script, route, retries, seen, op, keeps_history, gives_up }
    }

    /// May replies that are waited for be delivered at once? Only where a request has one copy: else the
    /// order of two replies matters, and the reduction hides violations (`tests/reductions.rs` shows one).
    pub fn may_be_eager(&self) -> bool {
        let one_copy = self.copies == 1 && self.retries == 0 && self.read_only == 0;
        one_copy && self.net == Net::Once && self.crashes.is_empty()
    }

    /// The scripts, with the updates tagged in order.
    pub fn lines(&self) -> Vec<Vec<Line>> {
        let mut tag = 0;
        let mut next = || {
            tag += 1;
            tag - 1
        };
        self.scripts.iter().map(|script| read_script(script, &mut next)).collect()
    }
}

fn read_script(script: &str, next: &mut impl FnMut() -> Tag) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut letters = script.chars();
    while let Some(letter) = letters.next() {
        lines.push(match letter {
            'u' => Line::Update(next()),
            'i' => Line::Independent(next()),
            'q' => Line::Query,
            'w' => Line::Wait,
            't' => {
                let to = letters.next().and_then(|digit| digit.to_digit(10));
                Line::Tell(to.expect("a script names whom a client tells").into())
            }
            other => panic!("a script has no letter {other:?}"),
        });
    }
    lines
}

/// What each update of a model does.
pub(crate) fn operation(serves: Serves) -> fn(Tag) -> Op {
    match serves {
        Serves::Transcript => |tag| Op { tag, act: Act::Note },
        Serves::Counter => |tag| Op { tag, act: Act::Count(1 << tag) },
        Serves::Set => |tag| {
            let element = "x".to_owned();
            let op = if tag % 2 == 0 { OrSetOp::Add(element) } else { OrSetOp::Remove(element) };
            Op { tag, act: Act::Set(op) }
        },
        Serves::Registers => |tag| {
            let (key, value) = (REGISTER.to_owned(), crate::application::name(tag));
            Op { tag, act: Act::Register(RegisterOp::Put { key, value }) }
        },
        Serves::Board => |tag| {
            let text = crate::application::name(tag);
            let first = chinwag::RequestId { front_end: FrontEndId(0), serial: Default::default() };
            let post = if tag == 0 { Post::new(text) } else { Post::reply(first, text) };
            Op { tag, act: Act::Post(post) }
        },
        Serves::Bank => |tag| {
            let op = match tag {
                0 => BankOp::Deposit(10),
                1 => BankOp::Withdraw(10),
                _ => BankOp::Withdraw(5),
            };
            Op { tag, act: Act::Bank(op) }
        },
    }
}
