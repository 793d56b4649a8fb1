//! Reports with the result of detection rules: `countersign report --detections`.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place};

const VECTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/log-two-chains");
const RULES: &str = include_str!("../../../../tests/evidence/rules.yml");
const QUIET: &str = include_str!("../../../../tests/evidence/quiet.yml");

/// A place with an export whose events have the findings of `rules.yml`, and none of `quiet.yml`.
fn place() -> Place {
    let place = Place::new();
    for name in ["export.ndjson", "trust.txt"] {
        place.write(name, std::fs::read_to_string(format!("{VECTOR}/{name}")).unwrap());
    }
    place.write("page.html", "<!doctype html>\n<countersign-page></countersign-page>\n");
    place.write("rules.yml", RULES);
    place.write("quiet.yml", QUIET);
    place
}

fn report<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["report", "export.ndjson", "--trust", "trust.txt", "--page", "page.html", "--detections"], more]
        .concat()
}

fn frame(place: &Place, name: &str) -> Value {
    let file = place.read(name);
    serde_json::from_str(file.lines().find_map(|line| line.strip_prefix("frame ")).unwrap()).unwrap()
}

#[test]
fn that_no_rule_fired_is_shown_by_all_events() {
    let place = place();
    let quiet = report(&["--detection-rules", "quiet.yml", "-o", "quiet.html"]);
    place.run(&quiet).success().stderr(predicate::str::contains("no rule fired over 9 events"));
    let made = frame(&place, "quiet.html");
    assert_eq!((&made["slice"], &made["detections"]["findings"]), (&Value::Null, &0.into()));
    assert_eq!(made["detections"]["pack"]["name"], "quiet");
    place.run(&["report", "--check", "quiet.html"]).success().stdout(
        predicate::str::contains("the file contains all 9 events that the rules examined; run again")
            .and(predicate::str::contains("the rules are not those built into this program"))
            .and(predicate::str::contains("no rule fired, but not everything was examined"))
            .and(predicate::str::contains("2 of 9 events (22%) have no parser")),
    );
    let built_in = report(&["-o", "built-in.html"]);
    place.run(&built_in).success();
    place
        .run(&["report", "--check", "built-in.html", "export.ndjson"])
        .success()
        .stdout(predicate::str::contains("the rules are those built into this program"));
}

#[test]
fn doubts_are_stated_only_if_there_are_any() {
    let place = Place::new();
    place.write("page.html", "<!doctype html>\n<countersign-page></countersign-page>\n");
    place.write("quiet.yml", QUIET);
    place.write("events.ndjson", "{\"action\":\"zorp.frobnicate\",\"actor\":{\"id\":\"u_1\"}}\n".repeat(3));
    let args = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"];
    place.run(&args).success();
    place.seal(&[]);
    let args = ["report", "audit.ndjson", "--trust", "trust.txt", "--page", "page.html", "--detections"];
    place.run(&[&args[..], &["-o", "all.html"]].concat()).success();
    let is_doubtful = || predicate::str::contains("not everything was examined");
    place.run(&["report", "--check", "all.html"]).success().stdout(is_doubtful().not());
    place.run(&[&args[..], &["--range", "0..3", "-o", "part.html"]].concat()).success();
    place
        .run(&["report", "--check", "part.html"])
        .success()
        .stdout(is_doubtful().and(predicate::str::contains("The rules examined only entries 0 to 2.")));
}

#[test]
fn doubts_are_stated_for_json_reports_and_for_the_readers_own_result() {
    let place = place();
    let doubts = || predicate::str::contains("no rule fired, but not everything was examined");
    let quiet = ["--detection-rules", "quiet.yml", "-o"];
    place.run(&report(&[&quiet[..], &["quiet.json"]].concat())).success();
    let args = ["report", "--check", "quiet.json", "export.ndjson", "--trust", "trust.txt"];
    place
        .run(&[&args[..], &["--detection-rules", "quiet.yml"]].concat())
        .success()
        .stdout(doubts().and(predicate::str::contains("the rules are not those built into this program")));

    place.run(&report(&[&quiet[..], &["quiet.html"]].concat())).success();
    let own = place.run(&["keygen", "stranger.example/app", "-o", "stranger.key"]).get_output().clone();
    place.write("own.txt", format!("emitter {}", String::from_utf8(own.stdout).unwrap()));
    for export in [&[][..], &["export.ndjson"]] {
        let args = [&["report", "--check", "quiet.html"], export, &["--trust", "own.txt"]].concat();
        let own = "by your trust file, the rules have 0 findings over 9 events";
        let said = place.run(&args).code(3).get_output().stdout.clone();
        let said = String::from_utf8(said).unwrap();
        let (_, after) = said.split_once(own).expect("the reader's own result");
        assert!(after.contains("The export as a whole is not verified"), "{said}");
    }
}

#[test]
fn findings_are_a_statement_unless_all_events_are_contained() {
    let place = place();
    let found = ["--detection-rules", "rules.yml", "-o"];
    place.run(&report(&[&found[..], &["stated.html"]].concat())).success();
    let made = frame(&place, "stated.html");
    assert_eq!((&made["scope"]["events"], &made["slice"]["events"]), (&9.into(), &5.into()));
    let stated = "their result is the examiner's statement";
    place
        .run(&["report", "--check", "stated.html"])
        .stdout(predicate::str::contains(stated).and(predicate::str::contains("6 findings over 9 events")));
    place
        .run(&["report", "--check", "stated.html", "export.ndjson"])
        .success()
        .stdout(predicate::str::contains("the rules have the same findings"));
    place.run(&report(&[&found[..], &["all.html", "--embed", "examined"]].concat())).success();
    assert_eq!(frame(&place, "all.html")["slice"], Value::Null);
    place.run(&["report", "--check", "all.html"]).success().stdout(predicate::str::contains(stated).not());
}

#[test]
fn a_json_report_is_compared_with_its_export_by_its_rules() {
    let place = place();
    place.run(&report(&["--detection-rules", "rules.yml", "-o", "report.json"])).success();
    let check = ["report", "--check", "report.json", "export.ndjson", "--trust", "trust.txt"];
    place.run(&check).code(2).stderr(
        predicate::str::contains("the report was made with other rules")
            .and(predicate::str::contains("hint:")),
    );
    let with_rules = [&check[..], &["--detection-rules", "rules.yml"]].concat();
    place.run(&with_rules).success().stdout(predicate::str::contains("the rules have the same findings"));
    let mut claim: Value = serde_json::from_str(&place.read("report.json")).unwrap();
    claim["detections"]["findings"] = 3.into();
    claim["detections"]["rules"].as_array_mut().unwrap().remove(0);
    place.write("report.json", claim.to_string());
    place.run(&with_rules).code(1).stderr(predicate::str::contains("the rules have other findings"));
}

#[test]
fn a_range_limits_what_the_rules_see() {
    let place = place();
    let args =
        ["--detection-rules", "rules.yml", "--range", "4..8", "--embed", "examined", "-o", "range.html"];
    place.run(&report(&args)).success();
    let made = frame(&place, "range.html");
    // The second denied login is at entry 8.
    let rules: Vec<_> =
        made["detections"]["rules"].as_array().unwrap().iter().map(|rule| &rule["rule"]).collect();
    assert_eq!(rules, ["role-granted", "login-denied"]);
    assert_eq!(made["detections"]["coverage"]["events"], 4);
    place.run(&["report", "--check", "range.html"]).success();
}

#[test]
fn unusable_options_are_reported() {
    let place = place();
    for (args, problem) in [
        (
            &["report", "export.ndjson", "--detection-rules", "rules.yml"][..],
            "--detection-rules needs --detections",
        ),
        (&["report", "export.ndjson", "--detections", "--query", "login"], "cannot be used with"),
        (&["report", "export.ndjson", "--detections", "--sample", "2", "--seed", "x"], "cannot be used with"),
    ] {
        place.run(args).code(2).stderr(predicate::str::contains(problem));
    }
    place.write(
        "parser.json",
        r#"{"as":"till","doc":"A till.","when":{"receipt":{"type":"string"}},"action":"=sale.close"}"#,
    );
    // Readers don't have these parsers, so they can't run the rules again.
    let own = ["--parsers", "parser.json", "-o", "own.html"];
    place.run(&report(&[&own[..], &["--embed", "examined"]].concat())).code(2);
    assert!(!place.files().contains(&"own.html".into()));
    place.run(&report(&own)).success();
    assert_eq!(frame(&place, "own.html")["slice"]["events"], 0);
}
