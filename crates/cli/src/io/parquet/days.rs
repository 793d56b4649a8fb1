//! The rows of a file, or of a folder's files, in their order.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use countersign_parquet::{Reader, Row};

use super::failed;
use crate::errors::{CliError, shown};

/// How many files are read from at once.
const OPEN: usize = 8;

/// What is compared: rows of one file, or of many, of which each day has its own.
pub(super) struct Found {
    /// The files of each day, by their names. A file that is no day's is that of every day.
    days: BTreeMap<String, Day>,
    partitioned: bool,
    open: HashMap<String, u64>,
    next: u64,
}

/// A row, and where it stands.
pub(super) struct Placed {
    pub(super) row: Row,
    pub(super) file: PathBuf,
    /// Its number in the file, the first being 1.
    pub(super) number: u64,
}

#[derive(Default)]
struct Day {
    files: Vec<PathBuf>,
    /// The file that is read.
    file: usize,
    /// How many of its rows were taken.
    taken: u64,
    reader: Option<Reader<File>>,
    /// A row that was looked at.
    peeked: Option<Placed>,
}

impl Found {
    /// What is there.
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
                    "give the folder that `countersign export --partition day` wrote, with nothing beside";
                let failure =
                    CliError::unusable("parquet.unknown_file", "this is not the folder of a day", hint);
                return Err(failure.within(&shown(&folder)));
            };
            let files = entries(&folder)?.into_iter().map(|(_, file)| file).collect();
            days.insert(day.to_owned(), Day { files, ..Day::default() });
        }
        Ok(Self { days, partitioned, open: HashMap::new(), next: 0 })
    }

    /// Every file, with the day that it is of.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.days.values().flat_map(|day| &day.files).map(PathBuf::as_path)
    }

    /// The days that there are. One that is empty is every day.
    pub(super) fn days(&self) -> Vec<String> {
        self.days.keys().cloned().collect()
    }

    /// The next row of a day.
    pub(super) fn peek(&mut self, day: &str) -> Result<Option<&Placed>, CliError> {
        let key = if self.partitioned { day } else { "" };
        self.make_room(key);
        let Some(day) = self.days.get_mut(key) else { return Ok(None) };
        if day.peeked.is_none() {
            day.peeked = day.next()?;
        }
        Ok(day.peeked.as_ref())
    }

    /// Takes it.
    pub(super) fn take(&mut self, day: &str) {
        let key = if self.partitioned { day } else { "" };
        if let Some(day) = self.days.get_mut(key) {
            day.peeked = None;
        }
    }

    /// Closes the file that was not read from for longest, where there are many.
    fn make_room(&mut self, key: &str) {
        self.next += 1;
        if let Some(used) = self.open.get_mut(key) {
            *used = self.next;
            return;
        }
        if self.open.len() >= OPEN {
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
    fn next(&mut self) -> Result<Option<Placed>, CliError> {
        while let Some(path) = self.files.get(self.file) {
            let failed = |error| failed("read", &shown(path), &error);
            if self.reader.is_none() {
                let mut reader = open(path)?;
                reader.skip(self.taken).map_err(failed)?;
                self.reader = Some(reader);
            }
            let row = self.reader.as_mut().map_or(Ok(None), Reader::next_row).map_err(failed)?;
            if let Some(row) = row {
                self.taken += 1;
                return Ok(Some(Placed { row, file: path.clone(), number: self.taken }));
            }
            (self.reader, self.taken) = (None, 0);
            self.file += 1;
        }
        Ok(None)
    }
}

/// A file of rows.
pub(super) fn open(path: &Path) -> Result<Reader<File>, CliError> {
    let file = File::open(path).map_err(|error| CliError::io("read", &shown(path), &error))?;
    Reader::open(file).map_err(|error| failed("read", &shown(path), &error))
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, CliError> {
    let failed = |error| CliError::io("read", &shown(folder), &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}
