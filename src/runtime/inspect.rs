//! A data directory as it lies there, read without changing it: what `chinwag verify` and `dump` show.

use super::{
    HostError, Identity, StorageError, decode_changes,
    disk::{io_error, read_if_there},
    file_storage::{IDENTITY, IMAGE, JOURNAL, corrupt, read_image, read_journal},
    frames::{Chain, read_frames},
    host::recover,
    identity::{HEADER_BYTES, Header},
};
use crate::{Change, Replica, ReplicaManager, Service};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

/// What is in a directory, as far as it can be read.
#[derive(Debug)]
pub struct Inspection {
    /// Whose it is.
    pub identity: Identity,
    /// The last checkpoint, and the last batch that it covers.
    pub image: Option<(u64, Vec<u8>)>,
    /// The batches in the journal, also those that the image covers.
    pub batches: Vec<FoundBatch>,
    /// Bytes of a torn last batch. Recovery drops it; nobody was told of it.
    pub torn_bytes: u64,
    /// What is wrong. Nothing beyond it was read.
    pub damage: Option<StorageError>,
}

/// A batch of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBatch {
    /// Its number.
    pub sequence: u64,
    /// Where its frame starts in the file.
    pub offset: u64,
    /// The changes in it, encoded.
    pub bytes: Vec<u8>,
}

/// Reads a directory that no process serves.
pub fn inspect(directory: &Path) -> Result<Inspection, StorageError> {
    let _lock = lock(directory)?;
    let path = |name| directory.join(name);
    let read = |name| read_if_there(&path(name)).map_err(io_error("read it", &path(name)));
    let Some(identity) = read(IDENTITY)? else {
        return Err(StorageError::Uninitialised { path: directory.into() });
    };
    let (identity, number) = Identity::read(&path(IDENTITY), &identity)?;
    let (replica, cluster) = (identity.replica, identity.cluster_id);
    let owner = Header { replica, cluster, directory: number, base: 0 };
    let mut found =
        Inspection { identity, image: None, batches: Vec::new(), torn_bytes: 0, damage: None };
    if let Some(bytes) = read(IMAGE)? {
        match read_image(&path(IMAGE), &owner, &bytes) {
            Ok(image) => found.image = Some(image),
            Err(damage) => found.damage = Some(damage),
        }
    }
    match read(JOURNAL)? {
        Some(bytes) => found.read_journal(&path(JOURNAL), &owner, &bytes),
        None => {
            let missing = corrupt(&path(JOURNAL), 0, "the file is missing");
            found.damage = found.damage.take().or(Some(missing));
        }
    }
    Ok(found)
}

impl Inspection {
    fn read_journal(&mut self, path: &Path, owner: &Header, bytes: &[u8]) {
        let covered = match (&self.image, &self.damage) {
            (Some((covered, _)), _) => *covered,
            (None, None) => 0,
            // The journal may be sound all the same.
            (None, Some(_)) => u64::MAX,
        };
        let damage = read_journal(path, owner, covered, bytes).err();
        let whole = match &damage {
            Some(StorageError::Corrupt { offset, .. }) => *offset as usize,
            _ => bytes.len(),
        };
        // Up to the damage, if there is one behind the header.
        if let (Ok(header), Some(body)) =
            (Header::read(owner, bytes), bytes.get(HEADER_BYTES..whole.max(HEADER_BYTES)))
            && let Ok(found) = read_frames(body, Chain::new(header.seed(), header.base))
        {
            let batch = |(sequence, offset, bytes): &(u64, usize, &[u8])| FoundBatch {
                sequence: *sequence,
                offset: (HEADER_BYTES + offset) as u64,
                bytes: bytes.to_vec(),
            };
            self.batches = found.frames.iter().map(batch).collect();
            self.torn_bytes = found.torn as u64;
        }
        self.damage = self.damage.take().or(damage);
    }

    /// The last batch that the image covers.
    pub fn covered(&self) -> u64 {
        self.image.as_ref().map_or(0, |(covered, _)| *covered)
    }

    /// What recovery makes of it, if nothing is damaged.
    pub fn replica<S: Service>(&self) -> Result<Replica<S>, HostError> {
        let Identity { replica, group, .. } = self.identity;
        let node = ReplicaManager::new(replica, group);
        let image = self.image.as_ref().map(|(_, image)| image.as_slice());
        let after = self.batches.iter().filter(|batch| batch.sequence > self.covered());
        let batches: Vec<_> = after.map(|batch| batch.bytes.as_slice()).collect();
        recover(&node, image, &batches)
    }

    /// The changes of one batch.
    pub fn changes<S: Service>(&self, batch: &FoundBatch) -> Result<Vec<Change<S>>, HostError> {
        let changes = decode_changes(self.identity.group, &batch.bytes);
        changes.map_err(|_| HostError::Unreadable { what: "journal" })
    }
}

/// Keeps a replica from starting meanwhile; one that serves would change what is read.
fn lock(directory: &Path) -> Result<Option<File>, StorageError> {
    let path: PathBuf = directory.join("lock");
    let Ok(file) = File::open(&path) else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path }),
        Err(TryLockError::Error(error)) => Err(io_error("lock it", &path)(error)),
    }
}
