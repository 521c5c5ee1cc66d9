//! The packed search: breadth first, level by level, with several threads.

use super::level::Shared;
use super::options::Options;
use super::reader::Reader;
use super::report::{End, Finding, Progress, Report, collision_probability, peak_resident_bytes};
use super::system::{Expectation, PropertyInfo, System, Verdict};
use super::tables::Tables;
use super::visited::Visited;
use super::watch::Watch;
use super::worker::{Counts, Worker};
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

/// How long the thread that waits for a level sleeps at a time.
const PARKED_MAX: Duration = Duration::from_millis(50);

/// Visits every state within the bounds, breadth first, and judges it.
///
/// Counts, depths and verdicts do not depend on the number of threads, unless a bound on states, time or
/// memory cuts the search off within a level. `progress` is called a few times a second.
pub fn search<S: System>(
    tables: &Tables<S>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Report {
    let shared = Shared::new(options.liveness, options.states_max);
    let mut workers: Vec<_> =
        (0..options.thread_count()).map(|_| Worker::new(Reader::new(tables))).collect();
    let mut run = Run::new(tables, options, &shared, progress);
    workers[0].begin(&shared);
    run.note_findings(&workers, 0);
    let end = run.levels(&mut workers);
    run.report(&workers, end)
}

struct Run<'a, S: System> {
    tables: &'a Tables<S>,
    options: &'a Options,
    shared: &'a Shared,
    progress: &'a mut dyn FnMut(&Progress),
    watch: Watch<'a>,
    /// The bound that was met, if one was.
    cut: Option<End>,
    depth: usize,
    levels: Vec<u64>,
    own_bytes: u64,
    findings: Vec<Finding>,
}

impl<'a, S: System> Run<'a, S> {
    fn new(
        tables: &'a Tables<S>,
        options: &'a Options,
        shared: &'a Shared,
        progress: &'a mut dyn FnMut(&Progress),
    ) -> Self {
        let properties = tables.system.properties().iter().chain([&Finding::SILENCE]);
        let finding = |property: &PropertyInfo| Finding {
            property: *property,
            depth: None,
            checked: options.liveness || property.expectation != Expectation::Finally,
        };
        Run {
            tables,
            options,
            shared,
            progress,
            watch: Watch::start(options),
            cut: None,
            depth: 0,
            levels: Vec::new(),
            own_bytes: 0,
            findings: properties.map(finding).collect(),
        }
    }

    /// Expands level after level; returns why that ended.
    fn levels(&mut self, workers: &mut [Worker<'a, S>]) -> End {
        loop {
            let (blocks, states) = self.shared.turn();
            if states == 0 {
                return End::Exhaustive;
            }
            self.levels.push(states);
            if self.findings.iter().any(Finding::is_violation) && !self.options.keep_going {
                return End::Violation;
            }
            if self.options.depth_max.is_some_and(|max| self.depth >= max) {
                return End::Depth;
            }
            self.tick();
            self.expand_level(workers, blocks);
            self.own_bytes = self.own_bytes.max(self.own_bytes_now());
            self.note_findings(workers, self.depth + 1);
            let found = self.shared.found.load(Relaxed);
            self.depth += usize::from(found > 0);
            // A bound that was met while the last block was being expanded cut nothing off.
            if self.shared.waiting.load(Relaxed) > 0 {
                self.levels.extend((found > 0).then_some(found));
                return self.cut.unwrap_or(End::States);
            }
        }
    }

    fn expand_level(&mut self, workers: &mut [Worker<'a, S>], blocks: usize) {
        let shared = self.shared;
        if blocks == 1 {
            return workers[0].run(shared); // A thread would cost more than it saves.
        }
        let this_thread = thread::current();
        thread::scope(|scope| {
            let mut handles = Vec::new();
            for worker in workers.iter_mut().take(blocks) {
                let this_thread = &this_thread;
                handles.push(scope.spawn(move || {
                    worker.run(shared);
                    this_thread.unpark();
                }));
            }
            while !handles.iter().all(|handle| handle.is_finished()) {
                thread::park_timeout(PARKED_MAX);
                self.tick();
            }
        });
    }

    /// Every now and then: checks the bounds on time and memory, and tells the progress.
    fn tick(&mut self) {
        if !self.watch.is_due() {
            return;
        }
        let memory = self.own_bytes_now();
        self.own_bytes = self.own_bytes.max(memory);
        if let Some(bound) = self.watch.bound_met(memory) {
            self.cut.get_or_insert(bound);
            self.shared.stop.store(true, Relaxed);
        }
        let elapsed = self.watch.elapsed();
        let unique = self.shared.unique.load(Relaxed);
        let waiting = self.shared.waiting.load(Relaxed) + self.shared.found.load(Relaxed);
        (self.progress)(&Progress {
            unique,
            generated: self.shared.generated.load(Relaxed),
            frontier: waiting,
            depth: self.depth,
            seconds: elapsed.as_secs_f64(),
            memory,
            states_per_second: unique as f64 / elapsed.as_secs_f64(),
        });
    }

    fn own_bytes_now(&self) -> u64 {
        self.shared.bytes() + self.tables.bytes()
    }

    /// Notes what the level at this depth was the first to show.
    fn note_findings(&mut self, workers: &[Worker<'a, S>], depth: usize) {
        let verdict =
            workers.iter().fold(Verdict::NOTHING, |sum, worker| sum.and(worker.counts.verdict));
        for finding in &mut self.findings {
            if finding.property.is_found_by(verdict) {
                finding.depth.get_or_insert(depth);
            }
        }
    }

    fn report(self, workers: &[Worker<'a, S>], end: End) -> Report {
        let sum = |of: fn(&Counts) -> u64| workers.iter().map(|worker| of(&worker.counts)).sum();
        let unique = self.shared.visited.len();
        let own_bytes = self.own_bytes.max(self.own_bytes_now());
        let mut kinds: Vec<_> = self.tables.kinds().into_iter().map(|name| (name, 0)).collect();
        for worker in workers {
            for (total, count) in kinds.iter_mut().zip(&worker.counts.kinds) {
                total.1 += count;
            }
        }
        kinds.push(("lose", sum(|counts| counts.drops)));
        kinds.retain(|(_, count)| *count > 0);
        kinds.sort_unstable();
        Report {
            end,
            unique,
            generated: self.shared.generated.load(Relaxed),
            depth: self.depth,
            levels: self.levels,
            idle: sum(|counts| counts.idle),
            terminal: sum(|counts| counts.terminal),
            locals: self.tables.locals(),
            messages: self.tables.messages(),
            local_steps: self.tables.local_steps(),
            eager_conflicts: workers.iter().map(Worker::eager_conflicts).sum(),
            fair_states: self.shared.known.as_ref().map_or(0, Visited::len),
            seconds: self.watch.elapsed().as_secs_f64(),
            bytes_per_state: self.shared.visited.bytes() as f64 / unique as f64,
            own_bytes,
            peak_rss: peak_resident_bytes(),
            collision_probability: collision_probability(unique),
            kinds,
            findings: self.findings,
        }
    }
}
