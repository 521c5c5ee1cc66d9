//! Runs one search within what is left of the overall bounds, and survives a panic in it.

use crate::{
    cli::Common,
    progress::{self, Line},
};
use chinwag::{Rules, rules::FAITHFUL};
use chinwag_models::{
    engine::{
        End, Expectation, Options, PropertyInfo, Report, Tables, Target, Trace, search, shortest,
    },
    model::Model,
    mutants::Mutant,
    party::Disk,
    system::System,
};
use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// The overall bounds.
#[derive(Clone, Debug)]
pub struct Lab {
    threads: usize,
    quiet: bool,
    started: Instant,
    deadline: Option<Instant>,
    memory_max: Option<u64>,
}

/// What to search for, and how far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Go on after a violation.
    pub keep_going: bool,
    /// Stop after so many states.
    pub states_max: Option<u64>,
}

/// What came of looking for a way to something.
#[derive(Debug)]
pub enum Way<T> {
    /// The shortest one.
    Found(T),
    /// There is none: every state was looked at.
    None,
    /// A bound was met before that was known.
    Cut(End),
}

impl<T> Way<T> {
    /// The same of what was found.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Way<U> {
        match self {
            Way::Found(found) => Way::Found(to(found)),
            Way::None => Way::None,
            Way::Cut(end) => Way::Cut(end),
        }
    }
}

/// The text of a panic.
#[derive(Debug)]
pub struct Panicked(pub String);

impl Lab {
    /// The bounds of the command line; time runs from now on.
    pub fn open(common: &Common) -> Self {
        let started = Instant::now();
        let timeout = common.timeout.and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok());
        Lab {
            threads: common.threads,
            quiet: common.quiet,
            started,
            deadline: timeout.map(|timeout| started + timeout),
            memory_max: common.memory_limit,
        }
    }

    /// Is there no time left, or was it interrupted?
    pub fn is_over(&self) -> bool {
        progress::is_interrupted() || self.deadline.is_some_and(|d| Instant::now() >= d)
    }

    /// Seconds since it was opened.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Searches a system.
    pub fn search(
        &self,
        tables: &Tables<System>,
        name: &str,
        wanted: Wanted,
    ) -> Result<Report, Panicked> {
        let options = Options {
            keep_going: wanted.keep_going,
            liveness: true,
            ..self.options(wanted.states_max)
        };
        let line = Line::begin(name, self.quiet);
        caught(|| search(tables, &options, &mut |progress| line.tell(progress)))
    }

    /// What is left of the bounds.
    fn options(&self, states_max: Option<u64>) -> Options {
        Options {
            threads: self.threads,
            states_max,
            time_max: self.deadline.map(|d| d.saturating_duration_since(Instant::now())),
            memory_max: self.memory_max,
            stop: Some(&progress::STOP),
            ..Options::default()
        }
    }

    /// The shortest way to a violation, or to a witness.
    pub fn shortest(
        &self,
        tables: &Tables<System>,
        property: &PropertyInfo,
        states_max: Option<u64>,
    ) -> Result<Way<Trace<System>>, Panicked> {
        let liveness = property.expectation == Expectation::Finally;
        let options = Options { liveness, ..self.options(states_max) };
        let name = format!("looking for the shortest way to: {}", property.name);
        let _line = Line::begin(&name, self.quiet);
        caught(|| match shortest(tables, Target::of(property), &options) {
            Ok(Some(trace)) => Way::Found(trace),
            Ok(None) => Way::None,
            Err(end) => Way::Cut(end),
        })
    }
}

/// The tables of a model, with a bug in it or not.
pub fn tables(model: &Model, mutant: Option<&Mutant>) -> Arc<Tables<System>> {
    let (rules, disk): (&'static Rules, Disk) =
        mutant.map_or((&FAITHFUL, Disk::Honest), |m| (m.rules, m.disk));
    let system = System::new(model, rules, disk);
    let rules = system.rules();
    Arc::new(Tables::new(Arc::new(system), rules))
}

static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic is remembered, not printed.
pub fn remember_panics() {
    panic::set_hook(Box::new(|info| {
        let mut first = PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        first.get_or_insert_with(|| info.to_string().replace('\n', " "));
    }));
}

/// What the first panic since the last time said.
pub fn last_panic() -> String {
    let mut first = PANIC.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    first.take().unwrap_or_else(|| "a panic without words".to_owned())
}

/// What it comes to, or how it panicked. Tables that saw a panic are not used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked(last_panic()))
}
