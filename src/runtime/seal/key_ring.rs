//! The file of pre-shared keys.
//!
//! ```toml
//! [[keys]]
//! id = 1
//! use = "peer"        # between replica managers; "client": between clients and replica managers
//! primary = true      # the one to seal with; all are read
//! secret = "64 hexadecimal digits"
//! ```
//!
//! Keys are changed without downtime in three rounds over all files: add the new one, make it primary, remove
//! the old one. At every moment everybody can then read what anybody seals.

use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Keys of one ring.
pub const KEYS_MAX: usize = 16;

/// Bytes of a key ring's file that are looked at.
const FILE_BYTES_MAX: u64 = 16_384;

/// Who may speak with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Replica managers, with each other.
    Peer,
    /// Clients with replica managers, and these with clients.
    Client,
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "peer",
            Self::Client => "client",
        })
    }
}

/// One key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its number, which every datagram names.
    pub id: u16,
    /// Who may speak with it.
    pub used_by: KeyUse,
    /// Is it the one of its use that is sealed with?
    pub primary: bool,
    pub(super) secret: [u8; 32],
}

/// Without the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let primary = if self.primary { ", primary" } else { "" };
        write!(f, "key {} ({}{primary})", self.id, self.used_by)
    }
}

/// The keys that somebody holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: Vec<Key>,
}

/// What is wrong with a key ring.
#[derive(Debug)]
pub struct KeyRingError {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong, and how to mend it.
    pub problem: String,
}

impl fmt::Display for KeyRingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for KeyRingError {}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keys: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: u16,
    #[serde(rename = "use")]
    used_by: KeyUse,
    #[serde(default)]
    primary: bool,
    secret: String,
}

impl KeyRing {
    /// The keys, ascending by number.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key to seal with.
    pub fn primary(&self, used_by: KeyUse) -> Option<&Key> {
        self.keys.iter().find(|key| key.used_by == used_by && key.primary)
    }

    /// Adds a random key, and returns its number. The first of its use becomes primary.
    pub fn add(&mut self, used_by: KeyUse) -> Result<u16, String> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| format!("no randomness: {error}"))?;
        let highest = self.keys.last().map_or(0, |key| key.id);
        let id = highest.checked_add(1).ok_or("the numbers of keys are used up")?;
        let primary = self.primary(used_by).is_none();
        self.keys.push(Key { id, used_by, primary, secret });
        self.problem().map_or(Ok(id), Err)
    }

    /// Makes this the key to seal with.
    pub fn make_primary(&mut self, id: u16) -> Result<(), String> {
        let used_by = self.get(id)?.used_by;
        for key in self.keys.iter_mut().filter(|key| key.used_by == used_by) {
            key.primary = key.id == id;
        }
        Ok(())
    }

    /// Removes a key that is not primary.
    pub fn remove(&mut self, id: u16) -> Result<(), String> {
        if self.get(id)?.primary {
            return Err(format!("key {id} is primary; make another one primary first"));
        }
        self.keys.retain(|key| key.id != id);
        Ok(())
    }

    /// What clients may have of it.
    pub fn for_clients(&self) -> Self {
        let keys = self.keys.iter().filter(|key| key.used_by == KeyUse::Client).cloned();
        Self { keys: keys.collect() }
    }

    fn get(&self, id: u16) -> Result<&Key, String> {
        let key = self.keys.iter().find(|key| key.id == id);
        key.ok_or_else(|| format!("there is no key {id}; there are {:?}", self.keys))
    }

    /// Reads a file, which nobody else may be able to read.
    pub fn read(path: &Path) -> Result<Self, KeyRingError> {
        let error = |problem: String| KeyRingError { path: path.into(), problem };
        let open = |e: io::Error| error(format!("the key ring cannot be read: {e}"));
        let file = File::open(path).map_err(open)?;
        if let Some(mode) = open_to_others(&file).map_err(open)? {
            return Err(error(format!(
                "others may read these keys (mode {mode:03o}): chmod 600 it, and if they may have done so, \
                 use new keys"
            )));
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(open)?;
        Self::parse(&text).map_err(error)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message would show the line, and with it perhaps a secret.
        let written: Written = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            format!("line {at} is not of a key ring: {}", e.message())
        })?;
        let mut keys = written.keys.into_iter().map(read_key).collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|key| key.id);
        let ring = Self { keys };
        ring.problem().map_or(Ok(ring), Err)
    }

    fn problem(&self) -> Option<String> {
        let ids: BTreeSet<_> = self.keys.iter().map(|key| key.id).collect();
        if ids.len() != self.keys.len() {
            return Some("two keys have the same number".into());
        }
        if self.keys.is_empty() || self.keys.len() > KEYS_MAX {
            return Some(format!("a ring has 1 to {KEYS_MAX} keys, not {}", self.keys.len()));
        }
        for used_by in [KeyUse::Peer, KeyUse::Client] {
            let of_use = || self.keys.iter().filter(|key| key.used_by == used_by);
            let primary = of_use().filter(|key| key.primary).count();
            if of_use().next().is_some() && primary != 1 {
                return Some(format!("{primary} {used_by} keys are primary; exactly one must be"));
            }
        }
        None
    }

    /// Writes the file, whole or not at all, for nobody else to read.
    pub fn write(&self, path: &Path) -> Result<(), KeyRingError> {
        let error = |e: io::Error| KeyRingError {
            path: path.into(),
            problem: format!("cannot be written: {e}"),
        };
        let keys = self.keys.iter().map(written_key).collect();
        let text = toml::to_string(&Written { keys }).expect("text and numbers can be written");
        let mut temporary = path.as_os_str().to_os_string();
        temporary.push(".new");
        let mut file = create_private(Path::new(&temporary)).map_err(error)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(error)?;
        fs::rename(&temporary, path).map_err(error)
    }
}

fn read_key(written: WrittenKey) -> Result<Key, String> {
    let WrittenKey { id, used_by, primary, secret } = written;
    let problem = || format!("the secret of key {id} is not 64 hexadecimal digits");
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8).ok_or_else(problem);
    let digits = secret.bytes().map(digit).collect::<Result<Vec<u8>, _>>()?;
    let bytes: Vec<u8> =
        digits.chunks(2).map(|pair| pair.iter().fold(0, |b, d| b << 4 | d)).collect();
    let secret = bytes.try_into().ok().filter(|_| digits.len() == 64).ok_or_else(problem)?;
    Ok(Key { id, used_by, primary, secret })
}

fn written_key(key: &Key) -> WrittenKey {
    let Key { id, used_by, primary, secret } = key.clone();
    let secret = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    WrittenKey { id, used_by, primary, secret }
}

/// Its mode, if group or others may do anything with it.
#[cfg(unix)]
fn open_to_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn open_to_others(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

fn create_private(path: &Path) -> io::Result<File> {
    // A file that is there keeps its mode, so it must not be.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
