//! A file whose lock says that a folder is in use.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The lock of a file, held until it is dropped, or until the process ends in whatever way.
///
/// It is released by unlocking, not by closing alone: a child process that is being started has every open file until
/// its program begins, and would keep the lock for so long.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks the file, which is created if it does not exist. It does not wait.
    pub(crate) fn take(path: &Path) -> Result<Self, TryLockError> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(TryLockError::Error)?;
        give_to_owner_of_folder(&file, path);
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Where this fails, closing releases it.
        let _ = self.0.unlock();
    }
}

/// Gives a file that root created to the user who owns the folder, and who could not open it otherwise. A link there may
/// lead to a file of root's elsewhere, which stays root's.
#[cfg(unix)]
fn give_to_owner_of_folder(file: &File, path: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let folder = path.parent().unwrap_or(Path::new(".")).metadata();
    let (Ok(made), Ok(there), Ok(folder)) = (file.metadata(), path.symlink_metadata(), folder) else {
        return;
    };
    let is_there = (made.dev(), made.ino(), made.nlink()) == (there.dev(), there.ino(), 1);
    if is_there && made.uid() == 0 && folder.uid() != 0 {
        // A root without that right keeps it.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner_of_folder(_: &File, _: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_free_when_dropped_though_a_child_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::take(&path), Err(TryLockError::WouldBlock)));
        drop(lock);
        Lock::take(&path).unwrap();
        drop(inherited);
    }
}
