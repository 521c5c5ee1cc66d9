//! The shortest way to a violation or a witness.

use super::flat::Flat;
use super::options::Options;
use super::reader::{Reader, Touched};
use super::report::End;
use super::system::{System, Verdict};
use super::tables::Tables;
use super::teller::tell;
use super::trace::{Target, Trace};
use super::visited::Visited;
use super::watch::Watch;
use super::worker::Examiner;

/// The shortest way to a target, or none if no state of all meets it; the bound that was met before that was
/// known.
///
/// A breadth-first search with one thread and fresh tables: the result is the same every time. With
/// `options.liveness`, fair continuations are judged too, and a trace that needs one ends with it.
pub fn shortest<S: System>(
    tables: &Tables<S>,
    target: Target,
    options: &Options,
) -> Result<Option<Trace<S>>, End> {
    let tables = tables.fresh();
    let mut finder = Finder {
        examiner: Examiner::new(Reader::new(&tables)),
        visited: Visited::new(),
        known: options.liveness.then(Visited::new),
        target,
        parents: Vec::new(),
        watch: Watch::start(options),
    };
    let choices = finder.find(options)?;
    Ok(choices.map(|choices| tell(&tables, &choices, target)))
}

/// A breadth-first search that remembers how it reached each state.
struct Finder<'t, S: System> {
    examiner: Examiner<'t, S>,
    visited: Visited,
    known: Option<Visited>,
    target: Target,
    /// For each state in the order of discovery, the state before it and the number of the step.
    parents: Vec<(u32, u16)>,
    watch: Watch<'t>,
}

impl<S: System> Finder<'_, S> {
    /// The numbers of the steps to the target.
    fn find(&mut self, options: &Options) -> Result<Option<Vec<u16>>, End> {
        let states_max = options.states_max.unwrap_or(u64::MAX).min(u64::from(u32::MAX)) as usize;
        let mut level = Vec::new();
        let mut state = self.examiner.reader.start();
        let between = self.examiner.settle(&mut state, Touched::ALL, |_| {});
        if self.is_hit(&state, u32::MAX, between) {
            return Ok(Some(Vec::new()));
        }
        self.discover(&state, (0, 0), &mut level);
        let (nodes, mut jumps, mut index) = (state.nodes.len(), Vec::new(), 0);
        let (mut next, mut depth) = (Flat::default(), 0);
        while !level.is_empty() && options.depth_max.is_none_or(|max| depth < max) {
            let mut found = Vec::new();
            let mut bytes = &level[..];
            while !bytes.is_empty() {
                state.decode(&mut bytes, nodes);
                self.examiner.reader.jumps(&state, &mut jumps);
                for (choice, jump) in jumps.iter().enumerate() {
                    next.copy_from(&state);
                    let between = self.examiner.step(&mut next, *jump, |_| {});
                    let changed = next.changed_since(&state);
                    let parent = (index, u16::try_from(choice).expect("less than 65536 steps"));
                    if self.is_hit(&next, changed, between) {
                        return Ok(Some(self.choices(parent)));
                    }
                    self.discover(&next, parent, &mut found);
                }
                index += 1;
                if self.parents.len() >= states_max {
                    return Err(End::States);
                }
                if self.watch.is_due()
                    && let Some(bound) = self.watch.bound_met(self.bytes(level.len() + found.len()))
                {
                    return Err(bound);
                }
            }
            level = found;
            depth += 1;
        }
        if level.is_empty() { Ok(None) } else { Err(End::Depth) }
    }

    /// Bytes of all tables, with so many of the frontier.
    fn bytes(&self, frontier: usize) -> u64 {
        let own = self.parents.capacity() * size_of::<(u32, u16)>() + frontier;
        let known = self.known.as_ref().map_or(0, Visited::bytes);
        self.visited.bytes() + known + self.examiner.reader.tables.bytes() + own as u64
    }

    /// Whether this state, or one on the way to it from its parent, is the target.
    fn is_hit(&mut self, state: &Flat, changed: u32, between: Verdict) -> bool {
        if self.target.is_met_by(between) {
            return true;
        }
        if self.visited.contains(state.fingerprint) {
            return false; // It was examined when it was discovered.
        }
        let examined = self.examiner.examine(state, changed, self.known.as_ref());
        self.target.is_met_by(examined.verdict)
    }

    fn discover(&mut self, state: &Flat, parent: (u32, u16), level: &mut Vec<u8>) {
        if self.visited.insert(state.fingerprint) {
            self.parents.push(parent);
            state.encode(level);
        }
    }

    /// The steps from the start to the state that this step leads to.
    fn choices(&self, last: (u32, u16)) -> Vec<u16> {
        let (mut choices, mut index) = (vec![last.1], last.0);
        while index != 0 {
            let (before, choice) = self.parents[index as usize];
            choices.push(choice);
            index = before;
        }
        choices.reverse();
        choices
    }
}
