//! One replica in a directory: identity, lock, image, journal.
//!
//! | file | holds | written |
//! |---|---|---|
//! | `identity` | whose directory this is, as text | once, last of all at the first start |
//! | `lock` | nothing; locked while a process serves | once |
//! | `image` | a header, then one frame: the last checkpoint | replaced by renaming |
//! | `journal` | a header, then frames: the batches since | appended; replaced after a checkpoint |
//!
//! A crash between replacing the image and the journal leaves frames that the image covers: their sequence
//! numbers say so, and recovery skips them.

use super::{
    ClusterId, Saved, Storage, StorageError,
    journal::{FRAME_HEADER, FRAME_TRAILER, frame, read_frames},
};
use crate::ReplicaId;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The version of the files' form. A directory of a later version is refused.
pub const FORMAT_VERSION: u32 = 1;

const HEADER: usize = 16;
const MAGIC: &[u8; 4] = b"CWJ\n";

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The cluster's identity, which covers its size as well.
    pub cluster_id: ClusterId,
    /// The replica manager's place.
    pub replica: ReplicaId,
}

impl Identity {
    fn text(&self) -> String {
        let Self { cluster, service, cluster_id, replica } = self;
        format!(
            "chinwag replica, format {FORMAT_VERSION}: {replica:?} of cluster {cluster:?} \
             ({cluster_id}), service {service}\n"
        )
    }

    /// What every file starts with, so that files of two directories cannot be swapped unnoticed.
    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(MAGIC);
        header[4..6].copy_from_slice(&(FORMAT_VERSION as u16).to_le_bytes());
        header[6..8].copy_from_slice(&self.replica.0.to_le_bytes());
        header[8..].copy_from_slice(&self.cluster_id.0.to_le_bytes());
        header
    }
}

/// A replica in a directory, which it holds locked.
#[derive(Debug)]
pub struct FileStorage {
    directory: PathBuf,
    header: [u8; HEADER],
    journal: File,
    /// The sequence number of the last frame, in the image or the journal.
    sequence: u64,
    /// An append failed: what is on disk is unknown, so nothing more may be written by this process.
    failed: bool,
    _lock: File,
}

impl FileStorage {
    /// Opens the directory; with `init`, makes it, and only then may it be missing or empty.
    pub fn open(directory: &Path, identity: &Identity, init: bool) -> Result<Self, StorageError> {
        let file = |name| directory.join(name);
        if init {
            create(directory).map_err(io_error("create it", directory))?;
        } else if !directory.is_dir() {
            return Err(StorageError::Uninitialised { path: directory.into() });
        }
        let lock = lock(&file("lock"))?;
        match (read_if_there(&file("identity"))?, init) {
            (None, true) => initialise(directory, identity)?,
            (None, false) => {
                return Err(StorageError::Uninitialised { path: directory.into() });
            }
            (Some(_), true) => return Err(StorageError::Initialised { path: directory.into() }),
            (Some(found), false) => check_identity(&file("identity"), &found, identity)?,
        }
        let journal = append_to(&file("journal"))?;
        let (directory, header) = (directory.to_path_buf(), identity.header());
        Ok(Self { directory, header, journal, sequence: 0, failed: false, _lock: lock })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn check_header<'a>(&self, path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], StorageError> {
        let problem = "the file does not begin as this replica's files do";
        let body = bytes.strip_prefix(&self.header);
        body.ok_or(StorageError::Corrupt { path: path.into(), offset: 0, problem })
    }

    fn load_image(&self) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let path = self.path("image");
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let body = self.check_header(&path, &bytes)?;
        let corrupt = |offset: usize| StorageError::Corrupt {
            path: path.clone(),
            offset: (HEADER + offset) as u64,
            problem: "the image's checksum is wrong",
        };
        let mut found = read_frames(body, None).map_err(corrupt)?;
        match (found.frames.pop(), found.frames.is_empty()) {
            // An image was renamed into place after it was synced: it is whole, or something destroyed it.
            (Some(image), true) if found.end == body.len() => Ok(Some(image)),
            _ => Err(corrupt(0)),
        }
    }

    /// Replaces a file by another content: the old one is there until the new one is durable.
    fn replace(&self, name: &str, frame: &[u8]) -> Result<(), StorageError> {
        replace(&self.directory, name, &[self.header.as_slice(), frame])
    }

    fn write_frame(&mut self, batch: &[u8]) -> io::Result<()> {
        self.journal.write_all(&frame(self.sequence + 1, batch))?;
        self.journal.sync_data()
    }
}

impl Storage for FileStorage {
    fn load(&mut self) -> Result<Saved, StorageError> {
        let image = self.load_image()?;
        let covered = image.as_ref().map_or(0, |(sequence, _)| *sequence);
        let path = self.path("journal");
        let bytes = fs::read(&path).map_err(io_error("read it", &path))?;
        let body = self.check_header(&path, &bytes)?;
        let corrupt = |offset: usize, problem| StorageError::Corrupt {
            path: path.clone(),
            offset: (HEADER + offset) as u64,
            problem,
        };
        let problem = "a batch is damaged, or missing, and later ones are there";
        let found = read_frames(body, None).map_err(|offset| corrupt(offset, problem))?;
        if found.frames.first().is_some_and(|(sequence, _)| *sequence > covered + 1) {
            return Err(corrupt(0, "batches between the image and the journal are missing"));
        }
        let torn_bytes = (body.len() - found.end) as u64;
        if torn_bytes > 0 {
            let whole = (HEADER + found.end) as u64;
            self.journal.set_len(whole).map_err(io_error("cut its torn end", &path))?;
            self.journal.sync_data().map_err(io_error("sync it", &path))?;
        }
        self.sequence = found.frames.last().map_or(covered, |(last, _)| covered.max(*last));
        let after = found.frames.into_iter().filter(|(sequence, _)| *sequence > covered);
        let batches = after.map(|(_, batch)| batch).collect();
        Ok(Saved { image: image.map(|(_, image)| image), batches, torn_bytes })
    }

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        assert!(!self.failed, "an append was tried after one had failed");
        assert!(batch.len() <= super::FRAME_BYTES_MAX, "a batch is larger than a frame may be");
        if let Err(error) = self.write_frame(batch) {
            self.failed = true;
            return Err(io_error("append to it", &self.path("journal"))(error));
        }
        self.sequence += 1;
        Ok(())
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        assert!(!self.failed, "a checkpoint was tried after an append had failed");
        self.replace("image", &frame(self.sequence, image))?;
        self.replace("journal", &[])?;
        self.journal = append_to(&self.path("journal"))?;
        Ok(())
    }
}

/// How many bytes a batch takes in the journal.
pub fn framed_bytes(batch: usize) -> usize {
    FRAME_HEADER + batch + FRAME_TRAILER
}

fn create(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    match directory.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The identity is written last: without it, nothing was ever acknowledged from here.
fn initialise(directory: &Path, identity: &Identity) -> Result<(), StorageError> {
    if directory.join("image").exists() {
        return Err(StorageError::Initialised { path: directory.into() });
    }
    if let Some(journal) = read_if_there(&directory.join("journal"))?
        && journal != identity.header()
    {
        return Err(StorageError::Initialised { path: directory.into() });
    }
    replace(directory, "journal", &[&identity.header()])?;
    replace(directory, "identity", &[identity.text().as_bytes()])
}

fn check_identity(path: &Path, found: &[u8], identity: &Identity) -> Result<(), StorageError> {
    let expected = identity.text();
    if found == expected.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(found).trim().to_string();
    Err(StorageError::Foreign { path: path.into(), found, expected: expected.trim().into() })
}

fn lock(path: &Path) -> Result<File, StorageError> {
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open.map_err(io_error("open it", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path: path.into() }),
        Err(TryLockError::Error(error)) => Err(io_error("lock it", path)(error)),
    }
}

/// Temporary file, sync, rename, sync of the directory: after power loss the old or the new, never neither.
pub(super) fn replace(directory: &Path, name: &str, content: &[&[u8]]) -> Result<(), StorageError> {
    let (temporary, path) = (directory.join(format!("{name}.new")), directory.join(name));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        content.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(directory)?.sync_all()
    };
    write().map_err(io_error("replace it", &path))
}

fn append_to(path: &Path) -> Result<File, StorageError> {
    OpenOptions::new().append(true).open(path).map_err(io_error("open it", path))
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read it", path)(error)),
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_path_buf();
    move |error| StorageError::Io { doing, path, error }
}
