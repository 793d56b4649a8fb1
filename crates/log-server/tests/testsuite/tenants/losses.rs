//! Tests of objects that a bucket with tenant logs lost: a server whose folder has a copy puts them back, and a check
//! names all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use countersign::time::Time;
use countersign_log_server::backup;
use countersign_log_server::fsck::{self, Repair, Report};
use countersign_log_server::restore::{self, TenantBucketPlan, TenantBucketRestore};
use countersign_log_server::serve::StartError;
use countersign_log_server::server::Bounds;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use rusqlite::Connection;
use serde_json::json;

use super::bucket::{bucket, check, has, objects, record, start, start_after, stopped};
use super::world::{Customer, World, emitters};
use crate::bucket::faults::Faulty;
use crate::common::server::{client, log_key, send, until};

type Objects = BTreeMap<String, Vec<u8>>;

/// A log with two tenants, from one of which an event was erased. Its server is stopped.
struct Scene {
    store: Arc<dyn ObjectStore>,
    world: World,
    customers: [Customer; 2],
    /// The bucket's objects.
    before: Objects,
}

/// The name of a kind of loss, and the objects that are lost or changed.
type Loss = (&'static str, fn(&Objects) -> Vec<(String, Option<Vec<u8>>)>);

fn commits(objects: &Objects) -> Vec<String> {
    objects.keys().filter(|name| name.contains("/private/commits/")).cloned().collect()
}

fn named(objects: &Objects, part: &str) -> Vec<(String, Option<Vec<u8>>)> {
    objects.keys().filter(|name| name.contains(part)).map(|name| (name.clone(), None)).collect()
}

fn flipped(objects: &Objects, name: &str) -> (String, Option<Vec<u8>>) {
    let mut bytes = objects[name].clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    (name.to_owned(), Some(bytes))
}

/// The losses of `s3loss.sh`, and some more.
const LOSSES: [Loss; 6] = [
    ("an old commit", |objects| vec![(commits(objects)[3].clone(), None)]),
    ("a flipped bit", |objects| vec![flipped(objects, &commits(objects)[4])]),
    ("everything private", |objects| named(objects, "/private/")),
    ("the newest commit", |objects| vec![(commits(objects).pop().unwrap(), None)]),
    ("the events of a commit", |objects| named(objects, "/private/events/")),
    ("several", |objects| {
        let commits = commits(objects);
        vec![(commits[3].clone(), None), (commits[4].clone(), None), flipped(objects, &commits[5])]
    }),
];

impl Scene {
    fn new() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut world = start(store.clone());
        let customers = [world.add("acme"), world.add("globex")];
        let mut emitters = [0, 1].map(|one| world.emitter(&customers[one], one as u8, one as u64));
        for text in ["erased", "kept"] {
            emitters[0]
                .record_event(&format!(r#"{{"action":"a","actor":{{"id":"{text}"}},"note":"mark-{text}"}}"#));
        }
        emitters[0].flush();
        world.deliver(&customers[0], &mut emitters[0]);
        record(&world, &customers[1], &mut emitters[1], 3);
        record(&world, &customers[0], &mut emitters[0], 2);
        let token = world.token("desk", "read,erase", &[&customers[0].id]);
        let body = json!({ "filter": { "actor": "erased" }, "reason": "case 17" }).to_string();
        let request = client().post(format!("{}/t/{}/erase", world.server.url(), customers[0].id));
        let request = request.bearer_auth(&token).body(body);
        let sending = thread::spawn(move || send(request));
        until("it is recorded or answered", || world.waiting() > 0 || sending.is_finished());
        world.tick();
        assert_eq!(sending.join().unwrap().status, 200);
        world.tick();
        world.server.stop();
        let before = objects(&world, &store);
        assert!(before.values().all(|content| !has(content, b"mark-erased")));
        Self { store, world, customers, before }
    }

    fn put(&self, name: &str, bytes: Option<Vec<u8>>) {
        let path = ObjectPath::from(name);
        self.world.server.wait(async {
            match bytes {
                Some(bytes) => drop(self.store.put(&path, bytes.into()).await.unwrap()),
                None => self.store.delete(&path).await.unwrap(),
            }
        });
    }

    fn lose(&self, (_, lost): &Loss) -> BTreeSet<String> {
        let lost = lost(&self.before);
        for (name, bytes) in &lost {
            self.put(name, bytes.clone());
        }
        lost.into_iter().map(|(name, _)| name).collect()
    }

    /// Makes the bucket as it was.
    fn reset(&self) {
        let now = objects(&self.world, &self.store);
        now.keys().filter(|name| !self.before.contains_key(*name)).for_each(|name| self.put(name, None));
        for (name, bytes) in &self.before {
            self.put(name, Some(bytes.clone()));
        }
    }

    fn check(&self, with_folder: bool) -> Report {
        check(&self.world, &self.store, with_folder.then(|| self.world.server.folder()))
    }

    fn assert_put_back(&self, loss: &str) {
        let now = objects(&self.world, &self.store);
        for name in commits(&self.before) {
            assert_eq!(now.get(&name), self.before.get(&name), "{loss}: {name}");
        }
        assert!(now.values().all(|content| !has(content, b"mark-erased")), "{loss}");
        assert!(now.values().any(|content| has(content, b"mark-kept")), "{loss}");
        let report = self.check(true);
        assert!(report.is_whole(), "{loss}: {:#?}", report.problems);
    }
}

#[test]
fn a_server_with_a_full_folder_puts_lost_objects_back() {
    let mut scene = Scene::new();
    scene.world.server.check_within = Some(Duration::from_hours(1));
    for loss in LOSSES {
        scene.lose(&loss);
        scene.world.server.begin();
        until("the objects are there again", || {
            let now = objects(&scene.world, &scene.store);
            commits(&scene.before).iter().all(|name| now.get(name) == scene.before.get(name))
        });
        let token = scene.world.token(&loss.0.replace(' ', "-"), "read", &["*"]);
        scene.world.server.pass(1000);
        for customer in &scene.customers {
            until("the log is served", || scene.world.newest().is_some());
            assert!(!scene.world.export(customer, &token).contains("mark-erased"));
        }
        // The events of a commit are put back a little later.
        until("all is there again", || scene.check(true).is_whole());
        scene.world.server.stop();
        scene.assert_put_back(loss.0);
        scene.before = objects(&scene.world, &scene.store);
    }
}

#[test]
fn a_server_with_an_empty_folder_serves_nothing_false() {
    let scene = Scene::new();
    for loss in LOSSES.iter().filter(|loss| loss.0 != "everything private") {
        let lost = scene.lose(loss);
        let mut other = stopped(scene.store.clone());
        let clock = scene.world.server.clock.load(Ordering::SeqCst);
        other.server.set_clock(clock + 1000);
        let Err(StartError::Store(error)) = other.server.try_begin() else { panic!("{}: it starts", loss.0) };
        let text = error.to_string();
        let is_named = lost.iter().any(|name| text.contains(name.as_str()));
        assert!(
            is_named || text.contains("rolled back") || text.contains("are missing"),
            "{}: {text}",
            loss.0
        );
        let now = objects(&scene.world, &scene.store);
        assert_eq!(
            commits(&now).len(),
            commits(&scene.before).len()
                - lost.iter().filter(|name| !now.contains_key(*name) && name.contains("commits")).count()
        );
        scene.reset();
    }
}

#[test]
fn a_check_names_all_lost_objects_and_what_the_folder_can_put_back() {
    let scene = Scene::new();
    for loss in LOSSES.iter().filter(|loss| loss.0 != "everything private") {
        let lost = scene.lose(loss);
        let places = |report: &Report| -> BTreeSet<String> {
            report.problems.iter().map(|problem| problem.place.clone()).collect()
        };
        let alone = scene.check(false);
        // Commits that are missing in a row are one problem.
        let is_named = lost.iter().any(|name| places(&alone).contains(name));
        assert!(is_named || loss.0 == "the events of a commit", "{}: {alone:#?}", loss.0);
        assert!(alone.problems.iter().any(|problem| problem.code == "fsck.commit"), "{alone:#?}");
        assert!(alone.problems.iter().all(|problem| !problem.repair.is_possible()), "{alone:#?}");
        for hint in alone.problems.iter().map(|problem| problem.repair.hint()) {
            assert!(!hint.contains("log.sqlite") && !hint.contains("backup"), "{hint}");
        }
        if loss.0 == "several" {
            let tenants = alone.problems.iter().filter(|problem| problem.is_of_tenant_log()).count();
            assert!(tenants > 0 && alone.leaves > 0, "{alone:#?}");
            assert!(places(&alone).contains(&commits(&scene.before)[5]), "{alone:#?}");
        }
        let report = scene.check(true);
        assert!(
            !report.is_whole() && report.problems.iter().all(|problem| problem.repair == Repair::Copy),
            "{}: {report:#?}",
            loss.0
        );
        let (bucket, handle) = (bucket(scene.store.clone()), scene.world.server.handle());
        let folder = Some(scene.world.server.folder());
        fsck::repair_bucket(bucket, handle, folder, &report).unwrap();
        scene.assert_put_back(loss.0);
        scene.reset();
    }
}

#[test]
fn a_stale_read_is_not_a_lost_commit() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut world = stopped(way.clone());
    world.server.check_within = Some(Duration::from_hours(1));
    world.server.begin();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 2);
    let newest = commits(&objects(&world, &store)).pop().unwrap();
    let bytes = objects(&world, &store)[&newest].clone();
    way.hide(Some(&newest));
    let before = way.misses();
    until("several looks have missed it", || way.misses() > before + 5);
    record(&world, &acme, &mut emitter, 2);
    assert_eq!(send(client().get(world.server.url() + "/healthz")).status, 200);
    assert_eq!(objects(&world, &store)[&newest], bytes);
    // A server that starts isn't confused either.
    world.server.stop();
    world.server.pass(1000);
    world.server.store = Some(bucket(way.clone()).with_patience(Duration::from_mins(1)));
    let newest = commits(&objects(&world, &store)).pop().unwrap();
    way.hide(Some(&newest));
    let before = way.misses();
    thread::scope(|scope| {
        let showing = scope.spawn(|| {
            until("the start has missed it", || way.misses() > before + 2);
            way.hide(None);
        });
        world.restart();
        showing.join().unwrap();
    });
    record(&world, &acme, &mut emitter, 1);
}

#[test]
fn a_bucket_that_was_rolled_back_is_not_filled_up() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 2);
    let before = objects(&world, &store);
    // Another server may have continued from here.
    record(&world, &acme, &mut emitter, 2);
    world.server.stop();
    let scene = Scene { store, world, customers: [acme.clone(), acme], before };
    scene.reset();
    let mut world = scene.world;
    let Err(StartError::Store(error)) = world.server.try_begin() else { panic!("it starts") };
    assert!(error.to_string().contains("rolled back"), "{error}");
    assert_eq!(objects(&world, &scene.store), scene.before);
    // Nor is an empty one, which may be another log's.
    let empty: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    world.server.store = Some(bucket(empty.clone()));
    let Err(StartError::Store(error)) = world.server.try_begin() else { panic!("it starts") };
    assert!(error.to_string().contains("the bucket is empty"), "{error}");
    assert_eq!(objects(&world, &empty), Objects::new());
}

#[test]
fn a_copy_that_is_not_proven_is_not_put_back() {
    let mut scene = Scene::new();
    let lost = commits(&scene.before)[3].clone();
    scene.put(&lost, None);
    let database = Connection::open(scene.world.server.folder().join("log.sqlite")).unwrap();
    database.execute("UPDATE leaves SET leaf = CAST(leaf || ' ' AS BLOB) WHERE idx = 3", []).unwrap();
    drop(database);
    let report = scene.check(true);
    assert!(report.problems.iter().any(|problem| problem.repair == Repair::Commits), "{report:#?}");
    scene.world.server.check_within = Some(Duration::from_hours(1));
    scene.world.server.begin();
    until("the loss is reported", || send(client().get(scene.world.server.url() + "/healthz")).status == 503);
    assert!(!objects(&scene.world, &scene.store).contains_key(&lost));
}

/// Recovers the bucket as `serve --after-restore --store` does, and returns why the logs end if they do.
fn recover(world: &World, others: &[PathBuf], nothing_newer: bool) -> Option<&'static str> {
    let config = restore::Config {
        folder: world.server.folder().to_owned(),
        bucket: world.server.store.clone().map(|bucket| (bucket, world.server.handle())),
        key: log_key().verifier_key().clone(),
        keys: Vec::new(),
        witnesses: Vec::new(),
        nothing_newer,
        now: Time::from_millis(world.server.clock.load(Ordering::SeqCst)).unwrap(),
    };
    let restore = TenantBucketRestore::open(config, others).unwrap();
    let plan = restore.plan().unwrap();
    if let TenantBucketPlan::End(reason) = plan {
        return Some(reason.code);
    }
    restore.carry_out(&plan).unwrap();
    None
}

#[test]
fn lost_objects_are_restored_from_another_servers_folder() {
    let mut scene = Scene::new();
    let mut other = start_after(&scene.world, scene.store.clone());
    let token = other.token("reader", "read", &["*"]);
    let sizes = scene.customers.each_ref().map(|customer| other.head(customer).head().size);
    other.server.stop();
    scene.before = objects(&other, &scene.store);
    scene.lose(&("everything private", |objects| named(objects, "/private/")));
    // An empty folder alone has nothing, and neither has that of a server that was stopped earlier.
    let mut world = stopped(scene.store.clone());
    world.server.set_clock(other.server.clock.load(Ordering::SeqCst) + 1000);
    let others = [scene.world.server.folder().to_owned(), other.server.folder().to_owned()];
    assert_eq!(recover(&world, &[], true), Some("log.rollback"));
    assert_eq!(recover(&world, &others[..1], true), Some("log.rollback"));
    assert_eq!(recover(&world, &others, false), None);
    world.server.begin();
    let _ = token;
    let token = world.token("reader", "read", &["*"]);
    for (customer, size) in scene.customers.iter().zip(sizes) {
        let export = world.export(customer, &token);
        assert!(!export.contains("mark-erased"));
        assert_eq!(export.contains("mark-kept"), customer.id == scene.customers[0].id);
        assert!(world.head(customer).head().size >= size);
    }
    world.server.stop();
    assert!(check(&world, &scene.store, Some(world.server.folder())).is_whole());
}

#[test]
fn a_bucket_that_was_rolled_back_needs_a_confirmation() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 2);
    let before = objects(&world, &store);
    record(&world, &acme, &mut emitter, 2);
    world.server.stop();
    let mut scene = Scene { store, world, customers: [acme.clone(), acme.clone()], before };
    scene.reset();
    assert_eq!(recover(&scene.world, &[], false), Some("log.unremembered"));
    assert_eq!(objects(&scene.world, &scene.store), scene.before);
    assert_eq!(recover(&scene.world, &[], true), None);
    scene.world.server.pass(1000);
    scene.world.restart();
    record(&scene.world, &acme, &mut emitter, 1);
    let token = scene.world.token("reader", "read", &["*"]);
    scene.world.assert_verified(&acme, &token);
}

#[test]
fn a_backup_of_a_bucket_is_a_log_in_a_folder() {
    let scene = Scene::new();
    let bucket = || bucket(scene.store.clone());
    let now = Time::from_millis(scene.world.server.clock.load(Ordering::SeqCst)).unwrap();
    for from_bucket in [false, true] {
        let mut world = World::stopped(&emitters(), Bounds::default());
        let to = world.server.folder().join("log.sqlite");
        let made = if from_bucket {
            backup::make_from_bucket(bucket(), scene.world.server.handle(), &to, now)
        } else {
            backup::make(scene.world.server.folder(), &to, now)
        };
        assert_eq!(made.unwrap().size, commits(&scene.before).len() as u64);
        let report = fsck::check(world.server.folder(), &mut |_, _| {}).unwrap();
        assert!(report.is_whole() && report.tenants == Some(2), "{report:#?}");
        // It doesn't continue without a confirmation, because the bucket may have more.
        world.server.set_clock(scene.world.server.clock.load(Ordering::SeqCst) + 1000);
        world.server.begin();
        let stopped = world.server.serving().log_server().signing().stopped();
        assert_eq!(stopped.map(|stop| stop.cause.code()), Some("log.unremembered"));
        world.server.stop();
    }
}
