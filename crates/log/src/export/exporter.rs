//! What makes exports, and remembers what does not change.

use std::sync::{Arc, Mutex, PoisonError};

use countersign::link::ChainId;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_query::{Parsers, Query};
use roaring::RoaringTreemap;
use tokio::sync::watch;

use super::attest::{Attested, Had};
use super::candidates::{Candidates, Index};
use super::request::{ExportError, shows};
use crate::looking::Looking;
use crate::store::{Published, Reader, StoreError};
use crate::tokens::Scope;

/// Makes exports of one log. It remembers what does not change: checkpoints and key notes.
pub struct Exporter {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) origin: String,
    pub(super) parsers: Parsers,
    search: Option<Arc<dyn Index>>,
    announced: Option<watch::Receiver<Option<Arc<Published>>>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Whose quorum decides when a checkpoint existed.
    trust: Option<Trust>,
    attested: Attested,
}

impl Exporter {
    /// Of the log of that origin. Where its trust file has a quorum, that tells when a checkpoint existed; without
    /// one all cosignatures do.
    pub fn new(reader: Arc<dyn Reader>, origin: impl Into<String>, trust: Option<Trust>) -> Self {
        let known = Mutex::new(Known { trust, attested: Attested::default() });
        let parsers = Parsers::built_in();
        Self { reader, origin: origin.into(), parsers, search: None, announced: None, known }
    }

    /// Shows only checkpoints that the sequencer announced. Without this, exports end at the store's newest checkpoint, which
    /// a folder without witnesses has before the memory of what was signed does.
    #[must_use]
    pub fn with_announced(mut self, announced: watch::Receiver<Option<Arc<Published>>>) -> Self {
        self.announced = Some(announced);
        self
    }

    /// The newest checkpoint that may be shown.
    pub(super) fn newest(&self) -> Result<Option<Published>, StoreError> {
        match &self.announced {
            Some(announced) => Ok(announced.borrow().as_deref().cloned()),
            None => self.reader.published(),
        }
    }

    /// The same, reading events by these.
    #[must_use]
    pub fn with_parsers(mut self, parsers: Parsers) -> Self {
        self.parsers = parsers;
        self
    }

    /// How events are read.
    pub fn parsers(&self) -> &Parsers {
        &self.parsers
    }

    /// Goes by another trust file from now on.
    pub fn set_trust(&self, trust: Option<&Trust>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.trust.as_ref() != trust {
            *known = Known { trust: trust.cloned(), attested: Attested::default() };
        }
    }

    /// The same with an index that tells where to look for events.
    #[must_use]
    pub fn with_search(mut self, search: Arc<dyn Index>) -> Self {
        self.search = Some(search);
        self
    }

    /// The indexes of these links.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] when the log has not published one of them, or it is not within the scope, and the store's own.
    pub fn find(&self, places: &[(ChainId, u64)], scope: &Scope) -> Result<RoaringTreemap, ExportError> {
        self.find_below(places, scope, self.published_size()?)
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
                // What others have is answered like what nobody has.
                _ => return Err(ExportError::NotFound(format!("the log has no link {chain}/{seq}"))),
            };
            found.insert(index);
        }
        Ok(found)
    }

    /// The pages on which there may be an event or link of the scope that is as asked.
    pub(super) fn candidates(&self, scope: &Scope, asked: &Query) -> Result<Candidates, StoreError> {
        match &self.search {
            Some(search) => search.candidates(scope, asked),
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
                shows(&mut Looking::new(&self.parsers), &*self.reader, scope, &link, &event)
            }
            None => Ok(false),
        }
    }

    /// When the newest checkpoint existed that witnesses saw, if any did: by the quorum, or else its first cosignature.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn attested_time(&self) -> Result<Option<Time>, StoreError> {
        let size = self.newest()?.map_or(0, |published| published.size);
        Ok(self.attested(size)?.newest_time())
    }

    /// Since when the log has its leaves.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn had(&self) -> Result<Had, StoreError> {
        let first = self.reader.seen_first()?;
        let size = self.newest()?.map_or(0, |published| published.size);
        let attested = self.attested(size)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        attested.had(first.as_ref(), known.trust.as_ref())
    }

    /// What is known of checkpoints and key notes, up to that size at least.
    pub(super) fn attested(&self, size: u64) -> Result<Attested, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { trust, attested } = &mut *known;
        attested.catch_up(&*self.reader, trust.as_ref(), size)?;
        Ok(attested.clone())
    }
}
