//! Detects changes to files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::io::stop;

/// The interval between checks.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A file's modification time, length and inode number.
type Version = (SystemTime, u64, u64);

/// Files with their last known versions. Created before the files are read, so that no change is missed.
pub(super) struct FileWatcher {
    files: Vec<(PathBuf, Option<Version>)>,
    /// The number of hangups after which the files were read.
    hangups: u64,
}

impl FileWatcher {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let files = paths.into_iter().map(|path| (path.to_owned(), version(path))).collect();
        Self { files, hangups: stop::hangups() }
    }

    /// Waits until one of the files changes, or until the process gets a hangup.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let hangups = stop::hangups();
            let mut changed = std::mem::replace(&mut self.hangups, hangups) != hangups;
            for (path, known) in &mut self.files {
                let now = version(path);
                changed |= std::mem::replace(known, now) != now;
            }
            if changed {
                return;
            }
        }
    }
}

fn version(file: &Path) -> Option<Version> {
    let metadata = fs::metadata(file).ok()?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let number = 0;
    Some((metadata.modified().ok()?, metadata.len(), number))
}
