//! The search for events to erase by conditions.
//!
//! It reads every event in the store. The search index isn't used: an event that it misses would remain.

use std::sync::Arc;

use countersign_query::{Parsers, Query};
use roaring::RoaringTreemap;

use crate::entry_matcher::EntryMatcher;
use crate::export::{ExportError, PAGE};
use crate::store::{EntryReader, StoreError, StoredEvent};
use crate::tokens::Scope;

/// A search for entries whose event meets all conditions, one page at a time.
pub struct ErasureSearch {
    reader: Arc<dyn EntryReader>,
    query: Query,
    scope: Arc<Scope>,
    /// The entries that were not examined yet.
    left: std::ops::Range<u64>,
    matcher: EntryMatcher,
    chosen: RoaringTreemap,
}

impl ErasureSearch {
    /// Starts a search among the entries below `size` within the scope, with these parsers.
    pub fn new(
        reader: Arc<dyn EntryReader>,
        parsers: &Parsers,
        query: Query,
        scope: Arc<Scope>,
        size: u64,
    ) -> Self {
        Self {
            reader,
            query,
            scope,
            left: 0..size,
            matcher: EntryMatcher::new(parsers),
            chosen: RoaringTreemap::new(),
        }
    }

    /// Examines a page of entries. Returns true if there are more.
    ///
    /// # Errors
    /// [`StoreError`] if the entries can't be read.
    pub(crate) fn step(&mut self) -> Result<bool, StoreError> {
        let Self { reader, query, scope, left, matcher, chosen } = self;
        let (first, end) = (left.start, left.end.min(left.start + PAGE));
        for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
            let StoredEvent::Here(event) = &leaf.event else { continue };
            let Some(link) = leaf.link() else { continue };
            if matcher.matches_within(&**reader, scope, query, &link, Some(&event.text))? {
                chosen.insert(index);
            }
        }
        left.start = end;
        Ok(!left.is_empty())
    }

    /// Returns the entries found.
    pub(crate) fn end(self) -> RoaringTreemap {
        self.chosen
    }

    /// Runs all steps. `canceled` is called periodically, and returns true if the result is no longer needed.
    ///
    /// # Errors
    /// [`ExportError::Canceled`], and [`ExportError::Store`].
    pub fn finish(mut self, canceled: &dyn Fn() -> bool) -> Result<RoaringTreemap, ExportError> {
        loop {
            if canceled() {
                return Err(ExportError::Canceled);
            }
            if !self.step()? {
                return Ok(self.end());
            }
        }
    }
}
