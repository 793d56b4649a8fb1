//! The API inventory: calls in verified events, compared with a description.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::{Place, third_party};

const DESCRIPTION: &str = "\
openapi: 3.1.0
info: {title: Jobs, version: '2'}
servers:
  - url: https://{host}/v2
    variables: {host: {default: api.example}}
security: [{token: []}]
paths:
  /jobs:
    get: {}
    post: {}
  /jobs/{id}:
    parameters: [{name: id, in: path, schema: {type: integer}}]
    get: {}
    delete: {deprecated: true}
  /health:
    get: {security: []}
  /reports/{year}:
    get: {}
";

fn request(method: &str, path: &str, status: u16, actor: Option<&str>, at: &str) -> Value {
    let mut event = json!({
        "action": "http.request", "occurred_at": at,
        "http": {"method": method, "path": path, "status": status, "latency_ms": 12},
    });
    if let Some(actor) = actor {
        event["actor"] = json!({"id": actor});
    }
    event
}

/// Calls on two days, some only on the second.
fn traffic() -> String {
    let (before, after) = ("2026-11-18T10:00:00.000Z", "2026-11-19T10:00:00.000Z");
    let mut events = Vec::new();
    for nth in 0..30 {
        events.push(request("GET", &format!("/v2/jobs/{}", 1000 + nth), 200, Some("u_1"), before));
        events.push(request("GET", &format!("/v2/jobs/{nth}/notes"), 200, Some("u_1"), before));
        events.push(request("GET", &format!("/{nth}.php"), 404, None, before));
    }
    events.push(request("GET", "/v2/jobs", 200, Some("u_2"), before));
    events.push(request("POST", "/v2/jobs", 201, Some("u_1"), before));
    events.push(request("GET", "/v2/health", 200, None, before));
    events.push(request("PATCH", "/v2/jobs/7", 200, Some("u_1"), before));
    events.push(request("DELETE", "/v2/jobs/7", 204, Some("u_1"), after));
    events.push(request("GET", "/v2/jobs/7", 200, None, after));
    events.push(request("POST", "/v2/jobs", 201, Some("u_2"), after));
    events.iter().fold(String::new(), |mut lines, event| {
        let _ = writeln!(lines, "{event}");
        lines
    })
}

fn inventory(place: &Place, more: &[&str]) -> Value {
    let args = [&["inventory", "audit.ndjson", "--trust", "trust.txt", "--format", "json"], more].concat();
    serde_json::from_slice(&place.run(&args).success().get_output().stdout).unwrap()
}

/// Returns the endpoints with this flag.
fn flagged(report: &Value, flag: &str) -> BTreeSet<String> {
    let endpoints = report["endpoints"].as_array().unwrap().iter();
    let flagged = endpoints.filter(|endpoint| endpoint["flags"].as_array().unwrap().contains(&json!(flag)));
    flagged.map(named).collect()
}

fn named(endpoint: &Value) -> String {
    format!("{} {}", endpoint["method"].as_str().unwrap(), endpoint["path"].as_str().unwrap())
}

fn endpoint<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut endpoints = report["endpoints"].as_array().unwrap().iter();
    endpoints.find(|endpoint| named(endpoint) == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn compares_calls_with_a_description() {
    let place = Place::new();
    place.sealed_of(&traffic());
    place.write("api.yaml", DESCRIPTION);
    let report = inventory(&place, &["--openapi", "api.yaml", "--since", "2026-11-19"]);
    assert_eq!(
        (&report["calls"], &report["events"], &report["callers"]),
        (&json!(97), &json!(97), &json!(2))
    );
    assert_eq!((&report["verdict"], &report["description"]["operations"]), (&json!("verified"), &json!(6)));
    let only = |name: &str| BTreeSet::from([name.to_owned()]);
    assert_eq!(flagged(&report, "shadow"), only("GET /v2/jobs/{number}/notes"));
    assert_eq!(flagged(&report, "zombie"), only("DELETE /jobs/{id}"));
    assert_eq!(flagged(&report, "undocumented-method"), only("PATCH /jobs/{id}"));
    assert_eq!(flagged(&report, "unauthenticated"), only("GET /jobs/{id}"));
    assert_eq!(flagged(&report, "new"), only("DELETE /jobs/{id}"));
    // A known caller who never created a job.
    assert_eq!(flagged(&report, "new-caller"), only("POST /jobs"));
    assert_eq!(
        endpoint(&report, "POST /jobs")["callers"][1],
        json!(
            {"id": "user:u_2", "calls": 1, "first": "2026-11-19T10:00:00.000Z", "entry": 98, "new": true}
        )
    );
    assert_eq!(report["unused"], json!([{"method": "GET", "path": "/reports/{year}", "deprecated": false}]));
    // Paths that always returned 404 are no endpoints.
    assert_eq!(report["probed"].as_array().unwrap().len(), 1);
    let open = endpoint(&report, "GET /jobs/{id}");
    assert_eq!(open["unauthenticated"], json!({"calls": 1, "entries": [97]}));
    assert_eq!((&open["risk"], &open["level"]), (&json!(40), &json!("high")));
    let latency = &open["latency_ms"];
    assert_eq!((&latency["calls"], latency["max"].as_f64()), (&json!(31), Some(12.0)));
    assert!((latency["p95"].as_f64().unwrap() - 12.0).abs() < 0.4, "{latency}");
    let points: u64 =
        open["reasons"].as_array().unwrap().iter().filter_map(|reason| reason["points"].as_u64()).sum();
    assert_eq!(open["risk"], json!(points));
    for threads in ["1", "3"] {
        let more = ["--openapi", "api.yaml", "--since", "2026-11-19", "--threads", threads];
        assert_eq!(inventory(&place, &more), report);
    }
}

#[test]
fn flags_are_printed_and_set_the_exit_status() {
    let place = Place::new();
    place.sealed_of(&traffic());
    place.write("api.yaml", DESCRIPTION);
    let run = |more: &[&str]| {
        place.run(
            &[&["inventory", "audit.ndjson", "--trust", "trust.txt", "--openapi", "api.yaml"], more].concat(),
        )
    };
    run(&[])
        .success()
        .stdout(predicate::str::starts_with("✓ Verified."))
        .stdout(predicate::str::contains("✗ 1 shadow endpoint: called, but not described"))
        .stdout(predicate::str::contains("DELETE /jobs/{id} ! risk 30 zombie"))
        .stdout(predicate::str::contains("in all entries from 0 to 99"));
    run(&["--fail-on", "shadow,zombie"]).code(6);
    run(&["--fail-on", "unused", "--query", "actor:u_2"]).code(6);
    run(&["--fail-on", "zombie", "--query", "actor:u_2"]).success();
    run(&["--fail-on", "new"]).code(2).stderr(predicate::str::contains("--fail-on new needs --since"));
    run(&["--fail-on", "ghost"]).code(2);
    place
        .run(&["inventory", "audit.ndjson", "--fail-on", "shadow"])
        .code(2)
        .stderr(predicate::str::contains("needs --openapi"));
    place
        .run(&["inventory", "audit.ndjson"])
        .code(3)
        .stdout(predicate::str::contains("the log may have other entries"));
}

#[test]
fn reads_events_from_a_log_server() {
    let place = Place::new();
    place.sealed_of(&traffic());
    let export = place.read("audit.ndjson");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/audit", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while reader.read_line(&mut head).unwrap() > 2 {}
        let length = export.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{export}")
            .unwrap();
        head
    });
    place.write("token.txt", "t0ken\n");
    let run = place.run(&[
        "inventory",
        &url,
        "--token-file",
        "token.txt",
        "--trust",
        "trust.txt",
        "--format",
        "json",
    ]);
    let there: Value = serde_json::from_slice(&run.success().get_output().stdout).unwrap();
    assert_eq!(there, inventory(&place, &[]));
    let head = server.join().unwrap().to_lowercase();
    assert!(
        head.starts_with("get /audit/export http/1.1") && head.contains("authorization: bearer t0ken"),
        "{head}"
    );
}

#[test]
fn does_not_count_unverified_events() {
    let place = Place::new();
    place.sealed_of(&traffic());
    place.write("audit.ndjson", place.read("audit.ndjson").replace("/v2/jobs/29/notes", "/v2/jobs/29/admin"));
    place
        .run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--fail-on", "sensitive"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered.").and(predicate::str::contains("/admin").not()));
}

#[test]
fn reports_the_line_of_an_invalid_description() {
    let place = Place::new();
    place.sealed_of(&traffic());
    for (name, text, code) in [
        ("a.yaml", "paths:\n  /a: [\n", "openapi.yaml"),
        ("a-tab.yaml", "info: x\n\tpaths:\n", "openapi.yaml]: a-tab.yaml: line 2"),
        ("b.json", "{\"paths\":", "openapi.json"),
        ("c.yaml", "openapi: 3.1.0\n", "openapi.paths"),
        ("d.yaml", "", "openapi.empty"),
        ("e.json", &format!("{{\"paths\":{{\"/deep{}\":{{}}}}}}", "/a".repeat(64)), "/deep/a/a"),
    ] {
        place.write(name, text);
        place
            .run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--openapi", name])
            .code(2)
            .stderr(predicate::str::contains(code).and(predicate::str::contains(name)));
    }
}

/// All calls of such paths would look undocumented.
#[test]
fn reports_external_references() {
    let place = Place::new();
    place.sealed_of(&traffic());
    let inventory = |paths: &str| {
        place.write("api.yaml", format!("openapi: 3.1.0\npaths:\n{paths}"));
        place.run(&["inventory", "audit.ndjson", "--trust", "trust.txt", "--openapi", "api.yaml"]).success()
    };
    let elsewhere =
        "  /a: {$ref: 'jobs.yaml#/a'}\n  /b: {$ref: '#/paths/~1c'}\n  /c: {$ref: '#/paths/~1b'}\n";
    let told = predicate::str::contains("api.yaml: the $ref of 3 paths can't be resolved in this file");
    inventory(elsewhere).stderr(told);
    let here = "  /a: {$ref: '#/paths/~1b'}\n  /b: {get: {}}\n";
    inventory(here).stderr(predicate::str::contains("$ref").not());
}

#[test]
fn service_operations_are_endpoints() {
    let Some(folder) = third_party("real-events/cloudtrail-stratus") else { return };
    let place = Place::new();
    place.sealed_of(&std::fs::read_to_string(folder.join("events.ndjson")).unwrap());
    let report = inventory(&place, &[]);
    let endpoints = report["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|endpoint| endpoint["operation"] == "DeleteTrail").unwrap();
    assert_eq!((&found["service"], &found["calls"]), (&json!("cloudtrail.amazonaws.com"), &json!(1)));
    let calls: u64 = endpoints
        .iter()
        .chain(report["probed"].as_array().unwrap())
        .filter_map(|of| of["calls"].as_u64())
        .sum();
    assert_eq!(json!(calls), report["calls"]);
}

/// Deterministic random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }
}

/// Returns a template without parameter names.
fn bare(template: &str) -> String {
    let parts = template.split('{').map(|part| part.split_once('}').map_or(part, |(_, rest)| rest));
    parts.collect::<Vec<_>>().join("{}")
}

/// Returns whether a path could match another template.
fn could_be(template: &str, path: &str) -> bool {
    let is_alike = |(one, other): (&str, &str)| one.contains('{') || one == other;
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(is_alike)
}

/// In each description, some operations are not called, some are deprecated, and some paths are removed.
#[test]
fn finds_hidden_endpoints_in_public_descriptions() {
    for (name, base) in [("discord", "/api/v10"), ("box", "/2.0")] {
        let Some(folder) = third_party(&format!("openapi/{name}")) else { return };
        let text = std::fs::read_to_string(folder.join("openapi.json")).unwrap();
        let mut description: Value = serde_json::from_str(&text).unwrap();
        let mut random = Random(7);
        let (mut shadow, mut zombie, mut unused) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut events = String::new();
        let paths = description["paths"].as_object_mut().unwrap();
        let names: Vec<String> = paths.keys().cloned().collect();
        let requested = |name: &str| name.split('#').next().unwrap().to_owned();
        for name in &names {
            let path = &requested(name);
            // Among operations that differ only in a fragment, each is called.
            let is_told = names.iter().filter(|other| requested(other) == *path).count() == 1;
            // A path that matches another template is not shadow.
            let is_another = |other: &&String| *other != name && could_be(&requested(other), path);
            let is_hidden = is_told && random.below(9) == 0 && !names.iter().any(|name| is_another(&name));
            for method in ["get", "put", "post", "patch", "delete", "options"] {
                let Some(operation) = paths[name].get_mut(method) else { continue };
                let named = format!("{} {path}", method.to_uppercase());
                operation.as_object_mut().unwrap().remove("deprecated");
                match random.below(12) {
                    0 if !is_hidden && is_told => {
                        unused.insert(named);
                        continue;
                    }
                    1 if !is_hidden && is_told => {
                        operation["deprecated"] = json!(true);
                        zombie.insert(named);
                    }
                    _ if is_hidden => {
                        shadow.insert(named);
                    }
                    _ => {}
                }
                for nth in 0..12 {
                    let mut called = base.to_owned();
                    let mut rest = &**path;
                    while let Some((text, after)) = rest.split_once('{') {
                        called = called + text + &(100_000_000 + random.below(900_000_000)).to_string();
                        rest = after.split_once('}').unwrap().1;
                    }
                    called += rest;
                    let status = if nth % 6 == 5 { 404 } else { 200 };
                    let event = request(
                        &method.to_uppercase(),
                        &called,
                        status,
                        Some("u_1"),
                        "2026-11-18T10:00:00.000Z",
                    );
                    let _ = writeln!(events, "{event}");
                }
            }
            if is_hidden {
                paths.remove(name);
            }
        }
        let place = Place::new();
        place.sealed_of(&events);
        place.write("api.json", description.to_string());
        let report = inventory(&place, &["--openapi", "api.json"]);
        assert!(shadow.len() > 3 && zombie.len() > 3 && unused.len() > 3, "{name}");
        let found: BTreeSet<String> =
            flagged(&report, "shadow").iter().map(|name| bare(&name.replacen(base, "", 1))).collect();
        assert_eq!(found, shadow.iter().map(|name| bare(name)).collect(), "{name}");
        assert_eq!(flagged(&report, "zombie"), zombie, "{name}");
        let found: BTreeSet<String> = report["unused"].as_array().unwrap().iter().map(named).collect();
        assert_eq!(found, unused, "{name}");
        assert_eq!(flagged(&report, "undocumented-method"), BTreeSet::new(), "{name}");
    }
}

/// Only paths are tested for words that attract attackers, so operations alone get no tick.
#[test]
fn summary_says_what_was_tested() {
    let place = Place::new();
    let operation = json!({
        "eventVersion": "1.08", "eventSource": "secretsmanager.amazonaws.com", "eventName": "GetSecretValue",
        "eventTime": "2026-11-20T06:00:00Z", "awsRegion": "eu-central-1", "sourceIPAddress": "198.51.100.24",
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/ada", "userName": "ada" },
        "eventID": "1", "eventType": "AwsApiCall",
    });
    let request = json!({
        "action": "job.read", "actor": { "id": "u_1" }, "http": { "method": "GET", "path": "/jobs", "status": 200 },
        "outcome": "success",
    });
    let said = |events: &[&serde_json::Value]| {
        place.sealed_of(&events.iter().map(|event| format!("{event}\n")).collect::<Vec<_>>().concat());
        let run = place.run(&["inventory", "audit.ndjson", "--trust", "trust.txt"]).success();
        String::from_utf8(run.get_output().stdout.clone()).unwrap()
    };
    let text = said(&[&operation]);
    let unknown = "? attractive targets for attackers: unknown; the name of 1 operation wasn't tested";
    assert!(text.contains(unknown), "{text}");
    assert!(text.contains("✓ no unauthenticated endpoints\n"), "{text}");
    let text = said(&[&operation, &request]);
    let paths = "? no path is an attractive target for attackers; the name of 1 operation wasn't tested";
    assert!(text.contains(paths), "{text}");
    let text = said(&[&request]);
    assert!(text.contains("✓ no path is an attractive target for attackers\n"), "{text}");
}
