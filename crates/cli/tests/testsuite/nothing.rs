//! Output such as "nothing", "none", "met" or "all" requires that all events were covered.

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::{ORIGIN, Place};

/// Events that match no parser; events without rules for their source; and events that a parser recognizes, but doesn't
/// read.
const UNSEEN: [(&str, &str); 6] = [
    ("no parser", r#"{"what":"door opened","who":"badge 7","when":"2026-03-02T10:00:00Z"}"#),
    (
        "no rule",
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772442927000000000","eventName":"order.frobnicate","body":{"stringValue":"x"}}]}]}]}"#,
    ),
    (
        "another product's fields",
        r#"{"action":"user.logged_in","actor":{"id":"u_1","type":"user"},"success":false,"occurred_at":"2026-03-02T09:15:27Z"}"#,
    ),
    (
        "an unknown kind",
        r#"{"time":"2026-03-02T09:15:27Z","resourceId":"/SUBSCRIPTIONS/S/RESOURCEGROUPS/R/PROVIDERS/X","operationName":"LogEvent","category":"PostgreSQLLogs","properties":{"message":"password authentication failed"}}"#,
    ),
    (
        "no actor",
        r#"{"eventTime":"2026-03-02T09:15:27Z","eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","sourceIPAddress":"203.0.113.9","awsRegion":"us-east-1","eventVersion":"1.08","responseElements":{"ConsoleLogin":"Failure"}}"#,
    ),
    (
        "no address",
        r#"{"uuid":"b1","published":"2026-03-02T09:15:27.123Z","eventType":"user.session.start","severity":"INFO","displayMessage":"x","actor":{"id":"00u1","type":"User","displayName":"Ada"},"client":{"zone":"null"},"outcome":{"result":"FAILURE"},"target":null}"#,
    ),
];

/// An event with an uncategorized action.
const UNCATEGORIZED: &str =
    r#"{"action":"zorp.frobnicate","actor":{"id":"u_1","type":"user"},"metadata":{"y":1}}"#;

/// Seals one kind of event, three times, as `audit.ndjson`.
fn sealed(event: &str) -> Place {
    let place = Place::new();
    place.write("events.ndjson", format!("{event}\n").repeat(3));
    let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"];
    place.run(&args).success();
    place.seal(&[]);
    place
}

/// Seals a call of an API by a known caller, and an event without a parser.
fn with_one_unparsed() -> Place {
    let place = Place::new();
    let call = r#"{"action":"jobs.read","actor":{"id":"u_1","type":"user"},"outcome":"success","http":{"method":"GET","path":"/jobs/1","status":200}}"#;
    place.sealed_of(&format!("{call}\n{}\n", UNSEEN[0].1));
    place
}

fn output_text(place: &Place, args: &[&str]) -> String {
    let output = place.command(&[args, &["--trust", "trust.txt"]].concat()).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn analyze_reports_no_findings_only_with_coverage() {
    for (kind, event) in UNSEEN {
        let said = output_text(&sealed(event), &["analyze", "audit.ndjson"]);
        assert!(said.contains("? Nothing was found") && !said.contains("✓ Nothing"), "{kind}: {said}");
        assert!(said.contains("some events couldn’t be checked"), "{kind}: {said}");
    }
    // Rules for any source covered an action they don't name.
    let said = output_text(&sealed(UNCATEGORIZED), &["analyze", "audit.ndjson"]);
    assert!(said.contains("✓ Nothing was found"), "{said}");
    assert!(said.contains("coverage: 3 of 3 events parsed (countersign 3)"), "{said}");
}

#[test]
fn a_written_answer_warns_of_events_that_the_query_may_miss() {
    let place = with_one_unparsed();
    let report =
        ["report", "audit.ndjson", "--trust", "trust.txt", "--query", "actor:nobody", "-o", "none.json"];
    let warned = predicate::str::contains("1 searched event states no actor, no action, or no time");
    place.run(&report).success().stderr(warned);
    // The number of these events depends on the parsers.
    let claim = place.read("none.json").replace(r#""unrecognized":1"#, r#""unrecognized":0"#);
    place.write("claim.json", &claim);
    let differs =
        predicate::str::contains("1 event states no actor").and(predicate::str::contains("counts 0"));
    place
        .run(&["report", "--check", "claim.json", "audit.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stderr(differs);
}

#[test]
fn an_answer_about_days_counts_the_events_whose_time_is_unclear() {
    let place = Place::new();
    // In countersign's own format, in CloudTrail's, and in no known format. The time of the fourth is clear, and the
    // last one states none.
    place.sealed_of(
        r#"{"action":"role.grant","actor":{"id":"u_1"},"occurred_at":"02.03.2026 9:00"}
{"eventVersion":"1.08","eventTime":"03/02/2026 09:00","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userIdentity":{"type":"IAMUser","userName":"ada"},"eventType":"AwsApiCall"}
{"action":7,"actor":{"id":"u_1"},"occurred_at":"02.03.2026 9:00"}
{"action":"role.grant","actor":{"id":"u_1"},"occurred_at":"2026-04-02T09:00:00Z"}
{"action":"role.grant","actor":{"id":"u_2"},"occurred_at":{"$date":"2026-03-02T09:00:00Z"}}
{"action":7,"actor":{"id":"u_2"},"occurred_at":["2026-03-02T09:00:00Z"]}
{"eventVersion":"1.08","eventTime":{"$date":"2026-03-02T09:00:00Z"},"eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userIdentity":{"type":"IAMUser","userName":"ada"},"eventType":"AwsApiCall"}
{"action":"role.revoke","actor":{"id":"u_2"},"occurred_at":""}
"#,
    );
    let query = ["--trust", "trust.txt", "--query", "action:role.grant time:2026-03"];
    let report = [&["report", "audit.ndjson"], &query[..], &["-o", "none.json"]].concat();
    place.run(&report).success().stderr(predicate::str::contains("6 searched events state no actor"));
    let made: Value = serde_json::from_str(&place.read("none.json")).unwrap();
    assert_eq!(made["scope"]["examined"]["unrecognized"], 6);
    let shown = ["show", "audit.ndjson", "--trust", "trust.txt", "--query", "time:unclear"];
    place.run(&shown).success().stdout(predicate::str::contains("\n6 of 8 verified events match.\n"));
}

#[test]
fn a_policy_passes_only_with_full_coverage() {
    const POLICY: &str =
        "countersign: policy/v1\nname: Release\nverdict: [verified]\nfindings:\n  level: high\n";
    for (_, event) in UNSEEN {
        let place = sealed(event);
        place.write("policy.yml", POLICY);
        let args = ["enforce", "policy.yml", "audit.ndjson", "--trust", "trust.txt"];
        let not_met = predicate::str::contains("Release is not met");
        place.run(&args).code(6).stdout(not_met.and(predicate::str::contains("covered each event")));
        place.write("policy.yml", format!("{POLICY}  coverage: partial\n"));
        place.run(&args).code(0).stdout(predicate::str::contains("✓ Release is met"));
    }
}

#[test]
fn each_output_of_a_policy_states_the_share_without_a_parser() {
    const SHARE: &str = "1 of 2 events (50%) has no parser";
    let place = with_one_unparsed();
    let findings = "countersign: policy/v1\nname: Release\nverdict: [verified]\nfindings:\n  level: high\n  coverage: partial\n";
    let endpoints = "countersign: policy/v1\nname: Release\nverdict: [verified]\nendpoints: {refuse: [unauthenticated]}\n";
    for policy in [findings, endpoints] {
        place.write("policy.yml", policy);
        let outputs = ["--sarif", "out.sarif", "--junit", "out.xml", "--markdown", "out.md"];
        let args =
            [&["enforce", "policy.yml", "audit.ndjson", "--trust", "trust.txt"][..], &outputs].concat();
        place.run(&args).code(0).stdout(predicate::str::contains(SHARE));
        for name in ["out.sarif", "out.xml", "out.md"] {
            assert!(place.read(name).contains(SHARE), "{name}");
        }
    }
}

#[test]
fn evidence_reports_none_only_with_all_categories() {
    for (kind, event) in UNSEEN.into_iter().chain([("no category", UNCATEGORIZED)]) {
        let said = output_text(&sealed(event), &["evidence", "audit.ndjson", "--framework", "soc2"]);
        // Events of a watch have known names.
        let is_doubtful =
            |line: &&str| line.contains("None was recorded") && !line.contains("(#question-watched)");
        assert_eq!(said.lines().find(is_doubtful), None, "{kind}: {said}");
        assert!(said.to_lowercase().contains("could not tell"), "{kind}: {said}");
    }
}

#[test]
fn inventory_reports_events_without_a_parser() {
    let said = output_text(&sealed(UNSEEN[0].1), &["inventory", "audit.ndjson"]);
    assert!(said.contains("✓ Verified") && said.matches('✓').count() == 1, "{said}");
    let share = "3 of 3 events (100%) have no parser; calls that they record may be missing";
    assert!(said.contains(share), "{said}");

    let place = with_one_unparsed();
    let said = output_text(&place, &["inventory", "audit.ndjson"]);
    assert!(
        said.contains("! 1 of 2 events (50%) has no parser; a call that it records may be missing"),
        "{said}"
    );
    assert!(said.contains("? no unauthenticated endpoint") && said.matches('✓').count() == 1, "{said}");
    let json: Value = serde_json::from_slice(
        &place
            .run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--json"])
            .success()
            .get_output()
            .stdout,
    )
    .unwrap();
    assert_eq!((&json["events"], &json["unparsed"], &json["calls"]), (&json!(2), &json!(1), &json!(1)));
    place.run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--fail-on", "unauthenticated"]).code(0);

    let said = output_text(&sealed(UNCATEGORIZED), &["inventory", "audit.ndjson"]);
    assert!(!said.contains("no parser"), "{said}");
}

#[test]
fn a_time_that_is_not_understood_is_a_gap() {
    let event = |time: &str| {
        format!(r#"{{"action":"jobs.read","actor":{{"id":"u_1","type":"user"}},"occurred_at":"{time}"}}"#)
    };
    let place = sealed(&event("last Tuesday"));
    let said = output_text(&place, &["analyze", "audit.ndjson"]);
    let sentence = "! 3 events state a time that their parser doesn't understand";
    assert!(said.contains("? Nothing was found") && said.contains(sentence), "{said}");
    let json = |args: &[&str]| -> Value {
        let args = [args, &["--trust", "trust.txt", "--json"]].concat();
        let output = place.command(&args).output().unwrap().stdout;
        serde_json::from_slice(&output).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output)))
    };
    let coverage = &json(&["analyze", "audit.ndjson"])["coverage"];
    assert_eq!((&coverage["complete"], &coverage["unparsed"]), (&json!(false), &json!(0)));
    assert_eq!(coverage["unclear_times"]["number"], 3);
    let first = coverage["unclear_times"]["first_entry"].as_u64().unwrap();
    let shown = json(&["show", "audit.ndjson", &first.to_string()]);
    assert_eq!((&shown["parsed"]["time_unclear"], shown["parsed"].get("time")), (&json!(true), None));
    let parsers = &json(&["parsers", "coverage", "audit.ndjson"])["unclear_times"];
    assert_eq!(parsers, &json!({"countersign": {"number": 3, "first": first}}));
    let said = output_text(&place, &["parsers", "coverage", "audit.ndjson"]);
    assert!(said.contains("! countersign: 3 events state a time") && !said.contains('✓'), "{said}");

    for time in ["2026-03-02T10:00:00Z", ""] {
        let said = output_text(&sealed(&event(time)), &["analyze", "audit.ndjson"]);
        assert!(said.contains("✓ Nothing was found"), "{time}: {said}");
    }
}

#[test]
fn an_empty_search_names_absent_fields() {
    let place = sealed(UNSEEN[0].1);
    let args = ["show", "audit.ndjson", "--trust", "trust.txt", "--query", "actor:badge"];
    place.run(&args).stdout(predicate::str::contains("! No event has the field actor."));
}

#[test]
fn an_empty_search_states_the_share_without_a_parser() {
    let share = "1 of 2 events (50%) has no parser; conditions on parsed facts, such as actor:, action:, and time:, may miss it";
    let place = with_one_unparsed();
    let search = |query: &str, more: &[&str]| {
        output_text(&place, &[&["show", "audit.ndjson", "--query", query], more].concat())
    };
    for more in [&[][..], &["--index"]] {
        for query in ["actor:badge", "until:2000-01-01", "action:nothing OR ip:10.0.0.1"] {
            let said = search(query, more);
            assert!(said.contains(share), "{query} {more:?}: {said}");
        }
        // It doesn't matter for conditions on the events themselves, or if something was found.
        for query in ["http.path:/none", "elephant", "actor:u_1", "-actor:nobody"] {
            let said = search(query, more);
            assert!(!said.contains("may miss"), "{query} {more:?}: {said}");
        }
    }
}

#[test]
fn events_without_promised_facts_are_counted_by_parser() {
    let place = sealed(UNSEEN[3].1);
    let args = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--json"];
    let output = place.command(&args).output().unwrap().stdout;
    let analysis: Value = serde_json::from_slice(&output).unwrap();
    let coverage = &analysis["coverage"];
    let first = coverage["unread"][0]["first_entry"].clone();
    let unread = json!([{"events": 3, "facts": ["kind"], "first_entry": first, "parser": "Azure activity"}]);
    assert_eq!((&coverage["unread"], &coverage["complete"]), (&unread, &json!(false)));
    let said = output_text(&place, &["parsers", "coverage", "audit.ndjson"]);
    let sentence = "! 3 events of Azure activity are of a kind that the parser doesn't know";
    assert!(said.contains(sentence) && !said.contains('✓'), "{said}");
    let said = output_text(&sealed(UNSEEN[4].1), &["analyze", "audit.ndjson"]);
    let sentence = "! 3 events of CloudTrail have no actor, although the parser promises one";
    assert!(said.contains(sentence), "{said}");
}
