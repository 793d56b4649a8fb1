//! Evidence by control, from the verified events of a log.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign::hash::Hash;
use countersign::hex;
use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::serving::ServedLog;
use crate::common::validators::{python, run};
use crate::common::{ORIGIN, Place, third_party};

/// Seals these events as `audit.ndjson`.
fn sealed(place: &Place, events: &[Value]) {
    let lines = events.iter().fold(String::new(), |mut lines, event| {
        let _ = writeln!(lines, "{event}");
        lines
    });
    sealed_text(place, &lines);
}

fn sealed_text(place: &Place, events: &str) {
    place.write("events.ndjson", events);
    let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"];
    place.run(&[&args[..], &["--sign-every", "1"]].concat()).success();
    place.seal(&[]);
}

fn json_of(place: &Place, export: &str, more: &[&str]) -> Value {
    let args = [&["evidence", export, "--trust", "trust.txt", "--format", "json"], more].concat();
    let output = place.command(&args).output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn evidence(place: &Place, more: &[&str]) -> Value {
    json_of(place, "audit.ndjson", &[&["--framework", "soc2"], more].concat())
}

fn answer<'v>(evidence: &'v Value, name: &str) -> &'v Value {
    let answers = evidence["answers"].as_array().unwrap();
    answers.iter().find(|answer| answer["name"] == name).unwrap_or_else(|| panic!("no answer {name}"))
}

fn control<'v>(evidence: &'v Value, number: &str) -> &'v Value {
    let controls = evidence["controls"].as_array().unwrap();
    controls.iter().find(|control| control["number"] == number).unwrap()
}

fn codes(doubts: &Value) -> Vec<&str> {
    doubts.as_array().unwrap().iter().map(|doubt| doubt["code"].as_str().unwrap()).collect()
}

fn login(day: u32, outcome: &str) -> Value {
    json!({
        "action": "session.login", "actor": {"id": format!("u_{day}"), "type": "user"}, "outcome": outcome,
        "occurred_at": format!("2026-03-{day:02}T10:00:00.000Z"),
    })
}

#[test]
fn reports_real_events_by_control() {
    let Some(folder) = third_party("real-events/cloudtrail-stratus") else { return };
    let place = Place::new();
    sealed_text(&place, &std::fs::read_to_string(folder.join("events.ndjson")).unwrap());
    for framework in ["gdpr", "hipaa", "iso27001", "nis2", "pci", "soc2"] {
        place
            .run(&["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", framework])
            .success()
            .stdout(predicate::str::contains("**What it cannot show**"));
    }
    let found = evidence(&place, &[]);
    assert_eq!(found["countersign"], "evidence-by-control/v1");
    assert_eq!(found["counted"]["events"]["count"], 310);
    // The numbers were counted by hand.
    let events = |name: &str| answer(&found, name)["events"]["events"]["count"].as_u64().unwrap();
    assert_eq!((events("logins"), events("failed-logins")), (1, 0));
    assert!(events("logging-changed") >= 5);
    assert_eq!(found["uncategorized"], json!({"events": 0, "actions": {"listed": [], "more": 0}}));
    let logging = &answer(&found, "findings-logging")["findings"];
    assert_eq!(logging["unanswered"], logging["found"]["listed"].as_array().unwrap().len());
    assert!(logging["found"]["listed"].to_string().contains("Log Changed, Disabled, or Erased"));
    assert_eq!(found["doubts"], json!([]));
    assert_eq!(control(&found, "CC6.1")["complete"], "complete");
    // CloudTrail's events lack the states before and after.
    assert_eq!(codes(&answer(&found, "changes")["doubts"]), ["no_such_field", "no_such_field"]);
    assert_eq!(control(&found, "CC8.1")["complete"], "could_not_tell");

    // The digest is that of `countersign analyze`.
    let args = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--format", "json"];
    let analyzed: Value = serde_json::from_slice(&place.run(&args).success().get_output().stdout).unwrap();
    assert_eq!(found["rules"]["digest"], analyzed["digest"]);
    assert_eq!(found["rules"]["findings"], analyzed["findings"].as_array().unwrap().len());

    // The sample is drawn from the query's events with the root.
    let query = answer(&found, "refused");
    let shown = place
        .run(&["show", "audit.ndjson", "--trust", "trust.txt", "--json", "--query", "outcome:denied"])
        .success();
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    let leaves =
        shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].as_u64().unwrap());
    let root = found["sample"]["root"].as_str().unwrap();
    let root = countersign::hash::Hash::from_base64(root).unwrap();
    let drawn = countersign_evidence::sample(&root, "countersign/refused", leaves.clone(), 5);
    let sampled: Vec<u64> = query["events"]["sample"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shown| shown["entry"].as_u64().unwrap())
        .collect();
    assert_eq!((sampled, query["events"]["events"]["count"].as_u64()), (drawn, Some(leaves.count() as u64)));
}

#[test]
fn counts_logins_and_permissions_of_other_sources() {
    let place = Place::new();
    let google = |app: &str, name: &str| {
        json!({
            "kind": "admin#reports#activity",
            "id": {"time": "2026-03-01T10:00:00.000Z", "applicationName": app, "uniqueQualifier": "1", "customerId": "C0"},
            "actor": {"email": "ada@example.com", "profileId": "1"},
            "events": [{"type": app, "name": name}],
        })
    };
    let microsoft = |operation: &str| {
        json!({
            "CreationTime": "2026-03-01T10:00:00", "Id": "1", "Operation": operation, "OrganizationId": "1",
            "RecordType": 15, "UserId": "ada@example.com", "UserType": 0, "Workload": "AzureActiveDirectory",
        })
    };
    let pod = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "stage": "ResponseComplete", "auditID": "1",
        "verb": "create", "user": {"username": "ada"}, "requestURI": "/", "responseStatus": {"code": 101},
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "a", "name": "b"},
        "requestReceivedTimestamp": "2026-03-01T10:00:00Z",
    });
    sealed(
        &place,
        &[
            google("login", "login_success"),
            google("login", "login_failure"),
            google("admin", "ASSIGN_ROLE"),
            google("admin", "CREATE_USER"),
            microsoft("UserLoggedIn"),
            microsoft("UserLoginFailed"),
            microsoft("Update user."),
            pod,
        ],
    );
    let found = evidence(&place, &[]);
    let events = |name: &str| answer(&found, name)["events"]["events"]["count"].as_u64().unwrap();
    assert_eq!((events("logins"), events("failed-logins")), (4, 2));
    assert_eq!((events("rights"), events("accounts"), events("assumed-roles")), (1, 2, 1));
    assert_eq!(found["uncategorized"]["events"], 0);
}

/// Returns the document as Markdown.
fn markdown(place: &Place, framework: &str, more: &[&str]) -> String {
    let args =
        [&["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", framework], more].concat();
    String::from_utf8(place.run(&args).success().get_output().stdout.clone()).unwrap()
}

#[test]
fn uncategorized_actions_leave_category_questions_open() {
    let place = Place::new();
    let act = |action: &str| json!({"action": action, "actor": {"id": "u_1"}, "occurred_at": "2026-03-04T10:00:00.000Z", "outcome": "success"});
    sealed(&place, &[act("boiler.vent"), act("boiler.vent"), act("frob`nicate"), act("user.create")]);
    let found = evidence(&place, &[]);
    assert_eq!(
        found["uncategorized"],
        json!({"events": 3, "actions": {"more": 0, "listed": [
            {"parser": "countersign", "action": "boiler.vent", "events": 2},
            {"parser": "countersign", "action": "frob`nicate", "events": 1},
        ]}})
    );
    // Both counts may be too low.
    for (name, count) in [("accounts", 1), ("deletions", 0)] {
        let one = answer(&found, name);
        assert_eq!(
            (&one["events"]["events"]["count"], codes(&one["doubts"])),
            (&count.into(), vec!["uncategorized"])
        );
        assert_eq!(
            one["doubts"][0]["message"],
            "3 events have actions without a category: `boiler.vent` of countersign (2), `frob'nicate` of countersign (1)"
        );
    }
    // Questions without categories are not affected.
    for name in ["refused", "attributed", "watched"] {
        assert_eq!(answer(&found, name)["doubts"], json!([]), "{name}");
    }
    for number in ["CC6.2", "C1.2", "CC7.5"] {
        assert_eq!(control(&found, number)["complete"], "could_not_tell", "{number}");
    }
    let told = markdown(&place, "soc2", &[]);
    let (_, disposal) = told.split_once("C1.2 Disposal of confidential information").unwrap();
    let (disposal, _) = disposal.split_once("## ").unwrap();
    assert!(disposal.contains("None was found. Could not tell whether any was recorded."), "{disposal}");
    assert!(
        disposal.contains("Could not tell:") && disposal.contains("`boiler.vent` of countersign (2)"),
        "{disposal}"
    );
    assert!(!told.contains("None was recorded. [Query and sample](#question-deletions)"));
    let csv = markdown(&place, "soc2", &["--format", "csv"]);
    let line = csv.lines().find(|line| line.contains(",C1.2,") && line.contains(",deletions,")).unwrap();
    assert!(line.contains("could not tell") && line.contains("boiler.vent"), "{line}");
    let oscal: Value = serde_json::from_str(&markdown(&place, "soc2", &["--format", "oscal"])).unwrap();
    let observations = oscal["assessment-results"]["results"][0]["observations"].as_array().unwrap();
    let deletions = observations.iter().find(|one| {
        one.to_string().contains("category-deletion\"")
            || one["title"] == "Objects and data that were deleted."
    });
    let deletions = deletions.unwrap().to_string();
    assert!(deletions.contains("could-not-tell") && deletions.contains("boiler.vent"), "{deletions}");

    // A parser that knows these actions resolves it.
    let parser = r#"{
        "as": "boiler", "when": {"action": {"begins": ["boiler.", "frob"]}, "actor.id": {"type": "string"}},
        "time": "occurred_at", "action": "action", "actor": {"id": "actor.id"},
        "outcome": {"value": "outcome", "map": {"success": "success"}},
        "category": [{"is": ["deletion", "change"], "action": "Boiler.*"}, {"is": "other", "action": "frob*"}]
    }"#;
    place.write("boiler.json", parser);
    let found = evidence(&place, &["--parsers", "boiler.json"]);
    assert_eq!(found["uncategorized"]["events"], 0);
    let deletions = answer(&found, "deletions");
    assert_eq!((&deletions["events"]["events"]["count"], &deletions["doubts"]), (&2.into(), &json!([])));
    place.write("boiler.json", parser.replace("\"deletion\"", "\"removal\""));
    place
        .run(&["evidence", "audit.ndjson", "--framework", "soc2", "--parsers", "boiler.json"])
        .code(2)
        .stderr(
            predicate::str::contains("category[0].is[0]")
                .and(predicate::str::contains("the category \"removal\" is unknown")),
        );
}

#[test]
fn findings_agree_with_their_question() {
    let place = Place::new();
    // The parser has no category for it, but a rule with the technique's tag does.
    let rules = "title: Recorder Muted\nid: muted\nlevel: high\ntags: [attack.t1562.008]\n\
        detection: {s: {action: recorder.mute}, condition: s}\n";
    place.write("rules.yml", rules);
    let muted =
        json!({"action": "recorder.mute", "actor": {"id": "u_1"}, "occurred_at": "2026-03-04T10:00:00.000Z"});
    sealed(&place, &[muted.clone(), muted, login(1, "success")]);
    let found = evidence(&place, &["--rules", "rules.yml"]);
    assert_eq!(answer(&found, "logging-changed")["events"]["events"]["count"], 2);
    assert_eq!(found["uncategorized"]["events"], 0);
    // Without the rule, it is unknown.
    let found = evidence(&place, &[]);
    assert_eq!(answer(&found, "logging-changed")["events"]["events"]["count"], 0);
    assert_eq!(codes(&answer(&found, "logging-changed")["doubts"]), ["uncategorized"]);
    // A correlation's findings are about something no event was counted for.
    let rules = "title: A Toggle\nid: toggle\ndetection: {s: {action: recorder.mute}, condition: s}\n---\n\
        title: Recorder Muted Twice\nid: twice\nlevel: high\ntags: [attack.t1562.008]\n\
        correlation: {type: event_count, rules: [toggle], timespan: 1h, condition: {gte: 2}}\n";
    place.write("rules.yml", rules);
    let found = evidence(&place, &["--rules", "rules.yml"]);
    assert_eq!(codes(&answer(&found, "logging-changed")["doubts"]), ["uncategorized", "findings"]);
}

#[test]
fn a_missing_outcome_is_not_success() {
    let place = Place::new();
    let event = |action: &str| json!({"action": action, "actor": {"id": "u_1"}, "occurred_at": "2026-03-04T10:00:00.000Z"});
    sealed(&place, &[event("session.login"), event("user.create"), login(1, "success")]);
    let found = evidence(&place, &[]);
    let failed = answer(&found, "failed-logins");
    assert_eq!(
        (&failed["events"]["unstated"], codes(&failed["doubts"])),
        (&1.into(), vec!["outcome_not_stated"])
    );
    assert_eq!(answer(&found, "refused")["events"]["unstated"], 2);
    sealed(&place, &[login(1, "success"), login(2, "failure")]);
    let found = evidence(&place, &[]);
    assert_eq!(
        (&answer(&found, "failed-logins")["doubts"], &answer(&found, "refused")["doubts"]),
        (&json!([]), &json!([]))
    );
}

#[test]
fn events_without_an_understood_time_may_belong_to_any_earlier_period() {
    let place = Place::new();
    let unparsed = json!({"p_event_time": "2026-03-04 10:00:00", "login": "FAILED"});
    let unclear = json!({"action": "session.login", "occurred_at": "last Wednesday", "outcome": "failure"});
    let live = json!({"action": "session.login", "outcome": "success"});
    for (event, code) in [(unparsed, Some("undated")), (unclear, Some("undated")), (live, None)] {
        sealed(&place, &[login(1, "success"), event.clone()]);
        let found = evidence(&place, &["--period", "2026-03..2026-03"]);
        let doubts = codes(&answer(&found, "failed-logins")["doubts"]);
        assert_eq!(doubts.iter().find(|doubt| **doubt == "undated").copied(), code, "{event}");
        assert_eq!(found["counted"]["undated"], u64::from(code.is_some()), "{event}");
        assert_eq!(found["counted"]["outside"], 1);
        if code.is_some() {
            assert_eq!(control(&found, "CC6.1")["complete"], "could_not_tell", "{event}");
        }
        // It was recorded before this period.
        let found = evidence(&place, &["--period", "2090"]);
        assert_eq!(found["counted"]["undated"], 0);
    }
}

#[test]
fn a_new_log_does_not_show_retention() {
    let place = Place::new();
    sealed(&place, &[login(1, "success"), login(2, "success")]);
    let of = |framework: &str, number: &str, policy: &[&str]| {
        let found = json_of(&place, "audit.ndjson", &[&["--framework", framework], policy].concat());
        let one = control(&found, number).clone();
        let retention = codes(&answer(&found, "retention")["doubts"]).join(" ");
        (one["complete"].clone(), codes(&one["doubts"]).join(" "), retention)
    };
    let unknown = || json!("could_not_tell");
    for (policy, own, retention) in [
        (&[][..], "log_too_young", "no_policy"),
        (&["--policy", "6y"], "log_too_young", "log_too_young"),
        (&["--policy", "1y"], "policy_too_short log_too_young", "log_too_young"),
    ] {
        assert_eq!(
            of("hipaa", "164.316(b)(2)(i)", policy),
            (unknown(), own.into(), retention.into()),
            "{policy:?}"
        );
    }
    assert_eq!(of("pci", "10.5.1", &[]), (unknown(), "log_too_young".into(), "no_policy".into()));
    let told = markdown(&place, "hipaa", &[]);
    assert!(
        told.contains("Retention of documentation for six years"),
        "a title names the subject, not a result"
    );
    assert!(!told.contains("is kept for six years"), "a title states what isn't shown");
    assert!(
        told.contains("this control requires `6y`")
            && told.contains("Requirement: Required documentation must")
    );
}

#[test]
fn rejects_an_evidence_file_without_events() {
    let place = Place::new();
    sealed(&place, &[json!({"action": "painted", "outcome": "success"})]);
    let args = ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "nis2", "-o"];
    place
        .run(&[&args[..], &["nis2.html"]].concat())
        .code(2)
        .stderr(predicate::str::starts_with("✗ error[selection.empty]: audit.ndjson: no event answers"))
        .stderr(predicate::str::contains("-o FILE.md"));
    assert!(!place.path("nis2.html").exists());
    place.run(&[&args[..], &["nis2.md"]].concat()).success();
}

#[test]
fn periods_have_exact_bounds() {
    let place = Place::new();
    sealed(&place, &[login(1, "success"), login(2, "failure"), login(3, "failure"), login(4, "success")]);
    let found = evidence(&place, &["--period", "2026-03-02..2026-03-03"]);
    assert_eq!(answer(&found, "logins")["events"]["events"]["count"], 2);
    assert_eq!(answer(&found, "failed-logins")["events"]["events"]["entries"], json!([3, 4]));
    assert_eq!((&found["counted"]["outside"], &found["counted"]["own_times"]), (&2.into(), &2.into()));
    let found = evidence(&place, &["--period", "2026-03-02T10:00:00Z..2026-03-03T09:59:59.999Z"]);
    assert_eq!(answer(&found, "logins")["events"]["events"]["count"], 1);
    let found = evidence(&place, &["--period", "2025"]);
    assert_eq!(
        answer(&found, "logins")["events"]["events"],
        json!({"count": 0, "entries": null, "recorded": null, "happened": null})
    );
    // The log ends now, so the rest of the century is open.
    assert_eq!(codes(&evidence(&place, &["--period", "2026..2099"])["doubts"]), ["ends_early"]);
    place
        .run(&["evidence", "audit.ndjson", "--framework", "soc2", "--period", "2026-03-03..2026-03-02"])
        .code(2)
        .stderr(predicate::str::contains("ends before it begins"));
}

#[test]
fn reports_omitted_and_withheld_events() {
    let place = Place::new();
    let events: Vec<Value> = (1..=20).map(|day| login(day, "success")).collect();
    sealed(&place, &events);
    place.run(&["slice", "audit.ndjson", "--query", "actor.id:u_3,u_9", "-o", "part.ndjson"]).success();
    let found = json_of(&place, "part.ndjson", &["--framework", "soc2"]);
    assert_eq!(found["log"]["verdict"], "partial");
    assert!(
        found["left_out"].as_u64().unwrap() > 10 && !found["gaps"]["listed"].as_array().unwrap().is_empty()
    );
    assert!(codes(&found["doubts"]).contains(&"not_complete"));
    assert!(
        found["controls"].as_array().unwrap().iter().all(|control| control["complete"] == "could_not_tell")
    );
    assert_eq!(answer(&found, "logins")["events"]["events"]["count"], 2);
    place
        .run(&["evidence", "part.ndjson", "--trust", "trust.txt", "--framework", "soc2"])
        .code(4)
        .stdout(predicate::str::contains("entries are not in the export"));

    place.run(&["slice", "audit.ndjson", "--withhold", "actor.id:u_3", "-o", "withheld.ndjson"]).success();
    let found = json_of(&place, "withheld.ndjson", &["--framework", "hipaa", "--policy", "6y"]);
    assert_eq!(found["counted"]["withheld"], 1);
    assert!(codes(&found["doubts"]).contains(&"withheld"));
    assert_eq!(found["retention"]["state"], "could_not_tell");
}

#[test]
fn does_not_count_events_of_unknown_keys() {
    let place = Place::new();
    sealed(&place, &[login(1, "success")]);
    place.write("log-only.txt", format!("log {}\n", place.log));
    let args =
        ["evidence", "audit.ndjson", "--trust", "log-only.txt", "--framework", "soc2", "--format", "json"];
    let output = place.run(&args).code(3);
    let found: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(found["counted"]["events"]["count"], 0);
    assert_eq!(found["counted"]["untrusted"], json!({"untrusted": 1}));
    assert_eq!(answer(&found, "logins")["events"]["untrusted"], 1);
    assert!(codes(&found["doubts"]).contains(&"untrusted"));
    assert_eq!(found["keys"][0]["trust"], "untrusted");
}

#[test]
fn names_untrusted_keys() {
    let place = Place::new();
    sealed(&place, &[login(1, "success")]);
    let other = place.keygen(ORIGIN, "other.key");
    place.write("another-log.txt", format!("log {other}\nissuer {}\n", place.issuer));
    place.write("log-only.txt", format!("log {}\n", place.log));
    for (trust, says) in [
        ("another-log.txt", "untrusted: unchanged since it was signed, but the log is not trusted"),
        ("log-only.txt", "untrusted: unchanged since it was signed, but the signer's key is not trusted"),
    ] {
        let args = ["evidence", "audit.ndjson", "--trust", trust, "--framework", "soc2"];
        place.run(&args).code(3).stdout(predicate::str::contains(says));
    }
}

#[test]
fn an_evidence_file_has_samples_with_notes() {
    let place = Place::new();
    sealed(&place, &(1..=20).map(|day| login(day, "failure")).collect::<Vec<_>>());
    place.write("page.html", "<!doctype html>\n<countersign-page></countersign-page>\n");
    let base = ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "soc2", "--sample", "3"];
    place.run(&[&base[..], &["--page", "page.html", "-o", "soc2.html"]].concat()).success();
    let check = ["report", "--check", "soc2.html", "audit.ndjson", "--trust", "trust.txt"];
    place
        .run(&check)
        .success()
        .stdout(predicate::str::contains("it produces the same report, and the query selects 20 events"));
    let found = evidence(&place, &["--sample", "3"]);
    let samples = found["answers"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|answer| answer["events"]["sample"].as_array());
    let leaves: BTreeSet<u64> = samples.flatten().map(|shown| shown["entry"].as_u64().unwrap()).collect();
    assert!((3..20).contains(&leaves.len()), "{leaves:?}");
    let shown = place.command(&["show", "soc2.html", "--trust", "trust.txt", "--json"]).output().unwrap();
    let of_line = |line: &str| serde_json::from_str::<Value>(line).unwrap()["entry"].as_u64().unwrap();
    let shown: BTreeSet<u64> = String::from_utf8(shown.stdout).unwrap().lines().map(of_line).collect();
    assert_eq!(shown, leaves);
    let file = place.read("soc2.html");
    let frame = file.lines().find_map(|line| line.strip_prefix("frame ")).unwrap();
    let frame: Value = serde_json::from_str(frame).unwrap();
    let sections = frame["sections"].as_array().unwrap();
    assert_eq!(sections[0]["data"]["countersign"], "evidence-by-control/v1");
    let has_title =
        |number: &str| sections.iter().any(|section| section["title"].as_str().unwrap().contains(number));
    assert!(found["controls"].as_array().unwrap().iter().all(|of| has_title(of["number"].as_str().unwrap())));
    // Events missing from an evidence file can't be written next to it.
    place.run(&["evidence", "-", "--framework", "soc2", "-o", "x.html"]).code(2);
}

#[test]
fn rejects_an_altered_export() {
    let place = Place::new();
    sealed(&place, &[login(1, "success"), login(2, "failure")]);
    let altered = place.read("audit.ndjson").replace("failure", "success");
    place.write("altered.ndjson", altered);
    place
        .run(&["evidence", "altered.ndjson", "--trust", "trust.txt", "--framework", "soc2", "-o", "out.md"])
        .code(1)
        .stdout(predicate::str::contains("Altered"))
        .stderr(predicate::str::contains("the export provides no evidence"));
    place.write("nothing.txt", "nothing\n");
    place.run(&["evidence", "nothing.txt", "--framework", "soc2", "-o", "out.md"]).code(5);
    assert!(!place.files().contains(&"out.md".to_owned()));
}

#[test]
fn reports_a_log_without_events() {
    let place = Place::new();
    place.seal_as("audit.ndjson", &["grant.ndjson"]);
    let found = evidence(&place, &["--policy", "1y"]);
    assert_eq!(found["counted"]["events"]["count"], 0);
    assert_eq!(answer(&found, "findings")["findings"]["found"], json!({"listed": [], "more": 0}));
    // Without events, no field can be missing.
    assert_eq!(answer(&found, "changes")["doubts"], json!([]));
    assert_eq!(found["retention"]["oldest"], Value::Null);
    // Nothing was verified.
    place.run(&["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "soc2"]).code(5).stdout(
        predicate::str::contains("None was found. Could not tell whether any was recorded.")
            .and(predicate::str::contains("not fully checked")),
    );
}

#[test]
fn reports_acknowledgments_with_their_signers() {
    let place = Place::new();
    let stopped =
        json!({"action": "log.disable", "actor": {"id": "u_1"}, "occurred_at": "2026-03-04T10:00:00.000Z"});
    sealed(&place, std::slice::from_ref(&stopped));
    let found = evidence(&place, &[]);
    let finding = &answer(&found, "findings")["findings"]["found"]["listed"][0];
    assert_eq!((&finding["answers"], &finding["entries"]["listed"]), (&json!([]), &json!([2])));
    let id = finding["id"].as_str().unwrap();
    let answered = json!({
        "action": "countersign.acknowledged", "actor": {"id": "u_9"}, "target": {"type": "finding", "id": id},
        "reason": "a planned | change",
    });
    sealed(&place, &[stopped, answered]);
    let found = evidence(&place, &[]);
    let findings = &answer(&found, "findings")["findings"];
    assert_eq!(findings["unanswered"], 0);
    let told = &findings["found"]["listed"][0]["answers"][0];
    assert_eq!(
        (&told["by"], &told["signer"], &told["entry"]),
        (&"u_9".into(), &"example.com/app".into(), &3.into())
    );
    place.run(&["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "soc2"]).success().stdout(
        predicate::str::contains("It was acknowledged.")
            .and(predicate::str::contains(r"a planned \| change")),
    );
}

#[test]
fn erasures_are_proven_by_the_logs_record() {
    let place = Place::new();
    place.write("trust.txt", format!("log {0}\nemitter {0}\nissuer {1}\n", place.log, place.issuer));
    let args = [
        "--origin",
        ORIGIN,
        "--key",
        "log.key",
        "--trust",
        "trust.txt",
        "--listen",
        "127.0.0.1:0",
        "--no-page",
    ];
    let server = ServedLog::start(place.path(".").as_path(), &args);
    let (url, log) = (server.url().to_owned(), place.log.clone());
    place.run(&["grant", &place.app, "--key", "issuer.key", "--to", &url, "--log", &log]).success();
    let lines = (1..=4).map(|day| login(day, "success").to_string() + "\n").collect::<String>();
    place.write("events.ndjson", lines);
    let record =
        ["record", "events.ndjson", "--key", "app.key", "--to", &url, "--log", &log, "--outbox", "outbox"];
    place.run(&record).success();
    let token = |right: &str| {
        let output =
            place.run(&["token", "add", right, "--right", right, "--dir", "countersign-log"]).success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap().trim().to_owned()
    };
    let asked = json!({"filter": {"actor": "u_2"}, "reason": "request 17"}).to_string();
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let answer = client.post(format!("{url}/erase")).bearer_auth(token("erase")).body(asked).send().unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let read = token("read");
    let evidence = |more: &[&str]| -> Value {
        let args = ["evidence", &url, "--trust", "trust.txt", "--framework", "gdpr", "--format", "json"];
        let args = [&args[..], more].concat();
        let output = place.command(&args).env("COUNTERSIGN_TOKEN", &read).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let found = evidence(&["--policy", "6y"]);
    let erasures = found["erasures"]["listed"].as_array().unwrap();
    assert_eq!(erasures.len(), 1);
    let erasure = &erasures[0];
    assert_eq!((&erasure["by"], &erasure["reason"]), (&"erase".into(), &"request 17".into()));
    assert_eq!(
        (&erasure["entries"]["listed"], &erasure["gone"], &erasure["here"]),
        (&json!([[3, 3]]), &1.into(), &0.into())
    );
    // All entries are here; one entry's content is unknown.
    assert_eq!((codes(&found["doubts"]), &found["counted"]["withheld"]), (vec!["erased"], &0.into()));
    assert_eq!(
        (&found["retention"]["state"], &found["retention"]["early"]),
        (&"contradicted".into(), &1.into())
    );
    // Without trust in the log's key, there is only its claim.
    place.write("trust.txt", format!("log {}\nissuer {}\n", place.log, place.issuer));
    let found = evidence(&[]);
    assert_eq!((&found["erasures"]["listed"], &found["counted"]["withheld"]), (&json!([]), &1.into()));
}

const CATALOG: &str = "\
catalog: controls/v1
framework: ours
title: Our own rules
edition: of 2026
questions:
  night: {what: What the night shift did., query: shift:night}
  tags: {what: Findings of a tag., findings: [nobody.has.this]}
controls:
  - number: '1.1'
    title: Nights
    asks: The night shift is known.
    shows: [night, tags, coverage]
    cannot: [Who slept.]
";

#[test]
fn uncovered_events_leave_findings_open() {
    let place = Place::new();
    let later = json!({"action": "login", "actor": {"id": "u_1"}, "occurred_at": "2999-01-01T00:00:00Z"});
    for (event, doubt) in [(json!({"color": "blue"}), "not_read"), (later, "future")] {
        sealed(&place, &[event, login(1, "success")]);
        let found = evidence(&place, &[]);
        for name in ["findings", "findings-access"] {
            assert_eq!(codes(&answer(&found, name)["doubts"]), [doubt], "{name}");
        }
        assert_eq!(answer(&found, "coverage")["doubts"], json!([]));
    }
    sealed(&place, &[login(1, "success")]);
    assert_eq!(answer(&evidence(&place, &[]), "findings")["doubts"], json!([]));
}

#[test]
fn rules_without_findings_answer_no_question() {
    let place = Place::new();
    sealed(&place, &[login(1, "failure")]);
    let rules = "title: A login\nid: login\ntags: [attack.t1110]\ndetection: {s: {action: session.login}, condition: s}\n---\n\
        title: Logins\nid: logins\nlevel: high\ncorrelation: {type: event_count, rules: [login], timespan: 1h, condition: {gte: 1}}\n";
    place.write("rules.yml", rules);
    place.write("ours.yml", CATALOG);
    for (asked, doubts) in
        [("[login]", &["no_rule"][..]), ("[attack.t1110]", &["no_rule"]), ("[logins]", &[])]
    {
        let (before, rest) = CATALOG.split_once("findings: [").unwrap();
        let (_, after) = rest.split_once(']').unwrap();
        place.write("ours.yml", format!("{before}findings: {asked}{after}"));
        let found = json_of(&place, "audit.ndjson", &["--catalog", "ours.yml", "--rules", "rules.yml"]);
        let tags = answer(&found, "tags");
        assert_eq!(
            (codes(&tags["doubts"]), &tags["findings"]["of"]),
            (doubts.to_vec(), &json!(1 - doubts.len())),
            "{asked}"
        );
    }
}

#[test]
fn reports_the_location_of_catalog_errors() {
    let place = Place::new();
    sealed(&place, &[login(1, "success")]);
    place.write("ours.yml", CATALOG);
    place.run(&["evidence", "--catalog", "ours.yml", "--lint"]).success().stderr(
        predicate::str::contains("1 control of ours").and(predicate::str::contains("nobody.has.this")),
    );
    let found = json_of(&place, "audit.ndjson", &["--catalog", "ours.yml"]);
    assert_eq!(answer(&found, "night")["events"]["unknown_fields"], json!(["shift"]));
    assert_eq!(codes(&answer(&found, "tags")["doubts"]), ["no_rule"]);
    place
        .run(&["evidence", "audit.ndjson", "--trust", "trust.txt", "--catalog", "ours.yml"])
        .success()
        .stdout(predicate::str::contains("No event has the field `shift`"));
    for (from, to, code, line) in [
        ("query: shift:night", "category: [nonsense]", "catalog.category", 6),
        ("cannot: [Who slept.]", "keep: long\n    cannot: [Who slept.]", "catalog.keep", 13),
        ("shift:night", "'shift:('", "catalog.query", 6),
        ("shift:night", "since:2026-01-01", "catalog.query_time", 6),
        ("[night, tags", "[nihgt, tags", "catalog.unknown_question", 12),
        ("    cannot: [Who slept.]\n", "", "file.missing", 9),
        ("    title: Nights", "    tittle: Nights", "file.unknown_key", 10),
        ("coverage]", "coverage, night]", "catalog.twice", 12),
        ("framework: ours", "framework: Our Own", "catalog.name", 2),
        ("controls/v1", "controls/v9", "catalog.format", 1),
    ] {
        assert!(CATALOG.contains(from), "{from}");
        place.write("wrong.yml", CATALOG.replacen(from, to, 1));
        place.run(&["evidence", "--catalog", "wrong.yml", "--lint"]).code(2).stderr(
            predicate::str::contains(format!("wrong.yml: line {line}:")).and(predicate::str::contains(code)),
        );
    }
}

#[test]
fn subject_copies_verify_and_records_are_listed() {
    let place = Place::new();
    let mut events: Vec<Value> = (1..=9).map(|day| login(day, "success")).collect();
    events.push(
        json!({"action": "user.update", "actor": {"id": "=admin"}, "target": {"type": "user", "id": "u_3"}}),
    );
    events.push(json!({"action": "note.create", "actor": {"id": "admin"}, "metadata": {"about": "u_3"}}));
    events.push(
        json!({"action": "tool.call", "actor": {"type": "agent", "id": "bot"}, "on_behalf_of": {"id": "u_3", "name": "Grace"}}),
    );
    events.push(json!({"action": "chart.open", "actor": {"id": "u_4", "name": "Ada <b>"}, "target": {"type": "chart", "id": "c_7"}}));
    sealed(&place, &events);
    let args =
        ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "gdpr", "--subject", "u_3"];
    place.run(&args).code(2).stderr(predicate::str::contains("use a new folder"));
    place.run(&[&args[..], &["-o", "access/"]].concat()).success();
    let found: Value = serde_json::from_str(&place.read("access/evidence.json")).unwrap();
    let subject = &found["subject"];
    assert_eq!(
        (&subject["as_actor"], &subject["represented"], &subject["as_target"], &subject["mentioned"]),
        (&1.into(), &1.into(), &1.into(), &1.into())
    );
    let listed = subject["listed"]["listed"].as_array().unwrap();
    assert!(
        listed.iter().any(|event| event["actor"] == "bot" && event["on_behalf_of"] == "u_3"),
        "{listed:?}"
    );
    assert_eq!(place.verdict("access/subject.ndjson"), "partial");
    let before = place.files();
    place
        .run(&[&args[..], &["-o", "access/"]].concat())
        .code(2)
        .stderr(predicate::str::contains("io.exists").and(predicate::str::contains("access/")));
    assert_eq!(place.files(), before);
    let shown = place.run(&["show", "access/subject.ndjson", "--trust", "trust.txt", "--json"]).code(4);
    let shown = String::from_utf8(shown.get_output().stdout.clone()).unwrap();
    assert_eq!(shown.lines().count(), 3);
    assert!(shown.lines().all(|line| line.contains("u_3")));
    // Spreadsheet formulas are escaped.
    assert!(place.read("access/subject.csv").contains(",'=admin,"));
    // A name is not an identifier; candidates are listed.
    let by_name = [&args[..7], &["Ada", "-o", "by-name/"]].concat();
    place.run(&by_name).success().stderr(predicate::str::contains("use a complete identifier, such as u_4"));
    assert!(!place.path("by-name/subject.ndjson").exists());
    assert!(place.read("by-name/evidence.md").contains("Actors and targets there include `u_4`."));
    assert_eq!(place.verdict("access/samples.ndjson"), "partial");
    assert!(place.read("access/evidence.csv").starts_with("framework,control,"));

    let args =
        ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "hipaa", "--record", "c_7"];
    place.run(&args).success().stdout(
        predicate::str::contains("1 event with the target `c_7`")
            .and(predicate::str::contains("| chart.open | u\\_4 (Ada &lt;b&gt;) | chart c\\_7 |")),
    );
}

#[test]
fn documented_check_commands_work() {
    let place = Place::new();
    sealed(&place, &(1..=3).map(|day| login(day, "success")).collect::<Vec<_>>());
    let args = ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "soc2"];
    let told = place.run(&[&args[..], &["--period", "2020..2030"]].concat()).success();
    let told = String::from_utf8(told.get_output().stdout.clone()).unwrap();
    let (_, check) = told.split_once("## How to check this").unwrap();
    let period = "2020-01-01T00:00:00.000Z..2030-12-31T23:59:59.999Z";
    assert!(check.contains(&format!(" --period {period}`.")), "{check}");
    place.run(&[&args[..], &["--period", period]].concat()).success().stdout(told.clone());
    let shown = place.run(&["show", "audit.ndjson", "--trust", "trust.txt", "--json"]).success();
    let shown: Value = serde_json::from_slice(
        shown.get_output().stdout.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap(),
    )
    .unwrap();
    let event = format!("{}/{}", shown["chain"].as_str().unwrap(), shown["seq"]);
    let commands = check.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("countersign "));
    let mut ran = 0;
    for command in commands {
        let command = command.replace("EXPORT", "audit.ndjson").replace("TRUST", "trust.txt");
        let command = command.replace("QUERY", "actor:*").replace("CHAIN/SEQ", &event);
        let args: Vec<&str> = command
            .split('\'')
            .enumerate()
            .flat_map(|(nth, part)| if nth % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
            .collect();
        place.run(&args).success();
        ran += 1;
    }
    assert_eq!((ran, place.verdict("ONE")), (5, "partial".into()));
}

/// Parses assessment results with compliance-trestle; returns the properties of their evidence.
const TRESTLE: &str = "\
import json, sys
from trestle.oscal.assessment_results import Model
model = Model.parse_obj(json.load(sys.stdin))
results = model.assessment_results.results[0]
uuids = [model.assessment_results.uuid, results.uuid] + [one.uuid for one in results.observations]
assert len(set(uuids)) == len(uuids)
print(json.dumps({
    'controls': [one.control_id for one in results.reviewed_controls.control_selections[0].include_controls],
    'observations': [{
        'props': {prop.name: prop.value for prop in one.props},
        'evidence': [{prop.name: prop.value for prop in that.props} for that in one.relevant_evidence or []],
    } for one in results.observations],
}, default=str))
";

#[test]
fn assessment_results_are_valid_oscal() {
    let place = Place::new();
    sealed(
        &place,
        &[login(1, "success"), login(2, "failure"), json!({"action": "log.disable", "actor": {"id": "u_1"}})],
    );
    for framework in ["hipaa", "gdpr", "nis2", "soc2"] {
        let args = [
            "evidence",
            "audit.ndjson",
            "--trust",
            "trust.txt",
            "--framework",
            framework,
            "--format",
            "oscal",
        ];
        let text = place.run(&args).success().get_output().stdout.clone();
        let again = place.run(&args).success().get_output().stdout.clone();
        assert_eq!(text, again, "no clock and no luck is in it");
        let Some(python) = python() else { return };
        let read: Value = serde_json::from_str(&run(&python, TRESTLE, &text)).unwrap();
        let root = &json_of(&place, "audit.ndjson", &["--framework", framework])["log"]["root"];
        assert!(read["controls"].as_array().unwrap().len() > 8);
        let observations = read["observations"].as_array().unwrap();
        assert!(observations.iter().all(|one| one["props"]["root"] == *root));
        let logins: Vec<_> = observations.iter().filter(|one| one["props"]["question"] == "logins").collect();
        assert!(!logins.is_empty());
        for one in logins {
            let mut leaves: Vec<_> = one["evidence"]
                .as_array()
                .unwrap()
                .iter()
                .map(|that| (&that["entry"], &that["root"]))
                .collect();
            leaves.sort_by_key(|(leaf, _)| leaf.as_str());
            assert_eq!(leaves, [(&json!("2"), root), (&json!("3"), root)]);
        }
    }
}

#[test]
fn events_before_a_revocation_count() {
    let place = Place::new();
    let case =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/trust-revoke-later");
    for file in ["export.ndjson", "trust.txt"] {
        place.write(file, std::fs::read(case.join(file)).unwrap());
    }
    let evidence = json_of(&place, "export.ndjson", &["--framework", "soc2"]);
    let key = evidence["keys"].as_array().unwrap().iter().find(|key| key["trust"] == "revoked").unwrap();
    assert_eq!(key["events"]["count"], 5, "{key}");
    assert!(!codes(&evidence["doubts"]).contains(&"untrusted"));
    let args = ["evidence", "export.ndjson", "--trust", "trust.txt", "--framework", "soc2"];
    place.run(&args).success().stdout(predicate::str::contains(
        "| revoked: trusted only for entries shown to predate the revocation | 5 |",
    ));
}

/// The figures depend on parsers and rules, so the document states both, and its steps have the options for them.
#[test]
fn documents_state_the_parsers_and_the_options_of_their_check() {
    let place = Place::new();
    sealed(&place, &[json!({"n": 1, "who": "u_1"}), login(1, "success")]);
    let parser =
        r#"{"as":"gate","when":{"n":{"type":"number"}},"action":"=gate.opened","actor":{"id":"who"}}"#;
    place.write("pamgate.json", parser);
    let hash = hex::encode(&Hash::digest(&[parser.as_bytes()]).0);
    let args =
        ["evidence", "audit.ndjson", "--trust", "trust.txt", "--framework", "hipaa", "--record", "chart 7"];
    let text = |more: &[&str]| {
        let run = place.run(&[&args[..], more].concat()).success();
        String::from_utf8(run.get_output().stdout.clone()).unwrap()
    };
    let own = ["--parsers", "pamgate.json", "--rules", "built-in"];
    let document = text(&own);
    let row = format!("| parsers | pamgate.json, SHA-256 `{hash}`; then those built into countersign ");
    assert!(document.contains(&row), "{document}");
    for step in [
        "`--framework hipaa --sample 5 --seed countersign --record 'chart 7' --rules built-in --parsers pamgate.json`",
        "`countersign show EXPORT --trust TRUST --query 'QUERY' --parsers pamgate.json`",
        "`countersign show EXPORT CHAIN/SEQ --trust TRUST --parsers pamgate.json`",
        "`countersign analyze EXPORT --trust TRUST --rules built-in --parsers pamgate.json`",
    ] {
        assert!(document.contains(step), "{step}: {document}");
    }
    let plain = text(&[]);
    assert!(
        plain.contains("| parsers | those built into countersign ") && !plain.contains("--parsers"),
        "{plain}"
    );
    let source = |more: &[&str]| -> Value {
        let json: Value = serde_json::from_str(&text(&[more, &["--json"]].concat())).unwrap();
        json["source"]["parsers"].clone()
    };
    assert_eq!(source(&own), json!([{ "name": "pamgate.json", "sha256": hash }]));
    assert_eq!(source(&[]), json!([]));
}
