//! The newest entries of the log's own chains, stored apart from its database.
//!
//! Emitters keep their entries until the log acknowledges them, and readers have exports. There may be no
//! other copy of the log's own entries, such as the record of an export or the end of its chain: an export
//! can't contain the record of its own end. If an older database is restored, these entries are restored from
//! here.
//!
//! One entry is a line of JSON: `{"entry":7,"leaf":"…","salt":"…","event":"…"}`. Erased events are overwritten here as
//! well.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use countersign::base64;
use countersign::log::{PendingBatch, SaltedEvent};
use countersign::note::VerifierKey;
use serde::{Deserialize, Serialize};

use crate::restore::{HeldLeaf, Source};
use countersign_files::{open_private, replace};
use countersign_log::erase::record::own_chains;
use countersign_log::sequencer::OwnEntryStore;
use countersign_log::store::StoreError;

/// The file's name within the log's folder.
pub const FILE: &str = "own-entries.ndjson";
/// Above this size, the file is rewritten with only the newest entries.
const MAX_BYTES: u64 = 4 << 20;
/// Number of bytes kept when the file is rewritten.
const KEPT_BYTES: usize = 2 << 20;
/// Maximum size of a file to read. The file exceeds `MAX_BYTES` by one commit at most, and a commit has few own
/// entries.
const MAX_READ_BYTES: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Line {
    entry: u64,
    leaf: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
}

/// Writer of the file in a log's folder.
pub(crate) struct OwnEntries {
    path: PathBuf,
    /// The open file and its length. `None` before the first entry and after an error.
    file: Option<(File, u64)>,
}

impl OwnEntries {
    /// Creates the writer. The file is created with the first entry.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join(FILE), file: None }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let (mut file, length) = match self.file.take() {
            // The file may have been moved away.
            Some(opened) if self.path.exists() => opened,
            _ => self.open()?,
        };
        file.write_all(lines)?;
        file.sync_data()?;
        let length = length + lines.len() as u64;
        if length <= MAX_BYTES {
            self.file = Some((file, length));
            return Ok(());
        }
        drop(file);
        let mut old = open_private(&self.path, |options| options.read(true).write(true))?;
        let mut bytes = Vec::new();
        old.read_to_end(&mut bytes)?;
        let kept = &bytes[bytes.len().saturating_sub(KEPT_BYTES)..];
        let whole = kept.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        replace(&self.path, &kept[whole..])?;
        // Zero the old file, so that no events remain in free blocks.
        old.rewind()?;
        old.write_all(&vec![0; bytes.len()])?;
        old.sync_data()
    }

    fn overwrite(&self, entries: &[u64]) -> io::Result<()> {
        let mut file = match open_private(&self.path, |options| options.read(true).write(true)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut begin = 0;
        let mut has_changed = false;
        for line in bytes.split(|byte| *byte == b'\n') {
            let rest = match serde_json::from_slice::<Line>(line) {
                Ok(line) if entries.binary_search(&line.entry).is_err() => None,
                Ok(line) if line.event.is_none() => None,
                Ok(line) => serde_json::to_vec(&Line { salt: None, event: None, ..line }).ok(),
                Err(_) => (!line.trim_ascii().is_empty()).then(Vec::new),
            };
            if let Some(mut rest) = rest {
                rest.resize(line.len(), b' ');
                file.seek(SeekFrom::Start(begin))?;
                file.write_all(&rest)?;
                has_changed = true;
            }
            begin += line.len() as u64 + 1;
        }
        if has_changed { file.sync_data() } else { Ok(()) }
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let mut file = open_private(&self.path, |options| options.append(true).read(true).create(true))?;
        let length = file.metadata()?.len();
        // Ends a line that a crash may have truncated.
        if length > 0 {
            file.write_all(b"\n")?;
        }
        Ok((file, length + 1))
    }
}

impl OwnEntryStore for OwnEntries {
    /// Appends the entries of `growth` that are on chains of `key`. The log doesn't depend on this file, so errors are
    /// only logged.
    fn keep(&mut self, growth: &PendingBatch, key: &VerifierKey) {
        let own = own_chains(growth, key);
        if own.is_empty() {
            return;
        }
        let mut lines = String::new();
        for (leaf, entry) in growth.leaves().iter().zip(growth.base()..) {
            if leaf.link().is_some_and(|link| own.contains(&link.chain())) {
                let event = leaf.event();
                let line = Line {
                    entry,
                    leaf: leaf.text.clone(),
                    salt: event.map(|event| base64::encode(event.salt)),
                    event: event.map(|event| event.text.clone()),
                };
                let Ok(line) = serde_json::to_string(&line) else { continue };
                lines.extend([&*line, "\n"]);
            }
        }
        if let Err(error) = self.append(lines.as_bytes()) {
            self.file = None;
            tracing::warn!(%error, file = FILE, "writing the log's own entries to their file failed; only the database has them");
        }
    }

    /// Overwrites the events of these entries, in ascending order, and their salts. Also overwrites lines that can't
    /// be parsed, because they may contain part of such an event. Idempotent.
    ///
    /// # Errors
    /// If the system fails; some events may remain.
    fn erase(&mut self, entries: &[u64]) -> Result<(), StoreError> {
        self.overwrite(entries).map_err(|error| StoreError::disk("erasing in own-entries.ndjson", error))
    }
}

/// The entries in a folder's file.
pub(crate) struct StoredEntries {
    leaves: BTreeMap<u64, HeldLeaf>,
}

impl StoredEntries {
    /// Reads the folder's file, if it exists. Skips lines that can't be parsed.
    ///
    /// # Errors
    /// If the file can't be read; [`StoreError::Damaged`] if it is too large.
    pub(crate) fn read(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::disk("reading own-entries.ndjson", error);
        let mut bytes = Vec::new();
        match File::open(folder.join(FILE)) {
            Ok(file) => _ = file.take(MAX_READ_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        if bytes.len() as u64 > MAX_READ_BYTES {
            return Err(StoreError::Damaged(format!("{FILE} is larger than {MAX_READ_BYTES} bytes")));
        }
        let lines = bytes.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        // If an index occurs twice, the later entry was committed.
        let leaves = lines.map(|Line { entry, leaf, salt, event }| {
            let salt = salt.and_then(|salt| base64::decode_array(&salt));
            let event = salt.zip(event).map(|(salt, text)| SaltedEvent { salt, text });
            (entry, HeldLeaf { text: leaf, event })
        });
        Ok(Self { leaves: leaves.collect() })
    }
}

impl Source for StoredEntries {
    fn name(&self) -> String {
        FILE.into()
    }

    fn checkpoints(&self) -> &[String] {
        &[]
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        Ok(self.leaves.get(&index).cloned())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn line(entry: u64) -> String {
        format!("{{\"entry\":{entry},\"leaf\":\"leaf {entry}\"}}\n")
    }

    fn read(folder: &Path) -> Vec<u64> {
        StoredEntries::read(folder).unwrap().leaves.into_keys().collect()
    }

    #[test]
    fn skips_lines_that_a_crash_truncated() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_empty());
        let mut entries = OwnEntries::new(folder.path());
        entries.append(line(1).as_bytes()).unwrap();
        entries.append(&line(2).as_bytes()[..9]).unwrap();
        OwnEntries::new(folder.path()).append(line(3).as_bytes()).unwrap();
        assert_eq!(read(folder.path()), [1, 3]);
    }

    #[test]
    fn overwrites_erased_events_and_their_salts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut entries = OwnEntries::new(folder.path());
        entries.erase(&[1]).unwrap();
        let with_event = |entry: u64| {
            format!(
                "{{\"entry\":{entry},\"leaf\":\"l\",\"salt\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"event\":\"e{entry}\"}}\n"
            )
        };
        let whole: String = (1..=3).map(with_event).collect();
        entries.append(whole.as_bytes()).unwrap();
        entries.append(&with_event(2).as_bytes()[..60]).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        for _ in 0..2 {
            entries.erase(&[2, 9]).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text.len() as u64, length);
            assert!(text.contains("\"e1\"") && !text.contains("e2") && text.contains("\"e3\""), "{text}");
            assert_eq!(text.matches("AAAA==").count(), 2);
        }
        entries.append(with_event(4).as_bytes()).unwrap();
        let kept = StoredEntries::read(folder.path()).unwrap().leaves;
        let has_event: Vec<_> = kept.iter().map(|(entry, leaf)| (*entry, leaf.event.is_some())).collect();
        assert_eq!(has_event, [(1, true), (2, false), (3, true), (4, true)]);
    }

    #[test]
    fn truncates_a_large_file_to_the_newest_entries() {
        let folder = tempfile::tempdir().unwrap();
        let mut entries = OwnEntries::new(folder.path());
        let many: String = (0..50_000).map(line).collect();
        for _ in 0..4 {
            entries.append(many.as_bytes()).unwrap();
        }
        entries.append(line(50_000).as_bytes()).unwrap();
        let length = fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(length <= MAX_BYTES, "{length}");
        let kept = read(folder.path());
        assert!(kept.len() > 10_000 && kept.ends_with(&[49_999, 50_000]), "{}", kept.len());
    }
}
