//! Whose links and key notes a log takes (SPEC sections 5 and 6).

use super::{Chain, Life, Refusal};
use crate::error::Quoted;
use crate::keys::{KeyNote, Standing, Statement};
use crate::link::OpenLink;
use crate::note::VerifierKey;
use crate::rights;
use crate::time::Time;
use crate::trust::Trust;

/// What a log goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    origin: String,
    trust: Option<Trust>,
}

impl Rules {
    /// The rules of the log of that origin. Its trust file names issuers and emitters; without one any key may sign
    /// chains, and key notes are taken whoever signed them.
    pub fn new(origin: impl Into<String>, trust: Option<Trust>) -> Self {
        Self { origin: origin.into(), trust }
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
    pub(super) fn check_origin(&self, open: &OpenLink) -> Result<(), Refusal> {
        if open.origin == self.origin {
            return Ok(());
        }
        let message = format!("the chain is for the log {}", Quoted(&open.origin));
        Err(Refusal::unauthorised(message, "a chain belongs to the log that its open link names"))
    }

    /// Whether a key note acts here.
    pub(super) fn check_note(&self, note: &KeyNote) -> Result<(), Refusal> {
        if note.origin != self.origin {
            let message = format!("the key note is for the log {}", Quoted(&note.origin));
            return Err(Refusal::unauthorised(message, "a key note acts in the log that it names alone"));
        }
        let Some(trust) = &self.trust else { return Ok(()) };
        let (signers, _) = rights::signers(note, trust, trust.issuers());
        // A grant by an issuer whom the trust file revokes is not taken, though its revocations are.
        let counts = |statement: &Statement, signer: &rights::Signer| {
            matches!(statement, Statement::Revoke { .. }) || signer.revoked_since.is_none()
        };
        let allows = |statement: &&Statement| {
            signers.iter().any(|signer| signer.may_state(statement) && counts(statement, signer))
        };
        match note.statements.iter().find(|statement| !allows(statement)) {
            None => Ok(()),
            Some(statement) => Err(Refusal::unauthorised(
                format!("the key note does nothing: {}", statement.lacks_signer("the log's trust file")),
                "have an issuer sign it whose name, followed by a /, begins the name of the key",
            )),
        }
    }

    /// Whether a link of that time may be taken: of a chain that goes on, or of a new one, whose windows are those
    /// that its key has now.
    pub(super) fn check_key(&self, chain: &Chain, life: &Life, time: Time) -> Result<(), Refusal> {
        let Some(trust) = &self.trust else { return Ok(()) };
        let key = &chain.key;
        let revoked = trust.revoked_since(key).is_some_and(|since| since <= Some(time));
        if life.revoked || revoked {
            return Err(Refusal::unauthorised(
                format!("the key {key} is revoked"),
                "its emitter needs a new key and a grant for it",
            ));
        }
        if trust.emitters().contains(key) {
            return Ok(());
        }
        if chain.windows.is_empty() {
            return Err(Refusal::unauthorised(
                format!("the key {key} was not granted before its chain"),
                "submit an issuer's grant before it, or name the key in the log's trust file as emitter",
            ));
        }
        if chain.windows.standing(chain.windows.len(), time) != Standing::Within {
            return Err(Refusal::unauthorised(
                format!("at {time} the key {key} was not allowed to sign"),
                "its grants began later or ended before: a new grant makes way for a new chain",
            ));
        }
        Ok(())
    }
}
