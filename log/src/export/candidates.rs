//! Where an export looks for events.

use countersign_query::Query;
use roaring::RoaringTreemap;

use crate::store::StoreError;
use crate::tokens::Scope;

/// Tells where to look for events.
pub trait Index: Send + Sync {
    /// The pages on which there may be an event or link of the scope that matches. Which pages these are does not depend
    /// on what events outside of the scope say.
    ///
    /// # Errors
    /// Its own.
    fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError>;
}

/// The pages that events may be on.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Of those indexed; none for all.
    pages: Option<RoaringTreemap>,
    /// How many pages are indexed.
    indexed: u64,
}

impl Candidates {
    /// Of the first so many pages these, or all, and all pages after them.
    pub fn new(pages: Option<RoaringTreemap>, indexed: u64) -> Self {
        Self { pages, indexed }
    }

    /// All pages.
    pub fn all() -> Self {
        Self::new(None, 0)
    }

    /// Whether an event may be on this page.
    pub fn has(&self, page: u64) -> bool {
        page >= self.indexed || self.pages.as_ref().is_none_or(|pages| pages.contains(page))
    }
}
