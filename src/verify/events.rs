//! Verified events and their links.

use crate::link::{ChainId, LinkAttestation};
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
    /// The link's `seq` in the chain.
    pub seq: u64,
    /// The emitter's clock.
    pub time: Time,
    /// The emitter's key.
    pub vkey: VerifierKey,
    /// True if the key was authorized, as known when the link was returned.
    pub authorized: bool,
    /// The hashes and signature of the link, if it was read from an export.
    pub attestation: Option<LinkAttestation>,
}

/// An event that matches the commit of its link.
///
/// Provisional until the report is final: the event's chain may still turn out to be suspect.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
pub struct VerifiedEvent {
    /// The event's link.
    #[deref]
    pub link: CoveredLink,
    /// The text that the link commits to: one JSON object without duplicate field names. If the event matches only in
    /// canonical form, this is the canonical form and not the text in the export.
    pub event: Box<str>,
    /// The byte position of this text in the export, if requested with [`Verifier::locate`](super::Verifier::locate).
    /// `None` if the export is compressed or does not contain the text verbatim.
    pub at: Option<u64>,
}
