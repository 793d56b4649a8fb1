//! Files that are read again when they change.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(100);

/// When a file was changed last, its length, and which file it is.
type Version = (SystemTime, u64, u64);

/// Files, and the versions of them that are known. It is made before they are read: what changes afterwards is seen.
pub(super) struct Watched(Vec<(PathBuf, Option<Version>)>);

impl Watched {
    pub(super) fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_owned(), version(path))).collect())
    }

    /// Waits until one of them is another than it was.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut changed = false;
            for (path, known) in &mut self.0 {
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
