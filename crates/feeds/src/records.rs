//! What feeds are made of: verified events and findings, and the records that are sent.

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;

/// The log at the checkpoint that holds what is told.
#[derive(Clone, Copy, Debug)]
pub struct Log<'a> {
    /// Its origin.
    pub origin: &'a str,
    /// The checkpoint's size.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// A verified event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its index in the log.
    pub leaf: u64,
    /// Its chain.
    pub chain: ChainId,
    /// Its place there.
    pub seq: u64,
    /// When it was recorded, by its link.
    pub recorded: Time,
    /// The verifier key of its chain.
    pub signer: &'a str,
    /// Whether that key is one to trust: `trusted`, `unknown`, `suspect`, `revoked`.
    pub signer_trust: &'a str,
    /// The event as it was signed.
    pub text: &'a str,
}

/// What a finding's record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rules found something.
    Alert,
    /// It does not hold any more.
    Retract,
    /// Something in the log does not verify.
    Unverified,
}

/// What was found, as section 13 of the specification has it recorded.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// What it says.
    pub kind: Kind,
    /// The finding's id.
    pub id: &'a str,
    /// One line for people.
    pub title: &'a str,
    /// When it was found, or, of an alert, when the last of its events happened.
    pub time: Time,
    /// The members of `metadata`: one JSON object.
    pub text: &'a str,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The same each time that it is sent, and no other's.
    pub id: String,
    /// When it happened.
    pub time: Time,
    /// What it says, on one line without its end.
    pub text: String,
}
