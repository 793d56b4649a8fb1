//! The folder with the rows of all parts of an export.
//!
//! Each part has files of its own, `part-00003-00000.parquet`, in the folder itself or in the folders of days. The
//! manifest is written when all parts are complete.

use std::fs;
use std::path::{Path, PathBuf};

use crate::errors::{CliError, shown};
use crate::io::output::TEMPORARY_NAME;

/// The manifest. Query engines ignore names that begin with an underscore.
pub(super) const MANIFEST: &str = "_manifest.json";

/// Returns the name of a part's file.
pub(super) fn part_file_name(part: u64, number: u32) -> String {
    format!("part-{part:05}-{number:05}.parquet")
}

/// A file with rows of a part. Sorted by day and in the order of rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PartFile {
    /// The day; empty if rows are not partitioned.
    pub(super) day: String,
    /// The 1-based number of the part.
    pub(super) part: u64,
    /// The 0-based number of the file among those of the part and the day.
    number: u32,
}

impl PartFile {
    fn parse(day: &str, name: &str) -> Option<Self> {
        let (part, number) = name.strip_prefix("part-")?.strip_suffix(".parquet")?.split_once('-')?;
        let (part, number) = (part.parse().ok()?, number.parse().ok()?);
        (part_file_name(part, number) == name).then(|| Self { day: day.to_owned(), part, number })
    }

    /// Returns the path within the folder, with `/` on all systems.
    pub(super) fn path(&self) -> String {
        let name = part_file_name(self.part, self.number);
        if self.day.is_empty() { name } else { format!("day={}/{name}", self.day) }
    }
}

/// Returns the files with rows, sorted. Fails if there is any other file, except temporary ones.
pub(super) fn list(folder: &Path) -> Result<Vec<PartFile>, CliError> {
    let mut files = Vec::new();
    for (name, path) in entries(folder)? {
        match name.strip_prefix("day=").filter(|_| path.is_dir()) {
            Some(day) => {
                for (name, path) in entries(&path)? {
                    files.push(PartFile::parse(day, &name).ok_or_else(|| unknown(&path))?);
                }
            }
            None if name == MANIFEST || is_temporary(&name) => {}
            None => files.push(PartFile::parse("", &name).ok_or_else(|| unknown(&path))?),
        }
    }
    files.sort();
    match (files.first(), files.last()) {
        (Some(first), Some(last)) if first.day.is_empty() && !last.day.is_empty() => {
            let hint = "write all parts with --partition day, or all without it, to an empty folder";
            let message = "only some of the parts are partitioned by day";
            Err(CliError::unusable("parquet.other_partition", message, hint).within(&shown(folder)))
        }
        _ => Ok(files),
    }
}

/// True if a folder has the rows of parts, with or without a manifest.
pub(crate) fn holds_parts(folder: &Path) -> bool {
    folder.is_dir() && list(folder).is_ok_and(|files| !files.is_empty())
}

/// Fails if the folder has a manifest, which states that its rows are complete.
pub(super) fn refuse_complete(folder: &Path) -> Result<(), CliError> {
    if !folder.join(MANIFEST).exists() {
        return Ok(());
    }
    let message = "the folder already has the rows of all parts";
    let hint = "write to another folder, or remove this one";
    Err(CliError::unusable("parquet.complete", message, hint).within(&shown(folder)))
}

/// Removes the files that interrupted processes left behind.
pub(super) fn remove_temporary(folder: &Path) -> Result<(), CliError> {
    for (_, path) in entries(folder)?.into_iter().filter(|(name, _)| is_temporary(name)) {
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| CliError::io("remove", &shown(&path), &error))?;
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    let (begin, end) = TEMPORARY_NAME;
    name.starts_with(begin) && name.ends_with(end)
}

fn unknown(path: &Path) -> CliError {
    let hint = "use a folder that only `countersign export --part` writes to";
    let failure = CliError::unusable("parquet.unknown_file", "this is not a file with rows of a part", hint);
    failure.within(&shown(path))
}

/// Returns the entries of a folder, sorted by name.
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, CliError> {
    let failed = |error| CliError::io("read", &shown(folder), &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
