//! Early admission: decides from the first leaf of a chain whether its key may write, before the rest of the
//! submission is read. Unauthorized senders then cost the log little work.

use std::collections::HashSet;
use std::sync::Arc;

use super::acceptance::unknown;
use super::submission::Entry;
use super::{AcceptanceError, Body, Life, Rules, SubmissionError};
use crate::hash::Hash;
use crate::keys::Statement;
use crate::link::{ChainId, Link};
use crate::note::VerifierKey;

/// Keys, chains, and key notes that a log knows.
///
/// # Errors
/// Every method returns only errors of the underlying storage.
#[allow(clippy::missing_errors_doc, reason = "the trait states the errors of all methods")]
pub trait KeyLookup {
    /// The storage's error.
    type Error;

    /// Returns the key of a chain, or `None` if the log does not have the chain.
    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, Self::Error>;

    /// Returns what the log's key notes state about a key.
    fn life(&self, key: &VerifierKey) -> Result<Life, Self::Error>;

    /// Returns true if any key note is about the key.
    fn knows(&self, key: &VerifierKey) -> Result<bool, Self::Error> {
        Ok(self.life(key)? != Life::default())
    }

    /// Returns true if the log has the key note with this leaf hash.
    fn has_note(&self, hash: &Hash) -> Result<bool, Self::Error>;
}

/// Admission check for one submission.
///
/// Admits keys that the trust file names, keys granted or revoked in the log or granted by a key note of the same
/// submission, chains that the log has, and key notes that take effect. Verifies the signature of an open link before
/// anything that depends on its key, because only the key's holder may learn what the log knows about it. Those of other
/// links are verified on acceptance.
pub struct Admission<'a, K: ?Sized> {
    rules: &'a Rules,
    known: &'a K,
    granted: HashSet<VerifierKey>,
}

impl<'a, K: KeyLookup + ?Sized> Admission<'a, K> {
    /// Creates the check for one submission.
    pub fn new(rules: &'a Rules, known: &'a K) -> Self {
        Self { rules, known, granted: HashSet::new() }
    }

    /// Checks an entry that is the first of its chain in the submission, or a key note.
    ///
    /// # Errors
    /// The refusal that acceptance would return, or an error of the storage.
    pub fn admit(&mut self, entry: &mut Entry) -> Result<(), AcceptanceError<K::Error>> {
        let Some(trust) = self.rules.trust() else { return Ok(()) };
        let leaf = Arc::clone(&entry.leaf);
        let life = |key: &VerifierKey| self.known.life(key);
        match &leaf.body {
            Body::Link { link: link @ Link::Open(open), .. } => {
                self.rules.check_origin(open)?;
                entry.verify(link, &open.key)?;
                if trust.names(&open.key)
                    || self.granted.contains(&open.key)
                    || self.known.knows(&open.key).map_err(AcceptanceError::Storage)?
                {
                    return Ok(());
                }
                Err(SubmissionError::ungranted(&open.key).into())
            }
            Body::Link { link, .. } => {
                match self.known.key_of(&link.chain()).map_err(AcceptanceError::Storage)? {
                    Some(_) => Ok(()),
                    None => Err(unknown(link).into()),
                }
            }
            Body::Note(note) => {
                if !self.known.has_note(&leaf.hash).map_err(AcceptanceError::Storage)? {
                    let signers = self.rules.signers(note)?;
                    self.rules.check_known(note, &signers, life)?;
                }
                let granted =
                    note.statements.iter().filter(|statement| matches!(statement, Statement::Grant { .. }));
                self.granted.extend(granted.map(|statement| statement.key().clone()));
                Ok(())
            }
        }
    }
}
