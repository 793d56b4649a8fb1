//! What the first pass finds: which leaves an export has.

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

/// What an export has.
pub struct Plan {
    pub(super) reader: Arc<dyn Reader>,
    /// None where an export goes on that was begun before.
    pub(super) header: Option<Header>,
    /// The index of the first leaf or skip.
    pub(super) begin: u64,
    /// All leaves of this range are shown.
    pub(super) whole: Range<u64>,
    /// The other leaves that are here.
    pub(super) kept: RoaringTreemap,
    /// Those of them whose event is shown too.
    pub(super) shown: RoaringTreemap,
    /// The sizes at which there is a checkpoint, or a break in the skips at least.
    pub(super) stops: BTreeMap<u64, Boundary>,
    /// The checkpoint at the end.
    pub(super) published: Published,
    /// Which events there are for who asked.
    pub(super) scope: Arc<Scope>,
    /// How events are read.
    pub(super) parsers: Parsers,
}

/// The checkpoint at which an export stops at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The kept checkpoint of that size, where the store still has it.
    Kept,
    /// The newest checkpoint, and the end.
    Newest,
}

impl Plan {
    /// The range that the export claims to have whole; without a second index it has no end.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        self.header.as_ref().and_then(|header| header.range)
    }

    /// The index of the first of the leaves that are all here.
    pub fn first(&self) -> u64 {
        self.whole.start
    }

    /// How many leaves the log had published.
    pub fn size(&self) -> u64 {
        self.published.size
    }

    /// The indexes of the events that match, where there are conditions.
    pub fn shown(&self) -> &RoaringTreemap {
        &self.shown
    }

    /// The second pass.
    pub fn lines(self) -> Lines {
        Lines::new(self)
    }
}

impl Exporter {
    /// Goes on with a live view that has come to that size: all leaves since, with the kept checkpoints. With `again`
    /// one of this very size comes first, if the log has it: who lost the connection may not have got it. There is no
    /// header.
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

    /// How many leaves the log has published.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] when there is no checkpoint yet, and the store's own.
    pub fn published_size(&self) -> Result<u64, ExportError> {
        Ok(self.published()?.size)
    }

    pub(super) fn published(&self) -> Result<Published, ExportError> {
        let published = self.newest()?;
        published.ok_or_else(|| ExportError::NotFound("the log has published nothing yet".into()))
    }
}
