//! A disk of which is known how long it takes.

use super::{Clock, Saved, Storage, StorageError, metrics::Disk};

/// Another storage, timed.
#[derive(Debug)]
pub struct TimedStorage<D, C> {
    storage: D,
    clock: C,
    times: Disk,
}

impl<D: Storage, C: Clock> TimedStorage<D, C> {
    /// Tells these metrics how long it takes.
    pub fn new(storage: D, clock: C, metrics: &super::Metrics) -> Self {
        Self { storage, clock, times: metrics.disk.clone() }
    }
}

impl<D, C> TimedStorage<D, C> {
    /// The storage that is timed.
    pub fn timed(&mut self) -> &mut D {
        &mut self.storage
    }
}

impl<D: Storage, C: Clock> Storage for TimedStorage<D, C> {
    fn load(&mut self) -> Result<Saved, StorageError> {
        self.storage.load()
    }

    fn reserve(&mut self, bytes: usize) -> Result<(), StorageError> {
        self.storage.reserve(bytes)
    }

    fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        self.storage.append(batch)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let start = self.clock.now();
        let synced = self.storage.sync();
        self.times.sync.observe(self.clock.now().saturating_sub(start).as_secs_f64());
        synced
    }

    fn checkpoint(&mut self, image: &[u8]) -> Result<(), StorageError> {
        let start = self.clock.now();
        let taken = self.storage.checkpoint(image);
        self.times.checkpoint.observe(self.clock.now().saturating_sub(start).as_secs_f64());
        taken
    }
}
