//! Runs many seeds on several threads, and looks for seeded bugs with them.

use crate::{
    run::{End, Outcome, run},
    scenario::Scenario,
    slips::Slip,
};
use std::{
    collections::BTreeMap,
    panic,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What came of many runs.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    /// Runs.
    pub runs: u64,
    /// Virtual time, in milliseconds.
    pub virtual_ms: u64,
    /// How often each thing happened.
    pub counts: BTreeMap<String, u64>,
    /// Runs that ended early since a disk had lied, and those where nobody could find out.
    pub ended_early: [u64; 2],
    /// The longest that it took in calm until all was right, in milliseconds.
    pub healed_ms_max: u64,
    /// Looks at all properties.
    pub looks: u64,
    /// Updates that clients asked for.
    pub updates: u64,
    /// The failing runs: seed, and what was broken.
    pub broken: Vec<(u64, String)>,
    /// Seeds that were not run, since the time was over.
    pub not_run: u64,
}

impl Sum {
    /// With one more run.
    pub fn add(&mut self, seed: u64, scenario: &Scenario, outcome: &Outcome) {
        self.runs += 1;
        self.virtual_ms += outcome.virtual_ms;
        self.looks += outcome.looks;
        self.updates += scenario.updates() as u64;
        self.healed_ms_max = self.healed_ms_max.max(outcome.healed_ms.unwrap_or(0));
        match &outcome.end {
            End::Sound => {}
            End::Broken(what) => self.broken.push((seed, what.clone())),
            End::Refused => self.ended_early[0] += 1,
            End::Excused => self.ended_early[1] += 1,
        }
        for (name, count) in happened(outcome) {
            *self.counts.entry(name).or_default() += count;
        }
    }
}

fn happened(outcome: &Outcome) -> Vec<(String, u64)> {
    let (weather, counts) = (&outcome.weather, &outcome.counts);
    let mut all = vec![
        ("datagrams sent", weather.sent),
        ("datagrams lost", weather.lost),
        ("datagrams cut off by a partition", weather.cut),
        ("datagrams held up by a clog", weather.clogged),
        ("datagrams that came twice", weather.twice),
        ("datagrams that came again minutes later", weather.late),
        ("datagrams changed or cut", weather.corrupt),
        ("of these, left to UDP's checksum", weather.checksum),
        ("datagrams that strayed", weather.stray),
        ("datagrams that found a buffer full", counts.overflown),
        ("datagrams that could not be read", counts.unreadable),
        ("steps of hosts", counts.steps),
        ("steps that took several datagrams", counts.batched),
        ("requests repeated", counts.repeats),
        ("faults that found nobody", counts.skipped),
        ("older or empty disks put in place", counts.swapped),
        ("replica managers refused for lost state", counts.refused),
        ("copies that newcomers took", counts.copies),
        ("clients that waited for what was lost", counts.in_vain),
        ("recoveries in which power was lost", counts.recoveries_cut),
        ("events", counts.events),
    ]
    .into_iter()
    .map(|(name, count)| (name.to_owned(), count))
    .collect::<Vec<_>>();
    all.extend(
        counts.faults.iter().map(|(kind, count)| (format!("fault {}", kind.name()), *count)),
    );
    all
}

/// Runs these seeds. Ends early at the time limit, or at the first that fails if so wanted. The result
/// depends on neither the threads nor their order, unless it ended early.
pub fn seeds(
    seeds: std::ops::RangeInclusive<u64>,
    large: bool,
    (slip, threads): (Option<Slip>, usize),
    limit: Option<Duration>,
    stops_at_first: bool,
) -> Sum {
    let begun = Instant::now();
    // How many come before the next one: beyond the last seed there may be no number.
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let others = seeds.end() - seeds.start();
    let sum = Mutex::new(Sum::default());
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let is_over = limit.is_some_and(|limit| begun.elapsed() >= limit);
                    let before = next.fetch_add(1, Ordering::Relaxed);
                    if before > others {
                        return;
                    }
                    let seed = seeds.start() + before;
                    if is_over || over.load(Ordering::Relaxed) {
                        lock(&sum).not_run += 1;
                        continue;
                    }
                    let scenario = Scenario::of_seed(seed, large);
                    let outcome = run(&scenario, slip, false);
                    if stops_at_first && matches!(outcome.end, End::Broken(_)) {
                        over.store(true, Ordering::Relaxed);
                    }
                    lock(&sum).add(seed, &scenario, &outcome);
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    sum.broken.sort();
    sum
}

fn lock(sum: &Mutex<Sum>) -> std::sync::MutexGuard<'_, Sum> {
    sum.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What became of a seeded bug.
#[derive(Clone, Debug)]
pub struct Hunted {
    /// Its name.
    pub name: &'static str,
    /// Why nobody can tell it from what is right, if so.
    pub equivalent: Option<&'static str>,
    /// The seed that found it, if one did, and what was broken.
    pub found: Option<(u64, String)>,
    /// Runs.
    pub runs: u64,
    /// Virtual time of them, in milliseconds.
    pub virtual_ms: u64,
}

/// Looks for a seeded bug, seed by seed.
pub fn hunt(
    (name, slip, equivalent): (&'static str, Slip, Option<&'static str>),
    seeds: std::ops::RangeInclusive<u64>,
    large: bool,
) -> Hunted {
    let mut hunted = Hunted { name, equivalent, found: None, runs: 0, virtual_ms: 0 };
    for seed in seeds {
        let outcome = run(&Scenario::of_seed(seed, large), Some(slip), false);
        hunted.runs += 1;
        hunted.virtual_ms += outcome.virtual_ms;
        if let End::Broken(what) = outcome.end {
            hunted.found = Some((seed, what));
            break;
        }
    }
    hunted
}

/// Keeps panics of runs, which are findings, from the terminal.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|_| {}));
}
