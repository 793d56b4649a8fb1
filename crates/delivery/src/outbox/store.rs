//! Storage for an outbox's files: a directory, or memory if nothing has to survive the run.

use std::collections::BTreeMap;
use std::fs::{self, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::DeliveryError;
use countersign_files::Lock;

/// Small files by name. A file is either complete or absent.
pub trait Store: Send {
    /// Returns the names of the files, in order.
    ///
    /// # Errors
    /// If they can't be listed.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Returns the content of a file.
    ///
    /// # Errors
    /// If it can't be read.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// Creates or replaces a file. It is durable when this returns.
    ///
    /// # Errors
    /// If writing fails. In this case, the file may or may not exist.
    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// If it can't be removed.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes durable what an earlier process may have left in the system's cache.
    ///
    /// # Errors
    /// If the system fails.
    fn sync(&self) -> io::Result<()>;
}

/// The prefix and suffix of the name of a file that is not complete yet.
const TEMP_AFFIXES: (&str, &str) = (".countersign-", ".unfinished");

/// A directory, locked against other processes.
pub struct Directory {
    path: PathBuf,
    /// The lock, held as long as this value exists.
    _lock: Lock,
}

impl Directory {
    /// Opens and locks a directory. If it doesn't exist, it is created, readable by its owner only.
    ///
    /// # Errors
    /// If the path is a file, or the directory is in use, or can't be created or read.
    pub fn open(path: &Path) -> Result<Self, DeliveryError> {
        let shown = path.display().to_string();
        let failed = |error: io::Error| DeliveryError::io("open the folder", &shown, error);
        if path.is_file() {
            let hint = "use the path of a folder, or one that does not exist";
            return Err(DeliveryError::outbox(
                "io.not_directory",
                "the path is a file, not a folder",
                hint,
                &shown,
            ));
        }
        create(path).map_err(failed)?;
        let lock = Lock::acquire(&path.join("lock")).map_err(|error| match error {
            TryLockError::WouldBlock => {
                let hint = "wait until it has ended, or use another folder";
                DeliveryError::outbox("io.locked", "another process is using this folder", hint, &shown)
            }
            TryLockError::Error(error) => failed(error),
        })?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        sync_directory(parent(path)).map_err(failed)?;
        for name in directory.all_names().map_err(failed)? {
            if name.starts_with(TEMP_AFFIXES.0) && name.ends_with(TEMP_AFFIXES.1) {
                directory.remove(&name).map_err(failed)?;
            }
        }
        Ok(directory)
    }

    fn all_names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // The outbox creates no files with names that aren't UTF-8.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl Store for Directory {
    fn names(&self) -> io::Result<Vec<String>> {
        self.all_names()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file =
            tempfile::Builder::new().prefix(TEMP_AFFIXES.0).suffix(TEMP_AFFIXES.1).tempfile_in(&self.path)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path.join(name)).map_err(|error| error.error)?;
        self.sync()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }
}

/// Returns the directory that a path is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory durable.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "other systems can't open a directory as a file")]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Files in memory, which end with the process.
#[derive(Default)]
pub struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.files().get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.files().insert(name.to_owned(), bytes.to_owned());
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: Store + Sync> Store for std::sync::Arc<S> {
    fn names(&self) -> io::Result<Vec<String>> {
        (**self).names()
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        (**self).read(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        (**self).put(name, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        (**self).sync()
    }
}
