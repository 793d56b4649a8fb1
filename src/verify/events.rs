//! Events that verify.

use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// An event that matches its link's commit, on a link that did not fail and that a valid signature of its
/// chain's key covers.
///
/// What the report says of the whole is not known yet when it is handed out: its chain may turn out to be suspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEvent {
    /// The 1-based line.
    pub line: u64,
    /// The leaf's index.
    pub index: u64,
    /// The chain.
    pub chain: ChainId,
    /// The link's place in it.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The emitter's key.
    pub vkey: VerifierKey,
    /// Whether the key was authorised, as far as was known.
    pub authorised: bool,
    /// The text that the link commits to: one JSON object, no member name twice. Where the event matches in canonical
    /// form alone, this is the canonical form and not what stands in the export.
    pub event: Box<str>,
}
