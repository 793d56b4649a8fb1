//! Records of erasures on the log's own chain.
//!
//! The record itself defines the erasure: it names the entries whose events are erased.

use std::collections::HashSet;

use countersign::Error;
use countersign::error::Code;
use countersign::link::{ChainId, Link};
use countersign::log::{Leaf, PendingBatch, RefusalKind, Submission, SubmissionError};
use countersign::note::VerifierKey;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use super::Cause;
use crate::store::{EntryReader, StoreError, StoredEvent};

/// The action of a record.
const ACTION: &str = "log.erase";

/// Returns the event that records the erasure of `events` events in these ranges of entries.
pub(super) fn event(origin: &str, cause: &Cause, ranges: &[(u64, u64)], events: u64) -> Value {
    let mut metadata = cause.metadata.clone();
    metadata.insert("events".into(), events.into());
    metadata.insert("entries".into(), ranges.iter().map(|(first, last)| json!([first, last])).collect());
    json!({
        "action": ACTION,
        "actor": { "type": cause.actor_type, "id": cause.actor },
        "target": { "type": "log", "id": origin },
        "reason": cause.reason,
        "metadata": metadata,
    })
}

/// True if an event records an erasure.
pub fn is_erasure(event: &str) -> bool {
    let action = || serde_json::from_str::<Value>(event).is_ok_and(|event| event["action"] == ACTION);
    event.contains(ACTION) && action()
}

/// Returns the entries of a pending batch that record erasures: `log.erase` on a chain of the log's own key, or of an
/// earlier one.
pub fn recorded(growth: &PendingBatch, key: &VerifierKey) -> Vec<u64> {
    let own = own_chains(growth, key);
    if own.is_empty() {
        return Vec::new();
    }
    let leaves = growth.leaves().iter().zip(growth.base()..);
    leaves.filter(|(leaf, _)| is_record(leaf, &own)).map(|(_, index)| index).collect()
}

/// True if a submission within a pending batch contains such a record.
pub(crate) fn records_erasure(submission: &Submission, growth: &PendingBatch, key: &VerifierKey) -> bool {
    let own = own_chains(growth, key);
    submission.entries().iter().any(|entry| is_record(&entry.leaf, &own))
}

/// Returns the log's own chains to which a pending batch adds. Earlier keys of the log count: they have the same name.
pub fn own_chains(growth: &PendingBatch, key: &VerifierKey) -> HashSet<ChainId> {
    growth.chains().filter(|(_, chain)| chain.key.name() == key.name()).map(|(id, _)| *id).collect()
}

fn is_record(leaf: &Leaf, own: &HashSet<ChainId>) -> bool {
    let in_own = leaf.link().is_some_and(|link| own.contains(&link.chain()));
    in_own && leaf.event().is_some_and(|event| is_erasure(&event.text))
}

/// Returns the error for a submission that contains such a record: only the log itself records erasures.
pub(crate) fn refusal() -> SubmissionError {
    let message = "only the log itself may record an erasure";
    let hint =
        "request erasures with POST /erase; if you did not send this event, the log's private key has leaked";
    let error = Error::new(Code::Unauthorized, message).with_hint(hint);
    SubmissionError { kind: RefusalKind::Unauthorized, error, is_signed: true }
}

/// A parsed record of an erasure.
pub struct Record {
    /// The link of the record.
    pub(crate) link: Link,
    /// The event of the record.
    pub(crate) event: Value,
    /// The entries whose events it erases. All precede the record.
    pub leaves: RoaringTreemap,
}

impl Record {
    /// Reads the record at this entry.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the entry is missing or isn't such a record; [`StoreError::Unavailable`] if the store
    /// fails.
    pub fn read(reader: &dyn EntryReader, index: u64) -> Result<Self, StoreError> {
        let damaged = |what| StoreError::Damaged(format!("entry {index}: {what}"));
        let leaf = reader.leaves_with_events(index..index + 1)?.pop();
        let leaf = leaf.ok_or_else(|| damaged("the entry is missing"))?;
        let link = leaf.link().ok_or_else(|| damaged("the entry is not a link"))?;
        let StoredEvent::Here(event) = leaf.event else {
            return Err(damaged("the record of an erasure has no event"));
        };
        let event: Value = serde_json::from_str(&event.text).unwrap_or_default();
        let leaves = leaves(&event, index).ok_or_else(|| damaged("the event does not record an erasure"))?;
        Ok(Self { link, event, leaves })
    }
}

fn leaves(event: &Value, record: u64) -> Option<RoaringTreemap> {
    let mut leaves = RoaringTreemap::new();
    // Earlier versions recorded the entries as `leaves`.
    let erased =
        [&event["metadata"]["entries"], &event["metadata"]["leaves"]].into_iter().find_map(Value::as_array);
    for range in erased.filter(|_| event["action"] == ACTION)? {
        let [first, last] = &range.as_array()?[..] else { return None };
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

    fn read(ranges: &Value) -> Option<Vec<u64>> {
        let event = json!({ "action": ACTION, "metadata": { "entries": ranges } });
        let earlier = json!({ "action": ACTION, "metadata": { "leaves": ranges } });
        let read = leaves(&event, 10);
        assert_eq!(leaves(&earlier, 10), read);
        read.map(|leaves| leaves.into_iter().collect())
    }

    #[test]
    fn record_names_only_earlier_entries() {
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
