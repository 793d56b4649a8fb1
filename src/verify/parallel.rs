//! Verifying one export on several cores. The report is that of one core.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::chain_keys::ChainKeys;
use super::{
    Intake, Options, Pick, Progress, SummarizedEvent, Summarizer, Summary, Unread, Update, Verification,
    Verifier,
};
use crate::export::Header;

/// How many stretches may be under way for each thread.
const UNDER_WAY: usize = 4;
/// How many may be in all: where there are few processors, who reads waits for one longer than a stretch takes.
const UNDER_WAY_IN_ALL: usize = 32;
/// How many bytes are read in one go.
const READ: usize = 256 << 10;

/// A stretch to be summarized, and the origin that the header names.
struct Job {
    number: u64,
    origin: Arc<str>,
    stretch: Vec<u8>,
}

/// A stretch, its summary, and what was picked of its events where somebody looked at them.
struct Summarized {
    stretch: Vec<u8>,
    summary: Summary,
    picks: Option<Vec<Pick>>,
}

enum Message {
    Header(Header, u64),
    Summary(u64, Summarized),
    End(Result<(), Unread>),
    Failed(io::Error),
}

/// Reads an export to its end and verifies it, so many threads making summaries.
///
/// `progress` is called with the number of bytes read so far, compressed ones as they are, perhaps on another
/// thread; `told` with what became known, where the options ask for it.
///
/// # Errors
/// What reading met.
pub fn verify(
    mut reader: impl Read + Send,
    options: Options,
    threads: usize,
    mut progress: impl FnMut(u64) + Send,
    mut told: impl FnMut(Update),
) -> io::Result<Verification> {
    if threads <= 1 {
        return alone(&mut reader, options, &mut progress, &mut told);
    }
    shared_out(
        reader,
        options,
        threads,
        None::<&fn() -> fn(&SummarizedEvent<'_>) -> Option<Pick>>,
        progress,
        told,
    )
}

/// The same where events are looked at before it is known whether they verify, by the threads that summarize: each has a
/// look of its own, which picks what is wanted. `told` gets what was picked of the events that verify, in the order in
/// which they become so, which no number of threads changes.
///
/// # Errors
/// What reading met.
pub fn verify_looking<L: FnMut(&SummarizedEvent<'_>) -> Option<Pick>>(
    reader: impl Read + Send,
    options: Options,
    threads: usize,
    look: impl Fn() -> L + Sync,
    progress: impl FnMut(u64) + Send,
    told: impl FnMut(Update),
) -> io::Result<Verification> {
    shared_out(reader, options, threads.max(1), Some(&look), progress, told)
}

fn shared_out<L: FnMut(&SummarizedEvent<'_>) -> Option<Pick>>(
    mut reader: impl Read + Send,
    options: Options,
    threads: usize,
    look: Option<&(impl Fn() -> L + Sync)>,
    mut progress: impl FnMut(u64) + Send,
    mut told: impl FnMut(Update),
) -> io::Result<Verification> {
    let (trust, tiles) = (options.trust.clone(), options.tiles);
    let keys = ChainKeys::default();
    let under_way = UNDER_WAY_IN_ALL.max(threads * UNDER_WAY);
    let (jobs, queue) = sync_channel::<Job>(under_way);
    let queue = Mutex::new(queue);
    let (results, messages) = sync_channel::<Message>(under_way);
    // A stretch that takes long must not let all that comes after it pile up: each is read into one that is done with.
    let (give, spent) = sync_channel(under_way);
    for _ in 0..under_way {
        let _ = give.send(Vec::new());
    }
    thread::scope(|scope| {
        for _ in 0..threads {
            let results = results.clone();
            let (queue, trust, keys) = (&queue, &trust, &keys);
            scope.spawn(move || {
                let begin =
                    |origin: &str| Summarizer::new(origin, trust).of_tiles(tiles).sharing(keys.clone());
                summarize(queue, &results, begin, look.map(|look| look()));
            });
        }
        scope.spawn(move || {
            if let Err(error) = read(&mut reader, &jobs, &results, &spent, &mut progress) {
                let _ = results.send(Message::Failed(error));
            }
        });
        absorb(messages, give, Progress::new(options), &mut told)
    })
}

fn alone(
    reader: &mut impl Read,
    options: Options,
    progress: &mut impl FnMut(u64),
    told: &mut impl FnMut(Update),
) -> io::Result<Verification> {
    let mut verifier = Verifier::new(options);
    let mut buffer = vec![0; READ];
    let mut total = 0;
    loop {
        let length = read_some(reader, &mut buffer)?;
        if length == 0 {
            let (verification, last) = verifier.finish_telling();
            tell(last, told);
            return Ok(verification);
        }
        verifier.push(&buffer[..length]);
        total += length as u64;
        progress(total);
        tell(verifier.take(), told);
    }
}

fn tell(what: Update, told: &mut impl FnMut(Update)) {
    if !what.is_empty() {
        told(what);
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Reads, and hands out stretches in their order. Ends early when nobody takes them any more.
fn read(
    reader: &mut impl Read,
    jobs: &SyncSender<Job>,
    results: &SyncSender<Message>,
    spent: &Receiver<Vec<u8>>,
    progress: &mut impl FnMut(u64),
) -> io::Result<()> {
    let mut intake = Intake::new();
    let mut buffer = vec![0; READ];
    let (mut number, mut total) = (0, 0);
    let mut origin: Option<Arc<str>> = None;
    let mut hand_out = |intake: &mut Intake| {
        if let (None, Some((header, line))) = (&origin, intake.header()) {
            origin = Some(header.origin.as_str().into());
            results.send(Message::Header(header.clone(), line)).ok()?;
        }
        while let Some(stretch) = intake.next_stretch() {
            let origin = origin.clone()?;
            intake.recycle(spent.recv().ok()?);
            jobs.send(Job { number, origin, stretch }).ok()?;
            number += 1;
        }
        Some(())
    };
    loop {
        let length = read_some(reader, &mut buffer)?;
        if length == 0 {
            break;
        }
        let mut rest = &buffer[..length];
        while !rest.is_empty() {
            let taken = intake.push(rest);
            rest = &rest[taken..];
            if hand_out(&mut intake).is_none() {
                return Ok(());
            }
        }
        total += length as u64;
        progress(total);
    }
    let end = intake.finish();
    if hand_out(&mut intake).is_some() {
        let _ = results.send(Message::End(end));
    }
    Ok(())
}

fn summarize(
    queue: &Mutex<Receiver<Job>>,
    results: &SyncSender<Message>,
    begin: impl Fn(&str) -> Summarizer,
    mut look: Option<impl FnMut(&SummarizedEvent<'_>) -> Option<Pick>>,
) {
    let mut summarizer = None;
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, origin, stretch }) = job else { return };
        let summarizer = summarizer.get_or_insert_with(|| begin(&origin));
        let summary = summarizer.summarize(&stretch);
        let picks =
            look.as_mut().map(|look| summary.events(&stretch).filter_map(|event| look(&event)).collect());
        if results.send(Message::Summary(number, Summarized { stretch, summary, picks })).is_err() {
            return;
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the reader ends when nothing is given back any more")]
fn absorb(
    messages: Receiver<Message>,
    give: SyncSender<Vec<u8>>,
    mut progress: Progress,
    told: &mut impl FnMut(Update),
) -> io::Result<Verification> {
    let mut early: BTreeMap<u64, Summarized> = BTreeMap::new();
    let mut next = 0;
    let mut end = Ok(());
    // The channel closes when the reader and every summarizer has ended.
    for message in messages {
        match message {
            Message::Header(header, line) => {
                progress.begin(&header, line);
            }
            Message::Summary(number, summarized) => {
                early.insert(number, summarized);
                while let Some(Summarized { stretch, summary, picks }) = early.remove(&next) {
                    match picks {
                        Some(picks) => progress.absorb_picked(summary, &stretch, &picks),
                        None => progress.absorb(summary, &stretch),
                    }
                    next += 1;
                    let _ = give.try_send(stretch);
                    tell(progress.take(), told);
                }
            }
            Message::End(ended) => end = ended,
            Message::Failed(error) => return Err(error),
        }
    }
    let (verification, last) = progress.finish_telling(end);
    tell(last, told);
    Ok(verification)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict;

    /// Reads in small pieces, and is interrupted before each.
    struct Interrupted<'a> {
        rest: &'a [u8],
        now: bool,
    }

    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.now = !self.now;
            if self.now {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let piece = self.rest.len().min(7);
            (&self.rest[..piece]).read(buffer).inspect(|length| self.rest = &self.rest[*length..])
        }
    }

    #[test]
    fn it_tells_how_much_was_read_and_reads_on_when_interrupted() {
        let export = "{\"countersign\":\"export/v1\",\"origin\":\"log.example\"}\n\n\n";
        for threads in [1, 2] {
            let mut read = Vec::new();
            let reader = Interrupted { rest: export.as_bytes(), now: false };
            let verified =
                verify(reader, Options::default(), threads, |bytes| read.push(bytes), |_| {}).unwrap();
            assert_eq!(verified.report.verdict, Verdict::NotChecked);
            let all = export.len() as u64;
            assert_eq!(read, (7..all).step_by(7).chain([all]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_reading_meets_is_given() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        for threads in [1, 2] {
            let error = verify(Failing, Options::default(), threads, |_| {}, |_| {}).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
