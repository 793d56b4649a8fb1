//! The result of the first pass: the entries of an export.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::tenant::{Anchor, required_anchors};
use countersign_query::Parsers;
use roaring::RoaringTreemap;

use super::exporter::Exporter;
use super::lines::Lines;
use super::live_state::LiveState;
use super::request::{ExportError, Request, range};
use crate::store::{Published, Reader, StoreError};
use crate::tokens::Scope;

/// The plan of an export.
pub struct Plan {
    pub(super) reader: Arc<dyn Reader>,
    /// The header; `None` if this continues an earlier export.
    pub(super) header: Option<Header>,
    /// The state of the reader before the first line.
    pub(super) begin: LiveState,
    /// The range whose entries are all shown.
    pub(super) whole: Range<u64>,
    /// The other kept entries.
    pub(super) kept: RoaringTreemap,
    /// The kept entries whose event is shown.
    pub(super) shown: RoaringTreemap,
    /// The checkpoints, and other boundaries between skips, by ascending size. A tenant log can have several stops at
    /// one size, by ascending tick.
    pub(super) stops: VecDeque<Stop>,
    /// The last checkpoint.
    pub(super) published: Published,
    /// The events that the reader may see.
    pub(super) scope: Arc<Scope>,
    /// The parsers for events.
    pub(super) parsers: Parsers,
}

/// A place between entries at which there is a checkpoint, or at least a boundary between skips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    /// The number of entries before it.
    pub(super) size: u64,
    pub(super) kind: Boundary,
}

/// Returns the stops of a tenant log: these kept heads and the newest head, by ascending tick, each with its size first;
/// and before each head the anchors that it proves. `first` is the least tick of an anchor to show.
pub(super) fn stops_of_tenant(
    reader: &dyn Reader,
    first: u64,
    kept: &[(u64, u64)],
    newest: (u64, u64),
) -> Result<VecDeque<Stop>, StoreError> {
    let required = required_anchors(newest.1);
    let mut from = first;
    let mut stops = VecDeque::new();
    for &(size, tick) in kept.iter().chain([&newest]) {
        let within = |bound: u64| required.partition_point(|anchor| *anchor < bound);
        let anchors = required.get(within(from)..within(tick)).unwrap_or_default();
        if !anchors.is_empty() {
            // A head is at the last entry of its checkpoint.
            let anchors = reader.anchors(anchors, tick + 1)?.into_iter().map(Arc::new);
            stops.extend(
                anchors.map(|anchor| Stop { size: anchor.head.size, kind: Boundary::Anchor(anchor) }),
            );
        }
        let kind = if tick == newest.1 { Boundary::Newest } else { Boundary::Head(tick) };
        stops.push_back(Stop { size, kind });
        from = from.max(tick);
    }
    Ok(stops)
}

/// The kind of checkpoint at a stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Boundary {
    /// The kept checkpoint of that size, if the store still has it. None in a tenant log.
    Kept,
    /// The kept head of a tenant log at this tick.
    Head(u64),
    /// An anchor of a tenant log. The next head proves it.
    Anchor(Arc<Anchor>),
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

    /// True if the plan has a header, so it doesn't continue an earlier export.
    pub fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Adds a boundary at a size that has no stop.
    pub(super) fn stop_at(&mut self, size: u64) {
        let at = self.stops.partition_point(|stop| stop.size < size);
        if self.stops.get(at).is_none_or(|stop| stop.size != size) {
            self.stops.insert(at, Stop { size, kind: Boundary::Kept });
        }
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
    /// A tenant log's view gets only heads of later ticks than `at` has, each after its anchors, and nothing if there are
    /// none.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::begin`]; [`ExportError::Invalid`] if `at` has a tick, but the log doesn't, or
    /// not such a late one.
    /// [`ExportError::Restart`] if the reader has anchors, and the head that proves them is no longer the newest.
    pub fn plan_continuation(
        &self,
        at: impl Into<LiveState>,
        scope: &Arc<Scope>,
        again: bool,
    ) -> Result<Plan, ExportError> {
        let (begin, published) = (at.into(), self.published()?);
        let LiveState { size, tick, awaited } = begin;
        let newest = published.state().tick()?;
        if tick.is_some() && newest.is_none() {
            let message = "must have no tick: the log is not a tenant's".to_owned();
            return Err(ExportError::Invalid { parameter: "from", message });
        }
        let mut whole = range(&Request { from: Some(size), ..Request::default() }, &published)?;
        let mut stops = VecDeque::new();
        if let Some(newest) = newest {
            if tick > Some(newest) {
                let message = format!("must not have a later tick than {newest}, the newest one");
                return Err(ExportError::Invalid { parameter: "from", message });
            }
            if !begin.can_show(newest, published.witnessed) {
                return Err(ExportError::Restart);
            }
            if tick == Some(newest) {
                whole = size..size;
            } else {
                let mut kept = Vec::new();
                if awaited.is_none() || awaited == tick {
                    for head in self.reader.checkpoints(size..published.size + 1)? {
                        let at = head.state().tick()?.filter(|at| Some(*at) > tick && *at < newest);
                        kept.extend(at.map(|at| (head.size, at)));
                    }
                }
                stops = stops_of_tenant(&*self.reader, begin.next_anchor(), &kept, (published.size, newest))?;
            }
        } else {
            for kept in self.reader.checkpoints(size + u64::from(!again)..published.size)? {
                stops.push_back(Stop { size: kept.size, kind: Boundary::Kept });
            }
            if published.size > size || again {
                stops.push_back(Stop { size: published.size, kind: Boundary::Newest });
            }
        }
        let (kept, shown) = Default::default();
        let reader = self.reader.clone();
        let scope = scope.clone();
        let parsers = self.parsers.clone();
        Ok(Plan { reader, header: None, begin, whole, kept, shown, stops, published, scope, parsers })
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
