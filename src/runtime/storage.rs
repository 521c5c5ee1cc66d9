//! What a host needs of a disk, and a disk in memory. The one of files is
//! [`FileStorage`](super::FileStorage).

use std::{fmt, io, path::PathBuf};

/// Durable storage of one replica.
pub trait Storage {
    /// The last checkpoint and every whole batch after it, oldest first.
    fn load(&mut self) -> Result<Saved, StorageError>;

    /// Makes room for one more batch of so many bytes. After [`StorageError::NoSpace`] all is as it was, and
    /// may be tried again; a batch that fits what was reserved meets no full disk.
    fn reserve(&mut self, bytes: usize) -> Result<(), StorageError>;

    /// Adds a batch, durable once [`Storage::sync`] has returned. On error the node must stop: whether the
    /// batch is there is unknown.
    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError>;

    /// Returns only when all batches would survive power loss. On error the node must stop, and a sync that
    /// failed is never retried: the system may have forgotten what it could not write.
    fn sync(&mut self) -> Result<(), StorageError>;

    /// Replaces everything by `image`, atomically and durably. After [`StorageError::NoSpace`] all is as it
    /// was, or the image is there and the journal still is, too.
    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError>;
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The last checkpoint; none at first.
    pub image: Option<Vec<u8>>,
    /// The batches after it.
    pub batches: Vec<Vec<u8>>,
    /// Bytes of a torn last batch that were dropped. Nobody was told of it.
    pub torn_bytes: u64,
}

/// Why a replica cannot be read or written. The node must not go on.
#[derive(Debug)]
pub enum StorageError {
    /// The system refused.
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A file is not what was written.
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// From which byte on.
        offset: u64,
        /// What is wrong there.
        problem: &'static str,
    },
    /// Nothing is there, and nobody said that this is the first start.
    Uninitialised {
        /// The directory.
        path: PathBuf,
    },
    /// Something is there, and somebody said that this is the first start.
    Initialised {
        /// The directory.
        path: PathBuf,
    },
    /// The directory is another replica's.
    Foreign {
        /// The file that says so.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// It was written by another version of this program.
    Version {
        /// The file that says so.
        path: PathBuf,
        /// The version of its form.
        found: u16,
    },
    /// No space is left. Nothing was changed.
    NoSpace {
        /// Which file should have grown.
        path: PathBuf,
    },
    /// It failed earlier in this process, and is not tried again.
    FailedBefore {
        /// Which file should have been written.
        path: PathBuf,
    },
    /// Another process has it.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, error } => write!(f, "{}: {doing}: {error}", path.display()),
            Self::Corrupt { path, offset, problem } => write!(
                f,
                "{}: corrupt at byte {offset}: {problem}. This replica manager must not go on without it. \
                 Put back the newest undamaged copy of the whole directory; its peers refuse it if that is \
                 too old. `chinwag dump` shows what can be read",
                path.display()
            ),
            Self::Uninitialised { path } => write!(
                f,
                "{}: no replica is here. On its very first start add --init; otherwise find the \
                 directory: a replica manager that forgot must not come back",
                path.display()
            ),
            Self::Initialised { path } => {
                write!(f, "{}: a replica is here already. Leave out --init", path.display())
            }
            Self::Foreign { path, found, expected } => write!(
                f,
                "{}: belongs to `{found}`, but the configuration says `{expected}`",
                path.display()
            ),
            Self::Version { path, found } => write!(
                f,
                "{}: written in form {found}, and this program knows form {} only. Use the program that \
                 wrote it, or one of its form; nothing was changed",
                path.display(),
                super::FORMAT_VERSION
            ),
            Self::NoSpace { path } => write!(f, "{}: no space is left for it", path.display()),
            Self::FailedBefore { path } => {
                write!(f, "{}: not written, since the disk failed before", path.display())
            }
            Self::Locked { path } => {
                write!(f, "{}: another process uses this directory", path.display())
            }
        }
    }
}

impl std::error::Error for StorageError {}

/// A disk that forgets with the process, for tests and simulations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStorage {
    saved: Saved,
}

impl Storage for MemoryStorage {
    fn load(&mut self) -> Result<Saved, StorageError> {
        Ok(self.saved.clone())
    }

    fn reserve(&mut self, _: usize) -> Result<(), StorageError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        self.saved.batches.push(batch.to_vec());
        Ok(())
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        self.saved = Saved { image: Some(image.to_vec()), ..Saved::default() };
        Ok(())
    }
}
