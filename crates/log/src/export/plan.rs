//! The result of the first pass: the entries of an export.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign_query::Parsers;
use roaring::RoaringTreemap;

use super::exporter::Exporter;
use super::lines::Lines;
use super::request::{ExportError, Request, range};
use crate::store::{Published, Reader};
use crate::tokens::Scope;

/// The plan of an export.
pub struct Plan {
    pub(super) reader: Arc<dyn Reader>,
    /// The header; `None` if this continues an earlier export.
    pub(super) header: Option<Header>,
    /// The index of the first entry or skip.
    pub(super) begin: u64,
    /// The range whose entries are all shown.
    pub(super) whole: Range<u64>,
    /// The other kept entries.
    pub(super) kept: RoaringTreemap,
    /// The kept entries whose event is shown.
    pub(super) shown: RoaringTreemap,
    /// The sizes at which there is a checkpoint, or at least a boundary between skips.
    pub(super) stops: BTreeMap<u64, Boundary>,
    /// The last checkpoint.
    pub(super) published: Published,
    /// The events that the reader may see.
    pub(super) scope: Arc<Scope>,
    /// The parsers for events.
    pub(super) parsers: Parsers,
}

/// The kind of checkpoint at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The kept checkpoint of that size, if the store still has it.
    Kept,
    /// The newest checkpoint, which ends the export.
    Newest,
}

impl Plan {
    /// Returns the range that the export claims to contain completely. Without a second index it has no end.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        self.header.as_ref().and_then(|header| header.range)
    }

    /// Returns the index of the first entry of the complete range.
    pub fn first(&self) -> u64 {
        self.whole.start
    }

    /// Returns the number of published entries.
    pub fn size(&self) -> u64 {
        self.published.size
    }

    /// Returns the indexes of the matching events, if there are conditions.
    pub fn shown(&self) -> &RoaringTreemap {
        &self.shown
    }

    /// Starts the second pass.
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }
}

impl Exporter {
    /// Continues a live view from a size: all entries since, with the kept checkpoints, and without a header. With
    /// `again`, a checkpoint of this very size comes first, if the log has one: a client that lost the connection may
    /// not have received it.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::begin`].
    pub fn plan_further(&self, size: u64, scope: &Arc<Scope>, again: bool) -> Result<Plan, ExportError> {
        let published = self.published()?;
        let whole = range(&Request { from: Some(size), ..Request::default() }, &published)?;
        let kept = self.reader.checkpoints(size + u64::from(!again)..published.size)?;
        let mut stops: BTreeMap<u64, Boundary> =
            kept.iter().map(|kept| (kept.size, Boundary::Kept)).collect();
        if published.size > size || again {
            stops.insert(published.size, Boundary::Newest);
        }
        let (kept, shown) = Default::default();
        let reader = self.reader.clone();
        let scope = scope.clone();
        let parsers = self.parsers.clone();
        Ok(Plan { reader, header: None, begin: size, whole, kept, shown, stops, published, scope, parsers })
    }

    /// Returns the number of published entries.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] if there is no checkpoint yet, and [`ExportError::Store`].
    pub fn published_size(&self) -> Result<u64, ExportError> {
        Ok(self.published()?.size)
    }

    pub(super) fn published(&self) -> Result<Published, ExportError> {
        let published = self.newest()?;
        published.ok_or_else(|| ExportError::NotFound("the log has not published a checkpoint yet".into()))
    }
}
