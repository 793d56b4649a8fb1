//! The storage that acceptance reads.

use core::convert::Infallible;

use super::{Life, Windows};
use crate::hash::Hash;
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// The state of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The emitter's key, from the open link.
    pub key: VerifierKey,
    /// The windows granted to the key before the open link.
    pub windows: Windows,
    /// The `seq` that the next link must have.
    pub next: u64,
    /// The leaf hash of the last link.
    pub last: Hash,
    /// The time of the last link.
    pub time: Time,
    /// True if the last link is a close link.
    pub closed: bool,
}

/// The position and hash of a link or key note in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef {
    /// The leaf's index.
    pub index: u64,
    /// The leaf's hash.
    pub hash: Hash,
}

/// The durable entries of a log that acceptance needs to read.
///
/// # Errors
/// Every method returns only errors of the underlying storage.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait Storage {
    /// The storage's error.
    type Error;

    /// Returns the state of a chain, or `None` if its open link is not in the log.
    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, Self::Error>;

    /// Returns the link at a position of a chain, or `None` if the chain has no such link yet.
    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, Self::Error>;

    /// Returns the index of the key note with this leaf hash, if the log has it.
    fn note(&self, hash: &Hash) -> Result<Option<u64>, Self::Error>;

    /// Returns what the log's key notes state about a key; the default if they don't mention it.
    fn life(&self, key: &VerifierKey) -> Result<Life, Self::Error>;
}

/// A log without leaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl Storage for Empty {
    type Error = Infallible;

    fn chain(&self, _: &ChainId) -> Result<Option<Chain>, Infallible> {
        Ok(None)
    }

    fn link(&self, _: &ChainId, _: u64) -> Result<Option<EntryRef>, Infallible> {
        Ok(None)
    }

    fn note(&self, _: &Hash) -> Result<Option<u64>, Infallible> {
        Ok(None)
    }

    fn life(&self, _: &VerifierKey) -> Result<Life, Infallible> {
        Ok(Life::default())
    }
}
