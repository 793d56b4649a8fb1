//! Verifying one export on several cores. The report is that of one core.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

pub use super::pipeline::in_order;
use super::pipeline::under_way;
use super::visitor::Selected;
use super::{
    EventVisitor, Options, Progress, SelectedItem, Splitter, SummarizedEvent, Summarizer, Update,
    Verification, VisitError,
};
use crate::export::Header;

/// How many bytes are read in one go.
const READ: usize = 256 << 10;

/// What is known once the header was read: it and its line, and who summarizes what follows.
struct Begin {
    header: Header,
    line: u64,
    summarizer: Summarizer,
}

/// Reads an export to its end and verifies it, so many threads making summaries.
///
/// `progress` is called with the number of bytes read so far, compressed ones as they are, perhaps on another
/// thread; `told` with what became known, where the options ask for it.
///
/// # Errors
/// What reading met, and what [`Update::whole`] refuses.
pub fn verify(
    reader: impl Read + Send,
    options: Options,
    threads: usize,
    progress: impl FnMut(u64) + Send,
    mut told: impl FnMut(Update),
) -> io::Result<Verification> {
    let nobody = None::<&fn() -> fn(&SummarizedEvent<'_>) -> Option<Selected>>;
    shared_out(reader, options, threads, nobody, progress, |update| {
        told(update);
        Ok(())
    })
}

/// Reads an export to its end and verifies it, so many threads making summaries and examining events, and the calling
/// thread visiting those that verify.
///
/// `examiner` makes the examiner of each thread. [`EventVisitor`] says what becomes of its items.
///
/// # Errors
/// What reading met, what [`Update::whole`] refuses, and the visitor's own error.
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
    shared_out(reader, options, threads, Some(&examiner), progress, |update| {
        deliver(update, visitor).map_err(VisitError::Visitor)
    })
}

/// Hands a batch of what became known to a visitor.
fn deliver<V: EventVisitor>(update: Update, visitor: &mut V) -> Result<(), V::Error> {
    let Update { selected, others, settled, marks, .. } = update;
    if others > 0 {
        visitor.count_others(others);
    }
    selected.into_iter().try_for_each(|event| visitor.visit(event.downcast()))?;
    marks.into_iter().try_for_each(|mark| visitor.mark(mark))?;
    visitor.settle(settled)
}

fn shared_out<X, E>(
    mut reader: impl Read + Send,
    options: Options,
    threads: usize,
    examiner: Option<&(impl Fn() -> X + Sync)>,
    mut progress: impl FnMut(u64) + Send,
    mut told: impl FnMut(Update) -> Result<(), E>,
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
    // Stretches are read into those that are done with.
    let (give, spent) = sync_channel(under_way(threads));
    let worker = || {
        let (mut summarizer, mut examine) = (None, examiner.map(|examiner| examiner()));
        move |(begin, stretch): (Arc<Begin>, Vec<u8>)| {
            let summarizer: &mut Summarizer = summarizer.get_or_insert_with(|| begin.summarizer.clone());
            let summary = summarizer.summarize(&stretch);
            let selected: Option<Vec<Selected>> = examine
                .as_mut()
                .map(|examine| summary.events(&stretch).filter_map(|event| examine(&event)).collect());
            (begin, stretch, summary, selected)
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
            while let Some(stretch) = splitter.next_chunk() {
                splitter.recycle(spent.try_recv().unwrap_or_default());
                if !begun.clone().is_some_and(|begun| emit((begun, stretch))) {
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
                // Ends early when nobody takes them any more.
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
    in_order(threads, jobs, worker, |(begin, stretch, summary, selected)| {
        sequence.begin(&begin.header, begin.line);
        sequence.absorb_selected(summary, &stretch, selected);
        let _ = give.try_send(stretch);
        tell(sequence.take(), &mut told)
    })?;
    if let Some((header, line)) = splitter.header() {
        sequence.begin(header, line);
    }
    let (verification, last) = sequence.finish_with_update(end);
    tell(last, &mut told)?;
    Ok(verification)
}

fn tell<E: From<io::Error>>(what: Update, told: &mut impl FnMut(Update) -> Result<(), E>) -> Result<(), E> {
    let what = what.whole().map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    if what.is_empty() { Ok(()) } else { told(what) }
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
