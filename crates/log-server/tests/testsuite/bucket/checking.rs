//! Tests of the check of a bucket: each kind of corruption is found and named, and derived objects are repaired.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign::link::ChainId;
use countersign_log::store::StoreError;
use countersign_log::tokens::{Rights, Scope};
use countersign_log_server::fsck::{Repair, Report, check_bucket, repair_bucket};
use countersign_log_server::serve::{Config, RunningLog, serve};
use countersign_log_server::tokens;
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use serde_json::json;
use tempfile::TempDir;

use super::faults::Faulty;
use super::world::{World, config, contents, deliver, deliver_at_once, emitter, until, url};
use crate::common::emitter::Attempt;
use crate::common::random::Random;
use crate::common::server::{client, send};

/// A chain of 300 events, and the log's own chain of one.
const LEAVES: u64 = 301 + 3;

/// A log in a bucket from which three events were erased, and a server's folder.
struct Scene {
    world: World,
    folder: TempDir,
}

/// Erases events, by their position in the chain, with a record.
fn erase(serving: &RunningLog, folder: &TempDir, chain: ChainId, seqs: &[u64]) {
    let token = tokens::add(folder.path(), "privacy-desk", Rights::READ_AND_ERASE, None, Scope::default());
    let events: Vec<String> = seqs.iter().map(|seq| format!("{chain}/{seq}")).collect();
    let request = client().post(url(serving) + "/erase").bearer_auth(token.unwrap().as_str());
    let body = json!({ "events": events, "reason": "asked for" }).to_string();
    let answer = send(request.body(body));
    assert_eq!(answer.status, 200, "{}", answer.json());
}

impl Scene {
    fn new() -> Self {
        let (world, folder) = (World::new(Arc::new(InMemory::new())), TempDir::new().unwrap());
        let serving = world.try_start(world.store.clone(), folder.path()).unwrap();
        let mut emitter = emitter(0, 0);
        for _ in 0..10 {
            emitter.record(30);
            deliver_at_once(&mut emitter, &[url(&serving)], &mut Random::new(4));
        }
        erase(&serving, &folder, emitter.chain(), &[7, 9, 250]);
        world.stop(serving);
        Self { world, folder }
    }

    fn check(&self, with_folder: bool) -> Report {
        let (bucket, handle) = (self.world.bucket(self.world.store.clone()), self.world.runtime.handle());
        let folder = with_folder.then(|| self.folder.path());
        let (mut last, mut total) = (0, 0);
        let report = check_bucket(&bucket, handle, folder, &mut |done, of| {
            assert!(done >= last && done <= of);
            (last, total) = (done, of);
        });
        assert_eq!(last, total);
        report.unwrap()
    }

    fn repair(&self, report: &Report) {
        let (bucket, handle) = (self.world.bucket(self.world.store.clone()), self.world.runtime.handle());
        repair_bucket(bucket, handle.clone(), Some(self.folder.path()), report).unwrap();
    }

    fn put(&self, name: &str, bytes: Vec<u8>) {
        let path = ObjectPath::from(name);
        self.world.runtime.block_on(self.world.store.put(&path, bytes.into())).unwrap();
    }

    fn delete(&self, name: &str) {
        self.world.runtime.block_on(self.world.store.delete(&ObjectPath::from(name))).unwrap();
    }

    /// Returns the last object whose name starts with `begin` under the log's prefix.
    fn named(&self, begin: &str) -> String {
        let begin = format!("{}/{begin}", self.world.prefix);
        self.world.objects().into_keys().rfind(|name| name.starts_with(&begin)).unwrap()
    }

    fn starts(&self) {
        let serving = self.world.try_start(self.world.store.clone(), self.folder.path()).unwrap();
        let mut other = emitter(1, 0);
        other.record(2);
        deliver(&mut other, &[url(&serving)], &mut Random::new(5));
        self.world.stop(serving);
        assert_eq!(self.check(true).problems, []);
    }
}

fn codes(report: &Report) -> BTreeSet<&'static str> {
    report.problems.iter().map(|problem| problem.code).collect()
}

fn flip(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn stopping_server_waits_for_the_last_user_of_its_store() {
    let scene = Scene::new();
    let serving = scene.world.try_start(scene.world.store.clone(), scene.folder.path()).unwrap();
    let reader = serving.log_server().reader().clone();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| scene.world.stop(serving));
        // The references of the server itself and of this test.
        until("the rest of the server has ended", || Arc::strong_count(&reader) <= 2);
        assert_eq!(contents(&*reader).len() as u64, LEAVES);
        assert!(!stopping.is_finished(), "the folder can still change");
        drop(reader);
    });
}

#[test]
fn finds_no_problems_in_an_intact_bucket() {
    let scene = Scene::new();
    for with_folder in [false, true] {
        let report = scene.check(with_folder);
        assert_eq!(report.problems, []);
        // The log's own chain has one event: the record of the erasure.
        assert_eq!((report.leaves, report.events, report.erased, report.unfinished), (LEAVES, 298, 3, 0));
    }
}

/// Starts a server that checks itself within that time.
fn serve_checking(scene: &Scene, within: Duration) -> RunningLog {
    let bucket = Some(scene.world.bucket(scene.world.store.clone()));
    let config = Config { check_within: Some(within), ..config(scene.folder.path(), bucket) };
    scene.world.runtime.block_on(serve(config)).unwrap()
}

#[test]
fn server_puts_lost_and_damaged_objects_back() {
    let scene = Scene::new();
    let before = scene.world.objects();
    let names = |part: &str| before.keys().filter(|name| name.contains(part)).cloned().collect::<Vec<_>>();
    let commits = names("/private/commits/");
    let is_lost = |name: &String| {
        [&commits[0], &commits[3], &commits[4]].contains(&name) || name.contains("/private/events/")
    };
    for name in before.keys().filter(|name| is_lost(name)) {
        scene.delete(name);
    }
    scene.put(&commits[5], flip(before[&commits[5]].clone()));
    scene.delete(&scene.named("public/tile/0/000"));
    // The complete check takes longer than the test.
    let serving = serve_checking(&scene, Duration::from_hours(1));
    until("all is there again", || scene.check(true).problems.is_empty());
    assert_eq!(send(client().get(url(&serving) + "/healthz")).status, 200);
    scene.world.stop(serving);
    let after = scene.world.objects();
    for name in &commits {
        assert_eq!(after[name], before[name], "{name}");
    }
    // Erased events are in no object.
    let report = scene.check(false);
    assert_eq!((report.events, report.erased), (298, 3));

    // With everything private gone, the public part shows that it is the same log.
    for name in before.keys().filter(|name| name.contains("/private/")) {
        scene.delete(name);
    }
    let serving = serve_checking(&scene, Duration::from_hours(1));
    until("all is there again", || scene.check(true).problems.is_empty());
    scene.world.stop(serving);
    scene.starts();
}

#[test]
fn server_acknowledges_nothing_while_a_commit_is_lost() {
    let scene = Scene::new();
    let serving = serve_checking(&scene, Duration::from_hours(1));
    let health = || send(client().get(url(&serving) + "/healthz"));
    let (mut one, mut other) = (emitter(1, 0), emitter(2, 0));
    one.record(2);
    deliver_at_once(&mut one, &[url(&serving)], &mut Random::new(5));
    assert_eq!(health().status, 200);
    let lost = scene.named("private/commits/");
    let bytes = scene.world.objects()[&lost].clone();
    // The folder's copy is damaged too.
    let index = rusqlite::Connection::open(scene.folder.path().join("log.sqlite")).unwrap();
    let last = "WHERE idx = (SELECT max(idx) FROM leaves)";
    index.execute(&format!("UPDATE leaves SET leaf = CAST(leaf || ' ' AS BLOB) {last}"), []).unwrap();
    scene.delete(&lost);
    until("the missing commit is noticed", || health().status == 503);
    assert_eq!(
        (&health().json()["damaged"]["code"], &health().json()["damaged"]["place"]),
        (&json!("fsck.commit"), &json!(lost))
    );
    let metrics = String::from_utf8(send(client().get(url(&serving) + "/metrics")).body).unwrap();
    assert!(metrics.contains("countersign_check_problems 1\n"), "{metrics}");
    other.record(2);
    assert!(other.deliver(&url(&serving), 0, usize::MAX) == Attempt::Later);
    one.record(1);
    assert!(one.deliver(&url(&serving), 0, usize::MAX) == Attempt::Later);
    scene.put(&lost, bytes);
    index.execute(&format!("UPDATE leaves SET leaf = CAST(rtrim(leaf) AS BLOB) {last}"), []).unwrap();
    drop(index);
    until("the commit is restored", || health().status == 200);
    deliver_at_once(&mut other, &[url(&serving)], &mut Random::new(6));
    deliver_at_once(&mut one, &[url(&serving)], &mut Random::new(7));
    scene.world.stop(serving);
    assert_eq!(scene.check(true).problems, []);
}

#[test]
fn unavailable_bucket_is_not_reported_as_damaged() {
    let scene = Scene::new();
    for from in [0, 1, 256] {
        let way = Faulty::new(scene.world.store.clone(), 0);
        let (bucket, handle) = (scene.world.bucket(way.clone()), scene.world.runtime.handle());
        let failing = way.clone();
        let checked = check_bucket(&bucket, handle, None, &mut |done, _| {
            if done >= from {
                failing.fail(1000);
            }
        });
        assert!(matches!(checked, Err(StoreError::Unavailable { .. })), "{from}: {checked:?}");
    }
}

#[test]
fn repairs_public_objects_from_the_commits() {
    for (begin, corruption) in [
        ("public/tile/0/000", "flip"),
        ("public/tile/0/000", "delete"),
        ("public/tile/entries/000", "flip"),
        ("public/tile/entries/001.p/48", "delete"),
        ("public/tile/1/000.p/", "flip"),
        ("public/checkpoint", "delete"),
        ("public/checkpoint", "garbage"),
    ] {
        let scene = Scene::new();
        let name = scene.named(begin);
        match corruption {
            "flip" => scene.put(&name, flip(scene.world.objects()[&name].clone())),
            "garbage" => scene.put(&name, b"no checkpoint".to_vec()),
            _ => scene.delete(&name),
        }
        let report = scene.check(false);
        assert_eq!(codes(&report), ["fsck.public"].into(), "{name} {corruption}: {report:?}");
        assert!(report.problems.iter().any(|problem| name.ends_with(&problem.place)), "{name}: {report:?}");
        scene.repair(&report);
        assert_eq!(scene.check(true).problems, [], "{name} {corruption}");
        scene.starts();
    }
}

#[test]
fn names_lost_and_damaged_commits() {
    for corruption in ["flip", "delete"] {
        let scene = Scene::new();
        let commits: Vec<String> =
            scene.world.objects().into_keys().filter(|name| name.contains("private/commits/")).collect();
        let name = &commits[5];
        if corruption == "flip" {
            scene.put(name, flip(scene.world.objects()[name].clone()));
        } else {
            scene.delete(name);
        }
        let report = scene.check(false);
        assert_eq!(codes(&report), ["fsck.commit"].into(), "{report:?}");
        assert_eq!((report.problems.len(), &report.problems[0].place), (1, name), "{report:?}");
        assert!(!report.problems[0].repair.is_possible());
        // The folder has a copy.
        let report = scene.check(true);
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert_eq!((&report.problems[0].place, report.problems[0].repair), (name, Repair::Copy));
        let before = scene.world.objects();
        scene.repair(&report);
        assert_eq!(scene.check(true).problems, []);
        assert_ne!(scene.world.objects(), before);
    }
}

#[test]
fn detects_commits_missing_at_the_end() {
    let scene = Scene::new();
    let last = scene.world.objects().into_keys().rfind(|name| name.contains("private/commits/")).unwrap();
    scene.delete(&last);
    for (with_folder, some) in [(false, "fsck.checkpoint"), (true, "fsck.commit")] {
        let report = scene.check(with_folder);
        assert!(codes(&report).contains(some), "{report:?}");
    }
}

#[test]
fn repairs_leftovers_of_an_erasure() {
    let scene = Scene::new();
    let folder = TempDir::new().unwrap();
    // The commit in its original form, with its events.
    let before = {
        let world = World::new(Arc::new(InMemory::new()));
        let serving = world.try_start(world.store.clone(), folder.path()).unwrap();
        let mut emitter = emitter(0, 0);
        for _ in 0..10 {
            emitter.record(30);
            deliver_at_once(&mut emitter, &[url(&serving)], &mut Random::new(4));
        }
        world.stop(serving);
        world.objects()
    };
    let now = scene.world.objects();
    let is_stub =
        |(name, bytes): &(&String, &Vec<u8>)| name.contains("private/commits/") && now[*name] != **bytes;
    let (name, bytes) = before.iter().find(is_stub).unwrap();
    scene.put(name, bytes.clone());
    let report = scene.check(false);
    assert_eq!(codes(&report), ["fsck.erasure"].into(), "{report:?}");
    scene.repair(&report);
    assert_eq!(scene.check(true).problems, []);
    assert_ne!(&scene.world.objects()[name], bytes);
    scene.starts();
}

#[test]
fn names_other_damaged_objects() {
    for (begin, code) in [
        ("private/erasures/", "fsck.object"),
        ("private/checkpoints/", "fsck.object"),
        ("private/signed/", "fsck.object"),
        ("private/events/", "fsck.commit"),
    ] {
        let scene = Scene::new();
        let name = scene.named(begin);
        scene.put(&name, b"something else".to_vec());
        let report = scene.check(false);
        assert!(codes(&report).contains(code), "{name}: {report:?}");
    }
}

#[test]
fn repairs_a_folders_index_from_the_bucket() {
    for sql in [
        "UPDATE events SET event = event || ' ' WHERE idx = 120",
        "UPDATE leaves SET leaf = CAST(replace(leaf, 'event', 'evemt') AS BLOB) WHERE idx = 120",
        "DELETE FROM tiles",
    ] {
        let scene = Scene::new();
        let file = scene.folder.path().join(countersign_log_server::sqlite::FILE);
        rusqlite::Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        assert_eq!(scene.check(false).problems, []);
        let report = scene.check(true);
        assert!(
            !report.is_whole() && report.problems.iter().all(|problem| problem.repair.is_possible()),
            "{report:?}"
        );
        scene.repair(&report);
        assert_eq!(scene.check(true).problems, [], "{sql}");
        scene.starts();
    }
}
