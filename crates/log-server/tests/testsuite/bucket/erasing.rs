//! Tests of erasure in a bucket: erased events are in no object and no file, whichever server erased them and whatever
//! failed meanwhile.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use countersign::time::Time;
use countersign_log::event_filter::EventFilter;
use countersign_log::export::Index as _;
use countersign_log::store::StoredEvent;
use countersign_log::tokens::Scope;
use countersign_log_server::bucket::Bucket;
use countersign_log_server::search::Search;
use countersign_log_server::serve::{RunningLog, serve};
use countersign_query::Parsers;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::faults::Faulty;
use super::world::{World, config, contents, deliver, emitter, files_with, has, is_erased, until, url};
use crate::common::emitter::Emitter;
use crate::common::random::Random;

/// Returns a string that occurs only in the event with that number.
fn secret(number: usize) -> String {
    format!("secret-{number:04}-")
}

/// Delivers `count` events, a few at a time. Event n is entry n + 1.
fn deliver_secrets(servers: &[RunningLog], count: usize, seed: u64) -> Emitter {
    let mut random = Random::new(seed);
    let urls: Vec<String> = servers.iter().map(url).collect();
    let mut emitter = emitter(0, seed);
    for number in 0..count {
        emitter.record_event(&format!(r#"{{"action":"note.write","note":"{}"}}"#, secret(number)));
        if random.below(3) == 0 {
            emitter.flush();
        }
    }
    emitter.flush();
    deliver(&mut emitter, &urls, &mut random);
    emitter
}

/// Erases until it succeeds.
fn erase(world: &World, serving: &RunningLog, leaves: &[u64]) {
    for _ in 0..1000 {
        if world.runtime.block_on(serving.log_server().erase(leaves.to_vec())).is_ok() {
            return;
        }
    }
    panic!("the events can't be erased");
}

/// Checks that each secret for which `is_erased` is true is in no object, and every other one in exactly one.
fn assert_erased(world: &World, count: usize, is_erased: impl Fn(usize) -> bool) {
    let objects = world.objects();
    for number in 0..count {
        let found: Vec<_> = objects
            .iter()
            .filter(|(_, bytes)| has(bytes, secret(number).as_bytes()))
            .map(|(name, _)| name)
            .collect();
        assert_eq!(found.len(), usize::from(!is_erased(number)), "{number}: {found:?}");
    }
}

fn assert_erased_in_files(folder: &Path, count: usize, is_erased: impl Fn(usize) -> bool) {
    for number in (0..count).filter(|number| is_erased(*number)) {
        let found = files_with(folder, secret(number).as_bytes());
        assert!(found.is_empty(), "{number}: {found:?}");
    }
}

/// Runs two servers that erase at the same time, partly the same entries, while requests fail.
pub fn round(store: Arc<dyn ObjectStore>, seed: u64, rate: u32) {
    const COUNT: usize = 40;
    let world = World::new(store);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let ways = [0, 1].map(|server| Faulty::new(world.store.clone(), seed * 2 + server));
    let servers = [0, 1].map(|server| world.start(&ways[server], folders[server].path()));
    let emitter = deliver_secrets(&servers, COUNT, seed);
    assert_erased(&world, COUNT, |_| false);

    let (twos, threes) = (|number: usize| number.is_multiple_of(2), |number: usize| number.is_multiple_of(3));
    let entries_where = |by: &dyn Fn(usize) -> bool| -> Vec<u64> {
        (0..COUNT).filter(|number| by(*number)).map(|number| number as u64 + 1).collect()
    };
    for way in &ways {
        way.fail(rate);
    }
    std::thread::scope(|scope| {
        for (server, leaves) in servers.iter().zip([entries_where(&twos), entries_where(&threes)]) {
            let world = &world;
            scope.spawn(move || leaves.chunks(4).for_each(|batch| erase(world, server, batch)));
        }
    });
    let is_gone = |number: usize| twos(number) || threes(number);
    assert_erased(&world, COUNT, is_gone);
    world.runtime.block_on(async {
        for way in &ways {
            way.settle().await;
        }
    });
    assert_erased(&world, COUNT, is_gone);

    let fresh = TempDir::new().unwrap();
    let rebuilt = world.try_start(world.store.clone(), fresh.path()).unwrap();
    let rebuilt_contents = contents(&**rebuilt.log_server().reader());
    for (number, stored) in (0..COUNT).zip(&rebuilt_contents[1..]) {
        assert_eq!(is_erased(stored), is_gone(number), "{number}");
        assert_eq!(matches!(stored.event, StoredEvent::Here(_)), !is_gone(number), "{number}");
    }
    for serving in &servers {
        until("the other server's erasures are followed", || {
            contents(&**serving.log_server().reader()) == rebuilt_contents
        });
    }
    for serving in servers.into_iter().chain([rebuilt]) {
        world.stop(serving);
    }
    for folder in folders.iter().chain([&fresh]) {
        assert_erased_in_files(folder.path(), COUNT, is_gone);
    }
    assert_eq!(world.read_static_log().len() as u64, emitter.links);
}

#[test]
fn two_servers_erase_at_once() {
    round(Arc::new(InMemory::new()), 1, 0);
}

#[test]
fn two_servers_erase_at_once_while_the_store_fails() {
    for seed in 2..=4 {
        round(Arc::new(InMemory::new()), seed, 250);
    }
}

#[test]
fn two_servers_erase_at_once_in_a_folder() {
    for (seed, rate) in [(7, 0), (8, 250)] {
        let folder = TempDir::new().unwrap();
        round(Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()), seed, rate);
    }
}

#[test]
fn next_server_completes_an_interrupted_erasure() {
    const COUNT: usize = 12;
    let mut finished = false;
    for writes in 0..40 {
        let world = World::new(Arc::new(InMemory::new()));
        let folder = TempDir::new().unwrap();
        let way = Faulty::new(world.store.clone(), 0);
        let serving = [world.start(&way, folder.path())];
        deliver_secrets(&serving, COUNT, 3);
        let [serving] = serving;
        way.end_after(writes);
        let erased = world.runtime.block_on(serving.log_server().erase((1..=8).collect()));
        finished = erased.is_ok() && !way.has_ended();
        world.stop(serving);

        let fresh = TempDir::new().unwrap();
        let next = world.try_start(world.store.clone(), fresh.path()).unwrap();
        // The first write is the erasure's record; from then on, it will be completed.
        assert_erased(&world, COUNT, |number| writes > 0 && number < 8);
        erase(&world, &next, &(1..=8).collect::<Vec<_>>());
        assert_erased(&world, COUNT, |number| number < 8);
        world.stop(next);
        assert_erased_in_files(fresh.path(), COUNT, |number| number < 8);
        if finished {
            break;
        }
    }
    assert!(finished, "the erasure takes more writes than expected");
}

#[test]
fn next_server_carries_out_a_recorded_erasure() {
    const COUNT: usize = 12;
    for same_folder in [true, false] {
        let world = World::new(Arc::new(InMemory::new()));
        let (folder, fresh) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let serving = [world.try_start(world.store.clone(), folder.path()).unwrap()];
        deliver_secrets(&serving, COUNT, 3);
        let [serving] = serving;
        // This is the state after a server was killed right after recording the erasure.
        let record = serde_json::json!({
            "action": "log.erase",
            "reason": "case 17",
            "metadata": { "events": 8, "entries": [[1, 8]] },
        });
        world.runtime.block_on(serving.log_server().record(&record)).unwrap();
        world.stop(serving);
        assert_erased(&world, COUNT, |_| false);
        let folder = if same_folder { &folder } else { &fresh };
        let next = world.try_start(world.store.clone(), folder.path()).unwrap();
        until("the erasure is complete", || {
            next.log_server().reader().unfinished_erasures().unwrap().is_empty()
        });
        assert_erased(&world, COUNT, |number| number < 8);
        world.stop(next);
        assert_erased_in_files(folder.path(), COUNT, |number| number < 8);
    }
}

#[test]
fn erases_only_entries_with_events_and_only_once() {
    let world = World::new(Arc::new(InMemory::new()));
    let folder = TempDir::new().unwrap();
    let serving = [world.try_start(world.store.clone(), folder.path()).unwrap()];
    deliver_secrets(&serving, 5, 4);
    let [serving] = serving;
    let erase = |leaves: &[u64]| world.runtime.block_on(serving.log_server().erase(leaves.to_vec())).unwrap();
    assert_eq!(erase(&[0, 1, 1, 3, 77]), 2, "entry 0 is an open link, and entry 77 doesn't exist");
    let objects = world.objects();
    assert_eq!(erase(&[1, 3]), 0);
    assert_eq!(erase(&[0]), 0);
    assert_eq!(world.objects(), objects, "erased events aren't erased again");
    assert_eq!(contents(&**serving.log_server().reader())[0].event, StoredEvent::None);
    world.stop(serving);
}

#[test]
fn erases_leftover_files_of_a_killed_server() {
    let world = World::new(Arc::new(InMemory::new()));
    let (bucket, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = Some(Bucket::parse(bucket.path().to_str().unwrap()).unwrap());
    let serving = [world.runtime.block_on(serve(config(folder.path(), store))).unwrap()];
    deliver_secrets(&serving, 5, 4);
    // Files that an interrupted write leaves next to an object.
    for file in files_with(bucket.path(), b"secret-") {
        fs::copy(&file, format!("{file}#1")).unwrap();
        fs::copy(&file, format!("{file}#2")).unwrap();
    }
    let [serving] = serving;
    let erased = world.runtime.block_on(serving.log_server().erase((1..=5).collect())).unwrap();
    assert_eq!(erased, 5);
    assert_eq!(files_with(bucket.path(), b"secret-"), Vec::<String>::new());
    world.stop(serving);
}

#[test]
fn search_index_removes_events_that_another_server_erased() {
    let world = World::new(Arc::new(InMemory::new()));
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [one, other] =
        [0, 1].map(|server| world.try_start(world.store.clone(), folders[server].path()).unwrap());
    let mut emitter = emitter(0, 0);
    for number in 0..200 {
        emitter.record_event(&format!(r#"{{"action":"note.write","actor":{{"id":"u_{number}"}}}}"#));
    }
    emitter.flush();
    deliver(&mut emitter, &[url(&one)], &mut Random::new(0));
    let search =
        Search::open(folders[1].path(), &**other.log_server().reader(), Parsers::built_in()).unwrap();
    let may_be_on_first_page = |number: u64| {
        let mut filter = EventFilter::default();
        filter.set("actor", &format!("u_{number}"), Time::MIN).unwrap();
        search.candidates(&Scope::default(), filter.query()).unwrap().has(0)
    };
    until("the events are indexed", || search.indexed().unwrap() >= 128);
    assert!(may_be_on_first_page(9) && may_be_on_first_page(11) && !may_be_on_first_page(99));
    erase(&world, &one, &[10]);
    until("the event is removed from the index", || !may_be_on_first_page(9));
    assert!(may_be_on_first_page(11));
    world.stop(one);
    world.stop(other);
}
