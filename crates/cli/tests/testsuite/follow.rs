//! Following a file: each line once, whatever happens to the process, the file and the network.
#![cfg(unix)]

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::Place;
use crate::common::log_server::{LogServer, Mischief};

struct Following {
    place: Place,
    log_server: LogServer,
}

impl Following {
    fn new() -> Self {
        Self { place: Place::new(), log_server: LogServer::start() }
    }

    fn spawn(&self, input: &str) -> Child {
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

    /// The numbers in the log; those without are 0.
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

/// Asks a process to stop. What it said, and its status.
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
fn a_file_is_followed_from_run_to_run() {
    let following = Following::new();
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
fn a_killed_process_loses_nothing_and_records_nothing_twice() {
    let following = Following::new();
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

#[test]
fn a_line_that_is_no_event_is_recorded_as_dropped() {
    let following = Following::new();
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
fn a_rotated_file_is_followed_on() {
    let following = Following::new();
    following.append(1..3);
    let child = following.spawn("app.log");
    following.wait_for(2);
    fs::rename(following.place.path("app.log"), following.place.path("app.log.1")).unwrap();
    following.append(3..5);
    following.wait_for(4);
    fs::write(following.place.path("app.log"), "{\"n\":5}\n").unwrap();
    following.wait_for(5);
    let (said, _) = stop(child);
    assert!(said.contains("was rotated: going on with the new file"), "{said}");
    assert!(said.contains("was cut off or overwritten"), "{said}");
    assert_eq!(following.numbers(), [1, 2, 3, 4, 5]);
}

#[test]
fn an_outbox_follows_one_file() {
    let following = Following::new();
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
        .stderr(predicates::str::contains("only be followed with an outbox"));
}

#[test]
fn what_a_pipe_brings_is_recorded_to_its_end() {
    let following = Following::new();
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
fn what_a_collector_refuses_for_now_is_kept_and_recording_goes_on() {
    let following = Following::new();
    following.log_server.misbehave(&[Mischief::Status(403), Mischief::Status(404)]);
    following.append(1..3);
    let child = following.spawn("app.log");
    following.wait_for(2);
    let (said, status) = stop(child);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("trying again in"), "{said}");
    assert_eq!(following.numbers(), [1, 2]);
}
