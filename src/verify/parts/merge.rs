//! Verification from summaries.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::error::Error;
use crate::link::ChainId;
use crate::verify::parallel::in_order;
use crate::verify::summary::{EntryKind, PayloadState};
use crate::verify::visitor::Selected;
use crate::verify::{
    CoveredLink, Options, PendingItem, Progress, SelectedItem, Splitter, Summarizer, Summary, Update,
    Verification,
};

use super::error::at;
use super::{PartsError, Stored, SummaryError};

/// The result of [`visit`].
#[derive(Debug)]
pub struct PartsVerification {
    /// The report and the pin.
    pub verification: Verification,
    /// The index of the first entry at or after the beginning of each part, in the order of the parts.
    pub first_entries: Vec<u64>,
}

/// The part that a verified event is in.
#[derive(Clone, Copy, Debug)]
struct PartNumber(u64);

impl PendingItem for PartNumber {
    fn bytes(&self) -> usize {
        0
    }
}

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
    visit(summaries, options, threads, |_| false, |_, _| (), progress).map(|visited| visited.verification)
}

/// Verifies an export as [`verify`] does, and calls `on_event` with the part and the link of each verified event in
/// the parts that `is_wanted` selects. Events arrive as described in [`EventVisitor`](crate::verify::EventVisitor).
///
/// # Errors
/// [`SummaryError`] as for [`verify`], or if [too much waits](crate::Code::LeftOut) for a signature.
pub fn visit<R: Read + Seek + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    is_wanted: impl Fn(u64) -> bool,
    mut on_event: impl FnMut(u64, CoveredLink),
    mut progress: impl FnMut(u64) + Send,
) -> Result<PartsVerification, SummaryError> {
    let mut parts = arrange(summaries)?;
    let numbers: HashMap<usize, u64> =
        parts.iter().map(|(place, stored)| (*place, stored.part.number)).collect();
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
    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>)) -> bool| {
        let mut read = 0;
        for (place, part) in &mut parts {
            loop {
                let frame = part.frame().map_err(at(*place))?;
                if frame.is_empty() {
                    break;
                }
                read += frame.len() as u64;
                progress(read);
                // If there is no header, only the completeness of the summaries is checked.
                if readable && !emit((*place, frame)) {
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
        move |(place, frame): (usize, Vec<u8>)| {
            let mut summary = Summary::decode(&frame).ok_or(PartsError::Altered).map_err(at(place))?;
            summarizer.settle(&mut summary, known).ok_or(PartsError::Altered).map_err(at(place))?;
            Ok((place, summary))
        }
    };
    let mut first_entries = Vec::new();
    let mut deliver = |update: Update| {
        let update = update.whole().map_err(too_much_waits)?;
        for event in update.selected {
            let event = event.downcast::<PartNumber>();
            on_event(event.item.0, event.link);
        }
        Ok(())
    };
    in_order(threads, jobs, worker, |summarized| {
        let (place, summary) = summarized?;
        let number = numbers.get(&place).copied().unwrap_or_default();
        let first = sequence.position();
        first_entries.resize(first_entries.len().max(number as usize), first);
        let selected = is_wanted(number).then(|| select(&summary, number));
        sequence.absorb_selected(summary, b"", selected);
        deliver(sequence.take())
    })?;
    first_entries.resize(numbers.len(), sequence.position());
    let (verification, last) = sequence.finish_with_update(end);
    deliver(last)?;
    Ok(PartsVerification { verification, first_entries })
}

/// Selects the events that match the commits of their links.
fn select(summary: &Summary, number: u64) -> Vec<Selected> {
    let entries = summary.entries.iter().enumerate();
    let matching = entries.filter(
        |(_, entry)| matches!(&entry.kind, EntryKind::Link(link) if link.payload == PayloadState::Matches),
    );
    let item = PartNumber(number);
    matching.map(|(entry, _)| SelectedItem { entry, item, with_text: false }.erase()).collect()
}

fn too_much_waits(error: Error) -> SummaryError {
    let error = std::io::Error::new(std::io::ErrorKind::OutOfMemory, error);
    SummaryError { place: None, why: PartsError::Io(error) }
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
