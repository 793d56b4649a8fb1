//! What a log's storage knows of the leaves that it holds.

use core::convert::Infallible;

use super::{Life, Windows};
use crate::hash::Hash;
use crate::link::ChainId;
use crate::note::VerifierKey;
use crate::time::Time;

/// Where a chain stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The emitter's key, from the open link.
    pub key: VerifierKey,
    /// What was granted to the key before the open link.
    pub windows: Windows,
    /// The `seq` that the next link must have.
    pub next: u64,
    /// The leaf hash of the last link.
    pub last: Hash,
    /// The time of the last link.
    pub time: Time,
    /// Whether the last link is a close link.
    pub closed: bool,
}

/// A link that the log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef {
    /// The leaf's index.
    pub index: u64,
    /// The leaf's hash.
    pub hash: Hash,
}

/// What a log's storage can tell of the leaves that are durable.
pub trait Storage {
    /// Why it cannot tell.
    type Error;

    /// Where a chain stands, or `None` when its open link is not in the log.
    ///
    /// # Errors
    /// The storage's own, as for all of these.
    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, Self::Error>;

    /// The link at that place of a chain, or `None` when the chain has no such link yet.
    ///
    /// # Errors
    /// The storage's own.
    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, Self::Error>;

    /// The index of the key note with this leaf hash, where the log has it.
    ///
    /// # Errors
    /// The storage's own.
    fn note(&self, hash: &Hash) -> Result<Option<u64>, Self::Error>;

    /// What the log's key notes say about a key: the default where they say nothing.
    ///
    /// # Errors
    /// The storage's own.
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
