//! The newest findings of a log that watches itself, stored in a file in the log's folder.
//!
//! A finding says who did something, and contains the parts of the event that show it. When the event is erased, those
//! parts are removed: the finding is then marked `erased`, and keeps its rule, time, and entries.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use roaring::RoaringTreemap;
use serde_json::{Value, json};

use countersign_files::{open_private, replace};
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// Maximum number of findings to keep; the oldest are dropped.
pub const MAX_FINDINGS: usize = 2_048;
/// The file's path within the log's folder.
pub const FILE: &str = "watch/findings.ndjson";

/// The newest findings, one JSON object each.
#[derive(Debug)]
pub struct Findings {
    path: PathBuf,
    /// `None` while the log doesn't watch itself.
    newest: Mutex<Option<VecDeque<String>>>,
}

impl Findings {
    /// Creates the findings of a log in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), newest: Mutex::default() }
    }

    fn newest(&self) -> MutexGuard<'_, Option<VecDeque<String>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the log watches itself.
    pub fn are_kept(&self) -> bool {
        self.newest().is_some()
    }

    /// Starts to keep findings. Returns the earlier ones, newest last.
    ///
    /// # Errors
    /// If the file can't be read or written.
    pub fn begin(&self) -> io::Result<Vec<String>> {
        let mut newest = self.newest();
        let (lines, is_whole) = self.read()?;
        if !is_whole || lines.len() > MAX_FINDINGS {
            self.write(lines.iter().skip(lines.len().saturating_sub(MAX_FINDINGS)))?;
        }
        let lines: Vec<String> = lines.into_iter().rev().take(MAX_FINDINGS).rev().collect();
        *newest = Some(lines.iter().cloned().collect());
        Ok(lines)
    }

    /// Adds a finding, without the data of events erased in the meantime.
    ///
    /// # Errors
    /// If the store or the system fails. In this case, the finding isn't kept.
    pub(crate) fn add(&self, finding: String, reader: &dyn EntryReader) -> Result<(), StoreError> {
        // Locked until the finding is stored, so that a concurrent erasure finds it.
        let mut newest = self.newest();
        let mut erased = RoaringTreemap::new();
        for leaf in leaves(&serde_json::from_str(&finding).unwrap_or_default()) {
            let stored = reader.leaves_with_events(leaf..leaf + 1)?;
            if stored.iter().any(|stored| matches!(stored.event, StoredEvent::Erased)) {
                erased.insert(leaf);
            }
        }
        let finding = without_erased(&finding, &erased).unwrap_or(finding);
        let append = || {
            let mut file = open_private(&self.path, |options| options.append(true).create(true))?;
            file.write_all(format!("{finding}\n").as_bytes())?;
            file.sync_data()
        };
        append().map_err(failed)?;
        let newest = newest.get_or_insert_default();
        newest.push_back(finding);
        newest.drain(..newest.len().saturating_sub(MAX_FINDINGS));
        Ok(())
    }

    /// Removes the data of these entries' erased events from all findings.
    ///
    /// # Errors
    /// If the file can't be read or written. In this case, call it again.
    pub(crate) fn forget(&self, erased: &RoaringTreemap) -> Result<(), StoreError> {
        let mut newest = self.newest();
        let (mut lines, _) = self.read().map_err(failed)?;
        let mut changed = false;
        for line in &mut lines {
            if let Some(less) = without_erased(line, erased) {
                (*line, changed) = (less, true);
            }
        }
        if changed {
            self.write(lines.iter()).map_err(failed)?;
            if let Some(newest) = newest.as_mut() {
                *newest = lines.into_iter().rev().take(MAX_FINDINGS).rev().collect();
            }
        }
        Ok(())
    }

    /// Returns the findings, one per line, newest last, or `None` if the log doesn't watch itself.
    pub fn lines(&self) -> Option<String> {
        let newest = self.newest();
        newest.as_ref().map(|newest| newest.iter().flat_map(|finding| [finding, "\n"]).collect())
    }

    /// Reads the complete lines of the file. Returns false if its last line is truncated; that finding will be found
    /// again.
    fn read(&self) -> io::Result<(Vec<String>, bool)> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), true)),
            bytes => bytes?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        Ok((text[..whole].lines().map(str::to_owned).collect(), whole == text.len()))
    }

    /// Replaces the file with these lines.
    fn write<'l>(&self, lines: impl Iterator<Item = &'l String>) -> io::Result<()> {
        let text: String = lines.flat_map(|line| [line.as_str(), "\n"]).collect();
        replace(&self.path, text.as_bytes())
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::disk("storing findings", error)
}

/// Returns the entries that a finding is about.
fn leaves(line: &Value) -> impl Iterator<Item = u64> {
    let finding = &line["data"]["finding"];
    // Earlier versions wrote the entries as `leaves`.
    let entries = [&finding["entries"], &finding["leaves"]].into_iter().find_map(Value::as_array);
    entries.into_iter().flatten().filter_map(Value::as_u64)
}

/// Returns the finding without the data of erased events, or `None` if it has no data of these entries.
fn without_erased(line: &str, erased: &RoaringTreemap) -> Option<String> {
    let mut value: Value = serde_json::from_str(line).ok()?;
    if erased.is_empty() || !leaves(&value).any(|leaf| erased.contains(leaf)) {
        return None;
    }
    let finding = &mut value["data"]["finding"];
    if finding["erased"] == true {
        return None;
    }
    finding["erased"] = true.into();
    finding["group"] = json!({});
    finding["reasons"] = json!([]);
    if let Some(data) = value["data"].as_object_mut() {
        data.remove("event");
    }
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> (tempfile::TempDir, Findings) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("watch")).unwrap();
        let findings = Findings::new(folder.path());
        (folder, findings)
    }

    fn finding(leaves: &[u64], who: &str) -> String {
        let finding = json!({ "group": { "actor": who }, "entries": leaves, "reasons": [{ "value": who }], "rule": "r" });
        json!({ "data": { "event": { "actor": who }, "finding": finding }, "type": "countersign.alert" })
            .to_string()
    }

    #[test]
    fn keeps_the_newest_findings_and_drops_truncated_lines() {
        let (folder, findings) = findings();
        assert_eq!(findings.lines(), None);
        let lines: Vec<String> = (0..=MAX_FINDINGS).map(|nth| nth.to_string()).collect();
        fs::write(folder.path().join(FILE), lines.join("\n") + "\ntorn").unwrap();
        let before = findings.begin().unwrap();
        assert_eq!((before.len(), &*before[0]), (MAX_FINDINGS, "1"));
        assert_eq!(findings.lines().unwrap().lines().count(), MAX_FINDINGS);
        assert_eq!(Findings::new(folder.path()).begin().unwrap(), before);
    }

    #[test]
    fn removes_data_of_erased_events() {
        let (folder, findings) = findings();
        let lines = [finding(&[1, 2], "ann"), finding(&[3], "bob"), "no finding".to_owned()];
        fs::write(folder.path().join(FILE), lines.join("\n") + "\n").unwrap();
        // Works even while the log doesn't watch itself.
        findings.forget(&[2, 7].into_iter().collect()).unwrap();
        let left = findings.begin().unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("ann") && text.contains("bob"), "{text}");
        assert_eq!(left[1..], lines[1..]);
        let first: Value = serde_json::from_str(&left[0]).unwrap();
        assert_eq!(
            first["data"]["finding"],
            json!({ "group": {}, "entries": [1, 2], "reasons": [], "rule": "r", "erased": true })
        );
        // Findings already in memory change too.
        findings.forget(&[3].into_iter().collect()).unwrap();
        assert!(!findings.lines().unwrap().contains("bob"));
        findings.forget(&[3].into_iter().collect()).unwrap();
        assert_eq!(findings.lines().unwrap().lines().count(), 3);
    }
}
