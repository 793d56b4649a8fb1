//! Following a log: rewrites, rollbacks, split views and faults are detected.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use assert_cmd::assert::Assert;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::export::{Item, Line};
use countersign::keys::{KeyNote, Statement};
use countersign::merkle::{CompactRange, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::time::Time;
use predicates::prelude::*;
use serde_json::Value;

use crate::common::log::{Instead, serve, write};
use crate::common::{ORIGIN, Place};

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

fn log_key() -> SignerKey {
    key(ORIGIN, 1)
}

fn emitter() -> SignerKey {
    key("example.com/app", 2)
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [3; 32]).unwrap()
}

fn time(millis: i64) -> Time {
    Time::from_millis(1_790_000_000_000 + millis).unwrap()
}

/// Returns the links of a chain with this many events, each signed, and closed on request.
fn chain(key: &SignerKey, nonce: u8, events: u64, closed: bool) -> Vec<Vec<u8>> {
    let recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time(0), &[nonce; 16]).unwrap();
    let mut recorder = recorder.sign_every(std::num::NonZeroU32::MIN);
    recorder.sign_with(key).unwrap();
    for nth in 0..events {
        let event = Event::parse(format!("{{\"n\":{nth}}}").as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, time(nth.cast_signed()), &[nonce; 16]).unwrap();
        recorder.sign_with(key).unwrap();
    }
    if closed {
        recorder.close(time(events.cast_signed())).unwrap();
        recorder.sign_with(key).unwrap();
    }
    let link = |line: &str| match Line::parse(line).unwrap().item {
        Item::Link { text, .. } => text.into_owned().into_bytes(),
        _ => panic!("no link"),
    };
    recorder.drain().lines().map(link).collect()
}

fn note(statements: &[Statement], key: &SignerKey) -> Vec<u8> {
    KeyNote::sign(ORIGIN, statements, key).unwrap().into_bytes()
}

fn sign(leaves: &[Vec<u8>]) -> String {
    let mut tree = CompactRange::new();
    tree.extend(&leaves.iter().map(|leaf| leaf_hash(leaf)).collect::<Vec<_>>());
    let checkpoint = Checkpoint::new(ORIGIN, leaves.len() as u64, tree.root().unwrap()).unwrap();
    checkpoint.sign(&log_key()).unwrap()
}

struct Watched(Place);

impl Watched {
    fn new() -> Self {
        let place = Place::new();
        let (log, emitter) = (log_key(), emitter());
        let trust = format!(
            "log {}\nemitter {}\nissuer {}\n",
            log.verifier_key(),
            emitter.verifier_key(),
            place.issuer
        );
        place.write("trust.txt", trust);
        Self(place)
    }

    fn trust_more(&self, lines: &str) {
        self.0.write("trust.txt", self.0.read("trust.txt") + lines);
    }

    fn publish(&self, leaves: &[Vec<u8>]) {
        self.publish_at("log", leaves, &sign(leaves));
    }

    fn publish_at(&self, folder: &str, leaves: &[Vec<u8>], checkpoint: &str) {
        let _ = fs::remove_dir_all(self.0.path(folder));
        write(&self.0.path(folder), leaves, checkpoint);
    }

    /// Checks once; returns the findings and the exit status.
    fn check(&self, more: &[&str]) -> (Vec<Value>, i32) {
        let mut args = vec!["monitor", "log", "--trust", "trust.txt", "--once", "--json"];
        if !more.contains(&"--pin") {
            args.extend(["--state", "state.json"]);
        }
        let output = self.0.command(&[&args, more].concat()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        let status = output.status.code().unwrap_or_else(|| panic!("{error}"));
        assert!(status != 2 && status != 101, "{error}");
        (said.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status)
    }

    /// Checks once, with text output.
    fn check_as_text(&self, more: &[&str]) -> Assert {
        let args = ["monitor", "log", "--trust", "trust.txt", "--once", "--state", "state.json"];
        self.0.run(&[&args, more].concat())
    }

    fn codes(&self, more: &[&str]) -> (Vec<String>, i32) {
        let (findings, status) = self.check(more);
        let text = |finding: &Value| match finding["over"].as_str() {
            Some(name) => format!("over: {name}"),
            None => finding["code"].as_str().unwrap().to_owned(),
        };
        (findings.iter().map(text).collect(), status)
    }
}

fn fine() -> (Vec<String>, i32) {
    (Vec::new(), 0)
}

fn found(codes: &[&str], status: i32) -> (Vec<String>, i32) {
    (codes.iter().map(|code| (*code).to_owned()).collect(), status)
}

#[test]
fn accepts_a_growing_log() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 700, false);
    for size in [0, 1, 2, 3, 200, 255, 256, 257, 300, 511, 512, 513, 701] {
        watched.publish(&leaves[..size]);
        assert_eq!(watched.codes(&[]), fine(), "{size}");
        assert_eq!(watched.codes(&[]), fine(), "{size}");
    }
    let state: Value = serde_json::from_str(&watched.0.read("state.json")).unwrap();
    assert!(state["pin"].as_str().unwrap().starts_with("log.example/audit\n701\n"));
}

#[test]
fn reads_only_new_entries() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 600, false);
    watched.publish(&leaves[..520]);
    assert_eq!(watched.codes(&[]), fine());
    watched.publish(&leaves);
    let server = serve(watched.0.path("log"), BTreeMap::new());
    watched
        .0
        .run(&["monitor", &server.url, "--trust", "trust.txt", "--once", "--state", "state.json"])
        .success()
        .stderr(predicate::str::contains("601 entries, 1 open chain"));
    let asked: Vec<String> = server.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
    let bundles: Vec<&String> = asked.iter().filter(|path| path.contains("entries")).collect();
    assert_eq!(bundles, ["tile/entries/002.p/89"], "{asked:?}");
}

#[test]
fn detects_a_rewrite_and_keeps_both_checkpoints() {
    let leaves = chain(&emitter(), 1, 299, false);
    let other = chain(&emitter(), 2, 399, false);
    for (size, rewritten) in [(300, 300), (300, 299), (300, 257), (300, 301), (300, 400), (256, 300), (1, 2)]
    {
        for memory in [&[][..], &["--pin", "pin.txt"]] {
            let watched = Watched::new();
            watched.publish(&leaves[..size]);
            assert_eq!(watched.codes(memory), fine());
            watched.publish(&other[..rewritten]);
            let (findings, status) = watched.check(memory);
            assert_eq!(status, 1);
            let last = findings.last().unwrap();
            // The old tiles are gone, and with them the proof of the prefix.
            let expected = if rewritten < size { "append_only.rollback" } else { "append_only.split_view" };
            let code = last["code"].as_str().unwrap();
            assert!(code == expected || code == "append_only.split_view", "{size} {rewritten} {findings:?}");
            let evidence = last["evidence"].as_array().unwrap();
            let sizes: Vec<u64> = evidence
                .iter()
                .map(|text| SignedCheckpoint::parse(text.as_str().unwrap()).unwrap().checkpoint.size)
                .collect();
            assert_eq!(sizes, [size as u64, rewritten as u64]);
            if memory.is_empty() {
                assert!(watched.0.read("state.json").contains("\"evidence\":[{"));
            }
            // The stored state stays.
            assert_eq!(watched.check(memory).1, 1);
        }
    }
}

#[test]
fn detects_a_single_changed_leaf() {
    let watched = Watched::new();
    let mut leaves = chain(&emitter(), 1, 600, false);
    watched.publish(&leaves[..590]);
    assert_eq!(watched.codes(&[]), fine());
    leaves[17] = b"something else".to_vec();
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), found(&["append_only.split_view"], 1));
}

/// An operator can show the first history again, but can't take back what it signed.
#[test]
fn two_histories_are_reported_until_a_person_decides() {
    let watched = Watched::new();
    let (leaves, other) = (chain(&emitter(), 1, 9, false), chain(&emitter(), 2, 9, false));
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), fine());
    watched.publish(&other);
    assert_eq!(watched.codes(&[]), found(&["append_only.split_view"], 1));
    watched.publish(&leaves);
    let evidence = watched.0.read("state.json");
    for _ in 0..2 {
        assert_eq!(watched.codes(&[]), found(&["append_only.split_view"], 1));
        assert_eq!(watched.0.read("state.json"), evidence);
    }
    watched
        .0
        .run(&["monitor", "log", "--trust", "trust.txt", "--once", "--state", "state.json"])
        .code(1)
        .stdout(predicate::str::contains("checkpoint 2:\n      log.example/audit\n      10\n"))
        .stdout(predicate::str::contains("use --resume"));
    assert_eq!(watched.codes(&["--resume"]), fine());
    assert!(watched.0.read("state.json").contains("\"evidence\":[{"), "the evidence is kept");
    assert_eq!(watched.codes(&[]), fine());
    watched.publish(&other);
    assert_eq!(watched.codes(&[]), found(&["append_only.split_view"], 1), "new evidence");
    assert_eq!(watched.codes(&[]), found(&["append_only.split_view"], 1));
}

#[test]
fn detects_a_rollback() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 299, false);
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), fine());
    watched.publish_at("log", &leaves, &sign(&leaves[..290]));
    assert_eq!(watched.codes(&[]), found(&["append_only.rollback"], 1));
    assert_eq!(watched.codes(&[]), found(&[], 1), "reported once");
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), found(&["over: append_only.rollback"], 0));
}

#[test]
fn compares_two_mirrors() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 299, false);
    let other = chain(&emitter(), 2, 399, false);
    watched.publish(&leaves);
    let look = |watched: &Watched| watched.codes(&["--also", "other"]);
    for size in [300, 280, 1] {
        watched.publish_at("other", &leaves, &sign(&leaves[..size]));
        assert_eq!(look(&watched), fine(), "{size}");
    }
    for size in [1, 280, 300, 350] {
        watched.publish_at("other", &other[..size], &sign(&other[..size]));
        let (findings, status) = watched.check(&["--also", "other"]);
        assert_eq!((findings.len(), status), (1, 1), "{size}");
        assert_eq!(findings[0]["code"], "append_only.split_view");
        assert_eq!(findings[0]["at"], "other/");
        assert_eq!(findings[0]["evidence"].as_array().unwrap().len(), 2);
        fs::remove_file(watched.0.path("state.json")).unwrap();
    }
    // The log may still turn out to contain it.
    let longer: Vec<Vec<u8>> = chain(&emitter(), 1, 320, false);
    watched.publish_at("other", &longer, &sign(&longer));
    assert_eq!(look(&watched), found(&["append_only.behind"], 5));
    watched.publish(&longer);
    assert_eq!(look(&watched), found(&["over: append_only.behind other/"], 0));
}

#[test]
fn asks_a_witness_by_origin_hash() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 9, false);
    let other = chain(&emitter(), 2, 9, false);
    watched.publish(&leaves);
    let hash = countersign::hash::Hash::digest(&[ORIGIN.as_bytes()]).0;
    let hash: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = watched.0.path("witness").join(hash.concat());
    fs::create_dir_all(&folder).unwrap();
    assert_eq!(watched.codes(&["--also", "witness"]), found(&["also.unreachable"], 5));
    fs::write(folder.join("checkpoint"), sign(&leaves[..7])).unwrap();
    assert_eq!(watched.codes(&["--also", "witness"]), found(&["over: also.unreachable witness/"], 0));
    // Larger than the log, and of another log: detected once the log has grown.
    fs::write(folder.join("checkpoint"), sign(&other)).unwrap();
    let shown = chain(&emitter(), 1, 8, false);
    watched.publish(&shown);
    fs::remove_file(watched.0.path("state.json")).unwrap();
    assert_eq!(watched.codes(&["--also", "witness"]), found(&["append_only.behind"], 5));
    watched.publish(&leaves);
    assert_eq!(watched.codes(&["--also", "witness"]).0.first().unwrap(), "append_only.split_view");
}

#[test]
fn accepts_only_the_log_key() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 3, false);
    watched.publish(&leaves);
    let good = sign(&leaves);
    let checkpoint = SignedCheckpoint::parse(&good).unwrap().checkpoint;
    let stranger = checkpoint.sign(&key(ORIGIN, 7)).unwrap();
    watched.publish_at("log", &leaves, &stranger);
    assert_eq!(watched.codes(&[]), found(&["log.unknown"], 3));
    let mut forged = SignedCheckpoint::parse(&good).unwrap();
    forged.note.signatures[0].signature[9] ^= 1;
    watched.publish_at("log", &leaves, &forged.to_string());
    assert_eq!(watched.codes(&[]).0[0], "log.signature");
    let elsewhere = Checkpoint::new("log.example/other", 4, checkpoint.root).unwrap();
    watched.publish_at("log", &leaves, &elsewhere.sign(&key("log.example/other", 7)).unwrap());
    assert_eq!(watched.codes(&[]).0[0], "log.origin");
    watched.publish_at("log", &leaves, "nothing\n");
    assert_eq!(watched.codes(&[]).0[0], "format.checkpoint");
    watched.publish(&leaves);
    let (codes, status) = watched.codes(&[]);
    assert_eq!((codes.len(), status), (4, 0), "all of them are over: {codes:?}");
}

#[test]
fn requires_a_quorum_of_recent_witnesses() {
    let watched = Watched::new();
    let witness = witness();
    watched.trust_more(&format!("witness w {}\nquorum w\n", witness.verifier_key()));
    let leaves = chain(&emitter(), 1, 3, false);
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), found(&["witness.quorum"], 1));
    let checkpoint = sign(&leaves);
    let parsed = SignedCheckpoint::parse(&checkpoint).unwrap();
    let cosigned = |seconds: u64| format!("{checkpoint}{}", parsed.cosign(&witness, seconds).unwrap());
    watched.publish_at("log", &leaves, &cosigned(4_000_000_000));
    assert_eq!(watched.codes(&["--silence", "1h"]), found(&["over: witness.quorum"], 0));
    watched.publish_at("log", &leaves, &cosigned(1_790_000_100));
    assert_eq!(watched.codes(&["--silence", "0s"]).0.last().unwrap(), "witness.stale");
    let mut forged = SignedCheckpoint::parse(&cosigned(4_000_000_000)).unwrap();
    forged.note.signatures[1].signature[20] ^= 1;
    watched.publish_at("log", &leaves, &forged.to_string());
    let (codes, status) = watched.codes(&[]);
    assert_eq!(codes[..2], ["witness.signature", "witness.quorum"]);
    assert_eq!(status, 1);
}

#[test]
fn reports_links_from_the_future() {
    let watched = Watched::new();
    let witness = witness();
    watched.trust_more(&format!("witness w {}\nquorum w\n", witness.verifier_key()));
    let leaves = chain(&emitter(), 1, 3, false);
    let checkpoint = sign(&leaves);
    let line = SignedCheckpoint::parse(&checkpoint).unwrap().cosign(&witness, 1_789_999_000).unwrap();
    watched.publish_at("log", &leaves, &(checkpoint + &line));
    assert_eq!(watched.codes(&[]), found(&["time.future"], 1));
}

#[test]
fn reports_silence() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 9, false);
    watched.publish(&leaves[..5]);
    assert_eq!(watched.codes(&["--silence", "0s"]), fine(), "it was first seen just now");
    thread::sleep(Duration::from_millis(5));
    assert_eq!(watched.codes(&["--silence", "0s"]), found(&["log.silent"], 1));
    assert_eq!(watched.codes(&["--silence", "1h"]), found(&["over: log.silent"], 0));
    watched.publish(&leaves);
    assert_eq!(watched.codes(&["--silence", "0s"]), fine());
}

#[test]
fn tracks_chains_across_runs() {
    let good = chain(&emitter(), 1, 6, true);
    let other = chain(&emitter(), 9, 2, false);
    let mut unsigned = good[3].clone();
    unsigned.truncate(unsigned.len() - 89);
    let mut forged = good[3].clone();
    let place = forged.len() - 20;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let resigned = chain(&emitter(), 1, 3, false)[3].clone();
    let changed = String::from_utf8(resigned).unwrap().replace("event", "evenT").into_bytes();
    let cases: [(Vec<&[u8]>, &[&str]); 9] = [
        (vec![&good[3], &good[4]], &[]),
        (vec![&good[4]], &["chain.gap"]),
        (vec![&good[2]], &["chain.fork"]),
        (vec![&good[0]], &["chain.fork"]),
        (vec![&other[1]], &["chain.no_open"]),
        (vec![&forged], &["signature.invalid"]),
        (vec![&changed], &["format.link"]),
        (vec![&unsigned], &["signature.unsigned_tail"]),
        (vec![&good[3], &good[4], &good[5], &good[6], &good[7], &good[5]], &["chain.after_close"]),
    ];
    for (leaves, expected) in cases {
        let watched = Watched::new();
        watched.publish(&good[..3]);
        assert_eq!(watched.codes(&[]), fine());
        let all: Vec<Vec<u8>> =
            good[..3].iter().cloned().chain(leaves.into_iter().map(<[u8]>::to_vec)).collect();
        watched.publish(&all);
        let (codes, status) = watched.codes(&[]);
        assert_eq!(codes, expected);
        let harmless = expected.is_empty() || expected == ["signature.unsigned_tail"];
        assert_eq!(status, i32::from(!harmless), "{expected:?}");
        assert_eq!(watched.codes(&[]), fine(), "each finding is told once: {expected:?}");
    }
}

#[test]
fn findings_about_links_have_positions() {
    let watched = Watched::new();
    let good = chain(&emitter(), 1, 6, false);
    watched.publish(&[good[0].clone(), good[1].clone(), good[3].clone()]);
    let (findings, _) = watched.check(&[]);
    let finding = &findings[0];
    assert_eq!(
        (&finding["code"], &finding["index"], &finding["seq"]),
        (&"chain.gap".into(), &2.into(), &3.into())
    );
    assert_eq!(finding["log"], ORIGIN);
    for member in ["chain", "hint", "message", "time"] {
        assert!(finding[member].is_string(), "{member}");
    }
}

/// Leaves, the expected codes, and the exit status.
type Case<'a> = (Vec<Vec<u8>>, &'a [&'a str], i32);

#[test]
fn checks_keys_and_key_notes() {
    let issuer = key("example.com", 20);
    let (granted, stranger) = (key("example.com/other", 21), key("elsewhere.example/app", 22));
    let vkey = |key: &SignerKey| key.verifier_key().clone();
    let grant = |from, until| note(&[Statement::Grant { key: vkey(&granted), from, until }], &issuer);
    let revoke = note(&[Statement::Revoke { key: vkey(&granted), since: None }], &issuer);
    let idle = note(&[Statement::Grant { key: vkey(&stranger), from: None, until: None }], &stranger);
    let of = |key: &SignerKey, nonce| chain(key, nonce, 2, true);
    let join = |parts: &[Vec<Vec<u8>>]| parts.concat();
    let cases: [Case<'_>; 8] = [
        (join(&[vec![grant(None, None)], of(&granted, 1)]), &[], 0),
        (of(&granted, 1), &["key.unknown"], 3),
        (join(&[of(&granted, 1), vec![grant(None, None)]]), &["key.unknown"], 3),
        (of(&stranger, 1), &["key.unknown"], 3),
        (vec![idle], &["key.statement"], 0),
        (join(&[vec![grant(None, None), revoke], of(&granted, 1)]), &["key.revoked"], 1),
        (join(&[vec![grant(None, Some(time(-5)))], of(&granted, 1)]), &["key.expired"], 1),
        (join(&[vec![grant(Some(time(5)), None)], of(&granted, 1)]), &["key.not_yet_valid"], 1),
    ];
    for (leaves, expected, status) in cases {
        // All at once, and leaf by leaf with a state file.
        for step in [leaves.len(), 1] {
            let watched = Watched::new();
            watched.trust_more(&format!("issuer {}\n", issuer.verifier_key()));
            let (mut codes, mut worst) = (Vec::new(), 0);
            for size in (0..=leaves.len()).step_by(step) {
                watched.publish(&leaves[..size]);
                let (found, status) = watched.codes(&[]);
                codes.extend(found);
                worst = worst.max(status);
            }
            assert_eq!(codes, expected);
            assert_eq!(worst, status, "{expected:?}");
        }
    }
}

#[test]
fn reports_other_leaves() {
    let watched = Watched::new();
    watched.publish(&[b"anything".to_vec(), b"countersign/v1 keys\nbroken".to_vec()]);
    assert_eq!(watched.codes(&[]), found(&["entry.opaque", "format.note"], 1));
}

#[test]
fn reports_wrong_tiles() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 599, false);
    watched.publish(&leaves[..300]);
    assert_eq!(watched.codes(&[]), fine());
    let bundle = watched.0.path("log/tile/entries/001");
    watched.publish(&leaves);
    let bytes = fs::read(&bundle).unwrap();
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&bundle, changed).unwrap();
    let (findings, status) = watched.check(&[]);
    assert_eq!((findings.len(), status), (1, 1));
    assert_eq!((&findings[0]["code"], &findings[0]["index"]), (&"tile.hash".into(), &511.into()));
    assert_eq!(findings[0]["at"], "tile/entries/001");
    fs::write(&bundle, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(watched.codes(&[]).0[0], "tile.malformed");
    fs::remove_file(&bundle).unwrap();
    assert_eq!(watched.codes(&[]).0[0], "tile.missing");
    fs::write(&bundle, &bytes).unwrap();
    assert_eq!(watched.codes(&[]), found(&["over: tile.missing tile/entries/001"], 0));

    // The leaves prove the growth, but a wrong tile is reported all the same.
    let longer = chain(&emitter(), 1, 650, false);
    watched.publish(&longer);
    fs::remove_file(watched.0.path("log/tile/1/000.p/2")).unwrap();
    assert_eq!(watched.codes(&[]), found(&["tile.missing"], 1));
    let state: Value = serde_json::from_str(&watched.0.read("state.json")).unwrap();
    assert!(state["pin"].as_str().unwrap().starts_with("log.example/audit\n651\n"));
}

#[test]
fn network_errors_are_not_log_findings() {
    let watched = Watched::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{unused}");
    watched
        .0
        .run(&["monitor", &url, "--trust", "trust.txt", "--once"])
        .code(5)
        .stdout(predicate::str::contains("log.unreachable"))
        .stdout(predicate::str::contains("says nothing about the log's integrity"));
}

#[test]
fn a_check_without_data_is_not_complete() {
    let watched = Watched::new();
    watched.publish(&chain(&emitter(), 1, 9, false));
    watched
        .check_as_text(&[])
        .success()
        .stderr(predicate::str::contains("done: log.example/audit: 10 entries"));
    let checkpoint = watched.0.path("log/checkpoint");
    let kept = fs::read(&checkpoint).unwrap();
    for (content, code, status) in [(None, "log.unreachable", 5), (Some("<html>"), "format.checkpoint", 1)] {
        fs::remove_file(&checkpoint).unwrap();
        if let Some(text) = content {
            fs::write(&checkpoint, text).unwrap();
        }
        // The second check finds the same again.
        for _ in 0..2 {
            let said = watched.check_as_text(&[]).code(status);
            let why = format!("the log was not checked ({code}); last state: log.example/audit: 10 entries");
            said.stderr(predicate::str::contains(why).and(predicate::str::contains("done").not()));
        }
        fs::write(&checkpoint, &kept).unwrap();
    }
    fs::write(&checkpoint, "<html>").unwrap();
    fs::remove_file(watched.0.path("state.json")).unwrap();
    watched.check_as_text(&[]).code(1).stdout(predicate::str::contains("something else answers there"));
}

#[test]
fn continues_after_errors_and_ends_at_a_split_view() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 299, false);
    watched.publish(&leaves[..100]);
    let trouble = Instead { status: 404, headers: String::new(), body: Vec::new(), times: 2 };
    let server = serve(watched.0.path("log"), BTreeMap::from([("checkpoint".to_owned(), trouble)]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .current_dir(watched.0.path("."))
        .args([
            "monitor",
            &server.url,
            "--trust",
            "trust.txt",
            "--state",
            "state.json",
            "--every",
            "20ms",
            "--json",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["code"], "log.unreachable");
    assert_eq!(next()["over"], "log.unreachable");
    let other = chain(&emitter(), 2, 299, false);
    // Like an operator who tries to hide it.
    write(&watched.0.path("log"), &other, &sign(&other));
    let mut last = next();
    while last["code"] != "append_only.split_view" {
        last = next();
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// Starts a webhook with these first statuses; returns its address and its messages.
fn webhook(statuses: Vec<u16>) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
    let (sender, told) = channel();
    thread::spawn(move || {
        let mut statuses = statuses.into_iter();
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(&stream);
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let status = statuses.next().unwrap_or(200);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            (&stream).write_all(answer.as_bytes()).unwrap();
            if status == 200 {
                let _ = sender.send(serde_json::from_slice(&body).unwrap());
            }
        }
    });
    (url, told)
}

#[test]
fn webhook_gets_each_finding_once() {
    let watched = Watched::new();
    watched.publish(&[b"one".to_vec()]);
    let (url, told) = webhook(vec![500]);
    watched
        .check_as_text(&["--webhook", &url])
        .stderr(predicate::str::contains(
            "doesn't accept findings, so they wait: it answered with status 500",
        ))
        .stderr(predicate::str::contains("s3cret").not());
    assert!(told.try_recv().is_err());
    assert!(!watched.0.read("state.json").contains("s3cret"));
    watched.check(&["--webhook", &url]);
    watched.check(&["--webhook", &url]);
    let finding = told.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    assert_eq!((&finding["code"], &finding["index"]), (&"entry.opaque".into(), &0.into()));
    assert!(told.try_recv().is_err(), "once");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    watched.publish(&[b"one".to_vec(), b"two".to_vec()]);
    watched.check_as_text(&[]).success();
    watched.publish(&[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    let url = format!("http://{closed}/hook/s3cret");
    watched
        .check_as_text(&["--webhook", &url])
        .stderr(predicate::str::contains("http.connect"))
        .stderr(predicate::str::contains("s3cret").not());
}

#[test]
fn rejects_the_state_of_another_log() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 9, false);
    watched.publish(&leaves);
    assert_eq!(watched.codes(&[]), fine());
    let state = watched.0.read("state.json");
    let args = ["monitor", "log", "--trust", "trust.txt", "--once", "--state", "state.json"];
    for (from, to) in
        [("monitor/v1", "monitor/v2"), ("\\n10\\n", "\\n11\\n"), ("\"edge\":[\"", "\"edge\":[\"A"), ("{", "")]
    {
        assert!(state.contains(from), "{from}");
        watched.0.write("state.json", state.replacen(from, to, 1));
        watched.0.run(&args).code(2).stderr(predicate::str::contains("error[state.invalid]"));
    }
    watched.0.write("pin.txt", sign(&leaves).replace(ORIGIN, "log.example/other"));
    let args = ["monitor", "log", "--trust", "trust.txt", "--once", "--pin", "pin.txt"];
    watched.0.run(&args).code(2).stderr(predicate::str::contains("it belongs to another log"));
    watched.0.write("trust.txt", "");
    watched.0.run(&args).code(2).stderr(predicate::str::contains("names no log"));
}

#[test]
fn requires_a_writable_state() {
    let place = Place::new();
    place.write("trust.txt", format!("log {}\n", log_key().verifier_key()));
    for keep in ["--state", "--pin"] {
        place
            .run(&["monitor", "http://127.0.0.1:1", "--trust", "trust.txt", "--once", keep, "no/such/file"])
            .code(2)
            .stderr(
                predicate::str::contains("no/such/file")
                    .and(predicate::str::contains("folder does not exist")),
            )
            .stdout("");
    }
}

#[test]
fn prints_text_for_people() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 9, false);
    watched.publish(&leaves);
    let args = ["monitor", "log", "--trust", "trust.txt", "--once", "--state", "state.json"];
    watched
        .0
        .run(&args)
        .success()
        .stdout("")
        .stderr(predicate::str::contains("10 entries, 1 open chain, root "));
    watched.publish(&chain(&emitter(), 2, 9, false));
    watched
        .0
        .run(&args)
        .code(1)
        .stdout(predicate::str::starts_with("✗ error  "))
        .stdout(predicate::str::contains("append_only.split_view: the log signed two roots of one size"))
        .stdout(predicate::str::contains("hint: keep both checkpoints as evidence"))
        .stdout(predicate::str::contains("checkpoint 2:\n      log.example/audit\n      10\n"));
}

#[test]
fn follows_a_pruned_log_from_its_minimum_index_on() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 1_500, false);
    let prune = |bundles: u64| {
        for index in 0..bundles {
            for path in [format!("log/tile/0/00{index}"), format!("log/tile/entries/00{index}")] {
                fs::remove_file(watched.0.path(&path)).unwrap();
            }
        }
    };
    watched.publish(&leaves[..700]);
    prune(2);
    // Pruned entries can't be told from lost ones.
    let (findings, status) = watched.check(&[]);
    assert_eq!((findings.len(), status), (1, 5));
    assert_eq!(findings[0]["code"], "tile.pruned");
    assert_eq!(findings[0]["message"], "the first 512 entries are gone (pruned?)");
    assert_eq!(
        watched.check(&["--from", "300"]).0[0]["code"],
        "tile.missing",
        "more is gone than was stated"
    );
    fs::remove_file(watched.0.path("state.json")).unwrap();
    // The chain was opened before, so its key is unknown; reported once.
    assert_eq!(watched.codes(&["--from", "600"]), found(&["chain.no_open"], 5));
    let state: Value = serde_json::from_str(&watched.0.read("state.json")).unwrap();
    assert_eq!(state["chains"]["begin"], 512);
    let grow = |size: usize, bundles| {
        watched.publish(&leaves[..size]);
        prune(bundles);
    };
    grow(1_200, 2);
    assert_eq!(watched.codes(&["--from", "600"]), fine());
    // The state has the index.
    grow(1_300, 4);
    assert_eq!(watched.codes(&[]), fine());
    // Other chains are checked as always.
    let mut more = leaves[..1_300].to_vec();
    more.extend(chain(&emitter(), 2, 3, false));
    more.extend(leaves[1_301..1_303].iter().cloned());
    watched.publish(&more);
    prune(4);
    assert_eq!(watched.codes(&[]), found(&["chain.gap"], 1));

    // A rewrite after the minimum index is noticed, and so is one of what is only known by its hashes.
    for at in [1_100, 100] {
        let rewritten = Watched::new();
        rewritten.publish(&leaves[..1_200]);
        for index in 0..2 {
            fs::remove_file(rewritten.0.path(&format!("log/tile/entries/00{index}"))).unwrap();
        }
        assert_eq!(rewritten.codes(&["--from", "512"]), found(&["chain.no_open"], 5));
        let mut other = leaves[..1_250].to_vec();
        other[at] = b"another".to_vec();
        rewritten.publish(&other);
        assert_eq!(rewritten.codes(&[]).0[0], "append_only.split_view", "{at}");
    }
}

#[test]
fn a_monitor_that_is_behind_the_minimum_index_says_so() {
    let watched = Watched::new();
    let leaves = chain(&emitter(), 1, 1_500, false);
    watched.publish(&leaves[..300]);
    assert_eq!(watched.codes(&[]), fine());
    watched.publish(&leaves[..1_200]);
    for index in 0..3 {
        fs::remove_file(watched.0.path(&format!("log/tile/entries/00{index}"))).unwrap();
    }
    // Consistency is proven by the tiles, but the entries in between are gone.
    assert_eq!(watched.codes(&[]), found(&["tile.pruned"], 5));
    // A hole that doesn't begin at the first entry is a loss.
    watched.publish(&leaves[..1_200]);
    fs::remove_file(watched.0.path("log/tile/entries/002")).unwrap();
    assert_eq!(watched.codes(&[]).0[0], "tile.missing");
    // The log must have as many entries as were pruned.
    let fresh = Watched::new();
    fresh.publish(&leaves[..300]);
    assert_eq!(fresh.codes(&["--from", "301"]), found(&["tile.missing"], 1));
}
