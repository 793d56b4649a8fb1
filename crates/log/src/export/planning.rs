//! The first pass, a page of leaves at a time: who has other things to do does them in between.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::link::{ChainId, Link};
use countersign_query::Query;

use super::attest::Attested;
use super::candidates::Candidates;
use super::exporter::Exporter;
use super::gathering::{Gathering, Page};
use super::plan::{Boundary, Plan};
use super::request::{ExportError, PAGE, Request, range, text};
use super::stretch::Stretch;
use crate::looking::Looking;
use crate::store::{Published, StoreError};
use crate::tokens::Scope;

/// Of how many leaves before its beginning a live view shows the chains' open links.
const RECENT: u64 = 16_384;

/// An export while it is found out which leaves it has.
pub struct Planning {
    gathering: Gathering,
    stage: Stage,
    origin: String,
    whole: Range<u64>,
    claim: Claim,
    boundary: Option<u64>,
    published: Published,
    attested: Attested,
}

/// What the header says of the leaves that are here whole.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Nothing,
    UpToEnd,
    /// A live view goes on from it.
    OnAndOn,
}

/// What is still to be found.
enum Stage {
    /// The links that match.
    Matches(Box<Matches>),
    /// Where a range begins and ends, then what proves it.
    Stretch(Box<Stretch>),
    /// What proves a range that is here whole: open links before it, and what covers its last links after it.
    Proofs { left: Range<u64>, unsigned: HashMap<ChainId, (u64, u64)> },
    /// The open links of the chains that have links in a range, then what proves the one that is here whole.
    Opens { left: Range<u64>, chains: HashMap<ChainId, bool> },
    /// Nothing.
    Ended,
}

/// The links that match, by way of the search index where there is one.
pub(super) struct Matches {
    asked: Query,
    pub(super) range: Range<u64>,
    candidates: Candidates,
    /// The pages that were not looked at.
    pages: Range<u64>,
    pub(super) newest_first: bool,
    looking: Looking,
    pub(super) left: u64,
    /// Without conditions on events open and close links match, and those whose event is gone.
    events_alone: bool,
}

impl Exporter {
    /// Finds out what an export has. `canceled` is asked from time to time whether anybody still waits.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn plan(&self, request: &Request, canceled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        self.begin(request)?.finish(canceled)
    }

    /// Begins to find out what an export has.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn begin(&self, request: &Request) -> Result<Planning, ExportError> {
        let published = self.published()?;
        let range = range(request, &published)?;
        let attested = self.attested(published.size)?;
        let mut gathering = Gathering::new(self, published.size, request.scope.clone());
        let (mut whole, mut claim) = (0..0, Claim::Nothing);
        let stage = if !request.places.is_empty() {
            for index in self.find_below(&request.places, &request.scope, published.size)? {
                gathering.show_alone(index)?;
            }
            Stage::Ended
        } else if request.asked.is_of_time_alone() && request.scope.is_everything() {
            let is_bounded = request.to.is_some() || request.asked.names().contains(&"until");
            claim = if request.goes_on && !is_bounded { Claim::OnAndOn } else { Claim::UpToEnd };
            if request.asked.is_empty() && request.limit.is_none() {
                whole = range;
                claim.stage(&whole, published.size)
            } else {
                let matches = self.matches(request, range)?;
                Stage::Stretch(Box::new(Stretch::new(matches, &request.asked, request.limit)))
            }
        } else {
            Stage::Matches(Box::new(self.matches(request, range)?))
        };
        let (origin, boundary) = (self.origin.clone(), request.boundary);
        Ok(Planning { gathering, stage, origin, whole, claim, boundary, published, attested })
    }

    /// Begins to find out what a live view has that begins with the leaf of that index, or the next one that comes: all
    /// leaves from there on, and before them every key note and the open links of chains that go on in them or were lately in
    /// use. A chain that was silent for 16,384 leaves, and goes on after what there is now, has its open link before that: it
    /// cannot be authenticated in this view. Events beyond the scope are withheld; where there are none, the view claims all
    /// leaves from its beginning on.
    ///
    /// # Errors
    /// [`ExportError`], as for [`Exporter::begin`].
    pub fn begin_live(&self, from: Option<u64>, scope: &Arc<Scope>) -> Result<Planning, ExportError> {
        let published = self.published()?;
        let from = Some(from.unwrap_or(published.size));
        let from = range(&Request { from, ..Request::default() }, &published)?.start;
        let attested = self.attested(published.size)?;
        let gathering = Gathering::new(self, published.size, scope.clone());
        let whole = from..published.size;
        let stage = Claim::OnAndOn.stage(&whole, published.size);
        let claim = if scope.is_everything() { Claim::OnAndOn } else { Claim::Nothing };
        let origin = self.origin.clone();
        Ok(Planning { gathering, stage, origin, whole, claim, boundary: None, published, attested })
    }

    fn matches(&self, request: &Request, range: Range<u64>) -> Result<Matches, ExportError> {
        let Request { asked, limit, scope, .. } = request;
        if *limit == Some(0) {
            return Err(ExportError::Invalid { parameter: "limit", message: "ask for 1 or more".into() });
        }
        let candidates = self.candidates(scope, asked.query())?;
        let events_alone = scope.query().reads_events() || asked.query().reads_events() || limit.is_some();
        Ok(Matches {
            asked: asked.query().clone(),
            pages: pages_of(&range),
            range,
            candidates,
            newest_first: limit.is_some(),
            looking: Looking::for_search(&self.parsers, scope, asked.query()),
            left: limit.unwrap_or(u64::MAX),
            events_alone,
        })
    }
}

impl Claim {
    /// What is to be found for such a range of a log of that size.
    fn stage(self, whole: &Range<u64>, size: u64) -> Stage {
        if self == Self::OnAndOn {
            let left = whole.start.saturating_sub(RECENT)..whole.start;
            return Stage::Opens { left, chains: HashMap::new() };
        }
        Stage::proofs(whole, size)
    }
}

impl Stage {
    /// What proves a range of a log of that size.
    fn proofs(whole: &Range<u64>, size: u64) -> Self {
        let left = if *whole == (0..size) { 0..0 } else { whole.clone() };
        Self::Proofs { left, unsigned: HashMap::new() }
    }
}

impl Planning {
    /// Whether it is of few leaves, at most as many as are looked back at for chains that go on.
    pub(crate) fn is_short(&self) -> bool {
        self.whole.end - self.whole.start <= RECENT
    }

    /// Goes a step further: looks at a page of leaves at most. Says whether there is more.
    ///
    /// # Errors
    /// The store's own.
    pub fn step(&mut self) -> Result<bool, ExportError> {
        let Self { gathering, stage, whole, claim, .. } = self;
        let more = match stage {
            Stage::Matches(matches) => matches.step(gathering)?,
            Stage::Stretch(stretch) => {
                if let Some(found) = stretch.step(gathering)? {
                    *whole = found;
                    *stage = claim.stage(whole, gathering.size);
                }
                true
            }
            Stage::Proofs { left, unsigned } => match page(left) {
                Some(page) => {
                    for (index, link) in gathering.links(page)? {
                        let chain = link.chain();
                        gathering.keep_open(chain, index)?;
                        match link.signature() {
                            None => _ = unsigned.insert(chain, (link.seq(), index)),
                            Some(_) => _ = unsigned.remove(&chain),
                        }
                    }
                    true
                }
                None => match take_one(unsigned) {
                    Some((chain, (seq, index))) => {
                        gathering.cover(chain, seq, index, None)?;
                        true
                    }
                    None => false,
                },
            },
            Stage::Opens { left, chains } => match page(left) {
                Some(page) => {
                    for (_, link) in gathering.links(page)? {
                        chains.insert(link.chain(), matches!(link, Link::Close(_)));
                    }
                    true
                }
                None => match take_one(chains) {
                    Some((_, true)) => true,
                    Some((chain, false)) => {
                        gathering.show_open(&chain)?;
                        true
                    }
                    None => {
                        *stage = Stage::proofs(whole, gathering.size);
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

    /// What it has, when there was no more to be found.
    pub fn end(self) -> Plan {
        let Self { gathering, origin, whole, claim, boundary, published, attested, .. } = self;
        let size = published.size;
        let range = match claim {
            Claim::OnAndOn => Some((whole.start, None)),
            Claim::UpToEnd if !whole.is_empty() => Some((whole.start, Some(whole.end))),
            Claim::UpToEnd | Claim::Nothing => None,
        };
        let mut plan = gathering.end(Some(Header { origin, range }), whole, published, &attested);
        plan.stops.extend(boundary.filter(|boundary| *boundary < size).map(|size| (size, Boundary::Kept)));
        plan
    }

    /// All steps at once. `canceled` is asked from time to time whether anybody still waits.
    ///
    /// # Errors
    /// [`ExportError::Canceled`], and those of [`Self::step`].
    pub fn finish(mut self, canceled: &dyn Fn() -> bool) -> Result<Plan, ExportError> {
        loop {
            if canceled() {
                return Err(ExportError::Canceled);
            }
            if !self.step()? {
                return Ok(self.end());
            }
        }
    }
}

/// The pages that a range is on.
fn pages_of(range: &Range<u64>) -> Range<u64> {
    range.start / PAGE..range.end.div_ceil(PAGE)
}

/// The next page of what is left.
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

    /// Begins anew, with the oldest.
    pub(super) fn turn(&mut self) {
        (self.pages, self.newest_first) = (pages_of(&self.range), false);
    }

    fn step(&mut self, gathering: &mut Gathering) -> Result<bool, StoreError> {
        let Some((page, found)) = self.look(gathering)? else { return Ok(false) };
        for index in found {
            let Some(link) = page.get(index) else { continue };
            gathering.show(index, link, &page)?;
            self.left -= 1;
            if self.left == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next page, and which of its links match, the last first.
    pub(super) fn look(&mut self, gathering: &Gathering) -> Result<Option<(Page, Vec<u64>)>, StoreError> {
        let Some(number) = self.next_page() else { return Ok(None) };
        let (reader, scope) = (gathering.reader.clone(), gathering.scope.clone());
        let mut leaves = Vec::new();
        for run in self.candidates.runs(number, self.range.clone()) {
            leaves.extend(run.clone().zip(reader.leaves_with_events(run)?));
        }
        let read = leaves.iter().map(|(index, leaf)| (*index, leaf.leaf.as_slice()));
        let page = Page::with_gaps(number * PAGE, read);
        let mut found = Vec::new();
        for &(index, ref leaf) in leaves.iter().rev() {
            let Some(link) = page.get(index) else { continue };
            let event = text(&leaf.event);
            if (event.is_some() || !self.events_alone)
                && self.looking.matches_within(&*reader, &scope, &self.asked, link, event)?
            {
                found.push(index);
            }
        }
        Ok(Some((page, found)))
    }
}
