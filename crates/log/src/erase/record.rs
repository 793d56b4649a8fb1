//! What the log's own chain says of an erasure.
//!
//! The record of an erasure is what it is done by: whoever finds one in the log knows which events it takes.

use std::collections::HashSet;

use countersign::Error;
use countersign::error::Code;
use countersign::link::{ChainId, Link};
use countersign::log::{Growth, Kind, Leaf, Submission, SubmissionError};
use countersign::note::VerifierKey;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::Cause;
use crate::store::{EntryReader, StoreError, StoredEvent};

/// The action of a record.
const ACTION: &str = "log.erase";

/// The event that records the erasure of these stretches of leaves, of so many events.
pub(super) fn event(origin: &str, cause: &Cause, stretches: &[(u64, u64)], events: u64) -> Value {
    let mut metadata = cause.metadata.clone();
    metadata.insert("events".into(), events.into());
    metadata.insert("entries".into(), stretches.iter().map(|(first, last)| json!([first, last])).collect());
    json!({
        "action": ACTION,
        "actor": { "type": cause.actor_type, "id": cause.actor },
        "target": { "type": "log", "id": origin },
        "reason": cause.reason,
        "metadata": metadata,
    })
}

/// Whether an event says that it records an erasure.
pub fn is_erasure(event: &str) -> bool {
    let action = || serde_json::from_str::<Value>(event).is_ok_and(|event| event["action"] == ACTION);
    event.contains(ACTION) && action()
}

/// The leaves of a growth that record erasures: `log.erase` on a chain of the log's own key.
pub fn recorded(growth: &Growth, key: &VerifierKey) -> Vec<u64> {
    let own = own_chains(growth, key);
    if own.is_empty() {
        return Vec::new();
    }
    let leaves = growth.leaves().iter().zip(growth.base()..);
    leaves.filter(|(leaf, _)| is_record(leaf, &own)).map(|(_, index)| index).collect()
}

/// Whether a submission that is in a growth brings such a record.
pub(crate) fn records_erasure(submission: &Submission, growth: &Growth, key: &VerifierKey) -> bool {
    let own = own_chains(growth, key);
    submission.entries().iter().any(|entry| is_record(&entry.leaf, &own))
}

/// The chains of this key that a growth adds to.
pub fn own_chains(growth: &Growth, key: &VerifierKey) -> HashSet<ChainId> {
    growth.chains().filter(|(_, chain)| chain.key == *key).map(|(id, _)| *id).collect()
}

fn is_record(leaf: &Leaf, own: &HashSet<ChainId>) -> bool {
    let in_own = leaf.link().is_some_and(|link| own.contains(&link.chain()));
    in_own && leaf.event().is_some_and(|event| is_erasure(&event.text))
}

/// The answer to a submission that brings one: the log alone records what it does.
pub(crate) fn refusal() -> SubmissionError {
    let message = "an erasure is recorded by the log alone";
    let hint = "ask for it by POST /erase; if you did not send this, the log's key is in other hands";
    let error = Error::new(Code::Unauthorized, message).with_hint(hint);
    SubmissionError { kind: Kind::Unauthorized, error, is_signed: true }
}

/// A record that was read.
pub struct Record {
    /// The link that it is the event of.
    pub(crate) link: Link,
    /// All that it says.
    pub(crate) event: Value,
    /// The leaves whose events it takes, all of them before it.
    pub leaves: RoaringTreemap,
}

impl Record {
    /// Reads the record at that leaf.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where there is none, or one that cannot be understood; the store's own.
    pub fn read(reader: &dyn EntryReader, index: u64) -> Result<Self, StoreError> {
        let damaged = |what| StoreError::Damaged(format!("leaf {index}: {what}"));
        let leaf = reader.leaves_with_events(index..index + 1)?.pop();
        let leaf = leaf.ok_or_else(|| damaged("it is missing"))?;
        let link = leaf.link().ok_or_else(|| damaged("it is not a link"))?;
        let StoredEvent::Here(event) = leaf.event else {
            return Err(damaged("the record of an erasure has no event"));
        };
        let event: Value = serde_json::from_str(&event.text).unwrap_or_default();
        let leaves = leaves(&event, index).ok_or_else(|| damaged("it is not a record of an erasure"))?;
        Ok(Self { link, event, leaves })
    }
}

fn leaves(event: &Value, record: u64) -> Option<RoaringTreemap> {
    let mut leaves = RoaringTreemap::new();
    for stretch in event["metadata"]["entries"].as_array().filter(|_| event["action"] == ACTION)? {
        let [first, last] = &stretch.as_array()?[..] else { return None };
        let (first, last) = (first.as_u64()?, last.as_u64()?);
        if first > last || last >= record {
            return None;
        }
        leaves.insert_range(first..=last);
    }
    Some(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stretches: &Value) -> Option<Vec<u64>> {
        let event = json!({ "action": ACTION, "metadata": { "entries": stretches } });
        leaves(&event, 10).map(|leaves| leaves.into_iter().collect())
    }

    #[test]
    fn a_record_names_leaves_before_it() {
        assert_eq!(read(&json!([[1, 3], [7, 7]])), Some(vec![1, 2, 3, 7]));
        assert_eq!(read(&json!([])), Some(vec![]));
        for bad in
            [json!(null), json!([[3, 1]]), json!([[1, 10]]), json!([[1]]), json!([[-1, 1]]), json!([1, 2])]
        {
            assert_eq!(read(&bad), None, "{bad}");
        }
        assert!(leaves(&json!({ "action": "job", "metadata": { "entries": [[1, 1]] } }), 10).is_none());
        assert!(is_erasure(r#"{"action":"log.erase"}"#));
        assert!(!is_erasure(r#"{"action":"note","text":"log.erase"}"#) && !is_erasure("log.erase"));
    }
}
