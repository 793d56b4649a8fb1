//! Follows a growing file: each line is read once, and its position is recorded with it.
//!
//! The position includes the file's identity, and the hash of the last bytes before the offset. This distinguishes a
//! file that was replaced, rotated, or truncated from one that grew. Possibly missing lines are reported.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use countersign::base64;
use countersign::export::{Compression, MAX_LINE};
use countersign::hash::Hash;
use countersign_errors::{EngineError, shown};
use countersign_files::folder_of;

use crate::outbox::FollowPosition;

const CHUNK: usize = 1 << 16;
/// The number of bytes before the offset that the hash covers.
const CONTEXT_BYTES: usize = 256;
/// The number of consecutive steps in which a rotated file must have nothing new before it is closed: its writer may
/// still have it open.
const MAX_IDLE_STEPS: u32 = 3;

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowProgress {
    /// A piece was read, and more may follow at once.
    Some,
    /// The file has no new lines yet.
    None,
}

/// A consumer of the lines of a file.
pub trait LineReader {
    /// Accepts a line without its line end, and the position after it.
    ///
    /// # Errors
    /// If the line can't be accepted. Reading of the file then stops.
    fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError>;
    /// Receives a notice for people, for example that the file was rotated.
    fn note(&mut self, text: String);
}

/// Follows a growing file through rotations. Each line is read once.
pub struct FileFollower {
    path: PathBuf,
    open: Option<OpenFile>,
    /// The position of an earlier process.
    from: Option<FollowPosition>,
    /// True if a missing file was reported.
    waiting: bool,
}

struct OpenFile {
    file: File,
    id: Option<(u64, u64)>,
    /// The offset up to which it was read.
    position: u64,
    /// The last bytes before `position`.
    recent: Vec<u8>,
    /// The incomplete line at the end.
    partial: Vec<u8>,
    /// Set if the path now belongs to another file: the number of consecutive steps without anything new.
    rotated: Option<u32>,
}

impl FileFollower {
    /// Follows the file at a path, from the position of an earlier process.
    pub fn new(path: &Path, from: Option<FollowPosition>) -> Self {
        Self { path: path.to_owned(), open: None, from, waiting: false }
    }

    /// Reads the next piece.
    ///
    /// # Errors
    /// If the file can't be read, is compressed, or the reader fails.
    pub fn step(&mut self, reader: &mut dyn LineReader) -> Result<FollowProgress, EngineError> {
        let name = shown(&self.path);
        let failed = |error: io::Error| EngineError::io("follow", &name, &error);
        let Some(mut open) = self.open.take() else {
            self.open = self.find(reader).map_err(failed)?;
            if let Some(open) = &mut self.open {
                open.refuse_compressed()
                    .map_err(failed)?
                    .map_or(Ok(()), |failure| Err(failure.within(&name)))?;
            }
            return Ok(if self.open.is_some() { FollowProgress::Some } else { FollowProgress::None });
        };
        let progress = match open.check().map_err(failed)? {
            State::Same => open.read(reader, failed)?,
            State::Ended => {
                let current = identity_of(&self.path).map_err(failed)?;
                match current {
                    Some(current) if open.id.is_some() && Some(current) != open.id => {
                        let seen = open.rotated.map_or(0, |seen| seen + 1);
                        open.rotated = Some(seen);
                        if seen >= MAX_IDLE_STEPS {
                            open.finish(reader)?;
                            reader.note(format!("{name} was rotated; continuing with the new file"));
                            self.from = None;
                            return Ok(FollowProgress::Some);
                        }
                    }
                    _ => open.rotated = None,
                }
                FollowProgress::None
            }
            State::Changed => {
                reader.note(format!(
                    "{name} was truncated or overwritten after {} bytes; reading it from the start, and lines that were \
                     written to it shortly before may be missing",
                    open.position
                ));
                open.restart();
                FollowProgress::Some
            }
        };
        self.open = Some(open);
        Ok(progress)
    }

    /// Opens the file at the position of an earlier process, or at its start.
    fn find(&mut self, reader: &mut dyn LineReader) -> io::Result<Option<OpenFile>> {
        let name = shown(&self.path);
        let Some(file) = open_file(&self.path)? else {
            if !std::mem::replace(&mut self.waiting, true) {
                reader.note(format!("{name} does not exist; waiting for it"));
            }
            return Ok(None);
        };
        self.waiting = false;
        let Some(from) = self.from.take().filter(|from| from.offset > 0) else {
            return OpenFile::at_start(file).map(Some);
        };
        let id = identity(&file)?;
        if from.file == id || from.file.is_none() {
            if let Some(open) = OpenFile::resume(file.try_clone()?, &from)? {
                return Ok(Some(open));
            }
            reader.note(format!(
                "{name} is not the file that was read up to byte {}; reading it from the start",
                from.offset
            ));
            return OpenFile::at_start(file).map(Some);
        }
        if let Some((old, mut open)) = self.rotated_away(&from)? {
            reader
                .note(format!("{name} was rotated to {}; reading the rest of that file first", shown(&old)));
            open.rotated = Some(MAX_IDLE_STEPS);
            return Ok(Some(open));
        }
        reader.note(format!(
            "{name} was replaced, and the file that was read up to byte {} is not in the same folder; lines written to that file afterwards are missing",
            from.offset
        ));
        OpenFile::at_start(file).map(Some)
    }

    /// Searches the folder of the path for the file that was followed.
    fn rotated_away(&self, from: &FollowPosition) -> io::Result<Option<(PathBuf, OpenFile)>> {
        for entry in fs::read_dir(folder_of(&self.path))? {
            let path = entry?.path();
            let Ok(Some(file)) = open_file(&path) else { continue };
            if identity(&file)? == from.file
                && let Some(open) = OpenFile::resume(file, from)?
            {
                return Ok(Some((path, open)));
            }
        }
        Ok(None)
    }
}

enum State {
    /// The file grew after the part that was read.
    Same,
    /// The file has nothing new.
    Ended,
    /// The file no longer contains the part that was read.
    Changed,
}

impl OpenFile {
    fn at_start(file: File) -> io::Result<Self> {
        let id = identity(&file)?;
        Ok(Self { file, id, position: 0, recent: Vec::new(), partial: Vec::new(), rotated: None })
    }

    /// Continues at an earlier position, if it is still the same file.
    fn resume(file: File, from: &FollowPosition) -> io::Result<Option<Self>> {
        if file.metadata()?.len() < from.offset {
            return Ok(None);
        }
        let mut open = Self::at_start(file)?;
        open.position = from.offset;
        open.recent = open.before()?;
        Ok((context_hash(&open.recent) == from.before).then_some(open))
    }

    fn refuse_compressed(&mut self) -> io::Result<Option<EngineError>> {
        let mut first = Vec::new();
        self.file.rewind()?;
        (&self.file).take(4).read_to_end(&mut first)?;
        Ok(Compression::detect(&first).map(|_| {
            let hint = "follow the file that is being written, or record the compressed one without --follow";
            EngineError::new("arguments.invalid", "a compressed file cannot be followed", hint)
        }))
    }

    /// Reads the bytes before the position that the hash covers.
    fn before(&mut self) -> io::Result<Vec<u8>> {
        let count = self.position.min(CONTEXT_BYTES as u64);
        self.file.seek(SeekFrom::Start(self.position - count))?;
        let mut bytes = Vec::new();
        (&self.file).take(count).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn check(&mut self) -> io::Result<State> {
        let size = self.file.metadata()?.len();
        if size < self.position {
            return Ok(State::Changed);
        }
        if size == self.position {
            return Ok(State::Ended);
        }
        Ok(if self.before()? == self.recent { State::Same } else { State::Changed })
    }

    fn restart(&mut self) {
        (self.position, self.rotated) = (0, None);
        self.recent.clear();
        self.partial.clear();
    }

    fn read(
        &mut self,
        reader: &mut dyn LineReader,
        failed: impl Fn(io::Error) -> EngineError,
    ) -> Result<FollowProgress, EngineError> {
        self.file.seek(SeekFrom::Start(self.position)).map_err(&failed)?;
        let mut window = std::mem::take(&mut self.recent);
        let before = window.len();
        window.resize(before + CHUNK, 0);
        let read = self.file.read(&mut window[before..]).map_err(&failed)?;
        window.truncate(before + read);
        let mut begin = before;
        for end in memchr::memchr_iter(b'\n', &window[before..]) {
            let end = before + end;
            self.buffer(&window[begin..end]);
            begin = end + 1;
            let followed = FollowPosition {
                offset: self.position + (begin - before) as u64,
                file: self.id,
                before: context_hash(&window[..begin]),
                ..FollowPosition::default()
            };
            let line = std::mem::take(&mut self.partial);
            reader.line(&line, followed)?;
        }
        self.buffer(&window[begin..]);
        self.position += read as u64;
        window.drain(..window.len().saturating_sub(CONTEXT_BYTES));
        self.recent = window;
        Ok(if read == 0 { FollowProgress::None } else { FollowProgress::Some })
    }

    /// Buffers bytes of a line. An overlong line is cut to just above the limit, so that it still counts as overlong.
    fn buffer(&mut self, bytes: &[u8]) {
        let room = (MAX_LINE + 1).saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// Passes on a last line without a line end, as the writer won't complete it.
    fn finish(&mut self, reader: &mut dyn LineReader) -> Result<(), EngineError> {
        if self.partial.is_empty() {
            return Ok(());
        }
        let followed = FollowPosition {
            offset: self.position,
            file: self.id,
            before: context_hash(&self.recent),
            ..FollowPosition::default()
        };
        reader.line(&std::mem::take(&mut self.partial), followed)
    }
}

fn context_hash(bytes: &[u8]) -> String {
    let last = &bytes[bytes.len().saturating_sub(CONTEXT_BYTES)..];
    base64::encode(Hash::digest(&[last]).0)
}

/// Opens the file at a path; `None` if it doesn't exist.
fn open_file(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the identity of the file at a path, if it exists and the system has file identities.
fn identity_of(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(id_of(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(file: &File) -> io::Result<Option<(u64, u64)>> {
    file.metadata().map(|metadata| id_of(&metadata))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have no file identities")]
fn id_of(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id_of(_: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tempfile::TempDir;

    use super::*;

    #[derive(Default)]
    struct Recording {
        lines: Vec<String>,
        notes: Vec<String>,
        last: Option<FollowPosition>,
    }

    impl LineReader for Recording {
        fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError> {
            self.lines.push(String::from_utf8(line.to_vec()).unwrap());
            self.last = Some(followed);
            Ok(())
        }

        fn note(&mut self, text: String) {
            self.notes.push(text);
        }
    }

    impl Recording {
        /// Steps until nothing is new for long enough.
        fn all(&mut self, follower: &mut FileFollower) -> (Vec<String>, usize) {
            let mut idle = 0;
            while idle < MAX_IDLE_STEPS + 3 {
                idle = if follower.step(self).unwrap() == FollowProgress::None { idle + 1 } else { 0 };
            }
            (std::mem::take(&mut self.lines), std::mem::take(&mut self.notes).len())
        }
    }

    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            Self(TempDir::new().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn append(&self, name: &str, text: &str) {
            let mut file = File::options().create(true).append(true).open(self.path(name)).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn line_is_read_once_it_is_complete() {
        let place = Place::new();
        let (mut read, mut follower) = (Recording::default(), FileFollower::new(&place.path("log"), None));
        assert_eq!(read.all(&mut follower), (vec![], 1), "the file does not exist yet");
        place.append("log", "one\ntw");
        assert_eq!(read.all(&mut follower), (lines(&["one"]), 0));
        place.append("log", "o\n\nthree\n");
        assert_eq!(read.all(&mut follower), (lines(&["two", "", "three"]), 0));
        let long = "x".repeat(3 << 16);
        place.append("log", &format!("{long}\nend\n"));
        assert_eq!(read.all(&mut follower), (lines(&[&long, "end"]), 0));
    }

    /// Fails after this number of lines.
    struct FailAfter(Recording, usize);
    impl LineReader for FailAfter {
        fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError> {
            self.0.line(line, followed)?;
            self.1 -= 1;
            if self.1 == 0 { Err(EngineError::new("test", "stopped", "")) } else { Ok(()) }
        }
        fn note(&mut self, text: String) {
            self.0.note(text);
        }
    }

    #[test]
    fn another_process_continues_after_any_line() {
        let place = Place::new();
        let text: Vec<String> = (0..300).map(|n| format!("line {n}")).collect();
        let text = text.join("\n") + "\n";
        place.append("log", &text);
        for stop in [1, 2, 7, 100, 299, 300] {
            let mut first = FailAfter(Recording::default(), stop);
            let mut follower = FileFollower::new(&place.path("log"), None);
            while follower.step(&mut first).is_ok() {}
            let mut second = Recording::default();
            let mut follower = FileFollower::new(&place.path("log"), first.0.last.clone());
            let (rest, notes) = second.all(&mut follower);
            assert_eq!((first.0.lines.len() + rest.len(), notes), (300, 0));
            assert_eq!(rest.first().map(String::as_str), text.lines().nth(stop));
        }
    }

    #[test]
    fn rotated_file_is_read_to_its_end() {
        let place = Place::new();
        place.append("log", "one\n");
        let (mut read, mut follower) = (Recording::default(), FileFollower::new(&place.path("log"), None));
        assert_eq!(read.all(&mut follower), (lines(&["one"]), 0));
        fs::rename(place.path("log"), place.path("log.1")).unwrap();
        place.append("log.1", "two\nthree");
        place.append("log", "four\n");
        assert_eq!(read.all(&mut follower), (lines(&["two", "three", "four"]), 1));
        assert_eq!(read.last.clone().unwrap().offset, 5);
    }

    #[test]
    fn file_rotated_between_processes_is_found() {
        let place = Place::new();
        place.append("log", "one\n");
        let mut read = Recording::default();
        read.all(&mut FileFollower::new(&place.path("log"), None));
        place.append("log", "two\n");
        fs::rename(place.path("log"), place.path("log.1")).unwrap();
        place.append("log", "three\n");
        let mut follower = FileFollower::new(&place.path("log"), read.last.clone());
        assert_eq!(read.all(&mut follower), (lines(&["two", "three"]), 2));

        let from = read.last.clone();
        fs::rename(place.path("log"), place.path("gone")).unwrap();
        fs::remove_file(place.path("gone")).unwrap();
        place.append("other", "five\n");
        fs::rename(place.path("other"), place.path("log")).unwrap();
        let mut follower = FileFollower::new(&place.path("log"), from);
        assert_eq!(read.all(&mut follower), (lines(&["five"]), 1), "possibly missing lines are reported");
    }

    #[test]
    fn truncated_file_is_read_from_the_start() {
        let place = Place::new();
        place.append("log", "one\ntwo\n");
        let (mut read, mut follower) = (Recording::default(), FileFollower::new(&place.path("log"), None));
        read.all(&mut follower);
        let from = read.last.clone();
        fs::write(place.path("log"), "new\n").unwrap();
        assert_eq!(read.all(&mut follower), (lines(&["new"]), 1));
        fs::write(place.path("log"), "longer than before\n").unwrap();
        assert_eq!(read.all(&mut follower), (lines(&["longer than before"]), 1));
        let mut follower = FileFollower::new(&place.path("log"), from);
        assert_eq!(read.all(&mut follower), (lines(&["longer than before"]), 1));
    }

    #[test]
    fn compressed_files_are_rejected() {
        let place = Place::new();
        fs::write(place.path("log"), [0x1f, 0x8b, 8, 0]).unwrap();
        let mut follower = FileFollower::new(&place.path("log"), None);
        assert!(follower.step(&mut Recording::default()).is_err());
    }
}
