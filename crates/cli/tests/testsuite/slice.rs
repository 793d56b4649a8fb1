//! Smaller exports that still verify.

use predicates::prelude::*;
use serde_json::Value;

use crate::common::{Place, shown};

fn slice(place: &Place, args: &[&str]) -> Value {
    place.run(&[&["slice", "audit.ndjson", "-o", "slice.ndjson"], args].concat()).success();
    place.report("slice.ndjson", &[])
}

fn numbers(place: &Place) -> Vec<u64> {
    shown(&place.read("slice.ndjson")).iter().map(|event| event["n"].as_u64().unwrap()).collect()
}

#[test]
fn conditions_must_all_hold() {
    let place = Place::new();
    place.sealed(20);
    assert_eq!(slice(&place, &["--query", "actor.id=u_1"])["verdict"], "partial");
    assert_eq!(numbers(&place), [3, 6, 9, 12, 15, 18]);
    slice(&place, &["--query", "actor.id=u_1 n=9"]);
    assert_eq!(numbers(&place), [9]);
    slice(&place, &["--query", "actor.id=u_1", "--range", "0..9"]);
    assert_eq!(numbers(&place), [3, 6]);
    let chain = place.chain("audit.ndjson");
    slice(&place, &["--event", &format!("{chain}/7"), "--event", &format!("{chain}/2")]);
    assert_eq!(numbers(&place), [2, 7]);
}

#[test]
fn a_range_is_claimed() {
    let place = Place::new();
    place.sealed(20);
    let report = slice(&place, &["--range", "5..9"]);
    assert_eq!(
        (&report["verdict"], &report["checks"]["range"]["state"]),
        (&"partial".into(), &"pass".into())
    );
    assert_eq!(numbers(&place), [4, 5, 6, 7]);
    assert!(
        place.read("slice.ndjson").starts_with(
            "{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\",\"range\":[5,9]}\n"
        )
    );
    // With the emitter's key in the trust file, no revocation can be missing, and the slice is complete.
    place.write("emitter.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    place.run(&["verify", "slice.ndjson", "--trust", "emitter.txt"]).success().stdout(
        predicate::str::contains(
            "complete: all 4 entries from entry 5 to entry 8; nothing is missing in between",
        ),
    );
    place
        .run(&["slice", "audit.ndjson", "--range", "5..24"])
        .code(1)
        .stderr(predicate::str::contains("the range 5..24 exceeds the last checkpoint"));
    place
        .run(&["slice", "slice.ndjson", "--range", "12..15"])
        .code(1)
        .stderr(predicate::str::contains("the export does not contain the entries"));
}

#[test]
fn withheld_events_keep_links_and_reasons() {
    let place = Place::new();
    place.sealed(9);
    let report = slice(&place, &["--withhold", "n=2", "--as", "erased", "--withhold", "actor.id=u_1"]);
    assert_eq!((&report["verdict"], &report["counts"]["skipped"]), (&"partial".into(), &0.into()));
    assert_eq!(report["counts"]["withheld"], 4);
    assert_eq!(numbers(&place), [1, 4, 5, 7, 8]);
    let text = place.read("slice.ndjson");
    assert_eq!(
        (text.matches("\"withheld\":\"erased\"").count(), text.matches("\"withheld\":\"redacted\"").count()),
        (1, 3)
    );
    assert!(!text.contains("u_1"));
}

#[test]
fn a_slice_can_be_sliced_again() {
    let place = Place::new();
    place.sealed(40);
    slice(&place, &["--query", "actor.id=u_1"]);
    place.run(&["slice", "slice.ndjson", "--query", "n=21", "-o", "slice.ndjson"]).success();
    assert_eq!(place.report("slice.ndjson", &[])["verdict"], "partial");
    let twice = place.read("slice.ndjson");
    slice(&place, &["--query", "n=21"]);
    assert_eq!(place.read("slice.ndjson"), twice, "the fewest skips, however it came about");
}

#[test]
fn rejects_selections_that_match_nothing() {
    let place = Place::new();
    place.sealed(9);
    let chain = place.chain("audit.ndjson");
    let no_chain = "0".repeat(32);
    for (args, says) in [
        (&["--query", "n=10"][..], "the slice would contain no event"),
        (&["--withhold", "action=job.update"], "the slice would contain no event"),
        (&["--event", &format!("{chain}/99")], "the export does not contain the event"),
        (&["--event", &format!("{chain}/0")], "the export has no event for "),
        (&["--chain", &no_chain], "the export does not contain the chain"),
    ] {
        place
            .run(&[&["slice", "audit.ndjson", "-o", "slice.ndjson"], args].concat())
            .code(2)
            .stderr(predicate::str::starts_with("✗ error[selection.empty]: audit.ndjson: "))
            .stderr(predicate::str::contains(says))
            .stderr(predicate::str::contains("hint: "));
        assert!(!place.path("slice.ndjson").exists());
    }
}

#[test]
fn slices_without_checkpoints_omit_events_or_chains() {
    let place = Place::new();
    place.record(6, "one.ndjson");
    place.record(3, "two.ndjson");
    let two = place.read("two.ndjson");
    place.write("audit.ndjson", place.read("one.ndjson") + two.split_once('\n').unwrap().1);
    place.write("trust.txt", format!("emitter {}\n", place.app));
    assert_eq!(slice(&place, &["--chain", &place.chain("two.ndjson")])["verdict"], "verified");
    assert_eq!(numbers(&place), [1, 2, 3]);
    let report = slice(&place, &["--query", "n=5"]);
    assert_eq!(
        (&report["verdict"], &report["counts"]["chains"], &report["counts"]["withheld"]),
        (&"partial".into(), &1.into(), &5.into())
    );
    assert_eq!(slice(&place, &["--withhold", "n=1"])["verdict"], "partial");
    place
        .run(&["slice", "audit.ndjson", "--range", "0..3"])
        .code(1)
        .stderr(predicate::str::contains("the export has no checkpoints"));
}

#[test]
fn uncovered_leaves_stay_uncovered() {
    let place = Place::new();
    place.record_open(9, "app.ndjson", &["--sign-every", "1"]);
    place
        .run(&["seal", "--log-key", "log.key", "grant.ndjson", "app.ndjson", "-o", "audit.ndjson"])
        .success();
    place
        .command(&["record", "--key", "app.key", "--resume", "audit.ndjson"])
        .write_stdin("{\"n\":100}")
        .assert()
        .success();
    place.run(&["slice", "audit.ndjson", "--query", "n=100"]).code(1).stderr(predicate::str::contains(
        "audit.ndjson: line 14: the entry must be kept, but no checkpoint covers it",
    ));
    assert_eq!(slice(&place, &["--query", "n=3"])["verdict"], "partial");
}

#[test]
fn rejects_an_altered_log() {
    let place = Place::new();
    place.sealed(9);
    place.write(
        "audit.ndjson",
        place.read("audit.ndjson").replacen(
            "\"link\":\"countersign/v1 close",
            "\"leaf\":\"AAAA\",\"x\":\"",
            1,
        ),
    );
    place
        .run(&["slice", "audit.ndjson", "--query", "n=3"])
        .code(1)
        .stderr(predicate::str::contains("the last checkpoint does not match the entries before it"));
}

#[test]
fn refuses_an_export_that_fails_its_own_checks() {
    let place = Place::new();
    place.sealed(9);
    let whole = place.read("audit.ndjson");
    let line = whole.lines().position(|line| line.contains("\"n\":7")).unwrap() + 1;
    let altered = whole.replacen("\"n\":7", "\"n\":8", 1);
    place.write("audit.ndjson", &altered);
    // The slice of unchanged events would verify, and so would one that withholds the changed event.
    for args in [["--query", "n=3"], ["--withhold", "n=8"], ["--range", "0..3"]] {
        place
            .run(&[&["slice", "audit.ndjson", "-o", "slice.ndjson"], &args[..]].concat())
            .code(1)
            .stderr(predicate::str::starts_with(format!(
                "✗ error[slice.faulty]: audit.ndjson: the export is altered (line {line}: "
            )))
            .stderr(predicate::str::contains("countersign report"));
        assert!(!place.path("slice.ndjson").exists());
    }
    // An evidence file states the verdict of the export, so it can be made.
    place
        .run(&["report", "audit.ndjson", "--query", "n=3", "-o", "three.report.json"])
        .code(1)
        .stderr(predicate::str::contains("Altered."));
    assert!(place.path("three.report.json").exists());
    place.write("audit.ndjson", &whole);
    assert_eq!(slice(&place, &["--query", "n=3"])["verdict"], "partial");
}
