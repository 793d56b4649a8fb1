//! Whose links and key notes a log takes, by the trust file of who seals it (SPEC sections 5 and 6).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::{Code, Error};
use crate::keys::{KeyNote, Statement};
use crate::note::VerifierKey;
use crate::time::Time;
use crate::trust::Trust;

/// From which moment up to, and not including, which: `None` for no bound.
type Window = (Option<Time>, Option<Time>);

/// The windows granted to a key at some position of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows(Arc<Vec<Window>>);

/// The keys' lives, from the trust file and from the key notes taken so far.
pub(super) struct Admission<'t> {
    trust: &'t Trust,
    granted: HashMap<VerifierKey, Windows>,
    revoked: HashSet<VerifierKey>,
}

fn refuse(message: String, hint: &'static str) -> Error {
    Error::new(Code::Refused, message).with_hint(hint)
}

impl<'t> Admission<'t> {
    pub(super) fn new(trust: &'t Trust) -> Self {
        Self { trust, granted: HashMap::new(), revoked: HashSet::new() }
    }

    /// What the key was granted up to now.
    pub(super) fn windows(&self, key: &VerifierKey) -> Windows {
        self.granted.get(key).cloned().unwrap_or_default()
    }

    /// Takes a key note that acts.
    pub(super) fn note(&mut self, note: &KeyNote, origin: &str) -> Result<(), Error> {
        if note.origin != origin {
            let message = format!("the key note is for the log {:?}", note.origin);
            return Err(refuse(message, "a key note acts in the log that it names alone"));
        }
        if let Some(statement) = note.statements.iter().find(|statement| !self.allows(note, statement)) {
            return Err(refuse(
                format!("nobody with the right signed: {statement}"),
                "an issuer of the trust file must sign it, whose name and a / the key's name begins with",
            ));
        }
        for statement in &note.statements {
            match statement {
                Statement::Grant { key, from, until } => {
                    let windows = self.granted.entry(key.clone()).or_default();
                    Arc::make_mut(&mut windows.0).push((*from, *until));
                }
                Statement::Revoke { key, .. } => _ = self.revoked.insert(key.clone()),
            }
        }
        Ok(())
    }

    /// A grant by an issuer whom the trust file revokes is not taken, though its revocations are.
    fn allows(&self, note: &KeyNote, statement: &Statement) -> bool {
        let revoked = |key: &VerifierKey| self.trust.revocations().iter().any(|line| line.key == *key);
        let counts = |key: &&VerifierKey| matches!(statement, Statement::Revoke { .. }) || !revoked(key);
        let signers = self.trust.issuers().iter().chain([statement.key()]);
        signers
            .filter(|signer| self.trust.may_state(signer, statement))
            .filter(counts)
            .any(|signer| note.signed_by(signer) == Some(true))
    }

    /// Whether a link of that key and time may be taken. `windows` are those of its chain, or none for the open
    /// link of a new one.
    pub(super) fn link(&self, key: &VerifierKey, windows: Option<&Windows>, time: Time) -> Result<(), Error> {
        let distrusted = self.trust.revocations().iter();
        let distrusted = distrusted
            .filter(|line| line.key == *key)
            .any(|line| line.since.is_none_or(|since| since <= time));
        if self.revoked.contains(key) || distrusted {
            return Err(refuse(
                format!("the key {key} is revoked"),
                "its emitter needs a new key and a grant for it",
            ));
        }
        if self.trust.emitters().contains(key) {
            return Ok(());
        }
        let current = self.windows(key);
        let windows = windows.unwrap_or(&current);
        if windows.0.is_empty() {
            return Err(refuse(
                format!("the key {key} was not granted before its chain"),
                "give an issuer's grant before this export, or name the key in the trust file as emitter",
            ));
        }
        let within = |&(from, until): &Window| {
            from.is_none_or(|from| from <= time) && until.is_none_or(|until| time < until)
        };
        if !windows.0.iter().any(within) {
            return Err(refuse(
                format!("at {time} the key {key} was not allowed to sign"),
                "its grants began later or ended before: a new grant makes way for a new chain",
            ));
        }
        Ok(())
    }
}
