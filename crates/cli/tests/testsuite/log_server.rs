//! The program with its own server: recording, monitoring, exporting.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use serde_json::Value;

use crate::common;
use crate::common::{ORIGIN, Place, events, third_party};

/// A server that is killed when the test ends.
struct KillableServer {
    child: Child,
    url: String,
}

impl KillableServer {
    fn start(place: &Place, listen: &str) -> Self {
        Self::start_with(place, listen, &[])
    }

    fn start_with(place: &Place, listen: &str, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(place.path("."))
            .args(["serve", "--dir", "log", "--origin", ORIGIN, "--key", "log.key", "--trust", "trust.txt"])
            .args(["--listen", listen])
            .args(options)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines.next().expect("it says where it listens").unwrap();
            if let Some((_, url)) = line.split_once(" listens on ") {
                break url.to_owned();
            }
        };
        thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    /// Returns the address without scheme, to restart at the same port.
    fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    fn kill(mut self) -> String {
        let address = self.address();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        address
    }
}

impl Drop for KillableServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn place() -> Place {
    let place = Place::new();
    place.write("trust.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    place
}

fn monitor(place: &Place, url: &str, status: i32) {
    place.run(&["monitor", url, "--trust", "trust.txt", "--state", "state.json", "--once"]).code(status);
}

#[test]
fn recorded_events_are_in_a_valid_log() {
    let place = place();
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    for round in 0..3 {
        place.write("events.ndjson", events(700 + round));
        let args =
            ["record", "--key", "app.key", "events.ndjson", "--to", &serving.url, "--trust", "trust.txt"];
        place
            .run(&[&args[..], &["--outbox", "outbox", "--open"]].concat())
            .success()
            .stderr(predicate::str::contains(format!("{0} events recorded, {0} proven", 700 + round)));
        monitor(&place, &serving.url, 0);
    }
    place.run(&["check", &serving.url, "--trust", "trust.txt"]).code(4);
    let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
    assert_eq!(state["chains"]["open"].as_object().unwrap().len(), 1);
}

#[test]
fn keeps_events_until_the_key_is_allowed() {
    let place = place();
    let other = place.keygen("example.com/other", "other.key");
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    place.write("events.ndjson", events(3));
    let args = ["record", "--key", "other.key", "events.ndjson", "--to", &serving.url, "--log", &place.log];
    let args = [&args[..], &["--outbox", "outbox"]].concat();
    place.run(&args).code(1).stderr(predicate::str::contains("error[log.unauthorized]"));
    place.write("trust.txt", place.read("trust.txt") + &format!("emitter {other}\n"));
    place.write("events.ndjson", "");
    let patience = Instant::now() + Duration::from_mins(2);
    while place.command(&args).output().unwrap().status.code() != Some(0) {
        assert!(Instant::now() < patience, "the trust file is read again");
        thread::sleep(Duration::from_millis(100));
    }
    monitor(&place, &serving.url, 0);
}

#[test]
fn repeated_kills_neither_lose_nor_repeat_events() {
    let place = place();
    let mut serving = KillableServer::start(&place, "127.0.0.1:0");
    let mut following = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .current_dir(place.path("."))
        .args(["record", "--key", "app.key", "--follow", "app.log", "--outbox", "outbox"])
        .args(["--to", &serving.url, "--trust", "trust.txt", "--flush-every", "10ms"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut log = File::create(place.path("app.log")).unwrap();
    let mut total = 0;
    for round in 0..6_u64 {
        for _ in 0..10 {
            for _ in 0..20 {
                total += 1;
                writeln!(log, "{{\"action\":\"job.update\",\"n\":{total}}}").unwrap();
            }
            thread::sleep(Duration::from_millis(3 + round * 7));
        }
        let address = serving.kill();
        serving = KillableServer::start(&place, &address);
    }
    let patience = Instant::now() + Duration::from_secs(100);
    loop {
        let (position, segments): (Vec<_>, Vec<_>) = fs::read_dir(place.path("outbox"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.starts_with('.') && name != "lock")
            .partition(|name| name == "position.json");
        let proven: Option<Value> =
            position.first().and_then(|_| serde_json::from_str(&place.read("outbox/position.json")).ok());
        if segments.is_empty() && proven.is_some_and(|position| position["head"]["seq"] == total) {
            break;
        }
        assert!(Instant::now() < patience, "the outbox is not empty: {segments:?}");
        thread::sleep(Duration::from_millis(50));
    }
    following.kill().unwrap();
    following.wait().unwrap();
    monitor(&place, &serving.url, 0);
    let state: Value = serde_json::from_str(&place.read("state.json")).unwrap();
    let chains = state["chains"]["open"].as_object().unwrap();
    assert_eq!(chains.values().map(|chain| chain["next"].as_u64().unwrap()).collect::<Vec<_>>(), [total + 1]);
}

#[test]
fn emitter_and_monitor_detect_a_rollback() {
    let place = place();
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    place.write("events.ndjson", events(5));
    let url = serving.url.clone();
    let args = ["record", "--key", "app.key", "events.ndjson", "--to", &url, "--trust", "trust.txt"];
    let args = [&args[..], &["--outbox", "outbox", "--open"]].concat();
    place.run(&args).success();
    let address = serving.kill();
    copy(&place, "log", "backup");
    let serving = KillableServer::start(&place, &address);
    place.run(&args).success();
    monitor(&place, &serving.url, 0);
    let address = serving.kill();
    fs::remove_dir_all(place.path("log")).unwrap();
    copy(&place, "backup", "log");
    // A lying operator makes the log forget what it signed.
    fs::remove_file(place.path("log/signed.txt")).unwrap();
    let database = rusqlite::Connection::open(place.path("log/log.sqlite")).unwrap();
    database.execute("DELETE FROM signed", []).unwrap();
    drop(database);
    let serving = KillableServer::start(&place, &address);
    place
        .run(&args)
        .code(1)
        .stderr(predicate::str::contains("error[log.rollback]"))
        .stderr(predicate::str::contains("it was rolled back or rewritten"));
    place
        .run(&["monitor", &serving.url, "--trust", "trust.txt", "--state", "state.json", "--once"])
        .code(1)
        .stdout(predicate::str::contains("append_only."));
}

#[test]
fn exports_from_address_and_folder() {
    let place = place();
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    place.write("events.ndjson", events(60));
    let args = ["record", "--key", "app.key", "events.ndjson", "--to", &serving.url, "--trust", "trust.txt"];
    place.run(&args).success();
    let rights = countersign_log::tokens::Rights::READ;
    let token = countersign_log_server::tokens::add(
        &place.path("log"),
        "auditor",
        rights,
        None,
        countersign_log::tokens::Scope::default(),
    )
    .unwrap();
    place.write("token.txt", token.as_str());
    place.run(&["export", "--dir", &serving.url]).code(2).stderr(predicate::str::contains("--token-file"));
    let chain = {
        place.run(&["export", "--dir", "log", "-o", "whole.ndjson"]).success();
        place.chain("whole.ndjson")
    };
    let (one, other) = (format!("{chain}/3"), format!("{chain}/9"));
    for (asked, shown, verdict) in [
        (&[][..], 60, "verified"),
        (&["--range", "0..10"], 9, "verified"),
        (&["--actor", "u_1"], 20, "partial"),
        (&["--action", "job.*", "--limit", "5"], 5, "partial"),
        (&["--query", "n=7"], 1, "partial"),
        (&["--actor", "u_1", "--query", "n=9"], 1, "partial"),
        (&["--event", &one], 1, "partial"),
        (&["--event", &one, "--event", &other], 2, "partial"),
        (&["--chain", &chain], 60, "verified"),
        (&["--withhold", "n=7"], 59, "partial"),
        (&["--q", "nowhere"], 0, "not_checked"),
    ] {
        for (from, file) in [(&*serving.url, "remote.ndjson"), ("log", "local.ndjson")] {
            let token: &[&str] = if from == "log" { &[] } else { &["--token-file", "token.txt"] };
            place.run(&[&["export", "--dir", from, "-o", file], asked, token].concat()).success();
            assert_eq!(common::shown(&place.read(file)).len(), shown, "{from} {asked:?}");
            let report = place.report(file, &[]);
            assert_eq!(report["verdict"], verdict, "{from} {asked:?} {report}");
        }
    }
    for (from, query, told) in [
        (&*serving.url, "actr.id:u_1", "No event has the field actr.id. Similar: actor.id"),
        ("log", "actr.id:u_1", "No event has the field actr.id. Similar: actor.id"),
        (&serving.url, "n=7 OR m=8", "No event has the field m."),
        (&serving.url, "n=7 n=8", "0 of 60 events of the log match"),
        ("log", "n=7 n=8", "1         0  n:8"),
        (&serving.url, "n=7 since:2020", "Times are when events were recorded"),
    ] {
        place
            .run(&["export", "--dir", from, "--token-file", "token.txt", "--query", query])
            .success()
            .stderr(predicate::str::contains(told));
    }
    place
        .run(&["export", "--dir", &serving.url, "--token-file", "token.txt", "--query", "n=7"])
        .success()
        .stderr(predicate::str::contains("No event").not());
    place
        .run(&["export", "--dir", "log", "--range", "5..99"])
        .code(2)
        .stderr(predicate::str::contains("published"));
    place.run(&["export", "--dir", "nowhere"]).code(2).stderr(predicate::str::contains("io.not_found"));
    fs::create_dir(place.path("empty")).unwrap();
    place.run(&["export", "--dir", "empty"]).code(2).stderr(predicate::str::contains("store.failed"));
}

fn copy(place: &Place, from: &str, to: &str) {
    fs::create_dir(place.path(to)).unwrap();
    for entry in fs::read_dir(place.path(from)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.path(to).join(entry.file_name())).unwrap();
    }
}

#[test]
fn accepts_granted_and_rejects_revoked_emitters() {
    let place = Place::new();
    place.write("events.ndjson", events(3));
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    let record = ["record", "--key", "app.key", "--to", &serving.url, "--log", &place.log, "events.ndjson"];
    place.run(&record).code(1).stderr(predicate::str::contains("error[log.unauthorized]"));

    let state = |what: &[&str]| {
        place.run(&[what, &["--key", "issuer.key", "--to", &serving.url, "--log", &place.log]].concat())
    };
    state(&["grant", &place.app])
        .success()
        .stderr(predicate::str::contains("the statement is entry 0 of the log"));
    place.run(&record).success();
    // The same statement is the same leaf.
    state(&["grant", &place.app])
        .success()
        .stderr(predicate::str::contains("the statement is entry 0 of the log"));
    state(&["revoke", &place.app]).success();
    place.run(&record).code(1).stderr(predicate::str::contains("is revoked"));

    let note = ["revoke", &place.app, "--key", "app.key", "--to", &serving.url];
    place
        .run(&note)
        .code(2)
        .stderr(predicate::str::contains("the log's public key is required to verify its proofs"));
    let other = place.keygen("other.example", "other.key");
    place.run(&[&note[..], &["--log", &other]].concat()).code(1);
}

#[test]
fn a_log_continues_with_a_new_key() {
    let place = Place::new();
    place.write("events.ndjson", events(3));
    place.write("trust.txt", format!("log {}\nemitter {}\n", place.log, place.app));
    let serving = KillableServer::start(&place, "127.0.0.1:0");
    let record = |url: &str, log: &str| {
        place.run(&[
            "record",
            "--key",
            "app.key",
            "--to",
            url,
            "--log",
            log,
            "--give-up",
            "0s",
            "events.ndjson",
        ])
    };
    record(&serving.url, &place.log).success();
    serving.kill();

    let new = place.keygen(ORIGIN, "new.key");
    fs::copy(place.path("new.key"), place.path("log.key")).unwrap();
    let serving = KillableServer::start_with(&place, "127.0.0.1:0", &["--new-key", &new]);
    let log = |vkey: &str| {
        let report = place.judged(&["check", &serving.url, "--json", "--vkey", vkey]);
        (report["report"]["log"]["size"].as_u64(), report["report"]["checks"]["log"]["state"].clone())
    };
    assert_eq!(log(&new), (Some(5), "pass".into()), "the existing entries are signed again");
    assert_eq!(log(&place.log), (Some(5), "not_checked".into()));
    record(&serving.url, &place.log).code(1).stderr(predicate::str::contains("proof.invalid"));
    record(&serving.url, &new).success();
}

/// Parses `1-3 7` as 1, 2, 3 and 7.
fn lines(ranges: &str) -> Vec<usize> {
    let one = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().unwrap()..=last.parse().unwrap()
    };
    ranges.split(' ').filter(|range| !range.is_empty()).flat_map(one).collect()
}

#[test]
fn the_query_table_matches_through_a_log() {
    let Some(folder) = third_party("real-events") else { return };
    let table = include_str!("../../../query/tests/real-events.tsv");
    let rows: Vec<[&str; 3]> =
        table.lines().map(|row| row.split('\t').collect::<Vec<_>>().try_into().unwrap()).collect();
    let mut sources: Vec<&str> = rows.iter().map(|[source, ..]| *source).collect();
    sources.dedup();
    for source in sources {
        let place = place();
        let serving = KillableServer::start(&place, "127.0.0.1:0");
        let events = folder.join(source).join("events.ndjson");
        let path = events.to_str().unwrap();
        let args =
            ["record", "--no-redact", "--key", "app.key", path, "--to", &serving.url, "--trust", "trust.txt"];
        place.run(&args).success();
        let (rights, scope) =
            (countersign_log::tokens::Rights::READ, countersign_log::tokens::Scope::default());
        let token =
            countersign_log_server::tokens::add(&place.path("log"), "auditor", rights, None, scope).unwrap();
        place.write("token.txt", token.as_str());
        let file = fs::read_to_string(events).unwrap();
        let recorded: Vec<Value> = file
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| countersign::canonical::canonicalize(line.as_bytes()).unwrap())
            .map(|line| serde_json::from_slice(&line).unwrap())
            .collect();
        for [_, query, expected] in rows.iter().filter(|[of, ..]| *of == source) {
            let args = [
                "export",
                "--dir",
                &serving.url,
                "--token-file",
                "token.txt",
                "--query",
                query,
                "-o",
                "x.ndjson",
            ];
            place.run(&args).success();
            let expected: Vec<_> =
                lines(expected).into_iter().map(|line| recorded[line - 1].clone()).collect();
            assert_eq!(common::shown(&place.read("x.ndjson")), expected, "{source}: {query}");
        }
    }
}

#[test]
fn logs_need_an_emitters_key() {
    let place = place();
    let serve = |file: &str| {
        place
            .run(&["serve", "--dir", "log", "--key", "log.key", "--trust", "trust.txt", "--otlp", file])
            .code(2)
    };
    serve("log.key").stderr(predicate::str::contains("error[otlp.key_file]"));
    serve("absent.key").stderr(predicate::str::contains("absent.key"));
}
