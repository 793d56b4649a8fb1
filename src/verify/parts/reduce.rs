//! Reduces summaries whose position in the log is known: drops the hashes that only facts within them need.

use std::collections::HashMap;

use super::PartsError;
use crate::hash::Hash;
use crate::link::ChainId;
use crate::merkle::{CompactRange, MAX_SIZE};
use crate::verify::leaves::{LeafCursor, Leaves, MergedLeaves, after_skip};
use crate::verify::summary::{Entry, EntryKind, LineFinding, LinkEntry, Previous, Summary, Unresolved};

/// Numbers of entries and findings, of lines, and of bytes read from which a merged summary is complete.
const MIN_ITEMS: usize = 4096;
const MIN_LINES: u64 = 1 << 18;
const MIN_BYTES: usize = 4 << 20;

/// The state of reducing: the log so far, and the next merged summary.
pub(super) struct Reducer {
    /// The index of the first entry of all.
    first: u64,
    /// The sizes of the log to keep as boundaries, in ascending order.
    keep: Vec<u64>,
    /// The leaves since the last boundary.
    range: CompactRange,
    chains: HashMap<ChainId, ChainEnd>,
    merged: Summary,
    leaves: MergedLeaves,
    /// The numbers of chains in the merged summary.
    numbers: HashMap<ChainId, u32>,
    /// The number of bytes of the summaries that the merged summary consists of.
    bytes: usize,
}

/// A chain after its last link that is not a fork.
struct ChainEnd {
    seq: u64,
    /// `None` until the end of the summary file that dropped it.
    hash: Option<Hash>,
}

impl Reducer {
    /// Creates a reducer of summaries that begin with this entry.
    pub(super) fn new(first: u64, keep: &[u64]) -> Self {
        let first = first.min(MAX_SIZE);
        let mut keep = keep.to_vec();
        keep.sort_unstable();
        Self {
            first,
            keep,
            range: CompactRange::starting_at(first),
            chains: HashMap::new(),
            merged: Summary::default(),
            leaves: MergedLeaves { first, ..MergedLeaves::default() },
            numbers: HashMap::new(),
            bytes: 0,
        }
    }

    /// Adds the next summary, which was read from this number of bytes. Returns the merged summaries that are complete.
    pub(super) fn add(&mut self, summary: Summary, bytes: usize) -> Result<Vec<Summary>, PartsError> {
        // Otherwise, summaries would grow with each merge that puts a few entries before them.
        let is_other = self.merged.lines > 0 && is_complete(&summary, bytes);
        let mut complete: Vec<_> = is_other.then(|| self.take()).into_iter().collect();
        if let Leaves::Merged(merged) = &summary.leaves {
            self.check(merged, &summary.entries)?;
        }
        let chains: Vec<u32> = summary.chains.iter().map(|id| self.chain_number(*id)).collect();
        let (lines, before) = (self.merged.lines, self.merged.entries.len());
        let mut cursor = LeafCursor::new(&summary.leaves);
        for Entry { line, mut kind } in summary.entries {
            if kind.is_leaf() {
                let size = self.range.end() + cursor.pending();
                // A log has no room for more leaves.
                if size < MAX_SIZE {
                    if let EntryKind::Link(link) = &mut kind {
                        let hash = match summary.leaves {
                            Leaves::Hashes(_) => Some(*cursor.hash()),
                            Leaves::Merged(_) => None,
                        };
                        self.link(link, summary.chains[link.chain as usize], hash)?;
                    }
                    cursor.pass();
                    let was_kept = cursor.ends_subtrees(size + 1);
                    if was_kept || self.keep.binary_search(&(size + 1)).is_ok() {
                        cursor.add_to(&mut self.range);
                        self.end_segment();
                        self.leaves.kept.push(size + 1);
                    }
                } else if let EntryKind::Link(link) = &mut kind {
                    // A link without a position follows nothing.
                    link.prev = Previous::Follows;
                }
            } else {
                cursor.add_to(&mut self.range);
                self.end_segment();
                if let EntryKind::Skip(level, _) = &kind
                    && let Some(after) = after_skip(self.range.end(), *level)
                {
                    self.range = CompactRange::starting_at(after);
                }
            }
            if let EntryKind::Link(link) = &mut kind {
                link.chain = chains[link.chain as usize];
                link.signature_bytes = None;
                link.event = (0, 0);
            }
            self.merged.entries.push(Entry { line: lines + line, kind });
        }
        cursor.add_to(&mut self.range);
        let moved = |finding: LineFinding| {
            let entry = finding.entry.map(|entry| before + entry);
            LineFinding { line: lines + finding.line, entry, ..finding }
        };
        self.merged.findings.extend(summary.findings.into_iter().map(moved));
        let moved = |signed: Unresolved| Unresolved { entry: before + signed.entry, ..signed };
        self.merged.unresolved.extend(summary.unresolved.into_iter().map(moved));
        if summary.last_filled > 0 {
            self.merged.last_filled = lines + summary.last_filled;
        }
        self.merged.lines += summary.lines;
        self.merged.filled += summary.filled;
        self.bytes += bytes;
        if is_complete(&self.merged, self.bytes) {
            complete.push(self.take());
        }
        Ok(complete)
    }

    /// Ends a summary file, whose tail states the hashes of its chains' last links if merging dropped them.
    pub(super) fn end_file(&mut self, ends: &[(ChainId, Hash)]) {
        for (id, hash) in ends {
            if let Some(end) = self.chains.get_mut(id) {
                end.hash = Some(*hash);
            }
        }
    }

    /// Returns the last merged summary, which may be empty.
    pub(super) fn finish(&mut self) -> Summary {
        self.take()
    }

    /// Returns the hashes of the chains' last links.
    pub(super) fn ends(&self) -> impl Iterator<Item = (ChainId, Hash)> {
        self.chains.iter().filter_map(|(id, end)| Some((*id, end.hash?)))
    }

    /// Checks that a merged summary comes next, and that its subtrees end at the sizes to keep.
    fn check(&self, merged: &MergedLeaves, entries: &[Entry]) -> Result<(), PartsError> {
        let found = self.range.end();
        if merged.first != found {
            return Err(PartsError::FirstEntry { stated: merged.first, found });
        }
        if self.keep.is_empty() {
            return Ok(());
        }
        merged.dropped(entries, self.keep.iter().copied()).map_or(Ok(()), |size| Err(PartsError::Pin(size)))
    }

    /// Compares a link with the one before it, and drops the hash if both are known. `hash` is its own, if it was not
    /// dropped.
    fn link(&mut self, link: &mut LinkEntry, id: ChainId, hash: Option<Hash>) -> Result<(), PartsError> {
        let was_merged = hash.is_none();
        let Some(last) = self.chains.get_mut(&id) else {
            self.chains.insert(id, ChainEnd { seq: link.seq, hash });
            if self.first == 0 {
                // No link comes before it.
                link.prev = Previous::Follows;
            }
            return Ok(());
        };
        if link.seq <= last.seq {
            if was_merged && link.prev.hash().is_some() {
                return Err(PartsError::Fork);
            }
            // A fork follows nothing.
            link.prev = Previous::Follows;
            return Ok(());
        }
        if let (Some(prev), Some(known)) = (link.prev.hash(), &last.hash) {
            link.prev = if prev == known { Previous::Follows } else { Previous::Differs };
        }
        *last = ChainEnd { seq: link.seq, hash };
        Ok(())
    }

    fn chain_number(&mut self, id: ChainId) -> u32 {
        *self.numbers.entry(id).or_insert_with(|| {
            self.merged.chains.push(id);
            self.merged.chains.len() as u32 - 1
        })
    }

    /// Drops the leaves since the last boundary, except for their subtrees.
    fn end_segment(&mut self) {
        let range = std::mem::take(&mut self.range);
        self.range = CompactRange::starting_at(range.end());
        self.leaves.hashes.extend(range.hashes());
    }

    fn take(&mut self) -> Summary {
        self.end_segment();
        let next = MergedLeaves { first: self.range.end(), ..MergedLeaves::default() };
        let leaves = Leaves::Merged(std::mem::replace(&mut self.leaves, next));
        self.numbers.clear();
        self.bytes = 0;
        Summary { leaves, ..std::mem::take(&mut self.merged) }
    }
}

/// True if a summary that was read from this number of bytes is large enough.
const fn is_complete(summary: &Summary, bytes: usize) -> bool {
    let items = summary.entries.len() + summary.findings.len();
    items >= MIN_ITEMS || summary.lines >= MIN_LINES || bytes >= MIN_BYTES
}
