//! Tests of sealing a log without a server: what is accepted, written, and rejected.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::num::NonZeroU64;

use countersign::Error;
use countersign::error::Code;
use countersign::event::{Event, Redaction};
use countersign::export::writer::Writer;
use countersign::export::{Header, Item, Line};
use countersign::keys::{KeyNote, Statement};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::seal::{Sealed, Sealer};
use countersign::trust::Trust;
use countersign::verify::{Options, Report, Verdict, Verifier};

const ORIGIN: &str = "log.example/audit";

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn log_key() -> SignerKey {
    key(ORIGIN, 1)
}

fn header(origin: &str) -> String {
    let mut out = Writer::new();
    out.header(&Header { origin: origin.into(), range: None });
    out.as_str().to_owned()
}

/// Returns the lines of a closed chain with this many events.
fn chain(key: &SignerKey, nonce: u8, events: u8) -> String {
    let at = "2026-11-20T06:00:00.000Z".parse().unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), at, &[nonce; 16]).unwrap();
    recorder.sign_with(key).unwrap();
    let event = Event::parse(br#"{"action":"user.update"}"#, &Redaction::none()).unwrap();
    for number in 0..events {
        recorder.record(&event, at, &[number; 16]).unwrap();
    }
    recorder.close(at).unwrap();
    recorder.sign_with(key).unwrap();
    recorder.drain()
}

/// Returns an unsealed export of these lines.
fn export(lines: &str) -> String {
    header(ORIGIN) + lines
}

fn last_size(export: &str) -> u64 {
    let items = export.lines().skip(1).map(|line| Line::parse(line).unwrap().item);
    items
        .filter_map(|item| match item {
            Item::Checkpoint { signed, .. } => Some(signed.checkpoint.size),
            _ => None,
        })
        .last()
        .unwrap_or(0)
}

struct Log {
    key: SignerKey,
    trust: Option<Trust>,
    every: Option<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { key: log_key(), trust: None, every: None }
    }
}

impl Log {
    fn seal(&self, exports: &[&str]) -> Result<(String, Sealed), Error> {
        let sized: Vec<_> = exports.iter().map(|export| (*export, last_size(export))).collect();
        self.seal_sized(&sized)
    }

    /// Seals exports that the caller declares to be sealed up to these sizes.
    fn seal_sized(&self, exports: &[(&str, u64)]) -> Result<(String, Sealed), Error> {
        let mut sealer = Sealer::new(&self.key, self.trust.as_ref())?;
        if let Some(every) = self.every {
            sealer = sealer.checkpoint_every(NonZeroU64::new(every).unwrap());
        }
        let mut lines = Writer::new();
        for (export, sealed) in exports {
            let (first, rest) = export.split_once('\n').unwrap();
            sealer.begin(&Header::parse(first.as_bytes())?, *sealed)?;
            for line in rest.lines() {
                sealer.line(&Line::parse(line).unwrap().item, &mut lines)?;
            }
            sealer.end()?;
        }
        let sealed = sealer.finish(&mut lines)?;
        let mut out = Writer::new();
        out.header(&sealed.header);
        Ok((out.as_str().to_owned() + lines.as_str(), sealed))
    }
}

fn verify(export: &str, trust: Trust) -> Report {
    let trust = trust.with_log(log_key().verifier_key().clone()).unwrap();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    verifier.push(export.as_bytes());
    verifier.finish().report
}

/// Returns the sizes of an export's checkpoints.
fn sizes(export: &str) -> Vec<u64> {
    let items = export.lines().skip(1).map(|line| Line::parse(line).unwrap().item);
    items
        .filter_map(|item| match item {
            Item::Checkpoint { signed, .. } => Some(signed.checkpoint.size),
            _ => None,
        })
        .collect()
}

fn counts(sealed: &Sealed) -> (u64, u64, u64) {
    (sealed.size, sealed.added, sealed.repeated)
}

/// Returns everything after the header.
fn body(export: &str) -> &str {
    export.split_once('\n').unwrap().1
}

#[test]
fn sealing_again_keeps_sealed_lines_and_appends_new_ones() {
    let (a, b) = (key("example.com/a", 2), key("example.com/b", 3));
    let (first, second) = (chain(&a, 1, 2), chain(&b, 2, 1));
    let log = Log::default();
    let (one, sealed) = log.seal(&[&export(&first)]).unwrap();
    assert_eq!((counts(&sealed), sizes(&one)), ((4, 4, 0), vec![4]));
    let (two, sealed) = log.seal(&[&one, &export(&(first.clone() + &second))]).unwrap();
    assert_eq!((counts(&sealed), sizes(&two)), ((7, 3, 4), vec![4, 7]));
    assert_eq!(sealed.header.range, Some((0, Some(7))));
    assert!(body(&two).starts_with(body(&one)));
    // Sealing several exports at once gives the same leaves and one checkpoint.
    let (at_once, sealed) = log.seal(&[&export(&first), &export(&second)]).unwrap();
    assert_eq!((counts(&sealed), sizes(&at_once)), ((7, 7, 0), vec![7]));
    // No new leaves means nothing to sign.
    let (again, sealed) = log.seal(&[&two, &export(&first)]).unwrap();
    assert_eq!((counts(&sealed), again), ((7, 0, 4), two.clone()));
    // Lines after the last checkpoint of a sealed export count as new.
    let (three, sealed) = log.seal(&[&(one + &second)]).unwrap();
    assert_eq!((counts(&sealed), three), ((7, 3, 0), two.clone()));
    let keys = [&a, &b]
        .into_iter()
        .fold(Trust::default(), |trust, key| trust.with_emitter(key.verifier_key().clone()).unwrap());
    assert_eq!(verify(&two, keys).verdict, Verdict::Verified);
}

#[test]
fn signs_a_checkpoint_at_each_multiple_and_at_the_end() {
    let a = key("example.com/a", 2);
    for (events, expected) in [(2, vec![2, 4]), (3, vec![2, 4, 5])] {
        let log = Log { every: Some(2), ..Log::default() };
        let (sealed, _) = log.seal(&[&export(&chain(&a, 1, events))]).unwrap();
        assert_eq!(sizes(&sealed), expected);
        // All checkpoints are kept, even a second one of the same size.
        let last = sealed.lines().last().unwrap();
        let twice = format!("{sealed}{last}\n");
        assert_eq!(Log::default().seal(&[&twice]).unwrap().0, twice);
    }
}

#[test]
fn notes_and_opaque_leaves_of_a_sealed_export_keep_their_effect() {
    let (issuer, a, b) = (key("example.com", 4), key("example.com/a", 2), key("example.com/b", 3));
    let trust = Trust::default().with_issuer(issuer.verifier_key().clone()).unwrap();
    let grant = |key: &SignerKey| {
        let key = key.verifier_key().clone();
        KeyNote::sign(ORIGIN, &[Statement::Grant { key, from: None, until: None }], &issuer).unwrap()
    };
    let mut lines = Writer::new();
    lines.note(&grant(&a));
    let granted = lines.as_str().to_owned();
    let log = Log { trust: Some(trust), ..Log::default() };
    let (sealed, _) = log.seal(&[&export(&granted)]).unwrap();
    // The key granted by the sealed note may sign now; the other may not.
    let (more, counted) = log.seal(&[&sealed, &export(&chain(&a, 1, 1))]).unwrap();
    assert_eq!((counts(&counted), sizes(&more)), ((4, 3, 0), vec![1, 4]));
    let refused = log.seal(&[&sealed, &export(&chain(&b, 1, 1))]).unwrap_err();
    assert_eq!(refused.code, Code::Unauthorized);
    // The note's statements are known already.
    assert_eq!(counts(&log.seal(&[&more, &export(&granted)]).unwrap().1), (4, 0, 1));

    // An opaque leaf keeps its position, whatever follows.
    let mut lines = Writer::new();
    lines.leaf(b"opaque");
    let root = countersign::merkle::leaf_hash(b"opaque");
    let key = log_key();
    let checkpoint = countersign::checkpoint::Checkpoint::new(ORIGIN, 1, root).unwrap();
    lines.checkpoint(&checkpoint.sign(&key).unwrap());
    let opaque = export(lines.as_str());
    let (sealed, counted) = Log::default().seal(&[&opaque, &export(&chain(&a, 1, 1))]).unwrap();
    assert_eq!((counts(&counted), sizes(&sealed)), ((4, 3, 0), vec![1, 4]));
    let trust = Trust::default().with_emitter(a.verifier_key().clone()).unwrap();
    assert_eq!(verify(&sealed, trust).verdict, Verdict::Verified);
    assert_eq!(counts(&Log::default().seal(&[&sealed, &export(&chain(&a, 1, 1))]).unwrap().1), (4, 0, 3));
}

#[test]
fn rejects_what_a_log_must_not_accept() {
    let (a, b) = (key("example.com/a", 2), key("example.com/b", 3));
    let log = Log::default();
    let whole = export(&chain(&a, 1, 2));
    let (sealed, _) = log.seal(&[&whole]).unwrap();
    let strict = Log {
        trust: Some(Trust::default().with_emitter(a.verifier_key().clone()).unwrap()),
        ..Log::default()
    };
    let refused = |log: &Log, exports: &[&str]| log.seal(exports).unwrap_err();

    // Keys that the trust file does not name, in the first export as in the others.
    let foreign = export(&chain(&b, 1, 1));
    assert_eq!(refused(&strict, &[&foreign]).code, Code::Unauthorized);
    assert_eq!(refused(&strict, &[&whole, &foreign]).code, Code::Unauthorized);
    assert!(strict.seal(&[&whole]).is_ok());

    for (exports, says) in [
        (&[&*(header("log.example/other") + body(&whole))][..], "for the log"),
        (&[&whole, &sealed], "sealed already"),
        (&[&sealed, &sealed], "sealed already"),
        (&[&header(ORIGIN)], "nothing to seal"),
    ] {
        let error = refused(&log, exports);
        assert!(error.message.contains(says), "{error}");
    }

    // A chain whose end is not signed, and one with a gap.
    let unsigned = whole.lines().take(3).fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(refused(&log, &[&unsigned]).code, Code::Refused);
    let holed: String =
        whole.split_inclusive('\n').enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| line).collect();
    assert_eq!(refused(&log, &[&holed]).code, Code::Gap);

    assert_eq!(
        Sealer::new(&SignerKey::witness_from_seed("w", [7; 32]).unwrap(), None).err().unwrap().code,
        Code::Key
    );
}

#[test]
fn extends_only_the_unchanged_sealed_export() {
    let a = key("example.com/a", 2);
    let log = Log::default();
    let whole = export(&chain(&a, 1, 2));
    let (sealed, _) = log.seal(&[&whole]).unwrap();
    let lines: Vec<&str> = sealed.split_inclusive('\n').collect();
    let without = |left_out: usize| -> String {
        lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line).collect()
    };
    let signed_by_other = Log { key: key(ORIGIN, 9), ..Log::default() }.seal(&[&whole]).unwrap().0;
    let altered = sealed.replacen(" 1 2026-", " 1 2027-", 1);
    assert_ne!(altered, sealed);
    for (export, says) in [
        (without(2), "does not match the entries before it"),
        (altered, "does not match the entries before it"),
        (signed_by_other, "not signed by this log key"),
    ] {
        let error = log.seal(&[&export]).unwrap_err();
        assert_eq!(error.code, Code::Refused);
        assert!(error.message.contains(says), "{error}");
    }
    // An export that was truncated after its size had been read.
    let cut = lines[..lines.len() - 1].concat();
    assert!(log.seal_sized(&[(&cut, 4)]).unwrap_err().message.contains("ends before its last checkpoint"));
    // An export with omitted entries.
    let mut skip = Writer::new();
    skip.skip(0, &countersign::merkle::leaf_hash(b"left out"));
    let skips = export(&(skip.as_str().to_owned() + lines[lines.len() - 1]));
    assert!(log.seal(&[&skips]).unwrap_err().message.contains("omitted"));
    // A checkpoint after new leaves is not part of the sealed export.
    let late = sealed.clone() + &chain(&a, 2, 0) + lines[lines.len() - 1];
    assert!(log.seal_sized(&[(&late, 4)]).unwrap_err().message.contains("sealed already"));
}
