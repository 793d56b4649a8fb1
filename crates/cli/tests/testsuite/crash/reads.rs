//! Exports are recorded if readers know the key of the records, or on request.

use std::fs;

use crate::common::emitter::client;
use crate::common::process::{Place, Process, log_key, run, spawn_with};

/// Runs a server with these arguments, reads from it once, and returns its output and the log's verdict.
fn read(place: &Place, args: &[&str]) -> (String, usize, Option<i32>) {
    let dir = place.folder.path();
    let server = Process::listening(spawn_with(dir, args));
    let token = run(&["token", "add", "auditor", "--dir", dir.to_str().unwrap()]).stdout;
    let mut emitter = place.emitter(0);
    emitter.record(2);
    emitter.deliver_all(&server.url, usize::MAX);
    let export = client().get(format!("{}/export", server.url));
    let export = export.bearer_auth(String::from_utf8(token).unwrap().trim()).send().unwrap();
    assert_eq!(export.status(), 200);
    assert!(!export.text().unwrap().contains("log.export"));
    let said = server.stop();
    let exported = place.path("all.ndjson");
    let (dir, file) = (dir.to_str().unwrap(), exported.to_str().unwrap());
    assert!(run(&["export", "--dir", dir, "-o", file]).status.success());
    let trust = place.trust_file();
    let verified = run(&["verify", file, "--trust", trust.to_str().unwrap()]).status.code();
    let records = fs::read_to_string(exported).unwrap().matches(r#""action":"log.export""#).count();
    (said, records, verified)
}

#[test]
fn records_exports_if_the_trust_file_has_the_log_key() {
    let place = Place::with(1, &format!("emitter {}\n", log_key().verifier_key()));
    let (said, records, verified) = read(&place, &[]);
    assert_eq!((records, verified), (1, Some(0)), "{said}");
    assert!(!said.contains("not recorded"), "{said}");
}

#[test]
fn explains_why_reads_are_not_recorded() {
    let place = Place::new(1);
    let (said, records, verified) = read(&place, &[]);
    assert_eq!((records, verified), (0, Some(0)));
    assert!(said.contains("not recorded") && said.contains("`emitter`"), "{said}");
}

#[test]
fn record_reads_overrides_the_trust_file() {
    let known = Place::with(1, &format!("emitter {}\n", log_key().verifier_key()));
    assert_eq!(read(&known, &["--record-reads", "none"]).1, 0);
    let unknown = Place::new(1);
    let (said, records, verified) = read(&unknown, &["--record-reads", "exports"]);
    // The trust file lacks the key of the records.
    assert_eq!((records, verified), (1, Some(3)), "{said}");
}

#[test]
fn a_new_log_has_its_key_in_its_trust_file() {
    let place = Place::new(0);
    fs::remove_file(place.trust_file()).unwrap();
    let server = place.serve();
    let line = format!("emitter {}", log_key().verifier_key());
    assert!(fs::read_to_string(place.trust_file()).unwrap().lines().any(|known| known == line));
    assert!(!server.stop().contains("not recorded"));
}
