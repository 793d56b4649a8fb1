//! Stamps, which let work be skipped if its inputs haven't changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The SHA-256 of all inputs of some work, stored in a file once the work is done.
pub(crate) struct Stamp {
    file: PathBuf,
    hash: Sha256,
}

impl Stamp {
    pub(crate) fn new(file: PathBuf) -> Stamp {
        Stamp { file, hash: Sha256::new() }
    }

    /// Adds a string as input, such as a version or a setting.
    pub(crate) fn text(mut self, text: &str) -> Stamp {
        self.hash.update((text.len() as u64).to_le_bytes());
        self.hash.update(text);
        self
    }

    /// Adds a file as input, or all files of a folder, including their names.
    pub(crate) fn path(self, path: &Path) -> Result<Stamp> {
        if path.is_dir() {
            let mut entries =
                fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
            entries.sort();
            return entries.iter().try_fold(self, |stamp, entry| stamp.path(entry));
        }
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut stamp = self.text(&path.to_string_lossy());
        stamp.hash.update((content.len() as u64).to_le_bytes());
        stamp.hash.update(content);
        Ok(stamp)
    }

    /// Does the work, unless it was done with the same inputs and `outputs` still exist. Returns true if it
    /// was done now.
    pub(crate) fn unless_done(self, outputs: &[PathBuf], work: impl FnOnce() -> Result<()>) -> Result<bool> {
        if self.is_done(outputs) {
            return Ok(false);
        }
        if self.file.exists() {
            fs::remove_file(&self.file)?;
        }
        work()?;
        fs::create_dir_all(self.file.parent().context("the stamp's path has no parent folder")?)?;
        fs::write(&self.file, self.hash.finalize())?;
        Ok(true)
    }

    /// True if the work was done with the same inputs and `outputs` still exist.
    pub(crate) fn is_done(&self, outputs: &[PathBuf]) -> bool {
        let hash = self.hash.clone().finalize();
        fs::read(&self.file).is_ok_and(|done| done == hash[..])
            && outputs.iter().all(|output| output.exists())
    }
}

/// Returns the SHA-256 as hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
