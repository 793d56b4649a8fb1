//! Summarizes one part.

use std::io::{Read, Seek, SeekFrom};

use crate::export::LineBuffer;
use crate::trust::Trust;
use crate::verify::parallel::in_order;
use crate::verify::{Summarizer, Summary};
use sha2::{Digest as _, Sha256};

use super::format::{BEGIN, Tail, pieces, read_at};
use super::part::end_of_header;
use super::writer::Writer;
use super::{Part, PartsError};

/// Approximate size of a chunk, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// Maximum size of the file up to the end of its header, in bytes.
const MAX_PREFIX: usize = 2 << 20;

/// Summarizes a part of a file on `threads` threads.
///
/// Calls `out` with the bytes of the summary, piece by piece, and `progress` with the number of bytes read so far,
/// possibly on another thread.
///
/// # Errors
/// [`PartsError`], or an error of `out`.
pub fn summarize<E: From<PartsError> + Send>(
    file: impl Read + Seek + Send,
    part: &Part,
    threads: usize,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    progress: impl FnMut(u64) + Send,
) -> Result<(), E> {
    let no_frames = || |_: &Summary, _: &[u8]| None;
    write_part(file, PartOutput { part, begin: BEGIN, label: None }, threads, no_frames, out, progress)
}

/// The start of a part's file.
pub(super) struct PartOutput<'a> {
    pub(super) part: &'a Part,
    pub(super) begin: &'a [u8],
    /// A frame before the prefix.
    pub(super) label: Option<&'a [u8]>,
}

/// Writes the summaries of a part. `second` creates, per thread, a function that returns the frame after that of a
/// summary and its chunk, if there is one.
pub(super) fn write_part<E: From<PartsError> + Send, X>(
    mut file: impl Read + Seek + Send,
    PartOutput { part, begin, label }: PartOutput<'_>,
    threads: usize,
    second: impl Fn() -> X + Sync,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(), E>
where
    X: FnMut(&Summary, &[u8]) -> Option<Vec<u8>>,
{
    let mut text = Sha256::new();
    let prefix = prefix(&mut file, part)?;
    let mut writer = Writer::begin(begin, part, out)?;
    for frame in label.into_iter().chain([&prefix[..]]) {
        writer.frame(frame)?;
    }
    text.update(&prefix);

    let from = part.begin + prefix.len() as u64;
    // Trust is applied later, by the verifier.
    let summarizer = Summarizer::new("", &Trust::default());
    let worker = || {
        let (mut summarizer, mut second) = (summarizer.clone(), second());
        move |chunk: Vec<u8>| {
            let summary = summarizer.summarize(&chunk);
            let opened = summary.opened().map(|(chain, key)| (chain.0, key)).collect::<Vec<_>>();
            ([Some(summary.encode_compact()), second(&summary, &chunk)], opened)
        }
    };
    let mut opened = Vec::new();
    let jobs = |emit: &mut dyn FnMut(Vec<u8>) -> bool| {
        read(&mut file, from, part.end, &mut text, emit, &mut progress).map_err(E::from)
    };
    in_order(threads, jobs, worker, |(frames, chains)| {
        opened.extend(chains);
        frames.iter().flatten().try_for_each(|frame| writer.frame(frame))
    })?;
    writer.finish(&Tail { texts: vec![(part.end, text.finalize().into())], opened, ends: Vec::new() })
}

/// Returns the text up to the end of the header if this is the first part.
fn prefix(file: &mut (impl Read + Seek), part: &Part) -> Result<Vec<u8>, PartsError> {
    if part.first > 1 {
        return Ok(Vec::new());
    }
    let end = end_of_header(file)?;
    if end > MAX_PREFIX as u64 {
        return Err(PartsError::Header);
    }
    read_at(file, 0, end)
}

/// Reads a range of the file and emits chunks of whole lines.
fn read(
    file: &mut (impl Read + Seek),
    from: u64,
    to: u64,
    text: &mut Sha256,
    emit: &mut dyn FnMut(Vec<u8>) -> bool,
    progress: &mut impl FnMut(u64),
) -> Result<(), PartsError> {
    file.seek(SeekFrom::Start(from))?;
    let mut lines = LineBuffer::new(CHUNK_BYTES);
    let (mut at, mut wanted) = (from, true);
    pieces(file.by_ref().take(to.saturating_sub(from)), |bytes| {
        text.update(bytes);
        lines.push(bytes, &mut |chunk| wanted = wanted && emit(chunk));
        at += bytes.len() as u64;
        progress(at - from);
        wanted
    })?;
    let rest = lines.finish();
    if wanted && !rest.is_empty() {
        wanted = emit(rest);
    }
    if wanted && (at < to || file.seek(SeekFrom::End(0))? < to) { Err(PartsError::Changed) } else { Ok(()) }
}
