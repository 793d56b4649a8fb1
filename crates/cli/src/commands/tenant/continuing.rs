//! `countersign tenant add --continues`: a tenant log that continues other logs.
//!
//! The continued logs stay as they are, under their own origins and keys, and are verified on their own. The first
//! events of the new log name them (SPEC section 12).

use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::VerifierKey;
use countersign::tenant::{HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::tenants::tenant::TenantId;
use serde_json::{Value, json};

use crate::errors::{CliError, shown};
use crate::io::input;

/// A log that is continued.
pub(super) struct ContinuedLog {
    origin: String,
    /// The public key that signed its last known state.
    key: VerifierKey,
    proof: StateProof,
    /// The time of the state, if the log ended with it.
    ended: Option<Time>,
    state: State,
}

/// The last known state of a log: the text of a head proof, or a signed checkpoint.
enum StateProof {
    Head(String),
    Checkpoint(String),
}

impl ContinuedLog {
    /// Reads the last known state of a log, which must be signed with a key of the trust file.
    pub(super) fn read(file: &Path, trust: &Trust) -> Result<Self, CliError> {
        let text = input::small_text(file)?;
        let invalid = |message: String| {
            let hint = "pass the answer of GET /head of a tenant log, or of GET /checkpoint of another log";
            CliError::unusable("continues.invalid", message, hint).within(&shown(file))
        };
        let unsigned = |origin: &str| {
            let message = format!("no log key of the trust file signed this state of {origin}");
            let hint = "add a `log` line with the old log's public key to a trust file, and pass it as --continues-trust";
            CliError::unusable("continues.untrusted", message, hint).within(&shown(file))
        };
        if text.starts_with("countersign/v1 head\n") {
            let proof = HeadProof::parse(&text).map_err(|error| invalid(error.into_message()))?;
            let head = proof.head();
            let key = signer(&proof.checkpoint, trust).ok_or_else(|| unsigned(head.origin.as_str()))?;
            proof.verify(trust).map_err(|error| invalid(error.into_message()))?;
            let ended = (head.state != State::Live).then_some(proof.anchor.time);
            let (origin, state) = (head.origin.to_string(), head.state);
            return Ok(Self { origin, key, proof: StateProof::Head(text), ended, state });
        }
        let checkpoint = SignedCheckpoint::parse(&text).map_err(|error| invalid(error.into_message()))?;
        let origin = checkpoint.checkpoint.origin.clone();
        let key = signer(&checkpoint, trust).ok_or_else(|| unsigned(&origin))?;
        Ok(Self { origin, key, proof: StateProof::Checkpoint(text), ended: None, state: State::Live })
    }

    /// Returns the ID of the log if it is a tenant log of this root log.
    pub(super) fn id_under(&self, root: &str) -> Option<TenantId> {
        TenantOrigin::parse(&self.origin).filter(|origin| origin.root() == root).map(|origin| origin.id())
    }

    /// Returns the event of the log server with this origin that states the continuation: `log.continues`.
    pub(super) fn statement(&self, root: &str, now: Time) -> Value {
        let reason = match self.state {
            State::Live => "This log continues an earlier one",
            State::Ended => "The earlier log ended",
            State::Moved => "The earlier log moved to this log server",
        };
        let (name, proof) = match &self.proof {
            StateProof::Head(text) => ("head", text),
            StateProof::Checkpoint(text) => ("checkpoint", text),
        };
        let (key, ended) = (self.key.to_string(), self.ended.unwrap_or(now).to_string());
        json!({
            "action": "log.continues",
            "actor": { "type": "service", "id": root },
            "target": { "type": "log", "id": self.origin },
            "reason": reason,
            "metadata": { "vkey": key, name: proof, "code": "log.ended", "ended": ended },
        })
    }
}

/// Returns the key of the trust file that signed a checkpoint of its log.
fn signer(checkpoint: &SignedCheckpoint, trust: &Trust) -> Option<VerifierKey> {
    trust.logs().find(|key| checkpoint.is_signed_by(key)).cloned()
}
