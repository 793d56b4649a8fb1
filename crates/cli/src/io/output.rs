//! Output files that appear complete or not at all.
//!
//! Output goes to a temporary file next to the destination, which replaces it atomically once everything is on disk.
//! A run that fails or is interrupted removes the temporary file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, PersistError, TempDir};

use crate::errors::{CliError, shown};

/// The temporary files and folders of this run, oldest first. The signal handler waits for this lock.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates a temporary file next to `destination`.
fn create_temporary(
    builder: &mut tempfile::Builder<'_, '_>,
    destination: &Path,
) -> io::Result<NamedTempFile> {
    let mut unfinished = unfinished();
    let (begin, end) = TEMPORARY_NAME;
    let file = builder.prefix(begin).suffix(end).tempfile_in(directory(destination));
    let file = file.map_err(|error| without_temporary_name(&error))?;
    // Files of failed attempts were removed already.
    unfinished.retain(|path| path.exists());
    unfinished.push(file.path().to_owned());
    Ok(file)
}

/// Removes the name of the temporary file from the error, because it means nothing to the user.
fn without_temporary_name(error: &io::Error) -> io::Error {
    match (error.raw_os_error(), error.kind()) {
        (Some(system), _) => io::Error::from_raw_os_error(system),
        (None, kind @ io::ErrorKind::NotFound) => io::Error::new(kind, "the folder does not exist"),
        (None, kind) => kind.into(),
    }
}

/// Renames a temporary file, which must be complete and on disk.
fn rename(
    file: NamedTempFile,
    name: impl FnOnce(NamedTempFile) -> Result<File, PersistError>,
) -> io::Result<()> {
    let mut unfinished = unfinished();
    let path = file.path().to_owned();
    name(file).map_err(|error| error.error)?;
    unfinished.retain(|other| *other != path);
    Ok(())
}

/// Makes interrupted runs clean up, and a file size limit cause an error instead of ending the process.
pub(crate) fn survive_signals() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
        use signal_hook::iterator::{SignalsInfo, exfiltrator::WithOrigin};
        // With any handler, the write returns its error.
        let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::default());
        let mut handled = vec![SIGINT, SIGTERM];
        // `nohup` makes a command ignore hangups; a handler would undo that.
        if !ignores_hangups() {
            handled.push(SIGHUP);
        }
        if let Ok(mut signals) = SignalsInfo::<WithOrigin>::new(handled) {
            std::thread::spawn(move || {
                for origin in signals.forever() {
                    if crate::io::stop::request(&origin) {
                        continue;
                    }
                    let mut unfinished = unfinished();
                    for path in unfinished.drain(..) {
                        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                    }
                    let _ = signal_hook::low_level::emulate_default_handler(origin.signal);
                }
            });
        }
    }
}

/// True if the process was started so that it ignores hangups, as by `nohup`.
#[cfg(unix)]
fn ignores_hangups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The lowest bit is that of SIGHUP, which is signal 1.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}

/// The output of a command.
pub(crate) struct Output {
    name: String,
    sink: Sink,
}

enum Sink {
    Stdout(BufWriter<Stdout>),
    /// A pipe or a device, which can't be replaced, so it is written directly.
    Direct(BufWriter<File>),
    File {
        writer: BufWriter<NamedTempFile>,
        destination: PathBuf,
    },
}

impl Output {
    /// Creates the file at that path, or uses standard output.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self {
                name: "standard output".into(),
                sink: Sink::Stdout(BufWriter::new(io::stdout())),
            });
        };
        let name = shown(path);
        let sink = open(path).map_err(|error| CliError::io("write", &name, &error))?;
        Ok(Self { name, sink })
    }

    /// Returns the name of the file, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.writer().write_all(bytes).map_err(|error| self.failure(&error))
    }

    /// Flushes what was written so far, unless it goes to a file that appears only when it is complete.
    pub(crate) fn flush(&mut self) -> Result<(), CliError> {
        if matches!(self.sink, Sink::File { .. }) {
            return Ok(());
        }
        self.writer().flush().map_err(|error| self.failure(&error))
    }

    /// Copies the rest of `from`.
    pub(crate) fn copy(&mut self, from: &mut impl io::Read) -> Result<(), CliError> {
        io::copy(from, self.writer()).map(|_| ()).map_err(|error| self.failure(&error))
    }

    /// Moves the complete file to its destination.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let name = self.name;
        let result = match self.sink {
            Sink::Stdout(mut writer) => writer.flush(),
            Sink::Direct(mut writer) => writer.flush(),
            Sink::File { writer, destination } => persist(writer, &destination),
        };
        result.map_err(|error| CliError::io("write", &name, &error))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.sink {
            Sink::Stdout(writer) => writer,
            Sink::Direct(writer) => writer,
            Sink::File { writer, .. } => writer,
        }
    }

    fn failure(&self, error: &io::Error) -> CliError {
        CliError::io("write", &self.name, error)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

/// A folder that a command writes files into, and that appears complete.
pub(crate) struct Folder {
    name: String,
    files: TempDir,
    destination: PathBuf,
}

impl Folder {
    /// Creates a temporary folder for that path, where there must be nothing or an empty folder.
    pub(crate) fn create(path: &Path) -> Result<Self, CliError> {
        let name = shown(path);
        let create = || {
            let is_occupied = match fs::read_dir(path) {
                Ok(mut entries) => entries.next().is_some(),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if is_occupied {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "the folder already exists and is not empty",
                ));
            }
            temporary_folder(directory(path))
        };
        let files = create().map_err(|error| CliError::io("write", &name, &error))?;
        Ok(Self { name, files, destination: path.to_owned() })
    }

    /// Creates a temporary folder within a folder, which is created if it does not exist. See
    /// [`move_files`](Self::move_files).
    #[cfg(feature = "native")]
    pub(crate) fn create_in(path: &Path) -> Result<Self, CliError> {
        let name = shown(path);
        let create = || {
            fs::create_dir_all(path)?;
            temporary_folder(path)
        };
        let files = create().map_err(|error| CliError::io("write", &name, &error))?;
        Ok(Self { name, files, destination: path.to_owned() })
    }

    /// Returns the name of the folder, for messages.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the temporary folder.
    pub(crate) fn path(&self) -> &Path {
        self.files.path()
    }

    /// Moves complete files to the same paths within the destination, and replaces existing files there.
    #[cfg(feature = "native")]
    pub(crate) fn move_files(self, paths: &[PathBuf]) -> Result<(), CliError> {
        let moved = |path: &PathBuf| {
            let destination = self.destination.join(path);
            fs::create_dir_all(directory(&destination))?;
            fs::rename(self.files.path().join(path), &destination)?;
            sync_directory(directory(&destination));
            Ok(())
        };
        paths.iter().try_for_each(moved).map_err(|error: io::Error| CliError::io("write", &self.name, &error))
    }

    /// Moves the folder to its destination.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        let mut unfinished = unfinished();
        let appear = || {
            fs::rename(self.files.path(), &self.destination)?;
            sync_directory(directory(&self.destination));
            Ok(())
        };
        appear().map_err(|error| CliError::io("write", &self.name, &error))?;
        // The folder was moved, so there is nothing to remove.
        let path = self.files.keep();
        unfinished.retain(|other| *other != path);
        Ok(())
    }
}

/// The beginning and the end of the names of temporary files and folders.
pub(crate) const TEMPORARY_NAME: (&str, &str) = (".countersign-", ".unfinished");

/// Creates a temporary folder in a folder.
fn temporary_folder(parent: &Path) -> io::Result<TempDir> {
    let mut unfinished = unfinished();
    let mut builder = tempfile::Builder::new();
    if let Some(permissions) = new_folder_permissions() {
        builder.permissions(permissions);
    }
    let (begin, end) = TEMPORARY_NAME;
    let files = builder.prefix(begin).suffix(end).tempdir_in(parent);
    let files = files.map_err(|error| without_temporary_name(&error))?;
    unfinished.push(files.path().to_owned());
    Ok(files)
}

fn open(path: &Path) -> io::Result<Sink> {
    // Follows a symbolic link, so that the link stays.
    let destination = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&destination).ok();
    if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        return Ok(Sink::Direct(BufWriter::new(File::options().write(true).open(&destination)?)));
    }
    let mut builder = tempfile::Builder::new();
    if let Some(permissions) = new_file_permissions() {
        builder.permissions(permissions);
    }
    let file = create_temporary(&mut builder, &destination)?;
    if let Some(existing) = existing {
        file.as_file().set_permissions(existing.permissions())?;
    }
    Ok(Sink::File { writer: BufWriter::with_capacity(1 << 18, file), destination })
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "None on other systems")]
fn new_file_permissions() -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    // The user's umask restricts these.
    Some(fs::Permissions::from_mode(0o666))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "None on other systems")]
fn new_folder_permissions() -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    // The user's umask restricts these.
    Some(fs::Permissions::from_mode(0o777))
}

#[cfg(not(unix))]
fn new_folder_permissions() -> Option<fs::Permissions> {
    None
}

#[cfg(not(unix))]
fn new_file_permissions() -> Option<fs::Permissions> {
    None
}

/// Returns the directory that contains a file.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn persist(writer: BufWriter<NamedTempFile>, destination: &Path) -> io::Result<()> {
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    rename(file, |file| file.persist(destination))?;
    sync_directory(directory(destination));
    Ok(())
}

/// Creates a temporary file next to `destination` that only its owner may read, and that an interrupted run removes.
pub(crate) fn create_secret(destination: &Path) -> io::Result<NamedTempFile> {
    // Temporary files are created with access for the owner only.
    create_temporary(&mut tempfile::Builder::new(), destination)
}

/// Writes a secret to a file that only its owner may read, replacing an existing file.
#[cfg(feature = "native")]
pub(crate) fn replace_secret(path: &Path, secret: &[u8]) -> Result<(), CliError> {
    write_secret_as(path, secret, |file| file.persist(path))
}

/// Moves a file from [`create_secret`] to its destination, replacing an existing file.
pub(crate) fn replace(file: NamedTempFile, destination: &Path) -> io::Result<()> {
    rename(file, |file| file.persist(destination))
}

/// Creates a folder, and those above it, with access for its owner only.
pub(crate) fn make_private_folder(folder: &Path) -> Result<(), CliError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| CliError::io("make", &shown(folder), &error))
}

/// Writes a secret to a new file that only its owner may read.
pub(crate) fn write_secret(path: &Path, secret: &[u8]) -> Result<(), CliError> {
    write_secret_as(path, secret, |file| file.persist_noclobber(path))
}

fn write_secret_as(
    path: &Path,
    secret: &[u8],
    name: impl FnOnce(NamedTempFile) -> Result<File, PersistError>,
) -> Result<(), CliError> {
    let write = || -> io::Result<()> {
        let mut file = create_secret(path)?;
        file.write_all(secret)?;
        file.as_file().sync_all()?;
        rename(file, name)?;
        sync_directory(directory(path));
        Ok(())
    };
    write().map_err(|error| CliError::io("write", &shown(path), &error))
}

// Failure to sync the directory is ignored: the data itself is on disk.
fn sync_directory(path: &Path) {
    if cfg!(unix)
        && let Ok(directory) = File::open(path)
    {
        let _ = directory.sync_all();
    }
}
