//! Formats: valid for public validators, with additional checks here.

use std::collections::BTreeSet;

use countersign::merkle::leaf_hash;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

use super::fed;
use crate::common::third_party;
use crate::common::{ORIGIN, Place, validators};

/// Seals all third-party events.
fn real() -> Option<Place> {
    let folder = third_party("real-events")?;
    let place = Place::new();
    let mut text = String::new();
    for source in std::fs::read_dir(folder).unwrap() {
        text += &std::fs::read_to_string(source.unwrap().path().join("events.ndjson")).unwrap();
    }
    place.write("events.ndjson", text);
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    place.seal(&[]);
    Some(place)
}

fn values(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn formats_are_valid_and_refer_to_proofs() {
    let Some(place) = real() else { return };
    let report = place.report("audit.ndjson", &[]);
    let log = &report["log"];
    let own = values(&fed(&place, &["--to", "ndjson", "--findings"]));
    let (events, alerts): (Vec<&Value>, Vec<&Value>) = own.iter().partition(|one| one["kind"] == "event");
    assert_eq!(events.len(), 646);
    assert!(alerts.len() > 20, "{}", alerts.len());
    // Ids are distinct, and depend only on events and findings.
    let ids: BTreeSet<&str> = own.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), own.len());
    for one in &events {
        assert_eq!(one["id"], format!("{}/{}", one["chain"].as_str().unwrap(), one["seq"]));
    }
    let analyzed = place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--format", "json"]);
    let analyzed: Value = serde_json::from_slice(&analyzed.get_output().stdout).unwrap();
    let found: BTreeSet<&str> =
        analyzed["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(alerts.iter().map(|one| one["id"].as_str().unwrap()).collect::<BTreeSet<_>>(), found);
    // A finding's record names up to 256 of the finding's entries.
    for one in &alerts {
        let entries = one["found"]["finding"]["entries"].as_array().unwrap();
        assert_eq!(one["entries"].as_array().unwrap()[..], entries[..entries.len().min(256)]);
        assert!(one["entry"].is_u64(), "{one}");
    }
    for one in &own {
        assert_eq!((&one["log"]["root"], &one["log"]["size"]), (&log["root"], &log["size"]));
        assert_eq!(one["signer_trust"], "trusted");
    }
    // Each row refers to its proof.
    let row = events[500];
    let shown =
        place.run(&["show", "audit.ndjson", row["id"].as_str().unwrap(), "--trust", "trust.txt", "--json"]);
    let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!((&shown["entry"], &shown["event"]), (&row["entry"], &row["event"]));

    let Some(python) = validators::python() else { return };
    let checked = |format: &str, script: &str| -> (Vec<String>, Vec<Value>) {
        let lines = fed(&place, &["--to", format, "--findings"]);
        assert_eq!(lines.len(), own.len());
        let said = validators::run(&python, script, (lines.join("\n") + "\n").as_bytes());
        (lines, said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };

    let (lines, said) = checked("ocsf", include_str!("../../../../../tests/validators/check_ocsf.py"));
    assert_eq!(said[0]["record_integrity"], 646);
    for class in ["1008", "2004", "3001", "3002", "3004", "6003"] {
        assert!(said[0][class].as_u64().is_some_and(|number| number > 0), "{class}: {}", said[0]);
    }
    for (line, own) in values(&lines).iter().zip(&own) {
        // The schema allows any type of a class with any activity.
        let number = |name: &str| line[name].as_u64().unwrap();
        assert_eq!(number("type_uid"), number("class_uid") * 100 + number("activity_id"));
        assert_eq!(line["metadata"]["uid"], own["id"]);
        let proof = &line["unmapped"]["countersign"];
        for name in ["entry", "seq", "signer_trust", "finding"] {
            assert_eq!(proof[name], own[name], "{name}");
        }
        let is_event = own["kind"] == "event";
        let chain = if is_event { &line["attestation_list"][0]["chain_uid"] } else { &proof["chain"] };
        assert_eq!(*chain, own["chain"]);
        assert_eq!((&proof["root"], &proof["size"]), (&log["root"], &log["size"]));
        let stated = own["parsed"]["outcome"].as_str().is_some_and(|outcome| outcome != "not stated");
        assert!(own["kind"] != "event" || line.get("status_id").is_some() == stated, "{line}");
    }

    let (_, said) =
        checked("cloudevents", include_str!("../../../../../tests/validators/check_cloudevents.py"));
    for (said, own) in said.iter().zip(&own) {
        let kind = format!("countersign.{}", own["kind"].as_str().unwrap());
        assert_eq!(*said, json!([own["id"], ORIGIN, kind]));
    }

    let (_, said) = checked("otlp", include_str!("../../../../../tests/validators/check_otlp.py"));
    for (said, own) in said.iter().zip(&own) {
        let time: countersign::time::Time = own["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(said[0].as_i64(), Some(time.millis() * 1_000_000));
        let levels = match own["found"]["finding"]["level"].as_str() {
            Some("low") => 10..=10,
            Some("medium") => 13..=13,
            Some("high") => 17..=17,
            Some("critical") => 21..=21,
            _ => 9..=13,
        };
        assert!(levels.contains(&said[1].as_u64().unwrap()), "{said} {own}");
    }

    let (lines, said) = checked("syslog", include_str!("../../../../../tests/validators/check_syslog.py"));
    for ((said, own), line) in said.iter().zip(&own).zip(&lines) {
        assert!(line.len() <= 8192);
        assert_eq!((&said[0], &said[3]), (&json!("audit"), &json!(ORIGIN)));
        let parameters = &said[5]["countersign@32473"];
        assert_eq!(parameters["id"], own["id"]);
        assert_eq!(parameters["root"], log["root"]);
    }

    // This parser keeps the backslash of an escaped equals sign; strict parsers are in the crate's tests.
    let (_, said) = checked("cef", include_str!("../../../../../tests/validators/check_cef.py"));
    for (said, own) in said.iter().zip(&own) {
        assert_eq!((&said["DeviceVendor"], &said["id"]), (&json!("countersign"), &own["id"]));
        assert_eq!(said["root"].as_str().unwrap().replace("\\=", "="), *log["root"].as_str().unwrap());
    }

    let lines = values(&fed(&place, &["--to", "ecs", "--findings"]));
    for (line, own) in lines.iter().zip(&own) {
        assert_eq!((&line["event"]["id"], &line["countersign"]["entry"]), (&own["id"], &own["entry"]));
    }
}

/// Recomputes the attestations from the export's links: a consumer can follow the chain in the schema's own fields.
#[test]
fn ocsf_attestations_are_the_links_of_the_export() {
    let place = Place::new();
    place.write("events.ndjson", "{\"action\":\"job.delete\"}\n".repeat(7));
    let record = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "--sign-every", "3"];
    place.run(&[&record[..], &["-o", "app.ndjson"]].concat()).success();
    place.seal(&[]);
    let links: Vec<String> =
        values(&place.read("audit.ndjson").lines().map(str::to_owned).collect::<Vec<_>>())
            .iter()
            .filter_map(|line| line["link"].as_str().map(str::to_owned))
            .collect();
    let records = values(&fed(&place, &["--to", "ocsf"]));
    assert_eq!((links.len(), records.len()), (9, 7));
    for (nth, record) in records.iter().enumerate() {
        let (previous, link) = (&links[nth], &links[nth + 1]);
        let hash = |link: &str| leaf_hash(link.as_bytes()).to_string();
        let attestation = &record["attestation_list"][0];
        let fingerprint = |value: String| {
            json!({
                "algorithm_id": 3, "algorithm": "SHA-256", "encoding_id": 2, "encoding": "Base64",
                "serialization_id": 99, "serialization": "countersign/v1 link", "value": value,
            })
        };
        assert_eq!(attestation["fingerprint"], fingerprint(hash(link)));
        assert_eq!(attestation["authority_uid"], "example.com/app");
        assert_eq!(attestation["uid"], record["metadata"]["uid"]);
        assert_eq!(record["metadata"]["profiles"], json!(["record_integrity"]));
        let proof = &record["unmapped"]["countersign"];
        if nth == 0 {
            // The link before it opens the chain, and is not an event.
            assert_eq!(attestation.get("prev_event"), None);
            assert_eq!(proof["prev"], hash(previous));
        } else {
            let uid = &records[nth - 1]["metadata"]["uid"];
            let expected = json!({ "uid": uid, "fingerprint": fingerprint(hash(previous)) });
            assert_eq!(attestation["prev_event"], expected);
            assert_eq!(proof.get("prev"), None);
        }
        // Every third link has a signature of its own, and so has the link that closes the chain.
        let fields: Vec<&str> = link.split(' ').collect();
        let is_signed = fields.len() == 8;
        assert_eq!(is_signed, (nth + 1).is_multiple_of(3));
        assert_eq!(proof["signature"].as_str(), is_signed.then(|| fields[7]));
        let algorithm = &attestation["signatures"][0]["algorithm"];
        assert_eq!(algorithm.as_str(), is_signed.then_some("Ed25519"));
        assert_eq!(attestation.get("signatures").is_some(), is_signed);
    }
}

#[test]
fn unverified_events_are_not_sent() {
    let place = Place::new();
    place.sealed(9);
    let whole = place.read("audit.ndjson");
    assert_eq!(fed(&place, &["--to", "ecs"]).len(), 9);
    let args = ["feed", "audit.ndjson", "--trust", "trust.txt", "--to", "ecs"];
    // The last event is altered, so earlier events are not sent either.
    let (before, after) = whole.rsplit_once("\"event\":{").unwrap();
    place.write("audit.ndjson", format!("{before}\"event\":{{\"forged\":true,{after}"));
    place.run(&args).code(1).stdout("").stderr(contains("feed.not_verified").and(contains("altered")));
    place.write("audit.ndjson", &whole);
    // The root of an untrusted log shows nothing.
    let other = place.keygen(ORIGIN, "other.key");
    place.write("other.txt", format!("log {other}\nemitter {}\n", place.app));
    place
        .run(&["feed", "audit.ndjson", "--trust", "other.txt", "--to", "ecs"])
        .code(2)
        .stdout("")
        .stderr(contains("feed.not_verified").and(contains("the check log")));
    // Without a checkpoint, there is no proof.
    place
        .run(&["feed", "app.ndjson", "--trust", "trust.txt", "--to", "ecs"])
        .code(2)
        .stdout("")
        .stderr(contains("feed.no_checkpoint"));
    // Signers without a grant are reported.
    place.write("trust.txt", format!("log {}\n", place.log));
    let lines = values(&fed(&place, &["--to", "ecs"]));
    assert!(lines.iter().all(|line| line["countersign"]["signer_trust"] == "untrusted"), "{lines:?}");
}

#[test]
fn queries_select_and_states_resume() {
    let place = Place::new();
    place.sealed(9);
    let lines = fed(&place, &["--to", "ndjson", "--query", "n:3"]);
    assert_eq!((lines.len(), values(&lines)[0]["event"]["n"].clone()), (1, json!(3)), "{lines:?}");
    let state = ["--to", "ndjson", "--state", "state"];
    assert_eq!(fed(&place, &state).len(), 9);
    assert_eq!(fed(&place, &state).len(), 0);
    // The log has grown, and the new events are sent.
    place.grow(4);
    place.write("audit.ndjson", place.read("grown.ndjson"));
    assert_eq!(fed(&place, &state).len(), 4);
    // Another log with this origin does not continue it.
    place.record(20, "app.ndjson");
    place.seal(&[]);
    let args = [&["feed", "audit.ndjson", "--trust", "trust.txt"], &state[..]].concat();
    place.run(&args).code(1).stdout("").stderr(contains("feed.not_verified"));
}
