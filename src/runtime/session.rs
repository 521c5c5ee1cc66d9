//! What a client has seen, in a form that outlives it.
//!
//! Two forms, for two uses. A [`SessionToken`] is what was seen and nothing else: it may be copied, and
//! whoever gets it joins in with a front end of his own. A [`SessionFile`] is one session that goes on, in
//! one process at a time, under the same front end: replica managers then keep one entry for it, however
//! often it is continued.

use super::{ClusterId, Codec, codec::Reader, disk::replace_file};
use crate::{FrontEndId, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// All that a client has seen, of which cluster. Opaque; prints, parses and is serialised as one word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SessionToken(Vec<u8>);

const TOKEN_VERSION: u8 = 1;
const TOKEN_PREFIX: &str = "cw";

impl SessionToken {
    pub(super) fn new(cluster: ClusterId, ts: &Timestamp) -> Self {
        let mut out = super::codec::Writer::default();
        out.raw(&[TOKEN_VERSION]).raw(&cluster.0.to_le_bytes()).timestamp(ts);
        Self(out.finish().expect("numbers can be encoded"))
    }

    /// What it says, if it is one of this cluster's, or of what the cluster was before a replacement: places
    /// are only added, so what was seen then is seen still.
    pub(super) fn open(&self, codec: Codec, earlier: &[Codec]) -> Result<Timestamp, SessionError> {
        let mut all = earlier.iter().rev().copied();
        let opened = all.try_fold(self.open_as(codec), |opened, before| match opened {
            Err(SessionError::Foreign) => Ok(self.open_as(before)),
            opened => Err(opened),
        });
        let ts = opened.unwrap_or_else(|opened| opened)?;
        Ok(ts.widened(codec.group.updatable.into()))
    }

    fn open_as(&self, codec: Codec) -> Result<Timestamp, SessionError> {
        let mut reader = Reader::new(&self.0, codec.group);
        let read = |reader: &mut Reader<'_>| {
            let ([version], cluster) = (reader.array()?, reader.array()?);
            Ok((version, u64::from_le_bytes(cluster)))
        };
        let (version, cluster) = read(&mut reader).map_err(SessionError::Malformed)?;
        if version != TOKEN_VERSION || cluster != codec.cluster.0 {
            return Err(SessionError::Foreign);
        }
        let ts = reader.timestamp().map_err(SessionError::Malformed)?;
        reader.end().map_err(SessionError::Malformed)?;
        Ok(ts)
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TOKEN_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl From<SessionToken> for String {
    fn from(token: SessionToken) -> Self {
        token.to_string()
    }
}

impl TryFrom<String> for SessionToken {
    type Error = SessionError;

    fn try_from(text: String) -> Result<Self, SessionError> {
        text.parse()
    }
}

impl FromStr for SessionToken {
    type Err = SessionError;

    fn from_str(text: &str) -> Result<Self, SessionError> {
        let digits = text.strip_prefix(TOKEN_PREFIX).unwrap_or("").as_bytes();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        bytes.filter(|bytes| !bytes.is_empty()).map(Self).ok_or(SessionError::NotAToken)
    }
}

/// Why a session cannot be continued. Nothing was sent.
#[derive(Debug)]
pub enum SessionError {
    /// The text is not a token.
    NotAToken,
    /// The token, or file, is damaged.
    Malformed(super::DecodeError),
    /// It is another cluster's.
    Foreign,
    /// Another process continues it.
    InUse,
    /// The file cannot be read or written.
    Io(io::Error),
    /// The file is not a session.
    NotASession(String),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAToken => f.write_str("not a session token"),
            Self::Malformed(error) => write!(f, "the session token is damaged: {error}"),
            Self::Foreign => f.write_str("the session belongs to another cluster"),
            Self::InUse => f.write_str("another process continues this session"),
            Self::Io(error) => error.fmt(f),
            Self::NotASession(why) => write!(f, "not a session file: {why}"),
        }
    }
}

impl std::error::Error for SessionError {}

/// What is in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    front_end: String,
    incarnation: u32,
    token: String,
}

/// A session in a file. Held locked by the process that continues it.
#[derive(Debug)]
pub struct SessionFile {
    path: PathBuf,
    front_end: FrontEndId,
    incarnation: u32,
    _lock: File,
}

impl SessionFile {
    /// Opens the session, or starts one under `fresh` if there is no such file.
    ///
    /// Its incarnation is higher than any before, and durably so before this returns: a request number
    /// that a crashed process may have used is never used again (C21). Returns what the client has seen.
    /// `earlier` are the forms of the cluster before each replacement: its sessions go on.
    pub fn open(
        path: &Path,
        fresh: FrontEndId,
        codec: Codec,
        earlier: &[Codec],
    ) -> Result<(Self, Timestamp), SessionError> {
        let mut beside = path.as_os_str().to_os_string();
        beside.push(".lock");
        let lock = lock(Path::new(&beside))?;
        let (front_end, incarnation, ts) = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (fresh, 0, codec.group.zero()),
            Err(error) => return Err(SessionError::Io(error)),
            Ok(text) => read(&text, codec, earlier)?,
        };
        let session = Self { path: path.into(), front_end, incarnation, _lock: lock };
        session.save(&SessionToken::new(codec.cluster, &ts))?;
        Ok((session, ts))
    }

    /// The front end to go on as.
    pub fn front_end(&self) -> FrontEndId {
        self.front_end
    }

    /// Its incarnation.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Keeps what the client has seen by now.
    pub fn save(&self, token: &SessionToken) -> Result<(), SessionError> {
        let front_end = format!("{:016x}", self.front_end.0);
        let content =
            Content { front_end, incarnation: self.incarnation, token: token.to_string() };
        let text = toml::to_string(&content).expect("text and numbers can be written");
        replace_file(&self.path, text.as_bytes()).map_err(SessionError::Io)
    }
}

fn read(
    text: &str,
    codec: Codec,
    earlier: &[Codec],
) -> Result<(FrontEndId, u32, Timestamp), SessionError> {
    let bad = |why: String| SessionError::NotASession(why.trim().into());
    let content: Content = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
    let front_end = u64::from_str_radix(&content.front_end, 16).map_err(|e| bad(e.to_string()))?;
    let incarnation = content.incarnation.checked_add(1);
    let incarnation = incarnation.ok_or_else(|| bad("it was continued too often".into()))?;
    let ts = content.token.parse::<SessionToken>()?.open(codec, earlier)?;
    Ok((FrontEndId(front_end), incarnation, ts))
}

fn lock(path: &Path) -> Result<File, SessionError> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open.map_err(SessionError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SessionError::InUse),
        Err(TryLockError::Error(error)) => Err(SessionError::Io(error)),
    }
}
