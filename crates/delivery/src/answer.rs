//! Responses of a log server to submissions.

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use countersign::link::ChainId;
use countersign::proof::Proof;
use countersign::tenant::{self, HeadProof, NewestHead, TenantOrigin};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::{Code, Error};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::batch::{BatchLimits, LastLink};
use crate::comparison::{compare, hashes, read_head};
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

/// True if an HTTP status means a temporary condition, so that the same request can be sent again.
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
    /// Links are dated ahead of the log's clock, which shows `now`; the first of them is on this line of the submission.
    Early { now: Time, line: Option<u64> },
    /// The tenant log has ended.
    Ended,
    /// A temporary condition, after which a retry can succeed.
    Later,
    /// A rejection that a retry won't change.
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
    line: Option<u64>,
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

    /// Returns the log's time, if it rejects a signed request for its time. The request can be signed again with it.
    pub fn log_time(&self) -> Option<Time> {
        let body = self.error_body();
        let now = body.now.filter(|_| self.status == 409 && body.error.code == "request.time")?;
        Time::parse(now.as_bytes())
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
            410 if body.error.code == "log.ended" => Meaning::Ended,
            413 => {
                let limits = body.limits.unwrap_or(ServerLimits { bytes: None, lines: None });
                Meaning::TooLarge { bytes: limits.bytes, lines: limits.lines }
            }
            503 if body.error.code == "submit.early" => {
                let now = body.now.and_then(|now| Time::parse(now.as_bytes()));
                now.map_or(Meaning::Later, |now| Meaning::Early { now, line: body.error.line })
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
            (None, _) => "look for details in the log server's own logs".into(),
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
    /// Returns these limits lowered to the log server's. `None` if that changes nothing.
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

/// The proofs in a response.
#[derive(Debug)]
pub(crate) struct Proven {
    /// The receipt of the last link.
    pub(crate) receipt: Receipt,
    /// The proof of a tenant log's newest head.
    pub(crate) head: Option<HeadProof>,
}

/// A response that doesn't prove what it claims.
#[derive(Debug)]
pub(crate) struct RefusedProof {
    /// [`Code::Proof`] if something is not proven, and [`Code::Rewritten`] if the response contradicts the newest head.
    pub(crate) error: Error,
    /// True if the response proves the entries in a head of a tenant log that the log signed. It is evidence then.
    pub(crate) has_signed_head: bool,
}

impl From<Error> for RefusedProof {
    fn from(error: Error) -> Self {
        Self { error, has_signed_head: false }
    }
}

/// Checks that the response proves each of these links to be in the log with this origin, according to `trust`, and that
/// a tenant log extends the newest head that the request stated.
///
/// # Errors
/// [`RefusedProof`].
pub(crate) fn prove(
    answer: &Answer,
    last: &[LastLink],
    origin: &str,
    trust: &Trust,
    newest: Option<&NewestHead>,
) -> Result<Proven, RefusedProof> {
    let proofs = Proofs::read(answer, origin, trust)?;
    let chains = proofs.field("chains").and_then(Value::as_object);
    let chains = chains.ok_or_else(|| unproven("the response has no field `chains`"))?;
    let mut receipt = None;
    for LastLink { chain, seq, link } in last {
        let proof = chains.get(&chain.to_string()).and_then(|entry| proofs.read_proof(entry).transpose());
        let proof =
            proof.ok_or_else(|| unproven(&format!("the response has no proof of {chain}/{seq}")))??;
        proof.verify(link.as_bytes(), origin, trust)?;
        receipt = Some(Receipt { link: link.clone(), proof: proof.to_string() });
    }
    let receipt = receipt.ok_or_else(|| unproven("the submission contained no links"))?;
    proofs.compare(newest)?;
    Ok(Proven { receipt, head: proofs.head })
}

/// Checks that the response proves the submitted key note to be in the log with this origin. Returns its index.
///
/// # Errors
/// Those of [`prove`].
pub(crate) fn prove_note(
    answer: &Answer,
    note: &str,
    origin: &str,
    trust: &Trust,
    newest: Option<&NewestHead>,
) -> Result<u64, RefusedProof> {
    let proofs = Proofs::read(answer, origin, trust)?;
    let proof = proofs.note()?.ok_or_else(|| unproven("the response has no proof of the key note"))?;
    proof.verify(note.as_bytes(), origin, trust)?;
    proofs.compare(newest)?;
    Ok(proof.index())
}

fn unproven(why: &str) -> Error {
    Error::new(Code::Proof, why)
}

/// A response that claims that a log contains a submission.
pub(crate) struct Proofs {
    /// The fields about the log.
    log: Map<String, Value>,
    /// The head that the proofs of a tenant log lead to.
    head: Option<HeadProof>,
}

impl Proofs {
    /// Reads the response of the log with this origin. Verifies nothing.
    fn read(answer: &Answer, origin: &str, trust: &Trust) -> Result<Self, Error> {
        let mut body: Map<String, Value> = serde_json::from_slice(&answer.body)
            .map_err(|_| unproven("the response is not a JSON object"))?;
        if TenantOrigin::for_reader(origin, trust).is_none() {
            return Ok(Self { log: body, head: None });
        }
        let logs = body.get_mut("logs").and_then(Value::as_object_mut);
        let logs = logs
            .ok_or_else(|| unproven(&format!("the response for the log {origin:?} has no field `logs`")))?;
        let Some(Value::Object(log)) = logs.remove(origin) else {
            return Err(unproven(&format!("the response is not for the log {origin:?}")));
        };
        Self::of_tenant_log(origin, log, body.get("root").and_then(Value::as_str))
    }

    /// Reads the fields about a tenant log. `root` is the proof of the directory, which all logs of a response share.
    pub(crate) fn of_tenant_log(
        origin: &str,
        log: Map<String, Value>,
        root: Option<&str>,
    ) -> Result<Self, Error> {
        let head = read_head(origin, &log, root)?;
        Ok(Self { log, head: Some(head) })
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.log.get(name)
    }

    /// Reads the proof of the submitted key note; `None` if it is missing or malformed.
    pub(crate) fn note(&self) -> Result<Option<EntryProof>, Error> {
        self.field("notes").and_then(|notes| notes.get(0)).map_or(Ok(None), |entry| self.read_proof(entry))
    }

    /// Reads the proof of an entry from its fields; `None` if they are missing or malformed.
    fn read_proof(&self, entry: &Value) -> Result<Option<EntryProof>, Error> {
        let Some(head) = &self.head else {
            let proof = entry.get("proof").and_then(Value::as_str);
            return Ok(proof.map(Proof::parse).transpose()?.map(EntryProof::Log));
        };
        let index = entry.get("index").and_then(Value::as_u64);
        let receipt = |(index, hashes)| tenant::Receipt { index, hashes, proof: head.clone() };
        Ok(index.zip(hashes(entry.get("hashes"))).map(receipt).map(EntryProof::TenantLog))
    }

    /// Compares the head of a tenant log, which is verified, with the newest one that the request stated.
    fn compare(&self, newest: Option<&NewestHead>) -> Result<(), RefusedProof> {
        let compared =
            self.head.as_ref().zip(newest).map_or(Ok(()), |(head, newest)| compare(newest, head, &self.log));
        compared.map_err(|error| RefusedProof { error, has_signed_head: true })
    }
}

/// The proof of an entry.
pub(crate) enum EntryProof {
    /// The proof of an entry of an ordinary log.
    Log(Proof),
    /// The receipt of an entry of a tenant log.
    TenantLog(tenant::Receipt),
}

impl EntryProof {
    const fn index(&self) -> u64 {
        match self {
            Self::Log(proof) => proof.index,
            Self::TenantLog(receipt) => receipt.index,
        }
    }

    pub(crate) fn verify(&self, leaf: &[u8], origin: &str, trust: &Trust) -> Result<(), Error> {
        match self {
            Self::Log(proof) => proof.verify(leaf, Some(origin), trust),
            Self::TenantLog(receipt) => receipt.verify(leaf, Some(origin), trust),
        }
    }
}

impl fmt::Display for EntryProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(proof) => proof.fmt(f),
            Self::TenantLog(receipt) => receipt.fmt(f),
        }
    }
}
