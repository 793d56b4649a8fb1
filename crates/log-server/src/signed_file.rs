//! The file in a log's folder that records every signed checkpoint.
//!
//! ```text
//! countersign/v1 signed log.example/audit 1835041 1795150000123456789
//! 15 HpQx…= jj6O…
//! 17 3kLa…= jj6O…
//! ```
//!
//! The first line names the log's origin and identifies the file itself, by its number and creation time. A copy is
//! another file, and is therefore recognized as a copy. Each further line has the size, root hash, key ID, and
//! signature of a checkpoint. Empty lines are preallocated space, and are ignored.

pub(crate) mod identity;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use countersign::note::VerifierKey;
use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};

use countersign_files::{open_private, sync_folder};
use countersign_log::store::StoreError;
use identity::Identity;

/// The file's name within the log's folder.
pub const FILE: &str = "signed.txt";
/// The name of a new file until it is complete.
const TEMPORARY_FILE: &str = ".signed.txt.unfinished";
/// The start of the first line.
const VERSION: &str = "countersign/v1 signed ";
/// Number of bytes to preallocate: a file that doesn't grow is written faster.
const PREALLOCATED_BYTES: u64 = 64 << 10;
/// Length of the lines, in bytes, at which the file is rewritten with only the newest heads.
const COMPACT_BYTES: u64 = 512 << 10;
/// Number of newest heads to keep.
const KEPT_HEADS: usize = 64;
/// Maximum size of a file to read, in bytes; larger files can't be this one.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The content of a folder's file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SignedFileContent {
    /// True if the file exists.
    pub exists: bool,
    /// True if it is a copy of another file.
    pub is_copy: bool,
    /// The reason why it can't be read, if it can't.
    pub problem: Option<String>,
    /// The newest heads in it, in ascending order.
    pub heads: Vec<SignedHead>,
    /// The end of its last valid line.
    end: u64,
}

impl SignedFileContent {
    /// Returns the newest head.
    pub fn newest(&self) -> Option<&SignedHead> {
        self.heads.last()
    }
}

/// Reads the file of a folder, if it exists.
fn read_content(folder: &Path, origin: &str) -> io::Result<SignedFileContent> {
    let mut file = match File::open(folder.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SignedFileContent::default()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let found = SignedFileContent { exists: true, ..SignedFileContent::default() };
    let damaged =
        |why: String| SignedFileContent { exists: true, problem: Some(why), ..SignedFileContent::default() };
    if metadata.len() > MAX_FILE_BYTES {
        return Ok(damaged(format!("the file is too large with {} bytes", metadata.len())));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    Ok(parse(lines, origin, Identity::from_metadata(&metadata), found).unwrap_or_else(damaged))
}

fn parse<'b>(
    mut lines: impl Iterator<Item = &'b [u8]>,
    origin: &str,
    identity: Identity,
    mut found: SignedFileContent,
) -> Result<SignedFileContent, String> {
    let text = |line: &'b [u8]| str::from_utf8(line).ok()?.strip_suffix('\n');
    let first = lines.next().unwrap_or_default();
    let rest = text(first).and_then(|line| line.strip_prefix(VERSION));
    let mut words =
        rest.ok_or("the first line isn't that of a record of signed checkpoints")?.rsplitn(3, ' ');
    let (created, number, of) = (words.next(), words.next(), words.next());
    let written = number.zip(created).and_then(|(number, created)| Identity::parse(number, created));
    let written = written.ok_or("the first line doesn't identify the file")?;
    if of != Some(origin) {
        return Err(format!("the file belongs to the log {:?}", of.unwrap_or_default()));
    }
    found.is_copy = !written.may_be(identity);
    found.end = first.len() as u64;
    let (mut at, mut torn) = (found.end, false);
    for (line, number) in lines.zip(2..) {
        at += line.len() as u64;
        if line == b"\n" {
            continue;
        }
        if torn {
            return Err(format!("a line before line {number} is damaged"));
        }
        let head = text(line).and_then(SignedHead::parse);
        let head = head.filter(|head| found.newest().is_none_or(|newest| newest.size < head.size));
        match head {
            Some(head) => {
                found.heads.push(head);
                found.end = at;
            }
            // A crash may have truncated the last line; no one has seen the checkpoint that it was to record.
            None => torn = true,
        }
    }
    if torn {
        tracing::warn!("the last line of {FILE} is truncated; its checkpoint was never shown to anyone");
    }
    if found.heads.len() > KEPT_HEADS {
        found.heads.drain(..found.heads.len() - KEPT_HEADS);
    }
    Ok(found)
}

/// The writer of the file. It writes on its own thread, so that the log continues while it waits for the disk.
pub struct SignedFile {
    newest: Option<SignedHead>,
    durable: Arc<AtomicU64>,
    /// `None` only while being dropped.
    writing: Option<Sender<(SignedHead, OnRemembered)>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// The value of `durable` if no head is durable.
const NO_SIZE: u64 = u64::MAX;

impl SignedFile {
    /// Reads the file of a folder.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn read(folder: &Path, origin: &str) -> Result<SignedFileContent, StoreError> {
        read_content(folder, origin).map_err(|error| StoreError::disk("reading signed.txt", error))
    }

    /// Opens the file of a folder for writing, given its content.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn open(folder: &Path, origin: &str, found: SignedFileContent) -> Result<Self, StoreError> {
        let failed = |error| StoreError::disk("writing signed.txt", error);
        let newest = found.newest().cloned();
        let durable = Arc::new(AtomicU64::new(newest.as_ref().map_or(NO_SIZE, |newest| newest.size)));
        let must_rewrite = !found.exists || found.is_copy || found.problem.is_some();
        let mut writer = FileWriter {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            file: None,
            end: found.end,
            newest: found.heads.into(),
        };
        if must_rewrite {
            writer.rewrite().map_err(failed)?;
        }
        let (writing, queue) = channel();
        let thread = thread::Builder::new()
            .name("signed".into())
            .spawn({
                let durable = Arc::clone(&durable);
                move || writer.run(&queue, &durable)
            })
            .map_err(failed)?;
        Ok(Self { newest, durable, writing: Some(writing), thread: Some(thread) })
    }
}

impl SignedFile {
    /// Replaces the file with one of these heads, in ascending order.
    ///
    /// # Errors
    /// If the file can't be written.
    pub(crate) fn replace(folder: &Path, origin: &str, heads: &[SignedHead]) -> Result<(), StoreError> {
        let newest = heads[heads.len().saturating_sub(KEPT_HEADS)..].iter().cloned().collect();
        let mut writer =
            FileWriter { folder: folder.to_owned(), origin: origin.to_owned(), file: None, end: 0, newest };
        writer.rewrite().map_err(|error| StoreError::disk("writing signed.txt", error))
    }
}

impl SignedHeadMemory for SignedFile {
    fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    fn durable(&self) -> Option<u64> {
        Some(self.durable.load(Ordering::Acquire)).filter(|size| *size != NO_SIZE)
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        if self.newest.as_ref().is_none_or(|newest| newest.size < head.size) {
            self.newest = Some(head.clone());
        }
        let Some(writing) = &self.writing else { return };
        if let Err(refused) = writing.send((head, then)) {
            refused.0.1(Err(StoreError::unavailable("writing signed.txt", "the writer thread has ended")));
        }
    }
}

impl Drop for SignedFile {
    fn drop(&mut self) {
        drop(self.writing.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct FileWriter {
    folder: PathBuf,
    origin: String,
    /// The open file and its allocated length. `None` if the outcome of the last write is unknown and the
    /// file has to be rewritten.
    file: Option<(File, u64)>,
    end: u64,
    newest: VecDeque<SignedHead>,
}

impl FileWriter {
    fn run(mut self, queue: &Receiver<(SignedHead, OnRemembered)>, durable: &AtomicU64) {
        // The file is opened at the first write.
        let mut opened = false;
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            batch.extend(queue.try_iter());
            let (mut heads, mut thens) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
            for (head, then) in batch {
                let last = heads.last().or(self.newest.back());
                if last.is_none_or(|last: &SignedHead| last.size < head.size) {
                    heads.push(head);
                }
                thens.push(then);
            }
            if !std::mem::replace(&mut opened, true) {
                self.file = self.open().ok();
            }
            let written = if heads.is_empty() { Ok(()) } else { self.write(heads) };
            if written.is_ok()
                && let Some(newest) = self.newest.back()
            {
                durable.store(newest.size, Ordering::Release);
            }
            for then in thens {
                then(match &written {
                    Ok(()) => Ok(()),
                    Err(error) => Err(StoreError::disk("writing signed.txt", error)),
                });
            }
        }
    }

    fn open(&self) -> io::Result<(File, u64)> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.folder.join(FILE))?;
        let room = file.seek(SeekFrom::End(0))?;
        Ok((file, room))
    }

    fn write(&mut self, heads: Vec<SignedHead>) -> io::Result<()> {
        let text: String = heads.iter().map(SignedHead::to_line).collect();
        let before = self.newest.len();
        self.newest.extend(heads);
        let appended = match self.take_file() {
            Err(error) => Err(error),
            Ok(Some((file, room))) if self.end < COMPACT_BYTES => self.append(file, room, &text),
            Ok(_) => self.rewrite(),
        };
        if appended.is_err() {
            self.newest.truncate(before);
        }
        let excess = self.newest.len().saturating_sub(KEPT_HEADS);
        self.newest.drain(..excess);
        appended
    }

    /// Takes the file, or returns `None` if it must be rewritten. Fails if another file is in its place, because a
    /// write to the open file would be lost.
    fn take_file(&mut self) -> io::Result<Option<(File, u64)>> {
        let Some((file, room)) = self.file.take() else { return Ok(None) };
        match fs::metadata(self.folder.join(FILE)) {
            Ok(there)
                if Identity::from_metadata(&there).may_be(Identity::from_metadata(&file.metadata()?)) =>
            {
                Ok(Some((file, room)))
            }
            Ok(_) => {
                // The log operator must find out where the other file comes from and what it contains.
                self.file = Some((file, room));
                let why = "the file was replaced while the server is running; put the original back, or stop the server";
                Err(io::Error::other(why))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!("{FILE} was deleted or moved while the server is running; writing it again");
                Ok(None)
            }
            Err(error) => {
                self.file = Some((file, room));
                Err(error)
            }
        }
    }

    fn append(&mut self, mut file: File, mut room: u64, text: &str) -> io::Result<()> {
        let end = self.end + text.len() as u64;
        if end > room {
            let more = vec![b'\n'; (end + PREALLOCATED_BYTES - room) as usize];
            file.seek(SeekFrom::Start(room))?;
            file.write_all(&more)?;
            room = end + PREALLOCATED_BYTES;
        }
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.end = end;
        self.file = Some((file, room));
        Ok(())
    }

    /// Replaces the file with a new one that has the newest heads.
    fn rewrite(&mut self) -> io::Result<()> {
        let path = self.folder.join(TEMPORARY_FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_private(&path, |options| options.read(true).write(true).create_new(true))?;
        let mut text = format!("{VERSION}{} {}\n", self.origin, Identity::from_metadata(&file.metadata()?));
        text.extend(self.newest.iter().map(SignedHead::to_line));
        let end = text.len() as u64;
        let room = end + PREALLOCATED_BYTES;
        text.extend(std::iter::repeat_n('\n', PREALLOCATED_BYTES as usize));
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&path, self.folder.join(FILE))?;
        sync_folder(&self.folder)?;
        self.end = end;
        self.file = Some((file, room));
        Ok(())
    }
}

/// The memory of a log that no longer signs: its last signed head.
pub(crate) struct FrozenMemory(pub(crate) Option<SignedHead>);

impl SignedHeadMemory for FrozenMemory {
    fn newest(&self) -> Option<&SignedHead> {
        self.0.as_ref()
    }

    fn remember(&mut self, _: SignedHead, then: OnRemembered) {
        then(Err(StoreError::unavailable("recording a signature", "the log has stopped signing")));
    }
}

/// Returns the signed head in a checkpoint, if one of the log's keys signed it.
pub(crate) fn head_of(note: &str, keys: &[VerifierKey]) -> Option<SignedHead> {
    let signed = countersign::checkpoint::SignedCheckpoint::parse(note).ok()?;
    let ours = keys.iter().any(|key| key.name() == signed.checkpoint.origin && signed.is_signed_by(key));
    if ours { SignedHead::from_note(note).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use countersign::checkpoint::Checkpoint;
    use countersign::hash::Hash;
    use countersign::note::SignerKey;
    use tempfile::TempDir;

    use super::*;

    const ORIGIN: &str = "log.example/a log";

    fn head(size: u64) -> SignedHead {
        let key = SignerKey::from_seed("log.example", [1; 32]).unwrap();
        let checkpoint = Checkpoint::new("log.example", size, Hash::digest(&[&size.to_be_bytes()])).unwrap();
        SignedHead::from_note(&checkpoint.sign(&key).unwrap()).unwrap()
    }

    fn content(folder: &TempDir) -> SignedFileContent {
        SignedFile::read(folder.path(), ORIGIN).unwrap()
    }

    fn open(folder: &TempDir) -> SignedFile {
        SignedFile::open(folder.path(), ORIGIN, content(folder)).unwrap()
    }

    fn remember(file: &mut SignedFile, size: u64) -> Result<(), StoreError> {
        let (sender, receiver) = channel();
        file.remember(head(size), Box::new(move |result| sender.send(result).unwrap()));
        receiver.recv().unwrap()
    }

    #[test]
    fn recorded_heads_survive_a_crash_at_any_byte() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        for size in [0, 3, 4] {
            remember(&mut file, size).unwrap();
        }
        assert_eq!(file.durable(), Some(4));
        let path = folder.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        let end = whole.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
        let last = end - head(4).to_line().len();
        for cut in last..=end {
            let mut bytes = whole.clone();
            bytes[cut..].fill(b'\n');
            for bytes in [&bytes[..], &bytes[..cut]] {
                fs::write(&path, bytes).unwrap();
                let found = content(&folder);
                assert_eq!((found.problem.as_ref(), found.is_copy), (None, false));
                // The final line feed is part of the preallocated space.
                let newest = found.newest().unwrap().size;
                assert!(newest == 4 && cut + 1 >= end || newest == 3 && cut < end, "{cut} of {end}");
            }
        }
        let mut bytes = whole.clone();
        bytes[last - 9] ^= 0x80;
        fs::write(&path, &bytes).unwrap();
        assert!(content(&folder).problem.is_some(), "corruption of a recorded head must be reported");
    }

    #[test]
    fn continues_a_truncated_file() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        remember(&mut file, 1).unwrap();
        drop(file);
        let path = folder.path().join(FILE);
        let mut text = fs::read_to_string(&path).unwrap().trim_end().to_owned();
        text.push_str("\n2 abc");
        fs::write(&path, text).unwrap();
        let mut file = open(&folder);
        remember(&mut file, 5).unwrap();
        drop(file);
        assert_eq!(content(&folder).heads, [head(1), head(5)]);
    }

    #[test]
    fn detects_a_copy_until_it_is_opened() {
        let (folder, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut file = open(&folder);
        remember(&mut file, 1).unwrap();
        fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
        assert!(!content(&folder).is_copy);
        let found = content(&copy);
        assert!(found.is_copy);
        drop(SignedFile::open(copy.path(), ORIGIN, found).unwrap());
        let found = content(&copy);
        assert!(!found.is_copy);
        assert_eq!(found.heads, [head(1)]);
        assert!(SignedFile::read(copy.path(), "log.example/other").unwrap().problem.is_some());
    }

    #[test]
    fn compacts_the_file_and_keeps_the_newest_heads() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        let last = 2 * COMPACT_BYTES / head(1_000).to_line().len() as u64;
        for size in 0..last {
            file.remember(head(size), Box::new(|result| result.unwrap()));
            // Later heads of a batch count once, and smaller ones never.
            file.remember(head(size / 2), Box::new(|result| result.unwrap()));
            if size % 50 == 0 {
                remember(&mut file, size).unwrap();
            }
        }
        drop(file);
        let length = fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(length < COMPACT_BYTES + 2 * PREALLOCATED_BYTES, "{length}");
        let found = content(&folder);
        assert!(!found.is_copy && found.problem.is_none());
        assert_eq!(found.newest(), Some(&head(last - 1)));
        assert_eq!(found.heads.len(), KEPT_HEADS);
    }

    #[test]
    fn retries_heads_that_could_not_be_written() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        remember(&mut file, 1).unwrap();
        drop(file);
        let mut file = open(&folder);
        // A folder in its place keeps the file from being opened or replaced.
        let path = folder.path().join(FILE);
        let saved = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("x"), saved).unwrap();
        remember(&mut file, 2).unwrap_err();
        assert_eq!(file.durable(), Some(1));
        fs::remove_dir_all(&path).unwrap();
        remember(&mut file, 2).unwrap();
        assert_eq!(file.durable(), Some(2));
        drop(file);
        assert_eq!(content(&folder).heads, [head(1), head(2)]);
    }

    #[test]
    fn rewrites_a_removed_file_but_never_another_file() {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (path, away) = (folder.path().join(FILE), elsewhere.path().join(FILE));
        let mut file = open(&folder);
        for size in 1..=3 {
            remember(&mut file, size).unwrap();
        }
        fs::remove_file(&path).unwrap();
        remember(&mut file, 4).unwrap();
        let found = content(&folder);
        assert_eq!(found.heads, [1, 2, 3, 4].map(head));
        assert!(!found.is_copy && found.problem.is_none());
        // An earlier copy of the file is put back.
        fs::rename(&path, &away).unwrap();
        fs::copy(&away, &path).unwrap();
        let before = fs::read(&path).unwrap();
        for size in [5, 6] {
            remember(&mut file, size).unwrap_err();
            assert_eq!((file.durable(), fs::read(&path).unwrap() == before), (Some(4), true));
        }
        fs::rename(&away, &path).unwrap();
        remember(&mut file, 7).unwrap();
        drop(file);
        let found = content(&folder);
        assert_eq!((found.newest(), found.is_copy), (Some(&head(7)), false));
    }
}
