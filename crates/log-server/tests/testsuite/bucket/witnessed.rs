//! What witnesses say about a log in a bucket.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use countersign::time::Time;
use countersign::trust::Trust;
use countersign_log::store::Published;
use countersign_log_server::serve::{Config, Serving, serve};
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::world::{World, config, emitter, emitter_key, log_key, until, url};
use crate::common::emitter::BEGIN;
use crate::common::witness::Witness;

const HOUR: i64 = 3_600_000;

fn kept(serving: &Serving) -> Vec<Published> {
    let reader = serving.log_server().reader();
    reader.checkpoints(0..reader.size().unwrap() + 1).unwrap()
}

#[test]
fn what_they_saw_in_the_hour_in_which_the_log_grew_is_kept_in_the_bucket_too() {
    let (world, witness) = (World::new(Arc::new(InMemory::new())), Witness::start(0, BEGIN));
    let keys = (log_key(), emitter_key(0));
    let (log, key) = (keys.0.verifier_key(), keys.1.verifier_key());
    let trust = format!("log {log}\n{}quorum w\nemitter {key}\n", witness.line("w"));
    let trust = Trust::parse(trust.as_bytes()).unwrap();
    let clock = Arc::new(AtomicI64::new(BEGIN));
    let start = |folder: &TempDir| {
        let now = clock.clone();
        let clock = Arc::new(move || Time::from_millis(now.load(Ordering::SeqCst)).unwrap());
        let bucket = Some(world.bucket(world.store.clone()));
        let config = Config { trust: trust.clone(), clock, ..config(folder.path(), bucket) };
        world.runtime.block_on(serve(config)).unwrap()
    };
    let folder = TempDir::new().unwrap();
    let mut serving = start(&folder);
    let mut emitter = emitter(0, 0);
    emitter.record(3);
    emitter.deliver(&url(&serving), 0, usize::MAX);
    let first = kept(&serving);
    world.stop(serving);

    // Hours later, when nothing came, they see it again.
    clock.fetch_add(3 * HOUR, Ordering::SeqCst);
    witness.set_clock(BEGIN + 3 * HOUR);
    serving = start(&folder);
    until("they saw it again", || kept(&serving) != first);
    emitter.record(3);
    emitter.deliver(&url(&serving), 0, usize::MAX);
    let all = kept(&serving);
    assert_eq!((all.len(), &all[0]), (2, &first[0]));

    let elsewhere = TempDir::new().unwrap();
    let other = start(&elsewhere);
    assert_eq!(kept(&other)[0], first[0]);
    world.stop(other);
    world.stop(serving);
}
