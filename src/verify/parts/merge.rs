//! Verification from summaries.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::link::ChainId;
use crate::verify::parallel::in_order;
use crate::verify::visitor::Selected;
use crate::verify::{Options, Progress, Splitter, Summarizer, Summary, Update, Verification};

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
    progress: impl FnMut(u64) + Send,
) -> Result<Verification, SummaryError> {
    let no_items = None::<&fn(&mut Summary, &[u8]) -> Option<Vec<Selected>>>;
    run(summaries, options, threads, no_items, progress, |_| Ok(()))
}

/// Verifies an export from the files of all its parts. With `items`, a second frame follows each summary's, and
/// `items` decodes the selected items in it, or returns `None` if it is malformed.
pub(super) fn run<R: Read + Seek + Send, E: From<SummaryError> + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    items: Option<&(impl Fn(&mut Summary, &[u8]) -> Option<Vec<Selected>> + Sync)>,
    mut progress: impl FnMut(u64) + Send,
    mut on_update: impl FnMut(Update) -> Result<(), E>,
) -> Result<Verification, E> {
    let mut parts = arrange(summaries)?;
    let opened = parts.iter_mut().flat_map(|(_, part)| std::mem::take(&mut part.tail.opened));
    let known: HashMap<ChainId, [u8; 32]> = opened.map(|(chain, key)| (ChainId(chain), key)).collect();
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
        let place = parts.first().map(|(place, _)| *place);
        return Err(SummaryError { place, why: PartsError::Altered }.into());
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
    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>, Vec<u8>)) -> bool| {
        let mut read = 0;
        for (place, part) in &mut parts {
            loop {
                let frame = part.frame().map_err(at(*place))?;
                if frame.is_empty() {
                    break;
                }
                let second = if items.is_some() { part.frame().map_err(at(*place))? } else { Vec::new() };
                read += (frame.len() + second.len()) as u64;
                progress(read);
                // If there is no header, only the completeness of the summaries is checked.
                if readable && !emit((*place, frame, second)) {
                    return Ok(());
                }
            }
            part.finish().map_err(at(*place))?;
        }
        Ok(())
    };
    let worker = || {
        let mut summarizer = Summarizer::new(&origin, &trust);
        let known = &known;
        move |(place, frame, second): (usize, Vec<u8>, Vec<u8>)| {
            let mut decode = || {
                let mut summary = Summary::decode(&frame)?;
                summarizer.settle(&mut summary, known)?;
                let selected = items.map(|items| items(&mut summary, &second).ok_or(())).transpose().ok()?;
                Some((summary, selected))
            };
            decode().ok_or(PartsError::Altered).map_err(at(place))
        }
    };
    in_order(threads, jobs, worker, |decoded| {
        let (summary, selected) = decoded?;
        sequence.absorb_selected(summary, b"", selected);
        on_update(sequence.take())
    })?;
    let (verification, last) = sequence.finish_with_update(end);
    on_update(last)?;
    Ok(verification)
}

/// Sorts the summaries by their parts, each with its index among those passed, and checks that they are
/// complete.
fn arrange<R>(summaries: Vec<Stored<R>>) -> Result<Vec<(usize, Stored<R>)>, SummaryError> {
    let mut parts: Vec<_> = summaries.into_iter().enumerate().collect();
    let Some((_, first)) = parts.first() else {
        return Err(SummaryError { place: None, why: PartsError::Missing(vec![1..=1]) });
    };
    let first = first.part.clone();
    for (place, stored) in &parts {
        let part = &stored.part;
        if (part.size, part.ends) != (first.size, first.ends) {
            return Err(at(*place)(PartsError::OtherFile));
        }
        if part.of != first.of {
            return Err(at(*place)(PartsError::OtherCut(part.of)));
        }
    }
    // If there are two summaries of one part, report the later one.
    parts.sort_by_key(|(place, stored)| (stored.part.number, *place));
    let (mut number, mut end) = (0, 0);
    let mut missing = Vec::new();
    for (place, stored) in &parts {
        let part = &stored.part;
        if part.number == number {
            return Err(at(*place)(PartsError::Twice(number)));
        }
        if part.number > number + 1 {
            missing.push(number + 1..=part.number - 1);
        } else if part.begin != end {
            return Err(at(*place)(PartsError::Apart));
        }
        (number, end) = (part.number, part.end);
    }
    if number < first.of {
        missing.push(number + 1..=first.of);
    }
    if missing.is_empty() {
        Ok(parts)
    } else {
        Err(SummaryError { place: None, why: PartsError::Missing(missing) })
    }
}
