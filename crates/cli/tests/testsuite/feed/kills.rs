//! Following a log: nothing is lost and nothing doubled by its id, wherever the program is killed.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::common::serving::Serving;
use crate::common::{ORIGIN, Place};

/// A log that runs.
struct Scene {
    place: Place,
    log: Serving,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path("log")).unwrap();
        std::fs::copy(place.path("log.key"), place.path("log/log.key")).unwrap();
        let token = place.run(&["token", "add", "feed", "--dir", "log"]).success();
        place.write("token.txt", &token.get_output().stdout);
        let args = ["--dir", "log", "--trust", "trust.txt", "--listen", "127.0.0.1:0"];
        let log = Serving::start(&place.path(""), &args);
        let scene = Self { place, log };
        let url = scene.log.url().to_owned();
        let grant = ["grant", &scene.place.app, "--key", "issuer.key", "--to", &url, "--trust", "trust.txt"];
        scene.place.run(&grant).success();
        scene
    }

    fn record(&self, jobs: std::ops::Range<usize>) {
        let line = |job: usize| {
            let event = json!({"action": "log.disable", "actor": {"id": "u_1"}, "target": {"id": job.to_string(), "type": "log"}, "outcome": "success"});
            event.to_string() + "\n"
        };
        self.place.write("events.ndjson", jobs.map(line).collect::<String>());
        let args = ["record", "--key", "app.key", "--to", self.log.url(), "--trust", "trust.txt"];
        self.place.run(&[&args[..], &["--outbox", "outbox", "--open", "events.ndjson"]].concat()).success();
    }

    fn args(&self) -> Vec<String> {
        let args =
            ["feed", self.log.url(), "--trust", "trust.txt", "--token-file", "token.txt", "--to", "ndjson"];
        let more = [
            "--findings",
            "--destination",
            "file",
            "--address",
            "feed.ndjson",
            "--state",
            "feed",
            "--batch",
            "3",
        ];
        [&args[..], &more].concat().into_iter().map(str::to_owned).collect()
    }

    fn once(&self) {
        let args = self.args();
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--once"]).collect();
        self.place.run(&args).success();
    }

    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.place.path("feed.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_kill_loses_and_doubles_nothing() {
    let scene = Scene::new();
    scene.record(0..10);
    scene.once();
    let first = scene.lines();
    let kinds = |kind: &str, lines: &[Value]| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!(kinds("event", &first), 10, "{first:?}");
    assert!(kinds("alert", &first) > 0, "{first:?}");
    // Killed while it writes: as soon as the file has grown by so many lines.
    for (kill, lines) in [1usize, 4, 7].into_iter().enumerate() {
        let before = scene.lines().len();
        scene.record(10 + kill * 20..30 + kill * 20);
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("countersign"));
        command.current_dir(scene.place.path("")).args(scene.args()).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        let written =
            || std::fs::read_to_string(scene.place.path("feed.ndjson")).unwrap().matches('\n').count();
        while written() < before + lines {
            assert!(child.try_wait().unwrap().is_none(), "it ended");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    scene.once();
    let all = scene.lines();
    let ids: BTreeSet<&str> = all.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!((kinds("event", &all), ids.len()), (70, all.len()));
    let targets: BTreeSet<&str> =
        all.iter().filter_map(|line| line["event"]["target"]["id"].as_str()).collect();
    assert_eq!(targets.len(), 70);
    // Findings are those that the whole log has.
    let export = ["export", "--dir", scene.log.url(), "--token-file", "token.txt", "-o", "audit.ndjson"];
    scene.place.run(&export).success();
    let analyzed = scene.place.run(&["analyze", "audit.ndjson", "--trust", "trust.txt", "--format", "json"]);
    let analyzed: Value = serde_json::from_slice(&analyzed.get_output().stdout).unwrap();
    let found: BTreeSet<&str> =
        analyzed["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let told: BTreeSet<&str> =
        all.iter().filter(|line| line["kind"] == "alert").map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(told, found);
    for line in &all {
        assert_eq!(line["log"]["origin"], ORIGIN);
    }
    // Whoever follows has nothing more to send.
    scene.once();
    assert_eq!(scene.lines().len(), all.len());
}
