//! An operator who rewrites the log with its key and all its files is detected.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::emitter::{Attempt, Emitter};
use crate::common::process::{Place, Process, emitter, run};
use crate::common::witness::Witness;

/// The database's files.
const FILES: [&str; 3] = ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"];

/// A reader's or auditor's folder, with its own state.
struct Reader {
    folder: TempDir,
    trust: PathBuf,
}

impl Reader {
    fn new(place: &Place) -> Self {
        Self { folder: TempDir::new().unwrap(), trust: place.trust_file() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn trust(&self) -> &str {
        self.trust.to_str().unwrap()
    }

    /// Runs a monitor, with a state if there is one; returns the findings' codes and the exit status.
    fn monitor(&self, url: &str, more: &[&str]) -> (Vec<String>, i32) {
        let state = self.path("monitor.json");
        let args = ["monitor", url, "--trust", self.trust(), "--state", &state, "--once", "--json"];
        let output = run(&[&args[..], more].concat());
        let lines = String::from_utf8(output.stdout).unwrap();
        let code = |line: &str| {
            let finding: Value = serde_json::from_str(line).unwrap();
            finding["code"].as_str().unwrap_or("over").to_owned()
        };
        (lines.lines().map(code).collect(), output.status.code().unwrap())
    }

    /// Checks the tiles with the last pin, if any, and saves a new one on success. Returns the findings' codes and
    /// the exit status.
    fn check(&self, url: &str) -> (Vec<String>, i32) {
        let pin = self.path("pin.txt");
        let mut args = vec!["check", url, "--trust", self.trust(), "--json", "--save-pin", &pin];
        if Path::new(&pin).exists() {
            args.extend(["--pin", &pin]);
        }
        let output = run(&args);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let codes = [codes(&report["tiles"]), codes(&report["report"])].concat();
        (codes, output.status.code().unwrap())
    }

    /// Verifies an export with the pin, if any; returns the verdict and the findings' codes.
    fn verify(&self, place: &Place) -> (Vec<String>, i32) {
        let (export, pin) = (self.path("export.ndjson"), self.path("pin.txt"));
        let exported = run(&["export", "--dir", place.folder.path().to_str().unwrap(), "-o", &export]);
        assert!(exported.status.success(), "{exported:?}");
        let mut args = vec!["verify", &export, "--trust", self.trust(), "--json"];
        if Path::new(&pin).exists() {
            args.extend(["--pin", &pin]);
        }
        let output = run(&args);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (codes(&report), output.status.code().unwrap())
    }
}

/// Returns the findings' codes.
fn codes(report: &Value) -> Vec<String> {
    let codes = report["finding_counts"].as_object().unwrap().keys();
    codes.filter(|code| !matches!(code.as_str(), "chain.open" | "payload.withheld")).cloned().collect()
}

fn found(codes: &[&str], status: i32) -> (Vec<String>, i32) {
    (codes.iter().map(|code| (*code).to_owned()).collect(), status)
}

/// A log of more than three tiles, and readers that know it.
struct Scene {
    place: Place,
    emitter: Emitter,
    reader: Reader,
}

const LEAVES: usize = 600;

impl Scene {
    fn new() -> Self {
        Self::at(Place::new(2), |_, _| {})
    }

    /// Calls `early` after the first half, with the server stopped.
    fn at(place: Place, early: impl FnOnce(&Place, &Emitter)) -> Self {
        let server = place.serve();
        let mut emitter = place.emitter(0);
        emitter.record(LEAVES / 2 - 1);
        emitter.deliver_all(&server.url, usize::MAX);
        server.stop();
        early(&place, &emitter);
        let server = place.serve();
        emitter.record(LEAVES / 4);
        emitter.record(LEAVES / 4);
        emitter.deliver_all(&server.url, usize::MAX);
        let reader = Reader::new(&place);
        assert_eq!(reader.monitor(&server.url, &[]), found(&[], 0));
        assert_eq!(reader.check(&server.url), found(&[], 4));
        assert_eq!(reader.verify(&place), found(&[], 0));
        server.stop();
        Self { place, emitter, reader }
    }

    fn database(&self) -> Connection {
        Connection::open(self.place.path(FILES[0])).unwrap()
    }

    /// Adds entries to the log.
    fn grow(&mut self, server: &Process) {
        self.emitter.record(1);
        self.emitter.deliver_all(&server.url, usize::MAX);
    }
}

/// Copies the database.
fn copy(from: &Path, to: &Path) {
    for file in FILES {
        let _ = fs::remove_file(to.join(file));
        if from.join(file).exists() {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

/// Makes the log forget what it signed, as a lying operator would. A copied folder would refuse to sign.
pub fn forget(place: &Place) {
    let _ = fs::remove_file(place.path("signed.txt"));
    let database = Connection::open(place.path(FILES[0])).unwrap();
    database.execute("DELETE FROM signed", []).unwrap();
}

#[test]
fn detects_a_changed_leaf() {
    let mut scene = Scene::new();
    let leaf: Vec<u8> =
        scene.database().query_row("SELECT leaf FROM leaves WHERE idx = 300", [], |row| row.get(0)).unwrap();
    // Another century, with a valid line.
    let changed = String::from_utf8(leaf).unwrap().replacen(" 20", " 19", 1);
    let update = "UPDATE leaves SET leaf = ? WHERE idx = 300";
    assert_eq!(scene.database().execute(update, params![changed.as_bytes()]).unwrap(), 1);
    let server = scene.place.serve();
    // The tile still has the old hash.
    let (codes, status) = scene.reader.check(&server.url);
    assert_eq!((codes[0].as_str(), status), ("tile.hash", 1), "{codes:?}");
    let (codes, status) = scene.reader.verify(&scene.place);
    assert_eq!(status, 1);
    for code in ["append_only.split_view", "chain.prev", "tree.root"] {
        assert!(codes.contains(&code.to_owned()), "{code} {codes:?}");
    }
    // New readers detect it, too.
    assert_eq!(Reader::new(&scene.place).monitor(&server.url, &[]).1, 1);
    scene.grow(&server);
}

#[test]
fn detects_a_changed_event() {
    let scene = Scene::new();
    let update = "UPDATE events SET event = replace(event, 'job.update', 'job.delete') WHERE idx = 300";
    assert_eq!(scene.database().execute(update, []).unwrap(), 1);
    let server = scene.place.serve();
    assert_eq!(scene.reader.verify(&scene.place), found(&["payload.mismatch"], 1));
    // Tiles contain no events, so they are unchanged.
    assert_eq!(scene.reader.check(&server.url), found(&[], 4));
}

#[test]
fn detects_a_removed_event() {
    let scene = Scene::new();
    assert_eq!(scene.database().execute("DELETE FROM events WHERE idx = 300", []).unwrap(), 1);
    let (codes, status) = scene.reader.verify(&scene.place);
    // Intact, but no longer shown to be complete.
    assert_eq!((codes, status), found(&[], 4));
}

#[test]
fn detects_a_changed_tile() {
    let scene = Scene::new();
    let change = |level: i64, index: i64, at: usize| {
        let key = level << 48 | index;
        let database = scene.database();
        let mut hashes: Vec<u8> =
            database.query_row("SELECT hashes FROM tiles WHERE tile = ?", [key], |row| row.get(0)).unwrap();
        hashes[at] ^= 1;
        database.execute("UPDATE tiles SET hashes = ? WHERE tile = ?", params![hashes, key]).unwrap();
    };
    change(0, 0, 32 * 17);
    let server = scene.place.serve();
    assert_eq!(scene.reader.check(&server.url), found(&["tile.hash"], 1));
    server.stop();
    change(0, 0, 32 * 17);
    // A log that contradicts what it published does not start.
    for (level, index, at) in [(1, 0, 0), (1, 0, 63), (0, 2, 0), (0, 2, 32 * 87)] {
        change(level, index, at);
        let folder = scene.place.folder.path().to_str().unwrap();
        let output = run(&["serve", "--listen", "127.0.0.1:0", "--dir", folder]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("store.failed") || said.contains("differs from the published one"), "{said}");
        change(level, index, at);
    }
    let server = scene.place.serve();
    assert_eq!(scene.reader.check(&server.url), found(&[], 4));
}

#[test]
fn detects_a_rollback_to_a_backup() {
    let backup = TempDir::new().unwrap();
    let mut scene = Scene::at(Place::new(2), |place, _| copy(place.folder.path(), backup.path()));
    copy(backup.path(), scene.place.folder.path());
    forget(&scene.place);
    let server = scene.place.serve();
    assert_eq!(scene.reader.monitor(&server.url, &[]), found(&["append_only.rollback"], 1));
    let (codes, status) = scene.reader.check(&server.url);
    assert_eq!((codes, status), found(&["append_only.rollback"], 1));
    let (codes, status) = scene.reader.verify(&scene.place);
    assert_eq!((codes, status), found(&["append_only.rollback"], 1));
    // The emitter has proofs of missing entries, and the log requires them again.
    scene.emitter.record(1);
    let client = countersign_tls::blocking_http_client().build().unwrap();
    let (body, _) = scene.emitter.body(0, usize::MAX);
    let answer = client.post(format!("{}/submit", server.url)).body(body).send().unwrap();
    assert_eq!(answer.status(), 409);
    let answer: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
    let proven = scene.emitter.receipts.last().unwrap().seq;
    assert!(answer["expected"].as_u64().unwrap() <= proven, "{answer}");
    // Once it outgrows the known size, the difference shows.
    let mut other = scene.place.emitter(1);
    other.record(LEAVES);
    other.deliver_all(&server.url, usize::MAX);
    // The rollback has ended, and what it hid is reported.
    assert_eq!(scene.reader.monitor(&server.url, &[]), found(&["append_only.split_view", "over"], 1));
    let (codes, status) = scene.reader.check(&server.url);
    assert_eq!((codes, status), found(&["append_only.split_view"], 1));
    assert_eq!(scene.reader.verify(&scene.place), found(&["append_only.split_view"], 1));
}

#[test]
fn detects_a_truncated_and_resigned_log() {
    let scene = Scene::new();
    // The log without its last leaves, consistent, and signed with the log's key.
    let shorter = Place::new(2);
    let server = shorter.serve();
    let mut again = shorter.emitter(0);
    again.record(LEAVES / 2 - 1);
    // The operator lacks the emitter's key, so the cut is after a signed link.
    again.record(LEAVES / 4);
    again.deliver_all(&server.url, usize::MAX);
    assert_eq!(scene.reader.monitor(&server.url, &[]), found(&["append_only.rollback"], 1));
    assert_eq!(scene.reader.check(&server.url), found(&["append_only.rollback"], 1));
    assert_eq!(scene.reader.verify(&shorter), found(&["append_only.rollback"], 1));
    // New readers can't detect it without pins and witnesses.
    let newcomer = Reader::new(&shorter);
    assert_eq!(newcomer.check(&server.url), found(&[], 4));
}

#[test]
fn detects_a_split_view() {
    let half = Place::new(2);
    let mut scene = Scene::at(Place::new(2), |place, _| copy(place.folder.path(), half.folder.path()));
    forget(&half);
    let (one, two) = (scene.place.serve(), half.serve());
    let mut other = half.emitter(1);
    other.record(9);
    other.deliver_all(&two.url, usize::MAX);
    // Each view is consistent, and signed by the log.
    assert_eq!(Reader::new(&half).check(&two.url), found(&[], 4));
    assert_eq!(Reader::new(&half).monitor(&two.url, &[]), found(&[], 0));
    // Readers who see both views detect it.
    let findings = Reader::new(&scene.place).monitor(&one.url, &["--also", &two.url]);
    assert_eq!(findings, found(&["append_only.split_view"], 1));
    assert_eq!(scene.reader.monitor(&two.url, &[]).1, 1);
    scene.grow(&one);
    other.record(LEAVES);
    other.deliver_all(&two.url, usize::MAX);
    assert_eq!(scene.reader.check(&two.url), found(&["append_only.split_view"], 1));
    assert_eq!(scene.reader.verify(&half), found(&["append_only.split_view"], 1));
}

#[test]
fn witness_rejects_a_rewritten_log() {
    let witness = Witness::start();
    let backup = TempDir::new().unwrap();
    let scene = Scene::at(Place::with(2, &witness.line), |place, _| {
        copy(place.folder.path(), backup.path());
    });
    copy(backup.path(), scene.place.folder.path());
    forget(&scene.place);
    let server = scene.place.serve();
    let mut other = emitter(1, scene.place.trust.clone());
    other.record(LEAVES);
    // The witness reports its known size before anything is signed, so the server does not sign.
    assert_eq!(other.deliver(&server.url, 0, usize::MAX), Attempt::Later);
    assert_eq!(scene.reader.check(&server.url), found(&["append_only.rollback"], 1));
    assert_eq!(Reader::new(&scene.place).check(&server.url), found(&[], 4));
}
