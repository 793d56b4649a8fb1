//! Continuing an open chain.

use std::fs;

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, events, gzip, seal_to, shown};

fn open(place: &Place, count: usize) {
    place.record_open(count, "app.ndjson", &[]);
}

fn resume(place: &Place, more: &[&str]) -> assert_cmd::assert::Assert {
    let args = [&["record", "--key", "app.key", "--resume", "app.ndjson"], more].concat();
    place.command(&args).write_stdin(events(2)).assert()
}

#[test]
fn appends_to_one_chain_in_several_runs() {
    let place = Place::new();
    open(&place, 3);
    let first = place.read("app.ndjson");
    resume(&place, &["--open"]).success();
    let second = place.read("app.ndjson");
    resume(&place, &[]).success();
    let whole = place.read("app.ndjson");
    assert!(second.starts_with(&first) && whole.starts_with(&second));
    assert_eq!(shown(&whole).len(), 7);
    place.write("emitter.txt", format!("emitter {}\n", place.app));
    place.run(&["verify", "app.ndjson", "--trust", "emitter.txt"]).success();
    resume(&place, &[]).code(2).stderr(predicate::str::contains("the export has no open chain of the key"));
}

#[test]
fn closes_a_chain_without_another_event() {
    let place = Place::new();
    open(&place, 1);
    place
        .command(&["record", "--key", "app.key", "--resume", "app.ndjson"])
        .write_stdin("")
        .assert()
        .success();
    assert!(place.read("app.ndjson").lines().last().unwrap().contains("countersign/v1 close "));
}

#[test]
fn appends_to_a_sealed_export() {
    let place = Place::new();
    open(&place, 3);
    let seal = seal_to("audit.ndjson");
    place.run(&[&seal[..], &["grant.ndjson", "app.ndjson"]].concat()).success();
    assert_eq!(place.verdict("audit.ndjson"), "verified");
    place
        .command(&["record", "--key", "app.key", "--resume", "audit.ndjson"])
        .write_stdin(events(2))
        .assert()
        .success();
    assert_eq!(place.verdict("audit.ndjson"), "not_checked");
    place.run(&[&seal[..], &["audit.ndjson"]].concat()).success();
    let report = place.report("audit.ndjson", &[]);
    assert_eq!((&report["verdict"], &report["counts"]["checkpoints"]), (&"verified".into(), &2.into()));
    assert_eq!(report["complete"]["range"], serde_json::json!([0, 8]));
}

#[test]
fn a_failed_run_keeps_the_export() {
    let place = Place::new();
    open(&place, 3);
    let (before, files) = (place.read("app.ndjson"), place.files());
    place
        .command(&["record", "--key", "app.key", "--resume", "app.ndjson"])
        .write_stdin("{\"a\":1}\nnonsense\n")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("line 2"));
    assert_eq!((place.read("app.ndjson"), place.files()), (before, files));
}

#[test]
fn does_not_sign_links_of_others() {
    let place = Place::new();
    open(&place, 3);
    let chain = place.chain("app.ndjson");
    let forged = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let link = format!("countersign/v1 event {chain} 4 2999-01-01T00:00:00.000Z {forged} {forged}");
    let export = place.read("app.ndjson");
    place.write("app.ndjson", format!("{export}{{\"link\":\"{link}\"}}\n"));
    resume(&place, &[]).code(1).stderr(predicate::str::contains("don't follow one another"));

    // Without its last signature, anyone could have written the chain's last links.
    let (kept, last) = export.trim_end().rsplit_once('\n').unwrap();
    let unsigned = last.split("\",\"salt\"").next().unwrap().rsplit_once(' ').unwrap().0.to_owned() + "\"}";
    place.write("app.ndjson", format!("{kept}\n{unsigned}\n"));
    resume(&place, &[]).code(1).stderr(predicate::str::contains("is not signed by this key"));
}

#[test]
fn requires_a_choice_of_chain() {
    let place = Place::new();
    open(&place, 1);
    let first = place.read("app.ndjson");
    open(&place, 1);
    let second = place.read("app.ndjson");
    let both = first + second.split_once('\n').unwrap().1;
    place.write("app.ndjson", both);
    resume(&place, &[])
        .code(2)
        .stderr(predicate::str::contains("the export has 2 open chains of this key"))
        .stderr(predicate::str::contains("--chain"));
    let chain = place.chain("app.ndjson");
    resume(&place, &["--chain", &chain]).success();
    resume(&place, &["--chain", &chain]).code(2);
    resume(&place, &[]).success();
    place.keygen("example.com/other", "other.key");
    place
        .run(&["record", "--key", "other.key", "--resume", "app.ndjson"])
        .code(2)
        .stderr(predicate::str::contains("no open chain of the key example.com/other+"));
}

#[test]
fn distinguishes_origins_and_slices() {
    let place = Place::new();
    open(&place, 9);
    resume(&place, &["--origin", "log.example/other"])
        .code(2)
        .stderr(predicate::str::contains("is for the log"));
    resume(&place, &["--origin", ORIGIN, "--open"]).success();
    place.run(&["seal", "--log-key", "log.key", "app.ndjson", "-o", "audit.ndjson"]).success();
    place.run(&["slice", "audit.ndjson", "--query", "n=9", "-o", "app.ndjson"]).success();
    resume(&place, &[]).code(1).stderr(predicate::str::contains("the export omits entries here"));
}

#[test]
fn resumes_a_compressed_export_into_another_file() {
    let place = Place::new();
    open(&place, 2);
    place.write("app.ndjson", gzip(&fs::read(place.path("app.ndjson")).unwrap()));
    let before = fs::read(place.path("app.ndjson")).unwrap();
    resume(&place, &[]).code(2).stderr(predicate::str::contains("a compressed export can't be appended to"));
    resume(&place, &["-o", "whole.ndjson"]).success();
    assert_eq!(shown(&place.read("whole.ndjson")).len(), 4);
    assert_eq!(fs::read(place.path("app.ndjson")).unwrap(), before);
}

#[test]
fn adds_a_missing_final_newline() {
    let place = Place::new();
    open(&place, 2);
    place.write("app.ndjson", place.read("app.ndjson").trim_end());
    resume(&place, &[]).success();
    assert_eq!(shown(&place.read("app.ndjson")).len(), 4);
}

#[test]
fn concurrent_runs_cannot_fork_a_chain() {
    let place = Place::new();
    open(&place, 2);
    let file = fs::File::open(place.path("app.ndjson")).unwrap();
    file.lock().unwrap();
    resume(&place, &[]).code(2).stderr(predicate::str::starts_with(
        "✗ error[io.locked]: app.ndjson: another run is appending to this export",
    ));
    file.unlock().unwrap();
    resume(&place, &[]).success();
}
