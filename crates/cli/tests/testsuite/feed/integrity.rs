//! OTLP records are signed when they are sent, and verified when they are recorded.

use predicates::prelude::*;
use predicates::str::contains;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use serde_json::Value;

use super::fed;
use crate::common::{ORIGIN, Place};

const KEY: [&str; 4] = ["--integrity-key", "feed.key", "--integrity-certificate", "feed.pem"];

/// Writes a private key and its certificate.
fn certify(place: &Place, name: &str) {
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let certificate = CertificateParams::new(vec!["feed.example".into()]).unwrap().self_signed(&key).unwrap();
    place.write(&format!("{name}.key"), key.serialize_pem());
    place.write(&format!("{name}.pem"), certificate.pem());
}

/// Returns the arguments that record a file of log records.
fn record<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let first = ["record", "--key", "app.key", "--origin", ORIGIN, file, "--no-redact"];
    [&first[..], more, &["-o", "records.ndjson"]].concat()
}

/// Returns a place with the signed records of four events.
fn signed() -> Place {
    let place = Place::new();
    place.sealed(4);
    certify(&place, "feed");
    let lines = fed(&place, &[&["--to", "otlp"][..], &KEY].concat());
    assert_eq!(lines.len(), 4);
    place.write("otlp.ndjson", lines.join("\n") + "\n");
    place
}

#[test]
fn signed_records_verify_and_say_so() {
    let place = signed();
    let certificate = ["--integrity-certificate", "feed.pem"];
    place.run(&record("otlp.ndjson", &certificate)).success();
    let export = place.read("records.ndjson");
    let note = r#"{"key":"countersign.integrity.verified_with","value":{"stringValue":"sha256:"#;
    assert_eq!(export.matches(note).count(), 4);
    // One request with all records, as a collector writes it.
    let mut request: Value = serde_json::from_str(place.read("otlp.ndjson").lines().next().unwrap()).unwrap();
    let records: Vec<Value> = place
        .read("otlp.ndjson")
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0].clone()
        })
        .collect();
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"] = records.into();
    place.write("request.json", request.to_string());
    place.run(&record("request.json", &certificate)).success();
    assert_eq!(place.read("records.ndjson").matches(note).count(), 4);
    // The note can't be claimed: neither in a record that is verified, nor in one that isn't.
    let claimed = place.read("otlp.ndjson").replace("log.record.uid", "countersign.integrity.verified_with");
    place.write("claimed.ndjson", claimed);
    for more in [&certificate[..], &[]] {
        place.run(&record("claimed.ndjson", more)).code(1).stderr(contains("event.integrity"));
    }
    // Without a key, the records are recorded, with a warning.
    place
        .run(&record("otlp.ndjson", &[]))
        .success()
        .stderr(contains("audit.integrity.value were not verified").count(1));
    assert_eq!(place.read("records.ndjson").matches(note).count(), 0);
}

#[test]
fn altered_unsigned_and_other_records_are_rejected() {
    let place = signed();
    certify(&place, "other");
    let text = place.read("otlp.ndjson");
    let certificate = ["--integrity-certificate", "feed.pem"];
    let rejected = |file: &str, more: &[&str], why: &str| {
        place
            .run(&record(file, more))
            .code(1)
            .stderr(contains("event.integrity").and(contains(why)).and(contains("line 3")));
    };
    let third = |from: &str, to: &str| {
        let changed = text.lines().enumerate().map(|(nth, line)| {
            assert!(line.contains(from), "{line}");
            if nth == 2 { line.replace(from, to) + "\n" } else { format!("{line}\n") }
        });
        place.write("changed.ndjson", changed.collect::<String>());
    };
    third(r#"\"action\":\""#, r#"\"action\":\"not."#);
    rejected("changed.ndjson", &certificate, "does not verify");
    rejected("changed.ndjson", &certificate, "hint: the record was altered, signed with another key, or");
    third(r#"{"resourceLogs":"#, r#"{"action":"job.create","resourceLogs":"#);
    rejected("changed.ndjson", &certificate, "doesn't cover the field action");
    third("audit.integrity.value", "audit.integrity.other");
    rejected("changed.ndjson", &certificate, "doesn't cover the field attributes.audit.integrity.other");
    third("audit.integrity.value", "audit.value");
    rejected("changed.ndjson", &certificate, "has no audit.integrity.value");
    third("EdDSA", "ES256");
    rejected("changed.ndjson", &certificate, "ES256");
    third(r#""stringValue":"sha256:"#, r#""stringValue":"sha256:0"#);
    rejected("changed.ndjson", &certificate, "another certificate");
    let plain = text.lines().take(2).chain([r#"{"action":"a"}"#]).map(|line| format!("{line}\n"));
    place.write("plain.ndjson", plain.collect::<String>());
    rejected("plain.ndjson", &certificate, "not an OTLP export");
    place
        .run(&record("otlp.ndjson", &["--integrity-certificate", "other.pem"]))
        .code(1)
        .stderr(contains("another certificate"));
    place
        .run(&record("otlp.ndjson", &["--integrity-certificate", "otlp.ndjson"]))
        .code(2)
        .stderr(contains("integrity.key"));
}

#[test]
fn records_can_be_authenticated_with_a_shared_key() {
    let place = Place::new();
    place.sealed(3);
    place.write("hmac.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let lines = fed(&place, &["--to", "otlp", "--integrity-hmac-key", "hmac.key"]);
    place.write("otlp.ndjson", lines.join("\n") + "\n");
    let hmac = ["--integrity-hmac-key", "hmac.key"];
    place.run(&record("otlp.ndjson", &hmac)).success();
    let note = r#""countersign.integrity.verified_with","value":{"stringValue":"HMAC-SHA256"}"#;
    assert_eq!(place.read("records.ndjson").matches(note).count(), 3);
    place.write("otlp.ndjson", place.read("otlp.ndjson").replace(r#"\"action\":\""#, r#"\"action\":\"not."#));
    place.run(&record("otlp.ndjson", &hmac)).code(1).stderr(contains("does not verify"));
    // Only OTLP has these attributes.
    let feed = ["feed", "audit.ndjson", "--trust", "trust.txt", "--to", "ocsf"];
    place.run(&[&feed[..], &hmac].concat()).code(2).stderr(contains("can't be signed"));
}
