//! Checks what really ran: the traces of a cluster's hosts, replayed on the very handlers.
//!
//! | file | what it does |
//! |---|---|
//! | `read.rs` | files into starts and steps; refuses what is no trace |
//! | `sound.rs` | lets through what the wire lets through |
//! | `play.rs` | computes each step again, and compares |
//! | `chronicle.rs` | tells the steps to people |
//! | `merge.rs` | finds an order in which every message is sent before it arrives |
//! | `sent.rs` | what a message that arrives may come from |
//! | `judge.rs` | what is promised, over any number of updates |
//! | `shadow.rs` | all properties of `models/properties`, if there are few updates |
//!
//! An accepted trace is an execution of the model: the same handlers gave the same effects and states, in
//! an order in which every message between replica managers was sent before it arrived, gossip perhaps in
//! part. What clients ask is free, but for this: one identifier has one content.

mod chronicle;
mod judge;
mod merge;
mod play;
mod read;
mod sent;
mod shadow;
mod sound;
mod witnessed;

pub use read::{BOOTS_MAX, Boot, End, FILE_BYTES_MAX, Trace, TraceError};
pub use witnessed::Witnessed;

use crate::{application::Application, recording::Recording};
use chinwag::{
    Service,
    runtime::command::{CliService, WithService, with_service},
};
use std::{fmt, path::Path};

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Starts of replica managers.
    pub boots: usize,
    /// Of these, how many ended without being stopped.
    pub killed: usize,
    /// Steps that were computed again.
    pub steps: usize,
    /// Of these, how many were in a batch that a crash took before it was journalled.
    pub lost: usize,
    /// Messages between replica managers that arrived.
    pub received: usize,
    /// Of these, how many had arrived before.
    pub repeated: usize,
    /// Updates.
    pub updates: usize,
    /// Requests that claim to have seen what no replica manager had made: clients that lie.
    pub lies: usize,
    /// Was each step judged by every property? Else there are too many updates for it, and what `judge.rs`
    /// says was.
    pub all_properties: bool,
    /// Do all replica managers hold the same at the end? Only then it is judged whether they are equal.
    pub quiescent: bool,
    /// Why the trace does not tell all that happened; nothing if it does.
    pub missing: Vec<String>,
}

/// The step that no execution of the model has, or the promise that a step breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The step, in short.
    pub step: Box<str>,
    /// Why it is refused.
    pub why: String,
    /// The same at length, a sentence each, if more can be said of it.
    pub because: Box<[String]>,
    /// What was recorded and what should have been: only what differs.
    pub differences: Vec<Difference>,
    /// Steps that were accepted before it.
    pub accepted: usize,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What.
    pub what: String,
    /// What the trace says.
    pub recorded: String,
    /// What the model says.
    pub computed: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}: {}", self.file, self.line, self.step)?;
        writeln!(f, "  {}", self.why)?;
        self.because.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
        for Difference { what, recorded, computed } in &self.differences {
            writeln!(f, "  {what}\n    recorded {recorded}\n    computed {computed}")?;
        }
        write!(f, "  {} steps were accepted before it", self.accepted)
    }
}

/// What became of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is an execution of the model, as far as it goes.
    Accepted(Summary),
    /// It is none.
    Refused(Box<Refused>),
}

impl Verdict {
    /// Is it an execution, and whole?
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Accepted(summary) if summary.missing.is_empty())
    }

    /// Is it no execution?
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Checks all trace files of a directory.
///
/// # Errors
///
/// The files are no traces of one cluster.
pub fn check_directory(directory: &Path) -> Result<Verdict, TraceError> {
    match read_directory(directory, false)? {
        Read::Checked(verdict) => Ok(verdict),
        Read::Recorded(_) => unreachable!("nothing was to be recorded"),
    }
}

/// The run of all trace files of a directory, step by step, as far as it is an execution of the model.
///
/// # Errors
///
/// The files are no traces of one cluster.
pub fn record_directory(directory: &Path) -> Result<Recording, TraceError> {
    match read_directory(directory, true)? {
        Read::Recorded(recording) => Ok(*recording),
        Read::Checked(_) => unreachable!("it was to be recorded"),
    }
}

/// The service of traces of simulated hosts: that of the models.
pub const MODELS_SERVICE: &str = "of the models";

/// What must be known of a service to judge and to tell its values.
struct Ways<S> {
    /// Are they equal? Of the models' application, whatever order they came about in.
    alike: fn(&S, &S) -> bool,
    /// For people.
    shows: fn(&S) -> String,
}

impl<S: Service> Ways<S> {
    fn of() -> Self {
        Self { alike: S::eq, shows: |value| format!("{value:?}") }
    }
}

enum Read {
    Checked(Verdict),
    Recorded(Box<Recording>),
}

fn read_directory(directory: &Path, records: bool) -> Result<Read, TraceError> {
    struct ReadIt<'a>(&'a Path, bool);
    impl ReadIt<'_> {
        fn read<S: Service>(self, ways: Ways<S>) -> Result<Read, TraceError> {
            let trace = Trace::<Witnessed<S>>::read(self.0)?;
            trace.validate()?;
            Ok(match self.1 {
                true => Read::Recorded(Box::new(merge::record(&trace, ways))),
                false => Read::Checked(merge::merge(&trace, ways)),
            })
        }
    }
    impl WithService for ReadIt<'_> {
        type Output = Result<Read, TraceError>;
        fn run<S: CliService>(self) -> Self::Output {
            self.read::<S>(Ways::of())
        }
    }
    let service = read::service_of(directory)?;
    if service == MODELS_SERVICE {
        let alike = |a: &Application, b: &Application| a.value == b.value;
        let ways = Ways { alike, shows: |application| application.value.show() };
        return ReadIt(directory, records).read::<Application>(ways);
    }
    let unknown = || TraceError::of(directory, format!("no service is called {service:?}"));
    with_service(&service, ReadIt(directory, records)).unwrap_or_else(|| Err(unknown()))
}

/// Checks a trace.
///
/// # Errors
///
/// It is no trace of one cluster.
pub fn check<S: Service>(trace: &Trace<Witnessed<S>>) -> Result<Verdict, TraceError> {
    trace.validate()?;
    Ok(merge::merge(trace, Ways::of()))
}
