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
    Verification, compact,
};

use super::arrange::{Extent, arrange};
use super::error::at;
use super::{PartsError, Stored, SummaryError};

/// The result of [`visit_links`].
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
    run(summaries, options, threads, Frames::Summaries, &|_, _, _| Ok(None), progress, |_, _, _| Ok(()))
}

/// Verifies an export as [`verify`] does, and calls `on_event` with the part and the link of each verified event in
/// the parts that `is_wanted` selects. Events arrive as described in [`EventVisitor`](crate::verify::EventVisitor).
///
/// # Errors
/// [`SummaryError`] as for [`verify`], if summaries were merged, or if [too much waits](crate::Code::LeftOut) for a
/// signature.
pub fn visit_links<R: Read + Seek + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    is_wanted: impl Fn(u64) -> bool + Sync,
    mut on_event: impl FnMut(u64, CoveredLink),
    progress: impl FnMut(u64) + Send,
) -> Result<PartsVerification, SummaryError> {
    let count = summaries.len();
    let mut numbers = Vec::new();
    for (place, stored) in summaries.iter().enumerate() {
        numbers.push(stored.part.single().map_err(at(place))?);
    }
    let select = |place: usize, summary: &mut Summary, _: &[u8]| {
        let number = numbers[place];
        Ok(is_wanted(number).then(|| events(summary, PartNumber(number))))
    };
    let mut first_entries = Vec::new();
    let on_update = |place: Option<usize>, first, update: Update| {
        let known = place.map_or(count, |place| first_entries.len().max(numbers[place] as usize));
        first_entries.resize(known, first);
        let update = update.whole().map_err(too_much_waits)?;
        for event in update.selected {
            let event = event.downcast::<PartNumber>();
            on_event(event.item.0, event.link);
        }
        Ok::<(), SummaryError>(())
    };
    let verification = run(summaries, options, threads, Frames::Summaries, &select, progress, on_update)?;
    Ok(PartsVerification { verification, first_entries })
}

/// The frames of a part's file after its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Frames {
    /// Summaries.
    Summaries,
    /// Summaries, each followed by a frame with the items of its events.
    WithItems,
}

/// Verifies an export from the files of all its parts.
///
/// `select` gets the file's index, a summary, and the frame that follows it if the file has [items](Frames), and
/// returns the events to visit. `on_update` gets the file's index, the index of the summary's first entry, and the
/// update; at the end `None` and the number of entries.
pub(super) fn run<R: Read + Seek + Send, E: From<SummaryError> + Send>(
    summaries: Vec<Stored<R>>,
    options: Options,
    threads: usize,
    frames: Frames,
    select: &(impl Fn(usize, &mut Summary, &[u8]) -> Result<Option<Vec<Selected>>, PartsError> + Sync),
    mut progress: impl FnMut(u64) + Send,
    mut on_update: impl FnMut(Option<usize>, u64, Update) -> Result<(), E>,
) -> Result<Verification, E> {
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
    let jobs = |emit: &mut dyn FnMut((usize, Vec<u8>, Vec<u8>)) -> bool| -> Result<(), E> {
        let mut read = 0;
        for (place, part) in &mut parts {
            loop {
                let frame = part.frame().map_err(at(*place))?;
                let is_last = frame.is_empty();
                let has_items = frames == Frames::WithItems && !is_last;
                let items = if has_items { part.frame().map_err(at(*place))? } else { Vec::new() };
                read += (frame.len() + items.len()) as u64;
                progress(read);
                // If there is no header, only the completeness of the summaries is checked.
                if readable && !emit((*place, frame, items)) {
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
        move |(place, frame, items): (usize, Vec<u8>, Vec<u8>)| {
            if frame.is_empty() {
                return Ok((place, None));
            }
            let mut summary = compact::read(&frame).ok_or(PartsError::Altered).map_err(at(place))?;
            summarizer.settle(&mut summary, known).ok_or(PartsError::Altered).map_err(at(place))?;
            let selected = select(place, &mut summary, &items).map_err(at(place))?;
            Ok((place, Some((summary, selected))))
        }
    };
    in_order(threads, jobs, worker, |result: Result<_, SummaryError>| -> Result<(), E> {
        let (place, summary) = result?;
        let Some((summary, selected)) = summary else {
            if let Some(state) = &mut sequence.sequence {
                state.set_ends(&ends[place]);
            }
            return Ok(());
        };
        if let Some(why) = sequence.sequence.as_ref().and_then(|state| state.undecidable(&summary)) {
            return Err(at(place)(PartsError::from(why)).into());
        }
        let first = sequence.position();
        sequence.absorb_selected(summary, b"", selected);
        on_update(Some(place), first, sequence.take())
    })?;
    let entries = sequence.position();
    let (verification, last) = sequence.finish_with_update(end);
    on_update(None, entries, last)?;
    Ok(verification)
}

/// Selects the events that match the commits of their links.
fn events(summary: &Summary, item: PartNumber) -> Vec<Selected> {
    let entries = summary.entries.iter().enumerate();
    let matching = entries.filter(
        |(_, entry)| matches!(&entry.kind, EntryKind::Link(link) if link.payload == PayloadState::Matches),
    );
    matching.map(|(entry, _)| SelectedItem { entry, item, with_text: false }.erase()).collect()
}

fn too_much_waits(error: Error) -> SummaryError {
    let error = std::io::Error::new(std::io::ErrorKind::OutOfMemory, error);
    SummaryError { place: None, why: PartsError::Io(error) }
}
