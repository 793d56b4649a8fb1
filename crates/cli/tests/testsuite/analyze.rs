//! Detection in exports, and rules.

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::{Place, documented_events, third_party};

/// Two failed logins below the threshold, then one that reaches it, and unrelated events.
fn attack() -> String {
    let mut lines = String::new();
    for nth in 0..21 {
        let login = json!({
            "action": "session.login", "actor": {"id": "u_1"}, "outcome": "failure",
            "context": {"ip": "198.51.100.7"}, "occurred_at": format!("2026-11-18T10:{nth:02}:00.000Z"),
        });
        let other = json!({"action": "job.update", "actor": {"id": "u_2"}, "outcome": "success", "n": nth});
        lines.extend([login.to_string(), "\n".into(), other.to_string(), "\n".into()]);
    }
    lines
}

fn findings(place: &Place, export: &str, more: &[&str]) -> Value {
    let args = [&["analyze", export, "--trust", "trust.txt", "--format", "json"], more].concat();
    let output = place.run(&args).get_output().stdout.clone();
    serde_json::from_slice(&output).unwrap()
}

#[test]
fn shows_acknowledgments_with_their_signers() {
    let place = Place::new();
    place.sealed_of(&attack());
    let id = findings(&place, "audit.ndjson", &[])["findings"][0]["id"].clone();
    let answer = |by: &str| {
        let event = json!({
            "action": "countersign.acknowledged", "actor": {"id": by, "type": "user"},
            "target": {"id": id, "type": "finding"}, "reason": "A load test",
        });
        event.to_string() + "\n"
    };
    // Other keys give the same leaves, and so the same finding.
    let place = Place::new();
    place.sealed_of(&(attack() + &answer("u_ada") + &answer("u_late")));
    place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt"]).success().stdout(
        predicate::str::is_match("acknowledged by u_ada at entry 44, signer .* ✓ trusted: A load test\n")
            .unwrap(),
    );
    place.run(&["analyze", "audit.ndjson", "--threads", "1"]).stdout(
        predicate::str::is_match("acknowledged by u_ada at entry 44, .* untrusted: A load test\n").unwrap(),
    );
}

#[test]
fn findings_name_entries_and_signers() {
    let place = Place::new();
    place.sealed_of(&attack());
    let found = findings(&place, "audit.ndjson", &[]);
    assert_eq!(found["verdict"], "verified");
    assert_eq!(found["events"], 42);
    let [finding] = &found["findings"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!(finding["title"], "Many Failed Logins for One Identity");
    assert_eq!(
        (&finding["level"], &finding["signer_trust"], &finding["repeats"]),
        (&json!("high"), &json!("trusted"), &json!(1))
    );
    assert_eq!(finding["group"], json!({"parsed.actor.id": "u_1"}));
    assert_eq!(
        (&finding["first"], &finding["last"]),
        (&json!("2026-11-18T10:00:00.000Z"), &json!("2026-11-18T10:19:00.000Z"))
    );
    assert_eq!(finding["entries"].as_array().unwrap().len(), 20);
    // The output is the same on any number of threads.
    for threads in ["1", "2", "5"] {
        assert_eq!(findings(&place, "audit.ndjson", &["--threads", threads]), found);
    }
    place
        .run(&["analyze", "audit.ndjson", "--trust", "trust.txt"])
        .success()
        .stdout(predicate::str::contains("✗ high Many Failed Logins for One Identity"))
        .stdout(predicate::str::contains("parsed.actor.id u_1"))
        .stdout(predicate::str::contains("1 finding in all entries from 0 to 44"));
    place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--fail-on", "high"]).code(6);
    place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--fail-on", "critical"]).success();
    assert_eq!(findings(&place, "audit.ndjson", &[])["complete"], json!([0, 45]));
    let unknown = place.run(&["analyze", "audit.ndjson"]).code(3);
    unknown.stdout(
        predicate::str::contains("? untrusted")
            .and(predicate::str::contains("the log may have other entries")),
    );
}

#[test]
fn evidence_reproduces_its_finding() {
    let place = Place::new();
    place.sealed_of(&attack());
    place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--evidence", "evidence"]).success();
    let found = findings(&place, "audit.ndjson", &[]);
    let id = found["findings"][0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 64);
    let slice = format!("evidence/{id}.ndjson");
    place.run(&["verify", &slice, "--trust", "trust.txt"]).code(4);
    let again = findings(&place, &slice, &["--rules", "evidence/pack.json"]);
    assert_eq!((&again["findings"][0]["id"], &again["events"]), (&json!(id), &json!(20)));
    assert_eq!(again["pack"]["hash"], found["pack"]["hash"]);
    assert_eq!(again["complete"], Value::Null);
    place
        .run(&["analyze", "audit.ndjson", "--evidence", "evidence"])
        .code(2)
        .stderr(predicate::str::contains("io.exists"));
}

#[test]
fn check_reproduces_findings_or_reports_differences() {
    let place = Place::new();
    place.sealed_of(&attack());
    place.write("findings.json", findings(&place, "audit.ndjson", &[]).to_string());
    let recompute = |export: &str| {
        place.run(&["analyze", export, "--trust", "trust.txt", "--recompute", "findings.json"])
    };
    recompute("audit.ndjson").success().stdout(predicate::str::contains("The same."));
    // Trust is not part of a finding. Later changes or removals are detected.
    let made = findings(&place, "audit.ndjson", &[]);
    let mut changed = made.clone();
    changed["findings"][0]["signer_trust"] = json!("untrusted");
    place.write("findings.json", changed.to_string());
    recompute("audit.ndjson").success();
    changed["findings"][0]["title"] = json!("Nothing to see here");
    place.write("findings.json", changed.to_string());
    recompute("audit.ndjson").code(6).stdout(predicate::str::contains("1 differ in their details."));
    changed["findings"] = json!([]);
    place.write("findings.json", changed.to_string());
    recompute("audit.ndjson").code(6).stdout(predicate::str::contains("Before: 0."));
    place.write("findings.json", made.to_string());
    place.sealed_of(&attack().split_inclusive('\n').take(10).collect::<String>());
    recompute("audit.ndjson").code(6).stdout(predicate::str::contains("Before: 1. Reproduced: 0. New: 0."));
    let mut older = findings(&place, "audit.ndjson", &[]);
    older["engine"] = json!("0");
    place.write("findings.json", older.to_string());
    recompute("audit.ndjson").code(2).stderr(predicate::str::contains("findings.other"));
    place.write("findings.json", "{}");
    recompute("audit.ndjson").code(2).stderr(predicate::str::contains("findings.invalid"));
}

#[test]
fn unverified_events_make_no_findings() {
    let place = Place::new();
    place.sealed_of(&attack());
    let text = place.read("audit.ndjson");
    // Two of the 21 events are altered, so 19 are left.
    place.write("audit.ndjson", text.replacen("198.51.100.7", "198.51.100.8", 2));
    let found = findings(&place, "audit.ndjson", &[]);
    assert_eq!(
        (&found["verdict"], &found["events"], &found["findings"]),
        (&json!("altered"), &json!(40), &json!([]))
    );
    place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--fail-on", "low"]).code(1);
}

#[test]
fn counts_events_that_match_no_parser() {
    let place = Place::new();
    let known = "{\"action\":\"a\"}\n";
    let unknown = "{\"event\":\"auth\",\"login\":\"root\"}\n";
    let analyzed = |events: &str, more: &[&str]| {
        place.sealed_of(events);
        let args = ["analyze", "audit.ndjson", "--trust", "trust.txt"];
        let ran = place.run(&[&args[..], more].concat()).success();
        String::from_utf8(ran.get_output().stdout.clone()).unwrap()
    };
    let said = "no parser; rules that use parsed facts can't match";
    let whole = analyzed(known, &[]);
    assert!(whole.contains("✓ Nothing was found") && !whole.contains(said), "{whole}");
    let some = analyzed(&[known, unknown, unknown].concat(), &[]);
    assert!(
        some.contains("? Nothing was found")
            && some.contains(&format!("! 2 of 3 events (67%) have {said} them"))
    );
    let none = analyzed(unknown, &[]);
    assert!(
        none.contains("? Nothing was found")
            && none.contains(&format!("! 1 of 1 event (100%) has {said} it"))
    );
    let json = analyzed(&[known, unknown, unknown].concat(), &["--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["unparsed"], 2);
    // If rules use the signer, events are examined later.
    place.write(
        "rules.yml",
        "title: Root\nid: root\nlevel: high\ndetection: {s: {login: root, link.signer: nobody}, condition: s}\n",
    );
    let by_signer = analyzed(&[known, unknown].concat(), &["--rules", "rules.yml", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&by_signer).unwrap()["unparsed"], 1);
    place.write(
        "policy.yml",
        "countersign: policy/v1\nname: N\nverdict: [verified]\nfindings: {level: high}\n",
    );
    place
        .run(&["enforce", "policy.yml", "audit.ndjson", "--trust", "trust.txt", "--markdown", "met.md"])
        .code(6)
        .stdout(predicate::str::contains(format!("! 1 of 2 events (50%) has {said} it")));
    assert!(place.read("met.md").contains("1 of 2 events (50%) has no parser"));
}

#[test]
fn success_requires_full_coverage() {
    let place = Place::new();
    place.sealed_of(&documented_events(5));
    let analyze = |export: &str| place.run(&["analyze", export, "--trust", "trust.txt"]);
    analyze("audit.ndjson").success().stdout(predicate::str::contains("✓ Nothing was found in all entries"));
    place.run(&["slice", "audit.ndjson", "--query", "metadata.n:3", "-o", "slice.ndjson"]).success();
    let part = predicate::str::contains("\nNothing was found in this export");
    analyze("slice.ndjson").code(4).stdout(part);
    place.write("x.png", b"\x89PNG\r\n");
    analyze("x.png")
        .code(5)
        .stdout(predicate::str::contains("? Nothing was found, because there were no events"));
}

#[test]
fn analyzes_real_events() {
    let Some(folder) = third_party("real-events/cloudtrail-stratus") else { return };
    let place = Place::new();
    place.sealed_of(&std::fs::read_to_string(folder.join("events.ndjson")).unwrap());
    let found = findings(&place, "audit.ndjson", &[]);
    let titles: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["title"].as_str().unwrap())
        .collect();
    for title in [
        "Log Changed, Disabled, or Erased",
        "Password or Access Key of an AWS User Set by Another Identity",
        "AWS Snapshot or Machine Image Shared",
        "AWS Network Opened to the Internet",
    ] {
        assert!(titles.contains(&title), "{title} is not among {titles:?}");
    }
}

const RULE: &str =
    "title: Deleted\nid: deleted\nlevel: low\ndetection:\n  s: {parsed.action: job.delete}\n  condition: s\n";

#[test]
fn builds_tests_and_lists_rules() {
    let place = Place::new();
    std::fs::create_dir(place.path("rules")).unwrap();
    place.write("rules/deleted.yml", RULE);
    place.write(
        "rules/deleted.cases.yml",
        "rule: deleted\nname: one\nfires: 1\nevents: [{event: {action: job.delete}}]\n",
    );
    place
        .run(&["rules", "build", "rules", "-o", "pack.json"])
        .success()
        .stderr(predicate::str::contains("1 rule"));
    assert!(place.read("pack.json").starts_with(r#"{"countersign":"rules/v1","name":"rules","rules":[{"#));
    place.run(&["rules", "test", "rules"]).success().stdout("✓ 1 rule, 1 case passed\n");
    place.run(&["rules", "list", "pack.json"]).success().stdout(predicate::str::contains("Deleted"));
    place
        .run(&["rules", "list"])
        .success()
        .stdout(predicate::str::contains("Many Failed Logins for One Identity"));
    place.write(
        "rules/deleted.cases.yml",
        "rule: deleted\nname: two\nfires: false\nevents: [{event: {action: job.delete}}]\n",
    );
    place
        .run(&["rules", "test", "rules"])
        .code(1)
        .stdout(predicate::str::contains("deleted.cases.yml:1: Deleted: two: fires once instead of 0 times"));
    place.write("rules/deleted.cases.yml", "rule: nobody\nname: two\nfires: 1\nevents: [{event: {}}]\n");
    place.run(&["rules", "test", "rules"]).code(2).stderr(predicate::str::contains("case.rule"));
}

/// The layout of container mounts and Git clones.
#[cfg(unix)]
#[test]
fn finds_each_rule_in_a_directory_once() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    std::fs::create_dir_all(place.path("rules/..2026/more")).unwrap();
    std::fs::create_dir(place.path("rules/.github")).unwrap();
    place.write("rules/..2026/deleted.yml", RULE);
    place.write("rules/.github/ci.yml", "on: push\n");
    symlink("..2026", place.path("rules/..data")).unwrap();
    symlink("..data/deleted.yml", place.path("rules/deleted.yml")).unwrap();
    // Two links form loops.
    symlink(".", place.path("rules/self")).unwrap();
    symlink("../rules", place.path("rules/same")).unwrap();
    let built = place.run(&["rules", "build", "rules", "-o", "pack.json"]).success();
    built.stderr(predicate::str::contains(": 1 rule,"));
    place.write("rules/other.yml", RULE);
    let told = place.run(&["rules", "build", "rules", "-o", "none.json"]).code(2);
    told.stderr(predicate::str::contains(
        "rules/other.yml: line 2: Deleted: the id `deleted` is used twice (also in rules/deleted.yml)",
    ));
}

#[test]
fn reports_the_location_of_invalid_rules() {
    let place = Place::new();
    place.write("bad.yml", RULE.replace("condition: s", "condition: t") + "---\ntitle: B\n");
    place
        .run(&["rules", "build", "bad.yml"])
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains(
            "error[rule.condition]: bad.yml: line 6: Deleted: no selection or rule is named `t`",
        ))
        .stderr(predicate::str::contains("error[rule.missing]: bad.yml: line 8"))
        .stderr(predicate::str::contains("hint:"));
    std::fs::create_dir(place.path("none")).unwrap();
    place.run(&["rules", "build", "none"]).code(2).stderr(predicate::str::contains("rules.none"));
    place
        .run(&["analyze", "audit.ndjson", "--rules", "absent.yml"])
        .code(2)
        .stderr(predicate::str::contains("io.not_found"));
}

/// Rules over several events ignore an event that is dated later than it was recorded, so its case says why it fails.
#[test]
fn cases_explain_events_that_windows_ignore() {
    let place = Place::new();
    std::fs::create_dir(place.path("rules")).unwrap();
    place.write(
        "rules/many.yml",
        format!(
            "{}---\ntitle: Many\nid: many\nlevel: informational\ncorrelation:\n  type: event_count\n  rules: [deleted]\n  \
             group-by: [parsed.actor.id]\n  timespan: 10m\n  condition: {{gte: 2}}\n",
            RULE.replace("id: deleted", "id: deleted\nname: deleted")
        ),
    );
    let case = |at: &str| {
        let event = "{action: job.delete, actor: {id: u_1}, occurred_at: \"2026-11-28T21:15:00.000Z\"}";
        let text = format!(
            "rule: many\nname: two\nfires: 1\nevents:\n  - at: {at}\n    times: 2\n    event: {event}\n"
        );
        place.write("rules/many.cases.yml", text);
        place.run(&["rules", "test", "rules"])
    };
    case("0s").code(1).stdout(
        predicate::str::contains("Many: two: fires 0 times instead of once")
            .and(predicate::str::contains("! 2 events of the case state a time later than their recording"))
            .and(predicate::str::contains("the first at 2026-11-18T10:00:00.000Z")),
    );
    // The time needs neither quotes nor milliseconds. Informational rules count, too.
    for at in ["2026-11-28T21:15:00Z", "\"2026-11-28T21:15:00Z\"", "2026-11-28T21:15:00.000Z"] {
        case(at).success().stdout("✓ 2 rules, 1 case passed\n");
    }
    case("yesterday").code(2).stderr(predicate::str::contains("`at` must be a duration or a time"));
}

#[test]
fn built_in_rules_apply_together_with_own_rules() {
    let place = Place::new();
    place.sealed_of("{\"action\":\"job.delete\",\"actor\":{\"id\":\"u_1\"}}\n".repeat(2).as_str());
    place.write("mine.yml", RULE);
    let list = |rules: &[&str]| {
        let listed = place.run(&[&["rules", "list"], rules].concat()).success();
        String::from_utf8(listed.get_output().stdout.clone()).unwrap()
    };
    let built_in = list(&[]);
    assert_eq!(list(&["built-in"]), built_in);
    let both = list(&["built-in", "mine.yml"]);
    assert_eq!(both.lines().count(), built_in.lines().count() + 1);
    assert!(both.starts_with("pack: mine "), "{both}");
    // The habits of the built-in pack apply unless a file sets them: one finding per rule, identity, and day.
    let found = |rules: &[&str]| {
        let args = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--format", "json"];
        let rules = rules.iter().flat_map(|rules| ["--rules", rules]).collect::<Vec<_>>();
        let found = place.run(&[&args[..], &rules].concat()).success();
        let found: Value = serde_json::from_slice(&found.get_output().stdout).unwrap();
        let found = found["findings"].as_array().unwrap().clone();
        found.iter().filter(|finding| finding["rule"] == "deleted").count()
    };
    assert_eq!([found(&["mine.yml"]), found(&["built-in", "mine.yml"])], [2, 1]);
    place.write("pack.yml", "timezone: \"+01:00\"\n");
    assert_eq!(found(&["mine.yml", "built-in", "pack.yml"]), 1);
}

/// A slice lacks the entries that a rule on baselines compares with.
#[test]
fn slice_without_findings_says_what_it_cannot_show() {
    let place = Place::new();
    place.sealed(9);
    place.run(&["slice", "audit.ndjson", "--query", "n:3", "-o", "slice.ndjson"]).success();
    let note = "Findings that depend on what was usual before can't be repeated from their slice";
    let analyze = |export: &str, more: &[&str]| {
        let run =
            place.command(&[&["analyze", export, "--trust", "trust.txt"], more].concat()).output().unwrap();
        String::from_utf8(run.stdout).unwrap()
    };
    assert!(analyze("slice.ndjson", &[]).contains(note));
    assert!(!analyze("audit.ndjson", &[]).contains(note));
    place.write("mine.yml", RULE);
    assert!(!analyze("slice.ndjson", &["--rules", "mine.yml"]).contains(note));
}
