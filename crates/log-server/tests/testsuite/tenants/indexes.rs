//! Search indexes of tenant logs: made by the first search in a large log, kept up to date, and free of erased events.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_log::export::Index as _;
use countersign_log::tokens::Scope;
use countersign_log_server::search::{FILE, Search};
use serde_json::json;

use super::world::{Customer, World, parse_id};
use crate::common::emitter::Emitter;
use crate::common::server::{client, send, until};
use crate::reading::request;

/// Number of entries per page of the index.
const PAGE: u64 = 64;

struct Scene {
    world: World,
    acme: Customer,
    emitter: Emitter,
    token: String,
}

impl Scene {
    /// Returns a tenant's log that is large enough for an index, in which `p_9` acts once.
    fn new() -> Self {
        let mut world = World::start();
        let acme = world.add("acme");
        let emitter = world.emitter(&acme, 1, 1);
        let token = world.token("desk", "read,erase", &["*"]);
        let mut scene = Self { world, acme, emitter, token };
        scene.record(4_096, "p_1");
        scene.record(1, "p_9");
        scene.record(512, "p_1");
        scene
    }

    fn record(&mut self, events: usize, actor: &str) {
        for left in (1..=events).rev().step_by(512) {
            for _ in 0..left.min(512) {
                self.emitter
                    .record_event(&format!(r#"{{"action":"user.create","actor":{{"id":"{actor}"}}}}"#));
            }
            self.emitter.flush();
            self.world.deliver(&self.acme, &mut self.emitter);
        }
    }

    /// Returns the number of events in an export of the events by this actor.
    fn search(&self, actor: &str) -> usize {
        let answer = self.world.get(&format!("/t/{}/export?actor={actor}", self.acme.id), &self.token);
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body).unwrap().matches(&format!("\"id\":\"{actor}\"")).count()
    }

    fn index(&self) -> Option<Arc<Search>> {
        let reading = self.world.server.serving().reading();
        reading.tenant_indexes().unwrap().get(&parse_id(&self.acme.id))
    }

    /// Returns the number of pages in which this actor may act by the index, up to a size.
    fn candidates(&self, actor: &str, size: u64) -> u64 {
        let request = request(&[("actor", actor)]);
        let candidates = self.index().unwrap().candidates(&Scope::default(), request.filter.query()).unwrap();
        (0..size / PAGE).filter(|page| candidates.has(*page)).count() as u64
    }

    fn file(&self) -> PathBuf {
        self.world.server.folder().join("tenants").join(&self.acme.id).join(FILE)
    }

    fn erase(&self, actor: &str) -> u64 {
        let body = json!({ "filter": { "actor": actor }, "reason": "case 19" }).to_string();
        let url = format!("{}/t/{}/erase", self.world.server.url(), self.acme.id);
        let request = client().post(url).bearer_auth(&self.token).body(body);
        let sending = std::thread::spawn(move || send(request));
        until("the erasure waits for a tick, or is answered", || {
            if self.world.waiting() > 0 {
                self.world.tick();
            }
            sending.is_finished()
        });
        sending.join().unwrap().json()["erased"].as_u64().unwrap()
    }
}

#[test]
fn first_search_of_a_large_log_makes_an_index() {
    let mut scene = Scene::new();
    let small = scene.world.add("small");
    scene.world.get(&format!("/t/{}/export?actor=p_9", small.id), &scene.token);
    assert!(scene.index().is_none() && !scene.file().exists());
    assert_eq!(scene.search("p_9"), 1);
    until("the log is indexed", || scene.index().unwrap().indexed().unwrap() >= 4_608);
    assert_eq!((scene.candidates("p_9", 4_608), scene.search("p_9")), (1, 1));
    assert_eq!(scene.search("p_1"), 4_608);
    scene.record(64, "p_9");
    until("it is kept up to date", || scene.index().unwrap().indexed().unwrap() >= 4_672);
    assert_eq!(scene.search("p_9"), 65);
    assert!(scene.candidates("p_9", 4_672) < 4);
}

#[test]
fn index_loses_erased_events() {
    let scene = Scene::new();
    scene.search("p_9");
    until("the log is indexed", || scene.index().unwrap().indexed().unwrap() >= 4_608);
    assert_eq!(scene.erase("p_9"), 1);
    assert_eq!((scene.candidates("p_9", 4_608), scene.search("p_9")), (0, 0));
}

#[test]
fn closed_index_is_removed_when_events_are_erased_and_when_the_server_starts() {
    let mut scene = Scene::new();
    scene.search("p_9");
    until("the log is indexed", || scene.index().unwrap().indexed().unwrap() >= 4_608);
    scene.world.restart();
    assert!(scene.index().is_none() && !scene.file().exists());
    std::fs::write(scene.file(), "an index that is not open").unwrap();
    assert_eq!(scene.erase("p_9"), 1);
    assert!(!scene.file().exists());
    assert_eq!(scene.search("p_9"), 0);
    assert!(scene.index().is_some());
}
