//! Files of a log's folder: their owner's alone, and replaced in one step.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use tempfile::{Builder, NamedTempFile};

/// Opens a file, which nobody but its owner may read where this makes it.
pub(crate) fn open_private(
    path: &Path,
    how: impl FnOnce(&mut OpenOptions) -> &mut OpenOptions,
) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = how(&mut options).open(path)?;
    hand_over(&file, path);
    Ok(file)
}

/// The version of a file, which tells whether it is another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    file: u64,
}

impl Stamp {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), file }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives what root makes to whom the folder belongs: the server runs as that user, and could not read it. A link there may
/// lead to a file of root's elsewhere, which stays root's.
#[cfg(unix)]
fn hand_over(file: &File, path: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let folder = folder_of(path).metadata();
    let (Ok(made), Ok(there), Ok(folder)) = (file.metadata(), path.symlink_metadata(), folder) else {
        return;
    };
    let is_there = (made.dev(), made.ino(), made.nlink()) == (there.dev(), there.ino(), 1);
    if is_there && made.uid() == 0 && folder.uid() != 0 {
        // A root without that right may still be who runs the server.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(not(unix))]
fn hand_over(_: &File, _: &Path) {}

/// Puts a file of these bytes in the place of the one that is there, if there is one: after a crash either is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut file = temporary(folder)?;
    hand_over(file.as_file(), file.path());
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// A file of a temporary name, for its owner alone. Nobody asked for that name, which is in no error.
pub(crate) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().prefix(".unfinished-").tempfile_in(folder).map_err(|error| error.kind().into())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};

    use super::*;

    #[test]
    fn what_root_makes_is_the_folders_owners() {
        let folder = tempfile::tempdir().expect("a folder");
        if chown(folder.path(), Some(12_345), Some(12_345)).is_err() {
            // Root alone can give files away.
            return;
        }
        let [replaced, opened] = ["replaced", "opened"].map(|name| folder.path().join(name));
        replace(&replaced, b"text").expect("replaced");
        open_private(&opened, |options| options.append(true).create(true)).expect("opened");
        for path in [replaced, opened] {
            let made = path.metadata().expect("it is there");
            assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (12_345, 12_345, 0o600), "{path:?}");
        }

        let elsewhere = tempfile::NamedTempFile::new().expect("a file");
        for link in ["symbolic", "hard"].map(|name| folder.path().join(name)) {
            let made = if link.ends_with("hard") { std::fs::hard_link } else { symlink };
            made(elsewhere.path(), &link).expect("a link");
            open_private(&link, |options| options.append(true)).expect("opened");
            assert_eq!(elsewhere.as_file().metadata().expect("it is there").uid(), 0, "{link:?}");
        }
    }
}
