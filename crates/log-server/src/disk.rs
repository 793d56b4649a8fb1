//! Free space on the disk that stores the log.

use std::path::Path;

#[cfg(test)]
use countersign_log::condition::MIN_FREE_BYTES;
use countersign_log::condition::Room;

/// Returns the free and total space of the folder's file system, or `None` if it can't be determined.
#[cfg(unix)]
pub(crate) fn room(folder: &Path) -> Option<Room> {
    let stats = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stats.f_frsize);
    Some(Room { free: bytes(stats.f_bavail), total: bytes(stats.f_blocks) })
}

#[cfg(not(unix))]
pub(crate) fn room(_: &Path) -> Option<Room> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn disk_is_full_below_the_required_free_space() {
        let folder = tempfile::TempDir::new().unwrap();
        let room = room(folder.path()).unwrap();
        assert!(room.free <= room.total && room.total > 0);
        assert_eq!(super::room(Path::new("/nowhere/at/all")), None);
        for (free, is_full) in [(0, true), (MIN_FREE_BYTES - 1, true), (MIN_FREE_BYTES, false)] {
            assert_eq!(Room { free, total: 2 * MIN_FREE_BYTES }.is_full(), is_full);
        }
    }
}
