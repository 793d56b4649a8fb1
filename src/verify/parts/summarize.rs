//! Summarizes one part.

use std::io::{Read, Seek, SeekFrom};

use crate::export::LineBuffer;
use crate::trust::Trust;
use crate::verify::Summarizer;
use crate::verify::parallel::in_order;
use sha2::{Digest as _, Sha256};

use super::format::{Tail, pieces, read_at};
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
    mut file: impl Read + Seek + Send,
    part: &Part,
    threads: usize,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<(), E> {
    let mut text = Sha256::new();
    let prefix = prefix(&mut file, part)?;
    let mut writer = Writer::begin(part, out)?;
    writer.frame(&prefix)?;
    text.update(&prefix);

    let from = part.begin + prefix.len() as u64;
    // Trust is applied later, by the verifier.
    let summarizer = Summarizer::new("", &Trust::default());
    let worker = || {
        let mut summarizer = summarizer.clone();
        move |chunk: Vec<u8>| {
            let summary = summarizer.summarize(&chunk);
            (
                summary.encode_compact(),
                summary.opened().map(|(chain, key)| (chain.0, key)).collect::<Vec<_>>(),
            )
        }
    };
    let mut opened = Vec::new();
    let jobs = |emit: &mut dyn FnMut(Vec<u8>) -> bool| {
        read(&mut file, from, part.end, &mut text, emit, &mut progress).map_err(E::from)
    };
    in_order(threads, jobs, worker, |(summary, chains)| {
        opened.extend(chains);
        writer.frame(&summary)
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
