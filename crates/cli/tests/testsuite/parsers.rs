//! Parsed third-party events, with built-in and custom parsers.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place};

/// Returns all samples of this source.
fn samples(source: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../query/tests/samples");
    let text = std::fs::read_to_string(format!("{folder}/{source}.ndjson")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recorded(place: &Place, events: &str) {
    place.write("in", events);
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "--no-redact", "in", "-o", "out.ndjson"])
        .success();
}

#[test]
fn parses_each_event_of_a_cloudtrail_delivery() {
    let place = Place::new();
    let samples = samples("cloudtrail");
    let events: Vec<String> = samples.iter().map(|sample| sample["event"].to_string()).collect();
    recorded(&place, &format!("{{\"Records\":[{}]}}", events.join(",")));
    let output = place.run(&["show", "out.ndjson", "--json"]).code(3).get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    for (line, sample) in text.lines().zip(&samples) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        for name in ["actor", "on_behalf_of", "target"] {
            if let Some(Value::Object(party)) = line["parsed"].get_mut(name) {
                // Queries also match these texts.
                party.remove("also");
            }
        }
        line["parsed"]
            .as_object_mut()
            .unwrap()
            .retain(|name, _| !["category", "within", "place"].contains(&name.as_str()));
        assert_eq!(line["parsed"], sample["read"]);
        // Parsed values are separate from the signed event.
        assert_eq!(line["event"].get("read"), None);
    }
    assert_eq!(text.lines().count(), samples.len());

    let table = place.run(&["show", "out.ndjson"]).code(3).get_output().stdout.clone();
    let table = String::from_utf8(table).unwrap();
    let row = table.lines().find(|line| line.contains("DeleteBucket")).unwrap();
    for cell in
        ["2026-03-02T09:15:27.000Z", "alice", "invoices-2019", "198.51.100.24", "success", "CloudTrail"]
    {
        assert!(row.contains(cell), "{cell}: {row}");
    }
    let columns = table.lines().find(|line| line.contains("CHAIN/SEQ")).unwrap();
    for column in ["HAPPENED", "FROM", "OUTCOME", "PARSED AS"] {
        assert!(columns.contains(column), "{columns}");
    }
    assert!(table.lines().any(|line| line.contains("RotateKey") && line.contains("not stated")), "{table}");

    assert!(!table.contains("no parser"), "{table}");
    let chain = place.chain("out.ndjson");
    place
        .run(&["show", "out.ndjson", &format!("{chain}/2")])
        .code(3)
        .stdout(predicate::str::contains("parsed as    CloudTrail; these parsed fields are not signed"))
        .stdout(predicate::str::contains("who          alice arn:aws:iam::111122223333:user/alice (user)"))
        .stdout(predicate::str::contains("to what      invoices-2019/2019/12.pdf (AWS::S3::Object)"))
        .stdout(predicate::str::contains("outcome      denied\nreason       AccessDenied\n"));
    // The event's own time counts, and is shown as such.
    place
        .run(&["show", "out.ndjson", "--query", "since:2026-03-02 until:2026-03-03 outcome:denied"])
        .code(3)
        .stdout(
            predicate::str::contains(format!("8 of {} verified events match", samples.len()))
                .and(predicate::str::contains("Times are when events happened, as they state.")),
        );
}

#[test]
fn finds_each_action_of_an_event() {
    let place = Place::new();
    let samples = samples("google-workspace");
    let several = samples.iter().find(|sample| sample["read"].get("also").is_some()).unwrap();
    recorded(&place, &format!("{}\n", several["event"]));
    place
        .run(&["show", "out.ndjson", "--query", "action:change_user_access"])
        .code(3)
        .stdout(predicate::str::contains("1 of 1 verified event matches"));
    let chain = place.chain("out.ndjson");
    place
        .run(&["show", "out.ndjson", &format!("{chain}/1")])
        .code(3)
        .stdout(predicate::str::contains("what         change_acl_editors, change_user_access\n"));
}

#[test]
fn reports_events_that_match_no_parser() {
    let place = Place::new();
    recorded(&place, "{\"event\":\"auth\",\"login\":\"root\"}\n{\"action\":\"a\"}\n{\"code\":\"T3007W\"}\n");
    let said = "2 events here match no parser";
    place.run(&["show", "out.ndjson"]).code(3).stdout(predicate::str::contains(said));
    place
        .run(&["show", "out.ndjson", "--query", "action:a"])
        .code(3)
        .stdout(predicate::str::contains("no parser").not());
}

#[test]
fn custom_parsers_come_first() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).unwrap();
    let till = r#"{"as":"till","when":{"till":{"type":"string"}},"action":"=sale","actor":{"id":"till"},"outcome":"=success"}"#;
    place.write("mine/till.json", till);
    place.write("mine/notes.txt", "not a parser");
    recorded(&place, "{\"till\":\"t-3\"}\n{\"till\":4}\n");
    for parsers in ["mine", "mine/till.json"] {
        let shown = place.run(&["show", "out.ndjson", "--json", "--parsers", parsers]).code(3);
        let lines = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
        let read: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["parsed"].clone())
            .collect();
        assert_eq!(read[0]["as"], "till");
        assert_eq!((&read[0]["actor"]["id"], &read[0]["outcome"]), (&"t-3".into(), &"success".into()));
        assert_eq!(read[1], Value::Null);
    }
    place
        .run(&["slice", "out.ndjson", "--parsers", "mine", "--query", "action:sale", "-o", "slice.ndjson"])
        .success();
    assert_eq!(place.report("slice.ndjson", &[])["counts"]["events"], 1);
}

#[test]
fn invalid_parsers_are_reported_with_a_hint() {
    let place = Place::new();
    place.sealed(1);
    std::fs::create_dir(place.path("none")).unwrap();
    place.write("bad.json", r#"{"as":"x","when":{"x":"1"},"action":"x","outcome":"=fine"}"#);
    for (parsers, says) in [
        ("bad.json", "error[parsers.invalid]: bad.json: field \"outcome[0]\": \"fine\" is not an outcome"),
        ("none", "error[parsers.none]: none: the directory contains no .json file"),
        ("missing.json", "error[io.not_found]: missing.json"),
    ] {
        place
            .run(&["show", "audit.ndjson", "--parsers", parsers])
            .code(2)
            .stderr(predicate::str::contains(says).and(predicate::str::contains("hint: ")));
    }
}
