//! Signed notes, public keys, and private keys.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::note::{KeyType, Note, SignerKey, VerifierKey, sign_note};
use serde_json::Value;

use crate::common::third_party::{json, text as file};
use crate::common::value::{hex, list, maybe_list, text, truth};

fn is_a_key(vkey: &str) -> bool {
    [KeyType::Ed25519, KeyType::Cosignature].iter().any(|&kind| VerifierKey::parse(vkey, kind).is_ok())
}

/// Opens a note by the rules of the signed-note specification: an invalid signature of a known key makes the note
/// invalid, and so does the lack of a valid one. Returns the names of the signers.
fn open(note: &[u8], known: &[VerifierKey]) -> Option<Vec<String>> {
    let note = Note::parse(core::str::from_utf8(note).ok()?).ok()?;
    let opened = note.open(known);
    let verified: Vec<_> = opened.verified.iter().map(|signature| signature.key.name().to_owned()).collect();
    (opened.invalid.is_empty() && !verified.is_empty()).then_some(verified)
}

fn bytes(case: &Value) -> Vec<u8> {
    if case["msg"].is_null() { hex(&case["msg_hex"]) } else { text(&case["msg"]).as_bytes().to_vec() }
}

/// Differences: a key given twice to Go's `Open` is an error of its caller; here the keys are a set. Go drops
/// the second of two lines of one key; here such a note is malformed (SPEC section 2). Go's limit is 100
/// lines, here it is 64; both reject notes above 100.
#[test]
fn golang_open() {
    let Some(vectors) = json("signed-notes/golang-mod-note/note_open_cases.json") else { return };
    for case in list(&vectors["cases"]) {
        let known: Vec<VerifierKey> =
            maybe_list(&case["verifiers"]).iter().map(|key| text(key).parse().expect("a vkey")).collect();
        let verified = open(&bytes(case), &known);
        match text(&case["name"]) {
            "duplicated verifier" => assert_eq!(verified, Some(vec!["EnochRoot".to_owned()])),
            "duplicated verified and unverified signatures" => assert_eq!(verified, None),
            _ if truth(&case["ok"]) => {
                let expected: Vec<&str> = list(&case["verified"]).iter().map(text).collect();
                assert_eq!(verified.as_deref().unwrap_or_else(|| panic!("refused: {case}")), expected);
            }
            _ => assert_eq!(verified, None, "{case}"),
        }
    }
}

#[test]
fn golang_keys() {
    let Some(vectors) = json("signed-notes/golang-mod-note/keys_and_sign.json") else { return };
    for vkey in list(&vectors["vkey_valid"]) {
        assert_eq!(text(vkey).parse::<VerifierKey>().map(|key| key.to_string()).as_deref(), Ok(text(vkey)));
    }
    for case in list(&vectors["vkey_invalid"]) {
        assert!(!is_a_key(text(&case["vkey"])), "{case}");
    }
    // Its mangling rule: no part of a vkey is a vkey, nor is a vkey with any byte changed.
    let vkey = text(&vectors["vkey_valid"][0]);
    for begin in 0..vkey.len() {
        for end in begin..=vkey.len() {
            assert!(end - begin == vkey.len() || !is_a_key(&vkey[begin..end]), "{}", &vkey[begin..end]);
        }
        let mut mangled = vkey.as_bytes().to_vec();
        mangled[begin] += 1;
        assert!(!is_a_key(core::str::from_utf8(&mangled).expect("ASCII")), "byte {begin}");
    }

    let sign = &vectors["sign"];
    let signer = SignerKey::parse(text(&sign["skey"])).expect("a signer key");
    assert_eq!(signer.encode().as_str(), text(&sign["skey"]));
    assert_eq!(sign_note(text(&sign["text"]), &signer).as_deref(), Ok(text(&sign["want"])));
    for case in list(&vectors["sign_text_invalid"]) {
        assert!(sign_note(text(case), &signer).is_err(), "{case}");
    }
}

#[test]
fn golang_two_signatures() {
    let Some(note) = file("signed-notes/golang-mod-note/peter_and_enoch.note") else { return };
    let read = Note::parse(&note).expect("a note");
    assert_eq!((read.signatures.len(), read.to_string()), (2, note));
}

/// The second note's key is not published, so only the form is checked.
#[test]
fn c2sp() {
    let Some(vectors) = json("signed-notes/c2sp-spec/signed_note_examples.json") else { return };
    let key: VerifierKey = text(&vectors["vkey"]).parse().expect("a vkey");
    let note = file("signed-notes/c2sp-spec/example.note").expect("beside the other");
    assert_eq!(note, text(&vectors["note"]));
    assert!(Note::parse(&note).expect("a note").is_signed_by(&key));
    let quasimodo = Note::parse(text(&vectors["note_without_published_key"])).expect("a note");
    assert!(
        quasimodo.text.ends_with("\n\ned è subito sera.\n"),
        "the last empty line parts text and signatures"
    );
    assert_eq!(quasimodo.signatures[0].name, "quasimodo.example/salvatore");
}

/// Keys of the types 0x02 (ECDSA), 0x05 (RFC 6962), and 0x06 (ML-DSA-44) are rejected, because SPEC does not
/// use them. Notes that they signed are valid notes with lines of unknown keys. Omits the conversion of CT's
/// own structures to such keys and notes.
#[test]
fn transparency_dev() {
    let Some(vectors) = json("signed-notes/transparency-dev-formats/note_vectors.json") else { return };
    for case in list(&vectors["cosignature_vkeys"]) {
        let other_type = text(&case["name"]).contains("MLDSA44");
        assert_eq!(is_a_key(text(&case["vkey"])), !truth(&case["wantErr"]) && !other_type, "{case}");
    }
    for case in list(&vectors["cosignature_timestamps"]) {
        let note = format!("text\n\n— witness.example {}\n", text(&case["sig_b64"]));
        let lines = Note::parse(&note).map(|note| note.signatures).unwrap_or_default();
        let time = lines
            .first()
            .filter(|line| line.signature.len() == 72)
            .map(|line| u64::from_be_bytes(line.signature[..8].try_into().expect("eight bytes")));
        assert_eq!(time, case["timestamp"].as_u64(), "{case}");
    }
    for case in list(&vectors["vkeys_generic"]) {
        assert_eq!(is_a_key(text(&case["vkey"])), text(&case["name"]) == "note works", "{case}");
    }
    for case in list(&vectors["ecdsa_vkeys"]) {
        assert!(!is_a_key(text(&case["vkey"])), "{case}");
    }
    for case in list(&vectors["rfc6962_vkeys"]).iter().filter(|case| !case["want"].is_null()) {
        assert!(!is_a_key(text(&case["want"])), "{case}");
    }
    for case in list(&vectors["ecdsa_notes"]).iter().chain(list(&vectors["rfc6962_notes"])) {
        let note = Note::parse(text(&case["note"])).unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(note.signatures.len(), 1, "{case}");
        assert!(!is_a_key(text(&case["vkey"])), "{case}");
    }
    let signer = &vectors["ed25519_skey"];
    assert!(SignerKey::parse(text(&signer["valid"])).is_ok());
    assert!(SignerKey::parse(text(&signer["not_a_private_key"])).is_err());
}
