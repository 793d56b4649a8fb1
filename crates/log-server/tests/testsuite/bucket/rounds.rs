//! Emitters that move between two servers whose store fails.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_log::store::StoredEvent;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::faults::Faulty;
use super::world::{EMITTERS, World, contents, deliver, deliver_at_once, emitter, until, url};
use crate::common::emitter::Emitter;
use crate::common::random::Random;

/// How often each emitter records and delivers.
const DELIVERIES: usize = 6;

/// One round: two servers, all emitters at once, and a reader of the public part; then all is looked at.
pub fn round(store: Arc<dyn ObjectStore>, seed: u64, rate: u32) {
    let world = World::new(store);
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let ways = [0, 1].map(|server| Faulty::new(world.store.clone(), seed * 2 + server));
    for way in &ways {
        way.fail(rate);
    }
    let servers = [0, 1].map(|server| world.start(&ways[server], folders[server].path()));
    let urls = servers.each_ref().map(url);

    let done = AtomicBool::new(false);
    let emitters: Vec<Emitter> = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut largest = 0;
            while !done.load(Ordering::SeqCst) {
                largest = largest.max(world.read_static_log().len());
            }
            largest
        });
        let working: Vec<_> = (0..EMITTERS)
            .map(|number| {
                let urls = &urls;
                scope.spawn(move || {
                    let mut random = Random::new(seed << 8 | u64::from(number));
                    let mut emitter = emitter(number, seed);
                    // All together fill the first tiles in the middle of the round.
                    emitter.record(50);
                    deliver_at_once(&mut emitter, urls, &mut random);
                    for _ in 0..DELIVERIES {
                        emitter.record(1 + random.below(6) as usize);
                        deliver(&mut emitter, urls, &mut random);
                    }
                    emitter.close();
                    deliver(&mut emitter, urls, &mut random);
                    emitter
                })
            })
            .collect();
        let emitters = working.into_iter().map(|working| working.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
        emitters
    });

    world.runtime.block_on(async {
        for way in &ways {
            way.settle().await;
        }
    });
    let links: u64 = emitters.iter().map(|emitter| emitter.links).sum();
    for serving in &servers {
        world.wait_until_published(serving, links);
    }
    let leaves = world.read_static_log();
    assert_eq!(leaves.len() as u64, links, "each link is there once");
    assert_eq!(leaves.iter().collect::<HashSet<_>>().len(), leaves.len());
    for receipt in emitters.iter().flat_map(|emitter| &emitter.receipts) {
        assert_eq!(leaves[receipt.index as usize], receipt.leaf, "what was acknowledged stays as it was");
    }
    if rate == 0 {
        wait_until_tidied(&world);
    }
    let states = servers.each_ref().map(|serving| contents(&**serving.log_server().reader()));
    assert_eq!(states[0], states[1]);
    assert!(states[0].iter().zip(&leaves).all(|(stored, leaf)| stored.leaf == leaf.as_bytes()));

    let fresh = TempDir::new().unwrap();
    let rebuilt = world.try_start(world.store.clone(), fresh.path()).unwrap();
    assert_same_log(&rebuilt, &servers[0]);
    let events =
        states[0].iter().filter(|stored| matches!(stored.event, StoredEvent::Here(_))).count() as u64;
    assert_eq!(events, links - 2 * u64::from(EMITTERS), "all but open and close links have events");
    for serving in servers.into_iter().chain([rebuilt]) {
        world.stop(serving);
    }
}

/// Waits until the partial tiles and bundles of the first full ones are deleted.
fn wait_until_tidied(world: &World) {
    let is_partial =
        |name: &String| ["tile/0/000.p/", "tile/entries/000.p/"].iter().any(|part| name.contains(part));
    until("partial tiles of a full one are deleted", || !world.objects().keys().any(is_partial));
}

/// All that readers are told is the same.
fn assert_same_log(
    one: &countersign_log_server::serve::Serving,
    other: &countersign_log_server::serve::Serving,
) {
    let [one, other] = [one, other].map(|serving| serving.log_server().reader().clone());
    let leaves = contents(&*one);
    assert_eq!(leaves, contents(&*other));
    let size = leaves.len() as u64;
    assert_eq!(one.notes(0..size).unwrap(), other.notes(0..size).unwrap());
    let mut chains = HashMap::new();
    for (stored, index) in leaves.iter().zip(0..) {
        let Ok(link) = countersign::link::Link::parse(str::from_utf8(&stored.leaf).unwrap()) else {
            continue;
        };
        assert_eq!(one.index_of(&link.chain(), link.seq()).unwrap(), Some(index));
        chains.insert(link.chain(), link.seq());
    }
    for (chain, last) in chains {
        assert_eq!(one.key_of(&chain).unwrap(), other.key_of(&chain).unwrap());
        assert_eq!(one.index_of(&chain, last + 1).unwrap(), None);
    }
    for tile in countersign::merkle::Tile::grown(0, size) {
        assert_eq!(one.tile(tile).unwrap(), other.tile(tile).unwrap());
        assert!(one.tile(tile).unwrap().is_some());
    }
}

#[test]
fn two_servers_of_one_store_keep_one_history() {
    round(Arc::new(InMemory::new()), 0, 0);
}

#[test]
fn a_server_that_publishes_after_another_published_more_leaves_no_partial_tiles() {
    for known in [0, 20] {
        let world = World::new(Arc::new(InMemory::new()));
        let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let ways = [0, 1].map(|server| Faulty::new(world.store.clone(), server));
        let servers = [0, 1].map(|server| world.start(&ways[server], folders[server].path()));
        let [late_url, url] = servers.each_ref().map(|serving| [url(serving)]);
        let [mut slow, mut other] = [0, 1].map(|number| emitter(number, 0));
        if known > 0 {
            slow.record(known);
            deliver_at_once(&mut slow, &late_url, &mut Random::new(0));
            world.wait_until_published(&servers[0], slow.links);
        }
        ways[0].hold(Some("tile/0/000.p/"));
        std::thread::scope(|scope| {
            slow.record(50);
            let delivering = scope.spawn(|| deliver_at_once(&mut slow, &late_url, &mut Random::new(1)));
            until("a partial tile is about to be written", || ways[0].waiting() > 0);
            other.record(300);
            deliver_at_once(&mut other, &url, &mut Random::new(2));
            until("a full tile is public", || {
                world.checkpoint().is_some_and(|note| note.checkpoint.size > 300)
            });
            ways[0].hold(None);
            delivering.join().unwrap();
        });
        wait_until_tidied(&world);
        assert_eq!(world.read_static_log().len() as u64, slow.links + other.links);
        for serving in servers {
            world.stop(serving);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_store_fails() {
    for seed in 1..=4 {
        round(Arc::new(InMemory::new()), seed, 150);
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_store_fails_most_of_the_time() {
    round(Arc::new(InMemory::new()), 5, 500);
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_in_a_folder_that_fails() {
    for seed in 6..=7 {
        let folder = TempDir::new().unwrap();
        round(Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()), seed, 150);
    }
}
