//! A disk in memory that loses what was not synced, fills up, and fails: for tests of what is kept on it.

use super::Disk;
use std::{collections::BTreeMap, io, path::PathBuf};

/// A disk in memory with faults. [`FaultyDisk::lose_power`] decides what is left of what was not synced.
#[derive(Clone, Debug, Default)]
pub struct FaultyDisk {
    inodes: Vec<Inode>,
    names: Names,
    durable_names: Names,
    /// Changes of names since the directory was synced.
    renamed: Vec<Vec<(String, Option<usize>)>>,
    steps: u64,
    /// Power is lost at this step: it happens, but no success is reported of it or of a later one.
    pub fails_at: Option<u64>,
    /// The next sync of a file fails, and the system forgets what it could not write.
    pub sync_fails: bool,
    /// Bytes that all files may take together.
    pub space: Option<usize>,
}

type Names = BTreeMap<String, usize>;

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    /// What is shown.
    content: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

impl FaultyDisk {
    /// How many steps it has been asked for: everything that changes something.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Flips bits of a byte, durably.
    pub fn damage(&mut self, name: &str, at: usize, bits: u8) {
        let inode = &mut self.inodes[self.names[name]];
        inode.durable[at] ^= bits;
        inode.content[at] ^= bits;
    }

    /// What is left after power loss. Of what was not synced, `survives` is asked for each piece of so many
    /// bytes, and for each change of names; a piece of zeros only is asked for as a whole.
    pub fn lose_power(&self, piece: usize, mut survives: impl FnMut() -> bool) -> Self {
        let mut names = self.durable_names.clone();
        for changes in &self.renamed {
            if survives() {
                change_names(&mut names, changes);
            }
        }
        let mut inodes = Vec::new();
        for inode in &self.inodes {
            let mut durable = inode.durable.clone();
            for (offset, bytes) in &inode.unsynced {
                let is_zero = bytes.iter().all(|byte| *byte == 0);
                let piece = if is_zero { bytes.len().max(1) } else { piece };
                for (i, bytes) in bytes.chunks(piece).enumerate() {
                    if survives() {
                        put(&mut durable, offset + i * piece, bytes);
                    }
                }
            }
            inodes.push(Inode { content: durable.clone(), durable, unsynced: Vec::new() });
        }
        Self { inodes, durable_names: names.clone(), names, ..Self::default() }
    }

    /// How many choices [`FaultyDisk::lose_power`] has with pieces of so many bytes.
    pub fn choices(&self, piece: usize) -> u32 {
        let mut count = 0;
        self.lose_power(piece, || {
            count += 1;
            false
        });
        count
    }

    fn step(&mut self) -> bool {
        self.steps += 1;
        self.fails_at.is_none_or(|at| self.steps < at)
    }

    /// What the caller is told of a step that was taken.
    fn told(&self) -> io::Result<()> {
        match self.fails_at {
            Some(at) if self.steps >= at => Err(io::Error::other("the power is off")),
            _ => Ok(()),
        }
    }

    fn is_off(&self) -> bool {
        self.fails_at.is_some_and(|at| self.steps > at)
    }

    fn inode(&mut self, name: &str) -> io::Result<&mut Inode> {
        let at = self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.inodes[*at])
    }

    fn rename_all(&mut self, changes: Vec<(String, Option<usize>)>) -> io::Result<()> {
        self.step();
        if !self.is_off() {
            change_names(&mut self.names, &changes);
            self.renamed.push(changes);
        }
        self.told()
    }

    fn used(&self) -> usize {
        self.names.values().map(|at| self.inodes[*at].content.len()).sum()
    }
}

impl Disk for FaultyDisk {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.names.get(name).map(|at| self.inodes[*at].content.clone()))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        self.inodes.push(Inode::default());
        let inode = self.inodes.len() - 1;
        self.rename_all(vec![(name.into(), Some(inode))])
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.step();
        if !self.is_off() {
            let (used, space) = (self.used(), self.space);
            let inode = self.inode(name)?;
            let offset = offset as usize;
            let grows = (offset + bytes.len()).saturating_sub(inode.content.len());
            let room = space.map_or(usize::MAX, |space| space.saturating_sub(used));
            // A full disk takes what fits, and says no to the rest.
            let fits = bytes.len() - grows.saturating_sub(room).min(bytes.len());
            put(&mut inode.content, offset, &bytes[..fits]);
            inode.unsynced.push((offset, bytes[..fits].to_vec()));
            if fits < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.told()
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let (done, fails) = (self.step(), std::mem::take(&mut self.sync_fails));
        let inode = self.inode(name)?;
        if fails {
            inode.unsynced.clear();
            return Err(io::Error::other("the disk does not write"));
        }
        if done {
            for (offset, bytes) in std::mem::take(&mut inode.unsynced) {
                put(&mut inode.durable, offset, &bytes);
            }
        }
        self.told()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let inode = *self.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        self.rename_all(vec![(from.into(), None), (to.into(), Some(inode))])
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.rename_all(vec![(name.into(), None)])
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        if self.step() {
            self.durable_names = self.names.clone();
            self.renamed.clear();
        }
        self.told()
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("disk").join(name)
    }
}

fn change_names(names: &mut Names, changes: &[(String, Option<usize>)]) {
    for (name, inode) in changes {
        match inode {
            Some(inode) => names.insert(name.clone(), *inode),
            None => names.remove(name),
        };
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}
