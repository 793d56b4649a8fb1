//! The first pass of an export, a slice of a page of entries at a time, so that a host can do other work in between.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::link::{ChainId, Link};
use countersign_query::Query;

use super::attest::Attested;
use super::candidates::Candidates;
use super::exporter::Exporter;
use super::plan::Plan;
use super::range_search::RangeSearch;
use super::request::{ExportError, PAGE, Request, range, text};
use super::selection::{Page, Selection};
use crate::entry_matcher::EntryMatcher;
use crate::store::{Published, StoreError, StoredLeaf};
use crate::tokens::Scope;

/// The number of entries before a live view in which chains count as active, so that their open links are included.
const RECENT_ENTRIES: u64 = 16_384;

/// The first pass of an export in progress.
pub struct Planning {
    selection: Selection,
    stage: Stage,
    origin: String,
    whole: Range<u64>,
    claim: Claim,
    boundary: Option<u64>,
    published: Published,
    attested: Attested,
}

/// The claim in the header about the range that is complete.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    None,
    UpToEnd,
    /// The range has no end, because a live view continues it.
    Unbounded,
}

/// The search that is in progress.
enum Stage {
    /// For links that match.
    Matches(Box<Matches>),
    /// For the bounds of a range, then for its proofs.
    Range(Box<RangeSearch>),
    /// For the proofs of a complete range: open links before it, and the signed links after it that cover its last
    /// links.
    Proofs { left: Range<u64>, unsigned: HashMap<ChainId, (u64, u64)> },
    /// For the open links of chains that are active in a range, then for the proofs of the complete range.
    Opens { left: Range<u64>, chains: HashMap<ChainId, bool> },
    /// No search: the first pass is finished.
    Ended,
}

/// The search for links that match, with the search index if there is one.
pub(super) struct Matches {
    query: Query,
    pub(super) range: Range<u64>,
    candidates: Candidates,
    /// The pages that were not examined yet.
    pages: Range<u64>,
    /// The page that is being examined.
    current: Option<CurrentPage>,
    pub(super) newest_first: bool,
    matcher: EntryMatcher,
    pub(super) left: u64,
    /// True if only present events can match. Without conditions on events, open and close links match too, and links
    /// whose event is missing.
    events_alone: bool,
}

/// A page that is being examined, in slices.
struct CurrentPage {
    page: Page,
    /// The entries that were not examined yet. The last one is next.
    left: Vec<(u64, StoredLeaf)>,
    found: Vec<u64>,
}

/// The result of a slice of a search.
pub(super) enum SliceOutcome {
    /// The page isn't examined yet.
    Unfinished,
    /// A page, and the indexes of its links that match, last first.
    Page(Page, Vec<u64>),
    /// All pages were examined.
    Ended,
}

/// The size of the events after which a slice ends, in bytes. A slice examines at least one event, and at most a page.
const SLICE_BYTES: usize = 256 << 10;

impl Exporter {
    /// Determines the entries of an export. `canceled` is called periodically, and returns true if the
    /// result is no longer needed.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn plan(&self, request: &Request, canceled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        self.begin(request)?.finish(canceled)
    }

    /// Starts the first pass of an export.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin(&self, request: &Request) -> Result<Planning, ExportError> {
        let published = self.published()?;
        let range = range(request, &published)?;
        let attested = self.attested(published.size)?;
        let mut selection = Selection::new(self, published.size, request.scope.clone());
        let (mut whole, mut claim) = (0..0, Claim::None);
        let stage = if !request.places.is_empty() {
            for index in self.find_below(&request.places, &request.scope, published.size)? {
                selection.show_alone(index)?;
            }
            Stage::Ended
        } else if request.filter.is_of_time_alone() && request.scope.is_everything() {
            let is_bounded = request.to.is_some() || request.filter.names().contains(&"until");
            claim = if request.goes_on && !is_bounded { Claim::Unbounded } else { Claim::UpToEnd };
            if request.filter.is_empty() && request.limit.is_none() {
                whole = range;
                claim.stage(&whole, published.size)
            } else {
                let matches = self.matches(request, range)?;
                Stage::Range(Box::new(RangeSearch::new(matches, &request.filter, request.limit)))
            }
        } else {
            Stage::Matches(Box::new(self.matches(request, range)?))
        };
        let (origin, boundary) = (self.origin.clone(), request.boundary);
        Ok(Planning { selection, stage, origin, whole, claim, boundary, published, attested })
    }

    /// Starts the first pass of a live view that starts at an index, or at the next entry that is added. It
    /// has all entries from there on, every key note before them, and the open links of chains that continue
    /// in them or were active recently. A chain without a link in the last 16,384 entries that continues
    /// later has its open link before that, so it can't be authenticated in this view. Events outside the
    /// scope are withheld. If the scope is everything, the view claims to have all entries from its start on.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::begin`].
    pub fn begin_live(&self, from: Option<u64>, scope: &Arc<Scope>) -> Result<Planning, ExportError> {
        let published = self.published()?;
        let from = Some(from.unwrap_or(published.size));
        let from = range(&Request { from, ..Request::default() }, &published)?.start;
        let attested = self.attested(published.size)?;
        let selection = Selection::new(self, published.size, scope.clone());
        let whole = from..published.size;
        let stage = Claim::Unbounded.stage(&whole, published.size);
        let claim = if scope.is_everything() { Claim::Unbounded } else { Claim::None };
        let origin = self.origin.clone();
        Ok(Planning { selection, stage, origin, whole, claim, boundary: None, published, attested })
    }

    fn matches(&self, request: &Request, range: Range<u64>) -> Result<Matches, ExportError> {
        let Request { filter, limit, scope, .. } = request;
        if *limit == Some(0) {
            return Err(ExportError::Invalid { parameter: "limit", message: "must be 1 or greater".into() });
        }
        let candidates = self.candidates(scope, filter.query())?;
        let events_alone = scope.query().reads_events() || filter.query().reads_events() || limit.is_some();
        Ok(Matches {
            current: None,
            query: filter.query().clone(),
            pages: pages_of(&range),
            range,
            candidates,
            newest_first: limit.is_some(),
            matcher: EntryMatcher::for_search(&self.parsers, scope, filter.query()),
            left: limit.unwrap_or(u64::MAX),
            events_alone,
        })
    }
}

impl Claim {
    /// Returns the first stage for a complete range, in a log of this size.
    fn stage(self, whole: &Range<u64>, size: u64) -> Stage {
        if self == Self::Unbounded {
            let left = whole.start.saturating_sub(RECENT_ENTRIES)..whole.start;
            return Stage::Opens { left, chains: HashMap::new() };
        }
        Stage::proofs(whole, size)
    }
}

impl Stage {
    /// Returns the stage that searches for the proofs of a range, in a log of this size.
    fn proofs(whole: &Range<u64>, size: u64) -> Self {
        let left = if *whole == (0..size) { 0..0 } else { whole.clone() };
        Self::Proofs { left, unsigned: HashMap::new() }
    }
}

impl Planning {
    /// True if the range has at most as many entries as are searched for active chains.
    pub(crate) fn is_short(&self) -> bool {
        self.whole.end - self.whole.start <= RECENT_ENTRIES
    }

    /// Examines at most a page of entries. Returns true if there are more.
    ///
    /// # Errors
    /// [`ExportError::Store`] if the entries can't be read.
    pub fn step(&mut self) -> Result<bool, ExportError> {
        let Self { selection, stage, whole, claim, .. } = self;
        let more = match stage {
            Stage::Matches(matches) => matches.step(selection)?,
            Stage::Range(search) => {
                if let Some(found) = search.step(selection)? {
                    *whole = found;
                    *stage = claim.stage(whole, selection.size);
                }
                true
            }
            Stage::Proofs { left, unsigned } => match page(left) {
                Some(page) => {
                    for (index, link) in selection.links(page)? {
                        let chain = link.chain();
                        selection.keep_open(chain, index)?;
                        match link.signature() {
                            None => _ = unsigned.insert(chain, (link.seq(), index)),
                            Some(_) => _ = unsigned.remove(&chain),
                        }
                    }
                    true
                }
                None => match take_one(unsigned) {
                    Some((chain, (seq, index))) => {
                        selection.cover(chain, seq, index, None)?;
                        true
                    }
                    None => false,
                },
            },
            Stage::Opens { left, chains } => match page(left) {
                Some(page) => {
                    for (_, link) in selection.links(page)? {
                        chains.insert(link.chain(), matches!(link, Link::Close(_)));
                    }
                    true
                }
                None => match take_one(chains) {
                    Some((_, true)) => true,
                    Some((chain, false)) => {
                        selection.show_open(&chain)?;
                        true
                    }
                    None => {
                        *stage = Stage::proofs(whole, selection.size);
                        true
                    }
                },
            },
            Stage::Ended => false,
        };
        if !more {
            *stage = Stage::Ended;
        }
        Ok(more)
    }

    /// Returns the plan, once [`Self::step`] has returned false.
    ///
    /// # Errors
    /// [`StoreError`] if an anchor of a tenant log can't be proven.
    pub fn end(self) -> Result<Plan, StoreError> {
        let Self { selection, origin, whole, claim, boundary, published, attested, .. } = self;
        let size = published.size;
        let range = match claim {
            Claim::Unbounded => Some((whole.start, None)),
            Claim::UpToEnd if !whole.is_empty() => Some((whole.start, Some(whole.end))),
            Claim::UpToEnd | Claim::None => None,
        };
        let mut plan = selection.end(Some(Header { origin, range }), whole, published, &attested)?;
        if let Some(boundary) = boundary.filter(|boundary| *boundary < size) {
            plan.stop_at(boundary);
        }
        Ok(plan)
    }

    /// Runs all steps. `canceled` is called periodically, and returns true if the result is no longer needed.
    ///
    /// # Errors
    /// [`ExportError::Canceled`], and those of [`Self::step`].
    pub fn finish(mut self, canceled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        loop {
            if canceled() {
                return Err(ExportError::Canceled);
            }
            if !self.step()? {
                return Ok(self.end()?);
            }
        }
    }
}

/// Returns the pages that a range is on.
fn pages_of(range: &Range<u64>) -> Range<u64> {
    range.start / PAGE..range.end.div_ceil(PAGE)
}

/// Removes and returns the next page of a range.
fn page(left: &mut Range<u64>) -> Option<Range<u64>> {
    let page = left.start..left.end.min(left.start.saturating_add(PAGE));
    left.start = page.end;
    (!page.is_empty()).then_some(page)
}

fn take_one<T>(chains: &mut HashMap<ChainId, T>) -> Option<(ChainId, T)> {
    let chain = *chains.keys().next()?;
    chains.remove_entry(&chain)
}

impl Matches {
    fn next_page(&mut self) -> Option<u64> {
        let Self { pages, candidates, newest_first, .. } = self;
        if *newest_first {
            pages.rfind(|page| candidates.has(*page))
        } else {
            pages.find(|page| candidates.has(*page))
        }
    }

    /// Starts over from the oldest page.
    pub(super) fn restart_oldest_first(&mut self) {
        (self.pages, self.newest_first) = (pages_of(&self.range), false);
    }

    fn step(&mut self, selection: &mut Selection) -> Result<bool, StoreError> {
        let (page, found) = match self.next_slice(selection)? {
            SliceOutcome::Unfinished => return Ok(true),
            SliceOutcome::Page(page, found) => (page, found),
            SliceOutcome::Ended => return Ok(false),
        };
        for index in found {
            let Some(link) = page.get(index) else { continue };
            selection.show(index, link, &page)?;
            self.left -= 1;
            if self.left == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Examines the next entries.
    pub(super) fn next_slice(&mut self, selection: &Selection) -> Result<SliceOutcome, StoreError> {
        let reader = &selection.reader;
        if self.current.is_none() {
            let Some(number) = self.next_page() else { return Ok(SliceOutcome::Ended) };
            let mut left = Vec::new();
            for run in self.candidates.runs(number, self.range.clone()) {
                left.extend(run.clone().zip(reader.leaves_with_events(run)?));
            }
            let read = left.iter().map(|(index, leaf)| (*index, leaf.leaf.as_slice()));
            let page = Page::with_gaps(number * PAGE, read);
            self.current = Some(CurrentPage { page, left, found: Vec::new() });
        }
        let Some(mut current) = self.current.take() else { return Ok(SliceOutcome::Ended) };
        let mut bytes = 0;
        while let Some((index, leaf)) = current.left.pop() {
            let Some(link) = current.page.get(index) else { continue };
            let event = text(&leaf.event);
            if (event.is_some() || !self.events_alone)
                && self.matcher.matches_within(&**reader, &selection.scope, &self.query, link, event)?
            {
                current.found.push(index);
            }
            bytes += event.map_or(0, str::len);
            if bytes >= SLICE_BYTES && !current.left.is_empty() {
                self.current = Some(current);
                return Ok(SliceOutcome::Unfinished);
            }
        }
        Ok(SliceOutcome::Page(current.page, current.found))
    }
}
