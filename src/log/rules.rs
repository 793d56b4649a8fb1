//! Whose links and key notes a log takes (SPEC sections 5 and 6).

use std::collections::HashSet;
use std::sync::Arc;

use super::{AcceptanceError, Chain, Life, SubmissionError, VoidGrants};
use crate::error::Quoted;
use crate::keys::{KeyNote, Statement, Validity, Windows};
use crate::link::OpenLink;
use crate::note::VerifierKey;
use crate::rights;
use crate::time::Time;
use crate::tolerance;
use crate::trust::Trust;

/// What a log goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    origin: String,
    trust: Option<Trust>,
    void: Arc<VoidGrants>,
}

impl Rules {
    /// The rules of the log of that origin. Its trust file names issuers and emitters; without one any key may sign
    /// chains, and key notes are taken whoever signed them.
    pub fn new(origin: impl Into<String>, trust: Option<Trust>) -> Self {
        Self { origin: origin.into(), trust, void: Arc::default() }
    }

    /// The same where these grants are void.
    #[must_use]
    pub fn with_void(self, void: VoidGrants) -> Self {
        Self { void: Arc::new(void), ..self }
    }

    /// The log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The trust file.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// Whether the key may begin chains by the trust file alone, whatever key notes say. Without a trust file any may.
    pub fn admits(&self, key: &VerifierKey) -> bool {
        self.trust
            .as_ref()
            .is_none_or(|trust| trust.emitters().contains(key) && trust.revoked_since(key).is_none())
    }

    /// Whether the open link is one of this log's.
    pub(super) fn check_origin(&self, open: &OpenLink) -> Result<(), SubmissionError> {
        if open.origin == self.origin {
            return Ok(());
        }
        let message = format!("the chain is for the log {}", Quoted(&open.origin));
        Err(SubmissionError::unauthorized(message, "a chain belongs to the log that its open link names"))
    }

    /// Whether a link of that time may be taken when the log's clock shows `now`.
    pub(super) fn check_time(time: Time, now: Time) -> Result<(), SubmissionError> {
        tolerance::early(time, now).map_or(Ok(()), |wait| Err(SubmissionError::early(time, now, wait)))
    }

    /// Whether a key note acts here.
    ///
    /// # Errors
    /// The refusal that says why it does not.
    pub fn check_note(&self, note: &KeyNote) -> Result<(), SubmissionError> {
        self.signers(note).map(drop)
    }

    /// The signers of a key note that acts here. Without a trust file nobody looks at them.
    pub(super) fn signers(&self, note: &KeyNote) -> Result<Vec<rights::Signer>, SubmissionError> {
        if note.origin != self.origin {
            let message = format!("the key note is for the log {}", Quoted(&note.origin));
            return Err(SubmissionError::unauthorized(
                message,
                "a key note acts in the log that it names alone",
            ));
        }
        let Some(trust) = &self.trust else { return Ok(Vec::new()) };
        let (signers, _) = rights::signers(note, trust, trust.issuers());
        // A grant by an issuer whom the trust file revokes is not taken, though its revocations are.
        let counts = |statement: &Statement, signer: &rights::Signer| {
            matches!(statement, Statement::Revoke { .. }) || signer.revoked_since.is_none()
        };
        let allows = |statement: &&Statement| {
            signers.iter().any(|signer| signer.may_state(statement) && counts(statement, signer))
        };
        match note.statements.iter().find(|statement| !allows(statement)) {
            None => Ok(signers),
            Some(statement) => {
                let why = statement.lacks_signer("the log's trust file");
                let hint = "have an issuer sign it whose name, followed by a /, begins the name of the key";
                Err(SubmissionError::unauthorized(format!("the key note does nothing: {why}"), hint))
            }
        }
    }

    /// Whether a key note that these signed is about keys that the log knows, and says something new of those that none
    /// but themselves revoke: what a stranger's key says of itself says nothing here, and what a key says of itself again
    /// and again is not kept for good.
    pub(super) fn check_known<E>(
        &self,
        note: &KeyNote,
        signers: &[rights::Signer],
        life: impl Fn(&VerifierKey) -> Result<Life, E>,
    ) -> Result<(), AcceptanceError<E>> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let mut revoked = HashSet::new();
        for statement in &note.statements {
            let key = statement.key();
            let by_issuer = |signer: &rights::Signer| signer.key != *key && signer.may_state(statement);
            if signers.iter().any(by_issuer) {
                continue;
            }
            let life = life(key).map_err(AcceptanceError::Storage)?;
            if life.revoked || !revoked.insert(key) {
                let why = format!("the key note does nothing: the key {key} is revoked already");
                let hint = "a key revokes itself once; an issuer can revoke it from an earlier moment on";
                return Err(SubmissionError::unauthorized(why, hint).into());
            }
            if !trust.names(key) && life.windows.is_empty() {
                let why = format!("the key note does nothing: the key {key} was never granted here");
                let hint = "a key that may not write need not be revoked; an issuer can revoke it in advance";
                return Err(SubmissionError::unauthorized(why, hint).into());
            }
        }
        Ok(())
    }

    /// Whether a link of that time may be taken: of a chain that goes on, or of a new one, whose windows are those
    /// that its key has now. `now` is what the log's clock shows, where it has one: who signs writes what time he likes.
    pub(super) fn check_key(
        &self,
        chain: &Chain,
        life: &Life,
        time: Time,
        now: Option<Time>,
    ) -> Result<(), SubmissionError> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let key = &chain.key;
        // Witnesses would attest after that moment what is taken shortly before it.
        let is_too_late = |moment: i64| {
            now.is_some_and(|now| {
                if trust.has_quorum() { tolerance::is_too_late(now, moment) } else { now.millis() >= moment }
            })
        };
        let revoked = trust
            .revoked_since(key)
            .is_some_and(|since| since.is_none_or(|since| since <= time || is_too_late(since.millis())));
        let windows = &*self.void.without(key, &chain.windows, now);
        let is_void = || {
            let validity = |windows: &Windows| windows.validity(windows.len(), time);
            validity(&chain.windows) == Validity::Within && validity(windows) != Validity::Within
        };
        let deadline = windows.last_end(windows.len()).map(|end| end.saturating_add(tolerance::LATE));
        let (why, hint) = if life.revoked || revoked {
            (format!("the key {key} is revoked"), "its emitter needs a new key and a grant for it")
        } else if trust.emitters().contains(key) {
            return Ok(());
        } else if windows.is_empty() {
            return Err(SubmissionError::ungranted(key));
        } else if is_void() {
            let hint = "an issuer that is trusted has to grant it anew, for a new chain";
            (format!("the log's trust file revokes the issuer that granted the key {key}"), hint)
        } else if windows.validity(windows.len(), time) != Validity::Within {
            let hint = "its grants began later or ended before: a new grant makes way for a new chain";
            (format!("at {time} the key {key} was not allowed to sign"), hint)
        } else if trust.has_quorum() && deadline.is_some_and(is_too_late) {
            let why = "ended more than a day ago, and witnesses cannot attest its links in time";
            let hint = "what was signed under a grant has to reach the log within a day after it: a new grant makes way for a new chain";
            (format!("the grants of the key {key} {why}"), hint)
        } else {
            return Ok(());
        };
        Err(SubmissionError::unauthorized(why, hint))
    }
}
