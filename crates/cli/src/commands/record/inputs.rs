//! Reads events from inputs that end, or from a file that is followed.

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

/// The interval between checks of a followed file.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The maximum number of events that wait to be recorded.
pub(super) const MAX_WAITING: usize = 256;

/// A message of the parser thread.
pub(super) enum InputMessage {
    /// An event, or a line that should be one.
    Event {
        bytes: Vec<u8>,
        /// The event's place in the input, if the input has an end.
        place: Option<Place>,
        followed: Option<FollowPosition>,
    },
    /// A notice to the user.
    Note(String),
    /// The end of the inputs, with the lists that events were taken from.
    End(Result<UnwrapSummary, CliError>),
}

/// The place of an event in the inputs.
pub(super) struct Place {
    pub(super) file: Arc<str>,
    /// The 1-based line.
    pub(super) line: u64,
    /// The position in a list, such as `Records[3]`.
    pub(super) within: Option<String>,
}

/// Inputs that are read one after the other.
pub(super) struct Inputs {
    /// The input that is already open, and how much of it an earlier run recorded.
    opened: Option<(Input, Option<FollowPosition>)>,
    /// The remaining inputs, in reverse order.
    rest: Vec<PathBuf>,
    /// The position from the outbox, if it stores how much was read.
    stored: Option<FollowPosition>,
    /// The hash of the files so far.
    before: String,
}

/// The number of events an earlier run recorded.
pub(super) struct Earlier {
    /// The number of complete files.
    pub(super) files: usize,
    pub(super) events: u64,
    /// The name of the file that the events belong to.
    pub(super) name: String,
}

impl fmt::Display for Earlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, events, name } = self;
        let were = if (*files, *events) == (0, 1) { "was" } else { "were" };
        let files = if *files == 0 { String::new() } else { count(*files as u64, "file") + " and " };
        write!(
            f,
            "{files}{} of {name} {were} recorded by an earlier run; the rest follows",
            count(*events, "event")
        )
    }
}

impl Inputs {
    /// Starts at the beginning. With a position from an outbox, each event is sent with the position after it.
    pub(super) fn new(paths: &[PathBuf], stored: Option<FollowPosition>) -> Self {
        Self { opened: None, rest: paths.iter().rev().cloned().collect(), stored, before: String::new() }
    }

    /// Skips what an earlier run recorded: everything up to the stored position, if the files are byte-identical and
    /// were read by the same version of the program.
    pub(super) fn resume(
        paths: &[PathBuf],
        stored: FollowPosition,
    ) -> Result<(Self, Option<Earlier>), CliError> {
        let mut inputs = Self::new(paths, Some(stored.clone()));
        let mut files = 0;
        let Some(begun) = &stored.begun else { return Ok((inputs, None)) };
        while let Some((input, _)) = inputs.next()? {
            if inputs.before == begun.input {
                let name = if paths.len() == 1 { "this file" } else { input.name() };
                let earlier = Earlier { files, events: begun.events, name: name.to_owned() };
                inputs.opened = Some((input, Some(stored)));
                return Ok((inputs, Some(earlier)));
            }
            files += 1;
        }
        Ok((Self::new(paths, Some(stored)), None))
    }

    /// Returns the next input, and how much of it to skip.
    fn next(&mut self) -> Result<Option<(Input, Option<FollowPosition>)>, CliError> {
        if let Some(opened) = self.opened.take() {
            return Ok(Some(opened));
        }
        let Some(path) = self.rest.pop() else { return Ok(None) };
        let mut input = Input::open(&path)?;
        let followed = match (&self.stored, place(&path)) {
            (Some(stored), Some(place)) => {
                self.before = hash(&mut input, &place, &self.before)?;
                let begun = Some(InputPosition { input: self.before.clone(), events: 0 });
                Some(FollowPosition { begun, ..stored.clone() })
            }
            _ => None,
        };
        Ok(Some((input, followed)))
    }
}

/// Hashes a file together with its path and the hash of all files before it.
fn hash(input: &mut Input, place: &str, before: &str) -> Result<String, CliError> {
    let mut hasher = blake3::Hasher::new();
    for part in [env!("CARGO_PKG_VERSION"), place, before].into_iter().filter(|part| !part.is_empty()) {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    // Hashes the opened file, not one that may replace it.
    let bar = progress::bar("comparing", input.size());
    let read = hasher.update_reader(bar.wrap_read(input.reader()?)).map(drop);
    bar.finish_and_clear();
    read.map_err(|error| CliError::io("read", input.name(), &error))?;
    Ok(hasher.finalize().to_string())
}

/// Reads all inputs on a separate thread; line by line if reading continues after a line that is not an event.
pub(super) fn read(mut inputs: Inputs, by_lines: bool) -> Receiver<InputMessage> {
    let (sender, receiver) = sync_channel(MAX_WAITING);
    thread::spawn(move || {
        let mut read = || {
            let mut summary = UnwrapSummary::default();
            while let Some((input, followed)) = inputs.next()? {
                summary.add(&feed(&sender, input, by_lines, followed)?);
            }
            Ok(summary)
        };
        let read = read();
        let _ = sender.send(InputMessage::End(read));
    });
    receiver
}

/// Sends the events of an input, except those that are already recorded.
fn feed(
    sender: &SyncSender<InputMessage>,
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
        Ok(send(sender, InputMessage::Event { bytes: bytes.to_vec(), place, followed })?)
    };
    if by_lines {
        let each =
            |line: RawLine<'_>| if line.is_blank() { Ok(()) } else { put(line.bytes, line.number, None) };
        input.lines("recording", each).map(|()| UnwrapSummary::default())
    } else {
        input.events("recording", |found| put(found.bytes, found.line, found.place))
    }
}

/// Follows a file on a separate thread, until the process is asked to stop.
pub(super) fn follow(path: &Path, from: Option<FollowPosition>) -> Receiver<InputMessage> {
    let (sender, receiver) = sync_channel(MAX_WAITING);
    let path: PathBuf = path.to_owned();
    thread::spawn(move || {
        let mut follower = FileFollower::new(&path, from);
        let mut sink = LineSender { sender: &sender, path: place(&path) };
        let read = loop {
            match follower.step(&mut sink) {
                Ok(FollowProgress::Some) if !stop::is_requested() => {}
                Ok(_) if stop::is_requested() => break Ok(()),
                Ok(_) => thread::sleep(POLL_INTERVAL),
                Err(failure) => break Err(CliError::from(failure)),
            }
        };
        let _ = sender.send(InputMessage::End(read.map(|()| UnwrapSummary::default())));
    });
    receiver
}

/// Returns the canonical path of a file; `None` if it is not UTF-8.
pub(super) fn place(path: &Path) -> Option<String> {
    let directory = std::fs::canonicalize(crate::io::output::directory(path)).ok()?;
    directory.join(path.file_name()?).into_os_string().into_string().ok()
}

struct LineSender<'a> {
    sender: &'a SyncSender<InputMessage>,
    path: Option<String>,
}

impl LineReader for LineSender<'_> {
    fn line(&mut self, line: &[u8], followed: FollowPosition) -> Result<(), EngineError> {
        if line.iter().all(|byte| is_space(*byte)) {
            return Ok(());
        }
        let followed = FollowPosition { path: self.path.clone(), ..followed };
        send(self.sender, InputMessage::Event { bytes: line.to_vec(), place: None, followed: Some(followed) })
    }

    fn note(&mut self, text: String) {
        let _ = self.sender.send(InputMessage::Note(text));
    }
}

fn send(sender: &SyncSender<InputMessage>, message: InputMessage) -> Result<(), EngineError> {
    sender
        .send(message)
        .map_err(|_| EngineError::new("io.failed", "the recording thread has ended", "run the command again"))
}
