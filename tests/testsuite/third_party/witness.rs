//! The examples of C2SP tlog-witness. Their keys are not published, so only the form is checked here;
//! `tests/testsuite/witness.rs` checks the statuses with other keys.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeSet;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::{KeyType, Note, SignerKey, VerifierKey};
use countersign::witness::{AddCheckpointResponse, CosignError, Request, check_add_checkpoint};

use crate::common::third_party::json;
use crate::common::value::{list, number, text};

/// Omits the example of `sign-subtree`, which is optional and not implemented.
#[test]
fn c2sp() {
    let Some(vectors) = json("witness/c2sp-spec/tlog_witness_examples.json") else { return };
    let body = text(&vectors["add_checkpoint_request"]);
    let request = Request::parse(body.as_bytes()).expect("the example");
    assert_eq!(request.to_string(), body);
    assert_eq!((request.old_size, request.proof.len()), (20_852_014, 4));
    assert_eq!(
        (request.checkpoint.checkpoint.size, request.checkpoint.note.signatures.len()),
        (20_852_163, 2),
        "the log's, and one more"
    );

    // The keys that signed are unknown, so this is like a log signed by other keys.
    let key = VerifierKey::new("example.com/behind-the-sofa", KeyType::Ed25519, [7; 32]).expect("a name");
    assert_eq!(check_add_checkpoint(&request, &[key], None).map(|_| ()), Err(CosignError::Unsigned));
    assert_eq!(check_add_checkpoint(&request, &[], None).map(|_| ()), Err(CosignError::UnknownLog));

    let answer = text(&vectors["add_checkpoint_response"]);
    let note = format!("{}\n{answer}", request.checkpoint.note.text);
    assert_eq!(Note::parse(&note).expect("signature lines").signatures.len(), 3);
    // A known key's line is found among lines of unknown keys.
    let witness = SignerKey::witness_from_seed("witness.example/w1", [2; 32]).expect("a name");
    let line = request.checkpoint.cosign(&witness, 5).expect("a witness's key");
    let keys = [witness.verifier_key().clone()];
    let read =
        |body: &str| AddCheckpointResponse::read(200, None, body.as_bytes(), &request.checkpoint, &keys);
    assert!(
        matches!(read(&format!("{answer}{line}")), Ok(AddCheckpointResponse::Cosigned(lines)) if lines.len() == 1)
    );
    assert!(read(answer).is_err(), "none of a known key");
}

/// The rules are prose: each status that they name belongs to some error, and vice versa.
#[test]
fn c2sp_statuses() {
    let Some(vectors) = json("witness/c2sp-spec/tlog_witness_examples.json") else { return };
    let rules = list(&vectors["status_rules"]);
    let named: BTreeSet<u64> =
        rules.iter().map(|rule| number(&rule["status"])).filter(|&status| status != 200).collect();
    let malformed = countersign::Error::new(countersign::Code::Witness, "malformed");
    let all = [
        CosignError::Malformed(malformed.clone()),
        CosignError::OldSize,
        CosignError::Unsigned,
        CosignError::InvalidSignature,
        CosignError::UnknownLog,
        CosignError::Conflict { size: 7 },
        CosignError::EmptyRoot,
        CosignError::SplitView,
        CosignError::Inconsistent(malformed),
    ];
    let have: BTreeSet<u64> = all.iter().map(|refusal| refusal.status().into()).collect();
    assert_eq!(have, named);
    let conflict = rules.iter().find(|rule| number(&rule["status"]) == 409).expect("a rule");
    let refusal = CosignError::Conflict { size: 7 };
    assert_eq!((refusal.content_type(), refusal.body().as_str()), (text(&conflict["content_type"]), "7\n"));
}

/// The mirror's checkpoint has a witness's cosignature but no log's signature.
#[test]
fn sunlight_mirror_is_not_signed_by_its_log() {
    let Some(note) = crate::common::third_party::text("tlog-tiles/sunlight-mirror/log/checkpoint") else {
        return;
    };
    let signed = SignedCheckpoint::parse_extended(&note).expect("a checkpoint");
    let request = Request { old_size: 0, proof: vec![], checkpoint: signed };
    let log = VerifierKey::new("rome2026h1.example.org", KeyType::Ed25519, [7; 32]).expect("a name");
    assert_eq!(check_add_checkpoint(&request, &[log], None).map(|_| ()), Err(CosignError::Unsigned));
}
