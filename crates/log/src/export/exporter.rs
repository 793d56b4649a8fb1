//! The exporter, which caches checkpoints and key notes.

use std::sync::{Arc, Mutex, PoisonError};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_query::{Parsers, Query};
use roaring::RoaringTreemap;
use tokio::sync::watch;

use super::attest::{Attested, Had};
use super::candidates::{Candidates, Index};
use super::newest::{NewestState, WatchedCheckpoint};
use super::request::{ExportError, shows};
use crate::entry_matcher::EntryMatcher;
use crate::store::{Published, Reader, StoreError};
use crate::tokens::Scope;

/// An exporter for one log. It caches what doesn't change: checkpoints and key notes.
pub struct Exporter {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) origin: String,
    pub(super) parsers: Parsers,
    search: Option<Arc<dyn Index>>,
    /// The source of the newest state, if it isn't the store.
    newest: Option<Box<dyn NewestState>>,
    cache: Mutex<AttestationCache>,
}

#[derive(Default)]
struct AttestationCache {
    /// The trust file whose quorum determines when a checkpoint existed.
    trust: Option<Trust>,
    attested: Attested,
}

impl Exporter {
    /// Creates an exporter for the log with this origin. If its trust file has a quorum, the quorum determines when a
    /// checkpoint existed; otherwise all cosignatures do.
    pub fn new(reader: Arc<dyn Reader>, origin: impl Into<String>, trust: Option<Trust>) -> Self {
        let cache = Mutex::new(AttestationCache { trust, attested: Attested::default() });
        let parsers = Parsers::built_in();
        Self { reader, origin: origin.into(), parsers, search: None, newest: None, cache }
    }

    /// Limits exports to checkpoints that the sequencer announced. Otherwise they end at the store's newest checkpoint,
    /// which a folder without witnesses has before the memory of signed checkpoints does.
    #[must_use]
    pub fn with_announced(self, announced: watch::Receiver<Option<Arc<Published>>>) -> Self {
        self.with_newest(WatchedCheckpoint(announced))
    }

    /// Limits exports to the newest state of this source.
    #[must_use]
    pub fn with_newest(mut self, newest: impl NewestState + 'static) -> Self {
        self.newest = Some(Box::new(newest));
        self
    }

    /// Returns the newest state that may be shown.
    pub(super) fn newest(&self) -> Result<Option<Published>, StoreError> {
        match &self.newest {
            Some(newest) => newest.newest(),
            None => self.reader.published(),
        }
    }

    /// Replaces the parsers for events.
    #[must_use]
    pub fn with_parsers(mut self, parsers: Parsers) -> Self {
        self.parsers = parsers;
        self
    }

    /// Returns the parsers for events.
    pub fn parsers(&self) -> &Parsers {
        &self.parsers
    }

    /// Replaces the trust file.
    pub fn set_trust(&self, trust: Option<&Trust>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.trust.as_ref() != trust {
            *cache = AttestationCache { trust: trust.cloned(), attested: Attested::default() };
        }
    }

    /// Adds an index that narrows down searches.
    #[must_use]
    pub fn with_search(mut self, search: Arc<dyn Index>) -> Self {
        self.search = Some(search);
        self
    }

    /// Returns the indexes of these links.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] if one of them is not published or not within the scope, and [`ExportError::Store`].
    pub fn find(&self, places: &[(ChainId, u64)], scope: &Scope) -> Result<RoaringTreemap, ExportError> {
        self.find_below(places, scope, self.published_size()?)
    }

    /// Returns the indexes of these links, also if they are not published.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] if one of them is not stored or not within the scope, and [`ExportError::Store`].
    pub fn find_stored(
        &self,
        places: &[(ChainId, u64)],
        scope: &Scope,
    ) -> Result<RoaringTreemap, ExportError> {
        self.find_below(places, scope, self.reader.size()?)
    }

    pub(super) fn find_below(
        &self,
        places: &[(ChainId, u64)],
        scope: &Scope,
        size: u64,
    ) -> Result<RoaringTreemap, ExportError> {
        let mut found = RoaringTreemap::new();
        for (chain, seq) in places {
            let index = match self.reader.index_of(chain, *seq)?.filter(|index| *index < size) {
                Some(index) if self.is_within(scope, index)? => index,
                // A link outside the scope gets the same answer as a missing one.
                _ => return Err(ExportError::NotFound(format!("the log has no entry {chain}/{seq}"))),
            };
            found.insert(index);
        }
        Ok(found)
    }

    /// Returns the entries that may be an event or link within the scope and match the query.
    pub(super) fn candidates(&self, scope: &Scope, query: &Query) -> Result<Candidates, StoreError> {
        match &self.search {
            Some(search) => search.candidates(scope, query),
            None => Ok(Candidates::all()),
        }
    }

    fn is_within(&self, scope: &Scope, index: u64) -> Result<bool, StoreError> {
        if scope.is_everything() {
            return Ok(true);
        }
        let leaf = self.reader.leaves_with_events(index..index + 1)?.pop();
        match leaf.and_then(|leaf| Some((leaf.link()?, leaf.event))) {
            Some((link, event)) => {
                shows(&mut EntryMatcher::new(&self.parsers), &*self.reader, scope, &link, &event)
            }
            None => Ok(false),
        }
    }

    /// Returns a time at which the newest cosigned checkpoint existed, if there is one: the quorum's time, or else the
    /// time of the first cosignature.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn attested_time(&self) -> Result<Option<Time>, StoreError> {
        let size = self.newest()?.map_or(0, |published| published.size);
        Ok(self.attested(size)?.newest_time())
    }

    /// Returns the times since which the log has had its entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn had(&self) -> Result<Had, StoreError> {
        let first = self.reader.seen_first()?;
        let size = self.newest()?.map_or(0, |published| published.size);
        let attested = self.attested(size)?;
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        attested.had(first.as_ref(), cache.trust.as_ref())
    }

    /// Returns the known checkpoints and key notes up to at least this size.
    pub(super) fn attested(&self, size: u64) -> Result<Attested, StoreError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let AttestationCache { trust, attested } = &mut *cache;
        attested.catch_up(&*self.reader, trust.as_ref(), size)?;
        Ok(attested.clone())
    }
}
