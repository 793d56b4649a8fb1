//! The entries that a search has to examine.

use std::collections::HashMap;
use std::ops::Range;

use countersign_query::Query;
use roaring::RoaringTreemap;

use super::request::PAGE;
use crate::store::StoreError;
use crate::tokens::Scope;

/// An index that narrows down a search.
pub trait Index: Send + Sync {
    /// Returns the entries that may be an event or link within the scope and match. The result doesn't depend on the
    /// content of events outside the scope.
    ///
    /// # Errors
    /// [`StoreError`] if the index can't be read.
    fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError>;
}

/// A set of entries on a page, by position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries(u64);

impl Entries {
    /// No entry.
    pub const NONE: Self = Self(0);
    /// Every entry.
    pub const ALL: Self = Self(u64::MAX);

    /// Adds the entry at a position on the page, below 64.
    pub fn insert(&mut self, place: u16) {
        self.0 |= 1_u64.checked_shl(u32::from(place)).unwrap_or(0);
    }

    /// True if the set contains the entry at this position.
    pub fn contains(self, place: u64) -> bool {
        u32::try_from(place)
            .ok()
            .and_then(|place| self.0.checked_shr(place))
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// Returns the intersection. `others` is only called if needed.
    #[must_use]
    pub fn and(self, others: impl FnOnce() -> Self) -> Self {
        if self == Self::NONE { self } else { Self(self.0 & others().0) }
    }

    /// Returns the union. `others` is only called if needed.
    #[must_use]
    pub fn or(self, others: impl FnOnce() -> Self) -> Self {
        if self == Self::ALL { self } else { Self(self.0 | others().0) }
    }
}

/// The entries that a search must read.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The indexed pages with candidates.
    pages: RoaringTreemap,
    /// The candidates on pages where only some entries are candidates.
    partial: HashMap<u64, Entries>,
    /// The number of pages covered by the index. All entries after them are candidates.
    indexed: u64,
}

impl Candidates {
    /// Returns all entries, as for an index that covers no page.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds the candidates on consecutive pages, which come after those added before. Pages in between are not covered
    /// by the index: all their entries are candidates.
    pub fn extend(&mut self, first: u64, pages: impl IntoIterator<Item = Entries>) {
        self.pages.insert_range(self.indexed..first.max(self.indexed));
        let mut next = first;
        for entries in pages {
            if entries != Entries::NONE {
                self.pages.insert(next);
                if entries != Entries::ALL {
                    self.partial.insert(next, entries);
                }
            }
            next += 1;
        }
        self.indexed = next.max(self.indexed);
    }

    /// True if an entry of this page is a candidate.
    pub fn has(&self, page: u64) -> bool {
        page >= self.indexed || self.pages.contains(page)
    }

    /// Returns the candidates of a page that has some, as ascending ranges within a range of entries.
    pub fn runs(&self, page: u64, within: Range<u64>) -> Vec<Range<u64>> {
        let first = page * PAGE;
        let range = first.max(within.start)..(first + PAGE).min(within.end);
        let Some(entries) = self.partial.get(&page) else { return vec![range] };
        let mut runs: Vec<Range<u64>> = Vec::new();
        for index in range.filter(|index| entries.contains(index - first)) {
            match runs.last_mut() {
                Some(run) if run.end == index => run.end += 1,
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }
}
