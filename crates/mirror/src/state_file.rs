//! The file with a mirror's progress.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::MirrorError;

/// A mirror's progress. Only what is written here is certain to be on disk.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct StateFile {
    /// `mirror/v1`.
    pub(crate) countersign: String,
    /// The newest checkpoint that the mirror has accepted. All entries that it stores are of its tree.
    pub(crate) pending: Option<String>,
    /// The number of entries that are stored.
    pub(crate) size: u64,
    /// The root hash over these entries, in base64.
    pub(crate) root: String,
}

impl StateFile {
    /// The value of [`Self::countersign`].
    pub(crate) const VERSION: &str = "mirror/v1";

    /// Reads the file; `None` if there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, MirrorError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let state: Option<Self> = serde_json::from_str(&text).ok();
        match state.filter(|state| state.countersign == Self::VERSION) {
            Some(state) => Ok(Some(state)),
            None => Err(MirrorError::Damaged(format!("{} is not a mirror's state", path.display()))),
        }
    }

    /// Replaces the file, durably.
    pub(crate) fn write(&self, path: &Path) -> Result<(), MirrorError> {
        let mut text = serde_json::to_vec(self).map_err(io::Error::other)?;
        text.push(b'\n');
        Ok(countersign_files::replace(path, &text)?)
    }
}
