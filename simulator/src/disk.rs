//! The disk of a simulated replica manager, and what is seen of its use. The storage on it is the deployed
//! one.

use crate::slips::{DiskSlip, StorageSlip};
use chinwag::{
    Change, Group, ReplicaId, Service,
    runtime::{
        Disk, FaultyDisk, FileStorage, Saved, Storage, StorageError, decode_changes, encode_changes,
    },
};
use std::{cell::RefCell, io, marker::PhantomData, path::PathBuf, rc::Rc};

/// A disk that may lie, and knows what is true.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    /// What loses, fills up and fails.
    pub disk: FaultyDisk,
    /// It says that it has synced, and has not.
    pub lies: bool,
    /// It has lied, and what it lied about may still be lost.
    pub has_lied: bool,
    /// A seeded bug.
    pub slip: Option<DiskSlip>,
    /// Something was written and not said to be synced.
    pub dirty: bool,
    /// Something was written and not synced.
    pub truly_dirty: bool,
    /// How often it was asked to sync.
    pub syncs: u64,
    /// Where to leave what is on it when power is lost, while nobody else can hand it back.
    pub left: Option<Rc<RefCell<Option<FaultyDisk>>>>,
}

impl SimDisk {
    /// It has room for so many bytes more.
    pub fn fill(&mut self, room: usize) {
        let files = ["identity", "image", "journal", "identity.new", "image.new", "journal.new"];
        let mut size =
            |name: &str| self.disk.read(name).ok().flatten().map_or(0, |bytes| bytes.len());
        let used: usize = files.into_iter().map(&mut size).sum();
        self.disk.space = Some(used + room);
    }

    /// A step was taken. Was it that at which power is lost?
    fn leave(&self) {
        let is_off = self.disk.fails_at.is_some_and(|at| self.disk.steps() >= at);
        if let (Some(left), true) = (&self.left, is_off) {
            left.borrow_mut().get_or_insert_with(|| self.disk.clone());
        }
    }

    /// What power loss leaves of it.
    pub fn lose_power(&self, piece: usize, survives: impl FnMut() -> bool) -> Self {
        let disk = self.disk.lose_power(piece, survives);
        Self { disk, has_lied: self.has_lied, slip: self.slip, ..Self::default() }
    }
}

impl Disk for SimDisk {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let done = self.disk.create(name);
        self.leave();
        done
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (self.dirty, self.truly_dirty) = (true, true);
        let done = self.disk.write_at(name, offset, bytes);
        self.leave();
        done
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.syncs += 1;
        let slips = match self.slip {
            Some(DiskSlip::SyncsEverySecondTime) => self.syncs.is_multiple_of(2),
            Some(DiskSlip::NamesAreNotSynced) | None => false,
        };
        self.has_lied |= self.lies;
        if self.lies || slips {
            self.dirty = false;
            return Ok(());
        }
        let done = self.disk.sync(name);
        self.leave();
        done?;
        (self.dirty, self.truly_dirty) = (false, false);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let done = self.disk.rename(from, to);
        self.leave();
        done
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.has_lied |= self.lies;
        match self.lies || self.slip == Some(DiskSlip::NamesAreNotSynced) {
            true => Ok(()),
            false => {
                let done = self.disk.sync_directory();
                self.leave();
                done
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.disk.path(name)
    }
}

/// What the host asked its storage to write, batch by batch, since it was last looked at.
pub type Written<S> = Rc<RefCell<Vec<Vec<Change<S>>>>>;

/// The deployed storage on a simulated disk. A seeded bug sits between it and the host.
#[derive(Debug)]
pub struct SimStorage<S: Service> {
    /// The deployed one.
    pub file: FileStorage<SimDisk>,
    /// A seeded bug.
    pub slip: Option<StorageSlip>,
    /// Whose storage it is.
    pub me: (ReplicaId, Group),
    /// What was written.
    pub written: Written<S>,
    /// What is held back by a seeded bug.
    pub late: Option<Vec<u8>>,
    /// Of which service.
    pub service: PhantomData<S>,
}

impl<S: Service> SimStorage<S> {
    /// A seeded bug: the journal is there again when this is over, and not in between.
    fn write_anew(&mut self) -> io::Result<()> {
        let disk = self.file.disk();
        let Some(bytes) = disk.read("journal")? else { return Ok(()) };
        disk.create("journal")?;
        disk.sync_directory()?;
        disk.write_at("journal", 0, &bytes)?;
        disk.sync("journal")
    }

    /// The changes in the batch, without those that gossip brought.
    fn without_gossip(&self, batch: &[u8]) -> Vec<u8> {
        let changes = decode_changes::<S>(self.me.1, batch).unwrap_or_default();
        let gossiped = |change: &Change<S>| match change {
            Change::Log { records, .. } => records.iter().any(|r| r.origin != self.me.0),
            Change::Discard { .. } => false,
        };
        let kept: Vec<_> = changes.into_iter().filter(|change| !gossiped(change)).collect();
        encode_changes(&kept).unwrap_or_default()
    }
}

impl<S: Service> Storage for SimStorage<S> {
    fn load(&mut self) -> Result<Saved, StorageError> {
        if self.slip == Some(StorageSlip::RecoversByWritingAnew) {
            self.write_anew().map_err(|error| StorageError::Io {
                doing: "write it anew",
                path: PathBuf::from("journal"),
                error,
            })?;
        }
        let mut saved = self.file.load()?;
        match self.slip {
            Some(StorageSlip::DropsTheLastBatch) => drop(saved.batches.pop()),
            Some(StorageSlip::ForgetsTheImage) => saved.image = None,
            Some(StorageSlip::ForgetsTheJournal) if saved.image.is_some() => saved.batches.clear(),
            _ => {}
        }
        Ok(saved)
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), StorageError> {
        match self.slip {
            Some(StorageSlip::ReservesNothing) => Ok(()),
            _ => self.file.reserve(bytes),
        }
    }

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        if let Ok(changes) = decode_changes::<S>(self.me.1, batch) {
            self.written.borrow_mut().push(changes);
        }
        match self.slip {
            Some(StorageSlip::ForgetsGossip) => {
                let kept = self.without_gossip(batch);
                if kept.is_empty() { Ok(()) } else { self.file.append(&kept) }
            }
            Some(StorageSlip::WritesLater) => {
                let before = self.late.replace(batch.to_vec());
                before.map_or(Ok(()), |before| self.file.append(&before))
            }
            _ => self.file.append(batch),
        }
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        match self.slip {
            Some(StorageSlip::NeverSyncs) => {
                self.file.disk().dirty = false;
                Ok(())
            }
            _ => self.file.sync(),
        }
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        match self.slip {
            // The journal is kept, and the image is never written.
            Some(StorageSlip::SkipsCheckpoints) => Ok(()),
            _ => self.file.checkpoint(image),
        }
    }
}
