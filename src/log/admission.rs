//! Who may bring leaves at all, as far as it can be told from the first leaf of a chain, before the rest of a submission is
//! read: a log does not work for strangers.

use std::collections::HashSet;

use super::acceptance::gap;
use super::{AcceptanceError, Body, Leaf, Life, Rules, SubmissionError};
use crate::hash::Hash;
use crate::keys::Statement;
use crate::link::{ChainId, Link};
use crate::note::VerifierKey;

/// What a log knows of those who write to it.
pub trait KeyLookup {
    /// Why it cannot tell.
    type Error;

    /// The key of a chain, if the log has it.
    ///
    /// # Errors
    /// The storage's own, as for all of these.
    fn key_of(&self, chain: &ChainId) -> Result<Option<VerifierKey>, Self::Error>;

    /// What the log's key notes say about a key.
    ///
    /// # Errors
    /// The storage's own.
    fn life(&self, key: &VerifierKey) -> Result<Life, Self::Error>;

    /// Whether they say anything about it.
    ///
    /// # Errors
    /// The storage's own.
    fn knows(&self, key: &VerifierKey) -> Result<bool, Self::Error> {
        Ok(self.life(key)? != Life::default())
    }

    /// Whether the log has the key note with this leaf hash.
    ///
    /// # Errors
    /// The storage's own.
    fn has_note(&self, hash: &Hash) -> Result<bool, Self::Error>;
}

/// Admits those whom the log knows: keys that its trust file names, that were granted or revoked here, or that a key note
/// of the same submission grants; chains that are there; key notes that act. Signatures of links are not verified:
/// whoever is admitted is looked at further.
pub struct Admission<'a, K: ?Sized> {
    rules: &'a Rules,
    known: &'a K,
    granted: HashSet<VerifierKey>,
}

impl<'a, K: KeyLookup + ?Sized> Admission<'a, K> {
    /// Of one submission.
    pub fn new(rules: &'a Rules, known: &'a K) -> Self {
        Self { rules, known, granted: HashSet::new() }
    }

    /// Whether that leaf, the first of its chain or a key note, may come.
    ///
    /// # Errors
    /// The refusal that the log would have for it too; the storage's own.
    pub fn admit(&mut self, leaf: &Leaf) -> Result<(), AcceptanceError<K::Error>> {
        let Some(trust) = self.rules.trust() else { return Ok(()) };
        let life = |key: &VerifierKey| self.known.life(key);
        match &leaf.body {
            Body::Link { link: Link::Open(open), .. } => {
                self.rules.check_origin(open)?;
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
                    None => Err(gap(link, None).into()),
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
