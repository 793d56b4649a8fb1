//! Where an export looks for events.

use std::collections::HashMap;
use std::ops::Range;

use countersign_query::Query;
use roaring::RoaringTreemap;

use super::request::PAGE;
use crate::store::StoreError;
use crate::tokens::Scope;

/// Tells where to look for events.
pub trait Index: Send + Sync {
    /// Returns the entries that may be an event or link of the scope and match. Which ones these are does not depend on
    /// what events outside of the scope say.
    ///
    /// # Errors
    /// Its own.
    fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError>;
}

/// Entries of a page, by their places there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entries(u64);

impl Entries {
    /// No entry.
    pub const NONE: Self = Self(0);
    /// Every entry.
    pub const ALL: Self = Self(u64::MAX);

    /// Adds the entry at that place of the page, which is below 64.
    pub fn insert(&mut self, place: u16) {
        self.0 |= 1_u64.checked_shl(u32::from(place)).unwrap_or(0);
    }

    /// True if the entry at that place is one of them.
    pub fn contains(self, place: u64) -> bool {
        u32::try_from(place)
            .ok()
            .and_then(|place| self.0.checked_shr(place))
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// Returns those that are also among the others, which are made only if needed.
    #[must_use]
    pub fn and(self, others: impl FnOnce() -> Self) -> Self {
        if self == Self::NONE { self } else { Self(self.0 & others().0) }
    }

    /// Returns both, and makes the others only if needed.
    #[must_use]
    pub fn or(self, others: impl FnOnce() -> Self) -> Self {
        if self == Self::ALL { self } else { Self(self.0 | others().0) }
    }
}

/// The entries that a search must read.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The indexed pages that have candidates.
    pages: RoaringTreemap,
    /// The candidates on pages of which only some entries are.
    partial: HashMap<u64, Entries>,
    /// The number of pages that the index knows. All entries after them are candidates.
    indexed: u64,
}

impl Candidates {
    /// Returns all entries, as for an index that knows no page.
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds the candidates on pages that follow each other, which come after those added before. The index doesn't know
    /// the pages in between: all their entries are candidates.
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
