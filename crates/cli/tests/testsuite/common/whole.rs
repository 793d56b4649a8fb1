//! Asserts that a log has exactly what its emitters submitted.

use std::collections::{BTreeMap, HashMap};

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::Hash;
use countersign::link::{ChainId, Link};
use countersign::merkle::{Bundle, CompactRange, empty_root, leaf_hash};
use serde_json::Value;

use crate::common::emitter::Emitter;
use crate::common::process::{DEADLINE, Place, Process, log_key, run};

/// Returns the log's published leaves.
pub fn leaves(url: &str) -> Vec<String> {
    let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
    let get = |path: &str| client.get(format!("{url}/{path}")).send().unwrap().error_for_status().unwrap();
    let note = get("checkpoint").text().unwrap();
    let size = SignedCheckpoint::parse(&note).unwrap().checkpoint.size;
    let mut leaves = Vec::new();
    for bundle in Bundle::grown(0, size) {
        let bytes = get(&bundle.path()).bytes().unwrap();
        for leaf in bundle.decode(&bytes).unwrap() {
            leaves.push(String::from_utf8(leaf.to_vec()).unwrap());
        }
    }
    leaves
}

/// Returns the root at each size.
fn roots(leaves: &[String]) -> Vec<Hash> {
    let mut range = CompactRange::new();
    let mut roots = vec![empty_root()];
    for leaf in leaves {
        range.append(leaf_hash(leaf.as_bytes()));
        roots.push(range.root().unwrap());
    }
    roots
}

/// Asserts that each link is there once, in its chain's order, and nothing else, and that each receipt and checkpoint
/// belongs to this log.
pub fn assert_whole(place: &Place, server: &Process, emitters: &[Emitter], seen: &[String]) {
    let leaves = leaves(&server.url);
    let mut chains: HashMap<ChainId, Vec<&str>> = HashMap::new();
    for leaf in &leaves {
        chains.entry(Link::parse(leaf).unwrap().chain()).or_default().push(leaf);
    }
    assert_eq!(chains.len(), emitters.len());
    for emitter in emitters {
        assert!(emitter.outbox.is_empty());
        assert!(chains[&emitter.chain()] == emitter.made, "each link once, in the chain's order");
    }
    let roots = roots(&leaves);
    let mut checkpoints: BTreeMap<u64, Hash> = BTreeMap::new();
    for receipt in emitters.iter().flat_map(|emitter| &emitter.receipts) {
        assert_eq!(leaves[receipt.index as usize], receipt.leaf);
        let checkpoint = &receipt.proof.checkpoint.checkpoint;
        checkpoints.insert(checkpoint.size, checkpoint.root);
    }
    for note in seen {
        let signed = SignedCheckpoint::parse(note).unwrap();
        assert!(signed.is_signed_by(log_key().verifier_key()));
        checkpoints.insert(signed.checkpoint.size, signed.checkpoint.root);
    }
    for (size, root) in checkpoints {
        assert_eq!(roots[size as usize], root, "the checkpoint of {size} leaves is of this log");
    }
    assert_verifies(place, server, leaves.len() as u64);
}

/// Asserts that the program verifies the log's tiles, and an export of it.
pub fn assert_verifies(place: &Place, server: &Process, size: u64) {
    let trust = place.trust_file();
    let trust = trust.to_str().unwrap();
    let checked = run(&["check", &server.url, "--trust", trust, "--json"]);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    // Tiles contain no events.
    assert_eq!(report["verdict"], "partial", "{report:#}");
    assert_eq!(report["report"]["log"]["size"], size);
    let export = place.path("whole.ndjson");
    let exported =
        run(&["export", "--dir", place.folder.path().to_str().unwrap(), "-o", export.to_str().unwrap()]);
    assert!(exported.status.success(), "{exported:?}");
    let verified = run(&["verify", export.to_str().unwrap(), "--trust", trust, "--json"]);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(report["verdict"], "verified", "{report:#}");
    assert_eq!(report["counts"]["entries"], size, "{report:#}");
}
