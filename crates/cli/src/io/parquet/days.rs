//! Reads the rows of a file, or of a folder with files per day, in order.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use countersign_parquet::{Reader, Row};

use super::error::failed;
use super::parts::{self, entries};
use crate::errors::{CliError, shown};

/// The maximum number of files that are open at once.
const MAX_OPEN_FILES: usize = 8;

/// The rows of one file, or of many with a folder per day.
pub(super) struct RowFiles {
    /// The files of each day. A single file has the empty day, which stands for all.
    days: BTreeMap<String, Day>,
    partitioned: bool,
    open: HashMap<String, u64>,
    next: u64,
}

/// A row and its place.
pub(super) struct LocatedRow {
    pub(super) row: Row,
    pub(super) file: PathBuf,
    /// The 1-based number of the row in the file.
    pub(super) number: u64,
}

#[derive(Default)]
struct Day {
    files: Vec<PathBuf>,
    /// The index of the current file.
    file: usize,
    /// The number of rows read from the current file.
    rows_read: u64,
    reader: Option<Reader<File>>,
    /// The next row, if it was read ahead.
    peeked: Option<LocatedRow>,
}

impl RowFiles {
    /// Finds the files at that path.
    pub(super) fn open(path: &Path) -> Result<Self, CliError> {
        let mut days: BTreeMap<String, Day> = BTreeMap::new();
        let failed = |error| CliError::io("read", &shown(path), &error);
        let partitioned = fs::metadata(path).map_err(failed)?.is_dir();
        if !partitioned {
            days.insert(String::new(), Day { files: vec![path.to_owned()], ..Day::default() });
            return Ok(Self { days, partitioned, open: HashMap::new(), next: 0 });
        }
        for (name, folder) in entries(path)? {
            let files = name.strip_prefix("day=").filter(|_| folder.is_dir());
            let Some(day) = files else {
                let hint =
                    "use the folder that `countersign export --partition day` wrote, without other files";
                let failure =
                    CliError::unusable("parquet.unknown_file", "this is not the folder of a day", hint);
                return Err(failure.within(&shown(&folder)));
            };
            let files = entries(&folder)?.into_iter().map(|(_, file)| file).collect();
            days.insert(day.to_owned(), Day { files, ..Day::default() });
        }
        Ok(Self { days, partitioned, open: HashMap::new(), next: 0 })
    }

    /// Finds the files of a part in a folder with all parts.
    pub(super) fn of_part(folder: &Path, part: u64) -> Result<Self, CliError> {
        let mut days: BTreeMap<String, Day> = BTreeMap::new();
        for file in parts::list(folder)?.into_iter().filter(|file| file.part == part) {
            days.entry(file.day.clone()).or_default().files.push(folder.join(file.path()));
        }
        let partitioned = days.keys().any(|day| !day.is_empty());
        Ok(Self { days, partitioned, open: HashMap::new(), next: 0 })
    }

    /// Returns all files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.days.values().flat_map(|day| &day.files).map(PathBuf::as_path)
    }

    /// Returns all days. An empty day stands for all.
    pub(super) fn days(&self) -> Vec<String> {
        self.days.keys().cloned().collect()
    }

    /// Returns the next row of a day, without consuming it.
    pub(super) fn peek(&mut self, day: &str) -> Result<Option<&LocatedRow>, CliError> {
        let key = if self.partitioned { day } else { "" };
        self.close_oldest(key);
        let Some(day) = self.days.get_mut(key) else { return Ok(None) };
        if day.peeked.is_none() {
            day.peeked = day.next()?;
        }
        Ok(day.peeked.as_ref())
    }

    /// Consumes the next row.
    pub(super) fn advance(&mut self, day: &str) {
        let key = if self.partitioned { day } else { "" };
        if let Some(day) = self.days.get_mut(key) {
            day.peeked = None;
        }
    }

    /// Closes the least recently used file, if too many are open.
    fn close_oldest(&mut self, key: &str) {
        self.next += 1;
        if let Some(used) = self.open.get_mut(key) {
            *used = self.next;
            return;
        }
        if self.open.len() >= MAX_OPEN_FILES {
            let last = self.open.iter().min_by_key(|(_, used)| **used).map(|(day, _)| day.clone());
            if let Some(last) = last {
                self.open.remove(&last);
                if let Some(day) = self.days.get_mut(&last) {
                    day.reader = None;
                }
            }
        }
        self.open.insert(key.to_owned(), self.next);
    }
}

impl Day {
    fn next(&mut self) -> Result<Option<LocatedRow>, CliError> {
        while let Some(path) = self.files.get(self.file) {
            let failed = |error| failed("read", &shown(path), &error);
            if self.reader.is_none() {
                let mut reader = open(path)?;
                reader.skip(self.rows_read).map_err(failed)?;
                self.reader = Some(reader);
            }
            let row = self.reader.as_mut().map_or(Ok(None), Reader::next_row).map_err(failed)?;
            if let Some(row) = row {
                self.rows_read += 1;
                return Ok(Some(LocatedRow { row, file: path.clone(), number: self.rows_read }));
            }
            (self.reader, self.rows_read) = (None, 0);
            self.file += 1;
        }
        Ok(None)
    }
}

/// Opens a file of rows.
pub(super) fn open(path: &Path) -> Result<Reader<File>, CliError> {
    let file = File::open(path).map_err(|error| CliError::io("read", &shown(path), &error))?;
    Reader::open(file).map_err(|error| failed("read", &shown(path), &error))
}
