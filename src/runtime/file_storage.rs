//! One replica in a directory: identity, lock, image, journal.
//!
//! | file | holds | written |
//! |---|---|---|
//! | `identity` | whose directory this is, as text | once, last of all at the first start |
//! | `lock` | nothing; locked while a process serves | once |
//! | `image` | a header, then one frame: the last checkpoint | replaced by renaming |
//! | `journal` | a header, frames: the batches since, zeros | written on; replaced after a checkpoint |
//!
//! The journal is filled with zeros ahead of what is written, so that an append changes no length and no map
//! of blocks, and so that a full disk is met before a batch and not by one.
//!
//! A crash between replacing the image and the journal leaves frames that the image covers: their sequence
//! numbers say so, and recovery skips them.

use super::{
    DirectoryDisk, Disk, Identity, Saved, Storage, StorageError,
    disk::io_error,
    frames::{Chain, FRAME_OVERHEAD, Frames, read_frames},
    identity::{HEADER_BYTES, Header},
};
use std::path::Path;

pub(super) const IDENTITY: &str = "identity";
pub(super) const IMAGE: &str = "image";
pub(super) const JOURNAL: &str = "journal";
/// Files of the identity that the directory is about to have.
const IMAGE_NEXT: &str = "image.next";
const JOURNAL_NEXT: &str = "journal.next";

/// The journal grows by so much at a time.
pub const JOURNAL_EXTENT: usize = 1 << 20;

/// A replica in a directory.
#[derive(Debug)]
pub struct FileStorage<D = DirectoryDisk> {
    disk: D,
    /// What the files begin with; `base` is the present journal's.
    header: Header,
    chain: Chain,
    /// The last frame that is known to be synced.
    synced: u64,
    /// Where the next frame goes.
    end: usize,
    /// Up to where the journal is filled with zeros, durably.
    capacity: usize,
    extent: usize,
    /// A write or sync failed: what is on disk is unknown, so nothing more may be written by this process.
    failed: bool,
}

impl FileStorage {
    /// Opens the directory; with `init`, makes it, and only then may it be missing or empty.
    pub fn open(directory: &Path, identity: &Identity, init: bool) -> Result<Self, StorageError> {
        let number = getrandom::u64();
        let number = number.map_err(|error| {
            io_error("choose its number", directory)(std::io::Error::other(error))
        })?;
        let disk = DirectoryDisk::open(directory, init)?;
        Self::on(disk, identity, init.then_some(number))
    }
}

impl<D: Disk> FileStorage<D> {
    /// The same on any disk. `first` is given at the first start only: a number that no other directory has.
    pub fn on(mut disk: D, identity: &Identity, first: Option<u64>) -> Result<Self, StorageError> {
        let path = disk.path(IDENTITY);
        let found = disk.read(IDENTITY).map_err(io_error("read it", &path))?;
        let Some(bytes) = found else {
            let directory = path.parent().unwrap_or(Path::new(".")).into();
            let first = first.ok_or(StorageError::Uninitialised { path: directory })?;
            let mut storage = Self::new(disk, identity, first);
            storage.initialise(identity)?;
            return Ok(storage);
        };
        if first.is_some() {
            let directory = path.parent().unwrap_or(Path::new(".")).into();
            return Err(StorageError::Initialised { path: directory });
        }
        let (found, directory) = Identity::read(&path, &bytes)?;
        if found != *identity {
            let (found, expected) = (found.describe(), identity.describe());
            return Err(StorageError::Foreign { path, found, expected });
        }
        let mut storage = Self::new(disk, identity, directory);
        storage.finish_becoming()?;
        Ok(storage)
    }

    fn new(disk: D, identity: &Identity, directory: u64) -> Self {
        let header =
            Header { replica: identity.replica, cluster: identity.cluster_id, directory, base: 0 };
        let chain = Chain::new(header.seed(), 0);
        let (end, extent) = (HEADER_BYTES, JOURNAL_EXTENT);
        Self { disk, header, chain, synced: 0, end, capacity: 0, extent, failed: false }
    }

    /// The journal grows by so much at a time instead, for tests.
    pub fn with_extent(self, extent: usize) -> Self {
        Self { extent, ..self }
    }

    /// What it is on.
    pub fn disk(&mut self) -> &mut D {
        &mut self.disk
    }

    /// The identity is written last: without it, nothing was ever acknowledged from here.
    fn initialise(&mut self, identity: &Identity) -> Result<(), StorageError> {
        for name in [IMAGE, JOURNAL] {
            let path = self.disk.path(name);
            let found = self.disk.read(name).map_err(io_error("read it", &path))?;
            let used = found.is_some_and(|bytes| {
                name == IMAGE || bytes.iter().skip(HEADER_BYTES).any(|byte| *byte != 0)
            });
            if used {
                return Err(StorageError::Initialised { path });
            }
        }
        self.replace(JOURNAL, &[&self.header.bytes()])?;
        let text = identity.text(self.header.directory);
        self.replace(IDENTITY, &[text.as_bytes()])
    }

    /// The directory becomes that of another identity, with this image and an empty journal. Before the new
    /// identity is in place, all is as it was; from then on the next start finishes what is left to do.
    pub(super) fn become_of(
        mut self,
        identity: &Identity,
        image: &[u8],
    ) -> Result<D, StorageError> {
        let covered = self.chain.sequence;
        let cluster = identity.cluster_id;
        let header = Header { replica: identity.replica, cluster, base: covered, ..self.header };
        let frame = Chain::new(header.seed(), covered - covered.min(1)).frame(0, image);
        self.replace(IMAGE_NEXT, &[&header.bytes(), &frame])?;
        self.replace(JOURNAL_NEXT, &[&header.bytes()])?;
        let text = identity.text(self.header.directory);
        self.replace(IDENTITY, &[text.as_bytes()])?;
        self.header = header;
        self.finish_becoming()?;
        Ok(self.disk)
    }

    fn finish_becoming(&mut self) -> Result<(), StorageError> {
        for (next, name) in [(IMAGE_NEXT, IMAGE), (JOURNAL_NEXT, JOURNAL)] {
            let path = self.disk.path(next);
            let found = self.disk.read(next).map_err(io_error("read it", &path))?;
            let header = Header { base: 0, ..self.header };
            // One that was left by an attempt that came to nothing was written for another identity.
            if found.is_some_and(|bytes| Header::read(&header, &bytes).is_ok()) {
                self.certain("rename it", next, |disk| disk.rename(next, name))?;
                self.certain("sync its directory", name, D::sync_directory)?;
            }
        }
        Ok(())
    }

    /// Temporary file, sync, rename, sync of the directory: after power loss the old or the new, never
    /// neither.
    fn replace(&mut self, name: &str, content: &[&[u8]]) -> Result<(), StorageError> {
        let temporary = format!("{name}.new");
        let path = self.disk.path(&temporary);
        let mut write = || {
            self.disk.create(&temporary)?;
            let mut offset = 0;
            for part in content {
                self.disk.write_at(&temporary, offset, part)?;
                offset += part.len() as u64;
            }
            Ok(())
        };
        if let Err(error) = write() {
            // It may be what fills the disk. It is not needed, so no error matters.
            let _ = self.disk.remove(&temporary);
            return Err(io_error("write it", &path)(error));
        }
        self.certain("sync it", &temporary, |disk| disk.sync(&temporary))?;
        self.certain("rename it", &temporary, |disk| disk.rename(&temporary, name))?;
        self.certain("sync its directory", name, D::sync_directory)
    }

    /// Does something after whose failure nothing is known of the disk.
    fn certain(
        &mut self,
        doing: &'static str,
        name: &str,
        what: impl FnOnce(&mut D) -> std::io::Result<()>,
    ) -> Result<(), StorageError> {
        let path = self.disk.path(name);
        if self.failed {
            return Err(StorageError::FailedBefore { path });
        }
        what(&mut self.disk).map_err(|error| {
            self.failed = true;
            StorageError::Io { doing, path, error }
        })
    }

    /// The last batch that the image covers, and the image.
    fn load_image(&mut self) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let path = self.disk.path(IMAGE);
        let found = self.disk.read(IMAGE).map_err(io_error("read it", &path))?;
        found.map(|bytes| read_image(&path, &self.header, &bytes)).transpose()
    }

    /// Goes on where the frames end. What is believed is written again, since the system may show what never
    /// reached the disk: after a failed sync, or when the process alone was killed. The torn end is erased.
    fn go_on(&mut self, bytes: &[u8], base: u64, found: &Frames<'_>) -> Result<(), StorageError> {
        (self.header.base, self.chain) = (base, found.chain);
        self.end = HEADER_BYTES + found.end;
        self.capacity = bytes.len();
        let zeros = vec![0; self.capacity - self.end];
        let end = self.end as u64;
        self.certain("write it", JOURNAL, |disk| {
            disk.write_at(JOURNAL, 0, &bytes[..end as usize])
        })?;
        self.certain("erase its torn end", JOURNAL, |disk| disk.write_at(JOURNAL, end, &zeros))?;
        self.sync()
    }

    /// Begins a journal after the last batch that an image covers.
    fn begin_journal(&mut self, base: u64) -> Result<(), StorageError> {
        let header = Header { base, ..self.header };
        let zeros = vec![0; self.extent];
        self.replace(JOURNAL, &[&header.bytes(), &zeros])?;
        (self.header, self.chain) = (header, Chain::new(header.seed(), base));
        (self.end, self.synced) = (HEADER_BYTES, base);
        self.capacity = HEADER_BYTES + self.extent;
        Ok(())
    }
}

impl<D: Disk> Storage for FileStorage<D> {
    fn load(&mut self) -> Result<Saved, StorageError> {
        let image = self.load_image()?;
        let covered = image.as_ref().map_or(0, |(sequence, _)| *sequence);
        let path = self.disk.path(JOURNAL);
        let found = self.disk.read(JOURNAL).map_err(io_error("read it", &path))?;
        let bytes = found.ok_or_else(|| corrupt(&path, 0, "the file is missing"))?;
        let (base, found) = read_journal(&path, &self.header, covered, &bytes)?;
        let batches = found.frames.iter().filter(|(sequence, ..)| *sequence > covered);
        let batches = batches.map(|(_, _, batch)| batch.to_vec()).collect();
        if found.chain.sequence < covered {
            self.begin_journal(covered)?;
        } else {
            self.go_on(&bytes, base, &found)?;
        }
        let torn_bytes = found.torn as u64;
        Ok(Saved { image: image.map(|(_, image)| image), batches, torn_bytes })
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), StorageError> {
        let needed = self.end + bytes + FRAME_OVERHEAD;
        if needed <= self.capacity {
            return Ok(());
        }
        let path = self.disk.path(JOURNAL);
        let zeros = vec![0; self.extent.max(needed - self.capacity)];
        let at = self.capacity as u64;
        // Nothing is there yet that could be lost.
        self.disk.write_at(JOURNAL, at, &zeros).map_err(io_error("lengthen it", &path))?;
        self.certain("sync it", JOURNAL, |disk| disk.sync(JOURNAL))?;
        self.synced = self.chain.sequence;
        self.capacity += zeros.len();
        Ok(())
    }

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        self.reserve(batch.len())?;
        let unsynced = u32::try_from(self.chain.sequence - self.synced).unwrap_or(u32::MAX);
        let frame = self.chain.frame(unsynced, batch);
        let at = self.end as u64;
        self.certain("append to it", JOURNAL, |disk| disk.write_at(JOURNAL, at, &frame))?;
        self.end += frame.len();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.certain("sync it", JOURNAL, |disk| disk.sync(JOURNAL))?;
        self.synced = self.chain.sequence;
        Ok(())
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        let covered = self.chain.sequence;
        let header = Header { base: covered, ..self.header };
        let frame = Chain::new(header.seed(), covered - covered.min(1)).frame(0, image);
        self.replace(IMAGE, &[&header.bytes(), &frame])?;
        self.begin_journal(covered)
    }
}

pub(super) fn corrupt(path: &Path, offset: usize, problem: &'static str) -> StorageError {
    StorageError::Corrupt { path: path.into(), offset: offset as u64, problem }
}

/// The image in its file's bytes, and the last batch that it covers.
pub(super) fn read_image(
    path: &Path,
    owner: &Header,
    bytes: &[u8],
) -> Result<(u64, Vec<u8>), StorageError> {
    let header = Header::read(owner, bytes).map_err(|problem| corrupt(path, 0, problem))?;
    let covered = header.base;
    // An image was renamed into place after it was synced: it is whole, or something destroyed it.
    let damaged = || corrupt(path, HEADER_BYTES, "the image is damaged");
    let chain = Chain::new(header.seed(), covered - covered.min(1));
    let body = &bytes[HEADER_BYTES..];
    let found = read_frames(body, chain).map_err(|_| damaged())?;
    match found.frames.as_slice() {
        [(_, _, image)] if found.end == body.len() => Ok((covered, image.to_vec())),
        _ => Err(damaged()),
    }
}

/// The frames in a journal's bytes, and the last batch before them, given the last that the image covers.
pub(super) fn read_journal<'a>(
    path: &Path,
    owner: &Header,
    covered: u64,
    bytes: &'a [u8],
) -> Result<(u64, Frames<'a>), StorageError> {
    let header = Header::read(owner, bytes).map_err(|problem| corrupt(path, 0, problem))?;
    if header.base > covered {
        return Err(corrupt(
            path,
            24,
            "the image that this journal goes on from is missing or older",
        ));
    }
    let problem = "a batch is damaged or missing, and it was synced";
    let found = read_frames(&bytes[HEADER_BYTES..], Chain::new(header.seed(), header.base));
    let found = found.map_err(|offset| corrupt(path, HEADER_BYTES + offset, problem))?;
    Ok((header.base, found))
}
