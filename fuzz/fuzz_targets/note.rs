#![no_main]

use countersign::checkpoint::SignedCheckpoint;
use countersign::keys::KeyNote;
use countersign::note::{KeyType, Note, VerifierKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
    }
    if let Ok(note) = KeyNote::parse(text) {
        assert_eq!(note.note.to_string(), text);
    }
    if let Ok(signed) = SignedCheckpoint::parse(text) {
        assert!(text.starts_with(&signed.checkpoint.to_string()));
    }
    for kind in [KeyType::Ed25519, KeyType::Cosignature, KeyType::MlDsa44] {
        if let Ok(key) = VerifierKey::parse(text, kind) {
            assert_eq!(key.to_string(), text);
        }
    }
});
