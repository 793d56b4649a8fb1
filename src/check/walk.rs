//! A single pass over a log's tiles from the leaves up, in memory that does not grow with their number.

use super::finding::{TileCode, Tiles};
use super::plan::{LeftTile, Plan, Resource};
use crate::checkpoint::SignedCheckpoint;
use crate::error::{Code, Error};
use crate::export::Header;
use crate::export::writer::Writer;
use crate::hash::{Hash, Message, hash_many};
use crate::keys::KeyNote;
use crate::link::Link;
use crate::merkle::{Bundle, CompactRange, TILE_HEIGHT, TILE_WIDTH, Tile, decode_tile, root_of, skips};

/// A walk that checks a log's tiles against each other and writes its entries as an export.
pub struct Walk {
    checkpoint: SignedCheckpoint,
    plan: Plan,
    /// The leaf hashes of the last bundle, if it could be decoded. Its tile comes next.
    leaves: Option<Vec<Hash>>,
    /// For each level, the roots of the full tiles below that the next tile of the level must have.
    below: Vec<Vec<Hash>>,
    /// The right edge, from the partial tiles.
    edge: CompactRange,
    lines: Writer,
    tiles: Tiles,
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
            walk.tiles.add(TileCode::Pruned, path, Some(0), message);
        }
        walk
    }

    fn from_bundle(checkpoint: SignedCheckpoint, bundle: u64) -> Self {
        let size = checkpoint.checkpoint.size;
        let bundle = bundle.min(size / TILE_WIDTH);
        let first = bundle * TILE_WIDTH;
        let mut lines = Writer::new();
        let range = (size > first).then_some((first, Some(size)));
        lines.header(&Header { origin: checkpoint.checkpoint.origin.clone(), range });
        Self {
            checkpoint,
            plan: Plan::starting_at(bundle, size),
            leaves: None,
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
            Some(Resource::Bundle(bundle)) => self.leaves = self.bundle(bundle, bytes),
            Some(Resource::Tile(tile)) => self.tile(tile, bytes),
            None => {}
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
                self.tiles.add(TileCode::Root, "checkpoint".to_owned(), None, message);
            }
            self.lines.checkpoint(&self.checkpoint.to_string());
        }
        (self.take_lines(), self.tiles)
    }

    fn bundle(&mut self, bundle: Bundle, bytes: Option<&[u8]>) -> Option<Vec<Hash>> {
        let first = bundle.index * TILE_WIDTH;
        let Some(bytes) = bytes else {
            self.missing(bundle.path(), first);
            return None;
        };
        let leaves = match bundle.decode(bytes) {
            Ok(leaves) => leaves,
            Err(error) => {
                self.tiles.add(TileCode::Malformed, bundle.path(), Some(first), error.into_message());
                return None;
            }
        };
        self.tiles.bundles += 1;
        for leaf in &leaves {
            self.leaf(leaf);
        }
        let messages: Vec<Message<'_>> = leaves.iter().map(|body| Message { prefix: &[0], body }).collect();
        let mut hashes = Vec::with_capacity(leaves.len());
        hash_many(&messages, &mut hashes);
        Some(hashes)
    }

    /// Writes the leaf as a line of an export.
    fn leaf(&mut self, leaf: &[u8]) {
        // The empty text is neither a link nor a note.
        let text = core::str::from_utf8(leaf).unwrap_or_default();
        let kinds = &mut self.tiles.entries;
        if let Ok(link) = Link::parse(text) {
            kinds.links += 1;
            match link {
                Link::Event(_) => self.lines.withheld(text, None),
                Link::Open(_) | Link::Close(_) => self.lines.link(text),
            }
        } else if KeyNote::parse(text).is_ok() {
            kinds.notes += 1;
            self.lines.note(text);
        } else {
            kinds.other += 1;
            self.lines.leaf(leaf);
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
            self.settle(tile, &hashes);
        } else {
            self.below_mut(tile.level).extend_from_slice(before);
        }
    }

    /// Decodes a tile that the log published; reports it if it is missing or malformed.
    fn published(&mut self, tile: Tile, bytes: Option<&[u8]>) -> Option<Vec<Hash>> {
        let first = (tile.index * TILE_WIDTH) << (tile.level * TILE_HEIGHT);
        match bytes.map(|bytes| decode_tile(tile, bytes)) {
            Some(Ok(hashes)) => Some(hashes),
            Some(Err(error)) => {
                self.tiles.add(TileCode::Malformed, tile.path(), Some(first), error.into_message());
                None
            }
            None => {
                self.missing(tile.path(), first);
                None
            }
        }
    }

    /// Returns the roots of full tiles that the next tile of a level must have.
    fn below_mut(&mut self, level: u8) -> &mut Vec<Hash> {
        let level = usize::from(level);
        if self.below.len() <= level {
            self.below.resize(level + 1, Vec::new());
        }
        &mut self.below[level]
    }

    fn tile(&mut self, tile: Tile, bytes: Option<&[u8]>) {
        let first = (tile.index * TILE_WIDTH) << (tile.level * TILE_HEIGHT);
        let expected = match tile.level {
            0 => self.leaves.take(),
            level => self.below.get_mut(usize::from(level)).map(core::mem::take),
        };
        let published = self.published(tile, bytes);
        let hashes = match (expected, published) {
            (Some(expected), Some(published)) => {
                self.tiles.checked += 1;
                self.compare(tile, first, &expected, &published);
                published
            }
            (None, Some(published)) => {
                for subtree in skips(first, first + published.len() as u64) {
                    let at = (subtree.index - first) as usize;
                    self.lines.skip(subtree.level, &root_of(&published[at..at + (1 << subtree.level)]));
                }
                published
            }
            (Some(expected), None) => expected,
            (None, None) => {
                self.stopped = true;
                return;
            }
        };
        self.settle(tile, &hashes);
    }

    fn compare(&mut self, tile: Tile, first: u64, expected: &[Hash], published: &[Hash]) {
        for (place, _) in (0_u64..).zip(expected.iter().zip(published)).filter(|(_, (a, b))| a != b) {
            let message = if tile.level == 0 {
                format!("hash {place} of the tile is not that of entry {}", first + place)
            } else {
                let below =
                    Tile { level: tile.level - 1, index: tile.index * TILE_WIDTH + place, width: 256 };
                format!("hash {place} of the tile is not the root of {}", below.path())
            };
            let index = first + (place << (tile.level * TILE_HEIGHT));
            self.tiles.add(TileCode::Hash, tile.path(), Some(index), message);
        }
    }

    /// Passes the tile's hashes to the next level: a full tile's root, or the subtrees of a partial tile,
    /// which is at the right edge. Partial tiles arrive from left to right.
    fn settle(&mut self, tile: Tile, hashes: &[Hash]) {
        if tile.is_full() {
            self.below_mut(tile.level + 1).push(root_of(hashes));
            return;
        }
        for subtree in skips(0, hashes.len() as u64) {
            let at = subtree.index as usize;
            let root = root_of(&hashes[at..at + (1 << subtree.level)]);
            if self.edge.append_subtree(tile.level * TILE_HEIGHT + subtree.level, root).is_err() {
                self.stopped = true;
            }
        }
    }

    fn missing(&mut self, path: String, first: u64) {
        let message = "the log does not have this resource".to_owned();
        self.tiles.add(TileCode::Missing, path, Some(first), message);
    }
}
