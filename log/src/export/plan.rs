//! The first pass: which leaves an export has.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::link::{ChainId, Link};
use countersign_query::Readings;
use roaring::RoaringTreemap;

use super::attest::Attested;
use super::lines::Lines;
use super::{Candidates, ExportError, Exporter, PAGE, Request, shows, text};
use crate::asked::Looking;
use crate::store::{Published, Reader, StoreError, link};
use crate::tokens::Scope;

/// Of how many leaves before its beginning a live view shows the chains' open links.
const RECENT: u64 = 16_384;

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
    pub(super) stops: BTreeMap<u64, Stop>,
    /// The checkpoint at the end.
    pub(super) published: Published,
    /// Which events there are for who asked.
    pub(super) scope: Arc<Scope>,
    /// How events are read.
    pub(super) readings: Readings,
}

/// What there is at a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The kept checkpoint of that size, where the store still has it.
    Kept,
    /// The newest checkpoint, and the end.
    Newest,
}

impl Plan {
    /// The range that the export claims to have whole.
    pub fn range(&self) -> Option<(u64, u64)> {
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

pub(super) fn plan(
    exporter: &Exporter,
    request: &Request,
    range: Range<u64>,
    published: Published,
    attested: &Attested,
    cancelled: &dyn Fn() -> bool,
) -> Result<Plan, ExportError> {
    let mut gathering = Gathering::new(exporter, published.size, &request.scope);
    let mut whole = 0..0;
    if !request.places.is_empty() {
        gathering.gather_places(&request.places)?;
    } else if request.asked.is_empty() && request.limit.is_none() && request.scope.is_everything() {
        whole = range;
        gathering.complete(&whole, cancelled)?;
    } else {
        gathering.gather(request, range, cancelled)?;
    }
    let claimed = (!whole.is_empty()).then_some((whole.start, whole.end));
    let header = Header { origin: exporter.origin.clone(), range: claimed };
    let mut plan = gathering.end(Some(header), whole, published, attested);
    plan.stops
        .extend(request.boundary.filter(|size| *size < plan.published.size).map(|size| (size, Stop::Kept)));
    Ok(plan)
}

impl Exporter {
    /// Finds out what a live view has that begins with the leaf of that index, or the next one that comes: all leaves
    /// from there on, and before them every key note and the open links of chains that go on in them or were lately in use. A
    /// chain that was silent for 16,384 leaves, and goes on after what there is now, has its open link before that: it cannot be
    /// authenticated in this view. Events beyond the scope are withheld.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`].
    pub fn plan_live(
        &self,
        from: Option<u64>,
        scope: &Arc<Scope>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Plan, ExportError> {
        let published = self.published()?;
        let from = Some(from.unwrap_or(published.size));
        let from = super::range(&Request { from, ..Request::default() }, &published)?.start;
        let attested = self.attested(published.size)?;
        let mut gathering = Gathering::new(self, published.size, scope);
        let whole = from..published.size;
        gathering.open(&(from.saturating_sub(RECENT)..from), cancelled)?;
        gathering.complete(&whole, cancelled)?;
        let header = Header { origin: self.origin.clone(), range: None };
        Ok(gathering.end(Some(header), whole, published, &attested))
    }

    /// Goes on with a live view that has come to that size: all leaves since, with the kept checkpoints. With `again`
    /// one of this very size comes first, if the log has it: who lost the connection may not have got it. There is no
    /// header.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::plan`].
    pub fn plan_further(&self, size: u64, scope: &Arc<Scope>, again: bool) -> Result<Plan, ExportError> {
        let published = self.published()?;
        let whole = super::range(&Request { from: Some(size), ..Request::default() }, &published)?;
        let kept = self.reader.checkpoints(size + u64::from(!again)..published.size)?;
        let mut stops: BTreeMap<u64, Stop> = kept.iter().map(|kept| (kept.size, Stop::Kept)).collect();
        if published.size > size || again {
            stops.insert(published.size, Stop::Newest);
        }
        let (kept, shown) = Default::default();
        let reader = self.reader.clone();
        let scope = scope.clone();
        let readings = self.readings.clone();
        Ok(Plan { reader, header: None, begin: size, whole, kept, shown, stops, published, scope, readings })
    }

    /// How many leaves the log has published.
    ///
    /// # Errors
    /// [`ExportError::NotFound`] when there is no checkpoint yet, and the store's own.
    pub fn published_size(&self) -> Result<u64, ExportError> {
        Ok(self.published()?.size)
    }

    fn published(&self) -> Result<Published, ExportError> {
        let published = self.reader.published()?;
        published.ok_or_else(|| ExportError::NotFound("the log has published nothing yet".into()))
    }
}

/// Leaves that are found to be needed.
struct Gathering<'e> {
    exporter: &'e Exporter,
    reader: &'e dyn Reader,
    size: u64,
    /// Every link here is signed, or the links after it up to the next signed one are here.
    kept: RoaringTreemap,
    shown: RoaringTreemap,
    /// The last link here of each chain.
    chains: HashMap<ChainId, u64>,
    scope: &'e Arc<Scope>,
}

/// Leaves that are next to each other, parsed.
struct Page {
    first: u64,
    links: Vec<Option<Link>>,
}

impl Page {
    fn new<'a>(first: u64, leaves: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { first, links: leaves.map(link).collect() }
    }

    fn get(&self, index: u64) -> Option<&Link> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.links.get(place)?.as_ref()
    }
}

impl<'e> Gathering<'e> {
    fn new(exporter: &'e Exporter, size: u64, scope: &'e Arc<Scope>) -> Self {
        let (kept, shown, chains) = Default::default();
        Self { exporter, reader: &*exporter.reader, size, kept, shown, chains, scope }
    }

    /// Single links by their places.
    fn gather_places(&mut self, places: &[(ChainId, u64)]) -> Result<(), ExportError> {
        for index in self.exporter.find_below(places, self.scope, self.size)? {
            let leaves = self.reader.leaves(index..index + 1)?;
            let page = Page::new(index, leaves.iter().map(Vec::as_slice));
            let link = page.get(index).ok_or_else(|| damaged(index))?;
            self.show(index, link, &page)?;
        }
        Ok(())
    }

    /// The links that match, by way of the search index where there is one.
    fn gather(
        &mut self,
        request: &Request,
        range: Range<u64>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), ExportError> {
        let Request { asked, limit, scope, .. } = request;
        if *limit == Some(0) {
            return Err(ExportError::Invalid { parameter: "limit", message: "ask for 1 or more".into() });
        }
        // What a reader may see and what is asked for are one question.
        let query = scope.query().clone().and(asked.query().clone());
        let candidates = match &self.exporter.search {
            Some(search) => search.candidates(&query)?,
            None => Candidates::all(),
        };
        let may_have = |page: &u64| candidates.has(*page);
        let mut looking = Looking::new(&self.exporter.readings);
        // Without conditions on events open and close links match, and those whose event is gone.
        let events_alone = query.reads_events() || limit.is_some();
        let mut left = limit.unwrap_or(u64::MAX);
        let pages = range.start / PAGE..range.end.div_ceil(PAGE);
        let pages: Box<dyn Iterator<Item = u64>> =
            if limit.is_some() { Box::new(pages.rev()) } else { Box::new(pages) };
        for number in pages.filter(may_have) {
            if cancelled() {
                return Err(ExportError::Cancelled);
            }
            let first = (number * PAGE).max(range.start);
            let leaves = self.reader.leaves_with_events(first..((number + 1) * PAGE).min(range.end))?;
            let page = Page::new(first, leaves.iter().map(|leaf| leaf.leaf.as_slice()));
            for (place, leaf) in leaves.iter().enumerate().rev() {
                let index = first + place as u64;
                let Some(link) = page.get(index) else { continue };
                let event = text(&leaf.event);
                if (event.is_some() || !events_alone)
                    && looking.matches(self.reader, asked.query(), link, event)?
                    && shows(&mut looking, self.reader, scope, link, &leaf.event)?
                {
                    self.show(index, link, &page)?;
                    left -= 1;
                    if left == 0 {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// What proves a range that is here whole: open links before it, and what covers its last links after it.
    fn complete(&mut self, whole: &Range<u64>, cancelled: &dyn Fn() -> bool) -> Result<(), ExportError> {
        if *whole == (0..self.size) {
            return Ok(());
        }
        let mut unsigned: HashMap<ChainId, (u64, u64)> = HashMap::new();
        self.each_link(whole, cancelled, &mut |this, index, link| {
            let chain = link.chain();
            this.keep_open(chain, index)?;
            match link.signature() {
                None => _ = unsigned.insert(chain, (link.seq(), index)),
                Some(_) => _ = unsigned.remove(&chain),
            }
            Ok(())
        })?;
        for (chain, (seq, index)) in unsigned {
            self.cover(chain, seq, index, None)?;
        }
        Ok(())
    }

    /// The open links of the chains that have links in that range.
    fn open(&mut self, range: &Range<u64>, cancelled: &dyn Fn() -> bool) -> Result<(), ExportError> {
        let mut chains: HashMap<ChainId, bool> = HashMap::new();
        self.each_link(range, cancelled, &mut |_, _, link| {
            chains.insert(link.chain(), matches!(link, Link::Close(_)));
            Ok(())
        })?;
        for (chain, _) in chains.into_iter().filter(|(_, closed)| !closed) {
            self.kept.extend(self.reader.index_of(&chain, 0)?);
        }
        Ok(())
    }

    fn each_link(
        &mut self,
        range: &Range<u64>,
        cancelled: &dyn Fn() -> bool,
        each: &mut dyn FnMut(&mut Self, u64, &Link) -> Result<(), StoreError>,
    ) -> Result<(), ExportError> {
        let mut first = range.start;
        while first < range.end {
            if cancelled() {
                return Err(ExportError::Cancelled);
            }
            let end = range.end.min(first + PAGE);
            for (leaf, index) in self.reader.leaves(first..end)?.iter().zip(first..) {
                if let Some(link) = link(leaf) {
                    each(self, index, &link)?;
                }
            }
            first = end;
        }
        Ok(())
    }

    /// A link is shown, with its event where it has one.
    fn show(&mut self, index: u64, link: &Link, page: &Page) -> Result<(), StoreError> {
        self.shown.insert(index);
        if self.keep(index, link)? && link.signature().is_none() {
            self.cover(link.chain(), link.seq(), index, Some(page))?;
        }
        Ok(())
    }

    /// A link is here. Says whether it was not before.
    fn keep(&mut self, index: u64, link: &Link) -> Result<bool, StoreError> {
        self.keep_open(link.chain(), index)?;
        Ok(self.kept.insert(index))
    }

    /// A link of the chain is here, so its open link has to be.
    fn keep_open(&mut self, chain: ChainId, index: u64) -> Result<(), StoreError> {
        if let Some(last) = self.chains.get_mut(&chain) {
            *last = index.max(*last);
            return Ok(());
        }
        self.chains.insert(chain, index);
        self.kept.extend(self.reader.index_of(&chain, 0)?);
        Ok(())
    }

    /// Keeps the links after that one, up to and including the next that is signed.
    fn cover(
        &mut self,
        chain: ChainId,
        seq: u64,
        mut index: u64,
        page: Option<&Page>,
    ) -> Result<(), StoreError> {
        let mut ahead: Option<Page> = None;
        for seq in seq + 1.. {
            let known = |index: u64| page.into_iter().chain(&ahead).find_map(|page| page.get(index));
            // Most often it is the next leaf.
            let is_next = |link: &Link| link.chain() == chain && link.seq() == seq;
            if known(index + 1).is_some_and(is_next) {
                index += 1;
            } else if let Some(next) = self.reader.index_of(&chain, seq)?.filter(|next| *next < self.size) {
                index = next;
            } else {
                break;
            }
            let signed = if let Some(link) = known(index) {
                self.keep_covering(index, link)?
            } else {
                // What follows is likely to be needed too.
                let leaves = self.reader.leaves(index..self.size.min(index + PAGE))?;
                let read = ahead.insert(Page::new(index, leaves.iter().map(Vec::as_slice)));
                self.keep_covering(index, read.get(index).ok_or_else(|| damaged(index))?)?
            };
            if signed {
                break;
            }
        }
        Ok(())
    }

    /// Says whether no further link is needed.
    fn keep_covering(&mut self, index: u64, link: &Link) -> Result<bool, StoreError> {
        Ok(!self.keep(index, link)? || link.signature().is_some())
    }

    fn end(
        self,
        header: Option<Header>,
        whole: Range<u64>,
        published: Published,
        attested: &Attested,
    ) -> Plan {
        let Self { exporter, mut kept, shown, chains, scope, .. } = self;
        let size = published.size;
        let notes = || attested.notes.iter().copied().take_while(move |note| *note < size);
        kept.extend(notes());
        kept.remove_range(whole.clone());
        let shows = |leaves: Range<u64>| {
            let within_whole = leaves.start.max(whole.start) < leaves.end.min(whole.end);
            within_whole || kept.range_cardinality(leaves) > 0
        };
        let sizes = attested.choose(size, &shows, notes().chain(chains.into_values()));
        let within = attested.sizes(if whole.is_empty() { 0..0 } else { whole.start..whole.end + 1 });
        let mut stops: BTreeMap<u64, Stop> =
            sizes.into_iter().chain(within).map(|size| (size, Stop::Kept)).collect();
        stops.insert(size, Stop::Newest);
        let (reader, scope, readings) = (exporter.reader.clone(), scope.clone(), exporter.readings.clone());
        Plan { reader, header, begin: 0, whole, kept, shown, stops, published, scope, readings }
    }
}

fn damaged(index: u64) -> StoreError {
    StoreError::Damaged(format!("leaf {index} is no link"))
}
