//! The evidence in a file of the log's folder, apart from the database.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use countersign_files::{open_private, replace, sync_folder};
use countersign_log::stop::Stops;
use countersign_log::store::StoreError;

/// The file's name within the log's folder.
pub const FILE: &str = "evidence.ndjson";
/// More than such a file ever has.
const MOST_BYTES: u64 = 16 << 20;

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct StopFileError {
    path: PathBuf,
    error: io::Error,
}

/// The file of a log's folder.
pub struct StopFile(PathBuf);

impl StopFile {
    /// Of that folder. The file need not be there.
    pub fn new(folder: &Path) -> Self {
        Self(folder.join(FILE))
    }

    /// All of it; a last line that was not written whole is as if it were not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self) -> Result<Vec<String>, StopFileError> {
        let read = || match fs::metadata(&self.0) {
            Ok(metadata) if metadata.len() > MOST_BYTES => {
                Err(io::Error::other("it is larger than such a file is"))
            }
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
        // What a crash cut off before does not become part of this line.
        file.write_all(format!("\n{line}\n").as_bytes())?;
        file.sync_all()?;
        sync_folder(self.0.parent().unwrap_or_else(|| Path::new(".")))
    }
}

impl Stops for StopFile {
    fn lines(&self) -> Result<Vec<String>, StoreError> {
        self.read().map_err(|error| StoreError::unavailable("reading the evidence of stops", error))
    }

    fn keep(&self, line: &str) -> Result<(), StoreError> {
        self.append(line).map_err(|error| StoreError::unavailable("keeping the evidence of a stop", error))
    }

    fn replace(&self, lines: &[String]) -> Result<(), StoreError> {
        let text = lines.join("\n") + "\n";
        replace(&self.0, text.as_bytes())
            .map_err(|error| StoreError::unavailable("compacting the evidence of stops", error))
    }
}
