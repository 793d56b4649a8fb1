//! A log server's answers to submissions.

use std::time::Duration;

use countersign::link::ChainId;
use countersign::proof::Proof;
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::batch::{BatchLimits, Last};
use crate::outbox::Receipt;

/// A log server's answer to a submission.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The wait that the answer asks for, if any.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Vec<u8>,
}

/// True if what an HTTP status says may pass, so that the same request may be sent again.
pub const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 421 | 425 | 429) || status >= 500
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It says that the log holds the submission; [`prove`] tells.
    Taken,
    /// Links are missing: the log would take `expected` of that chain next.
    Gap { chain: ChainId, expected: u64 },
    /// The log has another link for that place.
    Fork { chain: Option<String>, seq: Option<u64>, index: Option<u64> },
    /// Less at a time.
    TooLarge { bytes: Option<usize>, lines: Option<usize> },
    /// Links are dated ahead of the log's clock, which shows this.
    Early { now: Time },
    /// Not now.
    Later,
    /// Not at all, as things are.
    Refused,
}

/// An error that the log server answered with.
#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    error: ErrorDetails,
    chain: Option<String>,
    expected: Option<u64>,
    seq: Option<u64>,
    index: Option<u64>,
    limits: Option<TakenAtOnce>,
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
struct TakenAtOnce {
    bytes: Option<usize>,
    lines: Option<usize>,
}

/// The log server's own words, shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Answer {
    fn error_body(&self) -> ErrorBody {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// What follows from it.
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
                let limits = body.limits.unwrap_or(TakenAtOnce { bytes: None, lines: None });
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

    /// What the log server says about it.
    pub(crate) fn words(&self) -> Words {
        let said = self.error_body().error;
        let or = |text: String, other: String| if text.is_empty() { other } else { short(&text) };
        let hint = match (said.hint, self.status) {
            (Some(hint), _) => short(&hint),
            (None, 401 | 403) if said.code.is_empty() => {
                "something before the log server asks who this is; exempt /submit from it, as the links' signatures say who sends them"
                    .into()
            }
            (None, status) if said.code.is_empty() && !is_transient(status) => "is this the address of a log server?".into(),
            (None, _) => "the log server's log has more about it".into(),
        };
        Words {
            code: or(said.code, format!("http.{}", self.status)),
            message: or(said.message, format!("nothing but status {}", self.status)),
            hint,
        }
    }
}

/// At most so much of what a stranger says is shown.
const SHOWN: usize = 300;

fn short(text: &str) -> String {
    text.chars().take(SHOWN).filter(|c| *c != '\n').collect()
}

impl BatchLimits {
    /// These, or less where the log server takes less. `None` when that is nothing new.
    pub(crate) fn lowered(
        self,
        bytes: Option<usize>,
        lines: Option<usize>,
        sent: (usize, usize),
    ) -> Option<Self> {
        let lower = |own: usize, told: Option<usize>, sent: usize| match told {
            Some(told) => own.min(told),
            None => own.min(sent / 2),
        };
        let lowered =
            Self { bytes: lower(self.bytes, bytes, sent.0), lines: lower(self.lines, lines, sent.1) };
        (lowered != self && lowered.bytes > 0 && lowered.lines > 0).then_some(lowered)
    }
}

/// Checks that the answer proves each of these links to be in the log of that origin, as the trust has it. Gives the
/// last one's receipt.
///
/// # Errors
/// [`Code::Proof`] when something is not proven.
pub(crate) fn prove(answer: &Answer, last: &[Last], origin: &str, trust: &Trust) -> Result<Receipt, Error> {
    let unproven = |why: &str| Error::new(Code::Proof, why);
    let body: Map<String, Value> =
        serde_json::from_slice(&answer.body).map_err(|_| unproven("the answer is not a JSON object"))?;
    let chains = body.get("chains").and_then(Value::as_object);
    let chains = chains.ok_or_else(|| unproven("the answer names no chains"))?;
    let mut receipt = None;
    for Last { chain, seq, link } in last {
        let proof = chains.get(&chain.to_string()).and_then(|entry| proof_of(entry));
        let proof = proof.ok_or_else(|| unproven(&format!("there is no proof of {chain}/{seq}")))?;
        check(proof, link.as_bytes(), origin, trust)?;
        receipt = Some(Receipt { link: link.clone(), proof: proof.to_owned() });
    }
    receipt.ok_or_else(|| unproven("nothing was sent"))
}

/// Checks that the answer proves the one key note that was sent to be in the log of that origin, and gives its index.
///
/// # Errors
/// [`Code::Proof`] when it does not.
pub(crate) fn prove_note(answer: &Answer, note: &str, origin: &str, trust: &Trust) -> Result<u64, Error> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let proof = body.get("notes").and_then(|notes| notes.get(0)).and_then(proof_of);
    let proof = proof.ok_or_else(|| Error::new(Code::Proof, "there is no proof of the key note"))?;
    check(proof, note.as_bytes(), origin, trust)
}

fn proof_of(entry: &Value) -> Option<&str> {
    entry.get("proof").and_then(Value::as_str)
}

/// Checks a proof of a leaf, and gives the leaf's index.
fn check(proof: &str, leaf: &[u8], origin: &str, trust: &Trust) -> Result<u64, Error> {
    let proof = Proof::parse(proof)?;
    let found = &proof.checkpoint.checkpoint.origin;
    if found != origin {
        let message = format!("the proof is of the log {found:?}, not of {origin:?}");
        return Err(Error::new(Code::Proof, message));
    }
    proof.verify(leaf, trust)?;
    Ok(proof.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_server_is_transient_and_a_refusal_is_not() {
        assert!([408, 421, 425, 429, 500, 502, 503, 504].into_iter().all(is_transient));
        assert!(![301, 400, 401, 403, 404, 409, 410, 413, 422].into_iter().any(is_transient));
    }
}
