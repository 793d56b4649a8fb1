//! A file whose lock says that a folder is in use.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::files::open_private;

/// The lock of a file, held until it is dropped, or until the process ends in whatever way.
///
/// It is released by unlocking, not by closing alone: a child process that is being started has every open file until
/// its program begins, and would keep the lock for so long.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Locks the file, which is created if it does not exist. It does not wait.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] while another process has it, or the system's error.
    pub fn take(path: &Path) -> Result<Self, TryLockError> {
        let open = open_private(path, |options| options.create(true).write(true).truncate(false));
        let file = open.map_err(TryLockError::Error)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_when_dropped_though_a_child_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::acquire(&path).unwrap();
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::acquire(&path), Err(TryLockError::WouldBlock)));
        drop(lock);
        Lock::acquire(&path).unwrap();
        drop(inherited);
    }
}
