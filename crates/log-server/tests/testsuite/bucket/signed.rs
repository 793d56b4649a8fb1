//! Tests of buckets that lost signed heads: their servers stop signing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign_log::stop::Cause;
use countersign_log_server::serve::{RunningLog, StartError};
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tempfile::TempDir;

use super::world::{World, deliver, emitter, url};
use crate::common::emitter::Emitter;
use crate::common::random::Random;
use crate::common::server::{Answer, client, send};

/// The files of the database.
const DATABASE: [&str; 3] = ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"];

type Objects = BTreeMap<String, Vec<u8>>;

fn memory() -> World {
    World::new(Arc::new(InMemory::new()))
}

fn start(world: &World, folder: &TempDir) -> RunningLog {
    world.try_start(world.store.clone(), folder.path()).unwrap()
}

/// Restores the objects of an earlier time, except those whose names contain `but`.
fn restore(world: &World, earlier: &Objects, but: &str) {
    world.runtime.block_on(async {
        for name in world_names(world).await {
            if (but.is_empty() || !name.contains(but)) && !earlier.contains_key(&name) {
                world.store.delete(&ObjectPath::from(name)).await.unwrap();
            }
        }
        for (name, bytes) in earlier {
            if but.is_empty() || !name.contains(but) {
                world.store.put(&ObjectPath::from(name.as_str()), bytes.clone().into()).await.unwrap();
            }
        }
    });
}

async fn world_names(world: &World) -> Vec<String> {
    use futures_util::TryStreamExt as _;
    let all: Vec<_> = world.store.list(None).try_collect().await.unwrap();
    all.into_iter().map(|meta| meta.location.to_string()).collect()
}

fn database(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    DATABASE.into_iter().filter_map(|name| Some((name, fs::read(folder.join(name)).ok()?))).collect()
}

/// A log with thirty links, and the objects and database from when it had ten.
struct Scene {
    world: World,
    folder: TempDir,
    emitter: Emitter,
    objects: Objects,
    database: Vec<(&'static str, Vec<u8>)>,
}

impl Scene {
    fn new() -> Self {
        let (world, folder) = (memory(), TempDir::new().unwrap());
        let mut emitter = emitter(0, 0);
        let grow = |emitter: &mut Emitter, events| {
            let serving = start(&world, &folder);
            emitter.record(events);
            deliver(emitter, &[url(&serving)], &mut Random::new(1));
            world.stop(serving);
        };
        grow(&mut emitter, 9);
        let (objects, database) = (world.objects(), database(folder.path()));
        grow(&mut emitter, 20);
        Self { world, folder, emitter, objects, database }
    }

    fn restore_index(&self) {
        for name in DATABASE {
            let _ = fs::remove_file(self.folder.path().join(name));
        }
        for (name, bytes) in &self.database {
            fs::write(self.folder.path().join(name), bytes).unwrap();
        }
    }

    fn submit(serving: &RunningLog) -> Answer {
        let mut other = emitter(1, 0);
        other.record(2);
        send(client().post(url(serving) + "/submit").body(other.body(0, usize::MAX).0))
    }

    fn assert_stopped(&self, serving: &RunningLog, cause: Cause) {
        let before = self.world.checkpoint().unwrap().checkpoint;
        assert_eq!(Self::submit(serving).refusal(), (503, cause.code().to_owned()));
        let health = send(client().get(url(serving) + "/healthz"));
        assert_eq!((health.status, &health.json()["stopped"]["code"]), (503, &cause.code().into()));
        assert_eq!(self.world.checkpoint().unwrap().checkpoint, before);
    }
}

#[test]
fn stops_if_bucket_and_index_were_restored_together() {
    let scene = Scene::new();
    restore(&scene.world, &scene.objects, "");
    scene.restore_index();
    let serving = start(&scene.world, &scene.folder);
    scene.assert_stopped(&serving, Cause::Rollback);
    scene.world.stop(serving);
    // An intact log isn't stopped.
    let whole = Scene::new();
    let serving = start(&whole.world, &whole.folder);
    assert_eq!(Scene::submit(&serving).status, 200);
    whole.world.stop(serving);
    assert_eq!(whole.world.read_static_log().len() as u64, whole.emitter.links + 3);
}

#[test]
fn stops_if_commits_are_lost_but_signed_heads_remain() {
    let scene = Scene::new();
    restore(&scene.world, &scene.objects, "private/signed");
    let other = TempDir::new().unwrap();
    let serving = start(&scene.world, &other);
    scene.assert_stopped(&serving, Cause::Rollback);
    scene.world.stop(serving);
}

#[test]
fn refuses_to_start_if_commits_are_lost_but_tiles_remain() {
    let scene = Scene::new();
    restore(&scene.world, &scene.objects, "public/tile");
    let other = TempDir::new().unwrap();
    match scene.world.try_start(scene.world.store.clone(), other.path()) {
        Err(StartError::Store(error)) => assert!(error.to_string().contains("rolled back"), "{error}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the server starts"),
    }
}

#[test]
fn recovers_a_checkpoint_older_than_its_tiles() {
    let scene = Scene::new();
    let head = scene.objects.iter().find(|(name, _)| name.ends_with("public/checkpoint")).unwrap();
    let path = ObjectPath::from(head.0.as_str());
    scene.world.runtime.block_on(scene.world.store.put(&path, head.1.clone().into())).unwrap();
    let other = TempDir::new().unwrap();
    for folder in [&scene.folder, &other] {
        let serving = start(&scene.world, folder);
        scene.world.wait_until_published(&serving, scene.emitter.links);
        scene.world.stop(serving);
    }
    assert_eq!(scene.world.read_static_log().len() as u64, scene.emitter.links);
}

#[test]
fn stops_if_another_tree_of_the_same_size_was_signed() {
    let scene = Scene::new();
    let serving = start(&scene.world, &scene.folder);
    let size = scene.emitter.links + 3;
    // This is a checkpoint of a server that continued from another state of the bucket.
    let key = super::world::log_key();
    let root = countersign::hash::Hash::digest(&[b"another tree"]);
    let note = countersign::checkpoint::Checkpoint::new(super::world::ORIGIN, size, root)
        .unwrap()
        .sign(&key)
        .unwrap();
    let line = countersign_log::signed_memory::SignedHead::from_note(&note).unwrap().to_line();
    let path = ObjectPath::from(format!("{}/private/signed/{size:016}", scene.world.prefix));
    scene.world.runtime.block_on(scene.world.store.put(&path, line.into())).unwrap();
    scene.assert_stopped(&serving, Cause::SplitView);
    scene.world.stop(serving);
}

#[test]
fn deletes_old_signed_heads() {
    let (world, folder) = (memory(), TempDir::new().unwrap());
    let serving = start(&world, &folder);
    let mut emitter = emitter(0, 0);
    for _ in 0..80 {
        emitter.record(1);
        deliver(&mut emitter, &[url(&serving)], &mut Random::new(2));
    }
    world.stop(serving);
    let objects = world.objects();
    let signed: Vec<_> = objects.keys().filter(|name| name.contains("private/signed/")).collect();
    assert!(signed.len() < 40, "{}", signed.len());
    let newest = format!("{:016}", emitter.links);
    assert!(signed.last().unwrap().ends_with(&newest), "{signed:?}");
}
