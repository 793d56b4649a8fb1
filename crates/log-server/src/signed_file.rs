//! The file of a log's folder in which each checkpoint stands that was signed.
//!
//! ```text
//! countersign/v1 signed log.example/audit 1835041 1795150000123456789
//! 15 HpQx…= jj6O…
//! 17 3kLa…= jj6O…
//! ```
//!
//! The first line names the origin and the file itself: its number and when it was made. A copy of the file is another
//! file, and so is known to be one. Each further line is a checkpoint's size, root hash, and key ID and signature.
//! Empty lines, which are room for more, mean nothing.

mod identity;

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use countersign_log::signed_memory::{OnRemembered, SignedHead, SignedHeadMemory};

use countersign_files::{open_private, sync_folder};
use countersign_log::store::StoreError;
use identity::Identity;

/// The file's name within the log's folder.
pub const FILE: &str = "signed.txt";
/// What it is called until it is whole.
const UNFINISHED: &str = ".signed.txt.unfinished";
/// What its first line begins with.
const VERSION: &str = "countersign/v1 signed ";
/// How much room is made at one time: a file that does not grow is written faster.
const ROOM: u64 = 64 << 10;
/// A file with so many bytes of lines is made anew with the newest alone.
const COMPACTED: u64 = 512 << 10;
/// How many of them those are.
const NEWEST: usize = 64;
/// More than such a file ever has.
const MOST_BYTES: u64 = 4 << 20;

/// What was found in a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// There is such a file.
    pub is_there: bool,
    /// It is a copy of another one.
    pub is_copy: bool,
    /// What is wrong with it, where it cannot be read.
    pub problem: Option<String>,
    /// The newest heads in it, ascending.
    pub heads: Vec<SignedHead>,
    /// Where its lines end.
    end: u64,
}

impl Found {
    /// The newest head.
    pub fn newest(&self) -> Option<&SignedHead> {
        self.heads.last()
    }
}

/// Reads the file of a folder, which need not be there.
fn read(folder: &Path, origin: &str) -> io::Result<Found> {
    let mut file = match File::open(folder.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::default()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let found = Found { is_there: true, ..Found::default() };
    let damaged = |why: String| Found { is_there: true, problem: Some(why), ..Found::default() };
    if metadata.len() > MOST_BYTES {
        return Ok(damaged(format!("it has {} bytes", metadata.len())));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    Ok(parse(lines, origin, Identity::of(&metadata), found).unwrap_or_else(damaged))
}

fn parse<'b>(
    mut lines: impl Iterator<Item = &'b [u8]>,
    origin: &str,
    identity: Identity,
    mut found: Found,
) -> Result<Found, String> {
    let text = |line: &'b [u8]| str::from_utf8(line).ok()?.strip_suffix('\n');
    let first = lines.next().unwrap_or_default();
    let rest = text(first).and_then(|line| line.strip_prefix(VERSION));
    let mut words = rest.ok_or("its first line is not that of such a file")?.rsplitn(3, ' ');
    let (created, number, of) = (words.next(), words.next(), words.next());
    let written = number.zip(created).and_then(|(number, created)| Identity::parse(number, created));
    let written = written.ok_or("its first line does not name the file")?;
    if of != Some(origin) {
        return Err(format!("it is of the log {:?}", of.unwrap_or_default()));
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
            // The last one may have been cut off: nobody saw what it was to remember.
            None => torn = true,
        }
    }
    if torn {
        tracing::warn!(
            "the last line of {FILE} was cut off: what it was to remember was not shown to anyone"
        );
    }
    if found.heads.len() > NEWEST {
        found.heads.drain(..found.heads.len() - NEWEST);
    }
    Ok(found)
}

/// The file, written by a thread of its own: while it waits for the disk, the log goes on.
pub struct SignedFile {
    newest: Option<SignedHead>,
    durable: Arc<AtomicU64>,
    /// None while it is dropped.
    writing: Option<Sender<(SignedHead, OnRemembered)>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// No head is durable.
const NONE: u64 = u64::MAX;

impl SignedFile {
    /// What the file of that folder says.
    ///
    /// # Errors
    /// What the system says.
    pub fn look(folder: &Path, origin: &str) -> Result<Found, StoreError> {
        read(folder, origin).map_err(|error| StoreError::unavailable("reading signed.txt", error))
    }

    /// The file of that folder from now on, with what was found in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(folder: &Path, origin: &str, found: Found) -> Result<Self, StoreError> {
        let failed = |error| StoreError::unavailable("writing signed.txt", error);
        let newest = found.newest().cloned();
        let durable = Arc::new(AtomicU64::new(newest.as_ref().map_or(NONE, |newest| newest.size)));
        let made_anew = !found.is_there || found.is_copy || found.problem.is_some();
        let mut lines = Lines {
            folder: folder.to_owned(),
            origin: origin.to_owned(),
            file: None,
            end: found.end,
            newest: found.heads.into(),
        };
        if made_anew {
            lines.make_anew().map_err(failed)?;
        }
        let (writing, queue) = channel();
        let thread = thread::Builder::new()
            .name("signed".into())
            .spawn({
                let durable = Arc::clone(&durable);
                move || lines.work(&queue, &durable)
            })
            .map_err(failed)?;
        Ok(Self { newest, durable, writing: Some(writing), thread: Some(thread) })
    }
}

impl SignedFile {
    /// Puts a file with these heads, ascending, in the place of what is there.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn replace(folder: &Path, origin: &str, heads: &[SignedHead]) -> Result<(), StoreError> {
        let newest = heads[heads.len().saturating_sub(NEWEST)..].iter().cloned().collect();
        let mut lines =
            Lines { folder: folder.to_owned(), origin: origin.to_owned(), file: None, end: 0, newest };
        lines.make_anew().map_err(|error| StoreError::unavailable("writing signed.txt", error))
    }
}

impl SignedHeadMemory for SignedFile {
    fn newest(&self) -> Option<&SignedHead> {
        self.newest.as_ref()
    }

    fn durable(&self) -> Option<u64> {
        Some(self.durable.load(Ordering::Acquire)).filter(|size| *size != NONE)
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        if self.newest.as_ref().is_none_or(|newest| newest.size < head.size) {
            self.newest = Some(head.clone());
        }
        let Some(writing) = &self.writing else { return };
        if let Err(refused) = writing.send((head, then)) {
            refused.0.1(Err(StoreError::unavailable("writing signed.txt", "its thread ended")));
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

struct Lines {
    folder: PathBuf,
    origin: String,
    /// None where it is not known what became of the last write: the file is made anew then.
    file: Option<(File, u64)>,
    end: u64,
    newest: VecDeque<SignedHead>,
}

impl Lines {
    fn work(mut self, queue: &Receiver<(SignedHead, OnRemembered)>, durable: &AtomicU64) {
        // Opened as it is when it is first written to.
        let mut opened = false;
        while let Ok(first) = queue.recv() {
            let mut some = vec![first];
            some.extend(queue.try_iter());
            let (mut heads, mut thens) = (Vec::with_capacity(some.len()), Vec::with_capacity(some.len()));
            for (head, then) in some {
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
                    Err(error) => Err(StoreError::unavailable("writing signed.txt", error)),
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
        let appended = match self.take() {
            Err(error) => Err(error),
            Ok(Some((file, room))) if self.end < COMPACTED => self.append(file, room, &text),
            Ok(_) => self.make_anew(),
        };
        if appended.is_err() {
            self.newest.truncate(before);
        }
        let most = self.newest.len().saturating_sub(NEWEST);
        self.newest.drain(..most);
        appended
    }

    /// The file, unless it has to be made anew. What is written to one that is not in its place is not remembered.
    fn take(&mut self) -> io::Result<Option<(File, u64)>> {
        let Some((file, room)) = self.file.take() else { return Ok(None) };
        match fs::metadata(self.folder.join(FILE)) {
            Ok(there) if Identity::of(&there).may_be(Identity::of(&file.metadata()?)) => {
                Ok(Some((file, room)))
            }
            Ok(_) => {
                // Whose it is and what it says is for people to find out.
                self.file = Some((file, room));
                let why = "it was replaced while the server runs: put it back, or stop the server";
                Err(io::Error::other(why))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::warn!("{FILE} was deleted or moved while the server runs: it is written anew");
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
            let more = vec![b'\n'; (end + ROOM - room) as usize];
            file.seek(SeekFrom::Start(room))?;
            file.write_all(&more)?;
            room = end + ROOM;
        }
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.end = end;
        self.file = Some((file, room));
        Ok(())
    }

    /// Puts a new file with the newest heads in the place of the one that is there.
    fn make_anew(&mut self) -> io::Result<()> {
        let path = self.folder.join(UNFINISHED);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_private(&path, |options| options.read(true).write(true).create_new(true))?;
        let mut text = format!("{VERSION}{} {}\n", self.origin, Identity::of(&file.metadata()?));
        text.extend(self.newest.iter().map(SignedHead::to_line));
        let end = text.len() as u64;
        let room = end + ROOM;
        text.extend(std::iter::repeat_n('\n', ROOM as usize));
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&path, self.folder.join(FILE))?;
        sync_folder(&self.folder)?;
        self.end = end;
        self.file = Some((file, room));
        Ok(())
    }
}

/// Of a log that signs nothing more: what it signed last.
pub(crate) struct Frozen(pub(crate) Option<SignedHead>);

impl SignedHeadMemory for Frozen {
    fn newest(&self) -> Option<&SignedHead> {
        self.0.as_ref()
    }

    fn remember(&mut self, _: SignedHead, then: OnRemembered) {
        then(Err(StoreError::unavailable("remembering what is signed", "the log signs nothing more")));
    }
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
        let key = SignerKey::generate("log.example", [1; 32]).unwrap();
        let checkpoint = Checkpoint::new("log.example", size, Hash::of(&[&size.to_be_bytes()])).unwrap();
        SignedHead::of_note(&checkpoint.sign(&key).unwrap()).unwrap()
    }

    fn look(folder: &TempDir) -> Found {
        SignedFile::look(folder.path(), ORIGIN).unwrap()
    }

    fn open(folder: &TempDir) -> SignedFile {
        SignedFile::open(folder.path(), ORIGIN, look(folder)).unwrap()
    }

    fn remember(file: &mut SignedFile, size: u64) -> Result<(), StoreError> {
        let (tell, told) = channel();
        file.remember(head(size), Box::new(move |result| tell.send(result).unwrap()));
        told.recv().unwrap()
    }

    #[test]
    fn what_is_remembered_is_there_after_a_crash_at_any_byte() {
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
                let found = look(&folder);
                assert_eq!((found.problem.as_ref(), found.is_copy), (None, false));
                // The line end after the last line is room too.
                let newest = found.newest().unwrap().size;
                assert!(newest == 4 && cut + 1 >= end || newest == 3 && cut < end, "{cut} of {end}");
            }
        }
        let mut bytes = whole.clone();
        bytes[last - 9] ^= 0x80;
        fs::write(&path, &bytes).unwrap();
        assert!(look(&folder).problem.is_some(), "what was seen is not forgotten");
    }

    #[test]
    fn a_file_that_was_cut_off_is_gone_on_with() {
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
        assert_eq!(look(&folder).heads, [head(1), head(5)]);
    }

    #[test]
    fn a_copy_is_known_until_it_is_made_the_log_s_own() {
        let (folder, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut file = open(&folder);
        remember(&mut file, 1).unwrap();
        fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
        assert!(!look(&folder).is_copy);
        let found = look(&copy);
        assert!(found.is_copy);
        drop(SignedFile::open(copy.path(), ORIGIN, found).unwrap());
        let found = look(&copy);
        assert!(!found.is_copy);
        assert_eq!(found.heads, [head(1)]);
        assert!(SignedFile::look(copy.path(), "log.example/other").unwrap().problem.is_some());
    }

    #[test]
    fn the_file_stays_small_and_keeps_the_newest() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        let last = 2 * COMPACTED / head(1_000).to_line().len() as u64;
        for size in 0..last {
            file.remember(head(size), Box::new(|result| result.unwrap()));
            // Later heads of a batch count once; smaller ones never.
            file.remember(head(size / 2), Box::new(|result| result.unwrap()));
            if size % 50 == 0 {
                remember(&mut file, size).unwrap();
            }
        }
        drop(file);
        let length = fs::metadata(folder.path().join(FILE)).unwrap().len();
        assert!(length < COMPACTED + 2 * ROOM, "{length}");
        let found = look(&folder);
        assert!(!found.is_copy && found.problem.is_none());
        assert_eq!(found.newest(), Some(&head(last - 1)));
        assert_eq!(found.heads.len(), NEWEST);
    }

    #[test]
    fn what_could_not_be_written_is_written_later() {
        let folder = TempDir::new().unwrap();
        let mut file = open(&folder);
        remember(&mut file, 1).unwrap();
        drop(file);
        let mut file = open(&folder);
        // The file cannot be opened, nor be replaced: a folder is in its place.
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
        assert_eq!(look(&folder).heads, [head(1), head(2)]);
    }
    #[test]
    fn a_file_that_is_taken_away_under_its_server_is_written_anew_and_another_one_is_left_alone() {
        let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let (path, away) = (folder.path().join(FILE), elsewhere.path().join(FILE));
        let mut file = open(&folder);
        for size in 1..=3 {
            remember(&mut file, size).unwrap();
        }
        fs::remove_file(&path).unwrap();
        remember(&mut file, 4).unwrap();
        let found = look(&folder);
        assert_eq!(found.heads, [1, 2, 3, 4].map(head));
        assert!(!found.is_copy && found.problem.is_none());
        // An earlier one is brought back.
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
        let found = look(&folder);
        assert_eq!((found.newest(), found.is_copy), (Some(&head(7)), false));
    }
}
