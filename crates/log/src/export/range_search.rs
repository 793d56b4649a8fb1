//! Searches for the range of the log that a time or a limit describes.

use std::ops::Range;

use super::planning::{Matches, SliceOutcome};
use super::selection::Selection;
use crate::event_filter::EventFilter;
use crate::store::StoreError;

/// The search for a range: from the first link after a time to the last one before another, or a number of the newest
/// events.
pub(super) struct RangeSearch {
    matches: Matches,
    /// True for each bound that is set: the start time and the end time.
    bounds: [bool; 2],
    is_limited: bool,
    /// The first and the last link that matched so far.
    found: Option<(u64, u64)>,
}

impl RangeSearch {
    pub(super) fn new(mut matches: Matches, filter: &EventFilter, limit: Option<u64>) -> Self {
        let bounds = ["since", "until"].map(|name| filter.names().contains(&name));
        if limit.is_none() {
            // If there is an end time, only the last link before it is needed; otherwise only the first link.
            (matches.newest_first, matches.left) = (bounds[1], 1);
        }
        Self { matches, bounds, is_limited: limit.is_some(), found: None }
    }

    /// Examines a slice of the entries. Returns the range once it is known.
    pub(super) fn step(&mut self, selection: &Selection) -> Result<Option<Range<u64>>, StoreError> {
        let found = match self.matches.next_slice(selection)? {
            SliceOutcome::Unfinished => return Ok(None),
            SliceOutcome::Page(_, found) => found,
            SliceOutcome::Ended => return Ok(Some(self.all())),
        };
        if !self.matches.newest_first {
            // Matches are in descending order, so the last one comes first in the log.
            let Some(first) = found.last().copied() else { return Ok(None) };
            let last = self.found.map_or(first, |(_, last)| last);
            return Ok(Some(self.from(first, last)));
        }
        for index in found {
            let last = self.found.map_or(index, |(_, last)| last);
            self.found = Some((index, last));
            self.matches.left -= 1;
            if self.matches.left > 0 {
                continue;
            }
            if self.is_limited {
                return Ok(Some(self.from(index, last)));
            }
            if !self.bounds[0] {
                return Ok(Some(self.from(self.matches.range.start, last)));
            }
            self.matches.restart_oldest_first();
            break;
        }
        Ok(None)
    }

    /// Returns the range after all pages were examined.
    fn all(&self) -> Range<u64> {
        let Range { start, end } = self.matches.range;
        match self.found {
            Some((first, last)) if self.bounds[0] => self.from(first, last),
            Some((_, last)) => self.from(start, last),
            None if self.bounds == [false; 2] => start..end,
            None => end..end,
        }
    }

    fn from(&self, first: u64, last: u64) -> Range<u64> {
        first..if self.bounds[1] { last + 1 } else { self.matches.range.end }
    }
}
