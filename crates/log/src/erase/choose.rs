//! Which events are erased that are chosen by what they say.
//!
//! All of them are looked at as the store has them. The search index is not asked: what it does not know would stay.

use std::sync::Arc;

use countersign_query::{Parsers, Query};
use roaring::RoaringTreemap;

use crate::export::{ExportError, PAGE};
use crate::looking::Looking;
use crate::store::{EntryReader, StoreError, StoredEvent};
use crate::tokens::Scope;

/// The choice of leaves whose event fulfills all conditions, a page at a time.
pub struct Choosing {
    reader: Arc<dyn EntryReader>,
    query: Query,
    scope: Arc<Scope>,
    /// The leaves that were not looked at.
    left: std::ops::Range<u64>,
    looking: Looking,
    chosen: RoaringTreemap,
}

impl Choosing {
    /// Among the leaves below that size within the scope, whose events are read by these.
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
            looking: Looking::new(parsers),
            chosen: RoaringTreemap::new(),
        }
    }

    /// Looks at a page of leaves. Says whether there is more.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) fn step(&mut self) -> Result<bool, StoreError> {
        let Self { reader, query, scope, left, looking, chosen } = self;
        let (first, end) = (left.start, left.end.min(left.start + PAGE));
        for (leaf, index) in reader.leaves_with_events(first..end)?.iter().zip(first..) {
            let StoredEvent::Here(event) = &leaf.event else { continue };
            let Some(link) = leaf.link() else { continue };
            if looking.matches_within(&**reader, scope, query, &link, Some(&event.text))? {
                chosen.insert(index);
            }
        }
        left.start = end;
        Ok(!left.is_empty())
    }

    /// What was chosen.
    pub(crate) fn end(self) -> RoaringTreemap {
        self.chosen
    }

    /// All steps at once. `canceled` is asked from time to time whether anybody still waits.
    ///
    /// # Errors
    /// [`ExportError::Canceled`], and the store's own.
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
