//! C2SP tlog-proofs. Omits the specification's own example, whose base64 is elided.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::note::SignerKey;
use countersign::proof::Proof;
use serde_json::Value;

use crate::common::third_party::json;
use crate::common::value::{list, maybe_list, number, text};

/// Returns a checkpoint to replace words that the sets use as checkpoints, so that rejected cases are
/// rejected for their own reason.
fn checkpoint() -> SignedCheckpoint {
    let log = SignerKey::from_seed("log.example", [7; 32]).expect("a name");
    let note = Checkpoint::new("log.example", 1000, Hash::digest(&[b"root"]))
        .and_then(|checkpoint| checkpoint.sign(&log));
    SignedCheckpoint::parse(&note.expect("a checkpoint")).expect("a checkpoint")
}

fn with_checkpoint(proof: &str) -> String {
    let head = proof.split_once("\n\n").map_or(proof, |(head, _)| head);
    format!("{head}\n\n{}", checkpoint())
}

fn proof_of(case: &Value) -> Proof {
    let hash = |value: &Value| Hash::from_base64(text(value)).expect("a hash");
    Proof {
        extra: case["extra_utf8"].as_str().map(|extra| extra.as_bytes().to_vec()),
        index: number(&case["index"]),
        hashes: maybe_list(&case["hashes_b64"]).iter().map(hash).collect(),
        checkpoint: checkpoint(),
    }
}

#[test]
fn transparency_dev() {
    let Some(vectors) = json("tlog-proof/transparency-dev-formats/tlog_proof.json") else { return };
    for case in list(&vectors["marshal"]) {
        let (proof, want) = (proof_of(case), with_checkpoint(text(&case["want"])));
        assert_eq!(proof.to_string(), want, "{case}");
        assert_eq!(Proof::parse(&want), Ok(proof), "{case}");
        assert!(Proof::parse(text(&case["want"])).is_err(), "no checkpoint: {case}");
    }
    for case in list(&vectors["round_trip"]) {
        let proof = proof_of(case);
        assert_eq!(Proof::parse(&proof.to_string()), Ok(proof), "{case}");
    }
    for case in list(&vectors["unmarshal_errors"]) {
        let input = case["input"].as_str().map_or_else(
            || {
                let repeated = &case["input_repeat"];
                let times = usize::try_from(number(&repeated[1])).expect("a count");
                [text(&case["input_prefix"]), &text(&repeated[0]).repeat(times), text(&case["input_suffix"])]
                    .concat()
            },
            str::to_owned,
        );
        assert!(Proof::parse(&input).is_err(), "{case}");
        assert!(Proof::parse(&with_checkpoint(&input)).is_err(), "{case}");
    }
}

#[test]
fn torchwood() {
    let Some(vectors) = json("tlog-proof/torchwood/negative.json") else { return };
    for case in list(&vectors["cases"]) {
        let input = text(&case["input"]);
        assert!(Proof::parse(input).is_err(), "{case}");
        assert!(Proof::parse(&with_checkpoint(input)).is_err(), "{case}");
    }
    let good = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex 0\n", base64::encode("extra"));
    assert!(Proof::parse(&with_checkpoint(&good)).is_err(), "an empty line too many");
    assert!(Proof::parse(&with_checkpoint(good.trim_end())).is_ok());
}
