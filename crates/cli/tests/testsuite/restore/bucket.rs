//! `--after-restore` of a log in a bucket: lost objects are restored, or the log ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use countersign::checkpoint::SignedCheckpoint;
use serde_json::Value;
use tempfile::TempDir;

use super::scene::{DATABASE, files, only, restore};
use crate::common::emitter::{Emitter, client};
use crate::common::process::{ORIGIN, Place, Process, log_key, run, spawn_with};
use crate::common::whole::{assert_whole, leaves};

type Objects = BTreeMap<PathBuf, Vec<u8>>;

fn objects(bucket: &Path) -> Objects {
    let mut found = Objects::new();
    let mut folders = vec![bucket.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Restores the bucket's earlier state, except for these prefixes.
fn bring_back(bucket: &Path, earlier: &Objects, but: &[&str]) {
    let stays = |path: &Path| but.iter().any(|below| path.starts_with(bucket.join(below)));
    for path in objects(bucket).keys().filter(|path| !stays(path)) {
        fs::remove_file(path).unwrap();
    }
    for (path, bytes) in earlier.iter().filter(|(path, _)| !stays(path)) {
        fs::write(path, bytes).unwrap();
    }
}

/// A log in a bucket: 10 events were acknowledged, the bucket was copied, and 20 more were acknowledged.
struct Scene {
    place: Place,
    bucket: TempDir,
    emitter: Emitter,
    backup: Objects,
    index: super::scene::Files,
    checkpoint: SignedCheckpoint,
}

impl Scene {
    fn new() -> Self {
        let (place, bucket) = (Place::new(2), TempDir::new().unwrap());
        let url = bucket.path().to_str().unwrap();
        let start = || Process::listening(spawn_with(place.folder.path(), &["--store", url]));
        let server = start();
        let mut emitter = place.emitter(0);
        emitter.record(10);
        emitter.deliver_all(&server.url, 4);
        server.stop();
        let (backup, index) = (objects(bucket.path()), files(place.folder.path()));
        let server = start();
        for _ in 0..4 {
            emitter.record(5);
            emitter.deliver_all(&server.url, usize::MAX);
        }
        let checkpoint = SignedCheckpoint::parse(&server.get("/checkpoint").1).unwrap();
        server.stop();
        Self { place, bucket, emitter, backup, index: only(&index, &DATABASE), checkpoint }
    }

    fn url(&self) -> &str {
        self.bucket.path().to_str().unwrap()
    }

    fn start(&self, args: &[&str]) -> Process {
        Process::listening(spawn_with(self.place.folder.path(), &[&["--store", self.url()], args].concat()))
    }

    fn refused(&self, args: &[&str]) -> String {
        let folder = self.place.folder.path().to_str().unwrap();
        let begin = ["serve", "--listen", "127.0.0.1:0", "--dir", folder, "--store", self.url()];
        let output = run(&[&begin, args].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        said
    }

    fn lose_index(&self) {
        restore(self.place.folder.path(), &DATABASE, &super::scene::Files::new());
    }

    /// Asserts that all entries are there, with the available events, and that more are accepted.
    fn assert_works(mut self, server: Process, with_events: bool) {
        assert_eq!(server.get("/healthz").0, 200);
        self.emitter.record(2);
        self.emitter.close();
        self.emitter.deliver_all(&server.url, usize::MAX);
        let emitters = [self.emitter];
        if with_events {
            assert_whole(&self.place, &server, &emitters, &[self.checkpoint.to_string()]);
        } else {
            let leaves = leaves(&server.url);
            for receipt in &emitters[0].receipts {
                assert_eq!(leaves[receipt.index as usize], receipt.leaf);
            }
        }
        server.stop();
        let checked = run(&["fsck", "--store", self.bucket.path().to_str().unwrap()]);
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        let url = self.bucket.path().to_str().unwrap();
        let server = Process::listening(spawn_with(self.place.folder.path(), &["--store", url]));
        assert_eq!(server.get("/healthz").0, 200);
    }
}

#[test]
fn restores_a_bucket_from_the_index() {
    let scene = Scene::new();
    bring_back(scene.bucket.path(), &scene.backup, &[]);
    assert!(scene.refused(&[]).contains("rolled back"));
    let said = scene.refused(&["--after-restore"]);
    assert!(said.contains("error[log.rollback]") && said.contains("the whole bucket was restored"), "{said}");
    let server = scene.start(&["--after-restore", "--nothing-newer"]);
    scene.assert_works(server, true);
}

#[test]
fn restores_commits_from_tiles() {
    let scene = Scene::new();
    bring_back(scene.bucket.path(), &scene.backup, &["private/signed", "public"]);
    scene.lose_index();
    assert!(scene.refused(&[]).contains("rolled back"));
    let server = scene.start(&["--after-restore"]);
    scene.assert_works(server, false);
}

#[test]
fn restores_a_single_commit() {
    for problem in ["lost", "damaged"] {
        let scene = Scene::new();
        let export = scene.place.path("export.ndjson");
        let folder = scene.place.folder.path().to_str().unwrap();
        let made = run(&["export", "--dir", folder, "-o", export.to_str().unwrap()]);
        assert!(made.status.success(), "{made:?}");
        let commits: Vec<PathBuf> = objects(scene.bucket.path())
            .into_keys()
            .filter(|path| path.parent().unwrap().ends_with("commits"))
            .collect();
        let path = &commits[commits.len() / 2];
        if problem == "lost" {
            fs::remove_file(path).unwrap();
        } else {
            fs::write(path, "not a commit").unwrap();
        }
        let behind = fs::read(&commits[commits.len() - 1]).unwrap();
        scene.lose_index();
        let server = scene.start(&["--after-restore", "--repair", export.to_str().unwrap()]);
        assert_eq!(fs::read(&commits[commits.len() - 1]).unwrap(), behind);
        scene.assert_works(server, true);
    }
}

#[test]
fn does_not_restore_erased_events() {
    let scene = Scene::new();
    let folder = scene.place.folder.path().to_str().unwrap();
    let export = scene.place.path("export.ndjson");
    assert!(run(&["export", "--dir", folder, "-o", export.to_str().unwrap()]).status.success());
    let secret = b"\"number\":17}";
    let holders = || -> Vec<PathBuf> {
        let has = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        objects(scene.bucket.path())
            .into_iter()
            .filter(|(_, bytes)| has(bytes))
            .map(|(path, _)| path)
            .collect()
    };
    let commit = holders();
    assert_eq!(commit.len(), 1);
    let token = run(&["token", "add", "privacy-desk", "--right", "read,erase", "--dir", folder]).stdout;
    let server = scene.start(&[]);
    let erasure =
        serde_json::json!({ "events": [format!("{}/17", scene.emitter.chain())], "reason": "asked for" });
    let request = client().post(format!("{}/erase", server.url));
    let request = request.bearer_auth(String::from_utf8(token).unwrap().trim()).body(erasure.to_string());
    assert_eq!(request.send().unwrap().status(), 200);
    server.stop();
    assert_eq!(holders(), Vec::<PathBuf>::new());
    // The commit is lost, but the event still exists elsewhere.
    fs::remove_file(&commit[0]).unwrap();
    scene.lose_index();
    let said = scene.refused(&[]);
    assert!(said.contains("the object is missing") && said.contains("--after-restore"), "{said}");
    let server = scene.start(&["--after-restore", "--repair", export.to_str().unwrap()]);
    assert_eq!(holders(), Vec::<PathBuf>::new());
    scene.assert_works(server, false);
}

#[test]
fn kills_during_a_bucket_restore_lose_nothing() {
    let scene = Scene::new();
    let mut random = fastrand::Rng::with_seed(9);
    let args = ["--store", scene.url(), "--after-restore", "--nothing-newer"];
    bring_back(scene.bucket.path(), &scene.backup, &[]);
    for _ in 0..10 {
        let mut child = spawn_with(scene.place.folder.path(), &args);
        std::thread::sleep(std::time::Duration::from_micros(random.u64(0..120_000)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let server = Process::listening(spawn_with(scene.place.folder.path(), &args));
    scene.assert_works(server, true);
}

#[test]
fn ends_a_log_in_a_bucket_and_starts_its_successor() {
    let scene = Scene::new();
    bring_back(scene.bucket.path(), &scene.backup, &["private/signed"]);
    restore(scene.place.folder.path(), &DATABASE, &scene.index);
    let new = "log.example/audit-2";
    assert!(scene.refused(&["--after-restore"]).contains("error[log.rollback]"));
    assert!(scene.refused(&["--after-restore", "--origin", new]).contains("--new-store"));
    let other = TempDir::new().unwrap();
    let store = other.path().to_str().unwrap();
    let server = scene.start(&["--after-restore", "--origin", new, "--new-store", store]);
    let first = leaves(&server.url);
    assert!(first.len() == 2 && first[0].contains(&format!(" open {new} ")), "{first:?}");
    server.stop();
    // The first event has the old log.
    let folder = scene.place.folder.path().to_str().unwrap();
    let export = scene.place.path("new.ndjson");
    assert!(run(&["export", "--dir", folder, "-o", export.to_str().unwrap()]).status.success());
    let text = fs::read_to_string(&export).unwrap();
    let events =
        text.lines().filter_map(|line| serde_json::from_str::<Value>(line).unwrap().get("event").cloned());
    let event = events.into_iter().next().unwrap();
    assert_eq!((&event["action"], &event["target"]["id"]), (&"log.continues".into(), &ORIGIN.into()));
    assert_eq!(event["metadata"]["vkey"], log_key().verifier_key().as_str());
    let named = SignedCheckpoint::parse(event["metadata"]["checkpoint"].as_str().unwrap()).unwrap();
    assert_eq!(named.checkpoint, scene.checkpoint.checkpoint);
    let server = Process::listening(spawn_with(scene.place.folder.path(), &["--store", store]));
    assert_eq!((server.get("/healthz").0, leaves(&server.url)[..2].to_vec()), (200, first));
    server.stop();
    // Another, unaware server of the old log signs nothing.
    let fresh = Place::new(2);
    let old = Process::listening(spawn_with(fresh.folder.path(), &["--store", scene.url()]));
    let (status, health) = old.get("/healthz");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["stopped"]["code"]), (503, &"log.rollback".into()));
    assert!(health["stopped"]["message"].as_str().unwrap().contains(new), "{health}");
}
