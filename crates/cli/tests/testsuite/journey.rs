//! From events to a verdict: record, seal, slice, verify, show.

use std::fs;

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{ORIGIN, Place, gzip, shown, third_party, zstd};

#[test]
fn events_become_a_verified_log() {
    let place = Place::new();
    place.sealed(20);
    let report = place.report("audit.ndjson", &[]);
    assert_eq!(report["verdict"], "verified");
    assert_eq!(report["complete"], serde_json::json!({"by": "range", "range": [0, 23]}));
    assert_eq!(report["counts"]["events"], 20);
    assert_eq!(report["counts"]["checkpoints"], 5);
    assert_eq!(report["signers"][0]["trust"], "granted");
    let events = shown(&place.read("audit.ndjson"));
    assert_eq!(events.len(), 20);
    assert!(events.iter().zip(1..).all(|(event, n)| event["n"].as_u64() == Some(n)));
}

#[test]
fn real_events_go_all_the_way() {
    let Some(folder) = third_party("real-events") else { return };
    let mut sources: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.retain(|source| source.join("events.ndjson").is_file());
    sources.sort();
    assert_eq!(sources.len(), 6);
    for source in sources {
        let place = Place::new();
        let events = source.join("events.ndjson");
        let count =
            fs::read_to_string(&events).unwrap().lines().filter(|line| !line.trim().is_empty()).count();
        let events = events.to_str().unwrap();
        place
            .run(&[
                "record",
                "--key",
                "app.key",
                "--origin",
                ORIGIN,
                events,
                "-o",
                "app.ndjson",
                "--sign-every",
                "8",
            ])
            .success();
        place.seal(&[]);
        let report = place.report("audit.ndjson", &[]);
        assert_eq!(report["verdict"], "verified", "{events}");
        assert_eq!(report["counts"]["events"], count, "{events}");

        let place_of_event = format!("{}/{}", place.chain("audit.ndjson"), count.div_ceil(2));
        place.run(&["slice", "audit.ndjson", "--event", &place_of_event, "-o", "one.ndjson"]).success();
        let report = place.report("one.ndjson", &[]);
        assert_eq!(report["verdict"], "partial", "{events}");
        assert_eq!(report["counts"]["events"], 1, "{events}");
        let leaves = |name: &str| report["counts"][name].as_u64().unwrap();
        assert_eq!(leaves("entries") + leaves("skipped"), count as u64 + 3, "{events}");
        place.run(&["show", "one.ndjson", &place_of_event, "--trust", "trust.txt"]).code(4);
    }
}

#[test]
fn compressed_exports_are_read_everywhere() {
    let place = Place::new();
    place.record(9, "app.ndjson");
    place.write("events.ndjson.gz", gzip(&fs::read(place.path("events.ndjson")).unwrap()));
    place
        .run(&["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson.gz", "-o", "again.ndjson"])
        .success();
    for (suffix, compress) in [("gz", gzip as fn(&[u8]) -> Vec<u8>), ("zst", zstd)] {
        let app = format!("app.ndjson.{suffix}");
        place.write(&app, compress(&fs::read(place.path("app.ndjson")).unwrap()));
        place.run(&["seal", "--log-key", "log.key", "grant.ndjson", &app, "-o", "audit.ndjson"]).success();
        let audit = format!("audit.ndjson.{suffix}");
        place.write(&audit, compress(&fs::read(place.path("audit.ndjson")).unwrap()));
        assert_eq!(place.verdict(&audit), "verified");
        place.run(&["slice", &audit, "--query", "actor.id=u_1", "-o", "slice.ndjson"]).success();
        assert_eq!(place.verdict("slice.ndjson"), "partial");
        place
            .run(&["show", &audit, "--trust", "trust.txt"])
            .success()
            .stdout(predicate::str::contains("job.update"));
    }
}

#[test]
fn exports_come_from_the_standard_input_too() {
    let place = Place::new();
    place.sealed(6);
    let export = fs::read(place.path("audit.ndjson")).unwrap();
    place.command(&["verify", "-", "--trust", "trust.txt"]).write_stdin(export.clone()).assert().success();
    place.command(&["show", "-"]).write_stdin(export.clone()).assert().code(3);
    let sliced = place.command(&["slice", "-", "--query", "n=2"]).write_stdin(export).assert().success();
    assert_eq!(shown(&String::from_utf8(sliced.get_output().stdout.clone()).unwrap()).len(), 1);
}

#[test]
fn a_report_is_printed_exactly_and_the_same_on_any_number_of_threads() {
    let place = Place::new();
    place.sealed(30);
    let print = |threads: &str| {
        let args = ["verify", "audit.ndjson", "--trust", "trust.txt", "--json", "--threads", threads];
        let assert = place.run(&args).success().stderr("");
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let report = print("1");
    assert_eq!(report.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["countersign"], "report/v1");
    assert_eq!(print("2"), report);
    assert_eq!(print("3"), report);
}

#[test]
fn people_get_the_verdict_each_check_and_the_signers() {
    let place = Place::new();
    place.sealed(6);
    let signer = format!("vkey: {}\n", place.app);
    place
        .run(&["verify", "audit.ndjson", "--trust", "trust.txt"])
        .success()
        .stdout(predicate::str::starts_with("✓ Verified. Unchanged, in order, signed with keys you trust, and complete: all 9 entries of the log so far."))
        .stdout(predicate::str::contains("✓ pass        payloads     6 events"))
        .stdout(predicate::str::contains("– not needed  witnesses    "))
        .stdout(predicate::str::contains("): ✓ granted by an issuer you trust; 1 chain, 8 links, "))
        .stdout(predicate::str::contains(signer))
        .stdout(predicate::str::contains("\u{1b}[").not());
    let flipped = place.read("audit.ndjson").replacen("\"n\":3", "\"n\":4", 1);
    place.write("flipped.ndjson", flipped);
    place
        .run(&["verify", "flipped.ndjson", "--trust", "trust.txt"])
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered. "))
        .stdout(
            predicate::str::is_match(r"✗ error   payload.mismatch line 6, [0-9a-f]{32}/3: .*\n.*hint: ")
                .unwrap(),
        );
}

#[test]
fn colors_come_beside_the_words() {
    let place = Place::new();
    place.sealed(2);
    place
        .command(&["verify", "audit.ndjson", "--trust", "trust.txt"])
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .assert()
        .success()
        .stdout(predicate::str::contains("\u{1b}[1m\u{1b}[32m✓ Verified."));
}
