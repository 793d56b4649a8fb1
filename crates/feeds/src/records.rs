//! Input and output of feeds: verified events, findings, and the records that are sent.

use countersign::hash::Hash;
use countersign::link::{ChainId, LinkAttestation};
use countersign::time::Time;

/// A log at the checkpoint that covers the event or finding.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// The log's origin.
    pub origin: &'a str,
    /// The checkpoint's size.
    pub size: u64,
    /// The checkpoint's root hash.
    pub root: Hash,
}

/// A verified event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event's index in the log.
    pub leaf: u64,
    /// The event's chain.
    pub chain: ChainId,
    /// The number of its link in the chain.
    pub seq: u64,
    /// The time of recording, from the event's link.
    pub recorded: Time,
    /// The public key (`vkey`) of its chain.
    pub signer: &'a str,
    /// The trust in its signer: `trusted`, `untrusted`, `suspect`, or `revoked`.
    pub signer_trust: &'a str,
    /// The hashes and signature of its link, if they are known.
    pub attestation: Option<&'a LinkAttestation>,
    /// The event as it was signed.
    pub text: &'a str,
}

/// The kind of a finding's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A rule raised a finding.
    Alert,
    /// An earlier finding no longer holds.
    Retract,
    /// Something in the log doesn't verify.
    Unverified,
}

/// A finding in the form that SPEC section 13 defines for its record.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// The kind of its record.
    pub kind: Kind,
    /// The finding's id.
    pub id: &'a str,
    /// A human-readable one-line title.
    pub title: &'a str,
    /// The time of the finding. For an alert, this is the time of its last event.
    pub time: Time,
    /// The members of `metadata`, as one JSON object.
    pub text: &'a str,
}

/// A record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// An id that is unique, and identical on every attempt.
    pub id: String,
    /// The time of the event or finding.
    pub time: Time,
    /// The record, on one line without a line end.
    pub text: String,
    /// The header for a destination that accepts only syslog; `None` for the formats that aren't wrapped in it.
    pub syslog: Option<SyslogHeader>,
}

/// The parts of a syslog header that the record of another format determines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogHeader {
    /// The severity (RFC 5424, section 6.2.1).
    pub severity: u8,
    /// The log's origin, which is the host.
    pub origin: String,
}
