//! The file in a log's folder that lists the erased events, apart from the database.
//!
//! A backup contains events that were erased after it was made. The file isn't part of a backup, so it survives the
//! restore of one, and the erasures are repeated before anything is read from the log (`returned_events`). It has
//! positions, never content.
//!
//! Each line is a JSON object, in which `log` is the origin of an ordinary log or of a tenant log:
//!
//! | line | meaning |
//! | --- | --- |
//! | `{"log":"…","entries":[[3,5],[9,9]]}` | the events of these entries are erased, or about to be |
//! | the same with `"unrecorded":{"at":"…","by":["user","desk"],"reason":"…","metadata":{}}` | the log has no `log.erase` event for these entries yet, or can't get one |
//!
//! A line is durable before its events are erased. Lines are appended, and merged when the file is opened or has grown.

pub(crate) mod returned_events;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::time::Time;
use countersign_files::{open_private, replace};
use countersign_log::erase::{Cause, UnrecordedErasure};
use countersign_log::store::StoreError;
use roaring::RoaringTreemap;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::returned_events::ReturnedEvents;

pub use self::returned_events::repeat_in_folder;

/// The file's name within the log's folder.
pub const FILE: &str = "erasures.ndjson";
/// The maximum size of a file to read, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// The maximum number of ranges in a line.
const MAX_RANGES: usize = 4_096;
/// The number of bytes by which the file grows before its lines are merged.
const MERGE_BYTES: u64 = 1 << 20;
/// The maximum number of causes to keep for each log; the oldest are dropped.
const MAX_CAUSES: usize = 1_024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    log: String,
    entries: Vec<(u64, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unrecorded: Option<StoredCause>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCause {
    at: String,
    by: (String, String),
    reason: String,
    metadata: Map<String, Value>,
}

/// The erased events of one log.
#[derive(Clone, Debug, Default)]
pub struct ErasedEvents {
    /// The entries whose events are erased, or about to be.
    pub entries: RoaringTreemap,
    /// The erasures that the log has not recorded, in the order of their times.
    pub unrecorded: Vec<UnrecordedErasure>,
}

impl ErasedEvents {
    fn add(&mut self, entries: RoaringTreemap, unrecorded: Option<(Time, Cause)>) {
        self.entries |= &entries;
        if let Some((at, cause)) = unrecorded {
            self.unrecorded.push(UnrecordedErasure { at, cause, entries });
            let excess = self.unrecorded.len().saturating_sub(MAX_CAUSES);
            self.unrecorded.drain(..excess);
        }
    }
}

/// The content of the file: the erased events by the origin of their log.
#[derive(Debug, Default)]
pub struct ErasureRecord {
    logs: BTreeMap<String, ErasedEvents>,
    /// True if the folder has the file.
    exists: bool,
}

impl ErasureRecord {
    /// Reads the file of a folder, if it exists. A server may be writing to it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if a line can't be parsed, except for a last one that a crash truncated: its erasure wasn't
    /// acknowledged.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        let failed = |error: io::Error| StoreError::disk("reading erasures.ndjson", error);
        let mut text = String::new();
        match File::open(folder.join(FILE)) {
            Ok(file) => _ = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        }
        let damaged = |line: usize, why: &dyn std::fmt::Display| {
            StoreError::Damaged(format!(
                "{FILE}, line {line}: {why}; the file lists the erased events of the log"
            ))
        };
        if text.len() as u64 > MAX_BYTES {
            return Err(damaged(1, &format!("the file is larger than {MAX_BYTES} bytes")));
        }
        let mut record = Self { exists: true, ..Self::default() };
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        for (line, number) in complete.lines().zip(1..) {
            let line: Line = serde_json::from_str(line).map_err(|error| damaged(number, &error))?;
            record.add(line).map_err(|why| damaged(number, &why))?;
        }
        Ok(record)
    }

    fn add(&mut self, Line { log, entries, unrecorded }: Line) -> Result<(), &'static str> {
        let mut set = RoaringTreemap::new();
        for (first, last) in entries {
            if first > last || last == u64::MAX {
                return Err("a range of entries is invalid");
            }
            set.insert_range(first..=last);
        }
        let unrecorded = unrecorded.map(|StoredCause { at, by: (actor_type, actor), reason, metadata }| {
            let at = Time::parse(at.as_bytes()).ok_or("the time is invalid")?;
            let actor_type = match &*actor_type {
                "user" => "user",
                "service" => "service",
                _ => return Err("the type of the actor is unknown"),
            };
            Ok((at, Cause { actor_type, actor, reason, metadata }))
        });
        self.logs.entry(log).or_default().add(set, unrecorded.transpose()?);
        Ok(())
    }

    /// Returns the erased events of the log with this origin.
    pub fn erased_in(&self, log: &str) -> Option<&ErasedEvents> {
        self.logs.get(log)
    }

    /// Returns the entries of the log with this origin whose events are erased, or about to be.
    pub(crate) fn entries(&self, log: &str) -> RoaringTreemap {
        self.erased_in(log).map(|erased| erased.entries.clone()).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for (log, erased) in &self.logs {
            let mut recorded = erased.entries.clone();
            for erasure in &erased.unrecorded {
                recorded -= &erasure.entries;
            }
            write_lines(&mut text, log, &recorded, None);
            for UnrecordedErasure { at, cause, entries } in &erased.unrecorded {
                write_lines(&mut text, log, entries, Some((*at, cause)));
            }
        }
        text
    }
}

/// Appends the lines for these entries. Each line of an unrecorded erasure is an erasure of its own.
fn write_lines(text: &mut String, log: &str, entries: &RoaringTreemap, unrecorded: Option<(Time, &Cause)>) {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for entry in entries {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == entry => *last = entry,
            _ => ranges.push((entry, entry)),
        }
    }
    for ranges in ranges.chunks(MAX_RANGES) {
        let unrecorded = unrecorded.map(|(at, Cause { actor_type, actor, reason, metadata })| StoredCause {
            at: at.to_string(),
            by: ((*actor_type).to_owned(), actor.clone()),
            reason: reason.clone(),
            metadata: metadata.clone(),
        });
        let line = Line { log: log.to_owned(), entries: ranges.to_vec(), unrecorded };
        if let Ok(line) = serde_json::to_string(&line) {
            let _ = writeln!(text, "{line}");
        }
    }
}

/// The file of a running server's folder.
#[derive(Debug)]
pub struct ErasureMemory {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    record: ErasureRecord,
    /// The length of the file if it ends with a complete line, and its length when its lines were last merged.
    length: Option<u64>,
    merged: u64,
}

impl ErasureMemory {
    /// Opens the file of a folder. The log must be locked for this process. A line that a crash truncated is removed.
    ///
    /// # Errors
    /// As for [`ErasureRecord::read`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let record = ErasureRecord::read(folder)?;
        let state = State { record, length: None, merged: 0 };
        Ok(Self { path: folder.join(FILE), state: Mutex::new(state) })
    }

    /// True if the folder had the file, or something was added since.
    pub(crate) fn exists(&self) -> bool {
        self.state().record.exists
    }

    /// Returns the entries of a log whose events are erased, or about to be.
    pub fn entries(&self, log: &str) -> RoaringTreemap {
        self.state().record.entries(log)
    }

    /// Returns the erasures that a log has not recorded.
    pub fn unrecorded(&self, log: &str) -> Vec<UnrecordedErasure> {
        self.state().record.erased_in(log).map(|erased| erased.unrecorded.clone()).unwrap_or_default()
    }

    /// Returns the origins of the logs with erasures that they have not recorded.
    pub(crate) fn logs_with_unrecorded(&self) -> Vec<String> {
        let state = self.state();
        let logs = state.record.logs.iter().filter(|(_, erased)| !erased.unrecorded.is_empty());
        logs.map(|(log, _)| log.clone()).collect()
    }

    /// Remembers that the events of these entries of a log are about to be erased.
    ///
    /// # Errors
    /// If the file can't be written. Nothing may be erased then.
    pub(crate) fn remember(&self, log: &str, entries: &RoaringTreemap) -> Result<(), StoreError> {
        let mut state = self.state();
        let known = state.record.erased_in(log);
        let new = known.map_or_else(|| entries.clone(), |known| entries - &known.entries);
        if new.is_empty() { Ok(()) } else { self.append(&mut state, log, &new, None) }
    }

    /// Remembers an erasure that the log can't record now.
    ///
    /// # Errors
    /// If the file can't be written. Nothing may be erased then.
    pub(crate) fn remember_unrecorded(
        &self,
        log: &str,
        entries: &RoaringTreemap,
        at: Time,
        cause: &Cause,
    ) -> Result<(), StoreError> {
        self.append(&mut self.state(), log, entries, Some((at, cause)))
    }

    /// Forgets the causes of the erasures that a log has recorded: `recorded` are the entries in its records.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn forget_recorded(&self, log: &str, recorded: &RoaringTreemap) -> Result<(), StoreError> {
        let mut state = self.state();
        let Some(erased) = state.record.logs.get_mut(log) else { return Ok(()) };
        let before = erased.unrecorded.len();
        erased.unrecorded.retain(|erasure| !erasure.entries.is_subset(recorded));
        if erased.unrecorded.len() == before { Ok(()) } else { self.rewrite(&mut state) }
    }

    /// Creates the file with the erased entries of each log.
    fn begin_with(&self, logs: BTreeMap<String, RoaringTreemap>) -> Result<(), StoreError> {
        let mut state = self.state();
        for (log, entries) in logs {
            state.record.logs.entry(log).or_default().add(entries, None);
        }
        self.rewrite(&mut state)
    }

    /// Finds the events that the database has although they were erased.
    fn find_returned(
        &self,
        connection: &Connection,
        origin: &str,
    ) -> Result<Vec<ReturnedEvents>, StoreError> {
        returned_events::find(connection, origin, &self.state().record)
    }

    fn append(
        &self,
        state: &mut State,
        log: &str,
        entries: &RoaringTreemap,
        unrecorded: Option<(Time, &Cause)>,
    ) -> Result<(), StoreError> {
        let owned = unrecorded.map(|(at, cause)| (at, cause.clone()));
        let mut text = String::new();
        write_lines(&mut text, log, entries, unrecorded);
        let length = state.length.filter(|length| {
            // The file may have been moved away or changed.
            length + (text.len() as u64) < 2 * state.merged + MERGE_BYTES
                && fs::metadata(&self.path).is_ok_and(|file| file.len() == *length)
        });
        state.record.logs.entry(log.to_owned()).or_default().add(entries.clone(), owned);
        let Some(length) = length else { return self.rewrite(state) };
        state.length = None;
        let append = || {
            let mut file = open_private(&self.path, |options| options.append(true))?;
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        append().map_err(failed)?;
        state.length = Some(length + text.len() as u64);
        Ok(())
    }

    fn rewrite(&self, state: &mut State) -> Result<(), StoreError> {
        let text = state.record.to_text();
        state.length = None;
        replace(&self.path, text.as_bytes()).map_err(failed)?;
        state.record.exists = true;
        state.merged = text.len() as u64;
        state.length = Some(state.merged);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: io::Error) -> StoreError {
    StoreError::disk("writing erasures.ndjson", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(entries: &[u64]) -> RoaringTreemap {
        entries.iter().copied().collect()
    }

    fn cause(actor: &str) -> Cause {
        Cause { actor_type: "user", actor: actor.into(), reason: "case 1".into(), metadata: Map::new() }
    }

    #[test]
    fn remembers_what_was_erased_and_what_is_unrecorded() {
        let folder = tempfile::tempdir().unwrap();
        let memory = ErasureMemory::open(folder.path()).unwrap();
        assert!(!memory.exists());
        memory.remember("log.example/a", &set(&[1, 2, 3])).unwrap();
        memory.remember("log.example/a", &set(&[2, 3])).unwrap();
        memory.remember_unrecorded("log.example/b", &set(&[7]), Time::MIN, &cause("desk")).unwrap();
        memory.remember_unrecorded("log.example/b", &set(&[9]), Time::MIN, &cause("other")).unwrap();
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert_eq!(text.lines().next(), Some("{\"log\":\"log.example/a\",\"entries\":[[1,3]]}"));
        assert_eq!(text.lines().count(), 3);
        // A crash truncated the last line.
        fs::write(folder.path().join(FILE), format!("{text}{{\"log\":")).unwrap();
        let memory = ErasureMemory::open(folder.path()).unwrap();
        assert_eq!(memory.entries("log.example/a"), set(&[1, 2, 3]));
        assert_eq!(memory.logs_with_unrecorded(), ["log.example/b"]);
        memory.forget_recorded("log.example/b", &set(&[7])).unwrap();
        let left = ErasureMemory::open(folder.path()).unwrap().unrecorded("log.example/b");
        assert_eq!(left.iter().map(|left| &*left.cause.actor).collect::<Vec<_>>(), ["other"]);
        assert_eq!(memory.entries("log.example/b"), set(&[7, 9]));
    }

    #[test]
    fn merges_ranges_and_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let memory = ErasureMemory::open(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        for entry in 0..30_000 {
            // Without the sync of each line.
            let mut state = memory.state();
            state.record.logs.entry("log.example/a".into()).or_default().add(set(&[entry]), None);
        }
        memory.remember("log.example/a", &set(&[30_000])).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"log\":\"log.example/a\",\"entries\":[[0,30000]]}\n");
        // A file that was moved away is written again as a whole.
        fs::remove_file(&path).unwrap();
        memory.remember("log.example/a", &set(&[40_000])).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "{\"log\":\"log.example/a\",\"entries\":[[0,30000],[40000,40000]]}\n");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
    }

    #[test]
    fn no_damaged_line_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        for line in
            ["{\"log\":\"a\",\"entries\":[[3,1]]}", "x", "{\"log\":\"a\",\"entries\":[[1,1]],\"more\":1}"]
        {
            fs::write(folder.path().join(FILE), format!("{line}\n")).unwrap();
            let error = ErasureRecord::read(folder.path()).unwrap_err();
            assert!(error.to_string().contains("erasures.ndjson, line 1"), "{error}");
        }
    }
}
