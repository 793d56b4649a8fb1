//! Recording to a log server: unproven events stay, and are sent again.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use assert_cmd::assert::Assert;
use countersign::event::{Event, Redaction};
use countersign::note::SignerKey;
use countersign::recorder::{Recorder, header};
use countersign::time::Time;
use predicates::prelude::*;
use serde_json::Value;

use crate::common::log_server::{LogServer, Mischief, time_of};
use crate::common::{ORIGIN, Place, events};

fn record(place: &Place, log_server: &LogServer, log: &str, more: &[&str]) -> Assert {
    let args = ["record", "--key", "app.key", "events.ndjson", "--to", &log_server.url, "--log", log];
    place.run(&[&args, more].concat())
}

/// Returns the numbers of the events in the log.
fn numbers(log_server: &LogServer) -> Vec<u64> {
    let number = |event: &String| serde_json::from_str::<Value>(event).unwrap()["n"].as_u64().unwrap();
    log_server.events().iter().map(number).collect()
}

fn start(count: usize) -> (Place, LogServer, String) {
    let (place, log_server) = (Place::new(), LogServer::start());
    place.write("events.ndjson", events(count));
    let log = log_server.vkey();
    (place, log_server, log)
}

fn segments(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.path("outbox")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".ndjson"));
    names.sort();
    names
}

#[test]
fn rejects_a_zero_interval() {
    let place = Place::new();
    let args = ["record", "--key", "app.key", "--to", "http://127.0.0.1:9", "--log", &place.log];
    let told = place.run(&[&args[..], &["--flush-every", "0s"]].concat()).code(2);
    told.stderr(predicate::str::contains("the duration must be longer than 0"));
}

#[test]
fn delivers_events_with_proofs() {
    let (place, log_server, log) = start(2_500);
    record(&place, &log_server, &log, &["--json"])
        .success()
        .stdout(predicate::str::contains(r#""recorded":2500,"proven":2500,"waiting":0"#))
        .stdout(predicate::str::contains(r#""closed":true"#))
        .stderr(predicate::str::contains(
            "2500 events recorded, 2500 proven to be in the log; the chain is closed; redacted 2500 values in 1 field",
        ))
        .stdout(predicate::str::contains(r#""redacted":2500"#));
    assert_eq!(numbers(&log_server), (1..=2_500).collect::<Vec<_>>());
    assert!(!log_server.events()[0].contains("hunter2"));
    assert!(log_server.bodies().iter().all(|body| !body.contains("export/v1")), "no header is sent");
}

#[test]
fn reads_the_log_key_from_a_trust_file() {
    let (place, log_server, log) = start(3);
    place.write("log.txt", format!("log {log}\n"));
    let args = ["record", "--key", "app.key", "events.ndjson", "--to", &log_server.url];
    place.run(&[&args[..], &["--trust", "log.txt"]].concat()).success();
    place
        .run(&args)
        .code(2)
        .stderr(predicate::str::contains("the log's public key is required to verify its proofs"));
    place
        .run(&[&args[..], &["--trust", "log.txt", "--origin", "log.example/other"]].concat())
        .code(2)
        .stderr(predicate::str::contains("has no key for the log"));
    place.run(&[&args[..], &["--log", &log, "-o", "x"]].concat()).code(2);
    assert_eq!(numbers(&log_server), [1, 2, 3]);
}

#[test]
fn failures_keep_the_outbox_for_the_next_run() {
    for (mischief, status, code) in [
        (Mischief::Drops, 2, "http."),
        (Mischief::TakesAndDrops, 2, "http."),
        (Mischief::Status(503), 1, "server.busy"),
        (Mischief::Status(429), 1, "server.busy"),
        (Mischief::Status(400), 1, "server.busy"),
        (Mischief::Status(404), 1, "server.busy"),
        (Mischief::OtherKey, 1, "proof.invalid"),
    ] {
        let (place, log_server, log) = start(5);
        let args = ["--outbox", "outbox", "--give-up", "0s", "--json"];
        log_server
            .misbehave_during(mischief, || record(&place, &log_server, &log, &args))
            .code(status)
            .stdout(predicate::str::contains(r#""recorded":5,"proven":0,"waiting":5"#))
            .stderr(predicate::str::contains(code))
            .stderr(predicate::str::contains("5 events are not proven to be in the log (kept in outbox"));
        assert_eq!(segments(&place).len(), 1, "{mischief:?}");
        place.write("events.ndjson", "");
        record(&place, &log_server, &log, &["--outbox", "outbox"])
            .success()
            .stderr(predicate::str::contains("5 events from an earlier run"));
        assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5], "{mischief:?}");
        assert!(segments(&place).is_empty());
    }
}

#[test]
fn resumes_a_file_after_a_failure() {
    let (place, log_server, log) = start(1_500);
    let outbox = ["--outbox", "outbox", "--give-up", "0s"];
    let went_on = |times: usize| predicate::str::contains("recorded by an earlier run").count(times);
    log_server
        .misbehave_during(Mischief::Drops, || record(&place, &log_server, &log, &outbox))
        .code(2)
        .stderr(went_on(0));
    record(&place, &log_server, &log, &outbox)
        .success()
        .stderr(went_on(1).and(predicate::str::contains("1500 events of this file were recorded")))
        .stderr(predicate::str::contains(
            "0 events recorded, 1500 proven to be in the log; the chain is closed",
        ));
    assert_eq!(numbers(&log_server), (1..=1_500).collect::<Vec<_>>());

    // A completed file is recorded again, and so is a changed one.
    record(&place, &log_server, &log, &outbox).success().stderr(went_on(0));
    assert_eq!(numbers(&log_server).len(), 3_000);
    log_server.misbehave_during(Mischief::Drops, || record(&place, &log_server, &log, &outbox)).code(2);
    place.write("events.ndjson", events(1_499));
    record(&place, &log_server, &log, &outbox).success().stderr(went_on(0));
    assert_eq!(numbers(&log_server).len(), 5_999);
}

#[test]
fn resumes_at_the_event_that_failed() {
    let (place, log_server, log) = start(0);
    let line = |n: u64, number: &str| format!("{{\"action\":\"a.b\",\"n\":{n},\"id\":{number}}}\n");
    place.write(
        "events.ndjson",
        [line(1, "1"), line(2, "2"), line(3, "9007199254740993"), line(4, "4")].concat(),
    );
    record(&place, &log_server, &log, &["--outbox", "outbox"]).failure();
    record(&place, &log_server, &log, &["--outbox", "outbox", "--large-integers", "text"])
        .success()
        .stderr(predicate::str::contains("2 events of this file were recorded by an earlier run"));
    assert_eq!(numbers(&log_server), [1, 2, 3, 4]);
}

#[test]
fn resumes_in_the_file_that_failed() {
    let (place, log_server, log) = start(0);
    place.write("1.json", events(2));
    place.write("2.json", "");
    place.write("3.json", "{\"n\":3}\n{\"n\":4,\"id\":9007199254740993}\n");
    place.write("4.json", "{\"n\":5}\n");
    let args = ["record", "--key", "app.key", "--to", &log_server.url, "--log", &log, "--outbox", "outbox"];
    let run = |files: &[&str]| place.run(&[&args[..], files].concat());
    let earlier = predicate::str::contains("by an earlier run");

    run(&["1.json", "no.json"]).code(2).stderr(predicate::str::contains("no.json"));
    run(&["1.json", "4.json", "--follow"])
        .code(2)
        .stderr(predicate::str::contains("--follow requires exactly one file"));
    run(&["1.json", "-"]).code(2).stderr(predicate::str::contains("standard input can't be one of several"));
    assert_eq!(numbers(&log_server), [0; 0]);
    run(&["1.json", "2.json", "3.json"]).code(1).stderr(predicate::str::contains("3.json: line 2"));
    assert_eq!(numbers(&log_server), [1, 2, 3]);

    // Meanwhile there are more files. Other files first are other inputs.
    run(&["1.json", "2.json", "3.json", "4.json", "--large-integers", "text"])
        .success()
        .stderr(predicate::str::contains("2 files and 1 event of 3.json were recorded by an earlier run"));
    assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5]);
    run(&["4.json", "2.json"]).success().stderr(earlier.clone().not());
    assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5, 5]);
    log_server.misbehave_during(Mischief::Drops, || run(&["1.json", "--give-up", "0s"]).code(2));
    run(&["4.json", "1.json"]).success().stderr(earlier.not());
    assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5, 5, 1, 2, 5, 1, 2]);

    place
        .run(&[
            "record",
            "--key",
            "app.key",
            "--origin",
            "log.example/a",
            "1.json",
            "2.json",
            "4.json",
            "-o",
            "x",
        ])
        .success()
        .stderr(predicate::str::contains("3 events recorded in x"));
}

#[test]
fn resumes_a_file_after_recording_a_stream() {
    let (place, log_server, log) = start(5);
    let outbox = ["--outbox", "outbox", "--give-up", "0s"];
    log_server.misbehave_during(Mischief::Drops, || record(&place, &log_server, &log, &outbox)).code(2);
    let args = ["record", "--key", "app.key", "--to", &log_server.url, "--log", &log];
    place
        .command(&[&args[..], &outbox].concat())
        .write_stdin("{\"action\":\"a.b\",\"n\":6}\n")
        .assert()
        .success()
        .stderr(predicate::str::contains("6 proven to be in the log"));
    record(&place, &log_server, &log, &outbox)
        .success()
        .stderr(predicate::str::contains("5 events of this file were recorded by an earlier run"));
    assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn retries_temporary_failures() {
    let (place, log_server, log) = start(4);
    log_server.misbehave(&[Mischief::TakesAndDrops, Mischief::Status(503), Mischief::OtherKey]);
    record(&place, &log_server, &log, &[])
        .success()
        .stderr(predicate::str::contains("retrying in"))
        .stderr(predicate::str::contains("delivery works again"));
    assert_eq!(numbers(&log_server), [1, 2, 3, 4]);
}

#[test]
fn reports_lost_events_without_an_outbox() {
    let (place, log_server, log) = start(3);
    log_server.misbehave(&[Mischief::OtherKey; 1_000]);
    record(&place, &log_server, &log, &["--give-up", "0s"]).code(1).stderr(predicate::str::contains(
        "3 events are not proven to be in the log (lost, because there is no --outbox)",
    ));
}

#[test]
fn rejects_proofs_of_another_log() {
    let (place, log_server, _) = start(2);
    let other = place.keygen(ORIGIN, "other.key");
    record(&place, &log_server, &other, &["--outbox", "outbox", "--give-up", "0s"])
        .code(1)
        .stderr(predicate::str::contains("no trusted log key signed"));
    assert_eq!(segments(&place).len(), 1);
}

#[test]
fn continues_a_chain_across_runs() {
    let (place, log_server, log) = start(3);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"])
        .success()
        .stderr(predicate::str::contains("the chain is open"));
    place.write("events.ndjson", events(5).lines().skip(3).collect::<Vec<_>>().join("\n"));
    record(&place, &log_server, &log, &["--outbox", "outbox"])
        .success()
        .stderr(predicate::str::contains("the chain is closed"));
    assert_eq!(numbers(&log_server), [1, 2, 3, 4, 5]);
    assert_eq!(log_server.log.lock().unwrap().growth.chains().count(), 1);
    place.write("events.ndjson", events(1));
    record(&place, &log_server, &log, &["--outbox", "outbox"]).success();
    assert_eq!(
        log_server.log.lock().unwrap().growth.chains().count(),
        2,
        "a closed chain is not gone on with"
    );
}

#[test]
fn an_outbox_has_one_key_log_and_process() {
    let (place, log_server, log) = start(1);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"]).success();
    place.keygen("example.com/other", "other.key");
    let args = ["record", "events.ndjson", "--to", &log_server.url, "--outbox", "outbox"];
    place
        .run(&[&args[..], &["--key", "other.key", "--log", &log]].concat())
        .code(2)
        .stderr(predicate::str::contains("outbox.other_key"));
    let elsewhere = place.keygen("log.example/other", "elsewhere.key");
    place
        .run(&[&args[..], &["--key", "app.key", "--log", &elsewhere]].concat())
        .code(2)
        .stderr(predicate::str::contains("outbox.other_log"));
    let lock = fs::File::open(place.path("outbox/lock")).unwrap();
    lock.lock().unwrap();
    record(&place, &log_server, &log, &["--outbox", "outbox"])
        .code(2)
        .stderr(predicate::str::contains("io.locked"));
}

#[test]
fn a_fork_ends_recording() {
    let (place, log_server, log) = start(2);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"]).success();
    let backup = fs::read(place.path("outbox/position.json")).unwrap();
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"]).success();
    // A backup is restored.
    fs::write(place.path("outbox/position.json"), backup).unwrap();
    for _ in 0..2 {
        record(&place, &log_server, &log, &["--outbox", "outbox", "--open"])
            .code(1)
            .stderr(predicate::str::contains("error[log.fork]"))
            .stderr(predicate::str::contains("this chain was continued twice"))
            .stderr(predicate::str::contains("an old copy"));
    }
    assert!(!segments(&place).is_empty());
    assert_eq!(numbers(&log_server), [1, 2, 1, 2]);
    assert_eq!(log_server.log.lock().unwrap().growth.chains().count(), 1);
}

#[test]
fn reports_a_rolled_back_log() {
    let (place, log_server, log) = start(2);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"]).success();
    log_server.log.lock().unwrap().forget();
    record(&place, &log_server, &log, &["--outbox", "outbox", "--open"])
        .code(1)
        .stderr(predicate::str::contains("error[log.rollback]"));
    assert!(place.read("outbox/position.json").contains("c2sp.org/tlog-proof@v1"));
}

#[test]
fn pending_entries_are_an_export() {
    let (place, log_server, log) = start(3);
    log_server.misbehave(&[Mischief::Drops; 1_000]);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--give-up", "0s"]).failure();
    place.write("trust.txt", format!("emitter {}\n", place.app));
    assert_eq!(place.report("outbox/000000000001.ndjson", &[])["counts"]["events"], 3);
}

#[test]
fn an_invalid_line_ends_the_run() {
    let (place, log_server, log) = start(2);
    place.write("events.ndjson", events(2) + "nonsense\n" + &events(1));
    record(&place, &log_server, &log, &["--outbox", "outbox"])
        .code(1)
        .stderr(predicate::str::contains("line 3"));
    assert_eq!(numbers(&log_server), [1, 2]);
}

#[test]
fn empty_input_is_an_error() {
    let (place, log_server, log) = start(0);
    record(&place, &log_server, &log, &["--outbox", "outbox"])
        .code(1)
        .stderr(predicate::str::contains("there is no event to record"));
}

#[test]
fn does_not_print_a_secret_key_given_as_public() {
    let (place, log_server, _) = start(1);
    let secret = place.read("log.key");
    // Base64 contains plus signs, too.
    let seed = secret.trim().splitn(5, '+').nth(4).unwrap();
    assert!(seed.len() > 40);
    record(&place, &log_server, secret.trim(), &[]).code(2).stderr(predicate::str::contains(seed).not());
}

/// Adds a chain to a new outbox, recorded while this machine's clock was fast by these seconds.
fn recorded_ahead(place: &Place, seconds: i64, closed: bool) {
    let key = SignerKey::parse(place.read("app.key").trim()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let time = Time::from_millis(i64::try_from(now).unwrap() + seconds * 1000).unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time, &[7; 16]).unwrap();
    let event = Event::parse(br#"{"action":"job.update","n":100}"#, &Redaction::none()).unwrap();
    recorder.sign_with(&key).unwrap();
    recorder.record(&event, time, &[9; 16]).unwrap();
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    if closed {
        recorder.close(time).unwrap();
        recorder.sign_with(&key).unwrap();
    }
    fs::create_dir(place.path("outbox")).unwrap();
    place.write("outbox/000000000001.ndjson", header(ORIGIN) + &recorder.drain());
    let position = format!(
        "{{\"countersign\":\"outbox/v1\",\"origin\":\"{ORIGIN}\",\"through\":0,\"head\":null,\"followed\":null,\"receipt\":null}}"
    );
    place.write("outbox/position.json", position);
}

/// Returns the times of the links in the log.
fn latest(log_server: &LogServer) -> Time {
    let bodies = log_server.bodies();
    let links = bodies.last().unwrap().lines().filter_map(|line| time_of(line.as_bytes()));
    links.max().unwrap()
}

#[test]
fn starts_a_new_chain_after_a_fast_clock() {
    for (closed, more) in [(false, "--open"), (true, "--json")] {
        let (place, log_server, log) = start(20);
        log_server.tell_time(0);
        recorded_ahead(&place, 3_600, closed);
        record(&place, &log_server, &log, &["--outbox", "outbox", "--give-up", "0s", more])
            .success()
            .stderr(predicate::str::contains("recorded with the current time").count(1));
        let mut found = numbers(&log_server);
        found.sort_unstable();
        assert_eq!(found, (1..=20).chain([100]).collect::<Vec<_>>(), "each once");
        assert!(segments(&place).is_empty());
    }
}

#[test]
fn uses_the_logs_time_if_the_clock_is_fast() {
    let (place, log_server, log) = start(20);
    log_server.tell_time(-3_600);
    let args = ["--outbox", "outbox", "--give-up", "0s", "--sign-every", "1"];
    record(&place, &log_server, &log, &args)
        .success()
        .stderr(predicate::str::contains("s ahead of the log's, so events get the log's time").count(1));
    assert_eq!(numbers(&log_server), (1..=20).collect::<Vec<_>>());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(latest(&log_server).millis() < i64::try_from(now).unwrap() - 3_000_000);
    assert!(segments(&place).is_empty());
}

#[test]
fn rejects_a_log_whose_clock_is_days_behind() {
    let (place, log_server, log) = start(3);
    log_server.tell_time(-2 * 86_400);
    record(&place, &log_server, &log, &["--outbox", "outbox", "--give-up", "0s"])
        .code(1)
        .stderr(predicate::str::contains("submit.early"));
    assert!(log_server.events().is_empty() && !segments(&place).is_empty());
    log_server.tell_time(0);
    place.write("events.ndjson", "{\"action\":\"job.update\",\"n\":4}\n");
    record(&place, &log_server, &log, &["--outbox", "outbox", "--give-up", "0s"]).success();
    assert_eq!(numbers(&log_server), [1, 2, 3, 4], "it was the log's clock");
}
