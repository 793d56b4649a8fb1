//! A server that is killed repeatedly while emitters deliver.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use countersign::checkpoint::SignedCheckpoint;
use fastrand::Rng;

use crate::common::emitter::{Attempt, Emitter};
use crate::common::process::{DEADLINE, Place, Process};
use crate::common::whole::assert_whole;
use crate::common::witness::Witness;

const KILLS: u64 = 120;
/// The number of kills with a witness.
const KILLS_WITNESSED: u64 = 25;
const EMITTERS: u8 = 4;
/// The maximum number of pending links per emitter.
const MAX_EVENTS: usize = 400;
/// The pause before an emitter retries.
const PAUSE: Duration = Duration::from_millis(1);

/// The shared state of all threads.
#[derive(Default)]
struct Scene {
    url: Mutex<String>,
    /// The number of delivery attempts.
    attempts: AtomicU64,
    done: AtomicBool,
}

impl Scene {
    fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }

    /// Records and delivers until the end, and then delivers the rest.
    fn emit(&self, mut emitter: Emitter, seed: u64) -> Emitter {
        let mut rng = Rng::with_seed(seed);
        let mut closed = false;
        let since = Instant::now();
        while !closed || !emitter.outbox.is_empty() {
            assert!(since.elapsed() < 3 * DEADLINE, "the outbox is never empty");
            if self.is_done() && !closed {
                emitter.close();
                closed = true;
            } else if !closed && emitter.outbox.len() < MAX_EVENTS {
                for _ in 0..rng.usize(1..4) {
                    emitter.record(rng.usize(1..20));
                }
            }
            if emitter.outbox.is_empty() {
                continue;
            }
            // Sometimes it forgets what it sent, and continues too far ahead.
            let skip = if rng.u8(0..8) == 0 { rng.usize(0..emitter.outbox.len()) } else { 0 };
            let lines = [1, 16, 64, usize::MAX][rng.usize(0..4)];
            self.attempts.fetch_add(1, Ordering::SeqCst);
            if emitter.deliver(&self.url(), skip, lines) == Attempt::Later {
                thread::sleep(PAUSE);
            }
        }
        emitter
    }

    /// Reads the checkpoint continuously: it never goes back.
    fn watch(&self) -> Vec<String> {
        let client = countersign_tls::blocking_http_client().timeout(DEADLINE).build().unwrap();
        let mut seen: Vec<String> = Vec::new();
        let mut size = 0;
        while !self.is_done() {
            thread::sleep(PAUSE);
            let Ok(response) = client.get(self.url() + "/checkpoint").send() else { continue };
            // Without cosignatures, there is no checkpoint yet.
            if seen.is_empty() && response.status() == 404 {
                continue;
            }
            assert_eq!(response.status(), 200);
            let Ok(note) = response.text() else { continue };
            let now = SignedCheckpoint::parse(&note).unwrap().checkpoint.size;
            assert!(now >= size, "{now} leaves after {size}");
            size = now;
            if seen.last() != Some(&note) {
                seen.push(note);
            }
        }
        seen
    }

    /// Kills one server after the other.
    fn kill(&self, place: &Place, kills: u64, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        for _ in 0..kills {
            if rng.u8(0..8) == 0 {
                // Before it listens.
                let mut child = place.spawn();
                thread::sleep(Duration::from_micros(rng.u64(0..40_000)));
                child.kill().unwrap();
                child.wait().unwrap();
                continue;
            }
            let server = place.serve();
            server.url.clone_into(&mut self.url.lock().unwrap());
            self.wait_for_attempts(rng.u64(0..10));
            thread::sleep(Duration::from_micros(rng.u64(0..4_000)));
            server.kill();
        }
    }

    /// Waits for this many more delivery attempts.
    fn wait_for_attempts(&self, more: u64) {
        let until = self.attempts.load(Ordering::SeqCst) + more;
        let since = Instant::now();
        while self.attempts.load(Ordering::SeqCst) < until {
            assert!(since.elapsed() < DEADLINE, "nobody delivers");
            thread::sleep(Duration::from_micros(200));
        }
    }
}

#[test]
fn kills_lose_no_acknowledged_entries() {
    assert_nothing_is_lost(&Place::new(EMITTERS), KILLS);
}

/// A witness gets checkpoints of leaves that are durable but not published, some of them twice.
#[test]
fn kills_lose_no_witnessed_entries() {
    let witness = Witness::start();
    assert_nothing_is_lost(&Place::with(EMITTERS, &witness.line), KILLS_WITNESSED);
}

fn assert_nothing_is_lost(place: &Place, kills: u64) {
    let scene = Scene::default();
    let (server, emitters, seen): (Process, Vec<Emitter>, Vec<String>) = thread::scope(|scope| {
        let emitting: Vec<_> = (0..EMITTERS)
            .map(|number| {
                let (scene, emitter) = (&scene, place.emitter(number));
                scope.spawn(move || scene.emit(emitter, u64::from(number)))
            })
            .collect();
        let watching = scope.spawn(|| scene.watch());
        scene.kill(place, kills, 3);
        let server = place.serve();
        server.url.clone_into(&mut scene.url.lock().unwrap());
        scene.wait_for_attempts(10);
        scene.done.store(true, Ordering::SeqCst);
        let emitters = emitting.into_iter().map(|emitting| emitting.join().unwrap()).collect();
        (server, emitters, watching.join().unwrap())
    });
    assert!(emitters.iter().all(|emitter| emitter.receipts.len() > 1));
    assert_whole(place, &server, &emitters, &seen);
    server.stop();
}

#[test]
fn a_repeated_request_to_stop_does_not_abort_the_shutdown() {
    let place = Place::new(1);
    let server = place.serve();
    server.request_stop();
    // It fails if a signal ended the server.
    server.stop();
}
