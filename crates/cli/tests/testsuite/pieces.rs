//! Detecting, listing calls, and collecting evidence in parts of an export gives the same output as in one process.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Output;

use predicates::prelude::*;
use serde_json::json;

use crate::common::{ORIGIN, Place};
use crate::summaries::arguments;

/// Rules that read single events, groups, and baselines.
const RULES: &str = "
title: Refused
id: refused
name: refused
level: low
detection: {s: {outcome: denied}, condition: s}
---
title: Many Refused
id: many
level: high
correlation:
  type: event_count
  rules: [refused]
  group-by: [actor.id]
  timespan: 1h
  condition: {gte: 3}
  generate: true
---
title: Job of a New Identity
id: job
level: medium
detection: {s: {parsed.action|startswith: job., baseline.learned: false}, condition: s}
";

const SIGNER_RULE: &str = "
title: Refused by the App
id: signer
level: high
detection: {s: {outcome: denied, link.signer: example.com/app}, condition: s}
";

/// A catalog whose question depends on the signer.
const SIGNER_QUESTION: &str = "
catalog: controls/v1
framework: ours
title: Ours
edition: first
questions:
  app:
    what: Events of the app.
    query: signer:example.com/app outcome:denied
controls:
  - {number: '1', title: The app, asks: The app works., shows: [app, coverage, keys], cannot: [Whether it works.]}
";

/// Events of several kinds: attacks, calls, acknowledgments, and events that no parser recognizes.
fn events(count: usize) -> String {
    let mut lines = String::new();
    for nth in 0..count {
        let event = match nth % 7 {
            0 => {
                json!({"action": "session.login", "actor": {"id": format!("u_{}", nth % 5)}, "outcome": "failure"})
            }
            1 => json!({
                "action": "http.request", "actor": {"id": format!("u_{}", nth % 11)},
                "http": {"method": "GET", "path": format!("/v2/jobs/{nth}"), "status": 200 + nth % 5 * 100, "latency_ms": 0.5},
            }),
            2 => json!({
                "action": "countersign.acknowledged", "actor": {"id": format!("ada{nth}")}, "reason": "A drill",
                "target": {"id": format!("{:064x}", nth % 40), "type": "finding"},
            }),
            3 => json!({"unknown": nth, "text": "Zürich ✓"}),
            4 => json!({
                "eventVersion": "1.08", "eventSource": "iam.amazonaws.com", "eventName": "DeleteTrail",
                "eventTime": "2026-11-20T06:00:00Z", "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/bob"},
            }),
            5 => {
                json!({"action": "mfa.disable", "actor": {"id": "u_1"}, "outcome": "denied", "occurred_at": "2031-01-01T00:00:00Z"})
            }
            _ => json!({"action": format!("job.{}", nth % 90), "actor": {"id": "u_2"}, "outcome": "denied"}),
        };
        let _ = writeln!(lines, "{event}");
    }
    lines
}

/// Creates the sealed export `audit.ndjson` with these events in two chains, which are signed rarely.
fn sealed(place: &Place, events: &str) {
    place.write("events.ndjson", events);
    for (chain, every) in [("1.ndjson", "7"), ("2.ndjson", "90")] {
        let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", chain];
        place.run(&[&args[..], &["--sign-every", every]].concat()).success();
    }
    place.seal_as("audit.ndjson", &["grant.ndjson", "1.ndjson", "2.ndjson", "--checkpoint-every", "50"]);
}

/// Writes the pieces of all parts, and returns their names.
fn pieces(place: &Place, command: &[&str], export: &str, of: usize) -> Vec<String> {
    let piece = |number: usize| {
        let (part, output) = (format!("{number}/{of}"), format!("{number}-of-{of}.piece"));
        let threads = (1 + number % 2).to_string();
        let args = ["--part", &part, "-o", &output, "--threads", &threads];
        place.run(&[&command[..1], &[export], &command[1..], &args].concat()).success().stdout("");
        output
    };
    (1..=of).map(piece).collect()
}

fn result(place: &Place, args: &[&str]) -> (String, Option<i32>) {
    let Output { stdout, status, .. } = place.command(args).output().unwrap();
    (String::from_utf8(stdout).unwrap(), status.code())
}

/// Compares the output for the whole export with that for its pieces.
fn assert_same(place: &Place, command: &[&str], export: &str, parts: &[String], more: &[&str]) {
    let whole = result(place, &[&command[..1], &[export], &command[1..], more].concat());
    let parts: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    let merged = result(place, &[command, more, &["--pieces"], &parts].concat());
    assert_eq!(merged, whole, "{export} {command:?} {more:?}");
    assert!(!whole.0.is_empty());
}

#[test]
fn the_output_is_the_same_however_an_export_is_cut() {
    let place = Place::new();
    sealed(&place, &events(1500));
    place.write("rules.yml", RULES);
    let own = ["analyze", "--rules", "rules.yml"];
    for (nth, of) in [1, 2, 5, 40].into_iter().enumerate() {
        let parts = pieces(&place, &own, "audit.ndjson", of);
        for more in
            [&["--trust", "trust.txt"][..], &["--trust", "trust.txt", "--fail-on", "high"], &["--json"]]
        {
            assert_same(&place, &own, "audit.ndjson", &parts, more);
        }
        if nth == 1 {
            let parts = pieces(&place, &["analyze"], "audit.ndjson", of);
            assert_same(&place, &["analyze"], "audit.ndjson", &parts, &["--trust", "trust.txt", "--json"]);
        }
    }
    // Altered events raise no findings, in either way.
    let text = place.read("audit.ndjson");
    place.write("altered.ndjson", text.replacen("job.20", "job.2O", 1));
    let parts = pieces(&place, &own, "altered.ndjson", 3);
    let with_trust = ["--trust", "trust.txt", "--fail-on", "low"];
    assert_same(&place, &own, "altered.ndjson", &parts, &with_trust);
    // Rules that read the signer examine the events when all pieces are there.
    place.write("signer.yml", SIGNER_RULE);
    let signer = ["analyze", "--rules", "signer.yml"];
    let parts = pieces(&place, &signer, "audit.ndjson", 3);
    assert_same(&place, &signer, "audit.ndjson", &parts, &["--trust", "trust.txt"]);
}

#[test]
fn inventories_are_the_same_however_an_export_is_cut() {
    let place = Place::new();
    sealed(&place, &events(1500));
    place.write(
        "openapi.yaml",
        "openapi: 3.1.0\ninfo: {title: A, version: '1'}\npaths: {/v2/jobs/7: {get: {}}}\n",
    );
    for (nth, command) in [
        &["inventory"][..],
        &["inventory", "--query", "actor:u_3 signer:example.com/app OR outcome:failure -signer:other"],
    ]
    .into_iter()
    .enumerate()
    {
        for of in [1, 4, 9] {
            let parts = pieces(&place, command, "audit.ndjson", of);
            let more =
                ["--trust", "trust.txt", "--openapi", "openapi.yaml", "--since", "2026-01-01T00:00:00.000Z"];
            assert_same(&place, command, "audit.ndjson", &parts, &more[..2 + 2 * nth]);
            assert_same(
                &place,
                command,
                "audit.ndjson",
                &parts,
                &[&more[..], &["--json", "--fail-on", "shadow"]].concat(),
            );
        }
    }
}

/// Compares the evidence of the whole export with that of its pieces: the output, and the files in a folder if asked
/// for.
fn assert_same_evidence(place: &Place, command: &[&str], export: &str, parts: &[String], more: &[&str]) {
    let parts: Vec<&str> = parts.iter().rev().map(String::as_str).collect();
    let [whole, merged] = [&[][..], &[&["--pieces"], &*parts].concat()].map(|pieces| {
        let folder = more.last().filter(|last| last.ends_with('/')).map(|folder| place.path(folder));
        if let Some(folder) = &folder {
            let _ = fs::remove_dir_all(folder);
        }
        let (stdout, code) = result(place, &[&command[..1], &[export], &command[1..], pieces, more].concat());
        let mut files = Vec::new();
        for entry in folder.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
            let path = entry.unwrap().path();
            files.push((path.file_name().unwrap().to_owned(), fs::read(path).unwrap()));
        }
        files.sort();
        (stdout, code, files)
    });
    assert_eq!(merged, whole, "{export} {command:?} {more:?}");
    assert!(!whole.0.is_empty() || !whole.2.is_empty());
}

#[test]
fn evidence_is_the_same_however_an_export_is_cut() {
    let place = Place::new();
    sealed(&place, &events(1500));
    place.write("signer.yml", SIGNER_QUESTION);
    let with_trust = ["--trust", "trust.txt"];
    let all =
        ["--json", "--trust", "trust.txt", "--period", "2026-01..2036-12", "--sample", "7", "--seed", "x"];
    place.write("rules.yml", RULES);
    for of in [1, 5] {
        let soc2 = ["evidence", "--framework", "soc2", "--rules", "rules.yml"];
        let parts = pieces(&place, &soc2, "audit.ndjson", of);
        for more in
            [&with_trust[..], &all, &["--json"], &["--trust", "trust.txt", "--policy", "1y", "-o", "out/"]]
        {
            assert_same_evidence(&place, &soc2, "audit.ndjson", &parts, more);
        }
    }
    for command in [
        &["evidence", "--framework", "hipaa", "--record", "finding"][..],
        &["evidence", "--framework", "gdpr", "--subject", "u_1"],
        &["evidence", "--catalog", "signer.yml"],
    ] {
        let parts = pieces(&place, command, "audit.ndjson", 3);
        let more = ["--trust", "trust.txt", "-o", "out/"];
        assert_same_evidence(&place, command, "audit.ndjson", &parts, &more);
    }
    // An altered export gives no evidence, in either way.
    let text = place.read("audit.ndjson");
    place.write("altered.ndjson", text.replacen("job.20", "job.2O", 1));
    let nis2 = ["evidence", "--framework", "nis2"];
    let parts = pieces(&place, &nis2, "altered.ndjson", 3);
    assert_same_evidence(&place, &nis2, "altered.ndjson", &parts, &with_trust);
    // The evidence states the SHA-256 of the export, and can contain its events.
    let parts = pieces(&place, &nis2, "audit.ndjson", 2);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let run = |args: &[&str]| place.run(&[&nis2[..], args, &["--pieces"], &parts].concat());
    run(&["--trust", "trust.txt"]).code(2);
    place.write("page.html", "<!doctype html>\n<countersign-page></countersign-page>\n");
    run(&["audit.ndjson", "--trust", "trust.txt", "--page", "page.html", "-o", "nis2.html"]).success();
    run(&["altered.ndjson", "--trust", "trust.txt"])
        .code(2)
        .stderr(predicate::str::contains("error[summary.other_file]: "));
    run(&["-", "--trust", "trust.txt"]).code(2).stderr(predicate::str::contains("error[summary.stream]: "));
    run(&["https://log.example", "--trust", "trust.txt"])
        .code(2)
        .stderr(predicate::str::contains("hint: download the log's export"));
}

#[test]
fn evidence_of_test_cases_is_the_same_in_parts() {
    let place = Place::new();
    place.write("rules.yml", RULES);
    let command = ["evidence", "--framework", "soc2", "--rules", "rules.yml"];
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut cases: Vec<_> = fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut compared = 0;
    for case in cases.iter().filter(|case| case.join("export.ndjson").exists()).skip(4).step_by(18) {
        let export = case.join("export.ndjson");
        let export = export.to_str().unwrap();
        let trust: Vec<_> = arguments(case).into_iter().skip_while(|arg| arg != "--trust").take(2).collect();
        let trust: Vec<&str> = trust.iter().map(String::as_str).collect();
        let parts = pieces(&place, &command, export, 2 + compared % 3);
        assert_same_evidence(&place, &command, export, &parts, &[&trust[..], &["--json"]].concat());
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn test_cases_give_the_same_findings_in_parts() {
    let place = Place::new();
    place
        .write("rules.yml", "{title: Any, id: any, level: low, detection: {s: {action: '*'}, condition: s}}");
    let command = ["analyze", "--rules", "rules.yml"];
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut cases: Vec<_> = fs::read_dir(vectors).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let mut compared = 0;
    for case in cases.iter().filter(|case| case.join("export.ndjson").exists()).step_by(9) {
        let export = case.join("export.ndjson");
        let export = export.to_str().unwrap();
        let trust: Vec<_> = arguments(case).into_iter().skip_while(|arg| arg != "--trust").take(2).collect();
        let trust: Vec<&str> = trust.iter().map(String::as_str).collect();
        let parts = pieces(&place, &command, export, 2 + compared % 3);
        assert_same(&place, &command, export, &parts, &[&trust[..], &["--json"]].concat());
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

/// More findings, acknowledgments, and groups than are kept.
#[test]
fn limits_are_reached_at_the_same_events() {
    let place = Place::new();
    let mut lines = String::new();
    for nth in 0..25_000 {
        let _ = writeln!(lines, r#"{{"action":"a","actor":{{"id":"u{nth}"}},"outcome":"denied"}}"#);
        if nth < 17_000 {
            let _ = writeln!(
                lines,
                r#"{{"action":"countersign.acknowledged","actor":{{"id":"ada"}},"target":{{"id":"{nth:064x}"}}}}"#
            );
        }
    }
    sealed(&place, &lines);
    place.write("rules.yml", RULES);
    let command = ["analyze", "--rules", "rules.yml"];
    let parts = pieces(&place, &command, "audit.ndjson", 3);
    assert_same(&place, &command, "audit.ndjson", &parts, &["--trust", "trust.txt"]);
    let text = result(&place, &[&command[..], &["audit.ndjson"]].concat()).0;
    for limit in
        ["acknowledgments were skipped", "40000 findings beyond the listed ones", " groups from entry "]
    {
        assert!(text.contains(limit), "{limit}");
    }
}

#[test]
fn pieces_of_other_work_are_refused() {
    let place = Place::new();
    sealed(&place, &events(60));
    place.write("rules.yml", RULES);
    place.write("other.yml", SIGNER_RULE);
    place.write("parser.json", r#"{"as":"Jobs","when":{"unknown":{"type":"string"}},"action":"unknown"}"#);
    let parts = pieces(&place, &["analyze", "--rules", "rules.yml"], "audit.ndjson", 2);
    let (first, second) = (&*parts[0], &*parts[1]);
    let bytes = fs::read(place.path(second)).unwrap();
    place.write("cut.piece", &bytes[..bytes.len() / 2]);
    let mut altered = bytes.clone();
    let at = altered.len() * 3 / 4;
    altered[at] ^= 4;
    place.write("altered.piece", altered);
    place.run(&["summarize", "audit.ndjson", "-o", "whole.summary"]).success();
    let nis2 = ["evidence", "audit.ndjson", "--framework", "nis2", "--part", "1/1", "-o", "nis2.piece"];
    place.run(&nis2).success();
    let analyze = |more: &[&'static str]| [&["analyze", "--rules", "rules.yml"], more].concat();
    for (command, files, why) in [
        (
            vec!["analyze"],
            vec![first, second],
            "error[piece.other]: 1-of-2.piece: the piece was made with another pack: ",
        ),
        (vec!["analyze", "--rules", "other.yml"], vec![first, second], "error[piece.other]: 1-of-2.piece: "),
        (analyze(&["--parsers", "parser.json"]), vec![first, second], "another set of parsers: "),
        (vec!["inventory"], vec![first, second], "made with another command: analyze instead of inventory"),
        (analyze(&[]), vec![first], "error[summary.missing]: part 2 is missing"),
        (analyze(&[]), vec![first, second, second], "error[summary.twice]: 2-of-2.piece: "),
        (analyze(&[]), vec![first, "cut.piece"], "error[summary.truncated]: cut.piece: "),
        (analyze(&[]), vec![first, "altered.piece"], "error[summary.altered]: altered.piece: "),
        (analyze(&[]), vec!["whole.summary"], "error[piece.invalid]: whole.summary: "),
        (
            vec!["evidence", "--framework", "soc2", "audit.ndjson"],
            vec![first, second],
            "made with another command: analyze instead of evidence",
        ),
        (
            vec!["evidence", "--framework", "soc2", "audit.ndjson"],
            vec!["nis2.piece"],
            "error[piece.other]: nis2.piece: the piece was made with another catalog: ",
        ),
        (
            vec!["evidence", "--framework", "nis2", "--record", "42", "audit.ndjson"],
            vec!["nis2.piece"],
            "error[piece.other]: nis2.piece: the piece was made with another record: none instead of ",
        ),
        (vec!["verify"], vec![], ""),
    ] {
        if let ["verify"] = command[..] {
            let refused = place.run(&["verify", "--summaries", first, second]).code(2);
            refused.stderr(predicate::str::contains("error[summary.invalid]: 1-of-2.piece: "));
            continue;
        }
        let refused = place.run(&[&command, &["--pieces"][..], &files].concat()).code(2);
        refused.stdout("").stderr(predicate::str::contains(why)).stderr(predicate::str::contains("hint: "));
    }
    for args in [
        &["--part", "1/2", "--trust", "trust.txt", "audit.ndjson"][..],
        &["--part", "1/2", "--json", "audit.ndjson"],
        &["--part", "3/2", "audit.ndjson"],
        &["--part", "1/2"],
        &["-o", "x.piece", "audit.ndjson"],
        &["--evidence", "new", "--pieces", first, second],
    ] {
        place.run(&[&["analyze"], args].concat()).code(2).stdout("");
    }
    for args in
        [["--json"], ["--period=2026"], ["--sample=3"], ["--seed=x"], ["--policy=1y"], ["--trust=trust.txt"]]
    {
        let part = ["evidence", "audit.ndjson", "--framework", "nis2", "--part", "1/1", "-o", "x.piece"];
        place.run(&[&part[..], &args].concat()).code(2).stdout("");
    }
    assert!(!place.files().iter().any(|file| file == "x.piece" || file == "new"));
}

#[test]
fn pieces_with_their_export_give_evidence() {
    let place = Place::new();
    sealed(&place, &events(60));
    place.write("rules.yml", RULES);
    let command = ["analyze", "--rules", "rules.yml", "--trust", "trust.txt"];
    let parts = pieces(&place, &["analyze", "--rules", "rules.yml"], "audit.ndjson", 2);
    let with = |export: &str, more: &[&str]| {
        let pieces = [&["--pieces"], &parts.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat();
        place.run(&[&command[..], &[export], more, &pieces].concat())
    };
    let relies = "this result relies on the pieces";
    with("audit.ndjson", &["--evidence", "parts"]).success().stderr(predicate::str::contains(relies));
    place.run(&[&command[..], &["audit.ndjson", "--evidence", "whole"]].concat()).success();
    assert_eq!(place.read("parts/findings.json"), place.read("whole/findings.json"));
    with("audit.ndjson", &["--recompute", "whole/findings.json"])
        .success()
        .stdout(predicate::str::contains("The same"));
    let text = place.read("audit.ndjson");
    let middle = text.len() / 2;
    let at = middle + text[middle..].find("job.").unwrap();
    place.write("altered.ndjson", [&text[..at], "jab.", &text[at + 4..]].concat());
    with("altered.ndjson", &[]).code(2).stderr(predicate::str::contains("error[summary.other_file]: "));
}
