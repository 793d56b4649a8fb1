//! Leaves that are found to be needed by an export, one after the other.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use countersign::export::Header;
use countersign::link::{ChainId, Link};
use countersign_query::Parsers;
use roaring::RoaringTreemap;

use super::attest::Attested;
use super::exporter::Exporter;
use super::plan::{Boundary, Plan};
use super::request::PAGE;
use crate::store::{Published, Reader, StoreError, link};
use crate::tokens::Scope;

/// Leaves that are found to be needed.
pub(super) struct Gathering {
    pub(super) reader: Arc<dyn Reader>,
    pub(super) size: u64,
    /// Every link here is signed, or the links after it up to the next signed one are here.
    kept: RoaringTreemap,
    shown: RoaringTreemap,
    /// The last link here of each chain.
    chains: HashMap<ChainId, u64>,
    pub(super) scope: Arc<Scope>,
    /// How events are read.
    pub(super) parsers: Parsers,
}

/// Leaves that are near each other, parsed; those that were not read are not here.
pub(super) struct Page {
    first: u64,
    links: Vec<Option<Link>>,
}

impl Page {
    /// Parses leaves that follow each other.
    pub(super) fn new<'a>(first: u64, leaves: impl Iterator<Item = &'a [u8]>) -> Self {
        Self { first, links: leaves.map(link).collect() }
    }

    /// Parses leaves with ascending indexes, none below the first.
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

impl Gathering {
    /// Nothing yet, of so many leaves of a log.
    pub(super) fn new(of: &Exporter, size: u64, scope: Arc<Scope>) -> Self {
        let (kept, shown, chains) = Default::default();
        let (reader, parsers) = (of.reader.clone(), of.parsers.clone());
        Self { reader, size, kept, shown, chains, scope, parsers }
    }

    /// A link by its place is shown.
    pub(super) fn show_alone(&mut self, index: u64) -> Result<(), StoreError> {
        let leaves = self.reader.leaves(index..index + 1)?;
        let page = Page::new(index, leaves.iter().map(Vec::as_slice));
        let link = page.get(index).ok_or_else(|| damaged(index))?;
        self.show(index, link, &page)
    }

    /// The links among these leaves.
    pub(super) fn links(&self, range: Range<u64>) -> Result<Vec<(u64, Link)>, StoreError> {
        let leaves = self.reader.leaves(range.clone())?;
        Ok(range.zip(&leaves).filter_map(|(index, leaf)| Some((index, link(leaf)?))).collect())
    }

    /// The open link of a chain is here.
    pub(super) fn show_open(&mut self, chain: &ChainId) -> Result<(), StoreError> {
        self.kept.extend(self.reader.index_of(chain, 0)?);
        Ok(())
    }

    /// A link is shown, with its event where it has one.
    pub(super) fn show(&mut self, index: u64, link: &Link, page: &Page) -> Result<(), StoreError> {
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
    pub(super) fn keep_open(&mut self, chain: ChainId, index: u64) -> Result<(), StoreError> {
        if let Some(last) = self.chains.get_mut(&chain) {
            *last = index.max(*last);
            return Ok(());
        }
        self.chains.insert(chain, index);
        self.show_open(&chain)
    }

    /// Keeps the links after that one, up to and including the next that is signed.
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

    pub(super) fn end(
        self,
        header: Option<Header>,
        whole: Range<u64>,
        published: Published,
        attested: &Attested,
    ) -> Plan {
        let Self { reader, mut kept, shown, chains, scope, parsers, .. } = self;
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
        let mut stops: BTreeMap<u64, Boundary> =
            sizes.into_iter().chain(within).map(|size| (size, Boundary::Kept)).collect();
        stops.insert(size, Boundary::Newest);
        Plan { reader, header, begin: 0, whole, kept, shown, stops, published, scope, parsers }
    }
}

fn damaged(index: u64) -> StoreError {
    StoreError::Damaged(format!("leaf {index} is not a link"))
}
