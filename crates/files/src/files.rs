//! Private files, and their replacement in one step.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::SystemTime;

use tempfile::{Builder, NamedTempFile};

/// Opens a file. If this creates it, only its owner can read it.
///
/// # Errors
/// If the system fails.
pub fn open_private(path: &Path, how: impl FnOnce(&mut OpenOptions) -> &mut OpenOptions) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = how(&mut options).open(path)?;
    give_to_folder_owner(&file, path);
    Ok(file)
}

/// Creates a folder that only its owner can use, unless it exists.
///
/// # Errors
/// If the system fails.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        created => created?,
    }
    #[cfg(unix)]
    if let (Ok(made), Ok(above)) = (path.symlink_metadata(), folder_of(path).metadata()) {
        use std::os::unix::fs::{MetadataExt as _, lchown};
        if made.uid() == 0 && above.uid() != 0 {
            // Root may lack the right to do so, for example in a container.
            let _ = lchown(path, Some(above.uid()), Some(above.gid()));
        }
    }
    sync_folder(folder_of(path))
}

/// The version of a file: it differs if the file was changed or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    file: u64,
}

impl Stamp {
    /// Returns the version of the file with these metadata.
    pub fn new(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let file = 0;
        Self { modified: metadata.modified().ok(), length: metadata.len(), file }
    }
}

/// Returns the folder of a file: the current one for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file that root created to the owner of the folder, who couldn't open it otherwise. The path may be a link to
/// a file of root's elsewhere, which is left alone.
#[cfg(unix)]
fn give_to_folder_owner(file: &File, path: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let folder = folder_of(path).metadata();
    let (Ok(made), Ok(there), Ok(folder)) = (file.metadata(), path.symlink_metadata(), folder) else {
        return;
    };
    let is_there = (made.dev(), made.ino(), made.nlink()) == (there.dev(), there.ino(), 1);
    if is_there && made.uid() == 0 && folder.uid() != 0 {
        // Root may lack the right to do so, for example in a container.
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_folder_owner(_: &File, _: &Path) {}

/// Replaces or creates a file. After a crash, either the complete old file or the complete new one is there.
///
/// # Errors
/// If the system fails.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut file = temporary(folder)?;
    give_to_folder_owner(file.as_file(), file.path());
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Creates a private file with a temporary name, which doesn't occur in errors.
///
/// # Errors
/// If the system fails.
pub fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().prefix(".unfinished-").tempfile_in(folder).map_err(|error| error.kind().into())
}

/// Makes the names of files in a folder durable.
///
/// # Errors
/// If the system fails.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};

    use super::*;

    #[test]
    fn files_that_root_creates_belong_to_the_folder_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        if chown(folder.path(), Some(12_345), Some(12_345)).is_err() {
            // Changing a file's owner requires root.
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
