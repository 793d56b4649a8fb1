//! The comparison of a tenant log's answers with the newest head that the outbox has seen (SPEC section 16.8).

use countersign::hash::Hash;
use countersign::tenant::{Anchor, AnchorProof, HeadProof, NewestHead, TenantOrigin};
use countersign::trust::Trust;
use countersign::{Code, Error};
use serde_json::{Map, Value};

/// Returns what a writer or reader that has no head of the log with this origin knows of it. `None` if it isn't a tenant
/// log.
pub fn no_head(origin: &str, trust: &Trust) -> Option<NewestHead> {
    TenantOrigin::for_reader(origin, trust)?;
    let lines = trust.origins().iter().filter(|line| line.origin == origin);
    Some(NewestHead::none(lines.filter_map(|line| line.since).min().unwrap_or(0)))
}

/// A tenant log's newest head, and the proof of how the log grew since the head that the request stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenHead {
    /// The newest head.
    pub head: HeadProof,
    /// The anchors since the stated head, by ascending tick.
    pub anchors: Vec<AnchorProof>,
    /// The consistency proof to the newest head, from the last anchor or the stated head.
    pub consistency: Vec<Hash>,
}

impl ProvenHead {
    /// Parses the response to `GET /t/<ID>/head?since=…`. Verifies nothing.
    ///
    /// # Errors
    /// [`Code::Proof`] or [`Code::Checkpoint`] if it is malformed.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let why = "the response is not that of one tenant log";
        let malformed = || Error::new(Code::Proof, why);
        let body: Map<String, Value> = serde_json::from_slice(body).map_err(|_| malformed())?;
        let logs = body.get("logs").and_then(Value::as_object).filter(|logs| logs.len() == 1);
        let (origin, log) = logs.and_then(|logs| logs.iter().next()).ok_or_else(malformed)?;
        let log = log.as_object().ok_or_else(malformed)?;
        let head = read_head(origin, log, body.get("root").and_then(Value::as_str))?;
        Self::with_growth(head, log)
    }

    /// Reads the proof of the log's growth from the fields about the log.
    fn with_growth(head: HeadProof, log: &Map<String, Value>) -> Result<Self, Error> {
        let malformed =
            || Error::new(Code::Proof, "the response does not prove how the log grew since the last head");
        let anchors = log.get("anchors").and_then(Value::as_array).ok_or_else(malformed)?;
        let read = |anchor: &Value| {
            let text = anchor.get("anchor").and_then(Value::as_str).ok_or_else(malformed)?;
            let consistency = hashes(anchor.get("consistency")).ok_or_else(malformed)?;
            Ok(AnchorProof { anchor: Anchor::parse(text)?, consistency })
        };
        let anchors = anchors.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        let consistency = hashes(log.get("consistency")).ok_or_else(malformed)?;
        Ok(Self { head, anchors, consistency })
    }

    /// Compares the head, which is verified, with the newest one that the request stated.
    ///
    /// # Errors
    /// [`Code::Rewritten`] if they contradict each other. [`Code::Proof`] if the response can't be used.
    pub fn compare(&self, newest: &NewestHead) -> Result<(), Error> {
        newest.compare(&self.head, &self.anchors, &self.consistency).map(drop)
    }
}

/// Compares the fields about a tenant log in an answer with the newest head that the request stated. `head` is the
/// answer's head, which is verified.
///
/// # Errors
/// Those of [`ProvenHead::compare`].
pub(crate) fn compare(newest: &NewestHead, head: &HeadProof, log: &Map<String, Value>) -> Result<(), Error> {
    ProvenHead::with_growth(head.clone(), log)?.compare(newest)
}

/// Reads the head of a tenant log from the fields about the log. `root` is the proof of the directory, which all logs of
/// a response share.
pub(crate) fn read_head(
    origin: &str,
    log: &Map<String, Value>,
    root: Option<&str>,
) -> Result<HeadProof, Error> {
    let missing = |field: &str| {
        Error::new(Code::Proof, format!("the response for the log {origin:?} has no field `{field}`"))
    };
    let lines = log.get("head").and_then(Value::as_str).ok_or_else(|| missing("head"))?;
    HeadProof::parse(&format!("{lines}\n{}", root.ok_or_else(|| missing("root"))?))
}

/// Parses an array of hashes.
pub(crate) fn hashes(value: Option<&Value>) -> Option<Vec<Hash>> {
    value?.as_array()?.iter().map(|hash| Hash::from_base64(hash.as_str()?)).collect()
}
