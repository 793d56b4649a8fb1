//! A lock file, which marks a folder as in use.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::files::open_private;

/// A lock on a file, held until it is dropped or the process ends.
///
/// It is released by unlocking, not only by closing. Otherwise a child process that is starting, which inherits all
/// open files until its program runs, would keep the lock for that time.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Locks a file, which is created if it doesn't exist. It doesn't wait.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] while another process has it, or the system's error.
    pub fn acquire(path: &Path) -> Result<Self, TryLockError> {
        let open = open_private(path, |options| options.create(true).write(true).truncate(false));
        let file = open.map_err(TryLockError::Error)?;
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails, closing the file releases the lock.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_lock_is_released_even_if_a_child_has_the_file() {
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
