//! ML-DSA-44 keys of logs and witnesses.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;

use countersign::checkpoint::SignedCheckpoint;
use countersign::note::{MlDsaKey, SignerKey};
use predicates::prelude::*;
use serde_json::Value;

use crate::common::serving::ServedLog;
use crate::common::witness::add_checkpoint;
use crate::common::{ORIGIN, Place};

/// A time after the events that [`Place`] records, in seconds.
fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn keygen(place: &Place, name: &str, file: &str) -> String {
    let assert = place.run(&["keygen", name, "--ml-dsa", "-o", file]).success();
    String::from_utf8(assert.get_output().stdout.clone()).unwrap().trim().to_owned()
}

fn checkpoint(export: &str) -> SignedCheckpoint {
    let last: Value = serde_json::from_str(export.lines().last().unwrap()).unwrap();
    SignedCheckpoint::parse(last["checkpoint"].as_str().unwrap()).unwrap()
}

/// Writes the export with these lines added to its last checkpoint.
fn cosign(place: &Place, export: &str, lines: &str) {
    let text = place.read(export);
    let note = checkpoint(&text).to_string() + lines;
    let last = text.lines().last().unwrap();
    place.write(export, text.replace(last, &serde_json::json!({ "checkpoint": note }).to_string()));
}

/// Writes a trust file with the log, the issuer, and these lines.
fn trust(place: &Place, file: &str, lines: &str) {
    place.write(file, format!("log {}\nissuer {}\n{lines}", place.log, place.issuer));
}

#[test]
fn keygen_makes_a_key_that_only_its_owner_reads() {
    let place = Place::new();
    let vkey = keygen(&place, ORIGIN, "pq.key");
    assert!(vkey.starts_with("log.example/audit+") && vkey.len() > 1_750, "{vkey}");
    let mode = std::fs::metadata(place.path("pq.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let key = MlDsaKey::parse(place.read("pq.key").trim()).unwrap();
    assert_eq!(key.verifier_key().as_str(), vkey);
    // It signs checkpoints only.
    place.record(1, "app.ndjson");
    place
        .run(&["record", "--key", "pq.key", "--origin", ORIGIN, "events.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("can sign only checkpoints"));
    place.write("bad.txt", format!("emitter {vkey}\n"));
    place
        .run(&["verify", "app.ndjson", "--trust", "bad.txt"])
        .code(2)
        .stderr(predicate::str::contains("line 1").and(predicate::str::contains("type 0x06")));
}

#[test]
fn a_witness_refuses_a_damaged_key_of_either_type() {
    let place = Place::new();
    keygen(&place, "w.example", "pq.key");
    place.run(&["keygen", "w.example", "--witness", "-o", "w.key"]).success();
    for file in ["pq.key", "w.key"] {
        place.write(file, place.read(file).replace("w.example", "x.example"));
        place
            .run(&["witness", "--key", file, "--log", &place.log, "--state", "w.state"])
            .code(2)
            .stderr(predicate::str::contains("ID does not match").and(predicate::str::contains(file)));
    }
}

#[test]
fn unknown_types_of_keys_are_refused_with_their_line() {
    let place = Place::new();
    place.sealed(1);
    let vkey = keygen(&place, "w.example", "w.key");
    // Type 0x07 with the key ID that belongs to it.
    let public = &countersign::base64::decode(vkey.splitn(3, '+').nth(2).unwrap()).unwrap()[1..];
    let typed = [&[7], public].concat();
    let id = countersign::hash::Hash::digest(&[b"w.example\n", &typed]).0;
    let id = countersign::hex::encode(&id[..4]);
    let unknown = format!("w.example+{id}+{}", countersign::base64::encode(typed));
    // The whole file is refused, also if the key is in no group.
    for line in [
        format!("witness w {unknown}\nquorum none\n"),
        format!("log {unknown}\n"),
        format!("emitter {unknown}\n"),
        format!("issuer {unknown}\n"),
        format!("revoke {unknown} -\n"),
    ] {
        trust(&place, "trust.txt", &line);
        place
            .run(&["verify", "audit.ndjson", "--trust", "trust.txt"])
            .code(2)
            .stdout("")
            .stderr(predicate::str::contains("line 3").and(predicate::str::contains("key type 0x07")));
    }
}

/// Trust files whose author may have meant two witnesses.
#[test]
fn two_keys_of_one_witness_are_noted() {
    let place = Place::new();
    let keys = ["w.example", "x.example"].map(|name| {
        let file = format!("{name}.key");
        let assert = place.run(&["keygen", name, "--witness", "-o", &file]).success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    });
    let new = keygen(&place, "w.example", "w-pq.key");
    place.record(3, "app.ndjson");
    place.seal(&[]);
    let running = witness(&place, &["w.example.key", "w-pq.key"], &[&place.log], "w.state");
    let note = checkpoint(&place.read("audit.ndjson")).to_string();
    cosign(&place, "audit.ndjson", &add_checkpoint(running.url(), &format!("old 0\n\n{note}")).1);
    let lines = format!("witness w {}witness x {}witness w-pq {new}\n", keys[0], keys[1]);
    let noted = "the group g counts the two keys of w.example as two witnesses";
    trust(&place, "trust.txt", &format!("{lines}group g 2 w x w-pq\nquorum g\n"));
    place
        .run(&["verify", "audit.ndjson", "--trust", "trust.txt"])
        .success()
        .stderr(predicate::str::contains("! warning: trust.txt: ").and(predicate::str::contains(noted)));
    let report = place.report("audit.ndjson", &[]);
    assert_eq!(report["verdict"], "verified");
    assert_eq!(report["notes"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(report["notes"][0].as_str().unwrap().starts_with(noted), "{report}");
    // Both keys are required: nothing to note.
    trust(&place, "trust.txt", &format!("{lines}group g all w w-pq\nquorum g\n"));
    assert_eq!(place.report("audit.ndjson", &[]).get("notes"), None);
    place.run(&["verify", "audit.ndjson", "--trust", "trust.txt"]).success().stderr("");
}

#[test]
fn a_log_server_refuses_an_origin_that_an_ml_dsa_key_cannot_sign() {
    let place = Place::new();
    for (length, status) in [(256, 2), (255, 0)] {
        let origin = format!("log.example/{}", "x".repeat(length - 12));
        let (key, pq) = (format!("{length}.key"), format!("{length}-pq.key"));
        place.run(&["keygen", &origin, "-o", &key]).success();
        keygen(&place, &origin, &pq);
        let dir = format!("log-{length}");
        let args = ["--dir", &dir, "--key", &key, "--ml-dsa-key", &pq, "--listen", "127.0.0.1:0"];
        if status == 0 {
            ServedLog::start(&place.path(""), &args);
            continue;
        }
        place.run(&[&["serve"][..], &args].concat()).code(status).stderr(
            predicate::str::contains("error[arguments.invalid]: 256-pq.key: ")
                .and(predicate::str::contains("at most 255 bytes")),
        );
    }
}

#[test]
fn a_log_seals_with_both_keys() {
    let place = Place::new();
    let vkey = keygen(&place, ORIGIN, "log-pq.key");
    place.record(5, "app.ndjson");
    place.seal(&["--ml-dsa-key", "log-pq.key", "--checkpoint-every", "3"]);
    assert_eq!(checkpoint(&place.read("audit.ndjson")).note.signatures.len(), 2);
    // Readers with the old key, with the new one, and with both.
    assert_eq!(place.verdict("audit.ndjson"), "verified");
    let issuer = format!("issuer {}\n", place.issuer);
    place.write("trust.txt", format!("log {vkey}\n{issuer}"));
    assert_eq!(place.verdict("audit.ndjson"), "verified");
    place.write("trust.txt", format!("log {vkey}\nlog {}\n{issuer}", place.log));
    assert_eq!(place.verdict("audit.ndjson"), "verified");
    let other = keygen(&place, ORIGIN, "other.key");
    place.write("trust.txt", format!("log {other}\n{issuer}"));
    assert_eq!(place.verdict("audit.ndjson"), "untrusted");

    keygen(&place, "log.example/other", "foreign.key");
    place
        .run(&["seal", "--log-key", "log.key", "--ml-dsa-key", "foreign.key", "grant.ndjson"])
        .stderr(predicate::str::contains("does not belong to the log"))
        .failure();
}

/// An attacker who has every Ed25519 key can't change what an ML-DSA-44 key cosigned.
#[test]
fn ed25519_keys_cannot_change_what_was_cosigned() {
    let place = Place::new();
    let cosigner = MlDsaKey::from_seed("witness.example", [7; 32]).unwrap();
    let old_witness = SignerKey::witness_from_seed("witness.example", [8; 32]).unwrap();
    place.sealed(6);
    let honest = checkpoint(&place.read("audit.ndjson"));
    let line = honest.cosign(&cosigner, now()).unwrap();
    cosign(&place, "audit.ndjson", &line);
    let (old, new) = (old_witness.verifier_key(), cosigner.verifier_key());
    trust(&place, "classic.txt", &format!("witness old {old}\nquorum old\n"));
    trust(
        &place,
        "trust.txt",
        &format!("witness old {old}\nwitness new {new}\ngroup pq all new\nquorum pq\n"),
    );
    assert_eq!(place.verdict("audit.ndjson"), "verified");

    // The attacker writes another history of the same length with the keys of the emitter, the log, and a witness.
    place.record(6, "app.ndjson");
    place.seal_as("forged.ndjson", &["grant.ndjson", "app.ndjson"]);
    let forged = checkpoint(&place.read("forged.ndjson"));
    assert_eq!(forged.checkpoint.size, honest.checkpoint.size);
    assert_ne!(forged.checkpoint.root, honest.checkpoint.root);
    cosign(&place, "forged.ndjson", &forged.cosign(&old_witness, now()).unwrap());
    let classic = place.judged(&["verify", "forged.ndjson", "--json", "--trust", "classic.txt"]);
    assert_eq!(classic["verdict"], "verified", "without ML-DSA-44, it passes");

    let codes = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    };
    let report = place.report("forged.ndjson", &[]);
    assert_eq!(report["verdict"], "broken");
    assert_eq!(codes(&report), ["witness.quorum"]);
    // The honest cosignature is not valid for it, and neither is one by another ML-DSA-44 key of that name.
    let own = MlDsaKey::from_seed("witness.example", [9; 32]).unwrap();
    let renamed = forged.cosign(&own, now()).unwrap();
    for (lines, code) in [(line, "witness.signature"), (renamed, "witness.quorum")] {
        place.seal_as("forged.ndjson", &["grant.ndjson", "app.ndjson"]);
        cosign(&place, "forged.ndjson", &lines);
        let report = place.report("forged.ndjson", &[]);
        assert!(report["verdict"] != "verified" && codes(&report).contains(&code.to_owned()), "{report}");
    }
    // Entries before a cosigned checkpoint are bound by its hashes, also if the forger keeps that checkpoint.
    let text = place.read("audit.ndjson");
    let changed = text.replacen("u_2", "u_9", 1);
    assert_ne!(changed, text);
    place.write("changed.ndjson", changed);
    assert_eq!(place.verdict("changed.ndjson"), "altered");
}

/// Starts a witness with these key files for the keys of a log.
fn witness(place: &Place, keys: &[&str], logs: &[&str], state: &str) -> ServedLog {
    let args = [&["witness", "--listen", "127.0.0.1:0", "--state", state, "--key"], keys, &["--log"], logs];
    ServedLog::start_command(&place.path(""), &args.concat())
}

#[test]
fn a_witness_cosigns_with_both_keys() {
    let place = Place::new();
    let old = place.run(&["keygen", "w.example", "--witness", "-o", "w.key"]).success();
    let old = String::from_utf8(old.get_output().stdout.clone()).unwrap();
    let new = keygen(&place, "w.example", "w-pq.key");
    let log = keygen(&place, ORIGIN, "log-pq.key");
    place.record(3, "app.ndjson");
    place.seal(&["--ml-dsa-key", "log-pq.key"]);
    // It knows only the log's new key.
    let running = witness(&place, &["w.key", "w-pq.key"], &[&log], "w.state");
    let note = checkpoint(&place.read("audit.ndjson")).to_string();
    let (status, lines) = add_checkpoint(running.url(), &format!("old 0\n\n{note}"));
    assert_eq!((status, lines.lines().count()), (200, 2), "{lines}");
    // Without the new signature, a forger with the old key gets nothing.
    let old_only: String = note.split_inclusive('\n').take(5).collect();
    assert_eq!(add_checkpoint(running.url(), &format!("old 6\n\n{old_only}")).0, 403);

    cosign(&place, "audit.ndjson", &lines);
    let (old, new) = (format!("witness old {old}"), format!("witness new {new}\n"));
    trust(&place, "trust.txt", &format!("{old}{new}group both all old new\nquorum both\n"));
    assert_eq!(place.report("audit.ndjson", &[])["checks"]["witnesses"]["state"], "pass");
    // Readers who know only the old key ignore the other lines.
    trust(&place, "trust.txt", &format!("{old}quorum old\n"));
    assert_eq!(place.verdict("audit.ndjson"), "verified");
}

/// The exit status of `check` for a log whose tiles contain no events.
const WITHHELD: i32 = 4;

/// A log server with both keys, an old witness, and a new one; readers with old and new trust files.
#[test]
fn old_and_new_programs_work_together() {
    let place = Place::new();
    let log = keygen(&place, ORIGIN, "log-pq.key");
    let vkeys = ["old.example", "new.example"].map(|name| {
        let assert = place.run(&["keygen", name, "--witness", "-o", &format!("{name}.key")]).success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap().trim().to_owned()
    });
    let new_vkey = keygen(&place, "new.example", "new-pq.key");
    let old = witness(&place, &["old.example.key"], &[&place.log], "old.state");
    let new = witness(&place, &["new.example.key", "new-pq.key"], &[&place.log, &log], "new.state");
    let (old_url, new_url) = (old.url(), new.url());
    let lines = format!(
        "witness old {} {old_url}\nwitness new {} {new_url}\nwitness pq {new_vkey} {new_url}\n\
         group all3 all old new pq\nquorum all3\n",
        vkeys[0], vkeys[1]
    );
    let emitter = format!("emitter {}\n", place.app);
    trust(&place, "log-trust.txt", &format!("{emitter}{lines}"));
    let args = ["--dir", "log", "--key", "log.key", "--ml-dsa-key", "log-pq.key", "--trust", "log-trust.txt"];
    let served = ServedLog::start(&place.path(""), &[&args[..], &["--listen", "127.0.0.1:0"]].concat());

    place.write("events.ndjson", crate::common::events(4));
    place
        .run(&["record", "--key", "app.key", "events.ndjson", "--to", served.url(), "--log", &place.log])
        .success();
    place.run(&["check", served.url(), "--trust", "log-trust.txt"]).code(WITHHELD);
    // Only the new keys: of the log, and of the witness.
    place.write("pq.txt", format!("log {log}\n{emitter}witness pq {new_vkey}\nquorum pq\n"));
    place.run(&["check", served.url(), "--trust", "pq.txt"]).code(WITHHELD);
    // Only the old keys: the other signature lines are ignored.
    trust(&place, "old.txt", &format!("{emitter}witness old {}\nquorum old\n", vkeys[0]));
    place.run(&["check", served.url(), "--trust", "old.txt"]).code(WITHHELD);
    // Two of the three keys may belong to one witness, which readers learn.
    trust(&place, "two.txt", &format!("{emitter}{}", lines.replace("all3 all", "all3 2")));
    for command in [["check", "--allow=partial"], ["monitor", "--once"]] {
        place.run(&[&command[..], &[served.url(), "--trust", "two.txt"]].concat()).success().stderr(
            predicate::str::contains("two.txt: the group all3 counts the two keys of new.example as two"),
        );
    }
    // A witness that never cosigned.
    let absent = keygen(&place, "absent.example", "absent.key");
    trust(&place, "absent.txt", &format!("{emitter}witness pq {absent}\nquorum pq\n"));
    place
        .run(&["check", served.url(), "--trust", "absent.txt"])
        .code(1)
        .stdout(predicate::str::contains("witness.quorum"));
}
