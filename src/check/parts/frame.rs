//! A frame of a summary: a bundle's outcome, without its lines, followed by the summary of the lines.

use serde::{Deserialize, Serialize};

use crate::check::{BundleOutcome, Kinds, TileCode, TileFinding};
use crate::hash::Hash;
use crate::merkle::{Bundle, skips};
use crate::verify::Summary;

/// A bundle's outcome as stored.
#[derive(Serialize, Deserialize)]
struct Outcome {
    /// The numbers of links, notes, and others; `None` if the bundle wasn't read.
    entries: Option<(u64, u64, u64)>,
    is_compared: bool,
    findings: Vec<Finding>,
    subtrees: Option<Vec<[u8; 32]>>,
}

#[derive(Serialize, Deserialize)]
struct Finding {
    code: String,
    path: String,
    index: Option<u64>,
    message: String,
}

pub(super) fn encode(outcome: &BundleOutcome, summary: &Summary) -> Result<Vec<u8>, postcard::Error> {
    let stored = Outcome {
        entries: outcome.entries.map(|kinds| (kinds.links, kinds.notes, kinds.other)),
        is_compared: outcome.is_compared,
        findings: outcome.findings.iter().map(Finding::from).collect(),
        subtrees: outcome.subtrees.as_ref().map(|roots| roots.iter().map(|root| root.0).collect()),
    };
    let mut bytes = postcard::to_stdvec(&stored)?;
    bytes.extend_from_slice(&summary.encode());
    Ok(bytes)
}

/// Decodes the frame of a bundle. Returns `None` if it is inconsistent.
pub(super) fn decode(bundle: Bundle, frame: &[u8]) -> Option<(BundleOutcome, Summary)> {
    let (stored, summary) = postcard::take_from_bytes::<Outcome>(frame).ok()?;
    let count = skips(0, bundle.width.into()).count();
    let is_sound = stored.subtrees.as_ref().is_none_or(|roots| roots.len() == count);
    let outcome = BundleOutcome {
        bundle,
        entries: stored.entries.map(|(links, notes, other)| Kinds { links, notes, other }),
        is_compared: stored.is_compared,
        findings: stored.findings.into_iter().map(Finding::decode).collect::<Option<_>>()?,
        subtrees: stored.subtrees.map(|roots| roots.into_iter().map(Hash).collect()),
        lines: Vec::new(),
    };
    is_sound.then_some((outcome, Summary::decode(summary)?))
}

impl From<&TileFinding> for Finding {
    fn from(finding: &TileFinding) -> Self {
        let TileFinding { code, path, index, message, .. } = finding;
        Self { code: code.as_str().into(), path: path.clone(), index: *index, message: message.clone() }
    }
}

impl Finding {
    fn decode(self) -> Option<TileFinding> {
        let code = TileCode::parse(&self.code)?;
        Some(TileFinding::new(code, self.path, self.index, self.message))
    }
}
