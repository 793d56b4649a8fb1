//! Output such as "nothing", "none", "met" or "all" requires that all events were covered.

use predicates::prelude::*;

use crate::common::{ORIGIN, Place};

/// Events that match no parser; events without rules for their source; and events with an uncategorized action.
const UNSEEN: [(&str, &str); 3] = [
    ("no parser", r#"{"what":"door opened","who":"badge 7","when":"2026-03-02T10:00:00Z"}"#),
    (
        "no rule",
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1772442927000000000","eventName":"order.frobnicate","body":{"stringValue":"x"}}]}]}]}"#,
    ),
    ("no category", r#"{"action":"zorp.frobnicate","actor":{"id":"u_1","type":"user"},"x":{"y":1}}"#),
];

/// Seals one kind of event, three times, as `audit.ndjson`.
fn sealed(event: &str) -> Place {
    let place = Place::new();
    place.write("events.ndjson", format!("{event}\n").repeat(3));
    let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"];
    place.run(&args).success();
    place.seal(&[]);
    place
}

fn output_text(place: &Place, args: &[&str]) -> String {
    let output = place.command(&[args, &["--trust", "trust.txt"]].concat()).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn analyze_reports_no_findings_only_with_coverage() {
    for (kind, event) in &UNSEEN[..2] {
        let said = output_text(&sealed(event), &["analyze", "audit.ndjson"]);
        assert!(said.contains("? Nothing was found") && !said.contains("✓ Nothing"), "{kind}: {said}");
        assert!(said.contains("some events couldn’t be checked"), "{kind}: {said}");
    }
    // Rules for any source covered an action they don't name.
    let said = output_text(&sealed(UNSEEN[2].1), &["analyze", "audit.ndjson"]);
    assert!(said.contains("✓ Nothing was found"), "{said}");
    assert!(said.contains("coverage: 3 of 3 events parsed (countersign 3)"), "{said}");
}

#[test]
fn a_policy_passes_only_with_full_coverage() {
    const POLICY: &str =
        "countersign: policy/v1\nname: Release\nverdict: [verified]\nfindings:\n  level: high\n";
    for (_, event) in &UNSEEN[..2] {
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
fn evidence_reports_none_only_with_all_categories() {
    for (kind, event) in UNSEEN {
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
}

#[test]
fn an_empty_search_names_absent_fields() {
    let place = sealed(UNSEEN[0].1);
    let args = ["show", "audit.ndjson", "--trust", "trust.txt", "--query", "actor:badge"];
    place.run(&args).stdout(predicate::str::contains("! No event has the field actor."));
}
