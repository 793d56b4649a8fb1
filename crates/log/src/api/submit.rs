//! `POST /submit`.

use serde_json::{Map, json};

use super::response::json;
use super::{Answer, ApiError};
use crate::store::EntryReader;
use crate::submission::Committed;

/// Returns the response to a submission that is durable and published.
///
/// # Errors
/// [`ApiError`].
pub fn response(committed: &Committed, reader: &dyn EntryReader) -> Result<Answer, ApiError> {
    let mut prover = committed.prover(reader)?;
    let mut chains = Map::new();
    for (chain, tip) in &committed.taken.chains {
        let proof = prover.prove(tip.index)?.to_string();
        let tip = json!({ "seq": tip.seq, "index": tip.index, "proof": proof });
        chains.insert(chain.to_string(), tip);
    }
    let mut notes = Vec::new();
    for held in &committed.taken.notes {
        let proof = prover.prove(held.index)?.to_string();
        notes.push(json!({ "index": held.index, "proof": proof }));
    }
    Ok(json(&json!({
        "checkpoint": committed.published.note,
        "chains": chains,
        "notes": notes,
        "added": committed.taken.added,
        "repeated": committed.taken.repeated,
    })))
}
