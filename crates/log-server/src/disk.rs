//! How much room there is where the log is stored.

use std::path::Path;

#[cfg(test)]
use countersign_log::condition::MIN_FREE_BYTES;
use countersign_log::condition::Room;

/// The room where the folder is: what is free, and all of it. None where that cannot be told.
#[cfg(unix)]
pub(crate) fn room(folder: &Path) -> Option<Room> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Room { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
}

#[cfg(not(unix))]
pub(crate) fn room(_: &Path) -> Option<Room> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_less_is_left_than_is_needed() {
        let folder = tempfile::TempDir::new().unwrap();
        let room = room(folder.path()).unwrap();
        assert!(room.free <= room.total && room.total > 0);
        assert_eq!(super::room(Path::new("/nowhere/at/all")), None);
        for (free, is_full) in [(0, true), (LEAST - 1, true), (LEAST, false)] {
            assert_eq!(Room { free, total: 2 * LEAST }.is_full(), is_full);
        }
    }
}
