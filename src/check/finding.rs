//! What is wrong with a log's tiles, and where.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::verify::{LISTED, Verdict};
use crate::words::words;

words! {
    /// What can be wrong with a tile or a bundle. Codes are stable.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum TileCode {
        /// A hash in a tile is not that of the leaf, or of the tile below, that it stands for.
        Hash = "tile.hash",
        /// It is not of the form that C2SP tlog-tiles gives.
        Malformed = "tile.malformed",
        /// The log does not have it.
        Missing = "tile.missing",
        /// The tiles at the right edge give another root than the checkpoint's.
        Root = "tile.root",
    }
}

impl TileCode {
    /// The verdict on a log whose tiles have this.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Hash | Self::Root => Verdict::Altered,
            Self::Malformed | Self::Missing => Verdict::Broken,
        }
    }

    /// What to make of it or do about it, for people.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Hash => "the entry or the tile was changed: proofs that are made of this tile do not hold",
            Self::Malformed => "it was damaged, or its writer is faulty",
            Self::Missing => "a log has to publish it: it was lost, taken out, or never written",
            Self::Root => {
                "the tiles are not those of the checkpoint: keep both as evidence, and ask the log's operator"
            }
        }
    }
}

/// Something that is wrong with a tile or a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TileFinding {
    /// What it is.
    pub code: TileCode,
    /// The path of the tile or bundle below the log's prefix; `checkpoint` for [`TileCode::Root`].
    pub path: String,
    /// The index of the first leaf that is concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// What is wrong, for people.
    pub message: String,
    /// What to make of it or do about it, for people.
    pub hint: &'static str,
}

/// What the leaves are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kinds {
    /// Links.
    pub links: u64,
    /// Key notes.
    pub notes: u64,
    /// Anything else: opaque bytes.
    pub other: u64,
}

/// What was found in the tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tiles {
    /// How many hash tiles were read and compared with what is below them.
    pub checked: u64,
    /// How many entry bundles were read.
    pub bundles: u64,
    /// What the leaves are.
    pub entries: Kinds,
    /// The first hundred findings of each code, in the order in which the log was read.
    pub findings: Vec<TileFinding>,
    /// How many findings of each code there are.
    pub finding_counts: BTreeMap<TileCode, u64>,
}

impl Tiles {
    /// Whether nothing is wrong with them.
    pub fn pass(&self) -> bool {
        self.finding_counts.is_empty()
    }

    pub(super) fn add(&mut self, code: TileCode, path: String, index: Option<u64>, message: String) {
        let count = self.finding_counts.entry(code).or_default();
        *count += 1;
        if *count <= LISTED as u64 {
            self.findings.push(TileFinding { code, path, index, message, hint: code.hint() });
        }
    }
}
