//! Trace files into starts and steps.

use chinwag::{
    Group, Service,
    runtime::{
        REPLICAS_MAX, TRACE_FORMAT, TraceHeader, TraceInput, TraceLine, TraceStep, UPDATABLE_MAX,
        trace_file_name,
    },
    services::Counter,
};
use std::{
    fmt, fs,
    io::{self, Read},
    path::Path,
};

/// Bytes of all files of a directory that are read.
pub const FILE_BYTES_MAX: u64 = 1 << 32;

/// Files of a directory that are read.
pub const BOOTS_MAX: usize = 10_000;

/// Of a file that a recorder has not left so: it names a file when the first line is whole.
const CUT_HEADER: &str = "empty, or cut within its first line: this start's steps are lost; without \
                          this file the rest is checked, and said to be incomplete";

const MADE_BY: &str = "`chinwag cluster --record DIR` makes one";

/// All that a cluster's hosts recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<S: Service> {
    /// Each start, by replica manager and then by time.
    pub boots: Vec<Boot<S>>,
}

/// What one replica manager recorded from one start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot<S: Service> {
    /// The file.
    pub file: String,
    /// Its first line.
    pub header: TraceHeader,
    /// Its steps. The first is in line 2.
    pub steps: Vec<TraceStep<S>>,
    /// How it ends.
    pub end: End,
}

/// How the log of one start ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The host was stopped.
    Stopped {
        /// After so many steps.
        steps: u64,
    },
    /// The process was killed, or the log has lost its tail. Perhaps within a line.
    Cut,
    /// The recorder gave up.
    GaveUp(String),
}

/// Why files are no trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// The file or directory, with the line if there is one.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl TraceError {
    /// About a file or directory.
    pub fn of(path: &Path, problem: impl fmt::Display) -> Self {
        Self { place: path.display().to_string(), problem: problem.to_string() }
    }

    fn at(file: &str, line: usize, problem: impl fmt::Display) -> Self {
        Self { place: format!("{file}:{line}"), problem: problem.to_string() }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for TraceError {}

impl<S: Service> Trace<S> {
    /// Reads every trace file of a directory.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is no trace.
    pub fn read(directory: &Path) -> Result<Self, TraceError> {
        let mut boots = Vec::new();
        let mut left = FILE_BYTES_MAX;
        let files = files(directory, &mut left)?;
        one_service(&files)?;
        for (file, text) in files {
            boots.push(Boot::parse(&file, &text)?);
        }
        boots.sort_by_key(|boot| (boot.header.node, boot.header.boot));
        Ok(Self { boots })
    }

    /// Are these the logs of one cluster, with none missing between two others?
    ///
    /// # Errors
    ///
    /// They are not.
    pub fn validate(&self) -> Result<(), TraceError> {
        let Some(first) = self.boots.first() else {
            let problem = "there is no trace; `chinwag cluster --record DIR` makes one";
            return Err(TraceError { place: "trace".into(), problem: problem.into() });
        };
        let of_cluster = |h: &TraceHeader| (h.cluster, h.service.clone(), h.updatable, h.replicas);
        for boot in &self.boots {
            let wrong = |problem: &str| Err(TraceError::at(&boot.file, 1, problem));
            if of_cluster(&boot.header) != of_cluster(&first.header) {
                return wrong(&format!(
                    "of another cluster than {}: a directory holds what one cluster recorded; put the files \
                     of the other in one of its own",
                    first.file
                ));
            }
            boot.validate()?;
        }
        Ok(())
    }

    /// Who is in the cluster.
    pub fn group(&self) -> Group {
        self.boots.first().map_or(Group::of(0), |boot| boot.header.group())
    }
}

impl<S: Service> Boot<S> {
    /// Reads one file.
    ///
    /// # Errors
    ///
    /// It is no trace: a file has its name once its first line is whole.
    pub fn parse(file: &str, text: &str) -> Result<Self, TraceError> {
        // Without the end of its line, the last line may not be all that was to be written.
        let Some(end) = text.rfind('\n') else { return Err(TraceError::at(file, 1, CUT_HEADER)) };
        let mut lines = (1..).zip(text[..end].split('\n'));
        let (_, first) = lines.next().unwrap_or_default();
        let header = match serde_json::from_str::<TraceLine<S>>(first) {
            Ok(TraceLine::Header(header)) => header,
            Ok(_) => return Err(TraceError::at(file, 1, "the header is missing")),
            Err(error) => return Err(TraceError::at(file, 1, error)),
        };
        let (mut steps, mut last) = (Vec::new(), End::Cut);
        for (number, line) in lines {
            let wrong = |problem: String| TraceError::at(file, number, problem);
            if last != End::Cut {
                return Err(wrong("something follows the end".into()));
            }
            let line = serde_json::from_str::<TraceLine<S>>(line);
            let count = steps.len() as u64;
            last = match line.map_err(|error| wrong(error.to_string()))? {
                TraceLine::Header(_) => return Err(wrong("a second header".into())),
                TraceLine::Step(step) => {
                    steps.push(step);
                    continue;
                }
                TraceLine::Stop { steps } => End::Stopped { steps },
                TraceLine::Incomplete { steps, why } if steps == count => End::GaveUp(why),
                TraceLine::Incomplete { steps, .. } => {
                    return Err(wrong(format!("{steps} steps were written, {count} are here")));
                }
            };
        }
        Ok(Self { file: file.into(), header, steps, end: last })
    }

    fn validate(&self) -> Result<(), TraceError> {
        let TraceHeader { format, updatable, replicas, node, partners, .. } = &self.header;
        let wrong = |problem: String| Err(TraceError::at(&self.file, 1, problem));
        if format != TRACE_FORMAT {
            return wrong(format!("its format is {format:?}; this program reads {TRACE_FORMAT:?}"));
        }
        let sizes = (1..=UPDATABLE_MAX.min((*replicas).into())).contains(&(*updatable).into())
            && usize::from(*replicas) <= REPLICAS_MAX
            && node < replicas
            && partners.iter().all(|peer| peer.0 < *replicas && peer.0 != *node);
        if !sizes {
            return wrong("there is no such replica manager in such a cluster".into());
        }
        let entries = usize::from(*updatable);
        let mut commit = 0;
        for (seq, step) in (0..).zip(&self.steps) {
            let line = seq as usize + 2;
            let wrong = |problem: String| Err(TraceError::at(&self.file, line, problem));
            if step.seq != seq {
                return wrong(format!("step {} where step {seq} should be", step.seq));
            }
            if matches!(step.input, TraceInput::Start { .. }) != (seq == 0) {
                return wrong("a log begins with the start, and has one".into());
            }
            let follows = step.commit == commit || step.commit == commit + 1 && seq > 0;
            if !follows {
                return wrong(format!("batch {} after batch {commit}", step.commit));
            }
            commit = step.commit;
            if step.after.replica_ts.len() != entries {
                return wrong(format!("a timestamp has {entries} entries here"));
            }
        }
        let count = self.steps.len();
        if let End::Stopped { steps } = self.end
            && steps != count as u64
        {
            let problem = format!("{steps} steps were written, {count} are here");
            return Err(TraceError::at(&self.file, count + 2, problem));
        }
        Ok(())
    }
}

/// Services of two clusters have no steps in common: say so before one cannot be read.
fn one_service(files: &[(String, String)]) -> Result<(), TraceError> {
    let mut first: Option<(&str, String)> = None;
    for (file, text) in files {
        let line = text.split_once('\n').map_or("", |(line, _)| line);
        let Ok(TraceLine::Header(header)) = serde_json::from_str::<TraceLine<Counter>>(line) else {
            continue; // Told when it is read.
        };
        let (known, service) = first.get_or_insert_with(|| (file, header.service.clone()));
        if *service != header.service {
            return Err(TraceError::at(
                file,
                1,
                format!(
                    "of another cluster than {known}: that has the service {service:?}, this {:?}; put \
                     the files of one of them in a directory of their own",
                    header.service
                ),
            ));
        }
    }
    Ok(())
}

/// The name of the service, as the first file says.
pub fn service_of(directory: &Path) -> Result<String, TraceError> {
    let mut left = FILE_BYTES_MAX;
    let first = files(directory, &mut left)?.into_iter().next();
    let (file, text) = first
        .ok_or_else(|| TraceError::of(directory, format!("there is no trace in it; {MADE_BY}")))?;
    let (line, _) = text.split_once('\n').ok_or_else(|| TraceError::at(&file, 1, CUT_HEADER))?;
    match serde_json::from_str::<TraceLine<Counter>>(line) {
        Ok(TraceLine::Header(header)) => Ok(header.service),
        Ok(_) => Err(TraceError::at(&file, 1, "the header is missing")),
        Err(error) => Err(TraceError::at(&file, 1, error)),
    }
}

/// The trace files of a directory with their texts: those with the name of one.
fn files(directory: &Path, left: &mut u64) -> Result<Vec<(String, String)>, TraceError> {
    let wrong = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => TraceError::of(directory, format!("there is none; {MADE_BY}")),
        io::ErrorKind::NotADirectory => {
            TraceError::of(directory, format!("a trace is a directory; {MADE_BY}"))
        }
        _ => TraceError::of(directory, error),
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(wrong)? {
        let name = entry.map_err(wrong)?.file_name().to_string_lossy().into_owned();
        names.extend(number_of(&name).map(|number| (number, name)));
    }
    names.sort();
    if names.len() > BOOTS_MAX {
        let problem = format!("{} files, and at most {BOOTS_MAX} are read", names.len());
        return Err(TraceError::of(directory, problem));
    }
    names.into_iter().map(|(_, name)| text_of(&directory.join(name), left)).collect()
}

fn text_of(path: &Path, left: &mut u64) -> Result<(String, String), TraceError> {
    let wrong = |error: io::Error| TraceError::of(path, error);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(wrong)?;
    file.take(*left + 1).read_to_end(&mut bytes).map_err(wrong)?;
    *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
        let most = FILE_BYTES_MAX >> 20;
        TraceError::of(path, format!("with this file there are more than {most} MiB"))
    })?;
    // A process that was killed may have left half a character in its last line.
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (valid, mut bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
            if bytes[valid..].contains(&b'\n') {
                return Err(TraceError::of(path, "no UTF-8: a trace is text"));
            }
            bytes.truncate(valid);
            String::from_utf8(bytes).map_err(|error| TraceError::of(path, error))?
        }
    };
    // An editor may have put a byte order mark before it.
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok((path.display().to_string(), text))
}

/// Of which replica manager and which start a file with this name is.
fn number_of(name: &str) -> Option<(u16, u32)> {
    let (node, boot) = name.strip_prefix("rm")?.strip_suffix(".jsonl")?.split_once('.')?;
    let number = (node.parse().ok()?, boot.parse().ok()?);
    (trace_file_name(number.0, number.1) == name).then_some(number)
}
