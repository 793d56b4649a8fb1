//! Tests of tenant logs in a bucket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use countersign::tenant::State;
use countersign::time::Time;
use countersign_log::own_chain::{self, secure_random};
use countersign_log::tenants::requests::Ending;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::fsck::{self, Report};
use countersign_log_server::restore::{self, Plan, Restore};
use countersign_log_server::serve::StartError;
use countersign_log_server::server::Bounds;
use countersign_log_server::sqlite;
use futures_util::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use rusqlite::Connection;
use serde_json::json;

use super::root_notes::{GRANTED, answered, grant, issuer, note, place, post, request_by, revocation};
use super::world::{Customer, World, emitters, parse_id};
use crate::bucket::faults::Faulty;
use crate::common::emitter::{BEGIN, Emitter};
use crate::common::random::Random;
use crate::common::server::{ORIGIN, client, log_key, send, until};
use crate::common::witness::Witness;

/// The object with which a server asks the others to go on standby.
const TURN: &str = "logs/audit/private/turn";
/// The number of a standby server's ticks after which it takes over.
const TAKEOVER_TICKS: usize = 5;

pub(super) fn bucket(way: Arc<dyn ObjectStore>) -> Bucket {
    Bucket::new(way, ObjectPath::from("logs/audit"))
        .with_pause(Duration::from_millis(1))
        .with_patience(Duration::from_millis(40))
}

/// Returns a log in this store, which isn't started, with a new folder.
pub(super) fn stopped(way: Arc<dyn ObjectStore>) -> World {
    let mut world = World::stopped(&emitters(), Bounds::default());
    world.server.store = Some(bucket(way));
    world
}

pub(super) fn start(way: Arc<dyn ObjectStore>) -> World {
    let mut world = stopped(way);
    world.server.begin();
    world
}

/// Starts a server of the same log as another one, whose clock is a little later.
pub(super) fn start_after(other: &World, way: Arc<dyn ObjectStore>) -> World {
    let mut world = stopped(way);
    let clock = other.server.clock.load(Ordering::SeqCst);
    world.server.set_clock(clock + 1000);
    world.server.begin();
    world
}

/// Returns all objects by name.
pub(super) fn objects(world: &World, store: &Arc<dyn ObjectStore>) -> BTreeMap<String, Vec<u8>> {
    world.server.wait(async {
        let mut objects = BTreeMap::new();
        for meta in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
            let found = store.get(&meta.location).await.unwrap();
            objects.insert(meta.location.to_string(), found.bytes().await.unwrap().to_vec());
        }
        objects
    })
}

pub(super) fn has(content: &[u8], bytes: &[u8]) -> bool {
    content.windows(bytes.len()).any(|window| window == bytes)
}

/// Records this many events, and verifies their receipt.
pub(super) fn record(world: &World, customer: &Customer, emitter: &mut Emitter, events: usize) {
    emitter.record(events);
    world.deliver(customer, emitter);
}

pub(super) fn tick_without_success(world: &World) {
    world.server.pass(1000);
    world.server.wait(world.logs().tick()).unwrap();
}

#[test]
fn nothing_is_lost_with_the_folder() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut world = start(way.clone());
    let (acme, globex) = (world.add("acme"), world.add("globex"));
    let mut emitters = [world.emitter(&acme, 0, 0), world.emitter(&globex, 1, 1)];
    record(&world, &acme, &mut emitters[0], 3);
    record(&world, &globex, &mut emitters[1], 1);
    let before = world.head(&acme);
    // The server ends without a chance to write anything more.
    way.end_after(0);
    drop(world);

    let mut other = stopped(store.clone());
    other.server.set_clock(BEGIN + 60_000);
    other.server.begin();
    let found = other.logs().readers().find_name("acme").unwrap().unwrap();
    assert_eq!((found.since, found.name.as_str()), (Some(acme.since), "acme"));
    assert_eq!(other.head(&acme).head(), before.head());
    for customer in [&acme, &globex] {
        let token = other.token(&customer.id, "read", &[&customer.id]);
        other.assert_verified(customer, &token);
    }
    record(&other, &acme, &mut emitters[0], 2);
    let token = other.token("again", "read", &[&acme.id]);
    other.assert_verified(&acme, &token);
    // A restart with its folder continues too.
    other.server.pass(1000);
    other.restart();
    other.assert_verified(&acme, &token);
    assert!(other.logs().stops().is_empty());
}

#[test]
fn nothing_public_is_about_tenants() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 300);
    let objects = objects(&world, &store);
    let (public, private): (Vec<_>, Vec<_>) =
        objects.iter().partition(|(name, _)| name.starts_with("logs/audit/public/"));
    assert!(!public.is_empty());
    let links = emitter.made.iter().map(String::as_bytes);
    let secrets: Vec<&[u8]> = links.take(20).chain([&b"acme"[..], acme.id.as_bytes()]).collect();
    for (name, content) in public {
        assert!(secrets.iter().all(|secret| !has(content, secret)), "{name}");
        // One entry for each tick: far fewer than the tenant has.
        assert!(!name.contains("entries/") || content.len() < 20_000, "{name}");
    }
    assert!(private.iter().any(|(_, content)| has(content, b"acme")));
}

#[test]
fn a_server_that_is_overtaken_waits_and_takes_over() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = start(store.clone());
    let acme = first.add("acme");
    let mut emitter = first.emitter(&acme, 0, 0);
    record(&first, &acme, &mut emitter, 2);
    let token = first.token("reader", "read", &[&acme.id]);
    let path = format!("/t/{}/export", acme.id);
    let mut second = start_after(&first, store);
    let second_token = second.token("reader", "read", &[&acme.id]);
    second.assert_verified(&acme, &second_token);

    // It isn't overtaken before its next tick. What waits for that fails, and is sent to the other server.
    emitter.record(2);
    let submission = first.submission(&acme.id, emitter.body(0, usize::MAX).0);
    let sending = thread::spawn(move || send(submission));
    until("it waits for a tick", || first.waiting() == 1);
    tick_without_success(&first);
    assert_eq!(sending.join().unwrap().refusal(), (503, "server.unavailable".into()));
    assert_eq!(first.get(&path, &token).refusal(), (503, "server.unavailable".into()));
    second.deliver(&acme, &mut emitter);
    record(&second, &acme, &mut emitter, 1);
    let globex = second.add("globex");
    for _ in 0..3 * TAKEOVER_TICKS {
        second.tick();
        tick_without_success(&first);
        assert!(first.newest().is_none());
    }
    second.assert_verified(&acme, &second_token);
    let size = second.head(&acme).head().size;

    // The second one ends. The first one has everything, and continues.
    let mut ticks = 0;
    while first.newest().is_none() {
        tick_without_success(&first);
        ticks += 1;
        assert!(ticks <= TAKEOVER_TICKS);
    }
    assert_eq!(ticks, TAKEOVER_TICKS);
    assert_eq!(first.head(&acme).head().size, size);
    let report = first.assert_verified(&acme, &token);
    assert!(report.findings.iter().all(|finding| finding.code.as_str() == "chain.open"));
    record(&first, &acme, &mut emitter, 1);
    let mut other = first.emitter(&globex, 1, 1);
    record(&first, &globex, &mut other, 1);
    tick_without_success(&second);
    assert!(second.newest().is_none());
}

/// Makes a server tick until this is dropped, as often as it can, whether or not the ticks succeed.
struct Ticking {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticking {
    fn start(world: &World) -> Self {
        let (logs, clock, stop) =
            (world.logs().clone(), world.server.clock.clone(), Arc::<AtomicBool>::default());
        let stopping = stop.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            while !stopping.load(Ordering::SeqCst) {
                clock.fetch_add(1000, Ordering::SeqCst);
                let _ = runtime.block_on(logs.tick());
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Starts a server, and retries if a fault prevents it.
fn start_despite_faults(world: &mut World) {
    for _ in 0..200 {
        match world.server.try_begin() {
            Ok(()) => return,
            Err(StartError::Store(countersign_log::store::StoreError::Unavailable { .. })) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the server doesn't start");
}

/// Delivers what an emitter has to one server or the other, until one of them answers with a receipt.
fn deliver_to_any(worlds: &[&World], customer: &Customer, emitter: &mut Emitter, random: &mut Random) {
    for _ in 0..2000 {
        let world = worlds[random.below(worlds.len() as u64) as usize];
        let answer = send(world.submission(&customer.id, emitter.body(0, usize::MAX).0));
        match answer.status {
            200 => {
                world.delivered(customer, emitter, &answer);
                return;
            }
            429 | 503 => thread::sleep(Duration::from_millis(5)),
            _ => panic!("{answer:?}"),
        }
    }
    panic!("{} lines remain in the outbox", emitter.outbox.len());
}

#[test]
fn faults_of_the_bucket_and_two_servers_lose_nothing() {
    for seed in 1..=2 {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut random = Random::new(seed);
        let mut first = start(store.clone());
        let clock = first.server.clock.clone();
        let customers = [first.add("acme"), first.add("globex")];
        let mut emitters = [first.emitter(&customers[0], 0, 0), first.emitter(&customers[1], 1, 1)];
        first.server.stop();
        let mut ways = Vec::new();
        for round in 0..3 {
            let mut worlds = Vec::new();
            for server in 0..2 {
                // Late writes of earlier rounds land in this one.
                let way = Faulty::new(store.clone(), 100 * seed + 10 * round + server);
                way.fail(40);
                let mut world = stopped(way.clone());
                world.server.clock = clock.clone();
                clock.fetch_add(1000, Ordering::SeqCst);
                start_despite_faults(&mut world);
                ways.push(way);
                worlds.push(world);
            }
            let ticking: Vec<Ticking> = worlds.iter().map(Ticking::start).collect();
            let both: Vec<&World> = worlds.iter().collect();
            for _ in 0..6 {
                let one = random.below(2) as usize;
                emitters[one].record(1 + random.below(4) as usize);
                deliver_to_any(&both, &customers[one], &mut emitters[one], &mut random);
            }
            // One of them is killed in the midst of its work, and the other one continues alone.
            let killed = ways.len() - 1 - random.below(2) as usize;
            ways[killed].end_after(random.below(12));
            let one = random.below(2) as usize;
            emitters[one].record(2);
            deliver_to_any(&both, &customers[one], &mut emitters[one], &mut random);
            drop(ticking);
            for way in &ways {
                way.end_after(0);
            }
        }
        // Writes that are still on their way arrive now, and change nothing.
        for way in &ways {
            way.end_after(u64::MAX);
            first.server.wait(way.settle());
        }
        let mut last = stopped(store.clone());
        last.server.clock = clock.clone();
        clock.fetch_add(1000, Ordering::SeqCst);
        last.server.begin();
        for (customer, emitter) in customers.iter().zip(&emitters) {
            let tenant = last.logs().readers().find(&parse_id(&customer.id)).unwrap().unwrap();
            let reader = last.logs().readers().log(tenant.number);
            let leaves = reader.leaves(0..reader.size().unwrap()).unwrap();
            let made: Vec<&[u8]> = emitter.made.iter().map(String::as_bytes).collect();
            assert_eq!(leaves, made);
            let token = last.token(&customer.id, "read", &[&customer.id]);
            last.assert_verified(customer, &token);
        }
        assert!(last.logs().stops().is_empty());
        let report = check(&last, &store, None);
        assert!(report.is_whole(), "{:#?}", report.problems);
    }
}

/// Checks the bucket, and the index in a folder.
pub(super) fn check(world: &World, store: &Arc<dyn ObjectStore>, folder: Option<&std::path::Path>) -> Report {
    let (bucket, handle) = (bucket(store.clone()), world.server.handle());
    fsck::check_bucket(&bucket, &handle, folder, &mut |_, _| {}).unwrap()
}

#[test]
fn erased_events_leave_the_bucket_and_every_index() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let (acme, globex) = (world.add("acme"), world.add("globex"));
    let mut emitters = [world.emitter(&acme, 0, 0), world.emitter(&globex, 1, 1)];
    for ((name, customer), emitter) in [("acme", &acme), ("globex", &globex)].into_iter().zip(&mut emitters) {
        emitter.record_event(&format!(r#"{{"action":"a","actor":{{"id":"ann"}},"note":"mark-{name}-ann"}}"#));
        emitter.record_event(&format!(r#"{{"action":"a","actor":{{"id":"bob"}},"note":"mark-{name}-bob"}}"#));
        emitter.flush();
        world.deliver(customer, emitter);
    }
    let token = world.token("desk", "read,erase", &[&acme.id]);
    let erase = |world: &World, token: &str| {
        let body = json!({ "filter": { "actor": "ann" }, "reason": "case 17" }).to_string();
        let request = client().post(format!("{}/t/{}/erase", world.server.url(), acme.id));
        let request = request.bearer_auth(token).body(body);
        let sending = thread::spawn(move || send(request));
        until("it is recorded or answered", || world.waiting() > 0 || sending.is_finished());
        world.tick();
        sending.join().unwrap()
    };
    let answer = erase(&world, &token);
    assert_eq!((answer.status, &answer.json()["erased"]), (200, &json!(1)), "{answer:?}");
    let holds = |objects: &BTreeMap<String, Vec<u8>>, text: &str| {
        objects.values().any(|content| has(content, text.as_bytes()))
    };
    let erased = objects(&world, &store);
    assert!(!holds(&erased, "mark-acme-ann"));
    for kept in ["mark-acme-bob", "mark-globex-ann", "mark-globex-bob"] {
        assert!(holds(&erased, kept), "{kept}");
    }
    let report = check(&world, &store, Some(world.server.folder()));
    assert!(report.is_whole() && report.erased == 1, "{report:#?}");

    // A server with a new folder has the other events, and knows which one was erased.
    world.server.stop();
    let mut other = start_after(&world, store.clone());
    let token = other.token("desk", "read,erase", &[&acme.id]);
    let export = other.export(&acme, &token);
    assert!(!export.contains("mark-acme-ann") && export.contains("mark-acme-bob"));
    let other_token = other.token("globex", "read", &[&globex.id]);
    assert!(other.export(&globex, &other_token).contains("mark-globex-ann"));
    until("the erasure is done", || {
        let list = other.get(&format!("/t/{}/erasures", acme.id), &token).json();
        list["erasures"][0]["state"] == "done"
    });
    let mut emitter = other.emitter(&acme, 2, 2);
    record(&other, &acme, &mut emitter, 1);
    assert_eq!(erase(&other, &token).json()["erased"], json!(0));
    other.server.stop();
    assert!(check(&other, &store, Some(other.server.folder())).is_whole());
}

#[test]
fn a_check_finds_damaged_and_missing_objects() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 3);
    world.server.stop();
    let commits = |name: &String| name.contains("private/commits");
    let size = objects(&world, &store).into_keys().filter(commits).count().to_string();
    assert!(check(&world, &store, Some(world.server.folder())).is_whole());
    for (name, content) in objects(&world, &store) {
        let is_checked = ["private/commits", "private/windows", "public/tile", "private/checkpoints"]
            .iter()
            .any(|part| name.contains(part));
        // Smaller partial tiles are leftovers, which no one needs.
        let is_superseded = name.rsplit_once(".p/").is_some_and(|(_, width)| width != size.as_str());
        if !is_checked || is_superseded || content.is_empty() {
            continue;
        }
        let path = ObjectPath::from(name.as_str());
        let mut changed = content.clone();
        changed[content.len() / 2] ^= 1;
        world.server.wait(store.put(&path, changed.into())).unwrap();
        let report = check(&world, &store, None);
        assert!(!report.is_whole(), "{name}");
        if name.contains("public/") {
            fsck::repair_bucket(bucket(store.clone()), world.server.handle(), None, &report).unwrap();
            assert!(check(&world, &store, None).is_whole(), "{name}");
        } else {
            assert!(report.problems.iter().any(|problem| problem.place == name), "{:?}", report.problems);
        }
        world.server.wait(store.put(&path, content.into())).unwrap();
    }
}

#[test]
fn logs_of_different_kinds_never_share_a_bucket_or_a_folder() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    world.server.stop();
    let why = |world: &mut World| match world.server.try_begin() {
        Err(StartError::Store(error)) => error.to_string(),
        _ => panic!("it starts"),
    };
    // The folder is only an index.
    let bucket_of_root = world.server.store.take();
    assert!(why(&mut world).contains("is the index of a log in a bucket"));
    // An ordinary log has another kind of bucket.
    let mut ordinary = stopped(store);
    assert!(ordinary.server.tenants.take().is_some());
    assert!(why(&mut ordinary).contains("contains a root log with tenant logs"));
    let other: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut ordinary = stopped(other);
    ordinary.server.tenants = None;
    ordinary.server.begin();
    ordinary.server.stop();
    let mut root = World::stopped(&emitters(), Bounds::default());
    root.server.store = ordinary.server.store.take();
    assert!(why(&mut root).contains("contains an ordinary log"));
    // A log in a folder can't be moved.
    let mut folder = World::start();
    folder.server.stop();
    folder.server.store = bucket_of_root;
    assert!(why(&mut folder).contains("can't be moved"));
}

#[test]
fn tenants_that_no_tick_contains_survive_another_server() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = start(store.clone());
    let acme = first.add("acme");
    let mut second = start_after(&first, store);
    // Both have the next number. The one with a name that the other server created is dropped.
    first.create("initech");
    let add = |world: &World, name: &str| {
        let mut random: own_chain::Random = Box::new(secure_random);
        sqlite::add_tenant(world.server.folder(), name, &mut random, Time::MIN).unwrap()
    };
    let dropped = add(&first, "globex");
    let globex = add(&second, "globex");
    assert_ne!(dropped.id, globex.id);
    second.tick();
    tick_without_success(&first);
    let find = |world: &World, name: &str| world.logs().readers().find_name(name).unwrap().unwrap();
    assert_eq!(find(&first, "globex").id, globex.id);
    assert_eq!(find(&first, "initech").since, None);
    assert!(find(&first, "initech").number > find(&first, "globex").number);
    assert_eq!(second.logs().readers().find_name("initech").unwrap(), None);
    second.server.stop();
    while first.newest().is_none() {
        tick_without_success(&first);
    }
    assert!(find(&first, "initech").since.is_some());
    assert!(first.logs().head(&find(&first, "acme").id).is_some());
    assert_eq!(find(&first, "acme").since, Some(acme.since));
}

#[test]
fn anchors_and_kept_heads_are_not_lost_with_the_folder() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 3);
    // More than an hour, so that the first hour's head is kept, and the first anchor is over.
    while world.server.size() < 4100 {
        tick_without_success(&world);
    }
    record(&world, &acme, &mut emitter, 1);
    let token = world.token("reader", "read", &[&acme.id]);
    let report = world.assert_verified(&acme, &token);
    let history = report.history;
    assert_eq!(history.as_ref().map(|history| history.anchors), Some(1));
    // The head of the first hour, with its proof.
    let kept = |world: &World| {
        let log = world.logs().reading(parse_id(&acme.id)).unwrap().unwrap();
        let heads = log.log_server().reader().checkpoints(0..100).unwrap();
        assert_eq!(heads.len(), 2);
        heads.into_iter().next()
    };
    let kept_before = kept(&world);
    assert_eq!(objects(&world, &store).keys().filter(|name| name.contains("private/anchors/")).count(), 1);
    assert!(check(&world, &store, Some(world.server.folder())).is_whole());
    world.server.stop();

    let mut other = start_after(&world, store.clone());
    let token = other.token("reader", "read", &[&acme.id]);
    let report = other.assert_verified(&acme, &token);
    assert_eq!(report.history, history);
    assert_eq!(kept(&other), kept_before);
    // Without its secret, an anchor is lost, and a check says so.
    other.server.stop();
    let secret = objects(&other, &store).into_keys().find(|name| name.contains("private/anchors/")).unwrap();
    other.server.wait(store.delete(&ObjectPath::from(secret.as_str()))).unwrap();
    let report = check(&other, &store, None);
    assert_eq!(report.problems.len(), 1, "{report:#?}");
    assert_eq!(
        (report.problems[0].code, report.problems[0].place.as_str()),
        ("fsck.checkpoint", secret.as_str())
    );
}

/// Continues the log in the folder as `serve --after-restore` does without `--store`, and returns why it ends if it does.
fn leave_bucket(world: &World, nothing_newer: bool) -> Option<&'static str> {
    let config = restore::Config {
        folder: world.server.folder().to_owned(),
        bucket: None,
        key: log_key().verifier_key().clone(),
        keys: Vec::new(),
        witnesses: Vec::new(),
        nothing_newer,
        now: Time::from_millis(world.server.clock.load(Ordering::SeqCst)).unwrap(),
    };
    let mut restore = Restore::open(config).unwrap();
    assert!(restore.has_tenants() && restore.leaves_bucket());
    restore.collect(Vec::new()).unwrap();
    match restore.plan().unwrap() {
        Plan::End(reason) => Some(reason.code),
        plan => {
            assert!(matches!(plan, Plan::Continue { .. }));
            restore.carry_out(plan).unwrap();
            None
        }
    }
}

#[test]
fn after_the_loss_of_the_bucket_the_logs_continue_in_the_folder() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone());
    let (acme, globex) = (world.add("acme"), world.add("globex"));
    let mut emitters = [world.emitter(&acme, 0, 0), world.emitter(&globex, 1, 1)];
    record(&world, &acme, &mut emitters[0], 3);
    record(&world, &globex, &mut emitters[1], 1);
    // Beyond the first anchor.
    while world.server.size() < 4100 {
        tick_without_success(&world);
    }
    record(&world, &acme, &mut emitters[0], 1);
    let token = world.token("acme", "read", &[&acme.id]);
    let history = world.assert_verified(&acme, &token).history;
    assert_eq!(history.as_ref().map(|history| history.anchors), Some(1));
    let before = world.head(&acme);
    world.server.stop();

    // The index can't be served without the bucket by mistake, nor without a word about other servers.
    world.server.store = None;
    let is_refused = |world: &mut World| {
        let Err(StartError::Store(error)) = world.server.try_begin() else { panic!("it starts") };
        assert!(error.to_string().contains("the index of a log in a bucket"), "{error}");
    };
    is_refused(&mut world);
    assert_eq!(leave_bucket(&world, false), Some("log.unremembered"));
    is_refused(&mut world);

    assert_eq!(leave_bucket(&world, true), None);
    for name in ["initech", "umbrella"] {
        world.server.pass(1000);
        world.restart();
        assert!(world.logs().stops().is_empty() && world.server.log_server().signing().stopped().is_none());
        assert_eq!(world.assert_verified(&acme, &token).history, history);
        assert!(world.head(&acme).head().size >= before.head().size);
        record(&world, &acme, &mut emitters[0], 2);
        record(&world, &globex, &mut emitters[1], 2);
        world.add(name);
        world.assert_verified(&acme, &token);
        world.server.stop();
    }
    assert!(fsck::check(world.server.folder(), &mut |_, _| {}).unwrap().is_whole());

    // Its former bucket doesn't get it back.
    world.server.store = Some(bucket(store));
    assert!(world.server.try_begin().is_err());
}

#[test]
fn witnesses_cosign_a_root_log_in_a_bucket() {
    const AHEAD: i64 = 10_000;
    let witness = Witness::start(0, BEGIN + AHEAD);
    let trust = format!("{}quorum w\n{}", witness.line("w"), emitters());
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = World::stopped(&trust, Bounds::default());
    world.server.store = Some(bucket(store.clone()));
    world.server.begin();
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 2);
    let token = world.token("reader", "read", &[&acme.id]);
    world.assert_verified(&acme, &token);
    world.server.stop();

    let mut other = World::stopped(&trust, Bounds::default());
    other.server.store = Some(bucket(store));
    let clock = world.server.clock.load(Ordering::SeqCst) + 1000;
    other.server.set_clock(clock);
    witness.set_clock(clock + AHEAD);
    other.restart();
    let token = other.token("reader", "read", &[&acme.id]);
    let report = other.assert_verified(&acme, &token);
    assert_eq!(report.checks.witnesses.state, countersign::verify::CheckState::Pass);
    record(&other, &acme, &mut emitter, 1);
    other.assert_verified(&acme, &token);
}

/// Makes ticks on a server on standby until it takes over.
fn take_over(world: &World) {
    for _ in 0..=TAKEOVER_TICKS {
        tick_without_success(world);
        if world.newest().is_some() {
            return;
        }
    }
    panic!("the server doesn't take over");
}

fn database(world: &World) -> Connection {
    Connection::open(world.server.folder().join(sqlite::FILE)).unwrap()
}

#[test]
fn a_server_on_standby_deletes_anchors_that_are_no_longer_required() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let first = start(store.clone());
    // An anchor is kept for 4,096 ticks after the last head that requires it.
    while first.server.size() < 4110 {
        tick_without_success(&first);
    }
    let _second = start_after(&first, store);
    let index = database(&first);
    index.execute("INSERT INTO anchor_ticks VALUES (2, 8, zeroblob(32))", []).unwrap();
    let ticks = || -> Vec<u64> {
        let mut query = index.prepare("SELECT tick FROM anchor_ticks ORDER BY tick").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(ticks(), [2, 4095]);
    tick_without_success(&first);
    assert!(first.newest().is_none(), "it is on standby");
    tick_without_success(&first);
    assert_eq!(ticks(), [4095]);
}

/// In a rolling update, the server that started earlier is stopped once the new one is ready.
#[test]
fn a_server_that_starts_takes_over_although_another_one_is_faster() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let first_way = Faulty::new(store.clone(), 2);
    let mut first = start(first_way.clone());
    let acme = first.add("acme");
    let mut emitter = first.emitter(&acme, 0, 0);
    record(&first, &acme, &mut emitter, 1);
    let way = Faulty::new(store, 1);
    way.block(Some("private/commits"));
    let waiting = way.waiting();
    let mut second = stopped(way.clone());
    second.server.set_clock(first.server.clock.load(Ordering::SeqCst) + 1000);
    thread::scope(|scope| {
        let starting = scope.spawn(|| second.server.begin());
        until("it makes its first tick", || way.waiting() > waiting);
        // It was about to make a tick when the second one asked for its turn.
        first_way.hide(Some(TURN));
        first.tick();
        first_way.hide(None);
        way.block(None);
        starting.join().unwrap();
    });
    assert!(second.newest().is_none(), "it is on standby");
    second.server.set_clock(first.server.clock.load(Ordering::SeqCst));
    second.tick();
    record(&second, &acme, &mut emitter, 2);
    // The other one goes on standby. It doesn't take over at once, because it has made ticks.
    for _ in 0..TAKEOVER_TICKS - 1 {
        tick_without_success(&first);
        assert_eq!(first.server.size(), second.server.size());
    }
    record(&second, &acme, &mut emitter, 1);
    let token = second.token("reader", "read", &[&acme.id]);
    second.assert_verified(&acme, &token);
}

#[test]
fn a_start_changes_the_roles_once_and_a_slow_server_keeps_its_role() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = start(store.clone());
    let acme = first.add("acme");
    let mut emitter = first.emitter(&acme, 0, 0);
    let mut second = start_after(&first, store.clone());
    let roles = |first: &World, second: &World| (first.newest().is_some(), second.newest().is_some());
    for _ in 0..3 {
        // Both tick in turn. The one that started last keeps its role.
        for _ in 0..2 * TAKEOVER_TICKS {
            second.tick();
            tick_without_success(&first);
            assert_eq!(roles(&first, &second), (false, true));
        }
        record(&second, &acme, &mut emitter, 1);
        first.server.stop();
        first.server.set_clock(second.server.clock.load(Ordering::SeqCst) + 1000);
        first.server.begin();
        for _ in 0..2 * TAKEOVER_TICKS {
            tick_without_success(&second);
            first.tick();
            assert_eq!(roles(&first, &second), (true, false));
        }
        std::mem::swap(&mut first, &mut second);
    }
    // A server whose ticks take a while longer each time isn't taken for dead.
    for wait in 1..=2 * TAKEOVER_TICKS {
        second.tick();
        for _ in 0..wait {
            tick_without_success(&first);
        }
        assert!(first.newest().is_none(), "after {wait} ticks");
    }
    record(&second, &acme, &mut emitter, 1);
}

#[test]
fn a_stopped_log_keeps_its_last_head_after_a_takeover() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut first = start(way.clone());
    let (acme, globex) = (first.add("acme"), first.add("globex"));
    let mut emitter = first.emitter(&acme, 0, 0);
    record(&first, &acme, &mut emitter, 3);
    let shown = first.head(&acme).head().clone();
    first.server.stop();
    let second_way = Faulty::new(store, 2);
    let mut second = start_after(&first, second_way.clone());
    // The first server's index loses entries, and the head with them.
    let number = second.logs().readers().find_name("acme").unwrap().unwrap().number.get();
    let index = database(&first);
    let keys = (i64::from(number) << 32, i64::from(number + 1) << 32);
    assert!(index.execute("DELETE FROM leaves WHERE idx > ? AND idx < ?", keys).unwrap() > 0);
    index.execute("UPDATE tenant_heads SET size = 1 WHERE number = ?", [number]).unwrap();
    drop(index);

    // The other server is faster than its first tick.
    first.server.set_clock(second.server.clock.load(Ordering::SeqCst) + 1000);
    way.block(Some("private/commits"));
    let waiting = way.waiting();
    thread::scope(|scope| {
        let starting = scope.spawn(|| first.server.begin());
        until("it makes its first tick", || way.waiting() > waiting);
        // It doesn't see that the first one asks for its turn.
        second_way.hide(Some(TURN));
        second.tick();
        way.block(None);
        starting.join().unwrap();
    });
    assert!(first.newest().is_none(), "it is on standby");
    assert_eq!(first.logs().stops().len(), 1);
    assert_eq!(second.head(&acme).head().size, shown.size);
    let mut other = second.emitter(&globex, 1, 1);
    record(&second, &globex, &mut other, 2);
    second.server.stop();

    take_over(&first);
    for _ in 0..2 {
        let head = first.newest().unwrap().directory.heads().find(&parse_id(&acme.id)).copied().unwrap();
        assert_eq!((head.size, head.root), (shown.size, shown.root));
        assert_eq!(first.logs().head(&parse_id(&globex.id)).unwrap().size, 3);
        assert_eq!(first.logs().stops().len(), 1, "it stays stopped");
        first.server.pass(1000);
        first.restart();
    }
}

#[test]
fn a_log_that_another_server_creates_during_a_start_is_not_stopped() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = start(store.clone());
    first.add("acme");
    let way = Faulty::new(store, 1);
    way.block_lists(Some("private/signed"));
    let mut second = stopped(way.clone());
    second.server.set_clock(first.server.clock.load(Ordering::SeqCst) + 10_000);
    // The second server has read the commits, but not yet which checkpoints were signed.
    let globex = thread::scope(|scope| {
        let starting = scope.spawn(|| second.server.begin());
        until("it has read the commits", || way.waiting() == 1);
        let globex = first.add("globex");
        first.tick();
        first.tick();
        way.block_lists(None);
        starting.join().unwrap();
        globex
    });
    assert!(second.logs().stops().is_empty(), "{:?}", second.logs().stops().all());
    take_over(&second);
    assert!(second.logs().stops().is_empty(), "{:?}", second.logs().stops().all());
    let mut emitter = second.emitter(&globex, 1, 1);
    record(&second, &globex, &mut emitter, 2);
}

/// Returns a log in this store that isn't started, whose trust file names an issuer and the log server.
fn stopped_with_issuer(way: Arc<dyn ObjectStore>) -> World {
    let (log, issuer) = (log_key(), issuer());
    let trust = format!("{}emitter {}\nissuer {}\n", emitters(), log.verifier_key(), issuer.verifier_key());
    let mut world = World::stopped(&trust, Bounds::default());
    world.server.store = Some(bucket(way));
    world
}

/// Starts two servers of one log, of which the second one makes the ticks, with the logs of these tenants.
fn two_servers<const N: usize>(names: [&str; N]) -> (World, World, [Customer; N]) {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = stopped_with_issuer(store.clone());
    first.server.begin();
    let customers = names.map(|name| first.add(name));
    let mut second = stopped_with_issuer(store);
    second.server.set_clock(first.server.clock.load(Ordering::SeqCst) + 1000);
    second.server.begin();
    tick_without_success(&first);
    assert!(first.newest().is_none() && second.newest().is_some());
    (first, second, customers)
}

#[test]
fn key_notes_for_all_logs_are_known_to_every_server() {
    let (first, mut second, [acme, globex]) = two_servers(["acme", "globex"]);
    // A server on standby stores nothing.
    let body = request_by(&first, &note(grant(GRANTED)), ORIGIN, &issuer());
    let refused = post(&first, body).join().unwrap();
    assert_eq!(refused.refusal(), (503, "server.unavailable".into()));

    assert_eq!(place(&second, grant(GRANTED))["logs"], json!({}));
    let mut emitter = second.emitter(&acme, GRANTED, 0);
    record(&second, &acme, &mut emitter, 1);
    second.server.stop();
    take_over(&first);
    // The grant counts on the other server too.
    let mut other = first.emitter(&globex, GRANTED, 1);
    record(&first, &globex, &mut other, 1);
    let placed = place(&first, revocation(GRANTED));
    let logs: Vec<&String> = placed["logs"].as_object().unwrap().keys().collect();
    let mut expected = [&acme.origin, &globex.origin];
    expected.sort();
    assert_eq!(logs, expected);
    assert_eq!(placed["missing"], json!([]));

    // A server with a new folder knows all of it.
    let clock = first.server.clock.load(Ordering::SeqCst);
    let mut last = stopped_with_issuer(Arc::new(InMemory::new()));
    last.server.store = first.server.store.clone();
    last.server.set_clock(clock + 1000);
    last.server.begin();
    let sql = "SELECT count(*), sum(placed) FROM root_notes";
    let stored: (u64, u64) =
        database(&last).query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(stored, (2, 2));
    let mut late = last.emitter(&acme, GRANTED, 2);
    late.record(1);
    assert_eq!(last.submit(&acme.id, late.body(0, usize::MAX).0).status, 403);
}

#[test]
fn a_server_that_takes_over_accepts_no_request_that_another_one_may_have_accepted() {
    let (first, mut second, [_]) = two_servers(["acme"]);
    let body = request_by(&second, &note(grant(GRANTED)), ORIGIN, &issuer());
    assert_eq!(answered(&second, post(&second, body.clone())).status, 200);
    second.server.stop();
    take_over(&first);
    let again = post(&first, body).join().unwrap();
    assert_eq!(again.refusal(), (409, "request.time".into()));
    // A request signed after that is accepted.
    place(&first, grant(GRANTED));
}

#[test]
fn a_key_note_is_not_acknowledged_if_another_server_makes_the_tick() {
    let (first, second, [acme]) = two_servers(["acme"]);
    let body = |world| request_by(world, &note(grant(GRANTED)), ORIGIN, &issuer());
    let sending = post(&second, body(&second));
    // The note waits for the second server's next tick, but the first one takes over.
    take_over(&first);
    tick_without_success(&second);
    assert_eq!(sending.join().unwrap().refusal(), (503, "server.unavailable".into()));
    let mut emitter = first.emitter(&acme, GRANTED, 0);
    emitter.record(1);
    // A refusal waits for a tick, which shows that no other server has a grant.
    let submission = first.submission(&acme.id, emitter.body(0, usize::MAX).0);
    assert_eq!(answered(&first, thread::spawn(move || send(submission))).status, 403);
    assert_eq!(answered(&first, post(&first, body(&first))).status, 200);
    first.deliver(&acme, &mut emitter);
}

#[test]
fn logs_end_and_continue_on_every_server() {
    let (first, mut second, [acme, globex]) = two_servers(["acme", "globex"]);
    let mut emitter = second.emitter(&acme, 0, 0);
    record(&second, &acme, &mut emitter, 2);
    let to = "log.elsewhere/t/00000000000000000000000000000000";
    sqlite::end_tenants(second.server.folder(), &["acme"], &Ending::End).unwrap();
    sqlite::end_tenants(second.server.folder(), &["globex"], &Ending::Move(to.into())).unwrap();
    // A request of the server on standby comes too late.
    sqlite::end_tenants(first.server.folder(), &["acme"], &Ending::Move(to.into())).unwrap();
    second.tick();
    let continued = || {
        let mut random: own_chain::Random = Box::new(secure_random);
        let openings = [json!({ "action": "log.continues" }).to_string()];
        let id = parse_id(&acme.id);
        let folder = second.server.folder();
        sqlite::continue_as_tenant(folder, "acme", &openings, Some(&id), &mut random, Time::MIN).unwrap()
    };
    let new = continued();
    second.tick();
    let check = |world: &World, size: u64| {
        assert_eq!(world.head(&acme).head().state, State::Ended);
        assert_eq!(world.head(&globex).head().state, State::Moved);
        for (customer, moved_to) in [(&acme, None), (&globex, Some(to))] {
            let mut late = world.emitter(customer, 0, 9);
            late.record(1);
            let answer = world.submit(&customer.id, late.body(0, usize::MAX).0);
            assert_eq!(answer.refusal(), (410, "log.ended".into()));
            assert_eq!(answer.json()["moved_to"].as_str(), moved_to);
        }
        let found = world.logs().readers().find_name("acme").unwrap().unwrap();
        assert_eq!(found.id, new.id);
        let waiting: u64 =
            database(world).query_row("SELECT count(*) FROM tenant_requests", [], |row| row.get(0)).unwrap();
        assert_eq!((world.logs().head(&new.id).unwrap().size, waiting), (size, 0));
    };
    check(&second, 2);
    // A server that stops closes its chains.
    second.server.stop();
    take_over(&first);
    check(&first, 3);
    let token = first.token("acme", "read", &[&acme.id]);
    first.assert_verified(&acme, &token);
}

#[test]
fn a_request_stays_with_its_tenant_if_another_server_takes_its_number() {
    let (first, mut second, [acme]) = two_servers(["acme"]);
    sqlite::end_tenants(second.server.folder(), &["acme"], &Ending::End).unwrap();
    second.tick();
    tick_without_success(&first);
    // The server on standby continues the log, and the other one creates a tenant at the same time.
    let mut random: own_chain::Random = Box::new(secure_random);
    let (folder, id) = (first.server.folder(), parse_id(&acme.id));
    let openings = [json!({ "action": "log.continues" }).to_string()];
    let new =
        sqlite::continue_as_tenant(folder, "acme", &openings, Some(&id), &mut random, Time::MIN).unwrap();
    let globex = second.add("globex");
    second.server.stop();
    take_over(&first);
    let found = first.logs().readers().find_name("acme").unwrap().unwrap();
    assert_eq!(found.id, new.id);
    assert_ne!(found.number, new.number);
    first.tick();
    assert_eq!(first.logs().head(&new.id).unwrap().size, 2);
    assert_eq!(first.logs().head(&parse_id(&globex.id)).unwrap().size, 0);
}

#[test]
fn an_index_is_rebuilt_with_few_requests() {
    const WINDOW_TICKS: u64 = 256;
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut first = start(store.clone());
    let acme = first.add("acme");
    let mut emitter = first.emitter(&acme, 0, 0);
    let reach = |world: &World, size: u64| {
        while world.server.size() < size {
            tick_without_success(world);
        }
    };
    reach(&first, 100);
    record(&first, &acme, &mut emitter, 3);
    // A restart doesn't prevent a window.
    first.server.pass(1000);
    first.restart();
    reach(&first, 2 * WINDOW_TICKS - 10);
    record(&first, &acme, &mut emitter, 2);
    reach(&first, 4 * WINDOW_TICKS + 8);
    let head = first.head(&acme);
    first.server.stop();
    let windows = |world: &World| -> Vec<String> {
        objects(world, &store).into_keys().filter(|name| name.contains("private/windows/")).collect()
    };
    assert_eq!(windows(&first).len(), 4);
    let report = check(&first, &store, Some(first.server.folder()));
    assert!(report.is_whole(), "{:#?}", report.problems);

    let rebuild = |world: &World| {
        let way = Faulty::new(store.clone(), 1);
        let other = start_after(world, way.clone());
        assert_eq!(other.head(&acme).head(), head.head());
        let token = other.token("reader", "read", &[&acme.id]);
        other.assert_verified(&acme, &token);
        (way.requests(), other)
    };
    let (requests, second) = rebuild(&first);
    assert!(requests < 100, "{requests} requests for {} ticks", first.server.size());
    // A window that is missing or damaged is only a shortcut less.
    let name = ObjectPath::from(windows(&second)[1].as_str());
    second.server.wait(store.put(&name, b"damaged".to_vec().into())).unwrap();
    let (more, third) = rebuild(&second);
    assert!((requests + WINDOW_TICKS - 20..requests + WINDOW_TICKS + 40).contains(&more), "{more}");
    let report = check(&third, &store, None);
    assert_eq!(report.problems[0].place, name.as_ref(), "{:?}", report.problems);
    third.server.wait(store.delete(&name)).unwrap();
    assert!(check(&third, &store, None).is_whole());
}
