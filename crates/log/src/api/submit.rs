//! `POST /submit`.

use countersign::hash::Hash;
use countersign::log::SubmissionOutcome;
use countersign::tenant::{AnchorProof, HeadProof, Since};
use serde_json::{Map, Value, json};

use super::response::json;
use super::{Answer, ApiError, query};
use crate::hashes::CachedHashes;
use crate::store::{EntryReader, StoreError};
use crate::submission::Committed;
use crate::tenants::growth_proof::GrowthProof;

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

/// Parses the parameters of a submission to a tenant log, or of a request for its head.
///
/// # Errors
/// [`ApiError`].
pub fn since(query: Option<&str>) -> Result<Option<Since>, ApiError> {
    let Some((name, value)) = query::read(query, &["since"])?.pop() else { return Ok(None) };
    let expected = "must be the size and the tick of a head, such as `120,4093`";
    Since::parse(&value).map(Some).ok_or_else(|| query::invalid(&name, expected))
}

/// Returns the response to a submission to a tenant log, with a published head that contains it (SPEC section 16.8).
/// `reader` reads the tenant log's own entries. `growth` is present if the submission states a head.
///
/// # Errors
/// [`ApiError`], for example if the head doesn't contain the submission.
pub fn tenant_response(
    taken: &SubmissionOutcome,
    proof: &HeadProof,
    growth: Option<&GrowthProof>,
    reader: &dyn EntryReader,
) -> Result<Answer, ApiError> {
    let head = proof.head();
    let tree = CachedHashes::new(reader, head.size);
    let hashes = |index| -> Result<Value, StoreError> { Ok(texts(&tree.prove_inclusion(index)?)) };
    let mut chains = Map::new();
    for (chain, tip) in &taken.chains {
        let tip = json!({ "seq": tip.seq, "index": tip.index, "hashes": hashes(tip.index)? });
        chains.insert(chain.to_string(), tip);
    }
    let mut notes = Vec::new();
    for held in &taken.notes {
        notes.push(json!({ "index": held.index, "hashes": hashes(held.index)? }));
    }
    let proof = proof.to_string();
    // A head proof has exactly one empty line before the tlog-proof in it.
    let (lines, root) = proof.split_once("\n\n").unwrap_or((&proof, ""));
    let mut logs = Map::new();
    let mut log = json!({
        "head": format!("{lines}\n"),
        "chains": chains,
        "notes": notes,
        "added": taken.added,
        "repeated": taken.repeated,
    });
    if let Some(GrowthProof { anchors, consistency }) = growth {
        let to_json = |AnchorProof { anchor, consistency }: &AnchorProof| json!({ "anchor": anchor.to_string(), "consistency": texts(consistency) });
        log["anchors"] = anchors.iter().map(to_json).collect();
        log["consistency"] = texts(consistency);
    }
    logs.insert(head.origin.to_string(), log);
    Ok(json(&json!({ "root": root, "logs": logs })))
}

fn texts(hashes: &[Hash]) -> Value {
    hashes.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
    use countersign::hash::Hash;
    use countersign::link::ChainId;
    use countersign::log::{EntryRef, Tip};
    use countersign::merkle::{CompactRange, PendingTree, Tile, leaf_hash};
    use countersign::note::SignerKey;
    use countersign::tenant::{Anchor, Head, Receipt, State, TenantOrigin};
    use countersign::time::Time;
    use countersign::trust::Trust;

    use super::*;
    use crate::store::StoredLeaf;

    const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";

    /// A store with the tiles of a log whose entries are `entry 0`, `entry 1`, and so on.
    struct Store(u64);

    fn entry(index: u64) -> String {
        format!("entry {index}")
    }

    fn hash(index: u64) -> Hash {
        leaf_hash(entry(index).as_bytes())
    }

    impl EntryReader for Store {
        fn size(&self) -> Result<u64, StoreError> {
            Ok(self.0)
        }
        fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
            let leaves = (0..self.0).map(hash).skip(tile.index as usize * 256).take(tile.width as usize);
            Ok((tile.level == 0).then(|| leaves.flat_map(|hash| hash.0).collect()))
        }
        fn leaf_hash(&self, index: u64) -> Result<Hash, StoreError> {
            Ok(hash(index))
        }
        fn leaves(&self, _: Range<u64>) -> Result<Vec<Vec<u8>>, StoreError> {
            Ok(Vec::new())
        }
        fn leaves_with_events(&self, _: Range<u64>) -> Result<Vec<StoredLeaf>, StoreError> {
            Ok(Vec::new())
        }
        fn index_of(&self, _: &ChainId, _: u64) -> Result<Option<u64>, StoreError> {
            Ok(None)
        }
        fn notes(&self, _: Range<u64>) -> Result<Vec<u64>, StoreError> {
            Ok(Vec::new())
        }
    }

    fn root_key() -> SignerKey {
        SignerKey::from_seed("log.example", [1; 32]).expect("a name")
    }

    fn head_proof(size: u64) -> HeadProof {
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&(0..size).map(hash).collect::<Vec<_>>());
        let origin = TenantOrigin::parse(ORIGIN).expect("a tenant's origin");
        let head = Head { origin, size, root: tree.root(), state: State::Live };
        let siblings = vec![Hash([5; 32]); 10];
        let anchor = Anchor { head, salt: [4; 16], time: Time::MIN, siblings, tick: 0, hashes: Vec::new() };
        let directory = leaf_hash(anchor.entry().to_string().as_bytes());
        let checkpoint = Checkpoint::new("log.example", 1, directory).expect("a checkpoint");
        let note = checkpoint.sign(&root_key()).expect("its key");
        HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&note).expect("a checkpoint") }
    }

    fn outcome() -> SubmissionOutcome {
        let tip = Tip { seq: 3, index: 121, hash: hash(121) };
        let notes = vec![EntryRef { index: 7, hash: hash(7) }];
        let chains = [(ChainId([9; 16]), tip)].into();
        SubmissionOutcome { chains, notes, added: 2, repeated: 1 }
    }

    /// Returns the receipt of an entry, assembled as the specification says.
    fn receipt(answer: &Value, entry: &Value) -> String {
        let hashes = entry["hashes"].as_array().expect("hashes");
        let hashes: String =
            hashes.iter().flat_map(|hash| [hash.as_str().expect("a string"), "\n"]).collect();
        let head = answer["logs"][ORIGIN]["head"].as_str().expect("a string");
        let root = answer["root"].as_str().expect("a string");
        format!("countersign/v1 receipt\n{}\n{hashes}\n{head}\n{root}", entry["index"])
    }

    #[test]
    fn the_response_of_a_tenant_log_contains_receipts() {
        let proof = head_proof(130);
        // Entries after the head change nothing.
        let response = tenant_response(&outcome(), &proof, None, &Store(133)).expect("a response");
        let answer: Value = serde_json::from_slice(response.body()).expect("JSON");
        let log = &answer["logs"][ORIGIN];
        assert_eq!(answer["logs"].as_object().map(Map::len), Some(1));
        assert_eq!((&log["added"], &log["repeated"]), (&json!(2), &json!(1)));
        let trust = Trust::default().with_log(root_key().verifier_key().clone()).expect("a log's key");
        let tip = &log["chains"][ChainId([9; 16]).to_string()];
        assert_eq!((&tip["seq"], &tip["index"]), (&json!(3), &json!(121)));
        for (member, index) in [(tip, 121), (&log["notes"][0], 7)] {
            let text = receipt(&answer, member);
            let receipt = Receipt::parse(&text).expect("a receipt");
            assert_eq!((receipt.to_string(), receipt.index, &receipt.proof), (text, index, &proof));
            assert_eq!(receipt.verify(entry(index).as_bytes(), Some(ORIGIN), &trust), Ok(()));
        }
    }

    #[test]
    fn a_head_without_the_submission_gives_no_response() {
        assert!(tenant_response(&outcome(), &head_proof(121), None, &Store(130)).is_err());
    }
}
