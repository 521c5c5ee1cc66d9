//! What a search says while it runs and when it has ended.

use super::system::{Expectation, PropertyInfo, SILENCE};

/// The state of a running search.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Distinct states found so far.
    pub unique: u64,
    /// Steps taken so far, plus one for the initial state.
    pub generated: u64,
    /// States that wait to be expanded, in this level and the next.
    pub frontier: u64,
    /// Steps from the start to the level that is being expanded.
    pub depth: usize,
    /// Since the start of the search.
    pub seconds: f64,
    /// Bytes of the engine's own tables.
    pub memory: u64,
    /// Distinct states a second, since the start.
    pub states_per_second: f64,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Every reachable state was visited.
    Exhaustive,
    /// A level held a violation, and the search was not asked to go on.
    Violation,
    /// The bound on states was met.
    States,
    /// The bound on depth was met.
    Depth,
    /// The bound on time was met.
    Time,
    /// The bound on memory was met.
    Memory,
    /// Someone had enough: [`super::Options::stop`].
    Stopped,
}

/// What was found out about one property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The property.
    pub property: PropertyInfo,
    /// Steps from the start to the nearest state that violates it, or for a witness, that shows it. For a
    /// state on a fair continuation, steps to where the continuation begins. Eager deliveries do not count.
    pub depth: Option<usize>,
    /// Whether this search could have found it: liveness properties need [`super::Options::liveness`].
    pub checked: bool,
}

impl Finding {
    /// Whether it is an always-property or a liveness property that was found false.
    pub fn is_violation(&self) -> bool {
        self.property.expectation != Expectation::Sometimes && self.depth.is_some()
    }

    /// The engine's own liveness property.
    pub(super) const SILENCE: PropertyInfo = PropertyInfo {
        name: "every fair continuation becomes silent",
        expectation: Expectation::Finally,
        bit: SILENCE,
    };
}

/// What a search did and found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why it ended.
    pub end: End,
    /// Distinct states.
    pub unique: u64,
    /// Steps taken, plus one for the initial state.
    pub generated: u64,
    /// Steps from the start to the farthest state.
    pub depth: usize,
    /// Distinct states of each level: how many are 0, 1, 2 ... steps from the start. The last ones may be
    /// incomplete if the search was cut off.
    pub levels: Vec<u64>,
    /// Quiescent states: no delivery changes anything, and no node has a fair event.
    pub idle: u64,
    /// States without any step.
    pub terminal: u64,
    /// Distinct node states, in the tables.
    pub locals: usize,
    /// Distinct messages, in the tables.
    pub messages: usize,
    /// Local steps that were computed, in the tables.
    pub local_steps: usize,
    /// How often two eager messages waited for the same node. Of each such pair only one was delivered first:
    /// unless they commute, `eager` hides behaviours of this system, and its verdicts are not to be trusted.
    pub eager_conflicts: u64,
    /// States that fair continuations passed.
    pub fair_states: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Bytes of the visited set for each distinct state.
    pub bytes_per_state: f64,
    /// The most bytes that the engine's own tables took: visited sets, frontier, numbers, memo.
    pub own_bytes: u64,
    /// The most resident memory the process ever had, in bytes; 0 where it cannot be read.
    pub peak_rss: u64,
    /// An upper bound of the probability that two states had the same fingerprint: n^2 / 2^65.
    pub collision_probability: f64,
    /// How often each kind of action was taken, eager deliveries included.
    pub kinds: Vec<(&'static str, u64)>,
    /// The properties in their order, then the engine's own.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether every reachable state was visited.
    pub fn is_exhaustive(&self) -> bool {
        self.end == End::Exhaustive
    }

    /// States in the widest level.
    pub fn widest(&self) -> u64 {
        self.levels.iter().copied().max().unwrap_or(0)
    }

    /// The violated properties.
    pub fn violations(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.is_violation())
    }

    /// The witnesses that were not seen.
    pub fn unseen(&self) -> impl Iterator<Item = &Finding> {
        let is_witness = |f: &&Finding| f.property.expectation == Expectation::Sometimes;
        self.findings.iter().filter(is_witness).filter(|finding| finding.depth.is_none())
    }

    /// The finding on the property of this name.
    pub fn finding(&self, name: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.property.name == name)
    }

    /// Whether the search was exhaustive, checked everything, violated nothing and saw every witness.
    pub fn is_proof(&self) -> bool {
        self.is_exhaustive()
            && self.violations().next().is_none()
            && self.unseen().next().is_none()
            && self.findings.iter().all(|finding| finding.checked)
    }
}

/// n^2 / 2^65.
pub(super) fn collision_probability(unique: u64) -> f64 {
    let n = unique as f64;
    n * n / 2f64.powi(65)
}

/// The resident memory of this process now, in bytes; 0 where it cannot be read.
pub(super) fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096 // Linux on x86-64 and most of aarch64.
}

/// The most resident memory this process ever had, in bytes; 0 where it cannot be read.
pub(super) fn peak_resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
