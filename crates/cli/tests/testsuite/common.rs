//! A directory with keys and a trust file, in which to run the program.

#[path = "../../../log-server/tests/testsuite/common/emitter.rs"]
#[allow(dead_code, reason = "shared with the log's tests")]
pub mod emitter;
pub mod fake_log;
pub mod free_address;
pub mod log;
pub mod log_server;
pub mod process;
pub mod serving;
pub mod validators;
pub mod whole;
pub mod witness;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use serde_json::Value;
use tempfile::TempDir;

/// The log's origin.
pub const ORIGIN: &str = "log.example/audit";

/// The keys of a log, of an issuer and of its emitter, and a trust file with log and issuer.
pub struct Place {
    directory: TempDir,
    /// The public keys.
    pub log: String,
    pub issuer: String,
    pub app: String,
}

/// The arguments to seal the following exports as this file.
pub fn seal_to(output: &str) -> [&str; 7] {
    ["seal", "--log-key", "log.key", "--trust", "trust.txt", "-o", output]
}

/// Returns a report, as text or JSON, without the statement that it rests on this many summaries.
pub fn without_summaries(report: &str, number: usize) -> String {
    let summaries = if number == 1 { "summary" } else { "summaries" };
    let text =
        format!("rests on: {number} {summaries}, whose hashes and signatures were not checked again\n");
    let json = format!("\"summaries\":{number},");
    assert!(report.contains(&text) || report.contains(&json), "{report}");
    report.replace(&text, "").replace(&json, "")
}

impl Place {
    pub fn new() -> Self {
        let mut place = Self {
            directory: TempDir::new().unwrap(),
            log: String::new(),
            issuer: String::new(),
            app: String::new(),
        };
        place.log = place.keygen(ORIGIN, "log.key");
        place.issuer = place.keygen("example.com", "issuer.key");
        place.app = place.keygen("example.com/app", "app.key");
        place.write("trust.txt", format!("log {}\nissuer {}\n", place.log, place.issuer));
        place.run(&place.grant("grant.ndjson")).success();
        place
    }

    /// Returns the arguments to grant the emitter's key in this file.
    pub fn grant<'a>(&'a self, output: &'a str) -> [&'a str; 8] {
        ["grant", &self.app, "--key", "issuer.key", "--origin", ORIGIN, "-o", output]
    }

    /// Creates a key, and returns its public key.
    pub fn keygen(&self, name: &str, file: &str) -> String {
        let assert = self.run(&["keygen", name, "--out", file]).success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap().trim().to_owned()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("countersign").unwrap();
        command
            .current_dir(self.directory.path())
            .args(args)
            .env_remove("CLICOLOR_FORCE")
            .env("NO_COLOR", "1");
        command
    }

    pub fn run(&self, args: &[&str]) -> Assert {
        self.command(args).assert()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the names of all files in the directory.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Records numbered events, from 1, as one closed chain.
    pub fn record(&self, count: usize, output: &str) {
        self.write("events.ndjson", events(count));
        self.run(&[
            "record",
            "--key",
            "app.key",
            "--origin",
            ORIGIN,
            "events.ndjson",
            "-o",
            output,
            "--sign-every",
            "4",
        ])
        .success();
    }

    /// Records numbered events, from 1, as an open chain.
    pub fn record_open(&self, count: usize, output: &str, more: &[&str]) {
        self.write("events.ndjson", events(count));
        let args =
            ["record", "--key", "app.key", "--origin", ORIGIN, "--open", "events.ndjson", "-o", output];
        self.run(&[&args[..], more].concat()).success();
    }

    /// Creates the sealed export `audit.ndjson` with a grant and a closed chain of this many events.
    pub fn sealed(&self, count: usize) {
        self.record(count, "app.ndjson");
        self.seal(&["--checkpoint-every", "5"]);
    }

    /// Creates the sealed export `audit.ndjson` with a grant and a closed chain of these events.
    pub fn sealed_of(&self, events: &str) {
        self.write("events.ndjson", events);
        let record = ["record", "--key", "app.key", "--origin", ORIGIN, "events.ndjson", "-o", "app.ndjson"];
        self.run(&record).success();
        self.seal(&[]);
    }

    /// Records more events, and writes `grown.ndjson`: the log of `audit.ndjson` with these events.
    pub fn grow(&self, count: usize) {
        self.record(count, "more.ndjson");
        self.seal_as("grown.ndjson", &["audit.ndjson", "more.ndjson"]);
    }

    /// Seals the grant and `app.ndjson` as `audit.ndjson`.
    pub fn seal(&self, more: &[&str]) {
        self.seal_as("audit.ndjson", &[&["grant.ndjson", "app.ndjson"], more].concat());
    }

    /// Seals these files as an export.
    pub fn seal_as(&self, output: &str, exports: &[&str]) {
        self.run(&[&seal_to(output), exports].concat()).success();
    }

    /// Returns the report on an export, and asserts that the exit status matches the verdict.
    pub fn report(&self, export: &str, more: &[&str]) -> Value {
        self.judged(&[&["verify", export, "--json", "--trust", "trust.txt"], more].concat())
    }

    /// Returns a command's report, and asserts that the exit status matches the verdict.
    pub fn judged(&self, args: &[&str]) -> Value {
        let output = self.command(args).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let status = match report["verdict"].as_str().unwrap() {
            "verified" => 0,
            "altered" | "broken" => 1,
            "untrusted" => 3,
            "partial" => 4,
            "not_checked" => 5,
            other => panic!("{other}"),
        };
        assert_eq!(output.status.code(), Some(status), "{report}");
        report
    }

    /// Returns the verdict on an export.
    pub fn verdict(&self, export: &str) -> String {
        self.report(export, &[])["verdict"].as_str().unwrap().to_owned()
    }

    /// Returns the chain of an export's first link.
    pub fn chain(&self, export: &str) -> String {
        let text = self.read(export);
        let link = text.split("countersign/v1 event ").nth(1).unwrap();
        link[..32].to_owned()
    }
}

/// Returns numbered events, one per line; every third has the actor `u_1`.
pub fn events(count: usize) -> String {
    let event = |n: usize| {
        let actor = if n.is_multiple_of(3) { "u_1" } else { "u_2" };
        format!(
            "{{\"action\":\"job.update\",\"actor\":{{\"id\":\"{actor}\"}},\"n\":{n},\"password\":\"hunter2\"}}\n"
        )
    };
    (1..=count).map(event).collect()
}

/// Like [`events`], but with only the fields of SPEC.md: the number is in `metadata`.
pub fn documented_events(count: usize) -> String {
    let event = |n| {
        format!("{{\"action\":\"job.update\",\"actor\":{{\"id\":\"u_1\"}},\"metadata\":{{\"n\":{n}}}}}\n")
    };
    (1..=count).map(event).collect()
}

/// Returns the events in an export, in order.
pub fn shown(export: &str) -> Vec<Value> {
    let lines = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| line.get("event").cloned()).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Returns the folder of third-party samples, or `None` if it is missing; in CI it must exist.
pub fn third_party(folder: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/third-party").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and must be there on CI", path.display());
    eprintln!("skipped: {} is missing", path.display());
    None
}
