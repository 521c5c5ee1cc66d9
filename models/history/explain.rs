//! Puts a cycle into words: names its operations, and finds for each step that is not plain why it is forced.

use super::{
    order::Order,
    reads::{Fault, Read},
    record::{History, NONE, Op},
    violation::{Link, Operation, Pattern, Reason, Violation, Why},
    walk::{Ground, Hop, Must, Step, Walk},
};

/// Operations of one transaction that are named; of the rest only their number.
const OPERATIONS_SHOWN: usize = 8;

/// Puts one violation together.
pub struct Explainer<'a> {
    history: &'a History,
    reads: &'a [Read],
    /// Transactions in the order of mention, with those of their operations that matter.
    nodes: Vec<(u32, Vec<u32>)>,
    cycle: Vec<Link>,
    reasons: Vec<Reason>,
}

/// From which musts a must may follow: all that were derived before it, for readers of one session.
#[derive(Clone, Copy)]
pub struct Derived<'a> {
    /// In the order of derivation.
    pub musts: &'a [Must],
    /// A transaction of the session; [`NONE`] if musts follow from causality alone, for readers anywhere.
    pub session: u32,
}

/// A read that is older than it may be.
pub struct Stale {
    /// From the write that was read to the newer one; nothing if the initial value was read.
    pub source: Vec<Step>,
    /// From the newer one to the read.
    pub past: Vec<Step>,
    pub read: Read,
}

impl Stale {
    pub fn steps(&self) -> u32 {
        (self.source.len() + self.past.len()) as u32
    }
}

impl Derived<'_> {
    /// Musts follow from causality alone.
    pub const NOTHING: Self = Self { musts: &[], session: NONE };
}

impl<'a> Explainer<'a> {
    pub fn new(history: &'a History, reads: &'a [Read]) -> Self {
        Self { history, reads, nodes: Vec::new(), cycle: Vec::new(), reasons: Vec::new() }
    }

    /// A read that is wrong by itself.
    pub fn fault(mut self, fault: Fault) -> Violation {
        if let Some(writer) = fault.writer.filter(|writer| *writer != fault.txn) {
            let key = self.history.ops[fault.op as usize].key;
            self.mention_writes(writer, key);
        }
        self.mention(fault.txn, fault.op);
        if fault.writer == Some(fault.txn) {
            self.mention_writes(fault.txn, self.history.ops[fault.op as usize].key);
        }
        self.finish(fault.pattern, None, true)
    }

    /// A cycle of sessions and reads alone.
    pub fn plain_cycle(mut self, steps: &[Step], is_shortest: bool) -> Violation {
        self.cycle = steps.iter().map(|step| self.plain(step)).collect();
        self.finish(Pattern::CyclicCO, None, is_shortest)
    }

    /// A cycle with musts.
    pub fn cycle(
        mut self,
        pattern: Pattern,
        order: &Order<'_>,
        steps: &[Step],
        derived: Derived<'_>,
        is_shortest: bool,
    ) -> Violation {
        let cycle = steps.iter().map(|step| self.link(order, step, derived)).collect();
        self.cycle = cycle;
        self.finish(pattern, Some(&order.rank), is_shortest)
    }

    /// A read that is older than it may be.
    pub fn stale(
        mut self,
        pattern: Pattern,
        order: &Order<'_>,
        stale: &Stale,
        derived: Derived<'_>,
        is_shortest: bool,
    ) -> Violation {
        let Stale { source, past, read } = stale;
        let newer = past.first().map_or(NONE, |step| step.from);
        let mut cycle: Vec<_> = source.iter().map(|step| self.link(order, step, derived)).collect();
        self.mention_writes(newer, read.key);
        self.mention_writes(read.source, read.key);
        let (first, second) = (self.node(newer), self.node(read.source));
        if source.is_empty() {
            cycle.push(Link { from: second, to: first, why: Why::Initial });
        }
        let past = past.iter().map(|step| self.link(order, step, derived)).collect();
        self.mention(read.txn, read.op);
        let (key, reader) = (self.key(read.key), self.node(read.txn));
        self.reasons.push(Reason { first, second, key, reader, past });
        cycle.push(Link { from: first, to: second, why: Why::Must(self.reasons.len() - 1) });
        self.cycle = cycle;
        self.finish(pattern, Some(&order.rank), is_shortest)
    }

    fn link(&mut self, order: &Order<'_>, step: &Step, derived: Derived<'_>) -> Link {
        let Hop::Must(run) = step.hop else { return self.plain(step) };
        let key = order.writes.run(run as usize).key;
        self.mention_writes(step.from, key);
        self.mention_writes(step.to, key);
        let (from, to) = (self.node(step.from), self.node(step.to));
        let is_known = |reason: &Reason| (reason.first, reason.second) == (from, to);
        if let Some(known) = self.reasons.iter().position(is_known) {
            return Link { from, to, why: Why::Must(known) };
        }
        let earlier = earlier(derived, step, run, order);
        let (past, reader) = way_to_reader(order, step, key, earlier);
        let past = past.iter().map(|step| self.link(order, step, earlier)).collect();
        self.mention(reader.txn, reader.op);
        let (key, reader) = (self.key(key), self.node(reader.txn));
        self.reasons.push(Reason { first: from, second: to, key, reader, past });
        Link { from, to, why: Why::Must(self.reasons.len() - 1) }
    }

    fn plain(&mut self, step: &Step) -> Link {
        let why = match step.hop {
            Hop::Reads(place) => {
                let read = self.reads[place as usize];
                self.mention_writes(step.from, read.key);
                self.mention(step.to, read.op);
                Why::Reads(self.said(self.history.ops[read.op as usize]))
            }
            Hop::Session | Hop::Must(_) => Why::Session,
        };
        let (from, to) = (self.node(step.from), self.node(step.to));
        Link { from, to, why }
    }

    fn node(&mut self, txn: u32) -> usize {
        if let Some(known) = self.nodes.iter().position(|(node, _)| *node == txn) {
            return known;
        }
        self.nodes.push((txn, Vec::new()));
        self.nodes.len() - 1
    }

    fn mention(&mut self, txn: u32, op: u32) {
        let node = self.node(txn);
        if !self.nodes[node].1.contains(&op) {
            self.nodes[node].1.push(op);
        }
    }

    fn mention_writes(&mut self, txn: u32, key: u32) {
        if txn == NONE {
            return;
        }
        let ops = self.history.txns[txn as usize].ops();
        for op in
            ops.filter(|op| self.history.ops[*op].is_write && self.history.ops[*op].key == key)
        {
            self.mention(txn, op as u32);
        }
    }

    fn key(&self, key: u32) -> String {
        self.history.keys[key as usize].to_string()
    }

    fn said(&self, op: Op) -> String {
        let key = &self.history.keys[op.key as usize];
        match op.value {
            NONE => format!("{key} initial"),
            value => format!("{key}={}", self.history.values[value as usize]),
        }
    }

    /// Letters follow causality where it is an order, so that most links lead forward.
    fn finish(self, pattern: Pattern, rank: Option<&[u32]>, is_shortest: bool) -> Violation {
        let mut sorted: Vec<usize> = (0..self.nodes.len()).collect();
        let place = |txn: u32| match (txn, rank) {
            (NONE, _) => 0,
            (txn, Some(rank)) => rank[txn as usize] + 1,
            (_, None) => 1,
        };
        sorted.sort_by_key(|node| place(self.nodes[*node].0));
        let mut renamed = vec![0; sorted.len()];
        sorted.iter().enumerate().for_each(|(new, old)| renamed[*old] = new);
        let operations = sorted.iter().map(|node| self.operation(&self.nodes[*node])).collect();
        let (mut cycle, mut reasons) = (self.cycle, self.reasons);
        let links = reasons.iter_mut().flat_map(|reason| &mut reason.past).chain(&mut cycle);
        links.for_each(|link| (link.from, link.to) = (renamed[link.from], renamed[link.to]));
        for reason in &mut reasons {
            for node in [&mut reason.first, &mut reason.second, &mut reason.reader] {
                *node = renamed[*node];
            }
        }
        Violation { pattern, operations, cycle, reasons, is_shortest }
    }

    fn operation(&self, (txn, mentioned): &(u32, Vec<u32>)) -> Operation {
        if *txn == NONE {
            let what = "every key has its initial value".to_owned();
            return Operation { session: None, number: 0, line: 0, what };
        }
        let told = self.history.txns[*txn as usize];
        let mut ops = mentioned.clone();
        if ops.is_empty() {
            ops.push(told.ops().start as u32);
        }
        ops.sort_unstable();
        let words = ops.iter().take(OPERATIONS_SHOWN).map(|op| {
            let op = self.history.ops[*op as usize];
            format!("{} {}", if op.is_write { "writes" } else { "reads" }, self.said(op))
        });
        let mut what = words.collect::<Vec<_>>().join(", ");
        let unsaid = told.ops().len() - ops.len().min(OPERATIONS_SHOWN);
        if unsaid > 0 {
            what += &format!(", and {unsaid} more");
        }
        let session = Some(self.history.sessions[told.session as usize].to_string());
        Operation { session, number: told.number, line: told.line, what }
    }
}

/// The musts that were known when this one was derived.
fn earlier<'a>(derived: Derived<'a>, step: &Step, run: u32, order: &Order<'_>) -> Derived<'a> {
    let is_it =
        |must: &Must| (must.run, must.second) == (run, step.to) && must.pos >= order.pos(step.from);
    let known = derived.musts.iter().position(is_it).unwrap_or(0);
    Derived { musts: &derived.musts[..known], session: derived.session }
}

/// How the first of a must came into the past of someone who read from the second.
fn way_to_reader(
    order: &Order<'_>,
    must: &Step,
    key: u32,
    earlier: Derived<'_>,
) -> (Vec<Step>, Read) {
    let mut musts = earlier.musts.to_vec();
    musts.sort_unstable();
    let mut walk = Walk::on(Ground {
        history: order.history,
        reads: order.reads,
        links: &order.links,
        musts: Some((order, &musts)),
    });
    let readers = order.links.readers_of(must.to).iter().map(|place| order.reads[*place as usize]);
    let counts = |read: &Read| {
        let in_session = || {
            let session = order.links.session(order.history, earlier.session);
            session.contains(&read.txn)
        };
        read.key == key && (earlier.session == NONE || in_session())
    };
    let mut readers: Vec<Read> = readers.filter(counts).collect();
    readers.sort_unstable_by_key(|read| read.txn);
    let sought = |txn: u32| readers.binary_search_by_key(&txn, |read| read.txn).is_ok();
    let way = walk.shortest(must.from, NONE, sought).expect("a must has a reader");
    let end = way.last().map_or(NONE, |step| step.to);
    let read = readers.iter().find(|read| read.txn == end).expect("it was sought");
    (way, *read)
}
