//! What a host needs of a disk, and a disk in memory. The one of files is
//! [`FileStorage`](super::FileStorage).

use std::{fmt, io, path::PathBuf};

/// Durable storage of one replica.
pub trait Storage {
    /// The last checkpoint and every whole batch after it, oldest first.
    fn load(&mut self) -> Result<Saved, StorageError>;

    /// Returns only when `batch` would survive power loss. On error the node must stop: whether the batch is
    /// there is unknown, and a sync that failed is never retried.
    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError>;

    /// Replaces everything by `image`, atomically.
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
                "{}: corrupt at byte {offset}: {problem}. This replica manager must not go on; give \
                 its place in the cluster to none that lacks its state",
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

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        self.saved.batches.push(batch.to_vec());
        Ok(())
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        self.saved = Saved { image: Some(image.to_vec()), ..Saved::default() };
        Ok(())
    }
}
