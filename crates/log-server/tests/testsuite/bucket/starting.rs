//! Tests of servers that start on a bucket: an empty one, another log's, or one in the middle of another server's
//! work.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign::log::Submission;
use countersign_log::stop::Cause;
use countersign_log::store::StoreError;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::serve::{RunningLog, StartError, serve};
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;

use super::faults::Faulty;
use super::world::{World, config, contents, deliver, emitter, is_erased, until, url};
use crate::common::emitter::{Attempt, Emitter};
use crate::common::random::Random;
use crate::common::server::{client, send};

fn memory() -> World {
    World::new(Arc::new(InMemory::new()))
}

fn start(world: &World, folder: &TempDir) -> RunningLog {
    world.try_start(world.store.clone(), folder.path()).unwrap()
}

/// Returns an emitter whose chain of that many events is in the log.
fn delivered(serving: &RunningLog, chain: u64, events: usize) -> Emitter {
    let mut emitter = emitter(0, chain);
    emitter.record(events);
    deliver(&mut emitter, &[url(serving)], &mut Random::new(chain));
    emitter
}

fn start_error(result: Result<RunningLog, StartError>) -> String {
    match result {
        Err(StartError::Store(error @ (StoreError::Damaged(_) | StoreError::Unavailable { .. }))) => {
            error.to_string()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the server starts"),
    }
}

/// Returns the names of objects that start with `begin` under the prefix.
fn names(world: &World, begin: &str) -> Vec<ObjectPath> {
    let prefix = ObjectPath::from(format!("{}/{begin}", world.prefix));
    world.runtime.block_on(async {
        let found: Vec<_> = world.store.list(Some(&prefix)).try_collect().await.unwrap();
        let mut names: Vec<_> = found.into_iter().map(|meta| meta.location).collect();
        names.sort();
        names
    })
}

#[test]
fn restarted_server_continues_the_log() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    let mut emitter = delivered(&serving, 0, 5);
    let before = contents(&**serving.log_server().reader());
    world.stop(serving);
    let serving = start(&world, &folder);
    assert_eq!(contents(&**serving.log_server().reader()), before);
    emitter.record(3);
    emitter.close();
    deliver(&mut emitter, &[url(&serving)], &mut Random::new(0));
    world.stop(serving);
    assert_eq!(world.read_static_log().len() as u64, emitter.links);
}

#[test]
fn idle_server_follows_the_other() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [one, other] = folders.each_ref().map(|folder| start(&world, folder));
    let emitter = delivered(&one, 0, 20);
    world.wait_until_published(&other, emitter.links);
    assert_eq!(contents(&**one.log_server().reader()), contents(&**other.log_server().reader()));
    world.stop(one);
    world.stop(other);
}

#[test]
fn server_reads_the_bucket_before_it_rejects() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [one, other] = folders.each_ref().map(|folder| {
        let bucket = world.bucket(world.store.clone()).with_interval(Duration::from_hours(1));
        world.runtime.block_on(serve(config(folder.path(), Some(bucket)))).unwrap()
    });
    let mut emitter = emitter(0, 0);
    for turn in 0..6 {
        emitter.record(2);
        let server = if turn % 2 == 0 { &one } else { &other };
        assert_eq!(
            emitter.deliver(&url(server), 0, usize::MAX),
            Attempt::Delivered(if turn == 0 { 3 } else { 2 })
        );
    }
    // Entries that the first server never had itself count as repeats too.
    let mut repeat = super::world::emitter(0, 0);
    (0..6).for_each(|_| repeat.record(2));
    assert_eq!(repeat.deliver(&url(&one), 0, usize::MAX), Attempt::Delivered(13));
    assert_eq!(repeat.receipts.last().unwrap().index, 12);
    world.stop(one);
    world.stop(other);
    assert_eq!(world.read_static_log().len() as u64, emitter.links);
}

#[test]
fn rejects_a_fork_across_two_servers_and_keeps_the_evidence() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [one, other] = folders.each_ref().map(|folder| start(&world, folder));
    let honest = delivered(&one, 0, 3);
    let mut forked = emitter(0, 0);
    forked.record_event(r#"{"action":"another.story"}"#);
    forked.flush();
    for _ in 0..3 {
        let answer = send(client().post(url(&other) + "/submit").body(forked.body(0, usize::MAX).0));
        assert_eq!(answer.refusal(), (409, "log.fork".to_owned()));
    }
    let evidence = other.log_server().reader().evidence().unwrap();
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0].1.chain, honest.chain());
    assert_eq!(evidence[0].1.index, Some(1));
    world.stop(one);
    world.stop(other);
    assert_eq!(names(&world, "private/evidence").len(), 1);

    let fresh = TempDir::new().unwrap();
    let serving = start(&world, &fresh);
    assert_eq!(serving.log_server().reader().evidence().unwrap(), evidence);
    world.stop(serving);
}

#[test]
fn killed_server_leaves_complete_commits_or_nothing() {
    for writes in 0..40 {
        let (world, folder) = (memory(), TempDir::new().unwrap());
        let way = Faulty::new(world.store.clone(), 0);
        let serving = world.start(&way, folder.path());
        let mut emitter = delivered(&serving, 0, 2);
        way.end_after(writes);
        emitter.record(300);
        let log_server = serving.log_server();
        let body = emitter.body(0, usize::MAX).0;
        let submission = Submission::parse(body.as_bytes(), log_server.limits()).unwrap();
        let answered = world.runtime.block_on(async {
            let ended = async {
                while !way.has_ended() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::select! {
                biased;
                answer = log_server.submit(submission, ()) => Some(answer),
                () = ended => None,
            }
        });
        world.stop(serving);
        let leaves = world.read_static_log().len();
        assert!([3, 303].contains(&leaves), "{leaves}");

        let fresh = TempDir::new().unwrap();
        let next = start(&world, if writes % 2 == 0 { &folder } else { &fresh });
        deliver(&mut emitter, &[url(&next)], &mut Random::new(0));
        world.stop(next);
        assert_eq!(world.read_static_log().len() as u64, emitter.links);
        if let Some(Ok(committed)) = answered {
            assert_eq!((committed.taken.added, leaves), (300, 303));
            assert!(writes > 5, "a commit, tiles, bundles and two checkpoints are written");
            return;
        }
    }
    panic!("40 writes are not enough");
}

#[test]
fn rejects_the_bucket_of_another_log() {
    let (world, folder, other) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    world.stop(start(&world, &folder));
    let objects = world.objects();
    let key = countersign::note::SignerKey::from_seed("log.example/other", [7; 32]).unwrap();
    let config = countersign_log_server::serve::Config {
        key,
        ..config(other.path(), Some(world.bucket(world.store.clone())))
    };
    let error = start_error(world.runtime.block_on(serve(config)));
    assert!(error.contains("log.example/audit"), "{error}");
    assert_eq!(world.objects(), objects);
}

#[test]
fn rejects_a_different_signing_key() {
    let (world, folder, other) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 3);
    world.stop(serving);
    let checkpoint = world.checkpoint();
    let key = || countersign::note::SignerKey::from_seed(super::world::ORIGIN, [7; 32]).unwrap();
    let start_with = |folder: &TempDir, new_keys: Vec<_>| {
        let bucket = Some(world.bucket(world.store.clone()));
        let config =
            countersign_log_server::serve::Config { key: key(), new_keys, ..config(folder.path(), bucket) };
        world.runtime.block_on(serve(config))
    };
    let error = start_with(&other, Vec::new()).err().expect("another key is rejected");
    assert!(matches!(error, countersign_log_server::serve::StartError::WrongKey { .. }), "{error}");
    assert_eq!(world.checkpoint(), checkpoint);

    // The documented way to change the key.
    for new_keys in [vec![key().verifier_key().clone()], Vec::new()] {
        world.stop(start_with(&folder, new_keys).unwrap());
    }
    assert!(world.checkpoint().unwrap().is_signed_by(key().verifier_key()));
}

#[test]
fn server_is_unhealthy_while_its_bucket_fails() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let way = Faulty::new(world.store.clone(), 0);
    let serving = world.start(&way, folder.path());
    let health = || {
        let answer = send(client().get(url(&serving) + "/healthz"));
        (answer.status, answer.json()["storage"]["failing"].clone())
    };
    assert_eq!(health(), (200, false.into()));
    // The health changes although no events are submitted.
    way.fail(1000);
    until("the health changes", || health() == (503, true.into()));
    let metrics = String::from_utf8(send(client().get(url(&serving) + "/metrics")).body).unwrap();
    assert!(metrics.contains("countersign_bucket_failing 1\n"), "{metrics}");
    way.fail(0);
    until("the health changes", || health() == (200, false.into()));
    world.stop(serving);
}

#[test]
fn rejects_a_store_without_conditional_creation() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let way = Faulty::new(world.store.clone(), 0);
    way.be_careless();
    let error = start_error(world.try_start(way, folder.path()));
    assert!(error.contains("two servers could fork the log"), "{error}");
}

#[test]
fn detects_a_rolled_back_bucket() {
    let (world, folder, fresh) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 10);
    let earlier = objects(&world);
    delivered(&serving, 1, 20);
    world.stop(serving);
    let last = names(&world, "private/commits").pop().unwrap();
    world.runtime.block_on(world.store.delete(&last)).unwrap();
    let error = start_error(world.try_start(world.store.clone(), fresh.path()));
    assert!(error.contains("rolled back"), "by what was published: {error}");
    for name in names(&world, "") {
        world.runtime.block_on(world.store.delete(&name)).unwrap();
    }
    for (name, bytes) in earlier {
        world.runtime.block_on(world.store.put(&name, bytes.into())).unwrap();
    }
    let error = start_error(world.try_start(world.store.clone(), folder.path()));
    assert!(error.contains("rolled back"), "by its index: {error}");
}

/// Returns all objects of the bucket.
fn objects(world: &World) -> Vec<(ObjectPath, Bytes)> {
    let get = async |name| (world.store.get(&name).await.unwrap().bytes().await.unwrap(), name);
    let objects = names(world, "").into_iter().map(|name| world.runtime.block_on(get(name)));
    objects.map(|(bytes, name)| (name, bytes)).collect()
}

#[test]
fn detects_changed_entries() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 30);
    world.stop(serving);
    // The commits of a log with the same size and other entries.
    let (another, its_folder) = (memory(), TempDir::new().unwrap());
    let serving = start(&another, &its_folder);
    delivered(&serving, 1, 30);
    another.stop(serving);
    let commits = names(&world, "private/commits");
    world.runtime.block_on(async {
        for name in &commits {
            world.store.delete(name).await.unwrap();
        }
    });
    for name in names(&another, "private/commits") {
        world.runtime.block_on(async {
            let bytes = another.store.get(&name).await.unwrap().bytes().await.unwrap();
            world.store.put(&name, bytes.into()).await.unwrap();
        });
    }
    let error = start_error(world.try_start(world.store.clone(), folder.path()));
    assert!(error.contains("the bucket and this folder have different entries"), "by its index: {error}");
    let error = start_error(world.try_start(world.store.clone(), TempDir::new().unwrap().path()));
    assert!(error.contains("published checkpoint doesn't match"), "by what was published: {error}");
    let first = &commits[0];
    world.runtime.block_on(world.store.put(first, "not a commit".into())).unwrap();
    let error = start_error(world.try_start(world.store.clone(), TempDir::new().unwrap().path()));
    assert!(error.contains("private/commits/0000000000000000"), "which object: {error}");
}

#[test]
fn a_copied_folder_does_not_move_into_a_bucket() {
    let (world, folder, copy) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = world.runtime.block_on(serve(config(folder.path(), None))).unwrap();
    let mut emitter = delivered(&serving, 0, 5);
    world.stop(serving);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    match world.try_start(world.store.clone(), copy.path()) {
        Err(StartError::Store(StoreError::Stopped(stop))) => assert_eq!(stop.cause, Cause::Copied),
        result => panic!("{:?}", result.err()),
    }
    assert_eq!(names(&world, "private"), []);
    let serving = start(&world, &folder);
    emitter.record(1);
    deliver(&mut emitter, &[url(&serving)], &mut Random::new(0));
    world.stop(serving);
}

#[test]
fn moves_a_folders_log_into_a_bucket() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let serving = world.runtime.block_on(serve(config(folder.path(), None))).unwrap();
    let mut emitter = delivered(&serving, 0, 300);
    let mut forked = super::world::emitter(0, 0);
    forked.record_event(r#"{"action":"another.story"}"#);
    forked.flush();
    send(client().post(url(&serving) + "/submit").body(forked.body(0, usize::MAX).0));
    assert_eq!(world.runtime.block_on(serving.log_server().erase(vec![3, 5, 280])).unwrap(), 3);
    let before = contents(&**serving.log_server().reader());
    let evidence = serving.log_server().reader().evidence().unwrap();
    assert_eq!(evidence.len(), 1);
    let checkpoints = serving.log_server().reader().checkpoints(0..1000).unwrap();
    world.stop(serving);

    // The move is interrupted several times, each time a little later.
    for writes in 1..5 {
        let way = Faulty::new(world.store.clone(), 0);
        way.end_after(writes);
        start_error(world.try_start(way, folder.path()));
        let is_moved = names(&world, "private").iter().any(|name| name.filename() == Some("log"));
        let fresh = TempDir::new().unwrap();
        match world.try_start(world.store.clone(), fresh.path()) {
            Ok(serving) => world.stop(serving),
            result => {
                let error = start_error(result);
                assert!(!is_moved && error.contains("moving its log"), "{writes}: {error}");
            }
        }
    }
    let serving = start(&world, &folder);
    let fresh = TempDir::new().unwrap();
    let other = start(&world, &fresh);
    for serving in [&serving, &other] {
        let reader = serving.log_server().reader();
        assert_eq!(contents(&**reader), before);
        assert_eq!(reader.evidence().unwrap(), evidence);
        assert_eq!(reader.checkpoints(0..1000).unwrap(), checkpoints);
    }
    assert_eq!(before.iter().filter(|leaf| is_erased(leaf)).count(), 3);
    emitter.record(3);
    deliver(&mut emitter, &[url(&serving), url(&other)], &mut Random::new(0));
    world.stop(serving);
    world.stop(other);
    let leaves = world.read_static_log();
    assert_eq!(leaves.len() as u64, emitter.links);
    assert!(emitter.receipts.iter().all(|receipt| leaves[receipt.index as usize] == receipt.leaf));

    let error = start_error(world.runtime.block_on(serve(config(folder.path(), None))));
    assert!(error.contains("serve it with that bucket"), "{error}");
}

#[test]
fn rejects_a_bucket_with_a_different_log_of_the_same_name() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    for (folder, chain) in folders.iter().zip(0..) {
        let serving = world.runtime.block_on(serve(config(folder.path(), None))).unwrap();
        delivered(&serving, chain, 5);
        world.stop(serving);
    }
    world.stop(start(&world, &folders[0]));
    let error = start_error(world.try_start(world.store.clone(), folders[1].path()));
    assert!(error.contains("different logs"), "{error}");
}

#[test]
fn folder_can_be_a_bucket() {
    let (folders, bucket) = ([TempDir::new().unwrap(), TempDir::new().unwrap()], TempDir::new().unwrap());
    let world = memory();
    let path = bucket.path().join("log");
    let [one, other] = folders.each_ref().map(|folder| {
        let bucket = Bucket::parse(path.to_str().unwrap()).unwrap().with_interval(Duration::from_millis(20));
        world.runtime.block_on(serve(config(folder.path(), Some(bucket)))).unwrap()
    });
    let mut emitter = emitter(0, 0);
    emitter.record(20);
    deliver(&mut emitter, &[url(&one), url(&other)], &mut Random::new(3));
    let size = |serving: &RunningLog| serving.log_server().reader().size().unwrap();
    until("both have all", || size(&one) == emitter.links && size(&other) == emitter.links);
    world.stop(one);
    world.stop(other);
    let note = fs::read_to_string(path.join("public/checkpoint")).unwrap();
    assert!(note.contains(&format!("\n{}\n", emitter.links)), "{note}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
