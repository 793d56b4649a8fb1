//! What is asked of an export, and why there may be none.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use countersign::link::{ChainId, Link};

use crate::event_filter::Asked;
use crate::looking::Looking;
use crate::store::{EntryReader, Published, StoreError, StoredEvent};
use crate::tokens::Scope;

/// The number of leaves that are read from the store at a time.
pub const PAGE: u64 = 64;

/// Where checkpoints follow each other fast, live views tell of them together this often.
pub const GATHER: Duration = Duration::from_millis(50);

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
    /// The request makes no sense for this log.
    #[error("{parameter}: {message}")]
    Invalid {
        /// Which part of the request.
        parameter: &'static str,
        /// The reason.
        message: String,
    },
    /// The log does not have what is asked for.
    #[error("{0}")]
    NotFound(String),
    /// Nobody waits for it any more.
    #[error("nobody waits for this export any more")]
    Canceled,
    /// The reader's token is not good any more, or not for the same.
    #[error("the reader's token is not good any more")]
    Revoked,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// The leaves that a request is about, if the checkpoint has them.
pub(super) fn range(request: &Request, published: &Published) -> Result<Range<u64>, ExportError> {
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
