//! Responses of a log server to submissions.

use std::time::Duration;

use countersign::link::ChainId;
use countersign::proof::Proof;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::batch::{BatchLimits, LastLink};
use crate::outbox::Receipt;

/// A response of a log server to a submission.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wait that the response asks for, if any.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// True if an HTTP status stands for a temporary condition, so that the same request can be sent again.
pub const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 421 | 425 | 429) || status >= 500
}

/// The meaning of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The log server claims that the log contains the submission; [`prove`] checks it.
    Taken,
    /// Earlier links are missing: the next one that the log accepts in this chain is `expected`.
    Gap { chain: ChainId, expected: u64 },
    /// The log has another link at this position of the chain.
    Fork { chain: Option<String>, seq: Option<u64>, index: Option<u64> },
    /// The submission is larger than the log server accepts at once.
    TooLarge { bytes: Option<usize>, lines: Option<usize> },
    /// Links are dated ahead of the log's clock, which shows `now`.
    Early { now: Time },
    /// A temporary condition, after which a retry can succeed.
    Later,
    /// A refusal that a retry doesn't change.
    Refused,
}

/// The body of an error response.
#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    error: ErrorDetails,
    chain: Option<String>,
    expected: Option<u64>,
    seq: Option<u64>,
    index: Option<u64>,
    limits: Option<ServerLimits>,
    now: Option<String>,
}

#[derive(Deserialize, Default)]
struct ErrorDetails {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct ServerLimits {
    bytes: Option<usize>,
    lines: Option<usize>,
}

/// The error text of a log server, truncated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorText {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Answer {
    fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Returns the meaning of the response.
    pub(crate) fn meaning(&self) -> Meaning {
        let body = self.error_body();
        match self.status {
            200 => Meaning::Taken,
            409 => {
                let chain = body.chain.as_ref().and_then(|chain| ChainId::parse(chain.as_bytes()));
                match (body.error.code.as_str(), chain, body.expected) {
                    ("log.gap", Some(chain), Some(expected)) => Meaning::Gap { chain, expected },
                    ("log.fork", ..) => {
                        let chain = chain.map(|chain| chain.to_string());
                        Meaning::Fork { chain, seq: body.seq, index: body.index }
                    }
                    _ => Meaning::Refused,
                }
            }
            413 => {
                let limits = body.limits.unwrap_or(ServerLimits { bytes: None, lines: None });
                Meaning::TooLarge { bytes: limits.bytes, lines: limits.lines }
            }
            503 if body.error.code == "submit.early" => {
                let now = body.now.and_then(|now| Time::parse(now.as_bytes()));
                now.map_or(Meaning::Later, |now| Meaning::Early { now })
            }
            status if is_transient(status) => Meaning::Later,
            _ => Meaning::Refused,
        }
    }

    /// Returns the error text, with defaults for what the response lacks.
    pub(crate) fn error_text(&self) -> ErrorText {
        let error = self.error_body().error;
        let or = |text: String, other: String| if text.is_empty() { other } else { truncate(&text) };
        let hint = match (error.hint, self.status) {
            (Some(hint), _) => truncate(&hint),
            (None, 401 | 403) if error.code.is_empty() => {
                "exempt /submit from authentication by the proxy in front of the log server; signatures authenticate the links"
                    .into()
            }
            (None, status) if error.code.is_empty() && !is_transient(status) => "check that the URL points to a log server".into(),
            (None, _) => "look for details in the log server's own log".into(),
        };
        ErrorText {
            code: or(error.code, format!("http.{}", self.status)),
            message: or(error.message, format!("status {} without an error message", self.status)),
            hint,
        }
    }
}

/// The maximum number of characters of a log server's text that is shown.
const MAX_SHOWN_CHARS: usize = 300;

fn truncate(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).filter(|c| *c != '\n').collect()
}

impl BatchLimits {
    /// Returns these limits lowered to the log server's. None if that changes nothing.
    pub(crate) fn lowered(
        self,
        bytes: Option<usize>,
        lines: Option<usize>,
        sent: (usize, usize),
    ) -> Option<Self> {
        let lower = |own: usize, server: Option<usize>, sent: usize| match server {
            Some(server) => own.min(server),
            None => own.min(sent / 2),
        };
        let lowered =
            Self { bytes: lower(self.bytes, bytes, sent.0), lines: lower(self.lines, lines, sent.1) };
        (lowered != self && lowered.bytes > 0 && lowered.lines > 0).then_some(lowered)
    }
}

/// Checks that the response proves each of these links to be in the log with this origin, according to `trust`. Returns
/// the receipt of the last one.
///
/// # Errors
/// [`Code::Proof`] if one of them is not proven.
pub(crate) fn prove(
    answer: &Answer,
    last: &[LastLink],
    origin: &str,
    trust: &Trust,
) -> Result<Receipt, Error> {
    let unproven = |why: &str| Error::new(Code::Proof, why);
    let body: Map<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|_| unproven("the response is not a JSON object"))?;
    let chains = body.get("chains").and_then(Value::as_object);
    let chains = chains.ok_or_else(|| unproven("the response has no field `chains`"))?;
    let mut receipt = None;
    for LastLink { chain, seq, link } in last {
        let proof = chains.get(&chain.to_string()).and_then(|entry| proof_of(entry));
        let proof = proof.ok_or_else(|| unproven(&format!("the response has no proof of {chain}/{seq}")))?;
        check(proof, link.as_bytes(), origin, trust)?;
        receipt = Some(Receipt { link: link.clone(), proof: proof.to_owned() });
    }
    receipt.ok_or_else(|| unproven("the submission contained no links"))
}

/// Checks that the response proves the submitted key note to be in the log with this origin. Returns its index.
///
/// # Errors
/// [`Code::Proof`] if it doesn't.
pub(crate) fn prove_note(answer: &Answer, note: &str, origin: &str, trust: &Trust) -> Result<u64, Error> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let proof = body.get("notes").and_then(|notes| notes.get(0)).and_then(proof_of);
    let proof = proof.ok_or_else(|| Error::new(Code::Proof, "the response has no proof of the key note"))?;
    check(proof, note.as_bytes(), origin, trust)
}

fn proof_of(entry: &Value) -> Option<&str> {
    entry.get("proof").and_then(Value::as_str)
}

/// Verifies the proof of an entry, and returns the entry's index.
fn check(proof: &str, leaf: &[u8], origin: &str, trust: &Trust) -> Result<u64, Error> {
    let proof = Proof::parse(proof)?;
    let found = &proof.checkpoint.checkpoint.origin;
    if found != origin {
        let message = format!("the proof is for the log {found:?}, not for {origin:?}");
        return Err(Error::new(Code::Proof, message));
    }
    proof.verify(leaf, trust)?;
    Ok(proof.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_errors_are_transient_and_refusals_are_not() {
        assert!([408, 421, 425, 429, 500, 502, 503, 504].into_iter().all(is_transient));
        assert!(![301, 400, 401, 403, 404, 409, 410, 413, 422].into_iter().any(is_transient));
    }
}
