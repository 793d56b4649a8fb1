//! The newest entries of a root log, in files of its folder.
//!
//! The files are in the folder `root-entries`. Each has the entries of 65,536 ticks, 18 hours at one tick a second: a
//! line of JSON for each, `{"entry":7,"leaf":"…"}`. The last line of a tick counts. A file is deleted once a backup has
//! its entries and 16 newer files exist, and in any case once 128 newer files exist: that is 12 and 97 days at one tick a
//! second, and 9 MB a file.
//!
//! Next to them, each anchor that readers still require has a file with its directory
//! ([`anchor_copy`](countersign_log::tenants::anchor_copy)): 61 bytes for each tenant log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use countersign_files::{create_private_folder, open_private, replace, sync_folder};
use countersign_log::store::StoreError;
use countersign_log::tenants::anchor_copy::decode;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::root_entries::RootEntryStore;
use serde::{Deserialize, Serialize};

use crate::backup;
use crate::restore::{HeldLeaf, Source};

/// The name of the folder within the log's folder.
pub const FOLDER: &str = "root-entries";
/// The number of ticks in a file.
const FILE_TICKS: u64 = 1 << 16;
/// The number of files that are kept even if backups have their entries, besides the newest one.
const KEPT_FILES: u64 = 16;
/// The maximum number of files, besides the newest one.
const MAX_FILES: u64 = 128;
/// The end of a file's name. The number of files before it comes first.
const EXTENSION: &str = "ndjson";
/// The maximum size of a file to read. Only a restart adds a second line for a tick.
const MAX_READ_BYTES: u64 = 64 << 20;

/// The beginning of the name of an anchor's file.
const ANCHOR: &str = "anchor-";
/// The maximum size of an anchor's file: more than the greatest number of tenant logs needs.
const MAX_ANCHOR_BYTES: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Line<'l> {
    entry: u64,
    #[serde(borrow)]
    leaf: Cow<'l, str>,
}

/// The writer of the files.
pub(crate) struct RootEntries {
    folder: PathBuf,
    /// The file that the last entry was written to. `None` before the first entry, and after an error.
    open: Option<OpenFile>,
}

struct OpenFile {
    number: u64,
    file: File,
    length: u64,
    /// The tick of the last line, and where the line begins.
    last: Option<(u64, u64)>,
}

impl RootEntries {
    /// Creates the writer for a log's folder. The files are created with the first entry.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), open: None }
    }

    /// Writes entries of one file.
    fn append(&mut self, number: u64, first: u64, entries: &[&[u8]]) -> io::Result<()> {
        let path = path(&self.folder, number);
        let mut open = match self.open.take() {
            // The file may have been moved away.
            Some(open) if open.number == number && path.exists() => open,
            _ => self.open(number, &path)?,
        };
        // The tick was not committed. If its entry stayed, a disk that fails for days would fill.
        if let Some((_, begin)) = open.last.filter(|(last, _)| *last == first) {
            open.file.set_len(begin)?;
            open.length = begin;
        }
        let mut lines = Vec::new();
        let mut begin = open.length;
        for (entry, leaf) in (first..).zip(entries) {
            begin = open.length + lines.len() as u64;
            let leaf = str::from_utf8(leaf).map_err(io::Error::other)?.into();
            serde_json::to_writer(&mut lines, &Line { entry, leaf })?;
            lines.push(b'\n');
        }
        open.file.write_all(&lines)?;
        open.file.sync_data()?;
        open.length += lines.len() as u64;
        open.last = Some((first + entries.len() as u64 - 1, begin));
        self.open = Some(open);
        Ok(())
    }

    fn open(&self, number: u64, path: &Path) -> io::Result<OpenFile> {
        let folder = self.folder.join(FOLDER);
        create_private_folder(&folder)?;
        let is_new = !path.exists();
        let mut file = open_private(path, |options| options.append(true).create(true))?;
        let mut length = file.metadata()?.len();
        if is_new {
            sync_folder(&folder)?;
            self.delete_old(number)?;
        } else if length > 0 {
            // Ends a line that a crash may have truncated.
            file.write_all(b"\n")?;
            length += 1;
        }
        Ok(OpenFile { number, file, length, last: None })
    }

    /// Deletes the files that are not needed anymore, if this is the number of the newest one.
    fn delete_old(&self, newest: u64) -> io::Result<()> {
        let backed_up = backup::newest(&self.folder).map_or(0, |backup| backup.size);
        for number in numbers(&self.folder)? {
            let end = number.saturating_add(1).saturating_mul(FILE_TICKS);
            if number + MAX_FILES < newest || number + KEPT_FILES < newest && end <= backed_up {
                fs::remove_file(path(&self.folder, number))?;
            }
        }
        Ok(())
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(FOLDER).join(format!("{number:06}.{EXTENSION}"))
}

/// Returns the numbers of the files, ascending.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(EXTENSION)?.strip_suffix('.'));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a file's entries. Skips lines that can't be parsed.
fn read(folder: &Path, number: u64) -> io::Result<BTreeMap<u64, String>> {
    let mut bytes = Vec::new();
    match File::open(path(folder, number)) {
        Ok(file) => _ = file.take(MAX_READ_BYTES + 1).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    }
    if bytes.len() as u64 > MAX_READ_BYTES {
        let why = format!("{} is larger than {MAX_READ_BYTES} bytes", path(folder, number).display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice::<Line<'_>>(line).ok());
    Ok(lines.map(|Line { entry, leaf }| (entry, leaf.into_owned())).collect())
}

impl RootEntryStore for RootEntries {
    fn end(&mut self) -> Result<u64, StoreError> {
        let mut end = 0;
        if let Some(newest) = numbers(&self.folder).map_err(reading)?.last() {
            let entries = read(&self.folder, *newest).map_err(reading)?;
            end = entries.last_key_value().map_or(0, |(tick, _)| tick.saturating_add(1));
        }
        Ok(end)
    }

    fn first_needed(&mut self, ticks: u64) -> Result<u64, StoreError> {
        let newest = ticks / FILE_TICKS;
        let backed_up = backup::newest(&self.folder).map_or(0, |backup| backup.size);
        Ok(backed_up.max(newest.saturating_sub(MAX_FILES) * FILE_TICKS))
    }

    fn entry(&mut self, tick: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut entries = read(&self.folder, tick / FILE_TICKS).map_err(reading)?;
        Ok(entries.remove(&tick).map(String::into_bytes))
    }

    fn keep_anchor(
        &mut self,
        tick: u64,
        directory: &[u8],
        first: u64,
        older: &[u64],
    ) -> Result<(), StoreError> {
        let kept = || -> io::Result<()> {
            create_private_folder(&self.folder.join(FOLDER))?;
            replace(&anchor_path(&self.folder, tick), directory)?;
            for tick in anchors(&self.folder)? {
                if tick < first && !older.contains(&tick) {
                    fs::remove_file(anchor_path(&self.folder, tick))?;
                }
            }
            Ok(())
        };
        kept().map_err(|error| StoreError::unavailable("writing to root-entries", error))
    }

    fn keep(&mut self, mut first: u64, mut entries: &[&[u8]]) -> Result<(), StoreError> {
        while !entries.is_empty() {
            let room = usize::try_from(FILE_TICKS - first % FILE_TICKS).unwrap_or(usize::MAX);
            let (now, later) = entries.split_at(room.min(entries.len()));
            self.append(first / FILE_TICKS, first, now)
                .map_err(|error| StoreError::disk("writing to root-entries", error))?;
            (first, entries) = (first + now.len() as u64, later);
        }
        Ok(())
    }
}

fn anchor_path(folder: &Path, tick: u64) -> PathBuf {
    folder.join(FOLDER).join(format!("{ANCHOR}{tick}.bin"))
}

/// Returns the ticks of the anchors that have a file.
fn anchors(folder: &Path) -> io::Result<Vec<u64>> {
    let mut ticks = Vec::new();
    for entry in fs::read_dir(folder.join(FOLDER))? {
        let name = entry?.file_name();
        let tick = name.to_str().and_then(|name| name.strip_prefix(ANCHOR)?.strip_suffix(".bin"));
        ticks.extend(tick.and_then(|tick| tick.parse::<u64>().ok()));
    }
    Ok(ticks)
}

/// Returns the directory of an anchor of the root log with this origin, if a file has it. `entry` is the root log's
/// entry.
pub(crate) fn anchor(
    folder: &Path,
    origin: &str,
    tick: u64,
    entry: &str,
) -> io::Result<Option<TickDirectory>> {
    let mut bytes = Vec::new();
    match File::open(anchor_path(folder, tick)) {
        Ok(file) => _ = file.take(MAX_ANCHOR_BYTES).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(decode(&bytes, origin, tick, entry))
}

fn reading(error: io::Error) -> StoreError {
    StoreError::disk("reading root-entries", error)
}

/// The entries in a folder's files.
pub(crate) struct StoredRootEntries {
    folder: PathBuf,
    /// The file that was read last.
    last: Option<(u64, BTreeMap<u64, String>)>,
}

impl StoredRootEntries {
    /// Creates the source for a log's folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), last: None }
    }
}

impl Source for StoredRootEntries {
    fn name(&self) -> String {
        FOLDER.into()
    }

    fn checkpoints(&self) -> &[String] {
        &[]
    }

    fn leaf(&mut self, index: u64) -> Result<Option<HeldLeaf>, String> {
        let number = index / FILE_TICKS;
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let entries = read(&self.folder, number).map_err(|error| error.to_string())?;
            self.last = Some((number, entries));
        }
        let text = self.last.as_ref().and_then(|(_, entries)| entries.get(&index).cloned());
        Ok(text.map(|text| HeldLeaf { text, event: None }))
    }
}

/// Returns the first entry that a folder's files have, if there is one.
pub(crate) fn first_kept(folder: &Path) -> io::Result<Option<u64>> {
    let Some(first) = numbers(folder)?.first().copied() else { return Ok(None) };
    Ok(read(folder, first)?.first_key_value().map(|(tick, _)| *tick))
}

#[cfg(test)]
mod tests {
    use countersign::time::Time;
    use tempfile::TempDir;

    use super::*;
    use crate::backup::Backup;

    fn keep(entries: &mut RootEntries, tick: u64, text: &str) {
        entries.keep(tick, &[text.as_bytes()]).unwrap();
    }

    fn stored(folder: &TempDir) -> Vec<(u64, String)> {
        let numbers = numbers(folder.path()).unwrap();
        numbers.into_iter().flat_map(|number| read(folder.path(), number).unwrap()).collect()
    }

    #[test]
    fn the_last_entry_of_a_tick_counts() {
        let folder = TempDir::new().unwrap();
        let mut entries = RootEntries::new(folder.path());
        assert_eq!((entries.end().unwrap(), entries.entry(0).unwrap()), (0, None));
        assert_eq!(first_kept(folder.path()).unwrap(), None);
        keep(&mut entries, 0, "a");
        keep(&mut entries, 1, "b");
        let length = || fs::metadata(path(folder.path(), 0)).unwrap().len();
        let before = length();
        // The commit fails again and again.
        (0..9).for_each(|_| keep(&mut entries, 1, "c"));
        assert_eq!(length(), before);
        // A crash truncated a line.
        let mut file = open_private(&path(folder.path(), 0), |options| options.append(true)).unwrap();
        file.write_all(b"{\"entry\":2,\"le").unwrap();
        let mut entries = RootEntries::new(folder.path());
        keep(&mut entries, 2, "d");
        let mut entries = RootEntries::new(folder.path());
        keep(&mut entries, 2, "e");
        assert_eq!(stored(&folder), [(0, "a".into()), (1, "c".into()), (2, "e".into())]);
        assert_eq!((entries.end().unwrap(), entries.entry(1).unwrap()), (3, Some(b"c".to_vec())));
        fs::remove_dir_all(folder.path().join(FOLDER)).unwrap();
        keep(&mut entries, 3, "f");
        assert_eq!(stored(&folder), [(3, "f".into())]);
        let mut source = StoredRootEntries::new(folder.path());
        assert_eq!(source.leaf(2).unwrap(), None);
        assert_eq!(source.leaf(3).unwrap().unwrap().text, "f");
    }

    #[test]
    fn old_files_are_deleted_once_backups_have_their_entries() {
        let folder = TempDir::new().unwrap();
        let mut entries = RootEntries::new(folder.path());
        let two: [&[u8]; 2] = [b"x", b"x"];
        // Both ticks are in files of their own.
        entries.keep(FILE_TICKS - 1, &two).unwrap();
        let first = || numbers(folder.path()).unwrap()[0];
        for number in 2..40 {
            keep(&mut entries, number * FILE_TICKS, "x");
        }
        assert_eq!((first(), first_kept(folder.path()).unwrap()), (0, Some(FILE_TICKS - 1)));
        backup::note(folder.path(), Backup { at: Time::MIN, size: 10 * FILE_TICKS - 1 }).unwrap();
        keep(&mut entries, 40 * FILE_TICKS, "x");
        assert_eq!(first(), 9);
        assert_eq!(entries.first_needed(40 * FILE_TICKS).unwrap(), 10 * FILE_TICKS - 1);
        backup::note(folder.path(), Backup { at: Time::MIN, size: 40 * FILE_TICKS }).unwrap();
        keep(&mut entries, 41 * FILE_TICKS, "x");
        assert_eq!(first(), 41 - KEPT_FILES);
        fs::remove_file(folder.path().join(backup::FILE)).unwrap();
        for number in 42..=41 - KEPT_FILES + MAX_FILES {
            keep(&mut entries, number * FILE_TICKS, "x");
        }
        assert_eq!(first(), 41 - KEPT_FILES);
        let newest = 60 + MAX_FILES;
        keep(&mut entries, newest * FILE_TICKS, "x");
        assert_eq!(first(), 60);
        assert_eq!(entries.first_needed(newest * FILE_TICKS).unwrap(), 60 * FILE_TICKS);
    }
}
