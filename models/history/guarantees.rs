//! The session guarantees, as seen by reads of registers.
//!
//! Terry et al. (PDIS 1994) say which writes the database of a read holds. What a register shows is one
//! of them, so a guarantee is broken when a read returns an older value than one that the guarantee puts
//! there. Older is what comes before in the causal order; the initial value is older than all. What each
//! guarantee puts into the database of a read, of the same key:
//!
//! - read your writes: what its session wrote before;
//! - monotonic reads: what its session read before;
//! - monotonic writes: what another session wrote before something that this session has read;
//! - writes follow reads: what another session had read when it wrote something that this session has read.
//!
//! Causal consistency implies all four. They do not imply it: what reached a session over three others is
//! beyond them.

use super::{
    causal::Conflicts,
    explain::{Derived, Explainer, Stale},
    judge::Question,
    order::Order,
    reads::Read,
    record::NONE,
    violation::{Pattern, Violation},
    walk::{Ground, Hop, Step, Walk},
};
use hashbrown::HashMap;

/// Reads looked at for one history; then a guarantee that was not found broken is undecided.
pub const GUARANTEE_STEPS_MAX: u64 = 500_000_000;

/// The four guarantees.
pub const GUARANTEES: [Question; 4] = [
    Question::ReadYourWrites,
    Question::MonotonicReads,
    Question::MonotonicWrites,
    Question::WritesFollowReads,
];

/// What breaks each guarantee, in the order of [`GUARANTEES`]; and whether all reads were looked at.
///
/// Only stale reads can, and of those of one value by one session only the last need be looked at: what a
/// session must be shown grows.
pub fn guarantees(order: &Order<'_>, conflicts: &Conflicts) -> ([Option<Violation>; 4], bool) {
    let mut last: HashMap<(u32, u32, u32), Read> = HashMap::new();
    for range in &conflicts.stale {
        for read in conflicts.group(order, *range) {
            let session = order.history.txns[read.txn as usize].session;
            let known = last.entry((session, read.key, read.source)).or_insert(read);
            if known.txn < read.txn {
                *known = read;
            }
        }
    }
    let mut suspects: Vec<Read> = last.into_values().collect();
    suspects.sort_unstable_by_key(|read| (read.txn, read.op));
    let (mut found, mut steps) = ([None, None, None, None], 0);
    let mut observed = Observed { order, session: NONE, looked_at: 0, seen: HashMap::new() };
    for read in suspects {
        observed.up_to(read.txn);
        let asked = Asked { order, read, observed: &observed };
        for (place, found) in found.iter_mut().enumerate().filter(|(_, found)| found.is_none()) {
            let past = match GUARANTEES[place] {
                Question::ReadYourWrites => asked.own_write(),
                Question::MonotonicReads => asked.own_read(&mut steps),
                Question::MonotonicWrites => asked.write_before_write(),
                _ => asked.read_before_write(&mut steps),
            };
            *found = past.map(|past| asked.violation(past));
        }
        if steps > GUARANTEE_STEPS_MAX {
            return (found, false);
        }
    }
    (found, true)
}

/// What a session has read from others: of each column the latest transaction, and by which read.
struct Observed<'a> {
    order: &'a Order<'a>,
    session: u32,
    /// Up to which transaction.
    looked_at: u32,
    seen: HashMap<u32, usize>,
}

impl Observed<'_> {
    /// The reads of a session until the end of a transaction; transactions must come in order.
    fn up_to(&mut self, txn: u32) {
        let session = self.order.links.session(self.order.history, txn);
        if self.session != session.start {
            (self.session, self.looked_at) = (session.start, session.start);
            self.seen.clear();
        }
        for txn in self.looked_at..=txn {
            for place in self.order.links.reads_of(txn) {
                let source = self.order.reads[place].source;
                if source == NONE || session.contains(&source) {
                    continue;
                }
                let seen = self.seen.entry(self.order.column(source)).or_insert(place);
                if self.order.reads[*seen].source < source {
                    *seen = place;
                }
            }
        }
        self.looked_at = txn + 1;
    }
}

/// One read, of which each guarantee is asked whether it is older than it may be.
struct Asked<'a> {
    order: &'a Order<'a>,
    read: Read,
    observed: &'a Observed<'a>,
}

impl Asked<'_> {
    /// Is what was read older than this write?
    fn is_older_than(&self, write: u32) -> bool {
        self.read.source == NONE || self.order.is_before(self.read.source, write)
    }

    fn session_step(&self, from: u32, to: u32) -> Option<Step> {
        (from != to).then_some(Step { from, to, hop: Hop::Session })
    }

    fn own_write(&self) -> Option<Vec<Step>> {
        let (order, reader) = (self.order, self.read.txn);
        let column = order.column(reader);
        let mut runs = order.writes.of_key(self.read.key).map(|number| order.writes.run(number));
        let run = runs.find(|run| run.column == column)?;
        let write = order.writes.last(run, order.pos(reader) - 1)?;
        self.is_older_than(write).then(|| self.session_step(write, reader).into_iter().collect())
    }

    /// The session's reads of the key until a transaction.
    fn reads_of_key(&self, session: u32, until: u32) -> impl Iterator<Item = usize> {
        let reads = self.order.links.reads_of(session).start..self.order.links.reads_of(until).end;
        reads.filter(|place| {
            let read = self.order.reads[*place];
            read.key == self.read.key && read.source != NONE
        })
    }

    fn own_read(&self, steps: &mut u64) -> Option<Vec<Step>> {
        let reader = self.read.txn;
        let start = self.order.links.session(self.order.history, reader).start;
        if start == reader {
            return None;
        }
        let mut reads = self.reads_of_key(start, reader - 1).inspect(|_| *steps += 1);
        let newer = reads.find(|place| self.is_older_than(self.order.reads[*place].source))?;
        Some(self.handed_over(newer))
    }

    /// From what was read to the reader's later read of something else.
    fn handed_over(&self, place: usize) -> Vec<Step> {
        let read = self.order.reads[place];
        let hop = Hop::Reads(place as u32);
        let first = Step { from: read.source, to: read.txn, hop };
        [Some(first), self.session_step(read.txn, self.read.txn)].into_iter().flatten().collect()
    }

    fn write_before_write(&self) -> Option<Vec<Step>> {
        let order = self.order;
        order.writes.of_key(self.read.key).find_map(|number| {
            let run = order.writes.run(number);
            let place = *self.observed.seen.get(&run.column)?;
            let later = order.reads[place].source;
            let write = order.writes.last(run, order.pos(later) - 1)?;
            let way = || {
                let first = self.session_step(write, later);
                first.into_iter().chain(self.handed_over(place)).collect()
            };
            self.is_older_than(write).then(way)
        })
    }

    fn read_before_write(&self, steps: &mut u64) -> Option<Vec<Step>> {
        let mut seen: Vec<usize> = self.observed.seen.values().copied().collect();
        seen.sort_unstable();
        seen.into_iter().find_map(|place| {
            let written = self.order.reads[place].source;
            let start = self.order.links.session(self.order.history, written).start;
            let mut reads = self.reads_of_key(start, written).inspect(|_| *steps += 1);
            let newer = reads.find(|place| self.is_older_than(self.order.reads[*place].source))?;
            let read = self.order.reads[newer];
            let first = Step { from: read.source, to: read.txn, hop: Hop::Reads(newer as u32) };
            let then = self.session_step(read.txn, written);
            Some([first].into_iter().chain(then).chain(self.handed_over(place)).collect())
        })
    }

    fn violation(&self, past: Vec<Step>) -> Violation {
        let Order { history, reads, links, .. } = self.order;
        let newer = past[0].from;
        let (source, pattern) = match self.read.source {
            NONE => (Vec::new(), Pattern::WriteCOInitRead),
            source => {
                let ground = Ground { history, reads, links, musts: None };
                let way = Walk::on(ground).shortest(source, NONE, |txn| txn == newer);
                (way.expect("it is before"), Pattern::WriteCORead)
            }
        };
        let stale = Stale { source, past, read: self.read };
        let explainer = Explainer::new(history, reads);
        explainer.stale(pattern, self.order, &stale, Derived::NOTHING, false)
    }
}
