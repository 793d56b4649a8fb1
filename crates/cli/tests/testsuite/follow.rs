//! Following a file: each line is recorded once, despite kills, rotation and network errors.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::Place;
use crate::common::log_server::{LogServer, Mischief};

struct Follower {
    place: Place,
    log_server: LogServer,
}

impl Follower {
    fn new() -> Self {
        Self { place: Place::new(), log_server: LogServer::start() }
    }

    fn spawn(&self, input: &str) -> Child {
        self.spawn_with(input, &[])
    }

    fn spawn_with(&self, input: &str, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_countersign"))
            .current_dir(self.place.path("."))
            .args([
                "record",
                "--key",
                "app.key",
                "--follow",
                input,
                "--outbox",
                "outbox",
                "--flush-every",
                "10ms",
            ])
            .args(["--to", &self.log_server.url, "--log", &self.log_server.vkey(), "--give-up", "5s"])
            .args(more)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn append(&self, numbers: std::ops::Range<u64>) {
        let mut file = File::options().create(true).append(true).open(self.place.path("app.log")).unwrap();
        for number in numbers {
            file.write_all(format!("{{\"n\":{number}}}\n").as_bytes()).unwrap();
        }
    }

    /// The numbers in the log; 0 for events without one.
    fn numbers(&self) -> Vec<u64> {
        let number =
            |event: &String| serde_json::from_str::<Value>(event).unwrap()["n"].as_u64().unwrap_or(0);
        self.log_server.events().iter().map(number).collect()
    }

    fn wait_for(&self, count: usize) {
        let patience = Instant::now() + Duration::from_mins(1);
        while self.numbers().len() < count {
            assert!(Instant::now() < patience, "only {:?}", self.numbers());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn chains(&self) -> usize {
        self.log_server.log.lock().unwrap().growth.chains().count()
    }
}

/// Stops a process; returns its output and status.
fn stop(child: Child) -> (String, Option<i32>) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    end(child)
}

fn end(child: Child) -> (String, Option<i32>) {
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn follows_a_file_across_runs() {
    let following = Follower::new();
    following.append(1..4);
    let child = following.spawn("app.log");
    following.wait_for(3);
    following.append(4..6);
    following.wait_for(5);
    let (said, status) = stop(child);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("5 events recorded, 5 proven to be in the log; the chain is open"), "{said}");
    following.append(6..8);
    let child = following.spawn("app.log");
    following.wait_for(7);
    stop(child);
    assert_eq!(following.numbers(), (1..8).collect::<Vec<_>>());
    assert_eq!(following.chains(), 1);
}

#[test]
fn kills_neither_lose_nor_repeat_events() {
    let following = Follower::new();
    let mut next = 1;
    for round in 0..12_u64 {
        if round % 3 == 1 {
            following.log_server.misbehave(&[Mischief::TakesAndDrops, Mischief::Drops]);
        }
        let child = following.spawn("app.log");
        for _ in 0..8 {
            following.append(next..next + 40);
            next += 40;
            thread::sleep(Duration::from_millis(5 + round * 3));
        }
        kill(child);
    }
    let child = following.spawn("app.log");
    following.wait_for((next - 1) as usize);
    let (said, status) = stop(child);
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(following.numbers(), (1..next).collect::<Vec<_>>());
    assert_eq!(following.chains(), 1);
}

/// A log record that does not verify leaves a trace, and doesn't stop those after it.
#[test]
fn records_an_altered_log_record_as_dropped() {
    let following = Follower::new();
    let Follower { place, log_server } = &following;
    place.write("hmac.key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n");
    let hmac = ["--integrity-hmac-key", "hmac.key"];
    place.sealed(3);
    let feed = ["feed", "audit.ndjson", "--trust", "trust.txt", "--to", "otlp"];
    let fed = place.run(&[&feed[..], &hmac].concat()).success().get_output().stdout.clone();
    let text = String::from_utf8(fed).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let altered = lines[1].replace(r#""eventName":""#, r#""eventName":"not."#);
    place.write("app.log", [lines[0], &altered, lines[2], ""].join("\n"));
    let child = following.spawn_with("app.log", &hmac);
    following.wait_for(3);
    let (said, _) = stop(child);
    assert!(said.contains("does not verify"), "{said}");
    let events = log_server.events();
    for nth in [0, 2] {
        assert!(events[nth].contains("countersign.integrity.verified_with"), "{}", events[nth]);
    }
    let dropped: Value = serde_json::from_str(&events[1]).unwrap();
    assert_eq!(
        (&dropped["action"], &dropped["metadata"]["code"]),
        (&"countersign.dropped".into(), &"event.integrity".into())
    );
}

#[test]
fn records_an_invalid_line_as_dropped() {
    let following = Follower::new();
    following.place.write("app.log", "{\"n\":1}\nnonsense\n\n{\"n\":2}\n");
    let child = following.spawn("app.log");
    following.wait_for(3);
    let (said, _) = stop(child);
    assert!(said.contains("recorded as countersign.dropped"), "{said}");
    assert_eq!(following.numbers(), [1, 0, 2]);
    let dropped: Value = serde_json::from_str(&following.log_server.events()[1]).unwrap();
    assert_eq!(dropped["action"], "countersign.dropped");
    assert_eq!(dropped["metadata"]["count"], 1);
    assert_eq!(dropped["metadata"]["line_end"], 17);
}

#[test]
fn follows_a_rotated_file() {
    let following = Follower::new();
    following.append(1..3);
    let child = following.spawn("app.log");
    following.wait_for(2);
    fs::rename(following.place.path("app.log"), following.place.path("app.log.1")).unwrap();
    following.append(3..5);
    following.wait_for(4);
    fs::write(following.place.path("app.log"), "{\"n\":5}\n").unwrap();
    following.wait_for(5);
    let (said, _) = stop(child);
    assert!(said.contains("was rotated; continuing with the new file"), "{said}");
    assert!(said.contains("was truncated or overwritten after 16 bytes"), "{said}");
    assert_eq!(following.numbers(), [1, 2, 3, 4, 5]);
}

#[test]
fn an_outbox_belongs_to_one_followed_file() {
    let following = Follower::new();
    following.append(1..3);
    let child = following.spawn("app.log");
    following.wait_for(2);
    stop(child);
    following.place.write("other.log", "{\"n\":9}\n");
    let (said, status) = end(following.spawn("other.log"));
    assert_eq!(status, Some(2));
    assert!(said.contains("outbox.other_file"), "{said}");
    let (vkey, url) = (following.log_server.vkey(), &following.log_server.url);
    following
        .place
        .run(&["record", "--key", "app.key", "--follow", "app.log", "--to", url, "--log", &vkey])
        .code(2)
        .stderr(predicates::str::contains("--follow requires an outbox"));
}

#[test]
fn records_a_pipe_to_its_end() {
    let following = Follower::new();
    let mut child = following.spawn("-");
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"{\"n\":1}\n").unwrap();
    following.wait_for(1);
    pipe.write_all(b"{\"n\":2}\n{\"n\":3}").unwrap();
    drop(pipe);
    let (said, status) = end(child);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("3 events recorded, 3 proven to be in the log; the chain is closed"), "{said}");
    assert_eq!(following.numbers(), [1, 2, 3]);
}

#[test]
fn keeps_recording_while_the_log_rejects_events() {
    let following = Follower::new();
    following.log_server.misbehave(&[Mischief::Status(403), Mischief::Status(404)]);
    following.append(1..3);
    let child = following.spawn("app.log");
    following.wait_for(2);
    let (said, status) = stop(child);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("retrying in"), "{said}");
    assert_eq!(following.numbers(), [1, 2]);
}
