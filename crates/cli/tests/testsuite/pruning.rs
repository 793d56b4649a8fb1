//! A log server that prunes its log for the public, and the commands of the guide about pruned logs.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::events;
use crate::common::process::{Place, Process, emitter_key, run, spawn_with};

const GUIDE: &str = include_str!("../../../../docs/pruning.md");

/// Returns the arguments of the guide's command that starts with `countersign NAME`, for this log.
fn arguments(name: &str, url: &str, folder: &Path) -> Vec<String> {
    let start = format!("countersign {name} ");
    let line = GUIDE.lines().find(|line| line.starts_with(&start)).expect("the guide shows the command");
    let inside = |file: &str| folder.join(file).to_str().unwrap().to_owned();
    line.split_whitespace()
        .skip(1)
        .map(|word| match word {
            "https://log.example" => url.to_owned(),
            "1048576" => "600".to_owned(),
            "trust.txt" | "monitor.json" => inside(word),
            "log" => inside("."),
            word => word.to_owned(),
        })
        .collect()
}

fn record(place: &Place, url: &str, count: usize) {
    fs::write(place.path("events.ndjson"), events(count)).unwrap();
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    let (key, file, trust) = (path("app.key"), path("events.ndjson"), path("trust.txt"));
    let outbox = path("outbox");
    let recorded =
        run(&["record", "--key", &key, &file, "--to", url, "--trust", &trust, "--outbox", &outbox]);
    assert!(recorded.status.success(), "{recorded:?}");
}

/// Runs a check and returns its report and exit status.
fn check(url: &str, place: &Place, from: &[&str]) -> (Value, Option<i32>) {
    let trust = place.trust_file();
    let args = [&["check", url, "--trust", trust.to_str().unwrap(), "--json"], from].concat();
    let checked = run(&args);
    (serde_json::from_slice(&checked.stdout).unwrap(), checked.status.code())
}

#[test]
fn a_log_is_pruned_for_the_public_and_checked_as_shown() {
    let place = Place::new(1);
    fs::write(place.path("app.key"), format!("{}\n", *emitter_key(0).encode())).unwrap();
    let server = place.serve();
    record(&place, &server.url, 500);
    record(&place, &server.url, 300);
    record(&place, &server.url, 200);
    assert_eq!(check(&server.url, &place, &[]).1, Some(4), "not pruned yet");
    server.stop();

    let serve = arguments("serve", "", place.folder.path());
    let option = serve.iter().position(|word| word == "--minimum-index").expect("the guide's option");
    let more: Vec<&str> = serve[option..].iter().map(String::as_str).collect();
    let server = Process::listening(spawn_with(place.folder.path(), &more));
    for path in ["/tile/0/000", "/tile/entries/000", "/tile/entries/001", "/tile/0/001.p/7"] {
        let (status, body) = server.get(path);
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["error"]["code"]), (404, &"log.pruned".into()), "{path}");
        assert_eq!(body["minimum_index"], 600);
    }
    for path in ["/tile/0/002", "/tile/1/000.p/3", "/checkpoint"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    let (unstated, status) = check(&server.url, &place, &[]);
    assert_eq!(unstated["tiles"]["finding_counts"], serde_json::json!({ "tile.pruned": 1 }));
    // The chain across the minimum index can't be authenticated.
    assert_eq!((&unstated["verdict"], status), (&"not_checked".into(), Some(5)));
    assert_eq!(unstated["report"]["finding_counts"], serde_json::json!({ "chain.no_open": 1 }));
    let shown = run(&arguments("check", &server.url, place.folder.path()));
    let text = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(5), "{text}");
    assert!(text.contains("from entry 512 up to 1006; nothing before entry 512 was checked"), "{text}");

    let mut monitor = arguments("monitor", &server.url, place.folder.path());
    monitor.extend(["--once".into(), "--json".into()]);
    let monitored = run(&monitor);
    let finding: Value = serde_json::from_slice(&monitored.stdout).unwrap();
    assert_eq!((&finding["code"], monitored.status.code()), (&"chain.no_open".into(), Some(5)));
    record(&place, &server.url, 100);
    assert_eq!(run(&monitor).status.code(), Some(0), "it goes on");

    // Only the chain that began before entry 768 can't be authenticated, not those that began later.
    let (later, status) = check(&server.url, &place, &["--from", "900"]);
    assert_eq!((&later["tiles"]["range"][0], status), (&768.into(), Some(5)));
    assert_eq!(later["report"]["finding_counts"], serde_json::json!({ "chain.no_open": 1 }));
    // The log itself has everything.
    server.stop();
    let export = place.path("whole.ndjson");
    let folder = place.folder.path().to_str().unwrap();
    assert!(run(&["export", "--dir", folder, "-o", export.to_str().unwrap()]).status.success());
    let trust = place.trust_file();
    let verified = run(&["verify", export.to_str().unwrap(), "--trust", trust.to_str().unwrap()]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert!(run(&["fsck", "--dir", folder]).status.success());
}

#[test]
fn a_log_with_tenants_is_not_pruned() {
    let place = Place::new(0);
    let folder = place.folder.path().to_str().unwrap();
    let refused =
        run(&["serve", "--dir", folder, "--listen", "127.0.0.1:0", "--tenants", "--minimum-index", "1"]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("error[log.pruned_tenants]"), "{error}");
}
