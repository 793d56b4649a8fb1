//! The entries of an export, collected one after the other.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::link::{ChainId, Link};
use countersign_query::Parsers;
use roaring::RoaringTreemap;

use super::attest::Attested;
use super::exporter::Exporter;
use super::live_state::LiveState;
use super::plan::{Boundary, Plan, Stop, stops_of_tenant};
use super::request::PAGE;
use crate::store::{Published, Reader, StoreError, link};
use crate::tokens::Scope;

/// The entries of an export so far.
pub(super) struct Selection {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) size: u64,
    /// The kept entries. For each link, all links up to the next signed one in its chain are kept.
    kept: RoaringTreemap,
    shown: RoaringTreemap,
    /// The last kept link of each chain.
    chains: HashMap<ChainId, u64>,
    pub(super) scope: Arc<Scope>,
    /// The parsers for events.
    pub(super) parsers: Parsers,
}

/// Parsed entries with nearby indexes. Those that were not read are missing.
pub(super) struct Page {
    first: u64,
    links: Vec<Option<Link>>,
}

impl Page {
    /// Parses consecutive entries.
    pub(super) fn new<'a>(first: u64, leaves: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { first, links: leaves.map(link).collect() }
    }

    /// Parses entries with ascending indexes, none below `first`.
    pub(super) fn with_gaps<'a>(first: u64, leaves: impl Iterator<Item = (u64, &'a [u8])>) -> Self {
        let mut links = Vec::new();
        for (index, leaf) in leaves {
            links.resize_with(index.saturating_sub(first) as usize, || None);
            links.push(link(leaf));
        }
        Self { first, links }
    }

    pub(super) fn get(&self, index: u64) -> Option<&Link> {
        let place = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.links.get(place)?.as_ref()
    }
}

impl Selection {
    /// Starts without entries, for a log of this size.
    pub(super) fn new(exporter: &Exporter, size: u64, scope: Arc<Scope>) -> Self {
        let (kept, shown, chains) = Default::default();
        let (reader, parsers) = (exporter.reader.clone(), exporter.parsers.clone());
        Self { reader, size, kept, shown, chains, scope, parsers }
    }

    /// Shows the link at an index.
    pub(super) fn show_alone(&mut self, index: u64) -> Result<(), StoreError> {
        let leaves = self.reader.leaves(index..index + 1)?;
        let page = Page::new(index, leaves.iter().map(Vec::as_slice));
        let link = page.get(index).ok_or_else(|| damaged(index))?;
        self.show(index, link, &page)
    }

    /// Returns the links in a range.
    pub(super) fn links(&self, range: Range<u64>) -> Result<Vec<(u64, Link)>, StoreError> {
        let leaves = self.reader.leaves(range.clone())?;
        Ok(range.zip(&leaves).filter_map(|(index, leaf)| Some((index, link(leaf)?))).collect())
    }

    /// Keeps the open link of a chain.
    pub(super) fn show_open(&mut self, chain: &ChainId) -> Result<(), StoreError> {
        self.kept.extend(self.reader.index_of(chain, 0)?);
        Ok(())
    }

    /// Shows a link, with its event if it has one.
    pub(super) fn show(&mut self, index: u64, link: &Link, page: &Page) -> Result<(), StoreError> {
        self.shown.insert(index);
        if self.keep(index, link)? && link.signature().is_none() {
            self.cover(link.chain(), link.seq(), index, Some(page))?;
        }
        Ok(())
    }

    /// Keeps a link, with the open link of its chain. Returns true if it was not kept before.
    fn keep(&mut self, index: u64, link: &Link) -> Result<bool, StoreError> {
        self.keep_open(link.chain(), index)?;
        Ok(self.kept.insert(index))
    }

    /// Keeps the open link of a chain whose link at `index` is kept.
    pub(super) fn keep_open(&mut self, chain: ChainId, index: u64) -> Result<(), StoreError> {
        if let Some(last) = self.chains.get_mut(&chain) {
            *last = index.max(*last);
            return Ok(());
        }
        self.chains.insert(chain, index);
        self.show_open(&chain)
    }

    /// Keeps the links of a chain after this one, up to and including the next signed one.
    pub(super) fn cover(
        &mut self,
        chain: ChainId,
        seq: u64,
        mut index: u64,
        page: Option<&Page>,
    ) -> Result<(), StoreError> {
        let mut ahead: Option<Page> = None;
        for seq in seq + 1.. {
            let known = |index: u64| page.into_iter().chain(&ahead).find_map(|page| page.get(index));
            // The next link is usually the next entry.
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
                // The entries after it are probably needed too.
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

    /// Keeps a link. Returns true if no further link is needed.
    fn keep_covering(&mut self, index: u64, link: &Link) -> Result<bool, StoreError> {
        Ok(!self.keep(index, link)? || link.signature().is_some())
    }

    pub(super) fn end(
        self,
        header: Option<Header>,
        whole: Range<u64>,
        published: Published,
        attested: &Attested,
    ) -> Result<Plan, StoreError> {
        let Self { reader, mut kept, shown, chains, scope, parsers, .. } = self;
        let size = published.size;
        let notes = || attested.notes.iter().copied().take_while(move |note| *note < size);
        kept.extend(notes());
        kept.remove_range(whole.clone());
        let shows = |leaves: Range<u64>| {
            let within_whole = leaves.start.max(whole.start) < leaves.end.min(whole.end);
            within_whole || kept.range_cardinality(leaves) > 0
        };
        let mut sizes = attested.choose(size, &shows, notes().chain(chains.into_values()));
        let stops = if let Some(newest) = published.state().tick()? {
            stops_of_tenant(&*reader, 0, &attested.heads(&sizes, newest), (size, newest))?
        } else {
            sizes.extend(attested.sizes(if whole.is_empty() { 0..0 } else { whole.start..whole.end + 1 }));
            let kept_sizes = sizes.range(..size).map(|size| Stop { size: *size, kind: Boundary::Kept });
            kept_sizes.chain([Stop { size, kind: Boundary::Newest }]).collect()
        };
        let begin = LiveState::default();
        Ok(Plan { reader, header, begin, whole, kept, shown, stops, published, scope, parsers })
    }
}

fn damaged(index: u64) -> StoreError {
    StoreError::Damaged(format!("entry {index} is not a link"))
}
