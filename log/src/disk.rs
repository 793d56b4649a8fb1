//! How much room there is where the log is stored.

use std::path::Path;

/// With less room than this the disk is full, before a commit finds it so: 64 MiB.
pub(crate) const LEAST: u64 = 64 << 20;

/// Whether less than that is left where the folder is. What cannot be told is not so.
pub(crate) fn is_full(folder: &Path, least: u64) -> bool {
    free(folder).is_some_and(|free| free < least)
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_less_is_left_than_is_needed() {
        let folder = tempfile::TempDir::new().unwrap();
        assert!(!is_full(folder.path(), 0) && is_full(folder.path(), u64::MAX));
        assert!(!is_full(Path::new("/nowhere/at/all"), u64::MAX));
    }
}
