//! All that a run depends on. Drawn from a seed, and written as text that can be read back: what is left
//! when a failing run was made smaller is still a scenario.

use crate::{
    draw,
    fault::{Fault, Kind},
};
use chinwag::{ReplicaId, runtime::Level};
use chinwag_models::model::Serves;
use std::fmt;

/// Replica managers of a run.
pub const REPLICAS_MAX: u16 = 9;

/// Clients of a run.
pub const CLIENTS_MAX: u16 = 12;

/// What comes before a line that begins so is not the scenario, but what was said of the run it came from.
pub const SCENARIO_BEGINS: &str = "# the scenario";

/// Lines of a scenario's text.
pub const LINES_MAX: usize = 100_000;

/// A moment, a length of time: no more than a day, in milliseconds.
pub const MILLISECONDS_MAX: u64 = 86_400_000;

/// All that a run depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Throws the dice of the network and of power loss.
    pub seed: u64,
    /// A number for each: see [`Setting::NAMES`].
    pub set: Setting,
    /// The service that is replicated.
    pub serves: Serves,
    /// What an acknowledgement means.
    pub level: Level,
    /// What the clients do, in the order of time.
    pub errands: Vec<Errand>,
    /// What goes wrong, in the order of time.
    pub faults: Vec<Fault>,
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $least:literal..=$most:literal;)*) => {
        /// The numbers of a scenario.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Setting { $($(#[$doc])* pub $name: u64,)* }

        impl Setting {
            /// Their names, and the least and the most that each may be.
            pub const NAMES: &[(&str, u64, u64)] = &[$((stringify!($name), $least, $most),)*];

            /// All, in the order of the names.
            pub fn all(&mut self) -> Vec<&mut u64> { vec![$(&mut self.$name,)*] }
        }
    };
}

settings! {
    /// Replica managers.
    replicas: 1..=9;
    /// Of these, so many take updates.
    updatable: 1..=9;
    /// Clients.
    clients: 1..=12;
    /// To how many replica managers a client sends each update at once.
    copies: 1..=3;
    /// Gossip also after so many updates; never if zero.
    batch: 0..=64;
    /// How many replica managers must hold an update before its client is told.
    acknowledged_by: 1..=9;
    /// When nothing goes wrong any more, in milliseconds.
    calm_ms: 0..=86_400_000;
    /// Of a thousand datagrams, so many are lost.
    loss: 0..=1000;
    /// So many come twice.
    twice: 0..=1000;
    /// So many come once more, minutes later.
    late: 0..=1000;
    /// So many are changed or cut.
    corrupt: 0..=1000;
    /// So many take up to a hundred times as long as others.
    stray: 0..=1000;
    /// A datagram takes so many milliseconds at most, if it does not stray.
    delay_ms: 1..=10_000;
    /// A datagram of gossip carries so many records at most; as many as fit if zero.
    fragment: 0..=64;
    /// 1: thousands of updates, judged by sums; 0: a few, judged by every property.
    large: 0..=1;
}

/// What a client does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errand {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// Which client.
    pub client: u16,
    /// What.
    pub what: Task,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// It asks for an update.
    Update,
    /// For one that builds on none of its own that is under way.
    Independent,
    /// It asks a question.
    Query,
    /// It tells another client what it knows of.
    Tell(u16),
}

const SERVICES: &[(Serves, &str)] = &[
    (Serves::Transcript, "transcript"),
    (Serves::Counter, "counter"),
    (Serves::Set, "set"),
    (Serves::Registers, "registers"),
    (Serves::Board, "board"),
];

const LEVELS: &[(Level, &str)] =
    &[(Level::Fsync, "fsync"), (Level::Interval, "interval"), (Level::Memory, "memory")];

impl Scenario {
    /// What this seed stands for, with thousands of updates or with a few.
    pub fn of_seed(seed: u64, large: bool) -> Self {
        draw::scenario(seed, large)
    }

    /// How many updates the clients ask for.
    pub fn updates(&self) -> usize {
        let is_update = |e: &&Errand| matches!(e.what, Task::Update | Task::Independent);
        self.errands.iter().filter(is_update).count()
    }

    /// Who is replaced, if anybody is.
    pub fn replaced(&self) -> Option<ReplicaId> {
        let fault = self.faults.iter().find(|fault| fault.kind == Kind::Replace);
        fault.map(|fault| ReplicaId(fault.who))
    }

    /// Reads the text back.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut scenario = draw::scenario(0, false);
        (scenario.errands, scenario.faults) = (Vec::new(), Vec::new());
        if text.lines().count() > LINES_MAX {
            return Err(format!("more than {LINES_MAX} lines: leave some out"));
        }
        let begins = text.lines().position(|line| line.starts_with(SCENARIO_BEGINS));
        let lines = (1..).zip(text.lines()).skip(begins.unwrap_or(0));
        if lines.clone().all(|(_, line)| line.split('#').next().is_none_or(|l| l.trim().is_empty()))
        {
            return Err("there is no scenario in it".into());
        }
        for (number, line) in lines {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = line.split_whitespace().collect();
            let read = scenario.line(&words);
            read.map_err(|what| format!("line {number}: {what}"))?;
        }
        scenario.sound().map(|()| scenario)
    }

    fn line(&mut self, words: &[&str]) -> Result<(), String> {
        match words {
            [] => {}
            ["service", name] => self.serves = known(SERVICES, name)?,
            ["durability", name] => self.level = known(LEVELS, name)?,
            ["seed", value] => self.seed = whole(value, u64::MAX)?,
            ["do", at, client, rest @ ..] => {
                let what = match rest {
                    ["update"] => Task::Update,
                    ["independent"] => Task::Independent,
                    ["query"] => Task::Query,
                    ["tell", to] => Task::Tell(whole(to, u64::from(CLIENTS_MAX) - 1)? as u16),
                    _ => return Err("a client does update, independent, query or tell N".into()),
                };
                let client = whole(client, u64::from(CLIENTS_MAX) - 1)? as u16;
                self.errands.push(Errand { at_ms: whole(at, MILLISECONDS_MAX)?, client, what });
            }
            ["fault", at, kind, who, much, length] => self.faults.push(Fault {
                at_ms: whole(at, MILLISECONDS_MAX)?,
                kind: Kind::named(kind).ok_or(format!("there is no fault `{kind}`"))?,
                who: whole(who, u64::from(CLIENTS_MAX) - 1)? as u16,
                much: whole(much, MILLISECONDS_MAX)?,
                for_ms: whole(length, MILLISECONDS_MAX)?,
            }),
            [name, value] => {
                let at = Setting::NAMES.iter().position(|(known, ..)| known == name);
                let at = at.ok_or(format!("nothing is called `{name}`"))?;
                let (_, least, most) = Setting::NAMES[at];
                let value = whole(value, most)?;
                if value < least {
                    return Err(format!("`{name}` is at least {least}"));
                }
                *self.set.all()[at] = value;
            }
            _ => return Err(format!("`{}` says nothing known", words.join(" "))),
        }
        Ok(())
    }

    /// What one line alone does not show.
    fn sound(&self) -> Result<(), String> {
        let Setting { replicas, updatable, clients, acknowledged_by, large, .. } = self.set;
        if updatable > replicas || acknowledged_by > updatable {
            return Err("no more may be updatable than there are replicas, and no more may \
                        acknowledge than are updatable"
                .into());
        }
        let stranger = |e: &Errand| {
            let told = if let Task::Tell(to) = e.what { to } else { 0 };
            u64::from(e.client.max(told)) >= clients
        };
        if self.errands.iter().any(stranger) {
            return Err(format!("there are {clients} clients, from 0"));
        }
        let away = |f: &Fault| {
            let newcomers = u64::from(self.replaced().is_some() && f.kind != Kind::Replace);
            let bound = if f.kind.is_clients() { clients } else { replicas + newcomers };
            let other =
                matches!(f.kind, Kind::OneWay | Kind::Clog | Kind::Sever) && f.much >= replicas;
            u64::from(f.who) >= bound || other || f.kind == Kind::Drift && f.much == 0
        };
        if let Some(fault) = self.faults.iter().find(|f| away(f)) {
            return Err(format!("`{}` at {} ms befalls nobody", fault.kind.name(), fault.at_ms));
        }
        self.can_be_replaced()?;
        self.is_connected()?;
        let few = chinwag_models::application::TAGS_MAX;
        match large == 0 && self.updates() > few {
            true => Err(format!("more than {few} updates: set large to 1")),
            false => Ok(()),
        }
    }

    /// One at most, where all others can be reached and judged.
    fn can_be_replaced(&self) -> Result<(), String> {
        let count = |kind| self.faults.iter().filter(|fault| fault.kind == kind).count();
        let Setting { replicas, updatable, large, .. } = self.set;
        let wrong = match count(Kind::Replace) {
            0 => return Ok(()),
            2.. => "only one is replaced in a run: leave out a `fault .. replace`",
            1 if replicas != updatable => {
                "nobody is replaced where some are read-only: set updatable to replicas"
            }
            1 if replicas < 2 => "a newcomer takes a copy of another one: set replicas to 2",
            1 if large == 1 => "nobody is replaced in a large run: set large to 0",
            1 if count(Kind::Sever) > 0 => {
                "a newcomer waits for all others: leave out `fault .. sever`, or `fault .. replace`"
            }
            _ => return Ok(()),
        };
        Err(wrong.into())
    }

    /// Links may be severed only where updates still reach everyone, and whoever must hold them. A read-only
    /// replica manager passes nothing on.
    fn is_connected(&self) -> Result<(), String> {
        let severed: Vec<_> = self.faults.iter().filter(|f| f.kind == Kind::Sever).collect();
        if severed.is_empty() {
            return Ok(());
        }
        if self.set.acknowledged_by > 1 {
            return Err(
                "links are severed only where one alone acknowledges: leave out `fault .. \
                        sever`, or set acknowledged_by to 1"
                    .into(),
            );
        }
        let replicas = self.set.replicas as u16;
        let hear = |a: u16, b: u16| {
            let ends = |f: &&Fault| [(a, b), (b, a)].contains(&(f.who, f.much as u16));
            !severed.iter().any(ends)
        };
        let mut reached = vec![0];
        let mut next = 0;
        while let Some(&from) = reached.get(next) {
            next += 1;
            if u64::from(from) < self.set.updatable {
                let new = (0..replicas).filter(|to| hear(from, *to) && !reached.contains(to));
                let new: Vec<_> = new.collect();
                reached.extend(new);
            }
        }
        match reached.len() == usize::from(replicas) {
            true => Ok(()),
            false => Err("the links that are severed part the replica managers for good: leave \
                          one of them"
                .into()),
        }
    }
}

fn known<T: Copy>(all: &[(T, &str)], name: &str) -> Result<T, String> {
    let found = all.iter().find(|(_, known)| *known == name);
    let names = || all.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
    found.map(|(value, _)| *value).ok_or_else(|| format!("`{name}` is none of {}", names()))
}

fn whole(text: &str, most: u64) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| format!("`{text}` is no number up to {most}"))
}

/// The text that [`Scenario::parse`] reads.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |serves| SERVICES.iter().find(|(known, _)| *known == serves).map(|(_, n)| *n);
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "service {}", name(self.serves).unwrap_or("transcript"))?;
        writeln!(f, "durability {}", self.level)?;
        let mut set = self.set;
        for ((name, ..), value) in Setting::NAMES.iter().zip(set.all()) {
            writeln!(f, "{name} {value}")?;
        }
        for Errand { at_ms, client, what } in &self.errands {
            let what = match what {
                Task::Update => "update".to_owned(),
                Task::Independent => "independent".to_owned(),
                Task::Query => "query".to_owned(),
                Task::Tell(to) => format!("tell {to}"),
            };
            writeln!(f, "do {at_ms} {client} {what}")?;
        }
        for Fault { at_ms, kind, who, much, for_ms } in &self.faults {
            writeln!(f, "fault {at_ms} {} {who} {much} {for_ms}", kind.name())?;
        }
        Ok(())
    }
}
