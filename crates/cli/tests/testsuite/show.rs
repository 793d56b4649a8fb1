//! Only verified events are shown.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::{Recorder, header};
use countersign::time::Time;
use countersign::verify::LISTED;
use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common;
use crate::common::{ORIGIN, Place};

#[test]
fn the_table_has_the_verdict_and_verified_events() {
    let place = Place::new();
    place.sealed(5);
    let chain = place.chain("audit.ndjson");
    let assert = place.run(&["show", "audit.ndjson", "--trust", "trust.txt"]).success();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.starts_with("✓ Verified."));
    for seq in 1..=5 {
        assert!(text.contains(&format!("{chain}/{seq}  job.update  u_")), "{text}");
    }
    assert_eq!(text.matches("✓ trusted").count(), 5);
    place.run(&["show", "audit.ndjson"]).code(3).stdout(predicate::str::contains("? untrusted"));
    place
        .run(&["show", "audit.ndjson", "--limit", "2", "--trust", "trust.txt"])
        .success()
        .stdout(predicate::str::contains("… and 3 more"));
}

/// Invisible characters are part of what was signed.
#[test]
fn json_has_events_byte_for_byte() {
    let place = Place::new();
    let event = "{\"action\":\"a\u{7f}b\",\"actor\":{\"id\":\"\u{9b}1m\u{202e}\"}}";
    place.sealed_of(event);
    let assert = place.run(&["show", "audit.ndjson", "--trust", "trust.txt", "--json"]).success();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(text.contains(&format!("\"event\":{event}")), "{text:?}");
    let rules = "title: T\nid: 4533b92b-8ab4-56af-835f-8d2d06b5ed4d\nlevel: high\ndetection:\n  a:\n    action: '*'\n  condition: a\n";
    place.write("rule.yml", rules);
    let analyze = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--rules", "rule.yml"];
    let found = place.run(&[&analyze[..], &["--format", "json"]].concat()).success();
    place.write("found.json", &found.get_output().stdout);
    place.run(&[&analyze[..], &["--recompute", "found.json"]].concat()).success();
}

#[test]
fn an_altered_event_is_not_shown() {
    let place = Place::new();
    place.sealed(5);
    let chain = place.chain("audit.ndjson");
    place.write("audit.ndjson", place.read("audit.ndjson").replacen("\"n\":3", "\"n\":7", 1));
    place
        .run(&["show", "audit.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered."))
        .stdout(predicate::str::contains(format!("{chain}/2")))
        .stdout(predicate::str::contains(format!("{chain}/3")).not());
    place
        .run(&["show", "audit.ndjson", &format!("{chain}/3"), "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered."))
        .stderr(predicate::str::contains("error[event.not_shown]: no event"));
}

#[test]
fn shows_one_event_with_its_proof() {
    let place = Place::new();
    place.sealed(5);
    let chain = place.chain("audit.ndjson");
    place
        .run(&["show", "audit.ndjson", &format!("{chain}/3"), "--trust", "trust.txt"])
        .success()
        .stdout(predicate::str::starts_with("✓ Verified."))
        .stdout(predicate::str::contains("entry        4, on line 6"))
        .stdout(predicate::str::contains(&place.app))
        .stdout(predicate::str::contains("within the checkpoint of 8 entries"))
        .stdout(predicate::str::contains("  \"n\": 3,\n  \"password\": \"[redacted]\"\n}"));
    place.run(&["show", "audit.ndjson", &format!("{chain}/0")]).code(1);
    // By the number of its entry.
    let by_place = place.run(&["show", "audit.ndjson", &format!("{chain}/3"), "--trust", "trust.txt"]);
    let by_entry = place.run(&["show", "audit.ndjson", "4", "--trust", "trust.txt"]).success();
    assert_eq!(by_entry.get_output().stdout, by_place.get_output().stdout);
    place
        .run(&["show", "audit.ndjson", "8", "--trust", "trust.txt"])
        .code(1)
        .stderr(predicate::str::contains("no event at entry 8 verifies"));
    place
        .run(&["show", "audit.ndjson", "actor:ada"])
        .code(2)
        .stderr(predicate::str::contains("an entry's number such as 21"))
        .stderr(predicate::str::contains("--query"));
}

#[test]
fn events_cannot_control_the_terminal() {
    let place = Place::new();
    place.write("events.ndjson", "{\"action\":\"a\\u001b[2J\\u202eb\",\"actor\":{\"id\":\"x\\ny\"}}\n");
    place
        .run(&["record", "--key", "app.key", "--origin", common::ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    place
        .run(&["show", "app.ndjson"])
        .stdout(predicate::str::contains("a\\u{1b}[2J\\u{202e}b  x\\ny"))
        .stdout(predicate::str::contains("\u{1b}").not())
        .stdout(predicate::str::contains("\u{202e}").not());
}

#[test]
fn shows_exactly_what_was_hashed() {
    let place = Place::new();
    let event =
        r#"{"action":"a","big":1234567890123456,"n":{"$serde_json::private::Number":"7"},"none":[{},[ ]]}"#;
    place.write("events.ndjson", event);
    place
        .run(&["record", "--key", "app.key", "--origin", common::ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    let chain = place.chain("app.ndjson");
    let recorded = place.read("app.ndjson");
    for big in ["1234567890123456.1249999", "123456789012345600e-2"] {
        place.write("app.ndjson", recorded.replacen("1234567890123456", big, 1));
        assert_eq!(place.report("app.ndjson", &[])["finding_counts"]["payload.reserialized"], 1, "{big}");
        place.run(&["show", "app.ndjson", &format!("{chain}/1")]).stdout(predicate::str::ends_with(
            r#"
{
  "action": "a",
  "big": 1234567890123456,
  "n": {
    "$serde_json::private::Number": "7"
  },
  "none": [
    {},
    []
  ]
}
"#,
        ));
        place
            .run(&["slice", "app.ndjson", "--query", "big=1234567890123456", "-o", "slice.ndjson"])
            .success();
        assert!(!place.read("slice.ndjson").contains(big));
    }
}

/// Creates the sealed export `audit.ndjson` with more chains than a report lists, each with 21 failed logins of one
/// user. With the trust file `revoked.txt`, all are suspect, since their key's grant is void.
fn doubted(place: &Place) {
    let key = SignerKey::parse(place.read("app.key").trim()).unwrap();
    let mut export = header(ORIGIN);
    for chain in 0..=u8::try_from(LISTED).unwrap() {
        let time = |seconds: i64| Time::from_millis(1_795_000_000_000 + seconds * 1000).unwrap();
        let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time(0), &[chain; 16]).unwrap();
        recorder.sign_with(&key).unwrap();
        for n in 1..=21 {
            let actor = json!({"id": format!("u_{chain}")});
            let event = json!({"action": "session.login", "actor": actor, "outcome": "failure"}).to_string();
            let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
            recorder.record(&event, time(n), &[0; 16]).unwrap();
        }
        recorder.close(time(22)).unwrap();
        recorder.sign_with(&key).unwrap();
        export += &recorder.drain();
    }
    place.write("app.ndjson", export);
    place.seal(&[]);
    place.write("revoked.txt", format!("{}revoke {} -\n", place.read("trust.txt"), place.issuer));
}

#[test]
fn unlisted_chains_may_be_suspect() {
    let place = Place::new();
    doubted(&place);
    let signer_trusts = |args: &[&str], trust: &str| -> Vec<Value> {
        let mut command = place.command(&[args, &["audit.ndjson", "--trust", trust]].concat());
        let output = command.env("XDG_STATE_HOME", place.path("state")).output().unwrap().stdout;
        let text = String::from_utf8(output).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let all = lines.flat_map(|line| match &line["findings"] {
            Value::Array(findings) => findings.clone(),
            _ => vec![line],
        });
        all.map(|told| told["signer_trust"].clone()).collect()
    };
    for args in [
        &["show", "--json"][..],
        &["show", "--json", "--query", "", "--index"],
        &["analyze", "--format", "json"],
    ] {
        let (before, now) = (signer_trusts(args, "trust.txt"), signer_trusts(args, "revoked.txt"));
        assert!(
            before.len() > LISTED && before.iter().all(|signer_trust| signer_trust == "trusted"),
            "{args:?} {before:?}"
        );
        assert!(
            now.len() == before.len() && now.iter().all(|signer_trust| signer_trust == "suspect"),
            "{args:?} {now:?}"
        );
    }
}

#[test]
fn signers_have_the_trust_of_the_verdict() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut revoked = 0;
    for case in fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()) {
        let (export, trust) = (case.join("export.ndjson"), case.join("trust.txt"));
        let Ok(report) = fs::read(case.join("report.json")) else { continue };
        let report: Value = serde_json::from_slice(&report).unwrap();
        if !export.exists() || !trust.exists() || report["checks"]["signatures"]["state"] != "pass" {
            continue;
        }
        let mut command = Command::cargo_bin("countersign").unwrap();
        let output = command.args(["show", "--json", "--trust"]).args([&trust, &export]).output().unwrap();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["signer_trust"], "trusted", "{} {line}", case.display());
            let is_its = |signer: &&Value| signer["vkey"] == event["signer"];
            let signer = report["signers"].as_array().unwrap().iter().find(is_its);
            revoked += u32::from(signer.is_some_and(|signer| signer["trust"] == "revoked"));
        }
    }
    assert!(revoked > 0);
}
