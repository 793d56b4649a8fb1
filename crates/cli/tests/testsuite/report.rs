//! Reports as JSON, and as evidence files that verify themselves.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::Place;

const PAGE: &str = "<!doctype html>\n<countersign-page>a page</countersign-page>\n";
const NOW: &str = "2030-01-01T00:00:00.000Z";

fn place() -> Place {
    let place = Place::new();
    place.sealed(20);
    place.write("page.html", PAGE);
    place
}

fn report(place: &Place, args: &[&str]) {
    let base = ["report", "audit.ndjson", "--trust", "trust.txt", "--page", "page.html", "--now", NOW];
    let status = place.run(&[&base[..], args].concat()).get_output().status.code();
    assert!(matches!(status, Some(0 | 4)), "{status:?}");
}

fn json(place: &Place, name: &str) -> Value {
    serde_json::from_str(&place.read(name)).unwrap()
}

#[test]
fn a_json_report_describes_its_input() {
    let place = place();
    report(&place, &["--query", "actor.id=u_1", "--examiner", "Ada", "--reference", "WP-7", "-o", "a.json"]);
    let made = json(&place, "a.json");
    assert_eq!(made["countersign"], "evidence/v1");
    assert_eq!(made["report"], place.report("audit.ndjson", &[]));
    assert_eq!((&made["scope"]["events"], &made["query"]), (&6.into(), &"actor.id=u_1".into()));
    assert_eq!(
        (&made["examiner"], &made["reference"], &made["time"]),
        (&"Ada".into(), &"WP-7".into(), &NOW.into())
    );
    assert_eq!(made["file"]["size"], place.read("audit.ndjson").len());
    assert_eq!(
        (&made["file"]["name"], &made["trust"]["name"]),
        (&"audit.ndjson".into(), &"trust.txt".into())
    );
    // The same inputs and time give the same bytes.
    report(&place, &["--query", "actor.id=u_1", "--examiner", "Ada", "--reference", "WP-7", "-o", "b.json"]);
    assert_eq!(place.read("a.json"), place.read("b.json"));
    place.run(&["report", "--check", "a.json", "audit.ndjson", "--trust", "trust.txt"]).success();
    place
        .run(&["report", "--check", "a.json"])
        .code(2)
        .stderr(predicate::str::contains("hint: add its export and trust file"));
}

#[test]
fn commands_read_evidence_files() {
    let place = place();
    report(&place, &["--query", "actor.id=u_1", "-o", "ada.html"]);
    assert!(place.read("ada.html").starts_with(PAGE));
    let checked = ["report", "--check", "ada.html", "audit.ndjson", "--trust", "trust.txt"];
    place.run(&checked).success().stdout(
        predicate::str::contains("its events produce the embedded report")
            .and(predicate::str::contains("the embedded trust file is yours"))
            .and(predicate::str::contains("the query selects 6 events")),
    );
    assert_eq!(place.report("ada.html", &[])["counts"]["events"], 6);
    place.run(&["show", "ada.html", "--trust", "trust.txt", "--json"]).code(4).stdout(predicate::function(
        |shown: &str| shown.lines().count() == 6 && shown.lines().all(|line| line.contains("u_1")),
    ));
    place.run(&["slice", "ada.html", "--query", "n=9", "-o", "nine.ndjson"]).success();
    assert_eq!(place.report("nine.ndjson", &[])["counts"]["events"], 1);
    // The writer's trust is irrelevant to a reader without trust.
    place.run(&["verify", "ada.html"]).code(3);
    place.run(&["report", "--check", "ada.html"]).code(4).stdout(
        predicate::str::contains("the verdict uses the writer's trust file")
            .and(predicate::str::contains("SHA256SUMS")),
    );
}

#[test]
fn a_check_states_which_altered_events_claim_to_match() {
    let place = place();
    place.write("altered.ndjson", place.read("audit.ndjson").replacen("u_1", "u_7", 1));
    let make = |query: &str, file: &str| {
        let base = ["report", "altered.ndjson", "--trust", "trust.txt", "--page", "page.html", "--now", NOW];
        place.run(&[&base[..], &["--query", query, "-o", file]].concat());
    };
    let index = place.report("altered.ndjson", &[])["findings"][0]["index"].to_string();
    let check = |args: &[&str]| {
        let output = place.run(&[&["report", "--check"], args].concat()).get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    make("actor.id=u_7", "seven.json");
    make("actor.id=u_2", "two.json");
    make("actor.id=u_2", "two.html");
    let with = ["altered.ndjson", "--trust", "trust.txt"];
    let said = check(&[&["seven.json"], &with[..]].concat());
    let claims = format!("1 altered event claims to match, which the answer does not count: {index}\n");
    assert!(said.contains(&claims), "{said}");
    let said = check(&[&["two.json"], &with[..]].concat());
    assert!(said.contains("none of 1 altered event that could be read claims to match"), "{said}");
    // The signer is the one that the chain of the event's link states.
    for (query, claims) in [("signer:example.com/app", true), ("signer:example.com/other", false)] {
        make(query, "signer.json");
        let said = check(&[&["signer.json"], &with[..]].concat());
        assert_eq!(said.contains("1 altered event claims to match"), claims, "{query}: {said}");
    }
    let said = check(&["two.html"]);
    assert!(said.contains("altered event"), "{said}");
    report(&place, &["--query", "actor.id=u_1", "-o", "whole.json"]);
    let said = check(&["whole.json", "audit.ndjson", "--trust", "trust.txt"]);
    assert!(!said.contains("altered event"), "{said}");
}

#[test]
fn includes_markdown_of_other_commands() {
    let place = place();
    place.write("risk.md", "# Exposure\n\nA year costs 12.\n\n| P | cost |\n| --- | --- |\n| 90 | 40 |\n");
    report(&place, &["--section", "risk.md", "-o", "board.json"]);
    assert_eq!(
        json(&place, "board.json")["sections"],
        serde_json::json!([{
            "title": "Exposure",
            "blocks": [{"text": "A year costs 12."}, {"head": ["P", "cost"], "rows": [["90", "40"]]}],
            "data": null,
        }])
    );
    place.run(&["report", "--check", "board.json", "audit.ndjson", "--trust", "trust.txt"]).success();
}

#[test]
fn exposure_uses_the_reports_root() {
    let place = place();
    place.write("scenario.yml", include_str!("../../../risk/tests/example.yml"));
    let with = ["--scenario", "scenario.yml"];
    report(&place, &[&with[..], &["-o", "board.json"]].concat());
    let board = json(&place, "board.json");
    let first = &board["sections"][0];
    assert_eq!(first["title"], "Exposure in money");
    let told = place
        .run(&["risk", "scenario.yml", "--log", "audit.ndjson", "--trust", "trust.txt", "--format", "json"])
        .get_output()
        .stdout
        .clone();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(first["data"]["scenarios"][0]["digest"], told["scenarios"][0]["digest"]);
    let chart = first["blocks"].as_array().unwrap().iter().find(|block| block["svg"].is_string()).unwrap();
    assert!(chart["svg"].as_str().unwrap().starts_with("<svg "));
    assert!(chart["text"].as_str().unwrap().contains("95 of 100, at most"));
    let tables: Vec<&Value> =
        board["sections"][1]["blocks"].as_array().unwrap().iter().map(|block| &block["head"][0]).collect();
    assert!(tables.contains(&&"P10".into()) && tables.contains(&&"90 %".into()), "{tables:?}");
    place.run(&["report", "--check", "board.json", "audit.ndjson", "--trust", "trust.txt"]).success();
    report(&place, &[&with[..], &["-o", "board.html"]].concat());
    place.run(&["report", "--check", "board.html", "--trust", "trust.txt"]).success();
    // A log that does not verify has no root for a simulation.
    place.write("altered.ndjson", place.read("audit.ndjson").replacen("u_1", "u_7", 1));
    place
        .run(&["report", "altered.ndjson", "--trust", "trust.txt", "--scenario", "scenario.yml"])
        .code(2)
        .stderr(predicate::str::contains("risk.unverified"));
}

#[test]
fn reports_skipped_html() {
    let place = place();
    let warns = |text: &str| {
        place.write("notes.md", text);
        let args =
            ["report", "audit.ndjson", "--trust", "trust.txt", "--section", "notes.md", "-o", "notes.json"];
        let told = place.run(&args).get_output().stderr.clone();
        String::from_utf8(told).unwrap().contains("notes.md: HTML and the text in it are skipped")
    };
    assert!(warns("# Notes\n\n<div>\nWe found it.\n</div>\n"));
    assert!(warns("# Notes\n\n<!-- one -->\n\n<p>We found it.</p>\n"));
    assert!(!warns("# Notes\n\n<!-- one\ntwo -->\n\nWe <b>found</b> it.\n"));
}

#[test]
fn rejects_too_many_sections() {
    let place = place();
    place.write("many.md", "# a\n\nb\n\n".repeat(150));
    place.write("long.md", format!("# Notes\n\n{}\n", "a".repeat(16_001)));
    for (files, named, says) in [
        (
            &["--section", "many.md", "--section", "many.md"][..],
            "many.md",
            "300 headings, but a report has at most 200 sections",
        ),
        (&["--section", "long.md"], "long.md", "at most 16000 bytes, but has 16001"),
    ] {
        let args = [&["report", "audit.ndjson", "--trust", "trust.txt", "-o", "x.json"][..], files].concat();
        place.run(&args).code(2).stderr(
            predicate::str::contains(format!("error[evidence.invalid]: {named}"))
                .and(predicate::str::contains(says))
                .and(predicate::str::contains("hint: shorten it, or keep it in a separate file")),
        );
    }
}

#[test]
fn a_json_report_requires_its_pins() {
    let place = place();
    place.run(&["verify", "audit.ndjson", "--trust", "trust.txt", "--save-pin", "pin.txt"]).success();
    report(&place, &["--pin", "pin.txt", "-o", "a.json"]);
    let check = ["report", "--check", "a.json", "audit.ndjson", "--trust", "trust.txt"];
    place.run(&check).code(2).stderr(
        predicate::str::contains("a pin that is missing: pin.txt").and(predicate::str::contains("--pin")),
    );
    place.run(&[&check[..], &["--pin", "pin.txt"]].concat()).success();
    place.write("other.txt", format!("{}\n", place.read("pin.txt")));
    let other = [&check[..], &["--pin", "pin.txt", "--pin", "other.txt"]].concat();
    place
        .run(&other)
        .code(2)
        .stderr(predicate::str::contains("other.txt: the report was not made with this pin"));
    place
        .run(&["report", "--check", "audit.ndjson"])
        .code(1)
        .stderr(predicate::str::contains("hint: pass an evidence file or a JSON report"));
}

#[test]
fn embeds_the_export_without_a_selection() {
    let place = place();
    report(&place, &["-o", "all.html"]);
    let (of_file, of_export) = (place.report("all.html", &[]), place.report("audit.ndjson", &[]));
    assert_eq!(of_file, of_export);
}

#[test]
fn rejects_altered_files() {
    let place = place();
    report(&place, &["--query", "actor.id=u_1", "-o", "ada.html"]);
    let text = place.read("ada.html");
    for line in ["frame ", "trust ", "export ", "sum "] {
        let begin = text.find(&format!("\n{line}")).unwrap() + 1 + line.len() + 40;
        let old = &text[begin..=begin];
        let new = if old == "a" { "b" } else { "a" };
        place.write("altered.html", format!("{}{new}{}", &text[..begin], &text[begin + 1..]));
        for command in [&["report", "--check", "altered.html"][..], &["verify", "altered.html"]] {
            place.run(command).code(1).stderr(
                predicate::str::contains("error[evidence.invalid]: altered.html")
                    .and(predicate::str::contains("hint:")),
            );
        }
    }
    // Only the reader's own page or program detects a different page.
    place.write("other.html", text.replacen("a page", "another", 1));
    place.run(&["report", "--check", "other.html"]).code(4);
    let hash = |text: &str| text.lines().find(|line| line.contains("SHA256SUMS")).map(str::to_owned);
    let told = |file| {
        String::from_utf8(place.run(&["report", "--check", file]).get_output().stdout.clone()).unwrap()
    };
    assert_ne!(hash(&told("other.html")), hash(&told("ada.html")));
    place.write("page.txt", PAGE);
    place
        .run(&["report", "--check", "page.html"])
        .code(1)
        .stderr(predicate::str::contains("the page contains no evidence"));
}

#[test]
fn only_the_auditors_page_starts_an_evidence_file() {
    let place = place();
    let args = ["report", "audit.ndjson", "--trust", "trust.txt", "-o", "x.html"];
    for other in ["<!doctype html>\n<p>Not found</p>\n", "<!doctype html>\n<countersign-console>", ""] {
        place.write("other.html", other);
        place
            .run(&[&args[..], &["--page", "other.html"]].concat())
            .code(2)
            .stderr(predicate::str::contains("error[page.invalid]: other.html"))
            .stderr(predicate::str::contains("cargo xtask page"));
        assert!(!place.path("x.html").exists(), "{other}");
    }
    // Test builds contain no page.
    place.run(&args).code(2).stderr(predicate::str::contains("--page target/countersign-page.html"));
}

#[test]
fn report_on_an_evidence_file_is_about_the_export_in_it() {
    let place = place();
    report(&place, &["-o", "first.html"]);
    place.write("page.html", PAGE);
    let again = ["report", "first.html", "--trust", "trust.txt", "--page", "page.html", "-o", "again.html"];
    place.run(&again).success();
    place
        .run(&["report", "--check", "again.html", "audit.ndjson"])
        .success()
        .stdout(predicate::str::contains("file: audit.ndjson"))
        .stdout(predicate::str::contains("the export is the one it names"));
}

#[test]
fn rejects_another_export() {
    let place = place();
    report(&place, &["--query", "actor.id=u_1", "-o", "ada.html"]);
    place.write("longer.ndjson", place.read("audit.ndjson") + "\n");
    place
        .run(&["report", "--check", "ada.html", "longer.ndjson"])
        .code(1)
        .stderr(predicate::str::contains("this is not the report's export"));
    report(&place, &["--query", "actor.id=u_1", "-o", "ada.json"]);
    place
        .run(&["report", "--check", "ada.json", "audit.ndjson"])
        .code(1)
        .stderr(predicate::str::contains("this is not the trust file the report was made with"));
}

#[test]
fn the_readers_trust_file_decides_on_the_export() {
    // A stranger signs an export, and embeds a trust file that names the stranger's keys.
    let place = place();
    place.write("mine.txt", Place::new().read("trust.txt"));
    let untrusted = "you don't trust";
    for (selection, is_answer) in [(&[][..], false), (&["--query", "actor.id=u_1"], true)] {
        report(&place, &[selection, &["-o", "stranger.html"]].concat());
        let check = ["report", "--check", "stranger.html", "audit.ndjson"];
        place.run(&check).success();
        for args in [&check[..3], &check] {
            let output = place.run(&[args, &["--trust", "mine.txt"]].concat()).code(3).get_output().clone();
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(told.contains(untrusted) && !told.contains("Verified"), "{told}");
            let unverified = "6 entries of the answer are not verified by your trust file: ";
            assert_eq!(told.contains(unverified), is_answer, "{told}");
        }
    }
}

#[test]
fn samples_depend_on_root_and_seed() {
    let place = place();
    report(&place, &["--sample", "4", "--seed", "2026-Q4", "-o", "four.json"]);
    let four = json(&place, "four.json")["scope"]["sample"].clone();
    assert_eq!((&four["candidates"], &four["witnessed"]), (&20.into(), &false.into()));
    assert_eq!(four["root"], place.report("audit.ndjson", &[])["log"]["root"]);
    let leaves = four["entries"].as_array().unwrap();
    assert_eq!(leaves.len(), 4);
    report(&place, &["--sample", "3", "--seed", "2026-Q4", "-o", "three.json"]);
    assert_eq!(json(&place, "three.json")["scope"]["sample"]["entries"].as_array().unwrap(), &leaves[..3]);
    report(&place, &["--sample", "4", "--seed", "2026-Q3", "-o", "other.json"]);
    assert_ne!(json(&place, "other.json")["scope"]["sample"]["entries"], four["entries"]);

    report(&place, &["--sample", "4", "--seed", "2026-Q4", "-o", "four.html"]);
    assert_eq!(place.report("four.html", &[])["counts"]["events"], 4);
    place
        .run(&["report", "--check", "four.html", "audit.ndjson"])
        .success()
        .stdout(predicate::str::contains("of which the same sample is drawn"));
    place.run(&["report", "app.ndjson", "--sample", "4", "--seed", "x"]).code(2).stderr(
        predicate::str::contains("error[sample.no_root]")
            .and(predicate::str::contains("hint: seal the export first")),
    );
    place
        .run(&["report", "audit.ndjson", "--sample", "4"])
        .code(2)
        .stderr(predicate::str::contains("--seed"));
}

/// Returns the frame of an evidence file.
fn frame(place: &Place, name: &str) -> Value {
    let file = place.read(name);
    let line = file.lines().find_map(|line| line.strip_prefix("frame ")).unwrap();
    serde_json::from_str(line).unwrap()
}

#[test]
fn a_negative_answer_contains_what_was_examined() {
    let place = place();
    report(&place, &["--query", "actor:nobody", "-o", "none.html"]);
    let made = frame(&place, "none.html");
    assert_eq!(made["scope"]["examined"], serde_json::json!({"events": 20, "unrecognized": 0}));
    assert_eq!((&made["scope"]["events"], &made["slice"]), (&0.into(), &Value::Null));
    assert_eq!(place.report("none.html", &[])["counts"]["events"], 20);
    let searched = "the file contains all 20 events that were examined; searched again";
    place
        .run(&["report", "--check", "none.html"])
        .success()
        .stdout(predicate::str::contains(searched).and(predicate::str::contains("0 of 20 events examined")));
    place
        .run(&["report", "--check", "none.html", "audit.ndjson"])
        .success()
        .stdout(predicate::str::contains("the query selects 0 events"));
    // A positive answer contains only what it selects, unless asked to.
    report(&place, &["--query", "actor.id=u_1", "--embed", "examined", "-o", "all.html"]);
    assert_eq!(place.report("all.html", &[])["counts"]["events"], 20);
    place.run(&["report", "--check", "all.html"]).success().stdout(predicate::str::contains(searched));
}

#[test]
fn a_negative_answer_without_the_examined_events_is_a_statement() {
    let place = place();
    report(&place, &["--query", "actor:nobody", "--embed", "selected", "-o", "none.html"]);
    let made = frame(&place, "none.html");
    assert_eq!((&made["scope"]["events"], &made["slice"]["events"]), (&0.into(), &0.into()));
    assert_eq!(made["scope"]["examined"]["events"], 20);
    assert_eq!(made["slice"]["report"]["log"], made["report"]["log"]);
    let stated = "that none of them matches is the examiner's statement";
    for (name, is_file) in [("none.html", true), ("none.json", false)] {
        report(&place, &["--query", "actor:nobody", "--embed", "selected", "-o", name]);
        let checked = ["report", "--check", name, "audit.ndjson", "--trust", "trust.txt"];
        let shown = place.run(&checked).success().get_output().stdout.clone();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains("the query selects 0 events"), "{shown}");
        assert!(!shown.contains("searched again"), "{shown}");
        assert_eq!(shown.contains(stated), is_file, "{shown}");
    }
    // Another export, or another answer, is refused.
    let claim = place.read("none.json").replace("actor:nobody", "actor.id=u_1");
    place.write("claim.json", &claim);
    place
        .run(&["report", "--check", "claim.json", "audit.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stderr(predicate::str::contains("the query or sample selects different events"));
}

#[test]
fn removed_events_leave_a_negative_answer_incomplete() {
    let place = place();
    place.run(&["slice", "audit.ndjson", "--query", "-actor.id=u_1", "-o", "cut.ndjson"]).success();
    let args = ["report", "cut.ndjson", "--trust", "trust.txt", "--page", "page.html"];
    place.run(&[&args[..], &["--query", "actor.id=u_1", "-o", "none.html"]].concat()).code(4);
    assert_eq!(frame(&place, "none.html")["report"]["complete"], Value::Null);
    place.run(&["report", "--check", "none.html"]).code(4).stdout(
        predicate::str::contains("complete for").not().and(predicate::str::contains("0 of 14 events")),
    );
}

#[test]
fn reports_unusable_input() {
    let place = place();
    place.run(&["report", "-"]).code(2).stderr(predicate::str::contains("save it to a file"));
    place.run(&["report", "audit.ndjson", "--embed", "examined", "-o", "x.html"]).code(2);
    let parsers = ["--parsers", "parser.json", "--query", "x", "--embed", "examined"];
    place.write(
        "parser.json",
        r#"{"as":"till","doc":"A till.","when":{"receipt":{"type":"string"}},"action":"=sale.close"}"#,
    );
    place
        .run(&[&["report", "audit.ndjson", "--page", "page.html", "-o", "x.html"], &parsers[..]].concat())
        .code(2)
        .stderr(predicate::str::contains("--embed examined can't be combined with your own parsers"));
    assert!(!place.files().contains(&"x.html".into()));
}
