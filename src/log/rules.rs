//! Authorization rules of a log (SPEC sections 5 and 6).

use std::collections::HashSet;
use std::sync::Arc;

use super::{AcceptanceError, Chain, Life, SubmissionError, VoidGrants};
use crate::error::Quoted;
use crate::keys::{KeyNote, Statement, Validity, Windows};
use crate::link::OpenLink;
use crate::note::VerifierKey;
use crate::rights;
use crate::tenant::TenantOrigin;
use crate::time::Time;
use crate::tolerance;
use crate::trust::Trust;

/// The acceptance rules of a log.
#[derive(Clone, Debug)]
pub struct Rules {
    origin: String,
    /// The root log's origin, for a tenant log.
    root: Option<String>,
    trust: Option<Arc<Trust>>,
    void: Arc<VoidGrants>,
}

impl Rules {
    /// Creates the rules of the log `origin`. The trust file names issuers and emitters. Without one, any key may
    /// sign chains, and key notes of any signer are accepted.
    pub fn new(origin: impl Into<String>, trust: Option<Trust>) -> Self {
        Self { origin: origin.into(), root: None, trust: trust.map(Arc::new), void: Arc::default() }
    }

    /// Creates the rules of a tenant log. The rules of all tenant logs share one trust file. Key notes for the root log
    /// take effect too (SPEC section 16.4).
    pub fn for_tenant(origin: &TenantOrigin, trust: Arc<Trust>) -> Self {
        let (root, origin) = (origin.root().to_owned(), origin.as_str().to_owned());
        Self { origin, root: Some(root), trust: Some(trust), void: Arc::default() }
    }

    /// Adds the grants that are void.
    #[must_use]
    pub fn with_void(self, void: VoidGrants) -> Self {
        Self { void: Arc::new(void), ..self }
    }

    /// Returns the log's origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the trust file.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_deref()
    }

    /// True if the trust file alone allows the key to begin chains, regardless of key notes. Without a trust file,
    /// every key may.
    pub fn admits(&self, key: &VerifierKey) -> bool {
        self.trust
            .as_ref()
            .is_none_or(|trust| trust.emitters().contains(key) && trust.revoked_since(key).is_none())
    }

    /// Checks that an open link names this log.
    pub(super) fn check_origin(&self, open: &OpenLink) -> Result<(), SubmissionError> {
        if open.origin == self.origin {
            return Ok(());
        }
        let message = format!("the chain is for the log {}", Quoted(&open.origin));
        Err(SubmissionError::unauthorized(message, "send the chain to the log that its open link names"))
    }

    /// Checks that a link is not too far ahead of the log's clock.
    pub(super) fn check_time(time: Time, now: Time) -> Result<(), SubmissionError> {
        tolerance::early(time, now).map_or(Ok(()), |wait| Err(SubmissionError::early(time, now, wait)))
    }

    /// Checks that a key note takes effect in this log.
    ///
    /// # Errors
    /// The refusal, with the reason.
    pub fn check_note(&self, note: &KeyNote) -> Result<(), SubmissionError> {
        self.signers(note).map(drop)
    }

    /// Returns the signers of a key note that takes effect here; none without a trust file.
    pub(super) fn signers(&self, note: &KeyNote) -> Result<Vec<rights::Signer>, SubmissionError> {
        if note.origin != self.origin && Some(&note.origin) != self.root.as_ref() {
            let message =
                format!("the key note is for the log {}, not {}", Quoted(&note.origin), Quoted(&self.origin));
            return Err(SubmissionError::unauthorized(message, "send the key note to the log that it names"));
        }
        let Some(trust) = &self.trust else { return Ok(Vec::new()) };
        let (signers, _) = rights::signers(note, trust, trust.issuers());
        // Grants by an issuer that the trust file revokes do not count; its revocations do.
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
                let hint = "have it signed by an issuer that covers the key's name, such as example.com for example.com/app";
                Err(SubmissionError::unauthorized(format!("the key note has no effect: {why}"), hint))
            }
        }
    }

    /// Checks that a key note is about keys that the log knows, and that it changes something.
    ///
    /// Applies only to keys that revoke themselves. The log rejects self-revocations of unknown keys and
    /// repeated self-revocations, so that neither are stored forever.
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
                let why = format!("the key note has no effect: key {key} is already revoked");
                let hint = "to revoke the key from an earlier time, have an issuer sign the key note";
                return Err(SubmissionError::unauthorized(why, hint).into());
            }
            if !trust.names(key) && life.windows.is_empty() {
                let why = format!("the key note has no effect: key {key} was never granted here");
                let hint = "to revoke the key in advance, have an issuer sign the key note";
                return Err(SubmissionError::unauthorized(why, hint).into());
            }
        }
        Ok(())
    }

    /// Checks that the chain's key may sign a link of this time. For a new chain, `chain.windows` are the key's
    /// current windows. `now` is the log's clock, if it has one: the link's own time is only the signer's claim.
    pub(super) fn check_key(
        &self,
        chain: &Chain,
        life: &Life,
        time: Time,
        now: Option<Time>,
    ) -> Result<(), SubmissionError> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let key = &chain.key;
        // If the log accepted links shortly before that moment, witnesses would attest them only after it.
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
            (format!("key {key} is revoked"), "create a new key for the emitter and have it granted")
        } else if trust.emitters().contains(key) {
            return Ok(());
        } else if windows.is_empty() {
            return Err(SubmissionError::ungranted(key));
        } else if is_void() {
            let hint = "have a trusted issuer grant the key again, and start a new chain";
            (format!("the log's trust file revokes the issuer that granted key {key}"), hint)
        } else if windows.validity(windows.len(), time) != Validity::Within {
            let hint = "have the key granted for this time, and start a new chain";
            (format!("key {key} was not allowed to sign at {time}"), hint)
        } else if trust.has_quorum() && deadline.is_some_and(is_too_late) {
            let why = "ended more than a day ago, and witnesses cannot attest its links in time";
            let hint = "submit links within a day after the grant ends; have the key granted again, and start a new chain";
            (format!("the grants of key {key} {why}"), hint)
        } else {
            return Ok(());
        };
        Err(SubmissionError::unauthorized(why, hint))
    }
}
