//! The first pass, which determines what must be kept.

use std::collections::{BTreeSet, HashMap};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::error::{Code, Error};
use countersign::export::{Header, Item};
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::tenant::Head;
use countersign::trust::Trust;

use crate::attest::{Attestations, ShownPlaces};
use crate::selection::{Fate, Judge, Selection};
use crate::slicer::Plan;

/// The first pass, which determines what must be kept.
///
/// It stores a few numbers for each chain and each checkpoint, and no events.
pub struct Survey<'s> {
    header: Header,
    tree: CompactRange,
    attestations: Attestations<'s>,
    /// The chains, each with the number of checkpoints before its open link, if the export has it.
    chains: HashMap<ChainId, Option<usize>>,
    has_skips: bool,
    last_line: u64,
    slices: Vec<SliceSurvey<'s>>,
}

/// The entries that one slice must keep.
struct SliceSurvey<'s> {
    selection: &'s Selection<'s>,
    judge: Judge,
    /// The number of checkpoints before the last link shown of each chain.
    shown_after: HashMap<ChainId, usize>,
    shown: ShownPlaces,
    sought: BTreeSet<(ChainId, u64)>,
    events: u64,
    leaves_out: bool,
    /// The first line that must be kept and is not covered by a checkpoint so far.
    uncovered: Option<u64>,
}

/// The place of an entry.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    index: u64,
    /// The number of checkpoints before it.
    checkpoints: usize,
}

impl<'s> Survey<'s> {
    /// Starts with the header. Without a trust file that has a quorum, a checkpoint's time is the latest of all its
    /// cosignatures, which are not verified.
    pub fn new(header: &Header, selection: &'s Selection<'s>, trust: Option<&'s Trust>) -> Self {
        Self::of_all(header, core::slice::from_ref(selection), trust)
    }

    /// Starts with the header of an export from which a slice is made for each selection.
    pub fn of_all(header: &Header, selections: &'s [Selection<'s>], trust: Option<&'s Trust>) -> Self {
        Self {
            header: header.clone(),
            tree: CompactRange::new(),
            attestations: Attestations::new(trust),
            chains: HashMap::new(),
            has_skips: false,
            last_line: 1,
            slices: selections.iter().map(SliceSurvey::new).collect(),
        }
    }

    /// Processes the next line after the header.
    ///
    /// # Errors
    /// [`Code::Selection`] if a requested event is withheld. [`Code::Export`] if entries of the requested range are
    /// missing, or a skip is misaligned.
    pub fn line(&mut self, number: u64, item: &Item<'_>) -> Result<(), Error> {
        self.last_line = number;
        let index = self.tree.end();
        match item {
            Item::Checkpoint { signed, .. } => {
                let Checkpoint { origin, size, root } = &signed.checkpoint;
                self.checkpoint(signed, origin, *size, root);
                return Ok(());
            }
            Item::Head { proof, .. } => {
                let Head { origin, size, root, .. } = proof.head();
                self.checkpoint(&proof.checkpoint, origin.as_str(), *size, root);
                return Ok(());
            }
            Item::Anchor { .. } => {
                self.attestations.anchor();
                return Ok(());
            }
            Item::Skip { level, hash } => {
                self.has_skips = true;
                let unaligned = |error: Error| error.with_code(Code::Export).at_line(number);
                self.tree.append_subtree(*level, *hash).map_err(unaligned)?;
                let end = self.tree.end();
                return self.slices.iter().try_for_each(|slice| slice.refuse_missing(number, index, end));
            }
            Item::Link { text, .. } | Item::Note { text, .. } => self.tree.append(leaf_hash(text.as_bytes())),
            Item::Leaf(bytes) => self.tree.append(leaf_hash(bytes)),
        }
        match item {
            Item::Link { link, .. } => {
                self.attestations.link(link.time());
                let opened_after = self.chains.entry(link.chain()).or_default();
                if matches!(link, Link::Open(_)) {
                    opened_after.get_or_insert(self.attestations.count());
                }
            }
            Item::Note { note, .. } => self.attestations.note(note),
            _ => {}
        }
        let Self { attestations, chains, slices, .. } = self;
        let place = Place { line: number, index, checkpoints: attestations.count() };
        slices.iter_mut().try_for_each(|slice| slice.entry(place, item, chains))
    }

    /// Processes a state of the log that this checkpoint attests.
    fn checkpoint(&mut self, signed: &SignedCheckpoint, origin: &str, size: u64, root: &Hash) {
        let matches = origin == self.header.origin
            && size == self.tree.end()
            && self.tree.root().as_ref() == Some(root);
        self.attestations.checkpoint(signed, size, matches);
        for slice in &mut self.slices {
            slice.uncovered = None;
        }
    }

    /// Ends the first pass of a single slice.
    ///
    /// # Errors
    /// [`Code::Selection`] if the slice would show no event and [`Selection::or_none`] doesn't allow that, or a requested event or chain is missing. [`Code::Export`]
    /// if a range can't be claimed, if the last checkpoint doesn't match the entries before it, or if it doesn't cover
    /// everything that must be kept.
    pub fn finish(self) -> Result<Plan<'s>, Error> {
        let none = || Error::new(Code::Selection, "there is no selection");
        self.finish_all()?.pop().ok_or_else(none)
    }

    /// Ends the first pass. Returns a plan for each selection, in their order.
    ///
    /// # Errors
    /// As for [`Survey::finish`], for the first selection to which one of them applies.
    pub fn finish_all(mut self) -> Result<Vec<Plan<'s>>, Error> {
        let slices = core::mem::take(&mut self.slices);
        slices.into_iter().map(|slice| self.plan(slice)).collect()
    }

    fn plan(&self, mut slice: SliceSurvey<'s>) -> Result<Plan<'s>, Error> {
        let selection = slice.selection;
        let refuse = |message: String, hint| Err(Error::new(Code::Export, message).with_hint(hint));
        let absent = |message: String, hint| Err(Error::new(Code::Selection, message).with_hint(hint));
        if let Some((chain, seq)) = slice.sought.first() {
            let hint = "list the events with `countersign show EXPORT`";
            return absent(format!("the export does not contain the event {chain}/{seq}"), hint);
        }
        if let Some(chain) = selection.chains.iter().find(|chain| !self.chains.contains_key(chain)) {
            let hint = "list the chains with `countersign show EXPORT`";
            return absent(format!("the export does not contain the chain {chain}"), hint);
        }
        let sealed = self.attestations.count() > 0;
        if let Some((first, end)) = selection.range {
            if !sealed {
                let hint = "seal the export first, or slice it by chain or by withholding events";
                return refuse(
                    "the export has no checkpoints, so its entries have no indexes to select by range".into(),
                    hint,
                );
            }
            if end > self.attestations.size() {
                let size = self.attestations.size();
                let message =
                    format!("the range {first}..{end} exceeds the last checkpoint, which has {size} entries");
                return refuse(message, "use a smaller range, or seal the export first");
            }
        }
        if slice.events == 0 && !selection.allows_none {
            let hint = "change the selection; no event matches it, or all that do are withheld";
            return absent("the slice would contain no event".into(), hint);
        }
        let is_hidden = |(chain, opened): (&ChainId, &Option<usize>)| {
            opened.is_some() && !slice.shown_after.contains_key(chain)
        };
        let leaves_out = slice.leaves_out || self.chains.iter().any(is_hidden);
        if sealed && leaves_out {
            if !self.attestations.last_matches() {
                let hint = "run `countersign verify` to see where the export is altered";
                return refuse("the last checkpoint does not match the entries before it".into(), hint);
            }
            if let Some(line) = slice.uncovered {
                return Err(invalid(line, "the entry must be kept, but no checkpoint covers it")
                    .with_hint("if the file is truncated, fetch it again; otherwise add a checkpoint with `countersign seal`"));
            }
        }
        if !sealed && self.has_skips {
            let hint = "run `countersign verify` for details; the export is incomplete";
            return refuse("the export has skips but no checkpoint".into(), hint);
        }
        slice.shown.settles_after(slice.shown_after.values().copied());
        let requested = selection.range.map(|(first, end)| (first, Some(end)));
        let range = if leaves_out { requested } else { requested.or(self.header.range) };
        Ok(Plan {
            selection,
            header: Header { origin: self.header.origin.clone(), range },
            chains: slice.shown_after.into_keys().collect(),
            checkpoints: leaves_out.then(|| self.attestations.choose(&slice.shown)),
            sealed,
            events: slice.events,
            last_line: self.last_line,
            size: self.tree.end(),
        })
    }
}

impl<'s> SliceSurvey<'s> {
    fn new(selection: &'s Selection<'s>) -> Self {
        Self {
            selection,
            judge: Judge::default(),
            shown_after: HashMap::new(),
            shown: ShownPlaces::default(),
            sought: selection.events.clone(),
            events: 0,
            leaves_out: false,
            uncovered: None,
        }
    }

    /// Processes an entry.
    fn entry(
        &mut self,
        place: Place,
        item: &Item<'_>,
        chains: &HashMap<ChainId, Option<usize>>,
    ) -> Result<(), Error> {
        let fate = self.judge.fate(self.selection, place.index, item);
        let is_shown = matches!(fate, Fate::Kept | Fate::Bare(_));
        if let Item::Link { link, payload, .. } = item {
            let chain = link.chain();
            self.find(place.line, link, payload.is_some())?;
            if is_shown
                && self.shown_after.insert(chain, place.checkpoints).is_none()
                && let Some(Some(opened_after)) = chains.get(&chain)
            {
                self.shown.shows_after(*opened_after);
            }
            self.events += u64::from(fate == Fate::Kept && payload.is_some());
        }
        if is_shown {
            self.shown.shows_after(place.checkpoints);
            self.uncovered = self.uncovered.or(Some(place.line));
        }
        self.leaves_out |= fate == Fate::Out;
        Ok(())
    }

    fn find(&mut self, line: u64, link: &Link, has_event: bool) -> Result<(), Error> {
        if !self.sought.is_empty() && self.sought.remove(&(link.chain(), link.seq())) && !has_event {
            let message = format!("the export has no event for {}/{}", link.chain(), link.seq());
            let hint = "choose another event; open and close links have none, and others may be withheld";
            return Err(Error::new(Code::Selection, message).at_line(line).with_hint(hint));
        }
        Ok(())
    }

    /// Fails if the range includes one of these omitted entries.
    fn refuse_missing(&self, line: u64, begin: u64, end: u64) -> Result<(), Error> {
        if self.selection.range.is_none_or(|(first, range_end)| first >= end || begin >= range_end) {
            return Ok(());
        }
        let last = end - 1;
        let message = format!("the export does not contain the entries {begin} to {last} of the range");
        Err(invalid(line, message).with_hint("slice the whole log, or use a smaller range"))
    }
}

fn invalid(line: u64, message: impl Into<String>) -> Error {
    Error::new(Code::Export, message).at_line(line)
}
