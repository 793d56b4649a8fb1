//! Tests of a database with corrupted bytes: whatever happens, the log never signs a different tree.

use std::fs;

use countersign_log_server::search;
use countersign_log_server::signed_file;
use countersign_log_server::sqlite::FILE;

use crate::common::random::Random;
use crate::common::server::{Answer, Server};

/// Number of rounds with different corruption.
const ROUNDS: usize = 40;

/// Returns the origin, size, and root of the signed checkpoint.
fn head(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["checkpoint"].as_str().unwrap().lines().take(3).map(str::to_owned).collect()
}

#[test]
fn corrupted_database_never_leads_to_another_tree() {
    let mut server = Server::start();
    let mut emitter = server.emitter(0);
    for _ in 0..5 {
        emitter.record(60);
        emitter.deliver_all(&server.url(), usize::MAX);
    }
    let mut next = server.emitter(1);
    next.record(20);
    let (body, _) = next.body(0, usize::MAX);
    server.stop();
    let folder = server.folder().to_owned();
    let path = |name: &str| folder.join(name);
    let saved = [FILE, signed_file::FILE].map(|name| (path(name), fs::read(path(name)).unwrap()));
    let others = ["-wal", "-shm"].map(|end| path(&format!("{FILE}{end}")));
    let index = path(search::FILE);
    // Overwritten in place, because a new file would count as a copy.
    let restore = || {
        for other in others.iter().chain([&index]) {
            let _ = fs::remove_file(other);
        }
        for (path, bytes) in &saved {
            fs::write(path, bytes).unwrap();
        }
    };
    let (database, whole) = &saved[0];
    server.begin();
    let expected = head(&server.submit(body.clone()));
    server.stop();

    let mut random = Random::new(12);
    let (mut accepted, mut rejected) = (0, 0);
    for round in 0..ROUNDS {
        restore();
        let mut bytes = whole.clone();
        // Skips SQLite's header; most of the corruption hits what the log stored.
        for _ in 0..=random.below(30) {
            let at = 100 + random.below(bytes.len() as u64 - 100) as usize;
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(database, bytes).unwrap();
        if server.try_begin().is_err() {
            rejected += 1;
            continue;
        }
        let answer = server.submit(body.clone());
        match answer.status {
            200 => {
                assert_eq!(head(&answer), expected, "round {round}");
                accepted += 1;
            }
            503 => rejected += 1,
            _ => panic!("round {round}: {answer:?}"),
        }
        assert!(matches!(server.get("/healthz").status, 200 | 503), "round {round}");
        for address in ["/checkpoint", "/tile/0/000", "/tile/entries/000", "/metrics"] {
            assert_ne!(server.get(address).status, 500, "round {round}: {address}");
        }
        server.stop();
    }
    assert!(accepted > 0 && rejected > 0, "{accepted} accepted, {rejected} rejected");
}
