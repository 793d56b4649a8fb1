//! Where events come from: an input that ends, or a file that is followed.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::errors::Failure;
use crate::follow::{Follower, Progress, Reader};
use crate::input::{Input, RawLine};
use crate::outbox::{Begun, Followed};
use crate::progress;
use crate::stop;

/// How often a followed file is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many lines wait to be recorded.
pub(super) const WAITING: usize = 256;

/// What the reading thread says.
pub(super) enum Fed {
    /// An event, or a line that should be one.
    Event {
        bytes: Vec<u8>,
        /// Where the input has an end.
        place: Option<Place>,
        followed: Option<Followed>,
    },
    /// Something that a person should know.
    Note(String),
    /// There is no more; from which lists events were taken, as the end of a clause.
    End(Result<String, Failure>),
}

/// Where in the input an event stands.
pub(super) struct Place {
    /// 1-based.
    pub(super) line: u64,
    /// In a list: `Records[3]`.
    pub(super) within: Option<String>,
}

/// Reads all of an input, on a thread of its own: line by line where it is to go on after a line that is no event.
/// Where an earlier run began with it, what that recorded is passed over.
pub(super) fn input(mut input: Input, by_lines: bool, begun: Option<Followed>) -> Receiver<Fed> {
    let (sender, receiver) = sync_channel(WAITING);
    thread::spawn(move || {
        let before =
            begun.as_ref().and_then(|followed| followed.begun.as_ref()).map_or(0, |begun| begun.events);
        let mut read = 0;
        let mut put = |bytes: &[u8], line, within| {
            read += 1;
            if read <= before {
                return Ok(());
            }
            let mut followed = begun.clone();
            if let Some(begun) = followed.as_mut().and_then(|followed| followed.begun.as_mut()) {
                begun.events = read;
            }
            let place = Some(Place { line, within });
            send(&sender, Fed::Event { bytes: bytes.to_vec(), place, followed })
        };
        let read = if by_lines {
            let each = |line: RawLine<'_>| {
                if line.is_blank() { Ok(()) } else { put(line.bytes, line.number, None) }
            };
            input.lines("recording", each).map(|()| String::new())
        } else {
            input.events("recording", |found| put(found.bytes, found.line, found.place))
        };
        let _ = sender.send(Fed::End(read));
    });
    receiver
}

/// How much of a file is in the outbox by what it remembers: nothing of one that is not the same, to the byte, or that
/// another version of the program may take apart in another way. None for a stream, which cannot be read again.
pub(super) fn begun(
    path: &Path,
    input: &mut Input,
    remembered: Option<&Followed>,
) -> Result<Option<Followed>, Failure> {
    let Some(place) = place(path).filter(|_| path.is_file()) else { return Ok(None) };
    let mut hasher = blake3::Hasher::new();
    for part in [env!("CARGO_PKG_VERSION"), &place] {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    // Of the file that is then read, and not of one that takes its place meanwhile.
    let bar = progress::bar("comparing", input.size());
    let read = hasher.update_reader(bar.wrap_read(input.reader()?)).map(drop);
    bar.finish_and_clear();
    read.map_err(|error| Failure::io("read", input.name(), &error))?;
    let input = hasher.finalize().to_string();
    let remembered = remembered.cloned().unwrap_or_default();
    let events = remembered.begun.filter(|begun| begun.input == input).map_or(0, |begun| begun.events);
    Ok(Some(Followed { begun: Some(Begun { input, events }), ..remembered }))
}

/// Follows a file until the process is asked to stop, on a thread of its own.
pub(super) fn follow(path: &Path, from: Option<Followed>) -> Receiver<Fed> {
    let (sender, receiver) = sync_channel(WAITING);
    let path: PathBuf = path.to_owned();
    thread::spawn(move || {
        let mut follower = Follower::new(&path, from);
        let mut sink = Sink { sender: &sender, path: place(&path) };
        let read = loop {
            match follower.step(&mut sink) {
                Ok(Progress::Some) if !stop::asked() => {}
                Ok(_) if stop::asked() => break Ok(()),
                Ok(_) => thread::sleep(LOOK),
                Err(failure) => break Err(failure),
            }
        };
        let _ = sender.send(Fed::End(read.map(|()| String::new())));
    });
    receiver
}

/// Where a file is, however its path is written; none where that is no text.
pub(super) fn place(path: &Path) -> Option<String> {
    let directory = std::fs::canonicalize(crate::output::directory(path)).ok()?;
    directory.join(path.file_name()?).into_os_string().into_string().ok()
}

struct Sink<'a> {
    sender: &'a SyncSender<Fed>,
    path: Option<String>,
}

impl Reader for Sink<'_> {
    fn line(&mut self, line: &[u8], followed: Followed) -> Result<(), Failure> {
        if line.iter().all(|byte| crate::lines::is_space(*byte)) {
            return Ok(());
        }
        let followed = Followed { path: self.path.clone(), ..followed };
        send(self.sender, Fed::Event { bytes: line.to_vec(), place: None, followed: Some(followed) })
    }

    fn note(&mut self, text: String) {
        let _ = self.sender.send(Fed::Note(text));
    }
}

fn send(sender: &SyncSender<Fed>, fed: Fed) -> Result<(), Failure> {
    sender.send(fed).map_err(|_| Failure::unusable("io.failed", "nobody records any more", "run it again"))
}
