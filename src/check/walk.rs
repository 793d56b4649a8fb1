//! A single pass over a log's tiles from the leaves up, in memory that does not grow with their number.

use super::finding::{TileCode, TileFinding, Tiles};
use super::outcome::{BundleEntries, BundleOutcome, decode, differences, subtrees};
use super::plan::{LeftTile, Plan, Resource};
use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error};
use crate::export::Header;
use crate::export::writer::Writer;
use crate::hash::Hash;
use crate::merkle::{Bundle, CompactRange, TILE_HEIGHT, TILE_WIDTH, Tile, root_of, skips};

/// A walk that checks a log's tiles against each other and writes its entries as an export.
#[derive(Clone)]
pub struct Walk {
    pub(super) checkpoint: SignedCheckpoint,
    plan: Plan,
    /// The last bundle, whose tile comes next.
    entries: Option<BundleEntries>,
    /// For each level, the roots of the full tiles below that the next tile of the level must have.
    below: Vec<Vec<Hash>>,
    /// The right edge, from the partial tiles.
    edge: CompactRange,
    lines: Writer,
    pub(super) tiles: Tiles,
    stopped: bool,
}

impl Walk {
    /// Starts a walk over the log of this checkpoint. The verifier of the lines checks its signatures.
    pub fn new(checkpoint: SignedCheckpoint) -> Self {
        Self::from_bundle(checkpoint, 0)
    }

    /// Starts a walk over a log that is pruned up to the minimum index `from`, which the reader knows from elsewhere. The
    /// walk begins with the bundle that contains this entry, and reads nothing that the log may have pruned.
    ///
    /// # Errors
    /// [`Code::Tile`] if the log has fewer than `from` entries.
    pub fn starting_at(checkpoint: SignedCheckpoint, from: u64) -> Result<Self, Error> {
        let size = checkpoint.checkpoint.size;
        if from > size {
            let message = format!("the log has {size} entries, fewer than the minimum index {from}");
            return Err(Error::new(Code::Tile, message).with_hint(
                "check the minimum index; if it is right, the log was truncated or an old view is served",
            ));
        }
        Ok(Self::from_bundle(checkpoint, from / TILE_WIDTH))
    }

    /// Starts a walk over a log that turned out to have none of the first full bundles, up to but not including
    /// `bundle`, and whose minimum index is not known. Such a log is reported as possibly pruned
    /// ([`TileCode::Pruned`]), because that can't be told from entries that were lost.
    pub fn after_missing(checkpoint: SignedCheckpoint, bundle: u64) -> Self {
        let mut walk = Self::from_bundle(checkpoint, bundle);
        let (first, _) = walk.tiles.range;
        if first > 0 {
            let path = Bundle { index: 0, width: TILE_WIDTH as u16 }.path();
            let message = format!("the first {first} entries are gone (pruned?)");
            walk.tiles.add(TileFinding::new(TileCode::Pruned, path, Some(0), message));
        }
        walk
    }

    /// Starts a walk with this bundle, without a finding.
    pub(super) fn from_bundle(checkpoint: SignedCheckpoint, bundle: u64) -> Self {
        let size = checkpoint.checkpoint.size;
        let bundle = bundle.min(size / TILE_WIDTH);
        let first = bundle * TILE_WIDTH;
        let mut lines = Writer::new();
        let range = (size > first).then_some((first, Some(size)));
        lines.header(&Header { origin: checkpoint.checkpoint.origin.clone(), range });
        Self {
            checkpoint,
            plan: Plan::starting_at(bundle, size),
            entries: None,
            below: Vec::new(),
            edge: CompactRange::new(),
            lines,
            tiles: Tiles { range: (first, size), ..Tiles::default() },
            stopped: false,
        }
    }

    /// Returns the index of the first entry of the walk, and the log's size.
    pub const fn range(&self) -> (u64, u64) {
        self.tiles.range
    }

    /// Returns the resources still to be [pushed](Self::push), in order.
    pub fn plan(&self) -> Plan {
        self.plan.clone()
    }

    /// Processes the next resource of the plan: its bytes, or `None` if the log says that it does not have it. Don't
    /// push a resource whose state is unknown, for example after a network error.
    ///
    /// Ignored after the last resource and once [`Self::is_stopped`] is true.
    pub fn push(&mut self, bytes: Option<&[u8]>) {
        if self.stopped {
            return;
        }
        if let Some(left) = self.plan.next_left() {
            self.left_tile(left, bytes);
            return;
        }
        match self.plan.next() {
            Some(Resource::Bundle(bundle)) => self.entries = Some(BundleEntries::read(bundle, bytes)),
            Some(Resource::Tile(tile)) => match self.entries.take() {
                Some(entries) => self.add(entries.compare(bytes)),
                None => self.tile(tile, bytes),
            },
            None => {}
        }
    }

    /// Processes a bundle and its tile of level 0 that were checked elsewhere, instead of pushing both. Takes no lines:
    /// [take](BundleOutcome::take_lines) those of the outcome.
    ///
    /// Ignored unless the bundle is the next resource of the plan, and once [`Self::is_stopped`] is true.
    pub fn absorb(&mut self, outcome: BundleOutcome) {
        let mut next = self.plan.clone();
        if !self.stopped && next.next() == Some(Resource::Bundle(outcome.bundle)) {
            next.next();
            self.plan = next;
            self.add_outcome(outcome);
        }
    }

    /// True if you can stop reading: a bundle and its tile are both missing or malformed, or a tile with hashes of
    /// entries before the walk is, so the rest of the tree can't be checked.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes the lines of the export written since the last call, starting with the header.
    pub fn take_lines(&mut self) -> Vec<u8> {
        let lines = self.lines.as_bytes().to_vec();
        self.lines.clear();
        lines
    }

    /// Returns the last lines and the findings. Call it after the whole plan was pushed or the walk has stopped.
    pub fn finish(mut self) -> (Vec<u8>, Tiles) {
        let size = self.checkpoint.checkpoint.size;
        if !self.stopped && self.edge.end() == size {
            if self.edge.root() != Some(self.checkpoint.checkpoint.root) {
                let message =
                    format!("the tiles of {size} entries produce a different root from the checkpoint's");
                self.tiles.add(TileFinding::new(TileCode::Root, "checkpoint".to_owned(), None, message));
            }
            self.lines.checkpoint(&self.checkpoint.to_string());
        }
        (self.take_lines(), self.tiles)
    }

    fn add(&mut self, mut outcome: BundleOutcome) {
        self.lines.append(&outcome.take_lines());
        self.add_outcome(outcome);
    }

    fn add_outcome(&mut self, outcome: BundleOutcome) {
        let BundleOutcome { bundle, entries, is_compared, findings, subtrees, .. } = outcome;
        if let Some(entries) = entries {
            self.tiles.bundles += 1;
            self.tiles.entries += entries;
        }
        self.tiles.checked += u64::from(is_compared);
        for finding in findings {
            self.tiles.add(finding);
        }
        match subtrees {
            Some(subtrees) => self.settle(bundle.tile(), &subtrees),
            None => self.stopped = true,
        }
    }

    /// Writes skips for the entries before the walk that this tile has hashes of. The tile is authentic if the tree
    /// leads to the checkpoint's root.
    fn left_tile(&mut self, left: LeftTile, bytes: Option<&[u8]>) {
        let LeftTile { tile, before } = left;
        let Some(hashes) = self.published(tile, bytes) else {
            self.stopped = true;
            return;
        };
        let before = &hashes[..usize::from(before)];
        for subtree in skips(0, before.len() as u64) {
            let at = subtree.index as usize;
            let level = tile.level * TILE_HEIGHT + subtree.level;
            self.lines.skip(level, &root_of(&before[at..at + (1 << subtree.level)]));
        }
        if before.len() == hashes.len() {
            self.settle(tile, &subtrees(&hashes));
        } else {
            self.below_mut(tile.level).extend_from_slice(before);
        }
    }

    /// Decodes a tile that the log published; reports it if it is missing or malformed.
    fn published(&mut self, tile: Tile, bytes: Option<&[u8]>) -> Option<Vec<Hash>> {
        decode(tile, bytes).map_err(|finding| self.tiles.add(finding)).ok()
    }

    /// Returns the roots of full tiles that the next tile of a level must have.
    fn below_mut(&mut self, level: u8) -> &mut Vec<Hash> {
        let level = usize::from(level);
        if self.below.len() <= level {
            self.below.resize(level + 1, Vec::new());
        }
        &mut self.below[level]
    }

    /// Processes a tile above level 0.
    fn tile(&mut self, tile: Tile, bytes: Option<&[u8]>) {
        let expected = std::mem::take(self.below_mut(tile.level));
        let hashes = match self.published(tile, bytes) {
            Some(published) => {
                self.tiles.checked += 1;
                differences(tile, &expected, &published).for_each(|finding| self.tiles.add(finding));
                published
            }
            None => expected,
        };
        self.settle(tile, &subtrees(&hashes));
    }

    /// Passes the roots of the tile's subtrees to the next level: a full tile's root, or those of a partial tile, which
    /// is at the right edge. Partial tiles arrive from left to right.
    fn settle(&mut self, tile: Tile, roots: &[Hash]) {
        if tile.is_full() {
            self.below_mut(tile.level + 1).extend_from_slice(roots);
            return;
        }
        for (subtree, root) in skips(0, tile.width.into()).zip(roots) {
            if self.edge.append_subtree(tile.level * TILE_HEIGHT + subtree.level, *root).is_err() {
                self.stopped = true;
            }
        }
    }
}
