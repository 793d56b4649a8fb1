//! `countersign tenant add --continues`: a tenant log that continues other logs.
//!
//! The continued logs stay as they are, under their own origins and keys, and are verified on their own. The first
//! events of the new log name them (SPEC section 12).

use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hex;
use countersign::note::{KeyType, VerifierKey};
use countersign::tenant::{HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::tenants::tenant::TenantId;
use countersign_log_server::restore::remembered_logs::{RememberedLog, key_of};
use serde_json::{Value, json};

use super::unreadable;
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

/// The last known state of a log: the text of a head proof, a signed checkpoint, or what the log server remembers.
enum StateProof {
    Head(String),
    Checkpoint(String),
    Remembered(RememberedLog),
}

impl ContinuedLog {
    /// Reads the last known state of a log, which must be signed with a key of the trust file, or be remembered in the
    /// log's folder.
    pub(super) fn read(folder: &Path, file: &Path, trust: &Trust) -> Result<Self, CliError> {
        if let Some(log) = file.to_str().and_then(TenantLogName::parse) {
            return Self::remembered(folder, &log, trust);
        }
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

    /// Returns a log of which a folder remembers the last head.
    fn remembered(folder: &Path, name: &TenantLogName, trust: &Trust) -> Result<Self, CliError> {
        let place = shown(folder);
        let TenantLogName { id, origin } = name;
        let found = RememberedLog::find(folder, id).map_err(|error| unreadable(&error, folder))?;
        let found = found.filter(|log| origin.as_ref().is_none_or(|origin| log.origin == *origin));
        let Some(log) = found else {
            let message = format!("the folder remembers no log t/{}", hex::encode(id));
            let hint =
                "list the logs with `countersign tenant list`, or pass a file with the log's last head";
            return Err(CliError::unusable("tenant.unknown", message, hint).within(&place));
        };
        if !log.is_final {
            let message = format!("the log {} has not ended", log.origin);
            let hint = "end it first with `countersign tenant end NAME`, or pass a file with the answer of GET /head";
            return Err(CliError::unusable("tenant.exists", message, hint).within(&place));
        }
        let key = match &log.vkey {
            Some(vkey) => VerifierKey::parse(vkey, KeyType::Ed25519).ok(),
            None => key_of(log.checkpoint.as_deref(), log.origin.root(), trust.logs()).cloned(),
        };
        let key = key.ok_or_else(|| {
            let message = format!("the trust file has no key of the root log of {}", log.origin);
            let hint = "add a `log` line with the root log's public key to a trust file, and pass it as --continues-trust";
            CliError::unusable("continues.untrusted", message, hint).within(&place)
        })?;
        let (origin, state) = (log.origin.to_string(), log.last.head.state);
        Ok(Self { origin, key, proof: StateProof::Remembered(log), ended: None, state })
    }

    /// Returns the ID of the log if it is a tenant log of this root log.
    pub(super) fn id_under(&self, root: &str) -> Option<TenantId> {
        TenantOrigin::parse(&self.origin).filter(|origin| origin.root() == root).map(|origin| origin.id())
    }

    /// Returns the event of the log server with this origin that states the continuation: `log.continues`.
    pub(super) fn statement(&self, root: &str, now: Time) -> Value {
        let (key, ended) = (self.key.to_string(), self.ended.unwrap_or(now).to_string());
        let reason = match self.state {
            State::Live if matches!(self.proof, StateProof::Remembered(_)) => {
                "The earlier log lost entries, or its root log ended"
            }
            State::Live => "This log continues an earlier one",
            State::Ended => "The earlier log ended",
            State::Moved => "The earlier log moved to this log server",
        };
        let (name, proof) = match &self.proof {
            StateProof::Head(text) => ("head", text),
            StateProof::Checkpoint(text) => ("checkpoint", text),
            StateProof::Remembered(log) => return log.statement(root, &key, reason, "log.ended", &ended),
        };
        json!({
            "action": "log.continues",
            "actor": { "type": "service", "id": root },
            "target": { "type": "log", "id": self.origin },
            "reason": reason,
            "metadata": { "vkey": key, name: proof, "code": "log.ended", "ended": ended },
        })
    }
}

/// A tenant log as it is written on the command line: `t/ID`, or its origin.
struct TenantLogName {
    id: TenantId,
    origin: Option<TenantOrigin>,
}

impl TenantLogName {
    fn parse(text: &str) -> Option<Self> {
        if text.starts_with("t/") {
            // Any root log will do to parse the ID.
            let id = TenantOrigin::parse(&format!("log.example/{text}"))?.id();
            return Some(Self { id, origin: None });
        }
        let origin = TenantOrigin::parse(text)?;
        Some(Self { id: origin.id(), origin: Some(origin) })
    }
}

/// Returns the key of the trust file that signed a checkpoint of its log.
fn signer(checkpoint: &SignedCheckpoint, trust: &Trust) -> Option<VerifierKey> {
    trust.logs().find(|key| checkpoint.is_signed_by(key)).cloned()
}
