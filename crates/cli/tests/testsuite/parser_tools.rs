//! `countersign parsers`: the tools for writing parsers.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::Place;

const EVENT: &str = r#"{"till":"t-3","what":"sale","at":1772442927.5,"clerk":{"badge":"b-9"},"net":{"ip":"192.0.2.7"},"bank":{"code":51}}"#;

const PARSER: &str = r#"{
  "as": "till",
  "when": {"till": {"type": "string"}, "what": ["sale", "refund"]},
  "time": {"value": "at", "unit": "s"},
  "action": "=till.{what}",
  "actor": {"id": ["clerk.name", "clerk.badge"]},
  "address": "net.ip",
  "outcome": {"value": "=denied", "when": {"bank.code": {"from": 50, "to": 59}}},
  "reason": "bank.text"
}"#;

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn explains_each_fact_and_its_sources() {
    let place = Place::new();
    place.write("till.json", PARSER);
    place.write("events.ndjson", format!("{{\"till\":\"t-3\",\"what\":\"drawer\"}}\n{EVENT}\n"));
    let run = |arguments: &[&str]| {
        place.run(&[&["parsers", "explain", "events.ndjson", "--parsers", "till.json"], arguments].concat())
    };
    run(&["--line", "2"]).success().stdout(
        predicate::str::contains("✓ Parsed as till.")
            .and(predicate::str::contains("action       till.sale\n             ← ={what}").not())
            .and(predicate::str::contains("action       till.sale\n             ← =till.{what}"))
            .and(predicate::str::contains(
                "– clerk.name: nothing is there\n             ← clerk.badge = \"b-9\"",
            ))
            .and(predicate::str::contains(
                "reason       not stated\n             – bank.text: nothing is there",
            )),
    );
    let explained = json(&run(&["--line", "2", "--json"]).success().get_output().stdout);
    assert_eq!(explained["parsed"]["outcome"], "denied");
    assert_eq!(explained["parsers"][0]["fits"], true);
    // The first event is explained by default. No parser fits it.
    run(&[])
        .code(1)
        .stdout(predicate::str::contains("till: `what` is \"drawer\", but must be \"sale\" or \"refund\""));
    run(&["--line", "3"]).code(2).stderr(predicate::str::contains("no event starts on line 3"));
}

#[test]
fn an_export_is_not_an_event() {
    let place = Place::new();
    place.sealed(1);
    place
        .run(&["parsers", "explain", "audit.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("this is an export").and(predicate::str::contains("hint: ")));
}

#[test]
fn lists_parsers_with_their_documentation() {
    let place = Place::new();
    place.write("till.json", PARSER);
    place.run(&["parsers", "list", "--parsers", "till.json"]).success().stdout(
        predicate::str::contains("6 of 7, no target")
            .and(predicate::str::contains("https://developer.okta.com/")),
    );
    let listed =
        json(&place.run(&["parsers", "list", "--parsers", "till.json", "--json"]).get_output().stdout);
    assert_eq!(listed["parsers"][0]["as"], "till");
    assert_eq!(listed["parsers"][0]["documentation"], Value::Null);
}

const DOORS: &str = r#"{"event_type":"door.opened","created_at":"2026-03-02T09:15:27Z","user":{"id":"u_7","name":"Ada"},"resource":{"id":"d-1","type":"door"},"ip":"192.0.2.7","result":"granted","source":"doors"}
{"event_type":"door.refused","created_at":"2026-03-02T09:16:27Z","user":{"id":"u_8"},"resource":{"id":"d-1","type":"door"},"ip":"192.0.2.8","result":"denied","source":"doors"}
{"event_type":"door.stuck","created_at":"2026-03-02T09:17:27Z","user":{"id":"u_8"},"resource":{"id":"d-1","type":"door"},"ip":"192.0.2.8","result":"pending","source":"doors"}
"#;

#[test]
fn drafts_a_parser_whose_cases_pass() {
    let place = Place::new();
    place.write("events.ndjson", DOORS);
    place
        .run(&[
            "parsers",
            "new",
            "events.ndjson",
            "--name",
            "doors",
            "-o",
            "doors.json",
            "--cases",
            "doors.cases.ndjson",
        ])
        .success();
    let parser = json(&std::fs::read(place.path("doors.json")).unwrap());
    assert_eq!(parser["as"], "doors");
    assert_eq!(parser["when"]["source"], "doors");
    // Only values that were seen and whose meaning is clear.
    assert_eq!(parser["outcome"]["map"], serde_json::json!({"granted": "success", "denied": "denied"}));
    for fact in ["time", "action", "actor", "target", "address", "outcome"] {
        assert!(parser[fact]["doc"].as_str().unwrap().starts_with("guessed: "), "{fact}");
    }
    let cases = std::fs::read_to_string(place.path("doors.cases.ndjson")).unwrap();
    let parsed: Vec<Value> = cases.lines().map(|line| json(line.as_bytes())["parsed"].clone()).collect();
    assert_eq!(parsed[0]["actor"], serde_json::json!({"id": "u_7", "name": "Ada"}));
    assert_eq!(parsed[0]["target"], serde_json::json!({"id": "d-1", "type": "door"}));
    assert_eq!(parsed[2]["outcome"], "not stated");
    place.run(&["parsers", "test", "doors.json"]).success().stdout("✓ 1 parser, 3 cases passed\n");
    // Without cases, nothing is said to have passed.
    let doors = std::fs::read_to_string(place.path("doors.json")).unwrap();
    place.write("untested.json", doors);
    let untested = place.run(&["parsers", "test", "untested.json"]).success();
    untested
        .stdout("✓ 1 parser, valid; there are no cases\n")
        .stderr(predicate::str::contains("no test cases"));
    place
        .run(&["parsers", "coverage", "events.ndjson", "--parsers", "doors.json"])
        .success()
        .stdout(predicate::str::contains("✓ 3 events parsed, none without a parser."));
}

#[test]
fn drafts_nothing_from_events_without_a_common_field() {
    let place = Place::new();
    place.write("events.ndjson", "{\"a\":\"x\"}\n{\"b\":\"x\"}\n");
    place
        .run(&["parsers", "new", "events.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("no field in common").and(predicate::str::contains("hint: ")));
    // One of the events is enough for a draft.
    let draft =
        place.run(&["parsers", "new", "events.ndjson", "--line", "2"]).success().get_output().stdout.clone();
    assert_eq!(json(&draft)["when"], serde_json::json!({"b": {"type": "string"}}));
    assert_eq!(json(&draft).get("outcome"), None);
}

#[test]
fn test_cases_show_differences_field_by_field() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).unwrap();
    place.write("mine/till.json", PARSER);
    place.run(&["parsers", "test", "mine"]).success().stderr(predicate::str::contains("has no test cases"));
    let parsed = r#"{"as":"till","time":"2026-03-02T09:15:27.500Z","action":"till.refund","actor":{"id":"b-9","name":"Ada"},"address":"192.0.2.7","outcome":"denied"}"#;
    let cases =
        format!("{{\"event\":{EVENT},\"parsed\":{parsed}}}\n{{\"event\":{{\"a\":1}},\"parsed\":null}}\n");
    place.write("mine/till.cases.ndjson", &cases);
    place.run(&["parsers", "test", "mine"]).code(1).stdout(
        predicate::str::contains("till.cases.ndjson:1: the parsed facts differ")
            .and(predicate::str::contains("    action: \"till.sale\" instead of \"till.refund\"\n"))
            .and(predicate::str::contains("    actor.name: nothing instead of \"Ada\"\n"))
            .and(predicate::str::contains("✗ 1 parser, 1 case passed, 1 failed")),
    );
    place.write("mine/till.cases.ndjson", "{\"event\":{},\"read\":null}\n");
    place
        .run(&["parsers", "test", "mine"])
        .code(2)
        .stderr(predicate::str::contains("line 1: the field \"read\" is unknown"));
}

#[test]
fn each_invalid_parser_is_reported_with_its_place() {
    let place = Place::new();
    std::fs::create_dir(place.path("mine")).unwrap();
    let outcome = "\"outcome\": {\"value\": \"=denied\"";
    place.write("mine/a.json", PARSER.replace(outcome, "\"outcome\": {\"value\": \"=refused\""));
    place.write("mine/b.json", "{\n  \"as\": \"b\",,\n}\n");
    place.write("mine/c.json", PARSER.replace("\"what\": [", "\"what\": [null, "));
    place.run(&["parsers", "test", "mine"]).code(1).stdout(
        predicate::str::contains("a.json:8:14: outcome[0]: \"refused\" is not an outcome\n  hint: ")
            .and(predicate::str::contains("b.json:2:13: key must be a string"))
            .and(predicate::str::contains("c.json:3:49: when.what[0]: "))
            .and(predicate::str::contains("✗ 3 of 3 parser files are invalid")),
    );
}

#[test]
fn coverage_groups_events_without_a_parser_by_shape() {
    let place = Place::new();
    let own = r#"{"action":"session.login","actor":{"id":"u_1"}}"#;
    let events = format!(
        "{{\"till\":\"secret\",\"clerk\":{{\"badge\":1}}}}\n{{\"till\":\"b\",\"clerk\":{{\"badge\":2}}}}\n{{\"temperature\":3}}\n{own}\n"
    );
    place.write("events.ndjson", &events);
    let run = |arguments: &[&str]| {
        place.run(&[&["parsers", "coverage", "events.ndjson"], arguments].concat()).success()
    };
    run(&[]).stdout(
        predicate::str::contains(
            "3 of 4 events (75%) have no parser; rules that use parsed facts can't match them.",
        )
        .and(predicate::str::contains(
            "shape 1: 2 events without a parser\n  clerk.badge number, till string\n",
        ))
        .and(predicate::str::contains("shape 2: 1 event without a parser\n  temperature number\n"))
        .and(predicate::str::contains("`countersign parsers new`, and add it to commands with --parsers"))
        .and(predicate::str::contains("secret").not()),
    );
    run(&["--examples"]).stdout(predicate::str::contains("\"till\":\"secret\""));
    let report = json(&run(&["--json", "--max-shapes", "1"]).get_output().stdout);
    assert_eq!(
        (&report["events"], &report["parsed"], &report["unparsed"], &report["of_further_shapes"]),
        (&4.into(), &1.into(), &3.into(), &1.into())
    );
    assert_eq!(report["parsers"], serde_json::json!({"countersign": 1}));
    run(&["--draft", "drafts"]).stdout(predicate::str::contains("draft: drafts/draft-1.json"));
    run(&["--parsers", "drafts"]).stdout(predicate::str::contains("none without a parser"));
    place
        .run(&["parsers", "coverage", "events.ndjson", "--draft", "drafts"])
        .code(2)
        .stderr(predicate::str::contains("the directory for drafts is not empty"));
}

#[test]
fn coverage_counts_only_verified_events_of_an_export() {
    let place = Place::new();
    place.write("in", "{\"till\":\"a-1\"}\n{\"till\":\"a-2\"}\n");
    place
        .run(&["record", "--key", "app.key", "--origin", crate::common::ORIGIN, "in", "-o", "out.ndjson"])
        .success();
    let counted = |file: &str, code| {
        let found = json(&place.run(&["parsers", "coverage", file, "--json"]).code(code).get_output().stdout);
        ["unparsed", "unexamined"].map(|name| found[name].as_u64().unwrap())
    };
    assert_eq!(counted("out.ndjson", 0), [2, 0]);
    let text = std::fs::read_to_string(place.path("out.ndjson")).unwrap();
    place.write("altered.ndjson", text.replace("a-2", "a-3"));
    assert_eq!(counted("altered.ndjson", 1), [1, 1]);
    // A parser for all of them doesn't make the others look examined.
    place.write(
        "till.json",
        r#"{"as":"till","when":{"till":{"type":"string"}},"action":"till","actor":{"id":"till"}}"#,
    );
    let covered = |file: &str, code| {
        let args = ["parsers", "coverage", file, "--parsers", "till.json"];
        String::from_utf8(place.run(&args).code(code).get_output().stdout.clone()).unwrap()
    };
    assert!(covered("out.ndjson", 0).starts_with("✓ 2 events parsed, none without a parser.\n"));
    // A parser that finds no actor is named.
    let till = place.read("till.json");
    place.write("till.json", till.replace(r#","actor":{"id":"till"}"#, ""));
    let without = covered("out.ndjson", 0);
    assert!(without.starts_with("? 2 events parsed, none without a parser.\n"), "{without}");
    assert!(without.contains("! till: the parser finds no actor in any of its 2 events."), "{without}");
    place.write("till.json", till);
    let altered = covered("altered.ndjson", 1);
    assert!(altered.starts_with("? 1 event parsed, none of these without a parser.\n"), "{altered}");
    assert!(altered.contains("1 more event could not be examined"), "{altered}");
}
