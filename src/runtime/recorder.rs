//! Writes a host's steps to a file, one line each: see `trace.rs`.
//!
//! A batch is written, in one write, before it is journalled. So a process that is killed at any moment
//! leaves a log that holds every step of which anything got out: its last batch alone may never have
//! happened, and then the next start shows it. The system must survive, though: nothing is synced.

use super::{Observer, Step, StepInput, TraceHeader, TraceInput, TraceLine, TraceState, TraceStep};
use crate::{Input, Service};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Bytes of one file. Beyond it, the log says that it is incomplete.
pub const TRACE_BYTES_MAX: u64 = 1 << 32;

/// Bytes of one batch that wait to be written. Beyond it, the log says that it is incomplete.
pub const TRACE_BATCH_BYTES_MAX: usize = 1 << 26;

/// Starts of one replica manager that one directory can hold.
pub const TRACE_BOOTS_MAX: u32 = 100_000;

/// The name of a trace file: `rm0.00003.jsonl` of the fourth start of rm0.
pub fn trace_file_name(node: u16, boot: u32) -> String {
    format!("rm{node}.{boot:05}.jsonl")
}

/// Records the steps of one host, from its start to its end.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: File,
    written: u64,
    bytes_max: u64,
    /// Whole lines of the batch that is not written yet.
    lines: Vec<u8>,
    steps: u64,
    /// Of them, how many are in the file.
    steps_written: u64,
    commit: u64,
    last: Option<TraceState>,
    /// Why it gave up.
    failed: Option<String>,
}

impl Recorder {
    /// Begins a new file of this directory, which is made if it is absent. Nothing is ever overwritten.
    ///
    /// The file has its name once its first line is whole: a process that is killed here leaves no trace of
    /// this start, which did nothing, and the next one has its number.
    pub fn create(directory: &Path, header: &TraceHeader) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let mut header = header.clone();
        let unnamed = directory.join(format!("rm{}.unnamed", header.node));
        let (path, file, written) = loop {
            let mut path = directory.join(trace_file_name(header.node, header.boot));
            // So that the first line is written once, however many starts there were.
            while path.exists() && header.boot < TRACE_BOOTS_MAX {
                header.boot += 1;
                path = directory.join(trace_file_name(header.node, header.boot));
            }
            let mut line = serde_json::to_vec(&TraceLine::<NoService>::Header(header.clone()))?;
            line.push(b'\n');
            // What is left here may be a named file's other name: it must not be written to.
            remove_if_there(&unnamed)?;
            let mut file = File::create_new(&unnamed)?;
            file.write_all(&line)?;
            match fs::hard_link(&unnamed, &path) {
                Ok(()) => break (path, file, line.len() as u64),
                // Another process has just made it, or it is a link to nothing.
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists
                        && header.boot < TRACE_BOOTS_MAX =>
                {
                    header.boot += 1;
                }
                Err(error) => return Err(error),
            }
        };
        fs::remove_file(unnamed)?;
        Ok(Self {
            path,
            file,
            written,
            bytes_max: TRACE_BYTES_MAX,
            lines: Vec::new(),
            steps: 0,
            steps_written: 0,
            commit: 0,
            last: None,
            failed: None,
        })
    }

    /// The same, with another limit than [`TRACE_BYTES_MAX`].
    pub fn with_bytes_max(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// Says that the host was stopped, and that nothing is missing. Call it after the last commit.
    ///
    /// # Errors
    ///
    /// Something is missing, or this could not be written: why.
    pub fn finish(&mut self) -> Result<(), String> {
        if let Some(why) = &self.failed {
            return Err(format!("{}: incomplete: {why}", self.path.display()));
        }
        // What was never committed never happened.
        let line = TraceLine::<NoService>::Stop { steps: self.steps_written };
        self.lines = serde_json::to_vec(&line).unwrap_or_default();
        self.lines.push(b'\n');
        self.write();
        match &self.failed {
            Some(why) => Err(format!("{}: incomplete: {why}", self.path.display())),
            None => Ok(()),
        }
    }

    fn write(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        if self.failed.is_some() || lines.is_empty() {
            return;
        }
        let end = self.written + lines.len() as u64;
        if end > self.bytes_max {
            return self.give_up(format!("it would be longer than {} bytes", self.bytes_max));
        }
        match self.file.write_all(&lines) {
            Ok(()) => (self.written, self.steps_written) = (end, self.steps),
            Err(error) => self.give_up(error.to_string()),
        }
        self.lines = lines;
        self.lines.clear();
    }

    /// The node goes on; its log ends, and says so if it still can.
    fn give_up(&mut self, why: String) {
        let (steps, why) = (self.steps_written, self.failed.insert(why).clone());
        let line = TraceLine::<NoService>::Incomplete { steps, why };
        let mut text = serde_json::to_vec(&line).unwrap_or_default();
        text.push(b'\n');
        // If this fails too, the log lacks its last line, which says the same.
        let _ = self.file.set_len(self.written).and_then(|()| {
            io::Seek::seek(&mut self.file, io::SeekFrom::End(0))?;
            self.file.write_all(&text)
        });
    }
}

impl<S: Service> Observer<S> for Recorder {
    fn wants_steps(&self) -> bool {
        self.failed.is_none()
    }

    fn stepped(&mut self, step: &Step<'_, S>) {
        if self.failed.is_some() {
            return;
        }
        let unchanged = self.last.as_ref().filter(|_| step.journal.is_empty());
        let after = TraceState::of(step.state, unchanged);
        let input = match step.input {
            StepInput::Started => TraceInput::Start { replica: after.replica },
            StepInput::Handled(Input::Message(from, message)) => {
                TraceInput::Message { from: *from, message: message.clone() }
            }
            StepInput::Handled(Input::Timer(timer)) => TraceInput::Timer(*timer),
            // Of front ends only.
            StepInput::Handled(Input::Request(_)) => return,
            StepInput::TurnedAway(from, message) => {
                TraceInput::TurnedAway { from, message: message.clone() }
            }
            StepInput::GaveUp(queries) => TraceInput::GiveUp { queries: queries.to_vec() },
        };
        let line = TraceLine::Step(TraceStep {
            seq: self.steps,
            commit: self.commit,
            input,
            journal: step.journal.to_vec(),
            sends: step.sends.to_vec(),
            start: step.start.to_vec(),
            cancel: step.cancel.to_vec(),
            after: after.clone(),
        });
        self.last = Some(after);
        self.steps += 1;
        if let Err(error) = serde_json::to_writer(&mut self.lines, &line) {
            return self.give_up(format!("a step cannot be written: {error}"));
        }
        self.lines.push(b'\n');
        if self.lines.len() > TRACE_BATCH_BYTES_MAX {
            self.give_up(format!("a batch is longer than {TRACE_BATCH_BYTES_MAX} bytes"));
        }
    }

    fn about_to_commit(&mut self) {
        if !self.lines.is_empty() {
            self.write();
            self.commit += 1;
        }
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Lines without steps look the same whatever the service.
type NoService = crate::services::Counter;
