//! Verification of a log from its tiles: any C2SP tlog-tiles log, not only countersign logs (SPEC section 6).
//!
//! A log publishes a checkpoint, its leaves in entry bundles, and the hashes of its tree in tiles. A [`Walk`]
//! checks that each leaf's hash is in its tile of level 0, that each full tile's root is in the tile above
//! it, and that the tiles at the right edge give the checkpoint's root. It processes one tile at a time, in
//! memory that grows with the tree's height.
//!
//! Everything else is checked as for an export of all entries without their events, which tiles don't contain. The
//! walk writes that export as it goes. Pass it to a [`Verifier`](crate::verify::Verifier) with the option
//! [`tiles`](crate::verify::Options::tiles). [`CheckReport`] combines both results.
//!
//! A log may have been pruned: it then has no bundles and tiles below some index ([`Walk::starting_at`]).
//!
//! This module does no I/O: the caller reads the resources of [`Walk::plan`], in that order or ahead of it, and
//! passes each to [`Walk::push`].
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::check::{CheckReport, Resource, Walk};
//! use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
//! use countersign::merkle::{Bundle, leaf_hash};
//! use countersign::note::SignerKey;
//! use countersign::trust::Trust;
//! use countersign::verify::{Options, Verdict, Verifier};
//!
//! // A log of one leaf, which is neither a link nor a key note.
//! let key = SignerKey::from_seed("log.example/other", [1; 32])?;
//! let note = Checkpoint::new("log.example/other", 1, leaf_hash(b"a leaf"))?.sign(&key)?;
//!
//! let mut walk = Walk::new(SignedCheckpoint::parse_extended(&note)?);
//! let trust = Trust::default().with_log(key.verifier_key().clone())?;
//! let mut verifier = Verifier::new(Options { trust, tiles: true, ..Options::default() });
//! for resource in walk.plan() {
//!     match resource.path().as_str() {
//!         "tile/entries/000.p/1" => walk.push(Some(&Bundle::encode([b"a leaf"])?)),
//!         "tile/0/000.p/1" => walk.push(Some(&leaf_hash(b"a leaf").0)),
//!         _ => unreachable!("a tree of one leaf has one tile"),
//!     }
//!     verifier.push(&walk.take_lines());
//! }
//! let (lines, tiles) = walk.finish();
//! verifier.push(&lines);
//! let report = CheckReport::new(tiles, verifier.finish().report);
//! assert_eq!(report.verdict, Verdict::Verified);
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```

mod finding;
mod outcome;
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub mod parallel;
#[cfg(all(feature = "parts", not(all(target_arch = "wasm32", target_os = "unknown"))))]
pub mod parts;
mod plan;
mod walk;

pub use finding::{Kinds, TileCode, TileFinding, Tiles};
pub use outcome::BundleOutcome;
pub use plan::{Plan, Resource};
pub use walk::Walk;

use serde::Serialize;

use crate::verify::{Report, Verdict};

/// The result of verifying a log from its tiles.
///
/// The verdict is that of SPEC section 9 for the export of all entries, unless the tiles are worse: a wrong hash in
/// them is `altered`; a missing or malformed tile or bundle is `broken`, and if only the first entries are gone, at best
/// `partial`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// `check/v1`.
    pub countersign: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The findings in the tiles.
    pub tiles: Tiles,
    /// The report on the entries and the checkpoint. Its verdict does not consider the tiles.
    pub report: Report,
}

impl CheckReport {
    /// Combines the findings of the walk with the report on its lines.
    pub fn new(tiles: Tiles, report: Report) -> Self {
        // Verdicts in the order of SPEC's table. The first applicable one counts.
        const WORST_FIRST: [Verdict; 5] =
            [Verdict::Altered, Verdict::Broken, Verdict::NotChecked, Verdict::Untrusted, Verdict::Partial];
        let worse = WORST_FIRST.into_iter().find(|&verdict| {
            report.verdict == verdict || tiles.finding_counts.keys().any(|code| code.verdict() == verdict)
        });
        let verdict = worse.unwrap_or(report.verdict);
        Self { countersign: "check/v1", verdict, tiles, report }
    }
}
