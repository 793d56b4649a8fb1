//! Hostile and corrupted notes, checkpoints, key notes, proofs, and trust files: parsers never panic, and accept only
//! one spelling of each value.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::note::{KeyType, Note, SignatureLine, SignerKey, VerifierKey};
use countersign::proof::Proof;
use countersign::trust::{Revocation, Trust};
use proptest::prelude::*;
use proptest::sample::Index;

fn log() -> SignerKey {
    SignerKey::from_seed("log.example/audit", [1; 32]).expect("a name")
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).expect("a name")
}

fn signed_checkpoint() -> String {
    let checkpoint =
        Checkpoint::new("log.example/audit", 15, Hash::digest(&[b"root"])).expect("a checkpoint");
    checkpoint.sign(&log()).expect("signed")
        + &checkpoint.cosign(&witness(), 1_795_154_400).expect("cosigned")
}

fn key_note() -> String {
    let emitter =
        SignerKey::from_seed("log.example/audit/a", [3; 32]).expect("a name").verifier_key().clone();
    let time = |text: &str| Some(text.parse().expect("a time"));
    let statements = [
        Statement::Grant { key: emitter.clone(), from: time("2026-11-20T06:00:00.000Z"), until: None },
        Statement::Revoke { key: emitter, since: time("2026-11-21T06:00:00.000Z") },
    ];
    KeyNote::sign("log.example/audit", &statements, &log()).expect("signed")
}

fn trust_file() -> String {
    let witness = witness();
    let key = log().verifier_key().clone();
    format!(
        "log {key} https://log.example/\nwitness w {}\ngroup g all w\nquorum g\nissuer {key}\nemitter {key}\nrevoke {key} -\n",
        witness.verifier_key()
    )
}

/// Every constructor rejects invalid names.
#[test]
fn invalid_names_are_rejected_everywhere() {
    let about = log().verifier_key().clone();
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\u{7f}"] {
        assert!(VerifierKey::new(name, KeyType::Ed25519, [1; 32]).is_err(), "{name:?}");
        assert!(Checkpoint::new(name, 0, Hash([0; 32])).is_err(), "{name:?}");
        let statement = Statement::Revoke { key: about.clone(), since: None };
        assert!(KeyNote::sign(name, &[statement], &log()).is_err(), "{name:?}");
    }
}

#[test]
fn keys_parse_only_as_their_own_type() {
    let (log, witness) = (log().verifier_key().to_string(), witness().verifier_key().to_string());
    for (text, is_log) in [(log, true), (witness, false)] {
        assert_eq!(VerifierKey::parse(&text, KeyType::Ed25519).is_ok(), is_log);
        assert_eq!(VerifierKey::parse(&text, KeyType::Cosignature).is_ok(), !is_log);
    }
}

/// Changes, removes, inserts, or doubles one character.
fn corrupt(text: &str, at: Index, with: char, way: u8) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    match way {
        0 => chars[at] = with,
        1 => drop(chars.remove(at)),
        2 => chars.insert(at, with),
        _ => chars.insert(at, chars[at]),
    }
    chars.into_iter().collect()
}

/// Characters with a meaning in the formats, and others.
fn any_char() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::sample::select("\n\r\t +-—=/0A#\u{0}\u{7f}\u{a0}".chars().collect::<Vec<_>>()),
        any::<char>()
    ]
}

proptest! {
    #[test]
    fn a_damaged_checkpoint_is_rejected_or_no_longer_signed_by_both(
        at in any::<Index>(), with in any_char(), way in 0_u8..4,
    ) {
        let whole = signed_checkpoint();
        let damaged = corrupt(&whole, at, with, way);
        if let Ok(read) = SignedCheckpoint::parse(&damaged) {
            prop_assert_eq!(read.to_string(), damaged.clone());
            let both = read.is_signed_by(log().verifier_key())
                && !read.cosignatures([witness().verifier_key()]).verified.is_empty();
            prop_assert_eq!(both, damaged == whole);
        }
    }

    #[test]
    fn a_damaged_key_note_is_rejected_or_no_longer_signed(at in any::<Index>(), with in any_char(), way in 0_u8..4) {
        let whole = key_note();
        let damaged = corrupt(&whole, at, with, way);
        if let Ok(read) = KeyNote::parse(&damaged) {
            prop_assert_eq!(read.note.is_signed_by(log().verifier_key()), damaged == whole);
            let mut lines = vec!["countersign/v1 keys".to_owned(), read.origin];
            lines.extend(read.statements.iter().map(ToString::to_string));
            prop_assert_eq!(read.note.text, lines.join("\n") + "\n");
        }
    }

    #[test]
    fn a_damaged_vkey_is_rejected(at in any::<Index>(), with in any_char(), way in 0_u8..4) {
        let whole = log().verifier_key().to_string();
        let damaged = corrupt(&whole, at, with, way);
        prop_assert_eq!(damaged.parse::<VerifierKey>().is_ok(), damaged == whole);
    }

    #[test]
    fn a_damaged_trust_file_is_rejected_or_reads_back_the_same(
        at in any::<Index>(), with in any_char(), way in 0_u8..4,
    ) {
        if let Ok(trust) = Trust::parse(corrupt(&trust_file(), at, with, way).as_bytes()) {
            prop_assert_eq!(Trust::parse(&trust.to_text()), Ok(trust));
        }
    }

    #[test]
    fn nothing_panics(text in "\\PC*|[\n —+=a-z0-9]*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Note::parse(&text), KeyNote::parse(&text), SignedCheckpoint::parse(&text), Proof::parse(&text));
        let _ = (text.parse::<VerifierKey>(), SignerKey::parse(&text), Trust::parse(text.as_bytes()));
        let _ = Trust::parse(&bytes);
        let _ = Proof::parse(&format!("c2sp.org/tlog-proof@v1\n{text}"));
        let _ = Note::parse(&format!("{text}\n\n— {text}\n"));
    }
}

#[test]
fn notes_have_at_most_64_signature_lines_of_different_keys() {
    let line = |name: &str, id: u32| {
        let line = SignatureLine { name: name.into(), id: id.to_be_bytes(), signature: vec![0; 64] };
        line.to_string()
    };
    let note = |lines: u32| {
        let lines = (0..lines).map(|id| line("key.example", id));
        format!("text\n\n{}", lines.collect::<String>())
    };
    assert_eq!(Note::parse(&note(64)).map(|note| note.signatures.len()), Ok(64));
    assert_eq!(Note::parse(&note(65)).map_err(|error| error.line), Err(Some(67)));
    let twice = note(2) + &line("key.example", 1);
    assert_eq!(Note::parse(&twice).map_err(|error| error.line), Err(Some(5)));
    let same_id = note(1) + &line("other.example", 0);
    assert!(Note::parse(&same_id).is_ok(), "another name");
}

#[test]
fn trust_files_can_be_large_and_need_no_deep_recursion() {
    let witness = |n: u32| {
        let mut public = [0; 32];
        public[..4].copy_from_slice(&n.to_be_bytes());
        let key = VerifierKey::new("witness.example", KeyType::Cosignature, public).expect("a name");
        format!("witness w{n} {key}")
    };
    let group = |n: u32| format!("group g{n} all g{} w{n}", n - 1);
    let mut lines: Vec<String> = (0..1000).map(witness).collect();
    lines.push("group g0 all w0".to_owned());
    lines.extend((1..1000).map(group));
    lines.push("quorum g999".to_owned());
    let trust = Trust::parse(lines.join("\n").as_bytes()).expect("a trust file");
    assert!(trust.quorum_met(&|_| true));
    assert!(!trust.quorum_met(&|witness| witness != 500));
}

#[test]
fn trust_files_parse_to_their_content() {
    let key = [log().verifier_key().clone()];
    let trust = Trust::parse(trust_file().as_bytes()).expect("a trust file");
    assert!(trust.logs().eq(&key));
    assert!(trust.witnesses().eq([witness().verifier_key()]));
    assert_eq!(trust.issuers(), key);
    assert_eq!(trust.emitters(), key);
    assert_eq!(trust.revocations(), key.map(|key| Revocation { key, since: None }));
    assert!(trust.has_quorum());
    assert!(!Trust::default().has_quorum());
}
