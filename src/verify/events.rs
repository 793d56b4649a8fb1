//! Events that verify.

use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// A link that did not fail and that a valid signature of its chain's key covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoveredLink {
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
    /// Whether the key was authorized, as far as was known.
    pub authorized: bool,
}

/// An event that matches the commit of its link.
///
/// What the report says of the whole is not known yet when it is handed out: its chain may turn out to be suspect.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
pub struct VerifiedEvent {
    /// Its link.
    #[deref]
    pub link: CoveredLink,
    /// The text that the link commits to: one JSON object, no member name twice. Where the event matches in canonical
    /// form alone, this is the canonical form and not what stands in the export.
    pub event: Box<str>,
    /// Where this text begins in the export, in bytes, for who asked by
    /// [`Verifier::locate`](super::Verifier::locate). None where the export is compressed, and where the text does not
    /// stand in it.
    pub at: Option<u64>,
}
