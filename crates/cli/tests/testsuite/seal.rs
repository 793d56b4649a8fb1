//! Sealing accepts exactly what a log server accepts.

use predicates::prelude::*;

use crate::common::{ORIGIN, Place, events, seal_to};

fn seal(place: &Place, exports: &[&str]) -> assert_cmd::assert::Assert {
    let args = seal_to("audit.ndjson");
    place.run(&[&args, exports].concat())
}

fn refused(place: &Place, exports: &[&str], code: &str, says: &str) {
    seal(place, exports)
        .code(1)
        .stderr(predicate::str::starts_with(format!("✗ error[{code}]: ")))
        .stderr(predicate::str::contains(says))
        .stderr(predicate::str::contains("hint: "));
}

#[test]
fn extends_a_sealed_export_without_repeats() {
    let place = Place::new();
    place.record(4, "one.ndjson");
    seal(&place, &["grant.ndjson", "one.ndjson"])
        .success()
        .stderr(predicate::str::contains("a log of 7 entries, 7 new"));
    let first = place.read("audit.ndjson");
    seal(&place, &["audit.ndjson", "grant.ndjson", "one.ndjson"])
        .success()
        .stderr(predicate::str::contains("a log of 7 entries, 0 new (7 already present)"));
    assert_eq!(place.read("audit.ndjson"), first);
    place.record(2, "two.ndjson");
    seal(&place, &["audit.ndjson", "one.ndjson", "two.ndjson"])
        .success()
        .stderr(predicate::str::contains("a log of 11 entries, 4 new (6 already present)"));
    let body = |export: &str| export.split_once('\n').unwrap().1.to_owned();
    assert!(body(&place.read("audit.ndjson")).starts_with(&body(&first)));
    let report = place.report("audit.ndjson", &[]);
    assert_eq!((&report["verdict"], &report["counts"]["checkpoints"]), (&"verified".into(), &2.into()));
}

#[test]
fn accepts_only_authorized_keys_and_effective_notes() {
    let place = Place::new();
    place.record(4, "app.ndjson");
    refused(&place, &["app.ndjson"], "log.unauthorized", "was not granted before its chain");
    refused(&place, &["app.ndjson", "grant.ndjson"], "log.unauthorized", "was not granted before its chain");
    place
        .run(&[
            "grant",
            &place.app,
            "--until",
            "2020-01-01",
            "--key",
            "issuer.key",
            "--origin",
            ORIGIN,
            "-o",
            "old.ndjson",
        ])
        .success();
    refused(&place, &["old.ndjson", "app.ndjson"], "log.unauthorized", "was not allowed to sign");
    seal(&place, &["old.ndjson", "grant.ndjson", "app.ndjson"]).success();
    place.keygen("example.com", "impostor.key");
    place
        .run(&["grant", &place.app, "--key", "impostor.key", "--origin", ORIGIN, "-o", "forged.ndjson"])
        .success();
    refused(
        &place,
        &["forged.ndjson"],
        "log.unauthorized",
        "no issuer in the log's trust file that may grant ",
    );
    place
        .run(&[
            "grant",
            &place.app,
            "--key",
            "issuer.key",
            "--origin",
            "log.example/other",
            "-o",
            "other.ndjson",
        ])
        .success();
    refused(&place, &["other.ndjson"], "log.refused", "the key is of the log");
    place.write("trust.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    seal(&place, &["app.ndjson"]).success();
    place.write(
        "trust.txt",
        format!("emitter {}\nrevoke {} 2020-01-01T00:00:00.000Z\n", place.app, place.app),
    );
    refused(&place, &["app.ndjson"], "log.unauthorized", "is revoked");
}

#[test]
fn warns_without_a_trust_file() {
    let place = Place::new();
    place.record(4, "app.ndjson");
    place
        .run(&["seal", "--log-key", "log.key", "app.ndjson", "-o", "audit.ndjson"])
        .success()
        .stderr(predicate::str::contains("! warning: keys were not checked"));
}

#[test]
fn rejects_links_that_do_not_continue_their_chain() {
    let place = Place::new();
    place.record(6, "app.ndjson");
    let export = place.read("app.ndjson");
    let lines: Vec<&str> = export.lines().collect();
    let attempt = |lines: &[&str], code: &str, says: &str| {
        place.write("bad.ndjson", lines.join("\n") + "\n");
        refused(&place, &["grant.ndjson", "bad.ndjson"], code, says);
    };
    attempt(
        &[&lines[..3], &lines[4..]].concat(),
        "log.gap",
        "continues with link 2 in the log, but this is link 3",
    );
    attempt(&[&lines[..1], &lines[2..]].concat(), "log.gap", "is not in the log");
    attempt(&lines[..4], "log.refused", "the last link of chain");
    let flipped = lines[3].replace("\"n\":2", "\"n\":3");
    attempt(
        &[&lines[..3], &[&flipped], &lines[4..]].concat(),
        "log.refused",
        "the event does not match its link",
    );
    let twice = lines[3].replace("\"n\":2", "\"n\":2,\"n\":2");
    attempt(&[&lines[..3], &[&twice], &lines[4..]].concat(), "log.refused", "two fields of the same name");
    let signature = |line: &str| line.trim_end_matches("\"}").rsplit(' ').next().unwrap().to_owned();
    let forged = lines[8].replace(&signature(lines[8]), &signature(lines[1]));
    attempt(&[&lines[..8], &[&forged]].concat(), "signature.invalid", "the link's signature is invalid");
    let leaf = "{\"leaf\":\"AAAA\"}";
    attempt(&[&lines[..], &[leaf]].concat(), "log.refused", "this line is neither a link nor a key note");
    let after = [&lines[..], &lines[1..2]].concat();
    place.write("fine.ndjson", after.join("\n") + "\n");
    seal(&place, &["grant.ndjson", "fine.ndjson"]).success();
}

#[test]
fn rejects_a_fork() {
    let place = Place::new();
    place.record_open(2, "left.ndjson", &[]);
    place.write("right.ndjson", place.read("left.ndjson"));
    for file in ["left.ndjson", "right.ndjson"] {
        place
            .command(&["record", "--key", "app.key", "--resume", file])
            .write_stdin(events(1))
            .assert()
            .success();
    }
    refused(
        &place,
        &["grant.ndjson", "left.ndjson", "right.ndjson"],
        "log.fork",
        "has a different link 3 in chain",
    );
}

#[test]
fn only_the_same_log_extends_a_sealed_export() {
    let place = Place::new();
    place.sealed(6);
    let sealed = place.read("audit.ndjson");
    place.write("sealed.ndjson", &sealed);
    refused(&place, &["grant.ndjson", "sealed.ndjson"], "log.refused", "is sealed already");
    place.keygen(ORIGIN, "other.key");
    place
        .run(&["seal", "--log-key", "other.key", "sealed.ndjson"])
        .code(1)
        .stderr(predicate::str::contains("not signed by this log key"));
    place.keygen("log.example/other", "third.key");
    place
        .run(&["seal", "--log-key", "third.key", "sealed.ndjson"])
        .code(1)
        .stderr(predicate::str::contains("is for the log"));
    place.write(
        "cut.ndjson",
        sealed.lines().filter(|line| !line.contains("\"n\":2")).collect::<Vec<_>>().join("\n"),
    );
    refused(&place, &["cut.ndjson"], "log.refused", "does not match the entries before it");
    place.run(&["slice", "sealed.ndjson", "--query", "n=6", "-o", "slice.ndjson"]).success();
    refused(&place, &["slice.ndjson"], "log.refused", "entries are omitted here");
}

#[test]
fn reformatted_events_become_canonical() {
    let place = Place::new();
    place.record(3, "app.ndjson");
    let spaced = place.read("app.ndjson").replace("\"n\":", " \"n\" : ");
    place.write("app.ndjson", spaced);
    seal(&place, &["grant.ndjson", "app.ndjson"]).success();
    assert_eq!(place.report("audit.ndjson", &[])["finding_counts"], serde_json::json!({}));
}
