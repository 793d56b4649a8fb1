//! The comparison of a tenant log's answers with the newest head that the outbox has seen (SPEC section 16.8).

use countersign::hash::Hash;
use countersign::tenant::{Anchor, AnchorProof, HeadProof, NewestHead, TenantOrigin};
use countersign::trust::Trust;
use countersign::{Code, Error};
use serde_json::{Map, Value};

/// Returns the state of a writer that has no head of the log with this origin. `None` if it isn't a tenant log.
pub(crate) fn no_head(origin: &str, trust: &Trust) -> Option<NewestHead> {
    TenantOrigin::for_reader(origin, trust)?;
    let lines = trust.origins().iter().filter(|line| line.origin == origin);
    Some(NewestHead::none(lines.filter_map(|line| line.since).min().unwrap_or(0)))
}

/// Compares the fields about a tenant log in an answer with the newest head that the request stated. `head` is the
/// answer's head, which is verified.
///
/// # Errors
/// [`Code::Rewritten`] if they contradict each other. [`Code::Proof`] if the answer can't be used.
pub(crate) fn compare(newest: &NewestHead, head: &HeadProof, log: &Map<String, Value>) -> Result<(), Error> {
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
    newest.compare(head, &anchors, &consistency).map(drop)
}

/// Parses an array of hashes.
pub(crate) fn hashes(value: Option<&Value>) -> Option<Vec<Hash>> {
    value?.as_array()?.iter().map(|hash| Hash::from_base64(hash.as_str()?)).collect()
}
