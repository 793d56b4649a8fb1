//! Verification from summaries.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::link::ChainId;
use crate::verify::parallel::in_order;
use crate::verify::{Options, Progress, Splitter, Summarizer, Verification, compact};

use super::arrange::{Extent, arrange};
use super::error::at;
use super::{PartsError, Stored, SummaryError};

/// Verifies an export from the summaries of all its parts, in any order, on `threads` threads. The report is the same
/// as for the export itself.
///
/// # Errors
/// [`SummaryError`] if the summaries are not those of all parts of one file, or if one is incomplete.
pub fn verify<R: Read + Seek + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    mut progress: impl FnMut(u64) + Send,
) -> Result<Verification, SummaryError> {
    let mut parts = arrange(summaries, Extent::Whole)?;
    let opened = parts.iter_mut().flat_map(|(_, part)| std::mem::take(&mut part.tail.opened));
    let known: HashMap<ChainId, [u8; 32]> = opened.map(|(chain, key)| (ChainId(chain), key)).collect();
    let mut ends = vec![Vec::new(); parts.len()];
    for (place, part) in &mut parts {
        ends[*place] = part.tail.take_ends();
    }
    let mut splitter = Splitter::new();
    for (place, part) in &mut parts {
        let prefix = part.frame().map_err(at(*place))?;
        let mut rest = &prefix[..];
        while !rest.is_empty() {
            rest = &rest[splitter.push(rest)..];
        }
    }
    let end = splitter.finish();
    if splitter.next_chunk().is_some() {
        return Err(SummaryError { place: parts.first().map(|(place, _)| *place), why: PartsError::Altered });
    }
    let trust = options.trust.clone();
    let mut sequence = Progress::new(options);
    let origin = match splitter.header() {
        Some((header, line)) => {
            sequence.begin(header, line);
            header.origin.clone()
        }
        None => String::new(),
    };
    let readable = end.is_ok();
    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>)) -> bool| -> Result<(), SummaryError> {
        let mut read = 0;
        for (place, part) in &mut parts {
            loop {
                let frame = part.frame().map_err(at(*place))?;
                let is_last = frame.is_empty();
                read += frame.len() as u64;
                progress(read);
                // If there is no header, only the completeness of the summaries is checked.
                if readable && !emit((*place, frame)) {
                    return Ok(());
                }
                if is_last {
                    break;
                }
            }
            part.finish().map_err(at(*place))?;
        }
        Ok(())
    };
    let worker = || {
        let mut summarizer = Summarizer::new(&origin, &trust);
        let known = &known;
        move |(place, frame): (usize, Vec<u8>)| {
            if frame.is_empty() {
                return Ok((place, None));
            }
            let mut summary = compact::read(&frame).ok_or(PartsError::Altered).map_err(at(place))?;
            summarizer.settle(&mut summary, known).ok_or(PartsError::Altered).map_err(at(place))?;
            Ok((place, Some(summary)))
        }
    };
    in_order(threads, jobs, worker, |result: Result<_, SummaryError>| {
        let (place, summary) = result?;
        let Some(summary) = summary else {
            if let Some(state) = &mut sequence.sequence {
                state.set_ends(&ends[place]);
            }
            return Ok(());
        };
        if let Some(why) = sequence.sequence.as_ref().and_then(|state| state.undecidable(&summary)) {
            return Err(at(place)(PartsError::from(why)));
        }
        sequence.absorb(summary, b"");
        Ok(())
    })?;
    let (verification, _) = sequence.finish_with_update(end);
    Ok(verification)
}
