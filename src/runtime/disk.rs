//! The files of one directory, and nothing else of a system: the seam below
//! [`FileStorage`](super::FileStorage).

use super::StorageError;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A directory of few files. What is written survives power loss once it is synced, and a name once the
/// directory is; of anything else, any part may survive.
pub trait Disk {
    /// All of a file; none if there is no such file.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Makes an empty file, or empties the one that is there.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Writes into a file that is there, and lengthens it as needed.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written to the file would survive power loss. After an error nothing is
    /// known of what was written since the last success, and another call would tell nothing.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a file another name, in place of whatever had it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Returns when all names would survive power loss.
    fn sync_directory(&mut self) -> io::Result<()>;

    /// What to call a file in messages.
    fn path(&self, name: &str) -> PathBuf;
}

impl<D: Disk> Disk for &mut D {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        (**self).read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        (**self).create(name)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        (**self).sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        (**self).rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        (**self).sync_directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        (**self).path(name)
    }
}

/// A directory of the system, locked for as long as this lives.
#[derive(Debug)]
pub struct DirectoryDisk {
    directory: PathBuf,
    /// Files that were written to, by name.
    open: BTreeMap<String, File>,
    _lock: File,
}

impl DirectoryDisk {
    /// Opens a directory; with `init`, makes it if it is not there.
    pub fn open(directory: &Path, init: bool) -> Result<Self, StorageError> {
        if init {
            make(directory).map_err(io_error("make it", directory))?;
        } else if !directory.is_dir() {
            return Err(StorageError::Uninitialised { path: directory.into() });
        }
        let lock = lock(&directory.join("lock"))?;
        Ok(Self { directory: directory.into(), open: BTreeMap::new(), _lock: lock })
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        if !self.open.contains_key(name) {
            let file = OpenOptions::new().write(true).open(self.path(name))?;
            self.open.insert(name.into(), file);
        }
        Ok(self.open.get_mut(name).expect("it was just inserted"))
    }
}

impl Disk for DirectoryDisk {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        read_if_there(&self.path(name))
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let file = File::create(self.path(name))?;
        self.open.insert(name.into(), file);
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(name)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))?;
        self.open.remove(to);
        if let Some(file) = self.open.remove(from) {
            self.open.insert(to.into(), file);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.open.remove(name);
        fs::remove_file(self.path(name))
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn make(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    match directory.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
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

/// All of a file; none if there is no such file.
pub(super) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file: a temporary one beside it, sync, rename, sync of the directory. After power loss the old
/// or the new is there, never neither; who may read it stays as it was. Errors of the system; then the old
/// one is there, and perhaps `NAME.new` beside it.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_os_string();
    temporary.push(".new");
    let mut file = File::create(&temporary)?;
    match fs::metadata(path) {
        Ok(old) => file.set_permissions(old.permissions())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn io_error(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let path = path.to_path_buf();
    move |error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::NoSpace { path },
        _ => StorageError::Io { doing, path, error },
    }
}
