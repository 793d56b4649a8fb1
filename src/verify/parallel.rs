//! Verification of one export on several cores. The report is the same as on one core.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

pub use super::pipeline::in_order;
use super::pipeline::max_in_flight;
use super::visitor::Selected;
use super::{
    EventVisitor, Options, Progress, SelectedItem, Splitter, SummarizedEvent, Summarizer, Update,
    Verification, VisitError,
};
use crate::export::Header;

/// Read buffer size, in bytes.
const READ: usize = 256 << 10;

/// The header with its line, and a summarizer for the rest.
struct Begin {
    header: Header,
    line: u64,
    summarizer: Summarizer,
}

/// Reads an export to its end and verifies it, with `threads` threads that summarize.
///
/// Calls `progress` with the number of bytes read so far, before decompression, possibly on another thread.
/// Calls `on_update` with new results, if the options request them.
///
/// # Errors
/// Errors of `reader`, and the error of [`Update::whole`].
pub fn verify(
    reader: impl Read + Send,
    options: Options,
    threads: usize,
    progress: impl FnMut(u64) + Send,
    mut on_update: impl FnMut(Update),
) -> io::Result<Verification> {
    let no_examiner = None::<&fn() -> fn(&SummarizedEvent<'_>) -> Option<Selected>>;
    run(reader, options, threads, no_examiner, progress, |update| {
        on_update(update);
        Ok(())
    })
}

/// Reads an export to its end and verifies it. `threads` threads summarize and examine events; the calling thread
/// visits the verified ones.
///
/// `examiner` creates one examiner per thread. See [`EventVisitor`] for the life of its items.
///
/// # Errors
/// Errors of `reader`, the error of [`Update::whole`], and the visitor's own error.
pub fn visit<V, X>(
    reader: impl Read + Send,
    options: Options,
    threads: usize,
    examiner: impl Fn() -> X + Sync,
    visitor: &mut V,
    progress: impl FnMut(u64) + Send,
) -> Result<Verification, VisitError<V::Error>>
where
    V: EventVisitor<Error: Send>,
    X: FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<V::Item>>,
{
    let examiner = || {
        let mut examine = examiner();
        move |event: &SummarizedEvent<'_>| examine(event).map(SelectedItem::erase)
    };
    run(reader, options, threads, Some(&examiner), progress, |update| {
        deliver(update, visitor).map_err(VisitError::Visitor)
    })
}

/// Passes a batch of updates to a visitor.
pub(super) fn deliver<V: EventVisitor>(update: Update, visitor: &mut V) -> Result<(), V::Error> {
    let Update { selected, others, settled, marks, .. } = update;
    if others > 0 {
        visitor.count_others(others);
    }
    selected.into_iter().try_for_each(|event| visitor.visit(event.downcast()))?;
    marks.into_iter().try_for_each(|mark| visitor.mark(mark))?;
    visitor.settle(settled)
}

fn run<X, E>(
    mut reader: impl Read + Send,
    options: Options,
    threads: usize,
    examiner: Option<&(impl Fn() -> X + Sync)>,
    mut progress: impl FnMut(u64) + Send,
    mut on_update: impl FnMut(Update) -> Result<(), E>,
) -> Result<Verification, E>
where
    X: FnMut(&SummarizedEvent<'_>) -> Option<Selected>,
    E: From<io::Error> + Send,
{
    let (trust, tiles) = (options.trust.clone(), options.tiles);
    let begin = |header: &Header, line| {
        let summarizer = Summarizer::new(&header.origin, &trust).of_tiles(tiles);
        Begin { header: header.clone(), line, summarizer }
    };
    // The buffers of finished chunks are reused.
    let (recycle, spent) = sync_channel(max_in_flight(threads));
    let worker = || {
        let (mut summarizer, mut examine) = (None, examiner.map(|examiner| examiner()));
        move |(begin, chunk): (Arc<Begin>, Vec<u8>)| {
            let summarizer: &mut Summarizer = summarizer.get_or_insert_with(|| begin.summarizer.clone());
            let summary = summarizer.summarize(&chunk);
            let selected: Option<Vec<Selected>> = examine
                .as_mut()
                .map(|examine| summary.events(&chunk).filter_map(|event| examine(&event)).collect());
            (begin, chunk, summary, selected)
        }
    };
    let (mut splitter, mut end) = (Splitter::new(), Ok(()));
    let jobs = |emit: &mut dyn FnMut((Arc<Begin>, Vec<u8>)) -> bool| {
        let (mut begun, spent) = (None, spent);
        let mut hand_out = |splitter: &mut Splitter| {
            begun = begun.take().or_else(|| {
                let (header, line) = splitter.header()?;
                Some(Arc::new(begin(header, line)))
            });
            while let Some(chunk) = splitter.next_chunk() {
                splitter.recycle(spent.try_recv().unwrap_or_default());
                if !begun.clone().is_some_and(|begun| emit((begun, chunk))) {
                    return false;
                }
            }
            true
        };
        let mut buffer = vec![0; READ];
        let mut total = 0;
        loop {
            let length = read_some(&mut reader, &mut buffer)?;
            if length == 0 {
                break;
            }
            let mut rest = &buffer[..length];
            while !rest.is_empty() {
                rest = &rest[splitter.push(rest)..];
                // Stop reading once the results are no longer wanted.
                if !hand_out(&mut splitter) {
                    return Ok(());
                }
            }
            total += length as u64;
            progress(total);
        }
        end = splitter.finish();
        hand_out(&mut splitter);
        Ok(())
    };
    let mut sequence = Progress::new(options);
    in_order(threads, jobs, worker, |(begin, chunk, summary, selected)| {
        sequence.begin(&begin.header, begin.line);
        sequence.absorb_selected(summary, &chunk, selected);
        let _ = recycle.try_send(chunk);
        report(sequence.take(), &mut on_update)
    })?;
    if let Some((header, line)) = splitter.header() {
        sequence.begin(header, line);
    }
    let (verification, last) = sequence.finish_with_update(end);
    report(last, &mut on_update)?;
    Ok(verification)
}

pub(super) fn report<E: From<io::Error>>(
    update: Update,
    on_update: &mut impl FnMut(Update) -> Result<(), E>,
) -> Result<(), E> {
    let update = update.whole().map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    if update.is_empty() { Ok(()) } else { on_update(update) }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Verdict;

    /// A reader that returns small pieces and is interrupted before each.
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
    fn reports_progress_and_continues_after_interruptions() {
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
    fn returns_the_errors_of_the_reader() {
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
