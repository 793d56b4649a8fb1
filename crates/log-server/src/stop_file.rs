//! The file of evidence about stops of the log, apart from the database.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use countersign_files::{open_private, replace, sync_folder};
use countersign_log::stop::Stops;
use countersign_log::store::StoreError;

/// The file's name within the log's folder.
pub const FILE: &str = "evidence.ndjson";
/// Maximum size of a file to read, in bytes; larger files can't be this one.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// An error in reading the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct StopFileError {
    path: PathBuf,
    error: io::Error,
}

/// The file in a log's folder.
pub struct StopFile(PathBuf);

impl StopFile {
    /// Opens the file of a folder. It need not exist.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// Reads all complete lines. A truncated last line is ignored.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(&self) -> Result<Vec<String>, StopFileError> {
        let read = || match fs::metadata(&self.0) {
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => Err(io::Error::other("the file is too large")),
            Ok(_) => fs::read_to_string(&self.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error),
        };
        let text = read().map_err(|error| StopFileError { path: self.0.clone(), error })?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(whole.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = open_private(&self.0, |options| options.append(true).create(true))?;
        // The leading line feed ends a line that a crash truncated.
        file.write_all(format!("\n{line}\n").as_bytes())?;
        file.sync_all()?;
        sync_folder(self.0.parent().unwrap_or_else(|| Path::new(".")))
    }
}

impl Stops for StopFile {
    fn lines(&self) -> Result<Vec<String>, StoreError> {
        self.read().map_err(|error| StoreError::disk("reading the evidence of stops", error))
    }

    fn keep(&self, line: &str) -> Result<(), StoreError> {
        self.append(line).map_err(|error| StoreError::disk("storing the evidence of a stop", error))
    }

    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        let text = lines.join("\n") + "\n";
        replace(&self.0, text.as_bytes())
            .map_err(|error| StoreError::disk("compacting the evidence of stops", error))
    }
}
