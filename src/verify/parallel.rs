//! Verifying one export on several cores. The report is that of one core.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::chain_keys::ChainKeys;
use super::pipeline::{in_order, under_way};
use super::{
    Intake, Options, Pick, Progress, SummarizedEvent, Summarizer, Summary, Unread, Update, Verification,
    Verifier,
};
use crate::export::Header;

/// How many bytes are read in one go.
pub(super) const READ: usize = 256 << 10;

/// What is read, in its order.
enum Job {
    Header(Header, u64),
    /// A stretch to be summarized, and the origin that the header names.
    Stretch(Arc<str>, Vec<u8>),
    End(Result<(), Unread>),
}

/// A stretch, its summary, and what was picked of its events where somebody looked at them.
struct Summarized {
    stretch: Vec<u8>,
    summary: Summary,
    picks: Option<Vec<Pick>>,
}

/// What became of a job.
enum Done {
    Header(Header, u64),
    Summary(Summarized),
    End(Result<(), Unread>),
}

/// Reads an export to its end and verifies it, so many threads making summaries.
///
/// `progress` is called with the number of bytes read so far, compressed ones as they are, perhaps on another
/// thread; `told` with what became known, where the options ask for it.
///
/// # Errors
/// What reading met, and what [`Update::whole`] refuses.
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
/// What reading met, and what [`Update::whole`] refuses.
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
    // Stretches are read into those that are done with.
    let (give, spent) = sync_channel(under_way(threads));
    let worker = || {
        let mut summarizer = None;
        let mut look = look.map(|look| look());
        let begin = |origin: &str| Summarizer::new(origin, &trust).of_tiles(tiles).sharing(keys.clone());
        move |job| match job {
            Job::Header(header, line) => Done::Header(header, line),
            Job::Stretch(origin, stretch) => {
                let summary = summarizer.get_or_insert_with(|| begin(&origin)).summarize(&stretch);
                let picks = look
                    .as_mut()
                    .map(|look| summary.events(&stretch).filter_map(|event| look(&event)).collect());
                Done::Summary(Summarized { stretch, summary, picks })
            }
            Job::End(end) => Done::End(end),
        }
    };
    let recycled = move || spent.try_recv().unwrap_or_default();
    let jobs = |emit: &mut dyn FnMut(Job) -> bool| read(&mut reader, emit, recycled, &mut progress);
    let mut sequence = Progress::new(options);
    let mut ended = Ok(());
    in_order(threads, jobs, worker, |done| {
        match done {
            Done::Header(header, line) => _ = sequence.begin(&header, line),
            Done::Summary(Summarized { stretch, summary, picks }) => {
                match picks {
                    Some(picks) => sequence.absorb_picked(summary, &stretch, picks),
                    None => sequence.absorb(summary, &stretch),
                }
                let _ = give.try_send(stretch);
                tell(sequence.take(), &mut told)?;
            }
            Done::End(end) => ended = end,
        }
        Ok::<(), io::Error>(())
    })?;
    let (verification, last) = sequence.finish_telling(ended);
    tell(last, &mut told)?;
    Ok(verification)
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
            tell(last, told)?;
            return Ok(verification);
        }
        verifier.push(&buffer[..length]);
        total += length as u64;
        progress(total);
        tell(verifier.take(), told)?;
    }
}

fn tell(what: Update, told: &mut impl FnMut(Update)) -> io::Result<()> {
    let what = what.whole().map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    if !what.is_empty() {
        told(what);
    }
    Ok(())
}

pub(super) fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
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
    emit: &mut dyn FnMut(Job) -> bool,
    recycled: impl Fn() -> Vec<u8>,
    progress: &mut impl FnMut(u64),
) -> io::Result<()> {
    let mut intake = Intake::new();
    let mut buffer = vec![0; READ];
    let mut total = 0;
    let mut origin: Option<Arc<str>> = None;
    let mut hand_out = |intake: &mut Intake| {
        if let (None, Some((header, line))) = (&origin, intake.header()) {
            origin = Some(header.origin.as_str().into());
            if !emit(Job::Header(header.clone(), line)) {
                return false;
            }
        }
        while let Some(stretch) = intake.next_stretch() {
            intake.recycle(recycled());
            if !origin.clone().is_some_and(|origin| emit(Job::Stretch(origin, stretch))) {
                return false;
            }
        }
        true
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
            if !hand_out(&mut intake) {
                return Ok(());
            }
        }
        total += length as u64;
        progress(total);
    }
    let end = intake.finish();
    if hand_out(&mut intake) {
        emit(Job::End(end));
    }
    Ok(())
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
