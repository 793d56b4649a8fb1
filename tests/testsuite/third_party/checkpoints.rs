//! Checkpoints and cosignatures. Omits the log IDs of transparency-dev/formats: in C2SP and here, the origins
//! themselves are the IDs.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::note::{KeyType, Note, SignatureLine, SignerKey, VerifierKey};
use countersign::time::Time;
use serde_json::Value;

use crate::common::third_party::{json, text as file};
use crate::common::value::{list, maybe_list, number, text, truth};

/// Returns a hash to replace the shorter strings that some vectors have as root.
fn root() -> Hash {
    Hash::digest(&[b"root"])
}

/// Replaces the third line, the root, by one of 32 bytes. `None` if there is no such line.
fn with_root(body: &str) -> Option<String> {
    let mut lines: Vec<&str> = body.split_inclusive('\n').collect();
    let line = lines.get_mut(2)?;
    base64::decode(line.strip_suffix('\n')?)?;
    let root = format!("{}\n", root());
    *line = &root;
    Some(lines.concat())
}

/// The roots of this set are short strings, which SPEC rejects, so they are replaced. Bodies with more than
/// three lines are valid there and rejected here (SPEC section 6: no extension lines).
#[test]
fn transparency_dev_bodies() {
    let Some(vectors) = json("checkpoints/transparency-dev-formats/checkpoint_body.json") else { return };
    for case in list(&vectors["unmarshal"]) {
        let body = text(&case["input"]);
        assert!(Checkpoint::parse_text(body).is_err(), "a root that is no hash: {case}");
        let read = with_root(body).and_then(|body| Checkpoint::parse_text(&body).ok());
        if truth(&case["wantErr"]) || !case["wantRest"].is_null() {
            assert_eq!(read, None, "{case}");
        } else {
            let want = &case["want"];
            assert_eq!(
                read,
                Checkpoint::new(text(&want["origin"]), number(&want["size"]), root()).ok(),
                "{case}"
            );
        }
    }
    for case in list(&vectors["marshal"]) {
        let checkpoint =
            Checkpoint::new(text(&case["origin"]), number(&case["size"]), root()).expect("a checkpoint");
        assert_eq!(Some(checkpoint.to_string()), with_root(text(&case["want"])), "{case}");
    }
    assert!(
        Checkpoint::parse_text(text(&vectors["extended_checkpoint_example"])).is_err(),
        "extension lines"
    );
}

/// Returns how many of the keys signed the note, or `None` if it does not count as the log's checkpoint: it is
/// malformed, the log's key did not sign it, or a signature of one of the keys is invalid.
fn signers(note: &str, origin: &str, log: &VerifierKey, others: &[VerifierKey]) -> Option<usize> {
    let note = Note::parse(note).ok()?;
    let opened = note.open(others.iter().chain([log]));
    let is_of_origin = note.text.split('\n').next() == Some(origin);
    (note.is_signed_by(log) && is_of_origin && opened.invalid.is_empty()).then_some(opened.verified.len())
}

/// The origin of these notes, `go.sum database tree`, has spaces, which SPEC does not allow. As checkpoints
/// they are rejected; the notes are verified.
#[test]
fn transparency_dev_real_notes() {
    let Some(vectors) = json("checkpoints/transparency-dev-formats/checkpoint_notes.json") else { return };
    let key = |value: &Value| text(value).parse::<VerifierKey>().expect("a vkey");
    let sumdb = &vectors["sumdb"];
    for case in list(&sumdb["cases"]) {
        let signed = signers(text(&sumdb["note"]), text(&case["origin"]), &key(&sumdb["vkey"]), &[]);
        assert_eq!(signed.is_none(), truth(&case["wantErr"]), "{case}");
    }
    for case in list(&vectors["static_notes"]) {
        let others: Vec<VerifierKey> = maybe_list(&case["other_vkeys"]).iter().map(key).collect();
        assert_eq!(text(&case["expect"]), "opens");
        let signed = signers(text(&case["note"]), text(&case["origin"]), &key(&case["log_vkey"]), &others);
        assert_eq!(signed, Some(1 + others.len()), "{case}");
        assert!(SignedCheckpoint::parse(text(&case["note"])).is_err(), "spaces in an origin: {case}");
    }
}

/// The roots are replaced, as above. If a key signed a note twice, Go drops the second line; here the note is
/// malformed (SPEC section 2).
#[test]
fn transparency_dev_sign_then_parse() {
    let Some(vectors) = json("checkpoints/transparency-dev-formats/checkpoint_notes.json") else { return };
    let keys = &vectors["keys"];
    let known: Vec<VerifierKey> =
        ["known1VK", "known2VK"].iter().map(|name| text(&keys[name]).parse().expect("a vkey")).collect();
    let log: VerifierKey = text(&keys["logVK"]).parse().expect("a vkey");
    for case in list(&vectors["sign_then_parse"]) {
        let body = with_root(text(&case["body"])).unwrap_or_else(|| text(&case["body"]).to_owned());
        let mut note = format!("{body}\n");
        for signer in maybe_list(&case["signers"]) {
            let signer = SignerKey::parse(text(&keys[text(signer)])).expect("a signer key");
            let key = signer.verifier_key();
            note.push_str(&SignatureLine::new(key, &signer.sign(body.as_bytes())).to_string());
        }
        let read = SignedCheckpoint::parse(&note).ok();
        let read = read.filter(|read| read.checkpoint.origin == text(&case["origin"]));
        let signed = read
            .filter(|read| read.note.is_signed_by(&log))
            .map(|read| 1 + read.note.open(&known).verified.len() as u64);
        if text(&case["desc"]) == "one verifier signs twice" || truth(&case["wantErr"]) {
            assert_eq!(signed, None, "{case}");
        } else {
            assert_eq!(signed, Some(number(&case["wantSigs"])), "{case}");
        }
    }
}

/// The keys are not published, so only form and layout are checked.
#[test]
fn c2sp() {
    let Some(vectors) = json("checkpoints/c2sp-spec/checkpoint_examples.json") else { return };
    for (name, lines) in [("checkpoint", 1), ("cosigned_checkpoint", 2)] {
        let read = SignedCheckpoint::parse(text(&vectors[name])).expect("a checkpoint");
        assert_eq!(read.to_string(), text(&vectors[name]));
        assert_eq!((read.checkpoint.size, read.note.signatures.len()), (20_852_163, lines));
    }
    let read = SignedCheckpoint::parse(text(&vectors["cosigned_checkpoint"])).expect("a checkpoint");
    assert_eq!(read.note.signatures[1].signature[..8], 1_679_315_147_u64.to_be_bytes());

    let witness = SignerKey::witness_from_seed("witness.example", [7; 32]).expect("a name");
    let line = read.checkpoint.cosign(&witness, 1_679_315_147).expect("a cosignature");
    let cosigned = Note::parse(&format!("{}\n{line}", read.note.text)).expect("a note").signatures.remove(0);
    let message = text(&vectors["cosignature_signed_message"]).as_bytes();
    assert!(witness.verifier_key().verify(message, &cosigned.signature[8..]));
}

/// The logs' own signatures have type 0x05 (RFC 6962), which SPEC does not use. They count as lines of unknown keys.
#[test]
fn sunlight() {
    let Some(_) = json("checkpoints/sunlight-skylight/log.v3.json") else { return };
    let cases = [
        ("ct_checkpoint_rfc6962", None),
        ("witness1_checkpoint", Some("witness")),
        ("witness2_checkpoint", Some("witness2")),
    ];
    for (name, witness) in cases {
        let note = file(&format!("checkpoints/sunlight-skylight/{name}.txt")).expect("a checkpoint");
        let read = SignedCheckpoint::parse(&note).expect("a checkpoint");
        assert_eq!(
            (read.checkpoint.size, read.checkpoint.root),
            (300, Hash::digest(&[b"skylight test tree root"]))
        );
        let Some(witness) = witness else { continue };
        let witness = json(&format!("checkpoints/sunlight-skylight/{witness}.v0.json")).expect("its key");
        let key =
            VerifierKey::parse(text(&witness["verifier_keys"][0]), KeyType::Cosignature).expect("a vkey");
        let time = Time::from_seconds(1_767_139_200).unwrap();
        assert_eq!(read.cosignatures([&key]).times(), [(0, time)], "{name}");
    }
}
