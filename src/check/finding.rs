//! Findings in a log's tiles.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::verify::{LISTED, Verdict};
use crate::words::words;

words! {
    /// Codes of findings in tiles and bundles. Codes are stable.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum TileCode {
        /// A hash in a tile differs from that of its leaf or of the tile below.
        Hash = "tile.hash",
        /// The tile or bundle does not have the form of C2SP tlog-tiles.
        Malformed = "tile.malformed",
        /// The log does not have the tile or bundle.
        Missing = "tile.missing",
        /// The log has no bundle of its first entries, which may have been pruned.
        Pruned = "tile.pruned",
        /// The tiles at the right edge produce a different root from the checkpoint's.
        Root = "tile.root",
    }
}

impl TileCode {
    /// Returns the verdict on a log whose tiles have such a finding.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Hash | Self::Root => Verdict::Altered,
            Self::Malformed | Self::Missing => Verdict::Broken,
            Self::Pruned => Verdict::Partial,
        }
    }

    /// Returns a human-readable suggested action.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Hash => "do not rely on proofs made from this tile: the entry or the tile was changed",
            Self::Malformed => "fetch it again: it was corrupted, or the program that wrote it is faulty",
            Self::Missing => "ask the log operator to publish it: it was lost, removed, or never written",
            Self::Pruned => {
                "ask the log operator whether the log is pruned, and from which entry on it keeps entries; then pass that index with --from"
            }
            Self::Root => {
                "keep the tiles and the checkpoint as evidence and ask the log operator: they do not belong together"
            }
        }
    }
}

/// A finding in a tile or bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TileFinding {
    /// The stable code.
    pub code: TileCode,
    /// The path of the tile or bundle below the log's prefix; `checkpoint` for [`TileCode::Root`].
    pub path: String,
    /// The index of the first affected entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// The human-readable problem.
    pub message: String,
    /// The human-readable suggested action.
    pub hint: &'static str,
}

impl TileFinding {
    pub(super) const fn new(code: TileCode, path: String, index: Option<u64>, message: String) -> Self {
        Self { code, path, index, message, hint: code.hint() }
    }

    /// Returns the finding for a resource that the log does not have.
    pub(super) fn missing(path: String, first: u64) -> Self {
        Self::new(TileCode::Missing, path, Some(first), "the log does not have this resource".to_owned())
    }
}

/// Counts of entries by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kinds {
    /// Links.
    pub links: u64,
    /// Key notes.
    pub notes: u64,
    /// Other entries, which are opaque bytes.
    pub other: u64,
}

impl std::ops::AddAssign for Kinds {
    fn add_assign(&mut self, other: Self) {
        self.links += other.links;
        self.notes += other.notes;
        self.other += other.other;
    }
}

/// The results of checking a log's tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tiles {
    /// The entries that were examined: the index of the first, and the log's size.
    pub range: (u64, u64),
    /// The number of hash tiles read and compared with what is below them.
    pub checked: u64,
    /// The number of entry bundles read.
    pub bundles: u64,
    /// The number of entries of each kind.
    pub entries: Kinds,
    /// The first hundred findings of each code, in the order in which the log was read.
    pub findings: Vec<TileFinding>,
    /// The number of findings of each code.
    pub finding_counts: BTreeMap<TileCode, u64>,
}

impl Tiles {
    /// True if nothing that was examined is wrong. Entries before that may be gone ([`TileCode::Pruned`]).
    pub fn pass(&self) -> bool {
        self.finding_counts.keys().all(|&code| code == TileCode::Pruned)
    }

    pub(super) fn add(&mut self, finding: TileFinding) {
        let count = self.finding_counts.entry(finding.code).or_default();
        *count += 1;
        if *count <= LISTED as u64 {
            self.findings.push(finding);
        }
    }
}
