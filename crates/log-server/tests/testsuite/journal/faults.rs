//! Journals that fail, and servers that are killed between the database and the journal.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use countersign::tenant::State;
use countersign_log::tenants::requests::Ending;
use countersign_log_server::bucket::{JournalMode, Restored, from_journal};
use countersign_log_server::sqlite;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::json;
use tempfile::TempDir;

use super::{has, journal, objects, ordinary, place, recover, root_contents, tenant_contents, tenants};
use crate::bucket::faults::Faulty;
use crate::common::emitter::{Attempt, Emitter};
use crate::common::server::{Answer, Server, log_key, send, until};
use crate::tenants::world::{Customer, World};

fn metric(server: &Server, name: &str) -> String {
    let text = String::from_utf8(server.get("/metrics").body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("countersign_{name} ")));
    line.unwrap_or_default().to_owned()
}

/// Checks that the answer is that of a log that waits for its journal.
fn assert_waits(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["part"]), (503, &json!("journal")), "{answer:?}");
}

#[test]
fn submissions_wait_for_the_journal() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut server = ordinary::start(way.clone(), JournalMode::Wait);
    let mut emitter = server.emitter(0);
    ordinary::record(&server, &mut emitter, &["ann"]);
    let published = server.get("/checkpoint").body;
    way.end_after(0);
    emitter.record_event(r#"{"action":"a","actor":{"id":"bob"},"note":"mark-bob"}"#);
    emitter.flush();
    let body = emitter.body(0, usize::MAX).0;
    for _ in 0..3 {
        assert_waits(&server.submit(body.clone()));
    }
    // Nothing is shown that the journal lacks, and reading goes on.
    assert_eq!(server.get("/checkpoint").body, published);
    let health = server.get("/healthz");
    assert_eq!((health.status, &health.json()["journal"]["state"]), (503, &json!("failing")));
    assert_eq!(metric(&server, "journal_failing"), "1");
    // Killed, and started again without the journal: it starts, and still answers nothing.
    server.stop();
    server.begin();
    assert_waits(&server.submit(body));
    assert_eq!(server.get("/checkpoint").body, published);
    way.end_after(u64::MAX);
    until("it is answered", || emitter.deliver(&server.url(), 0, usize::MAX) != Attempt::Later);
    until("it is healthy", || server.get("/healthz").status == 200);
    assert!(has(&objects(&server.handle(), &store), "mark-bob"));
    server.stop();
    let before = root_contents(&server);
    recover(&mut server, None, store);
    assert_eq!(root_contents(&server), before);
}

#[test]
fn the_log_answers_without_its_journal_and_catches_up() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut server = ordinary::start(way.clone(), JournalMode::Answer);
    let mut emitter = server.emitter(0);
    ordinary::record(&server, &mut emitter, &["ann"]);
    way.end_after(0);
    ordinary::record(&server, &mut emitter, &["bob", "carol"]);
    let health = server.get("/healthz");
    assert_eq!((health.status, &health.json()["journal"]["state"]), (200, &json!("degraded")));
    assert!(metric(&server, "journal_behind").parse::<u64>().unwrap() >= 2);
    // An erasure isn't complete until the journal has it.
    let token = ordinary::token(&server);
    let answer = ordinary::erase(&server, &token, "ann");
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(has(&objects(&server.handle(), &store), "mark-ann"));
    way.end_after(u64::MAX);
    // A start doesn't wait for the next attempt.
    server.stop();
    server.begin();
    until("the erasure is done", || !has(&objects(&server.handle(), &store), "mark-ann"));
    until("the journal is current", || server.get("/healthz").json()["journal"]["state"] == "current");
    server.stop();
    let before = root_contents(&server);
    let folder = TempDir::new().unwrap();
    let restored = apply(folder.path(), store, &server);
    // Answered events may be missing, so the operator has to confirm that nothing was signed after it.
    assert!(!restored.is_complete);
    server.folder = folder;
    assert_eq!(root_contents(&server), before);
}

/// Restores a log in a new folder from a journal alone.
fn apply(folder: &Path, store: Arc<dyn ObjectStore>, server: &Server) -> Restored {
    from_journal(folder, log_key().verifier_key(), 8, place(store), server.handle()).unwrap()
}

/// Submits everything that an emitter has, and makes a tick, which may fail.
fn submit(world: &World, customer: &Customer, emitter: &Emitter) -> Answer {
    let request = world.submission(&customer.id, emitter.body(0, usize::MAX).0);
    let sending = thread::spawn(move || send(request));
    until("it waits or is answered", || world.waiting() > 0 || sending.is_finished());
    world.server.pass(1000);
    world.server.wait(world.logs().tick()).unwrap();
    sending.join().unwrap()
}

#[test]
fn a_kill_at_any_write_heals_and_loses_nothing() {
    for writes in 0..12 {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let way = Faulty::new(store.clone(), writes);
        let mut world = tenants::start(way.clone(), JournalMode::Wait);
        let acme = world.add("acme");
        let mut emitter = world.emitter(&acme, 0, 0);
        tenants::record(&world, &acme, &mut emitter, 1);
        way.end_after(writes);
        let mut answered = 0;
        for _ in 0..=writes {
            emitter.record(1);
            let answer = submit(&world, &acme, &emitter);
            if answer.status != 200 {
                assert_waits(&answer);
                break;
            }
            answered = world.head(&acme).head().size;
            emitter.outbox.clear();
        }
        assert_eq!(world.ask(&reqwest::Method::GET, "/checkpoint", None).status, 200);
        world.server.stop();
        // The journal has everything that was answered.
        world.server.journal = Some(journal(store.clone(), JournalMode::Wait));
        world.server.pass(1000);
        world.restart();
        assert!(world.head(&acme).head().size >= answered);
        emitter.record(1);
        world.deliver(&acme, &mut emitter);
        world.server.stop();
        let before = tenant_contents(&world.server);
        recover(&mut world.server, None, store);
        assert_eq!(tenant_contents(&world.server), before, "{writes}");
    }
}

#[test]
fn a_root_log_answers_without_its_journal_and_catches_up() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let way = Faulty::new(store.clone(), 1);
    let mut world = tenants::start(way.clone(), JournalMode::Answer);
    let (acme, globex) = (world.add("acme"), world.add("globex"));
    let mut emitter = world.emitter(&acme, 0, 0);
    tenants::record(&world, &acme, &mut emitter, 3);
    way.end_after(0);
    tenants::record(&world, &acme, &mut emitter, 2);
    let initech = world.add("initech");
    sqlite::end_tenants(world.server.folder(), &["globex"], &Ending::End).unwrap();
    world.tick();
    tenants::record(&world, &acme, &mut emitter, 2);
    way.end_after(u64::MAX);
    world.server.stop();
    world.server.pass(1000);
    world.restart();
    // Without the index, too.
    world.server.stop();
    std::fs::remove_file(world.server.folder().join("journal.sqlite")).unwrap();
    world.server.pass(1000);
    world.restart();
    tenants::record(&world, &acme, &mut emitter, 1);
    world.server.stop();
    let before = tenant_contents(&world.server);
    assert!(globex.since < initech.since && before.iter().any(|log| log.head.state == State::Ended));
    let folder = TempDir::new().unwrap();
    assert!(!apply(folder.path(), store, &world.server).is_complete);
    world.server.folder = folder;
    assert_eq!(tenant_contents(&world.server), before);
}
