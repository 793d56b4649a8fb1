//! The parameters of an export, and its errors.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use countersign::link::{ChainId, Link};

use crate::entry_matcher::EntryMatcher;
use crate::event_filter::EventFilter;
use crate::store::{EntryReader, Published, StoreError, StoredEvent};
use crate::tokens::Scope;

/// The number of entries that are read from the store at a time.
pub const PAGE: u64 = 64;

/// The interval at which live views combine checkpoints that follow each other quickly.
pub const GATHER: Duration = Duration::from_millis(50);

/// The parameters of an export. By default it has the whole log. If only indexes, times, or a limit are given, it has a
/// complete range of the log, and claims so in its header (SPEC section 7).
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The lowest index.
    pub from: Option<u64>,
    /// The end of the indexes, exclusive.
    pub to: Option<u64>,
    /// The conditions on events.
    pub filter: EventFilter,
    /// The maximum number of events. The newest that match are exported.
    pub limit: Option<u64>,
    /// The links to export with their events, by chain and sequence number. If not empty, all other
    /// parameters are ignored.
    pub places: Vec<(ChainId, u64)>,
    /// The size of a checkpoint that the reader pinned. The export has a boundary at exactly this size.
    pub boundary: Option<u64>,
    /// True if a live view continues the export. The range that it claims then has no end, unless `to` or a time sets
    /// one.
    pub goes_on: bool,
    /// The events that the reader may see. Others are withheld.
    pub scope: Arc<Scope>,
}

/// The reason why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A parameter is invalid for this log.
    #[error("{parameter}: {message}")]
    Invalid {
        /// The name of the parameter.
        parameter: &'static str,
        /// The rule that its value violates.
        message: String,
    },
    /// The log doesn't have what is requested.
    #[error("{0}")]
    NotFound(String),
    /// A live view can't be continued: its reader has to start again.
    #[error("the live view can't be continued from what the reader has")]
    Restart,
    /// The client disconnected before the export was complete.
    #[error("the client disconnected")]
    Canceled,
    /// The reader's token is no longer valid, or no longer grants the same access.
    #[error("the reader's token is no longer valid")]
    Revoked,
    /// The store failed during the export.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// True if a link is within the scope, considering its event. If the scope has conditions on events, a link without its
/// event is outside.
pub(crate) fn shows(
    matcher: &mut EntryMatcher,
    reader: &dyn EntryReader,
    scope: &Scope,
    link: &Link,
    event: &StoredEvent,
) -> Result<bool, StoreError> {
    matcher.matches(reader, scope.query(), link, text(event))
}

/// Returns the event's text, if the store has it.
pub(crate) fn text(event: &StoredEvent) -> Option<&str> {
    if let StoredEvent::Here(event) = event { Some(&event.text) } else { None }
}

/// Returns the range of a request, if the checkpoint covers it.
pub(super) fn range(request: &Request, published: &Published) -> Result<Range<u64>, ExportError> {
    let size = published.size;
    let within = |parameter, index: u64| {
        if index <= size {
            return Ok(index);
        }
        let message = format!("must be at most {size}, the number of published entries");
        Err(ExportError::Invalid { parameter, message })
    };
    if let Some(boundary) = request.boundary {
        within("boundary", boundary)?;
    }
    let from = within("from", request.from.unwrap_or(0))?;
    let to = within("to", request.to.unwrap_or(size))?;
    if from > to {
        let message = format!("must not be less than `from`, which is {from}");
        return Err(ExportError::Invalid { parameter: "to", message });
    }
    Ok(from..to)
}
