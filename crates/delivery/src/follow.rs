//! Following a file that grows: each line once, with how far that is.
//!
//! What was read is known by the file's identity and by the hash of the last bytes before the offset. So a file that
//! was replaced, rotated away or cut off is told from one that grew, and what could be missing is said.

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
/// So many bytes before the offset are remembered by their hash.
const REMEMBERED: usize = 256;
/// How often in a row a rotated file has to have nothing new before it is left: its writer may still have it open.
const PATIENCE: u32 = 3;

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowProgress {
    /// There may be more at once.
    Some,
    /// Nothing new for now.
    None,
}

/// Receives the lines of a file.
pub trait LineReader {
    /// Takes a line without its end, and how far the file is read with it.
    ///
    /// # Errors
    /// If the line can't be taken: the file is not read any further.
    fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError>;
    /// Called with something that people should know, such as that the file was rotated.
    fn note(&mut self, text: String);
}

/// Follows a file that grows, through rotations: each line once.
pub struct FileFollower {
    path: PathBuf,
    open: Option<Open>,
    /// How far an earlier process was.
    from: Option<FollowPosition>,
    /// Whether it was said that there is no file.
    waiting: bool,
}

struct Open {
    file: File,
    id: Option<(u64, u64)>,
    /// How far it was read.
    position: u64,
    /// The last bytes before `position`.
    recent: Vec<u8>,
    /// The line that has begun and not ended.
    held: Vec<u8>,
    /// Whether its path is another file's by now; then how often it had nothing new since.
    rotated: Option<u32>,
}

impl FileFollower {
    /// Follows the file of that path, from where an earlier process was.
    pub fn new(path: &Path, from: Option<FollowPosition>) -> Self {
        Self { path: path.to_owned(), open: None, from, waiting: false }
    }

    /// Reads what is new, a piece at a time.
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
                        if seen >= PATIENCE {
                            open.leave(reader)?;
                            reader.note(format!("{name} was rotated: going on with the new file"));
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
                    "{name} was cut off or overwritten after {} bytes: reading it from its beginning; lines that were \
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

    /// Opens the file where an earlier process was in it, or from its beginning.
    fn find(&mut self, reader: &mut dyn LineReader) -> io::Result<Option<Open>> {
        let name = shown(&self.path);
        let Some(file) = open_file(&self.path)? else {
            if !std::mem::replace(&mut self.waiting, true) {
                reader.note(format!("{name} does not exist: waiting for it"));
            }
            return Ok(None);
        };
        self.waiting = false;
        let Some(from) = self.from.take().filter(|from| from.offset > 0) else {
            return Open::at_beginning(file).map(Some);
        };
        let id = identity(&file)?;
        if from.file == id || from.file.is_none() {
            if let Some(open) = Open::going_on(file.try_clone()?, &from)? {
                return Ok(Some(open));
            }
            reader.note(format!(
                "{name} is no longer the file that was read up to byte {}: reading it from its beginning",
                from.offset
            ));
            return Open::at_beginning(file).map(Some);
        }
        if let Some((old, mut open)) = self.rotated_away(&from)? {
            reader.note(format!(
                "{name} was rotated to {} meanwhile: reading the rest of it first",
                shown(&old)
            ));
            open.rotated = Some(PATIENCE);
            return Ok(Some(open));
        }
        reader.note(format!(
            "{name} was replaced, and the file that was read up to byte {} is not beside it: anything written to that file afterwards is missing",
            from.offset
        ));
        Open::at_beginning(file).map(Some)
    }

    /// Looks beside the path for the file that was followed.
    fn rotated_away(&self, from: &FollowPosition) -> io::Result<Option<(PathBuf, Open)>> {
        for entry in fs::read_dir(folder_of(&self.path))? {
            let path = entry?.path();
            let Ok(Some(file)) = open_file(&path) else { continue };
            if identity(&file)? == from.file
                && let Some(open) = Open::going_on(file, from)?
            {
                return Ok(Some((path, open)));
            }
        }
        Ok(None)
    }
}

enum State {
    /// There is more, after what was read.
    Same,
    /// There is nothing more.
    Ended,
    /// What was read is not there any more.
    Changed,
}

impl Open {
    fn at_beginning(file: File) -> io::Result<Self> {
        let id = identity(&file)?;
        Ok(Self { file, id, position: 0, recent: Vec::new(), held: Vec::new(), rotated: None })
    }

    /// The file where it was left, if it is still the one.
    fn going_on(file: File, from: &FollowPosition) -> io::Result<Option<Self>> {
        if file.metadata()?.len() < from.offset {
            return Ok(None);
        }
        let mut open = Self::at_beginning(file)?;
        open.position = from.offset;
        open.recent = open.before()?;
        Ok((remember(&open.recent) == from.before).then_some(open))
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

    /// The bytes that the file has before the position now, as many as are remembered.
    fn before(&mut self) -> io::Result<Vec<u8>> {
        let count = self.position.min(REMEMBERED as u64);
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
        self.held.clear();
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
            self.hold(&window[begin..end]);
            begin = end + 1;
            let followed = FollowPosition {
                offset: self.position + (begin - before) as u64,
                file: self.id,
                before: remember(&window[..begin]),
                ..FollowPosition::default()
            };
            let line = std::mem::take(&mut self.held);
            reader.line(&line, followed)?;
        }
        self.hold(&window[begin..]);
        self.position += read as u64;
        window.drain(..window.len().saturating_sub(REMEMBERED));
        self.recent = window;
        Ok(if read == 0 { FollowProgress::None } else { FollowProgress::Some })
    }

    /// Of an overlong line just enough is kept to tell that it is.
    fn hold(&mut self, bytes: &[u8]) {
        let room = (MAX_LINE + 1).saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }

    /// Takes a last line that has no end: nobody will end it.
    fn leave(&mut self, reader: &mut dyn LineReader) -> Result<(), EngineError> {
        if self.held.is_empty() {
            return Ok(());
        }
        let followed = FollowPosition {
            offset: self.position,
            file: self.id,
            before: remember(&self.recent),
            ..FollowPosition::default()
        };
        reader.line(&std::mem::take(&mut self.held), followed)
    }
}

fn remember(bytes: &[u8]) -> String {
    let last = &bytes[bytes.len().saturating_sub(REMEMBERED)..];
    base64::encode(Hash::of(&[last]).0)
}

/// The file of that path, or none where there is none.
fn open_file(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(metadata) if metadata.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not an ordinary file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the system calls the file of that path now, if there is one and the system has such names.
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
#[allow(clippy::unnecessary_wraps, reason = "other systems have no such names")]
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
    struct Read {
        lines: Vec<String>,
        notes: Vec<String>,
        last: Option<FollowPosition>,
    }

    impl LineReader for Read {
        fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError> {
            self.lines.push(String::from_utf8(line.to_vec()).unwrap());
            self.last = Some(followed);
            Ok(())
        }

        fn note(&mut self, text: String) {
            self.notes.push(text);
        }
    }

    impl Read {
        /// Steps until nothing is new, patience included.
        fn all(&mut self, follower: &mut FileFollower) -> (Vec<String>, usize) {
            let mut idle = 0;
            while idle < PATIENCE + 3 {
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
    fn each_line_comes_once_it_has_ended() {
        let place = Place::new();
        let (mut read, mut follower) = (Read::default(), FileFollower::new(&place.path("log"), None));
        assert_eq!(read.all(&mut follower), (vec![], 1), "there is no file yet");
        place.append("log", "one\ntw");
        assert_eq!(read.all(&mut follower), (lines(&["one"]), 0));
        place.append("log", "o\n\nthree\n");
        assert_eq!(read.all(&mut follower), (lines(&["two", "", "three"]), 0));
        let long = "x".repeat(3 << 16);
        place.append("log", &format!("{long}\nend\n"));
        assert_eq!(read.all(&mut follower), (lines(&[&long, "end"]), 0));
    }

    /// Takes so many lines.
    struct Stops(Read, usize);
    impl LineReader for Stops {
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
    fn another_process_goes_on_after_any_line() {
        let place = Place::new();
        let text: Vec<String> = (0..300).map(|n| format!("line {n}")).collect();
        let text = text.join("\n") + "\n";
        place.append("log", &text);
        for stop in [1, 2, 7, 100, 299, 300] {
            let mut first = Stops(Read::default(), stop);
            let mut follower = FileFollower::new(&place.path("log"), None);
            while follower.step(&mut first).is_ok() {}
            let mut second = Read::default();
            let mut follower = FileFollower::new(&place.path("log"), first.0.last.clone());
            let (rest, notes) = second.all(&mut follower);
            assert_eq!((first.0.lines.len() + rest.len(), notes), (300, 0));
            assert_eq!(rest.first().map(String::as_str), text.lines().nth(stop));
        }
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end() {
        let place = Place::new();
        place.append("log", "one\n");
        let (mut read, mut follower) = (Read::default(), FileFollower::new(&place.path("log"), None));
        assert_eq!(read.all(&mut follower), (lines(&["one"]), 0));
        fs::rename(place.path("log"), place.path("log.1")).unwrap();
        place.append("log.1", "two\nthree");
        place.append("log", "four\n");
        assert_eq!(read.all(&mut follower), (lines(&["two", "three", "four"]), 1));
        assert_eq!(read.last.clone().unwrap().offset, 5);
    }

    #[test]
    fn a_file_that_was_rotated_while_nobody_followed_is_found() {
        let place = Place::new();
        place.append("log", "one\n");
        let mut read = Read::default();
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
        assert_eq!(
            read.all(&mut follower),
            (lines(&["five"]), 1),
            "and it is said that lines may be missing"
        );
    }

    #[test]
    fn a_file_that_was_cut_off_is_told_from_one_that_grew() {
        let place = Place::new();
        place.append("log", "one\ntwo\n");
        let (mut read, mut follower) = (Read::default(), FileFollower::new(&place.path("log"), None));
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
    fn compressed_files_are_refused() {
        let place = Place::new();
        fs::write(place.path("log"), [0x1f, 0x8b, 8, 0]).unwrap();
        let mut follower = FileFollower::new(&place.path("log"), None);
        assert!(follower.step(&mut Read::default()).is_err());
    }
}
