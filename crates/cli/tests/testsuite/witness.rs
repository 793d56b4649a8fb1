//! `countersign witness`: started, killed and restarted.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::merkle::{empty_root, leaf_hash, node_hash};
use countersign::note::{KeyType, SignerKey, VerifierKey};
use predicates::prelude::*;

use crate::common::Place;
use crate::common::witness::add_checkpoint;

/// A witness, which is killed when dropped.
struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    url: String,
}

impl Running {
    fn start(place: &Place) -> Self {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin!("countersign"))
            .args(["witness", "--key", "witness.key", "--log", &place.log, "--state", "witness.state"])
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(place.path(""))
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended");
            if let Some((_, url)) = line.trim().split_once("listens on ") {
                break url.to_owned();
            }
        };
        Self { child, stderr, url }
    }

    fn add(&self, body: &str) -> (u16, String) {
        add_checkpoint(&self.url, body)
    }

    /// Sends a signal; returns the exit status, if any, and the remaining output.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Creates a place with a witness's key; returns the key.
fn place() -> (Place, VerifierKey) {
    let place = Place::new();
    let assert = place.run(&["keygen", "witness.example", "--witness", "--out", "witness.key"]).success();
    let vkey = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let vkey = VerifierKey::parse(vkey.trim(), KeyType::Cosignature).unwrap();
    (place, vkey)
}

fn log(place: &Place) -> SignerKey {
    SignerKey::parse(place.read("log.key").trim()).unwrap()
}

/// Returns a request about the tree of no leaves, of one, or of two.
fn request(place: &Place, old: u64, new: u64) -> String {
    let [one, two] = [leaf_hash(b"one"), leaf_hash(b"two")];
    let root = [empty_root(), one, node_hash(&one, &two)][usize::try_from(new).unwrap()];
    let key = log(place);
    let note = Checkpoint::new(key.verifier_key().name(), new, root).unwrap().sign(&key).unwrap();
    let proof = if (old, new) == (1, 2) { format!("{two}\n") } else { String::new() };
    format!("old {old}\n{proof}\n{note}")
}

#[test]
fn remembers_cosignatures_after_a_restart() {
    let (place, vkey) = place();
    let running = Running::start(&place);
    let first = request(&place, 0, 1);
    let (status, line) = running.add(&first);
    assert_eq!(status, 200);
    let note = first.split_once("\n\n").unwrap().1.to_owned() + &line;
    let cosigned = SignedCheckpoint::parse(&note).unwrap();
    assert!(cosigned.cosignatures([&vkey]).verified[0].time.millis() > 1_700_000_000_000);
    // After the response, everything is written.
    assert_eq!(running.end("-KILL").0, None);

    let running = Running::start(&place);
    assert_eq!(running.add(&first), (409, "1\n".into()));
    assert_eq!(running.add(&request(&place, 1, 2)).0, 200);
    let (status, said) = running.end("-TERM");
    assert_eq!(status, Some(0));
    assert!(said.contains("stopping"), "{said}");
    assert_eq!(Running::start(&place).add(&request(&place, 1, 2)), (409, "2\n".into()));
}

#[test]
fn verify_counts_its_cosignature() {
    let (place, vkey) = place();
    place.sealed(3);
    let export = place.read("audit.ndjson");
    let last = export.lines().last().unwrap();
    let note =
        serde_json::from_str::<serde_json::Value>(last).unwrap()["checkpoint"].as_str().unwrap().to_owned();
    let running = Running::start(&place);
    let (status, line) = running.add(&format!("old 0\n\n{note}"));
    assert_eq!(status, 200, "{line}");
    let cosigned = serde_json::json!({ "checkpoint": note + &line });
    place.write("audit.ndjson", export.replace(last, &cosigned.to_string()));
    place.write("trust.txt", place.read("trust.txt") + &format!("witness w {vkey}\nquorum w\n"));
    let report = place.report("audit.ndjson", &[]);
    assert_eq!(report["checks"]["witnesses"]["state"], "pass");
}

#[test]
fn rejects_a_second_witness_on_the_same_state() {
    let (place, _) = place();
    let _running = Running::start(&place);
    place
        .run(&[
            "witness",
            "--key",
            "witness.key",
            "--log",
            &place.log,
            "--state",
            "witness.state",
            "--listen",
            "127.0.0.1:0",
        ])
        .code(2)
        .stderr(predicate::str::contains("error[server.in_use]"));
}

#[test]
fn reports_invalid_configuration() {
    let (place, vkey) = place();
    let run = |more: &[&str], code: &str| {
        let told = predicate::str::contains(format!("error[{code}]"));
        let assert = place.run(&[&["witness", "--listen", "127.0.0.1:0"], more].concat());
        assert.code(2).stderr(told);
    };
    let log = place.log.clone();
    run(&["--key", "log.key", "--log", &log, "--state", "state"], "key.invalid");
    run(&["--key", "missing.key", "--log", &log, "--state", "state"], "io.not_found");
    place.write("other", "not a state file, and long enough to be looked at as one\n".repeat(20));
    run(&["--key", "witness.key", "--log", &log, "--state", "other"], "state.invalid");
    run(&["--key", "witness.key", "--log", &log, "--state", "missing/state"], "state.invalid");
    // A truncated state is like a missing one.
    place.write("empty", "");
    for (state, is_new) in [("empty", true), ("other", false)] {
        let args = ["witness", "--key", "witness.key", "--log", &log, "--listen", "unix:missing/socket"];
        let told = place.run(&[&args[..], &["--state", state]].concat()).code(2).get_output().stderr.clone();
        assert_eq!(String::from_utf8(told).unwrap().contains(&format!("{state} is new")), is_new);
    }
    let no_log = ["witness", "--key", "witness.key", "--state", "state"];
    place.run(&no_log).code(2);
    place.run(&[&no_log[..], &["--log", vkey.as_str()]].concat()).code(2);
    // A witness's key signs nothing else.
    place
        .run(&["seal", "--log-key", "witness.key", "grant.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("error[key.invalid]"));
}
