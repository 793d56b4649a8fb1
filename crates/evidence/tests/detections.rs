//! Tests of the result of detection rules in a report: it is written with its rules, and refused once it contradicts
//! itself, its rules, or the rest of the report.

use countersign::Code;
use countersign::hash::Hash;
use countersign::trust::Trust;
use countersign::verify::{Options, Verifier};
use countersign_evidence::{
    Described, Detections, File, Frame, Scope, Tool, VerifiedEntries, canonical_report,
};
use serde_json::{Value, json};

const EXPORT: &[u8] = include_bytes!("../../../tests/vectors/log-two-chains/export.ndjson");
const TRUST: &[u8] = include_bytes!("../../../tests/vectors/log-two-chains/trust.txt");
/// A number that RFC 8785 would write in another way: the hash is that of the text as it is.
const PACK: &str = r#"{"countersign":"rules/v1","name":"ours","rules":[{"id":"granted","title":"Role Granted"},{"id":"exported","title":"Exported","weight":1.50}],"version":"2"}"#;
/// The largest number that JSON carries exactly.
const MAX: u64 = (1 << 53) - 1;
/// The entries of the events that verify.
const ENTRIES: [u64; 9] = [4, 5, 6, 7, 8, 9, 10, 11, 12];

fn report() -> String {
    let trust = Trust::parse(TRUST).unwrap();
    let mut verifier = Verifier::new(Options { trust, ..Options::default() });
    verifier.push(EXPORT);
    let report = verifier.finish().report;
    canonical_report(serde_json::to_string(&report).unwrap().as_bytes()).unwrap()
}

/// Returns the result of two rules that did not fire over 9 events.
fn quiet() -> Value {
    json!({
        "pack": {"name": "ours", "version": "2", "hash": Hash::digest(&[PACK.as_bytes()]).to_string(), "rules": 2},
        "engine": "7",
        "findings": 0,
        "digest": Hash::digest(&[]).to_string(),
        "rules": [],
        "coverage": {
            "events": 9, "unparsed": 2, "uncovered": 1, "rules": 2, "applicable": 1, "complete": false,
            "blind": [{"rule": "exported", "title": "Exported", "fields": ["metadata.count"], "events": 7}],
            "sources": [{"parser": "countersign", "events": 7, "covered": 6, "rules": 2}],
            "unclear_times": {"number": 3, "first_entry": 4},
            "unread": [{"parser": "countersign", "facts": ["kind"], "events": 2, "first_entry": 3}],
        },
        "limits": [],
        "future": null,
    })
}

fn parse(json: &Value) -> Result<Detections, countersign::Error> {
    Detections::parse(json.to_string().as_bytes())
}

fn file() -> File {
    let frame = Frame {
        file: Described::new("audit.ndjson", EXPORT),
        tool: Tool { name: "countersign".into(), version: "0.1.0".into(), sha256: Hash([3; 32]) },
        time: "2026-11-21T12:00:00.000Z".parse().unwrap(),
        trust: Some(Described::new("trust.txt", TRUST)),
        pins: Vec::new(),
        query: None,
        scope: Scope { events: 9, ..Scope::default() },
        detections: Some(parse(&quiet()).unwrap()),
        report: report(),
        slice: None,
        reference: String::new(),
        examiner: String::new(),
        papers: Vec::new(),
        sections: Vec::new(),
    };
    File {
        page: b"<!doctype html>\n<html></html>\n".to_vec(),
        frame,
        trust: Some(TRUST.to_vec()),
        pins: Vec::new(),
        rules: Some(PACK.into()),
        export: EXPORT.to_vec(),
    }
}

fn member(error: &countersign::Error) -> &str {
    assert_eq!(error.code, Code::Evidence, "{error}");
    error.member.as_deref().unwrap_or_default()
}

#[test]
fn file_with_rules_round_trips() {
    let bytes = file().write().unwrap();
    let read = File::read(&bytes).unwrap();
    assert!(read == file());
    assert!(read.write().unwrap() == bytes);
}

#[test]
fn rules_must_be_those_that_the_report_names() {
    for (rules, expected) in
        [(None, "rules"), (Some(PACK.replace("1.50", "1.5")), "rules"), (Some(String::new()), "rules")]
    {
        let file = File { rules: rules.map(String::into_bytes), ..file() };
        assert_eq!(member(&file.write().unwrap_err()), expected);
    }
    let mut none = file();
    none.frame.detections = None;
    assert_eq!(member(&none.write().unwrap_err()), "rules");
    for (field, value) in [("name", json!("countersign")), ("version", json!("3"))] {
        let mut other = file();
        let mut detections = quiet();
        detections["pack"][field] = value;
        other.frame.detections = Some(parse(&detections).unwrap());
        assert_eq!(member(&other.write().unwrap_err()), "pack");
    }
    let mut other = file();
    let mut detections = quiet();
    detections["coverage"]["blind"][0]["title"] = json!("Imported");
    other.frame.detections = Some(parse(&detections).unwrap());
    assert_eq!(member(&other.write().unwrap_err()), "rules");
}

#[test]
fn result_must_be_that_of_running_the_rules_again() {
    let frame = file().frame;
    let shown = |detections: Option<Value>| VerifiedEntries {
        leaves: ENTRIES.to_vec(),
        detections: detections.map(|json| parse(&json).unwrap()),
        ..VerifiedEntries::default()
    };
    let agrees = |now| frame.agrees(report().as_bytes(), &shown(now));
    agrees(Some(quiet())).unwrap();
    assert_eq!(member(&agrees(None).unwrap_err()), "detections");
    let changed = |pointer: &str, value: Value| {
        let mut now = quiet();
        *now.pointer_mut(pointer).unwrap() = value;
        now
    };
    for (now, expected) in [
        (changed("/engine", json!("8")), "engine"),
        (changed("/pack/version", json!("3")), "pack"),
        (changed("/coverage/blind/0/events", json!(6)), "coverage"),
        (changed("/future", json!({"number": 1, "first_entry": 4})), "findings"),
    ] {
        assert_eq!(member(&agrees(Some(now)).unwrap_err()), expected);
    }
    let mut fired = quiet();
    fired["findings"] = json!(1);
    fired["rules"] = json!([{"rule": "granted", "title": "Role Granted", "level": "high", "findings": 1}]);
    fired["digest"] = json!(Hash([1; 32]).to_string());
    assert_eq!(member(&agrees(Some(fired)).unwrap_err()), "findings");
}

#[test]
fn contradictions_are_refused() {
    let finding = |level: &str, count: u64| json!({"rule": "granted", "title": "Role Granted", "level": level, "findings": count});
    for (pointer, value, expected) in [
        ("/findings", json!(1), "rules"),
        ("/findings", json!(100_001), "findings"),
        ("/rules", json!([finding("high", 1)]), "rules"),
        ("/rules", json!([finding("high", MAX), finding("low", MAX)]), "rules"),
        ("/rules", json!([finding("urgent", 1)]), "level"),
        ("/digest", json!(Hash([1; 32]).to_string()), "digest"),
        ("/digest", json!("short"), "digest"),
        ("/coverage/complete", json!(true), "complete"),
        ("/coverage/unparsed", json!(10), "coverage"),
        ("/coverage/unparsed", json!(1), "coverage"),
        ("/coverage/uncovered", json!(0), "coverage"),
        ("/coverage/uncovered", json!(8), "coverage"),
        ("/coverage/unclear_times", json!({"number": 8, "first_entry": 4}), "coverage"),
        ("/coverage/unread/0/events", json!(8), "coverage"),
        ("/coverage/unread", json!([{"parser": "countersign"}]), "facts"),
        ("/coverage/rules", json!(3), "coverage"),
        ("/coverage/applicable", json!(2), "coverage"),
        ("/coverage/applicable", json!(MAX), "coverage"),
        ("/coverage/sources/0/events", json!(MAX), "coverage"),
        ("/coverage/sources/0/covered", json!(8), "coverage"),
        ("/future", json!({"number": 0, "first_entry": 4}), "number"),
        ("/limits", json!([{"rule": "granted"}]), "groups"),
    ] {
        let mut json = quiet();
        *json.pointer_mut(pointer).unwrap() = value.clone();
        let error = parse(&json).expect_err(pointer);
        assert_eq!(member(&error), expected, "{pointer} {value}");
    }
}

#[test]
fn result_stands_alone_in_its_report() {
    let json: Value = serde_json::from_slice(&file().frame.to_json().unwrap()).unwrap();
    for (pointer, value, expected) in [
        ("/scope/events", json!(8), "coverage"),
        ("/query", json!("action:login"), "examined"),
        ("/detections", json!([]), "detections"),
    ] {
        let mut json = json.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        assert_eq!(member(&Frame::parse(json.to_string().as_bytes()).unwrap_err()), expected, "{pointer}");
    }
}
