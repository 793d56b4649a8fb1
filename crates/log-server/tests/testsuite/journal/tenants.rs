//! Journals of root logs with tenant logs.

use std::sync::Arc;
use std::thread;

use countersign::time::Time;
use countersign_log::tenants::requests::Ending;
use countersign_log_server::bucket::JournalMode;
use countersign_log_server::server::Bounds;
use countersign_log_server::{backup, sqlite};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::json;
use tempfile::TempDir;

use super::{has, journal, objects, recover, root_contents, tenant_contents};
use crate::common::emitter::Emitter;
use crate::common::server::{client, send, until};
use crate::tenants::root_notes::{GRANTED, grant, issuer, place};
use crate::tenants::world::{Customer, World, emitters};

/// The length of an hour, in milliseconds.
const HOUR: i64 = 3_600_000;

pub(super) fn start(store: Arc<dyn ObjectStore>, mode: JournalMode) -> World {
    let trust = format!("{}issuer {}\n", emitters(), issuer().verifier_key());
    let mut world = World::stopped(&trust, Bounds::default());
    world.server.journal = Some(journal(store, mode));
    world.server.begin();
    world
}

/// Records this many events, and verifies their receipt.
pub(super) fn record(world: &World, customer: &Customer, emitter: &mut Emitter, events: usize) {
    emitter.record(events);
    world.deliver(customer, emitter);
}

pub(super) fn erase(
    world: &World,
    customer: &Customer,
    token: &str,
    actor: &str,
) -> crate::common::server::Answer {
    let body = json!({ "filter": { "actor": actor }, "reason": "case 17" }).to_string();
    let request = client().post(format!("{}/t/{}/erase", world.server.url(), customer.id));
    let request = request.bearer_auth(token).body(body);
    let sending = thread::spawn(move || send(request));
    until("it is recorded or answered", || world.waiting() > 0 || sending.is_finished());
    world.tick();
    sending.join().unwrap()
}

pub(super) fn record_by(world: &World, customer: &Customer, emitter: &mut Emitter, actors: &[&str]) {
    for actor in actors {
        let event = format!(r#"{{"action":"a","actor":{{"id":"{actor}"}},"note":"mark-{actor}"}}"#);
        emitter.record_event(&event);
    }
    emitter.flush();
    world.deliver(customer, emitter);
}

#[test]
fn a_lost_disk_and_an_old_backup_lose_nothing() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone(), JournalMode::Wait);
    let (acme, globex) = (world.add("acme"), world.add("globex"));
    let mut emitters = [world.emitter(&acme, 0, 0), world.emitter(&globex, 1, 1)];
    record_by(&world, &acme, &mut emitters[0], &["ann", "bob"]);
    record(&world, &globex, &mut emitters[1], 2);
    let backups = TempDir::new().unwrap();
    let file = backups.path().join("backup.sqlite");
    backup::make(world.server.folder(), &file, Time::MIN).unwrap();

    let token = world.token("desk", "read,erase", &["*"]);
    assert_eq!(erase(&world, &acme, &token, "ann").json()["erased"], json!(1));
    let initech = world.add("initech");
    let mut third = world.emitter(&initech, 2, 2);
    record_by(&world, &initech, &mut third, &["carol", "dave"]);
    // Heads of the hour are kept.
    world.server.pass(HOUR);
    record(&world, &acme, &mut emitters[0], 300);
    assert_eq!(erase(&world, &initech, &token, "dave").json()["erased"], json!(1));
    sqlite::end_tenants(world.server.folder(), &["globex"], &Ending::End).unwrap();
    world.tick();
    place(&world, grant(GRANTED));
    record(&world, &acme, &mut emitters[0], 1);
    // The server's own chains end with it.
    world.server.stop();
    let (before, root) = (tenant_contents(&world.server), root_contents(&world.server));
    assert!(before.iter().any(|log| !log.kept.is_empty()));
    assert!(!has(&objects(&world.server.handle(), &store), "mark-dave"));
    assert!(!has(&objects(&world.server.handle(), &store), "mark-ann"));

    let restored = recover(&mut world.server, Some(&file), store.clone());
    assert!(restored.is_complete && restored.erased == 1, "{restored:?}");
    assert_eq!(tenant_contents(&world.server), before);
    assert_eq!(root_contents(&world.server), root);
    world.restart();
    assert!(world.logs().stops().is_empty());
    let token = world.token("reader", "read", &["*"]);
    for customer in [&acme, &globex, &initech] {
        let report = World::report(&world.export(customer, &token), world.trust(customer));
        assert_eq!(report.checks.log.failed, 0, "{:#?}", report.findings);
    }
    record(&world, &acme, &mut emitters[0], 2);
    // A key that was granted in all logs may write to each.
    let mut granted = world.emitter(&initech, GRANTED, 9);
    record(&world, &initech, &mut granted, 1);
}

#[test]
fn a_journal_from_the_first_entry_needs_no_backup() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut world = start(store.clone(), JournalMode::Wait);
    let acme = world.add("acme");
    let mut emitter = world.emitter(&acme, 0, 0);
    record(&world, &acme, &mut emitter, 5);
    world.server.stop();
    let before = tenant_contents(&world.server);
    let restored = recover(&mut world.server, None, store);
    assert_eq!(restored.from, 0);
    assert_eq!(tenant_contents(&world.server), before);
    world.restart();
    record(&world, &acme, &mut emitter, 1);
}
