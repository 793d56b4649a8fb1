//! What a log server that watches itself finds in its log: the newest findings, which are kept in a file of the log's folder.
//!
//! A finding tells who did something, and what of the event shows it. When the event is erased, that goes with it: the
//! finding says then that it is `erased`, and keeps its rule, its time and its leaves.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use roaring::RoaringTreemap;
use serde_json::{Value, json};

use countersign_files::{open_private, replace};
use countersign_log::store::{EntryReader, StoreError, StoredEvent};

/// The most findings that are kept to be read; the oldest go first.
pub const MAX_FINDINGS: usize = 2_048;
/// Where they are, within the log's folder.
pub const FILE: &str = "watch/findings.ndjson";

/// The newest findings, one JSON object each.
#[derive(Debug)]
pub struct Findings {
    path: PathBuf,
    /// None while the log does not watch itself.
    kept: Mutex<Option<VecDeque<String>>>,
}

impl Findings {
    /// Those of the log with that folder.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Option<VecDeque<String>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log is watched from now on. Gives what was found before, the newest last.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&self) -> io::Result<Vec<String>> {
        let mut kept = self.kept();
        let (lines, is_whole) = self.read()?;
        if !is_whole || lines.len() > MAX_FINDINGS {
            self.write(lines.iter().skip(lines.len().saturating_sub(MAX_FINDINGS)))?;
        }
        let newest: Vec<String> = lines.into_iter().rev().take(MAX_FINDINGS).rev().collect();
        *kept = Some(newest.iter().cloned().collect());
        Ok(newest)
    }

    /// Something was found. What it tells of events that are erased meanwhile is left out.
    ///
    /// # Errors
    /// The store's own, or what the system says: it is not kept then.
    pub(crate) fn add(&self, finding: String, reader: &dyn EntryReader) -> Result<(), StoreError> {
        // Held until it is kept: who erases meanwhile finds it then.
        let mut kept = self.kept();
        let mut erased = RoaringTreemap::new();
        for leaf in leaves(&serde_json::from_str(&finding).unwrap_or_default()) {
            let stored = reader.leaves_with_events(leaf..leaf + 1)?;
            if stored.iter().any(|stored| matches!(stored.event, StoredEvent::Erased)) {
                erased.insert(leaf);
            }
        }
        let finding = without(&finding, &erased).unwrap_or(finding);
        let append = || {
            let mut file = open_private(&self.path, |options| options.append(true).create(true))?;
            file.write_all(format!("{finding}\n").as_bytes())?;
            file.sync_data()
        };
        append().map_err(failed)?;
        let kept = kept.get_or_insert_default();
        kept.push_back(finding);
        kept.drain(..kept.len().saturating_sub(MAX_FINDINGS));
        Ok(())
    }

    /// Takes out of all findings what they tell of these leaves' events, which are erased.
    ///
    /// # Errors
    /// What the system says: it is to be asked again.
    pub(crate) fn forget(&self, erased: &RoaringTreemap) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let (mut lines, _) = self.read().map_err(failed)?;
        let mut changed = false;
        for line in &mut lines {
            if let Some(less) = without(line, erased) {
                (*line, changed) = (less, true);
            }
        }
        if changed {
            self.write(lines.iter()).map_err(failed)?;
            if let Some(kept) = kept.as_mut() {
                *kept = lines.into_iter().rev().take(MAX_FINDINGS).rev().collect();
            }
        }
        Ok(())
    }

    /// The findings, a line each, the newest last. None where the log does not watch itself.
    pub fn lines(&self) -> Option<String> {
        let kept = self.kept();
        kept.as_ref().map(|kept| kept.iter().flat_map(|finding| [finding, "\n"]).collect())
    }

    /// What is in the file, and whether its last line is whole: one that a kill cut off is found again.
    fn read(&self) -> io::Result<(Vec<String>, bool)> {
        let bytes = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), true)),
            bytes => bytes?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        Ok((text[..whole].lines().map(str::to_owned).collect(), whole == text.len()))
    }

    /// Puts a file with these lines in the place of the one that is there.
    fn write<'l>(&self, lines: impl Iterator<Item = &'l String>) -> io::Result<()> {
        let text: String = lines.flat_map(|line| [line.as_str(), "\n"]).collect();
        replace(&self.path, text.as_bytes())
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::unavailable("keeping findings", error)
}

/// The leaves that a line is about.
fn leaves(line: &Value) -> impl Iterator<Item = u64> {
    line["data"]["finding"]["entries"].as_array().into_iter().flatten().filter_map(Value::as_u64)
}

/// The same without what it tells of events; none where it tells nothing of these.
fn without(line: &str, erased: &RoaringTreemap) -> Option<String> {
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
        json!({ "data": { "finding": finding }, "type": "countersign.alert" }).to_string()
    }

    #[test]
    fn the_newest_are_kept_and_what_was_cut_off_is_not() {
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
    fn what_is_told_of_erased_events_goes_with_them() {
        let (folder, findings) = findings();
        let lines = [finding(&[1, 2], "ann"), finding(&[3], "bob"), "no finding".to_owned()];
        fs::write(folder.path().join(FILE), lines.join("\n") + "\n").unwrap();
        // Also while the log does not watch itself.
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
        // And those that are shown.
        findings.forget(&[3].into_iter().collect()).unwrap();
        assert!(!findings.lines().unwrap().contains("bob"));
        findings.forget(&[3].into_iter().collect()).unwrap();
        assert_eq!(findings.lines().unwrap().lines().count(), 3);
    }
}
