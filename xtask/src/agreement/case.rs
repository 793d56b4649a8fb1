//! The events of sets, and their files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::fact::Facts;

/// An event of a set, and the facts that are expected of it.
pub(super) struct Case {
    /// The source's name in the set.
    pub(super) source: String,
    /// The event's name in the set.
    pub(super) name: String,
    pub(super) event: Value,
    pub(super) expected: Facts,
}

/// Returns the files in a folder and its folders that have an extension, in order of their paths.
pub(super) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|other| other == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the text of a file.
pub(super) fn text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
