//! Which stretch of the log a time or a number of events comes to.

use std::ops::Range;

use super::gathering::Gathering;
use super::planning::Matches;
use crate::event_filter::EventFilter;
use crate::store::StoreError;

/// A stretch that is looked for: from the first link of a time to the last, or as many of the newest events.
pub(super) struct Stretch {
    matches: Matches,
    /// Whether there is a time before which links do not count, and one from which on they do not.
    bounds: [bool; 2],
    is_limited: bool,
    /// The first and the last link that matched so far.
    found: Option<(u64, u64)>,
}

impl Stretch {
    pub(super) fn new(mut matches: Matches, asked: &Asked, limit: Option<u64>) -> Self {
        let bounds = ["since", "until"].map(|name| asked.names().contains(&name));
        if limit.is_none() {
            // The last is enough.
            (matches.newest_first, matches.left) = (bounds[1], 1);
        }
        Self { matches, bounds, is_limited: limit.is_some(), found: None }
    }

    /// Looks at a page of leaves at most. Gives the stretch when it is found.
    pub(super) fn step(&mut self, gathering: &Gathering) -> Result<Option<Range<u64>>, StoreError> {
        let Some((_, found)) = self.matches.look(gathering)? else { return Ok(Some(self.all())) };
        if !self.matches.newest_first {
            // The last that is told of a page is its first.
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
            self.matches.turn();
            break;
        }
        Ok(None)
    }

    /// What it is where no more was found.
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
