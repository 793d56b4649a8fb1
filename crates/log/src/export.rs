//! Exports out of a store: any part of a log as a stream of lines that verifies by itself (SPEC section 7).
//!
//! An export is made in two passes. [`Exporter::plan`], or [`Exporter::begin`] step by step, finds out which leaves it has: the ones that are asked for,
//! the links that prove them, every key note, the open links of the chains shown, and the checkpoints that tell when
//! they were there. [`Plan::lines`] then writes them, a piece at a time and only as fast as they are taken. In memory
//! are a bitmap of leaves, a few numbers for each chain shown and each checkpoint, and one page of leaves.
//!
//! Nothing beyond the newest published checkpoint is ever in an export.

mod attest;
mod candidates;
mod explain;
mod gathering;
mod lines;
mod plan;
mod planning;
mod skips;
mod stretch;

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::link::{ChainId, Link};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_query::{Query, Readings};
use roaring::RoaringTreemap;
use tokio::sync::watch;

use crate::asked::{Asked, Looking};
use crate::store::{EntryReader, Published, Reader, StoreError, StoredEvent};
use crate::tokens::Scope;
use attest::Attested;
pub use attest::Had;
pub use attest::void_grants;

pub use candidates::{Candidates, Entries, Index};
pub use explain::{Explained, Explaining};
pub use lines::{Line, Lines};
pub use plan::Plan;
pub use planning::Planning;

/// How many leaves are read from the store at a time.
pub const PAGE: u64 = 64;

/// What an export shows. The default is the whole log. Where indexes, times or a number of events alone are asked for, it is
/// a stretch of the log, whole, and claims to be (SPEC section 7).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Only leaves from this index on.
    pub from: Option<u64>,
    /// Only leaves below this index.
    pub to: Option<u64>,
    /// Only events that match, and the links that prove them.
    pub asked: Asked,
    /// Only so many events, the newest that match.
    pub limit: Option<u64>,
    /// Only these links, each with its event, by chain and place there.
    pub places: Vec<(ChainId, u64)>,
    /// The size of a checkpoint that the reader pinned: the export reaches exactly this size.
    pub boundary: Option<u64>,
    /// Whether a live view is to go on from it: what it claims then has no end, unless `to` or a time gives it one.
    pub goes_on: bool,
    /// Which events there are for who asks. Of others no more is told than that they are not shown.
    pub scope: Arc<Scope>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// What is asked for makes no sense for this log.
    #[error("{parameter}: {message}")]
    Invalid {
        /// Which part of the request.
        parameter: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The log does not have what is asked for.
    #[error("{0}")]
    NotFound(String),
    /// Nobody waits for it any more.
    #[error("nobody waits for this export any more")]
    Cancelled,
    /// The reader's token is not good any more, or not for the same.
    #[error("the reader's token is not good any more")]
    Revoked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes exports of one log. It remembers what does not change: checkpoints and key notes.
pub struct Exporter {
    reader: Arc<dyn Reader>,
    origin: String,
    readings: Readings,
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
        let readings = Readings::built_in();
        Self { reader, origin: origin.into(), readings, search: None, announced: None, known }
    }

    /// Shows only checkpoints that the sequencer announced. Without this, exports end at the store's newest checkpoint, which
    /// a folder without witnesses has before the memory of what was signed does.
    #[must_use]
    pub fn with_announced(mut self, announced: watch::Receiver<Option<Arc<Published>>>) -> Self {
        self.announced = Some(announced);
        self
    }

    /// The newest checkpoint that may be shown.
    fn newest(&self) -> Result<Option<Published>, StoreError> {
        match &self.announced {
            Some(announced) => Ok(announced.borrow().as_deref().cloned()),
            None => self.reader.published(),
        }
    }

    /// The same, reading events by these.
    #[must_use]
    pub fn with_readings(mut self, readings: Readings) -> Self {
        self.readings = readings;
        self
    }

    /// How events are read.
    pub fn readings(&self) -> &Readings {
        &self.readings
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

    /// Finds out what an export has. `cancelled` is asked from time to time whether anybody still waits.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn plan(&self, request: &Request, cancelled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        self.begin(request)?.finish(cancelled)
    }

    /// The indexes of these links.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] when the log has not published one of them, or it is not within the scope, and the store's own.
    pub fn find(&self, places: &[(ChainId, u64)], scope: &Scope) -> Result<RoaringTreemap, ExportError> {
        self.find_below(places, scope, self.published_size()?)
    }

    fn find_below(
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
    fn candidates(&self, scope: &Scope, asked: &Query) -> Result<Candidates, StoreError> {
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
                shows(&mut Looking::new(&self.readings), &*self.reader, scope, &link, &event)
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
    fn attested(&self, size: u64) -> Result<Attested, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { trust, attested } = &mut *known;
        attested.catch_up(&*self.reader, trust.as_ref(), size)?;
        Ok(attested.clone())
    }
}

/// Whether a link and what became of its event are within the scope. Where events decide, one that is gone is in none.
pub(crate) fn shows(
    looking: &mut Looking,
    reader: &dyn EntryReader,
    scope: &Scope,
    link: &Link,
    event: &StoredEvent,
) -> Result<bool, StoreError> {
    looking.matches(reader, scope.query(), link, text(event))
}

/// An event's text, where it is here.
pub(crate) fn text(event: &StoredEvent) -> Option<&str> {
    if let StoredEvent::Here(event) = event { Some(&event.text) } else { None }
}

fn range(request: &Request, published: &Published) -> Result<Range<u64>, ExportError> {
    let size = published.size;
    let within = |parameter, index: u64| {
        if index <= size {
            return Ok(index);
        }
        let message = format!("the log has published {size} entries and no more");
        Err(ExportError::Invalid { parameter, message })
    };
    if let Some(boundary) = request.boundary {
        within("boundary", boundary)?;
    }
    let from = within("from", request.from.unwrap_or(0))?;
    let to = within("to", request.to.unwrap_or(size))?;
    if from > to {
        let message = format!("there is nothing from {from} up to {to}");
        return Err(ExportError::Invalid { parameter: "to", message });
    }
    Ok(from..to)
}
