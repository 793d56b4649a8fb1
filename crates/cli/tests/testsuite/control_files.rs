//! Files that change while a server runs, and how it reports errors in them.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::process::{DEADLINE, Place, Process, emitter_key, spawn_with};

/// Waits until the server's health has this status.
fn health(server: &Process, status: u16) -> Value {
    let begun = Instant::now();
    loop {
        let (now, body) = server.get("/healthz");
        if now == status {
            return serde_json::from_str(&body).unwrap();
        }
        assert!(begun.elapsed() < DEADLINE, "its health is never {status}: {body}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn has_metric(server: &Process, line: &str) -> bool {
    server.get("/metrics").1.lines().any(|known| known == line)
}

#[test]
fn health_fails_until_an_invalid_trust_file_is_fixed() {
    let place = Place::new(1);
    let server = place.serve();
    assert_eq!(health(&server, 200)["control_files"], serde_json::json!([]));
    let good = fs::read_to_string(place.trust_file()).unwrap();
    let key = emitter_key(0);
    let key = key.verifier_key();
    for (text, message) in [
        (Some(format!("{good}revok {key} 2026-11-20T06:00:00.000Z\n")), "line 3 is malformed: "),
        (Some(format!("{good}revoke {key} soon\n")), "line 3 is malformed: "),
        (None, "the file can't be read ("),
    ] {
        match text {
            Some(text) => fs::write(place.trust_file(), text).unwrap(),
            None => fs::remove_file(place.trust_file()).unwrap(),
        }
        let told = health(&server, 503);
        let fault = &told["control_files"][0];
        assert_eq!((&fault["file"], &fault["code"]), (&"trust.txt".into(), &"trust.file".into()));
        let said = fault["message"].as_str().unwrap();
        assert!(said.starts_with(message) && said.contains("previous trust file"), "{said}");
        assert!(!told.to_string().contains(key.as_str()), "{told}");
        assert!(has_metric(&server, r#"countersign_control_file_ok{file="trust"} 0"#));
        fs::write(place.trust_file(), &good).unwrap();
        health(&server, 200);
        assert!(has_metric(&server, r#"countersign_control_file_ok{file="trust"} 1"#));
    }
    let said = server.stop();
    assert!(said.contains("trust.txt") && said.contains("line 3"), "{said}");
}

#[test]
fn all_output_with_log_json_is_json() {
    let place = Place::new(1);
    fs::set_permissions(place.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let key = place.path("log.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let server = Process::listening(spawn_with(place.folder.path(), &["--log-json"]));
    let mut lines = server.heard.clone();
    let good = fs::read_to_string(place.trust_file()).unwrap();
    fs::write(place.trust_file(), format!("{good}revok x\n")).unwrap();
    fs::write(place.path("readers.txt"), "x\n").unwrap();
    let told = health(&server, 503);
    assert!(!told["control_files"].as_array().unwrap().is_empty());
    fs::write(place.trust_file(), &good).unwrap();
    fs::write(place.path("readers.txt"), "").unwrap();
    health(&server, 200);
    lines.extend(server.stop().lines().map(str::to_owned));
    let mut messages = String::new();
    for line in &lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        for name in ["timestamp", "level", "target"] {
            assert!(line[name].is_string(), "{line}");
        }
        messages += line["fields"]["message"].as_str().unwrap_or_else(|| panic!("{line}"));
        messages += "\n";
    }
    for part in
        ["listens on", "log key:", "others may write to this folder", "others may read this key", "stopping"]
    {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    assert!(messages.contains("a control file can't be used"), "{messages}");

    // A failing start also reports the cause.
    fs::write(place.trust_file(), "revok x\n").unwrap();
    let child = spawn_with(place.folder.path(), &["--log-json"]).wait_with_output().unwrap();
    assert_eq!(child.status.code(), Some(2));
    let said = String::from_utf8(child.stderr).unwrap();
    let errors: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let error = &errors.last().unwrap()["fields"];
    assert!(error["code"].is_string() && error["hint"].is_string() && error["line"] == 1, "{error}");
}
