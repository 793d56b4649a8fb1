//! The second pass, which writes slices.

use std::collections::HashSet;

use countersign::error::{Code, Error};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, MAX_EVENT, Withheld};
use countersign::link::{ChainId, Link};
use countersign::merkle::{CompactRange, leaf_hash, skips};

use crate::selection::{Fate, Judge, Selection};

/// The plan of a slice.
pub struct Plan<'s> {
    pub(super) selection: &'s Selection<'s>,
    pub(super) header: Header,
    pub(super) chains: HashSet<ChainId>,
    /// For each checkpoint in the input's order, true to keep it; none to keep all.
    pub(super) checkpoints: Option<Vec<bool>>,
    pub(super) sealed: bool,
    pub(super) events: u64,
    pub(super) last_line: u64,
    pub(super) size: u64,
}

impl<'s> Plan<'s> {
    /// Returns the number of events in the slice.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Returns the number of chains with links in the slice.
    pub fn chains(&self) -> u64 {
        self.chains.len() as u64
    }

    /// Returns the header of the slice.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Starts the second pass, and writes the header.
    pub fn slicer<'p>(&'p self, out: &mut Writer) -> Slicer<'p, 's> {
        Slicer(Slicers::new(core::slice::from_ref(self), core::slice::from_mut(out)))
    }

    fn keeps_checkpoint(&self, place: usize) -> bool {
        self.checkpoints.as_ref().is_none_or(|keep| keep.get(place).copied().unwrap_or(false))
    }
}

/// The second pass, which writes one slice.
pub struct Slicer<'p, 's>(Slicers<'p, 's>);

impl Slicer<'_, '_> {
    /// Processes the next line after the header, which must be the same as in the first pass.
    ///
    /// # Errors
    /// [`Code::Export`] if a skip is misaligned.
    pub fn line(&mut self, number: u64, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        self.0.line(number, item, core::slice::from_mut(out))
    }

    /// Ends the second pass.
    ///
    /// # Errors
    /// [`Code::Export`] if the input differs from that of the first pass.
    pub fn finish(self, out: &mut Writer) -> Result<(), Error> {
        self.0.finish(core::slice::from_mut(out))
    }
}

/// The second pass, which writes a slice for each plan. The plans are of one [`Survey`](crate::Survey), and there are as
/// many writers as plans.
///
/// Entries that no slice keeps are hashed once for all slices.
pub struct Slicers<'p, 's> {
    cuts: Vec<Cut<'p, 's>>,
    /// The entries just before the current position that all slices omit.
    omitted: CompactRange,
    checkpoints: usize,
    last_line: u64,
}

/// A slice that is being written.
struct Cut<'p, 's> {
    plan: &'p Plan<'s>,
    judge: Judge,
    /// The entries that this slice omits, just before those that all omit.
    gap: CompactRange,
    /// The fate of the current entry.
    fate: Fate,
}

impl<'p, 's> Slicers<'p, 's> {
    /// Starts the second pass, and writes the headers.
    pub fn new(plans: &'p [Plan<'s>], outs: &mut [Writer]) -> Self {
        for (plan, out) in plans.iter().zip(outs) {
            out.header(&plan.header);
        }
        let cut = |plan| Cut { plan, judge: Judge::default(), gap: CompactRange::new(), fate: Fate::Out };
        let cuts = plans.iter().map(cut).collect();
        Self { cuts, omitted: CompactRange::new(), checkpoints: 0, last_line: 1 }
    }

    /// Processes the next line after the header, which must be the same as in the first pass.
    ///
    /// # Errors
    /// [`Code::Export`] if a skip is misaligned.
    pub fn line(&mut self, number: u64, item: &Item<'_>, outs: &mut [Writer]) -> Result<(), Error> {
        self.last_line = number;
        match item {
            Item::Checkpoint { .. } | Item::Head { .. } => {
                let place = self.checkpoints;
                self.checkpoints += 1;
                if self.cuts.iter().any(|cut| cut.plan.keeps_checkpoint(place)) {
                    self.share_omitted()?;
                }
                for (cut, out) in self.cuts.iter_mut().zip(outs) {
                    if cut.plan.keeps_checkpoint(place) {
                        cut.close_gap(0, out);
                        out.item(item);
                    }
                }
            }
            Item::Anchor { .. } => {
                self.share_omitted()?;
                for (cut, out) in self.cuts.iter_mut().zip(outs) {
                    cut.close_gap(0, out);
                    out.item(item);
                }
            }
            Item::Skip { level, hash } => {
                let unaligned = |error: Error| error.with_code(Code::Export).at_line(number);
                self.omitted.append_subtree(*level, *hash).map_err(unaligned)?;
            }
            Item::Link { text, .. } | Item::Note { text, .. } => self.entry(item, text.as_bytes(), outs)?,
            Item::Leaf(bytes) => self.entry(item, bytes, outs)?,
        }
        Ok(())
    }

    fn entry(&mut self, item: &Item<'_>, leaf: &[u8], outs: &mut [Writer]) -> Result<(), Error> {
        let index = self.omitted.end();
        for cut in &mut self.cuts {
            let fate = cut.judge.fate(cut.plan.selection, index, item);
            cut.fate = cut.plan.resolve(fate, item);
        }
        if self.cuts.iter().all(|cut| cut.fate == Fate::Out) {
            self.omitted.append(leaf_hash(leaf));
            return Ok(());
        }
        self.share_omitted()?;
        let mut hash = None;
        for (cut, out) in self.cuts.iter_mut().zip(outs) {
            if cut.fate == Fate::Out {
                cut.gap.append(*hash.get_or_insert_with(|| leaf_hash(leaf)));
            } else {
                cut.close_gap(1, out);
                cut.write(item, out);
            }
        }
        self.omitted = CompactRange::starting_at(index + 1);
        Ok(())
    }

    /// Adds the entries that all slices omit to the gap of each.
    fn share_omitted(&mut self) -> Result<(), Error> {
        let end = self.omitted.end();
        let omitted = core::mem::replace(&mut self.omitted, CompactRange::starting_at(end));
        let subtrees = || skips(omitted.begin(), omitted.end()).zip(omitted.hashes());
        for cut in &mut self.cuts {
            subtrees().try_for_each(|(subtree, hash)| cut.gap.append_subtree(subtree.level, *hash))?;
        }
        Ok(())
    }

    /// Ends the second pass.
    ///
    /// # Errors
    /// [`Code::Export`] if the input differs from that of the first pass.
    pub fn finish(mut self, outs: &mut [Writer]) -> Result<(), Error> {
        self.share_omitted()?;
        for (Cut { plan, gap, .. }, out) in self.cuts.iter().zip(outs) {
            if self.last_line != plan.last_line || gap.end() != plan.size {
                return Err(Error::new(Code::Export, "the export changed while it was read")
                    .with_hint("copy the file, then slice the copy"));
            }
            if plan.sealed && plan.checkpoints.is_none() {
                out.skips(gap);
            }
        }
        Ok(())
    }
}

impl Plan<'_> {
    /// Returns the final fate of an entry, now that the chains shown are known.
    fn resolve(&self, fate: Fate, item: &Item<'_>) -> Fate {
        let Item::Link { link, payload, withheld, .. } = item else { return fate };
        let shown = self.chains.contains(&link.chain());
        match fate {
            Fate::WithChain if shown => Fate::Kept,
            Fate::Out if shown && !self.sealed => {
                Fate::Bare(if payload.is_some() { Some(Withheld::Filtered) } else { *withheld })
            }
            Fate::WithChain => Fate::Out,
            fate => fate,
        }
    }
}

impl Cut<'_, '_> {
    /// Writes an entry that the slice keeps.
    fn write(&self, item: &Item<'_>, out: &mut Writer) {
        match (self.fate, item) {
            (Fate::Kept, Item::Link { text, link: Link::Event(link), payload: Some(payload), .. }) => {
                let event = payload.committed(&link.commit);
                // The canonical form can exceed the maximum size of an event.
                let event = if event.len() > MAX_EVENT { payload.event } else { &event };
                out.event(text, &payload.salt, event);
            }
            (Fate::Bare(reason), Item::Link { text, .. }) => out.withheld(text, reason),
            _ => out.item(item),
        }
    }

    /// Writes skips for the omitted entries, and continues after `kept` more entries.
    fn close_gap(&mut self, kept: u64, out: &mut Writer) {
        let end = self.gap.end();
        if self.plan.sealed {
            out.skips(&self.gap);
        }
        self.gap = CompactRange::starting_at(end + kept);
    }
}
