//! Files of a log's folder: their owner's alone, and replaced in one step.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Opens files that nobody but their owner may read, where it makes them.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Puts a file of these bytes in the place of the one that is there, if there is one: after a crash either is there, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = temporary(folder)?;
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
