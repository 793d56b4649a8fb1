//! Slicing: makes a smaller export from a larger one, with everything that verifies it (SPEC section 7).
//!
//! Entries that are omitted are replaced by skips, the smallest number possible. Entries that are shown keep their
//! chain's open link, and the links up to the next signed one, without their events. All key notes are kept. So are the
//! checkpoints that prove when entries existed: the last one, one for each day in which entries shown were added, the
//! newest before each revocation's `since`, and the newest within a day of each grant's end. If it isn't known whose
//! cosignatures the verifier requires, as many more are kept as any quorum could need.
//!
//! The input is read twice. A [`Survey`] reads it and makes a [`Plan`]; a [`Slicer`] reads it again and writes the
//! slice:
//!
//! ```
//! use countersign::export::writer::Writer;
//! use countersign::export::{Header, Line};
//! use countersign_slice::{Selection, Survey};
//! # let export = include_str!("../../../tests/vectors/log-two-chains/export.ndjson");
//!
//! let header = Header::parse(export.lines().next().unwrap().as_bytes())?;
//! let lines = || export.lines().zip(1..).skip(1);
//! let parse = |line| Line::parse(line).map_err(|malformed| malformed.to_error());
//! let selection = Selection::all().matching(|_, event| event.contains("document.read"));
//!
//! let mut survey = Survey::new(&header, &selection, None);
//! for (line, number) in lines() {
//!     survey.line(number, &parse(line)?.item)?;
//! }
//! let plan = survey.finish()?;
//!
//! let mut out = Writer::new();
//! let mut slicer = plan.slicer(&mut out);
//! for (line, number) in lines() {
//!     slicer.line(number, &parse(line)?.item, &mut out)?;
//! }
//! slicer.finish(&mut out)?;
//! assert_eq!(out.as_str().matches("\"event\":").count(), 2);
//! # Ok::<(), countersign::Error>(())
//! ```
//!
//! An export without checkpoints has no tree, so it can't have skips. It can be sliced by withholding events, and by
//! omitting whole chains.
//!
//! [`explain`] shows how a slice proves its event, step by step.

mod attest;
pub mod explain;
mod selection;

use std::collections::{BTreeSet, HashMap, HashSet};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::error::{Code, Error};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, MAX_EVENT, Withheld};
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::tenant::Head;
use countersign::trust::Trust;

use attest::Attestations;
use selection::{Fate, Judge};

pub use selection::Selection;

/// The first pass, which determines what must be kept.
///
/// It stores a few numbers for each chain and each checkpoint, and no events.
pub struct Survey<'s> {
    selection: &'s Selection<'s>,
    header: Header,
    judge: Judge,
    tree: CompactRange,
    chains: HashMap<ChainId, SurveyedChain>,
    attestations: Attestations<'s>,
    sought: BTreeSet<(ChainId, u64)>,
    events: u64,
    left_out: u64,
    has_skips: bool,
    last_line: u64,
    /// The first line that must be kept and is not covered by a checkpoint so far.
    uncovered: Option<u64>,
}

#[derive(Default)]
struct SurveyedChain {
    /// The number of checkpoints before the open link, if the export has it.
    opened_after: Option<usize>,
    /// The number of checkpoints before the last link shown, if there is one.
    shown_after: Option<usize>,
}

impl<'s> Survey<'s> {
    /// Starts with the header. Without a trust file that has a quorum, a checkpoint's time is the latest of all its
    /// cosignatures, which are not verified.
    pub fn new(header: &Header, selection: &'s Selection<'s>, trust: Option<&'s Trust>) -> Self {
        Self {
            selection,
            header: header.clone(),
            judge: Judge::default(),
            tree: CompactRange::new(),
            chains: HashMap::new(),
            attestations: Attestations::new(trust),
            sought: selection.events.clone(),
            events: 0,
            left_out: 0,
            has_skips: false,
            last_line: 1,
            uncovered: None,
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
                let overlaps = |(first, end): (u64, u64)| first < self.tree.end() && index < end;
                if self.selection.range.is_some_and(overlaps) {
                    let last = self.tree.end() - 1;
                    let message =
                        format!("the export does not contain the entries {index} to {last} of the range");
                    let hint = "slice the whole log, or use a smaller range";
                    return Err(invalid(number, message).with_hint(hint));
                }
                return Ok(());
            }
            Item::Link { text, .. } | Item::Note { text, .. } => self.tree.append(leaf_hash(text.as_bytes())),
            Item::Leaf(bytes) => self.tree.append(leaf_hash(bytes)),
        }
        let fate = self.judge.fate(self.selection, index, item);
        match item {
            Item::Link { link, payload, .. } => {
                self.attestations.link(link.time());
                self.find(number, link, payload.is_some())?;
                let checkpoints = self.attestations.count();
                let chain = self.chains.entry(link.chain()).or_default();
                if matches!(link, Link::Open(_)) {
                    chain.opened_after.get_or_insert(checkpoints);
                }
                if matches!(fate, Fate::Kept | Fate::Bare(_))
                    && chain.shown_after.replace(checkpoints).is_none()
                    && let Some(checkpoints) = chain.opened_after
                {
                    self.attestations.shows_after(checkpoints);
                }
                self.events += u64::from(fate == Fate::Kept && payload.is_some());
            }
            Item::Note { note, .. } => self.attestations.note(note),
            _ => {}
        }
        match fate {
            Fate::Kept | Fate::Bare(_) => {
                self.attestations.shows();
                self.uncovered = self.uncovered.or(Some(number));
            }
            Fate::WithChain => {}
            Fate::Out => self.left_out += 1,
        }
        Ok(())
    }

    /// Processes a state of the log that this checkpoint attests.
    fn checkpoint(&mut self, signed: &SignedCheckpoint, origin: &str, size: u64, root: &Hash) {
        let matches = origin == self.header.origin
            && size == self.tree.end()
            && self.tree.root().as_ref() == Some(root);
        self.attestations.checkpoint(signed, size, matches);
        self.uncovered = None;
    }

    fn find(&mut self, number: u64, link: &Link, has_event: bool) -> Result<(), Error> {
        if !self.sought.is_empty() && self.sought.remove(&(link.chain(), link.seq())) && !has_event {
            let message = format!("the export has no event for {}/{}", link.chain(), link.seq());
            let hint = "choose another event; open and close links have none, and others may be withheld";
            return Err(Error::new(Code::Selection, message).at_line(number).with_hint(hint));
        }
        Ok(())
    }

    /// Ends the first pass.
    ///
    /// # Errors
    /// [`Code::Selection`] if the slice would show no event and [`Selection::or_none`] doesn't allow that, or a requested event or chain is missing. [`Code::Export`]
    /// if a range can't be claimed, if the last checkpoint doesn't match the entries before it, or if it doesn't cover
    /// everything that must be kept.
    pub fn finish(mut self) -> Result<Plan<'s>, Error> {
        let refuse = |message: String, hint| Err(Error::new(Code::Export, message).with_hint(hint));
        let absent = |message: String, hint| Err(Error::new(Code::Selection, message).with_hint(hint));
        if let Some((chain, seq)) = self.sought.first() {
            let hint = "list the events with `countersign show EXPORT`";
            return absent(format!("the export does not contain the event {chain}/{seq}"), hint);
        }
        if let Some(chain) = self.selection.chains.iter().find(|chain| !self.chains.contains_key(chain)) {
            let hint = "list the chains with `countersign show EXPORT`";
            return absent(format!("the export does not contain the chain {chain}"), hint);
        }
        let sealed = self.attestations.count() > 0;
        if let Some((first, end)) = self.selection.range {
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
        if self.events == 0 && !self.selection.allows_none {
            let hint = "change the selection; no event matches it, or all that do are withheld";
            return absent("the slice would contain no event".into(), hint);
        }
        let is_hidden = |chain: &SurveyedChain| chain.shown_after.is_none() && chain.opened_after.is_some();
        let leaves_out = self.left_out > 0 || self.chains.values().any(is_hidden);
        if sealed && leaves_out {
            if !self.attestations.last_matches() {
                let hint = "run `countersign verify` to see where the export is altered";
                return refuse("the last checkpoint does not match the entries before it".into(), hint);
            }
            if let Some(line) = self.uncovered {
                return Err(invalid(line, "the entry must be kept, but no checkpoint covers it")
                    .with_hint("if the file is truncated, fetch it again; otherwise add a checkpoint with `countersign seal`"));
            }
        }
        if !sealed && self.has_skips {
            let hint = "run `countersign verify` for details; the export is incomplete";
            return refuse("the export has skips but no checkpoint".into(), hint);
        }
        let mut chains = HashSet::new();
        for (id, chain) in &self.chains {
            if let Some(checkpoints) = chain.shown_after {
                chains.insert(*id);
                self.attestations.settles_after(checkpoints);
            }
        }
        let requested = self.selection.range.map(|(first, end)| (first, Some(end)));
        let range = if leaves_out { requested } else { requested.or(self.header.range) };
        Ok(Plan {
            selection: self.selection,
            header: Header { origin: self.header.origin, range },
            chains,
            checkpoints: if leaves_out { Some(self.attestations.choose()) } else { None },
            sealed,
            events: self.events,
            last_line: self.last_line,
            size: self.tree.end(),
        })
    }
}

fn invalid(line: u64, message: impl Into<String>) -> Error {
    Error::new(Code::Export, message).at_line(line)
}

/// The plan of a slice.
pub struct Plan<'s> {
    selection: &'s Selection<'s>,
    header: Header,
    chains: HashSet<ChainId>,
    /// For each checkpoint in the input's order, true to keep it; none to keep all.
    checkpoints: Option<Vec<bool>>,
    sealed: bool,
    events: u64,
    last_line: u64,
    size: u64,
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
        out.header(&self.header);
        Slicer { plan: self, judge: Judge::default(), gap: CompactRange::new(), checkpoints: 0, last_line: 1 }
    }
}

/// The second pass, which writes the slice.
pub struct Slicer<'p, 's> {
    plan: &'p Plan<'s>,
    judge: Judge,
    /// The omitted entries just before the current position.
    gap: CompactRange,
    checkpoints: usize,
    last_line: u64,
}

impl Slicer<'_, '_> {
    /// Processes the next line after the header, which must be the same as in the first pass.
    ///
    /// # Errors
    /// [`Code::Export`] if a skip is misaligned.
    pub fn line(&mut self, number: u64, item: &Item<'_>, out: &mut Writer) -> Result<(), Error> {
        self.last_line = number;
        match item {
            Item::Checkpoint { .. } | Item::Head { .. } => {
                let keep = self.plan.checkpoints.as_ref();
                if keep.is_none_or(|keep| keep.get(self.checkpoints).copied().unwrap_or(false)) {
                    self.close_gap(0, out);
                    out.item(item);
                }
                self.checkpoints += 1;
                return Ok(());
            }
            Item::Anchor { .. } => {
                self.close_gap(0, out);
                out.item(item);
                return Ok(());
            }
            Item::Skip { level, hash } => {
                let unaligned = |error: Error| error.with_code(Code::Export).at_line(number);
                return self.gap.append_subtree(*level, *hash).map_err(unaligned);
            }
            Item::Link { .. } | Item::Note { .. } | Item::Leaf(_) => {}
        }
        let fate = self.judge.fate(self.plan.selection, self.gap.end(), item);
        match (self.resolve(fate, item), item) {
            (Fate::Kept, Item::Link { text, link: Link::Event(link), payload: Some(payload), .. }) => {
                self.close_gap(1, out);
                let event = payload.committed(&link.commit);
                // The canonical form can exceed the maximum size of an event.
                let event = if event.len() > MAX_EVENT { payload.event } else { &event };
                out.event(text, &payload.salt, event);
            }
            (Fate::Kept, _) => {
                self.close_gap(1, out);
                out.item(item);
            }
            (Fate::Bare(reason), Item::Link { text, .. }) => {
                self.close_gap(1, out);
                out.withheld(text, reason);
            }
            (_, Item::Link { text, .. }) => self.gap.append(leaf_hash(text.as_bytes())),
            (_, Item::Leaf(bytes)) => self.gap.append(leaf_hash(bytes)),
            _ => {}
        }
        Ok(())
    }

    /// Returns the final fate of an entry, now that the chains shown are known.
    fn resolve(&self, fate: Fate, item: &Item<'_>) -> Fate {
        let Item::Link { link, payload, withheld, .. } = item else { return fate };
        let shown = self.plan.chains.contains(&link.chain());
        match fate {
            Fate::WithChain if shown => Fate::Kept,
            Fate::Out if shown && !self.plan.sealed => {
                Fate::Bare(if payload.is_some() { Some(Withheld::Filtered) } else { *withheld })
            }
            Fate::WithChain => Fate::Out,
            fate => fate,
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

    /// Ends the second pass.
    ///
    /// # Errors
    /// [`Code::Export`] if the input differs from that of the first pass.
    pub fn finish(self, out: &mut Writer) -> Result<(), Error> {
        if self.last_line != self.plan.last_line || self.gap.end() != self.plan.size {
            return Err(Error::new(Code::Export, "the export changed while it was read")
                .with_hint("copy the file, then slice the copy"));
        }
        if self.plan.sealed && self.plan.checkpoints.is_none() {
            out.skips(&self.gap);
        }
        Ok(())
    }
}
