//! Policies for CI pipelines: violations, their locations, and output formats.

use std::fs;
use std::path::Path;
use std::process::Command;

use countersign_analyze::written::{Document, Written};
use predicates::prelude::*;
use serde_json::Value;

use crate::common::validators::{python, run};
use crate::common::{ORIGIN, Place, documented_events};

const POLICY: &str = include_str!("../../../../examples/github-action/policy.yml");
const DESCRIPTION: &str = "\
openapi: 3.1.0
info: {title: Jobs, version: '1'}
paths:
  /jobs/{id}:
    get: {}
    delete: {deprecated: true}
";

/// Creates a log with an undescribed and a deprecated call, and the example policy.
fn place() -> Place {
    let place = Place::new();
    place.write("policy.yml", POLICY);
    place.write("openapi.yaml", DESCRIPTION);
    record(&place, &["GET /jobs/42 u_1", "GET /jobs/43 u_1", "DELETE /jobs/43 u_2", "GET /jobs/42/export "]);
    place
}

/// Seals calls with their callers as `audit.ndjson`.
fn record(place: &Place, calls: &[&str]) {
    let event = |call: &&str| {
        let mut words = call.split(' ');
        let (method, path, who) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let actor = if who.is_empty() { String::new() } else { format!(r#""actor":{{"id":"{who}"}},"#) };
        format!(
            r#"{{"action":"http.request",{actor}"http":{{"method":"{method}","path":"{path}","status":200}}}}"#
        ) + "\n"
    };
    place.write("events.ndjson", calls.iter().map(event).collect::<String>());
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    place.seal(&[]);
}

const OUTPUTS: [&str; 6] =
    ["--sarif", "countersign.sarif", "--junit", "countersign.xml", "--markdown", "countersign.md"];

fn enforce<'a>(place: &Place, export: &'a str, more: &[&'a str]) -> assert_cmd::assert::Assert {
    place.run(&[&["enforce", "policy.yml", export, "--trust", "trust.txt"], &OUTPUTS[..], more].concat())
}

fn sarif(place: &Place) -> Value {
    serde_json::from_str(&place.read("countersign.sarif")).unwrap()
}

/// Returns the violations from SARIF: the rule, and whether it is suppressed.
fn against(place: &Place) -> Vec<(String, bool)> {
    let results = sarif(place)["runs"][0]["results"].as_array().unwrap().clone();
    let of =
        |result: &Value| (result["ruleId"].as_str().unwrap().to_owned(), result["suppressions"].is_array());
    results.iter().map(of).collect()
}

fn rules(place: &Place) -> Vec<String> {
    against(place).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn violations_fail_with_their_entries() {
    let place = place();
    enforce(&place, "audit.ndjson", &[])
        .code(6)
        .stdout(predicate::str::contains("✓ Verified."))
        .stdout(predicate::str::contains("GET /jobs/{number}/export is called, but not described, 1 call,"))
        .stdout(predicate::str::contains("✗ Release of the jobs API is not met: 3 failures."));
    assert_eq!(rules(&place), ["endpoint/shadow", "endpoint/zombie", "endpoint/unauthenticated"]);
    // SARIF has the line of the link.
    let export = place.read("audit.ndjson");
    for result in sarif(&place)["runs"][0]["results"].as_array().unwrap() {
        let line = result["locations"][0]["physicalLocation"]["region"]["startLine"].as_u64().unwrap();
        let text = export.lines().nth(usize::try_from(line).unwrap() - 1).unwrap();
        let path = if result["ruleId"] == "endpoint/zombie" { "DELETE" } else { "/jobs/42/export" };
        assert!(text.contains(path), "{result} {text}");
    }
    // Calls without a caller are counted.
    record(&place, &["GET /jobs/42 u_1", "GET /jobs/43 ", "GET /jobs/44 u_1"]);
    enforce(&place, "audit.ndjson", &[])
        .code(6)
        .stdout(predicate::str::contains("GET /jobs/{id} answers unauthenticated calls, 1 of 3 calls,"));
    // Fixing the service fixes the result.
    record(&place, &["GET /jobs/42 u_1", "GET /jobs/43 u_1"]);
    place.write("policy.yml", POLICY.replace("exercised: 0.8", "exercised: 0.5"));
    enforce(&place, "audit.ndjson", &[])
        .success()
        .stdout(predicate::str::contains("✓ Release of the jobs API is met."));
    assert!(rules(&place).is_empty());
    // One of two described operations was called.
    place.write("policy.yml", POLICY);
    enforce(&place, "audit.ndjson", &[])
        .code(6)
        .stdout(predicate::str::contains("1 of 2 were called; not called: DELETE /jobs/{id}"));
    // Without calls, no endpoint is known.
    place.sealed_of(&documented_events(3));
    enforce(&place, "audit.ndjson", &[]).code(6);
    assert_eq!(rules(&place), ["endpoint/looked", "endpoint/exercised"]);
}

#[test]
fn exceptions_expire() {
    let place = place();
    let except = "  except:\n    - {endpoint: 'DELETE /jobs/{id}', reason: 'Ann, in March', until: 2027-01-01}\n    - {endpoint: 'GET /jobs/{number}/export', reason: Bob, until: 2027-01-01}\n";
    place.write("policy.yml", POLICY.to_owned() + except);
    enforce(&place, "audit.ndjson", &["--now", "2026-12-31"])
        .success()
        .stdout(predicate::str::contains("accepted until 2027-01-01T00:00:00.000Z: Ann, in March"));
    assert!(against(&place).iter().all(|(_, is_passed)| *is_passed) && against(&place).len() == 3);
    enforce(&place, "audit.ndjson", &["--now", "2027-01-01"]).code(6);
    assert!(against(&place).iter().all(|(_, is_passed)| !is_passed));
}

#[test]
fn checks_verdict_emitters_witnesses_findings_and_baseline() {
    let place = place();
    place.run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--format", "json"]).success();
    let of = |policy: &str, export: &str, code: i32| {
        place.write("policy.yml", format!("countersign: policy/v1\nname: x\n{policy}\n"));
        enforce(&place, export, &[]).code(code);
        rules(&place)
    };
    assert_eq!(of("verdict: [verified]", "audit.ndjson", 0), [""; 0]);
    // The reader trusts no witness.
    assert_eq!(of("verdict: [verified]\nwitnessed: {within: 24h}", "audit.ndjson", 6), ["witnessed"]);
    let emitters = "verdict: [verified]\nemitters: {allow: [example.com/web], require: [example.com/app, example.com/web]}";
    assert_eq!(of(emitters, "audit.ndjson", 6), ["emitter/unknown", "emitter/missing"]);
    assert_eq!(of("verdict: [partial]", "audit.ndjson", 6), ["verdict"]);
    place.write("altered.ndjson", place.read("audit.ndjson").replacen("u_1", "u_9", 1));
    assert_eq!(of("verdict: [verified, partial, untrusted]", "altered.ndjson", 1), ["verdict"]);

    let inventory = |export: &str, to: &str| {
        let args = ["inventory", export, "--trust", "trust.txt", "--format", "json"];
        place.write(to, &place.run(&args).success().get_output().stdout);
    };
    inventory("audit.ndjson", "before.json");
    let baseline = "verdict: [verified]\nendpoints: {baseline: before.json, refuse: [new-unauthenticated]}";
    assert_eq!(of(baseline, "audit.ndjson", 0), [""; 0]);
    record(&place, &["GET /jobs/42/export ", "GET /admin/users "]);
    assert_eq!(of(baseline, "audit.ndjson", 6), ["endpoint/new-unauthenticated"]);
    place.write("before.json", "{}");
    place
        .run(&["enforce", "policy.yml", "audit.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("policy.baseline"));

    let rule = "title: A job was deleted\nid: job-deleted\nlevel: low\ndetection:\n  selection:\n    http.method: DELETE\n  condition: selection\n";
    place.write("rule.yml", rule);
    record(&place, &["GET /jobs/42 u_1", "DELETE /jobs/42 u_1"]);
    place.write(
        "policy.yml",
        "countersign: policy/v1\nname: x\nverdict: [verified]\nfindings: {rules: [job-deleted]}\n",
    );
    enforce(&place, "audit.ndjson", &["--rules", "rule.yml"]).code(6);
    assert_eq!(rules(&place), ["finding/job-deleted"]);
    assert_eq!(sarif(&place)["runs"][0]["results"][0]["level"], "note");
    // A rule missing from the pack would never match.
    enforce(&place, "audit.ndjson", &[]).code(2).stderr(predicate::str::contains("policy.rule"));
}

/// Failed logins, many with one name.
const LOGINS: &str = "\
title: A login failed
id: 22222222-2222-4222-8222-222222222222
name: login-failed
level: low
detection:
  selection: {action: login, outcome: failure}
  condition: selection
---
title: Many logins failed
id: 33333333-3333-4333-8333-333333333333
name: many-logins-failed
level: high
correlation:
  type: event_count
  rules: [login-failed]
  group-by: [actor.id]
  timespan: 10m
  condition: {gte: 5}
";

#[test]
fn policies_name_rules_by_id_or_name() {
    let place = logins("", (0..5).map(|_| "u_1".into()));
    let enforce = |findings: &str| {
        place.write(
            "policy.yml",
            format!("countersign: policy/v1\nname: x\nverdict: [verified]\nfindings: {findings}\n"),
        );
        enforce(&place, "audit.ndjson", &["--rules", "rules.yml"])
    };
    let id = "33333333-3333-4333-8333-333333333333";
    for called in [id, "many-logins-failed"] {
        enforce(&format!("{{rules: [{called}]}}")).code(6);
        assert_eq!(rules(&place), [format!("finding/{id}")], "{called}");
        let except = format!("except: [{{rule: {called}, reason: Ann, until: 2999-01-01}}]");
        enforce(&format!("{{level: high, {except}}}")).success();
    }
    enforce("{rules: [login-failed]}")
        .code(2)
        .stderr(predicate::str::contains("raises no findings on its own"));
}

#[test]
fn incomplete_rule_coverage_fails() {
    let policy = |place: &Place, more: &str| {
        let findings = format!("findings: {{level: high{more}}}");
        place.write(
            "policy.yml",
            format!("countersign: policy/v1\nname: x\nverdict: [verified]\n{findings}\n"),
        );
        enforce(place, "audit.ndjson", &["--rules", "rules.yml"])
    };
    let except = ", except: [{rule: many-logins-failed, reason: Ann, until: 2999-01-01}]";
    // Their times are later than the log's, so they are in no window.
    let place = logins(r#","occurred_at":"2999-01-01T00:00:00Z""#, (0..5).map(|_| "u_1".into()));
    policy(&place, "")
        .code(6)
        .stdout(predicate::str::contains("5 events have a time later than their recording"));
    assert_eq!(rules(&place), ["finding/looked"]);
    policy(&place, except).success();
    let analyze = |place: &Place, level| {
        let args = ["analyze", "audit.ndjson", "--trust", "trust.txt", "--rules", "rules.yml"];
        place.run(&[&args[..], &["--fail-on", level]].concat())
    };
    let doubted = "? Nothing was found in all entries from 0 to 7; rules skipped some events, to save memory or because they came late, so there may be more";
    analyze(&place, "high").code(6).stdout(predicate::str::contains(doubted));
    // Others have more hits, and new ones evict the group with the fewest.
    let flood = (0..40_000).map(|nth| format!("f_{}", nth % 20_000));
    let hidden = (0..10).flat_map(|nth| ["u_1".into(), format!("g_{nth}")]);
    let place = logins("", flood.chain(hidden));
    let said = "20 groups of the rule “Many logins failed” skipped from entry 40002 on";
    policy(&place, "").code(6).stdout(predicate::str::contains(said));
    policy(&place, except).success();
    analyze(&place, "high").code(6).stdout(
        predicate::str::contains("? Nothing was found")
            .and(predicate::str::contains("! Many logins failed: skipped, to save memory")),
    );
    analyze(&place, "critical").success();
}

#[test]
fn emitter_names_count_only_with_trusted_keys() {
    let place = place();
    let policy = "emitters: {allow: [example.com/app], require: [example.com/app]}\nverdict: [untrusted]";
    place.write("policy.yml", format!("countersign: policy/v1\nname: x\n{policy}\n"));
    place.write("trust.txt", format!("log {}\n", place.log));
    enforce(&place, "audit.ndjson", &[]).code(6);
    assert_eq!(rules(&place), ["emitter/unknown", "emitter/missing"]);
}

/// Seals failed logins with additional fields, and rules that count them.
fn logins(more: &str, who: impl Iterator<Item = String>) -> Place {
    let place = Place::new();
    place.write("rules.yml", LOGINS);
    let event =
        |who| format!(r#"{{"action":"login","outcome":"failure","actor":{{"id":"{who}"}}{more}}}"#) + "\n";
    place.write("events.ndjson", who.map(event).collect::<String>());
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"])
        .success();
    place.seal(&[]);
    place
}

#[test]
fn output_matches_public_schemas() {
    let place = place();
    let hostile = POLICY.replace("Release of the jobs API", "\"A & <b> \\\"c\\\" \\u0007 | d\"");
    for (policy, code) in
        [(POLICY, 6), (&hostile, 6), ("countersign: policy/v1\nname: x\nverdict: [verified]\n", 0)]
    {
        place.write("policy.yml", policy);
        enforce(&place, "audit.ndjson", &[]).code(code);
        let Some(python) = python() else { return };
        let junit = "import sys; from junitparser import JUnitXml; x = JUnitXml.fromstring(sys.stdin.buffer.read()); \
            c = [c for s in x for c in s]; f = [r for t in c for r in t.result if type(r).__name__ == 'Failure']; \
            assert x.tests == len(c) and x.failures == len(f), (x.tests, x.failures); print(x.failures)";
        let failures: u64 =
            run(&python, junit, place.read("countersign.xml").as_bytes()).trim().parse().unwrap();
        let xml = place.read("countersign.xml");
        let named = xml.split(">entries ").skip(1).map(|rest| rest.split('<').next().unwrap());
        assert!(named.clone().all(|entries| entries.contains(',')), "{:?}", named.collect::<Vec<_>>());
        // Counts and exit status agree.
        assert_eq!(failures > 0, code == 6);
        assert_eq!(failures as usize, rules(&place).len());
        let model =
            "import sys, json; from sarif_pydantic import Sarif; Sarif.model_validate(json.load(sys.stdin))";
        run(&python, model, place.read("countersign.sarif").as_bytes());
    }
}

/// Returns a step's or a job's script.
fn script(of: &Written<'_>, member: &str) -> String {
    let script = of.need(member, "a script").unwrap();
    match script.items() {
        Ok(lines) => lines.iter().map(|line| line.text().unwrap()).collect::<Vec<_>>().join("\n"),
        Err(_) => script.text().unwrap().to_owned(),
    }
}

#[test]
fn examples_run_outside_their_ci_systems() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let action = Document::parse(&read("github-action/action.yml")).unwrap();
    let steps = action.root().need("runs", "").unwrap().need("steps", "").unwrap().items().unwrap();
    let github = script(&steps[0], "run");
    assert!(!github.contains("${{"), "what is put into a script could be run: {github}");
    let job = Document::parse(&read("gitlab/countersign.gitlab-ci.yml")).unwrap();
    let gitlab = script(&job.root().need(".countersign-enforce", "").unwrap(), "script");

    let place = place();
    let program = Path::new(env!("CARGO_BIN_EXE_countersign")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run_script = |script: &str| {
        let status = Command::new("bash")
            .args(["-eo", "pipefail", "-c", script])
            .current_dir(place.path("."))
            .env("PATH", &path)
            .envs([("POLICY", "policy.yml"), ("EXPORT", "audit.ndjson"), ("TRUST", "trust.txt")])
            .envs([("PROGRAM", "countersign"), ("COUNTERSIGN_TOKEN", "")])
            .envs([("GITHUB_OUTPUT", "output.txt"), ("GITHUB_STEP_SUMMARY", "summary.md")])
            .output()
            .unwrap();
        status.status.code()
    };
    assert_eq!(run_script(&github), Some(6));
    assert!(place.read("summary.md").starts_with("## Release of the jobs API: ❌ not met"));
    assert_eq!(place.read("output.txt"), "sarif=countersign.sarif\njunit=countersign.xml\n");
    fs::remove_file(place.path("countersign.xml")).unwrap();
    assert_eq!(run_script(&gitlab), Some(6));
    assert!(place.read("countersign.xml").contains("failures=\"3\""));
    place.write("policy.yml", "countersign: policy/v1\nname: x\nverdict: [verified]\n");
    assert_eq!((run_script(&github), run_script(&gitlab)), (Some(0), Some(0)));

    // Validated with public schemas.
    let Some(python) = python() else { return };
    for (schema, file) in [
        ("vendor.github-actions", "github-action/action.yml"),
        ("vendor.github-workflows", "github-action/workflow.yml"),
        ("vendor.gitlab-ci", "gitlab/countersign.gitlab-ci.yml"),
    ] {
        let check = Command::new(&python)
            .args(["-m", "check_jsonschema", "--builtin-schema", schema])
            .arg(folder.join(file))
            .output()
            .unwrap();
        assert!(check.status.success(), "{file}: {}", String::from_utf8_lossy(&check.stdout));
    }
}
