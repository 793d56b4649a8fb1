//! Parsers never panic on any input, and what parses is written back unchanged.
#![cfg(not(target_arch = "wasm32"))]

use std::sync::LazyLock;

use countersign::canonical::canonicalize;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Compression, Decompressor, Header, Item, Line};
use countersign::keys::KeyNote;
use countersign::link::{ChainId, Link};
use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
use countersign::merkle::{Bundle, Tile, leaf_hash};
use countersign::note::{KeyType, Note, SignerKey, VerifierKey};
use countersign::proof::Proof;
use countersign::tenant::{Anchor, HeadProof, Receipt};
use countersign::time::Time;
use countersign::trust::Trust;
use countersign::witness::Request;
use countersign::{base64, hash::Hash};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use crate::common::cases;

/// Seeds: exports' lines and their parts, trust files, and all texts of `primitives.json`.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut seeds = Vec::new();
    for case in cases::all() {
        seeds.push(case.options().trust.to_text());
        for line in core::str::from_utf8(&case.export).unwrap_or_default().lines() {
            seeds.push(line.as_bytes().to_vec());
            if let Ok(Line { item, .. }) = Line::parse(line) {
                match item {
                    Item::Head { text, .. } => {
                        seeds.push(format!("countersign/v1 receipt\n0\n\n{text}").into_bytes());
                        seeds.push(text.as_bytes().to_vec());
                    }
                    Item::Link { text, .. }
                    | Item::Note { text, .. }
                    | Item::Checkpoint { text, .. }
                    | Item::Anchor { text, .. } => {
                        seeds.push(text.as_bytes().to_vec());
                    }
                    Item::Leaf(_) | Item::Skip { .. } => {}
                }
            }
        }
        seeds.push(case.export);
    }
    for index in [0, 1, 999, 1_000, 1_234_067] {
        for width in [1, 44, 255, 256] {
            seeds.push(Tile { level: 1, index, width }.path().into_bytes());
            seeds.push(Bundle { index, width }.path().into_bytes());
        }
    }
    seeds.push(Bundle::encode([&b"a leaf"[..], b""]).unwrap());
    seeds.push(witness_request().into_bytes());
    gather(&serde_json::from_str(include_str!("../vectors/primitives.json")).unwrap(), &mut seeds);
    seeds.retain(|seed| seed.len() <= 4000);
    seeds.sort();
    seeds.dedup();
    seeds
});

/// Returns a request of a log that grew from one leaf to two.
fn witness_request() -> String {
    let key = SignerKey::from_seed("log.example/audit", [1; 32]).unwrap();
    let root = leaf_hash(b"a leaf");
    let checkpoint = Checkpoint::new("log.example/audit", 2, root).unwrap().sign(&key).unwrap();
    let checkpoint = SignedCheckpoint::parse(&checkpoint).unwrap();
    Request { old_size: 1, proof: vec![root], checkpoint }.to_string()
}

fn gather(value: &Value, texts: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => texts.push(text.clone().into_bytes()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(members) => members.values().for_each(|value| gather(value, texts)),
        _ => {}
    }
}

#[derive(Clone, Debug)]
enum Mutation {
    Insert(Index, Vec<u8>),
    Replace(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    /// Continues another text from a position.
    Splice(Index, Index, Index),
}

/// Bytes with a meaning in some grammar.
const TELLING: &[u8] = b" \t\r\n\0\"\\{}[]:,+-=/.0159eEuAfTZz\x7f\xc3\xa9\xe2\x80\x94\xed\xa0\x80\xff";

fn mutations() -> impl Strategy<Value = Mutation> {
    let byte = || prop_oneof![3 => proptest::sample::select(TELLING), 1 => any::<u8>()];
    let index = any::<Index>;
    prop_oneof![
        (index(), proptest::collection::vec(byte(), 1..5))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (index(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (index(), 1..20_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (index(), 1..40_usize, 1..100_usize)
            .prop_map(|(at, length, times)| Mutation::Repeat(at, length, times)),
        (index(), index(), index()).prop_map(|(at, other, from)| Mutation::Splice(at, other, from)),
    ]
}

fn mutate(mut text: Vec<u8>, mutation: &Mutation) -> Vec<u8> {
    match mutation {
        Mutation::Insert(at, bytes) => {
            let at = at.index(text.len() + 1);
            text.splice(at..at, bytes.iter().copied());
        }
        Mutation::Replace(at, byte) if !text.is_empty() => {
            let at = at.index(text.len());
            text[at] = *byte;
        }
        Mutation::Remove(at, length) => {
            let at = at.index(text.len() + 1);
            text.drain(at..text.len().min(at + length));
        }
        Mutation::Repeat(at, length, times) => {
            let at = at.index(text.len() + 1);
            let part = text[at..text.len().min(at + length)].repeat(*times);
            text.splice(at..at, part);
        }
        Mutation::Splice(at, other, from) => {
            let other = other.get(&SEEDS);
            text.truncate(at.index(text.len() + 1));
            text.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
        Mutation::Replace(..) => {}
    }
    text
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (any::<Index>(), proptest::collection::vec(mutations(), 0..4))
        .prop_map(|(seed, mutations)| mutations.iter().fold(seed.get(&SEEDS).clone(), mutate));
    prop_oneof![8 => mutated, 1 => proptest::collection::vec(any::<u8>(), 0..200)]
}

fn decompress(bytes: &[u8], compression: Compression) {
    let mut decompressor = Decompressor::new(compression);
    let _ = decompressor.push(bytes, &mut |_| {});
    let _ = decompressor.finish();
}

/// Checks that rejected leaves leave no trace, and that accepted ones are accepted again. Returns true if any
/// was accepted.
fn submit(bytes: &[u8]) -> bool {
    let body = bytes.split_inclusive(|&byte| byte == b'\n');
    // The seeds include whole exports: without header and checkpoints, they are submissions.
    let body: Vec<u8> = body
        .filter(|line| !line.starts_with(b"{\"countersign\"") && !line.starts_with(b"{\"checkpoint\""))
        .collect::<Vec<_>>()
        .concat();
    let Ok(submission) = Submission::parse(&body, &Limits::default()) else { return false };
    let mut took = false;
    for rules in
        [Rules::new("log.example/audit", None), Rules::new("log.example/audit", Some(Trust::default()))]
    {
        let mut batch = PendingBatch::new(7);
        match batch.submit(&rules, &Empty, &submission, Time::MAX) {
            Err(_) => assert_eq!(batch.size(), 7),
            Ok(taken) => {
                assert_eq!(batch.size(), 7 + taken.added);
                let again = batch.submit(&rules, &Empty, &submission, Time::MAX).unwrap();
                assert_eq!((again.added, again.repeated), (0, taken.added + taken.repeated));
                took = true;
            }
        }
    }
    took
}

/// Parses bytes with every parser.
fn read(bytes: &[u8]) {
    let _ = submit(bytes);
    for width in [1, 2, 256] {
        if let Ok(leaves) = (Bundle { index: 0, width }).decode(bytes) {
            assert_eq!(Bundle::encode(leaves).unwrap(), bytes);
        }
    }
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.to_string().as_bytes(), bytes);
    }

    let _ = Header::parse(bytes);
    let _ = ChainId::parse(bytes);
    let _ = Time::parse(bytes);
    let _ = base64::decode(bytes);
    let _ = base64::decode_array::<16>(bytes);
    let _ = base64::decode_array::<64>(bytes);
    let _ = Event::parse(bytes, &Redaction::default());
    decompress(bytes, Compression::Gzip);
    decompress(bytes, Compression::Zstd);
    if let Ok(trust) = Trust::parse(bytes) {
        assert_eq!(Trust::parse(&trust.to_text()).unwrap().to_text(), trust.to_text());
    }
    if let Ok(canonical) = canonicalize(bytes) {
        assert_eq!(canonicalize(&canonical).unwrap(), canonical);
    }

    let text = String::from_utf8_lossy(bytes);
    if let Ok(tile) = Tile::parse(&text) {
        assert_eq!(tile.path(), text);
    }
    if let Ok(bundle) = Bundle::parse(&text) {
        assert_eq!(bundle.path(), text);
    }
    let _ = Link::parse(&text);
    let _ = Note::parse(&text);
    let _ = KeyNote::parse(&text);
    let _ = Proof::parse(&text);
    if let Ok(receipt) = Receipt::parse(&text) {
        assert_eq!(receipt.to_string(), text);
    }
    if let Ok(head) = HeadProof::parse(&text) {
        assert_eq!(head.to_string(), text);
    }
    if let Ok(anchor) = Anchor::parse(&text) {
        assert_eq!(anchor.to_string(), text);
    }
    let _ = SignerKey::parse(&text);
    let _ = Hash::from_base64(bytes);
    if let Ok(checkpoint) = Checkpoint::parse_text(&text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    if let Ok(signed) = SignedCheckpoint::parse(&text) {
        assert!(text.starts_with(&signed.checkpoint.to_string()));
    }
    for kind in [KeyType::Ed25519, KeyType::Cosignature, KeyType::MlDsa44] {
        if let Ok(key) = VerifierKey::parse(&text, kind) {
            assert_eq!(key.to_string(), text);
        }
    }
    match Line::parse(&text) {
        Ok(line) => {
            let mut once = Writer::new();
            once.item(&line.item);
            let mut again = Writer::new();
            again.item(&Line::parse(once.as_str().trim_end_matches('\n')).unwrap().item);
            assert_eq!(again.as_str(), once.as_str());
        }
        Err(malformed) => assert!(!malformed.to_error().message.is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_parser_panics(input in inputs()) {
        read(&input);
    }
}

#[test]
fn no_parser_panics_on_the_vectors() {
    SEEDS.iter().for_each(|seed| read(seed));
    assert!(SEEDS.iter().filter(|seed| submit(seed)).count() > 10, "a log takes some of them");
}
