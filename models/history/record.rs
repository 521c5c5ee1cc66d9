//! Records a client history: sessions of transactions of reads and writes, by name. Judges nothing; refuses
//! only what no verdict could be about, such as a value that was written twice.

use hashbrown::HashMap;
use std::{fmt, ops::Range, sync::Arc};

/// Operations of a history. Numbers are 32 bits wide, and a file of more is no test but an archive.
pub const OPERATIONS_MAX: usize = 16_000_000;

/// Stands for no value (the initial one), no transaction (the initial state) and no column.
pub(super) const NONE: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It took place, and its reads returned what they say.
    Committed,
    /// It did not take place; nobody may read what it wrote.
    Failed,
    /// Nobody was told. Its reads say nothing. If someone read what it wrote it took place, otherwise it is
    /// left out, which is as good: a write that nobody read can always have come later.
    Unknown,
}

/// What is wrong with a history, or with a file that should hold one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line of the file, counted from 1; 0 if there is no file, or no line to name.
    pub line: usize,
    /// What, and how to mend it.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl std::error::Error for Mistake {}

/// A history while it is written down, one transaction after the other.
///
/// ```
/// use chinwag_models::history::{Outcome, Question, Recorder, judge};
/// let mut recorder = Recorder::new();
/// recorder.begin("ann", Outcome::Committed, 0).write("x", "1");
/// recorder.begin("bob", Outcome::Committed, 0).read("x", Some("1"));
/// recorder.begin("bob", Outcome::Committed, 0).read("x", None);
/// let history = recorder.finish()?;
/// assert!(judge(&history, &Question::ALL).is_violated());
/// # Ok::<(), chinwag_models::history::Mistake>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    sessions: Names,
    keys: Names,
    values: Names,
    ops: Vec<Op>,
    begun: Vec<Begun>,
    initial: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct Begun {
    session: u32,
    first: u32,
    line: u32,
    outcome: Outcome,
}

/// A history, ready to be judged.
#[derive(Clone, Debug)]
pub struct History {
    pub(super) sessions: Vec<Arc<str>>,
    pub(super) keys: Vec<Arc<str>>,
    pub(super) values: Vec<Arc<str>>,
    pub(super) ops: Vec<Op>,
    /// The transactions that took place, those of each session together and in order.
    pub(super) txns: Vec<Txn>,
    /// Who wrote a value of a key.
    pub(super) writers: HashMap<(u32, u32), Writer>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub key: u32,
    /// [`NONE`] is the initial value.
    pub value: u32,
    pub is_write: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Txn {
    pub session: u32,
    /// Its place among the transactions of its session that took place, from 1.
    pub pos: u32,
    /// Its place among all transactions of its session, from 1: what people count.
    pub number: u32,
    pub line: u32,
    first: u32,
    end: u32,
    /// Whether its reads say anything.
    pub reads: bool,
}

impl Txn {
    pub fn ops(&self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// An operation of this transaction that took place: transaction, operation.
    Of(u32, u32),
    /// One that failed.
    Failed,
}

/// Who wrote a value of a key: the place among `begun`, and the operation.
type Sources = HashMap<(u32, u32), (usize, usize)>;

impl Recorder {
    /// Of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes reads of this value for reads of the initial one, unless somebody writes it: some formats
    /// have no other way to say it.
    pub fn initial_is(mut self, value: &'static str) -> Self {
        self.initial = Some(value);
        self
    }

    /// The next transaction of a session. A single operation is a transaction of one.
    ///
    /// `line` is where it stands in its file, 0 if there is none.
    pub fn begin(&mut self, session: &str, outcome: Outcome, line: usize) -> &mut Self {
        let session = self.sessions.id(session);
        let line = u32::try_from(line).unwrap_or(0);
        let first = self.ops.len() as u32;
        self.begun.push(Begun { session, first, line, outcome });
        self
    }

    /// It read this; `None` is the initial value. Before any `begin` it is nobody's and is not judged.
    pub fn read(&mut self, key: &str, value: Option<&str>) -> &mut Self {
        let value = value.map_or(NONE, |value| self.values.id(value));
        let key = self.keys.id(key);
        self.ops.push(Op { key, value, is_write: false });
        self
    }

    /// It wrote this.
    pub fn write(&mut self, key: &str, value: &str) -> &mut Self {
        let op = Op { key: self.keys.id(key), value: self.values.id(value), is_write: true };
        self.ops.push(op);
        self
    }

    /// How many operations there are.
    pub fn operations(&self) -> usize {
        self.ops.len()
    }

    /// The history.
    ///
    /// Fails if it has more than [`OPERATIONS_MAX`] operations, or if a value was written to a key twice:
    /// then nobody can tell which of the writes was read, and to decide is NP-hard.
    pub fn finish(mut self) -> Result<History, Mistake> {
        if self.ops.len() > OPERATIONS_MAX {
            let what =
                format!("{} operations; at most {OPERATIONS_MAX} are judged", self.ops.len());
            return Err(Mistake { line: 0, what });
        }
        let mut sources = self.sources()?;
        self.read_initials(&sources);
        let is_read = self.took_place(&sources);
        let (txns, renumbered) = self.transactions(&is_read);
        sources.retain(|_, (begun, _)| is_read[*begun] || self.has_failed(*begun));
        let writers = sources.into_iter().map(|(written, (begun, op))| {
            let failed = self.has_failed(begun);
            (
                written,
                if failed { Writer::Failed } else { Writer::Of(renumbered[begun], op as u32) },
            )
        });
        Ok(History {
            writers: writers.collect(),
            sessions: self.sessions.texts,
            keys: self.keys.texts,
            values: self.values.texts,
            ops: self.ops,
            txns,
        })
    }

    fn range(&self, begun: usize) -> Range<usize> {
        let end = self.begun.get(begun + 1).map_or(self.ops.len(), |next| next.first as usize);
        self.begun[begun].first as usize..end
    }

    fn has_failed(&self, begun: usize) -> bool {
        self.begun[begun].outcome == Outcome::Failed
    }

    /// Who wrote what: the transaction and the operation. What failed yields to what did not: it was a retry.
    fn sources(&self) -> Result<Sources, Mistake> {
        let mut sources: Sources = HashMap::new();
        for begun in 0..self.begun.len() {
            for op in self.range(begun).filter(|op| self.ops[*op].is_write) {
                let Op { key, value, .. } = self.ops[op];
                let known =
                    sources.get(&(key, value)).filter(|(other, _)| !self.has_failed(*other));
                match known {
                    Some(_) if self.has_failed(begun) => {}
                    Some((other, _)) => return Err(self.twice(*other, begun, op)),
                    None => drop(sources.insert((key, value), (begun, op))),
                }
            }
        }
        Ok(sources)
    }

    fn twice(&self, first: usize, second: usize, op: usize) -> Mistake {
        let Op { key, value, .. } = self.ops[op];
        let (key, value) = (&self.keys.texts[key as usize], &self.values.texts[value as usize]);
        let (first, second) = (self.begun[first], self.begun[second]);
        let by = |begun: Begun| match begun.line {
            0 => format!("by session {}", self.sessions.texts[begun.session as usize]),
            line => {
                format!("by session {} in line {line}", self.sessions.texts[begun.session as usize])
            }
        };
        let what = format!(
            "{key}={value} is written twice, {} and {}: give each write of a key a value of its own",
            by(first),
            by(second)
        );
        Mistake { line: second.line as usize, what }
    }

    fn read_initials(&mut self, sources: &Sources) {
        let Some(initial) = self.initial.and_then(|initial| self.values.ids.get(initial)) else {
            return;
        };
        for op in self.ops.iter_mut().filter(|op| !op.is_write && op.value == *initial) {
            if !sources.contains_key(&(op.key, op.value)) {
                op.value = NONE;
            }
        }
    }

    /// Which transactions took place.
    fn took_place(&self, sources: &Sources) -> Vec<bool> {
        let is = |outcome| move |begun: &Begun| begun.outcome == outcome;
        let mut took_place: Vec<bool> = self.begun.iter().map(is(Outcome::Committed)).collect();
        if !self.begun.iter().any(is(Outcome::Unknown)) {
            return took_place;
        }
        for begun in (0..self.begun.len()).filter(|b| self.begun[*b].outcome == Outcome::Committed)
        {
            for op in self.range(begun).filter(|op| !self.ops[*op].is_write) {
                let source = sources.get(&(self.ops[op].key, self.ops[op].value));
                if let Some((source, _)) = source.filter(|(source, _)| !self.has_failed(*source)) {
                    took_place[*source] = true;
                }
            }
        }
        took_place
    }

    /// Those that took place, by session, and the new number of each.
    fn transactions(&self, took_place: &[bool]) -> (Vec<Txn>, Vec<u32>) {
        let mut order: Vec<usize> = (0..self.begun.len()).collect();
        order.sort_by_key(|begun| self.begun[*begun].session); // Stable: sessions keep their order.
        let (mut txns, mut renumbered) = (Vec::new(), vec![NONE; self.begun.len()]);
        let (mut session, mut pos, mut number) = (NONE, 0, 0);
        for begun in order {
            let told = self.begun[begun];
            if told.session != session {
                (session, pos, number) = (told.session, 0, 0);
            }
            number += 1;
            let range = self.range(begun);
            if took_place[begun] && !range.is_empty() {
                pos += 1;
                renumbered[begun] = txns.len() as u32;
                let (first, end) = (range.start as u32, range.end as u32);
                let reads = told.outcome == Outcome::Committed;
                txns.push(Txn { session, pos, number, line: told.line, first, end, reads });
            }
        }
        (txns, renumbered)
    }
}

impl History {
    /// How many operations there are in what took place.
    pub fn operations(&self) -> usize {
        self.txns.iter().map(|txn| txn.ops().len()).sum()
    }

    /// How many transactions took place.
    pub fn transactions(&self) -> usize {
        self.txns.len()
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }
}

/// Names and their numbers.
#[derive(Clone, Debug, Default)]
struct Names {
    ids: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Names {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let (id, text) = (self.texts.len() as u32, Arc::<str>::from(text));
        self.texts.push(Arc::clone(&text));
        self.ids.insert(text, id);
        id
    }
}
