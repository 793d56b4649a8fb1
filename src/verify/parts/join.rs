//! Merges the summaries of adjacent parts into one.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::arrange::{Extent, arrange};
use super::error::at;
use super::format::{BEGIN, Tail};
use super::reduce::Reducer;
use super::writer::Writer;
use super::{Part, PartsError, Stored, SummaryError};
use crate::link::ChainId;
use crate::trust::Trust;
use crate::verify::leaves::Leaves;
use crate::verify::parallel::in_order;
use crate::verify::{Summarizer, compact};

/// The facts that a merged summary keeps or needs.
#[derive(Clone, Debug, Default)]
pub struct MergeOptions {
    /// The sizes of the log whose roots are kept, in any order, for pins with these sizes.
    pub keep_sizes: Vec<u64>,
    /// The index of the first entry in the summaries. Not needed if they begin with the first part, or with a merged
    /// summary that states it. Verification checks it.
    pub first_entry: Option<u64>,
}

/// Merges the summaries of adjacent parts, in any order, into one summary, and returns the parts that it covers.
///
/// If the index of the first entry is known, the merged summary drops the leaf hashes and the hashes between links.
/// Otherwise, the result is as large as the summaries. Verification has the same result in both cases, or fails.
///
/// Reads on `threads` threads. Calls `out` with the bytes of the summary, piece by piece, and `progress` with the number
/// of bytes read so far, possibly on another thread.
///
/// # Errors
/// [`SummaryError`] if the summaries are not those of adjacent parts of one file, if one is incomplete, or if
/// a size can't be kept; or an error of `out`.
pub fn merge<R: Read + Seek + Send, E: From<SummaryError> + From<PartsError> + Send>(
    summaries: Vec<Stored<R>>,
    options: &MergeOptions,
    threads: usize,
    out: impl FnMut(&[u8]) -> Result<(), E>,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Part, E> {
    let mut parts = arrange(summaries, Extent::Adjacent)?;
    let part = covered(&parts);
    let tails: Vec<_> =
        parts.iter_mut().map(|(place, stored)| (*place, std::mem::take(&mut stored.tail))).collect();
    let opened = tails.iter().flat_map(|(_, tail)| &tail.opened);
    let known: HashMap<ChainId, [u8; 32]> = opened.map(|(id, key)| (ChainId(*id), *key)).collect();
    let mut ends: HashMap<usize, _> = HashMap::new();
    let mut tail = Tail::default();
    for (place, mut own) in tails {
        ends.insert(place, own.take_ends());
        tail.texts.append(&mut own.texts);
        tail.opened.append(&mut own.opened);
    }

    let mut writer = Writer::begin(BEGIN, &part, out)?;
    let (first, others) = parts.split_first_mut().ok_or(PartsError::Invalid)?;
    writer.frame(&first.1.frame().map_err(at(first.0))?)?;
    for (place, stored) in others {
        if !stored.frame().map_err(at(*place))?.is_empty() {
            return Err(at(*place)(PartsError::Altered).into());
        }
    }
    let first_entry = if part.first == 1 { Some(0) } else { options.first_entry };
    if let (Some(found), Some(stated)) = (first_entry, options.first_entry)
        && found != stated
    {
        return Err(at(first_place(&parts))(PartsError::FirstEntry { stated, found }).into());
    }
    let mut reducer = first_entry.map(|first| Reducer::new(first, &options.keep_sizes));

    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>)) -> bool| -> Result<(), E> {
        let mut read = 0;
        for (place, stored) in &mut parts {
            loop {
                let frame = stored.frame().map_err(at(*place))?;
                let is_last = frame.is_empty();
                read += frame.len() as u64;
                progress(read);
                if !emit((*place, frame)) {
                    return Ok(());
                }
                if is_last {
                    break;
                }
            }
            stored.finish().map_err(at(*place))?;
        }
        Ok(())
    };
    let worker = || {
        let mut summarizer = Summarizer::new("", &Trust::default());
        let known = &known;
        move |(place, frame): (usize, Vec<u8>)| {
            if frame.is_empty() {
                return Ok((place, None));
            }
            let mut summary = compact::read(&frame).ok_or(PartsError::Altered).map_err(at(place))?;
            summarizer.resolve(&mut summary, known).ok_or(PartsError::Altered).map_err(at(place))?;
            Ok((place, Some((summary, frame.len()))))
        }
    };
    in_order(threads, jobs, worker, |result: Result<_, SummaryError>| {
        let (place, summary) = result?;
        let Some((summary, bytes)) = summary else {
            if let Some(reducer) = &mut reducer {
                reducer.end_file(&ends[&place]);
            }
            return Ok(());
        };
        if let (None, Leaves::Merged(merged)) = (&reducer, &summary.leaves) {
            reducer = Some(Reducer::new(merged.first, &options.keep_sizes));
        }
        match &mut reducer {
            Some(reducer) => {
                let complete = reducer.add(summary, bytes).map_err(at(place))?;
                complete.iter().try_for_each(|merged| writer.frame(&merged.encode_compact()))
            }
            None => writer.frame(&summary.encode_compact()),
        }
    })?;
    if let Some(reducer) = &mut reducer {
        writer.frame(&reducer.finish().encode_compact())?;
        tail.ends = reducer.ends().map(|(id, hash)| (id.0, hash.0)).collect();
        tail.ends.sort_unstable();
    }
    writer.finish(&tail)?;
    Ok(part)
}

fn first_place<R>(parts: &[(usize, Stored<R>)]) -> usize {
    parts.first().map_or(0, |(place, _)| *place)
}

/// Returns what sorted parts cover together.
fn covered<R>(parts: &[(usize, Stored<R>)]) -> Part {
    let (first, last) = (&parts[0].1.part, &parts[parts.len() - 1].1.part);
    Part { last: last.last, end: last.end, ..first.clone() }
}
