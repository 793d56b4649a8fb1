//! A destination that appends to a file: one record per line, each exactly once, even after a kill.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use countersign_client::DestinationError;
use countersign_errors::{EngineError, shown};
use countersign_feeds::{Format, Record};

use crate::destination::{BatchAnswer, Destination};

/// The maximum number of bytes that a kill can leave after the saved length: a few batches.
const MAX_SURPLUS_BYTES: u64 = 64 << 20;

/// A file with one record per line.
pub struct FileDestination {
    handle: fs::File,
    name: String,
    max_records: usize,
    length: u64,
    format: Format,
    /// The IDs of the records after the saved length, left by a process that was killed before it could save its progress.
    surplus: HashSet<String>,
}

impl FileDestination {
    /// Opens the file, or creates it. A batch has at most `max_records` records, which have this format.
    ///
    /// # Errors
    /// If the file can't be opened or created.
    pub fn open(path: &Path, format: Format, max_records: usize) -> Result<Self, EngineError> {
        let name = shown(path);
        let open = || {
            let file = fs::File::options().create(true).append(true).read(true).open(path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error: io::Error| EngineError::io("write", &name, &error))?;
        Ok(Self { handle: file, name, max_records, length, format, surplus: HashSet::new() })
    }

    fn load_surplus(&mut self, written: u64) -> io::Result<()> {
        let from = written.max(self.length.saturating_sub(MAX_SURPLUS_BYTES));
        self.handle.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        self.handle.read_to_end(&mut bytes)?;
        // A line that was cut off by a kill is written again.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.length = from + whole as u64;
        self.handle.set_len(self.length)?;
        let text = String::from_utf8_lossy(&bytes[..whole]);
        self.surplus = text.lines().filter_map(|line| self.format.record_id(line)).collect();
        Ok(())
    }
}

impl Destination for FileDestination {
    fn resume(&mut self, written: Option<u64>) -> Result<(), EngineError> {
        let name = self.name.clone();
        // A file that is shorter than before was replaced or truncated, so writing continues at its end.
        let from = written.filter(|written| *written <= self.length).unwrap_or(self.length);
        self.load_surplus(from).map_err(|error| EngineError::io("read", &name, &error))
    }

    fn send(&mut self, records: &[&Record]) -> Result<BatchAnswer, DestinationError> {
        let is_new = |record: &&&Record| !self.surplus.contains(&record.id);
        let text: String =
            records.iter().filter(is_new).flat_map(|record| [record.text.as_str(), "\n"]).collect();
        let written = self.handle.write_all(text.as_bytes()).and_then(|()| self.handle.sync_data());
        if let Err(error) = written {
            // Removes the incomplete write, so that a retry duplicates nothing.
            let _ = self.handle.set_len(self.length);
            return Err(DestinationError::later(format!("{}: {error}", self.name)));
        }
        self.length += text.len() as u64;
        for record in records {
            self.surplus.remove(&record.id);
        }
        Ok(BatchAnswer::default())
    }

    fn max_records(&self) -> usize {
        self.max_records
    }

    fn written(&self) -> Option<u64> {
        Some(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        let time = countersign::time::Time::from_millis(0).unwrap();
        Record { id: id.into(), time, text: format!("{{\"id\":\"{id}\"}}"), syslog: None }
    }

    /// An event can mention the ID of another record.
    #[test]
    fn a_line_that_mentions_a_record_does_not_replace_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed");
        let [mut mention, mentioned] = ["c/1", "d/2"].map(record);
        mention.text = r#"{"id":"c/1","note":"see d/2 d/3"}"#.into();
        let expected = [&mention, &mentioned].map(|record| record.text.clone() + "\n").concat();
        fs::write(&path, mention.text.clone() + "\n").unwrap();
        let mut file = FileDestination::open(&path, Format::Ndjson, 2).unwrap();
        file.resume(Some(0)).unwrap();
        file.send(&[&mention, &mentioned]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn kill_neither_duplicates_nor_loses_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feed");
        let all: Vec<Record> = ["c/1", "c/10", "c/11", "f", "f/retracted"].map(record).into();
        let expected: String = all.iter().map(|record| record.text.clone() + "\n").collect();
        // A kill after each possible number of bytes, with nothing or the first line saved.
        for kept in [0, all[0].text.len() + 1] {
            for killed in kept..=expected.len() {
                fs::write(&path, &expected[..killed]).unwrap();
                let mut file = FileDestination::open(&path, Format::Ndjson, 2).unwrap();
                file.resume(Some(kept as u64)).unwrap();
                let left: Vec<&Record> = all.iter().skip(usize::from(kept > 0)).collect();
                for batch in left.chunks(2) {
                    file.send(batch).unwrap();
                }
                assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{kept} {killed}");
                assert_eq!(file.written(), Some(expected.len() as u64));
            }
        }
    }
}
