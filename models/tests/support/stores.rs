//! Stores that are too simple to be wrong, and histories of any length from them. The same seed gives the
//! same history.

use chinwag_models::history::{History, Outcome, Recorder};

/// How a store settles concurrent writes of one key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// The later by a total order wins, wherever it arrives: causally convergent.
    Convergent,
    /// Whatever arrives last wins: causal memory.
    Arrival,
    /// Any of the concurrent writes that arrived is read: causally consistent, if transactions are single
    /// operations.
    Wavering,
    /// As arrival, and writes arrive before their causes: nothing is promised.
    Sloppy,
}

/// An operation that goes wrong, in the order of time: session, key, value written or read.
pub type Bug = &'static [(usize, char, &'static str, Option<&'static str>)];

/// The stale read of the initial value that published checkers miss.
pub const STALE_INITIAL: Bug = &[
    (0, 'w', "bug-x", Some("1")),
    (1, 'r', "bug-x", Some("1")),
    (1, 'w', "bug-y", Some("1")),
    (2, 'r', "bug-y", Some("1")),
    (2, 'r', "bug-x", None),
];

/// An overwritten value comes back.
pub const STALE: Bug = &[
    (0, 'w', "bug-x", Some("1")),
    (0, 'w', "bug-x", Some("2")),
    (1, 'r', "bug-x", Some("2")),
    (1, 'r', "bug-x", Some("1")),
];

/// Two sessions settle concurrent writes differently: causal memory, not convergent.
pub const DIVERGED: Bug = &[
    (0, 'w', "bug-x", Some("1")),
    (1, 'w', "bug-x", Some("2")),
    (0, 'r', "bug-x", Some("2")),
    (1, 'r', "bug-x", Some("1")),
];

/// A session changes its mind about an order: causally consistent, nothing more.
pub const WAVERING: Bug = &[
    (0, 'w', "bug-x", Some("1")),
    (1, 'w', "bug-x", Some("2")),
    (0, 'r', "bug-x", Some("2")),
    (0, 'r', "bug-x", Some("1")),
];

/// A read from the future.
pub const FUTURE: Bug = &[
    (0, 'r', "bug-x", Some("1")),
    (0, 'w', "bug-y", Some("1")),
    (1, 'r', "bug-y", Some("1")),
    (1, 'w', "bug-x", Some("1")),
];

/// A history in the making.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub kind: Kind,
    pub sessions: usize,
    pub keys: usize,
    pub operations: usize,
    /// Operations of a transaction.
    pub grouped: usize,
    pub seed: u64,
    /// What goes wrong, from the middle of the history on, and how many transactions are between.
    pub bug: Bug,
    pub apart: usize,
}

/// What one session did: session, kind, key, value.
pub type Told = (usize, char, String, Option<String>);

impl Plan {
    /// The transactions, in the order of time.
    pub fn transactions(&self) -> Vec<Vec<Told>> {
        let mut world = World::of(self);
        let steps = self.operations / self.grouped;
        let mut all = Vec::with_capacity(steps + self.bug.len());
        for step in 0..steps {
            let due = (0..self.bug.len()).filter(|k| step == steps / 2 + k * self.apart);
            for (session, kind, key, value) in due.map(|k| self.bug[k]) {
                world.hear_all(session);
                all.push(vec![(session, kind, key.to_owned(), value.map(str::to_owned))]);
            }
            all.push(world.step());
        }
        all
    }

    /// Ready to be judged.
    pub fn history(&self) -> History {
        let mut recorder = Recorder::new();
        for (number, transaction) in (1..).zip(self.transactions()) {
            recorder.begin(&format!("session {}", transaction[0].0), Outcome::Committed, number);
            for (_, kind, key, value) in &transaction {
                match (kind, value) {
                    ('w', Some(value)) => recorder.write(key, value),
                    _ => recorder.read(key, value.as_deref()),
                };
            }
        }
        recorder.finish().expect("values are unique")
    }
}

/// What one transaction wrote, in order.
#[derive(Clone)]
struct Entry {
    writes: Vec<(usize, u64)>,
    stamp: Stamp,
    /// How many entries of each session it comes after.
    past: Vec<u32>,
}

/// A clock, and whose it is.
type Stamp = (u64, usize);

struct World {
    plan: Plan,
    random: u64,
    written: u64,
    logs: Vec<Vec<Entry>>,
    /// Of each session, how many entries of each have arrived, what each key holds, and its clock.
    arrived: Vec<Vec<u32>>,
    values: Vec<Vec<Option<(u64, Stamp)>>>,
    clocks: Vec<u64>,
}

impl World {
    fn of(plan: &Plan) -> Self {
        Self {
            plan: *plan,
            random: plan.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            written: 0,
            logs: vec![Vec::new(); plan.sessions],
            arrived: vec![vec![0; plan.sessions]; plan.sessions],
            values: vec![vec![None; plan.keys]; plan.sessions],
            clocks: vec![0; plan.sessions],
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        // Marsaglia's xorshift.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % bound
    }

    /// A session hears of another, and then does one transaction.
    fn step(&mut self) -> Vec<Told> {
        let session = self.below(self.plan.sessions);
        let other = self.below(self.plan.sessions);
        let most = self.below(2 * self.plan.sessions + 1);
        self.hear(session, other, most);
        self.clocks[session] += 1;
        let stamp = (self.clocks[session], session);
        let mut entry = Entry { writes: Vec::new(), stamp, past: self.arrived[session].clone() };
        let told = (0..self.plan.grouped).map(|_| self.operation(session, &mut entry)).collect();
        if !entry.writes.is_empty() {
            self.logs[session].push(entry);
            self.arrived[session][session] += 1;
        }
        told
    }

    fn operation(&mut self, session: usize, entry: &mut Entry) -> Told {
        let key = self.below(self.plan.keys);
        let name = format!("k{key}");
        if self.below(2) == 0 {
            let is_own = entry.writes.iter().any(|(written, _)| *written == key);
            let value = match self.plan.kind == Kind::Wavering && !is_own {
                true => self.any_concurrent(session, key),
                false => self.values[session][key].map(|(value, _)| value),
            };
            let value = value.map(|value| value.to_string());
            return (session, 'r', name, value);
        }
        self.written += 1;
        entry.writes.push((key, self.written));
        self.values[session][key] = Some((self.written, entry.stamp));
        (session, 'w', name, Some(self.written.to_string()))
    }

    /// Of what arrived, any write of the key that no other comes after.
    fn any_concurrent(&mut self, session: usize, key: usize) -> Option<u64> {
        let mut last = Vec::new();
        for (of, log) in self.logs.iter().enumerate() {
            let arrived = log[..self.arrived[session][of] as usize].iter().enumerate().rev();
            let write = arrived.filter_map(|(place, entry)| {
                let writes = entry.writes.iter().rev().find(|(written, _)| *written == key);
                writes.map(|(_, value)| (of, place as u32, *value))
            });
            last.extend(write.take(1));
        }
        let is_open = |(of, place, _): &&(usize, u32, u64)| {
            last.iter().all(|(other, at, _)| self.logs[*other][*at as usize].past[*of] <= *place)
        };
        let open: Vec<u64> = last.iter().filter(is_open).map(|(_, _, value)| *value).collect();
        if open.is_empty() { None } else { Some(open[self.below(open.len())]) }
    }

    /// Everything of everyone arrives.
    fn hear_all(&mut self, session: usize) {
        let all: Vec<u32> = self.logs.iter().map(|log| log.len() as u32).collect();
        self.take_all(session, &all);
    }

    /// The next entries of another session arrive, with all that comes before them.
    fn hear(&mut self, session: usize, other: usize, most: usize) {
        for _ in 0..most {
            let next = self.arrived[session][other] as usize;
            if session == other || next >= self.logs[other].len() {
                return;
            }
            let mut wanted = self.logs[other][next].past.clone();
            wanted[other] += 1;
            if self.plan.kind == Kind::Sloppy {
                self.take(session, other, next);
                continue;
            }
            self.take_all(session, &wanted);
        }
    }

    /// Takes all of these, causes first: a clock greater than those of all causes orders them.
    fn take_all(&mut self, session: usize, wanted: &[u32]) {
        let mut missing: Vec<((u64, usize), usize, usize)> = Vec::new();
        for (other, until) in wanted.iter().enumerate() {
            let from = self.arrived[session][other] as usize;
            let new = from..(*until as usize).max(from);
            missing.extend(new.map(|place| (self.logs[other][place].stamp, other, place)));
        }
        missing.sort_unstable();
        missing.into_iter().for_each(|(_, other, place)| self.take(session, other, place));
    }

    fn take(&mut self, session: usize, other: usize, place: usize) {
        let Entry { writes, stamp, .. } = &self.logs[other][place];
        self.arrived[session][other] = place as u32 + 1;
        self.clocks[session] = self.clocks[session].max(stamp.0);
        for (key, value) in writes {
            let held = &mut self.values[session][*key];
            if self.plan.kind != Kind::Convergent || held.is_none_or(|(_, held)| held <= *stamp) {
                *held = Some((*value, *stamp));
            }
        }
    }
}
