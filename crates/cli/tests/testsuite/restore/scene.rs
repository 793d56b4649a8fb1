//! A log's folder with earlier states.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use countersign::checkpoint::SignedCheckpoint;
use serde_json::Value;

use crate::common::emitter::{Emitter, client};
use crate::common::process::{Place, Process};

/// The database's files.
pub const DATABASE: [&str; 3] = ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"];

/// The files of a folder, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Returns all files of a folder, without subfolders.
pub fn files(folder: &Path) -> Files {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_type().unwrap().is_file());
    files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// Returns only the files with these names.
pub fn only(files: &Files, names: &[&str]) -> Files {
    let wanted = |name: &&String| names.contains(&name.as_str());
    files.iter().filter(|(name, _)| wanted(name)).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
}

/// Restores files from a backup: deletes the ones with these names, and writes those of the backup.
pub fn restore(folder: &Path, names: &[&str], backup: &Files) {
    for name in names {
        let _ = fs::remove_file(folder.join(name));
    }
    for (name, bytes) in backup {
        let _ = fs::remove_file(folder.join(name));
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Restores a folder like a disk snapshot: the same files with their earlier bytes.
pub fn roll_back(folder: &Path, snapshot: &Files) {
    for name in files(folder).keys() {
        if !snapshot.contains_key(name) {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
    for (name, bytes) in snapshot {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// A log and its emitter: 10 events were acknowledged, a backup was made, and 20 more were acknowledged.
pub struct Scene {
    pub place: Place,
    pub emitter: Emitter,
    /// The folder after the first half.
    pub backup: Files,
    /// The last published checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl Scene {
    /// Kills the server at the end, so that the write-ahead log exists.
    pub fn new(place: Place) -> Self {
        let server = place.serve();
        let mut emitter = place.emitter(0);
        emitter.record(10);
        emitter.deliver_all(&server.url, 4);
        server.stop();
        let backup = files(place.folder.path());
        let server = place.serve();
        for _ in 0..4 {
            emitter.record(5);
            emitter.deliver_all(&server.url, usize::MAX);
        }
        let checkpoint = SignedCheckpoint::parse(&server.get("/checkpoint").1).unwrap();
        server.kill();
        Self { place, emitter, backup, checkpoint }
    }

    pub fn folder(&self) -> &Path {
        self.place.folder.path()
    }

    /// Submits something new; returns the response's status and code.
    pub fn submit(&self, server: &Process) -> (u16, String) {
        let mut other = self.place.emitter(1);
        other.record(3);
        let body = other.body(0, usize::MAX).0;
        let answer = client().post(format!("{}/submit", server.url)).body(body).send().unwrap();
        let (status, waits) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let json: Value = serde_json::from_str(&answer.text().unwrap()).unwrap();
        assert_eq!(waits, status == 503, "{json}");
        if status == 503 {
            assert!(json["error"]["hint"].is_string(), "{json}");
        }
        (status, json["error"]["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Asserts that the server signs nothing and reports it everywhere, and that its entries belong to the one tree.
    pub fn assert_stopped(&self, server: &Process, code: &str) {
        for _ in 0..2 {
            assert_eq!(self.submit(server), (503, code.to_owned()));
        }
        let (status, health) = server.get("/healthz");
        let health: Value = serde_json::from_str(&health).unwrap();
        assert_eq!((status, &health["healthy"]), (503, &Value::Bool(false)), "{health}");
        assert_eq!(health["stopped"]["code"], code, "{health}");
        let (status, note) = server.get("/checkpoint");
        if status == 200 {
            let shown = SignedCheckpoint::parse(&note).unwrap().checkpoint;
            assert!(shown.size <= self.checkpoint.checkpoint.size, "{note}");
        }
    }
}
