//! Servers that start: on a bucket, on nothing, on what is not theirs, and in the middle of what another left.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use countersign::log::Submission;
use countersign_log::store::StoreError;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::serve::{Serving, StartError, serve};
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

fn start(world: &World, folder: &TempDir) -> Serving {
    world.try_start(world.store.clone(), folder.path()).unwrap()
}

/// An emitter whose chain of so many events is in the log.
fn delivered(serving: &Serving, chain: u64, events: usize) -> Emitter {
    let mut emitter = emitter(0, chain);
    emitter.record(events);
    deliver(&mut emitter, &[url(serving)], &mut Random::new(chain));
    emitter
}

fn refusal(result: Result<Serving, StartError>) -> String {
    match result {
        Err(StartError::Store(error @ (StoreError::Damaged(_) | StoreError::Unavailable { .. }))) => {
            error.to_string()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

/// The names of objects that begin like this, below the prefix.
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
fn a_server_that_starts_again_goes_on_where_it_was() {
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
fn a_new_server_that_was_idle_follows_the_other() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    let [one, other] = folders.each_ref().map(|folder| start(&world, folder));
    let emitter = delivered(&one, 0, 20);
    world.wait_until_published(&other, emitter.links);
    assert_eq!(contents(&**one.log_server().reader()), contents(&**other.log_server().reader()));
    world.stop(one);
    world.stop(other);
}

#[test]
fn a_server_looks_at_the_bucket_before_it_refuses() {
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
    // What the first server never had, with what it has, is a repeat all the same.
    let mut again = super::world::emitter(0, 0);
    (0..6).for_each(|_| again.record(2));
    assert_eq!(again.deliver(&url(&one), 0, usize::MAX), Attempt::Delivered(13));
    assert_eq!(again.receipts.last().unwrap().index, 12);
    world.stop(one);
    world.stop(other);
    assert_eq!(world.read_static_log().len() as u64, emitter.links);
}

#[test]
fn a_fork_across_two_servers_is_refused_and_its_evidence_outlives_them() {
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
fn what_a_server_was_doing_when_it_was_killed_is_there_whole_or_not_at_all() {
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
                answer = log_server.submit(submission) => Some(answer),
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
fn the_bucket_of_another_log_is_left_alone() {
    let (world, folder, other) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    world.stop(start(&world, &folder));
    let objects = world.objects();
    let key = countersign::note::SignerKey::generate("log.example/other", [7; 32]).unwrap();
    let config = countersign_log_server::serve::Config {
        key,
        ..config(other.path(), Some(world.bucket(world.store.clone())))
    };
    let refused = refusal(world.runtime.block_on(serve(config)));
    assert!(refused.contains("log.example/audit"), "{refused}");
    assert_eq!(world.objects(), objects);
}

#[test]
fn servers_of_one_log_sign_with_one_key() {
    let (world, folder, other) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 3);
    world.stop(serving);
    let checkpoint = world.checkpoint();
    let key = || countersign::note::SignerKey::generate(super::world::ORIGIN, [7; 32]).unwrap();
    let start_with = |folder: &TempDir| {
        let bucket = Some(world.bucket(world.store.clone()));
        let config = countersign_log_server::serve::Config { key: key(), ..config(folder.path(), bucket) };
        world.runtime.block_on(serve(config))
    };
    let refused = refusal(start_with(&other));
    assert!(refused.contains("private/key"), "{refused}");
    assert_eq!(world.checkpoint(), checkpoint);

    // The way to change it.
    let stored = ObjectPath::from(format!("{}/private/key", world.prefix));
    world.runtime.block_on(world.store.delete(&stored)).unwrap();
    world.stop(start_with(&folder).unwrap());
    assert!(world.checkpoint().unwrap().is_signed_by(key().verifier_key()));
}

#[test]
fn a_server_whose_bucket_does_not_answer_is_ill_until_it_does() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let way = Faulty::new(world.store.clone(), 0);
    let serving = world.start(&way, folder.path());
    let health = || {
        let answer = send(client().get(url(&serving) + "/healthz"));
        (answer.status, answer.json()["storage"]["failing"].clone())
    };
    assert_eq!(health(), (200, false.into()));
    // Nothing is submitted.
    way.fail(1000);
    until("it is noticed", || health() == (503, true.into()));
    let metrics = String::from_utf8(send(client().get(url(&serving) + "/metrics")).body).unwrap();
    assert!(metrics.contains("countersign_bucket_failing 1\n"), "{metrics}");
    way.fail(0);
    until("it is noticed", || health() == (200, false.into()));
    world.stop(serving);
}

#[test]
fn a_store_that_creates_what_is_there_keeps_no_log() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let way = Faulty::new(world.store.clone(), 0);
    way.be_careless();
    let refused = refusal(world.try_start(way, folder.path()));
    assert!(refused.contains("two servers would fork the log"), "{refused}");
}

#[test]
fn a_bucket_that_was_rolled_back_is_noticed() {
    let (world, folder, fresh) = (memory(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 30);
    world.stop(serving);
    let last = names(&world, "private/commits").pop().unwrap();
    world.runtime.block_on(world.store.delete(&last)).unwrap();
    let refused = refusal(world.try_start(world.store.clone(), folder.path()));
    assert!(refused.contains("rolled back"), "by its index: {refused}");
    let refused = refusal(world.try_start(world.store.clone(), fresh.path()));
    assert!(refused.contains("rolled back"), "by what was published: {refused}");
}

#[test]
fn a_bucket_whose_leaves_were_changed_is_noticed() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    delivered(&serving, 0, 30);
    world.stop(serving);
    // The commits of a log of the same size with other leaves.
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
    let refused = refusal(world.try_start(world.store.clone(), folder.path()));
    assert!(refused.contains("another one, or was rolled back"), "by its index: {refused}");
    let refused = refusal(world.try_start(world.store.clone(), TempDir::new().unwrap().path()));
    assert!(refused.contains("published other leaves"), "by what was published: {refused}");
    let first = &commits[0];
    world.runtime.block_on(world.store.put(first, "not a commit".into())).unwrap();
    let refused = refusal(world.try_start(world.store.clone(), TempDir::new().unwrap().path()));
    assert!(refused.contains("private/commits/0000000000000000"), "which object: {refused}");
}

#[test]
fn a_log_of_a_folder_moves_to_a_bucket_with_all_that_it_has() {
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

    // It is interrupted some times, after more and more was done.
    for writes in 1..5 {
        let way = Faulty::new(world.store.clone(), 0);
        way.end_after(writes);
        refusal(world.try_start(way, folder.path()));
        let is_moved = names(&world, "private").iter().any(|name| name.filename() == Some("log"));
        let fresh = TempDir::new().unwrap();
        match world.try_start(world.store.clone(), fresh.path()) {
            Ok(serving) => world.stop(serving),
            refused => {
                let refused = refusal(refused);
                assert!(!is_moved && refused.contains("moving its log"), "{writes}: {refused}");
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

    let refused = refusal(world.runtime.block_on(serve(config(folder.path(), None))));
    assert!(refused.contains("serve it with that bucket"), "{refused}");
}

#[test]
fn two_folders_with_logs_of_their_own_do_not_share_a_bucket() {
    let (world, folders) = (memory(), [TempDir::new().unwrap(), TempDir::new().unwrap()]);
    for (folder, chain) in folders.iter().zip(0..) {
        let serving = world.runtime.block_on(serve(config(folder.path(), None))).unwrap();
        delivered(&serving, chain, 5);
        world.stop(serving);
    }
    world.stop(start(&world, &folders[0]));
    let refused = refusal(world.try_start(world.store.clone(), folders[1].path()));
    assert!(refused.contains("another log than this folder"), "{refused}");
}

#[test]
fn a_folder_on_disk_is_a_bucket() {
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
    let size = |serving: &Serving| serving.log_server().reader().size().unwrap();
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
