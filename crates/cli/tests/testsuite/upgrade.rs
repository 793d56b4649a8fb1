//! Data of earlier versions works in this one: `tests/upgrades`, with an archive for each version.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::serving::ServedLog;

/// A version's unpacked folder.
struct Leftovers {
    version: String,
    folder: TempDir,
}

impl Leftovers {
    fn by(archive: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        tar::Archive::new(GzDecoder::new(File::open(archive).unwrap())).unpack(folder.path()).unwrap();
        let name = archive.file_name().unwrap().to_string_lossy();
        Self { version: name.trim_end_matches(".tar.gz").to_owned(), folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("countersign").unwrap();
        let token = fs::read_to_string(self.folder.path().join("token")).unwrap();
        command
            .current_dir(self.folder.path())
            .args(args)
            .env("COUNTERSIGN_TOKEN", token)
            .env("NO_COLOR", "1");
        command
    }

    /// Runs the program, which must end with this status; returns its output.
    fn run(&self, args: &[&str], status: i32) -> String {
        let assert = self.command(args).assert();
        let output = assert.get_output();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{}: {args:?}: {said}", self.version);
        String::from_utf8(output.stdout.clone()).unwrap()
    }

    fn verified(&self, export: &str, leaves: u64) {
        let args = ["verify", export, "--trust", "trust.txt", "--pin", "log.pin", "--json"];
        let report: Value = serde_json::from_str(&self.run(&args, 0)).unwrap();
        assert_eq!(report["verdict"], "verified", "{}", self.version);
        assert_eq!(report["checks"]["append_only"]["state"], "pass", "{}", self.version);
        assert_eq!(report["log"]["size"], leaves, "{}", self.version);
    }

    /// The folder was moved, which to a log looks like a restored backup. It may be years old, so the clock is confirmed.
    fn serve(&self) -> ServedLog {
        self.run(&["clock", "--dir", "log", "--confirm"], 0);
        let args =
            ["--dir", "log", "--origin", "log.example/audit", "--key", "log.key", "--trust", "trust.txt"];
        let more = ["--listen", "127.0.0.1:0", "--after-restore", "--nothing-newer"];
        ServedLog::start(self.folder.path(), &[&args[..], &more].concat())
    }
}

fn versions() -> Vec<Leftovers> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/upgrades");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut archives: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "gz")).collect();
    archives.sort();
    assert!(!archives.is_empty(), "no version left anything");
    archives.iter().map(|archive| Leftovers::by(archive)).collect()
}

#[test]
fn exports_and_pins_verify() {
    for left in versions() {
        left.verified("export.ndjson", 23);
    }
}

#[test]
fn a_log_continues_with_readers_and_outbox() {
    for left in versions() {
        let log = left.serve();
        left.run(&["export", "--dir", log.url(), "-o", "before.ndjson"], 0);
        left.verified("before.ndjson", 23);
        left.run(&["check", log.url(), "--trust", "trust.txt", "--pin", "check.pin"], 4);

        let trust = fs::read_to_string(left.folder.path().join("trust.txt")).unwrap();
        let vkey = trust.lines().find_map(|line| line.strip_prefix("log ")).unwrap();
        let nothing = left.folder.path().join("nothing.ndjson");
        fs::write(nothing, "").unwrap();
        let to = ["--to", log.url(), "--log", vkey, "--outbox", "outbox"];
        left.run(&[&["record", "nothing.ndjson", "--key", "app.key"][..], &to].concat(), 0);
        left.run(&["export", "--dir", log.url(), "-o", "after.ndjson"], 0);
        let shown = left.run(&["show", "after.ndjson", "--trust", "trust.txt", "--json"], 0);
        let targets: Vec<Value> = shown
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"]["target"]["id"].clone())
            .collect();
        for waiting in 21..=25 {
            let id = waiting.to_string();
            assert_eq!(targets.iter().filter(|target| *target == &id).count(), 1, "{}: {id}", left.version);
        }
        left.run(&["fsck", "--dir", "log"], 0);
    }
}

#[test]
fn a_watch_resumes() {
    for left in versions() {
        let log = left.serve();
        let watch = ["watch", log.url(), "--trust", "trust.txt", "--state", "watch", "--once"];
        let found = left.run(&[&watch[..], &["--format", "json"]].concat(), 0);
        assert_eq!(found, "", "{}: it was all looked at before", left.version);
    }
}
