//! Verification from summaries.

use std::collections::HashMap;
use std::io::{Read, Seek};
use std::ops::RangeInclusive;

use super::{Part, Stored, frame};
use crate::check::parallel::{Bytes, Step, run};
use crate::check::{Resource, Tiles, Walk};
use crate::checkpoint::SignedCheckpoint;
use crate::link::ChainId;
use crate::merkle::Bundle;
use crate::verify::parts::{PartsError, SummaryError};
use crate::verify::{Options, Summarizer, Verification};

/// The summaries of all parts of a log.
pub struct Parts<R> {
    /// The summaries in the order of the parts, each with its index among those passed.
    parts: Vec<(usize, Stored<R>)>,
    walk: Walk,
}

/// A frame of a summary, or a tile that was read.
enum Job {
    Frame { place: usize, bundle: Bundle, bytes: Vec<u8> },
    Tile(Bytes),
}

impl<R: Read + Seek + Send> Parts<R> {
    /// Sorts the summaries by their parts, and checks that they are those of all parts of one log at one checkpoint.
    ///
    /// # Errors
    /// [`SummaryError`] if they aren't.
    pub fn arrange(summaries: Vec<Stored<R>>) -> Result<Self, SummaryError> {
        let all = |why| SummaryError { place: None, why };
        let Some(first) = summaries.first().map(|stored| stored.part.clone()) else {
            return Err(all(PartsError::Missing(vec![1..=1])));
        };
        let mut parts: Vec<_> = summaries.into_iter().enumerate().collect();
        for (place, stored) in &parts {
            if let Some(why) = difference(&first, &stored.part) {
                return Err(SummaryError { place: Some(*place), why });
            }
        }
        // If there are two summaries of one part, report the later one.
        parts.sort_by_key(|(place, stored)| (stored.part.number, *place));
        let numbers = || parts.iter().map(|(place, stored)| (*place, stored.part.number));
        if let Some(((_, number), (place, _))) = numbers().zip(numbers().skip(1)).find(|(a, b)| a.1 == b.1) {
            return Err(SummaryError { place: Some(place), why: PartsError::Twice(number) });
        }
        let missing = missing(numbers().map(|(_, number)| number), first.of);
        if !missing.is_empty() {
            return Err(all(PartsError::Missing(missing)));
        }
        let walk = first.walk().map_err(|_| all(PartsError::Invalid))?;
        Ok(Self { parts, walk })
    }

    /// Returns the checkpoint that the parts are of.
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.walk.checkpoint
    }

    /// Returns the resources to read: the tiles above level 0, and those on the left edge of a pruned log.
    pub fn resources(&self) -> impl Iterator<Item = Resource> + Clone + Send + use<R> {
        self.walk.plan().filter(|resource| matches!(resource, Resource::Tile(tile) if tile.level > 0))
    }

    /// Returns the number of entry bundles in all parts.
    pub fn bundles(&self) -> u64 {
        self.parts.iter().map(|(_, stored)| stored.part.len()).sum()
    }

    /// Verifies the log from the summaries on `threads` threads. The result is the same as that of
    /// [`parallel::verify`](crate::check::parallel::verify).
    ///
    /// `resources` returns those of [`Self::resources`] in order, or an error that ends the verification. `progress` is
    /// called for each bundle. Set [`Options::tiles`].
    ///
    /// # Errors
    /// The first error of `resources`, or a [`SummaryError`] if a summary is incomplete or was changed.
    pub fn verify<E: From<SummaryError> + Send>(
        self,
        options: Options,
        threads: usize,
        mut resources: impl Iterator<Item = Result<Bytes, E>> + Send,
        progress: impl FnMut(),
    ) -> Result<(Tiles, Verification), E> {
        let Self { mut parts, walk } = self;
        let opened = parts.iter_mut().flat_map(|(_, stored)| std::mem::take(&mut stored.opened));
        let known: HashMap<ChainId, [u8; 32]> = opened.map(|(chain, key)| (ChainId(chain), key)).collect();
        let plan = walk.plan();
        let jobs = |emit: &mut dyn FnMut(Result<Job, E>) -> bool| {
            let mut frames = Frames { parts: parts.iter_mut(), current: None };
            for resource in plan {
                let job = match resource {
                    Resource::Bundle(_) => frames.next().map(|frame| frame.map_err(E::from)),
                    Resource::Tile(tile) if tile.level == 0 => continue,
                    Resource::Tile(_) => resources.next().map(|bytes| bytes.map(Job::Tile)),
                };
                let Some(job) = job else { return };
                let is_error = job.is_err();
                if !emit(job) || is_error {
                    return;
                }
            }
        };
        let worker = |mut summarizer: Summarizer| {
            let known = &known;
            move |job| match job {
                Job::Frame { place, bundle, bytes } => {
                    let altered = || SummaryError { place: Some(place), why: PartsError::Altered };
                    let (outcome, mut summary) = frame::decode(bundle, &bytes).ok_or_else(altered)?;
                    summarizer.settle(&mut summary, known).ok_or_else(altered)?;
                    Ok(Step::Bundle(Box::new((outcome, summary))))
                }
                Job::Tile(bytes) => Ok(Step::Tile(bytes)),
            }
        };
        let verified = run(walk, options, threads, jobs, worker, progress)?;
        for (place, stored) in &mut parts {
            stored.finish().map_err(|why| SummaryError { place: Some(*place), why })?;
        }
        Ok(verified)
    }
}

/// The frames of all parts, in order.
struct Frames<'a, R, P> {
    parts: P,
    current: Option<PartFrames<'a, R>>,
}

/// The frames of one part.
struct PartFrames<'a, R> {
    place: usize,
    stored: &'a mut Stored<R>,
    /// The bundles whose frames come next.
    bundles: Box<dyn Iterator<Item = Bundle> + Send>,
}

impl<'a, R: Read + Seek + 'a, P: Iterator<Item = &'a mut (usize, Stored<R>)>> Iterator for Frames<'a, R, P> {
    type Item = Result<Job, SummaryError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(PartFrames { place, stored, bundles }) = &mut self.current
                && let Some(bundle) = bundles.next()
            {
                let place = *place;
                let frame = stored.frame().and_then(|bytes| {
                    // Only a part that ended early has fewer frames, and nothing after that is read.
                    if bytes.is_empty() { Err(PartsError::Altered) } else { Ok(bytes) }
                });
                return Some(match frame {
                    Ok(bytes) => Ok(Job::Frame { place, bundle, bytes }),
                    Err(why) => Err(SummaryError { place: Some(place), why }),
                });
            }
            let (place, stored) = self.parts.next()?;
            let bundles = Box::new(stored.part.bundles());
            self.current = Some(PartFrames { place: *place, stored, bundles });
        }
    }
}

/// Returns how a part differs from the first one, if it isn't of the same run.
fn difference(first: &Part, part: &Part) -> Option<PartsError> {
    if part.checkpoint != first.checkpoint {
        Some(PartsError::OtherCheckpoint)
    } else if (part.first, part.is_pruned) != (first.first, first.is_pruned) {
        Some(PartsError::OtherBegin)
    } else {
        (part.of != first.of).then_some(PartsError::OtherCut(part.of))
    }
}

/// Returns the parts that aren't among these sorted ones.
fn missing(numbers: impl Iterator<Item = u64>, of: u64) -> Vec<RangeInclusive<u64>> {
    let mut missing = Vec::new();
    let mut last = 0;
    for number in numbers {
        if number - last > 1 {
            missing.push(last + 1..=number - 1);
        }
        last = number;
    }
    if last < of {
        missing.push(last + 1..=of);
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_parts_are_found_up_to_the_largest_number() {
        assert_eq!(missing([1, 2].into_iter(), 2), []);
        assert_eq!(missing([2, 5].into_iter(), 7), [1..=1, 3..=4, 6..=7]);
        assert_eq!(missing([1].into_iter(), u64::MAX), [2..=u64::MAX]);
        assert_eq!(missing([u64::MAX].into_iter(), u64::MAX), [1..=u64::MAX - 1]);
    }
}
