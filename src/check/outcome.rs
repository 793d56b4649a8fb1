//! One entry bundle and its hash tile, checked against each other.

use super::finding::{Kinds, TileCode, TileFinding};
use crate::export::writer::Writer;
use crate::hash::{Hash, Message, hash_many};
use crate::keys::KeyNote;
use crate::link::Link;
use crate::merkle::{Bundle, TILE_HEIGHT, TILE_WIDTH, Tile, decode_tile, root_of, skips};

/// The result of checking an entry bundle against its tile of level 0, for [`Walk::absorb`](super::Walk::absorb).
///
/// It doesn't depend on other bundles, so bundles can be checked on other threads and machines.
#[derive(Clone, Debug)]
pub struct BundleOutcome {
    pub(super) bundle: Bundle,
    /// The bundle's entries by kind; `None` if it is missing or malformed.
    pub(super) entries: Option<Kinds>,
    /// True if the tile was compared with the bundle.
    pub(super) is_compared: bool,
    pub(super) findings: Vec<TileFinding>,
    /// The roots of the fewest subtrees that cover the entries; `None` if bundle and tile are missing or malformed.
    pub(super) subtrees: Option<Vec<Hash>>,
    pub(super) lines: Vec<u8>,
}

impl BundleOutcome {
    /// Checks a bundle against its tile. Either is `None` if the log says that it doesn't have it.
    pub fn new(bundle: Bundle, entries: Option<&[u8]>, tile: Option<&[u8]>) -> Self {
        BundleEntries::read(bundle, entries).compare(tile)
    }

    /// Takes the lines of the export that the entries form.
    pub fn take_lines(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines)
    }
}

/// A bundle whose tile comes next.
#[derive(Clone)]
pub(super) struct BundleEntries {
    outcome: BundleOutcome,
    lines: Writer,
    /// The leaf hashes, if the bundle could be decoded.
    leaves: Option<Vec<Hash>>,
}

impl BundleEntries {
    pub(super) fn read(bundle: Bundle, bytes: Option<&[u8]>) -> Self {
        let outcome = BundleOutcome {
            bundle,
            entries: None,
            is_compared: false,
            findings: Vec::new(),
            subtrees: None,
            lines: Vec::new(),
        };
        let mut entries = Self { outcome, lines: Writer::new(), leaves: None };
        let first = bundle.index * TILE_WIDTH;
        match bytes.map(|bytes| bundle.decode(bytes)) {
            Some(Ok(leaves)) => entries.leaves(&leaves),
            Some(Err(error)) => entries.outcome.findings.push(TileFinding::new(
                TileCode::Malformed,
                bundle.path(),
                Some(first),
                error.into_message(),
            )),
            None => entries.outcome.findings.push(TileFinding::missing(bundle.path(), first)),
        }
        entries
    }

    fn leaves(&mut self, leaves: &[&[u8]]) {
        let mut kinds = Kinds::default();
        for leaf in leaves {
            self.leaf(leaf, &mut kinds);
        }
        self.outcome.entries = Some(kinds);
        let messages: Vec<Message<'_>> = leaves.iter().map(|body| Message { prefix: &[0], body }).collect();
        let mut hashes = Vec::with_capacity(leaves.len());
        hash_many(&messages, &mut hashes);
        self.leaves = Some(hashes);
    }

    /// Writes the leaf as a line of an export.
    fn leaf(&mut self, leaf: &[u8], kinds: &mut Kinds) {
        // The empty text is neither a link nor a note.
        let text = core::str::from_utf8(leaf).unwrap_or_default();
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

    /// Compares the bundle with its tile, which stands for a bundle that couldn't be decoded.
    pub(super) fn compare(self, bytes: Option<&[u8]>) -> BundleOutcome {
        let Self { mut outcome, mut lines, leaves } = self;
        let tile = outcome.bundle.tile();
        let published = decode(tile, bytes).map_err(|finding| outcome.findings.push(finding)).ok();
        let hashes = match (leaves, published) {
            (Some(leaves), Some(published)) => {
                outcome.is_compared = true;
                outcome.findings.extend(differences(tile, &leaves, &published));
                Some(published)
            }
            (None, Some(published)) => {
                for subtree in skips(0, published.len() as u64) {
                    let at = subtree.index as usize;
                    lines.skip(subtree.level, &root_of(&published[at..at + (1 << subtree.level)]));
                }
                Some(published)
            }
            (leaves, None) => leaves,
        };
        outcome.subtrees = hashes.map(|hashes| subtrees(&hashes));
        outcome.lines = lines.into_bytes();
        outcome
    }
}

/// Returns the roots of the fewest subtrees that cover hashes from a tile's first one on.
pub(super) fn subtrees(hashes: &[Hash]) -> Vec<Hash> {
    let root = |at: usize, level: u8| root_of(&hashes[at..at + (1 << level)]);
    skips(0, hashes.len() as u64).map(|subtree| root(subtree.index as usize, subtree.level)).collect()
}

/// Decodes a tile that the log published.
pub(super) fn decode(tile: Tile, bytes: Option<&[u8]>) -> Result<Vec<Hash>, TileFinding> {
    let first = first_entry(tile);
    let bytes = bytes.ok_or_else(|| TileFinding::missing(tile.path(), first))?;
    decode_tile(tile, bytes).map_err(|error| {
        TileFinding::new(TileCode::Malformed, tile.path(), Some(first), error.into_message())
    })
}

/// Returns a finding for each hash of a tile that isn't the expected one.
pub(super) fn differences(
    tile: Tile,
    expected: &[Hash],
    published: &[Hash],
) -> impl Iterator<Item = TileFinding> {
    let first = first_entry(tile);
    let different = (0_u64..).zip(expected.iter().zip(published)).filter(|(_, (a, b))| a != b);
    different.map(move |(place, _)| {
        let message = if tile.level == 0 {
            format!("hash {place} of the tile is not that of entry {}", first + place)
        } else {
            let below = Tile { level: tile.level - 1, index: tile.index * TILE_WIDTH + place, width: 256 };
            format!("hash {place} of the tile is not the root of {}", below.path())
        };
        let index = first + (place << (tile.level * TILE_HEIGHT));
        TileFinding::new(TileCode::Hash, tile.path(), Some(index), message)
    })
}

/// Returns the index of the first entry that a tile has or represents.
const fn first_entry(tile: Tile) -> u64 {
    (tile.index * TILE_WIDTH) << (tile.level * TILE_HEIGHT)
}
