//! Where events come from: inputs that end, or a file that is followed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use countersign_delivery::{FileFollower, FollowPosition, FollowProgress, InputPosition, LineReader};
use countersign_errors::EngineError;
use countersign_ingest::UnwrapSummary;
use countersign_ingest::lines::is_space;

use crate::errors::CliError;
use crate::io::input::{Input, RawLine};
use crate::io::progress;
use crate::io::stop;
use crate::io::verdict::count;

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many lines wait to be recorded.
pub(super) const WAITING: usize = 256;

/// What the parser thread says.
pub(super) enum Fed {
    /// An event, or a line that should be one.
    Event {
        bytes: Vec<u8>,
        /// Where the input has an end.
        place: Option<Place>,
        followed: Option<FollowPosition>,
    },
    /// Something that a person should know.
    Note(String),
    /// There is no more; from which lists events were taken.
    End(Result<UnwrapSummary, CliError>),
}

/// Where in the inputs an event stands.
pub(super) struct Place {
    pub(super) file: Arc<str>,
    /// 1-based.
    pub(super) line: u64,
    /// In a list: `Records[3]`.
    pub(super) within: Option<String>,
}

/// What is read, one after the other.
pub(super) struct Inputs {
    /// What was opened already, with how much of it an earlier run recorded.
    opened: Option<(Input, Option<FollowPosition>)>,
    /// In reverse order.
    rest: Vec<PathBuf>,
    /// What the outbox remembers, where it keeps how much was read.
    kept: Option<FollowPosition>,
    /// The hash of the files so far.
    before: String,
}

/// How much an earlier run recorded.
pub(super) struct Earlier {
    /// Files as a whole.
    pub(super) files: usize,
    pub(super) events: u64,
    /// What the file is called that these events are of.
    pub(super) of: String,
}

impl fmt::Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, events, of } = self;
        let were = if (*files, *events) == (0, 1) { "was" } else { "were" };
        let files = if *files == 0 { String::new() } else { count(*files as u64, "file") + " and " };
        write!(
            f,
            "{files}{} of {of} {were} recorded by an earlier run; the rest follows",
            count(*events, "event")
        )
    }
}

impl Inputs {
    /// From the beginning. With what an outbox remembers, each event says how much of its file is read then.
    pub(super) fn new(paths: &[PathBuf], kept: Option<FollowPosition>) -> Self {
        Self { opened: None, rest: paths.iter().rev().cloned().collect(), kept, before: String::new() }
    }

    /// The same without what an earlier run recorded: all up to the events that are remembered, of files that are the
    /// same, to the byte, and that no other version of the program took apart.
    pub(super) fn resume(
        paths: &[PathBuf],
        kept: FollowPosition,
    ) -> Result<(Self, Option<Earlier>), CliError> {
        let mut inputs = Self::new(paths, Some(kept.clone()));
        let mut files = 0;
        let Some(begun) = &kept.begun else { return Ok((inputs, None)) };
        while let Some((input, _)) = inputs.next()? {
            if inputs.before == begun.input {
                let of = if paths.len() == 1 { "this file" } else { input.name() };
                let earlier = Earlier { files, events: begun.events, of: of.to_owned() };
                inputs.opened = Some((input, Some(kept)));
                return Ok((inputs, Some(earlier)));
            }
            files += 1;
        }
        Ok((Self::new(paths, Some(kept)), None))
    }

    /// The next, with what of it is to be passed over.
    fn next(&mut self) -> Result<Option<(Input, Option<FollowPosition>)>, CliError> {
        if let Some(opened) = self.opened.take() {
            return Ok(Some(opened));
        }
        let Some(path) = self.rest.pop() else { return Ok(None) };
        let mut input = Input::open(&path)?;
        let followed = match (&self.kept, place(&path)) {
            (Some(kept), Some(place)) => {
                self.before = hash(&mut input, &place, &self.before)?;
                let begun = Some(InputPosition { input: self.before.clone(), events: 0 });
                Some(FollowPosition { begun, ..kept.clone() })
            }
            _ => None,
        };
        Ok(Some((input, followed)))
    }
}

/// The hash of a file with its place and with all that is read before it.
fn hash(input: &mut Input, place: &str, before: &str) -> Result<String, CliError> {
    let mut hasher = blake3::Hasher::new();
    for part in [env!("CARGO_PKG_VERSION"), place, before].into_iter().filter(|part| !part.is_empty()) {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    // Of the file that is then read, and not of one that takes its place meanwhile.
    let bar = progress::bar("comparing", input.size());
    let read = hasher.update_reader(bar.wrap_read(input.reader()?)).map(drop);
    bar.finish_and_clear();
    read.map_err(|error| CliError::io("read", input.name(), &error))?;
    Ok(hasher.finalize().to_string())
}

/// Reads all inputs, on a thread of its own: line by line where it is to go on after a line that is no event.
pub(super) fn read(mut inputs: Inputs, by_lines: bool) -> Receiver<Fed> {
    let (sender, receiver) = sync_channel(WAITING);
    thread::spawn(move || {
        let mut read = || {
            let mut told = UnwrapSummary::default();
            while let Some((input, followed)) = inputs.next()? {
                told.add(&feed(&sender, input, by_lines, followed)?);
            }
            Ok(told)
        };
        let read = read();
        let _ = sender.send(Fed::End(read));
    });
    receiver
}

/// Hands out the events of one input but for those that are recorded already.
fn feed(
    sender: &SyncSender<Fed>,
    mut input: Input,
    by_lines: bool,
    mut followed: Option<FollowPosition>,
) -> Result<UnwrapSummary, CliError> {
    let file: Arc<str> = input.name().into();
    let mut begun = followed.as_mut().and_then(|followed| followed.begun.take());
    let before = begun.as_ref().map_or(0, |begun| begun.events);
    let mut read = 0;
    let mut put = |bytes: &[u8], line, within| {
        read += 1;
        if read <= before {
            return Ok(());
        }
        if let Some(begun) = &mut begun {
            begun.events = read;
        }
        let followed =
            followed.as_ref().map(|followed| FollowPosition { begun: begun.clone(), ..followed.clone() });
        let place = Some(Place { file: file.clone(), line, within });
        Ok(send(sender, Fed::Event { bytes: bytes.to_vec(), place, followed })?)
    };
    if by_lines {
        let each =
            |line: RawLine<'_>| if line.is_blank() { Ok(()) } else { put(line.bytes, line.number, None) };
        input.lines("recording", each).map(|()| UnwrapSummary::default())
    } else {
        input.events("recording", |found| put(found.bytes, found.line, found.place))
    }
}

/// Follows a file until the process is asked to stop, on a thread of its own.
pub(super) fn follow(path: &Path, from: Option<FollowPosition>) -> Receiver<Fed> {
    let (sender, receiver) = sync_channel(WAITING);
    let path: PathBuf = path.to_owned();
    thread::spawn(move || {
        let mut follower = FileFollower::new(&path, from);
        let mut sink = Sink { sender: &sender, path: place(&path) };
        let read = loop {
            match follower.step(&mut sink) {
                Ok(FollowProgress::Some) if !stop::asked() => {}
                Ok(_) if stop::asked() => break Ok(()),
                Ok(_) => thread::sleep(LOOK),
                Err(failure) => break Err(CliError::from(failure)),
            }
        };
        let _ = sender.send(Fed::End(read.map(|()| UnwrapSummary::default())));
    });
    receiver
}

/// Where a file is, however its path is written; none where that is no text.
pub(super) fn place(path: &Path) -> Option<String> {
    let directory = std::fs::canonicalize(crate::io::output::directory(path)).ok()?;
    directory.join(path.file_name()?).into_os_string().into_string().ok()
}

struct Sink<'a> {
    sender: &'a SyncSender<Fed>,
    path: Option<String>,
}

impl LineReader for Sink<'_> {
    fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError> {
        if line.iter().all(|byte| is_space(*byte)) {
            return Ok(());
        }
        let followed = FollowPosition { path: self.path.clone(), ..followed };
        send(self.sender, Fed::Event { bytes: line.to_vec(), place: None, followed: Some(followed) })
    }

    fn note(&mut self, text: String) {
        let _ = self.sender.send(Fed::Note(text));
    }
}

fn send(sender: &SyncSender<Fed>, fed: Fed) -> Result<(), EngineError> {
    sender.send(fed).map_err(|_| EngineError::new("io.failed", "nobody records any more", "run it again"))
}
